//! What the gRPC port is to be, read from the configuration and the file.
//!
//! Invariant: plaintext needs two things at once, no TLS anywhere and `allow-unsecure-connection`; without TLS and
//! without that leaf nothing is served (TLS-009, TLS-010, C-02).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::config::Config;
use crate::net::{Identity, Keepalive, Tls, Transport, local_addresses};
use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::schema::Schema;
use crate::store::Tree;
use crate::time::Timestamp;
use crate::value::Value;

/// The port of the router that is imitated (TLS-004).
const PORT_DEFAULT: u16 = 57_400;

/// What the gRPC port is to be.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Where to listen.
    pub(super) address: SocketAddr,
    /// What the port speaks, or why there is no port.
    pub(super) transport: Result<Transport, &'static str>,
    /// Whether the configuration has the server on.
    pub(super) enabled: bool,
    /// TCP keepalive, when it is on.
    pub(super) keepalive: Option<Keepalive>,
    /// Bytes of one request message, by the knob `max-msg-size`.
    pub(super) message_bytes: Option<usize>,
}

impl Endpoint {
    /// Reads what is to be, and the certificate when there is to be TLS.
    pub(super) async fn read(
        config: &Config,
        schema: &Schema,
        tree: &Tree,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let grpc = Grpc { schema, tree };
        let port = grpc.number("listening-port").and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT_DEFAULT);
        let address = SocketAddr::new(config.listen.address, config.listen.port.unwrap_or(port));
        let keepalive = (grpc.text("tcp-keepalive/admin-state").as_deref() == Some("enable")).then(|| Keepalive {
            idle: Duration::from_secs(grpc.number("tcp-keepalive/idle-time").unwrap_or(600)),
            interval: Duration::from_secs(grpc.number("tcp-keepalive/interval").unwrap_or(15)),
            retries: grpc.number("tcp-keepalive/retries").and_then(|retries| retries.try_into().ok()).unwrap_or(4),
        });
        let message_bytes = grpc.number("max-msg-size").and_then(|megabytes| usize::try_from(megabytes << 20).ok());
        let enabled = grpc.text("admin-state").as_deref() != Some("disable");
        let transport = match enabled {
            false => Err("/configure/system/grpc/admin-state is disable"),
            true => transport(config, &grpc, address.ip(), now).await?,
        };
        Ok(Self { address, transport, enabled, keepalive, message_bytes })
    }
}

async fn transport(
    config: &Config,
    grpc: &Grpc<'_>,
    listen: IpAddr,
    now: Timestamp,
) -> Result<Result<Transport, &'static str>, StartError> {
    let identity = match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => Some(Identity::from_files(certificate, key)?),
        _ if config.tls.self_signed || grpc.text("tls-server-profile").is_some() => {
            let mut addresses = local_addresses().await;
            addresses.push(listen);
            Some(Identity::self_signed(&config.data_dir.join("tls"), &addresses, now)?)
        }
        _ => None,
    };
    if let Some(identity) = identity {
        tracing::info!("TLS certificate, SHA-256 fingerprint {}", identity.fingerprint());
        return Ok(Ok(Transport::Tls(Arc::new(Tls::new(&identity, &config.tls.versions)?))));
    }
    if grpc.value("allow-unsecure-connection").is_none() {
        return Ok(Err("there is neither TLS nor /configure/system/grpc/allow-unsecure-connection"));
    }
    tracing::warn!(
        "gRPC is served without TLS: everybody who can capture packets reads user names, passwords and data; \
         for closed labs only"
    );
    Ok(Ok(Transport::Plain))
}

/// The leaves below `/configure/system/grpc`.
struct Grpc<'a> {
    schema: &'a Schema,
    tree: &'a Tree,
}

impl Grpc<'_> {
    fn value(&self, leaf: &str) -> Option<Value> {
        let path = place(self.schema, &format!("/configure/system/grpc/{leaf}"))?;
        self.tree.leaf(path.steps()).map(|leaf| leaf.value.clone())
    }

    fn text(&self, leaf: &str) -> Option<String> {
        self.value(leaf).map(|value| value.to_string())
    }

    fn number(&self, leaf: &str) -> Option<u64> {
        self.text(leaf)?.parse().ok()
    }
}

fn place(schema: &Schema, text: &str) -> Option<DataPath> {
    Resolver { schema, views: Views::ALL, name_wildcards: false }.write(&RawPath::parse(text).ok()?).ok()
}
