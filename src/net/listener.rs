//! The accept loop.
//!
//! Invariant: the loop never waits for a client. Each handshake runs in a task of its own, has a deadline, and goes when
//! its place is needed for another; those of TLS are computed in turns. A client that speaks what the port does not is closed, never
//! served in the other way (TLS-014), and gets one line in the log that says who and why. What holds for clients can be
//! replaced while the port is open; each client is taken in by what held when it came.
//!
//! ```text
//! accept loop (one task) --- handshake (a task each) ---> entrance (bounded queue) ---> tonic
//! ```
//!
//! The socket is closed when the [`OpenPort`] is dropped; handshakes under way are finished.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard, PollSemaphore};
use tracing::Instrument;

use super::cause;
use super::connection::{Connection, Wire};
use super::tls::Tls;
use super::turn::InTurns;
use crate::admission::{Arrival, Ended, Protection, Sessions};
use crate::pki;

/// Connections that may wait for tonic, which takes them at once.
const READY_CONNECTIONS: usize = 16;
/// Clients that may wait for the accept loop.
const BACKLOG: u32 = 1024;
/// Pause after the system refused to accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the loop looks whether there is something to say about the last clients together.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(1);

/// What a port speaks.
#[derive(Clone, Debug)]
pub enum Transport {
    /// HTTP/2 with prior knowledge, readable by anybody on the way.
    Plain,
    /// HTTP/2 over TLS.
    Tls(Tls),
}

/// TCP keepalive (TLS-035).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub retries: u32,
}

/// Where connections go that have shown what they speak. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entrance {
    ready: Sender<io::Result<Connection>>,
    evicted: CancellationToken,
}

impl Entrance {
    /// An entrance, and the connections that come through it. Cancelling `evicted` closes these connections at once,
    /// whatever is going on there.
    pub fn new(evicted: CancellationToken) -> (Self, ReceiverStream<io::Result<Connection>>) {
        let (ready, connections) = mpsc::channel(READY_CONNECTIONS);
        (Self { ready, evicted }, ReceiverStream::new(connections))
    }
}

/// How clients are taken in.
#[derive(Clone, Debug)]
pub struct Reception {
    /// What the port speaks.
    pub transport: Transport,
    /// TCP keepalive, when it is on.
    pub keepalive: Option<Keepalive>,
    /// Where they go then.
    pub entrance: Entrance,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on an address; port 0 lets the system choose. `::` takes IPv4 clients too (TLS-036), and stands for every
    /// IPv4 address on a machine without IPv6.
    ///
    /// # Errors
    ///
    /// [`BindError`], for example when the port is in use.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = match bind(address) {
            Err(error) if no_ipv6(&error) && address.ip().is_unspecified() => {
                bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
            }
            bound => bound,
        };
        let socket = bound.map_err(|source| BindError { address, source })?;
        let address = socket.local_addr().map_err(|source| BindError { address, source })?;
        Ok(Self { socket, address })
    }

    /// The address in use, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Starts taking clients in; their sessions are opened in `sessions`.
    pub fn open(self, sessions: Arc<Sessions>, reception: Reception) -> OpenPort {
        let reception = Arc::new(ArcSwap::from_pointee(reception));
        let closing = CancellationToken::new();
        let accepting = accept(self.socket, self.address, sessions, reception.clone(), closing.clone());
        tokio::spawn(accepting.in_current_span());
        OpenPort { address: self.address, reception, _closing: closing.drop_guard() }
    }
}

/// A port that takes clients in. Dropped, it is closed.
#[derive(Debug)]
pub struct OpenPort {
    address: SocketAddr,
    reception: Arc<ArcSwap<Reception>>,
    _closing: DropGuard,
}

impl OpenPort {
    /// The address in use, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What holds for clients from now on.
    pub fn receive(&self, reception: Reception) {
        self.reception.store(Arc::new(reception));
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        let socket = tokio::net::TcpSocket::new_v6()?;
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
        socket
    };
    // Connections of a daemon that has just ended may linger; its successor need not wait for them.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn no_ipv6(error: &io::Error) -> bool {
    let no_family = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    let no_address = rustix::io::Errno::ADDRNOTAVAIL.raw_os_error();
    error.raw_os_error().is_some_and(|code| code == no_family || code == no_address)
}

async fn accept(
    socket: TcpListener,
    socket_address: SocketAddr,
    sessions: Arc<Sessions>,
    reception: Arc<ArcSwap<Reception>>,
    closing: CancellationToken,
) {
    let mut handshakes = JoinSet::new();
    let turns = PollSemaphore::new(Arc::new(Semaphore::new(sessions.limits().tls_handshakes)));
    let mut summary = tokio::time::interval(SUMMARY_INTERVAL);
    summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            Some(_) = handshakes.join_next() => {}
            _ = summary.tick() => sessions.complaints().summarize(),
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    let reception = reception.load_full();
                    match sessions.arrive(peer, &reception.entrance.evicted) {
                        Ok(arrival) => {
                            let newcomer = Newcomer { stream, arrival, turns: turns.clone() };
                            drop(handshakes.spawn(newcomer.take_in(sessions.clone(), reception).in_current_span()));
                        }
                        Err(turned_away) => {
                            reset(&stream);
                            sessions.complaints().warn(peer, &format_args!("connection refused: {turned_away}"));
                        }
                    }
                    // However many come, others have their turn between them.
                    yield_now().await;
                }
                Err(error) => {
                    sessions.complaints().warn(socket_address, &format_args!("cannot accept a connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(socket);
    // Each has its deadline.
    while handshakes.join_next().await.is_some() {}
}

/// A client that has just connected.
struct Newcomer {
    stream: TcpStream,
    arrival: Arrival,
    turns: PollSemaphore,
}

impl Newcomer {
    /// Brings the client to where HTTP/2 can be spoken, or closes the connection.
    async fn take_in(self, sessions: Arc<Sessions>, reception: Arc<Reception>) {
        let Self { stream, arrival, turns } = self;
        let (peer, limits) = (arrival.peer(), *sessions.limits());
        if let Err(error) = set_options(&stream, reception.keepalive) {
            tracing::debug!("{peer}: socket options: {error}");
        }
        let handshake = timeout(limits.handshake_timeout, handshake(stream, &reception.transport, turns));
        let outcome = tokio::select! {
            outcome = handshake => outcome.unwrap_or(Err(Mismatch::Late(limits.handshake_timeout))),
            () = arrival.ended() => match arrival.why() {
                Some(why) => Err(Mismatch::Ended(why)),
                // The port has gone.
                None => return,
            },
        };
        match outcome {
            Ok(wire) => {
                let open = sessions.open(arrival, protection(&wire));
                // Closed when the server has been shut down meanwhile; the connection then goes with it.
                let _ = reception.entrance.ready.send(Ok(Connection::new(wire, open, limits))).await;
            }
            // Port scanners and health checks do that all day.
            Err(Mismatch::Silent) => tracing::debug!("{peer}: closed without a word"),
            Err(mismatch) => sessions.complaints().warn(peer, &format_args!("connection refused: {mismatch}")),
        }
    }
}

/// Has the system forget a connection at once, instead of keeping it for another minute.
fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

fn protection(wire: &Wire) -> Protection {
    match wire {
        Wire::Plain(_) => Protection::None,
        Wire::Tls(stream) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            Protection::Tls { client: shown.map(|own| pki::common_name(own).unwrap_or_default()) }
        }
    }
}

fn set_options(stream: &TcpStream, keepalive: Option<Keepalive>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(keepalive) = keepalive {
        rustix::net::sockopt::set_tcp_keepidle(stream, keepalive.idle)?;
        rustix::net::sockopt::set_tcp_keepintvl(stream, keepalive.interval)?;
        rustix::net::sockopt::set_tcp_keepcnt(stream, keepalive.retries)?;
        rustix::net::sockopt::set_socket_keepalive(stream, true)?;
        // Probes are for a silent connection only; a peer that vanished while data was on its way gets as long.
        let patience = keepalive.idle + keepalive.interval * keepalive.retries;
        rustix::net::sockopt::set_tcp_user_timeout(stream, patience.as_millis().try_into().unwrap_or(u32::MAX))?;
    }
    Ok(())
}

/// Why a client cannot be served on this port.
#[derive(Debug, thiserror::Error)]
enum Mismatch {
    #[error("closed without a word")]
    Silent,
    #[error("plaintext HTTP/2 on a TLS port; the client has to use TLS; {rule}")]
    PlaintextOnTls { rule: String },
    #[error(
        "TLS handshake on a plaintext port; the client has to use plaintext (gnmic: --insecure); \
         /configure/system/grpc has no tls-server-profile, but allow-unsecure-connection"
    )]
    TlsOnPlaintext,
    #[error("neither TLS nor HTTP/2")]
    Neither,
    #[error("TLS handshake failed: {0}")]
    Handshake(String),
    #[error("no handshake within {0:?}")]
    Late(Duration),
    #[error("{0}")]
    Ended(Ended),
    #[error("{0}")]
    Read(#[from] io::Error),
}

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 22;
/// How HTTP/2 with prior knowledge begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

async fn handshake(stream: TcpStream, transport: &Transport, turns: PollSemaphore) -> Result<Wire, Mismatch> {
    let mut first = [0; PREFACE.len()];
    let length = stream.peek(&mut first).await?;
    let first = first.get(..length).unwrap_or_default();
    let is_tls = first.first() == Some(&TLS_HANDSHAKE);
    // A preface may arrive in pieces; its first byte tells it from TLS, and HTTP/2 judges the rest.
    let is_http2 = !first.is_empty() && PREFACE.starts_with(first);
    match transport {
        _ if first.is_empty() => Err(Mismatch::Silent),
        Transport::Plain if is_http2 => Ok(Wire::Plain(stream)),
        Transport::Plain if is_tls => Err(Mismatch::TlsOnPlaintext),
        Transport::Tls(tls) if is_tls => {
            let accepted = InTurns::new(tls.acceptor().accept(stream), turns).await;
            let stream = accepted.map_err(|error| Mismatch::Handshake(cause::of(&error, tls.place())))?;
            Ok(Wire::Tls(Box::new(stream)))
        }
        Transport::Tls(tls) if is_http2 => Err(Mismatch::PlaintextOnTls { rule: tls.place().to_owned() }),
        Transport::Plain | Transport::Tls(_) => Err(Mismatch::Neither),
    }
}
