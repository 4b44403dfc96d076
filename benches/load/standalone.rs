//! The load client on its own, against any gNMI server.

use std::path::PathBuf;
use std::time::Duration;

use ganymede::pb::gnmi;
use gnmi::subscription_list::Mode as ListMode;

use crate::Result;
use crate::client::{Call, Ends, Session, Target, connect_all, subscribe_all, timed};
use crate::process::Usage;
use crate::request::{self, Subscribe};
use crate::stats::{Figure, Samples};

/// Options of `load client`.
#[derive(Debug, clap::Args)]
pub(crate) struct Settings {
    /// The server, host:port.
    #[arg(long)]
    target: String,
    /// User name in the metadata of each RPC.
    #[arg(long, requires = "password")]
    username: Option<String>,
    /// Password in the metadata of each RPC.
    #[arg(long, requires = "username")]
    password: Option<String>,
    /// PEM file of the authority that signed the server's certificate; without it the connection is plaintext.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Name that the server's certificate carries.
    #[arg(long, default_value = "localhost")]
    tls_name: String,
    /// Path to subscribe to, `origin:/...` or `/...`; may be given several times.
    #[arg(long, required = true)]
    path: Vec<String>,
    /// Subscription mode, or `get` for one Get after the other.
    #[arg(long, value_enum, default_value_t = Mode::Once)]
    mode: Mode,
    /// Sample interval in milliseconds; 0 leaves it to the server.
    #[arg(long, default_value_t = 0)]
    interval_ms: u64,
    /// Leave out samples of values that are still the same.
    #[arg(long)]
    changed_only: bool,
    /// Encoding of the values.
    #[arg(long, value_enum, default_value_t = Encoding::Proto)]
    encoding: Encoding,
    /// Subscriptions at the same time.
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// Connections that they are spread over.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long a stream is watched after its sync response, or Get called.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times the whole is done.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Process id of the server, when it runs here, to print its CPU time and memory.
    #[arg(long)]
    pid: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Once,
    Sample,
    OnChange,
    TargetDefined,
    Get,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Encoding {
    Json,
    Bytes,
    Proto,
    Ascii,
    JsonIetf,
}

impl Settings {
    fn target(&self) -> Result<Target> {
        let target = match &self.ca {
            Some(file) => Target::tls(&self.target, std::fs::read(file)?, &self.tls_name)?,
            None => Target::plain(&self.target)?,
        };
        match (&self.username, &self.password) {
            (Some(username), Some(password)) => target.login(username, password),
            _ => Ok(target),
        }
    }

    fn encoding(&self) -> gnmi::Encoding {
        match self.encoding {
            Encoding::Json => gnmi::Encoding::Json,
            Encoding::Bytes => gnmi::Encoding::Bytes,
            Encoding::Proto => gnmi::Encoding::Proto,
            Encoding::Ascii => gnmi::Encoding::Ascii,
            Encoding::JsonIetf => gnmi::Encoding::JsonIetf,
        }
    }

    fn subscription(&self) -> Subscribe {
        Subscribe {
            paths: self.path.clone(),
            mode: if self.mode == Mode::Once { ListMode::Once } else { ListMode::Stream },
            stream_mode: match self.mode {
                Mode::Once | Mode::TargetDefined | Mode::Get => gnmi::SubscriptionMode::TargetDefined,
                Mode::Sample => gnmi::SubscriptionMode::Sample,
                Mode::OnChange => gnmi::SubscriptionMode::OnChange,
            },
            interval: self.interval_ms * 1_000_000,
            changed_only: self.changed_only,
            encoding: self.encoding(),
        }
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Runs the load and prints what came back, once for each repetition.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let sessions = connect_all(&settings.target()?, settings.connections.max(1)).await?;
    for _ in 0..settings.repeat {
        let before = settings.pid.map(|pid| Usage::of(pid).cpu_seconds()).transpose()?;
        let things = match (settings.mode, sessions.first()) {
            (Mode::Get, Some(session)) => get(&settings, session.clone()).await?,
            _ => subscribe(&settings, &sessions).await?,
        };
        if let (Some(pid), Some(before)) = (settings.pid, before) {
            let usage = Usage::of(pid);
            let cpu = usage.cpu_seconds()? - before;
            let each = Figure(cpu * 1e6 / things as f64);
            println!("server: {cpu:.2} s CPU, {each} us each, {:.1} MB resident", usage.resident_bytes()? / 1e6);
        }
    }
    Ok(())
}

/// Subscribes; how many leaves came.
async fn subscribe(settings: &Settings, sessions: &[Session]) -> Result<u64> {
    let request = settings.subscription().encode()?;
    let ends = if settings.mode == Mode::Once { Ends::ByServer } else { Ends::After(settings.duration()) };
    let totals = subscribe_all(sessions, &request, settings.streams, ends).await?;
    let seconds = totals.wall.as_secs_f64();
    println!(
        "{} messages, {} leaves, {} deletes, {} bytes, {} syncs in {seconds:.3} s: {:.0} leaves/s, {} bytes a message",
        totals.messages,
        totals.leaves,
        totals.deletes,
        totals.bytes,
        totals.syncs,
        totals.leaves as f64 / seconds,
        Figure(totals.bytes as f64 / totals.messages as f64),
    );
    if !totals.latencies.is_empty() {
        print_latency("latency after the sync response", totals.latencies);
    }
    Ok(totals.leaves)
}

/// Calls Get for each path in turn; how many calls were answered.
async fn get(settings: &Settings, mut session: Session) -> Result<u64> {
    let requests: Vec<_> =
        settings.path.iter().map(|path| request::get(path, settings.encoding())).collect::<Result<_>>()?;
    let durations = timed(&mut session, Call::Get, &requests, settings.duration()).await?;
    let calls = durations.len();
    print!("{calls} calls: ");
    print_latency("round trip", durations);
    Ok(calls as u64)
}

fn print_latency(what: &str, durations: Vec<Duration>) {
    let latency = Samples::micros(durations);
    let [p50, p99, max] = [latency.median(), latency.p99(), latency.max()].map(Figure);
    println!("{what}, us: p50 {p50}, p99 {p99}, max {max}");
}
