//! Leaves below `/configure/system/grpc` that act on the server while it runs.

use std::time::Duration;

use ganymede::pb::gnmi::CapabilityRequest;
use tokio::net::TcpStream;
use tonic::Code;

use crate::harness::{Subscription, eventually, within};
use crate::lab::{Lab, PLAIN, free_port};
use crate::request::*;
use crate::text::check_refused;

const GRPC: &str = "/configure/system/grpc";

async fn refused(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_err()
}

/// The status that a stream ends with, whatever comes before.
async fn end(stream: &mut Subscription) -> String {
    loop {
        match stream.next().await {
            text if text.starts_with("Unavailable") || text == "end" => return text,
            _ => {}
        }
    }
}

/// TLS-005: a port that moves takes new clients on the new port and keeps those it has.
#[tokio::test(flavor = "multi_thread")]
async fn moves_the_port() {
    let lab = Lab::start(PLAIN).await;
    assert_eq!(lab.address().port(), lab.port);
    let client = lab.client().await;
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    let port = free_port();
    client.apply(update(&format!("{GRPC}/listening-port"), &port.to_string())).await;
    lab.listens_on(port).await;
    eventually(true, async || refused(lab.port).await).await;
    let second = lab.client().await;
    client.apply(update("/configure/system/location", r#""here""#)).await;
    second.check_get(get(["/configure/system/location"]), &[r#"/configure/system/location = "here""#]).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "here""#);
    let at = "/state/system/grpc/oper-listening-port";
    eventually(format!("{at} = {port}"), async || {
        crate::text::get_text(&client.get(get([at])).await.unwrap())[0].clone()
    })
    .await;
    // And by the file: the startup configuration goes before what was set.
    lab.reload(&format!("{PLAIN}max-msg-size = 2\n")).unwrap();
    lab.listens_on(lab.port).await;
    second.check_get(get(["/configure/system/location"]), &[r#"/configure/system/location = "here""#]).await;
}

/// TLS-005: a port that somebody else has is waited for; open sessions stay, and the state says what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn waits_for_a_port_that_is_taken() {
    let lab = Lab::start(PLAIN).await;
    let client = lab.client().await;
    let port = free_port();
    let other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    client.apply(update(&format!("{GRPC}/listening-port"), &port.to_string())).await;
    lab.listens(false).await;
    let at = "/state/system/grpc";
    let state = async || crate::text::get_text(&client.get(get([at])).await.unwrap())[0].clone();
    eventually(true, async || state().await.contains(r#""oper-down-reason":"listen-port-unavailable""#)).await;
    let said = state().await;
    assert!(said.contains(r#""oper-state":"down""#) && said.contains(&format!("127.0.0.1:{port}")), "{said}");
    drop(other);
    lab.listens_on(port).await;
    eventually(true, async || state().await.contains(r#""oper-state":"up""#)).await;
    assert!(!state().await.contains("oper-down"), "{}", state().await);
}

/// TLS-006, C-01: in the range of the model, by Set and by the file.
#[tokio::test(flavor = "multi_thread")]
async fn takes_ports_of_the_range_only() {
    let lab = Lab::start(PLAIN).await;
    let client = lab.client().await;
    for port in [0, 1023, 49_152, 57_399, 57_401, 65_535] {
        let set = client.set(update(&format!("{GRPC}/listening-port"), &port.to_string())).await;
        check_refused(set, Code::InvalidArgument, &[&format!("{GRPC}/listening-port"), "1024..49151"]);
        let error = lab.reload(&PLAIN.replace("PORT", &port.to_string())).unwrap_err();
        assert!(error.to_string().contains("listening-port"), "{error}");
    }
    assert_eq!(lab.address().port(), lab.port);
    let start = Lab::try_start("", &PLAIN.replace("PORT", "80")).await;
    let error = start.err().unwrap();
    assert!(error.is_configuration() && error.to_string().contains("listening-port"), "{error}");
}

/// TLS-007, C-01: old releases have one port.
#[tokio::test(flavor = "multi_thread")]
async fn old_releases_have_one_port() {
    for release in ["15.0", "16.0"] {
        let keys = format!("release-profile = {release:?}");
        let start = Lab::try_start(&keys, PLAIN).await;
        let error = start.err().unwrap();
        assert!(error.is_configuration() && error.to_string().contains("listening-port"), "{error}");
    }
    // The port of a lab goes its own way under every profile.
    let portless = PLAIN.replace("listening-port = PORT\n", "");
    let tables = format!("{portless}[listen]\naddress = \"127.0.0.1\"\nport = 0\n");
    let lab = Lab::try_start("release-profile = \"16.0\"", &tables).await.unwrap();
    let client = lab.client().await;
    let set = client.set(update(&format!("{GRPC}/listening-port"), "50000")).await;
    check_refused(set, Code::InvalidArgument, &["listening-port", "57400"]);
    client.apply(update(&format!("{GRPC}/listening-port"), "57400")).await;
    // A saved port of a release that could choose does not outlive the change of release.
    let lab = Lab::start(PLAIN).await;
    let data = lab.stop().await;
    let again = Lab::start_in(data, "release-profile = \"16.0\"", &portless).await;
    assert!(again.err().unwrap().to_string().contains("listening-port"));
}

/// TLS-027, TLS-028, TLS-029: switched off, every RPC ends with the reason, and nobody gets in; switched on, all is
/// back in the same process.
#[tokio::test(flavor = "multi_thread")]
async fn is_switched_off_and_on() {
    let lab = Lab::start(PLAIN).await;
    let (client, second) = (lab.client().await, lab.client().await);
    let lists = [
        on_change(["/configure/system/location"]),
        stream([sample("/configure/system/location", 1000)]),
        poll(["/configure/system/location"]),
    ];
    let mut streams = Vec::new();
    for client in [&client, &second] {
        for list in &lists {
            let mut stream = client.subscribe(list.clone()).await;
            stream.round().await;
            streams.push(stream);
        }
    }
    // The one that switches it off gets its answer.
    client.apply(update(&format!("{GRPC}/admin-state"), r#""disable""#)).await;
    let off = "Unavailable: INFO: MGMT_CORE #2003: Session terminated - /configure/system/grpc/admin-state is disable";
    for stream in &mut streams {
        assert_eq!(within(end(stream)).await, off);
    }
    lab.listens(false).await;
    eventually(true, async || refused(lab.port).await).await;
    // A call that the client began while the connection went has a code of the client's own making.
    eventually(Code::Unavailable, async || {
        second.capabilities(CapabilityRequest::default()).await.map_or_else(|status| status.code(), |_| Code::Ok)
    })
    .await;
    lab.reload(&format!("{PLAIN}max-msg-size = 3\n")).unwrap();
    lab.listens(true).await;
    // The clients of before find their way back by themselves.
    eventually(Code::Ok, async || {
        second.capabilities(CapabilityRequest::default()).await.map_or_else(|status| status.code(), |_| Code::Ok)
    })
    .await;
    let mut stream = lab.client().await.subscribe(on_change(["/configure/system/location"])).await;
    assert_eq!(stream.round().await, ["sync"]);
}

/// TLS-028: a client that does not read is cut off after a while, and others are served again meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn does_not_wait_for_clients_that_do_not_read() {
    let lab = Lab::start(&format!("{PLAIN}[platform.sim]\nports = 500\n")).await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", lab.address())).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let stalled = crate::harness::Client::connect(endpoint, "admin").await;
    let _unread = stalled.subscribe(on_change(["/state/port"])).await;
    let client = lab.client().await;
    client.apply(update(&format!("{GRPC}/admin-state"), r#""disable""#)).await;
    lab.listens(false).await;
    lab.reload(&format!("{PLAIN}max-msg-size = 3\n[platform.sim]\nports = 500\n")).unwrap();
    lab.listens(true).await;
    let client = lab.client().await;
    client.get(get(["/configure/system/grpc"])).await.unwrap();
    // The kernel's view: only the new connection is left.
    let connections = || {
        let text = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let port = format!(":{:04X}", lab.port);
        text.lines()
            .filter(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&port)))
            .filter(|line| line.split_whitespace().nth(3) == Some("01"))
            .count()
    };
    eventually(1, async || connections()).await;
}

/// TLS-009, TLS-010: plaintext comes and goes with its leaf, and what was said in plaintext ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn plaintext_needs_its_leaf() {
    let lab = Lab::start("[configure.system.grpc]\nadmin-state = \"enable\"\nlistening-port = PORT\n").await;
    assert_eq!(lab.agent.address(), None);
    assert!(refused(lab.port).await);
    lab.reload(PLAIN).unwrap();
    lab.listens_on(lab.port).await;
    let client = lab.client().await;
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    client.apply(set().delete(&format!("{GRPC}/allow-unsecure-connection"))).await;
    let ended = "Unavailable: INFO: MGMT_CORE #2003: Session terminated - plaintext is not allowed any more";
    assert_eq!(within(end(&mut stream)).await, ended);
    lab.listens(false).await;
}

/// TLS-037: the limit holds from the next RPC on, for what is sent and for what it unpacks to; the session stays.
#[tokio::test(flavor = "multi_thread")]
async fn limits_request_messages() {
    let lab = Lab::start(PLAIN).await;
    let client = lab.client().await;
    let large = |bytes: usize| update("/configure/system/location", &format!("\"{}\"", "x".repeat(bytes)));
    let too_long = client.set(large(1 << 20)).await;
    check_refused(too_long, Code::InvalidArgument, &["location"]);
    client.apply(update(&format!("{GRPC}/max-msg-size"), "1")).await;
    eventually(true, async || {
        client.set(large(1 << 20)).await.is_err_and(|status| status.code() == Code::ResourceExhausted)
    })
    .await;
    check_refused(
        client.set(large(1 << 20)).await,
        Code::ResourceExhausted,
        &["larger than the limit of 1048576 bytes"],
    );
    let mut first = subscribe_request();
    first.extension = vec![bulky(1 << 20)];
    let status = client.refusal(first).await;
    check_refused(Err::<(), _>(status), Code::ResourceExhausted, &["larger than the limit of 1048576 bytes"]);
    check_refused(client.set(large((1 << 20) - 100)).await, Code::InvalidArgument, &["location"]);
    client.apply(update(&format!("{GRPC}/max-msg-size"), "2")).await;
    eventually(Code::InvalidArgument, async || client.set(large(1 << 20)).await.unwrap_err().code()).await;
}

fn subscribe_request() -> ganymede::pb::gnmi::SubscribeRequest {
    crate::harness::subscribe(on_change(["/configure/system/location"]))
}

fn bulky(bytes: usize) -> ganymede::pb::gnmi_ext::Extension {
    use ganymede::pb::gnmi_ext::{Extension, RegisteredExtension, extension::Ext};
    Extension { ext: Some(Ext::RegisteredExt(RegisteredExtension { id: 999, msg: vec![7; bytes].into() })) }
}

/// The server waits as long as it is told to after the process has started.
#[tokio::test(flavor = "multi_thread")]
async fn waits_after_boot() {
    let start = std::time::Instant::now();
    let lab = Lab::start(&format!("{PLAIN}delay-on-boot = 2\n")).await;
    assert_eq!(lab.agent.address(), None);
    lab.listens(true).await;
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    lab.client().await.capabilities(CapabilityRequest::default()).await.unwrap();
}
