//! The time of the commit that waits for its confirmation.
//!
//! Invariant: a commit whose time is over is taken back as soon as the disk lets it be, whoever made it and whether or
//! not the client is still there (EXT-011, EXT-019); one that waits at the shutdown is taken back then, as the next
//! start would. The time counts from when the commit is in effect: what the disk takes for it is not taken from its
//! client.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::store::{CommitError, ConfigWriter, Waiting};
use crate::time::Clock;

/// Wait before another attempt when the disk refuses. Until then the commit goes on waiting, and no other one is made.
const RETRY: Duration = Duration::from_secs(1);

/// Takes back what nobody confirms, until `stop`.
pub(super) async fn watch(config: &Arc<ConfigWriter>, clock: &Clock, stop: &CancellationToken) {
    let mut waiting = config.waiting();
    waiting.mark_changed();
    let mut due = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = waiting.changed() => {
                // The sender lives in `config`.
                if changed.is_err() {
                    return;
                }
                let waiting = waiting.borrow_and_update().clone();
                due = waiting.map(|waiting| (Instant::now() + waiting.patience, waiting));
            }
            over = reached(due.clone()) => {
                let asked = over.clone();
                let ended = blocking(config, clock, move |config, clock| config.expire(&asked, clock.now()));
                let refused = told(ended.await, "was not confirmed in time").is_err();
                due = refused.then(|| (Instant::now() + RETRY, over));
            }
        }
    }
    let ended = blocking(config, clock, |config, clock| config.abandon(clock.now()));
    let _ = told(ended.await, "was not confirmed before the shutdown");
}

async fn reached(due: Option<(Instant, Waiting)>) -> Waiting {
    match due {
        Some((moment, over)) => {
            tokio::time::sleep_until(moment).await;
            over
        }
        None => std::future::pending().await,
    }
}

type Ended = Result<Option<Waiting>, CommitError>;

/// It still waits.
struct Refused;

async fn blocking(
    config: &Arc<ConfigWriter>,
    clock: &Clock,
    act: impl FnOnce(&ConfigWriter, &Clock) -> Ended + Send + 'static,
) -> Result<Ended, JoinError> {
    let (config, clock) = (config.clone(), clock.clone());
    tokio::task::spawn_blocking(move || act(&config, &clock)).await
}

/// Logs what became of it.
fn told(ended: Result<Ended, JoinError>, why: &str) -> Result<(), Refused> {
    match ended {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(Waiting { id, author, .. }))) => {
            tracing::warn!(%id, user = author.user, "commit {why}, taken back");
            Ok(())
        }
        Ok(Err(error)) => {
            tracing::error!("commit {why} and cannot be taken back: {error}");
            Err(Refused)
        }
        // A panic is in the log already; the next attempt is as good as this one.
        Err(_) => Err(Refused),
    }
}
