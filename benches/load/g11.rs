//! G11: CPU time of the server with a hundred subscribers that have the same plan, against one subscriber. What it spends
//! without any stands beside it.

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::connect_all;
use crate::daemon::{Home, Sim};
use crate::live::{Live, Opening};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request::Subscribe;
use crate::stats::Figure;
use crate::w1::PORT_STATISTICS;
use crate::w3::TOGGLED;

/// Subscribers with the same plan.
const HUNDRED: usize = 100;

/// Connections that they are spread over.
const CONNECTIONS: usize = 8;

/// Simulated ports; the statistics of each are fifteen leaves.
const PORTS: usize = 1_000;

/// What is compared: a subscription, and what bare tonic sends instead.
struct Plan {
    mode: &'static str,
    goal: &'static str,
    request: Bytes,
    event_rate: u32,
    bare: [&'static str; 4],
}

/// Measures SAMPLE, then ON_CHANGE, bare tonic first.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let sample = Plan {
        mode: "SAMPLE",
        goal: "hundred subscribers, the same SAMPLE",
        request: Subscribe::sample([PORT_STATISTICS]).encode()?,
        event_rate: 0,
        // Fifteen hundred entries of ten leaves.
        bare: ["--bundled", "--sample-ms=1000", "--entries=1500", "--making=spliced"],
    };
    let change = Plan {
        mode: "ON_CHANGE",
        goal: "hundred subscribers, the same ON_CHANGE",
        request: Subscribe::on_change(TOGGLED, Encoding::Proto).encode()?,
        event_rate: 1_000,
        bare: ["--rate=1000", "--entries=1000", "--making=spliced", "--reply-bytes=0"],
    };
    let mut table = Table::new(&["", "subscribers", "leaves/s", "messages/s", "ms CPU/s"]);
    for plan in [sample, change] {
        let (server, _) = bench.reference(&plan.bare).await?;
        for subscribers in [1, HUNDRED] {
            cost(bench, &server, &Bytes::new(), subscribers, &mut table, &format!("bare tonic, {}", plan.mode)).await?;
        }
        drop(server);

        let home = Home::new()?;
        // Counters stand still: the platform's own work would hide what is compared.
        let sim = Sim { ports: PORTS, tick_ms: 60_000, event_rate: plan.event_rate };
        let mut daemon = home.start(sim, bench.cores)?;
        daemon.ready().await?;
        let mut costs = [0.0; 3];
        for (subscribers, spent) in [0, 1, HUNDRED].into_iter().zip(&mut costs) {
            let what = format!("ganymede, {}", plan.mode);
            *spent = cost(bench, &daemon, &plan.request, subscribers, &mut table, &what).await?;
        }
        daemon.stop().await?;
        let [_, one, measured] = costs;
        bench.goals.push(Goal {
            id: "G11",
            what: plan.goal,
            unit: "ms/s",
            measured,
            reference: one,
            reference_is: "one subscriber",
            must: 5.0 * one,
            aim: 2.0 * one,
            basis: Basis::Stated,
        });
    }
    print!("\nG11  subscribers with the same plan: 15,000 leaves each second, 1,000 changes a second\n{table}");
    Ok(())
}

/// Milliseconds of CPU that the server uses in a second with so many subscribers.
async fn cost(
    bench: &Bench,
    server: &Server,
    request: &Bytes,
    subscribers: usize,
    table: &mut Table,
    what: &str,
) -> Result<f64> {
    let sessions = connect_all(server.target(), subscribers.min(CONNECTIONS)).await?;
    let mut live = Live::open(&sessions, &vec![request.clone(); subscribers], Opening::SAMPLES).await?;
    let window = live.window(server, bench.budget.compare).await?;
    if window.tracks.iter().any(|track| track.leaves == 0) {
        return Err("a subscriber received nothing".into());
    }
    let cost = window.cores() * 1e3;
    let [leaves, messages] = [window.leaves(), window.messages()].map(|count| Figure(count as f64 / window.seconds));
    table.row(&[&what, &subscribers, &leaves, &messages, &Figure(cost)]);
    Ok(cost)
}
