//! Links as openconfig-interfaces has them, with Ethernet and IP.
//!
//! Each link is an interface with one subinterface, 0, which holds its addresses.

use super::table::Row;
use super::value::Datum;
use crate::platform::links::Seen;
use crate::platform::reading::{Address, Counters, Layer, Oper, Origin};

/// `/interfaces/interface`.
pub(crate) const INTERFACE: &str = "openconfig-interfaces:interfaces/interface";
/// `.../subinterfaces/subinterface`.
pub(crate) const SUBINTERFACE: &str = "openconfig-interfaces:interfaces/interface/subinterfaces/subinterface";
/// `.../subinterface/ipv4/addresses/address`.
pub(crate) const IPV4: &str =
    "openconfig-interfaces:interfaces/interface/subinterfaces/subinterface/ipv4/addresses/address";
/// `.../subinterface/ipv6/addresses/address`.
pub(crate) const IPV6: &str =
    "openconfig-interfaces:interfaces/interface/subinterfaces/subinterface/ipv6/addresses/address";

/// What of an interface changes rarely.
pub(crate) const INTERFACE_FACTS: &[Row<Seen>] = &[
    Row("state/name", |seen| Some(Datum::Shared(&seen.link.name))),
    Row("state/type", |seen| Some(Datum::word(interface_type(seen)))),
    Row("state/mtu", |seen| seen.link.mtu.map(|mtu| Datum::Number(mtu.into()))),
    Row("state/description", |seen| seen.link.alias.as_ref().map(Datum::Shared)),
    Row("state/enabled", |seen| Some(Datum::Flag(seen.link.admin_up))),
    Row("state/ifindex", |seen| Some(Datum::Number(seen.link.index.into()))),
    Row("state/admin-status", |seen| Some(Datum::word(if seen.link.admin_up { "UP" } else { "DOWN" }))),
    Row("state/oper-status", |seen| Some(Datum::word(oper_status(seen.link.oper)))),
    Row("state/last-change", |seen| seen.changed.map(Datum::Time)),
    Row("state/logical", |seen| Some(Datum::Flag(seen.link.kind.is_some() || seen.link.layer == Layer::Loopback))),
    Row("ethernet/state/mac-address", |seen| ethernet(seen)?.link.mac.map(Datum::Mac)),
    Row("ethernet/state/hw-mac-address", |seen| ethernet(seen)?.link.permanent_mac.map(Datum::Mac)),
    Row("ethernet/state/auto-negotiate", |seen| seen.ethernet.autonegotiation.map(Datum::Flag)),
    Row("ethernet/state/duplex-mode", |seen| duplex(seen).map(Datum::word)),
    Row("ethernet/state/port-speed", |seen| speed(seen).map(Datum::word)),
    Row("ethernet/state/negotiated-duplex-mode", |seen| {
        seen.ethernet.autonegotiation?.then(|| duplex(seen))?.map(Datum::word)
    }),
    Row("ethernet/state/negotiated-port-speed", |seen| {
        seen.ethernet.autonegotiation?.then(|| speed(seen))?.map(Datum::word)
    }),
];

/// What of subinterface 0 changes rarely.
pub(crate) const SUBINTERFACE_FACTS: &[Row<Seen>] = &[
    Row("state/index", |_| Some(Datum::Number(0))),
    Row("state/name", |seen| Some(Datum::Shared(&seen.link.name))),
    Row("state/enabled", |seen| Some(Datum::Flag(seen.link.admin_up))),
    Row("state/ifindex", |seen| Some(Datum::Number(seen.link.index.into()))),
    Row("state/admin-status", |seen| Some(Datum::word(if seen.link.admin_up { "UP" } else { "DOWN" }))),
    Row("state/oper-status", |seen| Some(Datum::word(oper_status(seen.link.oper)))),
    Row("state/last-change", |seen| seen.changed.map(Datum::Time)),
];

/// What of an interface counts.
pub(crate) const INTERFACE_COUNTERS: &[Row<Counters>] = &[
    Row("state/counters/in-octets", |read| Some(Datum::Count(read.in_octets))),
    Row("state/counters/in-pkts", |read| Some(Datum::Count(read.in_packets))),
    Row("state/counters/in-unicast-pkts", |read| read.in_unicast.map(Datum::Count)),
    Row("state/counters/in-broadcast-pkts", |read| read.in_broadcast.map(Datum::Count)),
    Row("state/counters/in-multicast-pkts", |read| read.in_multicast.map(Datum::Count)),
    Row("state/counters/in-errors", |read| Some(Datum::Count(read.in_errors))),
    Row("state/counters/in-discards", |read| Some(Datum::Count(read.in_discards))),
    Row("state/counters/in-fcs-errors", |read| Some(Datum::Count(read.ethernet?.crc_errors))),
    Row("state/counters/out-octets", |read| Some(Datum::Count(read.out_octets))),
    Row("state/counters/out-pkts", |read| Some(Datum::Count(read.out_packets))),
    Row("state/counters/out-unicast-pkts", |read| read.out_unicast.map(Datum::Count)),
    Row("state/counters/out-broadcast-pkts", |read| read.out_broadcast.map(Datum::Count)),
    Row("state/counters/out-multicast-pkts", |read| read.out_multicast.map(Datum::Count)),
    Row("state/counters/out-errors", |read| Some(Datum::Count(read.out_errors))),
    Row("state/counters/out-discards", |read| Some(Datum::Count(read.out_discards))),
    Row("state/counters/carrier-transitions", |read| read.carrier_changes.map(Datum::Count)),
];

/// An IPv4 address.
pub(crate) const IPV4_FACTS: &[Row<Address>] = &[
    Row("state/ip", |address| Some(Datum::Address(address.ip))),
    Row("state/prefix-length", |address| Some(Datum::Number(address.prefix_length.into()))),
    Row("state/origin", |address| origin(address).map(Datum::word)),
    Row("state/type", |address| Some(Datum::word(if address.secondary { "SECONDARY" } else { "PRIMARY" }))),
];

/// An IPv6 address.
pub(crate) const IPV6_FACTS: &[Row<Address>] = &[
    Row("state/ip", |address| Some(Datum::Address(address.ip))),
    Row("state/prefix-length", |address| Some(Datum::Number(address.prefix_length.into()))),
    Row("state/origin", |address| origin(address).map(Datum::word)),
    Row("state/status", |address| {
        Some(Datum::word(match (address.duplicate, address.usable) {
            (true, _) => "DUPLICATE",
            (false, true) => "PREFERRED",
            (false, false) => "TENTATIVE",
        }))
    }),
    Row("state/type", |address| {
        Some(Datum::word(if address.is_link_local() { "LINK_LOCAL_UNICAST" } else { "GLOBAL_UNICAST" }))
    }),
];

fn ethernet(seen: &Seen) -> Option<&Seen> {
    (seen.link.layer == Layer::Ethernet).then_some(seen)
}

fn interface_type(seen: &Seen) -> &'static str {
    match (seen.link.layer, seen.link.kind.as_deref()) {
        (Layer::Loopback, _) => "softwareLoopback",
        (_, Some("bridge")) => "bridge",
        (_, Some("vlan")) => "l2vlan",
        (_, Some("bond" | "team")) => "ieee8023adLag",
        (Layer::Ethernet, _) => "ethernetCsmacd",
        (Layer::Other, Some(_)) => "tunnel",
        (Layer::Other, None) => "other",
    }
}

fn oper_status(oper: Oper) -> &'static str {
    match oper {
        Oper::Up => "UP",
        Oper::Down => "DOWN",
        Oper::Testing => "TESTING",
        Oper::Unknown => "UNKNOWN",
        Oper::Dormant => "DORMANT",
        Oper::NotPresent => "NOT_PRESENT",
        Oper::LowerLayerDown => "LOWER_LAYER_DOWN",
    }
}

fn duplex(seen: &Seen) -> Option<&'static str> {
    seen.ethernet.full_duplex.map(|full| if full { "FULL" } else { "HALF" })
}

fn speed(seen: &Seen) -> Option<&'static str> {
    Some(match seen.ethernet.speed? {
        10 => "SPEED_10MB",
        100 => "SPEED_100MB",
        1_000 => "SPEED_1GB",
        2_500 => "SPEED_2500MB",
        5_000 => "SPEED_5GB",
        10_000 => "SPEED_10GB",
        25_000 => "SPEED_25GB",
        40_000 => "SPEED_40GB",
        50_000 => "SPEED_50GB",
        100_000 => "SPEED_100GB",
        200_000 => "SPEED_200GB",
        400_000 => "SPEED_400GB",
        600_000 => "SPEED_600GB",
        800_000 => "SPEED_800GB",
        _ => "SPEED_UNKNOWN",
    })
}

/// Whether a leased IPv6 address came by DHCP or by autoconfiguration the kernel does not tell.
fn origin(address: &Address) -> Option<&'static str> {
    Some(match address.origin? {
        Origin::Static => "STATIC",
        Origin::Dynamic if address.is_ipv4() => "DHCP",
        Origin::Dynamic => "OTHER",
        Origin::LinkLayer => "LINK_LAYER",
    })
}
