//! The tasks of a platform, owned.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// The running collectors of a platform. Dropping it stops them; so does the token they were started with.
#[derive(Debug)]
pub struct Handle {
    tasks: JoinSet<()>,
}

impl Handle {
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new() }
    }

    /// Runs a collector until it ends or the token is cancelled.
    pub(crate) fn run(&mut self, token: &CancellationToken, collector: impl Future<Output = ()> + Send + 'static) {
        let token = token.clone();
        let collecting = async move {
            token.run_until_cancelled_owned(collector).await;
        };
        self.tasks.spawn(collecting.in_current_span());
    }

    /// Waits until all collectors have stopped, which is after the token was cancelled.
    pub async fn stopped(&mut self) {
        while let Some(end) = self.tasks.join_next().await {
            if let Err(error) = end
                && error.is_panic()
            {
                tracing::error!(%error, "a collector ended by a fault of this program");
            }
        }
    }
}
