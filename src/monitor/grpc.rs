//! `/state/system/grpc`: the server, its connections, and the RPCs that run (AUTH-040).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::listing::Listing;
use crate::admission::{Finished, RpcFacts, Session};
use crate::platform::map::{Datum, Gaps, Row, Single};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::time::Timestamp;

const SERVER: &str = "nokia-state:state/system/grpc";
const MANAGEMENT: &str = "nokia-state:state/system/security/management/router-instance";
const CONNECTION: &str = "nokia-state:state/system/grpc/connection";
const RPC: &str = "nokia-state:state/system/grpc/rpc";

/// What the gRPC server offers. Whether it listens is told by whoever opens its port.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The version of gNMI that it serves; none while that is off.
    pub gnmi_version: Option<String>,
    /// Whether it may be used for management.
    pub allowed: bool,
}

const SERVER_ROWS: &[Row<Server>] =
    &[Row("supported-services/gnmi-version", |now| Some(Datum::Text(now.gnmi_version.as_deref()?.into())))];

const MANAGEMENT_ROWS: &[Row<Server>] = &[Row("allow-grpc", |now| Some(Datum::Flag(now.allowed)))];

/// A connection as it is now.
#[derive(PartialEq)]
struct Connection {
    opened: Timestamp,
    active: usize,
    total: u64,
    traffic: (u64, u64),
    dscp: u8,
    last: Option<Finished>,
}

const CONNECTION_ROWS: &[Row<Connection>] = &[
    Row("router-instance", |_| Some(Datum::word("Base"))),
    Row("establishment-time", |now| Some(Datum::Time(now.opened))),
    Row("active-rpc-count", |now| Some(Datum::Number(now.active.try_into().ok()?))),
    Row("total-rpc-count", |now| Some(Datum::Number(now.total.into()))),
    Row("rx-bytes", |now| Some(Datum::Number(now.traffic.0.into()))),
    Row("tx-bytes", |now| Some(Datum::Number(now.traffic.1.into()))),
    Row("qos", |now| DSCP_NAMES.get(usize::from(now.dscp)).map(|name| Datum::word(name))),
    Row("last-finished-rpc/name", |now| Some(Datum::Text(names(&now.last.as_ref()?.rpc).name.into()))),
    Row("last-finished-rpc/service-name", |now| Some(Datum::Text(names(&now.last.as_ref()?.rpc).service.into()))),
    Row("last-finished-rpc/package-name", |now| Some(Datum::Text(names(&now.last.as_ref()?.rpc).package.into()))),
    Row("last-finished-rpc/duration", |now| {
        Some(Datum::Number(i128::try_from(now.last.as_ref()?.took.as_millis()).ok()?))
    }),
    Row("last-finished-rpc/finish-time", |now| {
        let last = now.last.as_ref()?;
        Some(Datum::Time(last.rpc.began.plus(last.took)))
    }),
    Row("last-finished-rpc/error-rpc-status", |now| Some(Datum::Text(now.last.as_ref()?.error.as_deref()?.into()))),
];

/// The names of the code points that packets are marked with.
#[rustfmt::skip]
const DSCP_NAMES: [&str; 64] = [
    "be", "cp1", "cp2", "cp3", "cp4", "cp5", "cp6", "cp7",
    "cs1", "cp9", "af11", "cp11", "af12", "cp13", "af13", "cp15",
    "cs2", "cp17", "af21", "cp19", "af22", "cp21", "af23", "cp23",
    "cs3", "cp25", "af31", "cp27", "af32", "cp29", "af33", "cp31",
    "cs4", "cp33", "af41", "cp35", "af42", "cp37", "af43", "cp39",
    "cs5", "cp41", "cp42", "cp43", "cp44", "cp45", "ef", "cp47",
    "nc1", "cp49", "cp50", "cp51", "cp52", "cp53", "cp54", "cp55",
    "nc2", "cp57", "cp58", "cp59", "cp60", "cp61", "cp62", "cp63",
];

/// An RPC that runs. Nothing of it changes.
#[derive(PartialEq)]
struct Running {
    rpc: RpcFacts,
    peer: SocketAddr,
    session: u64,
}

const RPC_ROWS: &[Row<Running>] = &[
    Row("name", |now| Some(Datum::Text(names(&now.rpc).name.into()))),
    Row("service-name", |now| Some(Datum::Text(names(&now.rpc).service.into()))),
    Row("package-name", |now| Some(Datum::Text(names(&now.rpc).package.into()))),
    Row("establishment-time", |now| Some(Datum::Time(now.rpc.began))),
    Row("address", |now| Some(Datum::Address(now.peer.ip()))),
    Row("port", |now| Some(Datum::Number(now.peer.port().into()))),
    Row("user-name", |now| Some(Datum::Text((&*now.rpc.user).into()))),
    Row("session-id", |now| Some(Datum::Number(now.session.into()))),
];

/// The server with its connections and RPCs.
pub(super) struct Grpc {
    schema: Arc<Schema>,
    server: Single<Server>,
    management: Single<Server>,
    server_now: Option<Server>,
    connections: Listing<SocketAddr, Connection>,
    rpcs: Listing<u32, Running>,
}

impl Grpc {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let server = Single::new(&schema, SERVER, &[], SERVER_ROWS, gaps);
        let management = Single::new(&schema, MANAGEMENT, &[Datum::word("Base")], MANAGEMENT_ROWS, gaps);
        let connections = Listing::new(&schema, CONNECTION, CONNECTION_ROWS, gaps);
        let rpcs = Listing::new(&schema, RPC, RPC_ROWS, gaps);
        Self { schema, server, management, server_now: None, connections, rpcs }
    }

    pub(super) fn write(&mut self, server: Server, sessions: &[Arc<Session>], batch: &mut StateBatch) {
        if self.server_now.as_ref() != Some(&server) {
            self.server.write(&server, batch);
            self.management.write(&server, batch);
            self.server_now = Some(server);
        }
        let peers: BTreeSet<SocketAddr> = sessions.iter().map(|session| session.peer()).collect();
        let channels: Vec<_> = sessions
            .iter()
            .flat_map(|session| session.channels().into_iter().map(move |channel| (session, channel)))
            .collect();
        let running: BTreeSet<u32> = channels.iter().map(|(_, channel)| channel.id()).collect();
        self.connections.keep(|peer| peers.contains(peer), batch);
        self.rpcs.keep(|id| running.contains(id), batch);
        for session in sessions {
            let peer = session.peer();
            let keys = [Datum::Address(peer.ip()), Datum::Number(peer.port().into())];
            self.connections.show(&self.schema, peer, &keys, connection(session), batch);
        }
        for (session, channel) in channels {
            let keys = [Datum::Number(channel.id().into())];
            let running = Running { rpc: channel.rpc().clone(), peer: session.peer(), session: session.id() };
            self.rpcs.show(&self.schema, channel.id(), &keys, running, batch);
        }
    }
}

fn connection(session: &Session) -> Connection {
    Connection {
        opened: session.opened(),
        active: session.active_rpcs(),
        total: session.total_rpcs(),
        traffic: session.traffic(),
        dscp: session.dscp(),
        last: session.last_finished(),
    }
}

/// An HTTP path in its parts: `/gnmi.gNMI/Get`.
struct Names<'a> {
    package: &'a str,
    service: &'a str,
    name: &'a str,
}

fn names(rpc: &RpcFacts) -> Names<'_> {
    let path = rpc.path.trim_start_matches('/');
    let (service, name) = path.split_once('/').unwrap_or(("", path));
    let (package, service) = service.rsplit_once('.').unwrap_or(("", service));
    Names { package, service, name }
}
