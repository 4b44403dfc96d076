//! What configuration asks of this machine, as plain values.
//!
//! Invariant: a wish names the path that it comes from, so that whatever becomes of it can be told there. Nothing here
//! knows how the machine is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::value::Text;

/// Something asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish<T> {
    pub(super) value: T,
    /// The path of the configuration that asks.
    pub(super) path: Text,
}

impl<T> Wish<T> {
    pub(super) fn new(value: T, path: impl Into<Text>) -> Self {
        Self { value, path: path.into() }
    }
}

/// All that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) hostname: Option<Wish<Text>>,
    /// By interface name.
    pub(super) links: BTreeMap<Text, WantedLink>,
    /// By interface name and address, as configured.
    pub(super) addresses: BTreeMap<(Text, IpAddr), Wish<WantedAddress>>,
    pub(super) routes: BTreeMap<RouteKey, WantedRoute>,
    pub(super) dns: Option<Wish<Dns>>,
    pub(super) ntp: Option<Wish<Ntp>>,
    /// What cannot be done whatever the machine is like, by path, and why.
    pub(super) refused: BTreeMap<Text, String>,
}

/// What is asked of a link.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WantedLink {
    pub(super) up: Option<Wish<bool>>,
    pub(super) mtu: Option<Wish<u32>>,
    pub(super) alias: Option<Wish<Text>>,
}

/// An address asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WantedAddress {
    pub(super) prefix_length: u8,
    /// IPv4 only.
    pub(super) broadcast: Option<Ipv4Addr>,
    /// Whether duplicates are looked for first. IPv6 only.
    pub(super) probed: bool,
    /// Whether the host part is made from the link address. IPv6 only.
    pub(super) eui_64: bool,
    /// Whether it stands before the other IPv4 addresses that are asked for.
    pub(super) primary: bool,
}

/// What tells routes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RouteKey {
    /// Without host bits.
    pub(super) destination: IpAddr,
    pub(super) prefix_length: u8,
    /// The metric of the kernel: the lowest wins.
    pub(super) priority: u32,
}

/// A route asked for. Its hops share the traffic.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WantedRoute {
    pub(super) kind: RouteKind,
    pub(super) hops: Vec<Wish<WantedHop>>,
    /// The path of its first target.
    pub(super) path: Text,
}

/// What a route does with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteKind {
    /// Hands them on.
    Unicast,
    /// Drops them.
    Blackhole,
    /// Drops them and tells the sender.
    Unreachable,
}

/// Where packets go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WantedHop {
    pub(super) gateway: Option<IpAddr>,
    /// Interface name.
    pub(super) link: Option<Text>,
}

/// The resolver.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dns {
    /// In the order they are asked; the port when it is not 53, and the path of each.
    pub(super) servers: Vec<Wish<(IpAddr, Option<u16>)>>,
    pub(super) search: Vec<Text>,
}

/// The time servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ntp {
    pub(super) servers: Vec<Wish<NtpServer>>,
}

/// A time server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NtpServer {
    /// Address or name.
    pub(super) host: Text,
    pub(super) association: Association,
    /// When it is not 123.
    pub(super) port: Option<u16>,
    /// When it is not 4.
    pub(super) version: Option<u8>,
    pub(super) iburst: bool,
    pub(super) prefer: bool,
}

/// Relation to a time server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Association {
    Server,
    Peer,
    Pool,
}

impl Wanted {
    /// Takes note of what cannot be done. The first reason of a path stays.
    pub(super) fn refuse(&mut self, path: impl Into<Text>, reason: impl Into<String>) {
        self.refused.entry(path.into()).or_insert_with(|| reason.into());
    }

    /// A link is up when something says so and nothing says otherwise.
    pub(super) fn want_up(&mut self, link: &Text, wish: Wish<bool>) {
        let up = &mut self.links.entry(link.clone()).or_default().up;
        if up.as_ref().is_none_or(|before| before.value && !wish.value) {
            *up = Some(wish);
        }
    }

    /// The smallest MTU asked for holds.
    pub(super) fn want_mtu(&mut self, link: &Text, wish: Wish<u32>) {
        let mtu = &mut self.links.entry(link.clone()).or_default().mtu;
        if mtu.as_ref().is_none_or(|before| wish.value < before.value) {
            *mtu = Some(wish);
        }
    }

    /// The first description holds; another one is refused.
    pub(super) fn want_alias(&mut self, link: &Text, wish: Wish<Text>) {
        let alias = &mut self.links.entry(link.clone()).or_default().alias;
        match alias {
            None => *alias = Some(wish),
            Some(before) if before.value == wish.value => {}
            Some(before) => {
                let reason = goes_before(&before.path);
                self.refuse(wish.path, reason);
            }
        }
    }

    /// The first wish for an address holds; one for the same address in another network is refused.
    pub(super) fn want_address(&mut self, link: &Text, ip: IpAddr, wish: Wish<WantedAddress>) {
        let key = (link.clone(), ip);
        match self.addresses.get(&key) {
            None => drop(self.addresses.insert(key, wish)),
            Some(before) if before.value.prefix_length == wish.value.prefix_length => {}
            Some(before) => {
                let reason = goes_before(&before.path);
                self.refuse(wish.path, reason);
            }
        }
    }

    /// The first name holds; another one is refused.
    pub(super) fn want_hostname(&mut self, wish: Wish<Text>) {
        match &self.hostname {
            None => self.hostname = Some(wish),
            Some(before) if before.value == wish.value => {}
            Some(before) => {
                let reason = goes_before(&before.path);
                self.refuse(wish.path, reason);
            }
        }
    }
}

fn goes_before(path: &str) -> String {
    format!("not in effect, {path} says otherwise and goes before")
}
