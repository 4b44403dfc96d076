//! Leaves inside root messages: updates of the encoding BYTES.
//!
//! Invariant: a notification has one update, at the root, whose `proto_bytes` is a root message with the branches written
//! since it began (one branch, or all of a ONCE reply), each with all that is above it. Removals are told by paths, as in
//! every encoding. When paths of one request meet in an entry, the entry may come once for each of them.

use super::{Encoder, Kind, NOTIFICATION_UPDATE, UPDATE_DUPLICATES, UPDATE_PATH, UPDATE_VAL};
use crate::codec::bytes::{RootBranch, bytes_at_most};
use crate::codec::protobuf::{Key, close_nested, put_head, put_varint};
use crate::path::Step;
use crate::schema::NodeId;
use crate::time::Timestamp;
use crate::value::Value;

/// `TypedValue.proto_bytes`, the field.
const PROTO_BYTES: Key = Key::sized(13);

/// At least as many bytes as the lengths around a root message take more than the one that is left for each.
const LENGTHS_MAX: usize = 32;

/// The update that is being written.
#[derive(Debug, Default)]
pub(super) struct RootUpdate {
    branch: RootBranch,
    /// Where the contents of update, value and root message begin; empty while no update is open.
    open: Vec<usize>,
    duplicates: u32,
}

impl RootUpdate {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.duplicates = 0;
        for key in [NOTIFICATION_UPDATE, UPDATE_VAL, PROTO_BYTES] {
            put_head(out, key, 0);
            self.open.push(out.len());
            if self.open.len() == 1 {
                put_head(out, UPDATE_PATH, 0);
            }
        }
    }

    /// Ends the update, if there is one.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        self.branch.close(out);
        while let Some(content) = self.open.pop() {
            if self.open.is_empty() && self.duplicates > 0 {
                put_varint(out, UPDATE_DUPLICATES, self.duplicates.into());
            }
            close_nested(out, content);
        }
    }

    /// The first `bytes` of the output are gone.
    pub(super) fn moved_up(&mut self, bytes: usize) {
        self.branch.moved_up(bytes);
        self.open.iter_mut().for_each(|content| *content -= bytes);
    }
}

impl Encoder {
    /// [`Encoder::leaf`] for root messages. The values a reader missed are counted for the update as a whole.
    pub(super) fn leaf_in_root(&mut self, at: &[Step], node: NodeId, value: &Value, time: Timestamp, duplicates: u32) {
        let moved = self.root.branch.move_to(&self.wire, &mut self.out, at);
        let more = self.root.branch.bytes_at_most() + bytes_at_most(value) + LENGTHS_MAX;
        let fits = self.open.as_ref().is_some_and(|open| {
            let follows = if moved { self.whole.is_some() } else { open.last < Some(node) };
            let has_room = self.out.len() - open.start + more <= self.message_bytes_max;
            follows && has_room && open.kind == Kind::Updates && open.time == time
        });
        if !fits {
            self.begin(Kind::Updates, time);
            self.root.begin(&mut self.out);
        }
        let Self { wire, out, root, tells_duplicates, .. } = self;
        root.branch.open(out);
        let fields = wire.fields();
        // The keys of an entry were written where it was opened.
        if !fields.is_key(node) {
            fields.put_leaf(out, &wire.schema, node, value);
        }
        if *tells_duplicates {
            root.duplicates = root.duplicates.max(duplicates);
        }
        if let Some(open) = &mut self.open {
            open.last = Some(node);
        }
    }
}
