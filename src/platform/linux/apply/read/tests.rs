//! What configuration asks for, on the built-in models.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::platform::linux::apply::wanted::{RouteKey, RouteKind, WantedRoute};
use crate::schema::{Input, Loaded, Rule, Sources, load};
use crate::store::{Content, Edit, Validator, prepare};
use crate::time::Timestamp;
use crate::value::Value;

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(&Sources::default()).unwrap());

fn schema() -> &'static Arc<Schema> {
    &LOADED.schema
}

fn place(path: &str) -> DataPath {
    let resolver = Resolver { schema: schema(), views: Views::ALL, name_wildcards: false };
    resolver.write(&RawPath::parse(path).unwrap()).unwrap()
}

/// What is asked for by leaves given as path and value, with all appliers on and two ports named.
fn wanted(leaves: &[(&str, &str)]) -> Wanted {
    wanted_with(leaves, &Applier::ALL)
}

fn wanted_with(leaves: &[(&str, &str)], on: &[Applier]) -> Wanted {
    let edits: Vec<Edit> = leaves
        .iter()
        .map(|(path, text)| {
            let path = place(path);
            let ty = schema().node(path.node().unwrap()).ty().unwrap();
            let home = &schema().module(schema().node(path.node().unwrap()).module).name;
            let value = match *text {
                "" => Value::Empty,
                text => ty.accept(Input::Text(text), Rule::Text, home).unwrap(),
            };
            Edit::Update(path, Content::Leaf(value))
        })
        .collect();
    let empty = Tree::default();
    let mut validator = Validator::new(&LOADED);
    let (tree, _) = prepare(schema(), &mut validator, &empty, empty.clone(), &edits, Timestamp::EPOCH).unwrap();
    let ports = [("1/1/1", "eth1"), ("1/1/2", "eth2")].map(|(port, name)| (port.to_owned(), name.into()));
    read(schema(), &tree, &Terms { on: on.iter().copied().collect(), ports: ports.into() })
}

const ETH1: (&str, &str) = ("/interfaces/interface[name=eth1]/config/name", "eth1");
const ETH1_TYPE: (&str, &str) = ("/interfaces/interface[name=eth1]/config/type", "iana-if-type:ethernetCsmacd");

const BASE: &str = "/configure/router[router-name=Base]";

fn base(path: &str) -> String {
    format!("{BASE}/{path}")
}

#[test]
fn nothing_configured_asks_for_nothing() {
    assert_eq!(wanted(&[]), Wanted::default());
    // A default in use is not a wish.
    let only_description =
        wanted(&[ETH1, ETH1_TYPE, ("/interfaces/interface[name=eth1]/config/description", "uplink")]);
    assert_eq!(only_description.links["eth1"].up, None);
    assert_eq!(only_description.links["eth1"].alias.as_ref().map(|wish| &*wish.value), Some("uplink"));
}

#[test]
fn what_is_off_is_not_asked_for() {
    let leaves = [
        ("/configure/system/name", "pe1"),
        ("/configure/port[port-id=1/1/1]/admin-state", "enable"),
        ("/configure/port[port-id=9/9/9]/admin-state", "enable"),
        (&*base("interface[interface-name=eth1]/ipv4/primary/address"), "192.0.2.1"),
        (&*base("interface[interface-name=eth1]/ipv4/primary/prefix-length"), "24"),
        (&*base("static-routes/route[ip-prefix=198.51.100.0/24][route-type=unicast]/blackhole/admin-state"), "enable"),
    ];
    assert_eq!(wanted_with(&leaves, &[]), Wanted::default());
    let all = wanted(&leaves);
    assert_eq!((all.links.len(), all.addresses.len(), all.routes.len()), (1, 1, 1));
    assert_eq!(all.hostname.unwrap().path.as_ref(), "/configure/system/name");
    let refused: Vec<_> = all.refused.into_iter().collect();
    assert_eq!(&*refused[0].0, "/configure/port[port-id=9/9/9]");
    assert!(refused[0].1.contains("[platform.linux.ports]"), "{}", refused[0].1);
}

#[test]
fn both_models_and_both_levels() {
    let asked = wanted(&[
        ("/configure/port[port-id=1/1/1]/admin-state", "enable"),
        ("/configure/port[port-id=1/1/1]/description", "first"),
        ("/configure/port[port-id=1/1/1]/ethernet/mtu", "9018"),
        ("/configure/port[port-id=1/1/1]/ethernet/encap-type", "dot1q"),
        (&base("interface[interface-name=core]/port"), "1/1/1:0"),
        (&base("interface[interface-name=core]/admin-state"), "enable"),
        ETH1,
        ETH1_TYPE,
        ("/interfaces/interface[name=eth1]/config/enabled", "false"),
        ("/interfaces/interface[name=eth1]/config/mtu", "1400"),
        ("/interfaces/interface[name=eth1]/config/description", "second"),
    ]);
    let link = &asked.links["eth1"];
    let up = link.up.as_ref().unwrap();
    assert_eq!((up.value, &*up.path), (false, "/interfaces/interface[name=eth1]/config/enabled"));
    assert_eq!(link.mtu.as_ref().unwrap().value, 1400);
    assert_eq!(&*link.alias.as_ref().unwrap().value, "first");
    assert!(asked.refused["/interfaces/interface[name=eth1]/config/description"].contains("goes before"));
    let alone = wanted(&[
        ("/configure/port[port-id=1/1/1]/ethernet/mtu", "9018"),
        ("/configure/port[port-id=1/1/1]/ethernet/encap-type", "dot1q"),
    ]);
    assert_eq!(alone.links["eth1"].mtu.as_ref().unwrap().value, 9000);
}

#[test]
fn interfaces_stand_on_links() {
    let with = |name: &str, leaf: &str, value: &str| {
        let interface = base(&format!("interface[interface-name={name}]"));
        let asked = wanted(&[
            (&format!("{interface}/{leaf}"), value),
            (&format!("{interface}/ipv4/primary/address"), "192.0.2.1"),
            (&format!("{interface}/ipv4/primary/prefix-length"), "32"),
        ]);
        match asked.addresses.keys().next() {
            Some((link, _)) => link.to_string(),
            None => asked.refused.into_values().next().unwrap(),
        }
    };
    assert_eq!(with("core", "port", "1/1/2"), "eth2");
    assert_eq!(with("core", "port", "1/1/2:0"), "eth2");
    assert!(with("core", "port", "1/1/2:100").contains("VLAN link"));
    assert!(with("core", "port", "1/1/9").contains("[platform.linux.ports]"));
    assert_eq!(with("loop", "loopback", ""), "lo");
    assert_eq!(with("system", "description", "me"), "lo");
    assert_eq!(with("eth7", "description", "me"), "eth7");
}

#[test]
fn addresses_with_their_particulars() {
    let interface = base("interface[interface-name=eth1]");
    let asked = wanted(&[
        (&format!("{interface}/ipv4/primary/address"), "192.0.2.1"),
        (&format!("{interface}/ipv4/primary/prefix-length"), "24"),
        (&format!("{interface}/ipv4/secondary[address=198.51.100.1]/prefix-length"), "31"),
        (&format!("{interface}/ipv6/address[ipv6-address=2001:db8::1]/prefix-length"), "64"),
        (&format!("{interface}/ipv6/address[ipv6-address=2001:db8:1::]/prefix-length"), "64"),
        (&format!("{interface}/ipv6/address[ipv6-address=2001:db8:1::]/eui-64"), "true"),
        (&format!("{interface}/ipv6/address[ipv6-address=2001:db8:1::]/duplicate-address-detection"), "false"),
        ETH1,
        ETH1_TYPE,
        (
            "/interfaces/interface[name=eth1]/subinterfaces/subinterface[index=0]/ipv4/addresses/address[ip=192.0.2.1]\
             /config/prefix-length",
            "25",
        ),
        (
            "/interfaces/interface[name=eth1]/subinterfaces/subinterface[index=0]/ipv4/addresses/address[ip=192.0.2.1]\
             /config/ip",
            "192.0.2.1",
        ),
        ("/interfaces/interface[name=eth1]/subinterfaces/subinterface[index=0]/config/index", "0"),
    ]);
    let address = |ip: &str| &asked.addresses[&("eth1".into(), ip.parse().unwrap())].value;
    let primary = address("192.0.2.1");
    assert!(primary.primary && primary.broadcast == Some("192.0.2.255".parse().unwrap()));
    assert_eq!(address("198.51.100.1").broadcast, None);
    assert!(address("2001:db8::1").probed && !address("2001:db8::1").eui_64);
    assert!(!address("2001:db8:1::").probed && address("2001:db8:1::").eui_64);
    assert_eq!(asked.refused.len(), 1, "{:?}", asked.refused);
    assert!(asked.refused.keys().next().unwrap().starts_with("/interfaces/interface[name=eth1]"));
}

#[test]
fn routes_in_the_order_of_a_router() {
    let route = base("static-routes/route[ip-prefix=203.0.113.9/24][route-type=unicast]");
    let hop = |gateway: &str, leaf: &str| format!("{route}/next-hop[ip-next-hop={gateway}]/{leaf}");
    let (a, b, c, d) = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4");
    let (on, metric) = ("admin-state", "metric");
    let leaves = [
        (hop(a, on), "enable"),
        (hop(b, on), "enable"),
        (hop(c, on), "enable"),
        (hop(c, metric), "7"),
        (hop(d, metric), "7"),
        (format!("{route}/blackhole/admin-state"), "enable"),
        (format!("{route}/blackhole/preference"), "200"),
        (format!("{route}/indirect[ip-address=10.0.0.1]/admin-state"), "enable"),
    ];
    let leaves: Vec<(&str, &str)> = leaves.iter().map(|(path, value)| (&**path, *value)).collect();
    let destination = "203.0.113.0".parse().unwrap();
    let show = |(key, route): (&RouteKey, &WantedRoute)| {
        assert_eq!((key.destination, key.prefix_length), (destination, 24));
        let gateways: Vec<_> = route.hops.iter().filter_map(|hop| hop.value.gateway).map(|ip| ip.to_string()).collect();
        (key.priority, route.kind, gateways.join(" "))
    };
    let asked = wanted(&leaves);
    let unicast = RouteKind::Unicast;
    assert_eq!(
        asked.routes.iter().map(show).collect::<Vec<_>>(),
        [
            (5, unicast, a.to_owned()),
            (6, unicast, b.to_owned()),
            (7, unicast, c.to_owned()),
            (200, RouteKind::Blackhole, String::new())
        ]
    );
    assert!(asked.refused.values().all(|reason| reason.contains("indirect")));
    let ecmp = base("ecmp");
    let leaves: Vec<_> = leaves.into_iter().chain([(&*ecmp, "4")]).collect();
    let shared = wanted(&leaves).routes.iter().map(show).collect::<Vec<_>>();
    assert_eq!(shared[0], (5, unicast, format!("{a} {b}")));
    assert_eq!(shared[1], (6, unicast, c.to_owned()));
}

#[test]
fn services() {
    let asked = wanted(&[
        ("/configure/system/name", "not a host name"),
        ("/system/config/hostname", "pe1"),
        ("/system/config/domain-name", "lab.example"),
        ("/system/dns/servers/server[address=192.0.2.53]/config/address", "192.0.2.53"),
        ("/configure/system/time/ntp/admin-state", "enable"),
        ("/configure/system/time/ntp/server[ip-address=192.0.2.1][router-instance=Base]/prefer", "true"),
        ("/configure/system/time/ntp/server[ip-address=192.0.2.2][router-instance=Base]/key-id", "7"),
        ("/system/ntp/config/enabled", "true"),
        ("/system/ntp/servers/server[address=192.0.2.1]/config/address", "192.0.2.1"),
        ("/system/ntp/servers/server[address=time.example]/config/address", "time.example"),
        ("/system/ntp/servers/server[address=time.example]/config/iburst", "true"),
    ]);
    assert_eq!(&*asked.hostname.unwrap().value, "pe1");
    let dns = asked.dns.unwrap().value;
    assert_eq!((dns.servers[0].value, &*dns.search[0]), (("192.0.2.53".parse().unwrap(), None), "lab.example"));
    let servers: Vec<_> = asked.ntp.unwrap().value.servers.into_iter().map(|server| server.value).collect();
    assert_eq!(servers.iter().map(|server| &*server.host).collect::<Vec<_>>(), ["192.0.2.1", "time.example"]);
    assert!(servers[0].prefer && servers[1].iburst);
    let refused: Vec<&str> = asked.refused.keys().map(|path| &**path).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0] == "/configure/system/name" && refused[1].contains("192.0.2.2"));
}
