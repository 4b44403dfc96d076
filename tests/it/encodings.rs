//! Every YANG type in every encoding.

use ganymede::pb::gnmi::Encoding;

use crate::harness::Harness;
use crate::request::*;

/// A leaf, its value as JSON for a Set, and as it comes back in JSON, JSON_IETF and PROTO.
pub(crate) type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// ENC-022 to ENC-041, ENC-050 to ENC-052, C-37.
pub(crate) const ROWS: &[Row] = &[
    ("int8", "-128", "-128", "-128", "int -128"),
    ("int16", "32767", "32767", "32767", "int 32767"),
    ("int32", "-2147483648", "-2147483648", "-2147483648", "int -2147483648"),
    (
        "int64",
        r#""-9223372036854775808""#,
        r#""-9223372036854775808""#,
        r#""-9223372036854775808""#,
        "int -9223372036854775808",
    ),
    ("uint8", "255", "255", "255", "uint 255"),
    ("uint16", "65535", "65535", "65535", "uint 65535"),
    ("uint32", "4294967295", "4294967295", "4294967295", "uint 4294967295"),
    (
        "uint64",
        r#""18446744073709551615""#,
        r#""18446744073709551615""#,
        r#""18446744073709551615""#,
        "uint 18446744073709551615",
    ),
    ("decimal", r#""-12.500""#, r#""-12.5""#, r#""-12.5""#, "double -12.5"),
    ("decimal", "7", r#""7.0""#, r#""7.0""#, "double 7"),
    ("text", r#""a \"b\" \\ \n é""#, r#""a \"b\" \\ \n é""#, r#""a \"b\" \\ \n é""#, "string a \"b\" \\ \n é"),
    ("boolean", "true", "true", "true", "bool true"),
    ("boolean", "false", "false", "false", "bool false"),
    ("enumeration", r#""minus""#, r#""minus""#, r#""minus""#, "string minus"),
    ("bits", r#""fifth first""#, r#""first fifth""#, r#""first fifth""#, "string first fifth"),
    ("bits", r#""""#, r#""""#, r#""""#, "string "),
    ("binary", r#""AQL/""#, r#""AQL/""#, r#""AQL/""#, r#"bytes b"\x01\x02\xff""#),
    ("empty", "[null]", "[null]", "[null]", "bool true"),
    ("identity", r#""dark-red""#, r#""dark-red""#, r#""dark-red""#, "string dark-red"),
    (
        "identity",
        r#""ganymede-test-ext:blue""#,
        r#""blue""#,
        r#""ganymede-test-ext:blue""#,
        "string ganymede-test-ext:blue",
    ),
    (
        "instance",
        r#""/ganymede-test:test/types/uint8""#,
        r#""/ganymede-test:test/types/uint8""#,
        r#""/ganymede-test:test/types/uint8""#,
        "string /ganymede-test:test/types/uint8",
    ),
    ("loose-leafref", r#""any""#, r#""any""#, r#""any""#, "string any"),
    ("union-string-first", r#""5""#, r#""5""#, r#""5""#, "string 5"),
    ("union-string-first", "5", "5", "5", "uint 5"),
    ("union-number-first", "5", "5", "5", "uint 5"),
    ("union-number-first", r#""five""#, r#""five""#, r#""five""#, "string five"),
    ("union-enum-number", r#""never""#, r#""never""#, r#""never""#, "string never"),
    ("union-enum-number", "5", "5", "5", "uint 5"),
    ("strings", r#"["b","a"]"#, r#"["b","a"]"#, r#"["b","a"]"#, "list [string b, string a]"),
    ("numbers", "[3,1]", "[3,1]", "[3,1]", "list [uint 3, uint 1]"),
    (
        "big-numbers",
        r#"["1","18446744073709551615"]"#,
        r#"["1","18446744073709551615"]"#,
        r#"["1","18446744073709551615"]"#,
        "list [uint 1, uint 18446744073709551615]",
    ),
    ("with-default", "9", "9", "9", "uint 9"),
];

/// ENC-021 to ENC-041, ENC-050 to ENC-055, ENC-007 to ENC-020 as far as Get and Subscribe under `latest` send them: one
/// value, the same in Get, ONCE and STREAM.
#[tokio::test(flavor = "multi_thread")]
async fn encodes_every_type() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for &(leaf, input, in_json, in_ietf, in_proto) in ROWS {
        let at = format!("/test/types/{leaf}");
        client.apply(set().replace(&at, json(input))).await;
        for (encoding, text) in [
            (Encoding::Json, in_json.to_owned()),
            (Encoding::JsonIetf, format!("ietf {in_ietf}")),
            (Encoding::Proto, in_proto.to_owned()),
        ] {
            let line = format!("{at} = {text}");
            client.check_get(get([&at]).encoding(encoding), &[&line]).await;
            client.check_once(once([&at]).encoding(encoding), &[&line, "sync", "end"]).await;
            let list = on_change([&at]).encoding(encoding);
            assert_eq!(client.subscribe(list).await.round().await, [&line, "sync"]);
        }
        // What JSON_IETF says is taken back as it is.
        client.apply(set().replace(&at, ietf(in_ietf))).await;
        client.check_get(get([&at]).encoding(Encoding::Proto), &[&format!("{at} = {in_proto}")]).await;
        client.apply(set().delete(&at)).await;
    }
}

/// ENC-034: a leafref is what it refers to.
#[tokio::test(flavor = "multi_thread")]
async fn encodes_leafrefs() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"text":"t","leafref":"t"}"#)).await;
    for (encoding, value) in
        [(Encoding::Json, r#""t""#), (Encoding::JsonIetf, r#"ietf "t""#), (Encoding::Proto, "string t")]
    {
        let line = format!("/test/types/leafref = {value}");
        client.check_get(get(["/test/types/leafref"]).encoding(encoding), &[&line]).await;
    }
}

/// ENC-026: an empty leaf that is not there is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn leaves_out_empty() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.check_once(once(["/test/types/empty"]).encoding(Encoding::Proto), &["sync", "end"]).await;
    client.apply(update("/test/types/empty", "[null]")).await;
    let line = "/test/types/empty = bool true";
    client.check_once(once(["/test/types/empty"]).encoding(Encoding::Proto), &[line, "sync", "end"]).await;
}

/// ENC-052: JSON_IETF states a module at the top and where it changes; JSON never does. ENC-053: one or the other.
#[tokio::test(flavor = "multi_thread")]
async fn names_modules_in_json_ietf() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let request = set()
        .replace(
            "/test/types",
            json(r#"{"uint8":1,"added":2,"identity":"red","with-default":3,"with-defaults":["c"]}"#),
        )
        .update("/test/b[key1=x][key2=y]", json(r#"{"c":[{"key1":"k"}]}"#));
    client.apply(request).await;
    let both = ["/test/types", "/test/b"];
    client
        .check_get(
            get(both),
            &[
                r#"/test/types = {"uint8":1,"identity":"red","with-defaults":["c"],"with-default":3,"added":2}"#,
                r#"/test/b[key1=x][key2=y] = {"key1":"x","key2":"y","c":[{"key1":"k"}]}"#,
            ],
        )
        .await;
    client
        .check_get(
            get(both).encoding(Encoding::JsonIetf),
            &[
                concat!(
                    r#"/test/types = ietf {"ganymede-test:uint8":1,"ganymede-test:identity":"red","#,
                    r#""ganymede-test:with-defaults":["c"],"ganymede-test:with-default":3,"ganymede-test-ext:added":2}"#
                ),
                concat!(
                    r#"/test/b[key1=x][key2=y] = ietf {"ganymede-test:key1":"x","ganymede-test:key2":"y","#,
                    r#""ganymede-test:c":[{"key1":"k"}]}"#
                ),
            ],
        )
        .await;
}

/// ENC-050, ENC-054: what JSON says of a large subtree is valid JSON in both flavours.
#[tokio::test(flavor = "multi_thread")]
async fn writes_valid_json() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for encoding in [Encoding::Json, Encoding::JsonIetf] {
        let response = client.get(get(["/configure", "/test", "/"]).encoding(encoding)).await.unwrap();
        for notification in &response.notification {
            let text = crate::text::value_text(notification.update[0].val.as_ref());
            let json = text.strip_prefix("ietf ").unwrap_or(&text);
            assert!(serde_json::from_str::<serde_json::Value>(json).unwrap().is_object());
        }
    }
}
