//! What tests of the platform share: the embedded models, a store, and the tree as text.

use std::sync::Arc;

use crate::path::{DataPath, Pattern, RawPath, Resolver, Views};
use crate::schema::{Schema, Sources, load};
use crate::store::{Difference, StateBatch, StateWriter, Store, Tree, diff};
use crate::time::Timestamp;

/// A store over the embedded models.
pub(crate) struct Bench {
    pub(crate) schema: Arc<Schema>,
    pub(crate) store: Arc<Store>,
    pub(crate) writer: StateWriter,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let schema = load(&Sources::default()).unwrap().schema;
        let store = Arc::new(Store::new(schema.clone(), Tree::default(), Timestamp::EPOCH));
        let writer = StateWriter::new(store.clone());
        Self { schema, store, writer }
    }

    /// Commits a batch and says what it changed, one leaf per line.
    pub(crate) fn commit(&self, batch: &StateBatch, now: Timestamp) -> String {
        let before = self.store.newest();
        self.writer.commit(batch, now).unwrap();
        changes(&self.schema, &before.tree, &self.store.newest().tree)
    }

    /// The value of a leaf as text; empty when absent.
    pub(crate) fn value(&self, path: &str) -> String {
        value(&self.schema, &self.store.newest().tree, path)
    }
}

/// What differs, one leaf per line, `path value`, or `- path` for what is gone.
pub(crate) fn changes(schema: &Schema, old: &Tree, new: &Tree) -> String {
    let mut lines = Vec::new();
    diff(schema, old, new, &Pattern::default(), &mut |at, difference| {
        let at = DataPath::new(at);
        match difference {
            Difference::Leaf { node, new, .. } => {
                lines.push(format!("{} {}", at.child(node, None).display(schema), new.value));
            }
            Difference::Removed => lines.push(format!("- {}", at.display(schema))),
            Difference::Created | Difference::Reordered => {}
        }
    });
    lines.join("\n")
}

/// The value of a leaf as text; empty when absent.
pub(crate) fn value(schema: &Schema, tree: &Tree, path: &str) -> String {
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    let path = resolver.write(&RawPath::parse(path).unwrap()).unwrap();
    tree.leaf(path.steps()).map(|leaf| leaf.value.to_string()).unwrap_or_default()
}
