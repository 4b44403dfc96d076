//! One place in the data tree.

use std::fmt;
use std::sync::Arc;

use super::raw::write_key;
use crate::schema::{NodeId, Schema};
use crate::value::Value;

/// Key values of a list entry, in the order of the schema's `key` statement. For a keyless list, its position.
pub type ListKey = Arc<[Value]>;

/// One step down the data tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The schema node stepped to.
    pub node: NodeId,
    /// Which entry, when the node is a list and one entry is meant.
    pub key: Option<ListKey>,
}

/// A concrete path: every list on the way has its keys. Only the last step may name a list without keys, which then
/// stands for the list as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath {
    steps: Arc<[Step]>,
}

impl DataPath {
    /// The root of the data tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from its steps, top-level node first.
    pub fn new(steps: impl Into<Arc<[Step]>>) -> Self {
        Self { steps: steps.into() }
    }

    /// Steps from the top-level node down.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The schema node it ends at; none for the root.
    pub fn node(&self) -> Option<NodeId> {
        self.steps.last().map(|step| step.node)
    }

    /// The path one step longer.
    pub fn child(&self, node: NodeId, key: Option<ListKey>) -> Self {
        Self { steps: self.steps.iter().cloned().chain([Step { node, key }]).collect() }
    }

    /// The path one step shorter; the root for the root.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    pub fn parent(&self) -> Self {
        let length = self.steps.len().saturating_sub(1);
        Self { steps: self.steps[..length].into() }
    }

    /// Whether `other` is this place or lies below it. A list as a whole contains its entries.
    pub fn contains(&self, other: &Self) -> bool {
        let Some((last, above)) = self.steps.split_last() else { return true };
        other.steps.starts_with(above)
            && other
                .steps
                .get(above.len())
                .is_some_and(|step| step.node == last.node && (last.key.is_none() || step.key == last.key))
    }

    /// For people, logs and errors: `/state/port[port-id=1/1/1]/oper-state`, keys sorted by name (PATH-034).
    pub fn display<'a>(&'a self, schema: &'a Schema) -> impl fmt::Display + 'a {
        DisplaySteps { steps: &self.steps, schema }
    }
}

struct DisplaySteps<'a> {
    steps: &'a [Step],
    schema: &'a Schema,
}

impl fmt::Display for DisplaySteps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("/");
        }
        for step in self.steps {
            let node = self.schema.node(step.node);
            write!(f, "/{}", node.name)?;
            let Some(key) = &step.key else { continue };
            let mut keys: Vec<_> = node
                .keys()
                .iter()
                .zip(key.iter())
                .map(|(&id, value)| (&self.schema.node(id).name, value.key_text()))
                .collect();
            keys.sort();
            for (name, value) in keys {
                write_key(f, name, &value)?;
            }
        }
        Ok(())
    }
}
