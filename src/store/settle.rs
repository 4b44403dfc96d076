//! Settling a candidate after its edits: defaults come and go, versions and times are right.
//!
//! Invariant: after settling, every leaf whose value equals the one it had keeps its old time and version, however many
//! edits ran over it (OCH-022, SET-045), and every default in use stands in the tree (GET-015, SUB-049). Only branches
//! that differ from the base are visited.

use imbl::ordmap::DiffItem;

use super::tree::{Branch, Child, Leaf, List, Tree};
use crate::path::ListKey;
use crate::schema::{Kind, Node, NodeId, Schema};
use crate::time::Timestamp;
use crate::value::Value;

/// Settles `candidate`, which came from `base` by edits. Defaults under a `when` are left to the vote on constraints.
pub fn settle(schema: &Schema, base: &Tree, candidate: &mut Tree, time: Timestamp) {
    let base = if base.root().is_empty() { None } else { Some(&**base.root()) };
    Settling { schema, time }.branch(None, base, candidate.root_mut());
}

struct Settling<'a> {
    schema: &'a Schema,
    time: Timestamp,
}

impl Settling<'_> {
    fn branch(&self, of: Option<NodeId>, old: Option<&Branch>, new: &mut Branch) {
        self.add_defaults(of, new);
        let nodes: Vec<NodeId> = new.children().iter().map(Child::node).collect();
        for node in nodes {
            if self.schema.node(node).config {
                self.child(node, old.and_then(|old| old.child(node)), new);
            }
        }
    }

    fn child(&self, node: NodeId, old: Option<&Child>, parent: &mut Branch) {
        match (old, parent.child_mut(node)) {
            (old, Some(Child::Leaf(_, leaf))) => {
                if let Some(Child::Leaf(_, old)) = old {
                    *leaf = reconciled(leaf, old);
                }
            }
            (Some(Child::Container(_, old)), Some(Child::Container(_, new))) if std::sync::Arc::ptr_eq(old, new) => {}
            (old, Some(Child::Container(_, new))) => {
                let old = match old {
                    Some(Child::Container(_, old)) => Some(&**old),
                    _ => None,
                };
                self.branch(Some(node), old, std::sync::Arc::make_mut(new));
            }
            (old, Some(Child::List(_, list))) => self.list(node, old, list),
            (_, None) => {}
        }
    }

    fn list(&self, node: NodeId, old: Option<&Child>, new: &mut List) {
        let old = match old {
            Some(Child::List(_, old)) => Some(old),
            _ => None,
        };
        let changed: Vec<ListKey> = match old {
            None => new.iter().map(|(key, _)| key.clone()).collect(),
            Some(old) => new
                .diff(old)
                .filter_map(|item| match item {
                    DiffItem::Add(key, _) | DiffItem::Update { new: (key, _), .. } => Some(key.clone()),
                    DiffItem::Remove(..) => None,
                })
                .collect(),
        };
        for key in changed {
            let before = old.and_then(|old| old.get(&key)).map(|entry| &**entry.branch());
            if let Some(entry) = new.get_mut(&key) {
                self.branch(Some(node), before, entry);
            }
        }
    }

    /// Puts in each default that is in use here, and the non-presence containers that lead to one.
    fn add_defaults(&self, of: Option<NodeId>, at: &mut Branch) {
        for &id in self.schema.children(of) {
            let node = self.schema.node(id);
            if !node.config || node.has_when || at.child(id).is_some() || !self.in_active_case(node, at) {
                continue;
            }
            if let Some(value) = default_of(node) {
                at.put_leaf(id, Leaf::in_default(value, self.time));
            } else if matches!(node.kind, Kind::Container { presence: false }) && self.has_default_below(id) {
                self.add_defaults(Some(id), at.container_mut(id));
            }
        }
    }

    /// Whether every choice the node lies in has taken its case: by data, or by default where there is no data.
    fn in_active_case(&self, node: &Node, at: &Branch) -> bool {
        node.cases.iter().all(|ours| {
            let taken = at.children().iter().find_map(|child| {
                let cases = &self.schema.node(child.node()).cases;
                cases.iter().find(|theirs| theirs.choice == ours.choice).map(|theirs| theirs.case)
            });
            taken.map_or(ours.is_default, |case| case == ours.case)
        })
    }

    fn has_default_below(&self, id: NodeId) -> bool {
        self.schema.children(Some(id)).iter().any(|&child| {
            let node = self.schema.node(child);
            let usable = node.config && !node.has_when && node.cases.iter().all(|case| case.is_default);
            usable
                && (default_of(node).is_some()
                    || matches!(node.kind, Kind::Container { presence: false }) && self.has_default_below(child))
        })
    }
}

/// The default a leaf or leaf-list takes when nothing is set.
pub(super) fn default_of(node: &Node) -> Option<Value> {
    match &node.kind {
        Kind::Leaf(leaf) => leaf.default.clone(),
        Kind::LeafList(list) if !list.defaults.is_empty() => Some(Value::List(list.defaults.to_vec().into())),
        _ => None,
    }
}

/// The leaf as it should stand after `old`: untouched when it says the same, else one version later. Setting a value
/// to the default it already has changes nothing that a subscriber could see, so the version stays.
fn reconciled(new: &Leaf, old: &Leaf) -> Leaf {
    if new.says_the_same(old) {
        old.clone()
    } else if new.value == old.value {
        new.clone().with_history_of(old)
    } else {
        new.clone().following(old)
    }
}
