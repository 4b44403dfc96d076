//! How the machine is: what of the kernel's links, addresses and routes an applier looks at.
//!
//! Invariant: of routes only those are known that carry [`PROTOCOL`], so nobody else's can be changed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteProtocol, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::super::message;
use super::super::netlink::{NetlinkError, Requests};
use super::wanted::{RouteKey, RouteKind};
use crate::platform::reading::Mac;
use crate::value::Text;

/// The number by which routes say that this program put them there: 71, which nobody else is known to use.
pub(in crate::platform::linux) const PROTOCOL: RouteProtocol = RouteProtocol::Other(71);

/// The machine, as far as the kernel tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// By interface name.
    pub(super) links: BTreeMap<Text, FoundLink>,
    /// In the order of the kernel, which is the order of the addresses of a link.
    pub(super) addresses: Vec<FoundAddress>,
    pub(super) routes: Vec<FoundRoute>,
}

/// A link.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoundLink {
    pub(super) index: u32,
    pub(super) up: bool,
    /// Whether packets can leave.
    pub(super) running: bool,
    pub(super) mtu: u32,
    /// Empty when there is none.
    pub(super) alias: Text,
    pub(super) mac: Option<Mac>,
}

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoundAddress {
    pub(super) index: u32,
    pub(super) ip: IpAddr,
    pub(super) prefix_length: u8,
    pub(super) broadcast: Option<Ipv4Addr>,
    /// Whether the kernel takes it away with the first address of its network.
    pub(super) secondary: bool,
    /// What the kernel said of it, so that it can be put back.
    pub(super) message: AddressMessage,
}

/// A route of ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoundRoute {
    pub(super) key: RouteKey,
    /// None when it is of a kind that is never asked for.
    pub(super) kind: Option<RouteKind>,
    /// Gateway and interface index.
    pub(super) hops: Vec<(Option<IpAddr>, Option<u32>)>,
    /// What the kernel said of it, so that it can be taken away.
    pub(super) message: RouteMessage,
}

impl Found {
    /// Asks the kernel. Routes are listed only when somebody wants to know.
    pub(super) async fn read(requests: &mut Requests, with_routes: bool) -> Result<Self, NetlinkError> {
        let links = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let links = requests.list(links, |reply| match reply {
            RouteNetlinkMessage::NewLink(reply) => link(&reply),
            _ => None,
        });
        let links = links.await?.into_iter().collect();
        let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let addresses = requests.list(addresses, |reply| match reply {
            RouteNetlinkMessage::NewAddress(reply) => address(reply),
            _ => None,
        });
        let addresses = addresses.await?;
        let mut routes = Vec::new();
        if with_routes {
            for family in [AddressFamily::Inet, AddressFamily::Inet6] {
                // A kernel that heeds the header lists only ours; from any other they are picked out here.
                let mut request = RouteMessage::default();
                request.header.address_family = family;
                request.header.protocol = PROTOCOL;
                let listed = requests.list(RouteNetlinkMessage::GetRoute(request), |reply| match reply {
                    RouteNetlinkMessage::NewRoute(reply) => route(reply),
                    _ => None,
                });
                routes.extend(listed.await?);
            }
        }
        Ok(Self { links, addresses, routes })
    }

    /// The link with this index.
    pub(super) fn link(&self, index: u32) -> Option<&FoundLink> {
        self.links.values().find(|link| link.index == index)
    }

    /// Whether a neighbour with this address can be on a link that runs.
    pub(super) fn reaches(&self, neighbour: IpAddr) -> bool {
        let runs = |index| self.link(index).is_some_and(|link| link.up && link.running);
        self.addresses
            .iter()
            .any(|address| same_network(address.ip, neighbour, address.prefix_length) && runs(address.index))
    }
}

/// Whether two addresses agree in their first bits.
pub(super) fn same_network(one: IpAddr, other: IpAddr, prefix_length: u8) -> bool {
    let cut = u32::from(prefix_length);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(32_u32.saturating_sub(cut)).unwrap_or_default() == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128_u32.saturating_sub(cut)).unwrap_or_default() == 0
        }
        _ => false,
    }
}

fn link(reply: &LinkMessage) -> Option<(Text, FoundLink)> {
    let (link, _) = message::link(reply)?;
    let found = FoundLink {
        index: link.index,
        up: link.admin_up,
        running: link.carrier != Some(false),
        mtu: link.mtu.unwrap_or_default(),
        alias: link.alias.unwrap_or_else(|| "".into()),
        mac: link.mac,
    };
    Some((link.name, found))
}

fn address(reply: AddressMessage) -> Option<FoundAddress> {
    let (index, address) = message::address(&reply)?;
    let broadcast = reply.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Broadcast(address) => Some(*address),
        _ => None,
    });
    let (ip, prefix_length, secondary) = (address.ip, address.prefix_length, address.secondary);
    Some(FoundAddress { index, ip, prefix_length, broadcast, secondary, message: reply })
}

/// A route, when it is one of ours in the main table.
pub(super) fn route(reply: RouteMessage) -> Option<FoundRoute> {
    let header = &reply.header;
    let unspecified: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    if header.protocol != PROTOCOL || header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let mut key = RouteKey { destination: unspecified, prefix_length: header.destination_prefix_length, priority: 0 };
    let (mut gateway, mut link, mut hops) = (None, None, Vec::new());
    for attribute in &reply.attributes {
        match attribute {
            RouteAttribute::Destination(destination) => key.destination = ip(destination)?,
            RouteAttribute::Priority(priority) => key.priority = *priority,
            RouteAttribute::Gateway(address) => gateway = ip(address),
            RouteAttribute::Oif(index) => link = Some(*index),
            RouteAttribute::MultiPath(all) => hops = all.iter().map(hop).collect(),
            _ => {}
        }
    }
    let kind = match header.kind {
        RouteType::Unicast => Some(RouteKind::Unicast),
        RouteType::BlackHole => Some(RouteKind::Blackhole),
        RouteType::Unreachable => Some(RouteKind::Unreachable),
        _ => None,
    };
    if hops.is_empty() && kind == Some(RouteKind::Unicast) {
        hops.push((gateway, link));
    }
    Some(FoundRoute { key, kind, hops, message: reply })
}

fn hop(hop: &RouteNextHop) -> (Option<IpAddr>, Option<u32>) {
    let gateway = hop.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        _ => None,
    });
    (gateway, Some(hop.interface_index))
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
