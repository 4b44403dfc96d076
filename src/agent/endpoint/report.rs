//! What `/state/system/grpc` says about the server itself.
//!
//! Invariant: the leaves say what is, and change in one commit with each other. The connections and RPCs below the same
//! container are written elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use crate::path::{DataPath, Step};
use crate::schema::{NodeId, Schema};
use crate::store::{StateBatch, StateWriter};
use crate::time::Clock;
use crate::value::Value;

const GRPC: [&str; 3] = ["state", "system", "grpc"];
const MANAGEMENT: [&str; 6] = ["state", "system", "security", "management", "global", "grpc"];

/// How the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It takes clients.
    Up {
        /// Where.
        address: SocketAddr,
        /// With or without TLS.
        tls: bool,
    },
    /// It takes none.
    Down(Down),
}

/// Why the server takes no clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Down {
    /// It is switched off.
    Admin,
    /// It is not open for management.
    Forbidden,
    /// It waits after the start of the process.
    Delay,
    /// Connections cannot be protected as configured.
    Security(String),
    /// The port cannot be had.
    Port(String),
}

impl Down {
    /// Its name in the model, which has none for trouble with TLS.
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Admin | Self::Forbidden => Some("admin-down"),
            Self::Delay => Some("active-delay-on-boot"),
            Self::Port(_) => Some("listen-port-unavailable"),
            Self::Security(_) => None,
        }
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("/configure/system/grpc/admin-state is disable"),
            Self::Forbidden => f.write_str("/configure/system/security/management/allow-grpc is false"),
            Self::Delay => f.write_str("/configure/system/grpc/delay-on-boot has not passed"),
            Self::Security(reason) | Self::Port(reason) => f.write_str(reason),
        }
    }
}

/// Writes the condition.
#[derive(Debug)]
pub(super) struct Report {
    writer: StateWriter,
    clock: Clock,
    /// None where the loaded models have no such place.
    at: Option<DataPath>,
    /// Another place that tells whether the server is up.
    management: Option<DataPath>,
}

impl Report {
    pub(super) fn new(writer: StateWriter, clock: Clock) -> Self {
        let (at, management) = (place(writer.schema(), &GRPC), place(writer.schema(), &MANAGEMENT));
        Self { writer, clock, at, management }
    }

    /// Writes all leaves.
    pub(super) fn write(&self, condition: &Condition) {
        let mut batch = StateBatch::new();
        let leaves = leaves_of(condition);
        self.put(&self.at, &leaves, &mut batch);
        self.put(&self.management, &leaves[..1], &mut batch);
        if let Err(error) = self.writer.commit(&batch, self.clock.now()) {
            tracing::error!("{error}");
        }
    }

    fn put(&self, at: &Option<DataPath>, leaves: &[(&str, Option<Value>)], batch: &mut StateBatch) {
        let Some(at) = at else { return };
        let mut values = Vec::new();
        for (name, value) in leaves {
            let Some(leaf) = at.node().and_then(|grpc| self.writer.schema().child(Some(grpc), None, name)) else {
                continue;
            };
            match value {
                Some(value) => values.push((leaf, value.clone())),
                None => batch.remove(&at.child(leaf, None)),
            }
        }
        batch.set(at, values);
    }
}

/// The leaves that are written, as far as the loaded models have them.
pub(super) fn leaves(schema: &Schema) -> BTreeSet<NodeId> {
    let leaves = leaves_of(&Condition::Down(Down::Admin)).map(|(name, _)| name);
    let below = |at: &[&str], names: &[&str]| -> Vec<NodeId> {
        let Some(grpc) = place(schema, at).and_then(|at| at.node()) else { return Vec::new() };
        names.iter().filter_map(|name| schema.child(Some(grpc), None, name)).collect()
    };
    below(&GRPC, &leaves).into_iter().chain(below(&MANAGEMENT, &leaves[..1])).collect()
}

/// The leaves; the first of them says whether the server is up.
fn leaves_of(condition: &Condition) -> [(&'static str, Option<Value>); 5] {
    let name = |name: &str| Some(Value::Enum(name.into()));
    let (state, reason, detail, transport, port) = match condition {
        Condition::Up { address, tls } => {
            let transport = if *tls { "tls" } else { "unsecure" };
            ("up", None, None, name(transport), Some(Value::Uint(address.port().into())))
        }
        Condition::Down(down) => ("down", down.name(), Some(Value::text(down.to_string())), None, None),
    };
    [
        ("oper-state", name(state)),
        ("oper-down-reason", reason.and_then(name)),
        ("oper-down-detail", detail),
        ("oper-transport", transport),
        ("oper-listening-port", port),
    ]
}

fn place(schema: &Schema, names: &[&str]) -> Option<DataPath> {
    let mut at: Option<NodeId> = None;
    let steps: Option<Vec<Step>> = names
        .iter()
        .map(|name| {
            at = Some(schema.child(at, None, name)?);
            Some(Step { node: at?, key: None })
        })
        .collect();
    Some(DataPath::new(steps?))
}
