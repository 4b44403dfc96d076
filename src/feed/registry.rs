//! The subscriptions that run, with what they have done: for state, and for whoever ends one.
//!
//! Invariant: a subscription is listed exactly as long as its [`Registered`] lives. Its [`Account`] is written by its own
//! stream alone, through atomics; nobody who looks at it holds it up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::codec::{BundleSizes, Bundling, Encoding};
use crate::telemetry::{Collections, ListMode, PathMode};
use crate::time::Timestamp;

/// What a subscription is.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Who subscribed.
    pub user: String,
    /// Where the messages go.
    pub peer: SocketAddr,
    /// Mode of the list.
    pub mode: ListMode,
    /// Encoding, as asked for.
    pub encoding: Encoding,
    /// How its notifications are bundled.
    pub bundling: Option<Bundling>,
    /// Whether it is about configuration alone, commit by commit.
    pub configuration: bool,
    /// When it started.
    pub since: Timestamp,
    /// Its paths.
    pub paths: Vec<PathDescription>,
}

/// What one of its paths is.
#[derive(Clone, Debug, PartialEq)]
pub struct PathDescription {
    /// As asked for, prefix joined.
    pub path: String,
    /// Its mode; none where the mode of the list leaves no choice.
    pub mode: Option<PathMode>,
    /// Time between samples, for paths that are sampled.
    pub sample_interval: Option<Duration>,
    /// Longest silence.
    pub heartbeat: Option<Duration>,
}

/// All subscriptions of the process.
#[derive(Debug, Default)]
pub struct Registry {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    last_id: u32,
    accounts: BTreeMap<u32, Arc<Account>>,
}

impl Registry {
    /// Lists a new subscription under a number that no other one has.
    pub fn register(self: &Arc<Self>, description: Description) -> Registered {
        let mut running = self.lock();
        let mut id = running.last_id;
        loop {
            // Zero is nobody's; the number space is never full, because channels are few.
            id = id.wrapping_add(1).max(1);
            if !running.accounts.contains_key(&id) {
                break;
            }
        }
        running.last_id = id;
        let account = Arc::new(Account::new(id, description));
        running.accounts.insert(id, account.clone());
        Registered { account, registry: self.clone() }
    }

    /// Those that run, oldest number first.
    pub fn running(&self) -> Vec<Arc<Account>> {
        self.lock().accounts.values().cloned().collect()
    }

    /// Ends a subscription (SUB-034). Tells whether there is one with this number.
    pub fn end(&self, id: u32) -> bool {
        let account = self.lock().accounts.get(&id).cloned();
        account.inspect(|account| account.ended.cancel()).is_some()
    }

    /// Ends all of them and tells how many.
    pub fn end_all(&self) -> usize {
        self.running().iter().inspect(|account| account.ended.cancel()).count()
    }

    /// Locks through poison: an entry is put in or taken out in one step.
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a subscription listed.
#[derive(Debug)]
pub struct Registered {
    account: Arc<Account>,
    registry: Arc<Registry>,
}

impl Registered {
    /// What it has done so far.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lock().accounts.remove(&self.account.id);
    }
}

/// A subscription and what it has done so far.
#[derive(Debug)]
pub struct Account {
    id: u32,
    description: Description,
    ended: CancellationToken,
    notifications: AtomicU64,
    contexts: AtomicU64,
    bundles: Sizes,
    paths: Box<[Times]>,
}

/// [`BundleSizes`], shared.
#[derive(Debug, Default)]
struct Sizes {
    bundles: AtomicU64,
    notifications: AtomicU64,
    smallest: AtomicU64,
    largest: AtomicU64,
    span_nanos: AtomicU64,
}

/// [`Collections`], shared; times in nanoseconds.
#[derive(Debug, Default)]
struct Times {
    finished: AtomicU64,
    deferred: AtomicU64,
    total: AtomicU64,
    shortest: AtomicU64,
    longest: AtomicU64,
}

impl Account {
    fn new(id: u32, description: Description) -> Self {
        Self {
            id,
            ended: CancellationToken::new(),
            notifications: AtomicU64::new(0),
            contexts: AtomicU64::new(0),
            bundles: Sizes::default(),
            paths: description.paths.iter().map(|_| Times::default()).collect(),
            description,
        }
    }

    /// Its number, unique among those that run.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Cancelled when somebody ends it.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Messages with a notification that the transport has taken.
    pub fn notifications(&self) -> u64 {
        self.notifications.load(Ordering::Relaxed)
    }

    /// Containers and list entries that were written about.
    pub fn contexts(&self) -> u64 {
        self.contexts.load(Ordering::Relaxed)
    }

    /// What was bundled.
    pub fn bundle_sizes(&self) -> BundleSizes {
        BundleSizes {
            bundles: self.bundles.bundles.load(Ordering::Relaxed),
            notifications: self.bundles.notifications.load(Ordering::Relaxed),
            smallest: self.bundles.smallest.load(Ordering::Relaxed),
            largest: self.bundles.largest.load(Ordering::Relaxed),
            span: Duration::from_nanos(self.bundles.span_nanos.load(Ordering::Relaxed)),
        }
    }

    /// The collections of a path, by its position in the list.
    pub fn collections(&self, path: usize) -> Collections {
        self.paths.get(path).map_or_else(Collections::default, |times| {
            let duration = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
            Collections {
                finished: times.finished.load(Ordering::Relaxed),
                deferred: times.deferred.load(Ordering::Relaxed),
                total: duration(&times.total),
                shortest: duration(&times.shortest),
                longest: duration(&times.longest),
            }
        })
    }

    pub(super) fn add_notification(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_contexts(&self, contexts: u64) {
        self.contexts.store(contexts, Ordering::Relaxed);
    }

    pub(super) fn set_bundle_sizes(&self, sizes: BundleSizes) {
        self.bundles.bundles.store(sizes.bundles, Ordering::Relaxed);
        self.bundles.notifications.store(sizes.notifications, Ordering::Relaxed);
        self.bundles.smallest.store(sizes.smallest, Ordering::Relaxed);
        self.bundles.largest.store(sizes.largest, Ordering::Relaxed);
        self.bundles.span_nanos.store(nanos(sizes.span), Ordering::Relaxed);
    }

    pub(super) fn set_collections(&self, path: usize, collections: Collections) {
        let Some(times) = self.paths.get(path) else { return };
        times.finished.store(collections.finished, Ordering::Relaxed);
        times.deferred.store(collections.deferred, Ordering::Relaxed);
        times.total.store(nanos(collections.total), Ordering::Relaxed);
        times.shortest.store(nanos(collections.shortest), Ordering::Relaxed);
        times.longest.store(nanos(collections.longest), Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            user: "admin".to_owned(),
            peer: ([127, 0, 0, 1], 5).into(),
            mode: ListMode::Stream,
            encoding: Encoding::Json,
            bundling: None,
            configuration: false,
            since: Timestamp::EPOCH,
            paths: Vec::new(),
        }
    }

    /// SUB-053: numbers are unique, also when they run over.
    #[test]
    fn numbers_are_unique() {
        let registry = Arc::new(Registry::default());
        let first = registry.register(description());
        let second = registry.register(description());
        assert_eq!((first.account().id(), second.account().id()), (1, 2));
        drop(first);
        assert_eq!(registry.register(description()).account().id(), 3);
        registry.lock().last_id = u32::MAX - 1;
        let last = registry.register(description());
        let wrapped = registry.register(description());
        assert_eq!((last.account().id(), wrapped.account().id()), (u32::MAX, 1));
        registry.lock().last_id = 1;
        assert_eq!(registry.register(description()).account().id(), 3, "2 still runs");
        let ids: Vec<_> = registry.running().iter().map(|account| account.id()).collect();
        assert_eq!(ids, [1, 2, u32::MAX]);
    }

    /// SUB-034.
    #[test]
    fn ends_by_number() {
        let registry = Arc::new(Registry::default());
        let [one, two] = [registry.register(description()), registry.register(description())];
        assert!(registry.end(2) && !registry.end(7));
        assert!(!one.account().ended().is_cancelled() && two.account().ended().is_cancelled());
        drop(two);
        assert!(!registry.end(2));
        assert_eq!(registry.end_all(), 1);
        assert!(one.account().ended().is_cancelled());
    }
}
