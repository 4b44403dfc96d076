//! G11: a hundred subscribers with the same plan against one. What the platform spends without any is taken off.

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

/// Ports that go up or down in a second.
const EVENTS: u32 = 1_000;

/// List entries of ten leaves that bare tonic sends each second.
const ENTRIES: &str = "1500";

/// Measures SAMPLE, then ON_CHANGE, bare tonic first.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table =
        Table::new(&["", "subscribers", "leaves/s", "messages/s", "ms CPU/s", "without subscribers", "hundred/one"]);
    let sample = Subscribe::sample([PORT_STATISTICS]).encode()?;
    let change = Subscribe::on_change(TOGGLED, Encoding::Proto).encode()?;
    for (mode, what, request) in [
        ("SAMPLE", "hundred subscribers against one, SAMPLE", sample),
        ("ON_CHANGE", "hundred subscribers against one, ON_CHANGE", change),
    ] {
        let samples = mode == "SAMPLE";
        let events = EVENTS.to_string();
        let arguments: &[&str] =
            if samples { &["--sample-ms", "1000", "--entries", ENTRIES, "--bundled"] } else { &["--rate", &events] };
        let (server, _) = bench.reference(arguments).await?;
        compare(bench, &server, &Bytes::new(), &mut table, &format!("bare tonic, {mode}")).await?;
        drop(server);

        let home = Home::new()?;
        // Counters stand still: the platform's own work would hide what is compared.
        let sim = Sim { ports: PORTS, tick_ms: 60_000, event_rate: if samples { 0 } else { EVENTS } };
        let mut daemon = home.start(sim, bench.cores)?;
        daemon.ready().await?;
        let (one, hundred) = compare(bench, &daemon, &request, &mut table, &format!("ganymede, {mode}")).await?;
        bench.goals.push(Goal {
            id: "G11",
            what,
            unit: "ms/s",
            measured: hundred,
            reference: one,
            reference_is: "one subscriber",
            must: 5.0 * one,
            aim: 2.0 * one,
            basis: Basis::Stated,
        });
        daemon.stop().await?;
    }
    print!("\nG11  the same plan, {EVENTS} changes/s or {PORTS} ports each second\n{table}");
    Ok(())
}

/// Milliseconds of CPU a second that one and that a hundred subscribers cost.
async fn compare(bench: &Bench, server: &Server, request: &Bytes, table: &mut Table, what: &str) -> Result<(f64, f64)> {
    let time = bench.budget.compare;
    let idle = Live::open(&[], &[], Opening::EVENTS).await?.window(server, time).await?.cores() * 1e3;
    let mut costs = Vec::new();
    for subscribers in [1, HUNDRED] {
        let sessions = connect_all(server.target(), CONNECTIONS).await?;
        let mut live = Live::open(&sessions, &vec![request.clone(); subscribers], Opening::SAMPLES).await?;
        let window = live.window(server, time).await?;
        if window.tracks.iter().any(|track| track.leaves == 0) {
            return Err("a subscriber received nothing".into());
        }
        let cost = window.cores() * 1e3 - idle;
        costs.push(cost);
        let ratio = if subscribers == 1 { f64::NAN } else { cost / costs.first().copied().unwrap_or(f64::NAN) };
        table.row(&[
            &what,
            &subscribers,
            &Figure(window.leaves() as f64 / window.seconds),
            &Figure(window.messages() as f64 / window.seconds),
            &Figure(cost),
            &Figure(idle),
            &Figure(ratio),
        ]);
    }
    match *costs {
        [one, hundred] => Ok((one, hundred)),
        _ => Err("nothing was compared".into()),
    }
}
