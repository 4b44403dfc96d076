//! Leaves that stand in containers only, found once.

use crate::path::{DataPath, Step};
use crate::schema::{NodeId, Schema};
use crate::store::{Branch, Tree};
use crate::value::Value;

/// Where a leaf stands; nowhere when the models have no such leaf, which then reads as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(Option<DataPath>);

impl Place {
    pub(super) fn of(schema: &Schema, path: &str) -> Self {
        Self(node(schema, path).map(|node| lineage(schema, node)))
    }

    pub(super) fn value<'t>(&self, tree: &'t Tree) -> Option<&'t Value> {
        Some(&tree.leaf(self.0.as_ref()?.steps())?.value)
    }

    pub(super) fn is_true(&self, tree: &Tree) -> bool {
        self.value(tree) == Some(&Value::Bool(true))
    }

    pub(super) fn is(&self, tree: &Tree, word: &str) -> bool {
        self.value(tree).and_then(Value::as_text) == Some(word)
    }

    pub(super) fn number(&self, tree: &Tree) -> Option<u32> {
        self.value(tree).and_then(number)
    }
}

/// A whole number that is not negative.
pub(super) fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Uint(number) => Some(*number),
        Value::Int(number) => u32::try_from(*number).ok(),
        _ => None,
    }
}

/// A list in containers only, found once.
#[derive(Clone, Debug)]
pub(super) struct ListPlace {
    above: DataPath,
    list: NodeId,
}

impl ListPlace {
    pub(super) fn of(schema: &Schema, path: &str) -> Option<Self> {
        let list = node(schema, path)?;
        Some(Self { above: containers_above(schema, list), list })
    }

    /// Its entries, in the order of their keys.
    pub(super) fn entries<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = &'t Branch> {
        let list = tree.branch(self.above.steps()).and_then(|above| above.list(self.list));
        list.into_iter().flat_map(|list| list.iter()).map(|(_, entry)| &**entry.branch())
    }

    /// A child of its entries.
    pub(super) fn child(&self, schema: &Schema, name: &str) -> Option<NodeId> {
        schema.child(Some(self.list), None, name)
    }
}

pub(super) fn node(schema: &Schema, path: &str) -> Option<NodeId> {
    path.split('/').skip(1).try_fold(None, |at, name| schema.child(at, None, name).map(Some)).flatten()
}

pub(super) fn containers_above(schema: &Schema, list: NodeId) -> DataPath {
    let mut line = schema.lineage(list);
    line.pop();
    DataPath::new(line.into_iter().map(|node| Step { node, key: None }).collect::<Vec<_>>())
}

fn lineage(schema: &Schema, node: NodeId) -> DataPath {
    DataPath::new(schema.lineage(node).into_iter().map(|node| Step { node, key: None }).collect::<Vec<_>>())
}
