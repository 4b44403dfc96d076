//! The laws of the datastore, tested by property on the module `store-laws`.

mod confirm;
mod disk;
mod history;
mod laws;
pub(super) mod model;
mod recent;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use super::diff::{Difference, diff};
use super::edit::{self, Content, Edit};
use super::settle::settle;
use super::tree::Tree;
use crate::path::{DataPath, Pattern, RawPath, Resolver, Step, Views};
use crate::schema::{Input, Kind, Loaded, Rule, Schema, Sources, load};
use crate::time::Timestamp;
use crate::value::Value;

/// The module under test, loaded once.
pub(super) fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/tests");
        let sources = Sources { dirs: vec![dir], modules: vec!["store-laws".into()], ..Sources::default() };
        load(&sources).unwrap_or_else(|error| panic!("{error}"))
    })
}

pub(super) fn schema() -> &'static Schema {
    &loaded().schema
}

fn resolver() -> Resolver<'static> {
    Resolver { schema: schema(), views: Views::ALL, name_wildcards: true }
}

fn raw(text: &str) -> RawPath {
    let path = RawPath::parse(text).unwrap_or_else(|error| panic!("{error}"));
    // Other modules have nodes of the same names at the top.
    if path.elems.is_empty() { path } else { RawPath { origin: Some("store-laws".into()), ..path } }
}

/// A place by its text.
pub(super) fn place(text: &str) -> DataPath {
    let raw = raw(text);
    resolver().write(&raw).unwrap_or_else(|error| panic!("{error}"))
}

/// A selection by its text.
pub(super) fn pattern(text: &str) -> Pattern {
    let raw = raw(text);
    resolver().delete(&raw).unwrap_or_else(|error| panic!("{error}")).swap_remove(0)
}

/// A value of the leaf at a place; of a leaf-list, its members with commas between.
pub(super) fn value(at: &DataPath, text: &str) -> Value {
    let node = schema().node(at.node().expect("not the root"));
    let module = &schema().module(node.module).name;
    let accept = |text: &str| {
        let ty = node.ty().expect("a leaf");
        ty.accept(Input::Text(text), Rule::Text, module).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    match node.kind {
        Kind::LeafList(_) => Value::List(text.split(',').map(accept).collect()),
        _ => accept(text),
    }
}

/// What an edit puts at a place: a value for a leaf, nothing for a container or list entry.
fn content(at: &DataPath, text: &str) -> Content {
    if schema().node(at.node().expect("not the root")).is_terminal() {
        Content::Leaf(value(at, text))
    } else {
        Content::Branch(Vec::new())
    }
}

/// `/path` or `/path=value`; the value starts behind the last `=` outside brackets.
fn split(text: &str) -> (&str, &str) {
    match text.rsplit_once('=') {
        Some((path, value)) if !value.contains(']') => (path, value),
        _ => (text, ""),
    }
}

/// An update written as `/path=value`.
pub(super) fn update(text: &str) -> Edit {
    let (path, value) = split(text);
    let at = place(path);
    let content = content(&at, value);
    Edit::Update(at, content)
}

/// A replace written as `/path=value`.
pub(super) fn replace(text: &str) -> Edit {
    let (path, value) = split(text);
    let at = place(path);
    let content = content(&at, value);
    Edit::Replace(at, content)
}

pub(super) fn delete(text: &str) -> Edit {
    Edit::Delete(vec![pattern(text)])
}

pub(super) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// The tree after edits, settled, no vote taken.
pub(super) fn edited(base: &Tree, edits: &[Edit], time: Timestamp) -> Tree {
    let mut candidate = base.clone();
    for edit in edits {
        edit::apply(&mut candidate, schema(), edit, time).unwrap_or_else(|error| panic!("{error}"));
    }
    settle(schema(), base, &mut candidate, time);
    candidate
}

/// One thing in a flat view of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// None for a list entry or presence container.
    pub(super) value: Option<Value>,
    pub(super) is_default: bool,
}

/// A tree as places and what stands there.
pub(super) type Flat = BTreeMap<DataPath, Item>;

/// No line differs.
pub(super) const NONE: Vec<String> = Vec::new();

/// Lines that one has and the other has not: readable, and empty when both are equal.
pub(super) fn differing(left: &Flat, right: &Flat) -> Vec<String> {
    let lines = |flat: &Flat, other: &Flat, side: char| -> Vec<String> {
        let differs = flat.iter().filter(|(place, item)| other.get(place) != Some(item));
        differs.map(|(place, item)| format!("{side} {} {item:?}", place.display(schema()))).collect()
    };
    [lines(left, right, '<'), lines(right, left, '>')].concat()
}

pub(super) fn flat(tree: &Tree) -> Flat {
    let mut flat = Flat::new();
    let empty = Tree::default();
    diff(schema(), &empty, tree, &Pattern::default(), &mut |at, difference| take(&mut flat, at, difference));
    flat
}

/// What a subscriber does with a difference.
pub(super) fn take(flat: &mut Flat, at: &[Step], difference: Difference<'_>) {
    let place = DataPath::new(at);
    match difference {
        Difference::Leaf { node, new, .. } => {
            let item = Item { value: Some(new.value.clone()), is_default: new.is_default() };
            flat.insert(place.child(node, None), item);
        }
        Difference::Removed => flat.retain(|known, _| !place.contains(known)),
        Difference::Created => drop(flat.insert(place, Item { value: None, is_default: false })),
        Difference::Reordered => {}
    }
}

/// Only configuration, or only state.
pub(super) fn only(flat: &Flat, config: bool) -> Flat {
    let keep = |place: &DataPath| place.node().is_some_and(|node| schema().node(node).config == config);
    flat.iter().filter(|(place, _)| keep(place)).map(|(place, item)| (place.clone(), item.clone())).collect()
}
