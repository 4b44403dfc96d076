//! Paths in both directions and both forms.

use prost::Message;

use super::*;
use crate::codec::tests::Kit;

fn elem(name: &str, keys: &[(&str, &str)]) -> pb::PathElem {
    let key = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    pb::PathElem { name: name.to_owned(), key }
}

fn elems(elem: Vec<pb::PathElem>) -> pb::Path {
    pb::Path { elem, ..Default::default() }
}

#[expect(deprecated, reason = "the form under test")]
fn elements(element: &[&str]) -> pb::Path {
    pb::Path { element: element.iter().map(|&text| text.to_owned()).collect(), ..Default::default() }
}

fn with_origin(path: pb::Path, origin: &str) -> pb::Path {
    pb::Path { origin: origin.to_owned(), ..path }
}

fn check(path: &pb::Path, expected: &str) {
    match decode_path(path) {
        Ok(path) => assert_eq!(path.to_string(), expected),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

/// PATH-001, PATH-002, PATH-033, PATH-035: both forms mean the same.
#[test]
fn decodes_both_forms() {
    check(&elems(vec![elem("a", &[]), elem("b", &[("k", "x")])]), "/a/b[k=x]");
    check(&elements(&["a", "b[k=x]"]), "/a/b[k=x]");
    check(&elements(&["interface[interface-name=\"to B\"]"]), "/interface[interface-name=to B]");
    check(&elements(&[r"a[k=1/1/c1/1][l=\]\\]"]), r"/a[k=1/1/c1/1][l=\]\\]");
    check(&elements(&["a[k"]), "a[k - Malformed key predicate in 'a[k', expected [key=value]");
    check(&with_origin(elems(vec![elem("a", &[])]), "openconfig"), "openconfig:/a");
}

/// PATH-032: in a key map everything is literal.
#[test]
fn takes_key_maps_literally() {
    let odd = r#"/]=[\ "'é*"#;
    let path = decode_path(&elems(vec![elem("a", &[("k", odd)])])).unwrap();
    assert_eq!(path.elems[0].keys, [("k".to_owned(), odd.to_owned())]);
}

/// PATH-013, C-09: the root has no elements, or a single empty one.
#[test]
fn knows_the_root() {
    for root in [pb::Path::default(), elements(&[""]), elems(vec![elem("", &[])])] {
        check(&root, "/");
    }
    let prefix = decode_path(&elements(&["a"])).unwrap();
    let joined = join_prefix(&prefix, &[decode_path(&elements(&[""])).unwrap()]).unwrap();
    assert_eq!(joined[0].to_string(), "/a");
}

/// PATH-004: both forms in one path have to agree.
#[test]
fn compares_both_forms() {
    #[expect(deprecated, reason = "the form under test")]
    let both = |element: &str| pb::Path {
        element: vec!["a".to_owned(), element.to_owned()],
        ..elems(vec![elem("a", &[]), elem("b", &[("k", "1"), ("l", "2")])])
    };
    check(&both("b[l=2][k=1]"), "/a/b[k=1][l=2]");
    let differ = "/a/b[k=1][l=2] - Fields elem and element of one path differ, element says /a/b[k=1]";
    check(&both("b[k=1]"), differ);
}

/// PATH-036: a NUL and a path of more than 4096 characters are refused, the latter also when the prefix makes it so.
#[test]
fn bounds_paths() {
    check(&elems(vec![elem("a", &[("k", "\0")])]), "Path holds a NUL character");
    check(&with_origin(pb::Path::default(), "\0"), "Path holds a NUL character");
    let long = elems(vec![elem(&"é".repeat(4095), &[])]);
    assert!(decode_path(&long).is_ok());
    check(&elems(vec![elem(&"a".repeat(4096), &[])]), "Path of 4097 characters is longer than 4096");
    let prefix = decode_path(&elements(&["a"])).unwrap();
    assert!(join_prefix(&prefix, &[decode_path(&long).unwrap()]).is_err());
}

/// PATH-005, PATH-006, GET-025: the prefix stands in front of every path, and alone when there is none.
#[test]
fn joins_the_prefix() {
    let prefix = RawPath::parse("/a/b").unwrap();
    let joined = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| RawPath::parse(path).unwrap()).collect();
        join_prefix(&prefix, &paths).unwrap().iter().map(RawPath::to_string).collect::<Vec<_>>()
    };
    assert_eq!(joined(&["c", ""]), ["/a/b/c", "/a/b"]);
    assert_eq!(joined(&[]), ["/a/b"]);
}

/// PATH-039, PATH-040: one origin with a prefix, and in one place.
#[test]
fn judges_origins() {
    let raw = |text: &str, origin: &str| RawPath {
        origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty()),
        ..RawPath::parse(text).unwrap()
    };
    let check = |prefix: RawPath, paths: &[RawPath], expected: Result<&str, &str>| {
        let joined = join_prefix(&prefix, paths).map(|paths| paths.last().unwrap().to_string());
        assert_eq!(joined.map_err(|error| error.to_string()), expected.map(str::to_owned).map_err(str::to_owned));
    };
    check(raw("/a", "openconfig"), &[raw("b", "")], Ok("openconfig:/a/b"));
    check(
        raw("", "openconfig"),
        &[raw("b", "openconfig")],
        Err("openconfig:/b - Origin 'openconfig' in the path, but the prefix has origin 'openconfig'"),
    );
    check(raw("", ""), &[raw("a", "nokia"), raw("b", "openconfig")], Ok("openconfig:/b"));
    check(raw("/a", ""), &[raw("b", "nokia"), raw("c", "nokia")], Ok("nokia:/a/c"));
    check(
        raw("/a", ""),
        &[raw("b", "nokia"), raw("c", "openconfig")],
        Err("openconfig:/c - Origins 'nokia' and 'openconfig' cannot share a prefix with elements"),
    );
}

/// C-08, PATH-003: `element` answers `element`, everything else answers `elem`.
#[test]
fn chooses_the_form_of_the_reply() {
    let (elem, element, root) = (elems(vec![elem("a", &[])]), elements(&["a"]), pb::Path::default());
    assert_eq!(PathForm::of([&root]), PathForm::Elem);
    assert_eq!(PathForm::of([&elem, &element]), PathForm::Elem);
    assert_eq!(PathForm::of([&root, &element]), PathForm::Element);
}

/// PATH-003, PATH-029, PATH-034: steps as messages, and the same as wire bytes.
#[test]
fn encodes_steps() {
    let kit = Kit::new();
    let steps = kit.steps(r"/test/b[key1=\]x/][key2=y]/c[key1=z]/value");
    let message = encode_path(&kit.schema, &steps, PathForm::Elem);
    let expected = [
        elem("test", &[]),
        elem("b", &[("key1", "]x/"), ("key2", "y")]),
        elem("c", &[("key1", "z")]),
        elem("value", &[]),
    ];
    assert_eq!(message, elems(expected.to_vec()));
    let texts = encode_path(&kit.schema, &steps, PathForm::Element);
    assert_eq!(texts, elements(&["test", r"b[key1=\]x/][key2=y]", "c[key1=z]", "value"]));
    for form in [PathForm::Elem, PathForm::Element] {
        let mut bytes = Vec::new();
        steps.iter().for_each(|step| kit.wire.put_step(&mut bytes, step, form));
        assert_eq!(bytes, encode_path(&kit.schema, &steps, form).encode_to_vec());
    }
}

/// Each node alone, in the three nested forms that are kept encoded.
#[test]
fn encodes_every_name() {
    let kit = Kit::new();
    for id in kit.schema.ids() {
        let step = [Step { node: id, key: None }];
        let update = |form| pb::Update { path: Some(encode_path(&kit.schema, &step, form)), ..Default::default() };
        for form in [PathForm::Elem, PathForm::Element] {
            let mut bytes = Vec::new();
            kit.wire.put_leaf_path(&mut bytes, id, form);
            assert_eq!(bytes, update(form).encode_to_vec());
        }
    }
}

/// PATH-037, SUB-040: of two nodes with one name, the one of the other module states it, and is found again by that.
#[test]
fn keeps_namesakes_apart() {
    let kit = Kit::new();
    for path in ["/test/types/text", "/test/types/ganymede-test-ext:text"] {
        let steps = kit.steps(path);
        let message = encode_path(&kit.schema, &steps, PathForm::Elem);
        let raw = decode_path(&message).unwrap();
        assert_eq!(raw.to_string(), path);
        assert_eq!(kit.resolver().write(&raw).unwrap().steps(), steps);
    }
}

/// Keys that are not strings print in their canonical form, identities without their module.
#[test]
fn writes_key_texts() {
    let kit = Kit::new();
    for (path, text) in [("/test/types/int64", "-5"), ("/test/types/identity", "blue"), ("/test/types/decimal", "1.5")]
    {
        let value = kit.value(kit.node(path), text);
        let mut bytes = Vec::new();
        put_key_text(&mut bytes, &value);
        assert_eq!(bytes, value.key_text().as_bytes());
    }
}
