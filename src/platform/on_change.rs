//! Which leaves are announced on change, and which are only sampled (OCH-005 to OCH-008).
//!
//! Invariant: every value stands in the tree as soon as it is known, so a leaf in the set is announced each time it
//! changes; what the set leaves out is never announced. Configuration is always in the set. Of state everything is but
//! counters, gauges and times: these change by themselves all the time, and announcing them would be sampling at the
//! element's interval instead of the subscriber's.

use crate::schema::{Kind, NodeId, NodeSet, Schema, Type};

/// Containers and lists of state in which everything is measured, or comes and goes by itself.
const MEASURED: &[&str] = &[
    "statistics",
    "counters",
    "cpu",
    "cpus",
    "memory",
    "memory-pools",
    "memory-utilization",
    "utilization",
    "process",
    "processes",
    "load-average",
    "mount-points",
    "filesystem",
    "temperature",
    "hardware-resource",
];

/// Leaves of state that are measured, or are times, wherever they stand.
const MEASURED_LEAVES: &[&str] = &[
    "temperature",
    "up-time",
    "current-time",
    "current-datetime",
    "last-change",
    "last-clear",
    "oper-state-last-changed",
    "last-oper-change",
    "idle-time",
    "login-time",
    "boot-time",
    "last-changed",
    "channels-in-use",
    "attempted-logins",
    "failed-logins",
    "remaining-login-attempts",
    "min-bundle-size",
    "avg-bundle-size",
    "max-bundle-size",
    "max-bundle-time-granularity",
];

/// Units of what is measured. A unit alone does not make a gauge: an MTU has bytes, a speed megabits.
const MEASURED_UNITS: &[&str] = &[
    "percent",
    "centipercent",
    "celsius",
    "degrees celsius",
    "rpm",
    "revolutions per minute",
    "packets per second",
    "nanoseconds",
];

/// Ends of names that say time or count.
const MEASURED_ENDINGS: &[&str] =
    &["-time", "-octets", "-packets", "-pkts", "-bytes", "-errors", "-discards", "-count", "-drops", "-transitions"];

/// Leaves whose names look measured but that are facts.
const FACTS: &[&str] = &["hold-time"];

/// The leaves announced on change, and every node above one: an entry with such a leaf is announced when it goes.
pub fn on_change(schema: &Schema) -> NodeSet {
    NodeSet::of(schema, |id| schema.node(id).is_terminal() && !is_measured(schema, id)).with_ancestors(schema)
}

/// The state leaves announced on change, one path each in the order of the models, `*` for every key (OCH-006): of those
/// that somebody writes. All of configuration is announced besides.
pub fn on_change_paths(schema: &Schema, is_written: impl Fn(NodeId) -> bool) -> impl Iterator<Item = String> {
    let announced = move |&id: &NodeId| {
        let node = schema.node(id);
        node.is_terminal() && !node.config && !is_measured(schema, id) && is_written(id)
    };
    schema.ids().filter(announced).map(|leaf| wildcard_path(schema, leaf))
}

fn wildcard_path(schema: &Schema, leaf: NodeId) -> String {
    let mut nodes: Vec<NodeId> = std::iter::successors(Some(leaf), |&id| schema.node(id).parent).collect();
    nodes.reverse();
    let mut path = String::new();
    for node in nodes.into_iter().map(|id| schema.node(id)) {
        path.push('/');
        path.push_str(&node.name);
        for &key in node.keys() {
            path.push_str(&format!("[{}=*]", schema.node(key).name));
        }
    }
    path
}

fn is_measured(schema: &Schema, leaf: NodeId) -> bool {
    let node = schema.node(leaf);
    if node.config || FACTS.contains(&&*node.name) {
        return false;
    }
    if above(schema, leaf).any(|name| MEASURED.contains(&name)) {
        return true;
    }
    // The key of an entry is a fact whatever its type: an entry that comes or goes is announced.
    if matches!(&node.kind, Kind::Leaf(info) if info.is_key) {
        return false;
    }
    MEASURED_LEAVES.contains(&&*node.name)
        || MEASURED_ENDINGS.iter().any(|ending| node.name.ends_with(ending))
        || node.units.as_ref().is_some_and(|units| MEASURED_UNITS.contains(&&**units))
        || node.ty().is_some_and(|ty| counts(ty))
}

/// Counters, gauges and times of 64 bits, and fractions.
fn counts(ty: &Type) -> bool {
    match ty {
        Type::Integer { bits: 64, .. } | Type::Decimal { .. } => true,
        Type::Leafref { real, .. } => counts(real),
        _ => false,
    }
}

fn above(schema: &Schema, leaf: NodeId) -> impl Iterator<Item = &str> {
    std::iter::successors(schema.node(leaf).parent, |&id| schema.node(id).parent).map(|id| &*schema.node(id).name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{RawPath, Resolver, Views};
    use crate::platform::bench::Bench;

    #[test]
    fn configuration_and_facts_are_announced_counters_and_times_are_not() {
        // OCH-005, OCH-006, OCH-007
        let bench = Bench::new();
        let capable = on_change(&bench.schema);
        let resolver = Resolver { schema: &bench.schema, views: Views::ALL, name_wildcards: false };
        let announced = |path: &str| {
            let patterns = resolver.read(&RawPath::parse(path).unwrap()).unwrap();
            capable.contains(patterns.first().and_then(|pattern| pattern.node()).unwrap())
        };
        for path in [
            "/configure/system/name",
            "/configure/router[router-name=Base]/interface[interface-name=x]/description",
            "/state/port[port-id=1/1/1]/oper-state",
            "/state/port[port-id=1/1/1]/ethernet/oper-speed",
            "/state/port[port-id=1/1/1]/hardware-mac-address",
            "/state/router[router-name=Base]/interface[interface-name=x]/oper-state",
            "/state/router[router-name=Base]/interface[interface-name=x]/oper-ip-mtu",
            "/state/router[router-name=Base]/interface[interface-name=x]/ipv4/primary/oper-address",
            "/state/card[slot-number=1]/hardware-data/oper-state",
            "/state/system/oper-name",
            "/state/port",
            "/interfaces/interface[name=x]/config/enabled",
            "/interfaces/interface[name=x]/state/oper-status",
            "/interfaces/interface[name=x]/state/mtu",
            "/system/state/hostname",
        ] {
            assert!(announced(path), "{path}");
        }
        for path in [
            "/state/port[port-id=1/1/1]/statistics/in-octets",
            "/state/port[port-id=1/1/1]/oper-state-last-changed",
            "/state/port[port-id=1/1/1]/statistics",
            "/state/router[router-name=Base]/interface[interface-name=x]/statistics/ip/in-packets",
            "/state/router[router-name=Base]/interface[interface-name=x]/last-oper-change",
            "/state/system/up-time",
            "/state/system/current-time",
            "/state/system/cpu[sample-period=1]/summary/usage/cpu-usage",
            "/state/system/memory-pools/summary/total-in-use",
            "/state/card[slot-number=1]/hardware-data/temperature",
            "/interfaces/interface[name=x]/state/counters/in-octets",
            "/interfaces/interface[name=x]/state/last-change",
            "/system/state/current-datetime",
            "/system/memory/state/used",
        ] {
            assert!(!announced(path), "{path}");
        }
    }
}
