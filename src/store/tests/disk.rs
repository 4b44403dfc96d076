//! What the disk does to commits: one sync for all that wait, and a clean refusal when it fails.

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, Builder, Database, DatabaseError, StorageBackend};
use tempfile::TempDir;

use super::confirm::{Bench, author, rename};
use super::laws::{batch, readings};
use super::{at, delete, place, update};
use crate::store::author::Author;
use crate::store::commit::lock;
use crate::store::config::{CommitError, Committed};
use crate::store::guard::{Change, Denied, Guard};
use crate::store::journal::{Disk, Journal};
use crate::store::state::StateWriter;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// How writes end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    /// Syncs do not come back until this changes.
    Slow,
    Full,
    ReadOnly,
    /// The device fails when it has to keep what it took.
    FailingSync,
    /// Half of what is written arrives.
    ShortWrite,
}

/// What the layer does now, and how often it synced.
#[derive(Debug)]
struct Control {
    now: Mutex<(Mood, u64)>,
    changed: Condvar,
}

impl Control {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: Mutex::new((Mood::Well, 0)), changed: Condvar::new() })
    }

    fn set(&self, mood: Mood) {
        lock(&self.now).0 = mood;
        self.changed.notify_all();
    }

    fn syncs(&self) -> u64 {
        lock(&self.now).1
    }

    fn mood(&self) -> Mood {
        lock(&self.now).0
    }
}

/// The machine's file system behind a layer that fails on demand.
#[derive(Debug)]
struct Moody(Arc<Control>);

impl Disk for Moody {
    fn open(&self, builder: &Builder, file: &Path) -> Result<Database, DatabaseError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file)?;
        builder.create_with_backend(Layer { file: FileBackend::new(file)?, control: self.0.clone() })
    }
}

#[derive(Debug)]
struct Layer {
    file: FileBackend,
    control: Arc<Control>,
}

impl StorageBackend for Layer {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match self.control.mood() {
            Mood::Full => Err(ErrorKind::StorageFull.into()),
            Mood::ReadOnly => Err(ErrorKind::ReadOnlyFilesystem.into()),
            _ => self.file.set_len(len),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut now = lock(&self.control.now);
        now.1 += 1;
        while now.0 == Mood::Slow {
            now = self.control.changed.wait(now).expect("no panic");
        }
        match now.0 {
            Mood::FailingSync => Err(io::Error::from_raw_os_error(5)),
            _ => self.file.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match self.control.mood() {
            Mood::Full => Err(ErrorKind::StorageFull.into()),
            Mood::ReadOnly => Err(ErrorKind::ReadOnlyFilesystem.into()),
            Mood::ShortWrite => {
                self.file.write(offset, &data[..data.len() / 2])?;
                Err(ErrorKind::WriteZero.into())
            }
            _ => self.file.write(offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

fn bench() -> (Bench, Arc<Control>) {
    let (dir, control) = (TempDir::new().expect("a directory"), Control::new());
    let opened = Journal::open_on(dir.path(), Box::new(Moody(control.clone()))).expect("the journal");
    (Bench::opened(dir, opened), control)
}

fn name(bench: &Bench) -> String {
    let name = place("/system/name");
    let tree = &bench.store.newest().tree;
    tree.leaf(name.steps()).map_or_else(String::new, |leaf| leaf.value.to_string())
}

/// Waits until the other threads have come to this point.
fn until(reached: impl Fn() -> bool) {
    for _ in 0..6000 {
        if reached() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen in time");
}

type Outcome = Result<Committed, CommitError>;

/// One commit is held up by the disk; meanwhile `count` others are asked for, and then `mood` decides.
fn crowd(bench: &Bench, control: &Control, count: u64, mood: Mood) -> (Outcome, Vec<Outcome>, u64) {
    control.set(Mood::Slow);
    let before = control.syncs();
    thread::scope(|scope| {
        // Another name each time: a commit that changes nothing does not go to the disk.
        let first = scope.spawn(|| bench.config.commit(&rename(&format!("n{before}")), &author(), at(10)));
        until(|| control.syncs() > before);
        let others: Vec<_> = (0..count)
            .map(|number| {
                let edit = update(&format!("/rule[name=r{number}]/any="));
                scope.spawn(move || bench.config.commit(&[edit], &author(), at(11)))
            })
            .collect();
        until(|| lock(&bench.config.queue).0.len() as u64 == count);
        let held = control.syncs();
        control.set(mood);
        let first = first.join().expect("no panic");
        let others = others.into_iter().map(|other| other.join().expect("no panic")).collect();
        (first, others, control.syncs() - held)
    })
}

/// SET-044: twenty commits that waited for the disk cost it one sync, as one alone does, and each is a commit of its own.
#[test]
fn who_waits_goes_together() {
    let (bench, control) = bench();
    bench.config.commit(&rename("warm"), &author(), at(1)).expect("a commit");
    let before = control.syncs();
    bench.config.commit(&rename("alone"), &author(), at(2)).expect("a commit");
    let alone = control.syncs() - before;
    let generation = bench.store.newest().generation;
    let (first, others, syncs) = crowd(&bench, &control, 20, Mood::Well);
    assert_eq!(first.expect("a commit").commit_id, Some(3));
    let mut ids: Vec<_> = others.into_iter().map(|other| other.expect("a commit").commit_id).collect();
    ids.sort();
    assert_eq!(ids, (4..=23).map(Some).collect::<Vec<_>>());
    assert_eq!(syncs, alone, "20 commits, {syncs} syncs");
    assert_eq!(bench.store.newest().generation, generation + 21);
    let told = bench.config.remembered().borrow().len();
    assert_eq!(told, 23);
    let configuration = bench.configuration();
    assert_eq!(bench.reopened().configuration(), configuration);
}

/// Lets guests in while the location is `open`.
#[derive(Debug)]
struct Doorman;

impl Guard for Doorman {
    fn judge(&self, change: Change<'_>) -> Result<(), CommitError> {
        let location = change.base.leaf(place("/system/location").steps()).map(|leaf| leaf.value.to_string());
        if change.author.user != "guest" || location.as_deref() == Some("open") {
            return Ok(());
        }
        let (path, user, reason) = ("/".to_owned(), "guest".to_owned(), "it is closed".to_owned());
        Err(Denied { position: None, path, user, reason }.into())
    }
}

/// How one of a group ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// A commit with this number.
    Made(u64),
    NoChange,
    WrongEdit,
    Denied,
    Constraints,
}

impl Verdict {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Ok(Committed { commit_id, .. }) => commit_id.map_or(Self::NoChange, Self::Made),
            Err(CommitError::Edit { .. }) => Self::WrongEdit,
            Err(CommitError::Denied(_)) => Self::Denied,
            Err(CommitError::Constraints(_)) => Self::Constraints,
            Err(other) => panic!("{other}"),
        }
    }
}

/// SET-044, SET-029, SET-037: commits that go to the disk together are made in the order they were asked for, and each is
/// judged, by what may be edited, by rights and by constraints, on what those before it made of the configuration. One
/// that is refused is refused alone.
#[test]
fn a_refusal_is_its_own() {
    let (Bench { dir, store, config }, control) = bench();
    let bench = Bench { dir, store, config: config.guarded_by(Arc::new(Doorman)) };
    let members = [
        ("admin", update("/system/location=roof"), Verdict::Made(2)),
        ("admin", update("/system/location=roof"), Verdict::NoChange),
        ("admin", update("/state/uptime=1"), Verdict::WrongEdit),
        ("guest", update("/system/name=early"), Verdict::Denied),
        ("admin", update("/system/location=open"), Verdict::Made(3)),
        ("guest", update("/system/name=guest"), Verdict::Made(4)),
        ("admin", update("/system/profile=a"), Verdict::Constraints),
        ("admin", update("/profile[id=a]/kind=k"), Verdict::Made(5)),
        ("admin", update("/system/profile=a"), Verdict::Made(6)),
        ("admin", delete("/profile[id=a]"), Verdict::Constraints),
        ("admin", delete("/system/location"), Verdict::Made(7)),
        ("guest", update("/system/name=late"), Verdict::Denied),
        ("admin", update("/system/mtu=60"), Verdict::Constraints),
        ("admin", update("/system/mtu=1500"), Verdict::Made(8)),
    ];
    control.set(Mood::Slow);
    let before = control.syncs();
    thread::scope(|scope| {
        let first = scope.spawn(|| bench.config.commit(&rename("first"), &author(), at(10)));
        until(|| control.syncs() > before);
        let mut others = Vec::new();
        for (number, (user, edit, verdict)) in members.iter().enumerate() {
            let author = Author { user: (*user).to_owned(), ..author() };
            let config = &bench.config;
            others.push((scope.spawn(move || config.commit(std::slice::from_ref(edit), &author, at(11))), verdict));
            until(|| lock(&bench.config.queue).0.len() > number);
        }
        control.set(Mood::Well);
        assert_eq!(Verdict::of(first.join().expect("no panic")), Verdict::Made(1));
        for (number, (other, verdict)) in others.into_iter().enumerate() {
            assert_eq!(Verdict::of(other.join().expect("no panic")), *verdict, "member {number}");
        }
    });
    let made: Vec<_> = bench.config.remembered().borrow().iter().map(|made| made.record.author.user.clone()).collect();
    assert_eq!(made, ["admin", "admin", "admin", "guest", "admin", "admin", "admin", "admin"]);
    assert_eq!(name(&bench), "guest");
    // What was refused has left no trace: not in what constraints know, not on the disk.
    bench.config.commit(&[delete("/system/profile"), delete("/profile[id=a]")], &author(), at(12)).expect("free now");
    let configuration = bench.configuration();
    assert_eq!(bench.reopened().configuration(), configuration);
}

const FAILURES: [Mood; 4] = [Mood::Full, Mood::ReadOnly, Mood::FailingSync, Mood::ShortWrite];

/// SET-006: what the disk does not take is not there: nothing applied, nobody told, and after the disk has come back
/// everything goes on where it was.
#[test]
fn a_failing_disk_refuses_cleanly() {
    for mood in FAILURES {
        let (bench, control) = bench();
        bench.config.commit(&rename("before"), &author(), at(1)).expect("a commit");
        let (commits, mut condition) = (bench.store.watch(), bench.config.condition());
        control.set(mood);
        for attempt in 0..3 {
            let refused = bench.config.commit(&rename("lost"), &author(), at(2)).expect_err("no room");
            assert!(matches!(refused, CommitError::Journal(_)), "{mood:?}: {refused}");
            assert!(refused.to_string().contains("config.redb"), "{mood:?}, attempt {attempt}: {refused}");
        }
        assert!(!commits.has_changed().expect("a store"), "{mood:?}: somebody was notified");
        assert_eq!(name(&bench), "before", "{mood:?}");
        let failing = condition.borrow_and_update().clone();
        assert_eq!(failing.failing.map(|(_, since)| since), Some(at(2)), "{mood:?}");
        assert!(failing.failures >= 3, "{mood:?}");
        // State goes on, and so does looking for the disk.
        let mut runner = TestRunner::deterministic();
        let readings = readings().new_tree(&mut runner).expect("readings").current();
        StateWriter::new(bench.store.clone()).commit(&batch(&readings), at(3)).expect("only state");
        assert!(bench.config.try_disk(at(4)), "{mood:?}: not looked at");
        assert!(bench.config.condition().borrow().failing.is_some(), "{mood:?}");
        control.set(Mood::Well);
        assert!(!bench.config.try_disk(at(5)), "{mood:?}: in vain");
        assert_eq!(condition.borrow_and_update().failing, None, "{mood:?}");
        let made = bench.config.commit(&[update("/system/location=roof")], &author(), at(6)).expect("a commit");
        assert_eq!(made.commit_id, Some(2), "{mood:?}: a number was given twice or lost");
        let configuration = bench.configuration();
        let again = bench.reopened();
        assert_eq!(again.configuration(), configuration, "{mood:?}");
        assert_eq!(name(&again), "before", "{mood:?}");
    }
}

/// A group that the disk refuses is refused whole, the constraints know it, and it can be made again.
#[test]
fn a_group_fails_as_one() {
    for mood in FAILURES {
        let (bench, control) = bench();
        bench.config.commit(&rename("before"), &author(), at(1)).expect("a commit");
        let before = bench.configuration();
        let (first, others, _) = crowd(&bench, &control, 5, mood);
        // The one before the failure may have been on its way.
        assert!(others.iter().all(|other| matches!(other, Err(CommitError::Journal(_)))), "{mood:?}: {others:?}");
        control.set(Mood::Well);
        if first.is_err() {
            assert_eq!(bench.configuration(), before, "{mood:?}");
        }
        let (first, others, _) = crowd(&bench, &control, 5, Mood::Well);
        assert!(first.is_ok(), "{mood:?}: {first:?}");
        assert!(others.iter().all(Result::is_ok), "{mood:?}: {others:?}");
        let configuration = bench.configuration();
        assert_eq!(bench.reopened().configuration(), configuration, "{mood:?}");
    }
}
