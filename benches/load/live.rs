//! Subscriptions that go on in the background while the server is watched over a window of time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ganymede::time::{Clock, Timestamp};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::Result;
use crate::client::{SILENCE_MAX, Session};
use crate::process::Server;
use crate::wire::Seen;

/// Silence after which a round is taken for complete.
const QUIET: Duration = Duration::from_millis(100);

/// Running subscriptions; dropped, they end.
pub(crate) struct Live {
    tracks: Vec<Arc<Mutex<Track>>>,
    running: JoinSet<Result<()>>,
    /// To end the one that was opened last.
    last: Option<AbortHandle>,
}

/// How subscriptions are opened and counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// Time between one and the next.
    pub(crate) apart: Duration,
    /// Messages whose timestamps are no further apart belong to one round.
    pub(crate) round: Duration,
}

impl Opening {
    /// All at once; a round is one sample, and so everything within half a second.
    pub(crate) const SAMPLES: Self = Self { apart: Duration::ZERO, round: Duration::from_millis(500) };

    /// All at once; a round is one event.
    pub(crate) const EVENTS: Self = Self { apart: Duration::ZERO, round: Duration::ZERO };
}

/// What one subscription received after its sync response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub(crate) messages: u64,
    pub(crate) leaves: u64,
    /// The rounds that lie in the window with their beginning and, as far as can be seen, their end.
    pub(crate) rounds: Vec<Round>,
    /// Timestamp of the round that was under way when the window began, or had ended before.
    before: Option<Timestamp>,
}

/// What belongs together: the values of one sample, or of one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Timestamp of the first notification.
    pub(crate) stamp: Timestamp,
    /// When the last message was received.
    pub(crate) complete: Timestamp,
    pub(crate) leaves: u64,
    /// Values missed, as the server says.
    pub(crate) duplicates: u64,
}

impl Track {
    fn count(&mut self, seen: &Seen, round: Duration) {
        let Some(stamp) = seen.stamp else { return };
        self.messages += 1;
        self.leaves += seen.leaves;
        if self.before.is_some_and(|before| stamp.since(before) <= round) {
            return;
        }
        match self.rounds.last_mut().filter(|last| stamp.since(last.stamp) <= round) {
            Some(last) => {
                last.complete = seen.received;
                last.leaves += seen.leaves;
                last.duplicates += seen.duplicates;
            }
            None => {
                let Seen { received: complete, leaves, duplicates, .. } = *seen;
                self.rounds.push(Round { stamp, complete, leaves, duplicates });
            }
        }
    }

    /// Ends the window: hands out what was counted.
    fn take(&mut self) -> Self {
        let before = self.rounds.last().map(|round| round.stamp).or(self.before);
        let mut taken = std::mem::replace(self, Self { before, ..Self::default() });
        let now = Clock::System.now();
        if taken.rounds.last().is_some_and(|last| now.since(last.complete) < QUIET) {
            taken.rounds.pop();
        }
        taken
    }

    /// Leaves delivered a second and values passed over a second, from one round's timestamp to another's, so that it
    /// does not matter how the rounds fall into the window.
    pub(crate) fn rates(&self) -> Result<(f64, f64)> {
        let [first, rounds @ ..] = &*self.rounds else { return Err("a subscription was silent".into()) };
        let last = rounds.last().ok_or("a subscription brought too little to say how fast it is")?;
        let seconds = last.stamp.since(first.stamp).as_secs_f64();
        let sum = |count: fn(&Round) -> u64| rounds.iter().map(count).sum::<u64>() as f64 / seconds;
        Ok((sum(|round| round.leaves), sum(|round| round.duplicates)))
    }
}

/// What all subscriptions received in a window, and what the server spent in it.
pub(crate) struct Window {
    pub(crate) seconds: f64,
    /// Seconds of server CPU.
    cpu: f64,
    /// In the order of the requests.
    pub(crate) tracks: Vec<Track>,
}

impl Window {
    /// Leaves received.
    pub(crate) fn leaves(&self) -> u64 {
        self.tracks.iter().map(|track| track.leaves).sum()
    }

    /// Messages received.
    pub(crate) fn messages(&self) -> u64 {
        self.tracks.iter().map(|track| track.messages).sum()
    }

    /// Share of a core that the server used.
    pub(crate) fn cores(&self) -> f64 {
        self.cpu / self.seconds
    }

    /// Microseconds of server CPU for each leaf received.
    pub(crate) fn cpu_per_leaf(&self) -> f64 {
        self.cpu * 1e6 / self.leaves() as f64
    }
}

impl Live {
    /// Opens one subscription for each request, spread over the connections, and waits until all have synchronised.
    pub(crate) async fn open(sessions: &[Session], requests: &[Bytes], opening: Opening) -> Result<Self> {
        for session in sessions {
            // So that no subscription has to wait until a password has been checked.
            session.clone().capabilities().await?;
        }
        let (synced, mut syncs) = mpsc::channel(requests.len().max(1));
        let mut live = Self { tracks: Vec::new(), running: JoinSet::new(), last: None };
        let mut due = tokio::time::Instant::now();
        for (session, request) in sessions.iter().cycle().zip(requests) {
            tokio::time::sleep_until(due).await;
            due += opening.apart;
            let track = Arc::<Mutex<Track>>::default();
            live.tracks.push(track.clone());
            let follow = follow(session.clone(), request.clone(), opening.round, track, synced.clone());
            live.last = Some(live.running.spawn(follow));
        }
        for _ in requests {
            tokio::select! {
                Some(()) = syncs.recv() => {}
                ended = live.ended() => return Err(ended),
                () = tokio::time::sleep(SILENCE_MAX) => return Err("a subscription has not synchronised".into()),
            }
        }
        Ok(live)
    }

    /// Counts for this long.
    pub(crate) async fn window(&mut self, server: &Server, time: Duration) -> Result<Window> {
        for track in &self.tracks {
            lock(track).take();
        }
        let (before, started) = (server.usage().cpu_seconds()?, Instant::now());
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            ended = self.ended() => return Err(ended),
        }
        let (seconds, cpu) = (started.elapsed().as_secs_f64(), server.usage().cpu_seconds()? - before);
        let tracks = self.tracks.iter().map(|track| lock(track).take()).collect();
        Ok(Window { seconds, cpu, tracks })
    }

    /// Ends the subscription that was opened last, so that the server has room for another RPC. Nothing can be counted
    /// after that.
    pub(crate) async fn end_last(&mut self) {
        if let Some(last) = self.last.take() {
            last.abort();
            // It has ended because it was told to.
            let _ = self.running.join_next().await;
        }
    }

    /// Waits until one of the subscriptions ends, which none should.
    async fn ended(&mut self) -> Box<dyn std::error::Error + Send + Sync> {
        match self.running.join_next().await {
            None => std::future::pending().await,
            Some(Ok(Ok(()))) => "the server ended a subscription".into(),
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => error.into(),
        }
    }
}

async fn follow(
    mut session: Session,
    request: Bytes,
    round: Duration,
    track: Arc<Mutex<Track>>,
    synced: mpsc::Sender<()>,
) -> Result<()> {
    let mut subscription = session.subscribe(request).await?;
    let mut counts = false;
    while let Some(seen) = subscription.next().await? {
        if counts {
            lock(&track).count(&seen, round);
        } else if seen.is_sync() {
            counts = true;
            synced.send(()).await?;
        }
    }
    Ok(())
}

/// Only this thread locks.
fn lock(track: &Mutex<Track>) -> MutexGuard<'_, Track> {
    track.lock().unwrap_or_else(PoisonError::into_inner)
}
