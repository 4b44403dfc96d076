//! What tests of the platform share: the embedded models, a store, and the tree as text.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::path::{DataPath, Pattern, RawPath, Resolver, Views};
use crate::schema::{Schema, Sources, load};
use crate::store::{ConfigWriter, Difference, Journal, StateBatch, StateWriter, Store, Tree, Validator, diff};
use crate::time::Timestamp;

/// Longest wait for what should come within milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A store over the embedded models.
pub(crate) struct Bench {
    pub(crate) schema: Arc<Schema>,
    pub(crate) store: Arc<Store>,
    pub(crate) writer: StateWriter,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(load(&Sources::default()).unwrap().schema)
    }

    fn with(schema: Arc<Schema>) -> Self {
        let store = Arc::new(Store::new(schema.clone(), Tree::default(), Timestamp::EPOCH));
        let writer = StateWriter::new(store.clone());
        Self { schema, store, writer }
    }

    /// A bench with a writer of configuration, which keeps its journal in the directory.
    pub(crate) fn configurable(directory: &Path) -> (Self, ConfigWriter) {
        let loaded = load(&Sources::default()).unwrap();
        let (journal, _) = Journal::open(directory).unwrap();
        let bench = Self::with(loaded.schema.clone());
        let writer = ConfigWriter::new(bench.store.clone(), Validator::new(&loaded), journal);
        (bench, writer)
    }

    /// The place that a path names.
    pub(crate) fn place(&self, path: &str) -> DataPath {
        place(&self.schema, path)
    }

    /// Waits until a leaf has a value; says how long it took.
    pub(crate) async fn until(&self, path: &str, wanted: &str) -> Duration {
        let began = Instant::now();
        let mut commits = self.store.watch();
        loop {
            commits.mark_unchanged();
            let value = self.value(path);
            if value == wanted {
                return began.elapsed();
            }
            let rest = PATIENCE.checked_sub(began.elapsed()).unwrap_or_default();
            let waited = tokio::time::timeout(rest, commits.changed()).await;
            assert!(waited.is_ok(), "{path} is '{value}', not '{wanted}'");
        }
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
    tree.leaf(place(schema, path).steps()).map(|leaf| leaf.value.to_string()).unwrap_or_default()
}

fn place(schema: &Schema, path: &str) -> DataPath {
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    resolver.write(&RawPath::parse(path).unwrap()).unwrap()
}
