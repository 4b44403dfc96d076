//! What the kernel says of links and addresses, followed into the tree. Pure: messages go in, batches come out.
//!
//! Invariant: after [`Kernel::replace`] exactly the links of that list are known; after each [`Kernel::apply`] the link of
//! that message is as the message says. Messages may repeat or be late: the last one of a link wins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rtnetlink::packet_route::RouteNetlinkMessage;

use super::message;
use crate::platform::links::{Links, Seen};
use crate::platform::map::{Datum, Gaps, Single, system};
use crate::platform::numbering::Numbering;
use crate::platform::reading::{Address, Counters, Ethernet, IpCounters, Layer, Link, Neighbours};
use crate::platform::system::Card;
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::time::Timestamp;
use crate::value::Text;

/// The links of the kernel.
pub(super) struct Kernel {
    links: Links,
    numbering: Numbering,
    /// Router interface by port-id, as configured.
    interfaces: BTreeMap<Text, Text>,
    ethernet: Arc<BTreeMap<u32, Ethernet>>,
    neighbours: Arc<BTreeMap<u32, Neighbours>>,
    card: Single<Card>,
    mda: Single<Card>,
    /// How many ports the tree shows.
    ports: Option<u32>,
}

/// The slots that the ports of the kernel stand in.
const SLOT: i128 = 1;

/// A list of all links, with their counters.
pub(super) type LinkList = Vec<(Link, Option<Counters>)>;

impl Kernel {
    /// No links yet.
    pub(super) fn new(schema: Arc<Schema>, ports: &BTreeMap<String, String>, gaps: &mut Gaps) -> Self {
        let slot = Datum::Number(SLOT);
        Self {
            card: Single::new(&schema, system::CARD, std::slice::from_ref(&slot), system::CARD_FACTS, gaps),
            mda: Single::new(&schema, system::MDA, &[slot.clone(), slot], system::MDA_FACTS, gaps),
            links: Links::new(schema, gaps),
            numbering: Numbering::new(ports),
            interfaces: BTreeMap::new(),
            ethernet: Arc::default(),
            neighbours: Arc::default(),
            ports: None,
        }
    }

    /// One event. Says whether the state of a link may have changed, and with it how the link runs.
    pub(super) fn apply(&mut self, message: &RouteNetlinkMessage, now: Timestamp, batch: &mut StateBatch) -> bool {
        match message {
            RouteNetlinkMessage::NewLink(message) => {
                let Some((link, counters)) = message::link(message) else { return false };
                let before = self.links.get(link.index).map(|seen| (seen.link.oper, seen.link.carrier));
                let after = (link.oper, link.carrier);
                self.see(link, counters, now, batch);
                self.write_card(batch);
                return before != Some(after);
            }
            RouteNetlinkMessage::DelLink(message) => {
                if let Some((link, _)) = message::link(message) {
                    self.forget(link.index, batch);
                    self.write_card(batch);
                }
            }
            RouteNetlinkMessage::NewAddress(message) => {
                if let Some((index, address)) = message::address(message) {
                    self.links.address(index, address, batch);
                }
            }
            RouteNetlinkMessage::DelAddress(message) => {
                if let Some((index, address)) = message::address(message) {
                    self.links.drop_address(index, address.ip, batch);
                }
            }
            _ => {}
        }
        false
    }

    /// All links as they are now. Those that are not in the list are gone.
    pub(super) fn replace(&mut self, all: LinkList, now: Timestamp, batch: &mut StateBatch) {
        // Places are left before others are taken: a name may have gone from one link to another.
        let names: BTreeMap<u32, &Text> = all.iter().map(|(link, _)| (link.index, &link.name)).collect();
        let moved = |seen: &&Seen| names.get(&seen.link.index) != Some(&&seen.link.name);
        let moved: Vec<u32> = self.links.iter().filter(moved).map(|seen| seen.link.index).collect();
        for index in moved {
            if names.contains_key(&index) {
                self.links.vacate(index, batch);
            } else {
                self.forget(index, batch);
            }
        }
        for (link, counters) in all {
            self.see(link, counters, now, batch);
        }
        self.links.complete();
        self.write_card(batch);
    }

    /// All addresses of all links as they are now.
    pub(super) fn replace_addresses(&mut self, mut all: BTreeMap<u32, Vec<Address>>, batch: &mut StateBatch) {
        let indices: Vec<u32> = self.links.iter().map(|seen| seen.link.index).collect();
        for index in indices {
            self.links.addresses(index, all.remove(&index).unwrap_or_default(), batch);
        }
    }

    /// The router interfaces as they are configured on ports now. State stands under their names.
    pub(super) fn bind(&mut self, interfaces: BTreeMap<Text, Text>, batch: &mut StateBatch) {
        if self.interfaces != interfaces {
            self.interfaces = interfaces;
            self.bind_all(batch);
        }
    }

    /// An interface with the name of another link stays without state of its own: that place is taken.
    fn bind_all(&mut self, batch: &mut StateBatch) {
        if self.interfaces.is_empty() && self.links.iter().all(|seen| seen.interface.is_none()) {
            return;
        }
        let names: BTreeSet<Text> = self.links.iter().map(|seen| seen.link.name.clone()).collect();
        let bound: Vec<(u32, Option<Text>)> = self
            .links
            .iter()
            .map(|seen| {
                let interface = seen.port_id.as_ref().and_then(|port| self.interfaces.get(port));
                let free = interface.filter(|name| **name != seen.link.name && !names.contains(*name));
                (seen.link.index, free.cloned())
            })
            .collect();
        // Places are left before others are taken. The own name of a link is nobody else's.
        for (index, interface) in &bound {
            if self.links.get(*index).is_some_and(|seen| seen.interface != *interface) {
                self.links.bind(*index, None, batch);
            }
        }
        for (index, interface) in bound {
            self.links.bind(index, interface, batch);
        }
    }

    /// How all Ethernet links run.
    pub(super) fn run(&mut self, ethernet: Arc<BTreeMap<u32, Ethernet>>, batch: &mut StateBatch) {
        let concerned: BTreeSet<u32> = ethernet.keys().chain(self.ethernet.keys()).copied().collect();
        for index in concerned {
            self.links.run(index, ethernet.get(&index).cloned().unwrap_or_default(), batch);
        }
        self.ethernet = ethernet;
    }

    /// How many neighbours all links have.
    pub(super) fn meet(&mut self, neighbours: Arc<BTreeMap<u32, Neighbours>>, batch: &mut StateBatch) {
        let indices: Vec<u32> = self.links.iter().map(|seen| seen.link.index).collect();
        for index in indices {
            self.links.meet(index, neighbours.get(&index).copied().unwrap_or_default(), batch);
        }
        self.neighbours = neighbours;
    }

    /// IPv6 counters of the links that have IPv6.
    pub(super) fn count_ipv6(&mut self, counters: &BTreeMap<u32, IpCounters>, batch: &mut StateBatch) {
        for (index, counters) in counters {
            self.links.count_ipv6(*index, *counters, batch);
        }
    }

    fn see(&mut self, link: Link, counters: Option<Counters>, now: Timestamp, batch: &mut StateBatch) {
        let index = link.index;
        let before = self.links.get(index);
        let is_new = before.is_none();
        let is_other = before.is_none_or(|before| before.link.name != link.name);
        if is_other {
            let taken = |seen: &&Seen| seen.link.index != index && seen.interface.as_ref() == Some(&link.name);
            let taken: Vec<u32> = self.links.iter().filter(taken).map(|seen| seen.link.index).collect();
            taken.into_iter().for_each(|index| self.links.bind(index, None, batch));
        }
        let port = (link.layer != Layer::Loopback).then(|| self.numbering.port_id(index, &link.name));
        self.links.see(link, port, now, batch);
        if let Some(counters) = counters {
            self.links.count(index, counters, batch);
        }
        if is_new {
            // What the slow collectors know of it already they do not tell again.
            self.links.run(index, self.ethernet.get(&index).cloned().unwrap_or_default(), batch);
            self.neighbours.get(&index).into_iter().for_each(|&counts| self.links.meet(index, counts, batch));
        }
        if is_other {
            self.bind_all(batch);
        }
    }

    fn forget(&mut self, index: u32, batch: &mut StateBatch) {
        self.links.forget(index, batch);
        self.numbering.release(index);
    }

    fn write_card(&mut self, batch: &mut StateBatch) {
        let ports = self.links.iter().filter(|seen| seen.port_id.is_some()).count();
        let ports = u32::try_from(ports).unwrap_or(u32::MAX);
        if self.ports.replace(ports) != Some(ports) {
            self.card.write(&Card { ports }, batch);
            self.mda.write(&Card { ports }, batch);
        }
    }
}

#[cfg(test)]
mod tests;
