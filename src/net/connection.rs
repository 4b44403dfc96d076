//! A connection that HTTP/2 is spoken on.
//!
//! Invariant: the session lives exactly as long as its connection. A connection that is overdue, or evicted by a server
//! that has gone down, is closed from here, because an HTTP/2 stream whose client does not read can be given no answer
//! any more.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

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
    /// Next look at whether the session is overdue.
    patrol: Pin<Box<Sleep>>,
    evicted: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    pub(super) fn new(wire: Wire, open: OpenSession, limits: Limits, evicted: &CancellationToken) -> Self {
        let patrol = Box::pin(sleep_until(Instant::now() + patrol_interval(&limits)));
        Self { wire, open, limits, patrol, evicted: Box::pin(evicted.clone().cancelled_owned()) }
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
        if self.evicted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has gone down")));
        }
        while self.patrol.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let session = self.open.session();
            if let Some(overdue) = session.overdue(now, &self.limits) {
                tracing::warn!("{}: connection closed: {overdue}", session.peer());
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, overdue)));
            }
            let next = now + patrol_interval(&self.limits);
            self.patrol.as_mut().reset(next);
        }
        let before = buf.filled().len();
        let read = self.wire().poll_read(cx, buf);
        self.open.session().add_traffic(buf.filled().len() - before, 0);
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.wire().poll_write(cx, buf);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
