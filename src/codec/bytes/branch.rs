//! The way from the root message down to the branch being written.
//!
//! Invariant: what was appended between two calls belongs to the branch of the first one. A branch that the next one
//! shares stays open, and the bytes that enter it are kept, so that a list of entries encodes what stands above it once.

use super::Fields;
use crate::codec::Wire;
use crate::codec::path::same_step;
use crate::codec::protobuf::close_nested;
use crate::path::{ListKey, Step};
use crate::schema::{NodeId, Schema};

/// The branch written to last.
#[derive(Debug, Default)]
pub(in crate::codec) struct RootBranch {
    steps: Vec<Step>,
    /// For each step its field key and, behind that, the keys of the entry.
    entering: Vec<u8>,
    marks: Vec<Mark>,
    /// Where the content of each message begins that is open in the output; a branch is opened when it gets a leaf.
    open: Vec<usize>,
}

/// Where the parts of one step end in `entering`.
#[derive(Clone, Copy, Debug)]
struct Mark {
    key: usize,
    end: usize,
}

impl RootBranch {
    /// Goes to another branch and closes those left behind; tells whether it is another one.
    pub(in crate::codec) fn move_to(&mut self, wire: &Wire, out: &mut Vec<u8>, at: &[Step]) -> bool {
        let common = self.steps.iter().zip(at).take_while(|(ours, theirs)| same_step(ours, theirs)).count();
        if common == at.len() && common == self.steps.len() {
            return false;
        }
        self.close_to(out, common);
        self.steps.truncate(common);
        self.marks.truncate(common);
        self.entering.truncate(self.marks.last().map_or(0, |mark| mark.end));
        let fields = wire.fields();
        for step in at.iter().skip(common) {
            fields.of(step.node).key.put(&mut self.entering);
            let key = self.entering.len();
            if let Some(key) = &step.key {
                fields.put_keys(&mut self.entering, &wire.schema, step.node, key);
            }
            self.marks.push(Mark { key, end: self.entering.len() });
            self.steps.push(step.clone());
        }
        true
    }

    /// Opens what is not open yet of the way to the branch.
    #[expect(clippy::indexing_slicing, reason = "the marks stand in the order of the bytes")]
    pub(in crate::codec) fn open(&mut self, out: &mut Vec<u8>) {
        for mark in self.marks.iter().skip(self.open.len()) {
            let start =
                self.open.len().checked_sub(1).and_then(|above| self.marks.get(above)).map_or(0, |mark| mark.end);
            out.extend_from_slice(&self.entering[start..mark.key]);
            out.push(0);
            self.open.push(out.len());
            out.extend_from_slice(&self.entering[mark.key..mark.end]);
        }
    }

    /// Closes everything, so that the next leaf opens its branch anew.
    pub(in crate::codec) fn close(&mut self, out: &mut Vec<u8>) {
        self.close_to(out, 0);
    }

    fn close_to(&mut self, out: &mut Vec<u8>, depth: usize) {
        while self.open.len() > depth
            && let Some(content) = self.open.pop()
        {
            close_nested(out, content);
        }
    }

    /// The first `bytes` of the output are gone.
    pub(in crate::codec) fn moved_up(&mut self, bytes: usize) {
        self.open.iter_mut().for_each(|content| *content -= bytes);
    }

    /// At least as many bytes as opening and closing the branch takes.
    pub(in crate::codec) fn bytes_at_most(&self) -> usize {
        /// Longest length.
        const LENGTH: usize = 5;
        self.entering.len() + self.marks.len() * LENGTH
    }
}

impl Fields {
    /// Appends the keys of an entry, in the order of the schema. A keyless list has none.
    pub(super) fn put_keys(&self, out: &mut Vec<u8>, schema: &Schema, list: NodeId, key: &ListKey) {
        for (&leaf, value) in schema.node(list).keys().iter().zip(key.iter()) {
            self.put_leaf(out, schema, leaf, value);
        }
    }
}
