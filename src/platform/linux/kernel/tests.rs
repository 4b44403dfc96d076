//! Lists and events in awkward orders.

use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, State, Stats64};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::*;
use crate::platform::bench::{Bench, changes};
use crate::store::Tree;

const NOW: Timestamp = Timestamp::from_nanos(1);

fn message(index: u32, name: &str, state: State) -> LinkMessage {
    let mut stats = Stats64::default();
    stats.rx_bytes = u64::from(index) * 1000;
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = LinkFlags::Up;
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Mtu(1500),
        LinkAttribute::OperState(state),
        LinkAttribute::Stats64(stats),
    ];
    message
}

fn list(links: &[(u32, &str)]) -> LinkList {
    links.iter().map(|(index, name)| message::link(&message(*index, name, State::Up)).unwrap()).collect()
}

struct Driver {
    bench: Bench,
    kernel: Kernel,
}

impl Driver {
    fn new() -> Self {
        let bench = Bench::new();
        let kernel = Kernel::new(bench.schema.clone(), &BTreeMap::new(), &mut Gaps::default());
        Self { bench, kernel }
    }

    fn replace(&mut self, links: &[(u32, &str)]) {
        let mut batch = StateBatch::new();
        self.kernel.replace(list(links), NOW, &mut batch);
        self.bench.writer.commit(&batch, NOW).unwrap();
    }

    fn apply(&mut self, message: RouteNetlinkMessage) -> bool {
        let mut batch = StateBatch::new();
        let stirred = self.kernel.apply(&message, NOW, &mut batch);
        self.bench.writer.commit(&batch, NOW).unwrap();
        stirred
    }

    fn octets(&self, name: &str) -> String {
        self.bench.value(&format!("/interfaces/interface[name={name}]/state/counters/in-octets"))
    }
}

#[test]
fn names_may_go_from_one_link_to_another() {
    let mut driver = Driver::new();
    driver.replace(&[(2, "a"), (3, "b"), (4, "c")]);
    // a and b have changed names, c has been replaced by a new link of that name.
    driver.replace(&[(2, "b"), (3, "a"), (5, "c")]);
    assert_eq!(["a", "b", "c"].map(|name| driver.octets(name)), ["3000", "2000", "5000"]);
    assert_eq!(driver.bench.value("/state/port[port-id=1/1/1]/linux/interface-name"), "b");
    // The port of a link that went is given to the next one.
    assert_eq!(driver.bench.value("/state/port[port-id=1/1/3]/if-index"), "5");
}

#[test]
fn a_list_and_the_events_before_it_lead_to_the_same_tree() {
    let mut driver = Driver::new();
    driver.replace(&[(2, "a")]);
    let before = driver.bench.store.newest().tree.clone();
    // Events from before the list come late: a link came, went down, and was gone when the list was made.
    assert!(driver.apply(RouteNetlinkMessage::NewLink(message(3, "b", State::Up))));
    assert!(driver.apply(RouteNetlinkMessage::NewLink(message(3, "b", State::Down))));
    assert!(!driver.apply(RouteNetlinkMessage::NewLink(message(3, "b", State::Down))));
    driver.apply(RouteNetlinkMessage::DelLink(message(3, "b", State::Down)));
    driver.apply(RouteNetlinkMessage::DelLink(message(3, "b", State::Down)));
    // A leaf that went there and back has changed twice, and is told so.
    let ports = "/state/card[slot-number=1]/mda[mda-slot=1]/equipped-ports 1";
    assert_eq!(changes(&driver.bench.schema, &before, &driver.bench.store.newest().tree), ports);
}

#[test]
fn notices_of_bridges_are_not_links() {
    let mut driver = Driver::new();
    driver.replace(&[(2, "a")]);
    // A port that leaves its bridge is told as a link of the bridge family that is deleted.
    let mut notice = message(2, "a", State::Up);
    notice.header.interface_family = AddressFamily::Bridge;
    driver.apply(RouteNetlinkMessage::DelLink(notice));
    assert_eq!(driver.octets("a"), "2000");
    let nothing = changes(&driver.bench.schema, &Tree::default(), &driver.bench.store.newest().tree);
    assert!(nothing.contains("/state/port[port-id=1/1/1]/oper-state up"), "{nothing}");
}

#[test]
fn what_is_known_of_a_link_before_it_is_seen_is_kept() {
    let mut driver = Driver::new();
    let ethernet = Ethernet { speed: Some(1000), ..Ethernet::default() };
    let mut batch = StateBatch::new();
    driver.kernel.run(Arc::new([(7, ethernet)].into()), &mut batch);
    driver.replace(&[(7, "late")]);
    assert_eq!(driver.bench.value("/state/port[port-id=1/1/1]/ethernet/oper-speed"), "1000");
}

#[test]
fn router_interfaces_have_the_names_that_were_configured() {
    let mut driver = Driver::new();
    driver.replace(&[(2, "eth1"), (3, "eth2")]);
    let bind = |driver: &mut Driver, pairs: &[(&str, &str)]| {
        let mut batch = StateBatch::new();
        let interfaces = pairs.iter().map(|(port, name)| ((*port).into(), (*name).into())).collect();
        driver.kernel.bind(interfaces, &mut batch);
        driver.bench.writer.commit(&batch, NOW).unwrap();
    };
    let shown = |driver: &Driver| {
        ["core", "edge", "eth1", "eth2"].map(|name| {
            driver.bench.value(&format!("/state/router[router-name=Base]/interface[interface-name={name}]/if-index"))
        })
    };
    bind(&mut driver, &[("1/1/1", "core")]);
    assert_eq!(shown(&driver), ["2", "", "", "3"]);
    assert_eq!(driver.octets("eth1"), "2000");
    // The names change places in one commit.
    bind(&mut driver, &[("1/1/1", "edge"), ("1/1/2", "core")]);
    assert_eq!(shown(&driver), ["3", "2", "", ""]);
    bind(&mut driver, &[("1/1/1", "core"), ("1/1/2", "edge")]);
    assert_eq!(shown(&driver), ["2", "3", "", ""]);
    // The name of another link is taken.
    bind(&mut driver, &[("1/1/1", "eth2")]);
    assert_eq!(shown(&driver), ["", "", "2", "3"]);
    // Until that link is gone.
    driver.apply(RouteNetlinkMessage::DelLink(message(3, "eth2", State::Down)));
    bind(&mut driver, &[]);
    bind(&mut driver, &[("1/1/1", "eth2")]);
    assert_eq!(shown(&driver), ["", "", "", "2"]);
    driver.replace(&[(2, "eth1"), (4, "eth2")]);
    assert_eq!(shown(&driver), ["", "", "2", "4"]);
}
