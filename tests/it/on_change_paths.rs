//! The list of state leaves that ON_CHANGE announces, held against what an engine really announces and a daemon writes.
//!
//! No element changes every leaf there is, so the leaves are written by the door that elements use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use ganymede::agent::producers;
use ganymede::path::{DataPath, RawPath, Resolver, Step, Views};
use ganymede::pb::gnmi::GetResponse;
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::platform::{on_change, on_change_paths};
use ganymede::schema::{Kind, NodeId, Schema, Sources, load};
use ganymede::store::{ConfigChange, Leaf, StateBatch, StateWriter, Store, Tree};
use ganymede::telemetry::{
    Engine, ListMode, Moment, PathMode, PathRequest, Plan, PlanRequest, PlanRules, Progress, Sink,
};
use ganymede::time::Timestamp;
use ganymede::value::Value;

use crate::authority::Authority;
use crate::client_certificates::Door;
use crate::door::with_credentials;
use crate::harness::eventually;
use crate::request::{get, once, update};

/// Remembers which leaves were announced.
#[derive(Default)]
struct Announced(BTreeSet<NodeId>);

impl Sink for Announced {
    fn leaf(&mut self, _: &[Step], node: NodeId, _: &Leaf, _: Timestamp, _: u32) {
        self.0.insert(node);
    }

    fn delete(&mut self, at: &[Step], _: Timestamp) {
        panic!("nothing is deleted, but {at:?} was");
    }

    fn sync(&mut self) {}

    fn flush(&mut self) {}

    fn commit_done(&mut self, _: &ConfigChange) {}

    fn waiting(&self) -> usize {
        0
    }
}

/// A store over the embedded models, and one subscription to everything.
struct Bench {
    schema: Arc<Schema>,
    store: Arc<Store>,
    writer: StateWriter,
    engine: Engine,
}

impl Bench {
    fn new() -> Self {
        let schema = load(&Sources::default()).unwrap().schema;
        let store = Arc::new(Store::new(schema.clone(), Tree::default(), Timestamp::EPOCH));
        let everything = PathRequest {
            path: RawPath::parse("/").unwrap(),
            mode: PathMode::OnChange,
            sample_interval: 0,
            suppress_redundant: false,
            heartbeat_interval: 0,
        };
        let request = PlanRequest {
            mode: ListMode::Stream,
            updates_only: false,
            depth: None,
            configuration: None,
            paths: vec![everything],
        };
        let resolver = Resolver { schema: &schema, views: Views::ALL, name_wildcards: true };
        let plan = Arc::new(Plan::new(&request, &resolver, &PlanRules::default()).unwrap());
        let capable = Arc::new(on_change(&schema));
        let engine = Engine::new(plan, schema.clone(), capable, &store.newest(), now());
        Self { writer: StateWriter::new(store.clone()), schema, store, engine }
    }

    fn leaves(&self) -> Vec<NodeId> {
        self.schema.ids().filter(|&id| is_state_leaf(&self.schema, id)).collect()
    }

    /// A key cannot change; it comes and goes with its entry.
    fn is_key(&self, leaf: NodeId) -> bool {
        matches!(&self.schema.node(leaf).kind, Kind::Leaf(leaf) if leaf.is_key)
    }

    /// Writes one value to leaves, each in the one entry of every list above it, and says what state was announced.
    fn write(&mut self, leaves: &[NodeId], value: u32) -> BTreeSet<NodeId> {
        let mut batch = StateBatch::new();
        for &leaf in leaves {
            let values = if self.is_key(leaf) { Vec::new() } else { vec![(leaf, Value::Uint(value))] };
            batch.set(&self.place(leaf).parent(), values);
        }
        self.writer.commit(&batch, Timestamp::EPOCH).unwrap();
        let mut announced = Announced::default();
        let store = self.store.clone();
        let mut go_on = || self.engine.poll(&store.newest(), now(), &mut announced);
        while matches!(go_on(), Progress::More | Progress::Next) {}
        announced.0.into_iter().filter(|&leaf| is_state_leaf(&self.schema, leaf)).collect()
    }

    fn place(&self, leaf: NodeId) -> DataPath {
        let mut steps: Vec<Step> = std::iter::successors(Some(leaf), |&id| self.schema.node(id).parent)
            .map(|node| Step { node, key: self.key(node) })
            .collect();
        steps.reverse();
        DataPath::new(steps)
    }

    fn key(&self, node: NodeId) -> Option<Arc<[Value]>> {
        let Kind::List(list) = &self.schema.node(node).kind else { return None };
        Some(vec![Value::Uint(1); list.keys.len().max(1)].into())
    }
}

fn is_state_leaf(schema: &Schema, id: NodeId) -> bool {
    let node = schema.node(id);
    node.is_terminal() && !node.config
}

fn now() -> Moment {
    Moment { instant: Instant::now(), wall: Timestamp::EPOCH }
}

fn node_of(schema: &Schema, path: &str) -> NodeId {
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    let patterns = resolver.read(&RawPath::parse(path).unwrap()).unwrap();
    patterns.first().and_then(|pattern| pattern.node()).unwrap()
}

/// The leaves of the list, each of which stands there once, by a path that clients can use.
fn listed(schema: &Schema, is_written: impl Fn(NodeId) -> bool) -> BTreeSet<NodeId> {
    let mut leaves = BTreeSet::new();
    for path in on_change_paths(schema, is_written) {
        let leaf = node_of(schema, &path);
        assert!(is_state_leaf(schema, leaf), "{path}");
        assert!(leaves.insert(leaf), "{path} is listed twice");
    }
    leaves
}

/// OCH-006, OCH-007, OCH-008: the listed leaves announce their changes, every one of them, and no other state leaf does.
#[test]
fn exactly_the_listed_leaves_announce() {
    let mut bench = Bench::new();
    let schema = bench.schema.clone();
    let listed = listed(&schema, |_| true);
    let leaves = bench.leaves();
    let silent = leaves.iter().filter(|leaf| !listed.contains(leaf)).count();
    assert!(silent > 100, "most of what is measured is not listed, but only {silent} leaves are not");

    // Keys included, as everything appears.
    let appeared = bench.write(&leaves, 1);
    let texts = |leaves: &BTreeSet<NodeId>| leaves.iter().map(|&leaf| path_of(&schema, leaf)).collect::<Vec<_>>();
    assert_eq!(texts(&listed.difference(&appeared).copied().collect()), [""; 0], "listed, but silent");
    assert_eq!(texts(&appeared.difference(&listed).copied().collect()), [""; 0], "announced, but not listed");
    for leaf in leaves.into_iter().filter(|&leaf| !bench.is_key(leaf)).collect::<Vec<_>>() {
        let expected: BTreeSet<NodeId> = listed.contains(&leaf).then_some(leaf).into_iter().collect();
        assert_eq!(texts(&bench.write(&[leaf], 2)), texts(&expected));
    }
}

fn path_of(schema: &Schema, leaf: NodeId) -> String {
    let up = std::iter::successors(Some(leaf), |&id| schema.node(id).parent);
    up.map(|id| &*schema.node(id).name).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/")
}

/// OCH-006: the list names no leaf that nobody writes, and leaves out none that a daemon does write: here one with
/// ports, certificates, sessions, subscriptions and a login that failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_has_a_producer() {
    let schema = load(&Sources::default()).unwrap().schema;
    let written = producers(&schema);
    let listed = listed(&schema, |leaf| written.contains_key(&leaf));
    for silent in ["/state/system/grpc-tunnel", "/state/system/grpc/supported-services/gnoi-system-version"] {
        let silent = node_of(&schema, silent);
        let below: Vec<_> = listed.iter().filter(|leaf| schema.lineage(**leaf).contains(&silent)).collect();
        assert!(below.is_empty(), "{below:?}");
    }
    let applier = node_of(&schema, "/state/system/linux/applier[name=*]/oper-state");
    assert!(listed.contains(&applier), "what takes effect on the machine is told on change");

    let list = |clients: &Authority| Some(clients.crl(&[]));
    let door = Door::open_with("crl-optional", "good", "[platform.sim]\nports = 2\n", list).await;
    let client = door.client(&door.good, "admin").await;
    client.apply(update("/configure/system/management-interface/yang-modules/openconfig-modules", "true")).await;
    let mut stream = client.subscribe(crate::request::on_change(["/configure/system/name"])).await;
    stream.round().await;
    let wrong = with_credentials(get(["/"]), "admin", "guess");
    GNmiClient::new(door.endpoint(&door.good).connect().await.unwrap()).get(wrong).await.unwrap_err();
    for place in [
        "/state/port",
        "/state/system/grpc/rpc",
        "/state/system/telemetry/grpc/subscription",
        "/state/system/security/tls/server-tls-profile",
        "/state/system/security/tls/trust-anchor-profile[trust-anchor-profile-name=*]/trust-anchor",
        "/state/system/security/user-params/user-lockout",
        "/state/users/session",
        "/interfaces/interface/state",
    ] {
        // A list without entries is there too, and has nothing to tell.
        let has_values = |found: GetResponse| found.notification.iter().any(|found| !found.update.is_empty());
        eventually(true, async || client.get(get([place])).await.is_ok_and(has_values)).await;
    }
    let (mut state, mut announced) = (0, BTreeSet::new());
    let capable = on_change(&schema);
    for line in client.subscribe(once(["/"])).await.round().await {
        for (path, _) in line.split("; ").filter_map(|text| text.split_once(" = ")) {
            let leaf = node_of(&schema, path);
            if !is_state_leaf(&schema, leaf) {
                continue;
            }
            state += 1;
            assert!(written.contains_key(&leaf), "{path} has no producer");
            if capable.contains(leaf) {
                assert!(listed.contains(&leaf), "{path} is not listed");
                announced.insert(leaf);
            }
        }
    }
    assert!(state > 120 && announced.len() > 40, "{state} {}", announced.len());
}
