//! Laws of commits that have to be confirmed.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::laws::{batch, configured, edits, readings};
use super::model::{Op, ops, rules};
use super::{Flat, NONE, at, differing, flat, loaded, only, place, schema};
use crate::path::ListKey;
use crate::store::author::{Author, Interface};
use crate::store::commit::{Origin, Store};
use crate::store::config::{CommitError, Committed, ConfigWriter, Request, Saving, prepare};
use crate::store::confirm::{ConfirmError, Confirmation};
use crate::store::edit::Edit;
use crate::store::journal::{Journal, Record, Saved};
use crate::store::state::StateWriter;
use crate::store::tree::Tree;
use crate::store::validate::Validator;
use crate::time::Timestamp;

/// A writer with its journal in a directory of its own.
pub(super) struct Bench {
    pub(super) dir: TempDir,
    pub(super) store: Arc<Store>,
    pub(super) config: ConfigWriter,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        Self::open(dir)
    }

    /// Starts as the daemon does: what was never confirmed is taken back first.
    fn open(dir: TempDir) -> Self {
        let opened = Journal::open(dir.path()).expect("the journal");
        Self::opened(dir, opened)
    }

    /// The same with a journal that is open.
    pub(super) fn opened(dir: TempDir, (mut journal, mut saved): (Journal, Saved)) -> Self {
        if saved.unconfirmed.is_some() {
            let record = Record::of_system("restart".to_owned(), at(1000));
            saved = journal.take_back_unconfirmed(&record).expect("taken back");
        }
        let restored = saved.restore(schema()).expect("configuration that fits");
        let mut validator = Validator::new(loaded());
        let (tree, _) =
            prepare(schema(), &mut validator, &Tree::default(), restored, &[], at(0)).expect("a valid configuration");
        validator.accept();
        let store = Arc::new(Store::new(loaded().schema.clone(), tree, at(0)));
        let config = ConfigWriter::new(store.clone(), validator, journal);
        Self { dir, store, config }
    }

    /// Ends as a kill would, and starts again.
    pub(super) fn reopened(self) -> Self {
        let Self { dir, store, config } = self;
        drop((store, config));
        Self::open(dir)
    }

    /// Configuration with the order of its rules.
    pub(super) fn configuration(&self) -> Configuration {
        let tree = &self.store.newest().tree;
        (configured(tree), rules(tree))
    }

    /// The configuration after these commits, and what is on disk then: a commit is saved unless `warn` is false.
    fn set_up(&self, setup: &[Vec<Op>]) -> (Configuration, Configuration) {
        let mut disk = self.configuration();
        for (round, ops) in setup.iter().enumerate() {
            // What constraints refuse changes nothing, which is as good.
            let request = Request::new(edits(ops), author(), at(round as i64 + 1));
            let made = self.config.submit(Request { saving: saving(), ..request });
            if made.is_ok_and(|made| made.commit_id.is_some()) {
                disk = self.configuration();
            }
        }
        (self.configuration(), disk)
    }

    fn request(&self, ops: &[Op], id: &str, nanos: i64) -> Result<Committed, CommitError> {
        let request = confirmed(edits(ops), confirmation(id), at(nanos));
        self.config.submit(Request { saving: saving(), ..request })
    }
}

/// Places and values, and the order of the rules.
pub(super) type Configuration = (Flat, Vec<ListKey>);

pub(super) fn check_same(found: Configuration, expected: &Configuration) -> Result<(), TestCaseError> {
    prop_assert_eq!(differing(&found.0, &expected.0), NONE);
    prop_assert_eq!(&found.1, &expected.1);
    Ok(())
}

pub(super) fn saving() -> Saving {
    Saving::UnlessOff(place("/system/warn"))
}

fn confirmed(edits: Vec<Edit>, confirmation: Confirmation, now: Timestamp) -> Request {
    Request { confirmation: Some(confirmation), ..Request::new(edits, author(), now) }
}

pub(super) fn author() -> Author {
    let interface = Interface::Gnmi;
    Author { user: "admin".to_owned(), source: "[::1]:57400".to_owned(), session: 7, interface }
}

fn confirmation(id: &str) -> Confirmation {
    Confirmation { id: id.into(), patience: Duration::from_secs(600) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(160) })]

    /// EXT-011, EXT-015, EXT-019: whatever a commit changes, taking it back leaves the configuration as it was before, on
    /// disk too, and state as it is now. A start without a confirmation finds what was on disk before.
    #[test]
    fn taking_back_restores_exactly(
        setup in proptest::collection::vec(ops(1..5), 0..4),
        first in readings(),
        asked in ops(1..6),
        meanwhile in readings(),
        restart: bool,
    ) {
        let bench = Bench::new();
        let state = StateWriter::new(bench.store.clone());
        let (before, disk) = bench.set_up(&setup);
        state.commit(&batch(&first), at(10)).expect("only state");
        prop_assume!(bench.request(&asked, "c1", 11).is_ok());
        if restart {
            return check_same(bench.reopened().configuration(), &disk);
        }
        state.commit(&batch(&meanwhile), at(12)).expect("only state");
        let now = only(&flat(&bench.store.newest().tree), false);
        bench.config.cancel("c1", &author(), at(13)).expect("it waits");
        check_same(bench.configuration(), &before)?;
        prop_assert_eq!(differing(&only(&flat(&bench.store.newest().tree), false), &now), NONE);
        // What is known to the validator has come along, and the disk says the same.
        prop_assert!(bench.request(&asked, "c2", 14).is_ok());
        bench.config.abandon(at(15)).expect("it waits");
        check_same(bench.reopened().configuration(), &disk)?;
    }

    /// EXT-014: what was confirmed is there after a restart, as far as it was saved.
    #[test]
    fn confirming_keeps(setup in proptest::collection::vec(ops(1..5), 0..3), asked in ops(1..6)) {
        let bench = Bench::new();
        let (_, mut disk) = bench.set_up(&setup);
        let made = bench.request(&asked, "c1", 11);
        prop_assume!(made.is_ok());
        if made.is_ok_and(|made| made.commit_id.is_some()) {
            disk = bench.configuration();
        }
        bench.config.confirm("c1", at(12)).expect("it waits");
        check_same(bench.reopened().configuration(), &disk)?;
    }
}

pub(super) fn rename(name: &str) -> Vec<Edit> {
    vec![super::update(&format!("/system/name={name}"))]
}

/// EXT-011: the journal tells who made a commit and who took it back; numbers are never given twice.
#[test]
fn the_journal_tells_what_happened() {
    let bench = Bench::new();
    bench.config.commit(&rename("first"), &author(), at(1)).expect("a commit");
    for (id, restart) in [("c1", false), ("c2", true)] {
        bench.config.submit(confirmed(rename(id), confirmation(id), at(2))).expect("a commit");
        if !restart {
            bench.config.abandon(at(3)).expect("taken back");
        }
    }
    let Bench { dir, store, config } = bench;
    drop((store, config));
    let (mut journal, saved) = Journal::open(dir.path()).expect("the journal");
    let unconfirmed = saved.unconfirmed.as_ref().map(|waits| (waits.commit_id, &*waits.id));
    assert_eq!(unconfirmed, Some((4, "c2")));
    journal.take_back_unconfirmed(&Record::of_system("restart".to_owned(), at(5))).expect("taken back");
    let history = journal.history().expect("history");
    let told: Vec<_> = history
        .iter()
        .map(|commit| (commit.commit_id, &*commit.record.author.user, &*commit.record.author.source))
        .collect();
    assert_eq!(
        told,
        [
            (1, "admin", "[::1]:57400"),
            (2, "admin", "[::1]:57400"),
            (3, "system", "commit 'c1' was not confirmed before the shutdown"),
            (4, "admin", "[::1]:57400"),
            (5, "system", "restart"),
        ]
    );
    for pair in [[1, 2], [3, 4]] {
        let [request, reversal] = pair.map(|index: usize| &history[index].changes);
        let rows = |row: &Option<Box<[u8]>>| row.as_ref().map(|row| row[9..].to_vec());
        assert_eq!((rows(&request[0].old), rows(&request[0].new)), (rows(&reversal[0].new), rows(&reversal[0].old)));
    }
}

/// EXT-032: the commit and its reversal both carry the client's name for it.
#[test]
fn commits_carry_the_name() {
    let bench = Bench::new();
    let made = bench.config.submit(confirmed(rename("x"), confirmation("c1"), at(1))).expect("a commit");
    assert_eq!(made.commit.origin, Origin::Configuration { commit_id: Some(1), confirm: Some("c1".into()) });
    bench.config.cancel("c1", &author(), at(2)).expect("it waits");
    assert_eq!(bench.store.newest().origin, Origin::Configuration { commit_id: Some(2), confirm: Some("c1".into()) });
    bench.config.commit(&rename("y"), &author(), at(3)).expect("a commit");
    assert_eq!(bench.store.newest().origin, Origin::Configuration { commit_id: Some(3), confirm: None });
}

/// EXT-016: a time that was set anew is not over when the one before is.
#[test]
fn expires_at_the_last_deadline() {
    let bench = Bench::new();
    let first = confirmation("c1");
    let waiting = || bench.config.waiting().borrow().clone().expect("one waits");
    bench.config.submit(confirmed(rename("x"), first.clone(), at(1))).expect("a commit");
    let before = waiting();
    bench.config.set_patience(&first, at(2)).expect("it waits");
    assert!(bench.config.expire(&before, at(3)).expect("not yet").is_none());
    let refused = bench.config.commit(&rename("y"), &author(), at(4)).expect_err("one waits");
    assert!(matches!(refused, CommitError::Waiting { .. }));
    let expired = bench.config.expire(&waiting(), at(5)).expect("taken back");
    assert_eq!(expired.map(|waiting| waiting.id), Some("c1".into()));
    assert!(matches!(bench.config.confirm("c1", at(6)), Err(ConfirmError::NothingWaits)));
}
