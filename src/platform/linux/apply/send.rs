//! Steps as requests to the kernel.

use std::io::ErrorKind;
use std::net::IpAddr;

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteScope, RouteType};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::super::netlink::{NetlinkError, Requests};
use super::found::PROTOCOL;
use super::plan::{Hop, Step};
use super::wanted::{RouteKey, RouteKind, WantedAddress};

/// Does a step. What is to be gone and is gone already, and what is to be there and is, is done.
pub(super) async fn send(step: &Step, requests: &mut Requests) -> Result<(), NetlinkError> {
    match step {
        Step::Hostname(name) => {
            rustix::system::sethostname(name.as_bytes()).map_err(|error| NetlinkError::Refused(error.into()))
        }
        Step::Up(index, up) => {
            let mut message = link(*index);
            message.header.change_mask = LinkFlags::Up;
            message.header.flags = if *up { LinkFlags::Up } else { LinkFlags::empty() };
            requests.change(RouteNetlinkMessage::SetLink(message), 0).await
        }
        Step::Mtu(index, mtu) => {
            let mut message = link(*index);
            message.attributes.push(LinkAttribute::Mtu(*mtu));
            requests.change(RouteNetlinkMessage::SetLink(message), 0).await
        }
        Step::Alias(index, alias) => {
            let mut message = link(*index);
            message.attributes.push(LinkAttribute::IfAlias(alias.to_string()));
            requests.change(RouteNetlinkMessage::SetLink(message), 0).await
        }
        Step::RemoveAddress(index, ip, prefix_length) => {
            let message = address(*index, *ip, *prefix_length);
            let removed = requests.change(RouteNetlinkMessage::DelAddress(message), 0).await;
            unless(removed, ErrorKind::AddrNotAvailable)
        }
        Step::AddAddress(index, ip, wanted) => {
            let message = new_address(*index, *ip, wanted);
            requests.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL).await
        }
        Step::PutBack(message) => {
            let request = RouteNetlinkMessage::NewAddress(message.clone());
            unless(requests.change(request, NLM_F_CREATE | NLM_F_EXCL).await, ErrorKind::AlreadyExists)
        }
        Step::RemoveRoute(route) => {
            let removed = requests.change(RouteNetlinkMessage::DelRoute(route.message.clone()), 0).await;
            match removed {
                Err(NetlinkError::Refused(error)) if error.raw_os_error() == Some(NO_SUCH_ROUTE) => Ok(()),
                result => result,
            }
        }
        Step::AddRoute { key, kind, hops, replace } => {
            let message = route(key, *kind, hops);
            let how = if *replace { NLM_F_REPLACE } else { NLM_F_EXCL };
            requests.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | how).await
        }
    }
}

/// ESRCH.
const NO_SUCH_ROUTE: i32 = rustix::io::Errno::SRCH.raw_os_error();

fn unless(result: Result<(), NetlinkError>, harmless: ErrorKind) -> Result<(), NetlinkError> {
    match result {
        Err(NetlinkError::Refused(error)) if error.kind() == harmless => Ok(()),
        result => result,
    }
}

fn link(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn address(index: u32, ip: IpAddr, prefix_length: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(ip);
    message.header.prefix_len = prefix_length;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(ip));
    message.attributes.push(AddressAttribute::Address(ip));
    message
}

fn new_address(index: u32, ip: IpAddr, wanted: &WantedAddress) -> AddressMessage {
    let mut message = address(index, ip, wanted.prefix_length);
    if ip.is_loopback() {
        message.header.scope = AddressScope::Host;
    } else if matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
        message.header.scope = AddressScope::Link;
    }
    message.attributes.extend(wanted.broadcast.map(AddressAttribute::Broadcast));
    if ip.is_ipv6() && !wanted.probed {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    message
}

fn route(key: &RouteKey, kind: RouteKind, hops: &[Hop]) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(key.destination);
    header.destination_prefix_length = key.prefix_length;
    header.table = RouteHeader::RT_TABLE_MAIN;
    header.protocol = PROTOCOL;
    header.kind = match kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
    };
    // Without a gateway the destination is on the link itself.
    header.scope = match hops {
        [(None, _)] if key.destination.is_ipv4() => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    let attributes = &mut message.attributes;
    if key.prefix_length > 0 {
        attributes.push(RouteAttribute::Destination(key.destination.into()));
    }
    attributes.push(RouteAttribute::Priority(key.priority));
    match hops {
        [] => {}
        [(gateway, link)] => {
            attributes.extend(gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
            attributes.extend(link.map(RouteAttribute::Oif));
        }
        all => attributes.push(RouteAttribute::MultiPath(all.iter().map(next_hop).collect())),
    }
    message
}

fn next_hop((gateway, link): &Hop) -> RouteNextHop {
    let mut hop = RouteNextHop::default();
    hop.interface_index = link.unwrap_or_default();
    hop.attributes.extend(gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    hop
}
