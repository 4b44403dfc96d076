//! Laws of edits, differences and commits.

use proptest::prelude::*;

use super::model::{Model, Op, ops, rules};
use super::{Flat, NONE, at, differing, edited, flat, loaded, only, pattern, place, schema, take};
use crate::path::{DataPath, Pattern};
use crate::schema::Kind;
use crate::store::author::Author;
use crate::store::commit::{Commit, Origin, Store};
use crate::store::config::onto;
use crate::store::delta::Delta;
use crate::store::diff::{Difference, diff};
use crate::store::edit::Edit;
use crate::store::journal::{Journal, Record};
use crate::store::state::{StateBatch, StateWriter, without_state};
use crate::store::tree::{Leaf, Tree};
use crate::value::Value;

use std::collections::BTreeMap;
use std::sync::Arc;

/// Selections to look at differences through.
pub(super) const PATTERNS: &[&str] = &[
    "/",
    "/system",
    "/system/clock/zone",
    "/profile",
    "/profile[id=p]",
    "/profile[id=*]/port",
    "/profile[id=q]/host/address",
    "/rule[name=*]/action",
    "/router[name=Base]/interface[name=*][unit=*]/mtu",
    "/router[name=*]/area",
    "/ports/port[name=*]/config",
    "/ports/port[name=*]/state",
    "/state",
];

pub(super) fn edits(ops: &[Op]) -> Vec<Edit> {
    ops.iter().map(Op::edit).collect()
}

/// One reading of a state producer.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Octets(&'static str, u64),
    Gone(&'static str),
    Sensor(&'static str, i64),
    SensorGone(&'static str),
}

pub(super) fn readings() -> impl Strategy<Value = Vec<Reading>> {
    let port = || prop_oneof![Just("e1"), Just("e2"), Just("e3")];
    let reading = prop_oneof![
        4 => (port(), 0..3u64).prop_map(|(port, octets)| Reading::Octets(port, octets)),
        1 => port().prop_map(Reading::Gone),
        2 => (port(), 0..3i64).prop_map(|(name, value)| Reading::Sensor(name, value)),
        1 => port().prop_map(Reading::SensorGone),
    ];
    proptest::collection::vec(reading, 0..4)
}

pub(super) fn batch(readings: &[Reading]) -> StateBatch {
    let mut batch = StateBatch::new();
    let leaf = |path: &str| place(path).node().expect("a leaf");
    for reading in readings {
        match reading {
            Reading::Octets(port, octets) => {
                let at = place("/ports/port[name=e1]/config")
                    .parent()
                    .parent()
                    .child(leaf("/ports/port[name=e1]"), Some([Value::text(*port)].into()));
                let state = schema().child(at.node(), None, "state").expect("a container");
                let octets_leaf = schema().child(Some(state), None, "octets").expect("a leaf");
                batch.set(&at.child(state, None), vec![(octets_leaf, Value::Uint64(*octets))]);
            }
            Reading::Gone(port) => batch.remove(&place(&format!("/ports/port[name={port}]"))),
            Reading::Sensor(name, digits) => {
                let value = leaf(&format!("/state/sensor[name={name}]/value"));
                let decimal = crate::value::Decimal { digits: *digits, scale: 2 };
                batch.set(&place(&format!("/state/sensor[name={name}]")), vec![(value, Value::Decimal(decimal))]);
            }
            Reading::SensorGone(name) => batch.remove(&place(&format!("/state/sensor[name={name}]"))),
        }
    }
    batch
}

/// A difference as something that can be compared and sorted.
pub(super) fn told(at: &[crate::path::Step], difference: Difference<'_>) -> (DataPath, String) {
    match difference {
        Difference::Leaf { node, new, old } => (DataPath::new(at).child(node, None), format!("{new:?} {old:?}")),
        other => (DataPath::new(at), format!("{other:?}")),
    }
}

fn differences(commit: &Commit, since: &Commit, pattern: &Pattern) -> Vec<(DataPath, String)> {
    let mut found = Vec::new();
    commit.differences(schema(), since, pattern, &mut |at, difference| found.push(told(at, difference)));
    found.sort();
    found
}

fn structural(commit: &Commit, since: &Commit, pattern: &Pattern) -> Vec<(DataPath, String)> {
    let mut found = Vec::new();
    diff(schema(), &since.tree, &commit.tree, pattern, &mut |at, difference| found.push(told(at, difference)));
    found.sort();
    found
}

/// Publishes a configuration commit the way the writer does, without vote and journal. Like there, `meanwhile` happens
/// between the making of the candidate and its publication.
fn publish(store: &Store, ops: &[Op], time: i64, meanwhile: impl FnOnce()) -> (Arc<Commit>, Arc<Commit>) {
    let base = store.newest();
    let candidate = edited(&base.tree, &edits(ops), at(time));
    let delta = Delta::between(schema(), &base.tree, &candidate);
    meanwhile();
    let before = store.newest();
    let origin = Origin::Configuration { commit_id: Some(1), confirm: None };
    let commit =
        store.publish(at(time), origin, |newest| onto(schema(), &base.tree, newest, candidate, &delta, at(time)));
    (before, commit)
}

fn leaves(tree: &Tree) -> BTreeMap<DataPath, Leaf> {
    let mut found = BTreeMap::new();
    let empty = Tree::default();
    diff(schema(), &empty, tree, &Pattern::default(), &mut |at, difference| {
        if let Difference::Leaf { node, new, .. } = difference {
            found.insert(DataPath::new(at).child(node, None), new.clone());
        }
    });
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// The tree is the model, whatever the edits.
    #[test]
    fn tree_equals_model(rounds in proptest::collection::vec(ops(1..6), 1..6)) {
        let mut tree = Tree::default();
        let mut model = Model::default();
        for (round, ops) in rounds.iter().enumerate() {
            tree = edited(&tree, &edits(ops), at(round as i64));
            ops.iter().for_each(|op| model.apply(op));
            prop_assert_eq!(differing(&without_conditional_defaults(flat(&tree)), &without_conditional_defaults(model.flat())), NONE);
            prop_assert_eq!(rules(&tree), model.rules.clone());
        }
    }

    /// Settling keeps time and version of values that did not change and counts those that did by one (OCH-022, SET-045).
    #[test]
    fn settling_keeps_history(before in ops(1..12), after in ops(1..6)) {
        let base = edited(&Tree::default(), &edits(&before), at(1));
        let candidate = edited(&base, &edits(&after), at(2));
        let old = leaves(&base);
        for (place, new) in leaves(&candidate) {
            let text = place.display(schema()).to_string();
            match old.get(&place) {
                Some(old) if old.value == new.value => {
                    prop_assert_eq!((new.time, new.version()), (old.time, old.version()), "{}", text);
                }
                Some(old) => {
                    prop_assert_eq!((new.time, new.version()), (at(2), old.version() + 1), "{}", text);
                }
                None => prop_assert_eq!((new.time, new.version()), (at(2), 1), "{}", text),
            }
        }
    }

    /// The difference from a to c says what the one to b and then the one to c say.
    #[test]
    fn differences_compose(first in ops(0..8), second in ops(0..6), third in ops(0..6)) {
        let a = edited(&Tree::default(), &edits(&first), at(1));
        let b = edited(&a, &edits(&second), at(2));
        let c = edited(&b, &edits(&third), at(3));
        let applied = |flat: &Flat, from: &Tree, to: &Tree| {
            let mut flat = flat.clone();
            diff(schema(), from, to, &Pattern::default(), &mut |at, difference| take(&mut flat, at, difference));
            flat
        };
        let start = flat(&a);
        let direct = applied(&start, &a, &c);
        let stepwise = applied(&applied(&start, &a, &b), &b, &c);
        prop_assert_eq!(differing(&direct, &flat(&c)), NONE);
        prop_assert_eq!(differing(&stepwise, &direct), NONE);
    }

    /// What a commit says of itself is what comparing the trees says, below every pattern.
    #[test]
    fn commits_tell_the_truth(rounds in proptest::collection::vec((ops(0..5), readings(), readings()), 1..5)) {
        let store = Arc::new(Store::new(loaded().schema.clone(), edited(&Tree::default(), &[], at(0)), at(0)));
        let state = StateWriter::new(store.clone());
        for (round, (ops, readings, meanwhile)) in rounds.iter().enumerate() {
            let time = round as i64 + 1;
            let since = store.newest();
            let commit = state.commit(&batch(readings), at(time)).expect("only state");
            for (since, commit) in [
                (since, commit),
                publish(&store, ops, time, || drop(state.commit(&batch(meanwhile), at(time)).expect("only state"))),
            ] {
                if commit.generation == since.generation {
                    continue;
                }
                prop_assert_eq!(commit.generation, since.generation + 1);
                for text in PATTERNS {
                    let pattern = pattern(text);
                    let own = differences(&commit, &since, &pattern);
                    prop_assert_eq!(&own, &structural(&commit, &since, &pattern), "{}", text);
                }
                let removed = structural(&commit, &since, &Pattern::default()).iter().any(|(_, what)| what == "Removed");
                // Something set and taken away in one batch counts too, so this goes one way only.
                prop_assert!(commit.removals > since.removals || !removed);
            }
        }
    }

    /// A delta put onto a tree whose state moved on gives the same configuration and leaves the state alone.
    #[test]
    fn grafting_keeps_state(before in ops(0..10), first in readings(), ops in ops(1..6), later in readings()) {
        let tree = edited(&Tree::default(), &edits(&before), at(1));
        let store = Arc::new(Store::new(loaded().schema.clone(), tree, at(1)));
        let state = StateWriter::new(store.clone());
        let base = state.commit(&batch(&first), at(2)).expect("only state");
        let candidate = edited(&base.tree, &edits(&ops), at(3));
        let delta = Delta::between(schema(), &base.tree, &candidate);
        let newest = state.commit(&batch(&later), at(4)).expect("only state");
        let mut grafted = newest.tree.clone();
        delta.graft(schema(), &mut grafted, at(3));
        prop_assert_eq!(differing(&only(&flat(&grafted), false), &only(&flat(&newest.tree), false)), NONE);
        prop_assert_eq!(differing(&configured(&grafted), &configured(&candidate)), NONE);
        prop_assert_eq!(rules(&grafted), rules(&candidate));
    }
}

proptest! {
    // Each case waits for the disk several times.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// What is saved at last, after commits in memory only, is all of the configuration and nothing else (SET-051).
    #[test]
    fn saving_catches_up(before in ops(0..8), first in readings(), ops in ops(1..8), later in readings()) {
        let dir = tempfile::TempDir::new().expect("a directory");
        let (mut journal, _) = Journal::open(dir.path()).expect("a journal");
        let record = Record { time: at(1), author: Author::default(), comment: None };
        let tree = edited(&Tree::default(), &edits(&before), at(1));
        journal.append(&record, schema(), &Delta::between(schema(), &Tree::default(), &tree)).expect("an append");

        let store = Arc::new(Store::new(loaded().schema.clone(), tree, at(1)));
        let state = StateWriter::new(store.clone());
        let saved = without_state(schema(), &state.commit(&batch(&first), at(2)).expect("only state").tree);
        publish(&store, &ops, 3, || drop(state.commit(&batch(&later), at(3)).expect("only state")));
        let running = store.newest().tree.clone();
        let missed = Delta::between(schema(), &saved, &without_state(schema(), &running));
        journal.append(&record, schema(), &missed).expect("an append");
        drop(journal);

        let (_, read) = Journal::open(dir.path()).expect("the journal");
        let restored = read.restore(schema()).expect("configuration that fits");
        let explicit = |tree: &Tree| {
            let mut flat = configured(tree);
            flat.retain(|_, item| !item.is_default);
            flat
        };
        prop_assert_eq!(differing(&explicit(&restored), &explicit(&running)), NONE);
        prop_assert_eq!(rules(&restored), rules(&running));
    }
}

/// Everything but the defaults that a vote decides about.
fn without_conditional_defaults(mut flat: Flat) -> Flat {
    flat.retain(|place, item| !item.is_default || !place.steps().iter().any(|step| schema().node(step.node).has_when));
    flat
}

/// Configuration without the entries that are there for their state only.
pub(super) fn configured(tree: &Tree) -> Flat {
    let config = only(&flat(tree), true);
    let lives = |place: &DataPath| {
        let bare = |place: &DataPath| place.steps().last().is_some_and(|step| step.key.is_some());
        let is_key = |place: &DataPath| {
            place.node().is_some_and(|node| matches!(&schema().node(node).kind, Kind::Leaf(leaf) if leaf.is_key))
        };
        let entry = if is_key(place) { place.parent() } else { place.clone() };
        let mixed = entry.steps().last().is_some_and(|step| schema().is_mixed(step.node));
        !(mixed && bare(&entry))
            || config.keys().any(|other| entry.contains(other) && !is_key(other) && *other != entry)
    };
    config.iter().filter(|(place, _)| lives(place)).map(|(place, item)| (place.clone(), item.clone())).collect()
}
