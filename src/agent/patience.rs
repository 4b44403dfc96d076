//! The deadline of the commit that waits for its confirmation.
//!
//! Invariant: a commit whose time is over is taken back as soon as the disk lets it be, whoever made it and whether or
//! not the client is still there (EXT-011, EXT-019); one that waits at the shutdown is taken back then, as the next
//! start would.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::store::{CommitError, ConfigWriter, Waiting};
use crate::time::Clock;

/// Wait before another attempt when the disk refuses. Until then the commit goes on waiting, and no other one is made.
const RETRY: Duration = Duration::from_secs(1);

/// Watches the deadline until `stop`.
pub(super) async fn watch(config: &Arc<ConfigWriter>, clock: &Clock, stop: &CancellationToken) {
    let mut waiting = config.waiting();
    let mut retry = None;
    loop {
        let deadline = waiting.borrow_and_update().as_ref().map(|waiting| Instant::from_std(waiting.deadline));
        let due = deadline.map(|deadline| retry.map_or(deadline, |retry: Instant| retry.max(deadline)));
        tokio::select! {
            () = stop.cancelled() => break,
            changed = waiting.changed() => {
                // The sender lives in `config`.
                if changed.is_err() {
                    return;
                }
                retry = None;
            }
            () = reached(due) => {
                let ended = blocking(config, clock, |config, clock| {
                    config.expire(Instant::now().into_std(), clock.now())
                });
                retry = told(ended.await, "was not confirmed in time").err().map(|Refused| Instant::now() + RETRY);
            }
        }
    }
    let ended = blocking(config, clock, |config, clock| config.abandon(clock.now()));
    let _ = told(ended.await, "was not confirmed before the shutdown");
}

async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

type Ended = Result<Option<Waiting>, CommitError>;

/// The disk refused.
struct Refused;

async fn blocking(
    config: &Arc<ConfigWriter>,
    clock: &Clock,
    act: impl FnOnce(&ConfigWriter, &Clock) -> Ended + Send + 'static,
) -> Ended {
    let (config, clock) = (config.clone(), clock.clone());
    // A panic is in the log already; the next attempt is as good as this one.
    tokio::task::spawn_blocking(move || act(&config, &clock)).await.unwrap_or(Ok(None))
}

/// Logs what became of it.
fn told(ended: Ended, why: &str) -> Result<(), Refused> {
    match ended {
        Ok(None) => Ok(()),
        Ok(Some(Waiting { id, author, .. })) => {
            tracing::warn!(%id, user = author.user, "commit {why}, taken back");
            Ok(())
        }
        Err(error) => {
            tracing::error!("commit {why} and cannot be taken back: {error}");
            Err(Refused)
        }
    }
}
