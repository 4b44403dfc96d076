//! Loading the embedded modules, the public OpenConfig models, and modules that are wrong.

use std::path::Path;
use std::time::Instant;

use super::*;

/// Directories with the public OpenConfig models, when they are there.
fn openconfig() -> Option<Vec<PathBuf>> {
    let dir = match std::env::var_os("GANYMEDE_OPENCONFIG_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/yang/openconfig"),
    };
    if !dir.is_dir() {
        eprintln!("SKIPPED: no OpenConfig models at {} (set GANYMEDE_OPENCONFIG_DIR)", dir.display());
        return None;
    }
    Some(vec![dir.clone(), dir.join("ietf")])
}

#[test]
fn loads_all_of_openconfig() {
    let Some(dirs) = openconfig() else { return };
    let start = Instant::now();
    let loaded = load(&Sources { dirs, ..Sources::default() }).unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{} modules, {} nodes in {:?}", loaded.schema.modules().len(), loaded.schema.len(), start.elapsed());
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
fn names_file_line_module_and_reason() {
    let bad = "submodule bad { yang-version 1.1;\n belongs-to a { prefix a; }\n leaf {} }";
    for (body, expected) in [
        ("leaf a { type string }", r#"DIR/a.yang:3: module a: Invalid keyword "}", expected ";" or "{""#),
        ("leaf a { type nope; }", r#"DIR/a.yang: module a: Referenced type "nope" not found (/a:a)"#),
        ("import zz { prefix z; }", r#"DIR/a.yang: module a: Loading "zz" module failed, not found"#),
        ("include sub;", r#"DIR/a.yang: module a: Including "sub" submodule into "a" failed, not found"#),
        ("include bad;", r#"DIR/bad.yang:3: module bad: Invalid character sequence "{", expected an argument"#),
        (r#"leaf a { type leafref { path "../b"; } }"#, r#"DIR/a.yang: module a: Not found node "b" in path (/a:a)"#),
        (r#"container c { must "no(("; }"#, r#"DIR/a.yang: module a: Unknown XPath function "no" (/a:c)"#),
        (
            r#"container c { leaf a { type string { pattern "a(?=b)"; } } }"#,
            r#"/c/a: pattern "a(?=b)": a group that XML Schema does not have at character 3"#,
        ),
        ("uses g;", r#"DIR/a.yang: module a: Grouping "g" referenced by a uses statement not found (/a:{uses='g'})"#),
    ] {
        assert_eq!(load_texts(&[("a", &module(body)), ("bad", bad)]).map(|_| ()), Err(expected.to_owned()), "{body}");
    }
    let missing = load(&Sources { modules: vec!["zz".to_owned()], ..Sources::default() });
    let expected = "module zz is in none of the YANG directories and not built in";
    assert_eq!(missing.map(|_| ()).map_err(|error| error.to_string()), Err(expected.to_owned()));
}
