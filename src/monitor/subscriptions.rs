//! `/state/system/telemetry/grpc`: the subscriptions of clients (SUB-053).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::listing::Listing;
use crate::codec::BundleSizes;
use crate::feed::{Account, PathDescription, Registry};
use crate::platform::map::{Datum, Gaps, Row};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::telemetry::{Collections, ListMode, PathMode};
use crate::value::Text;

const SUBSCRIPTION: &str = "nokia-state:state/system/telemetry/grpc/subscription";
const PATH: &str = "nokia-state:state/system/telemetry/grpc/subscription/path";

/// A subscription as it is now.
#[derive(PartialEq)]
struct Subscription {
    user: Text,
    peer: SocketAddr,
    mode: &'static str,
    encoding: String,
    bundled: bool,
    configuration: bool,
    notifications: u64,
    contexts: u64,
    sizes: BundleSizes,
}

const SUBSCRIPTION_ROWS: &[Row<Subscription>] = &[
    Row("user-name", |now| Some(Datum::Shared(&now.user))),
    Row("destination-address", |now| Some(Datum::Address(now.peer.ip()))),
    Row("destination-port", |now| Some(Datum::Number(now.peer.port().into()))),
    Row("mode", |now| Some(Datum::word(now.mode))),
    Row("encoding", |now| Some(Datum::Text((&*now.encoding).into()))),
    Row("notification-count", |now| Some(Datum::Number(now.notifications.into()))),
    Row("context-count", |now| Some(Datum::Number(now.contexts.into()))),
    Row("notification-bundling-oper-state", |now| Some(Datum::word(if now.bundled { "up" } else { "down" }))),
    Row("min-bundle-size", |now| now.bundled.then(|| Datum::Number(now.sizes.smallest.into()))),
    Row("avg-bundle-size", |now| {
        now.bundled.then(|| Datum::Number((now.sizes.notifications / now.sizes.bundles.max(1)).into()))
    }),
    Row("max-bundle-size", |now| now.bundled.then(|| Datum::Number(now.sizes.largest.into()))),
    Row("max-bundle-time-granularity", |now| now.bundled.then(|| millis(now.sizes.span))),
    Row("extension/config-subscription", |now| Some(Datum::Flag(now.configuration))),
];

/// A path of a subscription as it is now.
#[derive(PartialEq)]
struct Path {
    mode: Option<PathMode>,
    sample_interval: Option<Duration>,
    heartbeat: Option<Duration>,
    collections: Collections,
}

const PATH_ROWS: &[Row<Path>] = &[
    Row("mode", |now| Some(Datum::word(path_mode(now.mode?)))),
    Row("heartbeat-interval", |now| now.heartbeat.map(millis)),
    Row("sample-interval", |now| now.sample_interval.map(millis)),
    Row("finished-collection-count", |now| Some(Datum::Number(now.collections.finished.into()))),
    Row("deferred-collection-count", |now| Some(Datum::Number(now.collections.deferred.into()))),
    Row("total-collection-time", |now| Some(millis(now.collections.total))),
    Row("min-collection-time", |now| Some(millis(now.collections.shortest))),
    Row("avg-collection-time", |now| Some(millis(now.collections.average()))),
    Row("max-collection-time", |now| Some(millis(now.collections.longest))),
];

/// The subscriptions, and what is known of each in the tree.
pub(super) struct Subscriptions {
    schema: Arc<Schema>,
    subscriptions: Listing<u32, Subscription>,
    paths: Listing<(u32, usize), Path>,
    /// Those whose paths have yet to be looked at in this round, with the first path.
    rest: VecDeque<(Arc<Account>, usize)>,
}

impl Subscriptions {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let subscriptions = Listing::new(&schema, SUBSCRIPTION, SUBSCRIPTION_ROWS, gaps);
        let paths = Listing::new(&schema, PATH, PATH_ROWS, gaps);
        Self { schema, subscriptions, paths, rest: VecDeque::new() }
    }

    /// Begins a round: the subscriptions themselves.
    pub(super) fn write(&mut self, registry: &Registry, batch: &mut StateBatch) {
        let running: BTreeMap<u32, Arc<Account>> =
            registry.running().into_iter().map(|account| (account.id(), account)).collect();
        self.subscriptions.keep(|id| running.contains_key(id), batch);
        self.paths.forget(|(id, _)| !running.contains_key(id));
        for (&id, account) in &running {
            let keys = [Datum::Number(id.into())];
            self.subscriptions.show(&self.schema, id, &keys, subscription(account), batch);
        }
        self.rest = running.into_values().map(|account| (account, 0)).collect();
    }

    /// Goes on with their paths, about so many that changed at a time; none when all have been looked at.
    pub(super) fn write_paths(&mut self, places: usize) -> Option<StateBatch> {
        let mut batch = StateBatch::new();
        let mut changed = 0;
        while let Some((account, from)) = self.rest.pop_front() {
            for (number, described) in account.description().paths.iter().enumerate().skip(from) {
                if changed >= places {
                    self.rest.push_front((account.clone(), number));
                    return Some(batch);
                }
                let keys = [Datum::Number(account.id().into()), Datum::Text((&*described.path).into())];
                let path = path(described, account.collections(number));
                let id = (account.id(), number);
                changed += usize::from(self.paths.show(&self.schema, id, &keys, path, &mut batch));
            }
        }
        (changed > 0).then_some(batch)
    }
}

fn subscription(account: &Account) -> Subscription {
    let described = account.description();
    Subscription {
        user: described.user.as_str().into(),
        peer: described.peer,
        mode: match described.mode {
            ListMode::Stream => "stream",
            ListMode::Once => "once",
            ListMode::Poll => "poll",
        },
        encoding: described.encoding.name(),
        bundled: described.bundling.is_some(),
        configuration: described.configuration,
        notifications: account.notifications(),
        contexts: account.contexts(),
        sizes: account.bundle_sizes(),
    }
}

fn path(described: &PathDescription, collections: Collections) -> Path {
    let &PathDescription { mode, sample_interval, heartbeat, .. } = described;
    Path { mode, sample_interval, heartbeat, collections }
}

fn path_mode(mode: PathMode) -> &'static str {
    match mode {
        PathMode::TargetDefined => "target-defined",
        PathMode::OnChange => "on-change",
        PathMode::Sample => "sample",
    }
}

fn millis(time: Duration) -> Datum<'static> {
    Datum::Number(i128::try_from(time.as_millis()).unwrap_or(i128::MAX))
}
