//! Port-ids for links: those the operator names, and 1/1/N for the others.
//!
//! Invariant: a link keeps its port-id as long as it lives, unless it is renamed to or from a name in the operator's
//! table. A number is given again only after its link is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::Text;

/// Gives port-ids.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// Port-id by interface name, from the operator's table.
    named: BTreeMap<Text, Text>,
    /// Numbers N that the table uses for a 1/1/N of its own.
    reserved: BTreeSet<u32>,
    /// N of 1/1/N, and that text, by interface index.
    given: BTreeMap<u32, (u32, Text)>,
    /// Numbers that were given once and are free again.
    free: BTreeSet<u32>,
    /// Highest number given so far.
    highest: u32,
}

impl Numbering {
    /// With the operator's table, port-id to interface name.
    pub(crate) fn new(table: &BTreeMap<String, String>) -> Self {
        let named = table.iter().map(|(port, name)| (name.as_str().into(), port.as_str().into())).collect();
        let reserved = table.keys().filter_map(|port| port.strip_prefix("1/1/")?.parse().ok()).collect();
        Self { named, reserved, ..Self::default() }
    }

    /// The port-id of a link, the lowest free one when it has none yet.
    pub(crate) fn port_id(&mut self, index: u32, name: &str) -> Text {
        if let Some(port) = self.named.get(name).cloned() {
            self.release(index);
            return port;
        }
        if let Some((_, port)) = self.given.get(&index) {
            return port.clone();
        }
        let number = self.free.pop_first().unwrap_or_else(|| self.next());
        let port: Text = format!("1/1/{number}").into();
        self.given.insert(index, (number, port.clone()));
        port
    }

    /// The link is gone.
    pub(crate) fn release(&mut self, index: u32) {
        self.free.extend(self.given.remove(&index).map(|(number, _)| number));
    }

    fn next(&mut self) -> u32 {
        let next = (self.highest + 1..).find(|number| !self.reserved.contains(number)).unwrap_or(u32::MAX);
        self.highest = next;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let table = [("1/1/2", "eth1"), ("A/1", "mgmt")].map(|(port, name)| (port.to_owned(), name.to_owned()));
        let mut numbering = Numbering::new(&table.into());
        let ids: Vec<_> = [(2, "eth0"), (3, "eth1"), (4, "eth2"), (5, "mgmt")]
            .map(|(index, name)| numbering.port_id(index, name).to_string())
            .into();
        assert_eq!(ids, ["1/1/1", "1/1/2", "1/1/3", "A/1"]);
        // The number of a link that went is free again; the others keep theirs.
        numbering.release(2);
        assert_eq!(&*numbering.port_id(4, "eth2"), "1/1/3");
        assert_eq!(&*numbering.port_id(9, "veth9"), "1/1/1");
        // Renaming to a name in the table moves the link to that port.
        assert_eq!(&*numbering.port_id(9, "mgmt"), "A/1");
    }
}
