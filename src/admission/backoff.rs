//! Failed logins: whoever fails has to wait, and keeps others waiting as little as possible.
//!
//! Invariant: whether a user exists makes no difference here (AUTH-005). A user who has failed at one source waits
//! longer there with each failure, up to [`WAIT_MAX`]; the logins of one source fail no more often than
//! [`Limits::failed_login_rate`]; and one source has no more than half of the checks that go on at the same time, so
//! that a storm of wrong passwords leaves the others to everybody else. An attempt that is given up counts as failed.
//! What is remembered is bounded, whatever names strangers think of.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::Limits;
use super::rate::Rate;
use super::source::Source;
use crate::aaa::Share;

/// Failures of a user at a source that cost no wait.
const FREE_FAILURES: u32 = 3;
/// The first wait; each further one is twice as long.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Time without a failure after which a user begins anew.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// Users at sources that are remembered.
const USERS_MAX: usize = 4096;
/// Failures that a source may have at once, in seconds of its rate.
const BURST_SECONDS: usize = 4;
/// Logins of one source that wait, as a part of all that may.
const SOURCE_SHARE: usize = 2;

/// Who has failed, and who waits.
#[derive(Debug)]
pub(super) struct Backoff {
    waiting_max: usize,
    checks_of_source: usize,
    state: Mutex<State>,
    /// Names are remembered by a hash that nobody outside can foresee.
    names: RandomState,
}

#[derive(Debug)]
struct State {
    failed: HashMap<(Source, u64), Failed>,
    rate: Rate<Source>,
    /// Sources with logins that wait or are being checked.
    busy: HashMap<Source, Busy>,
    waiting: usize,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    times: u32,
    last: Instant,
}

#[derive(Debug)]
struct Busy {
    logins: usize,
    turns: Arc<Semaphore>,
}

/// Too many logins wait already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Login limit of {limit} reached - so many wait for their check, {of_source} of them from {from}; try again later"
)]
pub(super) struct TooManyLogins {
    /// How many may wait.
    limit: usize,
    /// Where this one comes from.
    from: Source,
    /// How many wait from there.
    of_source: usize,
}

/// A login that may be checked now. Dropped without a word it has failed.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    place: Place<'a>,
    user: u64,
    judged: Judged,
    share: Share,
}

/// What a login came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Failed,
    Accepted,
    /// Nobody who could tell was reached.
    Undecided,
}

/// A place among those that wait.
#[derive(Debug)]
struct Place<'a> {
    backoff: &'a Backoff,
    source: Source,
}

impl Backoff {
    pub(super) fn new(limits: &Limits) -> Self {
        let rate = Rate::new(limits.failed_login_rate, limits.failed_login_rate * BURST_SECONDS);
        let state = State { failed: HashMap::new(), rate, busy: HashMap::new(), waiting: 0 };
        Self {
            waiting_max: limits.waiting_logins,
            checks_of_source: limits.password_checks.div_ceil(2),
            state: Mutex::new(state),
            names: RandomState::new(),
        }
    }

    /// Takes a place among those that wait for their login.
    pub(super) fn queue(&self, source: Source) -> Result<Queued<'_>, TooManyLogins> {
        let mut state = self.lock();
        let of_source = state.busy.get(&source).map_or(0, |busy| busy.logins);
        if state.waiting >= self.waiting_max || of_source >= self.waiting_max.div_ceil(SOURCE_SHARE) {
            return Err(TooManyLogins { limit: self.waiting_max, from: source, of_source });
        }
        state.waiting += 1;
        let new = || Busy { logins: 0, turns: Arc::new(Semaphore::new(self.checks_of_source)) };
        let busy = state.busy.entry(source).or_insert_with(new);
        busy.logins += 1;
        Ok(Queued { place: Place { backoff: self, source }, turns: busy.turns.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login that has its place and waits.
#[derive(Debug)]
pub(super) struct Queued<'a> {
    place: Place<'a>,
    turns: Arc<Semaphore>,
}

impl<'a> Queued<'a> {
    /// Waits as long as earlier failures ask for, and until the source has a check free.
    pub(super) async fn turn(self, user: &str) -> Turn<'a> {
        let Self { place, turns } = self;
        let (backoff, source) = (place.backoff, place.source);
        let user = backoff.names.hash_one(user);
        let wait = backoff.lock().wait_of(source, user, Instant::now());
        // A sleep of no time would still be one of a millisecond.
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let mut share = Share::of(turns);
        share.take().await;
        let wait = backoff.lock().rate.wait(source, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        // Counted before it is known what it comes to: a server elsewhere may be asked about many at the same time.
        backoff.lock().rate.charge(source, Instant::now());
        Turn { place, user, judged: Judged::Failed, share }
    }
}

impl Turn<'_> {
    /// The login was good.
    pub(super) fn accepted(mut self) {
        self.judged = Judged::Accepted;
    }

    /// Nobody could tell; that is neither held against the user nor forgives anything.
    pub(super) fn undecided(mut self) {
        self.judged = Judged::Undecided;
    }

    /// The place among the checks of the source.
    pub(super) fn share(&mut self) -> &mut Share {
        &mut self.share
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Place { backoff, source } = self.place;
        let (now, mut state) = (Instant::now(), backoff.lock());
        match self.judged {
            Judged::Failed => return state.note(source, self.user, now),
            Judged::Accepted => drop(state.failed.remove(&(source, self.user))),
            Judged::Undecided => {}
        }
        state.rate.refund(source);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.backoff.lock();
        state.waiting -= 1;
        if let Some(busy) = state.busy.get_mut(&self.source) {
            busy.logins -= 1;
            if busy.logins == 0 {
                state.busy.remove(&self.source);
            }
        }
    }
}

impl State {
    fn wait_of(&self, source: Source, user: u64, now: Instant) -> Duration {
        let Some(failed) = self.failed.get(&(source, user)) else { return Duration::ZERO };
        let since = now.saturating_duration_since(failed.last);
        if failed.times < FREE_FAILURES || since >= FORGOTTEN {
            return Duration::ZERO;
        }
        let wait = WAIT_FIRST.saturating_mul(1 << (failed.times - FREE_FAILURES).min(16)).min(WAIT_MAX);
        wait.saturating_sub(since)
    }

    fn note(&mut self, source: Source, user: u64, now: Instant) {
        if self.failed.len() >= USERS_MAX && !self.failed.contains_key(&(source, user)) {
            self.failed.retain(|_, failed| now.saturating_duration_since(failed.last) < FORGOTTEN);
            // The rate of the source still holds for those that are not remembered.
            if self.failed.len() >= USERS_MAX {
                return;
            }
        }
        let failed = self.failed.entry((source, user)).or_insert(Failed { times: 0, last: now });
        if now.saturating_duration_since(failed.last) >= FORGOTTEN {
            failed.times = 0;
        }
        (failed.times, failed.last) = (failed.times.saturating_add(1), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(host: u8) -> Source {
        Source::of(([192, 0, 2, host], 1).into())
    }

    async fn fail(backoff: &Backoff, host: u8, user: &str) -> Duration {
        let began = Instant::now();
        drop(backoff.queue(source(host)).unwrap().turn(user).await);
        began.elapsed()
    }

    /// AUTH-037: each failure of a user at a source makes the next wait longer; others wait for nothing.
    #[tokio::test(start_paused = true)]
    async fn who_fails_waits() {
        let backoff = Backoff::new(&Limits::default());
        let mut waits = Vec::new();
        for _ in 0..10 {
            waits.push(fail(&backoff, 1, "eve").await.as_millis());
        }
        assert_eq!(waits, [0, 0, 0, 100, 200, 400, 800, 1600, 3000, 3000]);
        assert_eq!(fail(&backoff, 2, "eve").await, Duration::ZERO);
        assert_eq!(fail(&backoff, 1, "bob").await, Duration::ZERO);
        // A good login, or a minute of quiet, and all begins anew.
        backoff.queue(source(1)).unwrap().turn("eve").await.accepted();
        assert_eq!(fail(&backoff, 1, "eve").await, Duration::ZERO);
        for _ in 0..3 {
            fail(&backoff, 1, "eve").await;
        }
        sleep(FORGOTTEN).await;
        assert_eq!(fail(&backoff, 1, "eve").await, Duration::ZERO);
    }

    /// Other names do not help: a source fails no more often than its rate.
    #[tokio::test(start_paused = true)]
    async fn a_source_has_its_rate() {
        let backoff = Backoff::new(&Limits { failed_login_rate: 5, ..Limits::default() });
        let began = Instant::now();
        for number in 0..20 + 50 {
            fail(&backoff, 1, &number.to_string()).await;
        }
        assert_eq!(began.elapsed().as_secs(), 10);
        assert_eq!(fail(&backoff, 2, "0").await, Duration::ZERO);
    }

    /// The rate holds as well for logins that go on at the same time; those that are good cost nothing.
    #[tokio::test(start_paused = true)]
    async fn logins_count_before_they_have_failed() {
        let limits = Limits { failed_login_rate: 5, password_checks: 1000, ..Limits::default() };
        let backoff = Backoff::new(&limits);
        let (began, mut turns) = (Instant::now(), Vec::new());
        for number in 0..20 + 50 {
            turns.push(backoff.queue(source(1)).unwrap().turn(&number.to_string()).await);
        }
        assert_eq!(began.elapsed().as_secs(), 10);
        turns.into_iter().for_each(Turn::accepted);
        assert_eq!(fail(&backoff, 1, "eve").await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_has_half_of_the_checks_and_places() {
        let limits = Limits { password_checks: 4, waiting_logins: 10, ..Limits::default() };
        let backoff = Backoff::new(&limits);
        let turn = async |host| backoff.queue(source(host)).unwrap().turn("u").await;
        let (one, _two) = (turn(1).await, turn(1).await);
        let third = backoff.queue(source(1)).unwrap();
        let third = third.turn("u");
        tokio::pin!(third);
        assert!(tokio::time::timeout(WAIT_MAX, &mut third).await.is_err());
        let _other = turn(2).await;
        one.accepted();
        third.await.accepted();
        let queued: Vec<_> = (0..4).map(|_| backoff.queue(source(1)).unwrap()).collect();
        let refused = backoff.queue(source(1)).unwrap_err();
        let text =
            "Login limit of 10 reached - so many wait for their check, 5 of them from 192.0.2.1; try again later";
        assert_eq!(refused.to_string(), text);
        let others: Vec<_> = (0..4).map(|_| backoff.queue(source(2)).unwrap()).collect();
        assert_eq!(backoff.queue(source(3)).unwrap_err().of_source, 0);
        drop((queued, others));
        assert_eq!(backoff.lock().waiting, 2);
        assert_eq!(backoff.lock().busy.len(), 2);
    }

    /// Names that strangers think of do not fill the memory.
    #[tokio::test(start_paused = true)]
    async fn remembers_a_bounded_number_of_names() {
        let backoff = Backoff::new(&Limits { failed_login_rate: 1_000_000, ..Limits::default() });
        for number in 0..USERS_MAX + 100 {
            fail(&backoff, 1, &number.to_string()).await;
        }
        assert_eq!(backoff.lock().failed.len(), USERS_MAX);
    }
}
