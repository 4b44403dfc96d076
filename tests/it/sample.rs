//! STREAM with SAMPLE. Time is virtual where nothing but the cadence matters: it moves on when all is quiet.

use std::time::Duration;

use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{Subscription, SubscriptionList, SubscriptionMode};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Harness, Subscription as Stream, subscribe};
use crate::request::*;
use crate::text::*;

/// Waits for the next message and checks when it came, in milliseconds after `start`.
async fn check_next(stream: &mut Stream, start: Instant, millis: u64, expected: &str) {
    let text = stream.next().await;
    let elapsed = start.elapsed();
    assert_eq!(text, expected, "after {elapsed:?}");
    let late = elapsed.abs_diff(Duration::from_millis(millis));
    assert!(late < Duration::from_millis(50), "{text} after {elapsed:?}, not {millis} ms");
}

/// SMP-001, SMP-002, SMP-006, SMP-007, SMP-017: values at once, then at each multiple of the interval, changed or not.
#[tokio::test(start_paused = true)]
async fn samples_at_the_interval() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for millis in [1000, 1234, 2000, 20_000] {
        client.apply(update("/test/types/uint8", "1")).await;
        let mut stream = client.subscribe(stream([sample("/test/types/uint8", millis)])).await;
        let start = Instant::now();
        check_next(&mut stream, start, 0, "/test/types/uint8 = 1").await;
        check_next(&mut stream, start, 0, "sync").await;
        check_next(&mut stream, start, millis, "/test/types/uint8 = 1").await;
        check_next(&mut stream, start, 2 * millis, "/test/types/uint8 = 1").await;
        client.apply(update("/test/types/uint8", "2")).await;
        client.apply(update("/test/types/uint8", "3")).await;
        for tick in 3..20 {
            check_next(&mut stream, start, tick * millis, "/test/types/uint8 = 3").await;
        }
    }
}

/// SMP-003, C-32: one second is the least.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_short_intervals() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for mode in [SubscriptionMode::Sample, SubscriptionMode::TargetDefined] {
        let list = |sample_interval| stream([Subscription { sample_interval, ..asked(path("/test/types"), mode) }]);
        for short in [1, 500_000_000, 999_999_999] {
            let status = client.refusal(subscribe(list(short))).await;
            let parts = ["/test/types", "minimum", "1000000000"];
            check_refused(Err::<(), _>(status), Code::InvalidArgument, &parts);
        }
        for good in [0, 1_000_000_000, 1_000_000_001] {
            assert_eq!(client.subscribe(list(good)).await.round().await.pop().as_deref(), Some("sync"));
        }
    }
}

/// SMP-005, C-25: zero is ten seconds.
#[tokio::test(start_paused = true)]
async fn samples_every_ten_seconds_by_default() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(stream([sample("/test/types/with-default", 0)])).await;
    let start = Instant::now();
    stream.round().await;
    for tick in 1..4 {
        check_next(&mut stream, start, tick * 10_000, "/test/types/with-default = 7").await;
    }
}

/// SMP-009, SUB-036: the paths of a list keep their own time.
#[tokio::test(start_paused = true)]
async fn keeps_cadences_apart() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":8,"uint16":16}"#)).await;
    let on_change = asked(path("/test/types/text"), SubscriptionMode::OnChange);
    let list = stream([sample("/test/types/uint8", 1000), sample("/test/types/uint16", 2500), on_change]);
    let mut stream = client.subscribe(list).await;
    let start = Instant::now();
    assert_eq!(stream.round().await, ["/test/types/uint8 = 8; /test/types/uint16 = 16", "sync"]);
    client.apply(update("/test/types/text", r#""t""#)).await;
    check_next(&mut stream, start, 0, r#"/test/types/text = "t""#).await;
    for (millis, leaf) in [(1000, 8), (2000, 8), (2500, 16), (3000, 8), (4000, 8)] {
        check_next(&mut stream, start, millis, &format!("/test/types/uint{leaf} = {leaf}")).await;
    }
    let mut both = [stream.next().await, stream.next().await];
    both.sort();
    assert_eq!(both, ["/test/types/uint16 = 16", "/test/types/uint8 = 8"]);
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// SMP-010, SMP-011, SMP-012: unchanged values are left out when the client wants that, until the heartbeat.
#[tokio::test(start_paused = true)]
async fn suppresses_what_has_not_changed() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":8,"uint16":16}"#)).await;
    let paths = ["/test/types/uint8", "/test/types/uint16"];
    let suppressed = paths.map(|at| Subscription { suppress_redundant: true, ..sample(at, 1000) });
    let mut quiet = client.subscribe(stream(suppressed.clone())).await;
    let start = Instant::now();
    quiet.round().await;
    tokio::time::advance(Duration::from_millis(3500)).await;
    client.apply(update("/test/types/uint16", "17")).await;
    check_next(&mut quiet, start, 4000, "/test/types/uint16 = 17").await;
    client.apply(update("/test/types/uint8", "9")).await;
    client.apply(update("/test/types/uint8", "8")).await;
    client.apply(update("/test/types/uint16", "18")).await;
    check_next(&mut quiet, start, 5000, "/test/types/uint16 = 18").await;

    let heartbeat_interval = 3_000_000_000;
    let [first, _] = suppressed;
    let mut beating = client.subscribe(stream([Subscription { heartbeat_interval, ..first }])).await;
    let start = Instant::now();
    beating.round().await;
    for millis in [3000, 6000, 9000] {
        check_next(&mut beating, start, millis, "/test/types/uint8 = 8").await;
    }
    let mut plain =
        client.subscribe(stream([Subscription { heartbeat_interval, ..sample("/test/types/uint8", 2000) }])).await;
    let start = Instant::now();
    plain.round().await;
    for millis in [2000, 4000, 6000] {
        check_next(&mut plain, start, millis, "/test/types/uint8 = 8").await;
    }
}

/// SMP-013, SMP-014, SUB-010, SUB-011, C-28: entries join at the next sample, and leave with one delete.
#[tokio::test(start_paused = true)]
async fn follows_entries() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(stream([sample("/test/typed-key[number=*]/value", 1000)])).await;
    let start = Instant::now();
    check_next(&mut stream, start, 0, "sync").await;
    tokio::time::advance(Duration::from_millis(2500)).await;
    client.apply(update("/test/typed-key[number=5]/value", r#""v""#)).await;
    let value = r#"/test/typed-key[number=5]/value = "v""#;
    check_next(&mut stream, start, 3000, value).await;
    check_next(&mut stream, start, 4000, value).await;
    client.apply(set().delete("/test/typed-key[number=5]")).await;
    let text = stream.next().await;
    assert!("delete /test/typed-key[number=5]/value".starts_with(&text), "{text}");
    assert_eq!(start.elapsed().as_secs(), 5);
    tokio::time::advance(Duration::from_millis(4500)).await;
    client.apply(update("/test/typed-key[number=6]/value", r#""w""#)).await;
    check_next(&mut stream, start, 10_000, r#"/test/typed-key[number=6]/value = "w""#).await;
}

/// SMP-015: with `updates_only` the sync comes first and values with the next tick.
#[tokio::test(start_paused = true)]
async fn begins_with_the_sync() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let list = stream([sample("/test/types/with-default", 3000)]);
    let mut stream = client.subscribe(SubscriptionList { updates_only: true, ..list }).await;
    let start = Instant::now();
    check_next(&mut stream, start, 0, "sync").await;
    check_next(&mut stream, start, 3000, "/test/types/with-default = 7").await;
    check_next(&mut stream, start, 6000, "/test/types/with-default = 7").await;
}

/// SMP-018: the longest interval is an interval.
#[tokio::test(flavor = "multi_thread")]
async fn accepts_long_intervals() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for nanos in [u64::MAX, u64::MAX - 1, i64::MAX.unsigned_abs()] {
        let subscription = Subscription {
            sample_interval: nanos,
            heartbeat_interval: nanos,
            suppress_redundant: true,
            ..sample("/test/types/with-default", 0)
        };
        let mut stream = client.subscribe(stream([subscription])).await;
        assert_eq!(stream.round().await, ["/test/types/with-default = 7", "sync"]);
    }
    client.check_get(get(["/configure/system/name"]), &[r#"/configure/system/name = "it""#]).await;
}

/// SMP-008, SUB-025: time stamps are those of the collection and advance by the interval, and so do the counters. This
/// test waits.
#[tokio::test(flavor = "multi_thread")]
async fn stamps_samples() {
    let harness = Harness::start_with("[platform.sim]\nports = 1\npackets-per-second = 1000\ntick-ms = 20").await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(stream([sample("/state/port/statistics/in-packets", 1000)])).await;
    let mut samples = Vec::new();
    while samples.len() < 4 {
        if let Some(Response::Update(notification)) = stream.response().await.unwrap().unwrap().response {
            assert!((now_nanos() - notification.timestamp).abs() < 500_000_000);
            let packets = value_text(notification.update[0].val.as_ref()).replace('"', "");
            samples.push((notification.timestamp, packets.parse::<i64>().unwrap()));
        }
    }
    for (tick, (stamp, packets)) in (0..).zip(&samples) {
        let off = (stamp - samples[0].0 - tick * 1_000_000_000).abs();
        assert!(off < 100_000_000, "sample {tick} is {off} ns off");
        let off = (packets - samples[0].1 - tick * 1000).abs();
        assert!(off < 300, "sample {tick} is {off} packets off");
    }
}
