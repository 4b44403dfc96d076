//! Open connections, and who has to go when there are too many.
//!
//! Invariant: there are never more than [`super::Limits::connections`], and of one source never more than
//! [`super::Limits::connections_per_source`] that hold no seat. A newcomer is let in all the same: the oldest connection
//! of the source that crowds most goes for it, unless that one holds a seat or its password is being checked. So silent
//! connections, however many, keep nobody out who speaks.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Limits;
use super::rate::Rate;
use super::source::Source;

/// Bursts of connections of one source, in seconds of its rate.
const BURST_SECONDS: usize = 2;

/// All open connections, from the moment they are accepted.
#[derive(Debug)]
pub(super) struct Crowd {
    connections: usize,
    per_source: usize,
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    last_id: u64,
    /// Oldest first.
    visits: BTreeMap<u64, Arc<Visit>>,
    rate: Rate<Source>,
}

/// A connection, as long as it is open.
#[derive(Debug)]
struct Visit {
    source: Source,
    seated: AtomicBool,
    /// Logins that are being checked.
    checks: AtomicUsize,
    ended: CancellationToken,
    why: OnceLock<Ended>,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// Its source opens too many in too short a time.
    #[error("more than {0} connections a second from this address")]
    TooFast(usize),
    /// There are too many, and none that could go.
    #[error("limit of {0} connections reached")]
    Full(usize),
}

/// Why a connection ends before its client wants it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Nobody had logged in, and others wanted in.
    #[error("nobody has logged in and others want to connect")]
    Crowded,
    /// An administrator wants it.
    #[error("ended by an administrator")]
    Administrator,
}

/// Keeps the place of a connection. Dropped, it is free.
#[derive(Debug)]
pub struct Arrival {
    id: u64,
    peer: SocketAddr,
    visit: Arc<Visit>,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let rate = Rate::new(limits.connection_rate, limits.connection_rate * BURST_SECONDS);
        let present = Present { last_id: 0, visits: BTreeMap::new(), rate };
        let &Limits { connections, connections_per_source: per_source, .. } = limits;
        Arc::new(Self { connections, per_source, present: Mutex::new(present) })
    }

    /// Lets a connection in. It ends with `server`, whatever happens.
    pub(super) fn arrive(
        self: &Arc<Self>,
        peer: SocketAddr,
        server: &CancellationToken,
        now: Instant,
        limits: &Limits,
    ) -> Result<Arrival, TurnedAway> {
        let source = Source::of(peer);
        let mut present = self.lock();
        if !present.rate.take(source, now) {
            return Err(TurnedAway::TooFast(limits.connection_rate));
        }
        if let Some((limit, goes)) = present.crowded(source, self.connections, self.per_source) {
            let visit = goes.and_then(|id| present.visits.remove(&id)).ok_or(TurnedAway::Full(limit))?;
            visit.end(Ended::Crowded);
        }
        present.last_id += 1;
        let id = present.last_id;
        let visit = Arc::new(Visit {
            source,
            seated: AtomicBool::new(false),
            checks: AtomicUsize::new(0),
            ended: server.child_token(),
            why: OnceLock::new(),
        });
        present.visits.insert(id, visit.clone());
        Ok(Arrival { id, peer, visit, crowd: self.clone() })
    }

    /// How many there are.
    pub(super) fn connections(&self) -> usize {
        self.lock().visits.len()
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    /// When somebody has to go before one more of this source comes: for which limit, and who, if anybody can.
    fn crowded(&self, newcomer: Source, connections: usize, per_source: usize) -> Option<(usize, Option<u64>)> {
        let mut unseated: HashMap<Source, usize> = HashMap::new();
        for visit in self.visits.values().filter(|visit| !visit.seated.load(Ordering::Relaxed)) {
            *unseated.entry(visit.source).or_default() += 1;
        }
        let oldest_of = |source: Source| {
            let mut goes = self.visits.iter().filter(|(_, visit)| visit.source == source && visit.may_go());
            goes.next().map(|(&id, _)| id)
        };
        if unseated.get(&newcomer).is_some_and(|&count| count >= per_source) {
            // All of them are being checked: the source has what it may have.
            return Some((per_source, oldest_of(newcomer)));
        }
        if self.visits.len() < connections {
            return None;
        }
        // The newcomer counts, so that of two sources with as many connections the one that wants more gives way.
        *unseated.entry(newcomer).or_default() += 1;
        let mut sources: Vec<_> = unseated.into_iter().collect();
        sources.sort_unstable_by_key(|&(source, count)| std::cmp::Reverse((count, source)));
        Some((connections, sources.into_iter().find_map(|(source, _)| oldest_of(source))))
    }
}

impl Visit {
    fn may_go(&self) -> bool {
        !self.seated.load(Ordering::Relaxed) && self.checks.load(Ordering::Relaxed) == 0
    }

    fn why(&self) -> Option<Ended> {
        self.why.get().copied()
    }

    fn end(&self, why: Ended) {
        // Whoever sees the token cancelled finds the reason.
        let _ = self.why.set(why);
        self.ended.cancel();
    }
}

impl Arrival {
    /// Its number, unique in the life of the process.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Address and port of the client.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Waits until the connection has to be closed.
    pub fn ended(&self) -> WaitForCancellationFutureOwned {
        self.visit.ended.clone().cancelled_owned()
    }

    /// Why it has to be closed; none when its server has gone down.
    pub fn why(&self) -> Option<Ended> {
        self.visit.why()
    }

    /// For its session.
    pub(super) fn handle(&self) -> Handle {
        Handle(self.visit.clone())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.crowd.lock().visits.remove(&self.id);
    }
}

/// What its session knows of a connection.
#[derive(Debug)]
pub(super) struct Handle(Arc<Visit>);

/// A login that is being checked, as long as this value lives.
#[derive(Debug)]
pub(super) struct Checking<'a>(&'a Visit);

impl Handle {
    /// The connection has a seat: it does not go for others any more.
    pub(super) fn seated(&self) {
        self.0.seated.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_seated(&self) -> bool {
        self.0.seated.load(Ordering::Relaxed)
    }

    /// Nor does it while a login is being checked.
    pub(super) fn checking(&self) -> Checking<'_> {
        self.0.checks.fetch_add(1, Ordering::Relaxed);
        Checking(&self.0)
    }

    /// Why the connection had to be closed; none when its client or its server went.
    pub(super) fn why(&self) -> Option<Ended> {
        self.0.why()
    }

    /// Closes the connection.
    pub(super) fn end(&self, why: Ended) {
        self.0.end(why);
    }
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.checks.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, connections_per_source: usize) -> Limits {
        Limits { connections, connections_per_source, connection_rate: 1000, ..Limits::default() }
    }

    struct Test {
        crowd: Arc<Crowd>,
        limits: Limits,
        arrivals: Vec<Arrival>,
    }

    impl Test {
        fn new(limits: Limits) -> Self {
            Self { crowd: Crowd::new(&limits), limits, arrivals: Vec::new() }
        }

        /// A connection from 192.0.2.x; the numbers of those that are open then.
        fn arrive(&mut self, host: u8) -> Result<Vec<u64>, TurnedAway> {
            let peer = SocketAddr::from(([192, 0, 2, host], 1));
            let server = CancellationToken::new();
            let arrival = self.crowd.arrive(peer, &server, Instant::now(), &self.limits)?;
            self.arrivals.push(arrival);
            self.arrivals.retain(|arrival| !arrival.visit.ended.is_cancelled());
            Ok(self.arrivals.iter().map(|arrival| arrival.id).collect())
        }

        fn handle(&self, id: u64) -> Handle {
            self.arrivals.iter().find(|arrival| arrival.id == id).unwrap().handle()
        }
    }

    /// LIM-009: silent connections of one source make room for those of others, and for newer ones of their own.
    #[test]
    fn the_oldest_of_the_most_crowded_source_goes() {
        let mut test = Test::new(limits(4, 3));
        assert_eq!(test.arrive(1), Ok(vec![1]));
        assert_eq!(test.arrive(2), Ok(vec![1, 2]));
        assert_eq!(test.arrive(1), Ok(vec![1, 2, 3]));
        assert_eq!(test.arrive(1), Ok(vec![1, 2, 3, 4]));
        assert_eq!(test.arrive(1), Ok(vec![2, 3, 4, 5]), "no more than three of one source");
        assert_eq!(test.arrive(3), Ok(vec![2, 4, 5, 6]), "the source with most gives way");
        assert_eq!(test.arrive(2), Ok(vec![4, 5, 6, 7]), "of two with as many the one that wants more");
    }

    #[test]
    fn seats_and_checks_are_safe() {
        let mut test = Test::new(limits(3, 3));
        (1..=3).for_each(|_| drop(test.arrive(1)));
        test.handle(1).seated();
        let second = test.handle(2);
        let checking = second.checking();
        assert_eq!(test.arrive(2), Ok(vec![1, 2, 4]));
        test.handle(4).seated();
        assert_eq!(test.arrive(3), Err(TurnedAway::Full(3)));
        drop(checking);
        // The second goes now.
        assert_eq!(test.arrive(3), Ok(vec![1, 4, 5]));
        test.handle(5).seated();
        assert_eq!(test.arrive(4), Err(TurnedAway::Full(3)));
        // A place is free again when its connection has gone.
        test.arrivals.retain(|arrival| arrival.id != 4);
        assert_eq!(test.arrive(4), Ok(vec![1, 5, 6]));
    }

    #[test]
    fn a_source_does_not_connect_without_a_pause() {
        let mut test = Test::new(Limits { connection_rate: 2, ..limits(100, 100) });
        for _ in 0..2 * BURST_SECONDS {
            test.arrive(1).unwrap();
        }
        assert_eq!(test.arrive(1), Err(TurnedAway::TooFast(2)));
        test.arrive(2).unwrap();
    }
}
