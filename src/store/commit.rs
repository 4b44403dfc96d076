//! Commits and the one place that publishes them.
//!
//! Invariant: generations grow by one with each commit, and the newest commit is swapped in whole, so a reader sees all
//! of a commit or nothing of it (gnmi-spec 3.4.3, SET-006).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::diff::{Difference, diff};
use super::recent::{ConfigChange, Recent};
use super::tree::Tree;
use crate::path::{DataPath, Pattern, Step};
use crate::schema::Schema;
use crate::time::Timestamp;

/// Places a commit names one by one before it counts as wide. Above this a walk over both trees is cheaper than
/// filtering the list for each subscriber.
const TOUCHED_MAX: usize = 64;

/// One version of everything.
#[derive(Debug)]
pub struct Commit {
    /// Counts commits from the start of the process.
    pub generation: u64,
    /// When it was made.
    pub time: Timestamp,
    /// The data as of this commit.
    pub tree: Tree,
    /// Who made it.
    pub origin: Origin,
    /// How many commits so far took something away: when two commits agree here, nothing vanished between them.
    pub removals: u64,
    /// How many commits so far changed configuration: when two commits agree here, they have the same.
    pub configurations: u64,
    /// The newest of those, this one included when it is one.
    recent: Recent,
    touched: Touched,
}

/// Where a commit came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The first one of the process.
    Start,
    /// A producer of state.
    State,
    /// A configuration commit with its number in the journal.
    Configuration {
        /// Number of the commit, growing over restarts; none when it is not saved.
        commit_id: Option<u64>,
        /// The client\'s name of a commit that has to be confirmed, both when it is made and when it is taken back.
        confirm: Option<Arc<str>>,
    },
}

/// Where a commit differs from the one before: none of the places lies within another.
#[derive(Clone, Debug)]
enum Touched {
    Places(Box<[DataPath]>),
    Wide,
}

impl Touched {
    fn from_places(mut places: Vec<DataPath>) -> Self {
        if places.len() > TOUCHED_MAX {
            return Self::Wide;
        }
        places.sort();
        places.dedup_by(|later, earlier| earlier.contains(later));
        Self::Places(places.into())
    }
}

impl Commit {
    /// The configuration commits after an older commit, up to this one, oldest first; and whether these are all.
    pub fn configurations_since(&self, since: &Self) -> (&[Arc<ConfigChange>], bool) {
        let passed = self.configurations.saturating_sub(since.configurations);
        let known = self.recent.last(passed);
        (known, known.len() as u64 == passed)
    }

    /// Tells `visit` what differs at or below `pattern` since an older commit. One commit apart, the writer's own list
    /// of places is the short way; further apart, the trees are compared. Both tell the same.
    pub fn differences<'a>(
        &'a self,
        schema: &'a Schema,
        since: &'a Self,
        pattern: &Pattern,
        visit: &mut dyn FnMut(&[Step], Difference<'a>),
    ) {
        match &self.touched {
            Touched::Places(places) if self.generation == since.generation + 1 => {
                for narrowed in places.iter().filter_map(|place| pattern.narrowed(place.steps())) {
                    diff(schema, &since.tree, &self.tree, &narrowed, visit);
                }
            }
            _ => diff(schema, &since.tree, &self.tree, pattern, visit),
        }
    }
}

/// The newest commit, and the door through which the next one is published.
#[derive(Debug)]
pub struct Store {
    schema: Arc<Schema>,
    newest: watch::Sender<Arc<Commit>>,
    /// The newest commit that changed configuration. Who follows only that is not woken by each counter.
    configured: watch::Sender<Arc<Commit>>,
    /// Held while the next commit is made from the newest one. Readers never take it.
    publishing: Mutex<()>,
}

impl Store {
    /// A store that starts with this tree.
    pub fn new(schema: Arc<Schema>, tree: Tree, time: Timestamp) -> Self {
        let first = Commit {
            generation: 0,
            time,
            tree,
            origin: Origin::Start,
            removals: 0,
            configurations: 0,
            recent: Recent::default(),
            touched: Touched::Wide,
        };
        let first = Arc::new(first);
        Self {
            schema,
            newest: watch::Sender::new(first.clone()),
            configured: watch::Sender::new(first),
            publishing: Mutex::new(()),
        }
    }

    /// The schema of the data.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The newest commit.
    pub fn newest(&self) -> Arc<Commit> {
        self.newest.borrow().clone()
    }

    /// A view that always holds the newest commit and wakes when it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Commit>> {
        self.newest.subscribe()
    }

    /// A view of the newest commit that changed configuration, which wakes only when there is another one.
    pub fn watch_configuration(&self) -> watch::Receiver<Arc<Commit>> {
        self.configured.subscribe()
    }

    /// Makes the next commit: `next` gets the newest tree and says what it becomes and where it differs. No commit is
    /// made when nothing differs.
    pub(super) fn publish(&self, time: Timestamp, origin: Origin, next: impl FnOnce(&Tree) -> Next) -> Arc<Commit> {
        let _turn = lock(&self.publishing);
        let newest = self.newest();
        let Next { tree, places, removes, change } = next(&newest.tree);
        if places.is_empty() {
            return newest;
        }
        let configures = matches!(origin, Origin::Configuration { .. });
        let commit = Arc::new(Commit {
            generation: newest.generation + 1,
            time,
            tree,
            configurations: newest.configurations + u64::from(configures),
            origin,
            removals: newest.removals + u64::from(removes),
            recent: change.map_or_else(|| newest.recent.clone(), |change| newest.recent.with(change)),
            touched: Touched::from_places(places),
        });
        self.newest.send_replace(commit.clone());
        if configures {
            self.configured.send_replace(commit.clone());
        }
        commit
    }
}

/// What the next commit is to hold.
pub(super) struct Next {
    /// The data.
    pub(super) tree: Tree,
    /// The places where it differs.
    pub(super) places: Vec<DataPath>,
    /// Whether anything at all is gone.
    pub(super) removes: bool,
    /// What it changes of the configuration, when that is what it is about.
    pub(super) change: Option<ConfigChange>,
}

/// Locks through poison: what the locks of the store guard is replaced whole or not at all, so a panic elsewhere
/// leaves nothing half done behind them.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
