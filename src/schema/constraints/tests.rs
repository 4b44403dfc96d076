//! Constraints on a small model: what they look at, single verdicts, and whole runs against libyang's own validation.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::path::{DataPath, Step};
use crate::schema::{Mirror, Sources, load};
use crate::value::Value;

/// A constraint of every kind, close by, far away, and by way of augment and case.
const MODEL: &str = r#"
module model {
  yang-version 1.1; namespace urn:model; prefix m;
  container top {
    list item {
      key name;
      leaf name { type string; }
      leaf kind { type enumeration { enum a; enum b; } }
      leaf size { type uint8; must ". <= ../../limit" { error-message "too large"; error-app-tag "size"; } }
      leaf only-a { when "../kind = 'a'"; type string; }
      container box {
        must "not(../size) or count(part) <= ../size";
        list part {
          key id;
          leaf id { type uint8; }
          leaf peer { type string; must "/m:top/m:item[m:name = current()]"; }
        }
      }
      choice way {
        case long { when "kind = 'b'"; leaf long { type string; } }
        leaf short { type string; }
      }
    }
    leaf limit { type uint8; }
    leaf-list tag { type string; must "string-length(.) < 3"; }
    container shelf { container inner { leaf x { type string; } } }
    leaf shelved { type empty; must "../shelf/inner"; }
    container door { presence "is there"; leaf key { type string; } }
    leaf closed { type empty; must "../door"; }
  }
  augment "/m:top/m:item" { when "m:kind and not(m:name = 'z')"; leaf extra { type string; } }
}
"#;

fn loaded() -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("model.yang"), MODEL).unwrap();
    load(&Sources { dirs: vec![dir.path().to_owned()], ..Sources::default() }).unwrap()
}

/// The node at a schema path without keys.
fn node(schema: &Schema, path: &str) -> NodeId {
    let step = |parent, name: &str| schema.child(parent, None, name);
    path.split('/').try_fold(None, |parent, name| step(parent, name).map(Some)).flatten().expect(path)
}

/// A path whose keys stand behind an equals sign: `top/item=a/size`.
fn place(schema: &Schema, path: &str) -> DataPath {
    let mut parent = None;
    let mut steps = Vec::new();
    for part in path.split('/') {
        let (name, key) = part.split_once('=').map_or((part, None), |(name, key)| (name, Some(key)));
        let id = schema.child(parent, None, name).expect(path);
        let key = key.map(|key| match key.parse() {
            Ok(number) => [Value::Uint(number)].into(),
            Err(_) => [Value::text(key)].into(),
        });
        steps.push(Step { node: id, key });
        parent = Some(id);
    }
    DataPath::new(steps)
}

fn only<'a>(constraints: &'a Constraints, schema: &Schema, path: &str, kind: ConstraintKind) -> &'a Constraint {
    let mut of =
        constraints.of(node(schema, path)).iter().map(|&id| constraints.get(id)).filter(|one| one.kind == kind);
    let first = of.next().expect(path);
    assert!(of.next().is_none(), "{path} has one constraint of the kind");
    first
}

#[test]
fn tells_what_a_constraint_looks_at() {
    let loaded = loaded();
    let schema = &loaded.schema;
    let constraints = Constraints::collect(&loaded);
    for (path, kind, context, reach, reads) in [
        ("top/item/size", ConstraintKind::Must, "top/item/size", "top", "top/item top/item/size top/limit top"),
        ("top/item/only-a", ConstraintKind::When, "top/item/only-a", "top/item", "top/item/kind top/item"),
        (
            "top/item/box",
            ConstraintKind::Must,
            "top/item/box",
            "top/item",
            "top/item/size top/item/box/part top/item top/item/box",
        ),
        ("top/item/long", ConstraintKind::When, "top/item", "top/item", "top/item/kind"),
        ("top/item/extra", ConstraintKind::When, "top/item", "top/item", "top/item/kind top/item/name"),
    ] {
        let found = only(&constraints, schema, path, kind);
        assert_eq!(found.context, Some(node(schema, context)), "{path}");
        assert_eq!(found.reach, Some(node(schema, reach)), "{path}");
        let mut expected: Vec<_> = reads.split(' ').map(|path| node(schema, path)).collect();
        expected.retain(|id| found.reads.contains(id) || schema.node(*id).is_terminal());
        for id in expected {
            assert!(constraints.reading(id).iter().any(|&id| std::ptr::eq(constraints.get(id), found)), "{path}");
        }
    }
    let far = only(&constraints, schema, "top/item/box/part/peer", ConstraintKind::Must);
    assert_eq!(far.reach, None);
    let size = only(&constraints, schema, "top/item/size", ConstraintKind::Must);
    assert_eq!((size.message.as_deref(), size.app_tag.as_deref()), (Some("too large"), Some("size")));
    assert_eq!(&*size.expression, ". <= ../../limit");
}

#[test]
fn evaluates_on_the_mirror() {
    let loaded = loaded();
    let schema = &loaded.schema;
    let constraints = Constraints::collect(&loaded);
    let mut mirror = Mirror::new(&loaded, &constraints).unwrap();
    let check = |mirror: &mut Mirror, path: &str, kind, at: &str, expected| {
        let constraint = only(&constraints, schema, path, kind);
        assert_eq!(mirror.eval(constraint, &place(schema, at)).unwrap(), expected, "{at}");
    };
    use ConstraintKind::{Must, When};
    // Nothing there yet: musts hold, and a when tells about a node that could come.
    check(&mut mirror, "top/item/size", Must, "top/item=a/size", true);
    check(&mut mirror, "top/item/only-a", When, "top/item=a/only-a", true);
    let set = |mirror: &mut Mirror, at: &str, value: Value| mirror.set(&place(schema, at), Some(&value)).unwrap();
    set(&mut mirror, "top/limit", Value::Uint(5));
    set(&mut mirror, "top/item=a/size", Value::Uint(5));
    check(&mut mirror, "top/item/size", Must, "top/item=a/size", true);
    check(&mut mirror, "top/item/only-a", When, "top/item=a/only-a", false);
    check(&mut mirror, "top/item/extra", When, "top/item=a/extra", false);
    set(&mut mirror, "top/limit", Value::Uint(4));
    check(&mut mirror, "top/item/size", Must, "top/item=a/size", false);
    set(&mut mirror, "top/item=a/kind", Value::Enum("a".into()));
    check(&mut mirror, "top/item/only-a", When, "top/item=a/only-a", true);
    check(&mut mirror, "top/item/extra", When, "top/item=a/extra", true);
    check(&mut mirror, "top/item/long", When, "top/item=a/long", false);
    set(&mut mirror, "top/item=a/size", Value::Uint(0));
    check(&mut mirror, "top/item/box", Must, "top/item=a/box", true);
    mirror.set(&place(schema, "top/item=a/box/part=1"), None).unwrap();
    check(&mut mirror, "top/item/box", Must, "top/item=a/box", false);
    mirror.remove(&place(schema, "top/item=a/box/part")).unwrap();
    check(&mut mirror, "top/item/box", Must, "top/item=a/box", true);
    set(&mut mirror, "top/item=a/box/part=1/peer", Value::text("b"));
    check(&mut mirror, "top/item/box/part/peer", Must, "top/item=a/box/part=1/peer", false);
    mirror.set(&place(schema, "top/item=b"), None).unwrap();
    check(&mut mirror, "top/item/box/part/peer", Must, "top/item=a/box/part=1/peer", true);
    // Every member of a leaf-list has to satisfy it.
    set(&mut mirror, "top/tag", Value::List([Value::text("x"), Value::text("long")].into()));
    check(&mut mirror, "top/tag", Must, "top/tag", false);
    set(&mut mirror, "top/tag", Value::List([Value::text("x"), Value::text("y")].into()));
    check(&mut mirror, "top/tag", Must, "top/tag", true);
    // A plain container exists as soon as what is around it does, a presence container does not.
    set(&mut mirror, "top/shelved", Value::Empty);
    check(&mut mirror, "top/shelved", Must, "top/shelved", true);
    set(&mut mirror, "top/shelf/inner/x", Value::text("x"));
    mirror.remove(&place(schema, "top/shelf")).unwrap();
    check(&mut mirror, "top/shelved", Must, "top/shelved", true);
    set(&mut mirror, "top/closed", Value::Empty);
    check(&mut mirror, "top/closed", Must, "top/closed", false);
    mirror.set(&place(schema, "top/door"), None).unwrap();
    check(&mut mirror, "top/closed", Must, "top/closed", true);
    mirror.remove(&place(schema, "top")).unwrap();
    check(&mut mirror, "top/item/only-a", When, "top/item=a/only-a", true);
    assert_eq!(mirror.validate_all(), Ok(()));
}

#[test]
fn finds_entries_by_any_key() {
    let loaded = loaded();
    let schema = &loaded.schema;
    let constraints = Constraints::collect(&loaded);
    let mut mirror = Mirror::new(&loaded, &constraints).unwrap();
    let must = only(&constraints, schema, "top/item/size", ConstraintKind::Must);
    let keys = ["plain", "it's", "say \"x\"", "'\"", "a'b\"c", "]", "[a='b']", "", " ", "é☃", "a/b=c"];
    let at = |key: &str, leaf| {
        let item = Step { node: node(schema, "top/item"), key: Some([Value::text(key)].into()) };
        let leaf = Step { node: node(schema, leaf), key: None };
        DataPath::new([Step { node: node(schema, "top"), key: None }, item, leaf])
    };
    mirror.set(&place(schema, "top/limit"), Some(&Value::Uint(5))).unwrap();
    for round in 0..2 {
        for (index, key) in keys.iter().enumerate() {
            let size = u32::try_from(index).unwrap() + round;
            mirror.set(&at(key, "top/item/size"), Some(&Value::Uint(size))).unwrap();
        }
    }
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(mirror.eval(must, &at(key, "top/item/size")).unwrap(), index < 5, "{key:?}");
        mirror.remove(&at(key, "top/item/size").parent()).unwrap();
        assert!(mirror.eval(must, &at(key, "top/item/size")).unwrap(), "{key:?} is gone");
    }
}

#[test]
fn refuses_what_has_no_place() {
    let loaded = loaded();
    let schema = &loaded.schema;
    let mut mirror = Mirror::new(&loaded, &Constraints::collect(&loaded)).unwrap();
    assert!(mirror.set(&place(schema, "top/item/size"), Some(&Value::Uint(1))).is_err());
    assert!(mirror.set(&place(schema, "top/limit"), None).is_err());
    assert!(mirror.set(&place(schema, "top/limit"), Some(&Value::text("much"))).is_err());
    assert!(mirror.set(&place(schema, "top/item=a/extra"), Some(&Value::text("a\0b"))).is_err());
    assert_eq!(mirror.validate_all(), Ok(()));
}

/// What a set or a removal does to one place, in the form that [`place`] reads.
#[derive(Clone, Debug)]
struct Change {
    at: String,
    value: Option<Value>,
}

fn change() -> impl Strategy<Value = Change> {
    let item = proptest::sample::select(vec!["a", "b", "z"]);
    let leaf = prop_oneof![
        proptest::sample::select(vec!["a", "b"]).prop_map(|kind| ("kind".to_owned(), Value::Enum(kind.into()))),
        (0_u32..4).prop_map(|size| ("size".to_owned(), Value::Uint(size))),
        proptest::sample::select(vec!["only-a", "long", "short", "extra"])
            .prop_map(|name| (name.to_owned(), Value::text("x"))),
        (0_u32..3, proptest::sample::select(vec!["a", "b", "z"]))
            .prop_map(|(id, peer)| (format!("box/part={id}/peer"), Value::text(peer))),
    ];
    let in_item = (item, leaf).prop_map(|(item, (leaf, value))| (format!("top/item={item}/{leaf}"), value));
    let tags = proptest::collection::btree_set("[x-z]{1,3}", 1..3)
        .prop_map(|tags| Value::List(tags.into_iter().map(Value::text).collect()));
    let any = prop_oneof![
        8 => in_item,
        2 => (0_u32..4).prop_map(|limit| ("top/limit".to_owned(), Value::Uint(limit))),
        1 => tags.prop_map(|tags| ("top/tag".to_owned(), tags)),
        1 => Just(("top/closed".to_owned(), Value::Empty)),
        1 => Just(("top/shelved".to_owned(), Value::Empty)),
        1 => Just(("top/door/key".to_owned(), Value::text("k"))),
    ];
    (any, 0..4).prop_map(|((at, value), kind)| match kind {
        // A removal takes the leaf or the entry or container around it.
        0 => Change { at, value: None },
        1 => {
            let whole = at.rsplit_once('/').map_or(at.as_str(), |(above, _)| above);
            let whole = if whole == "top" { at.as_str() } else { whole };
            Change { at: whole.to_owned(), value: None }
        }
        _ => Change { at, value: Some(value) },
    })
}

/// A configuration as plain places, with the constraints it breaks, found out as the store is meant to: only those of
/// new nodes and those that look at a changed one, and of these only instances within reach.
struct Follower<'a> {
    schema: &'a Schema,
    constraints: &'a Constraints,
    mirror: Mirror,
    values: BTreeMap<DataPath, Value>,
    broken: BTreeSet<(ConstraintId, DataPath)>,
}

impl Follower<'_> {
    /// Every node that exists: the leaves, all above them, and the container below every item.
    fn nodes(&self) -> BTreeSet<DataPath> {
        let mut nodes = BTreeSet::new();
        for path in self.values.keys() {
            for length in 1..=path.steps().len() {
                nodes.insert(DataPath::new(&path.steps()[..length]));
            }
        }
        let (item, inside) = (node(self.schema, "top/item"), node(self.schema, "top/item/box"));
        let items: Vec<_> = nodes.iter().filter(|path| path.node() == Some(item)).cloned().collect();
        nodes.extend(items.iter().map(|path| path.child(inside, None)));
        nodes
    }

    fn apply(&mut self, change: &Change) {
        let before = self.nodes();
        let at = place(self.schema, &change.at);
        let mut changed = BTreeSet::from([at.clone()]);
        match &change.value {
            Some(value) => {
                for (one, other) in [("long", "short"), ("short", "long")] {
                    if change.at.ends_with(one) {
                        let other = place(self.schema, &change.at.replace(one, other));
                        self.values.remove(&other);
                        self.mirror.remove(&other).unwrap();
                    }
                }
                self.values.insert(at.clone(), value.clone());
                self.mirror.set(&at, Some(value)).unwrap();
            }
            None => {
                self.values.retain(|path, _| !at.contains(path));
                self.mirror.remove(&at).unwrap();
                // An entry goes with its last leaf here, because only leaves are kept.
                for gone in before.difference(&self.nodes()).filter(|path| !at.contains(path)) {
                    self.mirror.remove(gone).unwrap();
                }
            }
        }
        let after = self.nodes();
        changed.extend(before.symmetric_difference(&after).cloned());
        self.broken.retain(|(_, path)| after.contains(path));
        let mut due = BTreeSet::new();
        for path in &changed {
            let id = path.node().unwrap();
            if after.contains(path) {
                due.extend(self.constraints.of(id).iter().map(|&id| (id, path.clone())));
            }
            for &reader in self.constraints.reading(id) {
                let constraint = self.constraints.get(reader);
                let depth = constraint.reach.map_or(0, |reach| self.schema.lineage(reach).len());
                let shared = &path.steps()[..depth.min(path.steps().len())];
                let readers = after.iter().filter(|other| other.node() == Some(constraint.node));
                due.extend(
                    readers.filter(|other| other.steps().starts_with(shared)).map(|other| (reader, other.clone())),
                );
            }
        }
        for (id, path) in due {
            if self.mirror.eval(self.constraints.get(id), &path).unwrap() {
                self.broken.remove(&(id, path));
            } else {
                self.broken.insert((id, path));
            }
        }
    }

    /// The same found out by asking every constraint of every node.
    fn all_broken(&mut self) -> BTreeSet<(ConstraintId, DataPath)> {
        let mut broken = BTreeSet::new();
        for path in self.nodes() {
            for &id in self.constraints.of(path.node().unwrap()) {
                if !self.mirror.eval(self.constraints.get(id), &path).unwrap() {
                    broken.insert((id, path.clone()));
                }
            }
        }
        broken
    }
}

#[test]
fn incremental_votes_agree_with_libyang() {
    let loaded = loaded();
    let constraints = Constraints::collect(&loaded);
    let verdicts = Cell::new((0, 0));
    proptest!(ProptestConfig::with_cases(300), |(changes in proptest::collection::vec(change(), 1..30))| {
        let mut follower = Follower {
            schema: &loaded.schema,
            constraints: &constraints,
            mirror: Mirror::new(&loaded, &constraints).unwrap(),
            values: BTreeMap::new(),
            broken: BTreeSet::new(),
        };
        for change in &changes {
            follower.apply(change);
            let all = follower.all_broken();
            prop_assert_eq!(&follower.broken, &all, "after {:?}", change);
            let oracle = follower.mirror.validate_all();
            prop_assert_eq!(follower.broken.is_empty(), oracle.is_ok(), "{:?}: {:?}", follower.values, oracle);
            let (good, bad) = verdicts.get();
            verdicts.set(if oracle.is_ok() { (good + 1, bad) } else { (good, bad + 1) });
        }
    });
    let (good, bad) = verdicts.get();
    assert!(good > 100 && bad > 100, "the comparison saw both verdicts: {good} good, {bad} bad");
}

#[test]
fn cost_does_not_grow_with_the_tree() {
    let loaded = load(&Sources { test_modules: true, ..Sources::default() }).unwrap();
    let schema = &loaded.schema;
    let constraints = Constraints::collect(&loaded);
    let mut mirror = Mirror::new(&loaded, &constraints).unwrap();
    let mut took = Vec::new();
    for round in 0..10 {
        let start = Instant::now();
        for index in 0..2000 {
            let at = place(schema, &format!("test/bulk/entry=n{round}-{index}/c0"));
            mirror.set(&at, Some(&Value::Uint64(index))).unwrap();
        }
        took.push(start.elapsed());
    }
    eprintln!("2000 entries at a time: {took:?}");
    // Twenty thousand entries scanned one after the other would make the last round a hundred times slower.
    let (first, last) = (took[..3].iter().min(), took[7..].iter().min());
    assert!(last < first.map(|first| *first * 8).as_ref(), "{took:?}");
}
