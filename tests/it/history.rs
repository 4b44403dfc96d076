//! Requests for the past.

use ganymede::pb::gnmi::{SubscribeRequest, SubscriptionList};
use ganymede::pb::gnmi_ext::{Extension, History, TimeRange, extension, history::Request};
use tonic::Code;

use crate::harness::{Harness, subscribe};
use crate::request::*;
use crate::text::*;

const TEXT: &str = "/test/types/text";

fn asking(list: SubscriptionList, request: Option<Request>) -> SubscribeRequest {
    let history = Extension { ext: Some(extension::Ext::History(History { request })) };
    SubscribeRequest { extension: vec![history], ..subscribe(list) }
}

/// EXT-027, EXT-029: what cannot be right is said first; what could be is refused by name, and live data never comes.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_the_past() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(TEXT, r#""now""#)).await;
    let snapshot = |time| Some(Request::SnapshotTime(time));
    let range = |start, end| Some(Request::Range(TimeRange { start, end }));
    for (list, request, code, part) in [
        (on_change([TEXT]), snapshot(1), Code::InvalidArgument, "ONCE"),
        (poll([TEXT]), snapshot(1), Code::InvalidArgument, "ONCE"),
        (once([TEXT]), range(1, 2), Code::InvalidArgument, "STREAM"),
        (poll([TEXT]), range(1, 2), Code::InvalidArgument, "STREAM"),
        (on_change([TEXT]), range(2, 1), Code::InvalidArgument, "after its end"),
        (once([TEXT]), None, Code::InvalidArgument, "Neither"),
        (once([TEXT]), snapshot(now_nanos()), Code::Unimplemented, "not supported"),
        (once([TEXT]), snapshot(i64::MAX), Code::Unimplemented, "not supported"),
        (on_change([TEXT]), range(0, i64::MAX), Code::Unimplemented, "not supported"),
    ] {
        let status = client.refusal(asking(list, request)).await;
        check_refused(Err::<(), _>(status), code, &["history", part]);
    }
}
