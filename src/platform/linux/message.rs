//! Route netlink messages as readings.
//!
//! Invariant: pure. A message that does not describe a link or address whole (bridge port notices, wireless events) gives
//! none.

use std::net::IpAddr;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol,
};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State, Stats64};

use crate::platform::reading::{Address, Counters, EthernetCounters, Layer, Link, Mac, Oper, Origin};

/// A link and, when the message carries them, its counters.
pub(super) fn link(message: &LinkMessage) -> Option<(Link, Option<Counters>)> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let layer = match message.header.link_layer_type {
        LinkLayerType::Ether => Layer::Ethernet,
        LinkLayerType::Loopback => Layer::Loopback,
        _ => Layer::Other,
    };
    let mut link = Link {
        index: message.header.index,
        name: "".into(),
        layer,
        kind: None,
        mac: None,
        permanent_mac: None,
        mtu: None,
        admin_up: message.header.flags.contains(LinkFlags::Up),
        oper: Oper::Unknown,
        carrier: None,
        alias: None,
    };
    let mut counters = Traffic::default();
    for attribute in &message.attributes {
        put(&mut link, attribute);
        counters.put(attribute);
    }
    let counters = counters.finish(layer);
    (!link.name.is_empty()).then_some((link, counters))
}

fn put(link: &mut Link, attribute: &LinkAttribute) {
    match attribute {
        LinkAttribute::IfName(name) => link.name = name.as_str().into(),
        LinkAttribute::Address(bytes) => link.mac = mac(bytes),
        LinkAttribute::PermAddress(bytes) => link.permanent_mac = mac(bytes),
        LinkAttribute::Mtu(mtu) => link.mtu = Some(*mtu),
        LinkAttribute::OperState(state) => link.oper = oper(*state),
        LinkAttribute::Carrier(carrier) => link.carrier = Some(*carrier != 0),
        LinkAttribute::IfAlias(alias) => link.alias = Some(alias.as_str().into()),
        LinkAttribute::LinkInfo(infos) => {
            link.kind = infos.iter().find_map(|info| match info {
                LinkInfo::Kind(kind) => Some(kind.to_string().into()),
                _ => None,
            });
        }
        _ => {}
    }
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok()
}

fn oper(state: State) -> Oper {
    match state {
        State::Up => Oper::Up,
        State::Down => Oper::Down,
        State::Testing => Oper::Testing,
        State::Dormant => Oper::Dormant,
        State::NotPresent => Oper::NotPresent,
        State::LowerLayerDown => Oper::LowerLayerDown,
        _ => Oper::Unknown,
    }
}

/// The parts of a message that count.
#[derive(Default)]
struct Traffic {
    link: Option<Stats64>,
    carrier_changes: Option<u64>,
}

impl Traffic {
    fn put(&mut self, attribute: &LinkAttribute) {
        match attribute {
            LinkAttribute::Stats64(stats) => self.link = Some(*stats),
            LinkAttribute::CarrierChanges(changes) => self.carrier_changes = Some((*changes).into()),
            _ => {}
        }
    }

    fn finish(self, layer: Layer) -> Option<Counters> {
        let stats = self.link?;
        Some(Counters {
            in_octets: stats.rx_bytes,
            in_packets: stats.rx_packets,
            in_unicast: None,
            in_broadcast: None,
            in_multicast: Some(stats.multicast),
            in_errors: stats.rx_errors,
            in_discards: stats.rx_dropped,
            out_octets: stats.tx_bytes,
            out_packets: stats.tx_packets,
            out_unicast: None,
            out_broadcast: None,
            out_multicast: None,
            out_errors: stats.tx_errors,
            out_discards: stats.tx_dropped,
            ethernet: (layer == Layer::Ethernet).then_some(EthernetCounters {
                collisions: stats.collisions,
                crc_errors: stats.rx_crc_errors,
                alignment_errors: stats.rx_frame_errors,
                length_errors: stats.rx_length_errors,
                missed: stats.rx_missed_errors,
                carrier_errors: stats.tx_carrier_errors,
                late_collisions: stats.tx_window_errors,
                aborted: stats.tx_aborted_errors,
                heartbeat_errors: stats.tx_heartbeat_errors,
            }),
            carrier_changes: self.carrier_changes,
        })
    }
}

/// An address and the index of its link.
pub(super) fn address(message: &AddressMessage) -> Option<(u32, Address)> {
    let header = &message.header;
    let mut flags = AddressFlags::from_bits_retain(AddressHeaderFlags::bits(&header.flags).into());
    let (mut local, mut peer, mut from_link) = (None, None, false);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => peer = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::Protocol(AddressProtocol::LinkLocal) => from_link = true,
            _ => {}
        }
    }
    // On a point-to-point link `Address` is the other end; `Local` is ours wherever it is given.
    let ip: IpAddr = local.or(peer)?;
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let origin = if from_link || link_local {
        Origin::LinkLayer
    } else if flags.contains(AddressFlags::Permanent) {
        Origin::Static
    } else {
        Origin::Dynamic
    };
    let address = Address {
        ip,
        prefix_length: header.prefix_len,
        secondary: ip.is_ipv4() && flags.contains(AddressFlags::Secondary),
        usable: !flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed)
            || flags.contains(AddressFlags::Optimistic),
        duplicate: flags.contains(AddressFlags::Dadfailed),
        origin: Some(origin),
    };
    Some((header.index, address))
}
