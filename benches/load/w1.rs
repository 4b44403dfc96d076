//! W1: ONCE over 100,000 leaves, and what the server's processor pays for each of them.

use std::time::Instant;

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::{Ends, connect_all, subscribe_all};
use crate::daemon::LEAVES_PER_ENTRY;
use crate::process::Server;
use crate::reference::Making;
use crate::report::{Basis, Goal, Table};
use crate::request::Subscribe;
use crate::stats::{Figure, Samples};

/// Microseconds of server CPU for a leaf where the goals were stated: a prost object for each leaf, on bare tonic.
pub(crate) const OBJECT_STATED: f64 = 0.60;

/// Entries of ten leaves each.
pub(crate) const ENTRIES: usize = 10_000;

/// Least number of leaves of one subscription; a server may send the keys of the entries as well.
pub(crate) const LEAVES: u64 = (ENTRIES * LEAVES_PER_ENTRY) as u64;

/// What one way of asking costs the server.
#[derive(Debug)]
pub(crate) struct Cost {
    /// Microseconds of server CPU for a leaf, one value for each repetition.
    pub(crate) cpu: Samples,
    /// Thousand leaves a second.
    pub(crate) rate: Samples,
    /// Leaves of one subscription.
    leaves: u64,
    leaves_per_message: f64,
    bytes_per_message: f64,
}

/// A prost object for each leaf on bare tonic: the reference of everything that builds leaves one by one.
pub(crate) async fn object_cost(bench: &Bench) -> Result<Cost> {
    reference_cost(bench, Making::Objects, false).await
}

/// Measures the references and then the daemon, whose list `/test/bulk/entry` has [`ENTRIES`] entries.
pub(crate) async fn run(bench: &mut Bench, daemon: &Server) -> Result<()> {
    let mut table = table();
    let object = object_cost(bench).await?;
    object.print_to(&mut table, "bare tonic, object a leaf", 1);
    reference_cost(bench, Making::Objects, true).await?.print_to(&mut table, "bare tonic, object of prefix and 10", 1);
    reference_cost(bench, Making::Spliced, false).await?.print_to(&mut table, "bare tonic, spliced leaf", 1);
    let spliced = reference_cost(bench, Making::Spliced, true).await?;
    spliced.print_to(&mut table, "bare tonic, spliced prefix and 10", 1);

    let mut known = LEAVES;
    for encoding in [Encoding::Proto, Encoding::Json, Encoding::JsonIetf, Encoding::Bytes] {
        for streams in [1, 8] {
            let request = Subscribe::once("/test/bulk/entry", encoding).encode()?;
            let leaves = if encoding == Encoding::Bytes { Leaves::Packed(known) } else { Leaves::AtLeast(LEAVES) };
            let cost = cost(bench, daemon, &request, streams, leaves).await?;
            known = cost.leaves;
            cost.print_to(&mut table, &format!("ganymede, {}", encoding.as_str_name()), streams);
            if (encoding, streams) == (Encoding::Proto, 1) {
                bench.goals.extend(goals(cost.cpu.median(), object.cpu.median(), spliced.cpu.median()));
            }
        }
    }
    print!("\nW1  ONCE over {ENTRIES} entries of configuration: median (lowest-highest)\n{table}");
    Ok(())
}

/// Measures the daemon's simulated ports, whose counters advance while they are read.
pub(crate) async fn run_state(bench: &Bench, daemon: &Server, leaves: u64) -> Result<()> {
    let mut table = table();
    for streams in [1, 8] {
        let request = Subscribe::once(PORT_STATISTICS, Encoding::Proto).encode()?;
        let cost = cost(bench, daemon, &request, streams, Leaves::AtLeast(leaves)).await?;
        cost.print_to(&mut table, "ganymede, PROTO", streams);
    }
    print!(
        "\nW1  ONCE over the statistics of simulated ports, with what the platform spends on them meanwhile\n{table}"
    );
    Ok(())
}

/// The simulated counters.
pub(crate) const PORT_STATISTICS: &str = "/state/port[port-id=*]/statistics";

async fn reference_cost(bench: &Bench, making: Making, bundled: bool) -> Result<Cost> {
    let mut arguments = vec!["--making", making.argument()];
    arguments.extend(bundled.then_some("--bundled"));
    let (server, _) = bench.reference(&arguments).await?;
    cost(bench, &server, &Bytes::new(), 1, Leaves::AtLeast(LEAVES)).await
}

/// How the leaves of one subscription are known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaves {
    /// Each is an update; at least so many.
    AtLeast(u64),
    /// An update of BYTES holds many: as many as another encoding brought.
    Packed(u64),
}

/// Least bytes of one of the counters in BYTES.
const PACKED_BYTES: u64 = 8;

/// Asks again and again, and divides the CPU time of each repetition by the leaves of it.
pub(crate) async fn cost(
    bench: &Bench,
    server: &Server,
    request: &Bytes,
    streams: usize,
    leaves: Leaves,
) -> Result<Cost> {
    let sessions = connect_all(server.target(), streams).await?;
    let first = subscribe_all(&sessions, request, streams, Ends::ByServer).await?;
    let each = match leaves {
        Leaves::AtLeast(least) if first.leaves >= least * streams as u64 => first.leaves / streams as u64,
        Leaves::Packed(known) if first.bytes >= known * streams as u64 * PACKED_BYTES => known,
        _ => return Err(format!("{streams} streams brought {} leaves, not {leaves:?} each", first.leaves).into()),
    };
    let (mut cpu, mut rate) = (Vec::new(), Vec::new());
    for _ in 0..bench.budget.repeats {
        let (before, started, mut leaves) = (server.usage().cpu_seconds()?, Instant::now(), 0);
        while started.elapsed() < bench.budget.window {
            let totals = subscribe_all(&sessions, request, streams, Ends::ByServer).await?;
            // A server that sends less than it was asked for must not look fast.
            if (totals.leaves, totals.syncs) != (first.leaves, streams as u64) {
                return Err(format!("{} leaves, then {}", first.leaves, totals.leaves).into());
            }
            leaves += each * streams as u64;
        }
        rate.push(leaves as f64 / started.elapsed().as_secs_f64() / 1e3);
        cpu.push((server.usage().cpu_seconds()? - before) * 1e6 / leaves as f64);
    }
    Ok(Cost {
        cpu: Samples::new(cpu),
        rate: Samples::new(rate),
        leaves: each,
        leaves_per_message: (each * streams as u64) as f64 / first.messages as f64,
        bytes_per_message: first.bytes as f64 / first.messages as f64,
    })
}

pub(crate) fn table() -> Table {
    Table::new(&["", "streams", "leaves", "us CPU a leaf", "thousand leaves/s", "leaves a message", "bytes a message"])
}

impl Cost {
    pub(crate) fn print_to(&self, table: &mut Table, what: &str, streams: usize) {
        let message = (Figure(self.leaves_per_message), Figure(self.bytes_per_message));
        table.row(&[&what, &streams, &self.leaves, &self.cpu, &self.rate, &message.0, &message.1]);
    }
}

fn goals(measured: f64, object: f64, spliced: f64) -> [Goal; 2] {
    let goal = Goal {
        id: "G1",
        what: "server CPU a leaf, ONCE PROTO",
        unit: "us",
        measured,
        reference: object,
        reference_is: "object a leaf",
        must: 0.35,
        aim: 0.10,
        basis: Basis::Scaled(OBJECT_STATED),
    };
    // The aim is also stated as three times the spliced ceiling, whose own figure depends on the lengths of names.
    let near_ceiling = Goal {
        reference: spliced,
        reference_is: "spliced prefix and 10",
        must: goal.must * object / OBJECT_STATED,
        aim: 3.0 * spliced,
        basis: Basis::Stated,
        ..goal.clone()
    };
    [goal, near_ceiling]
}
