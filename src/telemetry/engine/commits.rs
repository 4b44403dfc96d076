//! Configuration, commit by commit (config-subscription 2.2).
//!
//! Invariant: what one commit changed is told apart from what the next one did, and its end is told after all of it, in
//! the order of the commits. Only a reader that has fallen far behind gets several commits as one change; their ends are
//! told all the same.

use super::{Engine, Leaves, missed};
use crate::path::{Pattern, Step};
use crate::schema::{Kind, NodeSet, Schema};
use crate::store::{Commit, Difference};
use crate::telemetry::Sink;
use crate::time::Timestamp;

/// The nodes that are configuration. The keys of a list that holds state as well are left out: its entries are there
/// for their state too, and those that are configured name their keys in leaves of their own.
pub fn configuration(schema: &Schema) -> NodeSet {
    NodeSet::of(schema, |id| {
        let node = schema.node(id);
        let is_key = matches!(&node.kind, Kind::Leaf(leaf) if leaf.is_key);
        node.config && !(is_key && node.parent.is_some_and(|list| schema.is_mixed(list)))
    })
}

impl Engine {
    /// Writes the configuration commits after `since`.
    pub(super) fn write_commits(&self, since: &Commit, newest: &Commit, sink: &mut impl Sink) {
        let (passed, all) = newest.configurations_since(since);
        if passed.len() > 1 && all && passed.iter().all(|change| change.is_known()) {
            for change in passed {
                self.for_each_pattern(|pattern| {
                    change.differences(&self.schema, pattern, &mut |at, difference| {
                        self.write_difference(pattern, at, difference, change.time, sink);
                    });
                });
                sink.commit_done(change);
            }
        } else if !passed.is_empty() {
            self.for_each_pattern(|pattern| {
                newest.differences(&self.schema, since, pattern, &mut |at, difference| {
                    self.write_difference(pattern, at, difference, newest.time, sink);
                });
            });
            passed.iter().for_each(|change| sink.commit_done(change));
        }
    }

    #[expect(clippy::indexing_slicing, reason = "paths of the plan, which does not change")]
    fn for_each_pattern(&self, mut act: impl FnMut(&Pattern)) {
        for watcher in &self.watchers {
            self.plan.paths[watcher.path].patterns.iter().for_each(&mut act);
        }
    }

    fn write_difference(
        &self,
        pattern: &Pattern,
        at: &[Step],
        difference: Difference<'_>,
        time: Timestamp,
        sink: &mut impl Sink,
    ) {
        match difference {
            Difference::Leaf { node, new, old } => {
                let changed = old.is_none_or(|old| old.version() != new.version() || old.value != new.value);
                if changed && self.wants(Leaves::OnChange, node) && self.within_depth(pattern, at) {
                    sink.leaf(at, node, new, new.time.max(self.floor), missed(new, old));
                }
            }
            Difference::Removed => {
                if at.last().is_none_or(|step| self.wants(Leaves::OnChange, step.node)) {
                    sink.delete(at, time.max(self.floor));
                }
            }
            Difference::Created | Difference::Reordered => {}
        }
    }
}
