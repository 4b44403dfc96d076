//! What the collections of a path took.

use std::time::Duration;

/// Collections of one sampled path: the initial one and each sample (SMP-016).
///
/// The time of a collection is that from its beginning until all of it was written, waiting for the
/// transport included: it is what decides whether the next one is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collections {
    /// Those that were finished.
    pub finished: u64,
    /// Those that were due while an earlier one was still going on; they are left out, not made up for.
    pub deferred: u64,
    /// Time of all finished ones.
    pub total: Duration,
    /// Time of the shortest.
    pub shortest: Duration,
    /// Time of the longest.
    pub longest: Duration,
}

impl Collections {
    pub(super) fn finish(&mut self, took: Duration) {
        self.shortest = if self.finished == 0 { took } else { self.shortest.min(took) };
        self.longest = self.longest.max(took);
        self.total = self.total.saturating_add(took);
        self.finished += 1;
    }

    /// Average time; zero before the first one.
    pub fn average(&self) -> Duration {
        let nanos = self.total.as_nanos().checked_div(self.finished.into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
