//! The simulated element. Pure: times and trees go in, batches of state come out.
//!
//! Invariant: the counters of a port are a function of its number and of the time it has been up. Port n starts at n
//! packets in and 2n packets out, so that no two ports ever show the same counters; what is added is the same each way.
//! A port is up unless the port, its router interface or its OpenConfig interface is switched off, or an event has taken
//! it down. An interface that is configured on the Base router and is not one of the ports gets a state entry of its own,
//! unless it is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::config::Config;
use crate::platform::links::{Links, Seen};
use crate::platform::map::{Datum, Gaps, Object, Single, Table, nokia, system};
use crate::platform::reading::{Counters, Ethernet, Layer, Link, Oper};
use crate::platform::system::Card;
use crate::schema::Schema;
use crate::store::{StateBatch, Tree};
use crate::time::Timestamp;
use crate::value::Text;

/// Interface index before that of port 1; kernel indices stay far below.
const PORT_INDEX_BASE: u32 = 1_000_000;

/// Ports whose counters are advanced by one commit. A commit holds other writers up for as long as it takes.
const PORTS_PER_PART: usize = 1000;

/// Interface index of the first configured interface.
const CONFIGURED_INDEX_BASE: u32 = 2_000_000;

/// Slot that the simulated ports stand in.
const SLOT: i128 = 2;

/// Speed of a simulated port, in megabit per second.
const SPEED: u32 = 10_000;

/// Largest packet of a simulated port, in bytes.
const MTU: u32 = 9000;

/// The simulated element.
pub(super) struct Sim {
    schema: Arc<Schema>,
    settings: Settings,
    config: Config,
    links: Links,
    /// Port n at n - 1.
    ports: Vec<Port>,
    card: Single<Card>,
    mda: Single<Card>,
    facts: Table<Seen>,
    counters: Table<Counters>,
    configured: BTreeMap<Text, Configured>,
    /// Configured interfaces by the position of the port they are bound to.
    bound: BTreeMap<usize, BTreeSet<Text>>,
    next_index: u32,
    /// Position of the port that flaps next.
    turn: usize,
    started: bool,
    /// The latest time seen. When the clock is set back, the counters stand still until it is past this again.
    latest: Timestamp,
}

struct Port {
    name: Text,
    port_id: Text,
    /// Whether configuration leaves it on.
    enabled: bool,
    traffic: Traffic,
}

/// Time during which something carried traffic.
struct Traffic {
    number: u64,
    before: Duration,
    up_since: Option<Timestamp>,
}

impl Traffic {
    fn new(number: u64, now: Timestamp) -> Self {
        Self { number, before: Duration::ZERO, up_since: Some(now) }
    }

    fn is_up(&self) -> bool {
        self.up_since.is_some()
    }

    /// Switches on or off; says whether that is a change.
    fn switch(&mut self, up: bool, now: Timestamp) -> bool {
        match (self.up_since, up) {
            (Some(since), false) => {
                self.before += now.since(since);
                self.up_since = None;
                true
            }
            (None, true) => {
                self.up_since = Some(now);
                true
            }
            _ => false,
        }
    }

    fn counters(&self, settings: &Settings, now: Timestamp) -> Counters {
        let time = self.before + self.up_since.map_or(Duration::ZERO, |since| now.since(since));
        let sent = u128::from(settings.packets_per_second) * time.as_nanos() / 1_000_000_000;
        // Counters of 64 bits wrap (RFC 6991).
        let sent = u64::try_from(sent & u128::from(u64::MAX)).unwrap_or_default();
        let (received, sent) = (sent.wrapping_add(self.number), sent.wrapping_add(self.number.wrapping_mul(2)));
        Counters {
            in_packets: received,
            in_octets: received.wrapping_mul(settings.octets_per_packet),
            in_unicast: Some(received),
            in_broadcast: Some(0),
            in_multicast: Some(0),
            out_packets: sent,
            out_octets: sent.wrapping_mul(settings.octets_per_packet),
            out_unicast: Some(sent),
            out_broadcast: Some(0),
            out_multicast: Some(0),
            ..Counters::default()
        }
    }
}

/// A configured interface of the Base router.
struct Configured {
    seen: Seen,
    /// Position of the port it is bound to.
    port: Option<usize>,
    traffic: Traffic,
    facts: Object,
    counters: Object,
}

impl Sim {
    /// All ports up since `now`; nothing is written yet.
    pub(super) fn new(schema: Arc<Schema>, settings: Settings, now: Timestamp, gaps: &mut Gaps) -> Self {
        let port = |number: u32| Port {
            name: format!("sim-{number}").into(),
            port_id: format!("2/1/{number}").into(),
            enabled: true,
            traffic: Traffic::new(number.into(), now),
        };
        let slot = Datum::Number(SLOT);
        Self {
            config: Config::new(&schema),
            links: Links::new(schema.clone(), gaps),
            ports: (1..=settings.ports).map(port).collect(),
            card: Single::new(&schema, system::CARD, std::slice::from_ref(&slot), system::CARD_FACTS, gaps),
            mda: Single::new(&schema, system::MDA, &[slot, Datum::Number(1)], system::MDA_FACTS, gaps),
            facts: Table::new(&schema, nokia::INTERFACE, nokia::INTERFACE_FACTS, gaps),
            counters: Table::new(&schema, nokia::INTERFACE, nokia::INTERFACE_COUNTERS, gaps),
            configured: BTreeMap::new(),
            bound: BTreeMap::new(),
            next_index: CONFIGURED_INDEX_BASE,
            turn: 0,
            started: false,
            latest: now,
            schema,
            settings,
        }
    }

    /// Takes configuration in and advances all counters.
    pub(super) fn poll(&mut self, now: Timestamp, tree: &Tree) -> StateBatch {
        let mut batch = self.follow(now, tree);
        for part in 0..self.parts() {
            self.count(part, now, &mut batch);
        }
        batch
    }

    /// In how many parts the counters are advanced.
    pub(super) fn parts(&self) -> usize {
        self.ports.len().max(self.configured.len()).div_ceil(PORTS_PER_PART)
    }

    /// Advances the counters of one part.
    pub(super) fn count(&mut self, part: usize, now: Timestamp, batch: &mut StateBatch) {
        let now = self.not_before(now);
        let first = part * PORTS_PER_PART;
        for (position, port) in self.ports.iter().enumerate().skip(first).take(PORTS_PER_PART) {
            self.links.count(index(position), port.traffic.counters(&self.settings, now), batch);
        }
        for interface in self.configured.values_mut().skip(first).take(PORTS_PER_PART) {
            let counters = interface.traffic.counters(&self.settings, now);
            self.counters.write(&mut interface.counters, &counters, batch);
        }
    }

    /// Takes configuration in: what differs from the tree before.
    pub(super) fn follow(&mut self, now: Timestamp, tree: &Tree) -> StateBatch {
        let now = self.not_before(now);
        let mut batch = StateBatch::new();
        if !std::mem::replace(&mut self.started, true) {
            self.start(now, &mut batch);
        }
        let changes = self.config.changes(&self.schema, tree);
        let mut ports: BTreeSet<usize> = changes.ports.iter().filter_map(|id| self.numbered("2/1/", id)).collect();
        ports.extend(changes.interfaces.iter().filter_map(|name| self.numbered("sim-", name)));
        let switched: Vec<usize> =
            ports.into_iter().filter(|&position| self.switch(position, now, tree, &mut batch)).collect();
        for name in &changes.interfaces {
            if self.numbered("sim-", name).is_none() {
                self.configure(name, now, tree, &mut batch);
            }
        }
        switched.into_iter().for_each(|position| self.carry_on(position, now, &mut batch));
        batch
    }

    /// The port whose turn it is goes down, or comes up again. One that is switched off stays down.
    pub(super) fn flap(&mut self, now: Timestamp) -> StateBatch {
        let mut batch = StateBatch::new();
        let now = self.not_before(now);
        let position = self.turn;
        self.turn = (position + 1) % self.ports.len().max(1);
        if let Some(port) = self.ports.get_mut(position).filter(|port| port.enabled) {
            port.traffic.switch(!port.traffic.is_up(), now);
            self.links.see(port.link(position), Some(port.port_id.clone()), now, &mut batch);
            self.carry_on(position, now, &mut batch);
        }
        batch
    }

    fn not_before(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Takes the tree as known: it differs in state only.
    pub(super) fn skip(&mut self, tree: &Tree) {
        self.config.skip(tree);
    }

    fn start(&mut self, now: Timestamp, batch: &mut StateBatch) {
        for (position, port) in self.ports.iter().enumerate() {
            let ethernet =
                Ethernet { speed: Some(SPEED), full_duplex: Some(true), autonegotiation: Some(false), driver: None };
            self.links.see(port.link(position), Some(port.port_id.clone()), now, batch);
            self.links.run(index(position), ethernet, batch);
        }
        self.links.complete();
        let card = Card { ports: self.settings.ports };
        if card.ports > 0 {
            self.card.write(&card, batch);
            self.mda.write(&card, batch);
        }
    }

    /// Position of the port that a name such as `sim-7` means.
    fn numbered(&self, prefix: &str, name: &str) -> Option<usize> {
        let digits = name.strip_prefix(prefix)?;
        let number: usize = digits.parse().ok()?;
        // No leading zero or sign: `sim-07` is somebody else's name.
        let plain = number.to_string() == digits;
        number.checked_sub(1).filter(|&position| plain && position < self.ports.len())
    }

    /// Says whether the port was switched on or off.
    fn switch(&mut self, position: usize, now: Timestamp, tree: &Tree, batch: &mut StateBatch) -> bool {
        let Some(port) = self.ports.get_mut(position) else { return false };
        let enabled = !self.config.disables_port(tree, &port.port_id)
            && !self.config.disables_interface(tree, &port.name)
            && !self.config.disables_openconfig(tree, &port.name);
        if std::mem::replace(&mut port.enabled, enabled) == enabled {
            return false;
        }
        port.traffic.switch(enabled, now);
        self.links.see(port.link(position), Some(port.port_id.clone()), now, batch);
        self.links.count(index(position), port.traffic.counters(&self.settings, now), batch);
        true
    }

    /// What is bound to the port goes up and down with it.
    fn carry_on(&mut self, position: usize, now: Timestamp, batch: &mut StateBatch) {
        for name in self.bound.get(&position).cloned().unwrap_or_default() {
            self.show(&name, now, batch);
        }
    }

    /// Makes a configured interface appear, follow its configuration, or vanish.
    fn configure(&mut self, name: &Text, now: Timestamp, tree: &Tree, batch: &mut StateBatch) {
        let owner = self.config.state_index(tree, name);
        let known = self.configured.get(name).map(|interface| interface.seen.link.index);
        let foreign = owner.is_some_and(|owner| Some(owner) != known.map(u64::from));
        if foreign || !self.config.has_interface(tree, name) {
            if let Some(gone) = self.configured.remove(name) {
                self.bind(name, gone.port, None);
                if !foreign {
                    batch.remove(gone.facts.at());
                }
            }
            return;
        }
        if known.is_none() {
            let Some(new) = self.interface(name, now) else { return };
            self.configured.insert(name.clone(), new);
        }
        let port = self.config.bound_port(tree, name).and_then(|port| self.numbered("2/1/", &port));
        let Some(interface) = self.configured.get_mut(name) else { return };
        interface.seen.link.admin_up = !self.config.disables_interface(tree, name);
        let before = std::mem::replace(&mut interface.port, port);
        self.bind(name, before, port);
        self.show(name, now, batch);
    }

    fn bind(&mut self, name: &Text, before: Option<usize>, port: Option<usize>) {
        if let Some(names) = before.and_then(|before| self.bound.get_mut(&before)) {
            names.remove(name);
        }
        if let Some(port) = port {
            self.bound.entry(port).or_default().insert(name.clone());
        }
    }

    /// Writes a configured interface, which is up when it and its port are.
    fn show(&mut self, name: &Text, now: Timestamp, batch: &mut StateBatch) {
        let Some(interface) = self.configured.get_mut(name) else { return };
        let port = interface.port.and_then(|position| self.ports.get(position));
        let up = interface.seen.link.admin_up && port.is_none_or(|port| port.traffic.is_up());
        if interface.traffic.switch(up, now) {
            interface.seen.changed = Some(now);
        }
        interface.seen.link.oper = if up { Oper::Up } else { Oper::Down };
        self.facts.write(&mut interface.facts, &interface.seen, batch);
        let counters = interface.traffic.counters(&self.settings, now);
        self.counters.write(&mut interface.counters, &counters, batch);
    }

    fn interface(&mut self, name: &Text, now: Timestamp) -> Option<Configured> {
        let keys = [Datum::word(nokia::ROUTER), Datum::Shared(name)];
        let facts = self.facts.object(&self.schema, &keys)?;
        let counters = self.counters.object(&self.schema, &keys)?;
        let index = self.next_index;
        self.next_index = self.next_index.checked_add(1).unwrap_or(CONFIGURED_INDEX_BASE);
        let seen = Seen {
            link: link(index, name.clone(), true),
            port_id: None,
            interface: None,
            ethernet: Ethernet::default(),
            addresses: Vec::new(),
            neighbours: None,
            since: now,
            changed: Some(now),
        };
        Some(Configured { seen, port: None, traffic: Traffic::new(0, now), facts, counters })
    }
}

impl Port {
    fn link(&self, position: usize) -> Link {
        let up = self.traffic.is_up();
        let index = index(position);
        let [_, high, middle, low] = (index - PORT_INDEX_BASE).to_be_bytes();
        let mac = Some([0x02, 0x53, 0x00, high, middle, low]);
        let link = link(index, self.name.clone(), up);
        Link { mac, permanent_mac: mac, admin_up: self.enabled, carrier: Some(up), ..link }
    }
}

/// Interface index of the port at a position. There are at most [`super::PORTS_MAX`].
fn index(position: usize) -> u32 {
    PORT_INDEX_BASE + 1 + u32::try_from(position).unwrap_or_default()
}

fn link(index: u32, name: Text, up: bool) -> Link {
    Link {
        index,
        name,
        layer: Layer::Ethernet,
        kind: None,
        mac: None,
        permanent_mac: None,
        mtu: Some(MTU),
        admin_up: up,
        oper: if up { Oper::Up } else { Oper::Down },
        carrier: None,
        alias: None,
    }
}
