//! Subtrees in every shape.

use super::*;
use crate::codec::tests::Kit;
use crate::store::Tree;

const JSON: Shape = Shape { ietf: false, filter: Filter::All, depth: None, views: Views::ALL };
const IETF: Shape = Shape { ietf: true, ..JSON };

/// The subtree at a place, none when the shape leaves nothing.
fn written(kit: &Kit, tree: &Tree, place: &str, shape: Shape) -> Option<String> {
    let path = if place == "/" { Default::default() } else { kit.place(place) };
    let branch = tree.branch(path.steps()).expect("the place is there");
    let mut out = b"before".to_vec();
    let shown = write_branch(&kit.schema, path.node(), branch, &shape, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let text = text.strip_prefix("before").expect("appended").to_owned();
    assert_eq!(shown, !text.is_empty());
    if shown {
        serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
    }
    shown.then_some(text)
}

fn check(kit: &Kit, tree: &Tree, place: &str, shape: Shape, expected: &str) {
    assert_eq!(written(kit, tree, place, shape).as_deref(), Some(expected), "{place} {shape:?}");
}

/// GET-017: lists are arrays of entry objects with their keys; leaf-lists are arrays; everything in schema order.
#[test]
fn writes_objects_and_arrays() {
    let kit = Kit::new();
    let tree = kit.tree(&[
        ("/test/types/numbers", &["3", "1"]),
        ("/test/types/uint64", &["5"]),
        ("/test/types/int8", &["-1"]),
        ("/test/b[key1=x][key2=y]/c[key1=z]/value", &["v"]),
        ("/test/b[key1=a][key2=\"b\"]", &[]),
    ]);
    let expected = r#"{"test":{"types":{"int8":-1,"uint64":"5","numbers":[3,1]},"#.to_owned()
        + r#""b":[{"key1":"a","key2":"b"},{"key1":"x","key2":"y","c":[{"key1":"z","value":"v"}]}]}}"#;
    check(&kit, &tree, "/", JSON, &expected);
    check(&kit, &tree, "/test/b[key1=a][key2=b]", JSON, r#"{"key1":"a","key2":"b"}"#);
}

/// ENC-052, GET-023: module names at the top of a value and where the module changes, and only there.
#[test]
fn qualifies_names() {
    let kit = Kit::new();
    let tree = kit.tree(&[
        ("/test/types/text", &["t"]),
        ("/test/types/ganymede-test-ext:text", &["u"]),
        ("/test/types/added", &["1"]),
    ]);
    let types = r#"{"text":"t","ganymede-test-ext:text":"u","ganymede-test-ext:added":1}"#;
    check(&kit, &tree, "/", IETF, &format!(r#"{{"ganymede-test:test":{{"types":{types}}}}}"#));
    check(&kit, &tree, "/test", IETF, &format!(r#"{{"ganymede-test:types":{types}}}"#));
    let top = r#"{"ganymede-test:text":"t","ganymede-test-ext:text":"u","ganymede-test-ext:added":1}"#;
    check(&kit, &tree, "/test/types", IETF, top);
    // Without modules a name that is taken states its own, so that no member is there twice (ENC-050).
    check(&kit, &tree, "/test/types", JSON, r#"{"text":"t","ganymede-test-ext:text":"u","added":1}"#);
}

/// GET-004, GET-006: configuration and state apart; a container left with nothing goes.
#[test]
fn filters_by_kind_of_data() {
    let kit = Kit::new();
    let tree = kit.tree(&[
        ("/test/types/int8", &["1"]),
        ("/test/state/status", &["up"]),
        ("/test/mixed[name=both]/config/name", &["both"]),
        ("/test/mixed[name=both]/state/packets", &["9"]),
        ("/test/mixed[name=seen]/state/packets", &["8"]),
    ]);
    let config = Shape { filter: Filter::Config, ..JSON };
    // An entry of a mixed list that holds no configuration is none.
    let expected = r#"{"types":{"int8":1},"mixed":[{"name":"both","config":{"name":"both"}}]}"#;
    check(&kit, &tree, "/test", config, expected);
    assert_eq!(written(&kit, &tree, "/test/mixed[name=seen]", config), None);
    assert_eq!(written(&kit, &tree, "/test/state", config), None);
    for filter in [Filter::State, Filter::Operational] {
        let state = Shape { filter, ..JSON };
        let expected = r#"{"state":{"status":"up"},"mixed":[{"name":"both","state":{"packets":"9"}},"#.to_owned()
            + r#"{"name":"seen","state":{"packets":"8"}}]}"#;
        check(&kit, &tree, "/test", state, &expected);
        assert_eq!(written(&kit, &tree, "/test/types", state), None);
    }
}

/// Entries of one kind alone are worth their keys under that kind, and nothing under the other.
#[test]
fn keeps_entries_that_are_only_keys() {
    let kit = Kit::new();
    let tree = kit.tree(&[("/test/b[key1=x][key2=y]", &[]), ("/test/counters/entry[name=e]", &[])]);
    let shape = |filter| Shape { filter, ..JSON };
    check(&kit, &tree, "/test", shape(Filter::Config), r#"{"b":[{"key1":"x","key2":"y"}]}"#);
    check(&kit, &tree, "/test", shape(Filter::State), r#"{"counters":{"entry":[{"name":"e"}]}}"#);
}

/// GET-028: a presence container says something by being there.
#[test]
fn writes_presence() {
    let kit = Kit::new();
    let tree = kit.tree(&[("/test/presence", &[])]);
    check(&kit, &tree, "/test", JSON, r#"{"presence":{}}"#);
    check(&kit, &tree, "/test/presence", IETF, "{}");
    assert_eq!(written(&kit, &tree, "/test/presence", Shape { filter: Filter::State, ..JSON }), None);
}

/// EXT-003 to EXT-006: levels below the place, the last one with leaves only.
#[test]
fn limits_depth() {
    let kit = Kit::new();
    let tree = kit.tree(&[
        ("/test/b[key1=x][key2=y]/value", &["v"]),
        ("/test/b[key1=x][key2=y]/c[key1=z]/value", &["w"]),
        ("/test/types/strings", &["s"]),
    ]);
    let depth = |levels| Shape { depth: Some(levels), ..JSON };
    let entry = "/test/b[key1=x][key2=y]";
    let leaves = r#"{"key1":"x","key2":"y","value":"v"}"#;
    check(&kit, &tree, entry, depth(1), leaves);
    check(&kit, &tree, "/test", depth(2), &format!(r#"{{"types":{{"strings":["s"]}},"b":[{leaves}]}}"#));
    assert_eq!(written(&kit, &tree, "/test", depth(1)), None);
    assert_eq!(written(&kit, &tree, entry, depth(0)), written(&kit, &tree, entry, JSON));
    assert_eq!(written(&kit, &tree, entry, depth(2)), written(&kit, &tree, entry, JSON));
}

/// CAP-007: models that are switched off are not in the root.
#[test]
fn hides_what_is_not_shown() {
    let kit = Kit::new();
    let tree = kit.tree(&[("/configure/system/name", &["sr1"]), ("/test/types/int8", &["1"])]);
    let views = Views { nokia: false, openconfig: true };
    check(&kit, &tree, "/", Shape { views, ..JSON }, r#"{"test":{"types":{"int8":1}}}"#);
    check(&kit, &tree, "/configure", JSON, r#"{"system":{"name":"sr1"}}"#);
    let (steps, leaf) = (kit.steps("/configure/system"), kit.node("/configure/system/name"));
    assert!(!Shape { views, ..JSON }.shows(&kit.schema, &steps, leaf));
}

/// RFC 8259 7: control characters, quotes and backslashes, whatever stands around them.
#[test]
fn escapes_text() {
    let mut out = Vec::new();
    put_string(&mut out, "\u{0}a\u{1f}\"\\\n\r\t/\u{7f}é\u{2028}");
    let expected = "\"\\u0000a\\u001f\\\"\\\\\\n\\r\\t/\u{7f}é\u{2028}\"";
    assert_eq!(String::from_utf8_lossy(&out), expected);
}
