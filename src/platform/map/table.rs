//! Tables: which leaf of a kind of object takes which part of a reading.
//!
//! Invariant: names are looked up once, when a [`Table`] is made. After that writing a reading builds no path and, but for
//! texts that changed, no text. A leaf whose part of the reading is gone is taken out again, so no old value stays.
//! A name the schema lacks is left out and told to [`Gaps`]: the operator may have put other models in place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::value::{Datum, Make};
use crate::path::{DataPath, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::store::StateBatch;
use crate::value::Value;

/// One leaf: its path below the object, and what of the reading it takes.
pub(crate) struct Row<R: 'static>(pub(crate) &'static str, pub(crate) for<'r> fn(&'r R) -> Option<Datum<'r>>);

/// Nodes that the schema lacks, for one line in the log at start, and those that it has.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    missing: Vec<String>,
    fed: BTreeSet<NodeId>,
}

impl Gaps {
    /// Their paths.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The leaves that were found: those that get values.
    pub(crate) fn fed(self) -> BTreeSet<NodeId> {
        self.fed
    }

    /// Says once what is left out.
    pub(crate) fn report(&self, platform: &str) {
        if !self.missing().is_empty() {
            let missing = self.missing().join(" ");
            tracing::info!(platform, missing, "the loaded models lack nodes, their values are not published");
        }
    }
}

/// Where a kind of object stands, keys left open.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    nodes: Box<[NodeId]>,
}

impl Place {
    /// Looks a path up; the first name carries its module, later ones do where another module added them.
    pub(crate) fn find(schema: &Schema, path: &str, gaps: &mut Gaps) -> Option<Self> {
        let found = walk(schema, None, path).map(|nodes| Self { nodes });
        if found.is_none() {
            gaps.missing.push(format!("/{path}"));
        }
        found
    }

    /// The schema nodes from the top-level node down.
    pub(crate) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The place of the object with these keys, all keys of all lists on the way in order. None when a key does not fit
    /// its type, or too few are given.
    pub(crate) fn at(&self, schema: &Schema, keys: &[Datum<'_>]) -> Option<DataPath> {
        let mut keys = keys.iter();
        let steps: Option<Vec<Step>> = self.nodes.iter().map(|&node| step(schema, node, &mut keys)).collect();
        steps.map(DataPath::new)
    }
}

/// The step into one entry of a list.
pub(crate) fn entry(schema: &Schema, list: NodeId, keys: &[Datum<'_>]) -> Option<Step> {
    step(schema, list, &mut keys.iter())
}

fn step<'k, 'd: 'k>(schema: &Schema, node: NodeId, keys: &mut impl Iterator<Item = &'k Datum<'d>>) -> Option<Step> {
    let Kind::List(list) = &schema.node(node).kind else { return Some(Step { node, key: None }) };
    let values: Option<Arc<[Value]>> =
        list.keys.iter().map(|&leaf| Make::new(schema, leaf)?.value(keys.next()?.clone())).collect();
    Some(Step { node, key: Some(values?) })
}

fn walk(schema: &Schema, from: Option<NodeId>, path: &str) -> Option<Box<[NodeId]>> {
    let mut at = from;
    path.split('/')
        .map(|name| {
            let (module, name) = name.split_once(':').map_or((None, name), |(module, name)| (Some(module), name));
            at = Some(schema.child(at, module, name)?);
            at
        })
        .collect()
}

/// The leaves of one kind of object, looked up.
pub(crate) struct Table<R: 'static> {
    /// None when the schema has no such object; then nothing is ever written.
    place: Option<Place>,
    groups: Box<[Group<R>]>,
}

/// Leaves that stand side by side.
struct Group<R: 'static> {
    below: Box<[NodeId]>,
    leaves: Vec<Leaf<R>>,
}

struct Leaf<R: 'static> {
    node: NodeId,
    make: Make,
    read: for<'r> fn(&'r R) -> Option<Datum<'r>>,
}

/// One object in the tree, as far as one table writes it.
#[derive(Debug)]
pub(crate) struct Object {
    at: DataPath,
    groups: Box<[Written]>,
}

#[derive(Debug)]
struct Written {
    at: DataPath,
    /// By leaf of the group: whether it is in the tree.
    present: Box<[bool]>,
}

impl<R> Table<R> {
    /// Looks up a kind of object and its leaves.
    pub(crate) fn new(schema: &Schema, path: &str, rows: &[Row<R>], gaps: &mut Gaps) -> Self {
        let Some(place) = Place::find(schema, path, gaps) else { return Self { place: None, groups: [].into() } };
        let base = place.nodes.last().copied();
        let mut groups: Vec<Group<R>> = Vec::new();
        for Row(name, read) in rows {
            let found = walk(schema, base, name).and_then(|nodes| {
                let (&node, below) = nodes.split_last()?;
                // What the loaded model has as configuration is not a producer's to write.
                if schema.node(node).config {
                    return None;
                }
                Some((node, Box::<[NodeId]>::from(below), Make::new(schema, node)?))
            });
            let Some((node, below, make)) = found else {
                gaps.missing.push(format!("/{path}/{name}"));
                continue;
            };
            gaps.fed.insert(node);
            let leaf = Leaf { node, make, read: *read };
            match groups.iter_mut().find(|group| group.below == below) {
                Some(group) => group.leaves.push(leaf),
                None => groups.push(Group { below, leaves: vec![leaf] }),
            }
        }
        Self { place: Some(place), groups: groups.into() }
    }

    /// The object with these keys; nothing is written yet. None when the schema has no such object or refuses a key.
    pub(crate) fn object(&self, schema: &Schema, keys: &[Datum<'_>]) -> Option<Object> {
        let at = self.place.as_ref()?.at(schema, keys)?;
        let groups = self.groups.iter().map(|group| {
            let below = group.below.iter().map(|&node| Step { node, key: None });
            let at = DataPath::new(at.steps().iter().cloned().chain(below).collect::<Vec<_>>());
            Written { at, present: vec![false; group.leaves.len()].into() }
        });
        let groups = groups.collect();
        Some(Object { at, groups })
    }

    /// Puts a reading into the batch.
    pub(crate) fn write(&self, object: &mut Object, reading: &R, batch: &mut StateBatch) {
        self.update(object, None, reading, batch);
    }

    /// Puts what differs from the reading written before into the batch.
    pub(crate) fn update(&self, object: &mut Object, before: Option<&R>, reading: &R, batch: &mut StateBatch) {
        for (group, written) in self.groups.iter().zip(&mut object.groups) {
            let mut values = Vec::new();
            for (leaf, present) in group.leaves.iter().zip(&mut written.present) {
                let datum = (leaf.read)(reading);
                if before.is_some_and(|before| (leaf.read)(before) == datum) {
                    continue;
                }
                match datum.and_then(|datum| leaf.make.value(datum)) {
                    Some(value) => {
                        *present = true;
                        values.push((leaf.node, value));
                    }
                    None if std::mem::take(present) => batch.remove(&written.at.child(leaf.node, None)),
                    None => {}
                }
            }
            if !values.is_empty() {
                batch.set(&written.at, values);
            }
        }
    }
}

impl Object {
    /// Where it stands.
    pub(crate) fn at(&self) -> &DataPath {
        &self.at
    }
}
