//! What a client reads that calls a service or method nobody knows (TLS-031).
//!
//! The router answers such a call with a code and no text. No answer of this server goes without one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

/// Gives calls without a service their text.
#[derive(Clone, Copy, Debug)]
pub struct Nameless;

impl<S> Layer<S> for Nameless {
    type Service = Naming<S>;

    fn layer(&self, inner: S) -> Naming<S> {
        Naming { inner }
    }
}

/// A router whose refusals say what they refuse.
#[derive(Clone, Debug)]
pub struct Naming<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Naming<S>
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
        let path = request.uri().path().to_owned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if is_unnamed(answer.headers()) {
                let text = format!("MINOR: MGMT_CORE #2221: {path} - Unknown service or method");
                return Ok(Status::unimplemented(text).into_http());
            }
            Ok(answer)
        })
    }
}

fn is_unnamed(headers: &HeaderMap) -> bool {
    Status::from_header_map(headers)
        .is_some_and(|status| status.code() == Code::Unimplemented && status.message().is_empty())
}
