//! Channels: one for each RPC, of every service and session (LIM-003, LIM-018).
//!
//! Invariant: a [`Channel`] is held from admission until the last frame of the answer has been handed to HTTP/2, or the
//! RPC is gone; what is counted is what exists.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tonic::body::Body;

use super::closing::Closing;
use super::session::Session;

/// All channels of the process.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    limit: usize,
    free: Arc<Semaphore>,
}

impl Channels {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, free: Arc::new(Semaphore::new(limit)) }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A channel for an RPC on this session; none when all are in use.
    pub(super) fn open(&self, session: &Arc<Session>, streams: bool) -> Option<Channel> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let state = Arc::new(ChannelState { start: Instant::now(), waits_since: AtomicU64::new(0), streams });
        let number = session.add_channel(&state);
        Some(Channel { session: session.clone(), number, state, _permit: permit })
    }
}

/// The channel of one RPC; free again when dropped.
#[derive(Debug)]
pub(super) struct Channel {
    session: Arc<Session>,
    number: u64,
    state: Arc<ChannelState>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.session.remove_channel(self.number);
    }
}

/// What others may see of a channel.
#[derive(Debug)]
pub(super) struct ChannelState {
    start: Instant,
    /// Milliseconds after `start` at which the frame was handed over that HTTP/2 has not asked beyond yet; zero when it
    /// has asked.
    waits_since: AtomicU64,
    /// Unary answers are not watched: one long message may take long on a slow line and still move.
    streams: bool,
}

impl ChannelState {
    /// How long the last frame has been waiting for the client to read.
    pub(super) fn waiting(&self, now: Instant) -> Duration {
        match self.waits_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => now.saturating_duration_since(self.start + Duration::from_millis(since)),
        }
    }

    fn handed_over(&self) {
        if self.streams {
            let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.waits_since.store(millis.max(1), Ordering::Relaxed);
        }
    }

    fn asked(&self) {
        self.waits_since.store(0, Ordering::Relaxed);
    }
}

/// The body of an answer, with the channel it keeps busy.
#[derive(Debug)]
pub(super) struct ChannelBody {
    inner: Body,
    channel: Option<Channel>,
    /// What ends a stream that would go on otherwise; none for an answer that ends by itself.
    closing: Option<(Closing, Pin<Box<WaitForCancellationFutureOwned>>)>,
}

impl ChannelBody {
    pub(super) fn new(inner: Body, channel: Channel, closing: Option<&Closing>) -> Self {
        // HTTP/2 never polls a body that has ended already.
        let channel = Some(channel).filter(|_| !inner.is_end_stream());
        let closing = closing.map(|closing| (closing.clone(), Box::pin(closing.closed())));
        Self { inner, channel, closing }
    }

    /// The status of a stream whose server has ended meanwhile.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<HeaderMap> {
        let Some((closing, closed)) = &mut self.closing else { return Poll::Pending };
        if closed.as_mut().poll(cx).is_pending() || self.inner.is_end_stream() {
            return Poll::Pending;
        }
        let mut trailers = HeaderMap::new();
        if let Some(refusal) = closing.refusal() {
            // A text in the characters that status texts are made of always fits.
            let _ = refusal.status().add_header(&mut trailers);
        }
        *self = Self { inner: Body::empty(), channel: None, closing: None };
        Poll::Ready(trailers)
    }
}

impl http_body::Body for ChannelBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(trailers) = self.poll_closed(cx) {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        if let Some(channel) = &self.channel {
            channel.state.asked();
        }
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                if let Some(channel) = &self.channel {
                    channel.state.handed_over();
                }
            }
            // Freed before the client can see the end, so that it may open the next RPC at once.
            Poll::Ready(_) => self.channel = None,
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
