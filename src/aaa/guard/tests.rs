//! The law of the guard: whatever is committed, nothing that its author may not change has another value than before.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Mutex};

use proptest::prelude::*;

use super::*;
use crate::path::{AccessRule, RawPath, Resolver, Views};
use crate::schema::{Loaded, Sources, load};
use crate::store::{Author, CommitError, ConfigWriter, Content, Cursor, Journal, Store, Validator};
use crate::time::Timestamp;

static LOADED: LazyLock<Loaded> =
    LazyLock::new(|| load(&Sources { test_modules: true, ..Sources::default() }).unwrap());

const PLACES: [&str; 13] = [
    "/test",
    "/test/types",
    "/test/types/text",
    "/test/types/with-default",
    "/test/presence",
    "/test/presence/value",
    "/test/b",
    "/test/b[key1=x][key2=y]",
    "/test/b[key1=x][key2=y]/value",
    "/test/b[key1=x][key2=y]/c",
    "/test/b[key1=x][key2=y]/c[key1=1]/value",
    "/test/b[key1=x][key2=z]",
    "/test/b[key1=x][key2=z]/value",
];

fn resolver() -> Resolver<'static> {
    Resolver { schema: &LOADED.schema, views: Views::ALL, name_wildcards: false }
}

fn place(text: &str) -> DataPath {
    resolver().write(&RawPath::parse(text).unwrap()).unwrap()
}

/// Something that fits a place: a value, or a branch that holds nothing more than it must.
fn content(at: &DataPath, number: u32) -> Content {
    match LOADED.schema.node(at.node().unwrap()) {
        node if &*node.name == "with-default" => Content::Leaf(Value::Uint(number)),
        node if node.is_terminal() => Content::Leaf(Value::text(number.to_string())),
        node if !node.keys().is_empty() && at.steps().last().unwrap().key.is_none() => Content::List(Vec::new()),
        _ => Content::Branch(Vec::new()),
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    (proptest::sample::select(&PLACES[..]), 0u8..3, 6u32..9).prop_map(|(text, kind, number)| {
        let at = place(text);
        let content = content(&at, number);
        match kind {
            0 => Edit::Delete(vec![Pattern::exactly(&at, &LOADED.schema)]),
            1 => Edit::Replace(at, content),
            _ => Edit::Update(at, content),
        }
    })
}

fn rights() -> impl Strategy<Value = Rights> {
    let access = prop_oneof![Just(Access::None), Just(Access::Read), Just(Access::Write)];
    let rule = (proptest::sample::select(&PLACES[..]), access)
        .prop_map(|(text, access)| AccessRule { pattern: Pattern::exactly(&place(text), &LOADED.schema), access });
    proptest::collection::vec(rule, 0..4).prop_map(|mut rules| {
        rules.push(AccessRule { pattern: Pattern::default(), access: Access::Write });
        Rights::of_rules(&LOADED.schema, &rules)
    })
}

/// A guard of one author.
#[derive(Debug)]
struct One(Mutex<Arc<Rights>>);

impl Guard for One {
    fn judge(&self, change: Change<'_>) -> Result<(), CommitError> {
        let rights = self.0.lock().unwrap().clone();
        Judgement::new(change, &rights, false).run()
    }
}

/// What somebody has set: leaves that are no defaults, by their paths, with their values.
fn set(tree: &Tree) -> BTreeMap<DataPath, Value> {
    let mut found = BTreeMap::new();
    let mut each = |at: &[Step], node: NodeId, leaf: &Leaf| {
        if !leaf.is_default() {
            found.insert(extended(at, node), leaf.value.clone());
        }
    };
    Cursor::new().read(tree, &Pattern::default(), &mut each, &mut || ControlFlow::Continue(()));
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// SET-036 to SET-041, C-20.
    #[test]
    fn nothing_protected_changes(
        fill in proptest::collection::vec(edit(), 1..8),
        sets in proptest::collection::vec((rights(), proptest::collection::vec(edit(), 1..4)), 1..4),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(directory.path()).unwrap();
        let store = Arc::new(Store::new(LOADED.schema.clone(), Tree::default(), Timestamp::EPOCH));
        let everything = [AccessRule { pattern: Pattern::default(), access: Access::Write }];
        let one = Arc::new(One(Mutex::new(Arc::new(Rights::of_rules(&LOADED.schema, &everything)))));
        let writer = ConfigWriter::new(store.clone(), Validator::new(&LOADED), journal).guarded_by(one.clone());
        let commit = |edits: &[Edit]| writer.commit(edits, &Author::default(), Timestamp::EPOCH);
        let filled = commit(&fill);
        prop_assert!(!matches!(filled, Err(CommitError::Denied(_))), "{:?}", filled);
        for (rights, edits) in sets {
            let before = store.newest().tree.clone();
            let rights = Arc::new(rights);
            *one.0.lock().unwrap() = rights.clone();
            let outcome = commit(&edits);
            let (old, new) = (set(&before), set(&store.newest().tree));
            if outcome.is_err() {
                prop_assert_eq!(&old, &new);
            }
            for path in old.keys().chain(new.keys()).filter(|path| old.get(path) != new.get(path)) {
                let kind = &LOADED.schema.node(path.node().unwrap()).kind;
                let default = matches!(kind, Kind::Leaf(leaf) if leaf.default.is_some() && leaf.default.as_ref() == new.get(path));
                let key = matches!(kind, Kind::Leaf(leaf) if leaf.is_key);
                let judged = if key { path.parent() } else { path.clone() };
                prop_assert!(
                    default || rights.rules().access(judged.steps()) == Access::Write,
                    "{} of {:?}: {:?}", path.display(&LOADED.schema), edits, outcome
                );
            }
        }
    }
}
