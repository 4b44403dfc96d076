//! W2: STREAM while everything changes all the time. A subscriber cannot have every value; the server passes over what
//! does not fit and counts it as duplicates, so what arrives tells how fast the platform changes things as well.

use std::time::Duration;

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::connect_all;
use crate::daemon::{Home, Sim, show_openconfig};
use crate::live::{Live, Opening};
use crate::process::Server;
use crate::reference::Making;
use crate::report::Table;
use crate::request::Subscribe;
use crate::stats::Figure;
use crate::w1::PORT_STATISTICS;
use crate::w3::TOGGLED;

/// Leaves of a simulated port that change with every sweep: packets, octets and unicast packets, each way, of the port
/// and of its OpenConfig interface, packets and octets of its router interface.
const CHANGING: usize = 16;

/// So many ports that a sweep changes 100,000 leaves.
pub(crate) const PORTS: usize = 100_000 / CHANGING;

/// What holds them.
pub(crate) const COUNTERS: [&str; 3] = [
    PORT_STATISTICS,
    "/state/router[router-name=*]/interface[interface-name=*]/statistics",
    "/interfaces/interface[name=*]/state/counters",
];

/// Numbers of subscribers. With none, a watcher of one leaf still tells how fast things change.
const CROWDS: [usize; 3] = [0, 1, 8];

/// Ports that go up and down. Fewer, so that each does it often.
const EVENT_PORTS: usize = 1_000;

/// Events a second that the platform is asked for: more than it can make.
const EVENT_RATE: u32 = 100_000;

/// Shortest window in which a server without a pause surely completes two samples.
const SAMPLES_MIN: Duration = Duration::from_millis(3_300);

/// Connections that they are spread over.
const CONNECTIONS: usize = 8;

/// Measures the references, then sweeps, then events.
pub(crate) async fn run(bench: &Bench) -> Result<()> {
    print!("\nW2  STREAM as fast as it can: bare tonic\n{}", references(bench).await?);

    let home = Home::new()?;
    let mut daemon = home.start(Sim { ports: PORTS, tick_ms: 10, event_rate: 0 }, bench.cores)?;
    let (mut session, _) = daemon.ready().await?;
    show_openconfig(&mut session).await?;
    drop(session);
    let one =
        Subscribe { changed_only: true, ..Subscribe::sample(["/state/port[port-id=2/1/1]/statistics/in-octets"]) };
    let all = Subscribe { changed_only: true, ..Subscribe::sample(COUNTERS) };
    let sweeps = Changes {
        one,
        all,
        opening: Opening::SAMPLES,
        time: bench.budget.stream.max(SAMPLES_MIN),
        others: PORTS * CHANGING,
    };
    print!(
        "\nW2  SAMPLE each second of what has changed, while the platform sweeps {PORTS} ports as fast as it can\n{}",
        sweeps.measure(&daemon).await?
    );
    daemon.stop().await?;

    let mut daemon = home.start(Sim { ports: EVENT_PORTS, tick_ms: 60_000, event_rate: EVENT_RATE }, bench.cores)?;
    daemon.ready().await?;
    let one = Subscribe::on_change("/state/port[port-id=2/1/1]/oper-state", Encoding::Proto);
    let all = Subscribe::on_change(TOGGLED, Encoding::Proto);
    let events = Changes { one, all, opening: Opening::EVENTS, time: bench.budget.window, others: EVENT_PORTS };
    print!(
        "\nW2  ON_CHANGE, while {EVENT_PORTS} ports go up and down as fast as they can, each time a commit\n{}",
        events.measure(&daemon).await?
    );
    daemon.stop().await?;
    Ok(())
}

/// Bare tonic, which sends single leaves without a pause.
async fn references(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(&["", "subscribers", "delivered/s", "us CPU a leaf"]);
    for making in [Making::Objects, Making::Spliced] {
        let (server, _) = bench.reference(&["--making", making.argument(), "--rate", &u32::MAX.to_string()]).await?;
        for subscribers in [1, 8].into_iter().take(if bench.budget.complete { 2 } else { 1 }) {
            let sessions = connect_all(server.target(), subscribers).await?;
            let mut live = Live::open(&sessions, &vec![Bytes::new(); subscribers], Opening::SAMPLES).await?;
            let window = live.window(&server, bench.budget.window).await?;
            let what = if making == Making::Objects { "object a leaf" } else { "spliced leaf" };
            let delivered = Figure(window.leaves() as f64 / window.seconds);
            table.row(&[&what, &subscribers, &delivered, &Figure(window.cpu_per_leaf())]);
        }
    }
    Ok(table)
}

/// A kind of change, and how it is subscribed to.
struct Changes {
    /// One of the leaves that change.
    one: Subscribe,
    /// All of them.
    all: Subscribe,
    opening: Opening,
    time: Duration,
    /// How many change for each change of that one.
    others: usize,
}

impl Changes {
    async fn measure(&self, daemon: &Server) -> Result<Table> {
        let mut table = Table::new(&[
            "subscribers",
            "changes/s",
            "slow-down",
            "delivered/s",
            "duplicates/s",
            "accounted for",
            "leaves a message",
            "server cores",
        ]);
        let mut alone = None;
        let (one, all) = (self.one.encode()?, self.all.encode()?);
        for subscribers in CROWDS {
            let sessions = connect_all(daemon.target(), CONNECTIONS.min(1 + subscribers)).await?;
            let mut requests = vec![one.clone()];
            requests.resize(1 + subscribers, all.clone());
            let mut live = Live::open(&sessions, &requests, self.opening).await?;
            let window = live.window(daemon, self.time).await?;
            let [watcher, crowd @ ..] = &*window.tracks else { return Err("nothing is watched".into()) };
            let (delivered, missed) = watcher.rates()?;
            let changes = (delivered + missed) * self.others as f64;
            let (mut delivered, mut missed) = (0.0, 0.0);
            for track in crowd {
                let rates = track.rates()?;
                delivered += rates.0;
                missed += rates.1;
            }
            let leaves_per_message = window.leaves() as f64 / window.messages() as f64;
            let accounted = match subscribers {
                0 => "-".to_owned(),
                _ => format!("{}%", Figure(100.0 * (delivered + missed) / (changes * subscribers as f64))),
            };
            table.row(&[
                &subscribers,
                &Figure(changes),
                &format!("{}x", Figure(*alone.get_or_insert(changes) / changes)),
                &Figure(delivered),
                &Figure(missed),
                &accounted,
                &Figure(leaves_per_message),
                &Figure(window.cores()),
            ]);
        }
        Ok(table)
    }
}
