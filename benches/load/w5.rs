//! W5: subscribers that have stopped reading while everything changes each second: what they cost in memory, and what
//! the others notice of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::{Session, Subscription, connect_all};
use crate::daemon::{Home, LEAVES_PER_ENTRY, Sim, show_openconfig};
use crate::floor;
use crate::live::{Live, Opening};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request::{self, Subscribe};
use crate::stats::{Figure, Samples};
use crate::w1;
use crate::w2::{COUNTERS, PORTS};

/// Subscribers that do not read; in a quick run, fewer.
const STALLED: usize = 8;
const STALLED_QUICK: usize = 3;

/// Connections that they are spread over; the reader and the caller of Get have the others of the eight.
const STALLED_CONNECTIONS: usize = 6;

/// HTTP/2 windows of theirs, as gRPC libraries begin with: of a stream, and of a connection that carries two.
const WINDOW: u32 = 65_535;

/// Time between two that stop reading: longer than a sweep, so that each of them stops at another state of the tree. That
/// is the worst case: what they hold has nothing in common.
const APART: Duration = Duration::from_millis(1_100);

/// Time between two Gets.
const PACE: Duration = Duration::from_millis(10);

/// Time to settle after the start, and after the stalled ones have gone.
const REST: Duration = Duration::from_millis(1_500);

/// Measures before, during and after.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let home = Home::new()?;
    let mut daemon = home.start(Sim { ports: PORTS, tick_ms: 1_000, event_rate: 0 }, bench.cores)?;
    let (mut session, _) = daemon.ready().await?;
    show_openconfig(&mut session).await?;
    drop(session);

    let everything = Subscribe::sample(COUNTERS).encode()?;
    let mut sessions = connect_all(daemon.target(), 2).await?;
    let mut caller = sessions.pop().ok_or("no connection")?;
    let reader = Live::open(&sessions, std::slice::from_ref(&everything), Opening::SAMPLES).await?;
    let narrow = daemon.target().clone().windows(WINDOW, 4 * WINDOW);
    let stalled = connect_all(&narrow, STALLED_CONNECTIONS).await?;
    for session in &stalled {
        // The memory that checking a password takes is not theirs.
        session.clone().capabilities().await?;
    }
    tokio::time::sleep(REST).await;

    let mut others = Others { reader, caller: &mut caller, daemon: &daemon, time: bench.budget.stream };
    let before = others.observe().await?;
    let stopped = Instant::now();
    let count = if bench.budget.complete { STALLED } else { STALLED_QUICK };
    let mut subscriptions = stop_reading(&stalled, &everything, count).await?;
    let during = others.observe().await?;
    let held = stopped.elapsed();
    for subscription in &mut subscriptions {
        subscription.next().await?.ok_or("the server ended a stalled subscription")?;
    }
    let mut table = Table::new(&[
        "stalled",
        "resident MB",
        "reader: leaves/s",
        "delay of a sample, ms",
        "Get leaf p50/p99 us",
        "server cores",
    ]);
    before.print_to(&mut table, "none");
    during.print_to(&mut table, &count.to_string());
    if bench.budget.complete {
        drop(subscriptions);
        tokio::time::sleep(REST).await;
        others.observe().await?.print_to(&mut table, "none any more");
    }
    daemon.stop().await?;
    let each = (during.resident - before.resident) / 1e6 / count as f64;
    print!(
        "\nW5  {count} subscribers that do not read, for up to {:.0} s, while 100,000 leaves change each second\n{table}  \
         each stalled subscriber: {} MB\n",
        held.as_secs_f64(),
        Figure(each)
    );
    let map = floor::map_bytes_per_leaf(w1::ENTRIES * LEAVES_PER_ENTRY)?;
    bench.goals.push(Goal {
        id: "G10",
        what: "memory of a stalled subscriber",
        unit: "MB",
        measured: each,
        reference: map * (w1::ENTRIES * LEAVES_PER_ENTRY) as f64 / 1e6,
        reference_is: "100,000 leaves in a plain map",
        must: 64.0,
        aim: 16.0,
        basis: Basis::Stated,
    });
    Ok(())
}

/// Opens the subscriptions and never reads them.
async fn stop_reading(sessions: &[Session], request: &Bytes, count: usize) -> Result<Vec<Subscription>> {
    let mut subscriptions = Vec::new();
    for session in sessions.iter().cycle().take(count) {
        subscriptions.push(session.clone().subscribe(request.clone()).await?);
        tokio::time::sleep(APART).await;
    }
    Ok(subscriptions)
}

/// One subscriber that reads everything each second, and one client that calls Get, each on a connection of its own.
struct Others<'a> {
    reader: Live,
    caller: &'a mut Session,
    daemon: &'a Server,
    time: Duration,
}

/// What they notice, and the most memory that the daemon had meanwhile.
struct Observed {
    resident: f64,
    leaves_per_second: f64,
    /// From the timestamp of a sample to its last leaf, in milliseconds.
    delay: Samples,
    get: Samples,
    cores: f64,
}

impl Others<'_> {
    async fn observe(&mut self) -> Result<Observed> {
        let calls = calls(self.caller, self.daemon, self.time);
        let (window, calls) = tokio::join!(self.reader.window(self.daemon, self.time), calls);
        let (window, (resident, get)) = (window?, calls?);
        let track = window.tracks.first().ok_or("nobody reads")?;
        let delays = track.rounds.iter().map(|round| round.complete.since(round.stamp).as_secs_f64() * 1e3);
        Ok(Observed {
            resident,
            leaves_per_second: track.rates()?.0,
            delay: Samples::new(delays.collect()),
            get: Samples::micros(get),
            cores: window.cores(),
        })
    }
}

/// Calls Get for one leaf at an even pace; the most memory seen, and how long each call took.
async fn calls(caller: &mut Session, daemon: &Server, time: Duration) -> Result<(f64, Vec<Duration>)> {
    let request = request::get("/state/port[port-id=2/1/1]/oper-state", Encoding::Proto)?;
    let (begun, mut resident, mut durations) = (Instant::now(), 0.0_f64, Vec::new());
    while begun.elapsed() < time {
        let started = Instant::now();
        caller.get(request.clone()).await?;
        durations.push(started.elapsed());
        resident = resident.max(daemon.usage().resident_bytes()?);
        tokio::time::sleep(PACE).await;
    }
    Ok((resident, durations))
}

impl Observed {
    fn print_to(&self, table: &mut Table, stalled: &str) {
        table.row(&[
            &stalled,
            &Figure(self.resident / 1e6),
            &Figure(self.leaves_per_second),
            &self.delay,
            &format!("{}/{}", Figure(self.get.median()), Figure(self.get.p99())),
            &Figure(self.cores),
        ]);
    }
}
