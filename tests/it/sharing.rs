//! Subscriptions that are told the same: encoded once, and told exactly what each alone would be told.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::Stream;
use ganymede::codec::{
    Bundling, Encoded, Encoder, Encoding, Grouping, MESSAGE_BYTES_MAX, PathForm, ProtoVersion, Wire,
};
use ganymede::feed::{Description, Feed, Groups, Registry, Source};
use ganymede::path::{DataPath, RawPath, Resolver, Views};
use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{Notification, SubscribeResponse, SubscriptionMode};
use ganymede::schema::{NodeSet, Schema, Sources, load};
use ganymede::store::{Difference, StateBatch, StateWriter, Store, Tree, diff};
use ganymede::telemetry::{ListMode, PathMode, PathRequest, Plan, PlanRequest, PlanRules};
use ganymede::time::{Clock, Timestamp};
use ganymede::value::Value;
use proptest::prelude::*;
use prost::Message;

use crate::harness::Harness;
use crate::request::{Edits, asked, json, on_change, path, set, stream};
use crate::text::path_text;

const ALL: &str = "/test/counters/entry[name=*]";

static SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema);
static WIRE: LazyLock<Arc<Wire>> = LazyLock::new(|| Arc::new(Wire::new(SCHEMA.clone())));

/// A store, a clock that tests move, and subscriptions.
struct Bench {
    source: Source,
    writer: StateWriter,
    registry: Arc<Registry>,
    runtime: tokio::runtime::Runtime,
}

/// A subscription and what its reader knows.
struct Reader {
    feed: Pin<Box<Feed>>,
    mode: PathMode,
    bundled: bool,
    model: BTreeMap<String, String>,
    /// Time of what was last told of each path.
    times: BTreeMap<String, i64>,
}

fn resolver() -> Resolver<'static> {
    Resolver { schema: &SCHEMA, views: Views::ALL, name_wildcards: true }
}

fn place(text: &str) -> DataPath {
    resolver().write(&RawPath::parse(text).unwrap()).unwrap()
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(Store::new(SCHEMA.clone(), Tree::default(), Timestamp::EPOCH));
        let writer = StateWriter::new(store.clone());
        // Every leaf but c9 announces its changes.
        let capable = Arc::new(NodeSet::of(&SCHEMA, |id| *SCHEMA.node(id).name != *"c9"));
        let source = Source { store, capable, groups: Arc::new(Groups::default()), clock: Clock::System };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        Self { source, writer, registry: Arc::default(), runtime }
    }

    fn set(&self, entry: u32, leaf: u8, value: u64) {
        let leaf = place(&format!("/test/counters/entry[name=e{entry}]/c{leaf}"));
        let mut batch = StateBatch::new();
        batch.set(&leaf.parent(), vec![(leaf.node().unwrap(), Value::Uint64(value))]);
        self.writer.commit(&batch, Clock::System.now()).unwrap();
    }

    fn remove(&self, entry: u32) {
        let mut batch = StateBatch::new();
        batch.remove(&place(&format!("/test/counters/entry[name=e{entry}]")));
        self.writer.commit(&batch, Clock::System.now()).unwrap();
    }

    fn join(&self, mode: PathMode, bundling: Option<Bundling>) -> Reader {
        let path = PathRequest {
            path: RawPath::parse(ALL).unwrap(),
            mode,
            sample_interval: 1_000_000_000,
            suppress_redundant: false,
            heartbeat_interval: if mode == PathMode::OnChange { 3_000_000_000 } else { 0 },
        };
        let request = PlanRequest {
            mode: ListMode::Stream,
            updates_only: false,
            depth: None,
            configuration: None,
            paths: vec![path],
        };
        let plan = Plan::new(&request, &resolver(), &PlanRules::default()).unwrap();
        let values = Encoding::Proto.form(ProtoVersion::Latest);
        let encoder = Encoder::new(WIRE.clone(), values, PathForm::Elem, None, Grouping::PerBranch, MESSAGE_BYTES_MAX);
        let registered = self.registry.register(Description {
            user: String::new(),
            peer: ([127, 0, 0, 1], 1).into(),
            mode: ListMode::Stream,
            encoding: Encoding::Proto,
            bundling,
            configuration: false,
            since: Timestamp::EPOCH,
            paths: Vec::new(),
        });
        let _time = self.runtime.enter();
        let feed = Box::pin(Feed::new(&self.source, Arc::new(plan), encoder, registered));
        Reader { feed, mode, bundled: bundling.is_some(), model: BTreeMap::new(), times: BTreeMap::new() }
    }

    /// Lets a reader take so many messages, or all there are.
    fn read(&self, reader: &mut Reader, most: usize) -> Vec<Encoded> {
        let _time = self.runtime.enter();
        let mut context = Context::from_waker(Waker::noop());
        let mut messages = Vec::new();
        let mut pending = 0;
        // A feed may yield before it goes on.
        while messages.len() < most && pending < 50 {
            match reader.feed.as_mut().poll_next(&mut context) {
                Poll::Ready(message) => {
                    pending = 0;
                    messages.push(message.expect("a STREAM has no end"));
                }
                Poll::Pending => pending += 1,
            }
        }
        messages.iter().for_each(|message| reader.apply(message));
        messages
    }

    fn advance(&self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
    }

    /// What a reader has to know in the end.
    fn slice(&self) -> BTreeMap<String, String> {
        let pattern = resolver().read(&RawPath::parse(ALL).unwrap()).unwrap().remove(0);
        let mut slice = BTreeMap::new();
        diff(&SCHEMA, &Tree::default(), &self.source.store.newest().tree, &pattern, &mut |at, difference| {
            if let Difference::Leaf { node, new, .. } = difference {
                slice.insert(DataPath::new(at).child(node, None).display(&SCHEMA).to_string(), new.value.to_string());
            }
        });
        slice
    }
}

fn notification(message: &Encoded) -> Option<Notification> {
    match SubscribeResponse::decode(message.0.clone()).unwrap().response {
        Some(Response::Update(notification)) => Some(notification),
        _ => None,
    }
}

impl Reader {
    fn apply(&mut self, message: &Encoded) {
        let Some(notification) = notification(message) else { return };
        let full = |path: Option<&ganymede::pb::gnmi::Path>| {
            let mut whole = notification.prefix.clone().unwrap_or_default();
            whole.elem.extend(path.into_iter().flat_map(|path| path.elem.iter().cloned()));
            path_text(&whole)
        };
        for path in &notification.delete {
            let gone = full(Some(path));
            let below = format!("{gone}/");
            self.model.retain(|path, _| *path != gone && !path.starts_with(&below));
        }
        for update in &notification.update {
            let path = full(update.path.as_ref());
            let value = crate::text::value_text(update.val.as_ref());
            let value = value.trim_start_matches("uint ").trim_start_matches("string ").to_owned();
            let before = self.times.insert(path.clone(), notification.timestamp).unwrap_or(i64::MIN);
            // A bundle has one time for all.
            assert!(self.bundled || before <= notification.timestamp, "{path} goes back in time");
            self.model.insert(path, value);
        }
    }
}

/// SUB-007: the subscribers of a group get the very same bytes, those that want something else do not.
#[test]
fn a_change_is_encoded_once() {
    let bench = Bench::new();
    bench.set(1, 0, 1);
    let mut readers: Vec<_> = (0..10).map(|_| bench.join(PathMode::OnChange, None)).collect();
    readers.push(bench.join(PathMode::TargetDefined, None));
    for reader in &mut readers {
        assert_eq!(bench.read(reader, usize::MAX).len(), 2, "values and sync");
    }
    for round in 2..5 {
        bench.set(1, 0, round);
        let told: Vec<_> = readers.iter_mut().map(|reader| bench.read(reader, usize::MAX)).collect();
        for messages in &told {
            assert_eq!(messages.len(), 1);
            assert_eq!(messages[0].0.as_ptr(), told[0][0].0.as_ptr(), "the same bytes in the same place");
        }
    }
    // Who comes later is told alone until it has caught up.
    let mut late = bench.join(PathMode::OnChange, None);
    bench.set(1, 0, 9);
    assert_eq!(bench.read(&mut late, usize::MAX).len(), 3, "values, sync and the change since");
    bench.set(1, 0, 10);
    let [one, two] = [&mut late, &mut readers[0]].map(|reader| bench.read(reader, usize::MAX));
    assert_eq!((one.len(), one[0].0.as_ptr()), (1, two[two.len() - 1].0.as_ptr()));
}

/// SUB-042: who falls behind is told the newest values when it comes back, and what waits for it meanwhile is bounded.
#[test]
fn who_falls_behind_goes_on_alone() {
    let bench = Bench::new();
    let [mut fast, mut slow] = [bench.join(PathMode::OnChange, None), bench.join(PathMode::OnChange, None)];
    bench.read(&mut fast, usize::MAX);
    bench.read(&mut slow, usize::MAX);
    for value in 1..1000 {
        bench.set(1, 0, value);
        bench.set(2, 1, value);
        assert_eq!(bench.read(&mut fast, usize::MAX).len(), 2);
    }
    let missed = bench.read(&mut slow, usize::MAX);
    assert_eq!(missed.len(), 4, "names and counters, each at its time");
    assert_eq!(slow.model, bench.slice());
    assert_eq!(fast.model, bench.slice());
    for value in 1000..2000 {
        bench.set(1, 0, value);
        bench.read(&mut fast, usize::MAX);
    }
    let told = notification(&bench.read(&mut slow, usize::MAX)[0]).unwrap();
    assert_eq!(told.update[0].duplicates, 999);
}

#[derive(Clone, Debug)]
enum Event {
    Set(u32, u8, u64),
    Remove(u32),
    Join(u8, bool),
    Leave(usize),
    Read(usize, usize),
    ReadAll,
    Tick(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u32..5, 0u8..9, 0u64..4).prop_map(|(entry, leaf, value)| Event::Set(entry, leaf, value)),
        2 => (0u32..5).prop_map(Event::Remove),
        2 => (0u8..4, any::<bool>()).prop_map(|(mode, bundled)| Event::Join(mode, bundled)),
        1 => (0usize..8).prop_map(Event::Leave),
        6 => ((0usize..8), (1usize..6)).prop_map(|(reader, most)| Event::Read(reader, most)),
        1 => Just(Event::ReadAll),
        1 => (1u64..2500).prop_map(Event::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Law (a), for groups: whatever a subscriber received, applied in order, equals its slice of the final snapshot,
    /// however members of its group come, go and stall; and no path goes back in time. SUB-030, SUB-042, OCH-026.
    #[test]
    fn every_member_converges(events in proptest::collection::vec(event(), 0..120)) {
        let bench = Bench::new();
        let mut readers: Vec<Reader> = Vec::new();
        for event in events {
            match event {
                Event::Set(entry, leaf, value) => bench.set(entry, leaf, value),
                Event::Remove(entry) => bench.remove(entry),
                Event::Join(mode, bundled) => {
                    let mode = [PathMode::OnChange, PathMode::OnChange, PathMode::Sample, PathMode::TargetDefined][usize::from(mode)];
                    let bundling = Bundling { window: Duration::from_millis(100), count_max: 3 };
                    readers.push(bench.join(mode, bundled.then_some(bundling)));
                }
                Event::Leave(reader) if reader < readers.len() => drop(readers.remove(reader)),
                Event::Read(reader, most) => {
                    if let Some(reader) = readers.get_mut(reader) {
                        bench.read(reader, most);
                    }
                }
                Event::ReadAll => readers.iter_mut().for_each(|reader| drop(bench.read(reader, usize::MAX))),
                Event::Tick(millis) => bench.advance(Duration::from_millis(millis)),
                Event::Leave(_) => {}
            }
        }
        for _ in 0..3 {
            readers.iter_mut().for_each(|reader| drop(bench.read(reader, usize::MAX)));
            bench.advance(Duration::from_millis(1500));
        }
        readers.iter_mut().for_each(|reader| drop(bench.read(reader, usize::MAX)));
        for reader in &readers {
            let mut slice = bench.slice();
            if reader.mode == PathMode::OnChange {
                slice.retain(|path, _| !path.ends_with("/c9"));
            }
            prop_assert_eq!(&reader.model, &slice, "{:?}", reader.mode);
        }
    }
}

/// Goal G10, SUB-042: a stalled reader beside eight busy ones, on the wire. While twenty megabytes pass it by, about one
/// of them waits for it; it holds up none of the others and is told the newest values in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_costs_little() {
    const ENTRIES: u32 = 16;
    const ROUNDS: u32 = 60;
    let harness = Harness::start().await;
    let writer = harness.client("admin").await;
    let list = || on_change(["/test/typed-key/value"]);
    let narrow = harness.narrow_client("admin").await;
    let mut stalled = narrow.subscribe(list()).await;
    assert_eq!(stalled.round().await, ["sync"]);
    let mut busy = tokio::task::JoinSet::new();
    let wide = harness.client("admin").await;
    for number in 0..8 {
        // Two groups, and one half of them also samples.
        let list = match number % 2 {
            0 => list(),
            _ => stream([asked(path("/test/typed-key/value"), SubscriptionMode::TargetDefined)]),
        };
        let mut stream = wide.subscribe(list).await;
        assert_eq!(stream.round().await, ["sync"]);
        busy.spawn(async move {
            let last = format!("{ROUNDS:05}");
            let mut done = std::collections::BTreeSet::new();
            while done.len() < ENTRIES as usize {
                let text = stream.next().await;
                if text.contains(&last) {
                    done.extend(text.split(" = ").next().map(str::to_owned));
                }
            }
        });
    }
    let mut written = 0;
    for round in 1..=ROUNDS {
        let value = format!("{round:05}{}", "x".repeat(20_000));
        let edits = (0..ENTRIES).fold(set(), |edits, entry| {
            edits.update(&format!("/test/typed-key[number={entry}]/value"), json(&format!("{value:?}")))
        });
        written += value.len() * ENTRIES as usize;
        writer.apply(edits).await;
    }
    while let Some(ended) = busy.join_next().await {
        ended.unwrap();
    }
    assert!(written > 19_000_000);
    let (mut waited, mut newest) = (0, BTreeMap::new());
    let last = format!("{ROUNDS:05}");
    while newest.len() < ENTRIES as usize || newest.values().any(|value| *value != last) {
        let text = stalled.next().await;
        waited += text.len();
        let (path, value) = text.split_once(" = \"").unwrap();
        newest.insert(path.to_owned(), value[..5].to_owned());
    }
    assert!(waited < 1_500_000, "{waited} bytes");
}
