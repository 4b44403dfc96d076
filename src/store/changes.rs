//! What one configuration has and another has not, leaf by leaf, for people who want to see it.
//!
//! Invariant: only what was said explicitly counts; a leaf that falls back to its default has gone. State is never told.

use super::diff::{Difference, diff};
use super::state::without_state;
use super::tree::{Branch, Child, Tree};
use crate::path::{DataPath, Pattern, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::value::Value;

/// One place where two configurations differ.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigurationChange {
    /// A leaf that is new, gone or another one.
    Leaf {
        /// The leaf.
        path: DataPath,
        /// What it was.
        old: Option<Value>,
        /// What it is.
        new: Option<Value>,
    },
    /// A list entry or presence container came.
    Created(DataPath),
    /// A list entry or presence container went.
    Removed(DataPath),
    /// The entries of a list stand in another order.
    Reordered(DataPath),
}

impl ConfigurationChange {
    /// Where.
    pub fn path(&self) -> &DataPath {
        match self {
            Self::Leaf { path, .. } | Self::Created(path) | Self::Removed(path) | Self::Reordered(path) => path,
        }
    }
}

/// Everything in which `new` differs from `old`, in the order of the models.
pub fn changes(schema: &Schema, old: &Tree, new: &Tree) -> Vec<ConfigurationChange> {
    let (old, new) = (without_state(schema, old), without_state(schema, new));
    let mut listing = Listing { schema, old: &old, found: Vec::new() };
    diff(schema, &old, &new, &Pattern::default(), &mut |at, difference| listing.difference(at, difference));
    listing.found
}

/// What of a tree was said explicitly: neither state nor defaults.
pub fn explicit(schema: &Schema, tree: &Tree) -> Tree {
    let mut explicit = without_state(schema, tree);
    drop_defaults(schema, explicit.root_mut());
    explicit
}

fn drop_defaults(schema: &Schema, branch: &mut Branch) {
    branch.retain(|child| !matches!(child, Child::Leaf(_, leaf) if leaf.is_default()));
    let nodes: Vec<NodeId> = branch.children().iter().map(Child::node).collect();
    for node in nodes {
        match branch.child_mut(node) {
            Some(Child::Container(..)) => {
                let inner = branch.container_mut(node);
                drop_defaults(schema, inner);
                if inner.is_empty() && !matches!(schema.node(node).kind, Kind::Container { presence: true }) {
                    branch.remove(node);
                }
            }
            Some(Child::List(_, list)) => {
                let keys: Vec<_> = list.iter().map(|(key, _)| key.clone()).collect();
                for key in keys {
                    list.get_mut(&key).into_iter().for_each(|entry| drop_defaults(schema, entry));
                }
            }
            Some(Child::Leaf(..)) | None => {}
        }
    }
}

struct Listing<'a> {
    schema: &'a Schema,
    old: &'a Tree,
    found: Vec<ConfigurationChange>,
}

impl Listing<'_> {
    fn difference(&mut self, at: &[Step], difference: Difference<'_>) {
        match difference {
            Difference::Leaf { node, new, old } => {
                let said = |leaf: &super::tree::Leaf| (!leaf.is_default()).then(|| leaf.value.clone());
                self.leaf(at, node, old.and_then(said), said(new));
            }
            Difference::Created => self.found.push(ConfigurationChange::Created(DataPath::new(at))),
            // An order is worth telling where entries that stay have changed places.
            Difference::Reordered => {
                if self.old.exists(&DataPath::new(at)) {
                    self.found.push(ConfigurationChange::Reordered(DataPath::new(at)));
                }
            }
            Difference::Removed => self.removed(at),
        }
    }

    fn leaf(&mut self, at: &[Step], node: NodeId, old: Option<Value>, new: Option<Value>) {
        let is_key = matches!(&self.schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key);
        if !is_key && old != new {
            let path = DataPath::new(at).child(node, None);
            self.found.push(ConfigurationChange::Leaf { path, old, new });
        }
    }

    fn removed(&mut self, at: &[Step]) {
        let old = self.old;
        if let Some(branch) = old.branch(at) {
            self.removed_branch(&mut at.to_vec(), branch);
        } else if let Some((last, above)) = at.split_last()
            && let Some(leaf) = old.branch(above).and_then(|branch| branch.leaf(last.node))
        {
            self.leaf(above, last.node, Some(leaf.value.clone()).filter(|_| !leaf.is_default()), None);
        }
    }

    fn removed_branch(&mut self, at: &mut Vec<Step>, branch: &Branch) {
        let Some(step) = at.last() else { return };
        if step.key.is_some() || matches!(self.schema.node(step.node).kind, Kind::Container { presence: true }) {
            self.found.push(ConfigurationChange::Removed(DataPath::new(&**at)));
        }
        for child in branch.children() {
            match child {
                Child::Leaf(_, leaf) if leaf.is_default() => {}
                Child::Leaf(node, leaf) => self.leaf(at, *node, Some(leaf.value.clone()), None),
                Child::Container(node, inner) => {
                    at.push(Step { node: *node, key: None });
                    self.removed_branch(at, inner);
                    at.pop();
                }
                Child::List(node, list) => {
                    for (key, entry) in list.iter() {
                        at.push(Step { node: *node, key: Some(key.clone()) });
                        self.removed_branch(at, entry.branch());
                        at.pop();
                    }
                }
            }
        }
    }
}
