//! Channels: one for each RPC, of every service and session (LIM-003, LIM-018).
//!
//! Invariant: a [`Channel`] is held from admission until the last frame of the answer has been handed to HTTP/2, or the
//! RPC is gone; what is counted is what exists.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;
use tonic::{Code, Status};

use super::closing::Closing;
use super::session::Session;
use crate::aaa::Account;
use crate::time::Timestamp;

/// Characters of a status that are kept of an RPC that has ended, as the model allows.
const STATUS_MAX: usize = 256;

/// All channels of the process.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    limit: usize,
    free: Arc<Semaphore>,
    last_id: Arc<AtomicU32>,
}

impl Channels {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, free: Arc::new(Semaphore::new(limit)), last_id: Arc::new(AtomicU32::new(0)) }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A channel for an RPC on this session; none when all are in use.
    pub(super) fn open(&self, session: &Arc<Session>, rpc: RpcFacts, streams: bool) -> Option<Channel> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let id = self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let state = ChannelState { id, rpc, start: Instant::now(), waits_since: AtomicU64::new(0), streams };
        let state = Arc::new(state);
        let number = session.add_channel(&state);
        Some(Channel { session: session.clone(), number, state, ended: None, account: None, _permit: permit })
    }
}

/// What an RPC is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcFacts {
    /// Its HTTP path, `/package.service/name`.
    pub path: String,
    /// Who made it.
    pub user: String,
    /// When it came.
    pub began: Timestamp,
}

/// The last RPC of a session that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What it was.
    pub rpc: RpcFacts,
    /// How long it took.
    pub took: Duration,
    /// Its status, unless that was OK.
    pub error: Option<String>,
}

/// The channel of one RPC; free again when dropped.
#[derive(Debug)]
pub(super) struct Channel {
    session: Arc<Session>,
    number: u64,
    state: Arc<ChannelState>,
    /// The status it ended with, once that is known.
    ended: Option<Result<(), String>>,
    /// Closed with the channel.
    account: Option<Account>,
    _permit: OwnedSemaphorePermit,
}

impl Channel {
    /// Has the accounts of its RPC kept, which end with it.
    pub(super) fn keep_account(&mut self, open: impl FnOnce(&ChannelState) -> Option<Account>) {
        self.account = open(&self.state);
    }

    /// The accounts, if somebody wants any.
    pub(super) fn account(&mut self) -> Option<&mut Account> {
        self.account.as_mut()
    }

    /// Notes the status that the RPC ends with.
    pub(super) fn ends(&mut self, status: &Status) {
        self.ended = Some(match status.code() {
            Code::Ok => Ok(()),
            code => Err(format!("{code:?}: {}", status.message()).chars().take(STATUS_MAX).collect()),
        });
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let ended = self.ended.take().unwrap_or_else(|| Err("Cancelled: ended by the client".to_owned()));
        let finished = Finished { rpc: self.state.rpc.clone(), took: self.state.start.elapsed(), error: ended.err() };
        self.session.remove_channel(self.number, finished);
    }
}

/// What others may see of a channel.
#[derive(Debug)]
pub struct ChannelState {
    id: u32,
    rpc: RpcFacts,
    start: Instant,
    /// Milliseconds after `start` at which the frame was handed over that HTTP/2 has not asked beyond yet; zero when it
    /// has asked.
    waits_since: AtomicU64,
    /// Unary answers are not watched: one long message may take long on a slow line and still move.
    streams: bool,
}

impl ChannelState {
    /// The number of the RPC, over all sessions.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The RPC.
    pub fn rpc(&self) -> &RpcFacts {
        &self.rpc
    }

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

/// Frames after which a stream asks whether its server has ended even though it has more to say: locks are not for
/// every frame.
const UNASKED_MAX: u32 = 64;

/// The body of an answer, with the channel it keeps busy.
#[derive(Debug)]
pub(super) struct ChannelBody {
    inner: Body,
    channel: Option<Channel>,
    /// What ends a stream that would go on otherwise; none for an answer that ends by itself.
    end: Option<End>,
}

#[derive(Debug)]
struct End {
    closing: Closing,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Frames since it was last asked.
    unasked: u32,
}

impl ChannelBody {
    pub(super) fn new(inner: Body, channel: Channel, closing: Option<&Closing>) -> Self {
        // HTTP/2 never polls a body that has ended already.
        let channel = Some(channel).filter(|_| !inner.is_end_stream());
        let end =
            closing.map(|closing| End { closing: closing.clone(), closed: Box::pin(closing.closed()), unasked: 0 });
        Self { inner, channel, end }
    }

    /// The status of a stream whose server has ended meanwhile.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let Some(end) = &mut self.end else { return Poll::Pending };
        end.unasked = 0;
        match end.closed.as_mut().poll(cx) {
            Poll::Ready(()) => end.closing.refusal().map_or(Poll::Pending, |refusal| Poll::Ready(refusal.status())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.end.as_ref().is_some_and(|end| end.unasked >= UNASKED_MAX)
            && let Poll::Ready(status) = self.poll_end(cx)
        {
            return self.cut(&status);
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending => match self.poll_end(cx) {
                Poll::Ready(status) => self.cut(&status),
                Poll::Pending => Poll::Pending,
            },
            ready => {
                if let Some(end) = &mut self.end {
                    end.unasked += 1;
                }
                ready
            }
        }
    }

    /// Ends the stream here.
    fn cut(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        (self.inner, self.end) = (Body::empty(), None);
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}

impl http_body::Body for ChannelBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(channel) = &self.channel {
            channel.state.asked();
        }
        let frame = self.poll_inner(cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                if let Some(channel) = &self.channel {
                    channel.state.handed_over();
                }
            }
            // Freed before the client can see the end, so that it may open the next RPC at once.
            Poll::Ready(end) => {
                if let Some(mut channel) = self.channel.take() {
                    let status = match end {
                        Some(Ok(frame)) => frame.trailers_ref().and_then(Status::from_header_map),
                        Some(Err(status)) => Some(status.clone()),
                        None => None,
                    };
                    channel.ends(&status.unwrap_or_else(|| Status::ok("")));
                }
            }
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
