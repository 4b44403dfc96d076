//! The front door alone: listener, TLS, sessions and admission of the daemon around a gNMI service without content.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use ganymede::aaa::{Authenticator, Parts, SetGuard, Vault, local::Users, seal};
use ganymede::admission::{Admission, Caller, Limits, Sessions};
use ganymede::config::{edits, parse};
use ganymede::log::{SecurityLog, SecurityLogSettings};
use ganymede::net::{Entrance, Listener, OpenPort, Reception, Tls, Transport, server};
use ganymede::path::{RawPath, Resolver, Views};
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::{
    CapabilityRequest, CapabilityResponse, GetRequest, GetResponse, SetRequest, SetResponse, SubscribeRequest,
    SubscribeResponse,
};
use ganymede::pb::{Encoded, GnmiServer, GnmiService};
use ganymede::schema::{Loaded, Sources, load};
use ganymede::store::{Author, ConfigWriter, Content, Edit, Journal, Store, Tree, Validator, prepare};
use ganymede::time::Clock;
use ganymede::value::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::harness::{self, whole_lines};

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(&Sources::default()).unwrap());

const USERS: &str = r#"
    [[configure.system.security.aaa.local-profiles.profile]]
    user-profile-name = "all"
    default-action = "permit-all"
    [[configure.system.security.aaa.local-profiles.profile]]
    user-profile-name = "read"
    default-action = "read-only-all"
    [[configure.system.security.aaa.local-profiles.profile]]
    user-profile-name = "no-get"
    default-action = "permit-all"
    grpc.rpc-authorization.gnmi-get = "deny"
    [[configure.system.security.user-params.local-user.user]]
    user-name = "admin"
    password = "admin-secret"
    access.grpc = true
    console.member = ["all"]
    [[configure.system.security.user-params.local-user.user]]
    user-name = "ro"
    password = "ro-secret"
    access.grpc = true
    console.member = ["read"]
    [[configure.system.security.user-params.local-user.user]]
    user-name = "narrow"
    password = "narrow-secret"
    access.grpc = true
    console.member = ["no-get"]
    [[configure.system.security.user-params.local-user.user]]
    user-name = "nogrpc"
    password = "nogrpc-secret"
"#;

/// The users and their hashes, made once: hashing is slow on purpose.
static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let edits = edits(&parse("door.toml", USERS).unwrap().models, &LOADED.schema).unwrap();
    let empty = Tree::default();
    prepare(&LOADED.schema, &mut Validator::new(&LOADED), &empty, empty.clone(), &edits, Clock::System.now()).unwrap().0
});

/// A running server. Dropped, it ends.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) directory: tempfile::TempDir,
    config: ConfigWriter,
    log: Option<SecurityLog>,
    port: OpenPort,
    entrance: Entrance,
    _running: DropGuard,
}

impl Door {
    pub(crate) fn open(limits: Limits) -> Self {
        Self::with(limits, Transport::Plain)
    }

    pub(crate) fn with_tls(tls: &Tls) -> Self {
        Self::with(Limits::default(), Transport::Tls(tls.clone()))
    }

    pub(crate) fn with(limits: Limits, transport: Transport) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::System;
        let settings = SecurityLogSettings { path: directory.path().join("security.log"), bytes: 1 << 30, files: 1 };
        let log = SecurityLog::open(&settings).unwrap();
        let store = Arc::new(Store::new(LOADED.schema.clone(), TREE.clone(), clock.now()));
        let (journal, _) = Journal::open(directory.path()).unwrap();
        let users = Users::new(&LOADED.schema).unwrap();
        let (grants, vault) = (Arc::default(), Arc::new(Vault::in_directory(directory.path()).unwrap()));
        let guard = SetGuard::new(&LOADED.schema, users.clone(), Arc::clone(&grants), vault.clone());
        let writer = ConfigWriter::new(store.clone(), Validator::new(&LOADED), journal);
        let config = writer.guarded_by(Arc::new(guard));
        let sessions = Sessions::new(limits, clock.clone(), log.clone());
        let authenticator = Authenticator::new(Parts {
            schema: &LOADED.schema,
            users,
            grants,
            vault,
            password_checks: limits.password_checks,
            server_requests: limits.server_requests,
        })
        .unwrap();
        let admission = Admission::new(sessions.clone(), store, authenticator, log.clone(), clock);
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr();
        let (entrance, connections) = Entrance::new(CancellationToken::new());
        let reception = Reception { transport, keepalive: None, entrance: entrance.clone() };
        let port = listener.open(sessions.clone(), reception);
        let shutdown = CancellationToken::new();
        let serving = server(&limits)
            .layer(admission)
            .add_service(GnmiServer::new(Hollow))
            .serve_with_incoming_shutdown(connections, shutdown.clone().cancelled_owned());
        tokio::spawn(async move { serving.await.unwrap() });
        let _running = shutdown.drop_guard();
        Self { address, sessions, directory, config, log: Some(log), port, entrance, _running }
    }

    /// New connections get this TLS.
    pub(crate) fn replace(&self, tls: &Tls) {
        let transport = Transport::Tls(tls.clone());
        self.port.receive(Reception { transport, keepalive: None, entrance: self.entrance.clone() });
    }

    /// A new connection, and so a new session.
    pub(crate) async fn connect(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        Client { gnmi: GNmiClient::new(endpoint.connect().await.unwrap()) }
    }

    /// Changes configuration, as TOML.
    pub(crate) fn configure(&self, text: &str) {
        let mut edits = edits(&parse("door.toml", text).unwrap().models, &LOADED.schema).unwrap();
        seal(&LOADED.schema, &mut edits);
        self.config.commit(&edits, &Author::default(), Clock::System.now()).unwrap();
    }

    /// Says which methods know users, in place of those that were named before.
    pub(crate) fn order(&self, methods: &[&str], exit_on_reject: bool) {
        let resolver = Resolver { schema: &LOADED.schema, views: Views::ALL, name_wildcards: false };
        let replace = |leaf: &str, value: Value| {
            let path = format!("/configure/system/security/user-params/authentication-order/{leaf}");
            Edit::Replace(resolver.write(&RawPath::parse(&path).unwrap()).unwrap(), Content::Leaf(value))
        };
        let order = methods.iter().map(|&method| Value::Enum(method.into())).collect::<Vec<_>>();
        let order = replace("order", Value::List(order.into()));
        let edits = [order, replace("exit-on-reject", Value::Bool(exit_on_reject))];
        self.config.commit(&edits, &Author::default(), Clock::System.now()).unwrap();
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.directory.path().join("security.log")
    }

    /// The security log so far, once it holds as many lines as `wanted` says.
    pub(crate) async fn log_lines(
        &mut self,
        wanted: impl Fn(&serde_json::Value) -> bool,
        count: usize,
    ) -> Vec<serde_json::Value> {
        let path = self.log_path();
        let read = || {
            let text = whole_lines(&path);
            let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines.filter(|line| wanted(line)).collect::<Vec<_>>()
        };
        eventually(|| read().len() >= count).await;
        // Anything too much would come at once after it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(self.log.take());
        read()
    }
}

/// A client with one connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) gnmi: GNmiClient<Channel>,
}

impl Client {
    pub(crate) async fn capabilities(&mut self, user: &str, password: &str) -> Result<(), Status> {
        let request = with_credentials(CapabilityRequest::default(), user, password);
        self.gnmi.capabilities(request).await.map(|_| ())
    }

    pub(crate) async fn get(&mut self, user: &str, password: &str) -> Result<(), Status> {
        self.gnmi.get(with_credentials(GetRequest::default(), user, password)).await.map(|_| ())
    }

    pub(crate) async fn set(&mut self, user: &str, password: &str) -> Result<(), Status> {
        self.gnmi.set(with_credentials(SetRequest::default(), user, password)).await.map(|_| ())
    }

    /// A subscription that lasts until it is dropped.
    pub(crate) async fn subscribe(
        &mut self,
        user: &str,
        password: &str,
    ) -> Result<Streaming<SubscribeResponse>, Status> {
        let requests = tokio_stream::once(SubscribeRequest::default());
        let request = with_credentials(requests, user, password);
        self.gnmi.subscribe(request).await.map(Response::into_inner)
    }
}

/// Empty credentials are left out.
pub(crate) fn with_credentials<T>(message: T, user: &str, password: &str) -> Request<T> {
    let mut request = Request::new(message);
    for (key, value) in [("username", user), ("password", password)] {
        if !value.is_empty() {
            request.metadata_mut().insert(key, value.parse().unwrap());
        }
    }
    request
}

/// Waits for something that comes soon.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    harness::eventually(true, async || condition()).await;
}

pub(crate) fn code<T>(outcome: &Result<T, Status>) -> Code {
    outcome.as_ref().map_or_else(Status::code, |_| Code::Ok)
}

/// Answers everything with nothing; its subscriptions last.
#[derive(Debug)]
struct Hollow;

type Messages = std::pin::Pin<Box<dyn Stream<Item = Result<Encoded, Status>> + Send>>;

#[tonic::async_trait]
impl GnmiService for Hollow {
    async fn capabilities(&self, _: Request<CapabilityRequest>) -> Result<Response<CapabilityResponse>, Status> {
        Ok(Response::new(CapabilityResponse::default()))
    }

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        Ok(Response::new(GetResponse::default()))
    }

    /// Slow, so that tests can have one in flight. Refuses as the real one does.
    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        if !request.extensions().get::<Arc<Caller>>().unwrap().rights.may_write() {
            return Err(Status::permission_denied("may only read"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Response::new(SetResponse::default()))
    }

    type SubscribeStream = Messages;

    /// Full messages without end, so that a client that does not read stalls; one that reads sees them come.
    async fn subscribe(&self, request: Request<Streaming<SubscribeRequest>>) -> Result<Response<Messages>, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned().unwrap();
        caller.about("/a /b".to_owned());
        request.into_inner().message().await?.ok_or_else(|| Status::invalid_argument("no subscription"))?;
        let changed = caller.user_changed();
        let messages = futures_util::stream::unfold(0_u32, move |number| {
            let changed = changed.clone();
            async move {
                if changed.is_cancelled() {
                    return (number < u32::MAX).then(|| (Err(Status::cancelled("the user changed")), u32::MAX));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                // Field 15 is unknown to clients and skipped.
                let mut message = vec![0x7a, 0x80, 0x80, 0x01];
                message.resize(message.len() + 16_384, 0);
                Some((Ok(Encoded(Bytes::from(message))), number + 1))
            }
        });
        Ok(Response::new(Box::pin(messages)))
    }
}
