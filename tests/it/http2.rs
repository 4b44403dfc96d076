//! HTTP/2 frame by frame, for what no client library shows or does.

use std::net::SocketAddr;

use ganymede::pb::gnmi::SubscribeRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{subscribe, within};
use crate::lab::{Lab, PLAIN};
use crate::request::*;

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
        let message = request.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let headers = frame(HEADERS, END_HEADERS, stream, &rpc_headers("/gnmi.gNMI/Subscribe"));
        let data = frame(DATA, 0, stream, &[&[0][..], &length, &message].concat());
        self.wire.write_all(&[headers, data].concat()).await.unwrap();
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
