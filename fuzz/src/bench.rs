//! A store with both its doors and a clock that only moves when told to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ganymede::codec::decode_set;
use ganymede::path::{DataPath, RawPath};
use ganymede::pb::gnmi as pb;
use ganymede::store::{
    Author, Commit, ConfigWriter, Journal, StateBatch, StateWriter, Store, Tree, Validator, prepare,
};
use ganymede::telemetry::Moment;
use ganymede::time::Timestamp;
use ganymede::value::Value;
use tempfile::TempDir;

use crate::{loaded, resolver, schema};

/// A store of its own, empty at first.
pub struct Bench {
    /// The store.
    pub store: Arc<Store>,
    /// The door for configuration.
    pub config: Arc<ConfigWriter>,
    state: StateWriter,
    start: Instant,
    now: Duration,
    _journal: TempDir,
}

impl Default for Bench {
    fn default() -> Self {
        let journal = tempfile::tempdir().expect("a folder for the journal");
        let (writer, _) = Journal::open(journal.path()).expect("a new journal opens");
        let mut validator = Validator::new(loaded());
        let empty = Tree::default();
        let (tree, _) = prepare(schema(), &mut validator, &empty, empty.clone(), &[], Timestamp::EPOCH)
            .expect("nothing breaks no rules");
        validator.accept();
        let store = Arc::new(Store::new(schema().clone(), tree, Timestamp::EPOCH));
        let config = Arc::new(ConfigWriter::new(store.clone(), validator, writer));
        let state = StateWriter::new(store.clone());
        Self { store, config, state, start: Instant::now(), now: Duration::ZERO, _journal: journal }
    }
}

impl Bench {
    /// The newest commit.
    pub fn newest(&self) -> Arc<Commit> {
        self.store.newest()
    }

    /// The present.
    pub fn moment(&self) -> Moment {
        Moment { instant: self.start + self.now, wall: Timestamp::EPOCH.plus(self.now) }
    }

    /// Lets time pass.
    pub fn advance(&mut self, time: Duration) {
        self.now += time;
    }

    /// A Set; a refused one changes nothing (SET-005).
    pub fn set(&self, request: &pb::SetRequest) {
        let before = self.newest();
        let Ok(operations) = decode_set(request, &resolver()) else { return };
        let edits: Vec<_> = operations.into_iter().flat_map(|operation| operation.into_edits()).collect();
        if self.config.commit(&edits, &Author::default(), self.moment().wall).is_err() {
            assert_eq!(self.newest().generation, before.generation, "a refused Set made a commit");
        }
    }

    /// A batch of state with one leaf. `path` is a state leaf of the test module.
    pub fn write(&self, path: &str, value: Value) {
        let leaf = place(path);
        let mut batch = StateBatch::new();
        batch.set(&leaf.parent(), vec![(leaf.node().expect("not the root"), value)]);
        self.commit(&batch);
    }

    /// A batch of state that takes something away.
    pub fn remove(&self, path: &str) {
        let mut batch = StateBatch::new();
        batch.remove(&place(path));
        self.commit(&batch);
    }

    fn commit(&self, batch: &StateBatch) {
        self.state.commit(batch, self.moment().wall).expect("the place is state");
    }
}

fn place(path: &str) -> DataPath {
    resolver().write(&RawPath::parse(path).expect("a path")).expect("a place of the test module")
}
