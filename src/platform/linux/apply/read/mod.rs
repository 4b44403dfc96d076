//! From configuration to [`Wanted`]. Pure.
//!
//! Invariant: what an applier that is off would do is not asked for. Only leaves that somebody set count where the absence
//! of a wish means "leave it alone"; a default in use asks for nothing.

mod links;
mod routes;
mod services;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::Applier;
use super::wanted::Wanted;
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::value::Text;

/// What reading depends on besides the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    /// The appliers that are on.
    pub(super) on: BTreeSet<Applier>,
    /// Interface name by port-id.
    pub(super) ports: BTreeMap<String, Text>,
}

/// Reads what a configuration asks for.
pub(super) fn read(schema: &Schema, tree: &Tree, terms: &Terms) -> Wanted {
    let mut reader = Reader { schema, tree, terms, wanted: Wanted::default() };
    reader.ports();
    reader.routers();
    reader.interfaces();
    if terms.on.contains(&Applier::Hostname) {
        reader.hostname();
    }
    if terms.on.contains(&Applier::Dns) {
        reader.dns();
    }
    if terms.on.contains(&Applier::Ntp) {
        reader.ntp();
    }
    reader.wanted
}

struct Reader<'a> {
    schema: &'a Schema,
    tree: &'a Tree,
    terms: &'a Terms,
    wanted: Wanted,
}

impl<'a> Reader<'a> {
    fn at(&self, path: &str) -> Named<'a> {
        Named::new(self.schema, self.tree, path)
    }

    fn is_on(&self, applier: Applier) -> bool {
        self.terms.on.contains(&applier)
    }
}
