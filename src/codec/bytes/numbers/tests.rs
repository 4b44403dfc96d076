//! The committed numbers against the embedded modules.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::schema::{Sources, load};

const HEADER: &str = "\
# Field numbers of the BYTES encoding for the modules in this folder, message by message. Numbers are for ever: a line is
# never changed or removed. `make field-numbers` appends what is new. When two branches gave the same number, remove the
# lines of one of them and run it again.
";

/// The file with a number for every node of the schema: what is there stays, what is new goes behind it.
fn completed(text: &str, schema: &Schema) -> String {
    let allocation = Allocation::parse(text);
    let (mut complete, mut seen) = (HEADER.to_owned(), HashSet::new());
    each_message(schema, None, &mut String::from("/"), &mut |path, children| {
        if children.is_empty() {
            return;
        }
        seen.insert(path.to_owned());
        let mut fields = allocation.message(path).to_vec();
        let names: Vec<_> = children.iter().map(|&child| field_name(schema, child)).collect();
        for name in &names {
            if !fields.iter().any(|(_, known)| known == name) {
                let last = fields.iter().map(|&(number, _)| number).max().unwrap_or(0);
                fields.push((after(last), name));
            }
        }
        write_message(&mut complete, path, &fields);
    });
    let mut gone: Vec<_> = allocation.messages.iter().filter(|(path, _)| !seen.contains(**path)).collect();
    gone.sort();
    gone.into_iter().for_each(|(path, fields)| write_message(&mut complete, path, fields));
    complete
}

fn write_message(text: &mut String, path: &str, fields: &[(u32, &str)]) {
    writeln!(text, "{path}").unwrap();
    fields.iter().for_each(|(number, name)| writeln!(text, "{number} {name}").unwrap());
}

/// ENC-044: every node of the embedded modules has a committed number. With the variable `FIELD_NUMBERS=append`, as
/// `make field-numbers` sets it, what is missing is written to the file.
#[test]
fn every_embedded_node_has_a_committed_number() {
    let schema = load(&Sources::default()).unwrap().schema;
    let complete = completed(ALLOCATED, &schema);
    if std::env::var("FIELD_NUMBERS").is_ok_and(|mode| mode == "append") {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("yang/field-numbers.txt"), complete).unwrap();
        return;
    }
    let missing: Vec<_> = complete.lines().zip(ALLOCATED.lines()).find(|(new, old)| new != old).into_iter().collect();
    assert!(complete == ALLOCATED, "yang/field-numbers.txt wants `make field-numbers`: {missing:?}");
}

/// No number twice in a message, none that protobuf reserves, none beyond what protobuf allows.
#[test]
fn committed_numbers_are_unique() {
    for (path, fields) in Allocation::parse(ALLOCATED).messages {
        let mut numbers = HashSet::new();
        for (number, name) in fields {
            assert!(numbers.insert(number), "{path}: {number} {name} is taken");
            assert!(number > 0 && number < 1 << 29 && !RESERVED.contains(&number), "{path}: {number} {name}");
        }
    }
}

#[test]
fn appends_and_keeps() {
    let schema = load(&Sources::default()).unwrap().schema;
    let old = "/\n7 nokia-conf:configure\n9 gone:gone\n/gone:gone\n1 leaf\n";
    let complete = completed(old, &schema);
    assert!(complete.contains("/\n7 nokia-conf:configure\n9 gone:gone\n10 "), "{complete:.400}");
    assert!(complete.ends_with("/gone:gone\n1 leaf\n"));
    assert_eq!(completed(&complete, &schema), complete);
}

/// What the file does not know is numbered in schema order behind what it knows, around the reserved numbers.
#[test]
fn numbers_other_modules_by_order() {
    let schema = load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema;
    let numbers = of(&schema);
    let test = schema.child(None, None, "test").unwrap();
    let found: Vec<_> = schema.children(Some(test)).iter().map(|child| numbers[child.index()]).collect();
    let expected: Vec<_> = (1..).take(found.len()).collect();
    assert_eq!(found, expected);
    assert_eq!(after(18_998), 18_999);
    assert_eq!(after(18_999), 20_000);
}
