//! The floors that are not gRPC: what this disk takes for an fsync, and what this allocator takes for a leaf.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::daemon::{LEAVES_PER_ENTRY, entry_name, entry_path, scratch};
use crate::process::Usage;

/// Pages of the file that [`fsync`] writes to.
const PAGES: u64 = 256;

/// The time from the write of one 4 KiB page to the end of its fsync, in the directory that the daemon's data is in. The
/// pages are there already, as in the file of a database, so that no fsync has to record that the file grew.
pub(crate) fn fsync(rounds: u64) -> Result<Vec<Duration>> {
    const PAGE: [u8; 4096] = [0x5a; 4096];
    let mut file = tempfile::tempfile_in(scratch())?;
    for _ in 0..PAGES {
        file.write_all(&PAGE)?;
    }
    file.sync_all()?;
    let mut durations = Vec::new();
    for round in 0..rounds {
        let started = Instant::now();
        file.write_all_at(&PAGE, round % PAGES * 4096)?;
        file.sync_data()?;
        durations.push(started.elapsed());
    }
    Ok(durations)
}

/// Bytes a leaf takes in a map from path text to number, measured in a process of its own so that nothing else moves.
pub(crate) fn map_bytes_per_leaf(leaves: usize) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?).args(["map", &leaves.to_string()]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The child of [`map_bytes_per_leaf`]: prints the figure.
pub(crate) fn print_map_bytes(leaves: usize) -> Result<()> {
    let before = Usage::own().resident_bytes()?;
    let map: BTreeMap<String, u64> = (0..leaves)
        .map(|leaf| {
            let entry = entry_path(&entry_name(leaf / LEAVES_PER_ENTRY));
            (format!("{entry}/c{}", leaf % LEAVES_PER_ENTRY), leaf as u64)
        })
        .collect();
    let after = Usage::own().resident_bytes()?;
    println!("{}", (after - before) / black_box(&map).len() as f64);
    Ok(())
}
