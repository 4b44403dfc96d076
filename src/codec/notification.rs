//! Leaves and removals as encoded Subscribe responses: the hot path of streaming.
//!
//! Invariant: what comes out are complete, unframed `SubscribeResponse` messages whose notifications, applied in order,
//! say exactly what went in. A notification holds one timestamp, either updates or deletes, and no path twice; nothing
//! is built per leaf but bytes. This module does not decide what is sent, only how.

mod root;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::path::{PathForm, same_step};
use super::protobuf::{HEAD_MAX, Key, backfill_head, put_bytes, put_head, put_nested, put_varint};
use super::{Encoded, ValueForm, Wire, value};
use crate::path::Step;
use crate::schema::NodeId;
use crate::store::{ConfigChange, Leaf};
use crate::telemetry::Sink;
use crate::time::Timestamp;
use crate::value::Value;
use root::RootUpdate;

/// Default size above which a message is split: half of the 4 MiB that common clients accept (C-21, SUB-018).
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// `SubscribeResponse.update`, the field.
pub(super) const RESPONSE_UPDATE: Key = Key::sized(1);
/// `SubscribeResponse.sync_response`, the field.
const RESPONSE_SYNC: Key = Key::varint(3);
/// `SubscribeResponse.extension`, the field.
const RESPONSE_EXTENSION: Key = Key::sized(5);
const EXTENSION_CONFIG_SUBSCRIPTION: Key = Key::sized(6);
const CONFIG_SUBSCRIPTION_SYNC_DONE: Key = Key::sized(2);
const SYNC_DONE_COMMIT_CONFIRM_ID: Key = Key::sized(1);
const SYNC_DONE_SERVER_COMMIT_ID: Key = Key::sized(2);
const SYNC_DONE_DONE: Key = Key::varint(3);
pub(super) const NOTIFICATION_TIMESTAMP: Key = Key::varint(1);
pub(super) const NOTIFICATION_PREFIX: Key = Key::sized(2);
pub(super) const NOTIFICATION_UPDATE: Key = Key::sized(4);
pub(super) const NOTIFICATION_DELETE: Key = Key::sized(5);
pub(super) const UPDATE_PATH: Key = Key::sized(1);
const UPDATE_VAL: Key = Key::sized(3);
const UPDATE_DUPLICATES: Key = Key::varint(4);
pub(super) const PATH_TARGET: Key = Key::sized(4);

/// How leaves are gathered into notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// One notification for each branch: its prefix is the branch, its paths are leaf names (SUB-027).
    PerBranch,
    /// One notification for everything (ONCE, C-21): its prefix is a branch that all leaves lie in.
    Whole {
        /// Steps to that branch.
        prefix: Vec<Step>,
    },
}

/// Writes the messages of one subscription.
///
/// Leaves of one branch are expected together and in schema order, which is how the store tells them. Under
/// [`Grouping::Whole`] the caller sends a leaf once per round, as it would per commit.
#[derive(Debug)]
pub struct Encoder {
    wire: Arc<Wire>,
    values: ValueForm,
    form: PathForm,
    /// Whether updates say how many values the reader missed.
    tells_duplicates: bool,
    /// The field `target` of a prefix; empty when none was asked for.
    target: Vec<u8>,
    /// Steps and encoded elements of the one prefix of [`Grouping::Whole`].
    whole: Option<(usize, Vec<u8>)>,
    message_bytes_max: usize,
    /// The branch written to last.
    trail: Trail,
    root: RootUpdate,
    /// Finished messages, and behind them the open one.
    out: Vec<u8>,
    finished: Vec<Range<usize>>,
    open: Option<Open>,
    /// Bytes taken last, as a guess of what comes next.
    taken_bytes: usize,
    contexts: u64,
}

/// A notification that is being written.
#[derive(Debug)]
struct Open {
    /// Where the room for its head begins.
    start: usize,
    /// Where its updates or deletes begin.
    content: usize,
    kind: Kind,
    time: Timestamp,
    /// The leaf written last.
    last: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Updates,
    Deletes,
}

impl Encoder {
    /// An encoder with nothing written. `target` is stated in every prefix (PATH-041). A message is larger than
    /// `message_bytes_max` only when a single update is.
    pub fn new(
        wire: Arc<Wire>,
        values: ValueForm,
        form: PathForm,
        target: Option<&str>,
        grouping: Grouping,
        message_bytes_max: usize,
    ) -> Self {
        let mut target_field = Vec::new();
        if let Some(target) = target.filter(|target| !target.is_empty()) {
            put_bytes(&mut target_field, PATH_TARGET, target.as_bytes());
        }
        let whole = match grouping {
            Grouping::PerBranch => None,
            Grouping::Whole { prefix } => {
                let mut elems = Vec::new();
                prefix.iter().for_each(|step| wire.put_step(&mut elems, step, form));
                Some((prefix.len(), elems))
            }
        };
        Self {
            wire,
            values,
            form,
            tells_duplicates: true,
            target: target_field,
            whole,
            message_bytes_max,
            trail: Trail::default(),
            root: RootUpdate::default(),
            out: Vec::new(),
            finished: Vec::new(),
            open: None,
            taken_bytes: 0,
            contexts: 0,
        }
    }

    /// Bytes above which a message is split.
    pub fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// The same encoder for a release whose messages have no field `duplicates` (CAP-016).
    pub fn without_duplicates(self) -> Self {
        Self { tells_duplicates: false, ..self }
    }

    /// Containers and list entries that were written about so far, each time anew.
    pub fn contexts(&self) -> u64 {
        self.contexts
    }

    /// Writes the value of a leaf. `at` is the branch it stands in; `duplicates` counts values the reader missed
    /// (SUB-041).
    pub fn leaf(&mut self, at: &[Step], node: NodeId, value: &Value, time: Timestamp, duplicates: u32) {
        let ValueForm::Leaf(form_of_value) = self.values else {
            return self.leaf_in_root(at, node, value, time, duplicates);
        };
        let moved = self.trail.move_to(&self.wire, self.form, at);
        let fits = self.open.as_ref().is_some_and(|open| {
            // No path twice in one notification (SUB-040): within a branch a node that does not come after the last one
            // is there already, and entries of a list without keys all have the same path.
            let follows = match moved {
                true => self.whole.is_some() && !self.trail.is_below_keyless(&self.wire),
                false => open.last < Some(node),
            };
            follows && open.kind == Kind::Updates && open.time == time
        });
        self.contexts += u64::from(moved || !fits);
        if !fits {
            self.begin(Kind::Updates, time);
        }
        let start = self.out.len();
        let Self { wire, form, tells_duplicates, trail, out, whole, .. } = self;
        put_nested(out, NOTIFICATION_UPDATE, |out| {
            match whole {
                None => wire.put_leaf_path(out, node, *form),
                Some((depth, _)) => put_nested(out, UPDATE_PATH, |out| {
                    out.extend_from_slice(trail.below(*depth));
                    wire.put_step(out, &Step { node, key: None }, *form);
                }),
            }
            put_nested(out, UPDATE_VAL, |out| value::put_typed(out, &wire.schema, node, value, form_of_value));
            if duplicates > 0 && *tells_duplicates {
                put_varint(out, UPDATE_DUPLICATES, duplicates.into());
            }
        });
        self.written(start, Some(node));
    }

    /// Writes that nothing stands at a place any more. Deletes stand in notifications of their own, with the branch
    /// around the place as prefix.
    pub fn delete(&mut self, path: &[Step], time: Timestamp) {
        let (last, parent) = match path.split_last() {
            Some((last, parent)) => (Some(last), parent),
            None => (None, path),
        };
        let moved = self.trail.move_to(&self.wire, self.form, parent);
        let fits = self.open.as_ref().is_some_and(|open| open.kind == Kind::Deletes && open.time == time && !moved);
        if !fits {
            self.contexts += 1;
            self.begin(Kind::Deletes, time);
        }
        let start = self.out.len();
        let Self { wire, form, out, .. } = self;
        put_nested(out, NOTIFICATION_DELETE, |out| {
            if let Some(last) = last {
                wire.put_step(out, last, *form);
            }
        });
        self.written(start, None);
    }

    /// Writes that everything there was at the start has been said (SUB-029).
    pub fn sync(&mut self) {
        self.flush();
        let start = self.out.len();
        put_varint(&mut self.out, RESPONSE_SYNC, 1);
        self.finished.push(start..self.out.len());
    }

    /// Writes that a configuration commit has been told in full, with its names: the client's, when it has to be
    /// confirmed, and the journal's, when it is saved (config-subscription 2.2.2).
    pub fn commit_done(&mut self, commit: &ConfigChange) {
        self.flush();
        let start = self.out.len();
        put_nested(&mut self.out, RESPONSE_EXTENSION, |out| {
            put_nested(out, EXTENSION_CONFIG_SUBSCRIPTION, |out| {
                put_nested(out, CONFIG_SUBSCRIPTION_SYNC_DONE, |out| {
                    if let Some(confirm) = &commit.confirm {
                        put_bytes(out, SYNC_DONE_COMMIT_CONFIRM_ID, confirm.as_bytes());
                    }
                    if let Some(commit_id) = commit.commit_id {
                        put_bytes(out, SYNC_DONE_SERVER_COMMIT_ID, commit_id.to_string().as_bytes());
                    }
                    put_varint(out, SYNC_DONE_DONE, 1);
                });
            });
        });
        self.finished.push(start..self.out.len());
    }

    /// Finishes the notification that is being written.
    pub fn flush(&mut self) {
        if let Some(open) = self.open.take() {
            self.root.close(&mut self.out);
            let start = backfill_head(&mut self.out, RESPONSE_UPDATE, open.start + HEAD_MAX);
            self.finished.push(start..self.out.len());
        }
    }

    /// Bytes of finished messages that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.open.as_ref().map_or(self.out.len(), |open| open.start)
    }

    /// The finished messages, in order. They share one allocation.
    pub fn take(&mut self) -> Vec<Encoded> {
        if self.finished.is_empty() {
            return Vec::new();
        }
        let end = self.waiting();
        let rest = self.out.split_off(end);
        if let Some(open) = &mut self.open {
            open.start = 0;
            open.content -= end;
            self.root.moved_up(end);
        }
        self.taken_bytes = end;
        let bytes = Bytes::from(std::mem::replace(&mut self.out, rest));
        self.finished.drain(..).map(|range| Encoded(bytes.slice(range))).collect()
    }

    /// Starts a notification at the present branch.
    fn begin(&mut self, kind: Kind, time: Timestamp) {
        self.flush();
        if self.out.capacity() == 0 {
            self.out.reserve(self.taken_bytes);
        }
        let start = self.out.len();
        self.out.extend_from_slice(&[0; HEAD_MAX]);
        put_varint(&mut self.out, NOTIFICATION_TIMESTAMP, time.nanos().cast_unsigned());
        let elems: &[u8] = match (&self.whole, kind) {
            // The path is in the value.
            (_, Kind::Updates) if self.values == ValueForm::Root => &[],
            (Some((_, elems)), Kind::Updates) => elems,
            (None, _) | (_, Kind::Deletes) => &self.trail.bytes,
        };
        let length = elems.len() + self.target.len();
        if length > 0 {
            put_head(&mut self.out, NOTIFICATION_PREFIX, length);
            self.out.extend_from_slice(elems);
            self.out.extend_from_slice(&self.target);
        }
        self.open = Some(Open { start, content: self.out.len(), kind, time, last: None });
    }

    /// Notes what was just written from `start` on. When the message has become too large, this goes to the next one.
    fn written(&mut self, start: usize, leaf: Option<NodeId>) {
        let Some(open) = &mut self.open else { return };
        open.last = leaf;
        if self.out.len() - open.start > self.message_bytes_max && start > open.content {
            let (kind, time) = (open.kind, open.time);
            let written = self.out.split_off(start);
            self.begin(kind, time);
            self.out.extend_from_slice(&written);
            if let Some(open) = &mut self.open {
                open.last = leaf;
            }
        }
    }
}

impl Sink for Encoder {
    fn leaf(&mut self, at: &[Step], node: NodeId, leaf: &Leaf, time: Timestamp, duplicates: u32) {
        Self::leaf(self, at, node, &leaf.value, time, duplicates);
    }

    fn delete(&mut self, path: &[Step], time: Timestamp) {
        Self::delete(self, path, time);
    }

    fn sync(&mut self) {
        Self::sync(self);
    }

    fn flush(&mut self) {
        Self::flush(self);
    }

    fn commit_done(&mut self, commit: &ConfigChange) {
        Self::commit_done(self, commit);
    }

    fn waiting(&self) -> usize {
        Self::waiting(self)
    }
}

/// A branch with its elements encoded, kept so that the next branch encodes only where it differs.
#[derive(Debug, Default)]
struct Trail {
    steps: Vec<Step>,
    /// Where each element ends in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Trail {
    /// Goes to another branch; tells whether it is another one.
    fn move_to(&mut self, wire: &Wire, form: PathForm, at: &[Step]) -> bool {
        let common = self.steps.iter().zip(at).take_while(|(ours, theirs)| same_step(ours, theirs)).count();
        if common == at.len() && common == self.steps.len() {
            return false;
        }
        self.steps.truncate(common);
        self.ends.truncate(common);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        for step in at.iter().skip(common) {
            wire.put_step(&mut self.bytes, step, form);
            self.ends.push(self.bytes.len());
            self.steps.push(step.clone());
        }
        true
    }

    /// Whether an entry of a list without keys is on the way.
    fn is_below_keyless(&self, wire: &Wire) -> bool {
        self.steps.iter().any(|step| step.key.is_some() && wire.schema.node(step.node).keys().is_empty())
    }

    /// The elements below the first `depth`.
    fn below(&self, depth: usize) -> &[u8] {
        let start = depth.checked_sub(1).map_or(0, |last| self.ends.get(last).copied().unwrap_or(self.bytes.len()));
        self.bytes.get(start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
