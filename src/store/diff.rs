//! The structural difference of two trees, below a pattern.
//!
//! Invariant: what two versions share is skipped by pointer, so the cost follows the size of the change. The difference
//! from the empty tree is the whole content, which is how initial values are read: one walk serves both.

use imbl::ordmap::DiffItem;

use super::tree::{Branch, Child, Entry, Leaf, List, Tree};
use crate::path::{KeyMatch, ListKey, Pattern, PatternStep, Step};
use crate::schema::{Kind, NodeId, Schema};

/// One thing that differs. The path that goes with it names the branch for `Leaf`, and the thing itself otherwise.
#[derive(Clone, Copy, Debug)]
pub enum Difference<'a> {
    /// A leaf of the branch is new or has another value, or was set again to an equal one.
    Leaf {
        /// Its schema node.
        node: NodeId,
        /// What it is now.
        new: &'a Leaf,
        /// What it was, when it was there.
        old: Option<&'a Leaf>,
    },
    /// A leaf, container or list entry is gone, with everything below it.
    Removed,
    /// A presence container or a list entry came to be. Its leaves follow.
    Created,
    /// The entries of a user-ordered list stand in another order, or are the first ones of it.
    Reordered,
}

/// Tells `visit` every difference from `old` to `new` at or below `pattern`. Differences of one branch come together:
/// its leaves in schema order first, then what lies deeper.
pub fn diff<'a>(
    schema: &'a Schema,
    old: &'a Tree,
    new: &'a Tree,
    pattern: &Pattern,
    visit: &mut dyn FnMut(&[Step], Difference<'a>),
) {
    if old.is_same(new) {
        return;
    }
    let mut walk = Walk { schema, at: Vec::new(), visit };
    walk.descend(pattern.steps(), Some(old.root()), Some(new.root()));
}

struct Walk<'a, 'v> {
    schema: &'a Schema,
    at: Vec<Step>,
    visit: &'v mut dyn FnMut(&[Step], Difference<'a>),
}

impl<'a> Walk<'a, '_> {
    /// Follows the pattern down both trees.
    fn descend(&mut self, steps: &[PatternStep], old: Option<&'a Branch>, new: Option<&'a Branch>) {
        let Some((step, below)) = steps.split_first() else {
            return self.branch(old, new);
        };
        let old = old.and_then(|branch| branch.child(step.node));
        let new = new.and_then(|branch| branch.child(step.node));
        match (old, new) {
            (None, None) => {}
            (Some(Child::List(..)) | None, Some(Child::List(..)) | None) => {
                let list = |child: Option<&'a Child>| match child {
                    Some(Child::List(_, list)) => Some(list),
                    _ => None,
                };
                self.list(step.node, &step.keys, below, list(old), list(new));
            }
            _ if below.is_empty() => self.child(old, new),
            _ => {
                let branch = |child: Option<&'a Child>| match child {
                    Some(Child::Container(_, branch)) => Some(&**branch),
                    _ => None,
                };
                let (old, new) = (branch(old), branch(new));
                if !same(old, new) {
                    self.inside(step.node, None, |walk| walk.descend(below, old, new));
                }
            }
        }
    }

    fn list(
        &mut self,
        node: NodeId,
        keys: &KeyMatch,
        below: &[PatternStep],
        old: Option<&'a List>,
        new: Option<&'a List>,
    ) {
        if let KeyMatch::Exact(key) = keys {
            let entry = |list: Option<&'a List>| list.and_then(|list| list.get(key));
            return self.entry(node, key, below, entry(old), entry(new));
        }
        match (old, new) {
            (Some(old), Some(new)) => {
                for item in new.diff(old) {
                    let (key, before, after) = match item {
                        DiffItem::Add(key, entry) => (key, None, Some(entry)),
                        DiffItem::Update { old, new } => (new.0, Some(old.1), Some(new.1)),
                        DiffItem::Remove(key, entry) => (key, Some(entry), None),
                    };
                    if keys.matches(Some(key)) {
                        self.entry(node, key, below, before, after);
                    }
                }
                if new.reordered(old) {
                    self.inside(node, None, |walk| (walk.visit)(&walk.at, Difference::Reordered));
                }
            }
            (old, new) => {
                for (key, entry) in old.into_iter().chain(new).flat_map(List::iter) {
                    if keys.matches(Some(key)) {
                        let (before, after) = if old.is_some() { (Some(entry), None) } else { (None, Some(entry)) };
                        self.entry(node, key, below, before, after);
                    }
                }
                // Where there was no list, any order of the user is another one.
                if new.is_some_and(List::is_user_ordered) {
                    self.inside(node, None, |walk| (walk.visit)(&walk.at, Difference::Reordered));
                }
            }
        }
    }

    fn entry(
        &mut self,
        node: NodeId,
        key: &ListKey,
        below: &[PatternStep],
        old: Option<&'a Entry>,
        new: Option<&'a Entry>,
    ) {
        let (old, new) = (old.map(|entry| &**entry.branch()), new.map(|entry| &**entry.branch()));
        if !same(old, new) {
            self.inside(node, Some(key), |walk| walk.descend(below, old, new));
        }
    }

    /// Compares what is at and below the present place.
    fn branch(&mut self, old: Option<&'a Branch>, new: Option<&'a Branch>) {
        let Some(new) = new else {
            if old.is_some() {
                (self.visit)(&self.at, Difference::Removed);
            }
            return;
        };
        if old.is_none() && self.existence_is_data() {
            (self.visit)(&self.at, Difference::Created);
        }
        let before = |node: NodeId| old.and_then(|old| old.child(node));
        for child in new.children() {
            if let Child::Leaf(node, leaf) = child {
                let old = before(*node).and_then(|child| match child {
                    Child::Leaf(_, leaf) => Some(leaf),
                    _ => None,
                });
                if old.is_none_or(|old| old != leaf) {
                    (self.visit)(&self.at, Difference::Leaf { node: *node, new: leaf, old });
                }
            }
        }
        for child in old.into_iter().flat_map(Branch::children) {
            if new.child(child.node()).is_none() {
                self.child(Some(child), None);
            }
        }
        for child in new.children().iter().filter(|child| !matches!(child, Child::Leaf(..))) {
            self.child(before(child.node()), Some(child));
        }
    }

    /// Compares one child of the present branch.
    fn child(&mut self, old: Option<&'a Child>, new: Option<&'a Child>) {
        match (old, new) {
            (Some(Child::List(node, _)), _) | (_, Some(Child::List(node, _))) => {
                let list = |child: Option<&'a Child>| match child {
                    Some(Child::List(_, list)) => Some(list),
                    _ => None,
                };
                self.list(*node, &KeyMatch::All, &[], list(old), list(new));
            }
            (_, Some(Child::Container(node, branch))) => {
                let before = match old {
                    Some(Child::Container(_, branch)) => Some(&**branch),
                    _ => None,
                };
                if !same(before, Some(branch)) {
                    self.inside(*node, None, |walk| walk.branch(before, Some(branch)));
                }
            }
            (_, Some(Child::Leaf(node, leaf))) => {
                let old = match old {
                    Some(Child::Leaf(_, leaf)) => Some(leaf),
                    _ => None,
                };
                if old.is_none_or(|old| old != leaf) {
                    (self.visit)(&self.at, Difference::Leaf { node: *node, new: leaf, old });
                }
            }
            (Some(gone), None) => self.inside(gone.node(), None, |walk| (walk.visit)(&walk.at, Difference::Removed)),
            (None, None) => {}
        }
    }

    fn inside(&mut self, node: NodeId, key: Option<&ListKey>, act: impl FnOnce(&mut Self)) {
        self.at.push(Step { node, key: key.cloned() });
        act(self);
        self.at.pop();
    }

    fn existence_is_data(&self) -> bool {
        self.at.last().is_some_and(|step| match self.schema.node(step.node).kind {
            Kind::Container { presence } => presence,
            Kind::List(_) => true,
            _ => false,
        })
    }
}

fn same(old: Option<&Branch>, new: Option<&Branch>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => std::ptr::eq(old, new),
        _ => false,
    }
}
