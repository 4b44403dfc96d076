//! What the file can say, as plain values, and the one list of its keys.
//!
//! Invariant: [`visit`] names every setting once, with its key, its range and through the default already in it; reading
//! and printing both go through it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::keys::Keys;
use super::{ConfigError, ModelTables};
use crate::admission::{
    CHANNELS_MAX, GET_RESPONSE_BYTES_MAX, Limits, REQUEST_MESSAGE_BYTES_MAX, SESSIONS_MAX, SUBSCRIBE_MESSAGE_BYTES_MAX,
    SUBSCRIPTION_PATHS_MAX,
};
use crate::log::{self, Format, Level};
use crate::pki::TlsVersion;
use crate::platform::linux::apply::Applier;
use crate::profile::Profile;
use crate::schema::Sources;

/// Everything the file says, with defaults where it is silent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where saved configuration, generated certificates and logs are kept.
    pub data_dir: PathBuf,
    /// Which release of the router is imitated, with what the table `[gnmi]` changes of it.
    pub profile: Profile,
    /// The release that is claimed wherever a release appears (C-06).
    pub release: Release,
    /// Where to listen.
    pub listen: Listen,
    /// Operational log.
    pub log: log::Settings,
    /// Security log.
    pub security_log: SecurityLogFile,
    /// All limits.
    pub limits: Limits,
    /// YANG modules.
    pub yang: Sources,
    /// TLS outside the model.
    pub tls: Tls,
    /// Where state comes from.
    pub platform: Platform,
    /// Startup configuration, in the words of the YANG models.
    pub models: ModelTables,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Local address; `::` is every IPv4 and IPv6 address.
    pub address: IpAddr,
    /// Overrides `/configure/system/grpc/listening-port` for labs and tests; 0 lets the system choose (C-01).
    pub port: Option<u16>,
}

/// The file of the security log.
#[derive(Clone, Debug)]
pub struct SecurityLogFile {
    /// Path; `security.log` in the data directory when not given.
    pub path: Option<PathBuf>,
    /// Bytes at which a new file is begun.
    pub bytes: usize,
    /// Files kept, the present one included.
    pub files: usize,
}

/// TLS that is configured outside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate chain, own certificate first.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub key: Option<PathBuf>,
    /// Whether a certificate is made on first start and kept in the data directory.
    pub self_signed: bool,
    /// TLS versions offered (TLS-017).
    pub versions: Vec<TlsVersion>,
    /// Where the files are that the TLS profiles of the model name; `tls` in the data directory when not given.
    pub directory: Option<PathBuf>,
}

/// Where state comes from.
#[derive(Clone, Debug)]
pub struct Platform {
    /// This machine.
    pub linux: Linux,
    /// Simulated ports.
    pub sim: Sim,
}

/// The collector of this machine's state.
#[derive(Clone, Debug)]
pub struct Linux {
    /// Whether it runs.
    pub enabled: bool,
    /// How often counters are read.
    pub interval: Duration,
    /// Interface name by port-id.
    pub ports: BTreeMap<String, String>,
    /// What of the configuration takes effect on this machine.
    pub apply: Vec<Applier>,
    /// The file of the resolver.
    pub resolv_conf: PathBuf,
}

/// The simulated platform.
#[derive(Clone, Debug)]
pub struct Sim {
    /// Number of ports; none means that it does not run.
    pub ports: usize,
    /// Packets per second in each direction of each port.
    pub packets_per_second: usize,
    /// Octets of each packet.
    pub octets_per_packet: usize,
    /// How often counters advance.
    pub tick: Duration,
    /// Ports that go down or come up each second.
    pub event_rate: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/ganymede".into(),
            profile: Profile::LATEST,
            release: Release(Profile::LATEST.release.to_owned()),
            listen: Listen { address: Ipv6Addr::UNSPECIFIED.into(), port: None },
            log: log::Settings { format: Format::Human, level: Level::Info },
            security_log: SecurityLogFile { path: None, bytes: 10 * 1024 * 1024, files: 5 },
            limits: Limits::default(),
            yang: Sources::default(),
            tls: Tls {
                certificate: None,
                key: None,
                self_signed: false,
                versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
                directory: None,
            },
            platform: Platform {
                linux: Linux {
                    enabled: true,
                    interval: Duration::from_secs(1),
                    ports: BTreeMap::new(),
                    apply: Vec::new(),
                    resolv_conf: "/etc/resolv.conf".into(),
                },
                sim: Sim {
                    ports: 0,
                    packets_per_second: 1000,
                    octets_per_packet: 500,
                    tick: Duration::from_secs(1),
                    event_rate: 0,
                },
            },
            models: ModelTables::default(),
        }
    }
}

impl Config {
    /// Settings of the security log, its path filled in.
    pub fn security_log_settings(&self) -> log::SecurityLogSettings {
        let SecurityLogFile { path, bytes, files } = self.security_log.clone();
        log::SecurityLogSettings { path: path.unwrap_or_else(|| self.data_dir.join("security.log")), bytes, files }
    }
}

/// Walks all settings.
pub(super) fn visit(config: &mut Config, keys: &mut Keys<'_>) -> Result<(), ConfigError> {
    keys.path("data-dir", &mut config.data_dir)?;
    let before = config.profile.name;
    keys.text("release-profile", &mut config.profile)?;
    if config.profile.name != before {
        config.release = Release(config.profile.release.to_owned());
    }
    keys.text("release", &mut config.release)?;
    config.yang.naming = config.profile.naming;
    config.yang.port_fixed = config.profile.port_fixed;
    keys.table("listen", |keys| {
        keys.text("address", &mut config.listen.address)?;
        keys.optional_port("port", &mut config.listen.port)
    })?;
    keys.table("log", |keys| {
        keys.text("format", &mut config.log.format)?;
        keys.text("level", &mut config.log.level)?;
        let file = &mut config.security_log;
        keys.optional_path("security-file", &mut file.path)?;
        keys.count("security-file-bytes", &mut file.bytes, 4096..=1024 * 1024 * 1024)?;
        keys.count("security-files", &mut file.files, 1..=100)
    })?;
    keys.table("gnmi", |keys| gnmi(&mut config.profile, keys))?;
    keys.table("limits", |keys| limits(&mut config.limits, keys))?;
    keys.table("tls", |keys| tls(&mut config.tls, keys))?;
    keys.table("yang", |keys| {
        let mut dirs = config.yang.dirs.iter().map(|dir| dir.to_string_lossy().into_owned()).collect::<Vec<_>>();
        keys.texts("dirs", &mut dirs)?;
        config.yang.dirs = dirs.into_iter().map(PathBuf::from).collect();
        keys.texts("modules", &mut config.yang.modules)?;
        keys.flag("test-modules", &mut config.yang.test_modules)?;
        keys.named_lists("features", &mut config.yang.features)
    })?;
    keys.table("platform", |keys| {
        let Platform { linux, sim } = &mut config.platform;
        keys.table("linux", |keys| {
            keys.flag("enabled", &mut linux.enabled)?;
            keys.millis("interval-ms", &mut linux.interval, 100..=60_000)?;
            keys.texts("apply", &mut linux.apply)?;
            keys.path("resolv-conf", &mut linux.resolv_conf)?;
            keys.named_texts("ports", &mut linux.ports)?;
            ports(&linux.ports).map_err(|rule| keys.contradiction("ports", &rule))
        })?;
        keys.table("sim", |keys| {
            keys.count("ports", &mut sim.ports, 0..=100_000)?;
            keys.count("packets-per-second", &mut sim.packets_per_second, 0..=1_000_000_000)?;
            keys.count("octets-per-packet", &mut sim.octets_per_packet, 0..=65_535)?;
            keys.millis("tick-ms", &mut sim.tick, 10..=60_000)?;
            keys.count("event-rate", &mut sim.event_rate, 0..=100_000)
        })
    })?;
    keys.raw("configure", &mut config.models.configure)?;
    keys.raw("models", &mut config.models.others)
}

/// A link is one port: of two the machine could show only one, and they would not agree on what takes effect.
fn ports(table: &BTreeMap<String, String>) -> Result<(), String> {
    let mut taken = BTreeMap::new();
    for (port, link) in table {
        if port.is_empty() || link.is_empty() {
            return Err("a port and its interface need names".to_owned());
        }
        if let Some(other) = taken.insert(link, port) {
            return Err(format!("interface '{link}' is given to the ports {other} and {port}"));
        }
    }
    Ok(())
}

/// Single facts of the profile.
fn gnmi(profile: &mut Profile, keys: &mut Keys<'_>) -> Result<(), ConfigError> {
    let mut version = profile.gnmi_version.take().map(GnmiVersion);
    keys.optional_text("version", &mut version)?;
    profile.gnmi_version = version.map(|GnmiVersion(text)| text);
    keys.text("initial-sample", &mut profile.rules.first_sample)?;
    keys.flag("sample-deletes", &mut profile.rules.sample_deletes)?;
    keys.text("on-change-initial", &mut profile.rules.on_change_initial)?;
    keys.text("get-missing", &mut profile.get_missing)?;
    keys.flag("honor-use-models", &mut profile.honor_use_models)
}

fn limits(limits: &mut Limits, keys: &mut Keys<'_>) -> Result<(), ConfigError> {
    keys.count("sessions", &mut limits.sessions, 1..=SESSIONS_MAX)?;
    keys.count("channels", &mut limits.channels, 1..=CHANNELS_MAX)?;
    keys.count("connections", &mut limits.connections, 1..=10_000)?;
    keys.count("connections-per-source", &mut limits.connections_per_source, 1..=10_000)?;
    keys.count("connection-rate", &mut limits.connection_rate, 1..=1_000_000)?;
    keys.count("tls-handshakes", &mut limits.tls_handshakes, 1..=256)?;
    keys.count("subscription-paths", &mut limits.subscription_paths, 1..=SUBSCRIPTION_PATHS_MAX)?;
    keys.count("get-response-bytes", &mut limits.get_response_bytes, 1024..=GET_RESPONSE_BYTES_MAX)?;
    keys.count("request-message-bytes", &mut limits.request_message_bytes, 1024..=REQUEST_MESSAGE_BYTES_MAX)?;
    keys.count("subscribe-message-bytes", &mut limits.subscribe_message_bytes, 1024..=SUBSCRIBE_MESSAGE_BYTES_MAX)?;
    keys.count("set-edits", &mut limits.set_edits, 1..=10_000_000)?;
    keys.count("arbitration-roles", &mut limits.arbitration_roles, 1..=10_000)?;
    keys.millis("commit-rollback-ms", &mut limits.commit_patience, 1000..=604_800_000)?;
    keys.count("password-checks", &mut limits.password_checks, 1..=256)?;
    keys.count("server-requests", &mut limits.server_requests, 1..=1024)?;
    keys.count("waiting-logins", &mut limits.waiting_logins, 1..=100_000)?;
    keys.count("failed-login-rate", &mut limits.failed_login_rate, 1..=1_000_000)?;
    keys.millis("handshake-timeout-ms", &mut limits.handshake_timeout, 100..=60_000)?;
    keys.millis("first-request-timeout-ms", &mut limits.first_request_timeout, 100..=3_600_000)?;
    keys.millis("send-stall-ms", &mut limits.send_stall, 1000..=3_600_000)?;
    keys.millis("ping-interval-ms", &mut limits.ping_interval, 1000..=3_600_000)
}

fn tls(tls: &mut Tls, keys: &mut Keys<'_>) -> Result<(), ConfigError> {
    keys.optional_path("certificate", &mut tls.certificate)?;
    keys.optional_path("key", &mut tls.key)?;
    keys.flag("self-signed", &mut tls.self_signed)?;
    keys.texts("versions", &mut tls.versions)?;
    keys.optional_path("directory", &mut tls.directory)?;
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => Err(keys.contradiction("certificate", "needs tls.key beside it")),
        (None, Some(_)) => Err(keys.contradiction("key", "needs tls.certificate beside it")),
        (Some(_), Some(_)) if tls.self_signed => {
            Err(keys.contradiction("self-signed", "cannot be true beside tls.certificate"))
        }
        _ if tls.versions.is_empty() => Err(keys.contradiction("versions", "needs at least one of 1.2 and 1.3")),
        _ => Ok(()),
    }
}

/// The version of gNMI that is advertised.
struct GnmiVersion(Cow<'static, str>);

impl fmt::Display for GnmiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GnmiVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| !part.is_empty() && part.chars().all(|symbol| symbol.is_ascii_digit());
        if text.split('.').count() == 3 && text.split('.').all(number) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err("a version of gNMI reads major.minor.patch, for example 0.8.0")
        }
    }
}

/// A release in the form `major.minor.Rn`, which releases up to 16.0 write `major.minor.rn` (C-06).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release(String);

impl Release {
    /// The text, `26.3.R1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Release {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| !part.is_empty() && part.chars().all(|symbol| symbol.is_ascii_digit());
        let good = match text.split('.').collect::<Vec<_>>()[..] {
            [major, minor, last] => {
                let old = major.parse::<u32>().is_ok_and(|major| major <= 16);
                let last = last.strip_prefix('R').or_else(|| last.strip_prefix('r').filter(|_| old));
                number(major) && number(minor) && last.is_some_and(number)
            }
            _ => false,
        };
        if good { Ok(Self(text.to_owned())) } else { Err("a release reads major.minor.Rn, for example 26.3.R1") }
    }
}
