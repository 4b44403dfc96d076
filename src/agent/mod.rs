//! The composition root: which parts there are and how they are put together. Nothing else knows that.
//!
//! Invariant: everything that can fail at start fails in [`Agent::bind`], before the first task is spawned and the first
//! peer is answered. [`Agent::run`] then ends only when it is told to, within a bounded time, with every stream closed by
//! a status. Tests and the command line use the same two calls.

mod datastore;
mod error;
mod reload;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use error::StartError;

use crate::codec::Wire;
use crate::config::Config;
use crate::pb::GnmiServer;
use crate::rpc::gnmi::{self, Gnmi, Knobs};
use crate::schema::NodeSet;
use crate::time::Clock;
use datastore::Datastore;

/// Time that running RPCs get to end once the daemon goes down. Streams end at once; this is for unary calls and for
/// peers that do not read.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// A daemon that is ready to serve.
#[derive(Debug)]
pub struct Agent {
    datastore: Datastore,
    /// The settings in effect; replaced by a reload.
    config: Mutex<Config>,
    clock: Clock,
    /// Taken by `run`.
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
}

impl Agent {
    /// Opens the datastore and the port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let clock = Clock::System;
        let datastore = Datastore::open(&config, &clock)?;
        let wanted = SocketAddr::new(config.listen.address, config.listen.port.unwrap_or(57400));
        let unbound = |source| StartError::Bind { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        Ok(Self { datastore, config: Mutex::new(config), clock, listener: Mutex::new(Some(listener)), address })
    }

    /// Where it listens; tells the port when the configuration left that to the system.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says whether a start with this file would succeed. Touches neither disk nor network.
    pub fn check(config: &Config) -> Result<(), StartError> {
        Datastore::check(config, &Clock::System)
    }

    /// Serves until the token is cancelled. A second call returns at once.
    pub async fn run(&self, shutdown: CancellationToken) {
        let Some(listener) = self.listener.lock().ok().and_then(|mut listener| listener.take()) else { return };
        let gnmi = self.gnmi(&shutdown);
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let serving = tonic::transport::Server::builder()
            .add_service(GnmiServer::new(gnmi))
            .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        let too_late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        tracing::info!(address = %self.address, "serving");
        tokio::select! {
            served = serving => match served {
                Ok(()) => tracing::info!("stopped"),
                Err(error) => tracing::error!("server ended: {error}"),
            },
            () = too_late => tracing::warn!("stopped with RPCs still running"),
        }
    }

    fn gnmi(&self, shutdown: &CancellationToken) -> Gnmi {
        let schema = self.datastore.store.schema().clone();
        let capable = NodeSet::of(&schema, |_| true);
        let release = self.config.lock().map(|config| config.release.as_str().to_owned()).unwrap_or_default();
        Gnmi::new(gnmi::Parts {
            store: self.datastore.store.clone(),
            config: self.datastore.config.clone(),
            wire: Arc::new(Wire::new(schema.clone())),
            capable: Arc::new(capable),
            knobs: Knobs::new(&schema),
            clock: self.clock.clone(),
            limits: gnmi::Limits { get_response_bytes: 100 << 20, subscribe_message_bytes: 2 << 20 },
            release,
            shutdown: shutdown.clone(),
        })
    }
}
