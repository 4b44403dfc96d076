//! W9: from start to first answer, memory at rest, memory of a leaf.

use std::time::Duration;

use crate::Result;
use crate::bench::Bench;
use crate::daemon::{Home, LEAVES_PER_ENTRY, Sim, load};
use crate::floor;
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::stats::Samples;
use crate::w1;

/// How long a process rests before its memory is read.
const REST: Duration = Duration::from_secs(1);

/// Entries loaded before memory is measured: about 50 MB, which use up what the allocator kept from the start and from
/// hashing passwords. Without them the first leaves would seem to cost nothing.
const BALLAST: usize = 20_000;

/// Starts the daemon on empty and on loaded data directories.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table = Table::new(&["", "first answer ms", "resident MB"]);
    let (bare_start, bare_memory) = series(bench, Start::Reference).await?;
    table.row(&[&"bare tonic", &bare_start, &bare_memory]);
    let (start, memory) = series(bench, Start::Empty).await?;
    table.row(&[&"ganymede, empty data directory", &start, &memory]);

    let home = Home::new()?;
    fill(bench, &home).await?;
    let (saved_start, saved_memory) = series(bench, Start::Saved(&home)).await?;
    let saved = format!("ganymede, {} leaves saved", w1::ENTRIES * LEAVES_PER_ENTRY);
    table.row(&[&saved, &saved_start, &saved_memory]);

    let leaves = bench.budget.memory_entries * LEAVES_PER_ENTRY;
    let growth = growth(bench).await?;
    let map = floor::map_bytes_per_leaf(leaves)?;
    let mut memories = Table::new(&["", "bytes a leaf"]);
    memories.row(&[&"map from path text to number", &format!("{map:.0}")]);
    memories.row(&[&format!("ganymede, {leaves} leaves more"), &format!("{:.0}", growth / leaves as f64)]);
    print!("\nW9  start and memory: median (lowest-highest)\n{table}\n{memories}");

    let stated = Goal {
        id: "G2",
        what: "memory a stored leaf",
        unit: "B",
        measured: growth / leaves as f64,
        reference: map,
        reference_is: "plain map",
        must: 300.0,
        aim: 150.0,
        basis: Basis::Stated,
    };
    let first = Goal {
        id: "G8",
        what: "start to first answer",
        unit: "s",
        measured: start.median() / 1e3,
        reference: bare_start.median() / 1e3,
        reference_is: "bare tonic",
        must: 2.0,
        aim: 0.5,
        ..stated.clone()
    };
    let idle = Goal {
        what: "memory at rest",
        unit: "MB",
        measured: memory.median(),
        reference: bare_memory.median(),
        must: 60.0,
        aim: 30.0,
        ..first.clone()
    };
    bench.goals.extend([stated, first, idle]);
    Ok(())
}

/// What is started.
#[derive(Clone, Copy)]
enum Start<'a> {
    Reference,
    Empty,
    Saved(&'a Home),
}

/// Starts it several times: milliseconds to the first answer, megabytes at rest.
async fn series(bench: &Bench, what: Start<'_>) -> Result<(Samples, Samples)> {
    let (mut starts, mut memories) = (Vec::new(), Vec::new());
    for _ in 0..bench.budget.repeats {
        let empty = Home::new()?;
        let mut server = match what {
            Start::Reference => bench.start_reference(&["--entries", "0"])?,
            Start::Empty => empty.start(Sim::default(), bench.cores)?,
            Start::Saved(home) => home.start(Sim::default(), bench.cores)?,
        };
        let (_, took) = server.ready().await?;
        starts.push(took.as_secs_f64() * 1e3);
        memories.push(memory_at_rest(&server).await? / 1e6);
        if !matches!(what, Start::Reference) {
            server.stop().await?;
        }
    }
    Ok((Samples::new(starts), Samples::new(memories)))
}

/// Puts the list of W1 into a data directory.
async fn fill(bench: &Bench, home: &Home) -> Result<()> {
    let mut daemon = home.start(Sim::default(), bench.cores)?;
    let (mut session, _) = daemon.ready().await?;
    load(&mut session, 0, w1::ENTRIES).await?;
    daemon.stop().await?;
    Ok(())
}

/// Bytes that the daemon grows by when the list does.
async fn growth(bench: &Bench) -> Result<f64> {
    let home = Home::new()?;
    let mut daemon = home.start(Sim::default(), bench.cores)?;
    let (mut session, _) = daemon.ready().await?;
    load(&mut session, 0, BALLAST).await?;
    let before = memory_at_rest(&daemon).await?;
    load(&mut session, BALLAST, BALLAST + bench.budget.memory_entries).await?;
    let after = memory_at_rest(&daemon).await?;
    daemon.stop().await?;
    Ok(after - before)
}

async fn memory_at_rest(server: &Server) -> Result<f64> {
    tokio::time::sleep(REST).await;
    server.usage().resident_bytes()
}
