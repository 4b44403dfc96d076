//! Host name, resolver and time servers, from `/configure/system` and `/system`.

use super::Reader;
use crate::platform::linux::apply::wanted::{Association, Dns, Ntp, NtpServer, Wish};
use crate::store::Named;
use crate::value::{Text, Value};

/// Longest name that the kernel keeps.
const HOSTNAME_BYTES_MAX: usize = 64;

/// Ports that need not be said.
const DNS_PORT: u64 = 53;
const NTP_PORT: u64 = 123;

/// The version that need not be said.
const NTP_VERSION: u64 = 4;

impl Reader<'_> {
    /// `/configure/system/name`, then `/system/config/hostname`.
    pub(super) fn hostname(&mut self) {
        for (place, leaf) in [("configure/system", "name"), ("system/config", "hostname")] {
            let place = self.at(place);
            let Some(name) = place.stated(leaf).and_then(Value::as_text) else { continue };
            let path = place.path_of(leaf);
            match is_hostname(name) {
                true => self.wanted.want_hostname(Wish::new(name.into(), path)),
                false => {
                    self.wanted.refuse(path, format!("'{name}' is not a host name of letters, digits, '-', '_', '.'"))
                }
            }
        }
    }

    /// `/system/dns`. The other model keeps its name servers outside the configuration.
    pub(super) fn dns(&mut self) {
        let dns = self.at("system/dns");
        let mut wanted = Dns::default();
        for (address, server) in dns.at("servers").entries("server") {
            let config = server.at("config");
            if config.value("address").is_none() {
                continue;
            }
            let Ok(address) = address.parse() else {
                self.wanted.refuse(server.path(), "not an address that this machine can use");
                continue;
            };
            let port = config.number("port").filter(|&port| port != DNS_PORT).and_then(|port| port.try_into().ok());
            wanted.servers.push(Wish::new((address, port), server.path()));
        }
        if let Some(Value::List(domains)) = dns.at("config").value("search") {
            wanted.search = domains.iter().filter_map(|domain| Some(domain.as_text()?.into())).collect();
        }
        if wanted.search.is_empty() {
            wanted.search.extend(self.at("system/config").text("domain-name").map(Text::from));
        }
        if wanted != Dns::default() {
            self.wanted.dns = Some(Wish::new(wanted, "/system/dns"));
        }
    }

    /// `/configure/system/time/ntp` and `/system/ntp`, together.
    pub(super) fn ntp(&mut self) {
        let mut wanted = Ntp::default();
        let nokia = self.at("configure/system/time/ntp");
        if nokia.is_enabled() {
            for (_, server) in nokia.entries("server") {
                let Some(host) = server.text("ip-address") else { continue };
                if server.value("key-id").is_some() {
                    self.wanted.refuse(server.path(), "servers with a key are not applied to this machine");
                    continue;
                }
                wanted.servers.push(Wish::new(time_server(host, &server), server.path()));
            }
        }
        let openconfig = self.at("system/ntp");
        if openconfig.at("config").value("enabled") == Some(&Value::Bool(true)) {
            for (host, server) in openconfig.at("servers").entries("server") {
                let config = server.at("config");
                if config.value("address").is_some() && !wanted.servers.iter().any(|other| *other.value.host == *host) {
                    wanted.servers.push(Wish::new(time_server(&host, &config), server.path()));
                }
            }
        }
        if !wanted.servers.is_empty() {
            let path = if nokia.is_enabled() { nokia.path() } else { openconfig.path() };
            self.wanted.ntp = Some(Wish::new(wanted, path));
        }
    }
}

fn time_server(host: &str, place: &Named<'_>) -> NtpServer {
    let yes = |leaf| place.value(leaf) == Some(&Value::Bool(true));
    let port = place.number("port").filter(|&port| port != NTP_PORT);
    let version = place.number("version").filter(|&version| version != NTP_VERSION);
    NtpServer {
        host: host.into(),
        association: match place.text("association-type") {
            Some("PEER") => Association::Peer,
            Some("POOL") => Association::Pool,
            _ => Association::Server,
        },
        port: port.and_then(|port| port.try_into().ok()),
        version: version.and_then(|version| version.try_into().ok()),
        iburst: yes("iburst"),
        prefer: yes("prefer"),
    }
}

fn is_hostname(name: &str) -> bool {
    let inside = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_');
    name.len() <= HOSTNAME_BYTES_MAX
        && name.split('.').all(|label| {
            !label.is_empty() && label.chars().all(inside) && !label.starts_with('-') && !label.ends_with('-')
        })
}
