//! Changes that are written and encoded once for all subscriptions that want the same.
//!
//! Subscriptions whose plans watch the same and whose messages look the same form a group. What there is to tell from one
//! commit to the next is a [`Step`]; the first member that asks for it makes it, the others take its messages as they
//! are. Rounds of values stay with each subscription, because each has its own time.
//!
//! Invariant: a step leads from one commit to another, and a member takes it only when it has seen exactly the first
//! one. So it does not matter who makes a step, or whether a member takes it at all: one that falls behind what is kept
//! writes its own changes, from the commit it has seen to where the group is, and goes on from there. A slow member
//! holds nobody up, and what is kept for it is bounded.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Waker};

use crate::codec::{Encoded, Encoder, EncoderShape};
use crate::path::Step as PathStep;
use crate::schema::NodeId;
use crate::store::{Commit, ConfigChange, Leaf};
use crate::telemetry::{Changes, Sink, Watched};
use crate::time::Timestamp;

/// Steps that are kept for members that have not taken them yet.
const STEPS_MAX: usize = 64;
/// Bytes of their messages. The last step is kept whatever its size.
const STEPS_BYTES_MAX: usize = 1024 * 1024;

/// The groups of the process.
#[derive(Debug, Default)]
pub struct Groups {
    groups: Mutex<HashMap<Key, Weak<Group>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    watched: Watched,
    shape: EncoderShape,
}

impl Groups {
    /// Makes a subscription a member of the group it belongs to; none when it watches nothing, or
    /// nothing that others could.
    pub(super) fn join(self: &Arc<Self>, changes: &Changes, encoder: &Encoder) -> Option<Member> {
        let key = Key { watched: changes.watched()?.clone(), shape: encoder.shape() };
        let mut groups = lock(&self.groups);
        let group = groups.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let group = Arc::new(Group {
                changes: changes.clone(),
                members: AtomicUsize::new(0),
                progress: Mutex::new(Shared::new(encoder.another())),
                waiting: Mutex::default(),
            });
            groups.insert(key.clone(), Arc::downgrade(&group));
            group
        });
        group.members.fetch_add(1, Ordering::Relaxed);
        Some(Member { group, groups: self.clone(), key })
    }
}

/// A subscription in a group.
#[derive(Debug)]
pub(super) struct Member {
    group: Arc<Group>,
    groups: Arc<Groups>,
    key: Key,
}

impl Drop for Member {
    fn drop(&mut self) {
        match self.group.members.fetch_sub(1, Ordering::Relaxed) {
            1 => {
                let mut groups = lock(&self.groups.groups);
                // Another one may have joined meanwhile, or another group have taken the place.
                let is_this = |group: &Weak<Group>| std::ptr::eq(group.as_ptr(), Arc::as_ptr(&self.group));
                if self.group.members.load(Ordering::Relaxed) == 0 && groups.get(&self.key).is_some_and(is_this) {
                    groups.remove(&self.key);
                }
            }
            // Who is alone shares nothing and keeps nothing.
            2 => lock(&self.group.progress).forget(),
            _ => {}
        }
    }
}

/// What a member does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Take these messages; then everything up to the step's last commit is said.
    Step(Arc<Step>),
    /// Write its own changes up to this commit, which may be none.
    Own(Arc<Commit>),
    /// Wait until it is woken: another member is at work on the step it needs.
    Wait,
}

/// All changes from one commit to another.
#[derive(Debug)]
pub(super) struct Step {
    from: u64,
    pub(super) to: Arc<Commit>,
    pub(super) messages: Vec<Encoded>,
    pub(super) contexts: u64,
    /// The earliest time in it.
    pub(super) earliest: Option<Timestamp>,
    bytes: usize,
}

impl Member {
    /// What to do for a member that has seen `seen`.
    pub(super) fn next(&self, seen: &Arc<Commit>, newest: &Arc<Commit>, cx: &mut Context<'_>) -> Next {
        let group = &*self.group;
        if group.members.load(Ordering::Relaxed) < 2 {
            return Next::Own(newest.clone());
        }
        let Some(mut progress) = group.try_lock(cx) else { return Next::Wait };
        let next = progress.next(&group.changes, group.members.load(Ordering::Relaxed), seen, newest);
        drop(progress);
        group.wake();
        next
    }
}

#[derive(Debug)]
struct Group {
    changes: Changes,
    members: AtomicUsize,
    progress: Mutex<Shared>,
    /// Members that found `progress` locked.
    waiting: Mutex<Vec<Waker>>,
}

impl Group {
    /// Making a step may take a while, and the thread of a member that needs it has other things to do.
    fn try_lock(&self, cx: &mut Context<'_>) -> Option<MutexGuard<'_, Shared>> {
        let attempt = || match self.progress.try_lock() {
            Ok(progress) => Some(progress),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        attempt().or_else(|| {
            lock(&self.waiting).push(cx.waker().clone());
            // It may have been unlocked before the waker was there to be woken.
            attempt()
        })
    }

    fn wake(&self) {
        let waiting = mem::take(&mut *lock(&self.waiting));
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// How far the group is.
#[derive(Debug)]
struct Shared {
    encoder: Encoder,
    /// The commit that the last step led to; none before the group has begun.
    at: Option<Arc<Commit>>,
    /// One leads on to the next; with each, how many members have taken it.
    steps: VecDeque<(Arc<Step>, usize)>,
    bytes: usize,
}

impl Shared {
    fn new(encoder: Encoder) -> Self {
        Self { encoder, at: None, steps: VecDeque::new(), bytes: 0 }
    }

    fn forget(&mut self) {
        self.at = None;
        self.steps = VecDeque::new();
        self.bytes = 0;
    }

    fn next(&mut self, changes: &Changes, members: usize, seen: &Arc<Commit>, newest: &Arc<Commit>) -> Next {
        let at = match self.at.take() {
            // The group has slept while this member has not. Others follow by themselves.
            Some(at) if at.generation < seen.generation => {
                self.forget();
                seen.clone()
            }
            Some(at) => at,
            None => newest.clone(),
        };
        self.at = Some(at.clone());
        if seen.generation == at.generation && newest.generation > at.generation {
            return Next::Step(self.make(changes, &at, newest));
        }
        self.take(members, seen.generation).map_or(Next::Own(at), Next::Step)
    }

    /// The step that leads on from a commit, if it is still there.
    fn take(&mut self, members: usize, from: u64) -> Option<Arc<Step>> {
        let index = self.steps.binary_search_by_key(&from, |(step, _)| step.from).ok()?;
        let (step, taken) = self.steps.get_mut(index)?;
        *taken += 1;
        let step = step.clone();
        while self.steps.front().is_some_and(|(_, taken)| *taken >= members) {
            self.drop_first();
        }
        Some(step)
    }

    fn make(&mut self, changes: &Changes, since: &Arc<Commit>, newest: &Arc<Commit>) -> Arc<Step> {
        let contexts = self.encoder.contexts();
        let mut sink = Watching { encoder: &mut self.encoder, earliest: None };
        changes.write(since, newest, Timestamp::from_nanos(i64::MIN), &mut sink);
        let earliest = sink.earliest;
        let messages = self.encoder.take();
        let bytes = messages.iter().map(|message| message.0.len()).sum();
        let contexts = self.encoder.contexts() - contexts;
        let step = Arc::new(Step { from: since.generation, to: newest.clone(), messages, contexts, earliest, bytes });
        self.at = Some(newest.clone());
        self.bytes += bytes;
        self.steps.push_back((step.clone(), 1));
        while self.steps.len() > STEPS_MAX || self.steps.len() > 1 && self.bytes > STEPS_BYTES_MAX {
            self.drop_first();
        }
        step
    }

    fn drop_first(&mut self) {
        if let Some((step, _)) = self.steps.pop_front() {
            self.bytes -= step.bytes;
        }
    }
}

/// The encoder, with an eye on the times.
struct Watching<'a> {
    encoder: &'a mut Encoder,
    earliest: Option<Timestamp>,
}

impl Watching<'_> {
    fn saw(&mut self, time: Timestamp) {
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
    }
}

impl Sink for Watching<'_> {
    fn leaf(&mut self, at: &[PathStep], node: NodeId, leaf: &Leaf, time: Timestamp, duplicates: u32) {
        self.saw(time);
        Sink::leaf(self.encoder, at, node, leaf, time, duplicates);
    }

    fn delete(&mut self, path: &[PathStep], time: Timestamp) {
        self.saw(time);
        Sink::delete(self.encoder, path, time);
    }

    fn sync(&mut self) {
        Sink::sync(self.encoder);
    }

    fn commit_done(&mut self, commit: &ConfigChange) {
        Sink::commit_done(self.encoder, commit);
    }

    fn flush(&mut self) {
        Sink::flush(self.encoder);
    }

    fn waiting(&self) -> usize {
        Sink::waiting(self.encoder)
    }
}

/// Locks through poison: a step is there whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
