//! Logs: what the operator reads ([`start`]) and what an auditor reads ([`SecurityLog`]).
//!
//! Invariant: no password is ever part of a line; the types that are written here have no place for one.

mod security;
mod throttle;

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

pub use security::{Event, OpenError, SecurityLog, SecurityLogSettings, Verdict};
pub use throttle::{INTERVAL, LeftOut, Throttle};

/// How operational log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line for a person.
    Human,
    /// One JSON object a line.
    Json,
}

/// The least important lines that are still written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something needs attention.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

/// Settings of the operational log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How lines look.
    pub format: Format,
    /// Which are written; the environment variable `RUST_LOG` goes before it.
    pub level: Level,
}

/// Starts the operational log on standard error. Libraries below this program speak from `warn` up, but HTTP/2 and TLS
/// from `error`: what they warn of is what strangers send them, as often as they send it. The first call of a
/// process counts; tests may come here more than once.
pub fn start(settings: Settings) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::new(directives),
        _ => EnvFilter::new(format!("warn,h2=error,rustls=error,ganymede={}", settings.level)),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match settings.format {
        Format::Human => builder
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_timer(SystemTime)
            .compact()
            .try_init(),
        Format::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("must be human or json"),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err("must be error, warn, info, debug or trace"),
        }
    }
}
