//! STREAM with TARGET_DEFINED.

use ganymede::pb::gnmi::{Subscription, SubscriptionMode};
use tokio::time::Instant;

use crate::harness::Harness;
use crate::request::*;

/// TGT-003, TGT-006, TGT-007, TGT-008: without a mode, configuration is on-change: values, one sync, each change at once,
/// a delete for what goes, and nothing at the sample interval.
#[tokio::test(start_paused = true)]
async fn watches_configuration() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/rules", r#"{"low":1}"#)).await;
    let subscription =
        Subscription { path: Some(path("/test/rules")), sample_interval: 1_000_000_000, ..Subscription::default() };
    assert_eq!(subscription.mode, i32::from(SubscriptionMode::TargetDefined));
    let mut stream = client.subscribe(stream([subscription])).await;
    assert_eq!(stream.round().await, [r#"/test/rules/low = 1; /test/rules/mode = "simple""#, "sync"]);
    let start = Instant::now();
    client.apply(update("/test/rules/low", "2")).await;
    assert_eq!(stream.next().await, "/test/rules/low = 2");
    client.apply(set().delete("/test/rules/low")).await;
    assert_eq!(stream.next().await, "delete /test/rules/low");
    assert!(start.elapsed().as_millis() < 500);
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    client.apply(update("/test/rules/low", "3")).await;
    assert_eq!(stream.next().await, "/test/rules/low = 3");
}
