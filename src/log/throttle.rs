//! Lines about strangers: enough to see what is going on, too few to fill a disk.
//!
//! Invariant: in each [`INTERVAL`] a source gets so many lines and all sources together [`LINES_MAX`]; what is left out
//! is counted and told in one line for each source, for the [`SUMMARIES_MAX`] sources with the most and for all others
//! together. Time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time that lines are counted over.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// Lines of all sources in that time.
const LINES_MAX: u32 = 500;
/// Sources that are counted one by one.
const SOURCES_MAX: usize = 1024;
/// Sources that get a line of their own about what was left out.
const SUMMARIES_MAX: usize = 20;

/// Decides which lines are written.
#[derive(Debug)]
pub struct Throttle<K> {
    lines: u32,
    counts: Mutex<Counts<K>>,
}

#[derive(Debug)]
struct Counts<K> {
    since: Option<Instant>,
    written: u32,
    sources: HashMap<K, Count>,
    others: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    written: u32,
    left_out: u64,
}

/// Lines that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut<K> {
    /// About whom; none for those that are not counted one by one.
    pub source: Option<K>,
    /// How many.
    pub lines: u64,
}

impl<K: Copy + Eq + Hash + Ord> Throttle<K> {
    /// So many lines for each source in [`INTERVAL`].
    pub fn new(lines: u32) -> Self {
        let counts = Counts { since: None, written: 0, sources: HashMap::new(), others: 0 };
        Self { lines, counts: Mutex::new(counts) }
    }

    /// Whether to write a line about this source.
    pub fn admits(&self, source: K, now: Instant) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.since.get_or_insert(now);
        let room = counts.written < LINES_MAX;
        if counts.sources.len() >= SOURCES_MAX && !counts.sources.contains_key(&source) {
            counts.others += 1;
            return false;
        }
        let count = counts.sources.entry(source).or_default();
        let admitted = room && count.written < self.lines;
        if admitted {
            count.written += 1;
            counts.written += 1;
        } else {
            count.left_out += 1;
        }
        admitted
    }

    /// What was left out, when the interval is over; a new one begins with the next line.
    pub fn left_out(&self, now: Instant) -> Vec<LeftOut<K>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.since.is_none_or(|since| now.saturating_duration_since(since) < INTERVAL) {
            return Vec::new();
        }
        (counts.since, counts.written) = (None, 0);
        let mut others = std::mem::take(&mut counts.others);
        let sources = std::mem::take(&mut counts.sources);
        drop(counts);
        let left_out = sources.into_iter().filter(|(_, count)| count.left_out > 0);
        let mut told: Vec<_> =
            left_out.map(|(source, count)| LeftOut { source: Some(source), lines: count.left_out }).collect();
        told.sort_unstable_by_key(|told| (std::cmp::Reverse(told.lines), told.source));
        others += told.drain(SUMMARIES_MAX.min(told.len())..).map(|rest| rest.lines).sum::<u64>();
        if others > 0 {
            told.push(LeftOut { source: None, lines: others });
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_its_lines_and_a_summary() {
        let (throttle, start) = (Throttle::new(2), Instant::now());
        let admitted: Vec<_> = (0..5).map(|_| throttle.admits('a', start)).collect();
        assert_eq!(admitted, [true, true, false, false, false]);
        assert!(throttle.admits('b', start));
        assert_eq!(throttle.left_out(start + INTERVAL / 2), []);
        assert_eq!(throttle.left_out(start + INTERVAL), [LeftOut { source: Some('a'), lines: 3 }]);
        assert_eq!(throttle.left_out(start + INTERVAL * 2), []);
        assert!(throttle.admits('a', start + INTERVAL * 2));
    }

    #[test]
    fn many_sources_get_few_lines() {
        let (throttle, start) = (Throttle::new(10), Instant::now());
        let admitted = (0..100_000_u32).filter(|number| throttle.admits(number % 2000, start)).count();
        assert_eq!(admitted, LINES_MAX as usize);
        let told = throttle.left_out(start + INTERVAL);
        assert_eq!(told.len(), SUMMARIES_MAX + 1);
        assert_eq!(told.last().unwrap().source, None);
        assert_eq!(told.iter().map(|told| told.lines).sum::<u64>(), 100_000 - u64::from(LINES_MAX));
    }
}
