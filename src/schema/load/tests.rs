//! Loading the embedded modules, the public OpenConfig models, and modules that are wrong.

use std::path::Path;

use super::super::{Kind, NodeId, Type};
use super::*;
use crate::value::Value;

#[test]
fn loads_all_of_openconfig() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openconfig");
    let dirs = vec![dir.clone(), dir.join("ietf")];
    let loaded = load(&Sources { dirs, ..Sources::default() }).unwrap_or_else(|error| panic!("{error}"));
    let modules = loaded.schema.modules().iter().filter(|module| module.name.starts_with("openconfig-"));
    // The other 35 of 176 define only words for these.
    assert_eq!(modules.count(), 141);
    assert!(loaded.schema.len() > 15_000);
}

/// Loads modules given as file name and text.
fn load_texts(texts: &[(&str, &str)]) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        std::fs::write(dir.path().join(format!("{name}.yang")), text).unwrap();
    }
    let sources = Sources { dirs: vec![dir.path().to_owned()], ..Sources::default() };
    load(&sources).map_err(|error| error.to_string().replace(&dir.path().display().to_string(), "DIR"))
}

/// A module `a` with the given body on its third line.
fn module(body: &str) -> String {
    format!("module a {{\n yang-version 1.1; namespace urn:a; prefix a;\n {body}\n}}\n")
}

#[test]
fn names_files_that_hold_something_else() {
    for (text, expected) in [
        ("<html>", "DIR/a.yang:1: module a: Invalid identifier first character '<' (0x003c)"),
        ("", "DIR/a.yang:1: module a: Unexpected end-of-input"),
        (
            "\nmodule b { namespace urn:b; prefix b; }",
            r#"DIR/a.yang:2: module a: Unexpected module "b" parsed instead of "a""#,
        ),
    ] {
        assert_eq!(load_texts(&[("a", text)]).map(|_| ()), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn names_file_line_module_and_reason() {
    let bad = "submodule bad { yang-version 1.1;\n belongs-to a { prefix a; }\n leaf {} }";
    let other = "module b { yang-version 1.1; namespace urn:b; prefix b; container c; }";
    for (body, expected) in [
        (
            r#"import b { prefix b; } deviation "/b:c/b:no" { deviate not-supported; }"#,
            "DIR/a.yang:3: module a: Deviation(s) target node \"/b:c/b:no\" from module \"a\" was not found \
             (/b:{deviation='/b:c/b:no'})",
        ),
        ("leaf a { type string }", r#"DIR/a.yang:3: module a: Invalid keyword "}", expected ";" or "{""#),
        ("leaf a { type nope; }", r#"DIR/a.yang:3: module a: Referenced type "nope" not found (/a:a)"#),
        ("import zz { prefix z; }", r#"DIR/a.yang:3: module a: Loading "zz" module failed, not found"#),
        ("include sub;", r#"DIR/a.yang:3: module a: Including "sub" submodule into "a" failed, not found"#),
        ("include bad;", r#"DIR/bad.yang:3: module bad: Invalid character sequence "{", expected an argument"#),
        (r#"leaf a { type leafref { path "../b"; } }"#, r#"DIR/a.yang:3: module a: Not found node "b" in path (/a:a)"#),
        (r#"container c { must "no(("; }"#, r#"DIR/a.yang:3: module a: Unknown XPath function "no" (/a:c)"#),
        (
            r#"container c { leaf a { type string { pattern "a(?=b)"; } } }"#,
            r#"DIR/a.yang:3: /c/a: pattern "a(?=b)": a group that XML Schema does not have at character 3"#,
        ),
        ("uses g;", r#"DIR/a.yang:3: module a: Grouping "g" referenced by a uses statement not found (/a:{uses='g'})"#),
    ] {
        assert_eq!(
            load_texts(&[("a", &module(body)), ("bad", bad), ("b", other)]).map(|_| ()),
            Err(expected.to_owned()),
            "{body}"
        );
    }
    let missing = load(&Sources { modules: vec!["zz".to_owned()], ..Sources::default() });
    let expected = "module zz is in none of the YANG directories and not built in";
    assert_eq!(missing.map(|_| ()).map_err(|error| error.to_string()), Err(expected.to_owned()));
}

fn test_schema() -> Arc<Schema> {
    load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema
}

/// The node at a schema path without keys.
fn node(schema: &Schema, path: &str) -> NodeId {
    path.split('/').fold(None, |parent, name| Some(schema.child(parent, None, name).expect(path))).expect(path)
}

/// What a type says, in a line.
fn describe(schema: &Schema, ty: &Type) -> String {
    let names = |names: Vec<String>| names.join(" ");
    match ty {
        Type::Integer { bits, signed, ranges } => {
            let ranges = ranges.iter().map(|range| format!("{}..{}", range.min, range.max)).collect();
            format!("{}int{bits} {}", if *signed { "" } else { "u" }, names(ranges))
        }
        Type::Decimal { scale, ranges } => {
            let ranges = ranges.iter().map(|range| format!("{}..{}", range.min, range.max)).collect();
            format!("decimal{scale} {}", names(ranges))
        }
        Type::Text { lengths, patterns } => {
            let lengths = lengths.iter().map(|range| format!(" {}..{}", range.min, range.max)).collect();
            let patterns = patterns.iter().map(|pattern| format!(" {pattern:?}")).collect();
            format!("string{}{}", names(lengths), names(patterns))
        }
        Type::Bool => "boolean".to_owned(),
        Type::Empty => "empty".to_owned(),
        Type::Enum(items) => {
            format!("enum {}", names(items.iter().map(|(name, value)| format!("{name}={value}")).collect()))
        }
        Type::Bits(items) => {
            format!("bits {}", names(items.iter().map(|(name, position)| format!("{name}={position}")).collect()))
        }
        Type::Binary { lengths } => {
            format!("binary {}", names(lengths.iter().map(|range| format!("{}..{}", range.min, range.max)).collect()))
        }
        Type::Identity(known) => {
            format!("identity {}", names(known.iter().map(|one| format!("{}:{}", one.module, one.name)).collect()))
        }
        Type::Instance { require_instance } => format!("instance {require_instance}"),
        Type::Leafref { target, real, require_instance, .. } => {
            let target = target.map_or("nowhere".to_owned(), |id| schema.path_text(id));
            format!("leafref {target} {require_instance} {}", describe(schema, real))
        }
        Type::Union(members) => {
            format!("union {}", names(members.iter().map(|ty| format!("({})", describe(schema, ty))).collect()))
        }
    }
}

#[test]
fn keeps_every_type() {
    let schema = test_schema();
    for (leaf, expected) in [
        ("int8", "int8 -128..127"),
        ("int64", "int64 -9223372036854775808..9223372036854775807"),
        ("uint32", "uint32 0..4294967295"),
        ("uint64", "uint64 0..18446744073709551615"),
        ("ranged", "int16 -5..-1 1..5"),
        ("percent", "uint8 0..100"),
        ("decimal", "decimal3 -1000000..1000000"),
        ("string", r#"string 1..20 TextPattern("[a-z][a-z0-9-]*")  TextPattern(!"x.*")"#),
        ("text", "string"),
        ("boolean", "boolean"),
        ("enumeration", "enum zero=0 one=1 minus=-1 ten=10"),
        ("bits", "bits first=0 second=1 fifth=4"),
        ("binary", "binary 0..16"),
        ("empty", "empty"),
        ("identity", "identity ganymede-test-ext:blue ganymede-test:dark-red ganymede-test:red"),
        ("instance", "instance false"),
        ("leafref", "leafref /test/types/text true string"),
        ("loose-leafref", "leafref /test/types/text false string"),
        ("union-string-first", "union (string) (uint32 0..4294967295)"),
        ("union-enum-number", "union (enum never=0 always=1) (uint32 1..100)"),
    ] {
        let node = schema.node(node(&schema, &format!("test/types/{leaf}")));
        assert_eq!(describe(&schema, node.ty().unwrap()), expected, "{leaf}");
    }
}

#[test]
fn keeps_the_shape_of_the_tree() {
    let schema = test_schema();
    let at = |path| schema.node(node(&schema, path));
    let list = |path| match &at(path).kind {
        Kind::List(list) => list,
        other => panic!("{path} is {other:?}"),
    };
    let names = |ids: &[NodeId]| ids.iter().map(|&id| &*schema.node(id).name).collect::<Vec<_>>();
    assert_eq!(names(at("test/b").keys()), ["key1", "key2"]);
    assert!(list("test/ordered").user_ordered && !list("test/b").user_ordered);
    assert!(list("test/state/log").keys.is_empty());
    let member = list("test/rules/member");
    assert_eq!((member.min_elements, member.max_elements), (0, Some(8)));
    assert_eq!(member.uniques.iter().map(|leaves| names(leaves)).collect::<Vec<_>>(), [["address", "port"]]);
    assert!(at("test/rules/member/weight").mandatory && !at("test/rules/member/name").mandatory);
    assert!(at("test/rules/only-full").has_when && !at("test/rules/mode").has_when);
    assert!(matches!(at("test/presence").kind, Kind::Container { presence: true }));
    assert!(!at("test/state/status").config && at("test/rules/low").config);
    let Kind::LeafList(defaults) = &at("test/types/with-defaults").kind else { panic!("a leaf-list") };
    assert_eq!(*defaults.defaults, [Value::text("a"), Value::text("b")]);
    let Kind::Leaf(leaf) = &at("test/types/with-default").kind else { panic!("a leaf") };
    assert_eq!(leaf.default, Some(Value::Uint(7)));
    // Ids are pre-order, and every node is found by its name.
    for id in schema.ids() {
        let node = schema.node(id);
        assert!(node.parent.is_none_or(|parent| parent < id && schema.node(parent).children.contains(&id)));
        assert!(schema.named(node.parent, &node.name).contains(&id), "{}", schema.path_text(id));
        assert!(node.children.is_sorted());
    }
}

#[test]
fn keeps_choices() {
    let schema = test_schema();
    let cases = |path: &str| {
        let of = schema.node(node(&schema, path)).cases.iter();
        of.map(|one| {
            let choice = &schema.choices()[usize::try_from(one.choice).unwrap()];
            let case = choice.cases.iter().find(|case| case.number == one.case).unwrap();
            format!("{}:{}{}", choice.name, case.name, if one.is_default { "*" } else { "" })
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(cases("test/choices/plain-port"), ["transport:plain*"]);
    assert_eq!(cases("test/choices/secure-port"), ["transport:secure"]);
    assert_eq!(cases("test/choices/pinned"), ["transport:secure", "trust:pinned"]);
    assert_eq!(cases("test/choices/anchored"), ["transport:secure", "trust:anchored"]);
    assert!(cases("test/rules/low").is_empty());
    let module = module(
        "container c { choice x { mandatory true; case a { leaf m { type empty; mandatory true; } leaf n { type empty; }
         choice y { leaf k { type empty; } } } leaf b { type empty; } } }",
    );
    let schema = load_texts(&[("a", &module)]).unwrap().schema;
    let by_name = |name: &str| schema.choices().iter().find(|choice| *choice.name == *name).unwrap();
    let (x, y) = (by_name("x"), by_name("y"));
    assert!(x.mandatory && !y.mandatory);
    assert_eq!((x.parent, y.parent), (Some(node(&schema, "c")), Some(node(&schema, "c"))));
    assert_eq!(y.within.map(|within| within.case), x.cases.first().map(|case| case.number));
    assert_eq!(*x.cases[0].mandatory, [node(&schema, "c/m")]);
    assert!(!schema.node(node(&schema, "c/m")).mandatory);
}

#[test]
fn directories_shadow_what_is_built_in() {
    let dir = tempfile::tempdir().unwrap();
    let shadow = "module ganymede-test-ext { namespace urn:x; prefix x; leaf only { type string; } }";
    std::fs::write(dir.path().join("ganymede-test-ext.yang"), shadow).unwrap();
    let augment = "module more { namespace urn:more; prefix more; import ganymede-test { prefix gt; }
                   augment /gt:test { leaf more { type string; units bit/s; } } }";
    std::fs::write(dir.path().join("more.yang"), augment).unwrap();
    let dirs = vec![dir.path().to_owned()];
    let schema = load(&Sources { dirs, test_modules: true, ..Sources::default() }).unwrap().schema;
    assert!(schema.child(None, Some("ganymede-test-ext"), "only").is_some());
    let more = schema.node(node(&schema, "test/more"));
    assert_eq!((&*schema.module(more.module).name, more.units.as_deref()), ("more", Some("bit/s")));
}

#[test]
fn features_and_deviations_count() {
    let base = "module a { yang-version 1.1; namespace urn:a; prefix a; feature f; feature g;
                leaf x { type string; } leaf y { if-feature f; type string; } leaf z { if-feature g; type string; } }";
    let deviation = "module d { yang-version 1.1; namespace urn:d; prefix d; import a { prefix a; }
                     deviation /a:x { deviate not-supported; } }";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yang"), base).unwrap();
    let found = |features: &[(&str, &[&str])], modules: &[&str]| {
        let features = features
            .iter()
            .map(|(module, names)| ((*module).to_owned(), names.iter().map(|name| (*name).to_owned()).collect()));
        let loaded = load(&Sources {
            dirs: vec![dir.path().to_owned()],
            features: features.collect(),
            modules: modules.iter().map(|name| (*name).to_owned()).collect(),
            test_modules: false,
            naming: Naming::Present,
            port_fixed: false,
        });
        let schema = loaded.unwrap_or_else(|error| panic!("{error}")).schema;
        ["x", "y", "z"].into_iter().filter(|name| schema.child(None, Some("a"), name).is_some()).collect::<String>()
    };
    assert_eq!(found(&[], &[]), "xyz");
    assert_eq!(found(&[("a", &["f"])], &["a"]), "xy");
    assert_eq!(found(&[("a", &[])], &["a"]), "x");
    std::fs::write(dir.path().join("d.yang"), deviation).unwrap();
    assert_eq!(found(&[], &["a"]), "xyz");
    assert_eq!(found(&[], &["a", "d"]), "yz");
}
