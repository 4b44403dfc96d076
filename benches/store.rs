//! Cost of the datastore: commits of one leaf in small and large configurations, with and without the disk, memory for a
//! leaf, differences of trees, starting from the journal. `cargo bench --bench store`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ganymede::path::{DataPath, ListKey, Pattern, RawPath, Resolver, Views};
use ganymede::schema::{Loaded, NodeId, Schema, Sources, load};
use ganymede::store::{Author, ConfigWriter, Content, Delta, Edit, Journal, Store, Tree, Validator, diff, prepare};
use ganymede::time::Timestamp;
use ganymede::value::Value;

/// Sizes in leaves. An entry has ten counters and a text besides its key.
const SIZES: [usize; 3] = [30_000, 100_000, 1_000_000];
const LEAVES_PER_ENTRY: usize = 12;
const COMMITS: u32 = 200;

fn main() {
    let loaded = load(&Sources { test_modules: true, ..Sources::default() }).unwrap();
    for leaves in SIZES {
        println!("{leaves} leaves");
        memory(&loaded, leaves);
        journal(&loaded, leaves);
    }
}

/// Everything that needs no disk.
fn memory(loaded: &Loaded, leaves: usize) {
    let schema = &*loaded.schema;
    let empty = Tree::default();
    let mut validator = Validator::new(loaded);
    let (start, _) = prepare(schema, &mut validator, &empty, empty.clone(), &[], at(0)).unwrap();
    validator.accept();
    let edit = [whole(schema, leaves / LEAVES_PER_ENTRY)];
    let before = resident();
    let mut tree = start.clone();
    timed("apply, settle and vote on all of it", || {
        let (candidate, delta) = prepare(schema, &mut validator, &start, start.clone(), &edit, at(1)).unwrap();
        validator.accept();
        tree = candidate;
        delta.items().len()
    });
    drop(start);
    let grown = resident().saturating_sub(before);
    println!("  {:44} {:9.0} B", "resident memory for each leaf", grown as f64 / leaves as f64);
    drop(edit);

    let one = |number: u32| [one_leaf(schema, number)];
    let mut number = 0;
    repeated("apply, settle and vote on one leaf", || {
        number += 1;
        let (candidate, delta) =
            prepare(schema, &mut validator, &tree, tree.clone(), &one(number), at(i64::from(number))).unwrap();
        validator.accept();
        tree = candidate;
        delta.items().len()
    });
    let (changed, _) = prepare(schema, &mut validator, &tree, tree.clone(), &one(0), at(1)).unwrap();
    repeated("difference of neighbours", || Delta::between(schema, &tree, &changed).items().len());
    timed("difference from nothing", || {
        let mut leaves = 0usize;
        diff(schema, &empty, &changed, &Pattern::default(), &mut |_, _| leaves += 1);
        leaves
    });
}

/// The same with the disk, and starting again.
fn journal(loaded: &Loaded, leaves: usize) {
    let schema = &loaded.schema;
    let dir = tempfile::tempdir().unwrap();
    let empty = Tree::default();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let mut validator = Validator::new(loaded);
    let (tree, _) = prepare(schema, &mut validator, &empty, empty.clone(), &[], at(0)).unwrap();
    validator.accept();
    let store = Arc::new(Store::new(schema.clone(), tree, at(0)));
    let writer = ConfigWriter::new(store, validator, journal);
    let author = Author::default();
    let edit = [whole(schema, leaves / LEAVES_PER_ENTRY)];
    timed("durable commit of all of it", || writer.commit(&edit, &author, at(1)).unwrap().commit_id);
    let mut number = 0;
    repeated("durable commit of one leaf", || {
        number += 1;
        writer.commit(&[one_leaf(schema, number)], &author, at(i64::from(number))).unwrap().commit_id
    });
    drop(writer);
    let (_journal, saved) = timed("open the journal", || Journal::open(dir.path()).unwrap());
    let restored = timed("restore the tree", || saved.restore(schema).unwrap());
    timed("settle and vote at the start", || {
        prepare(schema, &mut Validator::new(loaded), &empty, restored.clone(), &[], at(9)).unwrap().1.items().len()
    });
}

/// The smallest commit there is.
fn one_leaf(schema: &Schema, number: u32) -> Edit {
    let entry = place(schema, "/test/bulk/entry").parent();
    let list = schema.child(entry.node(), None, "entry").unwrap();
    let leaf = schema.child(Some(list), None, "description").unwrap();
    let key: ListKey = [Value::text("entry-000001")].into();
    Edit::Update(entry.child(list, Some(key)).child(leaf, None), Content::Leaf(Value::text(number.to_string())))
}

fn whole(schema: &Schema, entries: usize) -> Edit {
    let list = place(schema, "/test/bulk/entry");
    let node = schema.node(list.node().unwrap());
    let name = *node.keys().first().unwrap();
    let entry = |number: usize| {
        let key: ListKey = [Value::text(format!("entry-{number:06}"))].into();
        let leaves = node.children.iter().filter(|&&leaf| leaf != name);
        (key, leaves.map(|&leaf| (leaf, Content::Leaf(value(schema, leaf, number)))).collect())
    };
    Edit::Replace(list, Content::List((0..entries).map(entry).collect()))
}

fn value(schema: &Schema, leaf: NodeId, number: usize) -> Value {
    match &*schema.node(leaf).name {
        "description" => Value::text(format!("number {number}")),
        _ => Value::Uint64(number as u64),
    }
}

fn place(schema: &Schema, text: &str) -> DataPath {
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    resolver.write(&RawPath::parse(text).unwrap()).unwrap()
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(work());
    print(name, start.elapsed());
    result
}

fn repeated<T>(name: &str, mut work: impl FnMut() -> T) {
    let start = Instant::now();
    for _ in 0..COMMITS {
        black_box(work());
    }
    print(name, start.elapsed() / COMMITS);
}

fn print(name: &str, time: Duration) {
    println!("  {name:44} {:9.3} ms", time.as_secs_f64() * 1e3);
}
