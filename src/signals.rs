//! Signals of the operating system: SIGTERM and SIGINT end the daemon, SIGHUP makes it read its file again.
//!
//! Invariant: the first ending signal lets streams end with a status; a second one ends the process at once, so that a
//! daemon that hangs can always be stopped from the keyboard.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::fleet::Fleet;

/// The signals the daemon answers, caught from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Installs the handlers. Before that a signal ends the process at once, so this comes first at start.
    pub fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Serves signals. Returns after a second ending signal.
    pub async fn serve(&mut self, agent: &Agent, file: &Path, shutdown: &CancellationToken) {
        self.serve_with(shutdown, || reload(agent, file)).await;
    }

    /// The same for a fleet, which reads its template again.
    pub async fn serve_fleet(&mut self, fleet: &Fleet, shutdown: &CancellationToken) {
        self.serve_with(shutdown, || tokio::task::block_in_place(|| fleet.reload())).await;
    }

    async fn serve_with(&mut self, shutdown: &CancellationToken, hangup: impl Fn()) {
        loop {
            let ending = tokio::select! {
                _ = self.terminate.recv() => Some("SIGTERM"),
                _ = self.interrupt.recv() => Some("SIGINT"),
                _ = self.hangup.recv() => None,
            };
            match ending {
                None => hangup(),
                Some(name) if shutdown.is_cancelled() => {
                    tracing::warn!(signal = name, "second signal, ending at once");
                    return;
                }
                Some(name) => {
                    tracing::info!(signal = name, "shutting down");
                    shutdown.cancel();
                }
            }
        }
    }
}

fn reload(agent: &Agent, file: &Path) {
    // Reading the file and committing both block; a reload is rare and the other threads go on serving. What became of
    // it is in the log.
    let _ = tokio::task::block_in_place(|| agent.reload(file));
}
