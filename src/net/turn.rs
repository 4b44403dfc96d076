//! Turns: those who send much let others have theirs.
//!
//! Invariant: between two looks at what else is ready, the runtime does a bounded piece of work for one connection:
//! [`BYTES`] of input, or one step of one TLS handshake for each of the turns there are. Giving a turn away costs a
//! microsecond, and nothing while nobody waits. Who gets what is not decided here.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::yield_now;
use tokio_util::sync::PollSemaphore;

/// Input that is worked on in one go: some thousands of the smallest frames.
const BYTES: usize = 64 * 1024;

/// Where a connection is in its turn.
#[derive(Default)]
pub(super) struct Turn {
    taken: usize,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Turn {
    /// Ready while the turn lasts. `yield_now` lets the runtime look at its sockets and timers, which waking oneself
    /// does not.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.taken >= BYTES {
            let pause = self.pause.get_or_insert_with(|| Box::pin(yield_now()));
            ready!(pause.as_mut().poll(cx));
            (self.taken, self.pause) = (0, None);
        }
        Poll::Ready(())
    }

    /// So much of it has been taken.
    pub(super) fn took(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// Work that takes the processor for long at each step, such as a TLS handshake, done in turns.
#[derive(Debug)]
pub(super) struct InTurns<F> {
    work: Pin<Box<F>>,
    turns: PollSemaphore,
}

impl<F: Future> InTurns<F> {
    /// Does `work` step by step, each when it has one of these turns.
    pub(super) fn new(work: F, turns: PollSemaphore) -> Self {
        Self { work: Box::pin(work), turns }
    }
}

impl<F: Future> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let turn = ready!(self.turns.poll_acquire(cx));
        let outcome = self.work.as_mut().poll(cx);
        // The next one has its turn once the runtime has looked at what else is ready. Ends by itself, at once.
        tokio::spawn(async move {
            yield_now().await;
            drop(turn);
        });
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_turn_ends_after_so_many_bytes() {
        let mut turn = Turn::default();
        turn.took(BYTES - 1);
        assert!(std::future::poll_fn(|cx| Poll::Ready(turn.poll(cx).is_ready())).await);
        turn.took(1);
        assert!(!std::future::poll_fn(|cx| Poll::Ready(turn.poll(cx).is_ready())).await);
        std::future::poll_fn(|cx| turn.poll(cx)).await;
        assert_eq!(turn.taken, 0);
    }

    /// Hundred tasks that never wait keep a timer waiting for no longer than one of their steps.
    #[tokio::test]
    async fn others_get_between_the_steps() {
        let turns = Arc::new(Semaphore::new(1));
        let steps = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let (turns, steps) = (PollSemaphore::new(turns.clone()), steps.clone());
            let work = std::future::poll_fn(move |cx| {
                steps.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            });
            tokio::spawn(InTurns::new(work, turns));
        }
        tokio::task::yield_now().await;
        let mut most = 0;
        for _ in 0..20 {
            let before = steps.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            most = most.max(steps.load(Ordering::Relaxed) - before);
        }
        assert!(most < 20, "{most} steps");
        assert!(steps.load(Ordering::Relaxed) >= 5);
    }
}
