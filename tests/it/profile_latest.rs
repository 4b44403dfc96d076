//! Release profile `latest`, which is the one without a key in the file, where it differs from the older ones; and the
//! keys of `[gnmi]`, each of which changes one fact of it.

use std::time::Duration;

use ganymede::pb::gnmi::{CapabilityRequest, Encoding, Subscription, SubscriptionMode};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Harness, subscribe};
use crate::request::*;
use crate::text::*;

/// CAP-002, CAP-008, C-05, C-33: the version follows the knob `proto-version`, at once and back.
#[tokio::test(flavor = "multi_thread")]
async fn advertises_the_version_of_the_knob() {
    let harness = Harness::start_as("latest", "").await;
    let client = harness.client("admin").await;
    let version = async || client.capabilities(CapabilityRequest::default()).await.unwrap().g_nmi_version;
    assert_eq!(version().await, "0.8.0");
    for (knob, told) in [("v070", "0.7.0"), ("latest", "0.8.0")] {
        client.apply(update("/configure/system/grpc/gnmi/proto-version", &format!("{knob:?}"))).await;
        assert_eq!(version().await, told);
    }
    let fixed = Harness::start_with("[gnmi]\nversion = \"0.7.1\"").await;
    let told = fixed.client("admin").await.capabilities(CapabilityRequest::default()).await.unwrap();
    assert_eq!(told.g_nmi_version, "0.7.1");
}

/// PATH-014, PATH-015, PATH-043, C-08, C-11, C-13: name wildcards, the form of the request, and `router-name`.
#[tokio::test(flavor = "multi_thread")]
async fn follows_the_newer_path_conventions() {
    let harness = Harness::start_as("latest", "").await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/router[router-instance=Base]/interface", r#"[{"interface-name":"a"}]"#)).await;
    let name = "/configure/router[router-name=Base]/interface[interface-name=a]/interface-name";
    client.check_get(get(["/configure/*/*/interface-name"]), &[&format!("{name} = \"a\"")]).await;
    let old = "/configure/router[router-instance=Base]/interface[interface-name=a]/interface-name";
    let request = ganymede::pb::gnmi::GetRequest { path: vec![element(old)], ..get([]) };
    client.check_get(request, &[&format!("~{name} = \"a\"")]).await;
}

/// SUB-015, SMP-003, SMP-007, TGT-001, C-22, C-26, C-31, C-32: all modes, one second, and values at once.
#[tokio::test(start_paused = true)]
async fn begins_at_once() {
    let harness = Harness::start_as("latest", "").await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types/uint8", "1")).await;
    let value = "/test/types/uint8 = 1";
    assert_eq!(client.subscribe(once(["/test/types/uint8"])).await.round().await, [value, "sync", "end"]);
    assert_eq!(client.subscribe(poll(["/test/types/uint8"])).await.round().await, [value, "sync"]);
    assert_eq!(client.subscribe(on_change(["/test/types/uint8"])).await.round().await, [value, "sync"]);
    let mut stream = client.subscribe(stream([sample("/test/types/uint8", 1000)])).await;
    let start = Instant::now();
    assert_eq!(stream.round().await, [value, "sync"]);
    assert!(start.elapsed() < Duration::from_millis(500));
    assert_eq!(stream.next().await, value);
    assert_eq!(start.elapsed().as_secs(), 1);
    for encoding in [Encoding::Json, Encoding::Proto, Encoding::JsonIetf] {
        client.get(get(["/test/types/uint8"]).encoding(encoding)).await.unwrap();
    }
}

/// SMP-007, SMP-014, C-26, C-28: the cadence and the silence of old releases, fact by fact.
#[tokio::test(start_paused = true)]
async fn samples_as_the_file_says() {
    let harness = Harness::start_with("[gnmi]\ninitial-sample = \"after-interval\"\nsample-deletes = false").await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types/uint8", "1")).await;
    let mut stream = client.subscribe(stream([sample("/test/types/uint8", 2000)])).await;
    let start = Instant::now();
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    assert_eq!(start.elapsed().as_secs(), 2);
    client.apply(set().delete("/test/types/uint8")).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    client.apply(update("/test/types/uint8", "2")).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 2");
    assert_eq!(start.elapsed().as_secs(), 8);
    // With updates only there is nothing to wait for (SMP-015).
    let mut list = crate::request::stream([sample("/test/types/uint8", 2000)]);
    list.updates_only = true;
    let mut stream = client.subscribe(list).await;
    let start = Instant::now();
    assert_eq!(stream.next().await, "sync");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(stream.next().await, "/test/types/uint8 = 2");
    assert_eq!(start.elapsed().as_secs(), 2);
}

/// OCH-001, SUB-030, C-29: the initial values of ON_CHANGE are those of all leaves when the file says so; changes of the
/// others are still not told.
#[tokio::test(start_paused = true)]
async fn begins_on_change_with_everything() {
    let tables = "[gnmi]\non-change-initial = \"all\"\n[platform.sim]\nports = 1\ntick-ms = 200";
    let harness = Harness::start_with(tables).await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/state/port[port-id=2/1/1]"])).await;
    let initial = stream.round().await.join("; ");
    assert!(initial.contains("/oper-state = ") && initial.contains("/statistics/in-octets = "), "{initial}");
    tokio::time::advance(Duration::from_secs(5)).await;
    client.apply(update("/configure/port[port-id=2/1/1]/admin-state", r#""disable""#)).await;
    let text = stream.next().await;
    assert!(text.contains("/oper-state = ") && !text.contains("statistics"), "{text}");
}

/// GET-014, C-17: a place without data is NOT_FOUND, or nothing when the file says so.
#[tokio::test(flavor = "multi_thread")]
async fn gets_nothing_of_what_is_missing() {
    let harness = Harness::start_with("").await;
    let refused = harness.client("admin").await.get(get(["/test/types/uint8"])).await;
    check_refused(refused, Code::NotFound, &["/test/types/uint8"]);
    let harness = Harness::start_with("[gnmi]\nget-missing = \"empty\"").await;
    let client = harness.client("admin").await;
    client
        .check_get(get(["/test/types/uint8", "/configure/system/name"]), &["", r#"/configure/system/name = "it""#])
        .await;
    // What the schema does not have is still an error.
    check_refused(client.get(get(["/test/bogus"])).await, Code::InvalidArgument, &["/test/bogus"]);
    let short = stream([Subscription { sample_interval: 5, ..asked(path("/test"), SubscriptionMode::Sample) }]);
    let status = client.refusal(subscribe(short)).await;
    check_refused(Err::<(), _>(status), Code::InvalidArgument, &["1000000000 ns (1 s)"]);
}
