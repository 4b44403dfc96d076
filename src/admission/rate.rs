//! How often something may happen for each source.
//!
//! Invariant: what is remembered of sources is bounded: one moment for each of [`SOURCES_MAX`], and one for all others
//! together. A source that is remembered and keeps below its rate is never refused. Those beyond share one rate, which
//! takes more sources with something in their buckets than are remembered: buckets that are empty are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Sources that are remembered one by one.
const SOURCES_MAX: usize = 4096;

/// Time between two looks for buckets that are empty. The look is a walk over all sources, and not for every stranger.
const PURGE: Duration = Duration::from_millis(50);

/// A leaky bucket for each source. It needs one moment only: the one at which the bucket will be empty.
#[derive(Debug)]
pub(super) struct Rate<K> {
    /// Time that one occurrence takes to leak out.
    each: Duration,
    /// What a bucket holds, as the time to empty it.
    full: Duration,
    empty_at: HashMap<K, Instant>,
    others_empty_at: Option<Instant>,
    purged: Option<Instant>,
}

impl<K: Copy + Eq + Hash> Rate<K> {
    /// So many a second, and `burst` at once.
    pub(super) fn new(per_second: usize, burst: usize) -> Self {
        let each = Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX);
        let full = each * u32::try_from(burst.max(1)).unwrap_or(u32::MAX);
        Self { each, full, empty_at: HashMap::new(), others_empty_at: None, purged: None }
    }

    /// Counts one more, unless that would be too much.
    pub(super) fn take(&mut self, source: K, now: Instant) -> bool {
        let fits = self.wait(source, now).is_zero();
        if fits {
            self.charge(source, now);
        }
        fits
    }

    /// Counts one more, whether or not it is too much.
    pub(super) fn charge(&mut self, source: K, now: Instant) {
        let each = self.each;
        let empty_at = self.bucket(source, now);
        *empty_at = (*empty_at).max(now) + each;
    }

    /// Takes back one that was counted. The rate that all others share gets nothing back: a source that is not remembered
    /// may be one whose bucket has run empty since.
    pub(super) fn refund(&mut self, source: K) {
        if let Some(empty_at) = self.empty_at.get_mut(&source) {
            *empty_at = empty_at.checked_sub(self.each).unwrap_or(*empty_at);
        }
    }

    /// Time until one more fits.
    pub(super) fn wait(&mut self, source: K, now: Instant) -> Duration {
        let (each, full) = (self.each, self.full);
        let after = self.empty_at.get(&source).or(self.others(source)).map_or(now, |&at| at.max(now)) + each;
        after.saturating_duration_since(now).saturating_sub(full)
    }

    /// The bucket of all sources that are not remembered, for one that is not.
    fn others(&self, source: K) -> Option<&Instant> {
        let crowded = self.empty_at.len() >= SOURCES_MAX && !self.empty_at.contains_key(&source);
        self.others_empty_at.as_ref().filter(|_| crowded)
    }

    fn bucket(&mut self, source: K, now: Instant) -> &mut Instant {
        if self.empty_at.len() >= SOURCES_MAX && !self.empty_at.contains_key(&source) {
            if self.purged.is_none_or(|purged| now - purged >= PURGE) {
                self.empty_at.retain(|_, empty_at| *empty_at > now);
                self.purged = Some(now);
            }
            if self.empty_at.len() >= SOURCES_MAX {
                return self.others_empty_at.get_or_insert(now);
            }
        }
        self.empty_at.entry(source).or_insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_a_burst_and_then_its_rate() {
        let (mut rate, start) = (Rate::new(10, 3), Instant::now());
        let taken = |rate: &mut Rate<u32>, source, millis| rate.take(source, start + Duration::from_millis(millis));
        assert_eq!([0; 5].map(|millis| taken(&mut rate, 1, millis)), [true, true, true, false, false]);
        assert_eq!(rate.wait(1, start), Duration::from_millis(100));
        assert!(taken(&mut rate, 2, 0), "another source");
        assert_eq!([99, 100, 101, 199, 200].map(|at| taken(&mut rate, 1, at)), [false, true, false, false, true]);
        assert_eq!([5000; 4].map(|at| taken(&mut rate, 1, at)), [true, true, true, false]);
    }

    #[test]
    fn remembers_a_bounded_number_of_sources() {
        let (mut rate, start) = (Rate::new(1, 1), Instant::now());
        let sources = u32::try_from(SOURCES_MAX).unwrap();
        assert!((0..sources).all(|source| rate.take(source, start)));
        // Those beyond it share.
        assert!(rate.take(sources, start));
        assert!(!rate.take(sources + 1, start));
        assert_eq!(rate.empty_at.len(), SOURCES_MAX);
        // Those that have been quiet for long enough make room.
        assert!(rate.take(sources + 2, start + Duration::from_secs(3)));
        assert_eq!(rate.empty_at.len(), 1);
    }

    /// Who is let in gets back what was counted, and nobody else does.
    #[test]
    fn refunds_go_to_their_source() {
        let (mut rate, start) = (Rate::new(1, 1), Instant::now());
        let sources = u32::try_from(SOURCES_MAX).unwrap();
        assert!(rate.take(0, start) && !rate.take(0, start));
        rate.refund(0);
        assert!((0..sources).all(|source| rate.take(source, start)));
        // They share one rate now, which the refund of one that is forgotten leaves alone.
        assert!(rate.take(sources, start) && !rate.take(sources + 1, start));
        rate.refund(sources + 2);
        assert!(!rate.take(sources + 1, start));
    }

    /// However many addresses strangers come from, one that comes now and then is not refused for them.
    #[test]
    fn strangers_use_up_nobodys_rate() {
        let (mut rate, start) = (Rate::new(200, 400), Instant::now());
        let stranger = |n: u32| (n + 1, start + Duration::from_micros(100) * n);
        for n in 0..100_000 {
            let (source, now) = stranger(n);
            assert!(rate.take(source, now), "stranger {n}");
            if n % 4000 == 3999 {
                assert!(rate.take(0, now), "after {n} strangers");
            }
        }
        assert!(rate.empty_at.len() <= SOURCES_MAX);
    }
}
