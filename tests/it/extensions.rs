//! Extensions of requests.

use ganymede::pb::gnmi::{CapabilityRequest, Encoding, GetRequest, SetRequest};
use ganymede::pb::gnmi_ext::{Extension, RegisteredExtension, extension::Ext};
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

/// EXT-001, EXT-002: what is unknown or empty changes nothing, in any RPC.
#[tokio::test(flavor = "multi_thread")]
async fn ignores_what_it_does_not_know() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let registered = Ext::RegisteredExt(RegisteredExtension { id: 4711, msg: vec![1, 2, 3].into() });
    let extension = vec![Extension { ext: Some(registered) }, Extension { ext: None }];
    client.capabilities(CapabilityRequest { extension: extension.clone() }).await.unwrap();
    let request = SetRequest { extension: extension.clone(), ..update("/test/types/uint8", "1") };
    assert_eq!(set_text(&client.set(request).await.unwrap()), ["UPDATE /test/types/uint8"]);
    let request = GetRequest { extension: extension.clone(), ..get(["/test/types/uint8"]) };
    client.check_get(request, &["/test/types/uint8 = 1"]).await;
    let mut first = subscribe(once(["/test/types/uint8"]));
    first.extension = extension;
    assert_eq!(client.open(first).await.unwrap().round().await, ["/test/types/uint8 = 1", "sync", "end"]);
}

/// Three levels of data: leaves, an entry and a leaf-list, and an entry in the entry.
async fn with_levels() -> (Harness, Client) {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let entries = r#"[{"key1":"1","key2":"a","value":"v","c":[{"key1":"x","value":"w"}]},{"key1":"2","key2":"b"}]"#;
    let request = set()
        .update("/test/b", json(entries))
        .update("/test/rules", json(r#"{"low":1,"member":[{"name":"m","weight":1}]}"#))
        .update("/test/types/strings", json(r#"["s"]"#));
    client.apply(request).await;
    (harness, client)
}

/// What Get and Subscribe bring with this depth; each as lines of leaves, or of JSON.
async fn check(client: &Client, at: &str, level: u32, in_json: &str, leaves: &str) {
    let extension = vec![depth(level)];
    let request = GetRequest { extension: extension.clone(), ..get([at]) };
    client.check_get(request, &[in_json]).await;
    let request = GetRequest { extension: extension.clone(), ..get([at]).encoding(Encoding::Proto) };
    client.check_get(request, &[leaves]).await;
    let mut first = subscribe(once([at]).encoding(Encoding::Proto));
    first.extension = extension.clone();
    assert_eq!(client.open(first).await.unwrap().round().await, [leaves, "sync", "end"], "{at} {level}");
    let mut first = subscribe(on_change([at]).encoding(Encoding::Proto));
    first.extension = extension;
    let mut streamed = client.open(first).await.unwrap().round().await;
    assert_eq!(streamed.pop().as_deref(), Some("sync"));
    assert_eq!(streamed.join("; "), leaves, "{at} {level}");
}

/// EXT-003 to EXT-006: how many levels below the path are shown, of the last one only leaves and leaf-lists.
#[tokio::test(flavor = "multi_thread")]
async fn limits_depth() {
    let (_harness, client) = with_levels().await;
    let rules = concat!(
        r#"/test/rules = {"low":1,"mode":"simple","member":[{"name":"m","weight":1}]}"#,
        " | /test/rules/low = uint 1; /test/rules/mode = string simple; ",
        "/test/rules/member[name=m]/name = string m; /test/rules/member[name=m]/weight = uint 1"
    );
    let (in_json, leaves) = rules.split_once(" | ").unwrap();
    check(&client, "/test/rules", 0, in_json, leaves).await;
    check(&client, "/test/rules", 2, in_json, leaves).await;
    check(&client, "/test/rules", 9, in_json, leaves).await;
    let only_leaves = r#"/test/rules = {"low":1,"mode":"simple"}"#;
    let leaves = "/test/rules/low = uint 1; /test/rules/mode = string simple";
    check(&client, "/test/rules", 1, only_leaves, leaves).await;

    let entries = concat!(
        r#"/test/b[key1=1][key2=a] = {"key1":"1","key2":"a","value":"v"}; "#,
        r#"/test/b[key1=2][key2=b] = {"key1":"2","key2":"b"}"#
    );
    let first = "/test/b[key1=1][key2=a]/key1 = string 1; /test/b[key1=1][key2=a]/key2 = string a; /test/b[key1=1][key2=a]/value = string v";
    let inner = "/test/b[key1=1][key2=a]/c[key1=x]/key1 = string x; /test/b[key1=1][key2=a]/c[key1=x]/value = string w";
    let second = "/test/b[key1=2][key2=b]/key1 = string 2; /test/b[key1=2][key2=b]/key2 = string b";
    check(&client, "/test/b", 1, entries, &format!("{first}; {second}")).await;
    let whole = concat!(
        r#"/test/b[key1=1][key2=a] = {"key1":"1","key2":"a","value":"v","c":[{"key1":"x","value":"w"}]}; "#,
        r#"/test/b[key1=2][key2=b] = {"key1":"2","key2":"b"}"#
    );
    check(&client, "/test/b", 2, whole, &format!("{first}; {inner}; {second}")).await;
    let leaf = "/test/rules/low";
    check(&client, leaf, 1, "/test/rules/low = 1", "/test/rules/low = uint 1").await;
}

/// EXT-004, EXT-006: below the root, level 1 holds no leaf here, level 2 those of the top containers.
#[tokio::test(flavor = "multi_thread")]
async fn limits_depth_of_a_container_of_containers() {
    let (_harness, client) = with_levels().await;
    let request = GetRequest { extension: vec![depth(2)], ..get(["/test"]) };
    let response = client.get(request).await.unwrap();
    let text = get_text(&response).remove(0);
    assert!(text.contains(r#""strings":["s"]"#) && text.contains(r#"{"key1":"2","key2":"b"}"#), "{text}");
    assert!(!text.contains(r#""c":"#) && !text.contains(r#""member":"#), "{text}");
    let request = GetRequest { extension: vec![depth(1)], ..get(["/test"]).encoding(Encoding::Proto) };
    client.check_get(request, &[""]).await;
    let mut first = subscribe(once(["/test"]));
    first.extension = vec![depth(1)];
    assert_eq!(client.open(first).await.unwrap().round().await, ["sync", "end"]);
}

/// EXT-004, EXT-008: the depth holds for every path, and for changes too.
#[tokio::test(flavor = "multi_thread")]
async fn limits_depth_of_all_paths() {
    let (_harness, client) = with_levels().await;
    let request = GetRequest { extension: vec![depth(1)], ..get(["/test/rules", "/test/b[key1=1][key2=a]"]) };
    let expected = [
        r#"/test/rules = {"low":1,"mode":"simple"}"#,
        r#"/test/b[key1=1][key2=a] = {"key1":"1","key2":"a","value":"v"}"#,
    ];
    client.check_get(request, &expected).await;
    let mut first = subscribe(on_change(["/test/rules", "/test/b[key1=1][key2=a]"]));
    first.extension = vec![depth(1)];
    let mut stream = client.open(first).await.unwrap();
    stream.round().await;
    let deep = set()
        .update("/test/b[key1=1][key2=a]/c[key1=x]/value", json(r#""deep""#))
        .update("/test/rules/member[name=m]/weight", json("2"));
    client.apply(deep).await;
    client.apply(update("/test/b[key1=1][key2=a]/value", r#""shallow""#)).await;
    assert_eq!(stream.next().await, r#"/test/b[key1=1][key2=a]/value = "shallow""#);
}

/// EXT-007: depth means nothing to Capabilities and Set.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_depth_out_of_place() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let asked = client.capabilities(CapabilityRequest { extension: vec![depth(1)] }).await;
    check_refused(asked, Code::InvalidArgument, &["depth", "Capabilities"]);
    let asked = client.set(SetRequest { extension: vec![depth(1)], ..update("/test/types/uint8", "1") }).await;
    check_refused(asked, Code::InvalidArgument, &["depth", "Set"]);
    check_refused(client.get(get(["/test/types/uint8"])).await, Code::NotFound, &[]);
}
