//! The daemon under measurement: the release binary of this build, with a configuration and data directory of its own.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use ganymede::pki::Identity;
use ganymede::time::Clock;
use tempfile::TempDir;

use crate::Result;
use crate::client::{Session, Target};
use crate::process::{Cores, Server, free_address};
use crate::request;

/// Counters of each entry of `/test/bulk`.
pub(crate) const LEAVES_PER_ENTRY: usize = 10;

/// Entries sent in one Set: about 170 kB of JSON.
const ENTRIES_PER_SET: usize = 1_000;

/// Simulated ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sim {
    pub(crate) ports: usize,
    /// Milliseconds between two advances of their counters.
    pub(crate) tick_ms: u32,
    /// Ports that go down or come up each second.
    pub(crate) event_rate: u32,
}

impl Default for Sim {
    fn default() -> Self {
        Self { ports: 0, tick_ms: 1_000, event_rate: 0 }
    }
}

/// A data directory, which outlives the daemons that are started on it one after another. It lies in the target
/// directory and not in /tmp, which may be memory and would make every fsync free.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(TempDir::with_prefix_in("load-", scratch())?))
    }

    /// PEM file of the authority that signed the certificate of a daemon with TLS.
    pub(crate) fn ca(&self) -> PathBuf {
        self.0.path().join("data/tls/ca.pem")
    }

    /// Starts a daemon on it.
    pub(crate) fn start(&self, sim: Sim, cores: Cores) -> Result<Server> {
        self.start_with(Door::default(), sim, cores)
    }

    /// The same behind another door.
    pub(crate) fn start_with(&self, door: Door, sim: Sim, cores: Cores) -> Result<Server> {
        let address = free_address()?;
        let data = self.0.path().join("data");
        let target = if door.tls {
            // As the daemon would make it at its first start.
            Identity::self_signed(&data.join("tls"), &[], Clock::System.now())?;
            Target::tls(&address.to_string(), fs::read(self.ca())?, "localhost")?
        } else {
            Target::plain(&address.to_string())?
        };
        let target = target.login("admin", "admin")?;
        let config = self.0.path().join("ganymede.toml");
        fs::write(&config, configuration(&data, address.port(), sim, door)?)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganymede"));
        Server::start(command.arg("run").arg("--config").arg(config), target, cores)
    }
}

/// How connections are taken in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Door {
    /// With TLS, by a certificate of the daemon's own authority.
    pub(crate) tls: bool,
    /// As many connections as come, and a password whose check costs next to nothing.
    pub(crate) eager: bool,
}

impl Door {
    fn tables(self) -> String {
        let mut tables = String::new();
        if self.tls {
            tables += "[tls]\nself-signed = true\n";
        }
        if self.eager {
            tables += "[limits]\nconnection-rate = 1000000\n";
        }
        tables
    }

    /// The password of `admin`, or its hash.
    fn password(self) -> Result<String> {
        if !self.eager {
            return Ok("admin".to_owned());
        }
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None)?);
        Ok(cheap.hash_password(b"admin").map_err(|error| error.to_string())?.to_string())
    }
}

/// Makes the OpenConfig models addressable.
pub(crate) async fn show_openconfig(session: &mut Session) -> Result<()> {
    let switch = r#"{"openconfig-modules":true}"#.to_owned();
    session.set(request::set("/configure/system/management-interface/yang-modules", switch)?).await?;
    Ok(())
}

/// Where benchmarks keep their files.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Path of one entry, or with `*` of all.
pub(crate) fn entry_path(name: &str) -> String {
    format!("/test/bulk/entry[name={name}]")
}

/// Name of an entry.
pub(crate) fn entry_name(number: usize) -> String {
    format!("e{number:07}")
}

/// Grows the list from `from` to `to` entries.
pub(crate) async fn load(session: &mut Session, from: usize, to: usize) -> Result<()> {
    for start in (from..to).step_by(ENTRIES_PER_SET) {
        let json = entries_json(start..to.min(start + ENTRIES_PER_SET))?;
        session.set(request::set("/test/bulk", json)?).await?;
    }
    Ok(())
}

fn entries_json(numbers: std::ops::Range<usize>) -> Result<String> {
    let mut json = String::from(r#"{"entry":["#);
    for number in numbers {
        if !json.ends_with('[') {
            json.push(',');
        }
        write!(json, r#"{{"name":"{}""#, entry_name(number))?;
        for counter in 0..LEAVES_PER_ENTRY {
            write!(json, r#","c{counter}":"{}""#, 1_000_000_000_000 + number * LEAVES_PER_ENTRY + counter)?;
        }
        json.push('}');
    }
    json.push_str("]}");
    Ok(json)
}

fn configuration(data_dir: &Path, port: u16, sim: Sim, door: Door) -> Result<String> {
    let data_dir = data_dir.to_str().ok_or("the target directory's name is not UTF-8")?;
    let Sim { ports, tick_ms, event_rate } = sim;
    let (tables, password) = (door.tables(), door.password()?);
    Ok(format!(
        r#"
data-dir = {data_dir:?}

[listen]
address = "127.0.0.1"
port = {port}

[log]
level = "error"

[yang]
test-modules = true

[platform.linux]
enabled = false

[platform.sim]
ports = {ports}
tick-ms = {tick_ms}
event-rate = {event_rate}

{tables}
[configure.system]
name = "bench"

[configure.system.grpc]
admin-state = "enable"
allow-unsecure-connection = true

[[configure.system.security.user-params.local-user.user]]
user-name = "admin"
password = "{password}"
access.grpc = true
console.member = ["administrative"]

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "administrative"
default-action = "permit-all"
"#
    ))
}
