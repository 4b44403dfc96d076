//! What the logs say about connections that come to nothing and about RPCs of strangers.
//!
//! Invariant: neither log grows with what strangers do. A source gets [`LINES`] lines in ten seconds, and one more for
//! all that was left out.

use std::fmt::Display;
use std::net::SocketAddr;

use tokio::time::Instant;

use super::source::Source;
use crate::log::{Event, INTERVAL, LeftOut, SecurityLog, Throttle, Verdict};
use crate::time::Clock;

/// Lines for each source in each log, in ten seconds.
pub const LINES: u32 = 50;

/// Writes lines about strangers.
#[derive(Debug)]
pub struct Complaints {
    log: SecurityLog,
    clock: Clock,
    operational: Throttle<Source>,
    security: Throttle<Source>,
}

impl Complaints {
    pub(super) fn new(log: SecurityLog, clock: Clock) -> Self {
        Self { log, clock, operational: Throttle::new(LINES), security: Throttle::new(LINES) }
    }

    /// A line in the operational log about a client.
    pub fn warn(&self, peer: SocketAddr, what: &dyn Display) {
        if self.operational.admits(Source::of(peer), Instant::now().into_std()) {
            let client = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            tracing::warn!("{client}: {what}");
        }
    }

    /// A line in the security log about something that was refused (AUTH-026).
    pub(super) fn refused(&self, line: Event) {
        if self.security.admits(Source::of(line.client), Instant::now().into_std()) {
            self.log.write(line);
        }
    }

    /// Tells what was left out, when it is time.
    pub fn summarize(&self) {
        let (now, seconds) = (Instant::now().into_std(), INTERVAL.as_secs());
        for LeftOut { source, lines } in self.operational.left_out(now) {
            let source = source.map_or("other addresses".to_owned(), |source| source.to_string());
            tracing::warn!("{source}: {lines} more connections refused or closed in {seconds} s");
        }
        for LeftOut { source, lines } in self.security.left_out(now) {
            let address = source.map_or([0, 0, 0, 0].into(), Source::address);
            self.log.write(Event {
                time: self.clock.now(),
                kind: "left-out",
                user: String::new(),
                client: SocketAddr::new(address, 0),
                session: 0,
                rpc: String::new(),
                paths: String::new(),
                verdict: Some(Verdict::Unauthorized),
                reason: format!("{lines} more lines like the last ones in {seconds} s"),
            });
        }
    }
}
