//! The load client on its own, against any gNMI server.

use std::path::PathBuf;
use std::time::Duration;

use ganymede::pb::gnmi;
use gnmi::subscription_list::Mode as ListMode;

use crate::Result;
use crate::client::{Ends, Target, connect_all, subscribe_all};
use crate::process::Usage;
use crate::request::Subscribe;
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
    /// Subscription mode.
    #[arg(long, value_enum, default_value_t = Mode::Once)]
    mode: Mode,
    /// Sample interval in milliseconds; 0 leaves it to the server.
    #[arg(long, default_value_t = 0)]
    interval_ms: u64,
    /// Encoding of the values.
    #[arg(long, value_enum, default_value_t = Encoding::Proto)]
    encoding: Encoding,
    /// Subscriptions at the same time.
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// Connections that they are spread over.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long a stream is watched after its sync response.
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

    fn request(&self) -> Subscribe {
        Subscribe {
            paths: self.path.clone(),
            mode: if self.mode == Mode::Once { ListMode::Once } else { ListMode::Stream },
            stream_mode: match self.mode {
                Mode::Once | Mode::TargetDefined => gnmi::SubscriptionMode::TargetDefined,
                Mode::Sample => gnmi::SubscriptionMode::Sample,
                Mode::OnChange => gnmi::SubscriptionMode::OnChange,
            },
            interval: self.interval_ms * 1_000_000,
            encoding: match self.encoding {
                Encoding::Json => gnmi::Encoding::Json,
                Encoding::Bytes => gnmi::Encoding::Bytes,
                Encoding::Proto => gnmi::Encoding::Proto,
                Encoding::Ascii => gnmi::Encoding::Ascii,
                Encoding::JsonIetf => gnmi::Encoding::JsonIetf,
            },
        }
    }
}

/// Runs the load and prints a line for each repetition.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let sessions = connect_all(&settings.target()?, settings.connections.max(1)).await?;
    let request = settings.request().encode()?;
    let ends = match settings.mode {
        Mode::Once => Ends::ByServer,
        _ => Ends::After(Duration::from_secs(settings.seconds)),
    };
    for _ in 0..settings.repeat {
        let before = settings.pid.map(|pid| Usage::of(pid).cpu_seconds()).transpose()?;
        let totals = subscribe_all(&sessions, &request, settings.streams, ends).await?;
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
            let latency = Samples::micros(totals.latencies);
            println!(
                "latency after the sync response, us: p50 {}, p99 {}, max {}",
                Figure(latency.median()),
                Figure(latency.p99()),
                Figure(latency.max()),
            );
        }
        if let (Some(pid), Some(before)) = (settings.pid, before) {
            let usage = Usage::of(pid);
            let cpu = usage.cpu_seconds()? - before;
            let resident = usage.resident_bytes()? / 1e6;
            println!(
                "server: {cpu:.2} s CPU, {} us a leaf, {resident:.1} MB resident",
                Figure(cpu * 1e6 / totals.leaves as f64)
            );
        }
    }
    Ok(())
}
