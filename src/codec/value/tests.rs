//! The type map, and the wire bytes against the messages.

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::codec::tests::Kit;
use crate::value::Decimal;

/// The value of a leaf below `/test/types` in the forms it can have.
fn check(kit: &Kit, leaf: &str, text: &str, proto: Typed, json: &str, ietf: &str) {
    let node = kit.node(&format!("/test/types/{leaf}"));
    check_value(kit, node, &kit.value(node, text), proto, json, ietf);
}

fn check_value(kit: &Kit, node: NodeId, value: &Value, proto: Typed, json: &str, ietf: &str) {
    #[expect(deprecated, reason = "what gNMI 0.7.0 has for decimals")]
    let old = match value {
        Value::Decimal(value) => {
            Typed::DecimalVal(pb::Decimal64 { digits: value.digits, precision: value.scale.into() })
        }
        _ => proto.clone(),
    };
    let expected = [
        (LeafForm::Scalars, proto),
        (LeafForm::ScalarsV070, old),
        (LeafForm::Json, Typed::JsonVal(json.to_owned().into())),
        (LeafForm::JsonIetf, Typed::JsonIetfVal(ietf.to_owned().into())),
    ];
    for (form, expected) in expected {
        let typed = typed_value(&kit.schema, node, value, form);
        assert_eq!(typed.value, Some(expected), "{value:?} as {form:?}");
        let mut bytes = Vec::new();
        put_typed(&mut bytes, &kit.schema, node, value, form);
        assert_eq!(bytes, typed.encode_to_vec(), "{value:?} as {form:?}");
    }
}

fn string(text: &str) -> Typed {
    Typed::StringVal(text.to_owned())
}

/// ENC-007 to ENC-041 (scalars of either version), ENC-051, ENC-052, C-35, C-37 (JSON): every YANG type.
#[test]
fn maps_every_type() {
    let kit = Kit::new();
    for (leaf, text) in [("int8", "-128"), ("int16", "-1"), ("int32", "0")] {
        check(&kit, leaf, text, Typed::IntVal(text.parse().unwrap()), text, text);
    }
    for (leaf, text) in [("uint8", "255"), ("uint16", "0"), ("uint32", "4294967295")] {
        check(&kit, leaf, text, Typed::UintVal(text.parse().unwrap()), text, text);
    }
    let quoted = |text: &str| format!("\"{text}\"");
    for number in ["-9223372036854775808", "9223372036854775807"] {
        let json = quoted(number);
        check(&kit, "int64", number, Typed::IntVal(number.parse().unwrap()), &json, &json);
    }
    let json = quoted("18446744073709551615");
    check(&kit, "uint64", "18446744073709551615", Typed::UintVal(u64::MAX), &json, &json);
    check(&kit, "decimal", "0", Typed::DoubleVal(0.0), "\"0.0\"", "\"0.0\"");
    check(&kit, "decimal", "-0.5", Typed::DoubleVal(-0.5), "\"-0.5\"", "\"-0.5\"");
    check(&kit, "boolean", "false", Typed::BoolVal(false), "false", "false");
    check(&kit, "empty", "", Typed::BoolVal(true), "[null]", "[null]");
    check(&kit, "enumeration", "ten", string("ten"), "\"ten\"", "\"ten\"");
    check(&kit, "bits", "fifth first", string("first fifth"), "\"first fifth\"", "\"first fifth\"");
    check(&kit, "binary", "AP8=", Typed::BytesVal(vec![0, 255].into()), "\"AP8=\"", "\"AP8=\"");
    check(&kit, "text", "a\"b", string("a\"b"), r#""a\"b""#, r#""a\"b""#);
    check(&kit, "leafref", "x", string("x"), "\"x\"", "\"x\"");
    check(&kit, "instance", "/gt:test", string("/gt:test"), "\"/gt:test\"", "\"/gt:test\"");
    // ENC-040: the member of the union that took the value decides.
    check(&kit, "union-string-first", "10", string("10"), "\"10\"", "\"10\"");
    check(&kit, "union-number-first", "10", Typed::UintVal(10), "10", "10");
}

/// ENC-028, ENC-052: an identity states its module when it is not that of the leaf (RFC 7951 6.8).
#[test]
fn qualifies_foreign_identities() {
    let kit = Kit::new();
    check(&kit, "identity", "dark-red", string("dark-red"), "\"dark-red\"", "\"dark-red\"");
    let qualified = "ganymede-test-ext:blue";
    check(&kit, "identity", qualified, string(qualified), "\"blue\"", "\"ganymede-test-ext:blue\"");
}

/// ENC-014, ENC-041: a leaf-list is one value, its members in order.
#[test]
fn maps_leaf_lists() {
    let kit = Kit::new();
    let typed = |value| pb::TypedValue { value: Some(value) };
    let list =
        |members: Vec<Typed>| Typed::LeaflistVal(pb::ScalarArray { element: members.into_iter().map(typed).collect() });
    let numbers = kit.node("/test/types/numbers");
    let value = Value::List([Value::Uint(2), Value::Uint(1)].into());
    check_value(&kit, numbers, &value, list(vec![Typed::UintVal(2), Typed::UintVal(1)]), "[2,1]", "[2,1]");
    let big = kit.node("/test/types/big-numbers");
    let value = Value::List([Value::Uint64(7)].into());
    check_value(&kit, big, &value, list(vec![Typed::UintVal(7)]), "[\"7\"]", "[\"7\"]");
    check_value(&kit, big, &Value::List([].into()), list(vec![]), "[]", "[]");
}

proptest! {
    /// ENC-050: whatever text a leaf holds, JSON is valid and says it.
    #[test]
    fn writes_valid_json(text in any::<String>(), digits in any::<i64>(), scale in 1u8..=18) {
        let kit = kit();
        let node = kit.node("/test/types/text");
        for value in [Value::text(text.as_str()), Value::Decimal(Decimal { digits, scale })] {
            for ietf in [false, true] {
                let mut out = Vec::new();
                json::put_value(&mut out, &kit.schema, node, &value, ietf);
                let parsed: String = serde_json::from_slice(&out).expect("valid JSON");
                prop_assert_eq!(parsed, value.to_string());
            }
        }
    }
}

/// One kit for all rounds of a property.
fn kit() -> &'static Kit {
    static KIT: std::sync::LazyLock<Kit> = std::sync::LazyLock::new(Kit::new);
    &KIT
}
