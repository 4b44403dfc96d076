//! What the daemon says about itself: its gRPC server, the sessions and RPCs on it, and the subscriptions that run.
//!
//! Invariant: state is at most one [`REFRESH`] old. It is read from counters that others keep anyway, and written only
//! where it changed, so a daemon that nobody talks to makes no commit, and an RPC does not wait for this.

mod grpc;
mod listing;
mod sessions;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

pub use grpc::Server;

use crate::admission::Sessions;
use crate::feed::Registry;
use crate::platform::map::Gaps;
use crate::store::{StateBatch, StateWriter, Store, Tree};
use crate::time::Clock;

/// How often state follows.
pub const REFRESH: Duration = Duration::from_secs(1);

/// Places in one commit. Writers of the tree take turns, and nobody's turn should be long.
const BATCH_PLACES: usize = 512;

/// Writes state about the daemon.
pub struct Monitor {
    writer: StateWriter,
    store: Arc<Store>,
    clock: Clock,
    grpc: grpc::Grpc,
    sessions: Arc<Sessions>,
    users: sessions::Users,
    subscriptions: subscriptions::Subscriptions,
}

/// What a monitor looks at.
pub struct Parts {
    /// The data, where it also reads configuration.
    pub store: Arc<Store>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The subscriptions.
    pub subscriptions: Arc<Registry>,
    /// How the server is, by the configuration in effect.
    pub server: Box<dyn Fn(&Tree) -> Server + Send + Sync>,
    /// The clock.
    pub clock: Clock,
}

impl Monitor {
    /// Looks up the places of everything; nothing is written yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, sessions, subscriptions, server, clock } = parts;
        let schema = store.schema();
        let mut gaps = Gaps::default();
        let grpc = grpc::Grpc::new(schema.clone(), server, &mut gaps);
        let users = sessions::Users::new(schema.clone(), &mut gaps);
        let subscriptions = subscriptions::Subscriptions::new(schema.clone(), subscriptions, &mut gaps);
        gaps.report("monitor");
        Self { writer: StateWriter::new(store.clone()), store, clock, grpc, sessions, users, subscriptions }
    }

    /// Writes what has changed since the last time.
    pub async fn refresh(&mut self) {
        let mut batch = StateBatch::new();
        let sessions = self.sessions.seated();
        self.grpc.write(&self.store.newest().tree, &sessions, &mut batch);
        self.users.write(&sessions, tokio::time::Instant::now(), &mut batch);
        self.subscriptions.write(&mut batch);
        self.commit(batch);
        while let Some(batch) = self.subscriptions.write_paths(BATCH_PLACES) {
            self.commit(batch);
            tokio::task::yield_now().await;
        }
    }

    /// Follows until it is dropped.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.refresh().await;
        }
    }

    fn commit(&self, batch: StateBatch) {
        if let Err(error) = self.writer.commit(&batch, self.clock.now()) {
            tracing::error!("state about the daemon is not written: {error}");
        }
    }
}
