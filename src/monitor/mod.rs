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
use crate::store::{Condition, ConfigWriter, Remembered, StateBatch, StateWriter, Store, Tree};
use crate::time::Clock;

/// How often state follows.
pub const REFRESH: Duration = Duration::from_secs(1);

/// Places in one commit. Writers of the tree take turns, and nobody's turn should be long.
const BATCH_PLACES: usize = 512;

/// Writes state about the daemon.
pub struct Monitor {
    parts: Parts,
    remembered: watch::Receiver<Remembered>,
    condition: watch::Receiver<Condition>,
    writer: StateWriter,
    places: Places,
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

/// What is written where, and what was written last.
struct Places {
    grpc: grpc::Grpc,
    seats: sessions::Seats,
    certificates: certificates::Certificates,
    subscriptions: subscriptions::Subscriptions,
    commits: commits::Commits,
    users: users::Users,
}

impl Places {
    fn new(schema: &Arc<Schema>, gaps: &mut Gaps) -> Self {
        Self {
            grpc: grpc::Grpc::new(schema.clone(), gaps),
            seats: sessions::Seats::new(schema.clone(), gaps),
            certificates: certificates::Certificates::new(schema.clone(), gaps),
            subscriptions: subscriptions::Subscriptions::new(schema.clone(), gaps),
            commits: commits::Commits::new(schema.clone(), gaps),
            users: users::Users::new(schema.clone(), gaps),
        }
    }
}

impl Monitor {
    /// The leaves that it writes, as far as the loaded models have them.
    pub fn leaves(schema: &Arc<Schema>) -> BTreeSet<NodeId> {
        let mut gaps = Gaps::default();
        Places::new(schema, &mut gaps);
        gaps.fed()
    }

    /// Looks up the places of everything; nothing is written yet.
    pub fn new(mut parts: Parts) -> Self {
        let mut gaps = Gaps::default();
        let places = Places::new(parts.store.schema(), &mut gaps);
        gaps.report("monitor");
        let (mut remembered, mut condition) = (parts.config.remembered(), parts.config.condition());
        // What is there before the first change is news too.
        remembered.mark_changed();
        condition.mark_changed();
        parts.findings.mark_changed();
        let writer = StateWriter::new(parts.store.clone());
        Self { parts, remembered, condition, writer, places }
    }

    /// Writes what has changed since the last time.
    pub async fn refresh(&mut self) {
        let mut batch = StateBatch::new();
        let Self { parts, remembered, condition, places, .. } = self;
        let (newest, sessions, now) = (parts.store.newest(), parts.sessions.seated(), Instant::now());
        places.grpc.write((parts.server)(&newest.tree), &sessions, &mut batch);
        places.seats.write(&sessions, now, &mut batch);
        places.users.write(&parts.logins.read(&newest.tree, now.into_std()), &mut batch);
        places.certificates.write(&mut parts.findings, parts.checks.counts(), &mut batch);
        places.subscriptions.write(&parts.subscriptions, &mut batch);
        places.commits.write(remembered, condition, &mut batch);
        self.commit(batch);
        while let Some(batch) = self.places.subscriptions.write_paths(BATCH_PLACES) {
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
        if let Err(error) = self.writer.commit(&batch, self.parts.clock.now()) {
            tracing::error!("state about the daemon is not written: {error}");
        }
    }
}
