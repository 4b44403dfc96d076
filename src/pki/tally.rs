//! How many certificates of peers were judged, and how that went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count, of all judges that were given it. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    passed: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl Tally {
    /// Certificates that were found good, and those that were not.
    pub fn counts(&self) -> (u64, u64) {
        (self.passed.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    pub(super) fn count<T, E>(&self, verdict: Result<T, E>) -> Result<T, E> {
        let counter = if verdict.is_ok() { &self.passed } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        verdict
    }
}
