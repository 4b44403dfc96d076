//! A simulated element: N ports whose counters advance at a stated rate, and whose state follows configuration.
//!
//! ```text
//!   tick ----------------> Sim::poll   --+
//!   configuration --------> Sim::follow --+--> StateBatch --> StateWriter
//!   events --------------> Sim::flap   --+
//! ```
//!
//! `element::Sim` is pure; the one task here brings it the time and the newest tree.

mod config;
mod element;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::element::Sim;
use super::Handle;
use super::map::Gaps;
use crate::schema::{NodeId, Schema};
use crate::store::{Commit, StateBatch, StateWriter, Store};
use crate::time::{Clock, Timestamp};

/// Settings of the simulated platform, `[platform.sim]`.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Ports 2/1/1 to 2/1/N with interfaces sim-1 to sim-N; at most [`PORTS_MAX`].
    pub ports: u32,
    /// Packets per second, each way, on each port.
    pub packets_per_second: u64,
    /// Octets per packet.
    pub octets_per_packet: u64,
    /// Time between two advances of the counters; at least [`TICK_MIN`].
    pub tick: Duration,
    /// Ports that go down or come up again each second, one after the other, each in a commit of its own.
    pub event_rate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ports: 0, packets_per_second: 1000, octets_per_packet: 500, tick: Duration::from_secs(1), event_rate: 0 }
    }
}

/// Most ports of a simulated element.
pub const PORTS_MAX: u32 = 100_000;

/// Shortest tick.
pub const TICK_MIN: Duration = Duration::from_millis(10);

/// Events made up for at once after counters were advanced or the machine was busy; more than these are left out.
const EVENTS_AT_ONCE: u64 = 1_000;

/// Why the platform does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// More ports than there may be.
    #[error("{ports} simulated ports are more than {PORTS_MAX}")]
    TooManyPorts {
        /// How many were asked for.
        ports: u32,
    },
}

/// The leaves that it writes, as far as the loaded models have them.
pub fn leaves(schema: &Arc<Schema>) -> BTreeSet<NodeId> {
    let mut gaps = Gaps::default();
    Sim::new(schema.clone(), Settings::default(), Timestamp::from_nanos(0), &mut gaps);
    gaps.fed()
}

/// Starts the simulation: when this returns, the tree holds all ports. It stops when the token is cancelled or the handle
/// is dropped.
pub fn start(
    settings: Settings,
    store: &Arc<Store>,
    writer: StateWriter,
    clock: Clock,
    token: &CancellationToken,
) -> Result<Handle, StartError> {
    if settings.ports > PORTS_MAX {
        return Err(StartError::TooManyPorts { ports: settings.ports });
    }
    let mut gaps = Gaps::default();
    let sim = Sim::new(store.schema().clone(), settings, clock.now(), &mut gaps);
    gaps.report("sim");
    let commits = store.watch_configuration();
    let tick = settings.tick.max(TICK_MIN);
    let mut task = Task { seen: store.newest(), commits, sim, writer, clock, tick, event_rate: settings.event_rate };
    let now = task.clock.now();
    let batch = task.sim.poll(now, &task.seen.tree);
    task.commit(&batch, now);
    let mut handle = Handle::new();
    handle.run(token, task.run());
    Ok(handle)
}

struct Task {
    sim: Sim,
    writer: StateWriter,
    clock: Clock,
    tick: Duration,
    event_rate: u32,
    commits: watch::Receiver<Arc<Commit>>,
    /// The newest configuration that the simulation has taken in.
    seen: Arc<Commit>,
}

impl Task {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(self.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = Events::new(self.event_rate);
        loop {
            tokio::select! {
                _ = tick.tick() => self.advance().await,
                due = events.due() => self.flap(due).await,
                Ok(()) = self.commits.changed() => self.follow(),
                else => return,
            }
        }
    }

    /// Advances all counters to the same moment, part by part, so that other tasks and writers get their turn.
    async fn advance(&mut self) {
        self.follow();
        let now = self.clock.now();
        for part in 0..self.sim.parts() {
            let mut batch = StateBatch::new();
            self.sim.count(part, now, &mut batch);
            self.commit(&batch, now);
            tokio::task::yield_now().await;
        }
    }

    /// Takes in what was configured since.
    fn follow(&mut self) {
        let newest = self.commits.borrow_and_update().clone();
        if newest.configurations == self.seen.configurations {
            return;
        }
        let now = self.clock.now();
        let batch = self.sim.follow(now, &newest.tree);
        self.seen = newest;
        self.commit(&batch, now);
    }

    async fn flap(&mut self, events: u64) {
        for _ in 0..events {
            let now = self.clock.now();
            let batch = self.sim.flap(now);
            self.commit(&batch, now);
            // Subscribers see each event by itself.
            tokio::task::yield_now().await;
        }
    }

    fn commit(&mut self, batch: &StateBatch, collected: Timestamp) {
        if batch.is_empty() {
            return;
        }
        match self.writer.commit(batch, collected) {
            // A tree with the configuration seen holds nothing new for us.
            Ok(commit) if commit.configurations == self.seen.configurations => self.sim.skip(&commit.tree),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "state of simulated ports not published"),
        }
    }
}

/// When events are due: evenly, but several at a time where they are closer together than the millisecond of the
/// runtime's timer.
struct Events {
    rate: u32,
    begun: Instant,
    released: u64,
    ticks: Interval,
}

impl Events {
    fn new(rate: u32) -> Self {
        let apart = Duration::from_secs(1) / rate.max(1);
        let mut ticks = tokio::time::interval(apart.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { rate, begun: Instant::now(), released: 0, ticks }
    }

    /// Waits for the next; how many are due.
    async fn due(&mut self) -> u64 {
        loop {
            self.ticks.tick().await;
            let total = self.begun.elapsed().as_nanos() * u128::from(self.rate) / 1_000_000_000;
            let total = u64::try_from(total).unwrap_or(u64::MAX);
            let due = total - self.released;
            self.released = total;
            if due > 0 {
                return due.min(EVENTS_AT_ONCE);
            }
        }
    }
}
