//! The disk that keeps the configuration, watched.
//!
//! Invariant: the log says once when it stops taking commits and once when it takes them again. While it does not, it is
//! looked at again and again, so that the daemon comes back with its disk and not with the next change that somebody
//! tries. A look writes only where the file system does not say itself that it takes nothing, and one that wrote in vain
//! makes the next one wait for longer: flash that fails is not worn out by asking how it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::store::ConfigWriter;
use crate::time::Clock;

/// Wait between two looks at a disk that fails.
const RETRY: Duration = Duration::from_secs(2);

/// The same after some that wrote to it in vain.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Watches until `stop`.
pub(super) async fn watch(config: &Arc<ConfigWriter>, clock: &Clock, stop: &CancellationToken) {
    let mut condition = config.condition();
    condition.mark_changed();
    let (mut told, mut wait) = (false, RETRY);
    loop {
        let failing = condition.borrow_and_update().failing.clone();
        match (&failing, told) {
            (Some((reason, _)), false) => {
                tracing::error!("configuration cannot be saved, changes are refused: {reason}")
            }
            (None, true) => tracing::info!("configuration can be saved again"),
            (Some(_), true) | (None, false) => {}
        }
        told = failing.is_some();
        if !told {
            wait = RETRY;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = condition.changed() => {
                // The sender lives in `config`.
                if changed.is_err() {
                    return;
                }
            }
            () = sleep(wait), if told => {
                let (config, clock) = (config.clone(), clock.clone());
                // A panic is in the log already; the next attempt is as good as this one.
                let look = tokio::task::spawn_blocking(move || config.try_disk(clock.now())).await;
                wait = if look.unwrap_or(true) { (wait * 2).min(RETRY_MAX) } else { RETRY };
            }
        }
    }
}
