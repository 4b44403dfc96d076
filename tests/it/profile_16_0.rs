//! Release profile 16.0: gNMI 0.4.0, JSON alone.

use std::time::Duration;

use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{CapabilityRequest, Encoding, GetRequest, Path, SetRequest, Subscription, SubscriptionMode};
use ganymede::pb::gnmi_ext::{Commit, Extension, extension::Ext};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

const BASE: &str = "/configure/router[router-instance=Base]";

async fn element_16() -> (Harness, Client) {
    let harness = Harness::start_as("16.0", "[platform.sim]\nports = 1\ntick-ms = 200").await;
    let client = harness.client("admin").await;
    (harness, client)
}

fn sampled(at: &str, seconds: u64) -> Subscription {
    sample(at, seconds * 1000)
}

/// CAP-002, CAP-009, C-05, C-06: version, release and the one encoding.
#[tokio::test(flavor = "multi_thread")]
async fn tells_what_there_was() {
    let (_harness, client) = element_16().await;
    let response = client.capabilities(CapabilityRequest::default()).await.unwrap();
    assert_eq!(response.g_nmi_version, "0.4.0");
    assert_eq!(response.supported_encodings, [i32::from(Encoding::Json)]);
    let nokia = response.supported_models.iter().filter(|model| model.name.starts_with("nokia-"));
    assert!(nokia.clone().count() >= 2);
    assert!(nokia.clone().all(|model| model.version == "16.0.r1"), "{nokia:?}");
    // The knob speaks of versions that were still to come.
    client.apply(update("/configure/system/grpc/gnmi/proto-version", r#""v070""#)).await;
    assert_eq!(client.capabilities(CapabilityRequest::default()).await.unwrap(), response);
}

/// ENC-002, GET-008, CAP-010: JSON in every RPC, unless asked for something else, which is refused.
#[tokio::test(flavor = "multi_thread")]
async fn answers_json_alone() {
    let (_harness, client) = element_16().await;
    let at = "/configure/system/name";
    client.check_get(get([at]), &[r#"/configure/system/name = "it""#]).await;
    client.check_once(once([at]), &[r#"/configure/system/name = "it""#, "sync", "end"]).await;
    for (encoding, name) in [(Encoding::Proto, "PROTO"), (Encoding::Bytes, "BYTES"), (Encoding::JsonIetf, "JSON_IETF")]
    {
        let parts = [name, "use JSON"];
        check_refused(client.get(get([at]).encoding(encoding)).await, Code::Unimplemented, &parts);
        for list in [once([at]), on_change([at]), stream([sampled(at, 10)])] {
            let status = client.refusal(subscribe(list.encoding(encoding))).await;
            check_refused(Err::<(), _>(status), Code::Unimplemented, &parts);
        }
    }
}

/// PATH-020: wildcards stand for keys only.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_name_wildcards() {
    let (_harness, client) = element_16().await;
    for wildcard in ["/state/*/interface", "/state/.../oper-state", "/*"] {
        check_refused(client.get(get([wildcard])).await, Code::InvalidArgument, &[wildcard, "Wildcard"]);
        let status = client.refusal(subscribe(once([wildcard]))).await;
        check_refused(Err::<(), _>(status), Code::InvalidArgument, &[wildcard, "Wildcard"]);
    }
    check_refused(client.set(set().delete("/configure/*")).await, Code::InvalidArgument, &["Wildcard"]);
    check_refused(client.get(get(["/state//oper-state"])).await, Code::InvalidArgument, &[]);
    client.get(get(["/state/router/interface", "/state/router[router-instance=*]"])).await.unwrap();
}

/// PATH-043, C-08, C-13: paths in the form of the request, and the key of routers by the name it had, in paths and in
/// values; its later name is understood.
#[tokio::test(flavor = "multi_thread")]
async fn calls_routers_by_instance() {
    let (_harness, client) = element_16().await;
    client.apply(update(BASE, r#"{"interface":[{"interface-name":"a"}]}"#)).await;
    client.apply(update("/configure/router", r#"[{"router-instance":"two"},{"router-name":"three"}]"#)).await;
    let response = client.get(get(["/configure/router[router-name=two]"])).await.unwrap();
    let text = get_text(&response).remove(0);
    assert!(text.starts_with("/configure/router[router-instance=two] = {\"router-instance\":\"two\""), "{text}");
    assert!(!text.contains("router-name"), "{text}");
    let leaf = |name| format!("/configure/router[router-instance={name}]/router-instance = \"{name}\"");
    let mut leaves = get_text(&client.get(get(["/configure/router/router-instance"])).await.unwrap());
    leaves = leaves.remove(0).split("; ").map(str::to_owned).collect();
    leaves.sort();
    assert_eq!(leaves, ["Base", "three", "two"].map(leaf));
    let name = format!("{BASE}/interface[interface-name=a]/interface-name");
    client.check_once(once([&name]), &[&format!("{name} = \"a\""), "sync", "end"]).await;
    let request = GetRequest { path: vec![element(&name)], ..GetRequest::default() };
    client.check_get(request, &[&format!("~{name} = \"a\"")]).await;
    let refused = client.get(get(["/configure/router[router=two]"])).await;
    check_refused(refused, Code::InvalidArgument, &["router", "router-instance"]);
}

/// C-13, SET-051: what was saved under one profile is there under the other.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_configuration_across_profiles() {
    let (harness, client) = element_16().await;
    client.apply(update(BASE, r#"{"interface":[{"interface-name":"a"}]}"#)).await;
    drop(client);
    let harness = harness.restart_as("release-profile = \"latest\"").await;
    let name = "/configure/router[router-name=Base]/interface[interface-name=a]/interface-name";
    harness.client("admin").await.check_get(get([name]), &[&format!("{name} = \"a\"")]).await;
}

/// SMP-004, C-32: ten seconds is the least; C-22: and there is no POLL.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_short_intervals_and_poll() {
    let (_harness, client) = element_16().await;
    for mode in [SubscriptionMode::Sample, SubscriptionMode::TargetDefined] {
        let list = |sample_interval| stream([Subscription { sample_interval, ..asked(path("/test/types"), mode) }]);
        for short in [1, 1_000_000_000, 9_999_999_999] {
            let status = client.refusal(subscribe(list(short))).await;
            check_refused(Err::<(), _>(status), Code::InvalidArgument, &["minimum", "10000000000 ns (10 s)"]);
        }
        for good in [0, 10_000_000_000] {
            client.subscribe(list(good)).await;
        }
    }
    let status = client.refusal(subscribe(poll(["/test/types"]))).await;
    check_refused(Err::<(), _>(status), Code::Unimplemented, &["POLL", "16.0"]);
}

/// SMP-007, SMP-014, SMP-010, C-26, C-28: the first sample and the sync after one interval, and silence about what went.
#[tokio::test(start_paused = true)]
async fn samples_after_one_interval() {
    let (_harness, client) = element_16().await;
    client.apply(update("/test/types", r#"{"uint8":1,"text":"t"}"#)).await;
    for suppress_redundant in [false, true] {
        let list = stream([Subscription { suppress_redundant, ..sampled("/test/types/uint8", 20) }]);
        client.apply(update("/test/types/uint8", "1")).await;
        let mut stream = client.subscribe(list).await;
        let start = Instant::now();
        assert_eq!(stream.next().await, "/test/types/uint8 = 1");
        assert_eq!(start.elapsed().as_secs(), 20);
        assert_eq!(stream.next().await, "sync");
        client.apply(set().delete("/test/types/uint8")).await;
        tokio::time::advance(Duration::from_secs(65)).await;
        client.apply(update("/test/types/uint8", "2")).await;
        assert_eq!(stream.next().await, "/test/types/uint8 = 2");
        assert_eq!(start.elapsed().as_secs(), 100);
    }
}

/// OCH-001, OCH-002, OCH-010, SUB-056: ON_CHANGE begins at once and tells of deletes.
#[tokio::test(start_paused = true)]
async fn announces_at_once() {
    let (_harness, client) = element_16().await;
    client.apply(update("/test/types/uint8", "1")).await;
    let mut stream = client.subscribe(on_change(["/test/types/uint8"])).await;
    let start = Instant::now();
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    client.apply(update("/test/types/uint8", "2")).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 2");
    client.apply(set().delete("/test/types/uint8")).await;
    assert_eq!(stream.next().await, "delete /test/types/uint8");
    assert!(start.elapsed() < Duration::from_secs(1));
}

/// TGT-001, TGT-005, C-26, C-31: facts at once and as they change, counters from one interval on, then the sync.
#[tokio::test(start_paused = true)]
async fn defines_modes_by_leaf() {
    let (_harness, client) = element_16().await;
    let asked = asked(path("/state/port[port-id=2/1/1]"), SubscriptionMode::TargetDefined);
    let mut stream = client.subscribe(stream([Subscription { sample_interval: 10_000_000_000, ..asked }])).await;
    let start = Instant::now();
    let (mut facts, mut counters) = (String::new(), String::new());
    loop {
        let text = stream.next().await;
        match text.as_str() {
            "sync" => break,
            _ if start.elapsed() < Duration::from_secs(1) => facts += &text,
            _ => counters += &text,
        }
    }
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(facts.contains("/oper-state = ") && !facts.contains("/statistics/in-octets = "), "{facts}");
    assert!(!counters.contains("/oper-state = ") && counters.contains("/statistics/in-octets = "), "{counters}");
}

/// EXT-038, CAP-016, SUB-056: what came to the messages later is neither read nor written.
#[tokio::test(start_paused = true)]
async fn knows_no_newer_fields() {
    let (_harness, client) = element_16().await;
    let extension = vec![depth(1), Extension { ext: Some(Ext::Commit(Commit::default())) }];
    client.capabilities(CapabilityRequest { extension: extension.clone() }).await.unwrap();
    let target = Some(target("t"));
    let request = SetRequest { extension: extension.clone(), prefix: target.clone(), ..update("/test/types", "{}") };
    assert_eq!(client.set(request).await.unwrap().prefix, Some(Path::default()));
    let mut request = update("/test/types/uint8", "1");
    request.union_replace = update("/test/types/uint16", "9").update;
    assert_eq!(client.set(request).await.unwrap().response.len(), 1);
    let double = ganymede::pb::gnmi::typed_value::Value::DoubleVal(1.5);
    check_refused(client.set(set().update("/test/types/decimal", double)).await, Code::InvalidArgument, &["decimal"]);
    let deep = r#"{"low":1,"member":[{"name":"m","weight":1}]}"#;
    client.apply(update("/test/rules", deep)).await;
    let request = GetRequest { extension: extension.clone(), prefix: target.clone(), ..get(["/test/rules"]) };
    let response = client.get(request).await.unwrap();
    assert!(response.notification[0].prefix.as_ref().is_none_or(|prefix| prefix.target.is_empty()));
    assert!(get_text(&response)[0].contains("weight"), "{response:?}");

    let mut list = on_change(["/test/rules"]);
    list.prefix = target;
    list.updates_only = true;
    let mut first = subscribe(list);
    first.extension = extension;
    let mut stream = client.open(first).await.unwrap();
    let initial = stream.response().await.unwrap().unwrap().response;
    let Some(Response::Update(update)) = initial else { panic!("{initial:?}") };
    assert_eq!(update.prefix.as_ref().unwrap().target, "");
    assert!(stream.round().await.iter().any(|text| text.contains("/test/rules/member[name=m]/weight = 1")));
}

/// SUB-041: values that a sample left out are not counted, for there is no field to tell the number.
#[tokio::test(start_paused = true)]
async fn tells_no_duplicates() {
    let (_harness, client) = element_16().await;
    let list = stream([Subscription { suppress_redundant: true, ..sampled("/test/types/uint8", 10) }]);
    client.apply(update("/test/types/uint8", "1")).await;
    let mut stream = client.subscribe(list).await;
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    for value in ["2", "3", "4"] {
        client.apply(update("/test/types/uint8", value)).await;
    }
    assert_eq!(stream.next().await, "/test/types/uint8 = 4");
}
