//! Several notifications in one message. Time is virtual where the granularity matters.

use std::time::Duration;

use ganymede::pb::gnmi::Notification;
use ganymede::pb::gnmi::subscribe_response::Response;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Client, Harness, Subscription as Stream};
use crate::request::*;
use crate::text::*;

const KNOBS: &str = "/configure/system/telemetry/notification-bundling";
const VALUES: &str = "/test/typed-key/value";

async fn bundling(client: &Client, knobs: &str) {
    client.apply(update(KNOBS, knobs)).await;
}

/// An update of one entry of a list for each number.
async fn write(client: &Client, entries: std::ops::Range<u32>, value: &str) {
    let edits = entries.fold(set(), |edits, entry| {
        edits.update(&format!("/test/typed-key[number={entry}]/value"), json(&format!("{value:?}")))
    });
    client.apply(edits).await;
}

async fn notification(stream: &mut Stream) -> Notification {
    match stream.response().await.unwrap().and_then(|response| response.response) {
        Some(Response::Update(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

/// The sizes of the next notifications, until they hold so many updates.
async fn sizes(stream: &mut Stream, updates: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < updates {
        sizes.push(notification(stream).await.update.len());
    }
    sizes
}

/// BND-001, BND-002, BND-010, BND-011, BND-014: the same values in far fewer messages, only for those that start while it is on,
/// and never those of two subscriptions in one.
#[tokio::test(flavor = "multi_thread")]
async fn bundles_what_changes_together() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut plain = client.subscribe(on_change([VALUES])).await;
    assert_eq!(plain.round().await, ["sync"]);
    bundling(&client, r#"{"admin-state":"enable"}"#).await;
    let mut bundled = client.subscribe(on_change([VALUES])).await;
    assert_eq!(bundled.round().await, ["sync"]);
    let mut other = client.subscribe(on_change(["/test/typed-key/number"])).await;
    assert_eq!(other.round().await, ["sync"]);
    write(&client, 0..100, "v").await;
    assert_eq!(sizes(&mut plain, 100).await, [1; 100]);
    assert_eq!(sizes(&mut bundled, 100).await, [100]);
    let numbers = notification_text(&notification(&mut other).await);
    assert!(numbers.contains("/test/typed-key[number=99]/number = 99") && !numbers.contains("value"), "{numbers}");
    // What has started keeps what it started with.
    bundling(&client, r#"{"admin-state":"disable"}"#).await;
    write(&client, 0..100, "w").await;
    assert_eq!(sizes(&mut bundled, 100).await, [100]);
    let mut plain = client.subscribe(on_change([VALUES])).await;
    assert_eq!(plain.round().await.len(), 101);
}

/// BND-003 to BND-006: a bundle goes when it is full, or when the granularity has passed since its first member.
#[tokio::test(start_paused = true)]
async fn goes_when_full_or_due() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (knobs, window) in [
        (r#"{"admin-state":"enable"}"#, 100),
        (r#"{"max-time-granularity":700,"max-msg-count":3}"#, 700),
        (r#"{"max-time-granularity":1000,"max-msg-count":3}"#, 1000),
    ] {
        bundling(&client, knobs).await;
        let mut stream = client.subscribe(on_change([VALUES])).await;
        stream.round().await;
        // Alone: as late as allowed.
        let start = Instant::now();
        write(&client, 1..2, &format!("alone {window}")).await;
        assert_eq!(notification(&mut stream).await.update.len(), 1);
        let waited = start.elapsed().abs_diff(Duration::from_millis(window));
        assert!(waited < Duration::from_millis(50), "{window} ms: {:?}", start.elapsed());
        // Full: at once, and the rest when its time has come.
        let start = Instant::now();
        write(&client, 1..9, &format!("many {window}")).await;
        if window > 100 {
            assert_eq!(sizes(&mut stream, 6).await, [3, 3]);
            assert!(start.elapsed() < Duration::from_millis(50), "{:?}", start.elapsed());
            assert_eq!(sizes(&mut stream, 2).await, [2]);
        } else {
            assert_eq!(sizes(&mut stream, 8).await, [8]);
        }
        let waited = start.elapsed().abs_diff(Duration::from_millis(window));
        assert!(waited < Duration::from_millis(50), "{window} ms: {:?}", start.elapsed());
    }
}

/// BND-008: values of one path come in their order, each in a bundle of its own; what else happens meanwhile shares
/// them.
#[tokio::test(start_paused = true)]
async fn keeps_the_order_of_a_path() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    bundling(&client, r#"{"admin-state":"enable","max-time-granularity":1000}"#).await;
    let mut stream = client.subscribe(on_change([VALUES])).await;
    stream.round().await;
    for value in ["a", "b", "c"] {
        write(&client, 1..2, value).await;
        write(&client, 5..6, "same").await;
    }
    let one = |value| format!("/test/typed-key[number=1]/value = \"{value}\"");
    let five = "/test/typed-key[number=5]/value = \"same\"";
    assert_eq!(stream.next().await, format!("{}; {five}", one("a")));
    assert_eq!(stream.next().await, one("b"));
    // Gone and back again: never both in one notification.
    client.apply(set().delete("/test/typed-key[number=1]")).await;
    write(&client, 1..2, "d").await;
    assert_eq!(stream.next().await, one("c"));
    let gone = stream.next().await;
    assert!(gone.starts_with("delete /test/typed-key[number=1]"), "{gone}");
    assert_eq!(stream.next().await, one("d"));
}

/// BND-007, BND-009: the sync comes at once, behind all that was there; no member is further from the time of its bundle
/// than the granularity.
#[tokio::test(flavor = "multi_thread")]
async fn the_sync_does_not_wait() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client, 0..25, "v").await;
    bundling(&client, r#"{"admin-state":"enable","max-time-granularity":1000,"max-msg-count":10}"#).await;
    for mut stream in [
        client.subscribe(on_change([VALUES])).await,
        client.subscribe(stream([sample(VALUES, 60_000)])).await,
        client.subscribe(poll([VALUES])).await,
    ] {
        let before = now_nanos();
        assert_eq!(sizes(&mut stream, 25).await, [10, 10, 5]);
        assert_eq!(stream.next().await, "sync");
        assert!(now_nanos() - before < 900_000_000);
    }
    let mut stream = client.subscribe(on_change([VALUES])).await;
    stream.round().await;
    let mut told = Vec::new();
    for entry in 0..3 {
        let request = set().update(&format!("/test/typed-key[number={entry}]/value"), json(r#""new""#));
        told.push(client.set(request).await.unwrap().timestamp);
    }
    let bundle = notification(&mut stream).await;
    assert_eq!((bundle.timestamp, bundle.update.len()), (told[0], 3));
    assert!(told.iter().all(|time| time - bundle.timestamp <= 1_000_000_000));
    // A ONCE list is one notification with or without bundling.
    let texts = client.subscribe(once([VALUES])).await.round().await;
    assert_eq!(texts.len(), 3, "{texts:?}");
}

/// BND-001, SMP-001: samples are bundled by round, and no round waits for the next one.
#[tokio::test(start_paused = true)]
async fn bundles_samples() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client, 0..5, "v").await;
    bundling(&client, r#"{"admin-state":"enable"}"#).await;
    let mut stream = client.subscribe(stream([sample(VALUES, 1000)])).await;
    let start = Instant::now();
    stream.round().await;
    for tick in 1..4 {
        assert_eq!(notification(&mut stream).await.update.len(), 5);
        let due = Duration::from_millis(tick * 1000 + 100);
        assert!(start.elapsed().abs_diff(due) < Duration::from_millis(50), "{:?}", start.elapsed());
    }
}

/// BND-003, BND-004, BND-012: the ranges of the knobs.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_knobs_out_of_range() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (knob, bad, good) in
        [("max-time-granularity", ["0", "1001"], ["1", "1000"]), ("max-msg-count", ["1", "1001"], ["2", "1000"])]
    {
        let at = format!("{KNOBS}/{knob}");
        client.check_get(get([&at]), &[&format!("{at} = 100")]).await;
        for value in bad {
            check_refused(client.set(update(&at, value)).await, Code::InvalidArgument, &[&at, "range"]);
        }
        for value in good {
            client.apply(update(&at, value)).await;
        }
    }
}

/// C-38: the early releases do not bundle, whatever the configuration says.
#[tokio::test(flavor = "multi_thread")]
async fn early_releases_do_not_bundle() {
    let knobs = "[configure.system.telemetry.notification-bundling]\nadmin-state = \"enable\"";
    let harness = Harness::start_as("16.0", knobs).await;
    let client = harness.client("admin").await;
    write(&client, 0..5, "v").await;
    let mut stream = client.subscribe(on_change([VALUES])).await;
    assert_eq!(sizes(&mut stream, 5).await, [1; 5]);
}
