//! The Subscribe RPC: what all modes have in common, and what is refused.

use ganymede::pb::gnmi::subscribe_request::Request as Kind;
use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{
    Encoding, GetRequest, ModelData, Notification, Poll, QosMarking, SubscribeRequest, Subscription, SubscriptionList,
    SubscriptionMode, subscription_list,
};
use tonic::Code;

use crate::harness::{Client, Harness, eventually, subscribe};
use crate::request::*;
use crate::text::*;

const MODES: [subscription_list::Mode; 3] =
    [subscription_list::Mode::Stream, subscription_list::Mode::Once, subscription_list::Mode::Poll];

/// The refusal of a list, in each of the three modes.
async fn refuse(client: &Client, list: SubscriptionList, code: Code, parts: &[&str]) {
    for mode in MODES {
        let status = client.refusal(subscribe(SubscriptionList { mode: mode.into(), ..list.clone() })).await;
        check_refused(Err::<(), _>(status), code, parts);
    }
}

/// SUB-001, SUB-015, SUB-029, SUB-054: a list makes a subscription, STREAM unless it says otherwise, and values come on
/// their own.
#[tokio::test(flavor = "multi_thread")]
async fn streams_by_default() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1}"#)).await;
    let subscription = vec![asked(path("/test/types/uint8"), SubscriptionMode::OnChange)];
    let mut stream = client.subscribe(SubscriptionList { subscription, ..SubscriptionList::default() }).await;
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    for value in ["2", "3"] {
        client.apply(update("/test/types/uint8", value)).await;
        assert_eq!(stream.next().await, format!("/test/types/uint8 = {value}"));
    }
}

/// SUB-002, SUB-003: nothing to subscribe to.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_to_begin_without_a_list() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for request in [Some(Kind::Poll(Poll {})), None] {
        let status = client.refusal(SubscribeRequest { request, extension: Vec::new() }).await;
        check_refused(Err::<(), _>(status), Code::InvalidArgument, &["No subscription exists"]);
    }
    refuse(&client, once([]), Code::InvalidArgument, &["no subscription"]).await;
    refuse(&client, SubscriptionList { prefix: Some(path("/test")), ..once([]) }, Code::InvalidArgument, &[]).await;
}

/// SUB-004, SUB-022: a second list and a Poll out of place end the RPC, and no other one.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_messages_out_of_place() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut other = client.subscribe(on_change(["/test/types/uint8"])).await;
    other.round().await;
    let list = on_change(["/test/types/text"]);
    for (message, first) in [
        (Kind::Subscribe(list.clone()), list.clone()),
        (Kind::Subscribe(poll(["/test/types/text"])), poll(["/test/types/text"])),
        (Kind::Poll(Poll {}), list),
    ] {
        let mut stream = client.subscribe(first).await;
        stream.round().await;
        stream.send(message).await;
        check_refused(stream.response().await, Code::InvalidArgument, &[]);
    }
    client.apply(update("/test/types/uint8", "5")).await;
    assert_eq!(other.next().await, "/test/types/uint8 = 5");
}

/// SUB-005, SUB-006: the same place twice, however it is written, whatever the modes.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_the_same_path_twice() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let router = "/configure/router[router-name=Base]/interface";
    let twins = [
        (path("/test/types/text"), path("/test/types/text")),
        (path("/test/types/text"), element("/test/types/text")),
        (path("/test/types/text"), path("/ganymede-test:test/types/text")),
        (path("/test/b"), path("/test/b[key1=*][key2=*]")),
        (path("/test/b[key1=1][key2=a]"), element("/test/b[key2=a][key1=1]")),
        (path(router), element("/configure/router[router-instance=Base]/interface[interface-name=*]")),
        (path("/test/..."), path("/test")),
        (path("/"), path("/...")),
    ];
    for (first, second) in twins {
        let second = asked(second, SubscriptionMode::OnChange);
        let first = Subscription { sample_interval: 5_000_000_000, ..asked(first, SubscriptionMode::Sample) };
        let named = path_text(&path("/"));
        refuse(&client, stream([first, second]), Code::InvalidArgument, &["twice", &named]).await;
    }
    let prefix = Some(path("/test"));
    let list = SubscriptionList { prefix, ..stream(["/types/text", "/types/text"].map(once_path)) };
    refuse(&client, list, Code::InvalidArgument, &["/test/types/text", "twice"]).await;
    let overlapping = ["/test", "/test/types", "/test/types/text", "/test/*", "/test/.../text"];
    assert!(client.subscribe(on_change(overlapping)).await.round().await.contains(&"sync".to_owned()));
}

fn once_path(text: &str) -> Subscription {
    asked(path(text), SubscriptionMode::TargetDefined)
}

/// SUB-007: two RPCs may ask for the same.
#[tokio::test(flavor = "multi_thread")]
async fn serves_the_same_path_to_several() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let other = harness.client("admin").await;
    let list = || on_change(["/test/types/uint8"]);
    let mut streams = [client.subscribe(list()).await, client.subscribe(list()).await, other.subscribe(list()).await];
    client.apply(update("/test/types/uint8", "1")).await;
    for stream in &mut streams {
        let mut texts = stream.round().await;
        if texts == ["sync"] {
            texts = vec![stream.next().await, "sync".to_owned()];
        }
        assert_eq!(texts, ["/test/types/uint8 = 1", "sync"]);
    }
}

/// SUB-014, SUB-055, ENC-057, CAP-008: values in the encoding of the list, whatever was asked before.
#[tokio::test(flavor = "multi_thread")]
async fn encodes_as_asked() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1}"#)).await;
    for (encoding, value) in [
        (Encoding::Proto, "uint 1"),
        (Encoding::Json, "1"),
        (Encoding::JsonIetf, "ietf 1"),
        (Encoding::Proto, "uint 1"),
    ] {
        let expected = format!("/test/types/uint8 = {value}");
        for list in [on_change(["/test/types/uint8"]), poll(["/test/types/uint8"])] {
            assert_eq!(client.subscribe(list.encoding(encoding)).await.round().await, [&*expected, "sync"]);
        }
        client.check_once(once(["/test/types/uint8"]).encoding(encoding), &[&expected, "sync", "end"]).await;
    }
}

/// SUB-015, CAP-010, ENC-003, ENC-004: numbers outside the enums, and encodings that are not offered.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_unknown_modes_and_encodings() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let status = client.refusal(subscribe(SubscriptionList { mode: 3, ..once(["/test"]) })).await;
    check_refused(Err::<(), _>(status), Code::InvalidArgument, &["3"]);
    let list = stream([Subscription { mode: 7, ..once_path("/test") }]);
    check_refused(Err::<(), _>(client.refusal(subscribe(list)).await), Code::InvalidArgument, &["7"]);
    refuse(&client, once(["/test"]).encoding(Encoding::Ascii), Code::Unimplemented, &["ASCII"]).await;
    let list = SubscriptionList { encoding: 99, ..once(["/test"]) };
    refuse(&client, list, Code::Unimplemented, &["99"]).await;
}

/// SUB-031, SUB-046, SUB-047: an unknown path or a model that is switched off fails the whole list, in every mode.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_bad_paths_whole() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let bad = once(["/test/types", "/test/bogus"]);
    refuse(&client, bad, Code::InvalidArgument, &["/test/bogus - Unknown element"]).await;
    let off = update("/configure/system/management-interface/yang-modules", r#"{"openconfig-modules":false}"#);
    client.apply(off).await;
    let disabled = once(["/test/types", "/system/config"]);
    refuse(&client, disabled, Code::Unimplemented, &["/system", "disabled by configuration"]).await;
}

/// SUB-008, SUB-009, SUB-017, C-61: what is not there gives the sync alone, and comes when it comes.
#[tokio::test(flavor = "multi_thread")]
async fn waits_for_what_is_not_there() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let absent = ["/test/b[key1=x][key2=y]/value", "/test/presence", "/test/typed-key"];
    client.check_once(once(absent), &["sync", "end"]).await;
    let mut polled = client.subscribe(poll(absent)).await;
    assert_eq!(polled.round().await, ["sync"]);
    let mut watched = client.subscribe(on_change(absent)).await;
    assert_eq!(watched.round().await, ["sync"]);
    client.apply(update("/test/b[key1=x][key2=y]/value", r#""v""#)).await;
    assert_eq!(watched.next().await, r#"/test/b[key1=x][key2=y]/value = "v""#);
    polled.send(Kind::Poll(Poll {})).await;
    assert_eq!(polled.round().await, [r#"/test/b[key1=x][key2=y]/value = "v""#, "sync"]);
    client.apply(set().delete("/test/b")).await;
    polled.send(Kind::Poll(Poll {})).await;
    assert_eq!(polled.round().await, ["sync"]);
}

/// The notifications up to the sync.
async fn notifications(client: &Client, list: SubscriptionList) -> Vec<Notification> {
    let mut stream = client.subscribe(list).await;
    let mut found = Vec::new();
    loop {
        match stream.response().await.unwrap().and_then(|response| response.response) {
            Some(Response::Update(notification)) => found.push(notification),
            Some(Response::SyncResponse(true)) => return found,
            other => panic!("{other:?}"),
        }
    }
}

/// SUB-012, SUB-013, SUB-025 to SUB-028, SUB-030, SUB-040, SUB-049, SUB-050: each leaf below the path once, with its default,
/// its time and a full path made of the container as prefix and the leaf.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_single_leaves() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/b", r#"[{"key1":"1","key2":"a","c":[{"key1":"x"}]},{"key1":"2","key2":"b"}]"#)).await;
    let reference = client.get(get(["/test", "/configure"]).encoding(Encoding::Proto)).await.unwrap();
    let reference: Vec<_> = get_text(&reference).join("; ").split("; ").map(str::to_owned).collect();
    assert!(reference.contains(&"/test/types/with-default = uint 7".to_owned()));
    for list in [on_change(["/test", "/configure"]), poll(["/test", "/configure"]), once(["/test", "/configure"])] {
        let before = now_nanos();
        let found = notifications(&client, list.encoding(Encoding::Proto)).await;
        let after = now_nanos();
        let texts: Vec<_> = found.iter().map(notification_text).collect();
        let mut leaves: Vec<_> = texts.join("; ").split("; ").map(str::to_owned).collect();
        assert!(leaves.iter().all(|leaf| reference.contains(leaf)));
        leaves.sort();
        leaves.dedup();
        assert_eq!(leaves.len(), reference.len());
        for notification in &found {
            assert!((before..=after).contains(&notification.timestamp), "{notification:?}");
            assert!(!notification.atomic);
            let mut paths: Vec<_> = notification.update.iter().map(|update| format!("{:?}", update.path)).collect();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), notification.update.len(), "{notification:?}");
        }
    }
    let found = notifications(&client, on_change(["/test/b[key1=1][key2=a]/c[key1=x]/key1"])).await;
    let [notification] = &*found else { panic!("{found:?}") };
    assert_eq!(notification.prefix, Some(path("/test/b[key1=1][key2=a]/c[key1=x]")));
    assert_eq!(notification.update[0].path, Some(path("/key1")));
    let list = SubscriptionList { prefix: Some(path("/test")), ..on_change(["/b[key1=1][key2=a]/c"]) };
    assert_eq!(notifications(&client, list).await[0].prefix, notification.prefix);
}

/// SUB-040: paths that overlap never put one leaf twice into a notification.
#[tokio::test(flavor = "multi_thread")]
async fn never_repeats_a_leaf_in_a_notification() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let paths = ["/test/types", "/test/types/with-default", "/test/types/*", "/test/rules", "/test"];
    for list in [once(paths), poll(paths), on_change(paths)] {
        for notification in notifications(&client, list).await {
            let mut paths: Vec<_> = notification.update.iter().map(|update| format!("{:?}", update.path)).collect();
            paths.sort();
            let all = paths.len();
            paths.dedup();
            assert_eq!(paths.len(), all, "{}", notification_text(&notification));
        }
    }
}

/// SUB-043, SUB-044, SUB-045: fields that change nothing in the answer. A marking beyond the DSCPs is refused.
#[tokio::test(flavor = "multi_thread")]
async fn accepts_fields_without_effect() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let list = || once(["/test/types/with-default"]);
    let models = vec![ModelData { name: "no-such-model".into(), ..ModelData::default() }];
    for list in [
        SubscriptionList { allow_aggregation: true, ..list() },
        SubscriptionList { use_models: models, ..list() },
        SubscriptionList { qos: Some(QosMarking { marking: 10 }), ..list() },
    ] {
        client.check_once(list, &["/test/types/with-default = 7", "sync", "end"]).await;
    }
    let list = SubscriptionList { qos: Some(QosMarking { marking: 64 }), ..list() };
    refuse(&client, list, Code::InvalidArgument, &["QoS marking 64"]).await;
}

/// SUB-032, SUB-033, LIM-007: an RPC that is cancelled and a session that is closed leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn forgets_what_is_gone() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 1").await;
    let staying = harness.client("admin").await;
    let leaving = harness.client("admin").await;
    let list = || on_change(["/test/types/uint8"]);
    let first = staying.subscribe(list()).await;
    check_refused(staying.open(subscribe(list())).await.map(drop), Code::ResourceExhausted, &["1"]);
    drop(first);
    eventually(true, async || leaving.open(subscribe(list())).await.is_ok()).await;
    let second = leaving.open(subscribe(list())).await;
    drop((second, leaving));
    eventually(true, async || staying.open(subscribe(list())).await.is_ok()).await;
    staying.check_get(get(["/configure/system/name"]), &[r#"/configure/system/name = "it""#]).await;
}

/// SUB-035: a daemon that starts again knows of no subscription; the old ones ended with a status.
#[tokio::test(flavor = "multi_thread")]
async fn does_not_survive_a_restart() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 1").await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types/uint8"])).await;
    stream.round().await;
    let (harness, ended) = tokio::join!(harness.restart(), stream.response());
    check_refused(ended, Code::Unavailable, &["shutdown"]);
    let client = harness.client("admin").await;
    assert_eq!(client.subscribe(on_change(["/test/types/uint8"])).await.round().await, ["sync"]);
}

/// SUB-048: a client that says it will send nothing more stays subscribed.
#[tokio::test(flavor = "multi_thread")]
async fn outlives_a_half_close() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut early = client.subscribe(on_change(["/test/types/uint8"])).await;
    early.half_close();
    assert_eq!(early.round().await, ["sync"]);
    client.apply(update("/test/types/uint8", "1")).await;
    assert_eq!(early.next().await, "/test/types/uint8 = 1");
}

/// SUB-051, PATH-012: the root streams everything that is loaded.
#[tokio::test(flavor = "multi_thread")]
async fn streams_the_root() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/"])).await;
    let initial = stream.round().await.join("; ");
    assert!(initial.contains(r#"/configure/system/name = "it""#) && initial.contains("/test/types/with-default = 7"));
    client.apply(update("/system/config", r#"{"hostname":"oc"}"#)).await;
    assert_eq!(stream.next().await, r#"/system/config/hostname = "oc""#);
    client.apply(update("/configure/system/name", r#""new""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/name = "new""#);
}

/// PATH-003: the stream answers in the form the list used.
#[tokio::test(flavor = "multi_thread")]
async fn streams_in_the_form_of_the_request() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/typed-key[number=5]/value", r#""v""#)).await;
    let list = stream([asked(element("/test/typed-key[number=5]/value"), SubscriptionMode::OnChange)]);
    let mut stream = client.subscribe(list).await;
    assert_eq!(stream.round().await, [r#"~/test/typed-key[number=5]/value = "v""#, "sync"]);
    client.apply(set().delete("/test/typed-key[number=5]/value")).await;
    assert_eq!(stream.next().await, "delete ~/test/typed-key[number=5]/value");
    let old = GetRequest { path: vec![element("/test/typed-key")], ..GetRequest::default() };
    client.check_get(old, &[r#"~/test/typed-key[number=5] = {"number":5}"#]).await;
}
