//! The machine behind one Subscribe RPC or persistent subscription.
//!
//! Four kinds of method: [`Engine::new`] and [`Engine::poll_request`] take input, [`Engine::poll`] makes output,
//! [`Engine::next_deadline`] says when to come back. A poll writes one piece and returns, so that a long initial
//! synchronisation never holds a thread and a reader that stalls costs one pinned snapshot.

mod commits;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use commits::configuration;

use super::changes::{Changes, missed, within};
use super::plan::{ListMode, PathMode, PathPlan, Plan};
use super::rules::{FirstSample, Initial};
use super::sink::Sink;
use super::statistics::Collections;
use crate::path::{Pattern, Step};
use crate::schema::{NodeId, NodeSet, Schema};
use crate::store::{Commit, Cursor, Difference, Leaf};
use crate::time::Timestamp;

/// Bytes after which a poll stops writing and lets the transport drain. Large enough to fill a few HTTP/2 frames,
/// small enough that one poll takes well under a millisecond.
const PIECE_BYTES: usize = 64 * 1024;

/// The present, read once by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For deadlines.
    pub instant: Instant,
    /// For timestamps.
    pub wall: Timestamp,
}

/// Leaves after which a poll stops, finished message or not: about a tenth of a millisecond of work, so that a long walk
/// never makes another subscription wait.
const PIECE_LEAVES: usize = 1024;

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A piece was written, and there is more to write at once.
    More,
    /// There is more to do, and this was no work to speak of.
    Next,
    /// Nothing to do until a commit, a deadline or a request.
    Idle,
    /// The subscription is over (ONCE).
    Done,
}

/// Which leaves of a path a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    All,
    OnChange,
    Sampled,
}

/// A piece of work that has begun: writing all values of one path as of one commit.
#[derive(Debug)]
enum Work {
    Values {
        path: usize,
        pattern: usize,
        leaves: Leaves,
        commit: Arc<Commit>,
        time: Timestamp,
        cursor: Cursor,
    },
    Sync,
    Flush,
    /// The end of a collection that began at this moment.
    Collected {
        path: usize,
        since: Instant,
    },
}

/// The sampled part of a path.
#[derive(Debug)]
struct Sampler {
    path: usize,
    leaves: Leaves,
    next: Instant,
    last: Arc<Commit>,
    heartbeat: Option<Heartbeat>,
    /// Whether nothing of the path has been said yet, and the sync waits for it.
    first: bool,
}

/// The on-change part of a path.
#[derive(Debug)]
struct Watcher {
    path: usize,
    heartbeat: Option<Heartbeat>,
}

#[derive(Debug)]
struct Heartbeat {
    next: Instant,
    every: Duration,
}

/// Runs one plan.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    schema: Arc<Schema>,
    changes: Changes,
    work: VecDeque<Work>,
    samplers: Vec<Sampler>,
    watchers: Vec<Watcher>,
    /// The commit up to which changes have been written.
    seen: Arc<Commit>,
    /// Change notifications carry the time of the event, but never one that goes back behind the initial values.
    floor: Timestamp,
    /// By path.
    collections: Box<[Collections]>,
    /// The path whose collections have changed.
    collected: Option<usize>,
}

impl Engine {
    /// Starts a plan at a commit: initial values unless the plan wants updates only, then the sync (SUB-029, OCH-026).
    /// `capable` is the set of leaves that support ON_CHANGE, with their ancestors.
    pub fn new(plan: Arc<Plan>, schema: Arc<Schema>, capable: Arc<NodeSet>, newest: &Arc<Commit>, now: Moment) -> Self {
        let changes = Changes::of(&plan, schema.clone(), capable);
        let collections = vec![Collections::default(); plan.paths.len()].into();
        let mut engine = Self {
            plan,
            schema,
            changes,
            work: VecDeque::new(),
            samplers: Vec::new(),
            watchers: Vec::new(),
            seen: newest.clone(),
            floor: now.wall,
            collections,
            collected: None,
        };
        if engine.plan.mode == ListMode::Stream {
            engine.arm(newest, now);
        }
        engine.enqueue_initial(newest, now);
        engine
    }

    /// A Poll message came: everything again, then a sync (SUB-021).
    pub fn poll_request(&mut self, newest: &Arc<Commit>, now: Moment) {
        self.enqueue_initial(newest, now);
    }

    /// Whether a new commit can give this engine something to write.
    pub fn wants_commits(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// When to poll again even without a commit; none while there is nothing to wait for.
    pub fn next_deadline(&self) -> Option<Instant> {
        let samplers = self.samplers.iter().map(|sampler| sampler.next);
        let heartbeats = self.watchers.iter().filter_map(|watcher| watcher.heartbeat.as_ref()).map(|beat| beat.next);
        samplers.chain(heartbeats).min()
    }

    /// Its on-change half. Whoever writes changes for several engines does it with this.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The commit up to which changes have been written.
    pub fn seen(&self) -> &Arc<Commit> {
        &self.seen
    }

    /// The time behind which no change may go back, so that none is told before the initial values.
    pub fn floor(&self) -> Timestamp {
        self.floor
    }

    /// Whether no round is going on: only then changes may be told, or told by somebody else.
    pub fn is_between_rounds(&self) -> bool {
        self.work.is_empty()
    }

    /// Writes the changes up to this commit and nothing else.
    pub fn catch_up(&mut self, commit: &Arc<Commit>, sink: &mut impl Sink) {
        self.write_changes(commit, sink);
    }

    /// Notes that somebody else has written the changes from [`Self::seen`] up to this commit.
    pub fn told_up_to(&mut self, commit: &Arc<Commit>) {
        self.seen = commit.clone();
    }

    /// The collections of a path so far.
    pub fn collections(&self, path: usize) -> Collections {
        self.collections.get(path).copied().unwrap_or_default()
    }

    /// The path, if any, whose collections changed in the last poll.
    pub fn take_collected(&mut self) -> Option<usize> {
        self.collected.take()
    }

    /// Writes one piece.
    pub fn poll(&mut self, newest: &Arc<Commit>, now: Moment, sink: &mut impl Sink) -> Progress {
        if let Some(work) = self.work.pop_front() {
            let progress = self.go_on(work, now, sink);
            let over = self.plan.mode == ListMode::Once && self.work.is_empty();
            return if over { Progress::Done } else { progress };
        }
        if self.plan.mode != ListMode::Stream {
            return Progress::Idle;
        }
        self.write_changes(newest, sink);
        self.begin_heartbeats(newest, now);
        self.take_samples(newest, now, sink);
        if self.work.is_empty() { Progress::Idle } else { Progress::More }
    }

    fn arm(&mut self, newest: &Arc<Commit>, now: Moment) {
        for (path, plan) in self.plan.paths.iter().enumerate() {
            let heartbeat = || plan.heartbeat.map(|every| Heartbeat { next: after(now.instant, every), every });
            let leaves = match plan.mode {
                PathMode::Sample => Some(Leaves::All),
                PathMode::TargetDefined => Some(Leaves::Sampled),
                PathMode::OnChange => None,
            };
            if let Some(leaves) = leaves {
                let next = after(now.instant, plan.sample_interval);
                let (last, heartbeat, first) = (newest.clone(), heartbeat(), self.starts_late());
                self.samplers.push(Sampler { path, leaves, next, last, heartbeat, first });
            }
            if plan.mode != PathMode::Sample {
                self.watchers.push(Watcher { path, heartbeat: heartbeat() });
            }
        }
    }

    /// Whether sampled leaves wait for their first interval (C-26).
    fn starts_late(&self) -> bool {
        let Plan { mode, updates_only, first_sample, .. } = *self.plan;
        mode == ListMode::Stream && !updates_only && first_sample == FirstSample::AfterInterval
    }

    /// The leaves of a path that are told at the beginning; none when all of them are told later.
    fn initial_leaves(&self, path: &PathPlan) -> Option<Leaves> {
        match (self.plan.mode, path.mode) {
            (ListMode::Once | ListMode::Poll, _) => Some(Leaves::All),
            (ListMode::Stream, PathMode::OnChange) => match self.plan.on_change_initial {
                Initial::Supported => Some(Leaves::OnChange),
                Initial::All => Some(Leaves::All),
            },
            (ListMode::Stream, PathMode::TargetDefined) if self.starts_late() => Some(Leaves::OnChange),
            (ListMode::Stream, PathMode::Sample) if self.starts_late() => None,
            (ListMode::Stream, PathMode::TargetDefined | PathMode::Sample) => Some(Leaves::All),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn enqueue_initial(&mut self, newest: &Arc<Commit>, now: Moment) {
        if !self.plan.updates_only {
            for path in 0..self.plan.paths.len() {
                let Some(leaves) = self.initial_leaves(&self.plan.paths[path]) else { continue };
                if self.plan.paths[path].repeats {
                    self.work.push_back(Work::Flush);
                }
                self.enqueue_values(path, leaves, newest, now);
                if self.plan.mode != ListMode::Stream || self.plan.paths[path].mode != PathMode::OnChange {
                    self.work.push_back(Work::Collected { path, since: now.instant });
                }
            }
        }
        if !self.samplers.iter().any(|sampler| sampler.first) {
            self.work.push_back(Work::Sync);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn enqueue_values(&mut self, path: usize, leaves: Leaves, commit: &Arc<Commit>, now: Moment) {
        for pattern in 0..self.plan.paths[path].patterns.len() {
            let (commit, time, cursor) = (commit.clone(), now.wall, Cursor::new());
            self.work.push_back(Work::Values { path, pattern, leaves, commit, time, cursor });
        }
    }

    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn go_on(&mut self, work: Work, now: Moment, sink: &mut impl Sink) -> Progress {
        match work {
            Work::Sync => sink.sync(),
            Work::Flush => sink.flush(),
            Work::Collected { path, since } => {
                if let Some(collections) = self.collections.get_mut(path) {
                    collections.finish(now.instant.saturating_duration_since(since));
                    self.collected = Some(path);
                }
            }
            Work::Values { path, pattern, leaves, commit, time, mut cursor } => {
                let selected = &self.plan.paths[path].patterns[pattern];
                let (sink, visited) = (RefCell::new(sink), Cell::new(0));
                let mut leaf = |at: &[Step], node: NodeId, leaf: &Leaf| {
                    visited.set(visited.get() + 1);
                    if self.wants(leaves, node) && self.within_depth(selected, at) {
                        sink.borrow_mut().leaf(at, node, leaf, time, 0);
                    }
                };
                let mut pause = || match sink.borrow().waiting() >= PIECE_BYTES || visited.get() >= PIECE_LEAVES {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
                if cursor.read(&commit.tree, selected, &mut leaf, &mut pause) {
                    self.work.push_front(Work::Values { path, pattern, leaves, commit, time, cursor });
                }
                return Progress::More;
            }
        }
        Progress::Next
    }

    /// Whether a leaf belongs to a round.
    fn wants(&self, leaves: Leaves, node: NodeId) -> bool {
        let kind = match leaves {
            Leaves::All => true,
            Leaves::OnChange => self.changes.announces(node),
            Leaves::Sampled => !self.changes.announces(node),
        };
        kind && self.admits(node)
    }

    /// Whether the plan may speak of a node.
    fn admits(&self, node: NodeId) -> bool {
        let keeps_to = |set: Option<&NodeSet>| set.is_none_or(|set| set.contains(node));
        keeps_to(self.plan.configuration.as_deref()) && keeps_to(self.plan.only.as_ref())
    }

    fn within_depth(&self, selected: &Pattern, at: &[Step]) -> bool {
        within(self.plan.depth, selected, at.len())
    }

    /// Writes what changed since the last commit seen.
    fn write_changes(&mut self, newest: &Arc<Commit>, sink: &mut impl Sink) {
        if self.watchers.is_empty() || newest.generation == self.seen.generation {
            return;
        }
        let since = std::mem::replace(&mut self.seen, newest.clone());
        if self.plan.configuration.is_some() {
            return self.write_commits(&since, newest, sink);
        }
        self.changes.write(&since, newest, self.floor, sink);
    }

    fn begin_heartbeats(&mut self, newest: &Arc<Commit>, now: Moment) {
        let due: Vec<usize> = self
            .watchers
            .iter_mut()
            .filter_map(|watcher| {
                let beat = watcher.heartbeat.as_mut()?;
                (beat.next <= now.instant).then(|| {
                    advance(&mut beat.next, beat.every, now.instant);
                    watcher.path
                })
            })
            .collect();
        for path in due {
            self.enqueue_values(path, Leaves::OnChange, newest, now);
            self.work.push_back(Work::Flush);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn take_samples(&mut self, newest: &Arc<Commit>, now: Moment, sink: &mut impl Sink) {
        let mut samplers = std::mem::take(&mut self.samplers);
        let mut began = false;
        for sampler in samplers.iter_mut().filter(|sampler| sampler.next <= now.instant) {
            let plan = &self.plan.paths[sampler.path];
            let missed = advance(&mut sampler.next, plan.sample_interval, now.instant);
            if let Some(collections) = self.collections.get_mut(sampler.path) {
                collections.deferred += missed;
            }
            let last = std::mem::replace(&mut sampler.last, newest.clone());
            let beat_due = sampler.heartbeat.as_mut().is_some_and(|beat| {
                let due = beat.next <= now.instant;
                if due {
                    advance(&mut beat.next, beat.every, now.instant);
                }
                due
            });
            let first = std::mem::take(&mut sampler.first);
            began |= first;
            let only_changed = plan.suppress_redundant && !beat_due && !first;
            let removed = self.plan.sample_deletes && newest.removals != last.removals && !first;
            if only_changed || removed {
                self.write_sampled_changes(sampler, &last, newest, now, only_changed, sink);
            }
            if !only_changed {
                self.enqueue_values(sampler.path, sampler.leaves, newest, now);
            }
            self.work.push_back(Work::Flush);
            self.work.push_back(Work::Collected { path: sampler.path, since: now.instant });
        }
        self.samplers = samplers;
        if began && !self.samplers.iter().any(|sampler| sampler.first) {
            self.work.push_back(Work::Sync);
        }
    }

    /// Writes deletes since the last sample, once (SMP-014), and with `values` the changed values too (SMP-010).
    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn write_sampled_changes(
        &self,
        sampler: &Sampler,
        last: &Commit,
        newest: &Commit,
        now: Moment,
        values: bool,
        sink: &mut impl Sink,
    ) {
        for pattern in &self.plan.paths[sampler.path].patterns {
            newest.differences(&self.schema, last, pattern, &mut |at, difference| match difference {
                Difference::Leaf { node, new, old } => {
                    let changed = old.is_none_or(|old| old.value != new.value);
                    if values && changed && self.wants(sampler.leaves, node) && self.within_depth(pattern, at) {
                        sink.leaf(at, node, new, now.wall, missed(new, old));
                    }
                }
                Difference::Removed => {
                    let announced = at.last().is_some_and(|step| self.changes.announces(step.node));
                    // Under TARGET_DEFINED the on-change half has told of this one already.
                    let said = sampler.leaves == Leaves::Sampled && announced;
                    if self.plan.sample_deletes && !said && at.last().is_none_or(|step| self.admits(step.node)) {
                        sink.delete(at, now.wall);
                    }
                }
                Difference::Created | Difference::Reordered => {}
            });
        }
    }
}

/// A moment this much later. Intervals may be as long as a u64 of nanoseconds (SMP-018), which every clock can add.
fn after(from: Instant, step: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    from.checked_add(step).unwrap_or(from + CENTURY)
}

/// Moves a deadline to the first multiple of its interval after now, so that samples never drift (SMP-008). Returns how
/// many multiples were passed over.
fn advance(deadline: &mut Instant, every: Duration, now: Instant) -> u64 {
    let late = now.saturating_duration_since(*deadline);
    let missed = u32::try_from(late.as_nanos() / every.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
    *deadline = after(*deadline, every.checked_mul(missed + 1).unwrap_or(Duration::MAX));
    u64::from(missed)
}
