//! Failed logins, and who is locked out for them (AUTH-037).
//!
//! Invariant: `user-params attempts` as it stands decides: with `count` failures within `time` a user is locked out for
//! `lockout` from the last of them, and so a change of these leaves holds for those who are locked out too. A window or a
//! lock-out of zero minutes locks nobody. Only names that exist are kept, so strangers cannot fill the memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// `/configure/system/security/user-params/attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptLimits {
    /// Failures that lock a user out.
    pub(super) count: usize,
    /// The window in which they count.
    pub(super) window: Duration,
    /// How long the user stays out.
    pub(super) lockout: Duration,
}

/// What a login came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The credentials are those of a user.
    Accepted,
    /// They are not.
    Rejected,
    /// They are not, and with this failure the user is locked out.
    LocksOut,
    /// The user is locked out, whatever the credentials.
    LockedOut,
}

/// The logins of the users there are, since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    users: Mutex<HashMap<String, History>>,
}

/// The logins of one user.
#[derive(Debug, Default)]
struct History {
    attempted: u32,
    failed: u32,
    /// The failures that count.
    times: Vec<Instant>,
}

/// What there is to tell about the logins of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginRecord {
    /// Logins tried.
    pub attempted: u32,
    /// Those that failed, whatever the password was while the user was locked out.
    pub failed: u32,
    /// Failures that are left before the user is locked out; none where failures lock nobody out, or none counts.
    pub left: Option<u32>,
    /// Time until a user who is locked out may log in again.
    pub locked: Option<Duration>,
}

impl Attempts {
    /// Takes note of a login of a user who exists and says what it comes to. Parallel guesses are judged one by one, so
    /// no more of them are answered truthfully than the limit allows.
    pub(super) fn judge(&self, user: &str, good: bool, limits: Option<AttemptLimits>, now: Instant) -> Outcome {
        let mut users = self.lock();
        let history = users.entry(user.to_owned()).or_default();
        let outcome = history.judge(good, limits.filter(AttemptLimits::lock_out), now);
        history.attempted = history.attempted.wrapping_add(1);
        history.failed = history.failed.wrapping_add(u32::from(outcome != Outcome::Accepted));
        outcome
    }

    /// What the logins of a user came to, as these limits have it.
    pub(super) fn record(&self, user: &str, limits: Option<AttemptLimits>, now: Instant) -> LoginRecord {
        let users = self.lock();
        let Some(history) = users.get(user) else { return LoginRecord::default() };
        let mut record = LoginRecord { attempted: history.attempted, failed: history.failed, ..LoginRecord::default() };
        let Some(limits) = limits.filter(AttemptLimits::lock_out) else { return record };
        record.locked = history.locked(limits, now);
        let counting =
            history.times.iter().filter(|&&time| now.saturating_duration_since(time) <= limits.window).count();
        if counting > 0 || record.locked.is_some() {
            record.left = u32::try_from(limits.count.saturating_sub(counting)).ok();
        }
        record
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, History>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    fn judge(&mut self, good: bool, limits: Option<AttemptLimits>, now: Instant) -> Outcome {
        let plain = if good { Outcome::Accepted } else { Outcome::Rejected };
        let Some(limits) = limits else {
            self.times.clear();
            return plain;
        };
        if self.locked(limits, now).is_some() {
            return Outcome::LockedOut;
        }
        if good || limits.locked_since(&self.times).is_some() {
            self.times.clear();
        }
        if good {
            return plain;
        }
        self.times.retain(|&time| now.saturating_duration_since(time) <= limits.window);
        self.times.push(now);
        if limits.locked_since(&self.times).is_some() { Outcome::LocksOut } else { plain }
    }

    /// Time until the user may log in again.
    fn locked(&self, limits: AttemptLimits, now: Instant) -> Option<Duration> {
        let since = limits.locked_since(&self.times)?;
        let left = limits.lockout.saturating_sub(now.saturating_duration_since(since));
        (!left.is_zero()).then_some(left)
    }
}

impl AttemptLimits {
    /// Whether failures lock anybody out.
    fn lock_out(&self) -> bool {
        !self.window.is_zero() && !self.lockout.is_zero()
    }

    /// The last failure of a user who has had too many.
    fn locked_since(&self, times: &[Instant]) -> Option<Instant> {
        let first = times.len().checked_sub(self.count).and_then(|first| times.get(first))?;
        let last = times.last().filter(|last| last.saturating_duration_since(*first) <= self.window)?;
        Some(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LIMITS: AttemptLimits =
        AttemptLimits { count: 3, window: Duration::from_secs(300), lockout: Duration::from_secs(600) };

    /// Checks what logins at these minutes come to: `+` a good one, `-` a bad one.
    fn check(limits: AttemptLimits, logins: &[(u32, char)], expected: &str) {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let judge = |&(minute, kind): &(u32, char)| match attempts.judge(
            "u",
            kind == '+',
            Some(limits),
            start + MINUTE * minute,
        ) {
            Outcome::Accepted => 'a',
            Outcome::Rejected => 'r',
            Outcome::LocksOut => 'L',
            Outcome::LockedOut => 'l',
        };
        assert_eq!(logins.iter().map(judge).collect::<String>(), expected, "{limits:?} {logins:?}");
    }

    /// AUTH-037.
    #[test]
    fn too_many_failures_lock_a_user_out() {
        check(LIMITS, &[(0, '-'), (1, '-'), (2, '-'), (2, '+'), (11, '+'), (12, '+')], "rrLlla");
        // What is tried meanwhile does not make it longer.
        check(LIMITS, &[(0, '-'), (0, '-'), (0, '-'), (9, '-'), (10, '-'), (10, '-'), (10, '-')], "rrLlrrL");
        // A good login forgets the bad ones, and so does time.
        check(LIMITS, &[(0, '-'), (0, '-'), (0, '+'), (0, '-'), (0, '-'), (0, '-')], "rrarrL");
        check(LIMITS, &[(0, '-'), (3, '-'), (6, '-'), (8, '-'), (9, '+')], "rrrLl");
        check(AttemptLimits { count: 1, ..LIMITS }, &[(0, '-'), (1, '+'), (10, '+')], "Lla");
        check(AttemptLimits { window: Duration::ZERO, ..LIMITS }, &[(0, '-'), (0, '-'), (0, '-'), (0, '+')], "rrra");
        check(AttemptLimits { lockout: Duration::ZERO, ..LIMITS }, &[(0, '-'), (0, '-'), (0, '-'), (0, '+')], "rrra");
    }

    /// AUTH-037: the leaves as they are now decide about those who are out already.
    #[test]
    fn new_limits_hold_at_once() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..3 {
            attempts.judge("u", false, Some(LIMITS), now);
        }
        assert_eq!(attempts.judge("u", true, Some(LIMITS), now), Outcome::LockedOut);
        assert_eq!(attempts.judge("v", true, Some(LIMITS), now), Outcome::Accepted);
        assert_eq!(attempts.judge("u", true, Some(AttemptLimits { count: 4, ..LIMITS }), now), Outcome::Accepted);
    }
}
