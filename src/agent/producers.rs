//! Which state leaves get values, and from whom.
//!
//! Invariant: the names come from the tables that the producers themselves write by, looked up in the loaded models.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::monitor::Monitor;
use crate::platform::{linux::Linux, sim};
use crate::schema::{NodeId, Schema};

/// By leaf: `linux` and `sim` are the platforms of those names, `daemon` is the program itself.
pub type Producers = BTreeMap<NodeId, Vec<&'static str>>;

/// The leaves that some producer writes, if it is switched on.
pub fn producers(schema: &Arc<Schema>) -> Producers {
    let all = [
        ("linux", Linux::leaves(schema)),
        ("sim", sim::leaves(schema)),
        ("daemon", Monitor::leaves(schema).into_iter().chain(Endpoint::leaves(schema)).collect()),
    ];
    let mut found = Producers::new();
    for (name, leaves) in all {
        leaves.into_iter().for_each(|leaf| found.entry(leaf).or_default().push(name));
    }
    // The keys of an entry come with it.
    let leaves: Vec<(NodeId, Vec<&'static str>)> = found.iter().map(|(leaf, names)| (*leaf, names.clone())).collect();
    for (leaf, names) in leaves {
        for list in schema.lineage(leaf) {
            let keys = schema.node(list).keys().iter().filter(|&&key| !schema.node(key).config);
            for key in keys {
                let known = found.entry(*key).or_default();
                known.extend(names.iter().filter(|name| !known.contains(name)).copied().collect::<Vec<_>>());
            }
        }
    }
    found
}
