//! The end of a server: when it has come, and what its clients are told.
//!
//! Invariant: once closed, no RPC begins and every stream ends with a status that says why (TLS-027, TLS-028). An RPC
//! with one answer gets [`ANSWER_GRACE`] to give it, so that the Set that switches the server off is answered.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::refusal::Refusal;

/// Time for an RPC under way that has one answer.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// Tells the RPCs of one server that it ends. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Closing {
    /// Ends the server. The first reason counts.
    pub fn close(&self, reason: impl Into<String>) {
        // Whoever sees the token cancelled finds the reason.
        let _ = self.reason.set(reason.into());
        self.token.cancel();
    }

    /// Waits for the end.
    pub fn closed(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// Waits until an RPC under way has no more time to answer.
    pub(super) async fn answers_are_due(&self) {
        self.token.cancelled().await;
        tokio::time::sleep(ANSWER_GRACE).await;
    }

    /// What an RPC is answered; none while the server goes on.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let reason = self.token.is_cancelled().then(|| self.reason.get().cloned().unwrap_or_default())?;
        Some(Refusal::Closing { reason })
    }
}
