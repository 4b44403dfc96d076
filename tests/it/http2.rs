//! HTTP/2 frame by frame, for what no client library shows or does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ganymede::pb::gnmi::SubscribeRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Harness, eventually, subscribe, within};
use crate::lab::{Lab, PLAIN};
use crate::request::*;
use crate::text::get_text;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of an RPC of the user `admin`: nothing of them is indexed or compressed.
pub(crate) fn rpc_headers(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // `:method POST`, `:scheme http`, and the names of `:path` and `:authority` have numbers.
    let mut block = [&[0x83, 0x86, 0x04][..], &text(path), &[0x01], &text("localhost")].concat();
    for (name, value) in
        [("content-type", "application/grpc"), ("te", "trailers"), ("username", "admin"), ("password", "admin")]
    {
        block.extend([&[0][..], &text(name), &text(value)].concat());
    }
    block
}

/// A call of gNMI with this message, as the stream of this number.
fn rpc(name: &str, stream: u32, flags: u8, message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let headers = frame(HEADERS, END_HEADERS, stream, &rpc_headers(&format!("/gnmi.gNMI/{name}")));
    [headers, frame(DATA, flags, stream, &[&[0][..], &length, &message].concat())].concat()
}

/// What came in a frame.
#[derive(Debug)]
struct Received {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A connection that answers what HTTP/2 wants to be answered.
struct Raw {
    wire: TcpStream,
}

impl Raw {
    async fn connect(address: SocketAddr) -> Self {
        let mut wire = TcpStream::connect(address).await.unwrap();
        wire.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
        Self { wire }
    }

    /// Begins a Subscribe as the stream of this number.
    async fn subscribe(&mut self, stream: u32, request: &SubscribeRequest) {
        self.wire.write_all(&rpc("Subscribe", stream, 0, request)).await.unwrap();
    }

    /// The next frame; none when the server has closed the connection in good order.
    async fn next(&mut self) -> Option<Received> {
        let mut head = [0; 9];
        if within(self.wire.read(&mut head[..1])).await.unwrap() == 0 {
            return None;
        }
        within(self.wire.read_exact(&mut head[1..])).await.unwrap();
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        within(self.wire.read_exact(&mut payload)).await.unwrap();
        if matches!(kind, PING | SETTINGS) && flags & ACK == 0 {
            let answer: &[u8] = if kind == PING { &payload } else { &[] };
            // The server may close meanwhile.
            let _ = self.wire.write_all(&frame(kind, ACK, 0, answer)).await;
        }
        Some(Received { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// TLS-028: a server that is switched off ends every stream with trailers, and then the connection: with a GOAWAY that is
/// no error and leaves out no stream, and in good order, which a TCP reset is not.
#[tokio::test(flavor = "multi_thread")]
async fn ends_streams_then_the_connection() {
    let lab = Lab::start(PLAIN).await;
    let client = lab.client().await;
    let mut raw = Raw::connect(lab.address()).await;
    let request = subscribe(on_change(["/configure/system/location"]));
    let streams = [1, 3, 5];
    for stream in streams {
        raw.subscribe(stream, &request).await;
    }
    // Each has its answer begun and its first message, the sync.
    let mut begun = 0;
    while begun < streams.len() {
        let received = raw.next().await.unwrap();
        begun += usize::from(received.kind == DATA && !received.payload.is_empty());
    }
    client.apply(update("/configure/system/grpc/admin-state", r#""disable""#)).await;
    let mut frames = Vec::new();
    while let Some(received) = raw.next().await {
        frames.push(received);
    }
    for stream in streams {
        let ends = |frame: &&Received| frame.stream == stream && frame.flags & END_STREAM != 0;
        let last = frames.iter().find(ends).unwrap_or_else(|| panic!("stream {stream} does not end: {frames:?}"));
        assert_eq!(last.kind, HEADERS, "{stream}");
    }
    // What it resets without an error after that is the half of the client, who has not said its last word.
    let broken = frames.iter().filter(|frame| frame.kind == RST_STREAM && frame.payload != [0; 4]).count();
    assert_eq!(broken, 0, "{frames:?}");
    // It names the last stream that was served, and no error. HTTP/2 announces it while streams may still end.
    let goaway = frames.iter().rfind(|frame| frame.kind == GOAWAY).expect("a GOAWAY");
    assert_eq!(goaway.payload[..8], [0, 0, 0, 5, 0, 0, 0, 0]);
}

/// LIM-017: who opens RPCs only to reset them loses the connection and with it the session, logged in or not; nobody
/// else notices.
#[tokio::test(flavor = "multi_thread")]
async fn resets_cost_the_connection() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types/uint32"])).await;
    stream.round().await;
    let name = get(["/configure/system/name"]);
    let mut raw = Raw::connect(harness.address().parse().unwrap()).await;
    raw.wire.write_all(&rpc("Get", 1, END_STREAM, &name)).await.unwrap();
    while !raw.next().await.is_some_and(|frame| frame.stream == 1 && frame.flags & END_STREAM != 0) {}
    let cancel = 8u32.to_be_bytes();
    let both = |stream| [rpc("Get", stream, END_STREAM, &name), frame(RST_STREAM, 0, stream, &cancel)].concat();
    let resets: Vec<u8> = (1..2000).flat_map(|number| both(2 * number + 1)).collect();
    // The server closes while this is still being written, so what it says last may be lost. This side stays open.
    let (mut read, mut write) = raw.wire.into_split();
    let writing = tokio::spawn(async move {
        let _ = write.write_all(&resets).await;
        write
    });
    let _ = within(read.read_to_end(&mut Vec::new())).await;
    let _open = within(writing).await.unwrap();
    client.apply(update("/test/types/uint32", "1")).await;
    assert_eq!(stream.next().await, "/test/types/uint32 = 1");
    let sessions = "/state/system/grpc/connection[address=*][port=*]/active-rpc-count";
    eventually(1, async || get_text(&client.get(get([sessions])).await.unwrap())[0].split("; ").count()).await;
}

/// LIM-017: a session that asks as fast as it is answered, with two hundred RPCs at a time, leaves others their turn:
/// each of their Gets is answered, and each change told, while it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rpcs_starves_nobody() {
    const AT_A_TIME: usize = 200;
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types/uint32"])).await;
    stream.round().await;
    let mut raw = Raw::connect(harness.address().parse().unwrap()).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = answered.clone();
    let flood = tokio::spawn(async move {
        let name = get(["/configure/system/name"]);
        let mut streams = (0..).map(|number| 2 * number + 1);
        let mut ask = |count: usize| -> Vec<u8> {
            streams.by_ref().take(count).flat_map(|stream| rpc("Get", stream, END_STREAM, &name)).collect()
        };
        raw.wire.write_all(&ask(AT_A_TIME)).await.unwrap();
        loop {
            let frame = raw.next().await.expect("the flood is served");
            if frame.kind == DATA {
                let bytes = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                raw.wire.write_all(&self::frame(WINDOW_UPDATE, 0, 0, &bytes)).await.unwrap();
            }
            if frame.flags & END_STREAM != 0 && matches!(frame.kind, DATA | HEADERS) {
                counted.fetch_add(1, Ordering::Relaxed);
                raw.wire.write_all(&ask(1)).await.unwrap();
            }
        }
    });
    eventually(true, async || answered.load(Ordering::Relaxed) > AT_A_TIME).await;
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    let (began, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    while rounds < 50 || answered.load(Ordering::Relaxed) < 5000 {
        rounds += 1;
        let asked = Instant::now();
        client.apply(update("/test/types/uint32", &rounds.to_string())).await;
        assert_eq!(stream.next().await, format!("/test/types/uint32 = {rounds}"));
        client.get(get(["/configure/system/name"])).await.unwrap();
        longest = longest.max(asked.elapsed());
    }
    assert!(!flood.is_finished(), "the flood has gone on all the time");
    flood.abort();
    let _ = flood.await;
    let rate = (answered.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} RPCs a second beside {rounds} rounds, the longest of {longest:?}");
}
