//! Messages decoded again by prost.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::codec::tests::Kit;
use crate::codec::{LeafForm, MESSAGE_BYTES_MAX, decode_path, encode_path, typed_value};
use crate::path::RawPath;
use crate::pb::gnmi as pb;
use crate::pb::gnmi::subscribe_response::Response;

const T1: Timestamp = Timestamp::from_nanos(1_772_359_200_500_000_000);
const T2: Timestamp = Timestamp::from_nanos(1_772_359_200_500_000_001);

const SCALARS: ValueForm = ValueForm::Leaf(LeafForm::Scalars);
const JSON: ValueForm = ValueForm::Leaf(LeafForm::Json);

fn encoder(kit: &Kit, grouping: Grouping) -> Encoder {
    Encoder::new(kit.wire.clone(), SCALARS, PathForm::Elem, None, grouping, MESSAGE_BYTES_MAX)
}

fn decoded(encoder: &mut Encoder) -> Vec<Response> {
    encoder.flush();
    let messages = encoder.take();
    assert_eq!(encoder.waiting(), 0);
    messages
        .into_iter()
        .map(|message| {
            let response = pb::SubscribeResponse::decode(message.0.clone()).expect("prost reads it");
            assert_eq!(response.encode_to_vec(), message.0, "the bytes prost would write");
            response.response.expect("no empty message (SUB-052)")
        })
        .collect()
}

/// What the messages say, one line each: `sync`, or time, prefix, and updates or deletes.
fn lines(encoder: &mut Encoder) -> Vec<String> {
    decoded(encoder).iter().map(line).collect()
}

fn line(response: &Response) -> String {
    let Response::Update(notification) = response else { return "sync".to_owned() };
    let path = |path: &Option<pb::Path>| path.as_ref().map_or_else(String::new, text);
    let mut line = format!("@{} {}", notification.timestamp - T1.nanos(), path(&notification.prefix));
    for update in &notification.update {
        let value = update.val.as_ref().and_then(|value| value.value.as_ref()).expect("a value");
        line += &format!(" {}={value:?}", path(&update.path));
        if update.duplicates > 0 {
            line += &format!(" duplicates {}", update.duplicates);
        }
    }
    for delete in &notification.delete {
        line += &format!(" -{}", text(delete));
    }
    line
}

fn text(path: &pb::Path) -> String {
    let target = if path.target.is_empty() { String::new() } else { format!("{}:", path.target) };
    format!("{target}{}", decode_path(path).expect("a path"))
}

/// SUB-013, SUB-026, SUB-027: one notification for each branch, the branch as prefix, leaf names as paths.
#[test]
fn gathers_by_branch() {
    let kit = Kit::new();
    let (c0, c1) = (kit.node("/test/counters/entry/c0"), kit.node("/test/counters/entry/c1"));
    let mut encoder = encoder(&kit, Grouping::PerBranch);
    for name in ["a/b", "c"] {
        let at = kit.steps(&format!("/test/counters/entry[name={name}]"));
        encoder.leaf(&at, c0, &Value::Uint64(0), T1, 0);
        encoder.leaf(&at, c1, &Value::Uint64(1), T1, 2);
    }
    encoder.sync();
    let expected = [
        "@0 /test/counters/entry[name=a/b] /c0=UintVal(0) /c1=UintVal(1) duplicates 2",
        "@0 /test/counters/entry[name=c] /c0=UintVal(0) /c1=UintVal(1) duplicates 2",
        "sync",
    ];
    assert_eq!(lines(&mut encoder), expected);
    assert!(encoder.take().is_empty());
}

/// C-21, SUB-016: one notification with everything, paths relative to the common branch.
#[test]
fn gathers_everything() {
    let kit = Kit::new();
    let prefix = kit.steps("/test/b[key1=x][key2=y]");
    let (value, deep) = (kit.node("/test/b/value"), kit.node("/test/b/c/value"));
    let mut encoder = encoder(&kit, Grouping::Whole { prefix: prefix.clone() });
    encoder.leaf(&prefix, value, &Value::text("v"), T1, 0);
    for key in ["1", "2"] {
        let at = kit.steps(&format!("/test/b[key1=x][key2=y]/c[key1={key}]"));
        encoder.leaf(&at, deep, &Value::text("w"), T1, 0);
    }
    encoder.sync();
    let expected = concat!(
        "@0 /test/b[key1=x][key2=y] /value=StringVal(\"v\")",
        " /c[key1=1]/value=StringVal(\"w\") /c[key1=2]/value=StringVal(\"w\")"
    );
    assert_eq!(lines(&mut encoder), [expected, "sync"]);
}

/// SUB-017: nothing to tell is only a sync.
#[test]
fn sends_nothing_for_nothing() {
    let kit = Kit::new();
    let mut encoder = encoder(&kit, Grouping::Whole { prefix: Vec::new() });
    encoder.flush();
    encoder.sync();
    assert_eq!(lines(&mut encoder), ["sync"]);
}

/// SUB-025: a notification has one timestamp. SUB-040: and no path twice.
#[test]
fn separates_times_and_repetitions() {
    let kit = Kit::new();
    let at = kit.steps("/test/counters/entry[name=a]");
    let (c0, c1) = (kit.node("/test/counters/entry/c0"), kit.node("/test/counters/entry/c1"));
    let mut encoder = encoder(&kit, Grouping::PerBranch);
    encoder.leaf(&at, c0, &Value::Uint64(1), T1, 0);
    encoder.leaf(&at, c1, &Value::Uint64(2), T2, 0);
    encoder.leaf(&at, c1, &Value::Uint64(3), T2, 0);
    encoder.leaf(&at, c0, &Value::Uint64(4), T2, 0);
    let expected = [
        "@0 /test/counters/entry[name=a] /c0=UintVal(1)",
        "@1 /test/counters/entry[name=a] /c1=UintVal(2)",
        "@1 /test/counters/entry[name=a] /c1=UintVal(3)",
        "@1 /test/counters/entry[name=a] /c0=UintVal(4)",
    ];
    assert_eq!(lines(&mut encoder), expected);
}

/// SUB-040: entries of a list without keys have one path, so each has a notification of its own.
#[test]
fn separates_entries_without_keys() {
    let kit = Kit::new();
    let log = kit.node("/test/state/log");
    let entry = |position| {
        let mut at = kit.steps("/test/state");
        at.push(Step { node: log, key: Some([Value::Uint(position)].into()) });
        at
    };
    for grouping in [Grouping::PerBranch, Grouping::Whole { prefix: kit.steps("/test/state/log") }] {
        let mut encoder = encoder(&kit, grouping);
        for position in 0..2 {
            encoder.leaf(&entry(position), kit.node("/test/state/log/text"), &Value::text("x"), T1, 0);
        }
        assert_eq!(lines(&mut encoder), ["@0 /test/state/log /text=StringVal(\"x\")"; 2]);
    }
}

/// OCH-010: deletes stand alone, with the branch around them as prefix, before updates of the same time.
#[test]
fn writes_deletes() {
    let kit = Kit::new();
    let at = kit.steps("/test/b[key1=x][key2=y]");
    for grouping in [Grouping::PerBranch, Grouping::Whole { prefix: kit.steps("/test") }] {
        let mut encoder = encoder(&kit, grouping.clone());
        encoder.delete(&kit.steps("/test/b[key1=x][key2=y]/value"), T1);
        encoder.delete(&kit.steps("/test/b[key1=x][key2=y]/c[key1=z]"), T1);
        encoder.delete(&kit.steps("/test/presence"), T1);
        encoder.delete(&[], T1);
        encoder.leaf(&at, kit.node("/test/b/value"), &Value::text("v"), T1, 0);
        let update = match grouping {
            Grouping::PerBranch => "@0 /test/b[key1=x][key2=y] /value=StringVal(\"v\")",
            Grouping::Whole { .. } => "@0 /test /b[key1=x][key2=y]/value=StringVal(\"v\")",
        };
        let expected = ["@0 /test/b[key1=x][key2=y] -/value -/c[key1=z]", "@0 /test -/presence", "@0  -/", update];
        assert_eq!(lines(&mut encoder), expected);
    }
}

/// PATH-041: the target is in every prefix when asked for, and nowhere otherwise.
#[test]
fn reflects_the_target() {
    let kit = Kit::new();
    let at = kit.steps("/test/presence");
    let value = kit.node("/test/presence/value");
    for (target, prefix, root) in [(Some("sr1"), "sr1:/test/presence", "sr1:/"), (Some(""), "/test/presence", "")] {
        let grouping = Grouping::PerBranch;
        let mut encoder = Encoder::new(kit.wire.clone(), JSON, PathForm::Elem, target, grouping, MESSAGE_BYTES_MAX);
        encoder.leaf(&at, value, &Value::text("v"), T1, 0);
        encoder.delete(&at[..1], T1);
        let update = format!("@0 {prefix} /value=JsonVal(b\"\\\"v\\\"\")");
        assert_eq!(lines(&mut encoder), [update, format!("@0 {root} -/test")]);
    }
}

/// PATH-003: a request in `element` texts is answered in them.
#[test]
fn answers_in_element_texts() {
    let kit = Kit::new();
    let at = kit.steps("/test/counters/entry[name=a]");
    let grouping = Grouping::PerBranch;
    let mut encoder = Encoder::new(kit.wire.clone(), SCALARS, PathForm::Element, None, grouping, MESSAGE_BYTES_MAX);
    encoder.leaf(&at, kit.node("/test/counters/entry/c0"), &Value::Uint64(1), T1, 0);
    let messages = decoded(&mut encoder);
    let Some(Response::Update(notification)) = messages.first() else { panic!("an update") };
    #[expect(deprecated, reason = "the form under test")]
    let element = notification.prefix.as_ref().map(|prefix| prefix.element.clone());
    assert_eq!(element, Some(["test", "counters", "entry[name=a]"].map(str::to_owned).to_vec()));
    assert_eq!(line(&messages[0]), "@0 /test/counters/entry[name=a] /c0=UintVal(1)");
}

/// SUB-018, C-21: messages stay below the limit, nothing is lost, and only a value that is larger by itself passes it.
#[test]
fn splits_large_messages() {
    let kit = Kit::new();
    let text = kit.node("/test/b/c/value");
    for (max, value) in [(1_000, "v".repeat(50)), (1_000, "v".repeat(2_000)), (1, String::new())] {
        let grouping = Grouping::Whole { prefix: Vec::new() };
        let mut encoder = Encoder::new(kit.wire.clone(), JSON, PathForm::Elem, None, grouping, max);
        for number in 0..100 {
            let at = kit.steps(&format!("/test/b[key1=x][key2=y]/c[key1={number}]"));
            encoder.leaf(&at, text, &Value::text(value.as_str()), T1, 0);
        }
        let mut updates = 0;
        for response in decoded(&mut encoder) {
            let Response::Update(notification) = &response else { panic!("an update") };
            assert_eq!(notification.timestamp, T1.nanos());
            updates += notification.update.len();
            assert!(response.encoded_len() <= max || notification.update.len() == 1);
        }
        assert_eq!(updates, 100);
    }
}

/// A message that is still being written stays when the finished ones are taken.
#[test]
fn keeps_the_open_message() {
    let kit = Kit::new();
    let c0 = kit.node("/test/counters/entry/c0");
    let c1 = kit.node("/test/counters/entry/c1");
    let mut encoder = encoder(&kit, Grouping::PerBranch);
    let (first, second) = (kit.steps("/test/counters/entry[name=a]"), kit.steps("/test/counters/entry[name=b]"));
    encoder.leaf(&first, c0, &Value::Uint64(1), T1, 0);
    assert!(encoder.take().is_empty());
    encoder.leaf(&second, c0, &Value::Uint64(2), T1, 0);
    assert_eq!(encoder.take().len(), 1);
    encoder.leaf(&second, c1, &Value::Uint64(3), T1, 0);
    assert_eq!(lines(&mut encoder), ["@0 /test/counters/entry[name=b] /c0=UintVal(2) /c1=UintVal(3)"]);
}

/// What goes into the property: a place and a value.
#[derive(Clone, Debug)]
enum Item {
    Counter { entry: String, leaf: usize, value: u64 },
    Deep { keys: [String; 3], value: String },
    Typed { number: i32, value: String },
    Log { text: String },
}

impl Item {
    fn has_quoted_key(&self) -> bool {
        let quoted = |key: &String| key.starts_with(['"', '\'']);
        match self {
            Self::Counter { entry, .. } => quoted(entry),
            Self::Deep { keys, .. } => keys.iter().any(quoted),
            Self::Typed { .. } | Self::Log { .. } => false,
        }
    }

    fn parts(&self, kit: &Kit) -> (Vec<Step>, NodeId, Value) {
        let step = |path: &str, key: &[&str]| {
            let node = kit.node(path);
            let key = key.iter().zip(kit.schema.node(node).keys()).map(|(text, &leaf)| kit.value(leaf, text));
            Step { node, key: Some(key.collect::<Vec<_>>().into()).filter(|key: &Arc<[Value]>| !key.is_empty()) }
        };
        match self {
            Self::Counter { entry, leaf, value } => (
                vec![step("/test", &[]), step("/test/counters", &[]), step("/test/counters/entry", &[entry])],
                kit.node(&format!("/test/counters/entry/c{leaf}")),
                Value::Uint64(*value),
            ),
            Self::Deep { keys: [key1, key2, inner], value } => (
                vec![step("/test", &[]), step("/test/b", &[key1, key2]), step("/test/b/c", &[inner])],
                kit.node("/test/b/c/value"),
                Value::text(value.as_str()),
            ),
            Self::Typed { number, value } => (
                vec![step("/test", &[]), step("/test/typed-key", &[&number.to_string()])],
                kit.node("/test/typed-key/value"),
                Value::text(value.as_str()),
            ),
            Self::Log { text } => (
                vec![step("/test", &[]), step("/test/state", &[])],
                kit.node("/test/state/status"),
                Value::text(text.as_str()),
            ),
        }
    }
}

fn item() -> impl Strategy<Value = Item> {
    let text = || prop_oneof![3 => "[\t\n -~é-힣]{0,12}", 1 => "[a]{100,200}"];
    prop_oneof![
        (text(), 0usize..10, any::<u64>()).prop_map(|(entry, leaf, value)| Item::Counter { entry, leaf, value }),
        ([text(), text(), text()], text()).prop_map(|(keys, value)| Item::Deep { keys, value }),
        (any::<i32>(), text()).prop_map(|(number, value)| Item::Typed { number, value }),
        text().prop_map(|text| Item::Log { text }),
    ]
}

/// One kit for all rounds.
static KIT: LazyLock<Kit> = LazyLock::new(Kit::new);

proptest! {
    /// SUB-026, SUB-028, SUB-040, PATH-032: whatever goes in comes out again, in order, for every form of values and paths,
    /// grouping and message size, with any characters in keys and values.
    #[test]
    fn says_exactly_what_went_in(
        items in proptest::collection::vec((item(), 0i64..2, 0u32..2), 0..20),
        values in proptest::sample::select(vec![LeafForm::Json, LeafForm::JsonIetf, LeafForm::Scalars, LeafForm::ScalarsV070]),
        element in any::<bool>(),
        whole in any::<bool>(),
        max in prop_oneof![Just(MESSAGE_BYTES_MAX), 1usize..400],
        take_each in any::<bool>(),
    ) {
        // In the text of an element, quotes around a value are not part of it.
        prop_assume!(!element || !items.iter().any(|(item, ..)| item.has_quoted_key()));
        let kit = &*KIT;
        let form = if element { PathForm::Element } else { PathForm::Elem };
        let grouping = if whole { Grouping::Whole { prefix: kit.steps("/test") } } else { Grouping::PerBranch };
        let mut encoder = Encoder::new(kit.wire.clone(), ValueForm::Leaf(values), form, Some("t"), grouping, max);
        // Under one notification for everything, a leaf goes in once.
        let mut seen = BTreeMap::new();
        let (mut expected, mut messages) = (Vec::new(), Vec::new());
        for (item, time, duplicates) in &items {
            let (at, node, value) = item.parts(kit);
            let steps: Vec<_> = at.iter().cloned().chain([Step { node, key: None }]).collect();
            if whole && seen.insert(steps.clone(), ()).is_some() {
                continue;
            }
            let time = Timestamp::from_nanos(*time);
            encoder.leaf(&at, node, &value, time, *duplicates);
            if take_each {
                messages.extend(encoder.take());
            }
            let typed = typed_value(&kit.schema, node, &value, values);
            expected.push((time.nanos(), encode_path(&kit.schema, &steps, PathForm::Elem), typed, *duplicates));
        }
        encoder.flush();
        messages.extend(encoder.take());
        let mut found = Vec::new();
        for message in messages {
            let response = pb::SubscribeResponse::decode(message.0).expect("prost reads it");
            let Some(Response::Update(notification)) = response.response else { panic!("an update") };
            let prefix = notification.prefix.expect("a prefix");
            prop_assert_eq!(&prefix.target, "t");
            let mut paths = Vec::new();
            for update in notification.update {
                let path = absolute(&prefix, &update.path.expect("a path"), element);
                prop_assert!(!paths.contains(&path), "{:?} twice", path);
                paths.push(path.clone());
                found.push((notification.timestamp, path, update.val.expect("a value"), update.duplicates));
            }
        }
        prop_assert_eq!(found, expected);
    }
}

/// Prefix and path as one path of `elem`, whatever form they are in.
fn absolute(prefix: &pb::Path, path: &pb::Path, element: bool) -> pb::Path {
    let raw = |path: &pb::Path| match element {
        false => RawPath { origin: None, elems: path.elem.iter().map(from_pb).collect() },
        true => decode_path(path).expect("a path"),
    };
    let elems = raw(prefix).join(&raw(path)).elems;
    let to_pb = |elem: crate::path::RawElem| pb::PathElem { name: elem.name, key: elem.keys.into_iter().collect() };
    pb::Path { elem: elems.into_iter().map(to_pb).collect(), ..Default::default() }
}

fn from_pb(elem: &pb::PathElem) -> crate::path::RawElem {
    crate::path::RawElem { name: elem.name.clone(), keys: elem.key.clone().into_iter().collect() }
}
