//! The values of a Set: their forms, what is refused, and what lists, choices and leaf-lists make of them.

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Decimal64, ScalarArray, SetRequest, TypedValue, Update};
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::*;

async fn refuse(client: &Client, request: SetRequest, parts: &[&str]) {
    check_refused(client.set(request).await, Code::InvalidArgument, parts);
}

fn list<const N: usize>(members: [Value; N]) -> Value {
    Value::LeaflistVal(ScalarArray { element: members.map(|value| TypedValue { value: Some(value) }).into() })
}

/// SET-021, SET-022, SET-024: what a list entry and a leaf do not take.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_nothing_and_contradictions() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/typed-key[number=5]", r#"{"value":"v"}"#)).await;
    let entry = "/test/typed-key[number=5]";
    refuse(&client, set().replace(entry, json("{}")), &[entry]).await;
    for null in [json("null"), ietf("null")] {
        refuse(&client, set().replace("/test/types/uint8", null.clone()), &["/test/types/uint8", "null"]).await;
        refuse(&client, set().update("/test/types/uint8", null), &["/test/types/uint8", "null"]).await;
    }
    refuse(&client, update("/test/types", r#"{"uint8":null}"#), &["/test/types/uint8", "null"]).await;
    for contradiction in [r#"{"number":6,"value":"w"}"#, r#"{"number":6}"#] {
        refuse(&client, update(entry, contradiction), &["/test/typed-key[number=5]/number"]).await;
        refuse(&client, set().replace(entry, json(contradiction)), &["/test/typed-key[number=5]/number"]).await;
    }
    refuse(&client, update("/test/typed-key[number=5]/number", "6"), &["/test/typed-key[number=5]/number"]).await;
    client.check_get(get(["/test/typed-key"]), &[r#"/test/typed-key[number=5] = {"number":5,"value":"v"}"#]).await;
    client.apply(set().replace(entry, json(r#"{"number":5,"value":"w"}"#))).await;
    client.apply(update("/test/typed-key[number=5]/number", "5")).await;
    client.check_get(get(["/test/typed-key"]), &[r#"/test/typed-key[number=5] = {"number":5,"value":"w"}"#]).await;
}

/// SET-025: state cannot be written, by any operation, by path or inside a value.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_state() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let reason = "not configurable";
    for at in ["/state", "/state/system", "/test/state/status", "/test/mixed[name=m]/state/packets"] {
        refuse(&client, update(at, r#""1""#), &[at, reason]).await;
        refuse(&client, set().replace(at, json("{}")), &[at, reason]).await;
        refuse(&client, set().delete(at), &[at, reason]).await;
    }
    refuse(&client, update("/test", r#"{"state":{"status":"up"}}"#), &["/test/state", reason]).await;
    let entry = r#"{"config":{"name":"m"},"state":{"packets":"1"}}"#;
    refuse(&client, update("/test/mixed[name=m]", entry), &["/test/mixed[name=m]/state", reason]).await;
}

/// SET-026: an unknown node to write is NOT_FOUND, a path that makes no sense INVALID_ARGUMENT.
#[tokio::test(flavor = "multi_thread")]
async fn tells_unknown_from_malformed() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for unknown in ["/bogus", "/configure/bogus", "/test/types/bogus/more", "/test/b[key1=1][key2=2]/bogus"] {
        let named = unknown.strip_suffix("/more").unwrap_or(unknown);
        check_refused(client.set(update(unknown, "1")).await, Code::NotFound, &[named, "Unknown element"]);
        let replace = set().replace(unknown, json("1"));
        check_refused(client.set(replace).await, Code::NotFound, &[named, "Unknown element"]);
        refuse(&client, set().delete(unknown), &[named, "Unknown element"]).await;
    }
    for malformed in ["/test//text", "/test/types[x=1]/text", "/test/typed-key[x=1]", "/test/typed-key[number=x]"] {
        refuse(&client, update(malformed, r#""v""#), &[malformed]).await;
    }
    let mut request = update("/", "1");
    request.update[0].path = Some(element("/test/b[key1]/value"));
    refuse(&client, request, &["b[key1]"]).await;
}

/// SET-027: every rule of a type, by path and reason.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_values_that_break_their_type() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (leaf, value) in [
        ("int8", "128"),
        ("int8", "1.5"),
        ("int8", r#""x""#),
        ("uint8", "-1"),
        ("uint64", r#""18446744073709551616""#),
        ("ranged", "0"),
        ("ranged", "6"),
        ("percent", "101"),
        ("decimal", r#""1.2345""#),
        ("decimal", r#""1000.001""#),
        ("string", r#""UPPER""#),
        ("string", r#""x-is-not-allowed""#),
        ("string", r#""a-text-of-more-than-twenty-characters""#),
        ("string", r#""""#),
        ("text", "[1]"),
        ("text", "{}"),
        ("boolean", r#""yes""#),
        ("boolean", "1"),
        ("enumeration", r#""two""#),
        ("enumeration", "1"),
        ("bits", r#""first third""#),
        ("binary", r#""not base64!""#),
        ("binary", r#""AAAAAAAAAAAAAAAAAAAAAAAA""#),
        ("empty", "false"),
        ("empty", "[]"),
        ("empty", r#""x""#),
        ("identity", r#""size""#),
        ("instance", r#""nonsense""#),
        ("union-enum-number", "101"),
        ("union-enum-number", r#""sometimes""#),
        ("numbers", r#"["x"]"#),
        ("numbers", "[1,1]"),
    ] {
        let at = format!("/test/types/{leaf}");
        refuse(&client, update(&at, value), &[&at]).await;
        refuse(&client, update("/test/types", &format!(r#"{{"{leaf}":{value}}}"#)), &[&at]).await;
    }
    client.check_get(get(["/test/types"]), &[r#"/test/types = {"with-defaults":["a","b"],"with-default":7}"#]).await;
}

/// SET-028, SET-032, SET-033: names inside a value, and text that is not JSON.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_wrong_json() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    refuse(&client, update("/test/types", r#"{"uint8":1,"bogus":2}"#), &["/test/types/bogus", "Unknown element"]).await;
    for text in ["", "{", "nonsense", "1 2", r#"{"uint8":1,}"#, r#"{"uint8":1,"uint8":2}"#, "\u{feff}1"] {
        refuse(&client, set().update("/test/types", json(text)), &["/test/types"]).await;
        refuse(&client, set().update("/test/types", ietf(text)), &["/test/types"]).await;
    }
    let not_text = Value::JsonVal(vec![0x22, 0xff, 0x22].into());
    refuse(&client, set().update("/test/types/text", not_text), &["/test/types/text"]).await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    refuse(&client, set().update("/test/types", json(&deep)), &["/test/types"]).await;

    let qualified = r#"{"ganymede-test:types":{"uint8":1,"ganymede-test:uint16":2,"ganymede-test-ext:added":3}}"#;
    client.apply(set().update("/test", ietf(qualified))).await;
    let leaves = get(["/test/types/uint8", "/test/types/uint16", "/test/types/added"]);
    let expected = ["/test/types/uint8 = 1", "/test/types/uint16 = 2", "/test/types/added = 3"];
    client.check_get(leaves, &expected).await;
    client.apply(set().update("/test/types", ietf(r#"{"added":4}"#))).await;
    client.check_get(get(["/test/types/added"]), &["/test/types/added = 4"]).await;
    let wrong = set().update("/test", ietf(r#"{"nokia-conf:types":{"uint8":1}}"#));
    refuse(&client, wrong, &["/test/nokia-conf:types"]).await;
}

/// SET-033, C-37: JSON_IETF wants 64-bit numbers quoted and small ones bare; JSON takes both.
#[tokio::test(flavor = "multi_thread")]
async fn is_strict_with_json_ietf() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (leaf, bare, quoted, is_string) in [
        ("int64", "-5", r#""-5""#, true),
        ("uint64", "5", r#""5""#, true),
        ("decimal", "1.5", r#""1.5""#, true),
        ("uint32", "5", r#""5""#, false),
        ("int8", "-5", r#""-5""#, false),
    ] {
        let at = format!("/test/types/{leaf}");
        let (right, wrong, shown) = if is_string { (quoted, bare, quoted) } else { (bare, quoted, bare) };
        refuse(&client, set().update(&at, ietf(wrong)), &[&at]).await;
        for good in [ietf(right), json(right), json(wrong)] {
            client.apply(set().update(&at, good)).await;
            client.check_get(get([&at]), &[&format!("{at} = {shown}")]).await;
        }
    }
}

/// SET-031, SET-035, CAP-010: forms of value that are not offered, by name; and no value at all.
#[tokio::test(flavor = "multi_thread")]
#[expect(deprecated, reason = "old forms are refused or read")]
async fn refuses_other_forms() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (value, name) in [
        (Value::AsciiVal("x".to_owned()), "ascii_val"),
        (Value::AnyVal(prost_types::Any::default()), "any_val"),
        (Value::ProtoBytes(vec![1].into()), "proto_bytes"),
    ] {
        let request = set().update("/test/types/text", value);
        check_refused(client.set(request).await, Code::Unimplemented, &["/test/types/text", name]);
    }
    let at = Some(path("/test/types/text"));
    let old = ganymede::pb::gnmi::Value { value: br#""x""#.as_slice().into(), ..Default::default() };
    for without in [
        Update { path: at.clone(), ..Update::default() },
        Update { path: at.clone(), val: Some(TypedValue::default()), ..Update::default() },
        Update { path: at, value: Some(old), ..Update::default() },
    ] {
        let update = SetRequest { update: vec![without.clone()], ..set() };
        refuse(&client, update, &["/test/types/text"]).await;
        refuse(&client, SetRequest { replace: vec![without], ..set() }, &["/test/types/text"]).await;
    }
    check_refused(client.get(get(["/test/types/text"])).await, Code::NotFound, &[]);
}

/// SET-034: typed scalars, judged like any other value.
#[tokio::test(flavor = "multi_thread")]
#[expect(deprecated, reason = "older clients send float_val and decimal_val")]
async fn accepts_typed_scalars() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (leaf, value, shown) in [
        ("text", string("t"), r#""t""#),
        ("enumeration", string("ten"), r#""ten""#),
        ("identity", string("red"), r#""red""#),
        ("bits", string("fifth first"), r#""first fifth""#),
        ("int8", Value::IntVal(-128), "-128"),
        ("uint8", Value::IntVal(255), "255"),
        ("uint64", Value::UintVal(u64::MAX), r#""18446744073709551615""#),
        ("int64", Value::IntVal(i64::MIN), r#""-9223372036854775808""#),
        ("int64", Value::UintVal(7), r#""7""#),
        ("boolean", Value::BoolVal(true), "true"),
        ("empty", Value::BoolVal(true), "[null]"),
        ("decimal", Value::DoubleVal(-2.125), r#""-2.125""#),
        ("decimal", Value::FloatVal(0.1), r#""0.1""#),
        ("decimal", Value::DecimalVal(Decimal64 { digits: 314, precision: 2 }), r#""3.14""#),
        ("binary", Value::BytesVal(vec![1, 2, 255].into()), r#""AQL/""#),
        ("strings", list([string("a"), string("b")]), r#"["a","b"]"#),
        ("numbers", list([Value::UintVal(3), Value::UintVal(1)]), "[3,1]"),
        ("union-number-first", Value::UintVal(4), "4"),
        ("union-string-first", string("4"), r#""4""#),
    ] {
        let at = format!("/test/types/{leaf}");
        client.apply(set().replace(&at, value)).await;
        client.check_get(get([&at]), &[&format!("{at} = {shown}")]).await;
    }
    for (leaf, value) in [
        ("int8", Value::IntVal(128)),
        ("uint8", Value::IntVal(-1)),
        ("uint8", Value::UintVal(256)),
        ("int64", Value::UintVal(1 << 63)),
        ("text", Value::IntVal(1)),
        ("boolean", string("true?")),
        ("decimal", Value::DoubleVal(f64::NAN)),
        ("decimal", Value::DoubleVal(1e9)),
        ("binary", Value::BytesVal(vec![0; 17].into())),
        ("uint8", list([Value::UintVal(1)])),
        ("numbers", list([Value::UintVal(1), string("x")])),
    ] {
        let at = format!("/test/types/{leaf}");
        refuse(&client, set().update(&at, value), &[&at]).await;
    }
    refuse(&client, set().update("/test/types", string("x")), &["/test/types"]).await;
}

/// SET-046: update adds to a leaf-list, replace overwrites it, delete removes it.
#[tokio::test(flavor = "multi_thread")]
async fn edits_leaf_lists() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let at = "/test/types/strings";
    let check = async |request: SetRequest, expected: &str| {
        client.apply(request).await;
        client.check_get(get([at]), &[&format!("{at} = {expected}")]).await;
    };
    check(update(at, r#"["b","a"]"#), r#"["b","a"]"#).await;
    check(update(at, r#"["c","a"]"#), r#"["b","a","c"]"#).await;
    check(update("/test/types", r#"{"strings":["d"]}"#), r#"["b","a","c","d"]"#).await;
    check(set().replace(at, json(r#"["z"]"#)), r#"["z"]"#).await;
    check(set().update(at, list([string("y")])), r#"["z","y"]"#).await;
    client.apply(set().delete(at)).await;
    check_refused(client.get(get([at])).await, Code::NotFound, &[at]);
    let with_defaults = "/test/types/with-defaults";
    client.apply(update(with_defaults, r#"["x"]"#)).await;
    client.check_get(get([with_defaults]), &[r#"/test/types/with-defaults = ["x"]"#]).await;
    client.apply(set().delete(with_defaults)).await;
    client.check_get(get([with_defaults]), &[r#"/test/types/with-defaults = ["a","b"]"#]).await;
}

/// SET-047: the key of an entry stays as long as the entry.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_keys() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/typed-key[number=5]", r#"{"value":"v"}"#)).await;
    let key = "/test/typed-key[number=5]/number";
    refuse(&client, set().delete(key), &[key]).await;
    client.check_get(get([key]), &[&format!("{key} = 5")]).await;
}

/// SET-048: one case of a choice ends the others, with what is nested in them.
#[tokio::test(flavor = "multi_thread")]
async fn changes_cases() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let check = async |request: SetRequest, expected: &str| {
        client.apply(request).await;
        client.check_get(get(["/test/choices"]), &[&format!("/test/choices = {expected}")]).await;
    };
    check(update("/test/choices", r#"{"plain-note":"n"}"#), r#"{"plain-port":80,"plain-note":"n"}"#).await;
    check(update("/test/choices/pinned", r#""p""#), r#"{"secure-port":443,"pinned":"p"}"#).await;
    check(update("/test/choices/anchored", r#""a""#), r#"{"secure-port":443,"anchored":"a"}"#).await;
    check(update("/test/choices", r#"{"plain-port":8080}"#), r#"{"plain-port":8080}"#).await;
    refuse(&client, update("/test/choices", r#"{"plain-port":1,"secure-port":2}"#), &["/test/choices"]).await;
    check(set().delete("/test/choices/plain-port"), r#"{"plain-port":80}"#).await;
    let grpc = "/configure/system/grpc";
    client
        .check_get(
            get(["/configure/system/grpc/allow-unsecure-connection"]),
            &[&format!("{grpc}/allow-unsecure-connection = [null]")],
        )
        .await;
}

/// SET-049: a JSON array at a list makes or merges the entries its key leaves name.
#[tokio::test(flavor = "multi_thread")]
async fn merges_arrays() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/typed-key", r#"[{"number":1,"value":"a"},{"number":2}]"#)).await;
    client.apply(update("/test", r#"{"typed-key":[{"value":"b","number":2},{"number":3}]}"#)).await;
    let all = concat!(
        r#"/test/typed-key[number=1] = {"number":1,"value":"a"}; "#,
        r#"/test/typed-key[number=2] = {"number":2,"value":"b"}; "#,
        r#"/test/typed-key[number=3] = {"number":3}"#
    );
    client.check_get(get(["/test/typed-key"]), &[all]).await;
    for (bad, place) in [
        (r#"[{"value":"x"}]"#, "/test/typed-key"),
        (r#"[{"number":1},{"number":1}]"#, "/test/typed-key[number=1]"),
        (r#"{"number":1}"#, "/test/typed-key"),
        (r#"[5]"#, "/test/typed-key"),
        (r#"[{"number":"x"}]"#, "/test/typed-key/number"),
    ] {
        refuse(&client, update("/test/typed-key", bad), &[place]).await;
    }
    client.apply(update("/test/ordered", r#"[{"name":"z"},{"name":"a"},{"name":"m","value":"v"}]"#)).await;
    let names =
        r#"/test/ordered[name=z]/name = "z"; /test/ordered[name=a]/name = "a"; /test/ordered[name=m]/name = "m""#;
    client.check_get(get(["/test/ordered/name"]), &[names]).await;
}
