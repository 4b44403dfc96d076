//! A connection that HTTP/2 is spoken on.
//!
//! Invariant: the session lives exactly as long as its connection. A connection that is overdue, or evicted by a server
//! that has gone down, is closed from here, because an HTTP/2 stream whose client does not read can be given no answer
//! any more.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::turn::Turn;
use crate::admission::{Limits, OpenSession, Session};

/// The bytes below.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with its session.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    open: OpenSession,
    limits: Limits,
    /// The DSCP in effect.
    dscp: u8,
    /// Next look at whether the session is overdue.
    patrol: Pin<Box<Sleep>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    turn: Turn,
}

impl Connection {
    pub(super) fn new(wire: Wire, open: OpenSession, limits: Limits) -> Self {
        let patrol = Box::pin(sleep_until(Instant::now() + patrol_interval(&limits)));
        let ended = Box::pin(open.arrival().ended());
        Self { wire, open, limits, dscp: 0, patrol, ended, turn: Turn::default() }
    }

    /// Marks the packets sent from now on as the session wants them (SUB-043).
    fn mark(&mut self) {
        let wanted = self.open.session().dscp();
        if self.dscp == wanted {
            return;
        }
        self.dscp = wanted;
        let socket = match &self.wire {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => stream.get_ref().0,
        };
        let peer = self.open.session().peer();
        let set = match peer {
            SocketAddr::V4(_) => sockopt::set_ip_tos(socket, wanted << 2),
            SocketAddr::V6(_) => sockopt::set_ipv6_tclass(socket, u32::from(wanted) << 2),
        };
        if let Err(error) = set {
            tracing::warn!("{peer}: packets cannot be marked with DSCP {wanted}: {error}");
        }
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.open.session().add_traffic(0, *bytes);
        }
        written
    }

    fn wire(&mut self) -> Pin<&mut dyn ReadWrite> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream),
            Wire::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

/// How often a connection is looked at: often enough that no limit is passed by more than half.
fn patrol_interval(limits: &Limits) -> std::time::Duration {
    limits.first_request_timeout.min(limits.send_stall) / 2
}

trait ReadWrite: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ReadWrite for T {}

impl Connected for Connection {
    type ConnectInfo = Arc<Session>;

    fn connect_info(&self) -> Arc<Session> {
        self.open.session().clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // HTTP/2 always waits for bytes to read, so these two are always listened to.
        if self.ended.as_mut().poll(cx).is_ready() {
            let why = self.open.arrival().why();
            if let Some(why) = why {
                self.open.complain(&format_args!("connection closed: {why}"));
            }
            let why = why.map_or_else(|| "the server has gone down".to_owned(), |why| why.to_string());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)));
        }
        while self.patrol.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let session = self.open.session();
            if let Some(overdue) = session.overdue(now, &self.limits) {
                self.open.complain(&format_args!("connection closed: {overdue}"));
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, overdue)));
            }
            let next = now + patrol_interval(&self.limits);
            self.patrol.as_mut().reset(next);
        }
        ready!(self.turn.poll(cx));
        let before = buf.filled().len();
        let read = self.wire().poll_read(cx, buf);
        let bytes = buf.filled().len() - before;
        let stranger = !self.open.session().is_seated();
        self.turn.took(bytes, stranger);
        self.open.session().add_traffic(bytes, 0);
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.mark();
        let written = self.wire().poll_write(cx, buf);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.mark();
        let written = self.wire().poll_write_vectored(cx, bufs);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::admission::{Protection, Sessions};
    use crate::log::{SecurityLog, SecurityLogSettings};
    use crate::time::Clock;

    /// SUB-043: packets are marked as the first subscription asks, until the last one has ended.
    async fn marks(listener: TcpListener, tos: impl Fn(&TcpStream) -> u8) {
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("security.log");
        let log = SecurityLog::open(&SecurityLogSettings { path, bytes: 4096, files: 1 }).unwrap();
        let sessions = Sessions::new(Limits::default(), Clock::System, log);
        let open = sessions.open(sessions.arrive(peer, &CancellationToken::new()).unwrap(), Protection::None);
        let session = open.session().clone();
        let mut connection = Connection::new(Wire::Plain(stream), open, Limits::default());
        let mut check = async |dscp: u8| {
            connection.write_all(b"x").await.unwrap();
            let Wire::Plain(stream) = &connection.wire else { panic!("no TLS here") };
            assert_eq!((session.dscp(), tos(stream)), (dscp, dscp << 2));
        };
        check(0).await;
        let first = session.subscribing(Some(46));
        check(46).await;
        let second = session.subscribing(Some(10));
        check(46).await;
        drop(first);
        check(46).await;
        drop(second);
        check(0).await;
        let silent = session.subscribing(None);
        let late = session.subscribing(Some(10));
        check(0).await;
        drop((silent, late));
        let _next = session.subscribing(Some(10));
        check(10).await;
    }

    /// SUB-043, on IPv4 and on a listener for both.
    #[tokio::test]
    async fn marks_packets_as_the_first_subscription_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        marks(listener, |stream| sockopt::ip_tos(stream).unwrap()).await;
        match TcpListener::bind("[::1]:0").await {
            Ok(listener) => marks(listener, |stream| sockopt::ipv6_tclass(stream).unwrap().try_into().unwrap()).await,
            Err(error) => {
                let has_ipv6 = std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|found| !found.is_empty());
                assert!(!has_ipv6, "{error}");
                eprintln!("nothing is shown about IPv6, which this machine does not have");
            }
        }
    }
}
