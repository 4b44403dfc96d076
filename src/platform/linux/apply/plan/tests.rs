//! Differences, on made-up machines.

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteType};

use super::*;
use crate::platform::linux::apply::found::{FoundAddress, FoundLink, PROTOCOL, route};
use crate::platform::linux::apply::wanted::{WantedHop, WantedRoute};

const ALL: Scope = Scope { hostname: true, up: true, mtu: true, alias: true, addresses: true, routes: true };

fn link(index: u32) -> FoundLink {
    FoundLink { index, up: true, running: true, mtu: 1500, alias: "".into(), mac: Some([2, 0, 0, 0, 0, 1]) }
}

/// A machine with eth1 (2) and eth2 (3).
fn machine() -> Found {
    Found { links: [("eth1".into(), link(2)), ("eth2".into(), link(3))].into(), ..Found::default() }
}

fn address(index: u32, ip: &str, prefix_length: u8, secondary: bool) -> FoundAddress {
    let (ip, broadcast, message) = (ip.parse().unwrap(), None, AddressMessage::default());
    FoundAddress { index, ip, prefix_length, broadcast, secondary, message }
}

fn wanted_address(prefix_length: u8, primary: bool) -> WantedAddress {
    WantedAddress { prefix_length, broadcast: None, probed: true, eui_64: false, primary }
}

fn want(wanted: &mut Wanted, ip: &str, address: WantedAddress) {
    wanted.want_address(&"eth1".into(), ip.parse().unwrap(), Wish::new(address, format!("/{ip}")));
}

fn ours(record: &mut Record, index: u32, ip: &str, prefix_length: u8) {
    record.claim(&Claim::Address(index, (ip.parse().unwrap(), prefix_length), format!("/{ip}")));
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.tasks.iter().map(|task| task.step.to_string()).collect()
}

#[test]
fn agreement_is_no_step() {
    assert_eq!(plan(&Wanted::default(), &machine(), "pe1", &Record::default(), ALL), Plan::default());
    let mut wanted = Wanted::default();
    wanted.want_hostname(Wish::new("pe1".into(), "/n"));
    wanted.want_up(&"eth1".into(), Wish::new(true, "/u"));
    wanted.want_mtu(&"eth1".into(), Wish::new(1500, "/m"));
    want(&mut wanted, "192.0.2.1", wanted_address(24, true));
    let mut found = machine();
    found.addresses.push(address(2, "192.0.2.1", 24, false));
    // Put there by others, for all we know.
    found.addresses.push(address(2, "192.0.2.9", 24, true));
    found.addresses.push(address(3, "198.51.100.1", 24, false));
    assert_eq!(plan(&wanted, &found, "pe1", &Record::default(), ALL), Plan::default());
}

#[test]
fn a_value_comes_and_goes_back() {
    let mut wanted = Wanted::default();
    wanted.want_mtu(&"eth1".into(), Wish::new(1400, "/m"));
    wanted.want_mtu(&"eth7".into(), Wish::new(1400, "/m7"));
    let (mut found, mut record) = (machine(), Record::default());
    let made = plan(&wanted, &found, "", &record, ALL);
    assert_eq!(steps(&made), ["set link 2 mtu 1400"]);
    assert!(made.refused["/m7"].contains("eth7"));
    record.claim(made.tasks[0].claim.as_ref().unwrap());
    found.links.get_mut("eth1").unwrap().mtu = 1400;
    assert!(plan(&wanted, &found, "", &record, ALL).tasks.is_empty());
    // Another value: the one from before stays on record.
    wanted.want_mtu(&"eth1".into(), Wish::new(1300, "/m"));
    assert_eq!(plan(&wanted, &found, "", &record, ALL).tasks[0].claim, None);
    // No longer configured: back to what it was.
    let back = plan(&Wanted::default(), &found, "", &record, ALL);
    assert_eq!(steps(&back), ["set link 2 mtu 1500"]);
    assert_eq!(&*back.tasks[0].path, "/m");
    record.release(back.tasks[0].release.as_ref().unwrap());
    assert_eq!(record, Record::default());
    // What is off is not touched, not even back.
    record.claim(made.tasks[0].claim.as_ref().unwrap());
    let scope = Scope { mtu: false, ..ALL };
    assert_eq!(plan(&Wanted::default(), &found, "", &record, scope), Plan::default());
}

#[test]
fn only_our_addresses_go() {
    let (mut found, mut record) = (machine(), Record::default());
    found.addresses = vec![
        address(2, "192.0.2.1", 24, false),
        address(2, "192.0.2.2", 24, true),
        address(2, "192.0.2.3", 24, true),
        address(2, "2001:db8::1", 64, false),
    ];
    ours(&mut record, 2, "192.0.2.1", 24);
    ours(&mut record, 2, "192.0.2.3", 24);
    ours(&mut record, 2, "192.0.2.4", 24);
    let made = plan(&Wanted::default(), &found, "", &record, ALL);
    assert_eq!(
        steps(&made),
        [
            "delete address 192.0.2.1/24 of link 2",
            // The kernel may take it with the one before it; it is not ours.
            "put back an address of link 0",
            "delete address 192.0.2.3/24 of link 2",
        ]
    );
    assert_eq!(made.stale, [Claim::Address(2, ("192.0.2.4".parse().unwrap(), 24), "/192.0.2.4".to_owned())]);
}

#[test]
fn another_prefix_is_another_address() {
    let (mut found, mut record, mut wanted) = (machine(), Record::default(), Wanted::default());
    found.addresses = vec![address(2, "192.0.2.1", 24, false)];
    ours(&mut record, 2, "192.0.2.1", 24);
    want(&mut wanted, "192.0.2.1", wanted_address(25, true));
    assert_eq!(
        steps(&plan(&wanted, &found, "", &record, ALL)),
        ["delete address 192.0.2.1/24 of link 2", "add address 192.0.2.1/25 to link 2"]
    );
}

#[test]
fn the_primary_address_stands_first() {
    let (mut found, mut record, mut wanted) = (machine(), Record::default(), Wanted::default());
    want(&mut wanted, "192.0.2.2", wanted_address(24, false));
    want(&mut wanted, "192.0.2.9", wanted_address(24, true));
    assert_eq!(
        steps(&plan(&wanted, &found, "", &record, ALL)),
        ["add address 192.0.2.9/24 to link 2", "add address 192.0.2.2/24 to link 2"]
    );
    found.addresses = vec![address(2, "192.0.2.2", 24, false)];
    ours(&mut record, 2, "192.0.2.2", 24);
    assert_eq!(steps(&plan(&wanted, &found, "", &record, ALL)), ["add address 192.0.2.9/24 to link 2"]);
    found.addresses.push(address(2, "192.0.2.9", 24, true));
    ours(&mut record, 2, "192.0.2.9", 24);
    assert_eq!(
        steps(&plan(&wanted, &found, "", &record, ALL)),
        [
            "delete address 192.0.2.2/24 of link 2",
            "delete address 192.0.2.9/24 of link 2",
            "add address 192.0.2.9/24 to link 2",
            "add address 192.0.2.2/24 to link 2",
        ]
    );
}

#[test]
fn the_host_part_comes_from_the_mac_address() {
    let mut wanted = Wanted::default();
    want(&mut wanted, "2001:db8::", WantedAddress { eui_64: true, ..wanted_address(64, false) });
    let made = plan(&wanted, &machine(), "", &Record::default(), ALL);
    assert_eq!(steps(&made), ["add address 2001:db8::ff:fe00:1/64 to link 2"]);
}

fn key(priority: u32) -> RouteKey {
    RouteKey { destination: "203.0.113.0".parse().unwrap(), prefix_length: 24, priority }
}

fn found_route(priority: u32, hops: &[(&str, u32)]) -> FoundRoute {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 24;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = PROTOCOL;
    message.header.kind = RouteType::Unicast;
    let gateway = |ip: &str| RouteAttribute::Gateway(ip.parse::<IpAddr>().unwrap().into());
    message.attributes =
        vec![RouteAttribute::Destination(key(0).destination.into()), RouteAttribute::Priority(priority)];
    match hops {
        [(ip, link)] => message.attributes.extend([gateway(ip), RouteAttribute::Oif(*link)]),
        hops => {
            let hops = hops.iter().map(|(ip, link)| {
                let mut hop = RouteNextHop::default();
                hop.interface_index = *link;
                hop.attributes.push(gateway(ip));
                hop
            });
            message.attributes.push(RouteAttribute::MultiPath(hops.collect()));
        }
    }
    route(message).unwrap()
}

fn want_route(wanted: &mut Wanted, priority: u32, gateways: &[&str]) {
    let hop = |ip: &&str| Wish::new(WantedHop { gateway: ip.parse().ok(), link: None }, format!("/{ip}"));
    let hops = gateways.iter().map(hop).collect();
    wanted.routes.insert(key(priority), WantedRoute { kind: RouteKind::Unicast, hops, path: "/r".into() });
}

#[test]
fn routes_are_added_replaced_and_removed() {
    let (mut found, mut wanted) = (machine(), Wanted::default());
    let make = |wanted: &Wanted, found: &Found| steps(&plan(wanted, found, "", &Record::default(), ALL));
    want_route(&mut wanted, 5, &["192.0.2.2"]);
    assert_eq!(make(&wanted, &found), ["add route 203.0.113.0/24 metric 5"]);
    found.routes = vec![found_route(5, &[("192.0.2.2", 2)])];
    assert!(make(&wanted, &found).is_empty());
    want_route(&mut wanted, 5, &["192.0.2.3"]);
    assert_eq!(make(&wanted, &found), ["replace route 203.0.113.0/24 metric 5"]);
    found.routes.push(found_route(6, &[("192.0.2.2", 2)]));
    assert_eq!(
        make(&wanted, &found),
        ["delete route 203.0.113.0/24 metric 6", "replace route 203.0.113.0/24 metric 5"]
    );
    assert_eq!(
        make(&Wanted::default(), &found),
        ["delete route 203.0.113.0/24 metric 5", "delete route 203.0.113.0/24 metric 6"]
    );
}

#[test]
fn a_shared_route_has_the_hops_that_can_be_used() {
    let (mut found, mut wanted) = (machine(), Wanted::default());
    want_route(&mut wanted, 5, &["192.0.2.2", "198.51.100.2"]);
    found.addresses = vec![address(2, "192.0.2.1", 24, false), address(3, "198.51.100.1", 24, false)];
    found.routes = vec![found_route(5, &[("198.51.100.2", 3), ("192.0.2.2", 2)])];
    assert!(plan(&wanted, &found, "", &Record::default(), ALL).tasks.is_empty());
    found.links.get_mut("eth2").unwrap().running = false;
    let made = plan(&wanted, &found, "", &Record::default(), ALL);
    assert_eq!(steps(&made), ["replace route 203.0.113.0/24 metric 5"]);
    assert_eq!(made.refused.keys().map(|path| &**path).collect::<Vec<_>>(), ["/198.51.100.2"]);
    let Step::AddRoute { hops, .. } = &made.tasks[0].step else { panic!("{:?}", made.tasks) };
    assert_eq!(hops, &[(Some("192.0.2.2".parse().unwrap()), None)]);
}
