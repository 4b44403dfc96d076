//! Signals of the operating system: SIGTERM and SIGINT end the daemon, SIGHUP makes it read its file again.
//!
//! Invariant: the first ending signal lets streams end with a status; a second one ends the process at once, so that a
//! daemon that hangs can always be stopped from the keyboard.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;

/// Serves signals. Returns after a second ending signal, or when no handler can be installed for the first.
pub async fn signals(agent: &Agent, file: &Path, shutdown: &CancellationToken) {
    let handlers = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = handlers else {
        tracing::error!("signal handlers cannot be installed");
        return;
    };
    loop {
        let ending = tokio::select! {
            name = either(&mut terminate, &mut interrupt) => Some(name),
            _ = hangup.recv() => None,
        };
        match ending {
            None => reload(agent, file),
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

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

fn reload(agent: &Agent, file: &Path) {
    // Reading the file and committing both block; a reload is rare and the other threads go on serving.
    match tokio::task::block_in_place(|| agent.reload(file)) {
        Ok(changes) => tracing::info!(file = %file.display(), changes, "file read again"),
        Err(error) => tracing::error!("reload refused, nothing has changed: {error}"),
    }
}
