//! ONCE and POLL lists.

use ganymede::pb::gnmi::subscribe_request::Request as Kind;
use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{Poll, Subscription, SubscriptionList};

use crate::harness::Harness;
use crate::request::*;
use crate::text::*;

/// SUB-016, C-21: one notification with everything, the sync, the end.
#[tokio::test(flavor = "multi_thread")]
async fn once_is_one_notification() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/b", r#"[{"key1":"1","key2":"a"},{"key1":"2","key2":"b","value":"v"}]"#)).await;
    let all = concat!(
        r#"/test/types/with-default = 7; "#,
        r#"/test/b[key1=1][key2=a]/key1 = "1"; /test/b[key1=1][key2=a]/key2 = "a"; "#,
        r#"/test/b[key1=2][key2=b]/key1 = "2"; /test/b[key1=2][key2=b]/key2 = "b"; "#,
        r#"/test/b[key1=2][key2=b]/value = "v"; "#,
        r#"/configure/system/name = "it""#
    );
    let list = once(["/test/types/with-default", "/test/b", "/configure/system/name"]);
    client.check_once(list, &[all, "sync", "end"]).await;
}

/// SUB-018: what is too large for one message comes in several, none too large, all of one time.
#[tokio::test(flavor = "multi_thread")]
async fn once_splits_what_is_large() {
    let harness = Harness::start_with("[limits]\nsubscribe-message-bytes = 10000").await;
    let client = harness.client("admin").await;
    let entry = |name: usize| format!(r#"{{"name":"{name:03}","description":"{}","c0":"{name}"}}"#, "x".repeat(500));
    let entries = (0..200).map(entry).collect::<Vec<_>>().join(",");
    client.apply(update("/test/bulk/entry", &format!("[{entries}]"))).await;
    let mut stream = client.subscribe(once(["/test/bulk"])).await;
    let mut found = Vec::new();
    while let Some(Response::Update(notification)) = stream.response().await.unwrap().unwrap().response {
        assert!(prost::Message::encoded_len(&notification) <= 10_000);
        found.push(notification);
    }
    assert_eq!(stream.next().await, "end");
    assert!(found.len() >= 10, "{}", found.len());
    assert!(found.iter().all(|notification| notification.timestamp == found[0].timestamp));
    let mut texts: Vec<_> =
        found.iter().map(notification_text).collect::<Vec<_>>().join("; ").split("; ").map(str::to_owned).collect();
    assert_eq!(texts.len(), 600);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 600);
}

/// SUB-019: ONCE and POLL do not look at what only STREAM would use.
#[tokio::test(flavor = "multi_thread")]
async fn once_ignores_modes_and_intervals() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (mode, sample_interval) in [(2, 1), (1, 1), (0, 999_999_999), (9, u64::MAX)] {
        let subscription = Subscription {
            path: Some(path("/test/types/with-default")),
            mode,
            sample_interval,
            heartbeat_interval: 1,
            suppress_redundant: true,
        };
        let list = SubscriptionList { subscription: vec![subscription.clone()], ..once([]) };
        client.check_once(list, &["/test/types/with-default = 7", "sync", "end"]).await;
        let list = SubscriptionList { subscription: vec![subscription], ..poll([]) };
        assert_eq!(client.subscribe(list).await.round().await, ["/test/types/with-default = 7", "sync"]);
    }
}

/// SUB-021, SUB-023, C-23: everything at first and again for each Poll, until the client half-closes.
#[tokio::test(flavor = "multi_thread")]
async fn poll_answers_each_poll() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1}"#)).await;
    let mut stream = client.subscribe(poll(["/test/types/uint8", "/test/types/text"])).await;
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    stream.send(Kind::Poll(Poll {})).await;
    assert_eq!(stream.round().await, ["/test/types/uint8 = 1", "sync"]);
    client.apply(update("/test/types", r#"{"uint8":2,"text":"t"}"#)).await;
    stream.send(Kind::Poll(Poll {})).await;
    stream.send(Kind::Poll(Poll {})).await;
    for _ in 0..2 {
        assert_eq!(stream.round().await, [r#"/test/types/uint8 = 2; /test/types/text = "t""#, "sync"]);
    }
    stream.half_close();
    assert_eq!(stream.next().await, "end");
}

/// SUB-023: Polls sent before a half-close are answered before the end.
#[tokio::test(flavor = "multi_thread")]
async fn poll_finishes_before_it_ends() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(poll(["/test/types/with-default"])).await;
    stream.send(Kind::Poll(Poll {})).await;
    stream.half_close();
    for _ in 0..2 {
        assert_eq!(stream.round().await, ["/test/types/with-default = 7", "sync"]);
    }
    assert_eq!(stream.next().await, "end");
}

/// SUB-024: with `updates_only` ONCE and POLL have nothing to say but the sync.
#[tokio::test(flavor = "multi_thread")]
async fn updates_only_leaves_the_sync() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let only = |list: SubscriptionList| SubscriptionList { updates_only: true, ..list };
    client.check_once(only(once(["/test"])), &["sync", "end"]).await;
    let mut stream = client.subscribe(only(poll(["/test"]))).await;
    assert_eq!(stream.round().await, ["sync"]);
    client.apply(update("/test/types/uint8", "1")).await;
    stream.send(Kind::Poll(Poll {})).await;
    assert_eq!(stream.round().await, ["sync"]);
}
