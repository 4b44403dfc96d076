//! What is configured, made so on this machine. The opposite direction of the collectors beside this folder.
//!
//! ```text
//!   configuration -------> read   -> Wanted --+
//!   rtnetlink events ----> found  -> Found ---+--> plan --> steps --> send, services
//!   linux-applied.json --> record -> Record --+               |
//!                                                             +--> faults --> /state/system/linux, log
//! ```
//!
//! Invariant: an applier that is off touches nothing. One that is on touches what configuration names and what it has
//! changed before itself, never anything else. Only a published commit is applied, which is one that is on the disk; no
//! commit waits for this. Nothing is queued: what to do follows from the newest commit and the machine as it is, so a
//! burst of commits costs one pass, and a restart, a link that flaps or somebody's `ip addr del` are all the same.

mod faults;
mod found;
mod keeper;
mod plan;
mod read;
mod record;
mod send;
mod services;
mod status;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use self::faults::Faults;
pub(super) use self::found::PROTOCOL;
use self::keeper::Keeper;
use self::plan::Scope;
use self::read::Terms;
use self::record::RecordFile;
use self::services::{Files, Ledger};
use self::status::{Status, Working};
use crate::platform::Handle;
use crate::platform::map::Gaps;
use crate::schema::Schema;
use crate::store::{StateBatch, StateWriter, Store};
use crate::time::Clock;

/// A part of the configuration that can take effect on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applier {
    /// The host name.
    Hostname,
    /// Whether links are up.
    AdminState,
    /// The MTU of links.
    Mtu,
    /// The alias of links.
    Description,
    /// IPv4 and IPv6 addresses of links.
    Addresses,
    /// Static routes.
    StaticRoutes,
    /// The resolver.
    Dns,
    /// The time servers.
    Ntp,
}

impl Applier {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hostname,
        Self::AdminState,
        Self::Mtu,
        Self::Description,
        Self::Addresses,
        Self::StaticRoutes,
        Self::Dns,
        Self::Ntp,
    ];

    /// Its name in the TOML file and in state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::AdminState => "admin-state",
            Self::Mtu => "mtu",
            Self::Description => "description",
            Self::Addresses => "addresses",
            Self::StaticRoutes => "static-routes",
            Self::Dns => "dns",
            Self::Ntp => "ntp",
        }
    }

    /// The capability it needs, by its number in the kernel and its name; files have permissions instead.
    const fn capability(self) -> Option<(u32, &'static str)> {
        match self {
            Self::Hostname => Some((21, "CAP_SYS_ADMIN")),
            Self::Dns | Self::Ntp => None,
            _ => Some((12, "CAP_NET_ADMIN")),
        }
    }
}

impl fmt::Display for Applier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no applier has.
#[derive(Debug, thiserror::Error)]
#[error("no such applier{}; there are {}", did_you_mean(.0), Applier::ALL.map(Applier::name).join(", "))]
pub struct UnknownApplier(String);

impl FromStr for Applier {
    type Err = UnknownApplier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|applier| applier.name() == text).ok_or_else(|| UnknownApplier(text.to_owned()))
    }
}

fn did_you_mean(wrong: &str) -> String {
    let likeness = |name: &str| strsim::damerau_levenshtein(wrong, name);
    let nearest = Applier::ALL.map(Applier::name).into_iter().min_by_key(|name| likeness(name));
    nearest
        .filter(|name| likeness(name) <= name.len() / 3 + 1)
        .map_or_else(String::new, |name| format!(", did you mean '{name}'?"))
}

/// Settings of the appliers, in `[platform.linux]`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Those that are on.
    pub appliers: Vec<Applier>,
    /// Interface name by port-id. Ports that are not in it are not touched.
    pub ports: BTreeMap<String, String>,
    /// The file of the resolver.
    pub resolv_conf: PathBuf,
    /// Where the record of what was changed is kept.
    pub data_dir: PathBuf,
}

/// Looks all leaves up that the appliers write.
pub(super) fn look_up(schema: &Arc<Schema>, gaps: &mut Gaps) {
    Status::new(schema.clone(), gaps);
}

/// Starts the appliers. They stop when the token is cancelled or the handle is dropped; what they did stays.
///
/// # Errors
///
/// The record of what was changed before cannot be read.
pub fn start(settings: Settings, store: &Arc<Store>, clock: Clock, token: &CancellationToken) -> io::Result<Handle> {
    let asked: BTreeSet<Applier> = settings.appliers.iter().copied().collect();
    let working = working(&asked, capabilities());
    let on: BTreeSet<Applier> = working.iter().filter(|now| now.down.is_none()).map(|now| now.applier).collect();
    say(&working);

    let (file, record) = RecordFile::open(&settings.data_dir)?;
    let writer = StateWriter::new(store.clone());
    let mut gaps = Gaps::default();
    let mut status = Status::new(writer.schema().clone(), &mut gaps);
    gaps.report("linux appliers");
    let mut batch = StateBatch::new();
    status.appliers(&working, &mut batch);
    if let Err(error) = writer.commit(&batch, clock.now()) {
        tracing::error!(%error, "state of the appliers not published");
    }

    let mut handle = Handle::new();
    if on.is_empty() {
        return Ok(handle);
    }
    let has = |applier| on.contains(&applier);
    let scope = Scope {
        hostname: has(Applier::Hostname),
        up: has(Applier::AdminState),
        mtu: has(Applier::Mtu),
        alias: has(Applier::Description),
        addresses: has(Applier::Addresses),
        routes: has(Applier::StaticRoutes),
    };
    let ports = settings.ports.into_iter().map(|(port, name)| (port, name.into())).collect();
    let keeper = Keeper {
        configured: store.watch_configuration(),
        writer,
        clock,
        terms: Terms { on, ports },
        scope,
        files: Files { resolv_conf: settings.resolv_conf, root: "/".into() },
        status,
        faults: Faults::default(),
        ledger: Arc::new(Mutex::new(Ledger { file, record })),
    };
    handle.run(token, keeper.run());
    Ok(handle)
}

/// Each applier that is on, with what keeps it from working.
fn working(asked: &BTreeSet<Applier>, capabilities: Option<u64>) -> Vec<Working> {
    let lacks = |applier: Applier| {
        let (number, name) = applier.capability()?;
        let has = capabilities.is_none_or(|held| held >> number & 1 == 1);
        (!has).then(|| format!("this process lacks {name}"))
    };
    asked.iter().map(|&applier| Working { applier, down: lacks(applier) }).collect()
}

/// The capabilities in effect; none when they cannot be read, and then the kernel will say what it refuses.
fn capabilities() -> Option<u64> {
    Some(procfs::process::Process::myself().ok()?.status().ok()?.capeff)
}

fn say(working: &[Working]) {
    let names = |down: bool| -> Vec<&str> {
        working.iter().filter(|now| now.down.is_some() == down).map(|now| now.applier.name()).collect()
    };
    let (on, down) = (names(false).join(" "), names(true).join(" "));
    let mut reasons: Vec<&str> = working.iter().filter_map(|now| now.down.as_deref()).collect();
    reasons.dedup();
    if down.is_empty() {
        tracing::info!(appliers = on, "configuration takes effect on this machine");
    } else {
        tracing::warn!(appliers = on, down, "configuration does not take effect: {}", reasons.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applier_without_its_capability_is_down() {
        let asked = BTreeSet::from([Applier::Hostname, Applier::Mtu, Applier::Dns]);
        let down = |held| working(&asked, held).into_iter().map(|now| now.down).collect::<Vec<_>>();
        assert_eq!(down(Some(1 << 12 | 1 << 21)), [None, None, None]);
        assert_eq!(down(None), [None, None, None]);
        let lacks = |name: &str| Some(format!("this process lacks {name}"));
        assert_eq!(down(Some(0)), [lacks("CAP_SYS_ADMIN"), lacks("CAP_NET_ADMIN"), None]);
    }

    #[test]
    fn names() {
        for applier in Applier::ALL {
            assert_eq!(applier.name().parse::<Applier>().unwrap(), applier);
        }
        let wrong = "static-route".parse::<Applier>().unwrap_err().to_string();
        assert!(wrong.contains("did you mean 'static-routes'?"), "{wrong}");
        let wrong = "firewall".parse::<Applier>().unwrap_err().to_string();
        assert!(!wrong.contains("did you mean") && wrong.contains("hostname, admin-state"), "{wrong}");
    }
}
