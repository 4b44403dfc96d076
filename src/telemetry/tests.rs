//! The engine under virtual time: scripts of commits, ticks and polls against transcripts, and the law of convergence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Engine, ListMode, Moment, PathMode, PathRequest, Plan, PlanError, PlanRequest, PlanRules, Progress, Sink};
use crate::path::{DataPath, Pattern, RawPath, Resolver, Step, Views};
use crate::schema::{NodeId, NodeSet, Schema, Sources, load};
use crate::store::{ConfigChange, Cursor, Leaf, StateBatch, StateWriter, Store, Tree};
use crate::time::Timestamp;
use crate::value::Value;

/// A store over the test module and the clock that drives it.
struct Bench {
    schema: Arc<Schema>,
    store: Arc<Store>,
    writer: StateWriter,
    start: Instant,
    now: Duration,
}

/// Writes what it is told as lines, and applies it to a model.
struct Transcript {
    schema: Arc<Schema>,
    lines: Vec<String>,
    model: BTreeMap<String, Value>,
    waiting: usize,
}

impl Sink for Transcript {
    fn leaf(&mut self, at: &[Step], node: NodeId, leaf: &Leaf, time: Timestamp, duplicates: u32) {
        let path = DataPath::new(at).child(node, None).display(&self.schema).to_string();
        let missed = if duplicates > 0 { format!(" duplicates {duplicates}") } else { String::new() };
        self.lines.push(format!("{path} = {} @{}{missed}", leaf.value, time.nanos() / 1_000_000_000));
        self.model.insert(path, leaf.value.clone());
        self.waiting += 100;
    }

    fn delete(&mut self, path: &[Step], time: Timestamp) {
        let path = DataPath::new(path).display(&self.schema).to_string();
        self.lines.push(format!("{path} gone @{}", time.nanos() / 1_000_000_000));
        let below = |known: &String| *known == path || known.starts_with(&format!("{path}/"));
        self.model.retain(|known, _| !below(known));
    }

    fn sync(&mut self) {
        self.lines.push("sync".into());
    }

    fn flush(&mut self) {}

    fn commit_done(&mut self, commit: &ConfigChange) {
        let told = (commit.commit_id, commit.confirm.clone());
        panic!("nobody asked for the end of commit {told:?}");
    }

    fn waiting(&self) -> usize {
        self.waiting
    }
}

impl Bench {
    fn new() -> Self {
        let schema = load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema;
        let store = Arc::new(Store::new(schema.clone(), Tree::default(), Timestamp::EPOCH));
        let writer = StateWriter::new(store.clone());
        Self { schema, store, writer, start: Instant::now(), now: Duration::ZERO }
    }

    fn moment(&self) -> Moment {
        Moment { instant: self.start + self.now, wall: Timestamp::EPOCH.plus(self.now) }
    }

    fn place(&self, text: &str) -> DataPath {
        self.resolver().write(&RawPath::parse(text).unwrap()).unwrap()
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { schema: &self.schema, views: Views::ALL, name_wildcards: true }
    }

    fn set(&self, text: &str, value: u64) {
        let leaf = self.place(text);
        let mut batch = StateBatch::new();
        batch.set(&leaf.parent(), vec![(leaf.node().unwrap(), Value::Uint64(value))]);
        self.writer.commit(&batch, self.moment().wall).unwrap();
    }

    fn remove(&self, text: &str) {
        let mut batch = StateBatch::new();
        batch.remove(&self.place(text));
        self.writer.commit(&batch, self.moment().wall).unwrap();
    }

    fn request(&self, path: &str, mode: PathMode) -> PathRequest {
        PathRequest {
            path: RawPath::parse(path).unwrap(),
            mode,
            sample_interval: 1_000_000_000,
            suppress_redundant: false,
            heartbeat_interval: 0,
        }
    }

    fn plan(&self, mode: ListMode, paths: Vec<PathRequest>) -> Result<Plan, PlanError> {
        let request = PlanRequest { mode, updates_only: false, depth: None, configuration: None, paths };
        Plan::new(&request, &self.resolver(), &PlanRules::default())
    }

    /// An engine for which every leaf but `c9` announces its changes.
    fn engine(&self, plan: Plan) -> (Engine, Transcript) {
        let capable = NodeSet::of(&self.schema, |id| *self.schema.node(id).name != *"c9");
        let newest = self.store.newest();
        let engine = Engine::new(Arc::new(plan), self.schema.clone(), Arc::new(capable), &newest, self.moment());
        (engine, Transcript { schema: self.schema.clone(), lines: Vec::new(), model: BTreeMap::new(), waiting: 0 })
    }

    /// Polls until the engine has nothing to say; returns what it said.
    fn drain(&self, engine: &mut Engine, to: &mut Transcript) -> Vec<String> {
        loop {
            let progress = engine.poll(&self.store.newest(), self.moment(), to);
            to.waiting = 0;
            if !matches!(progress, Progress::More | Progress::Next) {
                return std::mem::take(&mut to.lines);
            }
        }
    }

    fn advance(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }
}

const C0: &str = "/test/counters/entry[name=a]/c0";
const C9: &str = "/test/counters/entry[name=a]/c9";
const ALL: &str = "/test/counters/entry[name=*]";

/// OCH-001, OCH-002, OCH-004, OCH-009, OCH-010, OCH-011, SUB-008, SUB-009, SUB-029.
#[test]
fn on_change_tells_changes_only() {
    let mut bench = Bench::new();
    let plan = bench.plan(ListMode::Stream, vec![bench.request(ALL, PathMode::OnChange)]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    assert_eq!(bench.drain(&mut engine, &mut to), ["sync"]);
    bench.advance(1.0);
    bench.set(C0, 1);
    assert_eq!(
        bench.drain(&mut engine, &mut to),
        ["/test/counters/entry[name=a]/name = a @1", "/test/counters/entry[name=a]/c0 = 1 @1"]
    );
    bench.set(C0, 1);
    assert!(bench.drain(&mut engine, &mut to).is_empty(), "an equal value is no change");
    bench.set(C9, 5);
    assert!(bench.drain(&mut engine, &mut to).is_empty(), "c9 does not announce changes");
    bench.advance(1.0);
    bench.remove("/test/counters/entry[name=a]");
    assert_eq!(bench.drain(&mut engine, &mut to), ["/test/counters/entry[name=a] gone @2"]);
}

/// OCH-024, SUB-041: a reader that was away gets the last value and the number of values it missed.
#[test]
fn coalesces_with_duplicates() {
    let bench = Bench::new();
    bench.set(C0, 1);
    let plan = bench.plan(ListMode::Stream, vec![bench.request(C0, PathMode::OnChange)]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @0"), "sync".into()]);
    for value in [2, 3, 1] {
        bench.set(C0, value);
    }
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @0 duplicates 2")]);
}

/// SMP-001, SMP-007, SMP-008, SMP-014, SMP-016.
#[test]
fn samples_without_drift() {
    let mut bench = Bench::new();
    bench.set(C0, 1);
    let plan = bench.plan(ListMode::Stream, vec![bench.request(C0, PathMode::Sample)]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @0"), "sync".into()]);
    assert_eq!(engine.next_deadline(), Some(bench.start + Duration::from_secs(1)));
    bench.advance(1.4);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @1")]);
    assert_eq!(engine.next_deadline(), Some(bench.start + Duration::from_secs(2)), "late samples do not move the grid");
    bench.advance(3.0);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @4")], "missed samples are not made up for");
    let collections = engine.collections(0);
    assert_eq!((collections.finished, collections.deferred), (3, 2), "the initial one, and those at 1 and 4");
    bench.remove("/test/counters/entry[name=a]");
    bench.advance(1.0);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} gone @5")], "one delete in the next sample");
    bench.advance(1.0);
    assert!(bench.drain(&mut engine, &mut to).is_empty(), "then silence");
}

/// SMP-010, SMP-011.
#[test]
fn suppresses_redundant_until_the_heartbeat() {
    let mut bench = Bench::new();
    bench.set(C0, 1);
    let mut path = bench.request(C0, PathMode::Sample);
    path.suppress_redundant = true;
    path.heartbeat_interval = 3_000_000_000;
    let plan = bench.plan(ListMode::Stream, vec![path]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    bench.drain(&mut engine, &mut to);
    let mut said = Vec::new();
    for _ in 0..6 {
        bench.advance(1.0);
        said.extend(bench.drain(&mut engine, &mut to));
    }
    assert_eq!(said, [format!("{C0} = 1 @3"), format!("{C0} = 1 @6")]);
}

/// OCH-013: a heartbeat repeats the values and nothing else.
#[test]
fn on_change_heartbeat() {
    let mut bench = Bench::new();
    bench.set(C0, 1);
    let mut path = bench.request(C0, PathMode::OnChange);
    path.heartbeat_interval = 5_000_000_000;
    let plan = bench.plan(ListMode::Stream, vec![path]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    bench.drain(&mut engine, &mut to);
    bench.advance(4.9);
    assert!(bench.drain(&mut engine, &mut to).is_empty());
    bench.advance(0.1);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @5")]);
}

/// TGT-001, TGT-005, TGT-006.
#[test]
fn target_defined_splits_by_leaf() {
    let mut bench = Bench::new();
    bench.set(C0, 1);
    bench.set(C9, 1);
    let plan = bench.plan(ListMode::Stream, vec![bench.request(ALL, PathMode::TargetDefined)]).unwrap();
    let (mut engine, mut to) = bench.engine(plan);
    assert_eq!(bench.drain(&mut engine, &mut to).len(), 4, "name, c0, c9, sync");
    bench.set(C0, 2);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 2 @0")]);
    bench.advance(1.0);
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C9} = 1 @1")]);
}

/// SUB-016, SUB-017, SUB-021, SUB-024.
#[test]
fn once_poll_and_updates_only() {
    let bench = Bench::new();
    bench.set(C0, 1);
    let once = bench.plan(ListMode::Once, vec![bench.request(C0, PathMode::Sample)]).unwrap();
    let (mut engine, mut to) = bench.engine(once.clone());
    assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @0"), "sync".into()]);
    let (mut engine, mut to) = bench.engine(Plan { updates_only: true, ..once });
    assert_eq!(bench.drain(&mut engine, &mut to), ["sync"]);
    let poll = bench.plan(ListMode::Poll, vec![bench.request(C0, PathMode::Sample)]).unwrap();
    let (mut engine, mut to) = bench.engine(poll);
    for _ in 0..3 {
        assert_eq!(bench.drain(&mut engine, &mut to), [format!("{C0} = 1 @0"), "sync".into()]);
        engine.poll_request(&bench.store.newest(), bench.moment());
    }
}

/// SUB-003, SUB-005, SUB-006, SMP-003, SMP-006, SUB-019.
#[test]
fn refuses_bad_lists() {
    let bench = Bench::new();
    let error = |paths: Vec<PathRequest>| bench.plan(ListMode::Stream, paths).unwrap_err().to_string();
    assert_eq!(error(vec![]), "Subscription list has no subscription");
    let keyless = bench.request("/test/counters/entry", PathMode::Sample);
    let starred = bench.request("/ganymede-test:test/counters/entry[name=*]", PathMode::OnChange);
    assert_eq!(
        error(vec![keyless, starred]),
        "/test/counters/entry[name=*] - Path is given twice in one subscription list"
    );
    let mut short = bench.request(C0, PathMode::Sample);
    short.sample_interval = 999_999_999;
    assert_eq!(
        error(vec![short.clone()]),
        format!("{C0} - Sample interval 999999999 ns is below the minimum of 1000000000 ns (1 s)")
    );
    assert!(bench.plan(ListMode::Once, vec![short.clone()]).is_ok(), "ONCE does not look at it");
    short.mode = PathMode::OnChange;
    assert!(bench.plan(ListMode::Stream, vec![short.clone()]).is_ok(), "OCH-014");
    short.mode = PathMode::Sample;
    short.sample_interval = u64::MAX;
    let plan = bench.plan(ListMode::Stream, vec![short]).unwrap();
    bench.engine(plan).0.next_deadline().unwrap(); // SMP-018
}

/// EXT-004, EXT-005.
#[test]
fn depth_ends_the_walk() {
    let bench = Bench::new();
    bench.set(C0, 1);
    let lines = |path: &str, depth: u32| {
        let plan = bench.plan(ListMode::Once, vec![bench.request(path, PathMode::Sample)]).unwrap();
        let (mut engine, mut to) = bench.engine(Plan { depth: Some(depth), ..plan });
        bench.drain(&mut engine, &mut to).len() - 1
    };
    assert_eq!(lines("/test", 1), 0);
    assert_eq!(lines("/test/counters", 1), 0);
    assert_eq!(lines("/test/counters", 2), 2);
    assert_eq!(lines("/test/counters/entry", 1), 2);
    assert_eq!(lines(C0, 1), 1);
}

#[derive(Clone, Debug)]
enum Event {
    Set(u8, u8, u64),
    Remove(u8),
    Poll,
    Tick(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0u8..5, 0u8..9, 0u64..4).prop_map(|(entry, leaf, value)| Event::Set(entry, leaf, value)),
        2 => (0u8..5).prop_map(Event::Remove),
        2 => Just(Event::Poll),
        1 => (1u16..2500).prop_map(Event::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Law (a): whatever a subscriber received, applied in order, equals its slice of the final snapshot.
    #[test]
    fn converges(events in proptest::collection::vec(event(), 0..80), mode in 0u8..3, piece in 1usize..4) {
        let mut bench = Bench::new();
        let mode = [PathMode::OnChange, PathMode::Sample, PathMode::TargetDefined][usize::from(mode)];
        let plan = bench.plan(ListMode::Stream, vec![bench.request(ALL, mode)]).unwrap();
        let (mut engine, mut to) = bench.engine(plan);
        for event in events {
            match event {
                Event::Set(entry, leaf, value) => bench.set(&format!("/test/counters/entry[name=e{entry}]/c{leaf}"), value),
                Event::Remove(entry) => bench.remove(&format!("/test/counters/entry[name=e{entry}]")),
                // One poll, not a drain: the reader may stall in the middle of anything.
                Event::Poll => {
                    engine.poll(&bench.store.newest(), bench.moment(), &mut to);
                    to.waiting = if piece == 1 { 1 << 20 } else { 0 };
                }
                Event::Tick(milliseconds) => bench.advance(f64::from(milliseconds) / 1000.0),
            }
        }
        bench.advance(2.0);
        bench.drain(&mut engine, &mut to);
        let mut slice = BTreeMap::new();
        let pattern = bench.resolver().read(&RawPath::parse(ALL).unwrap()).unwrap().remove(0);
        read_all(&bench, &pattern, &mut slice);
        prop_assert_eq!(to.model, slice);
    }
}

fn read_all(bench: &Bench, pattern: &Pattern, into: &mut BTreeMap<String, Value>) {
    let tree = &bench.store.newest().tree;
    Cursor::new().read(
        tree,
        pattern,
        &mut |at, node, leaf| {
            let path = DataPath::new(at).child(node, None).display(&bench.schema).to_string();
            into.insert(path, leaf.value.clone());
        },
        &mut || std::ops::ControlFlow::Continue(()),
    );
}
