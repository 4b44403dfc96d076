//! Addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::{Plan, Step, Task, no_link};
use crate::platform::linux::apply::found::{Found, FoundAddress, FoundLink, same_network};
use crate::platform::linux::apply::record::{Claim, Record};
use crate::platform::linux::apply::wanted::{Wanted, WantedAddress, Wish};
use crate::platform::reading::Mac;

/// The addresses asked for of one link, as the kernel is to have them.
type Asked<'a> = BTreeMap<IpAddr, &'a Wish<WantedAddress>>;

impl Plan {
    pub(super) fn addresses(&mut self, wanted: &Wanted, found: &Found, record: &Record) {
        let mut by_link: BTreeMap<u32, Asked<'_>> = BTreeMap::new();
        for ((name, ip), wish) in &wanted.addresses {
            match found.links.get(name) {
                None => self.refuse(&wish.path, no_link(name)),
                Some(link) => match resolve(*ip, &wish.value, link) {
                    Some(ip) => drop(by_link.entry(link.index).or_default().insert(ip, wish)),
                    None => self.refuse(&wish.path, format!("interface '{name}' has no MAC address to make it from")),
                },
            }
        }
        for index in record.links.keys().filter(|index| found.link(**index).is_some()) {
            by_link.entry(*index).or_default();
        }
        let mut present: BTreeMap<u32, Vec<&FoundAddress>> = BTreeMap::new();
        for address in &found.addresses {
            present.entry(address.index).or_default().push(address);
        }
        for (index, asked) in by_link {
            let present = present.get(&index).map_or(&[][..], Vec::as_slice);
            self.link_addresses(index, &asked, present, record);
        }
    }

    fn link_addresses(&mut self, index: u32, asked: &Asked<'_>, present: &[&FoundAddress], record: &Record) {
        let ours = |address: &FoundAddress| record.owns(index, address.ip, address.prefix_length);
        let fits = |address: &FoundAddress| {
            asked.get(&address.ip).is_some_and(|wish| {
                wish.value.prefix_length == address.prefix_length
                    && (!ours(address) || wish.value.broadcast == address.broadcast)
            })
        };
        let misplaced = misplaced(asked, present, &ours, &fits);
        for address in present.iter().filter(|address| ours(address)) {
            if !fits(address) || misplaced.contains(&address.ip) {
                self.remove(index, address, present, record);
            }
        }
        let gone = record.links.get(&index).into_iter().flat_map(|link| &link.addresses);
        for (&(ip, prefix_length), path) in gone {
            let there = present.iter().any(|address| (address.ip, address.prefix_length) == (ip, prefix_length));
            let comes = asked.get(&ip).is_some_and(|wish| wish.value.prefix_length == prefix_length);
            if !there && !comes {
                self.stale.push(Claim::Address(index, (ip, prefix_length), path.clone()));
            }
        }
        // The primary address first: the kernel keeps the order.
        let mut missing: Vec<_> = asked
            .iter()
            .filter(|(ip, _)| {
                misplaced.contains(ip) || !present.iter().any(|address| address.ip == **ip && fits(address))
            })
            .collect();
        missing.sort_by_key(|(ip, wish)| (ip.is_ipv6(), !wish.value.primary));
        for (&ip, wish) in missing {
            let claim = Claim::Address(index, (ip, wish.value.prefix_length), wish.path.to_string());
            self.tasks.push(Task {
                path: wish.path.clone(),
                step: Step::AddAddress(index, ip, wish.value.clone()),
                claim: Some(claim),
                release: None,
            });
        }
    }

    /// Takes one of ours away. With the first address of an IPv4 network the kernel may take the others of it, so those
    /// that are not ours are put back.
    fn remove(&mut self, index: u32, address: &FoundAddress, present: &[&FoundAddress], record: &Record) {
        let (ip, prefix_length) = (address.ip, address.prefix_length);
        let asked_by = record.links.get(&index).and_then(|link| link.addresses.get(&(ip, prefix_length)));
        let path = asked_by.cloned().unwrap_or_default();
        self.tasks.push(Task {
            path: path.as_str().into(),
            step: Step::RemoveAddress(index, ip, prefix_length),
            claim: None,
            release: Some(Claim::Address(index, (ip, prefix_length), path.clone())),
        });
        if !ip.is_ipv4() || address.secondary {
            return;
        }
        let followers = present.iter().filter(|other| {
            other.secondary
                && other.prefix_length == prefix_length
                && same_network(other.ip, ip, prefix_length)
                && !record.owns(index, other.ip, other.prefix_length)
        });
        for other in followers {
            let step = Step::PutBack(other.message.clone());
            self.tasks.push(Task { path: path.as_str().into(), step, claim: None, release: None });
        }
    }
}

/// The IPv4 addresses of ours that stand before the primary one, and that one: the kernel puts a new address behind those
/// that are there. Nothing while the primary address is missing or not ours.
fn misplaced(
    asked: &Asked<'_>,
    present: &[&FoundAddress],
    ours: &dyn Fn(&FoundAddress) -> bool,
    fits: &dyn Fn(&FoundAddress) -> bool,
) -> Vec<IpAddr> {
    let ours: Vec<_> =
        present.iter().filter(|address| address.ip.is_ipv4() && ours(address) && fits(address)).collect();
    match ours.iter().position(|address| asked.get(&address.ip).is_some_and(|wish| wish.value.primary)) {
        Some(position) if position > 0 => ours.iter().take(position + 1).map(|address| address.ip).collect(),
        _ => Vec::new(),
    }
}

/// The address itself: where its host part comes from the MAC address, with it.
fn resolve(ip: IpAddr, wanted: &WantedAddress, link: &FoundLink) -> Option<IpAddr> {
    match ip {
        IpAddr::V6(ip) if wanted.eui_64 => Some(with_mac(ip, link.mac?).into()),
        ip => Some(ip),
    }
}

/// RFC 4291, appendix A.
fn with_mac(ip: Ipv6Addr, mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let host = u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64 | u128::from(host))
}
