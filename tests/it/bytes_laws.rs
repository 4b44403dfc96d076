//! BYTES as a law: any tree of the loaded models, any selection of it and any cut into messages decodes to the leaves
//! that went in, by the .proto file alone. Nothing that a tree may hold makes the encoder panic.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use ganymede::codec::{
    Encoder, Filter, Grouping, LeafForm, MESSAGE_BYTES_MAX, PathForm, Shape, ValueForm, Wire, encode_path, typed_value,
    write_root,
};
use ganymede::path::{KeyMatch, Pattern, PatternStep, Step, Views};
use ganymede::pb::gnmi::SubscribeResponse;
use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::typed_value::Value as Typed;
use ganymede::schema::{Kind, NodeId, Schema, Sources, Type, load};
use ganymede::store::{Cursor, Leaf as Stored, Tree};
use ganymede::time::Timestamp;
use ganymede::value::{Decimal, Value};
use proptest::prelude::*;
use prost::Message;

use crate::proto_bytes::{Decoder, Found, Leaf};
use crate::text::{path_text, value_text};

/// All models, and what the encoder and the decoder know of them.
struct Kit {
    schema: Arc<Schema>,
    wire: Arc<Wire>,
    decoder: Decoder,
}

static KIT: LazyLock<Kit> = LazyLock::new(|| {
    let schema = load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema;
    Kit { wire: Arc::new(Wire::new(schema.clone())), decoder: Decoder::of(schema.clone()), schema }
});

/// A number to choose by; what is left of it chooses on.
struct Choice(u64);

impl Choice {
    fn of(&mut self, count: usize) -> usize {
        let count = count.max(1) as u64;
        let chosen = self.0 % count;
        self.0 = (self.0 / count) ^ self.0.rotate_left(29);
        usize::try_from(chosen).unwrap()
    }
}

const TEXTS: [&str; 6] = ["", "a", "b]/[c=\\\"d\"", "\t\né\u{10fffd}", "0", "long "];

fn text(choice: &mut Choice) -> String {
    match TEXTS[choice.of(TEXTS.len())] {
        "long " => "long ".repeat(choice.of(100)),
        text => text.to_owned(),
    }
}

/// Any value of a type, as far as its form goes.
fn value(ty: &Type, choice: &mut Choice) -> Value {
    match ty {
        Type::Integer { bits, signed, ranges } => {
            let range = &ranges[choice.of(ranges.len())];
            let within = |number: i128| number.clamp(range.min, range.max);
            let number = [range.min, range.max, within(0), within(-1), within(i128::from(choice.0))][choice.of(5)];
            match (bits, signed) {
                (64, true) => Value::Int64(number.try_into().unwrap()),
                (64, false) => Value::Uint64(number.try_into().unwrap()),
                (_, true) => Value::Int(number.try_into().unwrap()),
                (_, false) => Value::Uint(number.try_into().unwrap()),
            }
        }
        Type::Decimal { scale, .. } => {
            let digits = [0, -1, i64::MIN, i64::MAX, choice.0.cast_signed()][choice.of(5)];
            Value::Decimal(Decimal { digits, scale: *scale })
        }
        Type::Text { .. } => Value::text(text(choice)),
        Type::Bool => Value::Bool(choice.of(2) == 1),
        Type::Empty => Value::Empty,
        Type::Enum(values) => Value::Enum(values[choice.of(values.len())].0.clone()),
        Type::Bits(bits) => {
            let set: Vec<_> = bits.iter().filter(|_| choice.of(2) == 1).map(|(name, _)| &**name).collect();
            Value::Bits(set.join(" ").into())
        }
        Type::Binary { .. } => Value::Binary(text(choice).into_bytes().into()),
        Type::Identity(known) => Value::Identity(known[choice.of(known.len())].clone()),
        Type::Instance { .. } => Value::Instance(text(choice).into()),
        Type::Leafref { real, .. } => value(real, choice),
        Type::Union(members) => value(&members[choice.of(members.len())], choice),
    }
}

/// Steps to a branch; entries have few different keys, so that many leaves meet in one.
fn steps(schema: &Schema, to: Option<NodeId>, choice: &mut Choice) -> Vec<Step> {
    let line = to.map(|to| schema.lineage(to)).unwrap_or_default();
    let step = |node| {
        let key = match (&schema.node(node).kind, schema.node(node).keys()) {
            (Kind::List(_), []) => Some(Arc::from([Value::Uint(u32::try_from(choice.of(3)).unwrap())])),
            (Kind::List(_), keys) => {
                let mut few = Choice(choice.of(3) as u64);
                Some(keys.iter().map(|&key| value(schema.node(key).ty().unwrap(), &mut few)).collect())
            }
            _ => None,
        };
        Step { node, key }
    };
    line.into_iter().map(step).collect()
}

/// A tree with a leaf for each pair of a place and a choice of values.
fn tree(schema: &Schema, leaves: &[(NodeId, u64)]) -> Tree {
    let mut tree = Tree::default();
    for &(node, seed) in leaves {
        let mut choice = Choice(seed);
        let at = steps(schema, schema.node(node).parent, &mut choice);
        let ty = schema.node(node).ty().unwrap();
        let branch = tree.branch_mut(schema, &at, Timestamp::EPOCH);
        let held = match &schema.node(node).kind {
            Kind::Leaf(leaf) if leaf.is_key => continue,
            Kind::LeafList(_) => {
                let members: Vec<_> = (0..choice.of(4)).map(|_| value(ty, &mut choice)).collect();
                Value::List(members.into())
            }
            _ => value(ty, &mut choice),
        };
        branch.put_leaf(node, Stored::new(held, Timestamp::EPOCH));
    }
    tree
}

/// Is told a leaf by branch, node and value, and what PROTO says of it.
type Tell<'t> = dyn FnMut(&[Step], NodeId, &Value, Option<Leaf>) + 't;

/// What PROTO says of each leaf that a pattern selects; none for what BYTES does not say: keys, which it says more often,
/// and empty leaf-lists, which are nothing in protobuf.
fn said_in_proto(schema: &Schema, tree: &Tree, pattern: &Pattern, tell: &mut Tell<'_>) {
    let mut each = |at: &[Step], node: NodeId, leaf: &Stored| {
        let path: Vec<_> = at.iter().cloned().chain([Step { node, key: None }]).collect();
        let said = typed_value(schema, node, &leaf.value, LeafForm::Scalars);
        let path = path_text(&encode_path(schema, &path, PathForm::Elem));
        let is_key = matches!(&schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key);
        let said = Some((path, value_text(Some(&said)))).filter(|(_, said)| !is_key && said != "list []");
        tell(at, node, &leaf.value, said);
    };
    assert!(!Cursor::new().read(tree, pattern, &mut each, &mut || ControlFlow::Continue(())));
}

/// Leaves to build a tree of, as places and choices.
fn leaves() -> impl Strategy<Value = Vec<(NodeId, u64)>> {
    let terminals: Vec<_> = KIT.schema.ids().filter(|&id| KIT.schema.node(id).is_terminal()).collect();
    let tests: Vec<_> =
        terminals.iter().copied().filter(|&id| KIT.schema.path_text(id).starts_with("/test/")).collect();
    let place = prop_oneof![proptest::sample::select(terminals), proptest::sample::select(tests)];
    proptest::collection::vec((place, any::<u64>()), 0..40)
}

/// The pattern that leads to a node, with all its keys open or all taken from a choice.
fn pattern(schema: &Schema, node: NodeId, seed: u64) -> Pattern {
    let fixed = !seed.is_multiple_of(3);
    let steps = steps(schema, Some(node), &mut Choice(seed)).into_iter().map(|step| {
        let keys = match step.key {
            Some(key) if fixed => KeyMatch::Exact(key),
            Some(_) => KeyMatch::All,
            None => KeyMatch::NotList,
        };
        PatternStep { node: step.node, keys }
    });
    Pattern::new(steps.collect::<Vec<_>>())
}

fn is_below_keyless(schema: &Schema, node: NodeId) -> bool {
    schema.lineage(node).iter().any(|&node| matches!(&schema.node(node).kind, Kind::List(list) if list.keys.is_empty()))
}

const EVERYTHING: Shape = Shape { ietf: false, filter: Filter::All, depth: None, views: Views::ALL };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// ENC-043, GET-024: a Get of any selection of any tree; no entry stands in it twice.
    #[test]
    fn get_says_what_is_selected(
        held in leaves(),
        asked in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u64>()), 1..4),
    ) {
        let kit = &*KIT;
        let tree = tree(&kit.schema, &held);
        let ids: Vec<_> = kit.schema.ids().collect();
        let near = |index: &proptest::sample::Index| match held.is_empty() {
            true => *index.get(&ids),
            // A branch on the way to something that is there.
            false => { let line = kit.schema.lineage(index.get(&held).0); *index.get(&line) }
        };
        let patterns: Vec<_> = asked.iter().map(|(index, seed)| pattern(&kit.schema, near(index), *seed)).collect();
        for patterns in [&patterns[..], &[Pattern::default()]] {
            let mut bytes = Vec::new();
            let any = write_root(&kit.wire, &tree, patterns, &EVERYTHING, &mut bytes);
            prop_assert_eq!(any, !bytes.is_empty());
            let mut expected = BTreeSet::new();
            for pattern in patterns {
                said_in_proto(&kit.schema, &tree, pattern, &mut |_, _, _, leaf| expected.extend(leaf));
            }
            let found = kit.decoder.found(&bytes);
            let keyed = |found: &&Found| !is_below_keyless(&kit.schema, found.node);
            let paths: Vec<_> = found.iter().filter(keyed).map(|found| &found.leaf.0).collect();
            prop_assert_eq!(paths.len(), paths.iter().collect::<BTreeSet<_>>().len(), "{:?}", paths);
            let decoded: BTreeSet<_> = found.into_iter().filter(|found| !found.is_key).map(|found| found.leaf).collect();
            prop_assert_eq!(decoded, expected);
        }
    }

    /// ENC-042, ENC-043, SUB-018: a subscription, however it is cut. A message that is larger than it should be holds one
    /// leaf.
    #[test]
    fn streams_say_what_went_in(
        held in leaves(),
        whole in any::<bool>(),
        message_bytes_max in prop_oneof![Just(MESSAGE_BYTES_MAX), 1usize..2000],
        take_each in any::<bool>(),
        target in any::<bool>(),
    ) {
        let kit = &*KIT;
        let tree = tree(&kit.schema, &held);
        let grouping = if whole { Grouping::Whole { prefix: Vec::new() } } else { Grouping::PerBranch };
        let target = target.then_some("sr1");
        let mut encoder =
            Encoder::new(kit.wire.clone(), ValueForm::Root, PathForm::Elem, target, grouping, message_bytes_max);
        let (mut expected, mut decoded, mut messages) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        said_in_proto(&kit.schema, &tree, &Pattern::default(), &mut |at, node, value, leaf| {
            encoder.leaf(at, node, value, Timestamp::from_nanos(5), 0);
            if take_each {
                messages.extend(encoder.take());
            }
            expected.extend(leaf);
        });
        encoder.sync();
        messages.extend(encoder.take());
        prop_assert_eq!(SubscribeResponse::decode(messages.pop().unwrap().0).unwrap().response,
            Some(Response::SyncResponse(true)));
        for message in messages {
            let length = message.0.len();
            let response = SubscribeResponse::decode(message.0.clone()).unwrap();
            prop_assert_eq!(&response.encode_to_vec(), &message.0, "the bytes prost would write");
            let Some(Response::Update(notification)) = response.response else { panic!("an update") };
            prop_assert_eq!(notification.prefix.as_ref().map(|prefix| &*prefix.target), target);
            let [update] = &*notification.update else { panic!("{notification:?}") };
            let Some(Typed::ProtoBytes(bytes)) = update.val.as_ref().unwrap().value.as_ref() else { panic!("{update:?}") };
            prop_assert_eq!(update.path.as_ref().unwrap().encoded_len(), 0);
            let leaves = kit.decoder.leaves_without_keys(bytes);
            prop_assert!(length <= message_bytes_max || leaves.len() <= 1, "{} bytes, {} leaves", length, leaves.len());
            decoded.extend(leaves);
        }
        prop_assert_eq!(decoded, expected);
    }
}

/// Names that are alike to protobuf, that it uses itself, or that only YANG allows.
const NAMES: &str = r#"
module names {
  yang-version 1.1;
  namespace "urn:names";
  prefix n;

  typedef odd {
    type enumeration {
      enum "1.5"; enum "10GB"; enum "+"; enum "-"; enum "é"; enum "a \"quote\" and \\"; enum option; enum reserved;
      enum value; enum enum_value; enum INVALID_ENUM; enum invalid-enum; enum a-b; enum a_b; enum AB; enum true;
      enum enum-value-x; enum x; enum low { value -7; } enum high { value 2147483647; }
    }
  }

  container a-b { leaf c { type odd; } }
  container a { container b { leaf c { type odd; } container A-B { leaf c { type odd; } } } }
  container root { leaf root { type odd; } container Root { leaf c { type string; } } }
  container _1 { container _ { leaf c { type odd; } } }
  container message {
    leaf message { type string; }
    leaf repeated { type string; }
    leaf optional { type uint8; }
    leaf option { type odd; }
    leaf reserved { type int64; }
    leaf oneof { type odd; }
    leaf package { type empty; }
    leaf _x { type string; }
    leaf x { type string; }
    leaf X { type string; }
    leaf ipv4-1 { type uint32; }
    leaf ipv41 { type uint32; }
    leaf IPv4_1 { type uint32; }
    leaf ipv4.1 { type uint32; }
    leaf value { type string; }
    leaf yang-type-string { type string; }
    leaf yang_path { type string; }
    leaf Message-union { type union { type odd; type string; } }
    leaf-list any {
      type union {
        type odd;
        type enumeration { enum other; enum x; enum last { value 100; } }
        type leafref { path "../number"; }
        type union { type boolean; type decimal64 { fraction-digits 2; } type int64; }
        type bits { bit one; bit two; }
        type binary;
        type empty;
        type instance-identifier { require-instance false; }
        type string;
      }
    }
    leaf-list number { type int8; }
  }
  list list { key "list List"; leaf list { type odd; } leaf List { type union { type odd; type uint8; } } leaf l { type odd; } }
}
"#;

/// ENC-044: whatever the names are, the file compiles, and what is encoded decodes to the same.
#[test]
fn takes_any_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("names.yang"), NAMES).unwrap();
    let sources = Sources { dirs: vec![folder.path().to_owned()], ..Sources::default() };
    let schema = load(&sources).unwrap().schema;
    let (wire, decoder) = (Wire::new(schema.clone()), Decoder::of(schema.clone()));
    let ours = |id: &NodeId| &*schema.module(schema.node(*id).module).name == "names";
    let terminals: Vec<_> = schema.ids().filter(ours).filter(|&id| schema.node(id).is_terminal()).collect();
    assert_eq!(terminals.len(), 29);
    let mut said_at_all = BTreeSet::new();
    for seed in 0..200u64 {
        let leaves: Vec<_> = (0u64..).zip(&terminals).map(|(place, &node)| (node, seed + place * 7)).collect();
        let tree = tree(&schema, &leaves);
        let mut bytes = Vec::new();
        assert!(write_root(&wire, &tree, &[Pattern::default()], &EVERYTHING, &mut bytes));
        let mut expected = BTreeSet::new();
        said_in_proto(&schema, &tree, &Pattern::default(), &mut |_, _, _, leaf| expected.extend(leaf));
        assert_eq!(decoder.leaves_without_keys(&bytes).into_iter().collect::<BTreeSet<_>>(), expected);
        said_at_all.extend(expected.into_iter().map(|(path, _)| path));
    }
    assert!(said_at_all.contains("/_1/_/c") && said_at_all.contains("/message/IPv4_1"));
}
