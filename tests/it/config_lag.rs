//! A configuration subscription whose reader is late: the engine is asked only now and then.

use std::sync::Arc;
use std::time::Instant;

use ganymede::path::{DataPath, RawPath, Resolver, Step, Views};
use ganymede::schema::{NodeId, NodeSet, Schema, Sources, load};
use ganymede::store::{
    Author, ConfigChange, ConfigWriter, Content, Edit, Journal, Leaf, Store, Tree, Validator, prepare,
};
use ganymede::telemetry::{
    Engine, ListMode, Moment, PathMode, PathRequest, Plan, PlanRequest, PlanRules, Progress, Sink, configuration,
};
use ganymede::time::Timestamp;
use ganymede::value::Value;

/// What was said, one line each.
struct Transcript {
    schema: Arc<Schema>,
    lines: Vec<String>,
}

impl Sink for Transcript {
    fn leaf(&mut self, at: &[Step], node: NodeId, leaf: &Leaf, _: Timestamp, missed: u32) {
        let path = DataPath::new(at).child(node, None);
        self.lines.push(format!("{} = {} (+{missed})", path.display(&self.schema), leaf.value));
    }

    fn delete(&mut self, path: &[Step], _: Timestamp) {
        self.lines.push(format!("delete {}", DataPath::new(path).display(&self.schema)));
    }

    fn sync(&mut self) {
        self.lines.push("sync".to_owned());
    }

    fn flush(&mut self) {}

    fn commit_done(&mut self, commit: &ConfigChange) {
        self.lines.push(format!("done {}", commit.commit_id.unwrap()));
    }

    fn waiting(&self) -> usize {
        0
    }
}

struct Bench {
    schema: Arc<Schema>,
    store: Arc<Store>,
    config: ConfigWriter,
    engine: Engine,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let loaded = load(&Sources { test_modules: true, ..Sources::default() }).unwrap();
        let schema = loaded.schema.clone();
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(directory.path()).unwrap();
        let mut validator = Validator::new(&loaded);
        let empty = Tree::default();
        let (tree, _) = prepare(&schema, &mut validator, &empty, empty.clone(), &[], Timestamp::EPOCH).unwrap();
        validator.accept();
        let store = Arc::new(Store::new(schema.clone(), tree, Timestamp::EPOCH));
        let config = ConfigWriter::new(store.clone(), validator, journal);
        let path = PathRequest {
            path: RawPath::parse("/test/types").unwrap(),
            mode: PathMode::OnChange,
            sample_interval: 0,
            suppress_redundant: false,
            heartbeat_interval: 0,
        };
        let request = PlanRequest {
            mode: ListMode::Stream,
            updates_only: true,
            depth: None,
            configuration: Some(Arc::new(configuration(&schema))),
            paths: vec![path],
        };
        let resolver = Resolver { schema: &schema, views: Views::ALL, name_wildcards: true };
        let plan = Arc::new(Plan::new(&request, &resolver, &PlanRules::default()).unwrap());
        let capable = Arc::new(NodeSet::of(&schema, |_| true));
        let engine = Engine::new(plan, schema.clone(), capable, &store.newest(), now());
        Self { schema, store, config, engine, _directory: directory }
    }

    fn place(&self, path: &str) -> DataPath {
        let resolver = Resolver { schema: &self.schema, views: Views::ALL, name_wildcards: false };
        resolver.write(&RawPath::parse(path).unwrap()).unwrap()
    }

    /// Sets the text, and with it so many entries of a list elsewhere.
    fn commit(&self, text: &str, entries: u32) {
        let mut edits = vec![Edit::Update(self.place("/test/types/text"), Content::Leaf(Value::text(text)))];
        let value = Content::Leaf(Value::text(text));
        edits.extend(
            (0..entries).map(|number| {
                Edit::Update(self.place(&format!("/test/b[key1={number}][key2=x]/value")), value.clone())
            }),
        );
        self.config.commit(&edits, &Author::default(), Timestamp::EPOCH).unwrap();
    }

    /// What is said now.
    fn read(&mut self) -> Vec<String> {
        let mut transcript = Transcript { schema: self.schema.clone(), lines: Vec::new() };
        let newest = self.store.newest();
        while matches!(self.engine.poll(&newest, now(), &mut transcript), Progress::More | Progress::Next) {}
        transcript.lines
    }
}

fn now() -> Moment {
    Moment { instant: Instant::now(), wall: Timestamp::EPOCH }
}

/// EXT-031, EXT-033: a late reader still gets commit after commit; one that is later than what is kept gets the changes as
/// one, with the end of every commit that is still known.
#[test]
fn a_late_reader_gets_every_end_that_is_known() {
    let mut bench = Bench::new();
    bench.commit("before the sync", 0);
    assert_eq!(bench.read(), ["sync", "/test/types/text = before the sync (+0)", "done 1"]);
    for text in ["a", "b", "c"] {
        bench.commit(text, 0);
    }
    let each = |text: &str, number: u32| [format!("/test/types/text = {text} (+0)"), format!("done {number}")];
    assert_eq!(bench.read(), [each("a", 2), each("b", 3), each("c", 4)].concat());
    for number in 5..=104 {
        bench.commit(&number.to_string(), 0);
    }
    let lines = bench.read();
    assert_eq!(lines[0], "/test/types/text = 104 (+99)");
    assert_eq!(lines[1..], (41..=104).map(|number| format!("done {number}")).collect::<Vec<_>>());
    assert_eq!(bench.read(), [""; 0]);
}

/// EXT-031: of a commit too large to be kept apart, the end is told all the same, and alone it is told like any other.
#[test]
fn a_large_commit_has_its_end() {
    let mut bench = Bench::new();
    bench.read();
    bench.commit("large", 2000);
    assert_eq!(bench.read(), ["/test/types/text = large (+0)", "done 1"]);
    bench.commit("larger", 2000);
    bench.commit("last", 0);
    assert_eq!(bench.read(), ["/test/types/text = last (+1)", "done 2", "done 3"]);
}
