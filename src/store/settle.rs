//! Settling a candidate after its edits: defaults come and go, versions and times are right.
//!
//! Invariant: after settling, every leaf whose value equals the one it had keeps its old time and version, however many
//! edits ran over it (OCH-022, SET-045), and every default in use stands in the tree (GET-015, SUB-049). A list entry that
//! is there only for its state has no defaults. Only branches that differ from the base are visited.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::tree::{Branch, Child, Leaf, List, Tree};
use crate::path::{DataPath, ListKey};
use crate::schema::{CaseRef, Kind, Node, NodeId, Schema};
use crate::time::Timestamp;
use crate::value::Value;

/// Settles `candidate`, which came from `base` by edits. Defaults under a `when` are left to the vote on constraints.
pub(super) fn settle(schema: &Schema, base: &Tree, candidate: &mut Tree, time: Timestamp) {
    let base = if base.root().is_empty() { None } else { Some(&**base.root()) };
    Settling { schema, time }.branch(None, base, candidate.root_mut(), false);
}

/// Adds what stands at a child when nobody has set it: its default, or the defaults below a container that means nothing
/// by itself. For children whose `when` holds, and only once their case is active.
pub(super) fn add_conditional(schema: &Schema, tree: &mut Tree, parent: &DataPath, child: NodeId, time: Timestamp) {
    let settling = Settling { schema, time };
    if settling.has_default(child) {
        settling.add_default(child, tree.branch_mut(schema, parent.steps(), time));
    }
}

/// Whether every choice that a child of `at` lies in has taken its case: by data, or by default where there is none.
pub(super) fn is_case_active(schema: &Schema, child: NodeId, at: Option<&Branch>) -> bool {
    schema.node(child).cases.iter().all(|ours| {
        let taken = at.into_iter().flat_map(Branch::children).find_map(|child| {
            let cases = &schema.node(child.node()).cases;
            cases.iter().find(|theirs| theirs.choice == ours.choice).map(|theirs| theirs.case)
        });
        taken.map_or(ours.is_default, |case| case == ours.case)
    })
}

/// Whether a branch holds configuration that somebody set, keys of its own aside. A list entry with state below may
/// hold none; then the element made it, not an operator.
pub(super) fn is_configured(schema: &Schema, branch: &Branch) -> bool {
    branch.children().iter().any(|child| {
        let node = schema.node(child.node());
        node.config
            && match child {
                Child::Leaf(_, leaf) => !leaf.is_default() && !matches!(&node.kind, Kind::Leaf(leaf) if leaf.is_key),
                Child::Container(id, inner) => {
                    let presence = matches!(node.kind, Kind::Container { presence: true });
                    (presence && !schema.is_mixed(*id)) || is_configured(schema, inner)
                }
                Child::List(id, list) => {
                    !schema.is_mixed(*id) || list.iter().any(|(_, entry)| is_configured(schema, entry.branch()))
                }
            }
    })
}

struct Settling<'a> {
    schema: &'a Schema,
    time: Timestamp,
}

impl Settling<'_> {
    /// Settles a branch. `whole` visits also what is shared with the base.
    fn branch(&self, of: Option<NodeId>, old: Option<&Branch>, new: &mut Branch, whole: bool) {
        self.remove_defaults_of_left_cases(new);
        self.add_defaults(of, new);
        let nodes: Vec<NodeId> = new.children().iter().map(Child::node).collect();
        for node in nodes {
            if self.schema.node(node).config && self.child(node, old.and_then(|old| old.child(node)), new, whole) {
                new.remove(node);
            }
        }
    }

    /// Settles one child and says whether nothing is left of it.
    fn child(&self, node: NodeId, old: Option<&Child>, parent: &mut Branch, whole: bool) -> bool {
        match (old, parent.child_mut(node)) {
            (old, Some(Child::Leaf(_, leaf))) => {
                if let Some(Child::Leaf(_, old)) = old {
                    *leaf = reconciled(leaf, old);
                }
                false
            }
            (Some(Child::Container(_, old)), Some(Child::Container(_, new))) if !whole && Arc::ptr_eq(old, new) => {
                false
            }
            (old, Some(Child::Container(_, new))) => {
                let old = match old {
                    Some(Child::Container(_, old)) => Some(&**old),
                    _ => None,
                };
                let new = Arc::make_mut(new);
                self.branch(Some(node), old, new, whole);
                new.is_empty() && !matches!(self.schema.node(node).kind, Kind::Container { presence: true })
            }
            (old, Some(Child::List(_, list))) => {
                self.list(node, old, list, whole);
                list.is_empty()
            }
            (_, None) => false,
        }
    }

    fn list(&self, node: NodeId, old: Option<&Child>, new: &mut List, whole: bool) {
        let old = match old {
            Some(Child::List(_, old)) => Some(old),
            _ => None,
        };
        let changed: Vec<ListKey> = match old {
            Some(old) if !whole => new
                .diff(old)
                .filter_map(|item| match item {
                    DiffItem::Add(key, _) | DiffItem::Update { new: (key, _), .. } => Some(key.clone()),
                    DiffItem::Remove(..) => None,
                })
                .collect(),
            _ => new.iter().map(|(key, _)| key.clone()).collect(),
        };
        for key in changed {
            let before = old.and_then(|old| old.get(&key)).map(|entry| &**entry.branch());
            let Some(entry) = new.get_mut(&key) else { continue };
            if !self.schema.is_mixed(node) {
                self.branch(Some(node), before, entry, whole);
            } else if is_configured(self.schema, entry) {
                let was = before.is_some_and(|before| is_configured(self.schema, before));
                self.branch(Some(node), before, entry, whole || !was);
            } else {
                self.remove_defaults(entry);
                // What is left of an entry that was there before is nothing when it is only its keys.
                if before.is_some() && entry.children().len() <= self.schema.node(node).keys().len() {
                    new.remove(&key);
                }
            }
        }
    }

    /// A case other than the default one is taken only as long as something in it is set: then its defaults go too.
    fn remove_defaults_of_left_cases(&self, at: &mut Branch) {
        let is_left = |child: &Child| {
            let taken = |ours: &CaseRef| {
                at.children().iter().filter(|other| self.is_set(other)).any(|other| {
                    let theirs = &self.schema.node(other.node()).cases;
                    theirs.iter().any(|theirs| theirs.choice == ours.choice && theirs.case == ours.case)
                })
            };
            let cases = &self.schema.node(child.node()).cases;
            !cases.is_empty() && !self.is_set(child) && !cases.iter().all(|case| case.is_default || taken(case))
        };
        let left: Vec<NodeId> = at.children().iter().filter(|child| is_left(child)).map(Child::node).collect();
        for node in left {
            at.remove(node);
        }
    }

    /// Whether a child is there because somebody set it or something in it.
    fn is_set(&self, child: &Child) -> bool {
        match child {
            Child::Leaf(_, leaf) => !leaf.is_default(),
            Child::Container(node, inner) => {
                matches!(self.schema.node(*node).kind, Kind::Container { presence: true })
                    || inner.children().iter().any(|child| self.is_set(child))
            }
            Child::List(..) => true,
        }
    }

    /// Takes the defaults out of a branch that nobody has configured.
    fn remove_defaults(&self, at: &mut Branch) {
        let nodes: Vec<NodeId> = at.children().iter().map(Child::node).collect();
        for node in nodes.into_iter().filter(|&node| self.schema.node(node).config) {
            let empty = match at.child_mut(node) {
                Some(Child::Leaf(_, leaf)) => leaf.is_default(),
                Some(Child::Container(_, inner)) => {
                    let inner = Arc::make_mut(inner);
                    self.remove_defaults(inner);
                    inner.is_empty()
                }
                Some(Child::List(_, list)) => {
                    let keys: Vec<ListKey> = list.iter().map(|(key, _)| key.clone()).collect();
                    for key in &keys {
                        if let Some(entry) = list.get_mut(key) {
                            self.remove_defaults(entry);
                        }
                    }
                    false
                }
                None => false,
            };
            if empty {
                at.remove(node);
            }
        }
    }

    /// Puts in each default that is in use here, and the non-presence containers that lead to one.
    fn add_defaults(&self, of: Option<NodeId>, at: &mut Branch) {
        for &id in self.schema.children(of) {
            let node = self.schema.node(id);
            let usable = node.config && !node.has_when && at.child(id).is_none();
            if usable && is_case_active(self.schema, id, Some(at)) && self.has_default(id) {
                self.add_default(id, at);
            }
        }
    }

    fn add_default(&self, id: NodeId, at: &mut Branch) {
        match default_of(self.schema.node(id)) {
            Some(value) => drop(at.put_leaf(id, Leaf::in_default(value, self.time))),
            None => self.add_defaults(Some(id), at.container_mut(id)),
        }
    }

    /// Whether a child brings a default with it when nothing of it is set.
    fn has_default(&self, id: NodeId) -> bool {
        let node = self.schema.node(id);
        default_of(node).is_some()
            || matches!(node.kind, Kind::Container { presence: false })
                && node.children.iter().any(|&child| {
                    let node = self.schema.node(child);
                    let usable = node.config && !node.has_when && node.cases.iter().all(|case| case.is_default);
                    usable && self.has_default(child)
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
