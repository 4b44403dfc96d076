//! A tree as a user may read it.
//!
//! Invariant: what is left of a tree holds nothing that the rights do not let be read, except the keys of entries of
//! which something else is left. What nothing is taken out of is shared, and a pattern below which all may be read gets
//! the tree itself.

use super::rights::Rights;
use crate::path::{Access, KeyMatch, ListKey, Pattern, PatternStep, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::store::{Branch, Child, List, Tree};

/// What was asked for by its name and may not be read (GET-022).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its path.
    pub path: String,
    /// Which rule says so.
    pub reason: String,
}

/// The refusal of a pattern below which nothing may ever be read; none for any other.
pub fn unreadable(rights: &Rights, schema: &Schema, pattern: &Pattern) -> Option<Unreadable> {
    let rules = rights.rules();
    if matches!(rules.uniform(pattern.node()), Some(Access::Read | Access::Write)) {
        return None;
    }
    let as_written: Vec<Step> = pattern.steps().iter().map(PatternStep::as_written).collect();
    let closed = rules.access(&as_written) == Access::None && !rules.may_hold(schema, &as_written, Access::Read);
    closed.then(|| Unreadable {
        path: pattern.display(schema).to_string(),
        reason: rights.origin(&as_written).to_string(),
    })
}

/// What of `tree` may be read below `pattern`; none when that is all of it. Outside the pattern nothing is looked at.
pub fn readable(rights: &Rights, schema: &Schema, tree: &Tree, pattern: &Pattern) -> Option<Tree> {
    if matches!(rights.rules().uniform(pattern.node()), Some(Access::Read | Access::Write)) {
        return None;
    }
    let mut pruning = Pruning { rights, schema, at: Vec::new() };
    match pruning.branch(tree.root(), pattern.steps()) {
        Left::All => None,
        Left::Some(root) => Some(Tree::of(root)),
        Left::Nothing => Some(Tree::default()),
    }
}

/// What may be read of something.
enum Left<T> {
    All,
    Some(T),
    Nothing,
}

struct Pruning<'a> {
    rights: &'a Rights,
    schema: &'a Schema,
    at: Vec<Step>,
}

impl Pruning<'_> {
    /// What is left of the branch at the present place. `towards` is the rest of the way to what was asked for.
    fn branch(&mut self, branch: &Branch, towards: &[PatternStep]) -> Left<Branch> {
        let step = towards.first();
        let mut changes: Vec<(NodeId, Option<Child>)> = Vec::new();
        let mut shows = step.is_some();
        for child in branch.children() {
            let node = child.node();
            if step.is_some_and(|step| step.node != node) {
                continue;
            }
            match self.child(child, towards) {
                Left::All => shows = shows || !self.is_key(node),
                Left::Some(left) => {
                    shows = true;
                    changes.push((node, Some(left)));
                }
                Left::Nothing => changes.push((node, None)),
            }
        }
        if !shows && !self.stands_alone() {
            return Left::Nothing;
        }
        if changes.is_empty() {
            return Left::All;
        }
        let mut left = branch.clone();
        for (node, child) in changes {
            match (child, left.child_mut(node)) {
                (Some(child), Some(place)) => *place = child,
                _ => drop(left.remove(node)),
            }
        }
        Left::Some(left)
    }

    fn child(&mut self, child: &Child, towards: &[PatternStep]) -> Left<Child> {
        let (step, below) = match towards.split_first() {
            Some((step, below)) => (Some(step), below),
            None => (None, towards),
        };
        let node = child.node();
        match self.rights.rules().uniform(Some(node)) {
            Some(Access::Read | Access::Write) => return Left::All,
            Some(Access::None) if step.is_none() && self.is_key(node) => return Left::All,
            Some(Access::None) => return Left::Nothing,
            None => {}
        }
        match child {
            // A key goes with its entry, unless it is what was asked for.
            Child::Leaf(..) if step.is_none() && self.is_key(node) => Left::All,
            Child::Leaf(..) if self.rights.rules().child(&self.at, node) == Access::None => Left::Nothing,
            Child::Leaf(..) => Left::All,
            Child::Container(_, inner) => match self.inside(node, None, inner, below) {
                Left::All => Left::All,
                Left::Some(left) => Left::Some(Child::Container(node, left.into())),
                Left::Nothing => Left::Nothing,
            },
            Child::List(_, list) => match self.list(node, list, step, below) {
                Left::All => Left::All,
                Left::Some(left) => Left::Some(Child::List(node, left)),
                Left::Nothing => Left::Nothing,
            },
        }
    }

    fn list(&mut self, node: NodeId, list: &List, step: Option<&PatternStep>, below: &[PatternStep]) -> Left<List> {
        let mut left: Option<List> = None;
        let mut entry =
            |pruning: &mut Self, key: &ListKey, branch: &Branch| match pruning.inside(node, Some(key), branch, below) {
                Left::All => {}
                Left::Some(branch) => {
                    let place = left.get_or_insert_with(|| list.clone()).get_mut(key);
                    place.into_iter().for_each(|place| *place = branch.clone());
                }
                Left::Nothing => drop(left.get_or_insert_with(|| list.clone()).remove(key)),
            };
        match step.map(|step| &step.keys) {
            Some(KeyMatch::Exact(key)) => {
                if let Some(found) = list.get(key) {
                    entry(self, key, found.branch());
                }
            }
            keys => {
                for (key, found) in list.iter().filter(|(key, _)| keys.is_none_or(|keys| keys.matches(Some(key)))) {
                    entry(self, key, found.branch());
                }
            }
        }
        match left {
            None => Left::All,
            Some(left) if left.is_empty() => Left::Nothing,
            Some(left) => Left::Some(left),
        }
    }

    fn inside(
        &mut self,
        node: NodeId,
        key: Option<&ListKey>,
        branch: &Branch,
        towards: &[PatternStep],
    ) -> Left<Branch> {
        self.at.push(Step { node, key: key.cloned() });
        let left = self.branch(branch, towards);
        self.at.pop();
        left
    }

    /// Whether the present place says something even when nothing in it is left.
    fn stands_alone(&self) -> bool {
        let Some(step) = self.at.last() else { return true };
        let counts = !matches!(self.schema.node(step.node).kind, Kind::Container { presence: false });
        counts && self.rights.rules().access(&self.at) != Access::None
    }

    fn is_key(&self, node: NodeId) -> bool {
        matches!(&self.schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key)
    }
}
