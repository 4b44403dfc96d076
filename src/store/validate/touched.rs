//! What a candidate touches: the branches to look at again and the leaves that came, changed or went.
//!
//! Invariant: everything that differs in configuration is told, and nothing of a list entry that is there only for its
//! state: such an entry is no part of the configuration that constraints speak of.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::{DataPath, Step};
use crate::schema::{Kind, NodeId, NodeSet, Schema};
use crate::store::delta::{Delta, DeltaItem};
use crate::store::settle::is_configured;
use crate::store::tree::{Branch, Child, Tree};
use crate::value::Value;

/// The two trees a vote is about and their difference.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) schema: &'a Schema,
    pub(super) base: &'a Tree,
    pub(super) candidate: &'a Tree,
    pub(super) delta: &'a Delta,
}

/// A leaf that came, changed or went, with its value before and after.
pub(super) struct LeafStep<'a> {
    pub(super) at: &'a [Step],
    pub(super) node: NodeId,
    pub(super) old: Option<&'a Value>,
    pub(super) new: Option<&'a Value>,
}

impl<'a> Change<'a> {
    /// The branches whose children are to be judged again, and whether the branch counts as new with all below it.
    pub(super) fn branches(&self) -> BTreeMap<DataPath, bool> {
        let mut touched = BTreeMap::new();
        for item in self.delta.items() {
            match item {
                DeltaItem::Leaves { at, .. } => self.touch(&mut touched, at, false),
                DeltaItem::Created(path) => self.touch(&mut touched, path, true),
                DeltaItem::Removed(path) => self.touch(&mut touched, &path.parent(), false),
                DeltaItem::Reordered(..) => {}
            }
        }
        if self.base.root().is_empty() {
            touched.insert(DataPath::root(), true);
        }
        touched.retain(|path, _| self.counts(path.steps()));
        touched
    }

    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    fn touch(&self, touched: &mut BTreeMap<DataPath, bool>, path: &DataPath, whole: bool) {
        let mut note = |path: DataPath, whole: bool| *touched.entry(path).or_default() |= whole;
        note(path.clone(), whole);
        for length in (1..=path.steps().len()).rev() {
            let (steps, above) = (&path.steps()[..length], &path.steps()[..length - 1]);
            if self.base.branch(steps).is_none() {
                // What is new under a branch may take a case there.
                note(DataPath::new(above), false);
            } else if !self.became_configured(steps) {
                continue;
            } else {
                note(DataPath::new(steps), true);
                note(DataPath::new(above), false);
            }
        }
    }

    /// Whether an entry that was there for its state only is configured now.
    fn became_configured(&self, entry: &[Step]) -> bool {
        self.is_mixed_entry(entry)
            && self.base.branch(entry).is_none_or(|branch| !is_configured(self.schema, branch))
            && self.candidate.branch(entry).is_some_and(|branch| is_configured(self.schema, branch))
    }

    fn is_mixed_entry(&self, place: &[Step]) -> bool {
        place.last().is_some_and(|step| step.key.is_some() && self.schema.is_mixed(step.node))
    }

    /// Whether a place of the candidate is part of the configuration: no entry on the way is there for its state only.
    pub(super) fn counts(&self, place: &[Step]) -> bool {
        self.first_for_state_only(place).is_none()
    }

    /// The outermost entry on the way to a place that is there in the candidate, but not as configuration.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    pub(super) fn first_for_state_only<'p>(&self, place: &'p [Step]) -> Option<&'p [Step]> {
        (1..=place.len()).map(|length| &place[..length]).find(|entry| {
            // An entry that this very change makes counts even when it has nothing but its keys.
            self.is_mixed_entry(entry)
                && self.base.branch(entry).is_some()
                && self.candidate.branch(entry).is_some_and(|branch| !is_configured(self.schema, branch))
        })
    }

    /// Tells `visit` every leaf of the given nodes that came, changed or went. `nodes` has their ancestors in it.
    pub(super) fn leaves(&self, nodes: &NodeSet, visit: &mut dyn FnMut(LeafStep<'_>)) {
        for item in self.delta.items() {
            match item {
                DeltaItem::Leaves { at, leaves } => {
                    for change in leaves.iter().filter(|change| nodes.contains(change.node)) {
                        let old = change.old.as_ref().map(|leaf| &leaf.value);
                        visit(LeafStep { at: at.steps(), node: change.node, old, new: Some(&change.new.value) });
                    }
                }
                DeltaItem::Removed(path) => removed(self.base, path, nodes, visit),
                DeltaItem::Created(_) | DeltaItem::Reordered(..) => {}
            }
        }
        for (entry, configured) in self.switched_entries(nodes) {
            let Some(branch) = self.candidate.branch(entry.steps()) else { continue };
            for child in branch.children() {
                let Child::Leaf(node, leaf) = child else { continue };
                if nodes.contains(*node) && matches!(&self.schema.node(*node).kind, Kind::Leaf(leaf) if leaf.is_key) {
                    let [old, new] = if configured { [None, Some(&leaf.value)] } else { [Some(&leaf.value), None] };
                    visit(LeafStep { at: entry.steps(), node: *node, old, new });
                }
            }
        }
    }

    /// Entries that were and are there, and are configured now and were not, or the other way round. Their keys come into
    /// the configuration or leave it without any difference in the tree.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    fn switched_entries(&self, nodes: &NodeSet) -> BTreeMap<DataPath, bool> {
        let mut switched = BTreeMap::new();
        for item in self.delta.items() {
            let (DeltaItem::Leaves { at: path, .. }
            | DeltaItem::Removed(path)
            | DeltaItem::Created(path)
            | DeltaItem::Reordered(path, _)) = item;
            for length in 1..=path.steps().len() {
                let entry = &path.steps()[..length];
                if !self.is_mixed_entry(entry) || !entry.last().is_some_and(|step| nodes.contains(step.node)) {
                    continue;
                }
                let configured = |tree: &Tree| tree.branch(entry).map(|branch| is_configured(self.schema, branch));
                if let (Some(before), Some(now)) = (configured(self.base), configured(self.candidate))
                    && before != now
                {
                    switched.insert(DataPath::new(entry), now);
                }
            }
        }
        switched
    }

    /// Entries of a list whose leaves `within` came, changed or went, `within` being below the list.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    pub(super) fn entries(&self, list: NodeId, within: &NodeSet) -> BTreeSet<DataPath> {
        let depth = self.schema.lineage(list).len();
        let mut entries = BTreeSet::new();
        self.leaves(within, &mut |leaf| {
            if leaf.at.get(depth - 1).is_some_and(|step| step.node == list) {
                entries.insert(DataPath::new(&leaf.at[..depth]));
            }
        });
        entries
    }
}

fn removed(base: &Tree, path: &DataPath, nodes: &NodeSet, visit: &mut dyn FnMut(LeafStep<'_>)) {
    let Some((last, above)) = path.steps().split_last() else { return };
    if !nodes.contains(last.node) {
        return;
    }
    if let Some(leaf) = base.leaf(path.steps()) {
        visit(LeafStep { at: above, node: last.node, old: Some(&leaf.value), new: None });
    } else if let Some(branch) = base.branch(path.steps()) {
        gone(branch, &mut path.steps().to_vec(), nodes, visit);
    }
}

fn gone(branch: &Branch, at: &mut Vec<Step>, nodes: &NodeSet, visit: &mut dyn FnMut(LeafStep<'_>)) {
    for child in branch.children().iter().filter(|child| nodes.contains(child.node())) {
        match child {
            Child::Leaf(node, leaf) => visit(LeafStep { at, node: *node, old: Some(&leaf.value), new: None }),
            Child::Container(node, inner) => {
                at.push(Step { node: *node, key: None });
                gone(inner, at, nodes, visit);
                at.pop();
            }
            Child::List(node, list) => {
                for (key, entry) in list.iter() {
                    at.push(Step { node: *node, key: Some(key.clone()) });
                    gone(entry.branch(), at, nodes, visit);
                    at.pop();
                }
            }
        }
    }
}

/// Whether a node is a container that means nothing by itself and so is there as soon as its parent is.
pub(super) fn is_implied(schema: &Schema, node: NodeId) -> bool {
    matches!(schema.node(node).kind, Kind::Container { presence: false })
}

/// Tells `visit` every place of a branch that is configured and lies at or below `within`: a container, a list entry or
/// the root (no node). Containers that mean nothing by themselves are there as soon as what is around them is, with or
/// without a branch in the tree.
pub(super) fn places(
    schema: &Schema,
    tree: &Tree,
    within: &[Step],
    of: Option<NodeId>,
    visit: &mut dyn FnMut(&[Step], Option<&Branch>),
) {
    let line = of.map(|node| schema.lineage(node)).unwrap_or_default();
    walk(schema, Some(tree.root()), within, &line, &mut Vec::new(), visit);
}

fn walk(
    schema: &Schema,
    branch: Option<&Branch>,
    within: &[Step],
    line: &[NodeId],
    at: &mut Vec<Step>,
    visit: &mut dyn FnMut(&[Step], Option<&Branch>),
) {
    let Some((&node, below)) = line.split_first() else {
        return visit(at, branch);
    };
    let fixed = within.get(at.len());
    if fixed.is_some_and(|step| step.node != node) {
        return;
    }
    let mut enter = |key, branch: Option<&Branch>| {
        at.push(Step { node, key });
        walk(schema, branch, within, below, at, visit);
        at.pop();
    };
    match branch.and_then(|branch| branch.child(node)) {
        Some(Child::Container(_, inner)) => enter(None, Some(inner)),
        Some(Child::List(_, list)) => {
            let counts = |entry: &Branch| !schema.is_mixed(node) || is_configured(schema, entry);
            match fixed.and_then(|step| step.key.as_ref()) {
                Some(key) => {
                    if let Some(entry) = list.get(key).filter(|entry| counts(entry.branch())) {
                        enter(Some(key.clone()), Some(entry.branch()));
                    }
                }
                None => {
                    for (key, entry) in list.iter().filter(|(_, entry)| counts(entry.branch())) {
                        enter(Some(key.clone()), Some(entry.branch()));
                    }
                }
            }
        }
        Some(Child::Leaf(..)) => {}
        None if is_implied(schema, node) => enter(None, None),
        None => {}
    }
}
