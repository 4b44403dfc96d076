//! What could not be applied: told in state and log, and tried again more and more rarely.
//!
//! Invariant: a fault is logged when it comes, when its reason changes and when it goes, however often it is tried in
//! between. A step that works but is undone by somebody else again and again is a fault too, so that two programs do not
//! fight as fast as the machine can.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::time::Timestamp;
use crate::value::Text;

/// First and longest time between two attempts.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// How often a step may be needed within [`UNDONE_WITHIN`] before somebody is thought to undo it.
const UNDONE_MAX: usize = 10;
const UNDONE_WITHIN: Duration = Duration::from_secs(60);

/// How soon a change of the machine makes a failed step worth another attempt.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Something that is not as configured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// The path of the configuration that is not in effect.
    pub(super) path: Text,
    /// Why.
    pub(super) reason: String,
    /// Since when.
    pub(super) since: Timestamp,
}

/// All faults, and what was done lately.
#[derive(Debug, Default)]
pub(super) struct Faults {
    known: BTreeMap<Text, Known>,
    /// When each step was done within the last [`UNDONE_WITHIN`].
    done: BTreeMap<String, Vec<Instant>>,
    /// Paths with a fault in the present pass.
    current: BTreeSet<Text>,
}

#[derive(Debug)]
struct Known {
    fault: Fault,
    attempts: u32,
    tried: Instant,
    again: Instant,
    /// Whether it works and is undone, so that a change of the machine is no reason to try again.
    undone: bool,
}

impl Faults {
    /// Begins a pass. `stirred` says whether the machine is another than in the last one, which may make a failed step
    /// possible.
    pub(super) fn begin(&mut self, now: Instant, stirred: bool) {
        self.current.clear();
        self.done.retain(|_, times| {
            times.retain(|time| now.duration_since(*time) < UNDONE_WITHIN);
            !times.is_empty()
        });
        if stirred {
            for known in self.known.values_mut().filter(|known| !known.undone) {
                known.again = known.again.min(known.tried + AGAIN_AFTER);
            }
        }
    }

    /// Whether a step for this path is to be tried in this pass. When not, its fault stays.
    pub(super) fn is_due(&mut self, path: &Text, step: &str, now: Instant, time: Timestamp) -> bool {
        if self.known.get(path).is_some_and(|known| known.again > now) {
            self.current.insert(path.clone());
            return false;
        }
        if self.done.get(step).is_none_or(|times| times.len() < UNDONE_MAX) {
            return true;
        }
        let fought = self.known.get(path).is_some_and(|known| known.undone);
        self.note(path, format!("{step}: done, but another program keeps undoing it"), now, time);
        if let Some(known) = self.known.get_mut(path) {
            known.undone = true;
        }
        fought
    }

    /// A step was done.
    pub(super) fn done(&mut self, step: String, now: Instant) {
        self.done.entry(step).or_default().push(now);
    }

    /// A path is not in effect.
    pub(super) fn note(&mut self, path: &Text, reason: String, now: Instant, time: Timestamp) {
        self.current.insert(path.clone());
        let fresh = Fault { path: path.clone(), reason: String::new(), since: time };
        let fresh = Known { fault: fresh, attempts: 0, tried: now, again: now, undone: false };
        let known = self.known.entry(path.clone()).or_insert(fresh);
        let patience = PATIENCE_MIN.saturating_mul(2u32.saturating_pow(known.attempts)).min(PATIENCE_MAX);
        known.attempts = known.attempts.saturating_add(1);
        (known.tried, known.again, known.undone) = (now, now + patience, false);
        if known.fault.reason != reason {
            tracing::warn!(path = &**path, "not applied: {reason}");
            known.fault.reason = reason;
        }
    }

    /// Ends a pass: what had no fault in it works, or is no longer asked for.
    pub(super) fn end(&mut self) {
        let current = &self.current;
        self.known.retain(|path, _| {
            let stays = current.contains(path);
            if !stays {
                tracing::info!(path = &**path, "no longer failing");
            }
            stays
        });
    }

    /// When something is to be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.known.values().map(|known| known.again).min()
    }

    /// All of them, by path.
    pub(super) fn all(&self) -> Vec<Fault> {
        self.known.values().map(|known| known.fault.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_more_and_more_rarely() {
        let (mut faults, time) = (Faults::default(), Timestamp::default());
        let path: Text = "/p".into();
        let start = Instant::now();
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..8 {
            faults.begin(now, false);
            assert!(faults.is_due(&path, "step", now, time));
            faults.note(&path, "no".to_owned(), now, time);
            faults.end();
            assert!(!faults.is_due(&path, "step", now + Duration::from_millis(999), time));
            let next = faults.next().unwrap();
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        // The machine changed: worth an attempt at once.
        let later = now - Duration::from_secs(30);
        faults.begin(later, true);
        assert!(faults.is_due(&path, "step", later, time));
        faults.end();
        assert!(faults.all().is_empty(), "done in this pass, or not asked for");
    }

    #[test]
    fn does_not_fight() {
        let (mut faults, time) = (Faults::default(), Timestamp::default());
        let path: Text = "/p".into();
        let now = Instant::now();
        for _ in 0..UNDONE_MAX {
            faults.begin(now, true);
            assert!(faults.is_due(&path, "step", now, time));
            faults.done("step".to_owned(), now);
            faults.end();
        }
        faults.begin(now, true);
        assert!(!faults.is_due(&path, "step", now, time));
        faults.end();
        assert!(faults.all()[0].reason.contains("another program"));
        let next = faults.next().unwrap();
        faults.begin(next, true);
        assert!(faults.is_due(&path, "step", next, time), "now and then it is tried");
        faults.end();
        assert_eq!(faults.all().len(), 1, "but that is no proof that it works");
        let later = now + UNDONE_WITHIN;
        faults.begin(later, true);
        assert!(faults.is_due(&path, "step", later, time));
        faults.end();
        assert!(faults.all().is_empty());
    }
}
