//! The disk that keeps the configuration, watched.
//!
//! Invariant: the log says once when it stops taking commits and once when it takes them again. While it does not, it is
//! looked at again and again, so that the daemon comes back with its disk and not with the next change that somebody
//! tries.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::store::ConfigWriter;
use crate::time::Clock;

/// Wait between two looks at a disk that fails.
const RETRY: Duration = Duration::from_secs(2);

/// Watches until `stop`.
pub(super) async fn watch(config: &Arc<ConfigWriter>, clock: &Clock, stop: &CancellationToken) {
    let mut condition = config.condition();
    condition.mark_changed();
    let mut told = false;
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
        tokio::select! {
            () = stop.cancelled() => return,
            changed = condition.changed() => {
                // The sender lives in `config`.
                if changed.is_err() {
                    return;
                }
            }
            () = sleep(RETRY), if told => {
                let (config, clock) = (config.clone(), clock.clone());
                // A panic is in the log already; the next attempt is as good as this one.
                let _ = tokio::task::spawn_blocking(move || config.try_disk(clock.now())).await;
            }
        }
    }
}
