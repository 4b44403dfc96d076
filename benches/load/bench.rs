//! One run: how thorough it is, what it has measured so far, and the order of its workloads.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::{Session, Target};
use crate::daemon::{Home, Sim, load};
use crate::floor;
use crate::process::{Cores, Server, free_address};
use crate::report::{Goal, print_goals};
use crate::stats::{Figure, Samples};
use crate::{g11, w1, w2, w3, w4, w5, w6, w7, w8, w9};

/// How thorough a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Repetitions of which the median is taken.
    pub(crate) repeats: usize,
    /// Length of each repetition of a streaming workload.
    pub(crate) window: Duration,
    /// Length of the one window of a workload that streams samples; at least three of them.
    pub(crate) stream: Duration,
    /// Length of the one window in which subscribers with the same plan are compared, in whole seconds.
    pub(crate) compare: Duration,
    /// Whether everything is measured, or of some workloads only what the goals need.
    pub(crate) complete: bool,
    /// Length of each series of unary calls.
    pub(crate) calls: Duration,
    /// Longest list of W4, in entries.
    pub(crate) entries_max: usize,
    /// Entries that the memory of a leaf is measured with.
    pub(crate) memory_entries: usize,
}

impl Budget {
    /// Under nine minutes.
    pub(crate) const DEFAULT: Self = Self {
        repeats: 3,
        window: Duration::from_millis(1500),
        stream: Duration::from_millis(4_500),
        compare: Duration::from_secs(3),
        complete: true,
        calls: Duration::from_millis(1500),
        entries_max: 10_000,
        memory_entries: w1::ENTRIES,
    };

    /// Under three minutes: for a look, not for a record.
    pub(crate) const QUICK: Self = Self {
        repeats: 1,
        window: Duration::from_millis(500),
        stream: Duration::from_millis(2_500),
        compare: Duration::from_secs(1),
        complete: false,
        calls: Duration::from_millis(250),
        ..Self::DEFAULT
    };

    /// With lists of 1,000,000 leaves.
    pub(crate) const LONG: Self = Self {
        repeats: 5,
        stream: Duration::from_secs(20),
        compare: Duration::from_secs(10),
        entries_max: 100_000,
        memory_entries: 100_000,
        ..Self::DEFAULT
    };
}

/// A workload of docs/BENCHMARKS.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
    W7,
    W8,
    W9,
    /// A hundred subscribers with the same plan; a goal without a workload of its own.
    G11,
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) cores: Cores,
    pub(crate) budget: Budget,
    /// What is printed at the end.
    pub(crate) goals: Vec<Goal>,
}

impl Bench {
    /// Runs the workloads. One that fails is named, and does not keep the others from running.
    pub(crate) async fn run(budget: Budget, workloads: &[Workload]) -> Result<()> {
        let started = Instant::now();
        let mut bench = Self { cores: Cores::choose()?, budget, goals: Vec::new() };
        println!("{}; {}", bench.cores, kernel());
        let fsync = Samples::micros(floor::fsync(200)?);
        println!("fsync of a 4 KiB page: {fsync} us, p99 {}", Figure(fsync.p99()));

        let mut failed = Vec::new();
        for workload in workloads {
            let outcome = match workload {
                Workload::W1 => bench.run_w1().await,
                Workload::W2 => w2::run(&bench).await,
                Workload::W3 => w3::run(&mut bench).await,
                Workload::W4 => w4::run(&mut bench).await,
                Workload::W5 => w5::run(&mut bench).await,
                Workload::W6 => w6::run(&mut bench).await,
                Workload::W7 => w7::run(&mut bench).await,
                Workload::W8 => w8::run(&mut bench).await,
                Workload::G11 => g11::run(&mut bench).await,
                Workload::W9 => w9::run(&mut bench).await,
            };
            if let Err(error) = outcome {
                failed.push(format!("{workload:?} was not measured: {error}"));
            }
        }
        // By number; those of one goal in the order in which they were measured.
        bench.goals.sort_by_key(|goal| (goal.id.len(), goal.id));
        print_goals(&bench.goals);
        println!("Took {:.0} s.", started.elapsed().as_secs_f64());
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
    }

    async fn run_w1(&mut self) -> Result<()> {
        let home = Home::new()?;
        let mut daemon = home.start(Sim::default(), self.cores)?;
        let (mut session, _) = daemon.ready().await?;
        load(&mut session, 0, w1::ENTRIES).await?;
        drop(session);
        w1::run(self, &daemon).await?;
        daemon.stop().await?;
        Ok(())
    }

    /// Starts a bare tonic server and waits for it.
    pub(crate) async fn reference(&self, arguments: &[&str]) -> Result<(Server, Session)> {
        let mut server = self.start_reference(arguments)?;
        let (session, _) = server.ready().await?;
        Ok((server, session))
    }

    /// Starts a bare tonic server.
    pub(crate) fn start_reference(&self, arguments: &[&str]) -> Result<Server> {
        let address = free_address()?.to_string();
        let target = Target::plain(&address)?;
        let mut command = Command::new(std::env::current_exe()?);
        Server::start(command.args(["reference", "--listen", &address]).args(arguments), target, self.cores)
    }
}

fn kernel() -> String {
    let name = rustix::system::uname();
    [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy()).join(" ")
}
