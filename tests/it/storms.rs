//! Storms: many who never speak, guess passwords, or begin handshakes, beside a client that means well. That one comes
//! from another address, 127.0.0.1, where nothing else is said; the storms come from 127.0.0.2.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ganymede::admission::{LINES, Limits};
use ganymede::net::{Tls, Transport};
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pki::{Identity, Offer, TlsVersion};
use ganymede::time::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::door::{Client, Door, code, eventually};
use crate::harness::within;

const ADMIN: (&str, &str) = ("admin", "admin-secret");
const STORM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection from another address than that of the good clients.
async fn connect(address: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(address).await
}

/// A good client whose connections come from an address of choice.
async fn client_from(address: SocketAddr, from: Ipv4Addr) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().local_address(Some(from.into()));
    Client { gnmi: GNmiClient::new(endpoint.connect().await.unwrap()) }
}

/// Whether the server has closed a connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 64];
    loop {
        match tokio::time::timeout(Duration::from_millis(1), stream.read(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}

/// LIM-009, LIM-010: connections that never say a word, and such that say half of one, keep nobody out, neither from
/// elsewhere nor from their own address, and are closed.
#[tokio::test(flavor = "multi_thread")]
async fn silence_keeps_nobody_out() {
    let limits = Limits { connections: 40, connections_per_source: 20, connection_rate: 100_000, ..Limits::default() };
    let door = Door::open(limits);
    let mut good = door.connect().await;
    let mut stream = good.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    let mut silent = Vec::new();
    for number in 0..300 {
        let Ok(mut connection) = connect(door.address, STORM).await else { continue };
        // Some never speak, some begin to, some speak HTTP/2 and then nothing.
        let words: &[u8] = [&b""[..], b"PRI * HT", PREFACE][number % 3];
        let _ = connection.write_all(words).await;
        silent.push(connection);
        if number % 100 == 99 {
            good.get(ADMIN.0, ADMIN.1).await.unwrap();
            assert!(stream.message().await.unwrap().is_some());
            // New ones are served as well, also from where the silence comes from.
            door.connect().await.get(ADMIN.0, ADMIN.1).await.unwrap();
            client_from(door.address, STORM).await.get(ADMIN.0, ADMIN.1).await.unwrap();
        }
    }
    assert!(door.sessions.connections() <= 40);
    let mut closed = 0;
    for connection in &mut silent {
        closed += usize::from(is_closed(connection).await);
    }
    assert!(closed >= silent.len() - 20, "{closed} of {}", silent.len());
    drop(silent);
    eventually(|| door.sessions.connections() == 1).await;
    good.get(ADMIN.0, ADMIN.1).await.unwrap();
}

/// Connections that have not come to anything in time are closed without being asked for their place.
#[tokio::test]
async fn silence_ends() {
    let short = Duration::from_millis(300);
    let limits = Limits { handshake_timeout: short, first_request_timeout: short, ..Limits::default() };
    let files = tempfile::tempdir().unwrap();
    let plain = Door::open(limits);
    let encrypted = Door::with(limits, Transport::Tls(tls_in(files.path())));
    let hello = b"\x16\x03\x01\x00\xff\x01\x00";
    let mut open = Vec::new();
    for (door, words) in
        [(&plain, &b""[..]), (&plain, b"PRI *"), (&plain, PREFACE), (&encrypted, b""), (&encrypted, hello)]
    {
        let mut connection = connect(door.address, STORM).await.unwrap();
        connection.write_all(words).await.unwrap();
        open.push(connection);
    }
    for mut connection in open {
        let mut rest = Vec::new();
        let _ = within(connection.read_to_end(&mut rest)).await;
    }
    eventually(|| plain.sessions.connections() + encrypted.sessions.connections() == 0).await;
}

/// A source opens so many connections a second; others are not concerned.
#[tokio::test]
async fn a_source_has_its_rate_of_connections() {
    let door = Door::open(Limits { connection_rate: 5, ..Limits::default() });
    let mut connections = Vec::new();
    for _ in 0..30 {
        connections.extend(connect(door.address, STORM).await);
    }
    let mut closed = 0;
    for connection in &mut connections {
        closed += usize::from(is_closed(connection).await);
    }
    assert!((10..=25).contains(&closed), "{closed}");
    door.connect().await.get(ADMIN.0, ADMIN.1).await.unwrap();
}

/// A storm of wrong passwords: clients that have logged in notice nothing, others can log in, and the security log
/// tells about it in a bounded number of lines (AUTH-026, AUTH-037).
#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_starve_nobody() {
    let limits = Limits { connections_per_source: 20, waiting_logins: 24, ..Limits::default() };
    let mut door = Door::open(limits);
    let mut good = door.connect().await;
    good.get(ADMIN.0, ADMIN.1).await.unwrap();
    let (over, tried, refused) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0), AtomicUsize::new(0));
    let (tried, refused) = (&tried, &refused);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(client_from(door.address, STORM).await);
    }
    let storm = clients.into_iter().enumerate().map(|(number, mut client)| {
        let over = over.clone();
        async move {
            for guess in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let user = if number % 2 == 0 { "ro".to_owned() } else { format!("eve{guess}") };
                match code(&client.get(&user, &format!("guess{guess}")).await) {
                    Code::Unauthenticated => tried.fetch_add(1, Ordering::Relaxed),
                    Code::ResourceExhausted => refused.fetch_add(1, Ordering::Relaxed),
                    code => panic!("{code:?}"),
                };
                // A client that is answered at once would otherwise only measure how fast it can be refused.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let watch = async {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            good.get(ADMIN.0, ADMIN.1).await.unwrap();
            // A login of its own, while the storm goes on.
            door.connect().await.get(ADMIN.0, ADMIN.1).await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
    };
    within(async { tokio::join!(join_all(storm), watch) }).await;
    let (tried, refused) = (tried.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    // Twenty at once, five a second, those under way at the end; with room for a slow machine, which gives them time.
    assert!((20..200).contains(&tried), "{tried} tried");
    assert!(refused > tried, "{refused} refused, {tried} tried");
    let lines = door.log_lines(|line| line["verdict"] == "unauthorized", 20).await;
    assert!(lines.len() <= 6 * LINES as usize, "{} lines", lines.len());
}

/// What is left out of the logs is told in one line.
#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_counted() {
    let mut door = Door::open(Limits::default());
    let mut client = client_from(door.address, STORM).await;
    for _ in 0..LINES + 25 {
        assert_eq!(code(&client.get("", "").await), Code::Unauthenticated);
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    let is_told = |line: &serde_json::Value| line["event"] == "left-out";
    let told = door.log_lines(is_told, 1).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0]["client"].as_str(), told[0]["verdict"].as_str()), (Some("127.0.0.2"), Some("unauthorized")));
    assert_eq!(told[0]["reason"], "25 more lines like the last ones in 10 s");
    assert_eq!(door.log_lines(|line| line["event"] == "rpc", LINES as usize).await.len(), LINES as usize);
}

/// AUTH-015, AUTH-036: RPCs with credentials that were accepted do not wait for those that are being checked, and a burst
/// with one wrong password is one attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_guess_holds_up_itself_only() {
    let mut door = Door::open(Limits::default());
    let mut client = door.connect().await;
    client.get(ADMIN.0, ADMIN.1).await.unwrap();
    // From the seventh guess on a wait is due of almost a second.
    for guess in 0..6 {
        assert_eq!(code(&client.get("eve", &format!("guess{guess}")).await), Code::Unauthenticated);
    }
    let guesses = join_all((0..20).map(|_| {
        let mut client = client.clone();
        async move { (code(&client.get("eve", "wrong").await), Instant::now()) }
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        for _ in 0..20 {
            client.get(ADMIN.0, ADMIN.1).await.unwrap();
        }
        Instant::now()
    };
    let (guesses, served) = tokio::join!(guesses, others);
    assert!(guesses.iter().all(|(code, at)| *code == Code::Unauthenticated && *at > served));
    let checks = door.log_lines(|line| line["event"] == "authentication" && line["user"] == "eve", 7).await;
    assert_eq!(checks.len(), 7);
}

fn tls_in(directory: &Path) -> Tls {
    let identity = Identity::self_signed(directory, &[], Clock::System.now()).unwrap();
    Tls::new(&[identity], &Offer::of(&[TlsVersion::Tls12, TlsVersion::Tls13]), None).unwrap()
}

/// A storm of TLS handshakes that come to nothing: good clients are served, and connect meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_starve_nobody() {
    let files = tempfile::tempdir().unwrap();
    let limits = Limits { connections_per_source: 20, connection_rate: 100_000, ..Limits::default() };
    let door = Door::with(limits, Transport::Tls(tls_in(files.path())));
    let authority = std::fs::read(files.path().join("ca.pem")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", door.address)).unwrap().tls_config(tls).unwrap();
    let good = async || Client { gnmi: GNmiClient::new(endpoint.connect().await.unwrap()) };
    let mut first = good().await;
    first.get(ADMIN.0, ADMIN.1).await.unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let (mut storm, shaken) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..8 {
        let (config, address, shaken) = (config.clone(), door.address, shaken.clone());
        storm.spawn(async move {
            loop {
                let Ok(stream) = connect(address, STORM).await else { continue };
                let name = ServerName::try_from("localhost").unwrap();
                if TlsConnector::from(config.clone()).connect(name, stream).await.is_ok() {
                    shaken.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    within(async {
        for _ in 0..5 {
            first.get(ADMIN.0, ADMIN.1).await.unwrap();
            good().await.get(ADMIN.0, ADMIN.1).await.unwrap();
        }
        while shaken.load(Ordering::Relaxed) < 50 {
            first.get(ADMIN.0, ADMIN.1).await.unwrap();
        }
    })
    .await;
    storm.shutdown().await;
    eventually(|| door.sessions.connections() == 1).await;
}

/// TLS-035: a peer that has vanished without a word gives its session back.
#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_gives_its_session_back() {
    let second = Duration::from_secs(1);
    let door = Door::open(Limits { ping_interval: second, send_stall: second, ..Limits::default() });
    let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (through, address) = (relay.local_addr().unwrap(), door.address);
    let relaying = tokio::spawn(async move {
        let (mut client, _) = relay.accept().await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        let until = Instant::now() + Duration::from_secs(2);
        let copy = tokio::io::copy_bidirectional(&mut client, &mut server);
        let _ = tokio::time::timeout_at(until.into(), copy).await;
        // Both connections stay, and nothing goes through any more.
        (client, server)
    });
    let mut vanishing = client_from(through, Ipv4Addr::LOCALHOST).await;
    vanishing.get(ADMIN.0, ADMIN.1).await.unwrap();
    assert_eq!(door.sessions.seated().len(), 1);
    let _held = relaying.await.unwrap();
    within(async {
        while !door.sessions.seated().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
