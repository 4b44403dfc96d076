//! The difference between a base tree and a settled candidate, as values.
//!
//! Invariant: a delta holds configuration only, and grafting it onto the base gives the candidate. It is what the vote
//! on constraints, the journal, the authorisation of changes and the publication all look at.

use super::diff::{Difference, diff};
use super::edit::remove_place;
use super::tree::{Leaf, Tree};
use crate::path::{DataPath, ListKey, Pattern, Step};
use crate::schema::{NodeId, Schema};
use crate::time::Timestamp;

/// All differences, parents before children.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    items: Vec<DeltaItem>,
}

/// One difference.
#[derive(Clone, Debug)]
pub enum DeltaItem {
    /// Leaves of one branch that are new or changed.
    Leaves {
        /// The branch.
        at: DataPath,
        /// The leaves, in schema order.
        leaves: Vec<LeafChange>,
    },
    /// A leaf, container or list entry is gone with all below it.
    Removed(DataPath),
    /// A presence container or list entry came to be.
    Created(DataPath),
    /// A user-ordered list stands in this order now.
    Reordered(DataPath, Vec<ListKey>),
}

/// A leaf before and after.
#[derive(Clone, Debug)]
pub struct LeafChange {
    /// Its schema node.
    pub node: NodeId,
    /// What it is now.
    pub new: Leaf,
    /// What it was.
    pub old: Option<Leaf>,
}

impl Delta {
    /// What turns `base` into `candidate`.
    pub fn between(schema: &Schema, base: &Tree, candidate: &Tree) -> Self {
        let mut items: Vec<DeltaItem> = Vec::new();
        diff(schema, base, candidate, &Pattern::default(), &mut |at, difference| {
            let item = match difference {
                Difference::Leaf { node, new, old } => {
                    let change = LeafChange { node, new: new.clone(), old: old.cloned() };
                    match items.last_mut() {
                        Some(DeltaItem::Leaves { at: last, leaves }) if last.steps() == at => {
                            return leaves.push(change);
                        }
                        _ => DeltaItem::Leaves { at: DataPath::new(at), leaves: vec![change] },
                    }
                }
                Difference::Removed => DeltaItem::Removed(DataPath::new(at)),
                Difference::Created => DeltaItem::Created(DataPath::new(at)),
                Difference::Reordered => DeltaItem::Reordered(DataPath::new(at), order(candidate, at)),
            };
            items.push(item);
        });
        Self { items }
    }

    /// The differences.
    pub fn items(&self) -> &[DeltaItem] {
        &self.items
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether anything is gone.
    pub fn removes(&self) -> bool {
        self.items.iter().any(|item| matches!(item, DeltaItem::Removed(_)))
    }

    /// Says of every leaf that it was set at this time.
    pub(super) fn restamp(&mut self, time: Timestamp) {
        for item in &mut self.items {
            if let DeltaItem::Leaves { leaves, .. } = item {
                leaves.iter_mut().for_each(|change| change.new.time = time);
            }
        }
    }

    /// Makes another tree, which differs from the base in state only, take the same configuration.
    pub fn graft(&self, schema: &Schema, onto: &mut Tree, time: Timestamp) {
        for item in &self.items {
            match item {
                DeltaItem::Leaves { at, leaves } => {
                    let branch = onto.branch_mut(schema, at.steps(), time);
                    for change in leaves {
                        branch.put_leaf(change.node, change.new.clone());
                    }
                }
                DeltaItem::Removed(path) => remove_place(onto, schema, path, time),
                DeltaItem::Created(path) => {
                    onto.branch_mut(schema, path.steps(), time);
                }
                DeltaItem::Reordered(path, keys) => {
                    if let Some((last, above)) = path.steps().split_last() {
                        onto.branch_mut(schema, above, time).list_mut(last.node, true).set_order(keys);
                    }
                }
            }
        }
    }

    /// The places that differ, for the commit that publishes this.
    pub fn places(&self) -> Vec<DataPath> {
        self.items
            .iter()
            .map(|item| match item {
                DeltaItem::Leaves { at: path, .. }
                | DeltaItem::Removed(path)
                | DeltaItem::Created(path)
                | DeltaItem::Reordered(path, _) => path.clone(),
            })
            .collect()
    }
}

fn order(tree: &Tree, at: &[Step]) -> Vec<ListKey> {
    at.split_last()
        .and_then(|(last, above)| tree.branch(above)?.list(last.node))
        .map(|list| list.iter().map(|(key, _)| key.clone()).collect())
        .unwrap_or_default()
}
