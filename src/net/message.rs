//! The largest request message, which the configuration can change while connections are open (TLS-037).
//!
//! Invariant: no message above the limit of the moment its RPC began reaches a service, whether it is that large on the
//! wire or only once it is unpacked; the RPC ends with `RESOURCE_EXHAUSTED` before the message has been read, and the
//! session stays.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_service::Service;

/// Bytes in front of each message of gRPC: a flag and the length.
const HEADER_BYTES: usize = 5;

/// The limit in bytes. Clones share it.
#[derive(Clone, Debug)]
pub struct MessageLimit(Arc<AtomicUsize>);

impl MessageLimit {
    /// A limit that stands at `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Holds for every RPC that begins from now on.
    pub fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Watches the messages of a request.
    pub fn watch(&self, request: Request<Body>) -> Request<Body> {
        let limit = self.get();
        request.map(|inner| Body::new(Watched { inner, limit, header: [0; HEADER_BYTES], filled: 0, rest: 0 }))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request body whose messages are measured by their headers as they pass.
#[derive(Debug)]
struct Watched {
    inner: Body,
    limit: usize,
    header: [u8; HEADER_BYTES],
    /// Bytes of the header seen so far.
    filled: usize,
    /// Bytes of the message still to come.
    rest: usize,
}

impl Watched {
    fn measure(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while !data.is_empty() {
            let skipped = self.rest.min(data.len());
            self.rest -= skipped;
            data = data.get(skipped..).unwrap_or_default();
            let Some((&byte, after)) = data.split_first() else { return Ok(()) };
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = byte;
            }
            self.filled += 1;
            data = after;
            if self.filled == HEADER_BYTES {
                let [_, a, b, c, d] = self.header;
                self.filled = 0;
                self.rest = u32::from_be_bytes([a, b, c, d]) as usize;
                if self.rest > self.limit {
                    return Err(too_large(self.rest, self.limit));
                }
            }
        }
        Ok(())
    }
}

fn too_large(bytes: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "MINOR: MGMT_CORE #2220: Request message of {bytes} bytes is larger than the limit of {limit} bytes"
    ))
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(status) = self.measure(data)
        {
            return Poll::Ready(Some(Err(status)));
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

/// A service whose messages keep to the limit of the moment once they are unpacked, too.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    service: S,
    limit: MessageLimit,
    apply: fn(S, usize) -> S,
}

impl<S> Limited<S> {
    /// `apply` gives the service a limit; it is asked for each RPC.
    pub fn new(service: S, limit: &MessageLimit, apply: fn(S, usize) -> S) -> Self {
        Self { service, limit: limit.clone(), apply }
    }
}

impl<S: Service<Request<Body>> + Clone> Service<Request<Body>> for Limited<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        // The services that tonic generates are always ready, and their clones share what they serve.
        (self.apply)(self.service.clone(), self.limit.get()).call(request)
    }
}

impl<S: NamedService> NamedService for Limited<S> {
    const NAME: &'static str = S::NAME;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLS-037: however the bytes are cut into frames.
    #[test]
    fn measures_each_message_by_its_header() {
        let message = |length: usize| {
            let header = u32::try_from(length).unwrap().to_be_bytes();
            [&[0][..], &header, &vec![7; length]].concat()
        };
        let good = [message(10), message(0), message(9)].concat();
        for piece in [1, 3, 5, 6, 1000] {
            let mut watched = Watched { inner: Body::empty(), limit: 10, header: [0; 5], filled: 0, rest: 0 };
            for data in good.chunks(piece) {
                watched.measure(data).unwrap();
            }
            let refused = message(11).chunks(piece).find_map(|data| watched.measure(data).err()).unwrap();
            assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
            assert!(refused.message().ends_with("of 11 bytes is larger than the limit of 10 bytes"), "{refused}");
        }
    }
}
