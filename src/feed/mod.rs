//! A subscription as a stream of encoded messages: engine and encoder, woken by commits and deadlines.
//!
//! Invariant: nothing is made before the transport asks for it. At most one piece of encoded messages waits here
//! (about 64 KiB, or one message of a ONCE reply or a bundle), so a reader that stalls holds back only itself (SUB-042).
//! Dial-in hands this stream to the RPC; whoever opens a connection the other way may feed the same stream to it.

mod outlet;
mod registry;
mod sight;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::Stream;
use tokio::time::Sleep;
use tokio_stream::wrappers::WatchStream;

pub use registry::{Account, Description, PathDescription, Registered, Registry};

use crate::codec::{Encoded, Encoder};
use crate::schema::NodeSet;
use crate::store::{Commit, Store};
use crate::telemetry::{Engine, Moment, Plan, Progress};
use crate::time::Clock;
use outlet::Outlet;
pub use sight::Reader;
use sight::{Screened, Sight};

/// Encoded SubscribeResponse messages of one subscription. Ends by itself only after a ONCE list.
#[derive(Debug)]
pub struct Feed {
    engine: Engine,
    outlet: Outlet,
    registered: Registered,
    sight: Option<Sight>,
    store: Arc<Store>,
    commits: WatchStream<Arc<Commit>>,
    deadline: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    clock: Clock,
    done: bool,
    idle: bool,
}

impl Feed {
    /// Starts a subscription at the newest commit. `registered` lists it as long as the feed lives, and says how its
    /// notifications are bundled.
    pub fn new(
        store: Arc<Store>,
        plan: Arc<Plan>,
        capable: Arc<NodeSet>,
        encoder: Encoder,
        registered: Registered,
        clock: Clock,
    ) -> Self {
        // The view is opened before the newest commit is read, so that no commit falls between (OCH-026).
        let commits = WatchStream::from_changes(store.watch());
        let newest = store.newest();
        let engine = Engine::new(plan, store.schema().clone(), capable, &newest, moment(&clock));
        let sleep = Box::pin(tokio::time::sleep_until(tokio::time::Instant::now()));
        Self {
            engine,
            outlet: Outlet::new(encoder, registered.account().description().bundling),
            registered,
            sight: None,
            store,
            commits,
            deadline: None,
            sleep,
            clock,
            done: false,
            idle: false,
        }
    }

    /// Limits it to what somebody may read (AUTH-030, AUTH-031).
    pub fn seen_by(mut self, reader: Box<dyn Reader>, plan: Arc<Plan>) -> Self {
        self.sight = Some(Sight::new(reader, plan));
        self
    }

    /// Answers a Poll message: everything again (SUB-021).
    pub fn poll_request(&mut self) {
        self.engine.poll_request(&self.store.newest(), moment(&self.clock));
    }

    /// Whether everything asked for has been said: what comes next needs a commit, a deadline or a request.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// Its entry in the list of those that run.
    pub fn account(&self) -> &Account {
        self.registered.account()
    }

    /// Notes what the engine has done.
    fn note(&mut self) {
        let account = self.registered.account();
        account.set_contexts(self.outlet.encoder.contexts());
        if let Some(path) = self.engine.take_collected() {
            account.set_collections(path, self.engine.collections(path));
        }
        if let Some(sizes) = self.outlet.bundle_sizes() {
            account.set_bundle_sizes(sizes);
        }
    }

    /// Registers for the next commit and the next deadline.
    fn wait(&mut self, cx: &mut Context<'_>) -> Wakeup {
        let mut wakeup = Wakeup::None;
        if self.engine.wants_commits() {
            while let Poll::Ready(Some(_)) = Pin::new(&mut self.commits).poll_next(cx) {
                wakeup = Wakeup::Now;
            }
        }
        let next = [self.engine.next_deadline(), self.outlet.deadline()].into_iter().flatten().min();
        if let Some(next) = next {
            if self.deadline != Some(next) {
                self.deadline = Some(next);
                self.sleep.as_mut().reset(next.into());
            }
            if self.sleep.as_mut().poll(cx).is_ready() {
                self.deadline = None;
                wakeup = Wakeup::Now;
            }
        }
        wakeup
    }
}

#[derive(PartialEq)]
enum Wakeup {
    None,
    Now,
}

impl Stream for Feed {
    type Item = Encoded;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        let this = &mut *self;
        loop {
            if let Some(message) = this.outlet.pop() {
                if message.is_notification() {
                    this.account().add_notification();
                }
                return Poll::Ready(Some(message));
            }
            if this.done {
                return Poll::Ready(None);
            }
            let now = moment(&this.clock);
            let newest = this.store.newest();
            let sight = this.sight.as_mut();
            let progress = match sight.and_then(|sight| sight.screen(&newest, this.store.schema())) {
                None => this.engine.poll(&newest, now, &mut this.outlet.encoder),
                Some(screen) => this.engine.poll(&newest, now, &mut Screened::new(screen, &mut this.outlet.encoder)),
            };
            this.outlet.fill(now.instant);
            this.outlet.release(now.instant);
            this.note();
            match progress {
                // The message is still growing. Others get their turn before the next piece.
                Progress::More if this.outlet.is_empty() => {
                    this.idle = false;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Progress::More | Progress::Next => {}
                Progress::Done => {
                    this.outlet.close();
                    this.note();
                    this.done = true;
                }
                // A commit or deadline that came while the engine ran is work at once, not a reason to sleep.
                Progress::Idle => {
                    if this.outlet.is_empty() && this.wait(cx) == Wakeup::None {
                        this.idle = true;
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

fn moment(clock: &Clock) -> Moment {
    Moment { instant: tokio::time::Instant::now().into_std(), wall: clock.now() }
}
