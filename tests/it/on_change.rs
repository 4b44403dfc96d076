//! STREAM with ON_CHANGE.

use std::time::Duration;

use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{Notification, Subscription, SubscriptionList, SubscriptionMode};
use tokio::time::Instant;

use crate::harness::{Harness, Subscription as Stream};
use crate::request::*;
use crate::text::*;

async fn notification(stream: &mut Stream) -> Notification {
    match stream.response().await.unwrap().and_then(|response| response.response) {
        Some(Response::Update(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

/// OCH-001 to OCH-005, OCH-017, OCH-018, SET-045: the values at first, then each change once, with the new value and
/// nothing beside it, whoever makes it.
#[tokio::test(flavor = "multi_thread")]
async fn reports_changes_and_only_those() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let other = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"uint16":1,"text":"t"}"#)).await;
    let mut stream = client.subscribe(on_change(["/test/types"])).await;
    let initial = concat!(
        r#"/test/types/uint8 = 1; /test/types/uint16 = 1; /test/types/text = "t"; "#,
        r#"/test/types/with-defaults = ["a","b"]; /test/types/with-default = 7"#
    );
    assert_eq!(stream.round().await, [initial, "sync"]);
    client.apply(update("/test/types/uint8", "2")).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 2");
    other.apply(update("/test/types", r#"{"uint8":3,"uint16":1,"text":"t"}"#)).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 3");
    // The same value, a default written down, what lies elsewhere, and nothing at all are no changes.
    client.apply(update("/test/types/uint8", "3")).await;
    client.apply(set().replace("/test/types/text", json(r#""t""#))).await;
    client.apply(update("/test/types/with-default", "7")).await;
    client.apply(update("/configure/system/location", r#""x""#)).await;
    client.apply(set()).await;
    client.apply(set().delete("/test/b")).await;
    client.apply(update("/test/types/uint16", "9")).await;
    assert_eq!(stream.next().await, "/test/types/uint16 = 9");
}

/// SET-004, SET-006, OCH-015, OCH-019, SUB-025: one Set is one event, told together or in a row, at the time of its
/// commit.
#[tokio::test(flavor = "multi_thread")]
async fn reports_one_set_at_one_time() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test", "/configure/system"])).await;
    stream.round().await;
    let request = set()
        .update("/test/types/uint8", json("1"))
        .update("/test/types/text", json(r#""t""#))
        .update("/configure/system/location", json(r#""zurich""#))
        .update("/test/b[key1=x][key2=y]/value", json(r#""v""#));
    let committed = client.set(request).await.unwrap().timestamp;
    let mut texts = Vec::new();
    while texts.len() < 6 {
        let notification = notification(&mut stream).await;
        assert_eq!(notification.timestamp, committed);
        texts.extend(notification_text(&notification).split("; ").map(str::to_owned));
    }
    texts.sort();
    let expected = [
        r#"/configure/system/location = "zurich""#,
        r#"/test/b[key1=x][key2=y]/key1 = "x""#,
        r#"/test/b[key1=x][key2=y]/key2 = "y""#,
        r#"/test/b[key1=x][key2=y]/value = "v""#,
        r#"/test/types/text = "t""#,
        "/test/types/uint8 = 1",
    ];
    assert_eq!(texts, expected);
}

/// OCH-016: a Set that fails is not heard of.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_silent_about_failures() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types"])).await;
    stream.round().await;
    let failing = set().update("/test/types/uint8", json("1")).update("/test/types/uint16", json("x"));
    client.set(failing).await.unwrap_err();
    client.apply(update("/test/types/uint32", "3")).await;
    assert_eq!(stream.next().await, "/test/types/uint32 = 3");
}

/// OCH-010, OCH-011, OCH-023: entries come with their leaves and go with a delete.
#[tokio::test(flavor = "multi_thread")]
async fn reports_entries() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut entries = client.subscribe(on_change(["/test/b[key1=*][key2=*]"])).await;
    let mut leaves = client.subscribe(on_change(["/test/b/value"])).await;
    let mut exact = client.subscribe(on_change(["/test/b[key1=1][key2=a]/value"])).await;
    for stream in [&mut entries, &mut leaves, &mut exact] {
        assert_eq!(stream.round().await, ["sync"]);
    }
    client.apply(update("/test/b[key1=1][key2=a]/value", r#""v""#)).await;
    let entry = "/test/b[key1=1][key2=a]";
    assert_eq!(entries.next().await, format!(r#"{entry}/key1 = "1"; {entry}/key2 = "a"; {entry}/value = "v""#));
    assert_eq!(leaves.next().await, format!(r#"{entry}/value = "v""#));
    assert_eq!(exact.next().await, format!(r#"{entry}/value = "v""#));
    for container in [entry, "/test/b", "/test"] {
        client.apply(set().delete(container)).await;
        assert_eq!(entries.next().await, format!("delete {entry}"));
        // A delete covers the leaf when it names the leaf or anything around it.
        for stream in [&mut leaves, &mut exact] {
            let text = stream.next().await;
            assert!(format!("delete {entry}/value").starts_with(&text), "{text}");
        }
        client.apply(update("/test/b[key1=1][key2=a]/value", r#""v""#)).await;
        for stream in [&mut entries, &mut leaves, &mut exact] {
            assert!(stream.next().await.ends_with(r#"/value = "v""#));
        }
    }
    client.apply(set().delete("/test/b[key1=1][key2=a]/value")).await;
    for stream in [&mut entries, &mut leaves, &mut exact] {
        assert_eq!(stream.next().await, format!("delete {entry}/value"));
    }
}

/// OCH-012, C-30: going back to a default is a value, not only a removal.
#[tokio::test(flavor = "multi_thread")]
async fn reports_defaults() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types"])).await;
    stream.round().await;
    client.apply(update("/test/types/with-default", "9")).await;
    assert_eq!(stream.next().await, "/test/types/with-default = 9");
    client.apply(set().delete("/test/types/with-default")).await;
    assert_eq!(stream.next().await, "/test/types/with-default = 7");
    client.apply(set().update("/test/types", json(r#"{"with-default":5,"text":"t"}"#))).await;
    assert_eq!(stream.next().await, r#"/test/types/text = "t"; /test/types/with-default = 5"#);
    client.apply(set().replace("/test/types", json("{}"))).await;
    let mut back = vec![stream.next().await, stream.next().await];
    back.sort();
    assert_eq!(back, ["/test/types/with-default = 7", "delete /test/types/text"]);
}

/// OCH-021: a leaf-list is one value.
#[tokio::test(flavor = "multi_thread")]
async fn reports_leaf_lists_whole() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types/numbers"])).await;
    stream.round().await;
    client.apply(update("/test/types/numbers", "[3]")).await;
    assert_eq!(stream.next().await, "/test/types/numbers = [3]");
    client.apply(update("/test/types/numbers", "[1]")).await;
    assert_eq!(stream.next().await, "/test/types/numbers = [3,1]");
    client.apply(set().replace("/test/types/numbers", json("[1,3]"))).await;
    assert_eq!(stream.next().await, "/test/types/numbers = [1,3]");
    client.apply(set().delete("/test/types/numbers")).await;
    assert_eq!(stream.next().await, "delete /test/types/numbers");
}

/// OCH-022: delete and new content in one Set come to their net effect.
#[tokio::test(flavor = "multi_thread")]
async fn reports_the_net_effect() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let entry = "/test/b[key1=1][key2=a]";
    client.apply(update(entry, r#"{"value":"v","c":[{"key1":"x","value":"1"},{"key1":"y","value":"2"}]}"#)).await;
    let mut stream = client.subscribe(on_change(["/test/b"])).await;
    stream.round().await;
    let again = r#"{"value":"v","c":[{"key1":"y","value":"3"}]}"#;
    client.apply(set().delete(entry).update(entry, json(again))).await;
    let mut net = vec![stream.next().await, stream.next().await];
    net.sort();
    assert_eq!(net, [format!(r#"{entry}/c[key1=y]/value = "3""#), format!("delete {entry}/c[key1=x]")]);
    client.apply(update(&format!("{entry}/value"), r#""end""#)).await;
    assert_eq!(stream.next().await, format!(r#"{entry}/value = "end""#));
}

/// OCH-020, SUB-024: with `updates_only` the sync comes first, and then changes.
#[tokio::test(flavor = "multi_thread")]
async fn sends_updates_only() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let list = SubscriptionList { updates_only: true, ..on_change(["/test/types"]) };
    let mut stream = client.subscribe(list).await;
    assert_eq!(stream.round().await, ["sync"]);
    client.apply(update("/test/types/uint8", "1")).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 1");
}

/// OCH-014: a sample interval means nothing to ON_CHANGE, even one too small.
#[tokio::test(flavor = "multi_thread")]
async fn ignores_sample_intervals() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for sample_interval in [1, 999_999_999, u64::MAX] {
        let asked = asked(path("/test/types/with-default"), SubscriptionMode::OnChange);
        let list = stream([Subscription { sample_interval, ..asked }]);
        assert_eq!(client.subscribe(list).await.round().await, ["/test/types/with-default = 7", "sync"]);
    }
}

/// OCH-013: a heartbeat repeats the values; in between there is silence.
#[tokio::test(start_paused = true)]
async fn repeats_values_with_the_heartbeat() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let asked = asked(path("/test/types/with-default"), SubscriptionMode::OnChange);
    let start = Instant::now();
    let list = stream([Subscription { heartbeat_interval: 7_000_000_000, ..asked }]);
    let mut stream = client.subscribe(list).await;
    assert_eq!(stream.round().await, ["/test/types/with-default = 7", "sync"]);
    for beat in 1..4 {
        assert_eq!(stream.next().await, "/test/types/with-default = 7");
        let late = (Instant::now() - start).abs_diff(Duration::from_secs(7 * beat));
        assert!(late < Duration::from_millis(100), "{late:?}");
    }
    client.apply(update("/test/types/with-default", "8")).await;
    assert_eq!(stream.next().await, "/test/types/with-default = 8");
    assert_eq!(stream.next().await, "/test/types/with-default = 8");
}

/// OCH-026: nothing is lost between the first values and the first change, however the two race.
#[tokio::test(flavor = "multi_thread")]
async fn loses_no_change_at_the_start() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types/uint32", "0")).await;
    let writer = harness.client("admin").await;
    let writing = tokio::spawn(async move {
        for number in 1..=150 {
            writer.apply(update("/test/types/uint32", &number.to_string())).await;
        }
    });
    let mut following = tokio::task::JoinSet::new();
    while !writing.is_finished() && following.len() < 50 {
        let mut stream = client.subscribe(on_change(["/test/types/uint32"])).await;
        let mut last = value(&notification(&mut stream).await);
        following.spawn(async move {
            assert_eq!(stream.next().await, "sync");
            while last < 150 {
                let next = notification(&mut stream).await;
                assert_eq!(value(&next), last + 1 + next.update[0].duplicates);
                last = value(&next);
            }
        });
    }
    writing.await.unwrap();
    while let Some(ended) = following.join_next().await {
        ended.unwrap();
    }
}

/// The number in the only update.
fn value(notification: &Notification) -> u32 {
    let [update] = &*notification.update else { panic!("{notification:?}") };
    value_text(update.val.as_ref()).parse().unwrap()
}

/// OCH-024, SUB-041, SUB-042: a client that does not read holds up nobody, and then gets the last value with the number
/// of those it missed.
#[tokio::test(flavor = "multi_thread")]
async fn coalesces_for_slow_readers() {
    let harness = Harness::start().await;
    let slow = harness.narrow_client("admin").await;
    let quick = harness.client("admin").await;
    let writer = harness.client("admin").await;
    let mut slow = slow.subscribe(on_change(["/test/types/text"])).await;
    let mut quick = quick.subscribe(on_change(["/test/types/text"])).await;
    assert_eq!(slow.round().await, ["sync"]);
    assert_eq!(quick.round().await, ["sync"]);
    let text = |number: u32| format!(r#""{number:05}{}""#, "x".repeat(20_000));
    for number in 1..=100 {
        writer.apply(update("/test/types/text", &text(number))).await;
        assert!(quick.next().await.starts_with(&format!(r#"/test/types/text = "{number:05}x"#)));
    }
    let (mut last, mut received) = (0, 0);
    while last < 100 {
        let next = notification(&mut slow).await;
        let number: u32 = value_text(next.update[0].val.as_ref())[1..6].parse().unwrap();
        // The first value was a creation; those skipped before it had nothing to count from.
        assert!(last == 0 || number == last + 1 + next.update[0].duplicates, "{last} {number}");
        (last, received) = (number, received + 1);
    }
    assert!(received < 80, "{received} messages should not have fitted");
}
