//! What the gRPC server is to be, read from a commit and the file: plain words, to be compared with the ones before.
//!
//! Invariant: plaintext needs two things at once, no TLS anywhere and `allow-unsecure-connection`; without TLS and
//! without that leaf nothing is served (TLS-009, TLS-010, C-02). A TLS profile goes before the TLS of the file, and one
//! that cannot be used before nothing at all (TLS-012).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, Listen, Tls};
use crate::net::Keepalive;
use crate::pki::{Files, TlsProfile, Unusable};
use crate::profile::Profile;
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::value::Value;

/// The port of the router that is imitated (TLS-004).
const PORT_DEFAULT: u16 = 57_400;

/// What the file says about the port.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) listen: Listen,
    pub(super) tls: Tls,
    /// Where a certificate is made and kept.
    pub(super) own: PathBuf,
    /// The files that TLS profiles name.
    pub(super) files: Files,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        let (own, files) = (config.data_dir.join("tls"), config.tls_files());
        Self { listen: config.listen.clone(), tls: config.tls.clone(), own, files }
    }
}

/// What the server is to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    /// `admin-state`.
    pub(super) enabled: bool,
    /// `allow-grpc`.
    pub(super) allowed: bool,
    /// Time to wait after the process has started.
    pub(super) delay: Duration,
    /// Where to listen.
    pub(super) address: SocketAddr,
    /// TCP keepalive, when it is on.
    pub(super) keepalive: Option<Keepalive>,
    /// Bytes of one request message, by the knob `max-msg-size`.
    pub(super) message_bytes: Option<usize>,
    /// How connections are protected.
    pub(super) security: Security,
}

/// How connections are protected.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Security {
    /// By a TLS profile of the model.
    Profile(Box<TlsProfile>),
    /// By the certificate that the file names, or one made here.
    File,
    /// Not at all.
    Plain,
    /// As it is configured, it cannot be done; why.
    Impossible(String),
}

impl Wish {
    pub(super) fn read(settings: &Settings, profile: &Profile, schema: &Schema, tree: &Tree) -> Self {
        let grpc = Named::new(schema, tree, "configure/system/grpc");
        let port = grpc.number("listening-port").and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT_DEFAULT);
        let tcp = grpc.at("tcp-keepalive");
        let seconds = |leaf: &str, default| Duration::from_secs(tcp.number(leaf).unwrap_or(default));
        Self {
            enabled: grpc.text("admin-state") != Some("disable"),
            allowed: is_allowed(schema, tree),
            delay: Duration::from_secs(grpc.number("delay-on-boot").unwrap_or_default()),
            address: SocketAddr::new(settings.listen.address, settings.listen.port.unwrap_or(port)),
            keepalive: tcp.is_enabled().then(|| Keepalive {
                idle: seconds("idle-time", 600),
                interval: seconds("interval", 15),
                retries: tcp.number("retries").and_then(|retries| retries.try_into().ok()).unwrap_or(4),
            }),
            message_bytes: grpc.number("max-msg-size").and_then(|megabytes| usize::try_from(megabytes << 20).ok()),
            security: Security::read(settings, profile, schema, tree, &grpc),
        }
    }
}

/// Whether gRPC may be used to manage the element; so it is where the models have no such leaf.
pub(in crate::agent) fn is_allowed(schema: &Schema, tree: &Tree) -> bool {
    let management = Named::new(schema, tree, "configure/system/security/management");
    management.value("allow-grpc") != Some(&Value::Bool(false))
}

impl Security {
    fn read(settings: &Settings, profile: &Profile, schema: &Schema, tree: &Tree, grpc: &Named<'_>) -> Self {
        if let Some(name) = grpc.text("tls-server-profile") {
            return match TlsProfile::server(schema, tree, name) {
                Ok(profile) => Self::Profile(Box::new(profile)),
                Err(unusable) => Self::from(unusable),
            };
        }
        if settings.tls.certificate.is_some() || settings.tls.self_signed {
            return Self::File;
        }
        match grpc.value("allow-unsecure-connection") {
            Some(_) if profile.plaintext => Self::Plain,
            // TLS-015.
            Some(_) => Self::Impossible(format!("release-profile {profile} serves nothing without TLS")),
            None => Self::Impossible(format!("there is neither TLS nor {}", grpc.path_of("allow-unsecure-connection"))),
        }
    }
}

impl From<Unusable> for Security {
    fn from(unusable: Unusable) -> Self {
        Self::Impossible(unusable.to_string())
    }
}
