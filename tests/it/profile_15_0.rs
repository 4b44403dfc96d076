//! Release profile 15.0: telemetry by SAMPLE, and nothing else.

use std::time::Duration;

use ganymede::pb::gnmi::{CapabilityRequest, Encoding, Subscription, SubscriptionList, SubscriptionMode};
use ganymede::pb::gnmi_ext::{Extension, History, extension::Ext};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

const INTERFACE: &str = "/state/router[router-instance=Base]/interface[interface-name=test]";

/// An element whose Base router has an interface `test`, on a simulated platform.
async fn element_15() -> (Harness, Client) {
    let tables = "[[configure.router]]\nrouter-instance = \"Base\"\ninterface = [{ interface-name = \"test\" }]\n\
                  [platform.sim]\nports = 1\ntick-ms = 1000";
    let harness = Harness::start_as("15.0", tables).await;
    let client = harness.client("admin").await;
    (harness, client)
}

async fn refuse(client: &Client, list: SubscriptionList, code: Code, parts: &[&str]) {
    check_refused(Err::<(), _>(client.refusal(subscribe(list)).await), code, parts);
}

/// A SAMPLE of a path in its old form.
fn sampled(at: &str, seconds: u64) -> Subscription {
    Subscription { path: Some(element(at)), ..sample(at, seconds * 1000) }
}

/// CAP-013, C-07: Subscribe alone is there.
#[tokio::test(flavor = "multi_thread")]
async fn serves_subscribe_alone() {
    let (_harness, client) = element_15().await;
    let parts = |rpc| [rpc, "release-profile 15.0"];
    let refused = client.capabilities(CapabilityRequest::default()).await;
    check_refused(refused, Code::Unimplemented, &parts("Capabilities"));
    check_refused(client.get(get(["/configure/system/name"])).await, Code::Unimplemented, &parts("Get"));
    let refused = client.set(update("/configure/system/location", r#""x""#)).await;
    check_refused(refused, Code::Unimplemented, &parts("Set"));
}

/// SUB-020, OCH-025, C-22: STREAM with SAMPLE or TARGET_DEFINED is all there is.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_other_modes() {
    let (_harness, client) = element_15().await;
    refuse(&client, once([INTERFACE]), Code::Unimplemented, &["ONCE", "15.0"]).await;
    refuse(&client, poll([INTERFACE]), Code::Unimplemented, &["POLL", "15.0"]).await;
    refuse(&client, on_change([INTERFACE]), Code::InvalidArgument, &[INTERFACE, "ON_CHANGE"]).await;
    let mixed = stream([sampled(INTERFACE, 10), asked(path("/configure"), SubscriptionMode::OnChange)]);
    refuse(&client, mixed, Code::InvalidArgument, &["/configure", "ON_CHANGE"]).await;
}

/// ENC-002: values are JSON, and nothing else can be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_other_encodings() {
    let (_harness, client) = element_15().await;
    for (encoding, name) in [(Encoding::Proto, "PROTO"), (Encoding::Bytes, "BYTES"), (Encoding::JsonIetf, "JSON_IETF")]
    {
        let list = stream([sampled(INTERFACE, 10)]).encoding(encoding);
        refuse(&client, list, Code::Unimplemented, &[name, "use JSON"]).await;
    }
    client.subscribe(stream([sampled(INTERFACE, 10)]).encoding(Encoding::Json)).await;
}

/// SMP-004, C-32: ten seconds is the least.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_short_intervals() {
    let (_harness, client) = element_15().await;
    for mode in [SubscriptionMode::Sample, SubscriptionMode::TargetDefined] {
        let list = |sample_interval| stream([Subscription { sample_interval, ..asked(path(INTERFACE), mode) }]);
        for short in [1, 1_000_000_000, 9_999_999_999] {
            refuse(&client, list(short), Code::InvalidArgument, &["minimum", "10000000000 ns (10 s)"]).await;
        }
        for good in [0, 10_000_000_000, 10_000_000_001] {
            client.subscribe(list(good)).await;
        }
    }
}

/// PATH-020: wildcards stand for keys only; `//` is none either.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_name_wildcards() {
    let (_harness, client) = element_15().await;
    for wildcard in ["/state/*/interface", "/state/.../oper-state", "/*", "/..."] {
        for path in [path(wildcard), element(wildcard)] {
            let list = stream([asked(path, SubscriptionMode::Sample)]);
            refuse(&client, list, Code::InvalidArgument, &[wildcard, "Wildcard"]).await;
        }
    }
    let list = stream([asked(path("/state//oper-state"), SubscriptionMode::Sample)]);
    refuse(&client, list, Code::InvalidArgument, &[]).await;
    client.subscribe(stream([sampled("/state/router[router-instance=*]/interface[interface-name=*]", 10)])).await;
}

/// SMP-005, SMP-007, SUB-056, PATH-043, C-08, C-13, C-26: the dialogue that the guide prints: the first value and the
/// sync after one interval, paths as texts, the key called `router-instance`.
#[tokio::test(start_paused = true)]
async fn begins_after_one_interval() {
    let (_harness, client) = element_15().await;
    let counter = format!("{INTERFACE}/statistics/ip/in-packets");
    // Whatever the form of the request, answers have the one form that there was.
    for path in [element(&counter), path(&counter)] {
        for interval in [0, 10_000_000_000, 30_000_000_000] {
            let asked = asked(path.clone(), SubscriptionMode::Sample);
            let mut stream = client.subscribe(stream([Subscription { sample_interval: interval, ..asked }])).await;
            let start = Instant::now();
            let seconds = if interval == 0 { 10 } else { interval / 1_000_000_000 };
            for tick in 1..4 {
                let text = stream.next().await;
                assert!(text.starts_with(&format!("~{counter} = \"")), "{text}");
                assert_eq!(start.elapsed().as_secs(), seconds * tick);
                if tick == 1 {
                    assert_eq!(stream.next().await, "sync");
                    assert_eq!(start.elapsed().as_secs(), seconds);
                }
            }
        }
    }
}

/// SMP-007, SUB-029, C-26, C-61: one sync, when every path has spoken, also when there is nothing to say.
#[tokio::test(start_paused = true)]
async fn syncs_after_the_longest_interval() {
    let (_harness, client) = element_15().await;
    let nothing = "/state/router[router-instance=Base]/interface[interface-name=none]";
    let name = "/configure/system/name";
    let mut stream = client.subscribe(stream([sampled(name, 10), sampled(nothing, 25)])).await;
    let start = Instant::now();
    let round = stream.round().await;
    assert_eq!(round, [r#"~/configure/system/name = "it""#, r#"~/configure/system/name = "it""#, "sync"]);
    assert_eq!(start.elapsed().as_secs(), 25);
    assert_eq!(stream.next().await, r#"~/configure/system/name = "it""#);
    assert_eq!(start.elapsed().as_secs(), 30);
}

/// TGT-002, C-31: TARGET_DEFINED samples everything, configuration too.
#[tokio::test(start_paused = true)]
async fn samples_what_the_target_defines() {
    let (_harness, client) = element_15().await;
    let asked = asked(element("/configure/system/name"), SubscriptionMode::TargetDefined);
    let mut stream = client.subscribe(stream([Subscription { sample_interval: 20_000_000_000, ..asked }])).await;
    let start = Instant::now();
    assert_eq!(stream.round().await, [r#"~/configure/system/name = "it""#, "sync"]);
    for tick in 2..4 {
        assert_eq!(stream.next().await, r#"~/configure/system/name = "it""#);
        assert_eq!(start.elapsed().as_secs(), 20 * tick);
    }
}

/// EXT-038, CAP-016, SUB-056: fields that gnmi.proto 0.4.0 does not have count as unknown ones.
#[tokio::test(start_paused = true)]
async fn ignores_newer_fields() {
    let (_harness, client) = element_15().await;
    let mut list = stream([sampled("/system/name", 10)]);
    list.prefix = Some(ganymede::pb::gnmi::Path { target: "t".to_owned(), ..element("/configure") });
    list.updates_only = true;
    let mut first = subscribe(list);
    first.extension = vec![depth(1), Extension { ext: Some(Ext::History(History::default())) }];
    let mut stream = client.open(first).await.unwrap();
    let start = Instant::now();
    for _ in 0..2 {
        let response = stream.response().await.unwrap().unwrap();
        if let Some(ganymede::pb::gnmi::subscribe_response::Response::Update(update)) = response.response {
            assert_eq!(update.prefix.as_ref().unwrap().target, "");
            assert_eq!(notification_text(&update), r#"~/configure/system/name = "it""#);
        }
        assert!(start.elapsed() < Duration::from_secs(11));
    }
}
