//! Laws of going back.

use proptest::prelude::*;

use super::confirm::{Bench, Configuration, author, check_same, rename, saving};
use super::laws::{batch, edits, readings};
use super::model::ops;
use super::{NONE, at, delete, differing, flat, only, schema, update};
use crate::store::changes::{ConfigurationChange, changes, explicit};
use crate::store::config::{CommitError, Committed, Intent, Request};
use crate::store::state::StateWriter;
use crate::value::Value;

fn roll_back(bench: &Bench, commit_id: u64, nanos: i64) -> Result<Committed, CommitError> {
    let request = Request::new(Vec::new(), author(), at(nanos));
    bench.config.submit(Request { intent: Intent::RollBack(commit_id), ..request })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    /// A rollback leads to the configuration after the commit it names, whatever was done since, saved or not, and to
    /// the same after a restart; state stays; and the way back leads back.
    #[test]
    fn goes_back_exactly(
        rounds in proptest::collection::vec(ops(1..5), 2..6),
        first in readings(),
        pick: prop::sample::Index,
    ) {
        let bench = Bench::new();
        let mut known: Vec<(u64, Configuration)> = Vec::new();
        for (round, ops) in rounds.iter().enumerate() {
            let request = Request::new(edits(ops), author(), at(round as i64 + 1));
            if let Ok(Committed { commit_id: Some(commit_id), .. }) =
                bench.config.submit(Request { saving: saving(), ..request })
            {
                known.push((commit_id, bench.configuration()));
            }
        }
        prop_assume!(!known.is_empty());
        let state = StateWriter::new(bench.store.clone());
        state.commit(&batch(&first), at(10)).expect("only state");
        let now = only(&flat(&bench.store.newest().tree), false);
        let (commit_id, then) = &known[pick.index(known.len())];
        roll_back(&bench, *commit_id, 20).expect("a rollback");
        check_same(bench.configuration(), then)?;
        prop_assert_eq!(differing(&only(&flat(&bench.store.newest().tree), false), &now), NONE);
        let (last, newest) = &known[known.len() - 1];
        roll_back(&bench, *last, 30).expect("a rollback");
        check_same(bench.configuration(), newest)?;
        check_same(bench.reopened().configuration(), newest)?;
    }
}

#[test]
fn says_what_is_kept() {
    let bench = Bench::new();
    let refused = roll_back(&bench, 1, 1).expect_err("nothing there");
    assert_eq!(refused.to_string(), "Commit 1 is not kept, none is");
    for number in 1..=60 {
        bench.config.commit(&rename(&format!("n{number}")), &author(), at(number)).expect("a commit");
    }
    for commit_id in [0, 10, 61] {
        let refused = roll_back(&bench, commit_id, 61).expect_err("not kept");
        assert_eq!(refused.to_string(), format!("Commit {commit_id} is not kept, those from 11 to 60 are"));
    }
    assert_eq!(roll_back(&bench, 60, 61).expect("no change").commit_id, None);
    assert_eq!(roll_back(&bench, 11, 61).expect("a rollback").commit_id, Some(61));
    let name = super::place("/system/name");
    let leaf = bench.store.newest().tree.leaf(name.steps()).cloned().expect("a name");
    assert_eq!((leaf.value, leaf.time), (Value::text("n11"), at(61)));
}

#[test]
fn remembers_who_and_why() {
    let bench = Bench::new();
    let request = Request::new(rename("x"), author(), at(5));
    bench.config.submit(Request { comment: Some("moved".into()), ..request }).expect("a commit");
    let check = |bench: &Bench| {
        let remembered = bench.config.remembered().borrow().clone();
        let [commit] = &*remembered else { panic!("{remembered:?}") };
        assert_eq!((commit.commit_id, commit.changes, commit.record.time), (1, 1, at(5)));
        assert_eq!(commit.record.author, author());
        assert_eq!(commit.record.comment.as_deref(), Some("moved"));
    };
    check(&bench);
    check(&bench.reopened());
}

fn text(change: &ConfigurationChange) -> String {
    let path = change.path().display(schema());
    match change {
        ConfigurationChange::Leaf { old, new, .. } => {
            let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
            format!("{path}: {} > {}", value(old), value(new))
        }
        ConfigurationChange::Created(_) => format!("+{path}"),
        ConfigurationChange::Removed(_) => format!("-{path}"),
        ConfigurationChange::Reordered(_) => format!("~{path}"),
    }
}

#[test]
fn tells_what_a_commit_changed() {
    let bench = Bench::new();
    let all = [update("/system/name=a"), update("/profile[id=p]/port=1"), update("/profile[id=p]/kind=k")];
    bench.config.commit(&all, &author(), at(1)).expect("a commit");
    let all = [update("/system/name=b"), delete("/profile[id=p]")];
    bench.config.commit(&all, &author(), at(2)).expect("a commit");
    let told = |commit_id| {
        let (before, after) = bench.config.around(commit_id).expect("kept");
        changes(schema(), &before, &after).iter().map(text).collect::<Vec<_>>()
    };
    let profile = |mark| format!("{mark}/profile[id=p]");
    let leaf = |rest| format!("/profile[id=p]/{rest}");
    let came = [leaf("port: - > 1"), leaf("kind: - > k")];
    assert_eq!(told(1), [&["/system/name: - > a".to_owned(), profile("+")], &came[..]].concat());
    let went = [leaf("port: 1 > -"), leaf("kind: k > -")];
    assert_eq!(told(2), [&[profile("-")], &went[..], &["/system/name: a > b".to_owned()]].concat());
    // Defaults are nobody's word.
    let running = explicit(schema(), &bench.store.newest().tree);
    assert!(flat(&running).values().all(|item| !item.is_default));
    let (_, saved) = bench.config.around(2).expect("kept");
    assert_eq!(changes(schema(), &saved, &bench.store.newest().tree), []);
}
