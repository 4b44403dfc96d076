//! The composition root: which parts there are and how they are put together. Nothing else knows that.
//!
//! Invariant: everything that can fail at start fails in [`Agent::bind`], before the first peer is answered; the port is
//! opened last, when the tree holds what the platforms read. [`Agent::run`] ends only when it is told to, within a
//! bounded time, with every stream closed by a status. Tests and the command line use the same two calls.

mod certificates;
mod datastore;
mod element;
mod endpoint;
mod error;
mod idle;
mod models;
mod operator;
mod patience;
mod producers;
mod reload;
mod storage;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use error::StartError;
pub use models::Models;
pub use producers::{Producers, producers};
pub use reload::Reloaded;

use crate::aaa::{self, Authenticator, Authorizer, LoginRecords, Upkeep};
use crate::admission::{Admission, Limits, Sessions};
use crate::config::{Config, ConfigError};
use crate::control::{self, Door};
use crate::feed::Registry;
use crate::log::SecurityLog;
use crate::monitor::{self, Monitor, Server};
use crate::net::MessageLimit;
use crate::pki::Tally;
use crate::rpc::gnmi::{self, Gnmi, Knobs};
use crate::rpc::health::Health;
use crate::rpc::reflection::Reflection;
use crate::rpc::services;
use crate::store::Tree;
use crate::time::Clock;
use certificates::Certificates;
use datastore::Datastore;
use element::Element;
use endpoint::{Endpoint, Services, Telling};
use reload::{Reader, Reloader, reader};

/// A daemon that is ready to serve.
pub struct Agent {
    datastore: Datastore,
    /// The settings in effect; replaced by a reload.
    config: Arc<Mutex<Config>>,
    clock: Clock,
    sessions: Arc<Sessions>,
    subscriptions: Arc<Registry>,
    upkeep: Upkeep,
    logins: LoginRecords,
    element: Element,
    certificates: Arc<Certificates>,
    checks: Tally,
    endpoint: Arc<Endpoint>,
    reader: Reader,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Agent {
    /// Loads the models, and opens the datastore, the security log and the port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let models = Models::load(&config.yang)?;
        Self::bind_with(config, &models).await
    }

    /// The same with models that are loaded already, which several agents of a process may share.
    pub async fn bind_with(config: Config, models: &Models) -> Result<Self, StartError> {
        let clock = Clock::System;
        let datastore = Datastore::open(&config, models, &clock)?;
        let store = &datastore.store;
        let log = SecurityLog::open(&config.security_log_settings())?;
        let sessions = Sessions::new(config.limits, clock.clone(), log.clone());
        let authenticator = Authenticator::new(aaa::Parts {
            schema: store.schema(),
            users: datastore.users.clone(),
            grants: datastore.grants.clone(),
            vault: datastore.vault.clone(),
            password_checks: config.limits.password_checks,
            server_requests: config.limits.server_requests,
        })?;
        let upkeep = authenticator.upkeep();
        let logins = authenticator.records();
        let authorizer = authenticator.authorizer();
        let admission = Admission::new(sessions.clone(), store.clone(), authenticator, log, clock.clone());
        let element = Element::start(&config, store, &clock).await?;
        let subscriptions: Arc<Registry> = Arc::default();
        let checks = Tally::default();
        let services = Services {
            gnmi: gnmi(&datastore, models, &config, authorizer, &subscriptions, &clock),
            telling: telling(&datastore, &config)?,
            message_limit: MessageLimit::new(config.limits.request_message_bytes),
            sessions: sessions.clone(),
            admission,
            checks: checks.clone(),
        };
        let certificates = Arc::new(Certificates::new(&config, store, &clock));
        let endpoint = Endpoint::start(&config, store, services, &clock).await?;
        let reader = reader(&config);
        let (config, endpoint) = (Arc::new(Mutex::new(config)), Arc::new(endpoint));
        Ok(Self {
            datastore,
            config,
            clock,
            sessions,
            subscriptions,
            upkeep,
            logins,
            element,
            certificates,
            checks,
            endpoint,
            reader,
        })
    }

    /// The same, but its settings are read anew in this way, because it is not alone in its file.
    pub fn read_by(self, read: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static) -> Self {
        Self { reader: Arc::new(read), ..self }
    }

    /// Where it listens at present; tells the port when the configuration left that to the system. None when nothing is
    /// served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.endpoint.address()
    }

    /// Says whether a start with this file would succeed on a fresh machine. Reads the models and certificates that the
    /// file names; writes nothing and opens no port.
    pub fn check(config: &Config) -> Result<(), StartError> {
        Datastore::check(config, &Clock::System)?;
        Endpoint::check(config)
    }

    /// Serves until the token is cancelled. A second call only waits for that.
    pub async fn run(&self, shutdown: CancellationToken) {
        let served = CancellationToken::new();
        let serving = async {
            self.serve_until(shutdown).await;
            self.element.stop();
            served.cancel();
        };
        let config = &self.datastore.config;
        let patience = patience::watch(config, &self.clock, &served);
        let idle = idle::watch(&self.datastore.store, &served);
        tokio::join!(serving, patience, idle, storage::watch(config, &self.clock, &served));
    }

    async fn serve_until(&self, shutdown: CancellationToken) {
        let mut monitor = self.monitor();
        monitor.refresh().await;
        // Ends with this call.
        let mut beside = JoinSet::new();
        beside.spawn(monitor.run().in_current_span());
        beside.spawn(self.upkeep.clone().run(self.datastore.store.clone()).in_current_span());
        let parts = control::Parts {
            sessions: self.sessions.clone(),
            subscriptions: self.subscriptions.clone(),
            operator: Arc::new(self.reloader()),
        };
        match Door::open(&self.data_dir(), parts) {
            Ok(door) => drop(beside.spawn(door.serve().in_current_span())),
            Err(error) => tracing::warn!("commands to this daemon are not possible: {error}"),
        }
        tokio::select! {
            () = self.endpoint.run(shutdown) => {}
            () = self.certificates.run(&self.endpoint) => {}
        }
        // Whoever starts the next agent on this directory finds the file free.
        beside.shutdown().await;
    }

    fn reloader(&self) -> Reloader {
        let (datastore, config) = (self.datastore.clone(), self.config.clone());
        let (endpoint, certificates) = (self.endpoint.clone(), self.certificates.clone());
        let (clock, reader) = (self.clock.clone(), self.reader.clone());
        Reloader { datastore, config, endpoint, certificates, clock, reader }
    }

    fn data_dir(&self) -> PathBuf {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).data_dir.clone()
    }

    /// What writes state about the daemon itself.
    fn monitor(&self) -> Monitor {
        let schema = self.datastore.store.schema().clone();
        let knobs = Knobs::new(&schema);
        let profile = self.config.lock().unwrap_or_else(PoisonError::into_inner).profile.clone();
        let server = move |tree: &Tree| {
            let version = profile.gnmi_version.as_deref().unwrap_or_else(|| knobs.proto_version(tree).text());
            let gnmi_version = knobs.gnmi_enabled(tree).then(|| version.to_owned());
            Server { gnmi_version, allowed: endpoint::is_allowed(&schema, tree) }
        };
        Monitor::new(monitor::Parts {
            store: self.datastore.store.clone(),
            config: self.datastore.config.clone(),
            sessions: self.sessions.clone(),
            subscriptions: self.subscriptions.clone(),
            logins: self.logins.clone(),
            server: Box::new(server),
            findings: self.certificates.findings(),
            checks: self.checks.clone(),
            clock: self.clock.clone(),
        })
    }
}

/// The services that tell about services, where the release has them.
fn telling(datastore: &Datastore, config: &Config) -> Result<Option<Telling>, StartError> {
    let services = Arc::new(services::Services::new(datastore.store.clone(), config.profile.clone()));
    if !services.tell() {
        return Ok(None);
    }
    let reflection = Reflection::new(services.clone())?;
    Ok(Some(Telling { health: Health::new(services), reflection }))
}

fn gnmi(
    datastore: &Datastore,
    models: &Models,
    config: &Config,
    authorizer: Authorizer,
    subscriptions: &Arc<Registry>,
    clock: &Clock,
) -> Gnmi {
    let schema = datastore.store.schema().clone();
    let Limits { get_response_bytes, subscribe_message_bytes, set_edits, subscription_paths, .. } = config.limits;
    let Limits { arbitration_roles, commit_patience, .. } = config.limits;
    Gnmi::new(gnmi::Parts {
        store: datastore.store.clone(),
        config: datastore.config.clone(),
        wire: models.wire.clone(),
        capable: models.capable.clone(),
        users: datastore.users.clone(),
        authorizer,
        knobs: Knobs::new(&schema),
        clock: clock.clone(),
        limits: gnmi::Limits {
            get_response_bytes,
            subscribe_message_bytes,
            set_edits,
            subscription_paths,
            arbitration_roles,
            commit_patience,
        },
        free_paths: Arc::new(Semaphore::new(subscription_paths)),
        groups: Arc::default(),
        subscriptions: subscriptions.clone(),
        profile: config.profile.clone(),
        release: config.release.as_str().to_owned(),
    })
}
