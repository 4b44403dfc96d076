//! The limit of subscribed paths, and peers that keep to no protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::harness::*;
use crate::request::*;
use crate::text::*;

/// LIM-005: what would pass the limit is refused whole, and takes nothing away from what fits.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_whole_what_passes_the_limit() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 3").await;
    let client = harness.client("admin").await;
    let mut one = client.subscribe(on_change(["/test/types/uint8"])).await;
    one.round().await;
    let three = on_change(["/test/types/text", "/test/types/int8", "/test/types/int16"]);
    check_refused(client.open(subscribe(three)).await.map(drop), Code::ResourceExhausted, &["3", "1"]);
    let two = on_change(["/test/types/text", "/test/types/int8"]);
    assert_eq!(client.subscribe(two).await.round().await, ["sync"]);
}

/// LIM-006, LIM-007: a path with wildcards counts once whatever it covers, and an aborted connection gives it back.
#[tokio::test(flavor = "multi_thread")]
async fn counts_paths_as_asked_and_gives_them_back() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 1").await;
    let (staying, leaving) = (harness.client("admin").await, harness.client("admin").await);
    staying.apply(update("/test/b", r#"[{"key1":"1","key2":"a"},{"key1":"1","key2":"b"}]"#)).await;
    let all = || on_change(["/test/b[key1=*][key2=*]"]);
    let mut held = leaving.subscribe(all()).await;
    held.round().await;
    check_refused(staying.open(subscribe(all())).await.map(drop), Code::ResourceExhausted, &["1"]);
    drop((held, leaving));
    eventually(true, async || staying.open(subscribe(all())).await.is_ok()).await;
}

/// LIM-017: bytes that are no HTTP/2, and frames that are no gRPC, end their own connection and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn bears_nonsense() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types/uint8"])).await;
    stream.round().await;
    // A SETTINGS frame, then: HEADERS of index zero, a frame of an impossible length, DATA on stream 0.
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let frames: [&[u8]; 3] =
        [&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x80], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], &[0, 0, 1, 0, 0, 0, 0, 0, 0, 7]];
    let broken = frames.map(|frame| [PREFACE, &settings, frame].concat());
    let nonsense = [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 4096], vec![0xff; 4096]];
    for bytes in broken.into_iter().chain(nonsense) {
        let mut socket = TcpStream::connect(harness.address()).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
        // The daemon may say why before it hangs up; that it hangs up is what counts.
        let mut said = Vec::new();
        within(socket.read_to_end(&mut said)).await.ok();
        client.apply(update("/test/types/uint8", &(bytes.len() % 251).to_string())).await;
        assert_eq!(stream.next().await, format!("/test/types/uint8 = {}", bytes.len() % 251));
        client.apply(set().delete("/test/types/uint8")).await;
        stream.next().await;
    }
}
