//! W8: the advertised limit. 8 sessions, 225 subscriptions, 14,400 wildcard paths, all sampled each second, while the
//! platform advances its counters each second.

use std::time::Duration;

use bytes::Bytes;
use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Encoding, GetResponse, Path, TypedValue, Update};
use prost::Message;

use crate::Result;
use crate::bench::Bench;
use crate::client::{Session, connect_all};
use crate::daemon::{Home, Sim, show_openconfig};
use crate::live::{Live, Opening, Track, Window};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request::{self, Subscribe};
use crate::stats::{Figure, Samples};

/// Connections.
const SESSIONS: usize = 8;

/// Subscriptions.
const STREAMS: usize = 225;

/// Paths of each; with [`STREAMS`] they are 14,400.
const PATHS: usize = 64;

/// Each second. The subscriptions begin one after the other over the first of them, as collectors that know nothing of
/// each other do.
const INTERVAL: Duration = Duration::from_secs(1);

/// Ports whose state is about 100,000 leaves, eighty of each.
const SLICED_PORTS: usize = 1_250;

/// Ports of which one wildcard path selects a hundred leaves.
const WILD_PORTS: usize = 100;

/// Everything that the simulated platform says of port 1.
const PLACES: [&str; 3] = [
    "/state/port[port-id=2/1/1]",
    "/state/router[router-name=Base]/interface[interface-name=sim-1]",
    "/interfaces/interface[name=sim-1]",
];

/// Time in which a server surely notices that a subscription has been given up.
const NOTICE: Duration = Duration::from_millis(100);

/// Where the daemon counts the samples that it has deferred, path by path.
const DEFERRED: &str =
    "/state/system/telemetry/grpc/subscription[subscription-id=*]/path[path=*]/deferred-collection-count";

/// One load: what the subscriptions ask for, and list entries of ten leaves that bare tonic sends to each instead.
struct Load {
    what: &'static str,
    ports: usize,
    entries: usize,
}

/// Measures both loads, bare tonic first.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table = Table::new(&[
        "",
        "leaves/s",
        "messages/s",
        "samples due",
        "deferred",
        "by its own count",
        "jitter p50/p99 ms",
        "delay p50/p99 ms",
        "us CPU a leaf",
        "server cores",
    ]);
    let sliced = Load { what: "a slice a path", ports: SLICED_PORTS, entries: 61 };
    let wild = Load { what: "100 leaves a path", ports: WILD_PORTS, entries: 640 };
    for load in [sliced, wild].into_iter().take(if bench.budget.complete { 2 } else { 1 }) {
        let (server, _) = bench.reference(&["--sample-ms", "1000", "--entries", &load.entries.to_string()]).await?;
        let bare = measure(bench, &server, &vec![Bytes::new(); STREAMS], false).await?;
        bare.print_to(&mut table, &format!("bare tonic, spliced leaf, {}", load.what));
        drop(server);

        let home = Home::new()?;
        let mut daemon = home.start(Sim { ports: load.ports, ..Sim::default() }, bench.cores)?;
        let (mut session, _) = daemon.ready().await?;
        show_openconfig(&mut session).await?;
        let requests = if load.ports == WILD_PORTS { wild_requests(&mut session).await? } else { sliced_requests()? };
        drop(session);
        let limit = measure(bench, &daemon, &requests, true).await?;
        limit.print_to(&mut table, &format!("ganymede, {}", load.what));
        bench.goals.extend(limit.goals(&bare, load.ports == SLICED_PORTS));
        daemon.stop().await?;
    }
    print!(
        "\nW8  {SESSIONS} sessions, {STREAMS} subscriptions, {} paths, SAMPLE each second\n{table}",
        STREAMS * PATHS
    );
    Ok(())
}

/// Each path selects a part of one port: all of its interface in whichever router it is, or all subinterfaces of its
/// OpenConfig interface.
fn sliced_requests() -> Result<Vec<Bytes>> {
    let path = |number: usize| {
        let port = number % SLICED_PORTS + 1;
        match number % 2 {
            0 => format!("/state/router[router-name=*]/interface[interface-name=sim-{port}]"),
            _ => format!("/interfaces/interface[name=sim-{port}]/subinterfaces/subinterface[index=*]"),
        }
    };
    let paths = |stream: usize| (stream * PATHS..(stream + 1) * PATHS).map(path);
    (0..STREAMS).map(|stream| Subscribe::sample(paths(stream)).encode()).collect()
}

/// Each path selects one leaf of all ports; each subscription takes a little other ones than that before it.
async fn wild_requests(session: &mut Session) -> Result<Vec<Bytes>> {
    let mut leaves = Vec::new();
    for place in PLACES {
        let reply = GetResponse::decode(session.get(request::get(place, Encoding::Proto)?).await?)?;
        for notification in reply.notification {
            let prefix = notification.prefix.unwrap_or_default();
            leaves.extend(notification.update.iter().filter_map(|update| Some(wild(&prefix, update.path.as_ref()?))));
        }
    }
    if leaves.len() < PATHS {
        return Err(format!("a simulated port has only {} leaves", leaves.len()).into());
    }
    let paths = |stream: usize| leaves.iter().cycle().skip(stream % leaves.len()).take(PATHS);
    (0..STREAMS).map(|stream| Subscribe::sample(paths(stream)).encode()).collect()
}

/// The path of a leaf, in all entries of the lists it stands in.
fn wild(prefix: &Path, path: &Path) -> String {
    let mut text = String::new();
    for elem in prefix.elem.iter().chain(&path.elem) {
        text.push('/');
        text.push_str(&elem.name);
        let mut keys: Vec<_> = elem.key.keys().collect();
        keys.sort();
        for key in keys {
            text.push_str(&format!("[{key}=*]"));
        }
    }
    text
}

/// What the subscriptions saw in one window.
struct Limit {
    window: Window,
    due: u64,
    /// As the timestamps that arrived say.
    deferred: u64,
    /// As the server says, of all paths since they were opened.
    told: Option<u64>,
    /// How much longer or shorter than a second it took from one complete sample to the next, in milliseconds.
    jitter: Samples,
    /// From the timestamp of a sample to its last leaf, in milliseconds.
    delay: Samples,
}

async fn measure(bench: &Bench, server: &Server, requests: &[Bytes], counts: bool) -> Result<Limit> {
    let sessions = connect_all(server.target(), SESSIONS).await?;
    let opening = Opening { apart: INTERVAL / STREAMS as u32, ..Opening::SAMPLES };
    let mut live = Live::open(&sessions, requests, opening).await?;
    let window = live.window(server, bench.budget.stream).await?;
    live.end_last().await;
    let told = if counts { Some(told(sessions.first().ok_or("no session")?).await?) } else { None };
    let (mut due, mut deferred, mut jitter, mut delay) = (0, 0, Vec::new(), Vec::new());
    for track in &window.tracks {
        check(track)?;
        let rounds = &track.rounds;
        delay.extend(rounds.iter().map(|round| millis(round.complete.since(round.stamp))));
        for pair in rounds.windows(2) {
            let [one, next] = pair else { continue };
            let intervals = (next.stamp.since(one.stamp).as_secs_f64() / INTERVAL.as_secs_f64()).round().max(1.0);
            due += intervals as u64;
            deferred += intervals as u64 - 1;
            jitter.push((millis(next.complete.since(one.complete)) - intervals * millis(INTERVAL)).abs());
        }
    }
    Ok(Limit { window, due, deferred, told, jitter: Samples::new(jitter), delay: Samples::new(delay) })
}

/// How many samples the daemon says that it has deferred, while one subscription less is open than there may be.
async fn told(session: &Session) -> Result<u64> {
    tokio::time::sleep(NOTICE).await;
    let request = request::get(DEFERRED, Encoding::Proto)?;
    let reply = GetResponse::decode(session.clone().get(request).await?)?;
    let updates: Vec<Update> = reply.notification.into_iter().flat_map(|told| told.update).collect();
    let count = |update: &Update| match update.val {
        Some(TypedValue { value: Some(Value::UintVal(count)) }) => Some(count),
        _ => None,
    };
    let counts: Vec<u64> = updates.iter().filter_map(count).collect();
    match counts.len() {
        paths if paths >= (STREAMS - 1) * PATHS => Ok(counts.into_iter().sum()),
        paths => Err(format!("the daemon counts the samples of {paths} paths").into()),
    }
}

/// A server that samples less than it was asked for must not look punctual.
fn check(track: &Track) -> Result<()> {
    let rounds = &track.rounds;
    let leaves = rounds.first().map_or(0, |round| round.leaves);
    match rounds.iter().find(|round| round.leaves != leaves) {
        _ if leaves == 0 || rounds.len() < 2 => Err("a subscription brought no samples to compare".into()),
        Some(other) => Err(format!("a sample of {leaves} leaves and one of {}", other.leaves).into()),
        None => Ok(()),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Limit {
    fn print_to(&self, table: &mut Table, what: &str) {
        let pair = |samples: &Samples| format!("{}/{}", Figure(samples.median()), Figure(samples.p99()));
        table.row(&[
            &what,
            &Figure(self.window.leaves() as f64 / self.window.seconds),
            &Figure(self.window.messages() as f64 / self.window.seconds),
            &self.due,
            &self.deferred,
            &self.told.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            &pair(&self.jitter),
            &pair(&self.delay),
            &Figure(self.window.cpu_per_leaf()),
            &Figure(self.window.cores()),
        ]);
    }

    /// G4: at 100,000 leaves a second it must be met, at 1.44 million it is the aim.
    fn goals(&self, bare: &Self, must: bool) -> [Goal; 2] {
        let must = |limit| if must { limit } else { f64::INFINITY };
        let at = |low, high| if must(0.0) == 0.0 { low } else { high };
        let deferred = Goal {
            id: "G4",
            what: at("deferred samples, 14,400 paths", "the same at 1.44 million leaves/s"),
            unit: "samples",
            measured: self.told.unwrap_or(0).max(self.deferred) as f64,
            reference: self.due as f64,
            reference_is: "samples due",
            must: must(0.0),
            aim: 0.0,
            basis: Basis::Part,
        };
        let jitter = Goal {
            what: at("jitter p99, 14,400 paths", "the same at 1.44 million leaves/s"),
            unit: "ms",
            measured: self.jitter.p99(),
            reference: bare.jitter.p99(),
            reference_is: "bare tonic",
            must: must(20.0),
            aim: 20.0,
            basis: Basis::Stated,
            ..deferred.clone()
        };
        [deferred, jitter]
    }
}
