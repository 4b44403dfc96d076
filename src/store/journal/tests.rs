//! What is on disk is what was committed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;

use super::code::{Row, value_from, value_text};
use super::*;
use crate::store::author::{Author, Interface};
use crate::store::edit::Edit;
use crate::store::settle::settle;
use crate::store::tests::model::{Op, ops, rules};
use crate::store::tests::{Flat, NONE, at, delete, differing, edited, flat, schema, update};
use crate::time::Timestamp;
use crate::value::{Decimal, Value};

fn record(nanos: i64) -> Record {
    let interface = Interface::Gnmi;
    let author = Author { user: "admin".to_owned(), source: "[::1]:57400".to_owned(), session: 7, interface };
    Record { time: at(nanos), author, comment: Some("why".into()) }
}

/// A journal with the tree it holds.
struct Kept {
    dir: TempDir,
    journal: Journal,
    tree: Tree,
}

impl Kept {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let (journal, saved) = Journal::open(dir.path()).expect("a new journal");
        assert!(saved.is_fresh());
        Self { dir, journal, tree: edited(&Tree::default(), &[], at(0)) }
    }

    /// Applies and appends; none when nothing changed.
    fn commit(&mut self, edits: &[Edit], nanos: i64) -> Option<u64> {
        let candidate = edited(&self.tree, edits, at(nanos));
        let delta = Delta::between(schema(), &self.tree, &candidate);
        if delta.is_empty() {
            return None;
        }
        let commit_id = self.journal.append(&record(nanos), schema(), &delta).expect("an append");
        self.tree = candidate;
        Some(commit_id)
    }

    /// Closes, opens and reads back.
    fn reopened(self) -> (Self, Tree) {
        drop(self.journal);
        let (journal, saved) = Journal::open(self.dir.path()).expect("the journal");
        let tree = saved.restore(schema()).expect("configuration that fits");
        (Self { dir: self.dir, journal, tree: self.tree }, tree)
    }
}

fn explicit(tree: &Tree) -> Flat {
    let mut flat = flat(tree);
    flat.retain(|_, item| !item.is_default);
    flat
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Empty),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int64),
        any::<u32>().prop_map(Value::Uint),
        any::<u64>().prop_map(Value::Uint64),
        (any::<i64>(), 1..=18u8).prop_map(|(digits, scale)| Value::Decimal(Decimal { digits, scale })),
        any::<String>().prop_map(Value::text),
        "[a-z]{1,4}".prop_map(|name| Value::Enum(name.into())),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// A value reads back as itself, whatever its type was.
    #[test]
    fn values_round_trip(value in prop_oneof![
        4 => scalar(),
        1 => proptest::collection::vec(scalar(), 0..5).prop_map(|members| Value::List(members.into())),
    ]) {
        prop_assert_eq!(value_from(&value_text(&value)), Some(value));
    }

    /// Whatever a list key holds, its entry is found again and no other one is taken for it.
    #[test]
    fn keys_round_trip(values in proptest::collection::vec(scalar(), 1..4)) {
        let text: String = values.iter().map(|value| {
            let mut out = String::new();
            key::push_key(&mut out, &value_text(value));
            out
        }).collect();
        let text = format!("/m:list{text}/leaf");
        let steps = key::parse(&text).expect("a key");
        prop_assert_eq!(steps.len(), 2);
        prop_assert_eq!((&steps[0].keys, steps[0].module, steps[0].name), (&values, Some("m"), "list"));
        prop_assert_eq!((steps[1].module, steps[1].name), (None, "leaf"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// Opening again gives the configuration that was committed last, with its times and orders.
    #[test]
    fn reopens_as_committed(rounds in proptest::collection::vec(ops(1..6), 1..5)) {
        let mut kept = Kept::new();
        for (round, ops) in rounds.iter().enumerate() {
            let edits: Vec<Edit> = ops.iter().map(Op::edit).collect();
            kept.commit(&edits, round as i64 + 1);
        }
        let (kept, mut restored) = kept.reopened();
        prop_assert_eq!(differing(&explicit(&restored), &explicit(&kept.tree)), NONE);
        prop_assert_eq!(rules(&restored), rules(&kept.tree));
        settle(schema(), &Tree::default(), &mut restored, at(99));
        prop_assert_eq!(differing(&explicit(&restored), &explicit(&kept.tree)), NONE);
        let name = crate::store::tests::place("/system/name");
        prop_assert_eq!(
            restored.leaf(name.steps()).map(|leaf| leaf.time),
            kept.tree.leaf(name.steps()).map(|leaf| leaf.time)
        );
    }

    /// Undoing every commit leads back to nothing.
    #[test]
    fn commits_can_be_taken_back(rounds in proptest::collection::vec(ops(1..6), 2..5)) {
        let mut kept = Kept::new();
        let mut middle = None;
        for (round, ops) in rounds.iter().enumerate() {
            let edits: Vec<Edit> = ops.iter().map(Op::edit).collect();
            if let Some(commit_id) = kept.commit(&edits, round as i64 + 1)
                && middle.is_none()
            {
                middle = Some((commit_id, explicit(&kept.tree)));
            }
        }
        if let Some((commit_id, then)) = middle {
            take_back(kept.journal.ready().expect("open"), commit_id, None).expect("undone");
            let (_, restored) = kept.reopened();
            prop_assert_eq!(differing(&explicit(&restored), &then), NONE);
        }
    }
}

#[test]
fn keeps_what_only_starts_alike() {
    let mut kept = Kept::new();
    let all: Vec<Edit> = ["1", "10", "1/0", "1]"]
        .iter()
        .map(|id| update(&format!("/profile[id={}]/port=1", id.replace(']', "\\]"))))
        .collect();
    kept.commit(&all, 1);
    kept.commit(&[delete("/profile[id=1]")], 2);
    let (kept, restored) = kept.reopened();
    assert_eq!(explicit(&restored), explicit(&kept.tree));
    assert_eq!(explicit(&restored).len(), 9);
}

#[test]
fn keeps_the_newest_commits() {
    let mut kept = Kept::new();
    kept.journal.keep(HISTORY_DEFAULT);
    for number in 1..=60 {
        assert_eq!(kept.commit(&[update(&format!("/system/name=n{number}"))], number), Some(number as u64));
    }
    let history = kept.journal.history().expect("history");
    assert_eq!(history.iter().map(|commit| commit.commit_id).collect::<Vec<_>>(), (11..=60).collect::<Vec<_>>());
    let last = history.last().expect("commits");
    assert_eq!(last.record, record(60));
    let [change] = &*last.changes else { panic!("one leaf changed: {last:?}") };
    assert_eq!(&*change.key, "/store-laws:system/name");
    let leaf = |row: &Option<Box<[u8]>>| Row::decode(row.as_deref().expect("a row"));
    assert_eq!(leaf(&change.old), Some(Row::Leaf(at(59), Value::text("n59"))));
    assert_eq!(leaf(&change.new), Some(Row::Leaf(at(60), Value::text("n60"))));
}

/// EXT-019: what takes a commit back at the start does not know yet how many the configuration wants to be remembered,
/// and forgets none.
#[test]
fn a_start_forgets_no_commit() {
    let mut kept = Kept::new();
    for number in 1..=60 {
        kept.commit(&[update(&format!("/system/name=n{number}"))], number);
    }
    let candidate = edited(&kept.tree, &[update("/system/name=waits")], at(61));
    let delta = Delta::between(schema(), &kept.tree, &candidate);
    kept.journal.stage(&record(61), schema(), &delta, Some("c1")).expect("a commit");
    kept.journal.sync().expect("a sync");
    let (mut kept, _) = kept.reopened();
    kept.journal.take_back_unconfirmed(&record(62)).expect("taken back");
    assert_eq!(kept.journal.commits().len(), 62);
}

/// A commit that failed as far as its caller knows must not come back, even if it reached the disk.
#[test]
fn forgets_what_it_said_had_failed() {
    let mut kept = Kept::new();
    kept.commit(&[update("/system/name=first")], 1);
    let before = kept.tree.clone();
    kept.commit(&[update("/system/name=failed"), update("/profile[id=p]/port=1")], 2);
    // As an append leaves it when the disk reports an error.
    kept.journal.database = None;
    kept.journal.last_commit_id = 1;
    kept.tree = before;
    assert_eq!(kept.commit(&[update("/system/location=roof")], 3), Some(2));
    let (mut kept, restored) = kept.reopened();
    assert_eq!(differing(&explicit(&restored), &explicit(&kept.tree)), NONE);
    assert_eq!(kept.journal.history().expect("history").len(), 2);
}

/// What goes to a file that has been taken away, or to one that lacks the commits before it, would be lost with the process.
#[test]
fn a_file_that_is_gone_takes_nothing() {
    let mut kept = Kept::new();
    kept.commit(&[update("/system/name=first")], 1);
    let candidate = edited(&kept.tree, &[update("/system/location=roof")], at(2));
    let delta = Delta::between(schema(), &kept.tree, &candidate);
    let (file, aside) = (kept.dir.path().join(FILE), kept.dir.path().join("aside"));
    std::fs::rename(&file, &aside).expect("moved away");
    for _ in 0..2 {
        let error = kept.journal.append(&record(2), schema(), &delta).expect_err("no file");
        assert!(
            matches!(&error, JournalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound),
            "{error}"
        );
        assert!(!file.exists() && kept.journal.storage().failing.is_some());
    }
    drop(Journal::open(kept.dir.path()).expect("another journal"));
    let error = kept.journal.append(&record(2), schema(), &delta).expect_err("another file");
    assert!(error.to_string().contains("ends with commit 0, and commit 1 was made since"), "{error}");
    std::fs::rename(&aside, &file).expect("put back");
    assert_eq!(kept.commit(&[update("/system/location=roof")], 2), Some(2));
    // Another one in its place is noticed without a failure before.
    std::fs::copy(&file, &aside).and_then(|_| std::fs::rename(&aside, &file)).expect("replaced by a copy");
    assert_eq!(kept.commit(&[update("/system/location=cellar")], 3), Some(3));
    let (kept, restored) = kept.reopened();
    assert_eq!(differing(&explicit(&restored), &explicit(&kept.tree)), NONE);
}

#[test]
fn remembers_the_startup_configuration() {
    let mut kept = Kept::new();
    kept.journal.set_startup(&[7; 32]).expect("written");
    let dir = kept.dir;
    drop(kept.journal);
    let (_, saved) = Journal::open(dir.path()).expect("the journal");
    assert_eq!(saved.startup, Some([7; 32]));
    assert!(saved.is_fresh());
}

#[test]
fn refuses_a_file_in_use() {
    let kept = Kept::new();
    let error = Journal::open(kept.dir.path()).expect_err("locked");
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("config.redb: in use by another process"), "{error}");
}

#[test]
fn refuses_a_damaged_file() {
    let dir = TempDir::new().expect("a directory");
    std::fs::write(dir.path().join(FILE), "this was never a database, though it is long enough").expect("written");
    let error = Journal::open(dir.path()).expect_err("damaged");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("config.redb: damaged: "), "{error}");
}

#[test]
fn refuses_another_format() {
    let kept = Kept::new();
    write_meta(kept.journal.database.as_ref().expect("open"), META_FORMAT, &9u64.to_le_bytes()).expect("written");
    let dir = kept.dir;
    drop(kept.journal);
    let error = Journal::open(dir.path()).expect_err("another format");
    assert!(error.to_string().ends_with("has format 9, this version reads format 1; use the version that wrote it"));
}

#[test]
fn names_what_does_not_fit() {
    let row = |key: &str, row: Row| (Box::from(key), row.encode().into_boxed_slice());
    let leaf = |text: &str| Row::Leaf(at(1), Value::text(text));
    let rows = vec![
        row("/store-laws:system/enabled", leaf("perhaps")),
        row("/store-laws:system/gone", leaf("x")),
        row("/store-laws:system/mtu", Row::Leaf(at(1), Value::Int64(1400))),
        row("/store-laws:system/name", leaf("kept")),
        row("/store-laws:system/tag", leaf("was a leaf")),
        row("/store-laws:profile[sa][sb]/port", leaf("1")),
        row("/store-laws:state/uptime", leaf("1")),
        row("/away:top", leaf("x")),
    ];
    let saved = Saved { file: "config.redb".into(), rows, last_commit_id: 1, startup: None, unconfirmed: None };
    let error = saved.restore(schema()).expect_err("misfits");
    let JournalError::Unfit { unfit, rest, .. } = &error else { panic!("{error}") };
    let texts: Vec<String> = unfit.iter().map(Unfit::to_string).collect();
    assert_eq!(
        texts,
        [
            "/system/enabled - expected true or false, got the string \"perhaps\"",
            "/system/gone - Unknown element",
            "/system/tag - Element has become another kind of node",
            "/profile - Keys of the list have changed",
            "/state - Element is not configurable",
            "/top - Unknown element",
        ]
    );
    // A leaf whose type was widened or narrowed takes the same number.
    assert_eq!(
        rest.leaf(crate::store::tests::place("/system/mtu").steps()).map(|leaf| &leaf.value),
        Some(&Value::Uint(1400))
    );
    assert!(error.to_string().contains("does not fit the YANG modules: /system/enabled - "), "{error}");
    assert!(error.to_string().ends_with("; and 1 more"), "{error}");
}

const CRASH_DIR: &str = "GANYMEDE_TEST_CRASH_DIR";
const CRASH_TIME: Duration = Duration::from_secs(6);

/// What commit number `n` does: leaves of several branches take its number, and profiles come and go, so that a commit
/// done by half would show.
fn crash_edits(n: u64) -> Vec<Edit> {
    let text = |path: &str| update(&format!("{path}={n}"));
    let mut edits = vec![text("/system/name"), text("/system/clock/zone"), text("/ports/port[name=e1]/config/name")];
    edits.extend((0..n % 7).map(|profile| text(&format!("/profile[id={n}-{profile}]/host/address"))));
    edits.push(match n % 3 {
        0 => delete("/profile"),
        1 => delete(&format!("/profile[id={}-0]", n - 1)),
        _ => text("/router[name=Base]/via-router"),
    });
    edits
}

/// Not a test of its own: the process that the crash law kills. Without the directory that law gives it, it ends at once.
#[test]
fn crash_child() {
    let Some(dir) = std::env::var_os(CRASH_DIR) else { return };
    let (mut journal, saved) = Journal::open(Path::new(&dir)).expect("the journal");
    let mut tree = saved.restore(schema()).expect("fits");
    settle(schema(), &Tree::default(), &mut tree, at(0));
    let mut out = std::io::stdout();
    for n in saved.last_commit_id + 1.. {
        let candidate = edited(&tree, &crash_edits(n), at(n as i64));
        let delta = Delta::between(schema(), &tree, &candidate);
        let commit_id = journal.append(&record(n as i64), schema(), &delta).expect("an append");
        tree = candidate;
        writeln!(out, "\nacknowledged {commit_id}").and_then(|()| out.flush()).expect("a reader");
    }
}

/// Law of the crash: after a kill at any moment every acknowledged commit is there and nothing half done.
#[test]
fn survives_being_killed() {
    let dir = TempDir::new().expect("a directory");
    let program = std::env::current_exe().expect("this test");
    let start = Instant::now();
    let (mut expected, mut done) = (edited(&Tree::default(), &[], at(0)), 0);
    let mut round = 0u64;
    while start.elapsed() < CRASH_TIME {
        round += 1;
        let mut child = Command::new(&program)
            .args(["--exact", "store::journal::tests::crash_child", "--nocapture"])
            .env(CRASH_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let (acknowledge, acknowledgements) = mpsc::channel::<u64>();
        std::thread::spawn(move || {
            let ids = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
            ids.map_while(|id| acknowledge.send(id).ok()).last();
        });
        // Mostly while it commits; now and then earlier, while it opens what the kill before left.
        let first = if !round.is_multiple_of(4) {
            acknowledgements.recv_timeout(Duration::from_secs(60)).unwrap_or(0)
        } else {
            0
        };
        std::thread::sleep(Duration::from_micros(round * 7_919 % 50_000));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let acknowledged = acknowledgements.iter().last().unwrap_or(first);

        let (mut journal, saved) = Journal::open(dir.path()).expect("a journal that opens after a kill");
        assert!(saved.last_commit_id >= acknowledged.max(done), "commit {acknowledged} is lost");
        while done < saved.last_commit_id {
            done += 1;
            expected = edited(&expected, &crash_edits(done), at(done as i64));
        }
        let restored = saved.restore(schema()).expect("fits");
        assert_eq!(explicit(&restored), explicit(&expected), "after commit {done}");
        let last = journal.history().expect("history").last().map(|commit| commit.commit_id);
        assert_eq!(last.unwrap_or(0), done);
    }
    assert!(done > 20, "only {done} commits in {round} rounds: the child was killed too early to prove anything");
    println!("{round} kills, {done} commits, none lost");
}

#[test]
fn times_survive() {
    let mut kept = Kept::new();
    kept.commit(&[update("/rule[name=a]/any=")], 5);
    let (_, restored) = kept.reopened();
    let key = crate::store::tests::place("/rule[name=a]/name");
    assert_eq!(restored.leaf(key.steps()).map(|leaf| leaf.time), Some(Timestamp::from_nanos(5)));
}

/// Nobody else of the machine reads the file, unless its owner has let them.
#[test]
fn is_its_owners_alone() {
    let kept = Kept::new();
    let file = kept.dir.path().join(FILE);
    let mode = || std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    drop(kept.journal);
    Journal::open(kept.dir.path()).expect("the journal again");
    assert_eq!(mode(), 0o640);
}
