//! W4: Capabilities, Get and Set against lists of growing length. One call at a time, so a figure is a latency.

use std::time::Duration;

use bytes::Bytes;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::{Call, Session, timed};
use crate::daemon::{Home, LEAVES_PER_ENTRY, Sim, entry_name, entry_path, load};
use crate::floor;
use crate::report::{Basis, Goal, Table};
use crate::request;
use crate::stats::{Figure, Samples};
use crate::w1::{self, OBJECT_STATED};

/// Microseconds of a bare tonic round trip where the goals were stated.
const UNARY_STATED: f64 = 62.0;

/// Entries at which the goals on 30,000 leaves are measured.
const GOAL_ENTRIES: usize = 3_000;

/// Lengths of the list. The last needs a long run.
const SIZES: [usize; 5] = [100, 1_000, GOAL_ENTRIES, 10_000, 100_000];

/// Rounds that the calls at one length are spread over.
const ROUNDS: u32 = 5;

/// Requests made before a series is timed and used in turn, so that no two neighbours are the same.
const DISTINCT: usize = 64;

/// What was measured at one length, in microseconds.
struct Row {
    unary: Samples,
    capabilities: Samples,
    leaf: Samples,
    list: Samples,
    set: Samples,
    fsync: Samples,
}

/// Grows the list step by step and measures each.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let home = Home::new()?;
    let mut daemon = home.start(Sim::default(), bench.cores)?;
    let (mut session, _) = daemon.ready().await?;
    let mut table = Table::new(&[
        "entries",
        "bare trip p50",
        "Capabilities p50/p99",
        "Get leaf p50/p99",
        "Get list p50",
        "Set leaf p50/p99",
        "fsync p50",
    ]);
    let (_server, mut bare) = bench.reference(&["--entries", "0"]).await?;
    let mut loaded = 0;
    let mut slowest: Option<Goal> = None;
    let mut sets: Vec<(usize, f64)> = Vec::new();
    for entries in SIZES.into_iter().filter(|entries| *entries <= bench.budget.entries_max) {
        load(&mut session, loaded, entries).await?;
        loaded = entries;
        let row = measure(bench, &mut session, &mut bare, entries).await?;
        row.print_to(&mut table, entries);
        sets.push((entries * LEAVES_PER_ENTRY, row.set.median() / 1e3));
        let goal = row.leaf_goal();
        slowest = slowest.filter(|other| other.ratio() >= goal.ratio()).or(Some(goal));
        if entries == GOAL_ENTRIES {
            let object = w1::object_cost(bench).await?.cpu.median();
            bench.goals.extend(row.goals(object));
        }
    }
    bench.goals.extend(slowest);
    bench.goals.extend(flatness(&sets));
    daemon.stop().await?;
    print!("\nW4  unary calls, microseconds, one at a time; an entry has {LEAVES_PER_ENTRY} leaves\n{table}");
    let series: Vec<_> = sets.iter().map(|(leaves, millis)| format!("{leaves}: {}", Figure(*millis))).collect();
    println!("  Set of one leaf by leaves in the tree, ms at the median: {}", series.join(", "));
    Ok(())
}

/// G5 over the sizes: what a Set of one leaf takes in the largest tree, against the smallest of the same run.
fn flatness(sets: &[(usize, f64)]) -> Option<Goal> {
    let (&(_, smallest), &(_, largest)) = (sets.first()?, sets.last()?);
    Some(Goal {
        id: "G5",
        what: "the same in the largest tree",
        unit: "ms",
        measured: largest,
        reference: smallest,
        reference_is: "in 1,000 leaves",
        must: 2.0 * smallest,
        aim: 1.25 * smallest,
        basis: Basis::Stated,
    })
}

async fn measure(bench: &Bench, session: &mut Session, bare: &mut Session, entries: usize) -> Result<Row> {
    let leaf = |number| format!("{}/c0", entry_path(&entry_name(number % entries)));
    let stride = entries / DISTINCT + 1;
    let gets: Vec<_> =
        (0..DISTINCT).map(|n| request::get(&leaf(n * stride), Encoding::Proto)).collect::<Result<_>>()?;
    // Neighbouring Sets differ in path and value, so each of them changes something.
    let sets: Vec<_> = (0..DISTINCT)
        .flat_map(|n| [1, 2].map(|value| request::set(&leaf(n * stride), format!("\"{value}\""))))
        .collect::<Result<_>>()?;
    let list = request::get("/test/bulk/entry", Encoding::JsonIetf)?;
    let reply = session.get(list.clone()).await?;
    // Each leaf takes its name, quotes and thirteen digits.
    if reply.len() < entries * LEAVES_PER_ENTRY * 15 {
        return Err(format!("Get of {entries} entries answered only {} bytes", reply.len()).into());
    }
    let none = [Bytes::new()];
    let mut series: [Vec<Duration>; 5] = Default::default();
    let mut fsync = Vec::new();
    // All in turn, several times, so that what else the machine does meets all of them.
    for _ in 0..ROUNDS {
        let time = bench.budget.calls / ROUNDS;
        let [unary, capabilities, gotten, listed, set] = &mut series;
        unary.extend(timed(bare, Call::Get, &none, time).await?);
        capabilities.extend(timed(session, Call::Capabilities, &none, time).await?);
        gotten.extend(timed(session, Call::Get, &gets, time).await?);
        listed.extend(timed(session, Call::Get, std::slice::from_ref(&list), time).await?);
        fsync.extend(floor::fsync(50)?);
        set.extend(timed(session, Call::Set, &sets, time).await?);
    }
    let [unary, capabilities, leaf, list, set] = series.map(Samples::micros);
    Ok(Row { unary, capabilities, leaf, list, set, fsync: Samples::micros(fsync) })
}

impl Row {
    fn print_to(&self, table: &mut Table, entries: usize) {
        let pair = |samples: &Samples| format!("{}/{}", Figure(samples.median()), Figure(samples.p99()));
        table.row(&[
            &entries,
            &Figure(self.unary.median()),
            &pair(&self.capabilities),
            &pair(&self.leaf),
            &Figure(self.list.median()),
            &pair(&self.set),
            &Figure(self.fsync.median()),
        ]);
    }

    /// G6 at this length.
    fn leaf_goal(&self) -> Goal {
        Goal {
            id: "G6",
            what: "Get leaf p50, slowest length",
            unit: "us",
            measured: self.leaf.median(),
            reference: self.unary.median(),
            reference_is: "bare round trip p50",
            must: 100.0,
            aim: 70.0,
            basis: Basis::Scaled(UNARY_STATED),
        }
    }

    /// G5 and G7; `object` is the cost of a prost object for a leaf on bare tonic.
    fn goals(&self, object: f64) -> [Goal; 2] {
        let leaves = (GOAL_ENTRIES * LEAVES_PER_ENTRY) as f64;
        let fsync_ms = self.fsync.median() / 1e3;
        let set = Goal {
            id: "G5",
            what: "Set one of 30,000 leaves, durable",
            unit: "ms",
            measured: self.set.median() / 1e3,
            reference: fsync_ms,
            reference_is: "one fsync",
            must: 5.0,
            aim: fsync_ms + 0.2,
            basis: Basis::Stated,
        };
        let get = Goal {
            id: "G7",
            what: "Get 30,000 leaves, JSON_IETF",
            measured: self.list.median() / 1e3,
            reference: object * leaves / 1e3,
            reference_is: "as objects, bare",
            must: 30.0,
            aim: 10.0,
            basis: Basis::Scaled(OBJECT_STATED * leaves / 1e3),
            ..set.clone()
        };
        [set, get]
    }
}
