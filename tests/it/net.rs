//! The port itself: TLS, what is refused on it, and who is never kept waiting.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ganymede::admission::Limits;
use ganymede::net::{Listener, Tls, TlsError, Transport};
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pki::{Identity, Offer, TlsVersion};
use ganymede::time::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::authority::Issued;
use crate::door::{Client, Door};
use crate::harness::within;

const BOTH: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

fn self_signed(directory: &Path) -> Identity {
    Identity::self_signed(directory, &["192.0.2.7".parse().unwrap()], Clock::System.now()).unwrap()
}

fn tls_of(identity: Identity, versions: &[TlsVersion]) -> Result<Tls, TlsError> {
    Tls::new(&[identity], &Offer::of(versions), None)
}

/// TLS with the certificate in a directory, made when there is none.
fn tls_in(directory: &Path, versions: &[TlsVersion]) -> Tls {
    tls_of(self_signed(directory), versions).unwrap()
}

/// A TLS handshake with the server; trusts the authority in `directory`.
async fn handshake(
    door: &Door,
    directory: &Path,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let authority = std::fs::read_to_string(directory.join("ca.pem")).unwrap();
    shake(door.address, &authority, None, name, versions, alpn).await
}

/// A TLS handshake with a server that goes on until HTTP/2 has begun, by a client that may have a certificate.
pub(crate) async fn shake(
    address: SocketAddr,
    authority: &str,
    own: Option<&Issued>,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::pem_slice_iter(own.certificate.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    // In TLS 1.3 the client is done before the server has judged it.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await?;
    Ok(stream)
}

/// What a handshake came to.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) version: rustls::ProtocolVersion,
    pub(crate) suite: rustls::CipherSuite,
    pub(crate) group: Option<rustls::NamedGroup>,
}

/// A handshake with `localhost` by a client that can do all there is in these versions.
pub(crate) async fn offered(
    address: SocketAddr,
    authority: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<Offered> {
    let stream = shake(address, authority, None, "localhost", versions, &["h2"]).await?;
    let (_, session) = stream.get_ref();
    Ok(Offered {
        version: session.protocol_version().unwrap(),
        suite: session.negotiated_cipher_suite().unwrap().suite(),
        group: session.negotiated_key_exchange_group().map(|group| group.name()),
    })
}

async fn connect_tls(door: &Door, directory: &Path, name: &str) -> Result<Client, tonic::transport::Error> {
    let pem = std::fs::read(directory.join("ca.pem")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)).domain_name(name);
    let endpoint = Endpoint::from_shared(format!("https://{}", door.address)).unwrap().tls_config(tls).unwrap();
    Ok(Client { gnmi: GNmiClient::new(endpoint.connect().await?) })
}

/// TLS-017, TLS-018, TLS-019.
#[tokio::test]
async fn offers_both_versions_and_h2() {
    let files = tempfile::tempdir().unwrap();
    let door = Door::with_tls(&tls_in(files.path(), &BOTH));
    let (v12, v13) = (&rustls::version::TLS12, &rustls::version::TLS13);
    for version in [v12, v13] {
        let stream = handshake(&door, files.path(), "localhost", &[version], &["http/1.1", "h2"]).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    }
    // Old clients say nothing about protocols and are taken at their word.
    let stream = handshake(&door, files.path(), "localhost", &[v13], &[]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    handshake(&door, files.path(), "localhost", &[v13], &["http/1.1"]).await.unwrap_err();
    for name in ["127.0.0.1", "::1", "192.0.2.7"] {
        handshake(&door, files.path(), name, &[v13], &["h2"]).await.unwrap();
    }
    handshake(&door, files.path(), "192.0.2.8", &[v13], &["h2"]).await.unwrap_err();
    // Only what the settings offer.
    let door = Door::with_tls(&tls_in(files.path(), &BOTH[1..]));
    handshake(&door, files.path(), "localhost", &[v12], &["h2"]).await.unwrap_err();
    handshake(&door, files.path(), "localhost", &[v13], &["h2"]).await.unwrap();
}

/// A certificate is made once, kept with its key out of reach, and told by its fingerprint.
#[test]
fn makes_a_certificate_on_first_start() {
    let files = tempfile::tempdir().unwrap();
    let directory = files.path().join("tls");
    let first = self_signed(&directory).fingerprint();
    assert_eq!(first.len(), 32 * 3 - 1);
    assert_eq!(self_signed(&directory).fingerprint(), first);
    let mode = |name: &str| directory.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("cert.pem") & 0o044), (0o600, 0o044));
    let error = Identity::from_files(&directory.join("cert.pem"), &directory.join("nothing.pem")).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", directory.join("nothing.pem").display())), "{error}");
    let error = Identity::from_files(&directory.join("key.pem"), &directory.join("key.pem")).unwrap_err();
    assert!(error.to_string().contains("key.pem: "), "{error}");
    let other = files.path().join("other");
    self_signed(&other);
    let mixed = Identity::from_files(&directory.join("cert.pem"), &other.join("key.pem")).unwrap();
    let error = tls_of(mixed, &BOTH).unwrap_err();
    assert!(error.to_string().starts_with("certificate cannot be used: "), "{error}");
}

/// TLS-019, TLS-021, TLS-022: a new certificate serves new connections; what runs goes on.
#[tokio::test]
async fn replaces_the_certificate_under_running_sessions() {
    let files = tempfile::tempdir().unwrap();
    let (one, two) = (files.path().join("one"), files.path().join("two"));
    let door = Door::with_tls(&tls_in(&one, &BOTH));
    let mut client = connect_tls(&door, &one, "localhost").await.unwrap();
    let mut stream = client.subscribe("admin", "admin-secret").await.unwrap();
    connect_tls(&door, &one, "elsewhere.example").await.unwrap_err();
    door.replace(&tls_in(&two, &BOTH));
    assert!(stream.message().await.unwrap().is_some());
    client.get("admin", "admin-secret").await.unwrap();
    connect_tls(&door, &one, "localhost").await.unwrap_err();
    let mut client = connect_tls(&door, &two, "127.0.0.1").await.unwrap();
    client.get("admin", "admin-secret").await.unwrap();
    assert!(door.sessions.seated().iter().all(|session| session.is_encrypted()));
}

/// Lines of the operational log, of all tests of this binary.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tracing remembers for the whole process whether anybody wants a line, so one subscriber serves all tests.
static LOG: LazyLock<Lines> = LazyLock::new(|| {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .init();
    lines
});

/// Sends some bytes to a port, waits until it is closed, and returns what the log says about it.
async fn logged(transport: Transport, bytes: &[u8]) -> Vec<String> {
    LazyLock::force(&LOG);
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let door = Door::with(limits, transport);
    // A port of the client may be one that an earlier client had, so only lines from here on count.
    let before = LOG.0.lock().unwrap().len();
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let peer = stream.local_addr().unwrap().to_string();
    stream.write_all(bytes).await.unwrap();
    let mut rest = Vec::new();
    // Never an answer in the other way of speaking (TLS-014).
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap().ok();
    assert!(!rest.windows(3).any(|window| window == b"\0\0\x04"), "{rest:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let text = String::from_utf8(LOG.0.lock().unwrap()[before..].to_vec()).unwrap();
    text.lines().filter(|line| line.contains(&peer)).map(|line| line.trim().replace(&peer, "PEER")).collect()
}

/// TLS-013, TLS-014 and the reverse: one line that names the peer and the cause.
#[tokio::test]
async fn a_mismatch_is_one_clear_line() {
    let files = tempfile::tempdir().unwrap();
    let tls = || Transport::Tls(tls_in(files.path(), &BOTH));
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";
    let plaintext = "WARN PEER: connection refused: plaintext HTTP/2 on a TLS port; the client has to use TLS; \
                     [tls] of the configuration file";
    assert_eq!(logged(tls(), preface).await, [plaintext]);
    let reverse = "WARN PEER: connection refused: TLS handshake on a plaintext port; \
                   the client has to use plaintext (gnmic: --insecure); \
                   /configure/system/grpc has no tls-server-profile, but allow-unsecure-connection";
    assert_eq!(logged(Transport::Plain, hello).await, [reverse]);
    let neither = "WARN PEER: connection refused: neither TLS nor HTTP/2";
    assert_eq!(logged(Transport::Plain, b"GET / HTTP/1.1\r\n\r\n").await, [neither]);
    assert_eq!(logged(tls(), b"\0\0\0").await, [neither]);
    let failed = logged(tls(), hello).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("WARN PEER: connection refused: TLS handshake failed: "), "{failed:?}");
    let late = "WARN PEER: connection refused: no handshake within 300ms";
    assert_eq!(logged(Transport::Plain, b"").await, [late]);
    // As long as it may still become a preface, HTTP/2 itself waits for it.
    assert_eq!(logged(Transport::Plain, b"PRI * FTP").await, [neither]);
}

/// A first message of a handshake by a client that knows this version and none after it.
fn old_hello(minor: u8) -> Vec<u8> {
    // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA and TLS_RSA_WITH_AES_128_CBC_SHA, which all of them have, and no extension.
    let body = [&[3, minor][..], &[7; 32], &[0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]].concat();
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let message = [&[1, 0][..], &length(body.len()), &body].concat();
    [&[22, 3, 1][..], &length(message.len()), &message].concat()
}

/// TLS-013, TLS-017: TLS 1.1 and before end in an alert, whatever the knob says.
#[tokio::test]
async fn refuses_old_versions_with_an_alert() {
    let files = tempfile::tempdir().unwrap();
    for versions in [&BOTH[..], &BOTH[..1], &BOTH[1..]] {
        let door = Door::with_tls(&tls_in(files.path(), versions));
        for minor in [1, 2] {
            let mut stream = TcpStream::connect(door.address).await.unwrap();
            stream.write_all(&old_hello(minor)).await.unwrap();
            let mut answer = Vec::new();
            within(stream.read_to_end(&mut answer)).await.unwrap();
            // A fatal alert (RFC 5246 7.2), and nothing else.
            assert_eq!((answer[0], answer[5], answer.len()), (21, 2, 7), "1.{}: {answer:?}", minor - 1);
        }
    }
    let line = logged(Transport::Tls(tls_in(files.path(), &BOTH)), &old_hello(2)).await;
    assert_eq!(line.len(), 1, "{line:?}");
    assert!(line[0].starts_with("WARN PEER: connection refused: TLS handshake failed: "), "{line:?}");
}

/// Clients that connect and say nothing keep nobody waiting.
#[tokio::test]
async fn silent_clients_keep_nobody_waiting() {
    let files = tempfile::tempdir().unwrap();
    let door = Door::with_tls(&tls_in(files.path(), &BOTH));
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(TcpStream::connect(door.address).await.unwrap());
    }
    let start = std::time::Instant::now();
    let mut client = connect_tls(&door, files.path(), "localhost").await.unwrap();
    client.get("admin", "admin-secret").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

/// TLS-036: one socket for IPv4 and IPv6.
#[tokio::test]
async fn listens_on_both_families() {
    let listener = Listener::bind("[::]:0".parse().unwrap()).unwrap();
    let address = listener.local_addr();
    TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    if address.is_ipv6() {
        TcpStream::connect(("::1", address.port())).await.unwrap();
    }
    let taken = Listener::bind(address).unwrap_err();
    assert!(taken.to_string().starts_with(&format!("cannot listen on {address}: Address already in use")), "{taken}");
}

#[tokio::test]
async fn knows_the_addresses_of_this_machine() {
    let addresses = ganymede::net::local_addresses().await;
    assert!(addresses.contains(&"127.0.0.1".parse().unwrap()), "{addresses:?}");
}
