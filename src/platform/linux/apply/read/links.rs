//! Links and their addresses, from `/configure/port`, `/configure/router/interface` and `/interfaces`.

use std::net::{IpAddr, Ipv4Addr};

use super::Reader;
use crate::platform::linux::apply::Applier;
use crate::platform::linux::apply::wanted::{WantedAddress, Wish};
use crate::platform::map::nokia::ROUTER;
use crate::store::Named;
use crate::value::{Text, Value};

/// The link that loopback interfaces stand on.
const LOOPBACK: &str = "lo";

/// The interface that a router has without being given a port.
const SYSTEM: &str = "system";

/// Bytes of a frame that are not part of the packet, without tags and with one or two.
const FRAME: u32 = 14;
const TAG: u32 = 4;

impl<'a> Reader<'a> {
    /// `/configure/port`.
    pub(super) fn ports(&mut self) {
        for (id, port) in self.at("configure").entries("port") {
            let ethernet = port.at("ethernet");
            let admin = port.stated("admin-state").filter(|_| self.is_on(Applier::AdminState));
            let mtu = ethernet.stated("mtu").filter(|_| self.is_on(Applier::Mtu));
            let description = port.stated("description").filter(|_| self.is_on(Applier::Description));
            if admin.is_none() && mtu.is_none() && description.is_none() {
                continue;
            }
            let Some(link) = self.terms.ports.get(&id) else {
                self.wanted.refuse(port.path(), not_named(&id));
                continue;
            };
            if let Some(state) = admin.and_then(Value::as_text) {
                self.wanted.want_up(link, Wish::new(state == "enable", port.path_of("admin-state")));
            }
            if mtu.is_some()
                && let Some(frame) = number(&ethernet, "mtu")
            {
                let tags = match ethernet.text("encap-type") {
                    Some("dot1q") => 1,
                    Some("qinq") => 2,
                    _ => 0,
                };
                let packet = frame.saturating_sub(FRAME + tags * TAG);
                self.wanted.want_mtu(link, Wish::new(packet, ethernet.path_of("mtu")));
            }
            if let Some(text) = description.and_then(Value::as_text) {
                self.wanted.want_alias(link, Wish::new(text.into(), port.path_of("description")));
            }
        }
    }

    /// `/configure/router`.
    pub(super) fn routers(&mut self) {
        for (name, router) in self.at("configure").entries("router") {
            if name == ROUTER {
                for (name, interface) in router.entries("interface") {
                    self.router_interface(&name, &interface);
                }
                if self.is_on(Applier::StaticRoutes) {
                    self.static_routes(&router);
                }
            } else if self.touches_links() && !router.entries("interface").is_empty()
                || self.is_on(Applier::StaticRoutes) && !router.at("static-routes").entries("route").is_empty()
            {
                self.wanted.refuse(router.path(), "of the routers only Base is applied to this machine");
            }
        }
    }

    fn touches_links(&self) -> bool {
        [Applier::AdminState, Applier::Mtu, Applier::Addresses].iter().any(|&applier| self.is_on(applier))
    }

    fn router_interface(&mut self, name: &str, interface: &Named<'a>) {
        let admin =
            interface.stated("admin-state").and_then(Value::as_text).filter(|_| self.is_on(Applier::AdminState));
        let mtu = number(interface, "ip-mtu").filter(|_| self.is_on(Applier::Mtu));
        let addresses = if self.is_on(Applier::Addresses) { router_addresses(interface) } else { Vec::new() };
        if admin.is_none() && mtu.is_none() && addresses.is_empty() {
            return;
        }
        let link = match self.link_of(name, interface) {
            Ok(link) => link,
            Err(reason) => return self.wanted.refuse(interface.path(), reason),
        };
        if &*link == LOOPBACK {
            // Others use it too: it is never switched. An interface that is off just does not have its addresses.
            if interface.text("admin-state") == Some("disable") {
                return;
            }
        } else {
            if let Some(state) = admin {
                self.wanted.want_up(&link, Wish::new(state == "enable", interface.path_of("admin-state")));
            }
            if let Some(mtu) = mtu {
                self.wanted.want_mtu(&link, Wish::new(mtu, interface.path_of("ip-mtu")));
            }
        }
        for (ip, wish) in addresses {
            self.wanted.want_address(&link, ip, wish);
        }
    }

    /// The kernel's name of the link that a router interface stands on.
    pub(super) fn link_of(&self, name: &str, interface: &Named<'_>) -> Result<Text, String> {
        if interface.value("loopback").is_some() {
            return Ok(LOOPBACK.into());
        }
        match interface.value("port") {
            None if name == SYSTEM => Ok(LOOPBACK.into()),
            None => Ok(name.into()),
            Some(Value::Enum(_)) => Ok(LOOPBACK.into()),
            Some(port) => {
                let port = port.to_string();
                let (id, tag) = port.split_once(':').unwrap_or((&port, "0"));
                if tag != "0" {
                    return Err(format!("tagged frames ({port}) need a VLAN link of their own: name it as a port"));
                }
                self.terms.ports.get(id).cloned().ok_or_else(|| not_named(id))
            }
        }
    }

    /// `/interfaces/interface`.
    pub(super) fn interfaces(&mut self) {
        for (name, interface) in self.at("interfaces").entries("interface") {
            let (link, config) = (Text::from(&*name), interface.at("config"));
            if self.is_on(Applier::AdminState)
                && let Some(&Value::Bool(enabled)) = config.stated("enabled")
            {
                self.wanted.want_up(&link, Wish::new(enabled, config.path_of("enabled")));
            }
            if self.is_on(Applier::Mtu)
                && let Some(mtu) = number(&config, "mtu")
            {
                self.wanted.want_mtu(&link, Wish::new(mtu, config.path_of("mtu")));
            }
            if self.is_on(Applier::Description)
                && let Some(text) = config.stated("description").and_then(Value::as_text)
            {
                self.wanted.want_alias(&link, Wish::new(text.into(), config.path_of("description")));
            }
            for (index, subinterface) in interface.at("subinterfaces").entries("subinterface") {
                self.subinterface(&link, &index, &subinterface);
            }
        }
    }

    fn subinterface(&mut self, link: &Text, index: &str, subinterface: &Named<'a>) {
        let config = subinterface.at("config");
        let enabled = config.stated("enabled").filter(|_| self.is_on(Applier::AdminState));
        let addresses = match self.is_on(Applier::Addresses) {
            true => self.openconfig_addresses(subinterface),
            false => Vec::new(),
        };
        if index != "0" {
            if enabled.is_some() || !addresses.is_empty() {
                let reason = "tagged frames need a VLAN link of their own: configure its subinterface 0";
                self.wanted.refuse(subinterface.path(), reason);
            }
            return;
        }
        if let Some(&Value::Bool(enabled)) = enabled {
            self.wanted.want_up(link, Wish::new(enabled, config.path_of("enabled")));
        }
        for (ip, wish) in addresses {
            self.wanted.want_address(link, ip, wish);
        }
    }

    fn openconfig_addresses(&mut self, subinterface: &Named<'_>) -> Vec<(IpAddr, Wish<WantedAddress>)> {
        let mut found = Vec::new();
        for family in ["ipv4", "ipv6"] {
            for (ip, entry) in subinterface.at(family).at("addresses").entries("address") {
                let config = entry.at("config");
                // An entry without configuration is one that was read from the machine.
                if config.value("ip").is_none() && config.value("prefix-length").is_none() {
                    continue;
                }
                let (Ok(ip), Some(length)) = (ip.parse::<IpAddr>(), number(&config, "prefix-length")) else {
                    self.wanted.refuse(entry.path(), "an address needs its prefix-length");
                    continue;
                };
                let wanted = WantedAddress {
                    prefix_length: prefix(length),
                    broadcast: broadcast(ip, prefix(length), None),
                    probed: true,
                    eui_64: false,
                    primary: false,
                };
                found.push((ip, Wish::new(wanted, entry.path())));
            }
        }
        found
    }
}

fn router_addresses(interface: &Named<'_>) -> Vec<(IpAddr, Wish<WantedAddress>)> {
    let mut found = Vec::new();
    let ipv4 = interface.at("ipv4");
    let mut take = |ip: Option<&str>, entry: &Named<'_>, primary: bool| {
        let Some(ip) = ip.and_then(|ip| ip.parse::<IpAddr>().ok()) else { return };
        let Some(length) = number(entry, "prefix-length").map(prefix) else { return };
        let broadcast = broadcast(ip, length, entry.text("broadcast"));
        let wanted = WantedAddress { prefix_length: length, broadcast, probed: true, eui_64: false, primary };
        found.push((ip, Wish::new(wanted, entry.path())));
    };
    let primary = ipv4.at("primary");
    take(primary.text("address"), &primary, true);
    for (ip, entry) in ipv4.entries("secondary") {
        take(Some(&ip), &entry, false);
    }
    let ipv6 = interface.at("ipv6");
    let no = |place: &Named<'_>, leaf| place.value(leaf) == Some(&Value::Bool(false));
    let yes = |place: &Named<'_>, leaf| place.value(leaf) == Some(&Value::Bool(true));
    for (ip, entry) in ipv6.entries("address") {
        let (Ok(ip), Some(length)) = (ip.parse::<IpAddr>(), number(&entry, "prefix-length")) else { continue };
        let probe = "duplicate-address-detection";
        let wanted = WantedAddress {
            prefix_length: prefix(length),
            broadcast: None,
            probed: !no(&ipv6, probe) && !no(&entry, probe),
            eui_64: yes(&entry, "eui-64"),
            primary: false,
        };
        found.push((ip, Wish::new(wanted, entry.path())));
    }
    found
}

/// The broadcast address of a network; none where there is no room for one.
fn broadcast(ip: IpAddr, prefix_length: u8, form: Option<&str>) -> Option<Ipv4Addr> {
    let IpAddr::V4(ip) = ip else { return None };
    if prefix_length >= 31 || ip.is_loopback() {
        return None;
    }
    if form == Some("all-ones") {
        return Some(Ipv4Addr::BROADCAST);
    }
    let hosts = u32::MAX.checked_shr(prefix_length.into()).unwrap_or_default();
    Some(Ipv4Addr::from_bits(ip.to_bits() | hosts))
}

/// The models allow no more than 128.
fn prefix(length: u32) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn number(place: &Named<'_>, leaf: &str) -> Option<u32> {
    place.number(leaf)?.try_into().ok()
}

fn not_named(port: &str) -> String {
    format!("port {port} is not in the table [platform.linux.ports], so it is not known which interface it is")
}
