//! Secrets in what a replace puts anew.
//!
//! Invariant: a replace that does not mention a secret keeps it, as long as the list entry or presence container around
//! it stays: nobody can have read what there was, so nobody can say it again. A delete takes it out as it does anything.

use std::ops::ControlFlow;

use super::super::rights::everywhere;
use crate::path::{DataPath, Pattern, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::store::{Change, Cursor, Edit, Leaf};

/// Puts back what went with a replace.
pub(super) fn keep(change: &mut Change<'_>) {
    let Change { schema, time, .. } = *change;
    for (at, leaf, value) in lost(change) {
        if schema.node(leaf).cases.is_empty() && stands(change, &at) {
            change.candidate.branch_mut(schema, &at, time).put_leaf(leaf, value);
        }
    }
}

/// The secrets that some replace reached and no edit set again, each with the branch it stood in.
fn lost(change: &Change<'_>) -> Vec<(Vec<Step>, NodeId, Leaf)> {
    let Change { schema, base, ref candidate, edits, .. } = *change;
    let replaced = edits.iter().filter_map(|edit| match edit {
        Edit::Replace(at, _) => Some(at),
        Edit::Delete(_) | Edit::Update(..) => None,
    });
    let mut lost = Vec::new();
    for at in replaced {
        for pattern in secrets_below(schema, at) {
            let mut seen = |place: &[Step], leaf: NodeId, value: &Leaf| {
                let there = candidate.branch(place).is_some_and(|branch| branch.leaf(leaf).is_some());
                if !there && !is_deleted(edits, place, leaf) {
                    lost.push((place.to_vec(), leaf, value.clone()));
                }
            };
            Cursor::new().read(base, &pattern, &mut seen, &mut || ControlFlow::Continue(()));
        }
    }
    lost
}

/// Where secrets may be below a place; the secret itself is mentioned by whoever names it.
fn secrets_below<'a>(schema: &'a Schema, at: &'a DataPath) -> impl Iterator<Item = Pattern> {
    let inside = move |leaf: &&NodeId| at.node().is_none_or(|node| node != **leaf && schema.contains(node, **leaf));
    let secrets = schema.secrets().iter().filter(inside);
    secrets.filter_map(move |&leaf| Pattern::new(everywhere(schema, leaf)).narrowed(at.steps()))
}

fn is_deleted(edits: &[Edit], place: &[Step], leaf: NodeId) -> bool {
    let place: Vec<Step> = place.iter().cloned().chain([Step { node: leaf, key: None }]).collect();
    edits.iter().any(|edit| match edit {
        Edit::Delete(patterns) => patterns.iter().any(|pattern| pattern.covers(&place)),
        Edit::Replace(..) | Edit::Update(..) => false,
    })
}

/// Whether the innermost thing around a branch that is there or not by itself is still there.
fn stands(change: &Change<'_>, at: &[Step]) -> bool {
    let counts = |step: &Step| !matches!(change.schema.node(step.node).kind, Kind::Container { presence: false });
    let depth = at.iter().rposition(counts).map_or(0, |position| position + 1);
    at.get(..depth).is_some_and(|around| around.is_empty() || change.candidate.branch(around).is_some())
}
