//! The difference between what is asked for and how the machine is, as steps. Pure.
//!
//! Invariant: where both agree there is no step. What this program did not put there is in no step, except that it is put
//! back when the kernel is going to drop it with something of ours.

mod addresses;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use rtnetlink::packet_route::address::AddressMessage;

use super::found::{Found, FoundRoute};
use super::record::{Before, Claim, LinkRecord, Record};
use super::wanted::{RouteKey, RouteKind, Wanted, WantedAddress, Wish};
use crate::value::Text;

/// Something to do, and the path it is done for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub(super) path: Text,
    pub(super) step: Step,
    /// What is to be entered in the record before; taken out again if the step fails.
    pub(super) claim: Option<Claim>,
    /// What is to be taken out of the record afterwards.
    pub(super) release: Option<Claim>,
}

/// A request to the kernel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Hostname(Text),
    Up(u32, bool),
    Mtu(u32, u32),
    Alias(u32, Text),
    RemoveAddress(u32, IpAddr, u8),
    AddAddress(u32, IpAddr, WantedAddress),
    /// An address that is not ours, unless it is still there.
    PutBack(AddressMessage),
    RemoveRoute(FoundRoute),
    /// Whether a route of ours with this key is there already.
    AddRoute {
        key: RouteKey,
        kind: RouteKind,
        hops: Vec<Hop>,
        replace: bool,
    },
}

/// Gateway and interface index.
pub(super) type Hop = (Option<IpAddr>, Option<u32>);

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// In this order.
    pub(super) tasks: Vec<Task>,
    /// Entries of the record that nothing is left of.
    pub(super) stale: Vec<Claim>,
    /// What cannot be done on this machine as it is, and why.
    pub(super) refused: BTreeMap<Text, String>,
}

/// Plans, as far as `scope` goes.
pub(super) fn plan(wanted: &Wanted, found: &Found, hostname: &str, record: &Record, scope: Scope) -> Plan {
    let mut plan = Plan::default();
    if scope.hostname {
        plan.hostname(wanted.hostname.as_ref(), hostname, record.hostname.as_ref());
    }
    plan.links(wanted, found, record, scope);
    if scope.addresses {
        plan.addresses(wanted, found, record);
    }
    if scope.routes {
        plan.routes(wanted, found);
    }
    plan
}

/// What may be touched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scope {
    pub(super) hostname: bool,
    pub(super) up: bool,
    pub(super) mtu: bool,
    pub(super) alias: bool,
    pub(super) addresses: bool,
    pub(super) routes: bool,
}

impl Plan {
    fn refuse(&mut self, path: &Text, reason: String) {
        self.refused.entry(path.clone()).or_insert(reason);
    }

    fn hostname(&mut self, wish: Option<&Wish<Text>>, now: &str, before: Option<&Before<String>>) {
        let now = now.to_owned();
        let wish = wish.map(|wish| Wish::new(wish.value.to_string(), wish.path.clone()));
        self.value(wish.as_ref(), now, before, |name| Step::Hostname(name.into()), Claim::Hostname);
    }

    fn links(&mut self, wanted: &Wanted, found: &Found, record: &Record, scope: Scope) {
        let nothing = LinkRecord::default();
        for (name, link) in &found.links {
            let asked = wanted.links.get(name).cloned().unwrap_or_default();
            let record = record.links.get(&link.index).unwrap_or(&nothing);
            let index = link.index;
            if scope.alias {
                let wish = asked.alias.map(|wish| Wish::new(wish.value.to_string(), wish.path));
                let step = |alias: String| Step::Alias(index, alias.into());
                let now = link.alias.to_string();
                self.value(wish.as_ref(), now, record.alias.as_ref(), step, |before| Claim::Alias(index, before));
            }
            if scope.mtu {
                let step = |mtu| Step::Mtu(index, mtu);
                let claim = |before| Claim::Mtu(index, before);
                self.value(asked.mtu.as_ref(), link.mtu, record.mtu.as_ref(), step, claim);
            }
            if scope.up {
                let step = |up| Step::Up(index, up);
                let claim = |before| Claim::Up(index, before);
                self.value(asked.up.as_ref(), link.up, record.up.as_ref(), step, claim);
            }
        }
        for (name, link) in &wanted.links {
            if !found.links.contains_key(name) {
                let paths = [link.up.as_ref().map(|wish| &wish.path), link.mtu.as_ref().map(|wish| &wish.path)];
                for path in paths.into_iter().flatten().chain(link.alias.as_ref().map(|wish| &wish.path)) {
                    self.refuse(path, no_link(name));
                }
            }
        }
    }

    /// Something that has one value: the one asked for, or else the one from before anything was asked for.
    fn value<T: Clone + PartialEq>(
        &mut self,
        wish: Option<&Wish<T>>,
        now: T,
        before: Option<&Before<T>>,
        step: impl FnOnce(T) -> Step,
        claim: impl Fn(Before<T>) -> Claim,
    ) {
        match (wish, before) {
            (Some(wish), _) if wish.value == now => {}
            (Some(wish), before) => {
                let path = wish.path.to_string();
                let first = before.is_none().then(|| claim(Before { value: now, path }));
                let (path, step) = (wish.path.clone(), step(wish.value.clone()));
                self.tasks.push(Task { path, step, claim: first, release: None });
            }
            (None, Some(before)) if before.value == now => self.stale.push(claim(before.clone())),
            (None, Some(before)) => self.tasks.push(Task {
                path: before.path.as_str().into(),
                step: step(before.value.clone()),
                claim: None,
                release: Some(claim(before.clone())),
            }),
            (None, None) => {}
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hostname(name) => write!(f, "set host name {name}"),
            Self::Up(index, true) => write!(f, "set link {index} up"),
            Self::Up(index, false) => write!(f, "set link {index} down"),
            Self::Mtu(index, mtu) => write!(f, "set link {index} mtu {mtu}"),
            Self::Alias(index, alias) => write!(f, "set link {index} alias '{alias}'"),
            Self::RemoveAddress(index, ip, length) => write!(f, "delete address {ip}/{length} of link {index}"),
            Self::AddAddress(index, ip, address) => {
                write!(f, "add address {ip}/{} to link {index}", address.prefix_length)
            }
            Self::PutBack(message) => write!(f, "put back an address of link {}", message.header.index),
            Self::RemoveRoute(FoundRoute { key, .. }) => write!(f, "delete route {key}"),
            Self::AddRoute { key, replace: false, .. } => write!(f, "add route {key}"),
            Self::AddRoute { key, replace: true, .. } => write!(f, "replace route {key}"),
        }
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} metric {}", self.destination, self.prefix_length, self.priority)
    }
}

fn no_link(name: &str) -> String {
    format!("this machine has no interface '{name}'")
}
