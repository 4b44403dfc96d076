//! The load benchmark: `make bench`, or `cargo bench --bench load -- --help`.
//!
//! Absolute times move from machine to machine, so every goal is printed as a ratio against a reference measured by the
//! same client in the same run: bare tonic servers, the disk's own fsync, a plain map. Server and client have a core
//! each; servers are processes of their own, and their cost is their CPU time.
//!
//! The same client measures any gNMI server: `cargo bench --bench load -- client --target HOST:PORT --path PATH`.

mod bench;
mod client;
mod daemon;
mod floor;
mod g11;
mod live;
mod process;
mod reference;
mod reference_messages;
mod report;
mod request;
mod standalone;
mod stats;
mod storm;
mod verbatim;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;
mod w9;
mod wire;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::bench::{Bench, Budget, Workload};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Debug, Parser)]
#[command(name = "load", about = "Measures the daemon against references of the same run")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Under three minutes, one repetition of everything: for a look, not for a record.
    #[arg(long)]
    quick: bool,
    /// With lists of 1,000,000 leaves and five repetitions.
    #[arg(long, conflicts_with = "quick")]
    long: bool,
    /// Only these workloads.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "w9,w4,w1,w3,w2,w5,w8,g11,w7,w6")]
    only: Vec<Workload>,
    /// What cargo adds to the arguments of every benchmark.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Puts load on one gNMI server and counts what comes back.
    Client(standalone::Settings),
    /// Serves as a bare tonic reference.
    #[command(hide = true)]
    Reference(reference::Settings),
    /// Throws a storm at a server.
    #[command(hide = true)]
    Storm(storm::Settings),
    /// Prints what a leaf takes in a plain map.
    #[command(hide = true)]
    Map { leaves: usize },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    match cli.command {
        // As the daemon: as many workers as the process has cores.
        Some(Command::Reference(settings)) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(reference::serve(settings))
        }
        Some(Command::Storm(settings)) => one_thread()?.block_on(storm::run(settings)),
        Some(Command::Client(settings)) => one_thread()?.block_on(standalone::run(settings)),
        Some(Command::Map { leaves }) => floor::print_map_bytes(leaves),
        None => {
            let budget = match (cli.quick, cli.long) {
                (true, _) => Budget::QUICK,
                (_, true) => Budget::LONG,
                _ => Budget::DEFAULT,
            };
            one_thread()?.block_on(Bench::run(budget, &cli.only))
        }
    }
}

fn one_thread() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
