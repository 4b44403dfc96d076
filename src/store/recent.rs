//! What the newest configuration commits changed, one by one, for readers that tell commits apart (config-subscription
//! 2.2.2).
//!
//! Invariant: a commit carries the changes of the configuration commits up to it, newest last, bounded in number and in
//! size: state that has moved on since is never held back by them. Who is further behind compares trees.

use std::sync::Arc;

use super::delta::{Delta, DeltaItem};
use super::diff::{Difference, diff};
use super::tree::{Child, Tree};
use crate::path::{DataPath, Pattern, Step};
use crate::schema::Schema;
use crate::time::Timestamp;

/// Configuration commits that can be told apart.
const CHANGES_MAX: usize = 64;

/// Items of a change that is kept with what it changed.
const ITEMS_MAX: usize = 1024;

/// One configuration commit.
#[derive(Debug)]
pub struct ConfigChange {
    /// Its number in the journal; none when it is not saved.
    pub commit_id: Option<u64>,
    /// The client's name of the confirmed commit that it makes or takes back.
    pub confirm: Option<Arc<str>>,
    /// When it was made.
    pub time: Timestamp,
    /// What it changed, before and after, and nothing else; none when that is too much to keep.
    slice: Option<(Tree, Tree)>,
}

impl ConfigChange {
    pub(super) fn new(
        schema: &Schema,
        base: &Tree,
        delta: &Delta,
        (commit_id, confirm): (Option<u64>, Option<Arc<str>>),
        time: Timestamp,
    ) -> Self {
        let slice = (delta.items().len() <= ITEMS_MAX).then(|| {
            let mut slicing = Slicing { schema, base, old: Tree::default(), new: Tree::default(), created: Vec::new() };
            delta.items().iter().for_each(|item| slicing.item(item));
            (slicing.old, slicing.new)
        });
        Self { commit_id, confirm, time, slice }
    }

    /// Tells what the commit changed at or below a pattern. Says whether that is still known.
    pub fn differences(
        &self,
        schema: &Schema,
        pattern: &Pattern,
        visit: &mut dyn FnMut(&[Step], Difference<'_>),
    ) -> bool {
        let Some((old, new)) = &self.slice else { return false };
        diff(schema, old, new, pattern, &mut |at, difference| visit(at, difference));
        true
    }

    /// Whether [`differences`](Self::differences) knows.
    pub fn is_known(&self) -> bool {
        self.slice.is_some()
    }
}

/// The newest configuration commits.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(Arc<[Arc<ConfigChange>]>);

impl Recent {
    /// The same with one more.
    pub(super) fn with(&self, change: ConfigChange) -> Self {
        let gone = (self.0.len() + 1).saturating_sub(CHANGES_MAX);
        Self(self.0.iter().skip(gone).cloned().chain([Arc::new(change)]).collect())
    }

    /// The last `count` of them, oldest first, as far as they are known.
    #[expect(clippy::indexing_slicing, reason = "at most as long as this very list")]
    pub(super) fn last(&self, count: u64) -> &[Arc<ConfigChange>] {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        &self.0[self.0.len().saturating_sub(count)..]
    }
}

/// Two trees in the making that differ in just what a delta says.
struct Slicing<'a> {
    schema: &'a Schema,
    base: &'a Tree,
    old: Tree,
    new: Tree,
    /// Places on the way to the present item that the commit made.
    created: Vec<DataPath>,
}

impl Slicing<'_> {
    fn item(&mut self, item: &DeltaItem) {
        match item {
            DeltaItem::Leaves { at, leaves } => {
                self.both(at.steps());
                for change in leaves {
                    self.new
                        .branch_mut(self.schema, at.steps(), Timestamp::EPOCH)
                        .put_leaf(change.node, change.new.clone());
                    if let Some(old) = &change.old {
                        self.old
                            .branch_mut(self.schema, at.steps(), Timestamp::EPOCH)
                            .put_leaf(change.node, old.clone());
                    }
                }
            }
            DeltaItem::Created(path) => {
                self.both(path.parent().steps());
                self.new.branch_mut(self.schema, path.steps(), Timestamp::EPOCH);
                self.created.push(path.clone());
            }
            DeltaItem::Removed(path) => self.removed(path),
            DeltaItem::Reordered(..) => {}
        }
    }

    /// Makes a branch exist on both sides, unless it came with the commit.
    fn both(&mut self, at: &[Step]) {
        self.new.branch_mut(self.schema, at, Timestamp::EPOCH);
        let place = DataPath::new(at);
        while self.created.last().is_some_and(|created| !created.contains(&place)) {
            self.created.pop();
        }
        if self.created.is_empty() {
            self.old.branch_mut(self.schema, at, Timestamp::EPOCH);
        }
    }

    fn removed(&mut self, path: &DataPath) {
        let Some((last, above)) = path.steps().split_last() else { return };
        self.both(above);
        let Some(gone) = self.base.branch(above).and_then(|branch| branch.child(last.node)) else { return };
        match gone {
            Child::Leaf(node, leaf) => {
                self.old.branch_mut(self.schema, above, Timestamp::EPOCH).put_leaf(*node, leaf.clone());
            }
            Child::Container(..) | Child::List(..) => {
                if let Some(branch) = self.base.branch(path.steps()) {
                    *self.old.branch_mut(self.schema, path.steps(), Timestamp::EPOCH) = (**branch).clone();
                }
            }
        }
    }
}
