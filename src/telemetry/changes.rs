//! The on-change half of a plan: what differs between two commits, for its paths.
//!
//! Invariant: a pure function of the two commits. What one subscriber has to be told from one commit to another, every
//! subscriber with the same changes has to be told, so one of them can write it for all.

use std::sync::Arc;

use super::plan::{PathMode, Plan};
use super::sink::Sink;
use crate::path::Pattern;
use crate::schema::{NodeId, NodeSet, Schema};
use crate::store::{Commit, Difference, Leaf};
use crate::time::Timestamp;

/// The paths of a plan that announce changes. A clone shares what it is made of.
#[derive(Clone, Debug)]
pub struct Changes {
    schema: Arc<Schema>,
    /// Leaves that announce their changes, and everything above one.
    capable: Arc<NodeSet>,
    watched: Arc<Watched>,
    /// The nodes that a plan keeps to which is not like others.
    only: Option<Arc<NodeSet>>,
    is_own: bool,
}

/// What is watched. Equal for plans whose subscribers are told the same of every commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    patterns: Vec<Pattern>,
    depth: Option<u32>,
}

impl Changes {
    /// The changes a plan asks for.
    pub fn of(plan: &Plan, schema: Arc<Schema>, capable: Arc<NodeSet>) -> Self {
        let paths = plan.paths.iter().filter(|path| path.mode != PathMode::Sample);
        let patterns = paths.flat_map(|path| &path.patterns).cloned().collect();
        let only = plan.only.clone().map(Arc::new);
        let is_own = only.is_some() || plan.configuration.is_some();
        Self { schema, capable, watched: Arc::new(Watched { patterns, depth: plan.depth }), only, is_own }
    }

    /// What is watched; none when nothing is, or when others cannot be told the same.
    pub fn watched(&self) -> Option<&Watched> {
        Some(&*self.watched).filter(|watched| !self.is_own && !watched.patterns.is_empty())
    }

    /// Writes what changed from one commit to a later one. No time is earlier than `floor`.
    pub fn write(&self, since: &Commit, newest: &Commit, floor: Timestamp, sink: &mut impl Sink) {
        for pattern in &self.watched.patterns {
            newest.differences(&self.schema, since, pattern, &mut |at, difference| match difference {
                Difference::Leaf { node, new, old } => {
                    let changed = old.is_none_or(|old| old.version() != new.version() || old.value != new.value);
                    if changed && self.tells(node) && within(self.watched.depth, pattern, at.len()) {
                        sink.leaf(at, node, new, new.time.max(floor), missed(new, old));
                    }
                }
                Difference::Removed => {
                    if at.last().is_none_or(|step| self.tells(step.node)) {
                        sink.delete(at, newest.time.max(floor));
                    }
                }
                Difference::Created | Difference::Reordered => {}
            });
        }
        sink.flush();
    }

    fn tells(&self, node: NodeId) -> bool {
        self.announces(node) && self.only.as_ref().is_none_or(|only| only.contains(node))
    }

    /// Whether a leaf announces its changes, or a branch holds such a leaf.
    pub(super) fn announces(&self, node: NodeId) -> bool {
        self.capable.contains(node)
    }
}

/// Whether the leaves of a branch, so many steps down, are within the depth asked for: those of the selected node itself
/// are level 1 (EXT-004, EXT-005).
pub(super) fn within(depth: Option<u32>, selected: &Pattern, steps: usize) -> bool {
    depth.is_none_or(|depth| steps < selected.steps().len() + depth as usize)
}

/// Values between two versions of a leaf that its reader never saw.
pub(super) fn missed(new: &Leaf, old: Option<&Leaf>) -> u32 {
    old.map_or(0, |old| new.version().wrapping_sub(old.version()).saturating_sub(1))
}
