//! What the daemon says about itself: its gRPC server, the sessions and RPCs on it, its certificates, the subscriptions
//! that run, and the commits of its configuration.
//!
//! Invariant: state is at most one [`REFRESH`] old. It is read from counters that others keep anyway, and written only
//! where it changed, so a daemon that nobody talks to makes no commit, and an RPC does not wait for this.

mod certificates;
mod commits;
mod grpc;
mod listing;
mod sessions;
mod subscriptions;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

pub use grpc::Server;

use crate::aaa::LoginRecords;
use crate::admission::Sessions;
use crate::feed::Registry;
use crate::pki::{Findings, Tally};
use crate::platform::map::Gaps;
use crate::schema::{NodeId, Schema};
use crate::store::{ConfigWriter, StateBatch, StateWriter, Store, Tree};
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
    seats: sessions::Seats,
    certificates: certificates::Certificates,
    subscriptions: subscriptions::Subscriptions,
    commits: commits::Commits,
    users: users::Users,
}

/// What a monitor looks at.
pub struct Parts {
    /// The data, where it also reads configuration.
    pub store: Arc<Store>,
    /// The configuration and its history.
    pub config: Arc<ConfigWriter>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The subscriptions.
    pub subscriptions: Arc<Registry>,
    /// The logins of users.
    pub logins: LoginRecords,
    /// How the server is, by the configuration in effect.
    pub server: Box<dyn Fn(&Tree) -> Server + Send + Sync>,
    /// What TLS profiles come to.
    pub findings: watch::Receiver<Arc<Findings>>,
    /// Certificates of peers that were judged.
    pub checks: Tally,
    /// The clock.
    pub clock: Clock,
}

impl Monitor {
    /// The leaves that it writes, as far as the loaded models have them.
    pub fn leaves(schema: &Schema) -> BTreeSet<NodeId> {
        let mut gaps = Gaps::default();
        grpc::look_up(schema, &mut gaps);
        sessions::look_up(schema, &mut gaps);
        subscriptions::look_up(schema, &mut gaps);
        commits::look_up(schema, &mut gaps);
        certificates::look_up(schema, &mut gaps);
        users::look_up(schema, &mut gaps);
        gaps.fed()
    }

    /// Looks up the places of everything; nothing is written yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, config, sessions, subscriptions, logins, server, findings, checks, clock } = parts;
        let schema = store.schema();
        let mut gaps = Gaps::default();
        let grpc = grpc::Grpc::new(schema.clone(), server, &mut gaps);
        let seats = sessions::Seats::new(schema.clone(), &mut gaps);
        let subscriptions = subscriptions::Subscriptions::new(schema.clone(), subscriptions, &mut gaps);
        let certificates = certificates::Certificates::new(schema.clone(), findings, checks, &mut gaps);
        let users = users::Users::new(schema.clone(), logins, &mut gaps);
        let commits = commits::Commits::new(schema.clone(), &config, &mut gaps);
        gaps.report("monitor");
        let writer = StateWriter::new(store.clone());
        Self { writer, store, clock, grpc, sessions, seats, certificates, subscriptions, commits, users }
    }

    /// Writes what has changed since the last time.
    pub async fn refresh(&mut self) {
        let mut batch = StateBatch::new();
        let (newest, sessions, now) = (self.store.newest(), self.sessions.seated(), Instant::now());
        self.grpc.write(&newest.tree, &sessions, &mut batch);
        self.seats.write(&sessions, now, &mut batch);
        self.users.write(&newest.tree, now.into_std(), &mut batch);
        self.certificates.write(&mut batch);
        self.subscriptions.write(&mut batch);
        self.commits.write(&mut batch);
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
