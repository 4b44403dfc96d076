//! The composition root: which parts there are and how they are put together. Nothing else knows that.
//!
//! Invariant: everything that can fail at start fails in [`Agent::bind`], before the first task is spawned and the first
//! peer is answered. [`Agent::run`] then only ends when it is told to.

mod datastore;
mod error;

use std::net::SocketAddr;
use std::sync::Arc;

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

/// A daemon that is ready to serve.
#[derive(Debug)]
pub struct Agent {
    datastore: Datastore,
    config: Config,
    clock: Clock,
    shutdown: CancellationToken,
    listener: TcpListener,
}

impl Agent {
    /// Opens the datastore and the port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let clock = Clock::System;
        let datastore = Datastore::open(&config, &clock)?;
        let address = SocketAddr::new(config.listen.address, config.listen.port.unwrap_or(57400));
        let listener = TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, source })?;
        Ok(Self { datastore, config, clock, shutdown: CancellationToken::new(), listener })
    }

    /// Where it listens; tells the port when the configuration left that to the system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Says whether a start with this file would succeed.
    pub fn check(config: &Config) -> Result<(), StartError> {
        Datastore::check(config, &Clock::System)
    }

    /// Serves until the token is cancelled.
    pub async fn run(self, shutdown: CancellationToken) {
        let schema = self.datastore.store.schema().clone();
        let capable = NodeSet::of(&schema, |_| true);
        let gnmi = Gnmi::new(gnmi::Parts {
            store: self.datastore.store.clone(),
            config: self.datastore.config.clone(),
            wire: Arc::new(Wire::new(schema.clone())),
            capable: Arc::new(capable),
            knobs: Knobs::new(&schema),
            clock: self.clock.clone(),
            limits: gnmi::Limits { get_response_bytes: 100 << 20, subscribe_message_bytes: 2 << 20 },
            release: self.config.release.as_str().to_owned(),
            shutdown: shutdown.clone(),
        });
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(self.listener);
        let served = tonic::transport::Server::builder()
            .add_service(GnmiServer::new(gnmi))
            .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!("{error}");
        }
    }
}
