//! Numbers and names where they are least obvious; what the bytes decode to is tested from outside, in tests/it.

use super::members::enum_number;
use super::names::{Scope, title, type_name, value_name};
use super::*;
use crate::codec::tests::Kit;
use crate::value::{Text, Value};

/// Every value of an enumeration has a number of its own, and none has zero.
#[test]
fn numbers_enumerations() {
    let numbers = |values: &[i32]| -> Vec<i32> {
        let values: Vec<(Text, i32)> = values.iter().map(|value| (value.to_string().into(), *value)).collect();
        (0..values.len()).map(|position| enum_number(&values, position)).collect()
    };
    assert_eq!(numbers(&[1, 2, i32::MAX]), [1, 2, i32::MAX]);
    assert_eq!(numbers(&[0, 1, 10]), [1, 2, 11]);
    assert_eq!(numbers(&[0, -1]), [1, -1]);
    assert_eq!(numbers(&[i32::MAX, i32::MAX - 1, 0]), [i32::MIN, i32::MAX, 1]);
    assert_eq!(numbers(&[i32::MAX, i32::MIN, i32::MIN + 2]), [i32::MIN + 1, i32::MIN, i32::MIN + 2]);
}

#[test]
fn makes_identifiers() {
    assert_eq!(title("admin-state"), "AdminState");
    assert_eq!(title("_x.y_z1"), "XYZ1");
    assert_eq!(type_name(&title("_1")), "X1");
    for (yang, name) in [("10GB", "_10GB"), ("a/b c", "a_b_c"), ("+", "symbol"), ("é", "symbol"), ("-1", "_1")] {
        assert_eq!(value_name(yang), name, "{yang}");
    }
}

#[test]
fn names_of_a_scope_differ() {
    let mut scope = Scope::with(&["value"]);
    let taken = ["Value", "ipv4_1", "ipv41", "IPV4_1", "enum_value_x", "x"].map(|name| scope.take(name.into(), "_"));
    assert_eq!(taken, ["Value_2", "ipv4_1", "ipv41_2", "IPV4_1_3", "enum_value_x", "x_2"]);
}

/// A message that has room for the estimate has room for the value.
#[test]
fn estimates_are_not_too_low() {
    let kit = Kit::new();
    let fields = Fields::new(&kit.schema);
    let texts = [
        ("int64", "-9223372036854775808"),
        ("uint64", "18446744073709551615"),
        ("decimal", "-12.5"),
        ("enumeration", "minus"),
        ("identity", "ganymede-test-ext:blue"),
        ("union-enum-number", "never"),
        ("union-identity-string", "ganymede-test-ext:blue"),
        ("binary", "AQL/AQL/AQL/"),
        ("text", ""),
    ];
    for (leaf, text) in texts {
        let node = kit.node(&format!("/test/types/{leaf}"));
        let value = kit.value(node, text);
        let mut out = Vec::new();
        fields.put_leaf(&mut out, &kit.schema, node, &value);
        assert!(out.len() <= bytes_at_most(&value), "{leaf} {text}: {} bytes", out.len());
    }
    let list = Value::List(vec![Value::text("x".repeat(200)); 50].into());
    let mut out = Vec::new();
    fields.put_leaf(&mut out, &kit.schema, kit.node("/test/types/strings"), &list);
    assert!(out.len() <= bytes_at_most(&list));
}
