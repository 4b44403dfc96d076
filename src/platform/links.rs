//! The links of the element and where they stand in the tree. Pure: readings and times go in, a batch of state comes out.
//!
//! Invariant: a link that is known stands under every loaded model, under its present name, with what was last read of
//! it; a link that is forgotten stands nowhere. What was read again unchanged writes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::map::{Datum, Gaps, Object, Table, nokia, openconfig, openconfig_system};
use super::reading::{Address, Counters, Ethernet, IpCounters, Link, Neighbours};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::time::Timestamp;
use crate::value::Text;

/// All that is known of one link but its counters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The link itself.
    pub(crate) link: Link,
    /// The port it is, when it is one.
    pub(crate) port_id: Option<Text>,
    /// The router interface that is configured on it, when there is one; without one it is known by its own name.
    pub(crate) interface: Option<Text>,
    /// How it runs.
    pub(crate) ethernet: Ethernet,
    /// Its addresses, in the order of the kernel.
    pub(crate) addresses: Vec<Address>,
    /// How many neighbours it has, when that has been read.
    pub(crate) neighbours: Option<Neighbours>,
    /// When it came to be, or when this program began to watch it.
    pub(crate) since: Timestamp,
    /// When its state changed, once that has been seen.
    pub(crate) changed: Option<Timestamp>,
}

impl Seen {
    /// The name of the router interface.
    pub(crate) fn interface_name(&self) -> &Text {
        self.interface.as_ref().unwrap_or(&self.link.name)
    }

    /// The name of the port as a component of openconfig-platform.
    pub(crate) fn port_component(&self) -> Option<String> {
        self.port_id.as_ref().map(|port| format!("port-{port}"))
    }
}

/// All known links.
pub(crate) struct Links {
    schema: Arc<Schema>,
    tables: Tables,
    known: BTreeMap<u32, Known>,
    /// Whether the links that were there at the start are known, so that a new one has really just come to be.
    complete: bool,
}

struct Known {
    seen: Seen,
    counters: Option<Counters>,
    ipv6: Option<IpCounters>,
    places: Places,
}

/// Where one link stands.
#[derive(Default)]
struct Places {
    facts: Vec<Placed>,
    counters: Vec<Placed>,
    ipv6: Option<Object>,
    addresses: BTreeMap<IpAddr, PlacedAddress>,
}

/// An address, whether it is the primary one, and where it stands.
struct PlacedAddress {
    address: Address,
    primary: bool,
    objects: Vec<Placed>,
}

/// An object and the index of the table that writes it.
type Placed = (usize, Object);

/// The tables of both models. The first of `facts` and of `counters` is the port.
struct Tables {
    facts: [Table<Seen>; 5],
    counters: [Table<Counters>; 3],
    ipv6: Table<IpCounters>,
    addresses: [Table<Address>; 4],
}

impl Tables {
    fn new(schema: &Schema, gaps: &mut Gaps) -> Self {
        Self {
            facts: [
                Table::new(schema, nokia::PORT, nokia::PORT_FACTS, gaps),
                Table::new(schema, nokia::INTERFACE, nokia::INTERFACE_FACTS, gaps),
                Table::new(schema, openconfig::INTERFACE, openconfig::INTERFACE_FACTS, gaps),
                Table::new(schema, openconfig::SUBINTERFACE, openconfig::SUBINTERFACE_FACTS, gaps),
                Table::new(schema, openconfig_system::COMPONENT, openconfig_system::PORT_COMPONENT, gaps),
            ],
            counters: [
                Table::new(schema, nokia::PORT, nokia::PORT_COUNTERS, gaps),
                Table::new(schema, nokia::INTERFACE, nokia::INTERFACE_COUNTERS, gaps),
                Table::new(schema, openconfig::INTERFACE, openconfig::INTERFACE_COUNTERS, gaps),
            ],
            ipv6: Table::new(schema, nokia::INTERFACE, nokia::IPV6_COUNTERS, gaps),
            addresses: [
                Table::new(schema, nokia::IPV4_SECONDARY, nokia::ADDRESS_FACTS, gaps),
                Table::new(schema, nokia::IPV6_ADDRESS, nokia::ADDRESS_FACTS, gaps),
                Table::new(schema, openconfig::IPV4, openconfig::IPV4_FACTS, gaps),
                Table::new(schema, openconfig::IPV6, openconfig::IPV6_FACTS, gaps),
            ],
        }
    }

    fn places(&self, schema: &Schema, seen: &Seen) -> Places {
        let name = Datum::Shared(&seen.link.name);
        let router = [Datum::word(nokia::ROUTER), Datum::Shared(seen.interface_name())];
        let port: Vec<_> = seen.port_id.iter().map(Datum::Shared).collect();
        let subinterface = [name.clone(), Datum::Number(0)];
        let component: Vec<_> = seen.port_component().map(|name| Datum::Text(name.into())).into_iter().collect();
        let keys: [&[Datum<'_>]; 5] = [&port, &router, std::slice::from_ref(&name), &subinterface, &component];
        let facts = self.facts.iter().zip(keys).enumerate();
        let counters = self.counters.iter().zip(keys).enumerate();
        Places {
            facts: facts.filter_map(|(kind, (table, keys))| Some((kind, table.object(schema, keys)?))).collect(),
            counters: counters.filter_map(|(kind, (table, keys))| Some((kind, table.object(schema, keys)?))).collect(),
            ipv6: self.ipv6.object(schema, &router),
            addresses: BTreeMap::new(),
        }
    }

    /// Where an address stands. Primary and link-local addresses are leaves of the interface in nokia-state.
    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    fn address(&self, schema: &Schema, seen: &Seen, address: &Address, primary: bool) -> Vec<Placed> {
        let (name, ip) = (Datum::Shared(&seen.link.name), Datum::Address(address.ip));
        let router = [Datum::word(nokia::ROUTER), Datum::Shared(seen.interface_name()), ip.clone()];
        let interface = [name, Datum::Number(0), ip];
        let kinds: &[(usize, &[Datum<'_>])] = match address.ip {
            IpAddr::V4(_) if primary => &[(2, &interface)],
            IpAddr::V4(_) => &[(0, &router), (2, &interface)],
            IpAddr::V6(_) if address.is_link_local() => &[(3, &interface)],
            IpAddr::V6(_) => &[(1, &router), (3, &interface)],
        };
        kinds.iter().filter_map(|&(kind, keys)| Some((kind, self.addresses[kind].object(schema, keys)?))).collect()
    }
}

impl Places {
    fn remove(&self, batch: &mut StateBatch) {
        for (_, object) in &self.facts {
            batch.remove(object.at());
        }
    }
}

impl Links {
    /// No links yet.
    pub(crate) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let tables = Tables::new(&schema, gaps);
        Self { schema, tables, known: BTreeMap::new(), complete: false }
    }

    /// From here on a new link is one that has just come to be.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    /// The known links by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.known.values().map(|known| &known.seen)
    }

    /// One link.
    pub(crate) fn get(&self, index: u32) -> Option<&Seen> {
        self.known.get(&index).map(|known| &known.seen)
    }

    /// A link as it is now.
    pub(crate) fn see(&mut self, link: Link, port_id: Option<Text>, now: Timestamp, batch: &mut StateBatch) {
        match self.known.get_mut(&link.index) {
            None => {
                let changed = self.complete.then_some(now);
                let seen = Seen {
                    link,
                    port_id,
                    interface: None,
                    ethernet: Ethernet::default(),
                    addresses: Vec::new(),
                    neighbours: None,
                    since: now,
                    changed,
                };
                let places = self.tables.places(&self.schema, &seen);
                let known = Known { seen, counters: None, ipv6: None, places };
                let known = self.known.entry(known.seen.link.index).or_insert(known);
                known.write_facts(&self.tables, batch);
            }
            Some(known) if known.seen.link == link && known.seen.port_id == port_id => {}
            Some(known) => {
                let before = known.seen.clone();
                if known.seen.link.oper != link.oper {
                    known.seen.changed = Some(now);
                }
                let moved = before.link.name != link.name || before.port_id != port_id;
                known.seen.link = link;
                known.seen.port_id = port_id;
                if moved {
                    known.move_places(&self.schema, &self.tables, batch);
                } else {
                    known.update_facts(&self.tables, &before, batch);
                }
            }
        }
    }

    /// The router interface that is configured on it, or none.
    pub(crate) fn bind(&mut self, index: u32, interface: Option<Text>, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index)
            && known.seen.interface != interface
        {
            known.seen.interface = interface;
            known.move_places(&self.schema, &self.tables, batch);
        }
    }

    /// Its counters as they are now.
    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    pub(crate) fn count(&mut self, index: u32, counters: Counters, batch: &mut StateBatch) {
        let Some(known) = self.known.get_mut(&index) else { return };
        let before = known.counters.replace(counters);
        if before == Some(counters) {
            return;
        }
        for (kind, object) in &mut known.places.counters {
            self.tables.counters[*kind].update(object, before.as_ref(), &counters, batch);
        }
    }

    /// Its IPv6 counters as they are now.
    pub(crate) fn count_ipv6(&mut self, index: u32, counters: IpCounters, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index)
            && known.ipv6 != Some(counters)
        {
            known.ipv6 = Some(counters);
            known.write_ipv6(&self.tables, batch);
        }
    }

    /// How it runs.
    pub(crate) fn run(&mut self, index: u32, ethernet: Ethernet, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index)
            && known.seen.ethernet != ethernet
        {
            known.seen.ethernet = ethernet;
            known.write_facts(&self.tables, batch);
        }
    }

    /// How many neighbours it has.
    pub(crate) fn meet(&mut self, index: u32, neighbours: Neighbours, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index)
            && known.seen.neighbours != Some(neighbours)
        {
            known.seen.neighbours = Some(neighbours);
            known.write_facts(&self.tables, batch);
        }
    }

    /// All its addresses.
    pub(crate) fn addresses(&mut self, index: u32, addresses: Vec<Address>, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index)
            && known.seen.addresses != addresses
        {
            known.seen.addresses = addresses;
            known.write_addresses(&self.schema, &self.tables, batch);
            known.write_facts(&self.tables, batch);
        }
    }

    /// One of its addresses, new or changed.
    pub(crate) fn address(&mut self, index: u32, address: Address, batch: &mut StateBatch) {
        let Some(known) = self.known.get(&index) else { return };
        let mut addresses = known.seen.addresses.clone();
        match addresses.iter_mut().find(|known| known.ip == address.ip) {
            Some(known) => *known = address,
            None => addresses.push(address),
        }
        self.addresses(index, addresses, batch);
    }

    /// One of its addresses is gone.
    pub(crate) fn drop_address(&mut self, index: u32, ip: IpAddr, batch: &mut StateBatch) {
        let Some(known) = self.known.get(&index) else { return };
        let addresses = known.seen.addresses.iter().copied().filter(|address| address.ip != ip).collect();
        self.addresses(index, addresses, batch);
    }

    /// The link has another name by now: it leaves its places, and takes new ones when it is seen under that name.
    pub(crate) fn vacate(&mut self, index: u32, batch: &mut StateBatch) {
        if let Some(known) = self.known.get_mut(&index) {
            std::mem::take(&mut known.places).remove(batch);
        }
    }

    /// The link is gone.
    pub(crate) fn forget(&mut self, index: u32, batch: &mut StateBatch) {
        if let Some(known) = self.known.remove(&index) {
            known.places.remove(batch);
        }
    }
}

impl Known {
    /// Leaves its places and takes those that belong to it by now.
    fn move_places(&mut self, schema: &Schema, tables: &Tables, batch: &mut StateBatch) {
        self.places.remove(batch);
        self.places = tables.places(schema, &self.seen);
        self.write_counters(tables, batch);
        self.write_ipv6(tables, batch);
        self.write_addresses(schema, tables, batch);
        self.write_facts(tables, batch);
    }

    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    fn write_facts(&mut self, tables: &Tables, batch: &mut StateBatch) {
        for (kind, object) in &mut self.places.facts {
            tables.facts[*kind].write(object, &self.seen, batch);
        }
    }

    /// Writes what follows from what differs from before.
    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    fn update_facts(&mut self, tables: &Tables, before: &Seen, batch: &mut StateBatch) {
        for (kind, object) in &mut self.places.facts {
            tables.facts[*kind].update(object, Some(before), &self.seen, batch);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    fn write_counters(&mut self, tables: &Tables, batch: &mut StateBatch) {
        let Some(counters) = &self.counters else { return };
        for (kind, object) in &mut self.places.counters {
            tables.counters[*kind].write(object, counters, batch);
        }
    }

    fn write_ipv6(&mut self, tables: &Tables, batch: &mut StateBatch) {
        if let (Some(counters), Some(object)) = (&self.ipv6, &mut self.places.ipv6) {
            tables.ipv6.write(object, counters, batch);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "kinds are numbered as their tables are")]
    fn write_addresses(&mut self, schema: &Schema, tables: &Tables, batch: &mut StateBatch) {
        let seen = &self.seen;
        let primary = nokia::primary(seen).map(|address| address.ip);
        self.places.addresses.retain(|ip, placed| {
            let stays = seen.addresses.contains(&placed.address) && placed.primary == (primary == Some(*ip));
            if !stays {
                placed.objects.iter().for_each(|(_, object)| batch.remove(object.at()));
            }
            stays
        });
        for address in &seen.addresses {
            self.places.addresses.entry(address.ip).or_insert_with(|| {
                let is_primary = primary == Some(address.ip);
                let mut objects = tables.address(schema, seen, address, is_primary);
                for (kind, object) in &mut objects {
                    tables.addresses[*kind].write(object, address, batch);
                }
                PlacedAddress { address: *address, primary: is_primary, objects }
            });
        }
    }
}
