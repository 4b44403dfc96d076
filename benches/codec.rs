//! Cost of encoding, without store, engine or transport: nanoseconds per leaf of a notification, milliseconds for a
//! subtree of 30,000 leaves (G7). `cargo bench --bench codec`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ganymede::codec::{
    Encoder, Encoding, Filter, Grouping, MESSAGE_BYTES_MAX, PathForm, ProtoVersion, Shape, Wire, decode_set,
    write_branch, write_root,
};
use ganymede::path::{Pattern, RawPath, Resolver, Step, Views};
use ganymede::pb::gnmi as pb;
use ganymede::schema::{Schema, Sources, load};
use ganymede::store::{Cursor, Leaf, Tree};
use ganymede::time::Timestamp;
use ganymede::value::Value;

const ENTRIES: u64 = 3_000;
const COUNTERS: usize = 10;
const ROUNDS: u32 = 50;

fn main() {
    let schema = load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema;
    let tree = counters(&schema);
    let wire = Arc::new(Wire::new(schema.clone()));
    println!("{ENTRIES} branches of {COUNTERS} uint64 leaves, best of {ROUNDS} rounds");
    for encoding in Encoding::OFFERED {
        // Root messages have no paths to be written in one form or the other.
        let forms = if encoding == Encoding::Bytes { 1 } else { 2 };
        for (name, form) in [("elem", PathForm::Elem), ("text", PathForm::Element)].into_iter().take(forms) {
            let round = || encode(&wire, &tree, encoding, form, Grouping::PerBranch);
            measure(&format!("notification per branch, {encoding:?}, {name}"), round);
        }
        let whole = Grouping::Whole { prefix: Vec::new() };
        let round = || encode(&wire, &tree, encoding, PathForm::Elem, whole.clone());
        measure(&format!("one notification, {encoding:?}, elem"), round);
    }
    measure("reading the tree alone", || read(&tree));
    for (name, ietf) in [("JSON", false), ("JSON_IETF", true)] {
        let shape = Shape { ietf, filter: Filter::All, depth: None, views: Views::ALL };
        measure(&format!("subtree as {name}"), || {
            let mut out = Vec::new();
            write_branch(&schema, None, tree.root(), &shape, &mut out);
            out.len()
        });
    }
    let shape = Shape { ietf: false, filter: Filter::All, depth: None, views: Views::ALL };
    measure("subtree as BYTES", || {
        let mut out = Vec::new();
        write_root(&wire, &tree, &[Pattern::default()], &shape, &mut out);
        out.len()
    });
    let request = replace_all();
    let resolver = Resolver { schema: &schema, views: Views::ALL, name_wildcards: true };
    measure("decoding such a subtree", || decode_set(&request, &resolver).unwrap().len());
}

/// Prints the shortest time of several rounds, unless the command line names other measurements.
fn measure<T>(name: &str, round: impl FnMut() -> T) {
    let mut wanted = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if wanted.peek().is_some() && !wanted.any(|wanted| name.contains(&wanted)) {
        return;
    }
    let time = best(round).as_secs_f64();
    let per_leaf = time * 1e9 / (ENTRIES as f64 * COUNTERS as f64);
    println!("{name:44} {per_leaf:6.1} ns per leaf {:8.3} ms", time * 1e3);
}

/// The shortest time of several rounds.
fn best<T>(mut round: impl FnMut() -> T) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        black_box(round());
        start.elapsed()
    };
    (0..ROUNDS).map(timed).min().unwrap_or_default()
}

fn read(tree: &Tree) -> u64 {
    let mut sum = 0;
    each_leaf(tree, &mut |_, _, leaf| {
        if let Value::Uint64(value) = leaf.value {
            sum ^= value;
        }
    });
    sum
}

fn encode(wire: &Arc<Wire>, tree: &Tree, encoding: Encoding, form: PathForm, grouping: Grouping) -> usize {
    let mut encoder =
        Encoder::new(wire.clone(), encoding.form(ProtoVersion::Latest), form, Some("sr1"), grouping, MESSAGE_BYTES_MAX);
    let mut messages = 0;
    each_leaf(tree, &mut |at, node, leaf| {
        encoder.leaf(at, node, &leaf.value, Timestamp::from_nanos(1_772_359_200_500_000_000), 0);
        if encoder.waiting() > 64 * 1024 {
            messages += black_box(encoder.take()).len();
        }
    });
    encoder.sync();
    messages + encoder.take().len()
}

fn each_leaf(tree: &Tree, leaf: &mut dyn FnMut(&[Step], ganymede::schema::NodeId, &Leaf)) {
    let mut go_on = || std::ops::ControlFlow::Continue(());
    Cursor::new().read(tree, &Pattern::default(), leaf, &mut go_on);
}

fn counters(schema: &Schema) -> Tree {
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    let mut tree = Tree::default();
    for entry in 0..ENTRIES {
        let text = format!("/test/counters/entry[name=interface-{entry}]");
        let path = resolver.write(&RawPath::parse(&text).unwrap()).unwrap();
        let branch = tree.branch_mut(schema, path.steps(), Timestamp::EPOCH);
        for (number, &node) in (1u64..).zip(schema.children(path.node())).skip(1) {
            let value = Value::Uint64(entry * 1_000_003 * number * number * number);
            branch.put_leaf(node, Leaf::new(value, Timestamp::EPOCH));
        }
    }
    tree
}

fn replace_all() -> pb::SetRequest {
    let entry = |entry: u64| {
        let counters: Vec<String> = (0..COUNTERS).map(|number| format!("\"c{number}\":\"{}\"", entry * 7)).collect();
        format!("{{\"name\":\"interface-{entry}\",{}}}", counters.join(","))
    };
    let json = format!("{{\"entry\":[{}]}}", (0..ENTRIES).map(entry).collect::<Vec<_>>().join(","));
    let elem = |name: &str| pb::PathElem { name: name.to_owned(), ..Default::default() };
    let path = pb::Path { elem: vec![elem("test"), elem("bulk")], ..Default::default() };
    let value = pb::typed_value::Value::JsonIetfVal(json.into());
    let val = Some(pb::TypedValue { value: Some(value) });
    pb::SetRequest { replace: vec![pb::Update { path: Some(path), val, ..Default::default() }], ..Default::default() }
}
