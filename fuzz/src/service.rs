//! The gNMI service without a socket: a method, one message, and what comes back.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use ganymede::aaa::{self, Authenticator, Users, Vault};
use ganymede::codec::Wire;
use ganymede::path::RawPath;
use ganymede::pb::{GnmiServer, gnmi as pb};
use ganymede::profile::Profile;
use ganymede::rpc::gnmi::{Gnmi, Knobs, Limits, Parts};
use ganymede::schema::NodeSet;
use ganymede::time::{Clock, Timestamp};
use ganymede::value::Value;
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tonic::Code;
use tower_service::Service;

use crate::bench::Bench;
use crate::draw::to_pb;
use crate::schema;

/// Bytes before a message in a gRPC body: no compression, then the length.
const FRAME_HEAD_BYTES: usize = 5;

/// Frames that are read of one answer. A STREAM never ends by itself.
const FRAMES_MAX: usize = 64;

/// What came back.
pub struct Answer {
    /// The messages.
    pub messages: Vec<Bytes>,
    /// The status; none while a stream is still open.
    pub code: Option<Code>,
}

/// The service and what keeps it alive.
struct Stage {
    runtime: Runtime,
    server: GnmiServer<Gnmi>,
    _bench: Bench,
}

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::new());
}

/// Calls a method of gNMI with one message.
pub fn call(method: &str, message: &[u8]) -> Answer {
    STAGE.with_borrow_mut(|stage| stage.call(method, message))
}

impl Stage {
    fn new() -> Self {
        let bench = Bench::default();
        fill(&bench);
        let limits = Limits {
            get_response_bytes: 1 << 20,
            subscribe_message_bytes: 1 << 12,
            set_edits: 1000,
            subscription_paths: 1000,
            arbitration_roles: 8,
            commit_patience: Duration::from_secs(600),
        };
        let users = Users::new(schema()).expect("the embedded models have users");
        // Nobody is asked by a bench, which has no server.
        let authenticator = Authenticator::new(aaa::Parts {
            schema: schema(),
            users: users.clone(),
            grants: Arc::default(),
            vault: Arc::new(Vault::new(&[0; 32]).expect("a key")),
            password_checks: 1,
            server_requests: 1,
        });
        let gnmi = Gnmi::new(Parts {
            store: bench.store.clone(),
            config: bench.config.clone(),
            wire: Arc::new(Wire::new(schema().clone())),
            capable: Arc::new(NodeSet::of(schema(), |_| true)),
            knobs: Knobs::new(schema()),
            users,
            authorizer: authenticator.expect("the system has random numbers").authorizer(),
            clock: Clock::Fixed(Timestamp::EPOCH),
            limits,
            free_paths: Arc::new(tokio::sync::Semaphore::new(limits.subscription_paths)),
            groups: Arc::default(),
            subscriptions: Arc::default(),
            profile: Profile::LATEST,
            release: "26.3.R1".to_owned(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, server: GnmiServer::new(gnmi), _bench: bench }
    }

    fn call(&mut self, method: &str, message: &[u8]) -> Answer {
        let mut body = BytesMut::with_capacity(FRAME_HEAD_BYTES + message.len());
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len()).expect("input is short"));
        body.put_slice(message);
        let request = http::Request::post(format!("http://ganymede/gnmi.gNMI/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(body.freeze()))
            .expect("a request");
        let answer = self.server.call(request);
        self.runtime.block_on(async {
            let response = answer.await.expect("the service answers every call");
            let mut answer = Answer { messages: Vec::new(), code: code(response.headers()) };
            let mut body = pin!(response.into_body());
            for _ in 0..FRAMES_MAX {
                let mut frame = pin!(body.frame());
                let Poll::Ready(Some(frame)) = poll_fn(|cx| Poll::Ready(frame.as_mut().poll(cx))).await else { break };
                match frame.expect("a body does not fail").into_data() {
                    Ok(mut data) => answer.messages.extend(split(&mut data)),
                    Err(frame) => answer.code = frame.trailers_ref().and_then(code),
                }
            }
            answer
        })
    }
}

fn code(headers: &http::HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// The messages of a piece of the body. The server frames each message whole.
fn split(data: &mut Bytes) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while !data.is_empty() {
        let head = data.split_to(FRAME_HEAD_BYTES);
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        messages.push(data.split_to(length as usize));
    }
    messages
}

/// A little of everything, so that answers have content.
fn fill(bench: &Bench) {
    let set = |path: &str, json: &str| {
        let value = pb::TypedValue { value: Some(pb::typed_value::Value::JsonIetfVal(json.to_owned().into())) };
        let path = Some(to_pb(&RawPath::parse(path).expect("a path")));
        let update = vec![pb::Update { path, val: Some(value), ..pb::Update::default() }];
        let before = bench.newest().generation;
        bench.set(&pb::SetRequest { update, ..pb::SetRequest::default() });
        assert_ne!(bench.newest().generation, before, "{json} is accepted");
    };
    set("/configure/system", r#"{"name":"sr1","location":"zurich"}"#);
    set("/test/types", r#"{"int64":"-1","union-string-first":"1","numbers":[3,1],"empty":[null],"decimal":"1.5"}"#);
    set("/test/b[key1=x][key2=/]", r#"{"value":"y","c":[{"key1":"z","value":"w"}]}"#);
    set("/test/mixed[name=a]", r#"{"config":{"name":"a","enabled":false}}"#);
    for (name, value) in [("a", 1), ("b", 2)] {
        bench.write(&format!("/test/counters/entry[name={name}]/c0"), Value::Uint64(value));
        bench.write(&format!("/test/mixed[name={name}]/state/packets"), Value::Uint64(value));
    }
}
