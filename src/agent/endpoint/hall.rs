//! A running server: it serves the connections that come through its entrance until it is closed.
//!
//! Invariant: it knows of no port, so moving or closing the port leaves its connections alone. Closed, it ends within
//! [`GRACE`]: streams get their status, then the connections a GOAWAY, and what is still there then is cut off.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tower::util::MapRequestLayer;
use tracing::{Instrument, Span};

use crate::admission::{Admission, Closing, Sessions};
use crate::net::{self, Entrance, Limited, MessageLimit, Wording};
use crate::pb::GnmiServer;
use crate::pb::health::HealthServer;
use crate::pb::reflection::{v1, v1alpha};
use crate::pki::Tally;
use crate::rpc::gnmi::Gnmi;
use crate::rpc::health::Health;
use crate::rpc::reflection::Reflection;

/// Time that connections get to end. Streams end at once; this is for unary calls and for peers that do not read.
const GRACE: Duration = Duration::from_secs(3);

/// What a GetResponse holds besides the values that its limit counts: a notification for each path of the request.
const REPLY_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// What every server serves.
#[derive(Debug)]
pub(in crate::agent) struct Services {
    pub(in crate::agent) sessions: Arc<Sessions>,
    pub(in crate::agent) admission: Admission,
    pub(in crate::agent) gnmi: Gnmi,
    /// None where the release has none.
    pub(in crate::agent) telling: Option<Telling>,
    pub(in crate::agent) message_limit: MessageLimit,
    /// Certificates of clients that were judged.
    pub(in crate::agent) checks: Tally,
}

/// The services that tell about services.
#[derive(Clone, Debug)]
pub(in crate::agent) struct Telling {
    pub(in crate::agent) health: Health,
    pub(in crate::agent) reflection: Reflection,
}

/// A running server. Dropped, it is closed.
#[derive(Debug)]
pub(super) struct Hall {
    entrance: Entrance,
    closing: Closing,
    serving: Option<JoinHandle<()>>,
}

impl Hall {
    pub(super) fn open(services: &Services) -> Self {
        let (closing, evicted) = (Closing::default(), CancellationToken::new());
        let (entrance, connections) = Entrance::new(evicted.clone());
        let limits = services.sessions.limits();
        let gnmi = GnmiServer::new(services.gnmi.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
            .max_encoding_message_size(limits.get_response_bytes + REPLY_FRAME_BYTES);
        let limit = services.message_limit.clone();
        let telling = services.telling.as_ref();
        let health = telling.map(|telling| {
            let health = HealthServer::new(telling.health.clone()).accept_compressed(CompressionEncoding::Gzip);
            Limited::new(health, &services.message_limit, HealthServer::max_decoding_message_size)
        });
        // Both versions have the same methods, and no trait that says so.
        macro_rules! reflection {
            ($version:ident) => {
                telling.map(|telling| {
                    let reflection = $version::ServerReflectionServer::new(telling.reflection.clone())
                        .accept_compressed(CompressionEncoding::Gzip)
                        .send_compressed(CompressionEncoding::Gzip);
                    let apply = $version::ServerReflectionServer::max_decoding_message_size;
                    Limited::new(reflection, &services.message_limit, apply)
                })
            };
        }
        let (reflection, reflection_alpha) = (reflection!(v1), reflection!(v1alpha));
        // Calls log as the element they are for, connections do not know it.
        let span = Span::current();
        let serving = net::server(limits)
            .trace_fn(move |_| span.clone())
            .layer(MapRequestLayer::new(net::in_kind))
            .layer(MapRequestLayer::new(move |request| limit.watch(request)))
            .layer(services.admission.until(&closing))
            .layer(Wording)
            .add_service(Limited::new(gnmi, &services.message_limit, GnmiServer::max_decoding_message_size))
            .add_optional_service(health)
            .add_optional_service(reflection)
            .add_optional_service(reflection_alpha)
            .serve_with_incoming_shutdown(connections, closing.closed());
        let closed = closing.closed();
        let serving = async move {
            let too_late = async {
                closed.await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                served = serving => {
                    if let Err(error) = served {
                        tracing::error!("server ended: {error}");
                    }
                }
                () = too_late => tracing::warn!("connections closed with RPCs still running"),
            }
            evicted.cancel();
        };
        Self { entrance, closing, serving: Some(tokio::spawn(serving.in_current_span())) }
    }

    /// Where its connections come in.
    pub(super) fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// Ends every RPC with UNAVAILABLE and this reason, then the connections. The end can be waited for, or not.
    pub(super) fn close(mut self, reason: &str) -> Option<JoinHandle<()>> {
        self.closing.close(reason);
        self.serving.take()
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        self.closing.close(super::SHUTDOWN);
    }
}
