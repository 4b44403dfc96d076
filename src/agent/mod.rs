//! The composition root: which parts there are and how they are put together. Nothing else knows that.
//!
//! Invariant: everything that can fail at start fails in [`Agent::bind`], before the first peer is answered; by then the
//! tree holds what the platforms read. [`Agent::run`] ends only when it is told to, within a bounded time, with every
//! stream closed by a status. Tests and the command line use the same two calls.

mod datastore;
mod element;
mod endpoint;
mod error;
mod patience;
mod reload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tower::util::MapRequestLayer;

pub use error::StartError;

use crate::aaa::Authenticator;
use crate::admission::{Admission, Sessions};
use crate::codec::Wire;
use crate::config::Config;
use crate::control::Door;
use crate::feed::Registry;
use crate::log::{SecurityLog, SecurityLogSettings};
use crate::monitor::{self, Monitor, Server, ServerState};
use crate::net::{self, Incoming, Listener, Transport};
use crate::pb::GnmiServer;
use crate::platform::on_change;
use crate::rpc::gnmi::{self, Gnmi, Knobs};
use crate::store::Tree;
use crate::time::Clock;
use datastore::Datastore;
use element::Element;
use endpoint::Endpoint;

/// Time that running RPCs get to end once the daemon goes down. Streams end at once; this is for unary calls and for
/// peers that do not read.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// What a GetResponse holds besides the values that its limit counts: a notification for each path of the request.
const REPLY_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// A daemon that is ready to serve.
#[derive(Debug)]
pub struct Agent {
    datastore: Datastore,
    /// The settings in effect; replaced by a reload.
    config: Mutex<Config>,
    clock: Clock,
    sessions: Arc<Sessions>,
    admission: Admission,
    subscriptions: Arc<Registry>,
    element: Element,
    endpoint: Endpoint,
    /// Taken by `run`; none when the configuration asks for no port.
    listener: Mutex<Option<Listener>>,
    address: Option<SocketAddr>,
}

impl Agent {
    /// Opens the datastore, the security log and the port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let clock = Clock::System;
        let datastore = Datastore::open(&config, &clock)?;
        let store = &datastore.store;
        let log = SecurityLog::open(&SecurityLogSettings {
            path: config.security_log.path.clone().unwrap_or_else(|| config.data_dir.join("security.log")),
            bytes: config.security_log.bytes,
            files: config.security_log.files,
        })?;
        let sessions = Sessions::new(config.limits, clock.clone(), log.clone());
        let authenticator = Authenticator::new(datastore.users.clone(), config.limits.password_checks)?;
        let admission = Admission::new(sessions.clone(), store.clone(), authenticator, log, clock.clone());
        let endpoint = Endpoint::read(&config, store.schema(), &store.newest().tree, clock.now()).await?;
        let listener = match endpoint.transport {
            Ok(_) => Some(Listener::bind(endpoint.address)?),
            Err(_) => None,
        };
        let address = listener.as_ref().map(Listener::local_addr);
        let element = Element::start(&config, store, &clock).await?;
        let (config, listener) = (Mutex::new(config), Mutex::new(listener));
        let subscriptions = Arc::default();
        Ok(Self { datastore, config, clock, sessions, admission, subscriptions, element, endpoint, listener, address })
    }

    /// Where it listens; tells the port when the configuration left that to the system. None when nothing is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Says whether a start with this file would succeed. Touches neither disk nor network.
    pub fn check(config: &Config) -> Result<(), StartError> {
        Datastore::check(config, &Clock::System)
    }

    /// Serves until the token is cancelled. A second call only waits for that.
    pub async fn run(&self, shutdown: CancellationToken) {
        let served = CancellationToken::new();
        let serving = async {
            self.serve_until(shutdown).await;
            self.element.stop();
            served.cancel();
        };
        tokio::join!(serving, patience::watch(&self.datastore.config, &self.clock, &served));
    }

    async fn serve_until(&self, shutdown: CancellationToken) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut monitor = self.monitor();
        monitor.refresh().await;
        // Ends with this call.
        let mut beside = JoinSet::new();
        beside.spawn(monitor.run());
        match Door::open(&self.data_dir(), self.subscriptions.clone()) {
            Ok(door) => drop(beside.spawn(door.serve())),
            Err(error) => tracing::warn!("commands to this daemon are not possible: {error}"),
        }
        match (listener, &self.endpoint.transport) {
            (Some(listener), Ok(transport)) => self.serve(listener, transport, shutdown).await,
            (_, transport) => {
                if let Err(reason) = transport {
                    tracing::warn!("gRPC is down: {reason}");
                }
                shutdown.cancelled().await;
            }
        }
    }

    async fn serve(&self, listener: Listener, transport: &Transport, shutdown: CancellationToken) {
        let tls = matches!(transport, Transport::Tls(_));
        tracing::info!(address = %listener.local_addr(), tls, "serving");
        let incoming = listener.incoming(Incoming {
            transport: transport.clone(),
            sessions: self.sessions.clone(),
            keepalive: self.endpoint.keepalive,
        });
        let service = GnmiServer::new(self.gnmi(&shutdown))
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(self.message_bytes())
            .max_encoding_message_size(self.sessions.limits().get_response_bytes + REPLY_FRAME_BYTES);
        let serving = net::server(self.sessions.limits())
            .layer(MapRequestLayer::new(net::in_kind))
            .layer(self.admission.clone())
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        let too_late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        tokio::select! {
            served = serving => match served {
                Ok(()) => tracing::info!("stopped"),
                Err(error) => tracing::error!("server ended: {error}"),
            },
            () = too_late => tracing::warn!("stopped with RPCs still running"),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).data_dir.clone()
    }

    /// What writes state about the daemon itself.
    fn monitor(&self) -> Monitor {
        let state = match (&self.endpoint.transport, self.endpoint.enabled) {
            (Ok(_), _) => ServerState::Up,
            (Err(_), false) => ServerState::AdminDown,
            (Err(_), true) => ServerState::NoTransport,
        };
        let knobs = Knobs::new(self.datastore.store.schema());
        let profile = self.config.lock().unwrap_or_else(PoisonError::into_inner).profile.clone();
        let server = move |tree: &Tree| {
            let version = profile.gnmi_version.as_deref().unwrap_or_else(|| knobs.proto_version(tree).text());
            Server { state, gnmi_version: knobs.gnmi_enabled(tree).then(|| version.to_owned()) }
        };
        Monitor::new(monitor::Parts {
            store: self.datastore.store.clone(),
            sessions: self.sessions.clone(),
            subscriptions: self.subscriptions.clone(),
            server: Box::new(server),
            clock: self.clock.clone(),
        })
    }

    /// The knob of the model and the limit of the file, whichever is lower.
    fn message_bytes(&self) -> usize {
        let limit = self.sessions.limits().request_message_bytes;
        self.endpoint.message_bytes.map_or(limit, |knob| knob.min(limit))
    }

    fn gnmi(&self, shutdown: &CancellationToken) -> Gnmi {
        let schema = self.datastore.store.schema().clone();
        let capable = on_change(&schema);
        let limits = self.sessions.limits();
        let (profile, release) = {
            let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
            (config.profile.clone(), config.release.as_str().to_owned())
        };
        Gnmi::new(gnmi::Parts {
            store: self.datastore.store.clone(),
            config: self.datastore.config.clone(),
            wire: Arc::new(Wire::new(schema.clone())),
            capable: Arc::new(capable),
            users: self.datastore.users.clone(),
            knobs: Knobs::new(&schema),
            clock: self.clock.clone(),
            limits: gnmi::Limits {
                get_response_bytes: limits.get_response_bytes,
                subscribe_message_bytes: limits.subscribe_message_bytes,
                set_edits: limits.set_edits,
                subscription_paths: limits.subscription_paths,
                arbitration_roles: limits.arbitration_roles,
                commit_patience: limits.commit_patience,
            },
            free_paths: Arc::new(Semaphore::new(limits.subscription_paths)),
            groups: Arc::default(),
            subscriptions: self.subscriptions.clone(),
            profile,
            release,
            shutdown: shutdown.clone(),
        })
    }
}
