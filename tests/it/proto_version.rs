//! The knob `proto-version`: which of PROTO and BYTES holds scalars, and which holds messages.

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Encoding, Notification, SubscriptionList, subscribe_response};

use crate::encodings::ROWS;
use crate::harness::{Client, Harness};
use crate::proto_bytes::Decoder;
use crate::request::*;
use crate::text::*;

async fn speak(client: &Client, version: &str) {
    client.apply(update("/configure/system/grpc/gnmi/proto-version", &format!("{version:?}"))).await;
}

/// The first notification of a subscription.
async fn first(client: &Client, list: SubscriptionList) -> Notification {
    match client.subscribe(list).await.response().await.unwrap().unwrap().response {
        Some(subscribe_response::Response::Update(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

/// The one value, in Get, ONCE and STREAM alike.
async fn value(client: &Client, at: &str, encoding: Encoding) -> Value {
    let response = client.get(get([at]).encoding(encoding)).await.unwrap();
    let value = |notification: &Notification| {
        let [update] = &*notification.update else { panic!("{notification:?}") };
        update.val.as_ref().unwrap().value.clone().unwrap()
    };
    let got = value(&response.notification[0]);
    for list in [once([at]), on_change([at]), stream([sample(at, 60_000)])] {
        assert_eq!(value(&first(client, list.encoding(encoding)).await), got, "{at} {encoding:?}");
    }
    got
}

fn text(value: &Value) -> String {
    value_text(Some(&ganymede::pb::gnmi::TypedValue { value: Some(value.clone()) }))
}

/// ENC-005, ENC-007 to ENC-020, ENC-025, ENC-041, C-34, C-35: under `v070` BYTES has the scalars, a decimal as
/// `decimal_val`; PROTO has the `proto_bytes` that BYTES has otherwise; JSON and JSON_IETF stay as they are. No float,
/// any or ascii anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn swaps_proto_and_bytes() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut messages = Vec::new();
    for version in ["latest", "v070"] {
        speak(&client, version).await;
        for (row, &(leaf, input, in_json, in_ietf, in_proto)) in ROWS.iter().enumerate() {
            let at = format!("/test/types/{leaf}");
            client.apply(set().replace(&at, json(input))).await;
            assert_eq!(text(&value(&client, &at, Encoding::Json).await), in_json);
            assert_eq!(text(&value(&client, &at, Encoding::JsonIetf).await), format!("ietf {in_ietf}"));
            let proto = value(&client, &at, Encoding::Proto).await;
            let bytes = value(&client, &at, Encoding::Bytes).await;
            if version == "latest" {
                assert_eq!(text(&proto), in_proto);
                assert!(matches!(bytes, Value::ProtoBytes(_)), "{at} {bytes:?}");
                messages.push(bytes);
            } else {
                assert_eq!(proto, messages[row], "{at}");
                let old = match in_proto {
                    "double -12.5" => "decimal -12500e-3",
                    "double 7" => "decimal 7000e-3",
                    other => other,
                };
                assert_eq!(text(&bytes), old);
            }
            client.apply(set().delete(&at)).await;
        }
    }
}

/// ENC-005, ENC-019, ENC-042, ENC-043: a subtree under `v070`: one message at the root in PROTO, a leaf for each update in BYTES.
#[tokio::test(flavor = "multi_thread")]
async fn swaps_subtrees() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    speak(&client, "v070").await;
    client.apply(update("/test/b[key1=x][key2=y]", r#"{"value":"v","c":[{"key1":"k","value":"w"}]}"#)).await;
    let scalars = concat!(
        "/test/b[key1=x][key2=y]/key1 = string x; /test/b[key1=x][key2=y]/key2 = string y; ",
        "/test/b[key1=x][key2=y]/value = string v; /test/b[key1=x][key2=y]/c[key1=k]/key1 = string k; ",
        "/test/b[key1=x][key2=y]/c[key1=k]/value = string w"
    );
    client.check_get(get(["/test/b"]).encoding(Encoding::Bytes), &[scalars]).await;
    client.check_once(once(["/test/b"]).encoding(Encoding::Bytes), &[scalars, "sync", "end"]).await;
    let Value::ProtoBytes(message) = value(&client, "/test/b[key1=x][key2=y]/value", Encoding::Proto).await else {
        panic!("no message")
    };
    let leaf = ("/test/b[key1=x][key2=y]/value".to_owned(), "string v".to_owned());
    assert_eq!(decoder.leaves_without_keys(&message), [leaf]);
}

/// ENC-006, ENC-057, SET-054: a subscription keeps what it began with; the next RPC speaks the new version.
#[tokio::test(flavor = "multi_thread")]
async fn counts_for_what_begins_later() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let at = "/test/types/decimal";
    client.apply(update(at, r#""1.5""#)).await;
    let list = || on_change([at]).encoding(Encoding::Proto);
    let mut old = client.subscribe(list()).await;
    assert_eq!(old.round().await, [format!("{at} = double 1.5"), "sync".to_owned()]);
    speak(&client, "v070").await;
    let mut new = client.subscribe(list()).await;
    assert!(new.next().await.contains("ProtoBytes"));
    assert_eq!(new.next().await, "sync");
    let mut swapped = client.subscribe(on_change([at]).encoding(Encoding::Bytes)).await;
    assert_eq!(swapped.round().await, [format!("{at} = decimal 1500e-3"), "sync".to_owned()]);
    client.apply(update(at, r#""-0.25""#)).await;
    assert_eq!(old.next().await, format!("{at} = double -0.25"));
    assert!(new.next().await.contains("ProtoBytes"));
    assert_eq!(swapped.next().await, format!("{at} = decimal -250e-3"));
    // A Set takes the same values under either version (ENC-055).
    client.apply(set().update(at, Value::DoubleVal(2.0))).await;
    assert_eq!(old.next().await, format!("{at} = double 2"));
}
