//! Sessions: one for each TCP or TLS connection (TLS-002).
//!
//! Invariant: at most [`super::Limits::sessions`] sessions are seated. A session takes its seat with its first accepted
//! login and gives it up when its connection closes; a connection without a seat gets refusals only. So neither an idle
//! connection nor a failed login keeps anybody out (LIM-009, LIM-010).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::channel::{ChannelState, Finished};
use super::complaints::Complaints;
use super::crowd::{Arrival, Checking, Crowd, Ended, Handle, TurnedAway};
use super::layer::Accepted;
use super::marking::Marking;
use super::pending::Pending;
use super::refusal::Refusal;
use crate::aaa::Fingerprint;
use crate::log::{Event, SecurityLog, Verdict};
use crate::time::{Clock, Timestamp};

/// All open connections.
#[derive(Debug)]
pub struct Sessions {
    limits: Limits,
    clock: Clock,
    log: SecurityLog,
    crowd: Arc<Crowd>,
    complaints: Complaints,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: BTreeMap<u64, Arc<Session>>,
    /// Ids of those that hold a seat.
    seated: Vec<u64>,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    id: u64,
    peer: SocketAddr,
    protection: Protection,
    opened: Timestamp,
    since: Instant,
    connection: Handle,
    user: Mutex<User>,
    /// What was last accepted here.
    login: Mutex<Option<Accepted>>,
    /// Checks under way. RPCs with equal credentials wait for one, others do not (AUTH-015, AUTH-036).
    checks: Checks,
    channels: Mutex<BTreeMap<u64, Arc<ChannelState>>>,
    rpcs: AtomicU64,
    marking: Marking,
    last_finished: Mutex<Option<Finished>>,
    /// When the last RPC began or ended, in milliseconds after `since`.
    moved: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// How a connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// By TLS.
    Tls {
        /// The common name in the certificate that the client has shown, empty when that has none.
        client: Option<String>,
    },
}

/// Checks of credentials, and what they come to.
pub(super) type Checks = Pending<Fingerprint, Result<(), Refusal>>;

/// Who speaks on a session at present.
#[derive(Debug, Default)]
struct User {
    name: Option<String>,
    /// When that was accepted.
    since: Option<Timestamp>,
    /// Cancelled when another user takes over.
    changed: CancellationToken,
}

/// All seats are taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Session limit of {limit} reached - {} in use, held by {}", .holders.len(), .holders.join(", "))]
pub struct NoSeat {
    /// How many there are.
    pub limit: usize,
    /// Who has them, `user address:port` each.
    pub holders: Vec<String>,
}

/// All channels are in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Channel limit of {limit} reached - {in_use} in use, held by {}; end another RPC first", .holders.join(", "))]
pub(super) struct NoChannel {
    limit: usize,
    in_use: usize,
    /// `user address:port (count)` each.
    holders: Vec<String>,
}

/// Why an open connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overdue {
    /// Nobody has logged in for too long.
    #[error("no successful login in time")]
    NoLogin,
    /// The client has not read a message for too long.
    #[error("the client does not read what it subscribed to")]
    Stalled,
}

/// Keeps a session open; closes it when dropped. Owned by the connection.
#[derive(Debug)]
pub struct OpenSession {
    session: Arc<Session>,
    sessions: Arc<Sessions>,
    arrival: Arrival,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: Limits, clock: Clock, log: SecurityLog) -> Arc<Self> {
        let (crowd, complaints) = (Crowd::new(&limits), Complaints::new(log.clone(), clock.clone()));
        Arc::new(Self { limits, clock, log, crowd, complaints, open: Mutex::default() })
    }

    /// The limits that hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is said about connections that come to nothing.
    pub fn complaints(&self) -> &Complaints {
        &self.complaints
    }

    /// Lets a new connection in. It has to be closed when `server` is cancelled, or when room is needed.
    ///
    /// # Errors
    ///
    /// [`TurnedAway`] when it has to be closed at once.
    pub fn arrive(&self, peer: SocketAddr, server: &CancellationToken) -> Result<Arrival, TurnedAway> {
        self.crowd.arrive(peer, server, Instant::now(), &self.limits)
    }

    /// Opens the session of a connection that speaks HTTP/2.
    pub fn open(self: &Arc<Self>, arrival: Arrival, protection: Protection) -> OpenSession {
        let peer = arrival.peer();
        let session = Arc::new(Session {
            id: arrival.id(),
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            protection,
            opened: self.clock.now(),
            since: Instant::now(),
            connection: arrival.handle(),
            user: Mutex::default(),
            login: Mutex::default(),
            checks: Checks::default(),
            channels: Mutex::default(),
            rpcs: AtomicU64::new(0),
            marking: Marking::default(),
            last_finished: Mutex::default(),
            moved: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        });
        lock(&self.open).sessions.insert(session.id, session.clone());
        OpenSession { session, sessions: self.clone(), arrival }
    }

    /// Seats a session that has just logged in or wants to be served; a seat once taken is kept.
    ///
    /// # Errors
    ///
    /// [`NoSeat`] when all are taken, or the connection has closed meanwhile.
    pub fn seat(&self, session: &Session) -> Result<(), NoSeat> {
        let mut open = lock(&self.open);
        if open.seated.contains(&session.id) {
            return Ok(());
        }
        if open.seated.len() >= self.limits.sessions || !open.sessions.contains_key(&session.id) {
            let holders = open.seated.iter().filter_map(|id| open.sessions.get(id)).map(|session| session.title());
            return Err(NoSeat { limit: self.limits.sessions, holders: holders.collect() });
        }
        open.seated.push(session.id);
        session.connection.seated();
        drop(open);
        self.log.write(self.event("session-open", session));
        Ok(())
    }

    /// All open connections, those without a session included.
    pub fn connections(&self) -> usize {
        self.crowd.connections()
    }

    /// The sessions that are served, oldest first.
    pub fn seated(&self) -> Vec<Arc<Session>> {
        let open = lock(&self.open);
        open.seated.iter().filter_map(|id| open.sessions.get(id)).cloned().collect()
    }

    /// Who has all the channels.
    pub(super) fn all_channels(&self, limit: usize) -> NoChannel {
        let counts = self.seated().into_iter().map(|session| (session.active_rpcs(), session));
        let holders: Vec<_> = counts.filter(|(count, _)| *count > 0).collect();
        let in_use = holders.iter().map(|(count, _)| count).sum();
        let holders = holders.iter().map(|(count, session)| format!("{} ({count})", session.title())).collect();
        NoChannel { limit, in_use, holders }
    }

    fn close(&self, session: &Session) {
        let mut open = lock(&self.open);
        open.sessions.remove(&session.id);
        let seats = open.seated.len();
        open.seated.retain(|&id| id != session.id);
        let was_seated = open.seated.len() < seats;
        drop(open);
        if was_seated {
            let reason = session.connection.why().map(|why| why.to_string()).unwrap_or_default();
            self.log.write(Event { reason, ..self.event("session-close", session) });
        }
    }

    fn event(&self, kind: &'static str, session: &Session) -> Event {
        Event {
            time: self.clock.now(),
            kind,
            user: session.user().unwrap_or_default(),
            client: session.peer,
            session: session.id,
            rpc: String::new(),
            paths: String::new(),
            verdict: Some(Verdict::Authorized),
            reason: String::new(),
        }
    }
}

impl Session {
    /// Its number, unique in the life of the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Address and port of the client; an IPv4 client reads as such on a dual-stack listener.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether it is served; otherwise it gets refusals only.
    pub fn is_seated(&self) -> bool {
        self.connection.is_seated()
    }

    /// Whether it runs over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.protection != Protection::None
    }

    /// The common name in the certificate that the client has shown, and that was found good in the handshake.
    pub(super) fn client_certificate(&self) -> Option<&str> {
        match &self.protection {
            Protection::Tls { client } => client.as_deref(),
            Protection::None => None,
        }
    }

    /// When the connection was accepted.
    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    /// The user last accepted; none before the first login.
    pub fn user(&self) -> Option<String> {
        lock(&self.user).name.clone()
    }

    /// When that user logged in.
    pub fn logged_in(&self) -> Option<Timestamp> {
        lock(&self.user).since
    }

    /// How long no RPC has been running.
    pub fn idle(&self, now: Instant) -> Duration {
        if self.active_rpcs() > 0 {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.since + Duration::from_millis(self.moved.load(Ordering::Relaxed)))
    }

    /// RPCs that run (AUTH-040).
    pub fn active_rpcs(&self) -> usize {
        lock(&self.channels).len()
    }

    /// RPCs that were ever admitted (AUTH-040).
    pub fn total_rpcs(&self) -> u64 {
        self.rpcs.load(Ordering::Relaxed)
    }

    /// The RPCs that run, oldest first.
    pub fn channels(&self) -> Vec<Arc<ChannelState>> {
        lock(&self.channels).values().cloned().collect()
    }

    /// The RPC that ended last.
    pub fn last_finished(&self) -> Option<Finished> {
        lock(&self.last_finished).clone()
    }

    /// Bytes of HTTP/2 received and sent; those of TLS are not among them.
    pub fn traffic(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }

    /// Counts what the connection has received and sent.
    pub fn add_traffic(&self, received: usize, sent: usize) {
        self.received.fetch_add(received as u64, Ordering::Relaxed);
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
    }

    /// Cancelled when another user takes this session over (AUTH-018).
    pub fn user_changed(&self) -> CancellationToken {
        lock(&self.user).changed.clone()
    }

    /// What was last accepted here.
    pub(super) fn login(&self) -> MutexGuard<'_, Option<Accepted>> {
        lock(&self.login)
    }

    pub(super) fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Says that a login is being checked, for as long as the answer lives.
    pub(super) fn checking(&self) -> Checking<'_> {
        self.connection.checking()
    }

    /// Notes the user of an accepted login and ends the subscriptions of another one before (AUTH-018, AUTH-022).
    pub(super) fn accepted(&self, name: &str, now: Timestamp) {
        let mut user = lock(&self.user);
        if user.name.as_deref().is_some_and(|before| before != name) {
            std::mem::take(&mut user.changed).cancel();
        }
        if user.name.as_deref() != Some(name) {
            user.since = Some(now);
        }
        user.name = Some(name.to_owned());
    }

    /// Closes the connection, whatever is going on there.
    pub fn end(&self) {
        self.connection.end(Ended::Administrator);
    }

    pub(super) fn marking(&self) -> &Marking {
        &self.marking
    }

    pub(super) fn add_channel(&self, state: &Arc<ChannelState>) -> u64 {
        let number = self.rpcs.fetch_add(1, Ordering::Relaxed);
        lock(&self.channels).insert(number, state.clone());
        self.has_moved();
        number
    }

    pub(super) fn remove_channel(&self, number: u64, finished: Finished) {
        self.has_moved();
        lock(&self.channels).remove(&number);
        *lock(&self.last_finished) = Some(finished);
    }

    fn has_moved(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(millis, Ordering::Relaxed);
    }

    /// Whether the connection has to be closed.
    pub fn overdue(&self, now: Instant, limits: &Limits) -> Option<Overdue> {
        if lock(&self.user).name.is_none() {
            return (now - self.since > limits.first_request_timeout).then_some(Overdue::NoLogin);
        }
        let channels = lock(&self.channels);
        let stalled = channels.values().any(|channel| channel.waiting(now) > limits.send_stall);
        stalled.then_some(Overdue::Stalled)
    }

    fn title(&self) -> String {
        format!("{} {}", self.user().unwrap_or_default(), self.peer)
    }
}

impl OpenSession {
    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The connection.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Says why the connection is closed.
    pub fn complain(&self, why: &dyn std::fmt::Display) {
        self.sessions.complaints.warn(self.session.peer, why);
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.sessions.close(&self.session);
    }
}

/// Locks through poison: everything behind these locks is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
