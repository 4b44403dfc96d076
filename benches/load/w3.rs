//! W3: how long after a change an ON_CHANGE subscriber has it: receive time minus timestamp of the notification.

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;
use std::process::{Command, Stdio};

use crate::Result;
use crate::bench::Bench;
use crate::client::{Ends, connect_all, subscribe_all};
use crate::daemon::{Home, Sim};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request::Subscribe;
use crate::stats::{Figure, Samples};
use crate::w1::{self, PORT_STATISTICS};

/// The leaf that the simulated platform toggles, port after port.
pub(crate) const TOGGLED: &str = "/state/port[port-id=*]/oper-state";

/// Changes a second that the goals are stated at.
const GOAL_RATE: u32 = 1_000;

/// Subscribers that synchronise beside the measured one.
const SYNCING: &str = "8";

/// Measures every rate, and the synchronising neighbours at [`GOAL_RATE`].
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table = Table::new(&["", "changes/s", "subscribers", "p50 us", "p99 us", "max us", "received/s"]);
    let ports = ports_for_100_000_leaves(bench).await?;
    let request = Subscribe::on_change(TOGGLED, Encoding::Proto).encode()?;
    for rate in [100, GOAL_RATE, 10_000] {
        let (server, _) = bench.reference(&["--rate", &rate.to_string()]).await?;
        let bare = watch(bench, &server, &Bytes::new(), 1).await?;
        bare.print_to(&mut table, "bare tonic, spliced leaf", rate, 1);
        drop(server);

        let home = Home::new()?;
        let mut daemon = home.start(Sim { ports, tick_ms: 60_000, event_rate: rate }, bench.cores)?;
        daemon.ready().await?;
        for subscribers in [1, 8] {
            let latency = watch(bench, &daemon, &request, subscribers).await?;
            latency.print_to(&mut table, "ganymede", rate, subscribers);
            if (rate, subscribers) == (GOAL_RATE, 1) {
                bench.goals.push(goal(
                    "ON_CHANGE p99 at 1,000/s",
                    latency.p99.median(),
                    bare.p99.median(),
                    160.0,
                    100.0,
                ));
            }
        }
        if rate == GOAL_RATE {
            let latency = watch_beside_syncs(bench, &daemon, &request).await?;
            latency.print_to(&mut table, "ganymede, while 8 others synchronise", rate, 1);
            bench.goals.push(goal(
                "ON_CHANGE p99 while 8 synchronise",
                latency.p99.median(),
                bare.p99.median(),
                5_000.0,
                1_000.0,
            ));
        }
        daemon.stop().await?;
    }
    print!("\nW3  ON_CHANGE latency, {ports} simulated ports\n{table}");
    Ok(())
}

/// So many ports that their statistics are about 100,000 leaves. Measures ONCE over them on the way.
async fn ports_for_100_000_leaves(bench: &Bench) -> Result<usize> {
    const FEW: usize = 100;
    let home = Home::new()?;
    let (daemon, leaves) = simulate(bench, &home, FEW).await?;
    daemon.stop().await?;
    let ports =
        (FEW * 100_000).checked_div(usize::try_from(leaves)?).ok_or("the simulated ports have no statistics")?;
    let (daemon, leaves) = simulate(bench, &home, ports).await?;
    w1::run_state(bench, &daemon, leaves).await?;
    daemon.stop().await?;
    Ok(ports)
}

/// A daemon with this many ports, and how many leaves their statistics are.
async fn simulate(bench: &Bench, home: &Home, ports: usize) -> Result<(Server, u64)> {
    let mut daemon = home.start(Sim { ports, ..Sim::default() }, bench.cores)?;
    daemon.ready().await?;
    let request = Subscribe::once(PORT_STATISTICS, Encoding::Proto).encode()?;
    let sessions = connect_all(daemon.target(), 1).await?;
    let totals = subscribe_all(&sessions, &request, 1, Ends::ByServer).await?;
    Ok((daemon, totals.leaves))
}

/// What the subscribers of one series saw, over several windows.
struct Latency {
    p50: Samples,
    p99: Samples,
    max: Samples,
    received: Samples,
}

/// Watches with this many subscribers at a time.
async fn watch(bench: &Bench, server: &Server, request: &Bytes, subscribers: usize) -> Result<Latency> {
    let sessions = connect_all(server.target(), subscribers).await?;
    let mut windows = Vec::new();
    for _ in 0..bench.budget.repeats {
        let totals = subscribe_all(&sessions, request, subscribers, Ends::After(bench.budget.window)).await?;
        windows.push(Samples::micros(totals.latencies));
    }
    Latency::of(&windows, bench)
}

/// Watches with one subscriber while others ask ONCE for everything, again and again. They are a process of their own
/// that yields to this one, so that the time it takes to count what they receive is not taken for the daemon's.
async fn watch_beside_syncs(bench: &Bench, daemon: &Server, request: &Bytes) -> Result<Latency> {
    let mut neighbours = Command::new("nice")
        .args(["-n", "19"])
        .arg(std::env::current_exe()?)
        .args(["client", "--target", &daemon.target().address(), "--username", "admin", "--password", "admin"])
        .args(["--path", PORT_STATISTICS, "--streams", SYNCING, "--connections", "4", "--repeat", "1000000"])
        .stdout(Stdio::null())
        .spawn()?;
    let latency = watch(bench, daemon, request, 1).await;
    let ended = neighbours.try_wait()?;
    neighbours.kill()?;
    neighbours.wait()?;
    match ended {
        Some(status) => Err(format!("the neighbours ended before their time: {status}").into()),
        None => latency,
    }
}

impl Latency {
    fn of(windows: &[Samples], bench: &Bench) -> Result<Self> {
        if windows.iter().any(|window| window.len() == 0) {
            return Err("a subscriber saw no change".into());
        }
        let each = |figure: fn(&Samples) -> f64| Samples::new(windows.iter().map(figure).collect());
        let seconds = bench.budget.window.as_secs_f64();
        let received = windows.iter().map(|window| window.len() as f64 / seconds).collect();
        Ok(Self {
            p50: each(Samples::median),
            p99: each(Samples::p99),
            max: each(Samples::max),
            received: Samples::new(received),
        })
    }

    fn print_to(&self, table: &mut Table, what: &str, rate: u32, subscribers: usize) {
        let received = Figure(self.received.median());
        table.row(&[&what, &rate, &subscribers, &self.p50, &self.p99, &Figure(self.max.max()), &received]);
    }
}

fn goal(what: &'static str, measured: f64, bare: f64, must: f64, aim: f64) -> Goal {
    Goal {
        id: "G3",
        what,
        unit: "us",
        measured,
        reference: bare,
        reference_is: "bare stream p99",
        must,
        aim,
        basis: Basis::Stated,
    }
}
