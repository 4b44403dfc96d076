//! Links as nokia-state has them: ports, and interfaces of the Base router.
//!
//! A port carries what the hardware says; the router interface of the same link what IP says. The kernel does not tell
//! unicast from broadcast, so those counters stay absent on Linux.

use super::table::Row;
use super::value::Datum;
use crate::platform::links::Seen;
use crate::platform::reading::{Address, Counters, IpCounters, Oper};

/// `/state/port`.
pub(crate) const PORT: &str = "nokia-state:state/port";
/// `/state/router/interface`.
pub(crate) const INTERFACE: &str = "nokia-state:state/router/interface";
/// `/state/router/interface/ipv4/secondary`.
pub(crate) const IPV4_SECONDARY: &str = "nokia-state:state/router/interface/ipv4/secondary";
/// `/state/router/interface/ipv6/address`.
pub(crate) const IPV6_ADDRESS: &str = "nokia-state:state/router/interface/ipv6/address";
/// The router that kernel links belong to.
pub(crate) const ROUTER: &str = "Base";

/// What of a port changes rarely.
pub(crate) const PORT_FACTS: &[Row<Seen>] = &[
    Row("oper-state", |seen| Some(Datum::word(port_state(seen.link.oper)))),
    Row("port-state", |seen| port_link_state(seen).map(Datum::word)),
    Row("physical-link", |seen| seen.link.carrier.map(Datum::Flag)),
    Row("hardware-mac-address", |seen| seen.link.permanent_mac.or(seen.link.mac).map(Datum::Mac)),
    Row("user-assigned-mac", |seen| Some(Datum::Flag(seen.link.permanent_mac? != seen.link.mac?))),
    Row("if-index", |seen| Some(Datum::Number(seen.link.index.into()))),
    Row("oper-state-last-changed", |seen| seen.changed.map(Datum::Time)),
    Row("statistics/counter-discontinuity-time", |seen| Some(Datum::Time(seen.since))),
    Row("port-class", |seen| port_class(seen.ethernet.speed?).map(Datum::word)),
    Row("ethernet/oper-speed", |seen| seen.ethernet.speed.map(|speed| Datum::Number(speed.into()))),
    Row("ethernet/oper-duplex", |seen| {
        seen.ethernet.full_duplex.map(|full| Datum::word(if full { "full" } else { "half" }))
    }),
    Row("linux/interface-name", |seen| Some(Datum::Shared(&seen.link.name))),
    Row("linux/kind", |seen| seen.link.kind.as_ref().map(Datum::Shared)),
    Row("linux/driver", |seen| seen.ethernet.driver.as_ref().map(Datum::Shared)),
    Row("linux/mtu", |seen| seen.link.mtu.map(|mtu| Datum::Number(mtu.into()))),
];

/// What of a port counts.
pub(crate) const PORT_COUNTERS: &[Row<Counters>] = &[
    Row("statistics/in-octets", |read| Some(Datum::Count(read.in_octets))),
    Row("statistics/in-packets", |read| Some(Datum::Count(read.in_packets))),
    Row("statistics/in-unicast-packets", |read| read.in_unicast.map(Datum::Count)),
    Row("statistics/in-broadcast-packets", |read| read.in_broadcast.map(Datum::Count)),
    Row("statistics/in-multicast-packets", |read| read.in_multicast.map(Datum::Count)),
    Row("statistics/in-errors", |read| Some(Datum::Count(read.in_errors))),
    Row("statistics/in-discards", |read| Some(Datum::Count(read.in_discards))),
    Row("statistics/out-octets", |read| Some(Datum::Count(read.out_octets))),
    Row("statistics/out-packets", |read| Some(Datum::Count(read.out_packets))),
    Row("statistics/out-unicast-packets", |read| read.out_unicast.map(Datum::Count)),
    Row("statistics/out-broadcast-packets", |read| read.out_broadcast.map(Datum::Count)),
    Row("statistics/out-multicast-packets", |read| read.out_multicast.map(Datum::Count)),
    Row("statistics/out-errors", |read| Some(Datum::Count(read.out_errors))),
    Row("statistics/out-discards", |read| Some(Datum::Count(read.out_discards))),
    Row("linux/carrier-changes", |read| read.carrier_changes.map(Datum::Count)),
    Row("ethernet/statistics/in-octets", |read| read.ethernet.map(|_| Datum::Count(read.in_octets))),
    Row("ethernet/statistics/in-multicast-packets", |read| read.ethernet.and(read.in_multicast).map(Datum::Count)),
    Row("ethernet/statistics/in-errors", |read| read.ethernet.map(|_| Datum::Count(read.in_errors))),
    Row("ethernet/statistics/out-octets", |read| read.ethernet.map(|_| Datum::Count(read.out_octets))),
    Row("ethernet/statistics/out-errors", |read| read.ethernet.map(|_| Datum::Count(read.out_errors))),
    Row("ethernet/statistics/collisions", |read| Some(Datum::Count(read.ethernet?.collisions))),
    Row("ethernet/statistics/drop-events", |read| Some(Datum::Count(read.ethernet?.missed))),
    Row("ethernet/statistics/crc-align-errors", |read| {
        let ethernet = read.ethernet?;
        Some(Datum::Count(ethernet.crc_errors.wrapping_add(ethernet.alignment_errors)))
    }),
    Row("ethernet/statistics/ethernet-like-medium/collision/late", |read| {
        Some(Datum::Count(read.ethernet?.late_collisions))
    }),
    Row("ethernet/statistics/ethernet-like-medium/collision/excessive", |read| {
        Some(Datum::Count(read.ethernet?.aborted))
    }),
    Row("ethernet/statistics/ethernet-like-medium/error/alignment", |read| {
        Some(Datum::Count(read.ethernet?.alignment_errors))
    }),
    Row("ethernet/statistics/ethernet-like-medium/error/carrier-sense", |read| {
        Some(Datum::Count(read.ethernet?.carrier_errors))
    }),
    Row("ethernet/statistics/ethernet-like-medium/error/fcs", |read| Some(Datum::Count(read.ethernet?.crc_errors))),
    Row("ethernet/statistics/ethernet-like-medium/error/sqe-test", |read| {
        Some(Datum::Count(read.ethernet?.heartbeat_errors))
    }),
];

/// What of a router interface changes rarely.
pub(crate) const INTERFACE_FACTS: &[Row<Seen>] = &[
    Row("if-index", |seen| Some(Datum::Number(seen.link.index.into()))),
    Row("system-if-index", |seen| Some(Datum::Number(seen.link.index.into()))),
    Row("oper-state", |seen| Some(Datum::word(interface_state(seen.link.oper)))),
    Row("oper-ip-mtu", |seen| seen.link.mtu.map(|mtu| Datum::Number(mtu.into()))),
    Row("last-oper-change", |seen| seen.changed.map(Datum::Time)),
    Row("ipv4/oper-state", |seen| Some(Datum::word(ip_state(seen, Address::is_ipv4)))),
    Row("ipv4/down-reason", |seen| down_reason(seen, Address::is_ipv4).map(Datum::word)),
    Row("ipv4/primary/oper-address", |seen| primary(seen).map(|address| Datum::Address(address.ip))),
    Row("ipv4/primary/oper-prefix-length", |seen| {
        primary(seen).map(|address| Datum::Number(address.prefix_length.into()))
    }),
    Row("ipv6/oper-state", |seen| has(seen, Address::is_ipv6).then(|| Datum::word(ip_state(seen, Address::is_ipv6)))),
    Row("ipv6/down-reason", |seen| {
        has(seen, Address::is_ipv6).then(|| down_reason(seen, Address::is_ipv6))?.map(Datum::word)
    }),
    Row("ipv6/link-local-address/oper-address", |seen| {
        seen.addresses.iter().find(|address| address.is_link_local()).map(|address| Datum::Address(address.ip))
    }),
    Row("neighbor-statistics/ipv4", |seen| Some(Datum::Number(seen.neighbours?.ipv4.into()))),
    Row("neighbor-statistics/ipv6", |seen| Some(Datum::Number(seen.neighbours?.ipv6.into()))),
];

/// What of a router interface counts. The kernel counts packets of a link, whatever they are.
pub(crate) const INTERFACE_COUNTERS: &[Row<Counters>] = &[
    Row("statistics/ip/in-packets", |read| Some(Datum::Count(read.in_packets))),
    Row("statistics/ip/in-octets", |read| Some(Datum::Count(read.in_octets))),
    Row("statistics/ip/out-packets", |read| Some(Datum::Count(read.out_packets))),
    Row("statistics/ip/out-octets", |read| Some(Datum::Count(read.out_octets))),
    Row("statistics/ip/out-discard-packets", |read| Some(Datum::Count(read.out_discards))),
];

/// IPv6 packets, which the kernel counts by link as well. It does not do so for IPv4.
pub(crate) const IPV6_COUNTERS: &[Row<IpCounters>] = &[
    Row("ipv6/statistics/in-packets", |read| Some(Datum::Count(read.in_packets))),
    Row("ipv6/statistics/in-octets", |read| Some(Datum::Count(read.in_octets))),
    Row("ipv6/statistics/out-packets", |read| Some(Datum::Count(read.out_packets))),
    Row("ipv6/statistics/out-octets", |read| Some(Datum::Count(read.out_octets))),
    Row("ipv6/statistics/out-discard-packets", |read| Some(Datum::Count(read.out_discards))),
];

/// An address with an entry of its own: a further IPv4 address, an IPv6 address that is not link-local.
pub(crate) const ADDRESS_FACTS: &[Row<Address>] =
    &[Row("oper-prefix-length", |address| Some(Datum::Number(address.prefix_length.into())))];

fn port_state(oper: Oper) -> &'static str {
    match oper {
        Oper::Up => "up",
        Oper::Unknown => "unknown",
        Oper::Testing => "diagnosing",
        Oper::Down | Oper::Dormant | Oper::NotPresent | Oper::LowerLayerDown => "down",
    }
}

fn port_class(speed: u32) -> Option<&'static str> {
    Some(match speed {
        100 => "fast-e",
        1_000 => "gig-e",
        10_000 => "xgig-e",
        25_000 => "xxvgig-e",
        40_000 => "xlgig-e",
        50_000 => "lgig-e",
        100_000 => "cgig-e",
        400_000 => "cdgig-e",
        _ => return None,
    })
}

/// Up; or only the link is; or not even that.
fn port_link_state(seen: &Seen) -> Option<&'static str> {
    Some(match (seen.link.oper, seen.link.carrier) {
        (Oper::Up, _) => "up",
        (Oper::Testing, _) => "diagnose",
        (Oper::NotPresent, _) => "ghost",
        (_, Some(true)) => "link-up",
        (_, Some(false)) => "link-down",
        (_, None) => return None,
    })
}

fn interface_state(oper: Oper) -> &'static str {
    match oper {
        Oper::Up => "up",
        Oper::Down => "down",
        Oper::Testing => "testing",
        Oper::Unknown => "unknown",
        Oper::Dormant => "dormant",
        Oper::NotPresent => "not-present",
        Oper::LowerLayerDown => "lower-layer-down",
    }
}

fn has(seen: &Seen, family: fn(&Address) -> bool) -> bool {
    seen.addresses.iter().any(family)
}

/// IP runs on a link that is on, not known to be down, and has a usable address. A driver that does not tell its state
/// carries packets whenever it is on.
fn ip_state(seen: &Seen, family: fn(&Address) -> bool) -> &'static str {
    if down_reason(seen, family).is_some() { "down" } else { "up" }
}

fn down_reason(seen: &Seen, family: fn(&Address) -> bool) -> Option<&'static str> {
    if !seen.link.admin_up {
        Some("admin-disabled")
    } else if !matches!(seen.link.oper, Oper::Up | Oper::Unknown) {
        Some("port-down")
    } else if !seen.addresses.iter().any(|address| family(address) && address.usable) {
        Some("no-address")
    } else {
        None
    }
}

/// The address that is a leaf of its interface; all other IPv4 addresses are secondary ones, in whatever network.
pub(crate) fn primary(seen: &Seen) -> Option<&Address> {
    seen.addresses.iter().find(|address| address.is_ipv4() && !address.secondary)
}
