//! A subscriber that believes what it is told, and the law it is held to: applied in order, the messages give the
//! subscribed slice of the newest commit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use ganymede::codec::{
    Encoded, Encoder, Grouping, LeafForm, PathForm, ValueForm, Wire, decode_path, encode_path, typed_value,
};
use ganymede::path::{DataPath, RawPath};
use ganymede::pb::gnmi as pb;
use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::schema::NodeSet;
use ganymede::store::{Cursor, Tree};
use ganymede::telemetry::{Engine, ListMode, PathMode, PathRequest, Plan, PlanRequest, PlanRules, Progress};
use prost::Message;

use crate::bench::Bench;
use crate::{resolver, schema};

static WIRE: LazyLock<Arc<Wire>> = LazyLock::new(|| Arc::new(Wire::new(schema().clone())));

/// Leaves that announce their changes: all configuration, and state whose name does not end in 9.
static CAPABLE: LazyLock<Arc<NodeSet>> = LazyLock::new(|| {
    let leaves = NodeSet::of(schema(), |id| {
        let node = schema().node(id);
        node.is_terminal() && (node.config || !node.name.ends_with('9'))
    });
    Arc::new(leaves.with_ancestors(schema()))
});

/// The end of one subscription, with what it has been told.
pub struct Subscriber {
    engine: Engine,
    encoder: Encoder,
    plan: Arc<Plan>,
    form: LeafForm,
    mode: PathMode,
    told: BTreeMap<String, pb::TypedValue>,
    syncs: u32,
}

impl Subscriber {
    /// A STREAM of one path; none when the path is refused.
    pub fn new(bench: &Bench, path: RawPath, mode: PathMode, form: LeafForm, message_bytes: usize) -> Option<Self> {
        let asked = PathRequest {
            path,
            mode,
            sample_interval: 1_000_000_000,
            suppress_redundant: message_bytes.is_multiple_of(2),
            heartbeat_interval: 0,
        };
        let request = PlanRequest {
            mode: ListMode::Stream,
            updates_only: false,
            depth: None,
            configuration: None,
            paths: vec![asked],
        };
        let plan = Arc::new(Plan::new(&request, &resolver(), &PlanRules::default()).ok()?);
        let engine = Engine::new(plan.clone(), schema().clone(), CAPABLE.clone(), &bench.newest(), bench.moment());
        let encoder =
            Encoder::new(WIRE.clone(), ValueForm::Leaf(form), PathForm::Elem, None, Grouping::PerBranch, message_bytes);
        Some(Self { engine, encoder, plan, form, mode, told: BTreeMap::new(), syncs: 0 })
    }

    /// Reads one piece. A reader that does not `take` leaves its messages in the encoder, as a stalled one does.
    pub fn poll(&mut self, bench: &Bench, take: bool) -> Progress {
        let progress = self.engine.poll(&bench.newest(), bench.moment(), &mut self.encoder);
        if take {
            for message in self.encoder.take() {
                self.hear(&message);
            }
        }
        progress
    }

    /// Reads until there is nothing more, and checks the law.
    pub fn settle(&mut self, bench: &Bench) {
        while matches!(self.poll(bench, true), Progress::More | Progress::Next) {}
        for message in self.encoder.take() {
            self.hear(&message);
        }
        assert_eq!(self.syncs, 1, "one sync_response (SUB-029)");
        let slice = self.slice(&bench.newest().tree);
        if self.told != slice {
            let strange: Vec<_> = self.told.iter().filter(|(path, value)| slice.get(*path) != Some(value)).collect();
            let missing: Vec<_> = slice.iter().filter(|(path, value)| self.told.get(*path) != Some(value)).collect();
            panic!("{:?} was told {strange:#?} but there is {missing:#?}", self.mode);
        }
    }

    fn hear(&mut self, message: &Encoded) {
        let response = pb::SubscribeResponse::decode(&*message.0).expect("a SubscribeResponse");
        match response.response.expect("never an empty response (SUB-052)") {
            Response::SyncResponse(value) => {
                assert!(value);
                self.syncs += 1;
            }
            Response::Update(notification) => self.apply(notification),
            other => panic!("{other:?} is never sent (SUB-031)"),
        }
    }

    fn apply(&mut self, notification: pb::Notification) {
        let prefix = notification.prefix.as_ref().map(raw).unwrap_or_default();
        let full = |path: &pb::Path| prefix.join(&raw(path)).to_string();
        for path in &notification.delete {
            let gone = match full(path) {
                root if root == "/" => String::new(),
                path => path,
            };
            let below = |path: &str| {
                path.strip_prefix(&gone).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
            };
            self.told.retain(|path, _| !below(path));
        }
        let mut paths = BTreeSet::new();
        for update in notification.update {
            let path = full(&update.path.expect("an update has a path"));
            assert!(paths.insert(path.clone()), "{path} stands twice in one notification (SUB-040)");
            self.told.insert(path, update.val.expect("an update has a value"));
        }
    }

    /// What there is for this subscriber to know.
    fn slice(&self, tree: &Tree) -> BTreeMap<String, pb::TypedValue> {
        let mut slice = BTreeMap::new();
        for pattern in self.plan.paths.iter().flat_map(|path| &path.patterns) {
            let mut leaf = |at: &[_], node, leaf: &ganymede::store::Leaf| {
                // ON_CHANGE never speaks of a leaf that does not announce its changes (C-29).
                if self.mode != PathMode::OnChange || CAPABLE.contains(node) {
                    let steps = DataPath::new(at).child(node, None);
                    let path = raw(&encode_path(schema(), steps.steps(), PathForm::Elem));
                    slice.insert(path.to_string(), typed_value(schema(), node, &leaf.value, self.form));
                }
            };
            Cursor::new().read(tree, pattern, &mut leaf, &mut || ControlFlow::Continue(()));
        }
        slice
    }
}

fn raw(path: &pb::Path) -> RawPath {
    decode_path(path).expect("a path that was sent can be read")
}
