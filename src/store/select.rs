//! Reading the leaves of a snapshot, a piece at a time.
//!
//! Invariant: a [`Cursor`] meets every leaf its pattern selects exactly once, in tree order, however small the pieces.
//! The cursor holds a position, not a reference, so the caller decides which snapshot stays pinned.

use std::ops::ControlFlow;

use super::tree::{Branch, Child, Entry, Leaf, List, Tree};
use crate::path::{KeyMatch, ListKey, Pattern, PatternStep, Step};
use crate::schema::NodeId;

/// Where the reading of one pattern has got to.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The branch whose leaves were read last; none before the first.
    last: Option<Vec<Step>>,
}

impl Cursor {
    /// A cursor before the first leaf.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on from where the last call stopped. `leaf` is told each leaf with the branch it stands in; `pause` is asked
    /// after each branch and stops the reading with `Break`. Returns whether there may be more.
    ///
    /// The tree has to be the same in every call.
    pub fn read(
        &mut self,
        tree: &Tree,
        pattern: &Pattern,
        leaf: &mut dyn FnMut(&[Step], NodeId, &Leaf),
        pause: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> bool {
        let seek = self.last.take();
        let mut walk = Walk { at: Vec::new(), leaf, pause };
        match walk.descend(pattern.steps(), tree.root(), seek.as_deref()) {
            ControlFlow::Break(()) => {
                self.last = Some(walk.at);
                true
            }
            ControlFlow::Continue(()) => false,
        }
    }
}

struct Walk<'v> {
    /// On a break this stays at the branch read last.
    at: Vec<Step>,
    leaf: &'v mut dyn FnMut(&[Step], NodeId, &Leaf),
    pause: &'v mut dyn FnMut() -> ControlFlow<()>,
}

impl Walk<'_> {
    /// Follows the pattern down. `seek` is the rest of the way to the branch read last.
    fn descend(&mut self, steps: &[PatternStep], branch: &Branch, seek: Option<&[Step]>) -> ControlFlow<()> {
        let Some((step, below)) = steps.split_first() else {
            return self.branch(branch, seek);
        };
        match branch.child(step.node) {
            None => ControlFlow::Continue(()),
            // With a seek this is the very leaf read last.
            Some(Child::Leaf(..)) if seek.is_some() => ControlFlow::Continue(()),
            Some(Child::Leaf(node, leaf)) => {
                (self.leaf)(&self.at, *node, leaf);
                (self.pause)()
            }
            Some(Child::Container(node, inner)) => {
                let seek = seek.and_then(|seek| seek.split_first()).map(|(_, rest)| rest);
                self.inside(*node, None, |walk| walk.descend(below, inner, seek))
            }
            Some(Child::List(node, list)) => self.list(*node, list, &step.keys, below, seek),
        }
    }

    fn list(
        &mut self,
        node: NodeId,
        list: &List,
        keys: &KeyMatch,
        below: &[PatternStep],
        seek: Option<&[Step]>,
    ) -> ControlFlow<()> {
        let (from, mut rest) = match seek.and_then(|seek| seek.split_first()) {
            Some((step, rest)) => (step.key.as_ref(), Some(rest)),
            None => (None, None),
        };
        if let KeyMatch::Exact(key) = keys {
            let entry = list.get(key).map(Entry::branch);
            return entry.map_or(ControlFlow::Continue(()), |entry| {
                self.inside(node, list.stored_key(key), |walk| walk.descend(below, entry, rest))
            });
        }
        for (key, entry) in list.iter_from(from) {
            if keys.matches(Some(key)) {
                // Only the first entry is the one read last; those after it are read whole.
                let seek = rest.take();
                self.inside(node, Some(key), |walk| walk.descend(below, entry.branch(), seek))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn branch(&mut self, branch: &Branch, seek: Option<&[Step]>) -> ControlFlow<()> {
        if seek.is_none() {
            for child in branch.children() {
                if let Child::Leaf(node, leaf) = child {
                    (self.leaf)(&self.at, *node, leaf);
                }
            }
            (self.pause)()?;
        }
        let towards = seek.and_then(|seek| seek.split_first());
        for child in branch.children() {
            let seek = match towards {
                Some((step, _)) if child.node() < step.node => continue,
                Some((step, rest)) if child.node() == step.node => Some((step, rest)),
                _ => None,
            };
            match child {
                Child::Leaf(..) => {}
                Child::Container(node, inner) => {
                    self.inside(*node, None, |walk| walk.branch(inner, seek.map(|(_, rest)| rest)))?;
                }
                Child::List(node, list) => {
                    let (from, mut rest) = (seek.and_then(|(step, _)| step.key.as_ref()), seek.map(|(_, rest)| rest));
                    for (key, entry) in list.iter_from(from) {
                        let seek = rest.take();
                        self.inside(*node, Some(key), |walk| walk.branch(entry.branch(), seek))?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Acts one step further down and steps back, unless the walk breaks off there.
    fn inside(
        &mut self,
        node: NodeId,
        key: Option<&ListKey>,
        act: impl FnOnce(&mut Self) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.at.push(Step { node, key: key.cloned() });
        act(self)?;
        self.at.pop();
        ControlFlow::Continue(())
    }
}

/// A place a pattern selects.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A leaf or leaf-list.
    Leaf(&'a Leaf),
    /// A container, list entry or the root.
    Branch(&'a Branch),
}

/// Tells `visit` every place a pattern leads to, in tree order, without looking below it. A list without keys leads to
/// each of its entries (GET-013).
pub fn instances<'a>(tree: &'a Tree, pattern: &Pattern, visit: &mut dyn FnMut(&[Step], Found<'a>)) {
    follow(tree.root(), pattern.steps(), &mut Vec::new(), visit);
}

fn follow<'a>(
    branch: &'a Branch,
    steps: &[PatternStep],
    at: &mut Vec<Step>,
    visit: &mut dyn FnMut(&[Step], Found<'a>),
) {
    let Some((step, below)) = steps.split_first() else {
        return visit(at, Found::Branch(branch));
    };
    match branch.child(step.node) {
        None => {}
        Some(Child::Leaf(node, leaf)) => {
            at.push(Step { node: *node, key: None });
            visit(at, Found::Leaf(leaf));
            at.pop();
        }
        Some(Child::Container(node, inner)) => {
            at.push(Step { node: *node, key: None });
            follow(inner, below, at, visit);
            at.pop();
        }
        Some(Child::List(node, list)) => {
            let mut enter = |key: &ListKey, entry: &'a Entry| {
                at.push(Step { node: *node, key: Some(key.clone()) });
                follow(entry.branch(), below, at, visit);
                at.pop();
            };
            match &step.keys {
                KeyMatch::Exact(key) => {
                    if let Some(entry) = list.get(key) {
                        enter(key, entry);
                    }
                }
                keys => {
                    list.iter().filter(|(key, _)| keys.matches(Some(key))).for_each(|(key, entry)| enter(key, entry))
                }
            }
        }
    }
}
