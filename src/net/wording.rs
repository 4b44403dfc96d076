//! Calls that the library refuses before a service sees them, in the words of this server.
//!
//! A service or method that nobody knows (TLS-031) would be answered with a code and no text, a compression that nobody
//! understands (TLS-033) in the library's own words. Code and headers stay as they are.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::compression::{OFFERED, SENT};

/// Characters of the name of a compression that are said again; real ones have eight at most.
const NAME_CHARS: usize = 32;

/// Gives refusals of the library their text.
#[derive(Clone, Copy, Debug)]
pub struct Wording;

impl<S> Layer<S> for Wording {
    type Service = Worded<S>;

    fn layer(&self, inner: S) -> Worded<S> {
        Worded { inner }
    }
}

/// A router whose refusals say what they refuse.
#[derive(Clone, Debug)]
pub struct Worded<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Worded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let uri = request.uri().clone();
        let sent = request.headers().get(SENT).cloned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let refused = Status::from_header_map(answer.headers());
            let Some(refused) = refused.filter(|status| status.code() == Code::Unimplemented) else {
                return Ok(answer);
            };
            let text = if refused.message().is_empty() {
                format!("MINOR: MGMT_CORE #2221: {} - Unknown service or method", uri.path())
            } else if let (Some(sent), Some(accepted)) = (sent, answer.headers().get(OFFERED)) {
                let (sent, accepted) = (text(&sent), text(accepted));
                format!("MINOR: MGMT_CORE #2223: grpc-encoding '{sent}' - Unknown compression, accepted are {accepted}")
            } else {
                return Ok(answer);
            };
            Ok(Status::with_metadata(Code::Unimplemented, text, refused.metadata().clone()).into_http())
        })
    }
}

fn text(header: &HeaderValue) -> String {
    String::from_utf8_lossy(header.as_bytes()).chars().take(NAME_CHARS).collect()
}
