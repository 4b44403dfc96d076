//! Static routes, from `/configure/router/static-routes`.
//!
//! The targets of a prefix stand in the order of a router: preference, metric, address. As many equal ones as `ecmp` allows
//! share a route of the kernel; what comes after is a route of a higher metric, which the kernel uses when those before
//! it are gone. The metric is the preference, or one more than that of the route before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reader;
use crate::platform::linux::apply::wanted::{RouteKey, RouteKind, WantedHop, WantedRoute, Wish};
use crate::store::Named;
use crate::value::{Text, Value};

/// Preference and metric of a target for which the model has no default in use.
const PREFERENCE: u32 = 5;
const METRIC: u32 = 1;

/// One target of a prefix. Derives the order of a router.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    preference: u32,
    metric: u32,
    /// Routes that drop are shared with no other.
    drops: bool,
    gateway: Option<IpAddr>,
    link: Option<Text>,
    tells_sender: bool,
    path: Text,
}

impl<'a> Reader<'a> {
    /// The static routes of a router.
    pub(super) fn static_routes(&mut self, router: &Named<'a>) {
        let ecmp = router.number("ecmp").and_then(|ecmp| usize::try_from(ecmp).ok()).unwrap_or(1).max(1);
        for (key, route) in router.at("static-routes").entries("route") {
            let Some((text, kind)) = key.split_once(' ') else { continue };
            if kind != "unicast" {
                self.wanted.refuse(route.path(), "only unicast routes are applied to this machine");
                continue;
            }
            let Some((destination, prefix_length)) = prefix(text) else { continue };
            let targets = self.targets(router, &route);
            self.want_routes(destination, prefix_length, targets, ecmp);
        }
    }

    fn targets(&mut self, router: &Named<'a>, route: &Named<'a>) -> Vec<Target> {
        let mut targets = Vec::new();
        for (gateway, entry) in route.entries("next-hop").iter().filter(|(_, entry)| entry.is_enabled()) {
            targets.push(Target { gateway: gateway.parse().ok(), ..target(entry) });
        }
        for (name, entry) in route.entries("interface").iter().filter(|(_, entry)| entry.is_enabled()) {
            let link = match router.entry("interface", name) {
                Some(interface) => self.link_of(name, &interface),
                None => Ok(name.as_str().into()),
            };
            match link {
                Ok(link) => targets.push(Target { link: Some(link), ..target(entry) }),
                Err(reason) => self.wanted.refuse(entry.path(), reason),
            }
        }
        let blackhole = route.at("blackhole");
        if blackhole.is_enabled() {
            let tells_sender = blackhole.value("generate-icmp") == Some(&Value::Bool(true));
            targets.push(Target { drops: true, tells_sender, ..target(&blackhole) });
        }
        for (_, entry) in route.entries("indirect").iter().filter(|(_, entry)| entry.is_enabled()) {
            self.wanted.refuse(entry.path(), "the kernel takes no indirect next hops");
        }
        targets.sort();
        targets
    }

    fn want_routes(&mut self, destination: IpAddr, prefix_length: u8, targets: Vec<Target>, ecmp: usize) {
        let mut priority = 0;
        let rank = |target: &Target| (target.preference, target.metric, target.drops);
        let equal = |one: &Target, next: &Target| rank(one) == rank(next);
        for group in targets.chunk_by(equal).flat_map(|equals| equals.chunks(ecmp)) {
            let Some(first) = group.first() else { continue };
            priority = first.preference.max(priority + 1);
            let key = RouteKey { destination, prefix_length, priority };
            let route = WantedRoute {
                kind: match (first.drops, first.tells_sender) {
                    (false, _) => RouteKind::Unicast,
                    (true, false) => RouteKind::Blackhole,
                    (true, true) => RouteKind::Unreachable,
                },
                hops: match first.drops {
                    true => Vec::new(),
                    false => group.iter().map(hop).collect(),
                },
                path: first.path.clone(),
            };
            if let Some(before) = self.wanted.routes.get(&key) {
                let reason = format!("not in effect, {} is the same destination and goes before", before.path);
                self.wanted.refuse(route.path, reason);
            } else {
                self.wanted.routes.insert(key, route);
            }
        }
    }
}

fn hop(target: &Target) -> Wish<WantedHop> {
    Wish::new(WantedHop { gateway: target.gateway, link: target.link.clone() }, target.path.clone())
}

fn target(entry: &Named<'_>) -> Target {
    let number = |leaf| entry.number(leaf).and_then(|number| u32::try_from(number).ok());
    Target {
        preference: number("preference").unwrap_or(PREFERENCE),
        metric: number("metric").unwrap_or(METRIC),
        drops: false,
        gateway: None,
        link: None,
        tells_sender: false,
        path: entry.path().into(),
    }
}

/// A prefix without its host bits.
fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let length: u8 = length.parse().ok()?;
    let cut = u32::from(length);
    let network = match address.parse().ok()? {
        IpAddr::V4(address) => {
            let mask = !u32::MAX.checked_shr(cut).unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = !u128::MAX.checked_shr(cut).unwrap_or_default();
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    };
    Some((network, length))
}
