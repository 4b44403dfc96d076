//! Laws of commits that have to be confirmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;

use super::laws::{batch, configured, edits, readings};
use super::model::{ops, rules};
use super::{Flat, NONE, at, differing, flat, loaded, only, schema};
use crate::path::ListKey;
use crate::store::commit::{Origin, Store};
use crate::store::config::{Author, CommitError, ConfigWriter, prepare};
use crate::store::confirm::{ConfirmError, Confirmation};
use crate::store::journal::{Journal, Record};
use crate::store::state::StateWriter;
use crate::store::tree::Tree;
use crate::store::validate::Validator;

/// A writer with its journal in a directory of its own.
struct Bench {
    dir: TempDir,
    store: Arc<Store>,
    config: ConfigWriter,
}

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        Self::open(dir)
    }

    /// Starts as the daemon does: what was never confirmed is taken back first.
    fn open(dir: TempDir) -> Self {
        let (mut journal, mut saved) = Journal::open(dir.path()).expect("the journal");
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
    fn reopened(self) -> Self {
        let Self { dir, store, config } = self;
        drop((store, config));
        Self::open(dir)
    }

    /// Configuration with the order of its rules.
    fn configuration(&self) -> (Flat, Vec<ListKey>) {
        let tree = &self.store.newest().tree;
        (configured(tree), rules(tree))
    }
}

fn author() -> Author {
    Author { user: "admin".to_owned(), source: "[::1]:57400".to_owned(), session: 7 }
}

fn confirmation(id: &str) -> Confirmation {
    let patience = Duration::from_secs(600);
    Confirmation { id: id.into(), patience, deadline: Instant::now() + patience }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    /// EXT-011, EXT-015, EXT-019: whatever a commit changes, taking it back leaves the configuration as it was before and
    /// state as it is now; and a start without a confirmation finds the configuration of before, too.
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
        for (round, ops) in setup.iter().enumerate() {
            // What constraints refuse changes nothing, which is as good.
            let _ = bench.config.commit(&edits(ops), &author(), at(round as i64 + 1));
        }
        state.commit(&batch(&first), at(10)).expect("only state");
        let before = bench.configuration();
        let request = bench.config.commit_confirmed(&edits(&asked), &author(), confirmation("c1"), at(11));
        prop_assume!(request.is_ok());
        if restart {
            let bench = bench.reopened();
            let (restored, rules) = bench.configuration();
            prop_assert_eq!(differing(&restored, &before.0), NONE);
            prop_assert_eq!(rules, before.1);
            let refused = bench.config.commit(&edits(&asked), &author(), at(12));
            let waits = matches!(refused, Err(CommitError::Waiting { .. }));
            prop_assert!(!waits);
            return Ok(());
        }
        state.commit(&batch(&meanwhile), at(12)).expect("only state");
        let now = only(&flat(&bench.store.newest().tree), false);
        bench.config.cancel("c1", &author(), at(13)).expect("it waits");
        let (restored, rules) = bench.configuration();
        prop_assert_eq!(differing(&restored, &before.0), NONE);
        prop_assert_eq!(&rules, &before.1);
        prop_assert_eq!(differing(&only(&flat(&bench.store.newest().tree), false), &now), NONE);
        // What is known to the validator has come along, and the disk says the same.
        prop_assert!(bench.config.commit_confirmed(&edits(&asked), &author(), confirmation("c2"), at(14)).is_ok());
        bench.config.abandon(at(15)).expect("it waits");
        prop_assert_eq!(differing(&bench.reopened().configuration().0, &before.0), NONE);
    }

    /// EXT-014: what was confirmed is there after a restart.
    #[test]
    fn confirming_keeps(setup in ops(0..5), asked in ops(1..6)) {
        let bench = Bench::new();
        let _ = bench.config.commit(&edits(&setup), &author(), at(1));
        prop_assume!(bench.config.commit_confirmed(&edits(&asked), &author(), confirmation("c1"), at(2)).is_ok());
        let after = bench.configuration();
        bench.config.confirm("c1", at(3)).expect("it waits");
        let bench = bench.reopened();
        prop_assert_eq!(differing(&bench.configuration().0, &after.0), NONE);
        prop_assert_eq!(bench.configuration().1, after.1);
    }
}

fn rename(name: &str) -> Vec<crate::store::edit::Edit> {
    vec![super::update(&format!("/system/name={name}"))]
}

/// EXT-011: the journal tells who made a commit and who took it back; numbers are never given twice.
#[test]
fn the_journal_tells_what_happened() {
    let bench = Bench::new();
    bench.config.commit(&rename("first"), &author(), at(1)).expect("a commit");
    for (id, restart) in [("c1", false), ("c2", true)] {
        bench.config.commit_confirmed(&rename(id), &author(), confirmation(id), at(2)).expect("a commit");
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
    let made = bench.config.commit_confirmed(&rename("x"), &author(), confirmation("c1"), at(1)).expect("a commit");
    assert_eq!(made.commit.origin, Origin::Configuration { commit_id: 1, confirm: Some("c1".into()) });
    bench.config.cancel("c1", &author(), at(2)).expect("it waits");
    assert_eq!(bench.store.newest().origin, Origin::Configuration { commit_id: 2, confirm: Some("c1".into()) });
    bench.config.commit(&rename("y"), &author(), at(3)).expect("a commit");
    assert_eq!(bench.store.newest().origin, Origin::Configuration { commit_id: 3, confirm: None });
}

/// EXT-016: a deadline that was moved does not count any more.
#[test]
fn expires_at_the_last_deadline() {
    let bench = Bench::new();
    let first = confirmation("c1");
    let second = Confirmation { deadline: first.deadline + Duration::from_secs(60), ..first.clone() };
    bench.config.commit_confirmed(&rename("x"), &author(), first.clone(), at(1)).expect("a commit");
    bench.config.set_patience(&second, at(2)).expect("it waits");
    assert!(bench.config.expire(first.deadline, at(3)).expect("not yet").is_none());
    let refused = bench.config.commit(&rename("y"), &author(), at(4)).expect_err("one waits");
    assert!(matches!(refused, CommitError::Waiting { .. }));
    let expired = bench.config.expire(second.deadline, at(5)).expect("taken back");
    assert_eq!(expired.map(|waiting| waiting.id), Some("c1".into()));
    assert!(matches!(bench.config.confirm("c1", at(6)), Err(ConfirmError::NothingWaits)));
}
