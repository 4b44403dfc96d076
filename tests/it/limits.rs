//! The limit of subscribed paths, and clients that break the rules of the protocols below.

use std::time::Duration;

use bytes::Bytes;
use ganymede::pb::gnmi::subscription_list::Mode;
use ganymede::pb::gnmi::{SubscriptionList, SubscriptionMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::harness::{Client, Harness, eventually, subscribe, within};
use crate::http2::*;
use crate::request::*;
use crate::text::*;
use crate::verbatim::Verbatim;

/// A list of single leaves, in the mode asked for.
fn leaves(numbers: std::ops::Range<usize>, mode: SubscriptionMode) -> SubscriptionList {
    let leaf = |number| asked(path(&format!("/test/typed-key[number={number}]/value")), mode);
    SubscriptionList { subscription: numbers.map(leaf).collect(), ..SubscriptionList::default() }
}

async fn refused(client: &Client, list: SubscriptionList, parts: &[&str]) {
    let status = client.refusal(subscribe(list)).await;
    check_refused(Err::<(), _>(status), Code::ResourceExhausted, parts);
}

/// LIM-005, LIM-014: 14,400 paths over all subscriptions; a request that would pass that is refused whole, takes
/// nothing and harms nobody. A path more than that is not even looked at.
#[tokio::test(flavor = "multi_thread")]
async fn holds_14400_paths() {
    let harness = Harness::start().await;
    let (client, other) = (harness.client("admin").await, harness.client("admin").await);
    let too_many = leaves(0..14_401, SubscriptionMode::OnChange);
    refused(&client, too_many, &["14401 more paths", "limit of 14400", "0 are in use"]).await;
    let mut most = client.subscribe(leaves(0..14_399, SubscriptionMode::OnChange)).await;
    assert_eq!(most.round().await, ["sync"]);
    refused(&other, leaves(0..2, SubscriptionMode::Sample), &["2 more paths", "limit of 14400", "14399 are in use"])
        .await;
    let mut last = other.subscribe(leaves(0..1, SubscriptionMode::Sample)).await;
    assert_eq!(last.round().await, ["sync"]);
    for mode in [Mode::Once, Mode::Poll] {
        let list = SubscriptionList { mode: mode.into(), ..leaves(0..1, SubscriptionMode::OnChange) };
        refused(&other, list, &["1 more paths", "14400 are in use"]).await;
    }
    // Everything that was there goes on.
    client.apply(update("/test/typed-key[number=14398]/value", r#""v""#)).await;
    assert_eq!(most.next().await, r#"/test/typed-key[number=14398]/value = "v""#);
    drop(last);
    let mut last = eventually_subscribed(&other, leaves(7..8, SubscriptionMode::OnChange)).await;
    assert_eq!(last.next().await, "sync");
}

/// Subscribes as soon as there is room.
async fn eventually_subscribed(client: &Client, list: SubscriptionList) -> crate::harness::Subscription {
    eventually(true, async || {
        let mut probe = client.open(subscribe(list.clone())).await;
        match &mut probe {
            Ok(stream) => stream.response().await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
    let mut opened = None;
    eventually(true, async || {
        opened = client.open(subscribe(list.clone())).await.ok();
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

/// LIM-007: paths are given back however a subscription ends, and a refused one keeps none.
#[tokio::test(flavor = "multi_thread")]
async fn paths_are_given_back() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 2").await;
    let client = harness.client("admin").await;
    let two = || on_change(["/test/types", "/test/b"]);
    // The end of a ONCE list.
    for _ in 0..3 {
        let texts = client.subscribe(once(["/test/types", "/test/b"])).await.round().await;
        assert_eq!(texts.last().map(String::as_str), Some("end"));
    }
    // A refusal for another reason.
    for list in [on_change(["/test/types", "/test/bogus"]), on_change(["/test/b", "/test/b"])] {
        assert_eq!(client.refusal(subscribe(list)).await.code(), Code::InvalidArgument);
    }
    // A cancelled RPC.
    drop(eventually_subscribed(&client, two()).await);
    // A connection that breaks off.
    let other = harness.client("admin").await;
    let held = eventually_subscribed(&other, two()).await;
    refused(&client, on_change(["/test"]), &["2 are in use"]).await;
    drop((held, other));
    // A message out of place.
    let mut stream = eventually_subscribed(&client, two()).await;
    stream.round().await;
    stream.send(subscribe(two()).request.unwrap()).await;
    while !stream.next().await.starts_with("InvalidArgument") {}
    let mut stream = eventually_subscribed(&client, two()).await;
    stream.round().await;
}

/// LIM-017: a message that is no protobuf ends its RPC, and neither its session nor anybody else.
#[tokio::test(flavor = "multi_thread")]
async fn survives_malformed_messages() {
    let harness = Harness::start().await;
    let good = harness.client("admin").await;
    let mut stream = good.subscribe(on_change(["/test/types/uint8"])).await;
    stream.round().await;
    let channel = harness.endpoint().connect().await.unwrap();
    let malformed: [&'static [u8]; 6] = [
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x0a\x05\x12\x7f",
        b"\x00",
        &[0x0b; 64],
        // Groups in groups in groups.
        &[0x1b; 100_000],
    ];
    for (number, message) in malformed.into_iter().enumerate() {
        for rpc in ["Capabilities", "Get", "Set", "Subscribe"] {
            let mut request = Request::new(tokio_stream::once(Bytes::from_static(message)));
            for key in ["username", "password"] {
                request.metadata_mut().insert(key, MetadataValue::from_static("admin"));
            }
            let mut client = Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let at = PathAndQuery::try_from(format!("/gnmi.gNMI/{rpc}")).unwrap();
            let outcome = within(async {
                let mut answer = client.streaming(request, at, Verbatim).await?.into_inner();
                answer.message().await
            })
            .await;
            assert!(outcome.is_err(), "{rpc} {number}");
        }
        good.apply(update("/test/types/uint8", &number.to_string())).await;
        assert_eq!(stream.next().await, format!("/test/types/uint8 = {number}"));
    }
}

/// LIM-017: HTTP/2 that breaks its rules ends the connection it comes on, or is borne, and nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn survives_abuse_of_http2() {
    let harness = Harness::start().await;
    let good = harness.client("admin").await;
    let mut stream = good.subscribe(on_change(["/test/types/uint32"])).await;
    stream.round().await;
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    // `:method POST`, `:scheme http`, `:path /`, and a path that nobody serves.
    let headers = |id: u32, flags| frame(HEADERS, flags, id, &[0x83, 0x86, 0x84, 0x41, 1, b'x']);
    let resets: Vec<u8> =
        (0..2000).flat_map(|id| [headers(2 * id + 1, 4), frame(RST_STREAM, 0, 2 * id + 1, &[0; 4])].concat()).collect();
    let continuations: Vec<u8> = (0..5000).flat_map(|_| frame(CONTINUATION, 0, 1, &[0x00, 1, b'a', 1, b'b'])).collect();
    let abuses: [(&str, Vec<u8>); 9] = [
        ("garbage instead of frames", vec![0xff; 100_000]),
        ("a frame longer than allowed", [&[0xff; 3][..], &frame(DATA, 0, 1, &[])[3..]].concat()),
        ("data on no stream", frame(DATA, 0, 0, b"x")),
        ("data on a stream that was never opened", frame(DATA, 0, 7, b"x")),
        ("a header block that cannot be decoded", frame(HEADERS, 5, 1, &[0xff; 64])),
        ("headers without end", [headers(1, 0), continuations].concat()),
        ("streams opened and reset", resets),
        ("windows of nothing", (0..5000).flat_map(|_| frame(WINDOW_UPDATE, 0, 0, &[0; 4])).collect()),
        ("pings", (0..20_000).flat_map(|_| frame(PING, 0, 0, &[7; 8])).collect()),
    ];
    for (number, (what, abuse)) in abuses.into_iter().enumerate() {
        let mut wire = TcpStream::connect(harness.address()).await.unwrap();
        // The server may close while this is still being written.
        let _ = within(async { wire.write_all(&[&*begin, &abuse].concat()).await }).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_millis(200), wire.read_to_end(&mut answer)).await;
        let started = std::time::Instant::now();
        good.apply(update("/test/types/uint32", &number.to_string())).await;
        assert_eq!(stream.next().await, format!("/test/types/uint32 = {number}"), "{what}");
        assert!(started.elapsed() < Duration::from_secs(2), "{what}: {:?}", started.elapsed());
    }
    // None of them has taken a session.
    let mut sessions = Vec::new();
    for _ in 0..7 {
        let client = harness.client("admin").await;
        client.check_get(get(["/test/types/uint32"]), &["/test/types/uint32 = 8"]).await;
        sessions.push(client);
    }
}
