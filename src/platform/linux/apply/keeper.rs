//! The task that keeps the machine as configured: it waits until configuration or the machine changes, and makes a pass.
//!
//! Invariant: one pass at a time, at most one each [`GAP`], and no more than a fifth of the time; what comes during a pass is looked at in the next one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtnetlink::MulticastGroup;
use rtnetlink::packet_route::RouteNetlinkMessage;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::netlink::{Events, Heard, NetlinkError, Requests};
use super::Applier;
use super::faults::Faults;
use super::found::{self, Found};
use super::plan::{Plan, Scope, Task, plan};
use super::read::{Terms, read};
use super::send::send;
use super::services::{self, Files, Ledger, Outcome};
use super::status::Status;
use super::wanted::Wanted;
use crate::platform::condition::Condition;
use crate::store::{Commit, StateBatch, StateWriter};
use crate::time::Clock;
use crate::value::Text;

/// How long after the first sign of a change a pass begins: what belongs together comes together.
const SETTLE: Duration = Duration::from_millis(10);

/// Shortest time between two passes.
const GAP: Duration = Duration::from_millis(100);

/// Where a pass takes long, because the machine has very many links, how many times as long the next one waits.
const REST: u32 = 4;

/// How often a pass is made without a sign: nobody tells when a file or the host name changes.
const LOOK: Duration = Duration::from_secs(5);

/// Time between two attempts to get working sockets.
const RETRY: Duration = Duration::from_secs(1);

/// The task.
pub(super) struct Keeper {
    /// The newest commit that changed configuration.
    pub(super) configured: watch::Receiver<Arc<Commit>>,
    pub(super) writer: StateWriter,
    pub(super) clock: Clock,
    pub(super) terms: Terms,
    pub(super) scope: Scope,
    pub(super) files: Files,
    pub(super) status: Status,
    pub(super) faults: Faults,
    /// Threads for blocking work use it too, while this task waits for them.
    pub(super) ledger: Arc<Mutex<Ledger>>,
}

/// The sockets, opened and lost together.
struct Sockets {
    events: Events,
    requests: Requests,
}

/// What is remembered from one pass to the next.
#[derive(Default)]
struct Seen {
    /// Which configuration was read, and what it asks for.
    wanted: Option<(u64, Wanted)>,
    found: Option<Found>,
}

impl Keeper {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut condition = Condition::new("appliers");
        let mut seen = Seen::default();
        loop {
            let mut sockets = loop {
                match condition.note(self.open()) {
                    Some(sockets) => break sockets,
                    None => sleep(RETRY).await,
                }
            };
            let end = self.keep(&mut sockets, &mut seen).await;
            condition.note::<()>(Err(end));
            sleep(RETRY).await;
        }
    }

    fn open(&self) -> Result<Sockets, NetlinkError> {
        let routes = [MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route];
        let more = if self.scope.routes { &routes[..] } else { &[] };
        Ok(Sockets { events: Events::open(more)?, requests: Requests::open_strict()? })
    }

    /// Passes until a socket breaks.
    async fn keep(&mut self, sockets: &mut Sockets, seen: &mut Seen) -> NetlinkError {
        loop {
            let begun = Instant::now();
            if let Err(error) = self.pass(&mut sockets.requests, seen).await {
                return error;
            }
            let rest = begun.elapsed() * REST;
            if !self.wait(&mut sockets.events, begun + LOOK).await {
                return NetlinkError::Closed;
            }
            sleep_until((begun + GAP.max(rest)).max(Instant::now() + SETTLE)).await;
        }
    }

    /// Waits for a sign that a pass may find something. False when the socket of events broke.
    async fn wait(&mut self, events: &mut Events, look: Instant) -> bool {
        let again = self.faults.next().map_or(look, |again| again.min(look));
        loop {
            tokio::select! {
                // Without a store there is nothing left to wait for; the handle will end this.
                Ok(()) = self.configured.changed() => return true,
                heard = events.next() => match heard {
                    None => return false,
                    Some(heard) if matters(&heard) => return true,
                    Some(_) => {}
                },
                () = sleep_until(again) => return true,
            }
        }
    }

    /// Reads configuration and machine, and does what makes them agree.
    async fn pass(&mut self, requests: &mut Requests, seen: &mut Seen) -> Result<(), NetlinkError> {
        let commit = self.configured.borrow_and_update().clone();
        let wanted = match seen.wanted.take() {
            Some((configurations, wanted)) if configurations == commit.configurations => wanted,
            _ => read(self.writer.schema(), &commit.tree, &self.terms),
        };
        let found = Found::read(requests, self.scope.routes).await?;
        let stirred = seen.found.as_ref().is_none_or(|before| found.differs(before));
        self.faults.begin(Instant::now(), stirred);
        for (path, reason) in &wanted.refused {
            self.faults.note(path, reason.clone(), Instant::now(), self.clock.now());
        }
        self.steps(&wanted, &found, requests).await?;
        self.services(&wanted).await;
        self.faults.end();
        (seen.wanted, seen.found) = (Some((commit.configurations, wanted)), Some(found));
        let mut batch = StateBatch::new();
        self.status.failures(self.faults.all(), &mut batch);
        if !batch.is_empty()
            && let Err(error) = self.writer.commit(&batch, self.clock.now())
        {
            tracing::error!(%error, "state of the appliers not published");
        }
        Ok(())
    }

    /// What the kernel is to change.
    async fn steps(&mut self, wanted: &Wanted, found: &Found, requests: &mut Requests) -> Result<(), NetlinkError> {
        let tasks = self.due_tasks(wanted, found);
        let saved = self.save().await;
        let mut ends = Vec::new();
        let mut done = 0;
        for (task, fresh) in tasks {
            let (now, time) = (Instant::now(), self.clock.now());
            if let Err(reason) = &saved {
                self.faults.note(&task.path, reason.clone(), now, time);
                continue;
            }
            match send(&task.step, requests).await {
                Ok(()) => {
                    tracing::debug!(path = &*task.path, step = %task.step, "applied");
                    ends.push((task.release, task.claim));
                    self.faults.done(task.step.to_string(), now);
                    done += 1;
                }
                Err(NetlinkError::Closed) => return Err(NetlinkError::Closed),
                Err(error) => {
                    ends.push((task.claim.filter(|_| fresh), None));
                    self.faults.note(&task.path, format!("{}: {}", task.step, reason(&error)), now, time);
                }
            }
        }
        if done > 0 {
            tracing::info!(changes = done, "configuration applied to this machine");
        }
        {
            let record = &mut lock(&self.ledger).record;
            // In the order of the steps: what one took away the next may have brought back.
            for (gone, there) in ends {
                gone.iter().for_each(|claim| record.release(claim));
                if let Some(claim) = there {
                    record.claim(&claim);
                }
            }
        }
        // Not lost when it fails: the next pass saves it, and until then it names too much rather than too little.
        drop(self.save().await);
        Ok(())
    }

    /// What is to be done now, entered in the record; and whether that was not entered before.
    fn due_tasks(&mut self, wanted: &Wanted, found: &Found) -> Vec<(Task, bool)> {
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (now, time) = (Instant::now(), self.clock.now());
        let mut ledger = lock(&self.ledger);
        ledger.record.prune(found);
        let Plan { tasks, stale, refused } = plan(wanted, found, &hostname, &ledger.record, self.scope);
        for (path, reason) in refused {
            self.faults.note(&path, reason, now, time);
        }
        stale.iter().for_each(|claim| ledger.record.release(claim));
        let mut due = Vec::new();
        for task in tasks {
            if self.faults.is_due(&task.path, &task.step.to_string(), now, time) {
                let fresh = task.claim.as_ref().is_some_and(|claim| ledger.record.claim(claim));
                due.push((task, fresh));
            }
        }
        due
    }

    /// Puts the record on the disk when it has changed, on a thread that may block.
    async fn save(&self) -> Result<(), String> {
        if lock(&self.ledger).is_saved() {
            return Ok(());
        }
        let ledger = self.ledger.clone();
        let saved = tokio::task::spawn_blocking(move || lock(&ledger).save()).await;
        saved.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// What other programs are to hear of.
    async fn services(&mut self, wanted: &Wanted) {
        if self.terms.on.contains(&Applier::Dns) {
            let wish = wanted.dns.clone();
            let path = wish.as_ref().map_or(services::DNS_PATH.into(), |wish| wish.path.clone());
            self.service(path, "dns", move |files, ledger| services::dns(wish.as_ref(), files, ledger)).await;
        }
        if self.terms.on.contains(&Applier::Ntp) {
            let wish = wanted.ntp.clone();
            let path = wish.as_ref().map_or(services::NTP_PATH.into(), |wish| wish.path.clone());
            self.service(path, "ntp", move |files, ledger| services::ntp(wish.as_ref(), files, ledger)).await;
        }
    }

    async fn service(
        &mut self,
        path: Text,
        name: &'static str,
        work: impl FnOnce(&Files, &mut Ledger) -> Outcome + Send + 'static,
    ) {
        if !self.faults.is_due(&path, name, Instant::now(), self.clock.now()) {
            return;
        }
        let (files, ledger) = (self.files.clone(), self.ledger.clone());
        let worked = tokio::task::spawn_blocking(move || work(&files, &mut lock(&ledger))).await;
        let outcome = worked
            .unwrap_or_else(|error| Outcome { failed: vec![(path.clone(), error.to_string())], ..Outcome::default() });
        let (now, time) = (Instant::now(), self.clock.now());
        for done in outcome.done {
            tracing::info!(path = &*path, "configuration applied to this machine: {done}");
            self.faults.done(name.to_owned(), now);
        }
        for (path, reason) in outcome.failed {
            self.faults.note(&path, reason, now, time);
        }
    }
}

/// Whether an event can make a difference. Routes of others come by the million.
fn matters(heard: &Heard) -> bool {
    match heard {
        Heard::Loss => true,
        Heard::Change(message) => match &**message {
            RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route) => {
                route.header.protocol == found::PROTOCOL
            }
            _ => true,
        },
    }
}

/// What the kernel said.
fn reason(error: &NetlinkError) -> String {
    match error {
        NetlinkError::Refused(said) => said.to_string(),
        error => error.to_string(),
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
