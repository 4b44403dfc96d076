//! Which servers are asked, in which order and how patiently: `authentication-order` and `remote-servers` as a commit
//! has them.
//!
//! Invariant: read anew for each login, so a change takes effect with the commit that makes it. A server that cannot be
//! asked as configured is never asked in another way; it is passed over with a reason.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::places::{ListPlace, Place, number};
use super::secrets::Vault;
use crate::schema::{NodeId, Schema};
use crate::store::{Branch, Tree};
use crate::value::Value;

/// Who is asked about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The users of the configuration.
    Local,
    /// RADIUS servers.
    Radius,
    /// TACACS+ servers.
    Tacplus,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Radius => "RADIUS",
            Self::Tacplus => "TACACS+",
        })
    }
}

/// Who is asked where the configuration names nobody.
const ORDER: [Method; 3] = [Method::Radius, Method::Tacplus, Method::Local];

/// A server that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) index: u32,
    pub(super) address: SocketAddr,
    pub(super) secret: Secret,
}

/// A secret shared with a server. Prints as nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Secret(pub(super) Arc<[u8]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "server {} ({})", self.index, self.address)
    }
}

/// A server that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Configured {
    Server(Server),
    /// It is passed over.
    Unusable {
        index: u32,
        reason: &'static str,
    },
}

/// The servers of a method, and how they are asked.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    /// By index.
    pub(super) servers: Vec<Configured>,
    /// How long an answer is awaited.
    pub(super) timeout: Duration,
    /// How often a server is asked.
    pub(super) attempts: u32,
    /// How long a server that has failed is left alone.
    pub(super) rest: Option<Duration>,
    /// Whether a different server is asked first each time.
    pub(super) round_robin: bool,
    /// Whether the server asks for the password.
    pub(super) interactive: bool,
    /// Where RADIUS records go.
    pub(super) accounting_port: u16,
    /// Whether what a TACACS+ server demands and is not known here is passed over.
    pub(super) ignores_unknown: bool,
    /// Whether a TACACS+ server is told of deletes as such.
    pub(super) tells_deletes: bool,
}

/// Where all this stands.
#[derive(Clone, Debug)]
pub(super) struct SettingsNodes {
    order: Place,
    exit_on_reject: Place,
    health_check: Place,
    system_name: Place,
    radius: MethodNodes,
    tacplus: MethodNodes,
}

#[derive(Clone, Debug)]
struct MethodNodes {
    admin_state: Place,
    timeout: Place,
    retry: Place,
    port: Place,
    accounting: Place,
    accounting_port: Place,
    access_algorithm: Place,
    retry_timeout: Place,
    interactive: Place,
    record_type: Place,
    ignore_unknown: Place,
    access_operation: Place,
    server: Option<ServerNodes>,
}

#[derive(Clone, Debug)]
struct ServerNodes {
    list: ListPlace,
    index: NodeId,
    address: NodeId,
    secret: NodeId,
    port: Option<NodeId>,
    authenticator: Option<NodeId>,
    tls: Option<NodeId>,
}

impl SettingsNodes {
    pub(super) fn new(schema: &Schema) -> Self {
        let place = |path: &str| Place::of(schema, &format!("/configure/system/{path}"));
        Self {
            order: place("security/user-params/authentication-order/order"),
            exit_on_reject: place("security/user-params/authentication-order/exit-on-reject"),
            health_check: place("security/aaa/health-check"),
            system_name: place("name"),
            radius: MethodNodes::new(schema, "radius"),
            tacplus: MethodNodes::new(schema, "tacplus"),
        }
    }

    /// Who is asked, in this order. LDAP is not among them.
    pub(super) fn order(&self, tree: &Tree) -> Vec<Method> {
        let method = |value: &Value| match value.as_text() {
            Some("local") => Some(Method::Local),
            Some("radius") => Some(Method::Radius),
            Some("tacplus") => Some(Method::Tacplus),
            _ => None,
        };
        match self.order.value(tree) {
            Some(Value::List(methods)) if !methods.is_empty() => methods.iter().filter_map(method).collect(),
            _ => ORDER.to_vec(),
        }
    }

    pub(super) fn exit_on_reject(&self, tree: &Tree) -> bool {
        self.exit_on_reject.is_true(tree)
    }

    /// Time between two probes of a server; none where there are to be none.
    pub(super) fn health_check(&self, tree: &Tree) -> Option<Duration> {
        self.health_check.number(tree).filter(|&seconds| seconds > 0).map(seconds)
    }

    /// The name by which servers know this element.
    pub(super) fn system_name<'t>(&self, tree: &'t Tree) -> &'t str {
        self.system_name.value(tree).and_then(Value::as_text).unwrap_or("ganymede")
    }

    /// The RADIUS servers; none while they are not to be asked.
    pub(super) fn radius(&self, tree: &Tree, vault: &Vault) -> Option<Servers> {
        let port = self.radius.port.number(tree).and_then(|port| u16::try_from(port).ok()).unwrap_or(1812);
        let rest = self.health_check(tree);
        self.radius.read(tree, vault, port, rest)
    }

    /// The TACACS+ servers.
    pub(super) fn tacplus(&self, tree: &Tree, vault: &Vault) -> Option<Servers> {
        let rest = self.tacplus.retry_timeout.number(tree).filter(|&time| time > 0).map(seconds);
        self.tacplus.read(tree, vault, 49, rest).map(|servers| Servers { attempts: 1, ..servers })
    }

    /// Whether RPCs are recorded with RADIUS servers, and if so, whether their beginning is, too.
    pub(super) fn radius_records(&self, tree: &Tree) -> Option<bool> {
        self.radius.accounting.is_true(tree).then_some(true)
    }

    /// The same with TACACS+ servers.
    pub(super) fn tacplus_records(&self, tree: &Tree) -> Option<bool> {
        self.tacplus.record_type.value(tree).map(|kind| kind.as_text() == Some("start-stop"))
    }
}

impl MethodNodes {
    fn new(schema: &Schema, method: &str) -> Self {
        let base = format!("/configure/system/security/aaa/remote-servers/{method}");
        let place = |name: &str| Place::of(schema, &format!("{base}/{name}"));
        Self {
            admin_state: place("admin-state"),
            timeout: place("server-timeout"),
            retry: place("server-retry"),
            port: place("port"),
            accounting: place("accounting"),
            accounting_port: place("accounting-port"),
            access_algorithm: place("access-algorithm"),
            retry_timeout: place("server-retry-timeout"),
            interactive: place("interactive-authentication"),
            record_type: place("accounting/record-type"),
            ignore_unknown: place("ignore-unknown-mandatory-vsas"),
            access_operation: place("authorization/request-format/access-operation-cmd"),
            server: ServerNodes::new(schema, &format!("{base}/server")),
        }
    }

    fn read(&self, tree: &Tree, vault: &Vault, port: u16, rest: Option<Duration>) -> Option<Servers> {
        if !self.admin_state.is(tree, "enable") {
            return None;
        }
        let nodes = self.server.as_ref()?;
        let servers: Vec<_> = nodes.list.entries(tree).filter_map(|entry| nodes.read(entry, vault, port)).collect();
        (!servers.is_empty()).then(|| Servers {
            servers,
            timeout: seconds(self.timeout.number(tree).unwrap_or(3)),
            attempts: self.retry.number(tree).unwrap_or(3),
            rest,
            round_robin: self.access_algorithm.is(tree, "round-robin"),
            interactive: self.interactive.is_true(tree),
            ignores_unknown: self.ignore_unknown.is_true(tree),
            tells_deletes: matches!(self.access_operation.value(tree), Some(Value::List(told)) if !told.is_empty()),
            accounting_port: self
                .accounting_port
                .number(tree)
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(1813),
        })
    }
}

impl ServerNodes {
    fn new(schema: &Schema, path: &str) -> Option<Self> {
        let list = ListPlace::of(schema, path)?;
        let child = |name: &str| list.child(schema, name);
        Some(Self {
            index: child("index")?,
            address: child("address")?,
            secret: child("secret")?,
            port: child("port"),
            authenticator: child("authenticator"),
            tls: child("tls-client-profile"),
            list,
        })
    }

    fn read(&self, entry: &Branch, vault: &Vault, port: u16) -> Option<Configured> {
        let text = |node| entry.leaf(node).and_then(|leaf| leaf.value.as_text());
        let index = number(&entry.leaf(self.index)?.value)?;
        let unusable = |reason| Some(Configured::Unusable { index, reason });
        let Some(address) = text(self.address).and_then(|address| address.parse::<IpAddr>().ok()) else {
            return unusable("its address is not one");
        };
        if self.tls.is_some_and(|tls| text(tls).is_some()) {
            return unusable("RADIUS over TLS is not supported, and it is not asked without");
        }
        if self.authenticator.is_some_and(|digest| text(digest) == Some("sm3")) {
            return unusable("messages with SM3 are not supported");
        }
        let Some(secret) = text(self.secret) else { return unusable("it has no secret") };
        let Some(secret) = vault.open(secret) else {
            return unusable("its secret was encrypted by another element");
        };
        let own = self.port.and_then(|port| number(&entry.leaf(port)?.value)).and_then(|port| u16::try_from(port).ok());
        let address = SocketAddr::new(address, own.filter(|&port| port > 0).unwrap_or(port));
        Some(Configured::Server(Server { index, address, secret: Secret(secret.into_bytes().into()) }))
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}
