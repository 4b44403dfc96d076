//! Requests on the wire: any message to Capabilities, Get and Subscribe is answered with messages that decode, or with a
//! status that tells the client something.

#![cfg_attr(fuzzing, no_main)]

use std::fmt::Debug;

use ganymede::pb::gnmi as pb;
use ganymede_fuzz::draw::{Draw, to_pb};
use ganymede_fuzz::service::call;
use prost::Message;
use tonic::Code;

fn run(data: &[u8]) {
    let mut draw = Draw::new(data);
    match draw.below(5) {
        0 => judge::<pb::CapabilityRequest, pb::CapabilityResponse>("Capabilities", draw.rest()),
        1 => judge::<pb::GetRequest, pb::GetResponse>("Get", draw.rest()),
        2 => judge::<pb::SubscribeRequest, pb::SubscribeResponse>("Subscribe", draw.rest()),
        3 => judge::<pb::GetRequest, pb::GetResponse>("Get", &get(&mut draw).encode_to_vec()),
        _ => judge::<pb::SubscribeRequest, pb::SubscribeResponse>("Subscribe", &subscribe(&mut draw).encode_to_vec()),
    }
}

fn judge<Request, Response>(method: &str, message: &[u8])
where
    Request: Message + Default + Debug,
    Response: Message + Default,
{
    let request = Request::decode(message);
    let answer = call(method, message);
    assert_ne!(answer.code, Some(Code::Unknown), "{request:?}");
    // The transport says INTERNAL of a message that does not decode; a message that does is never our fault.
    assert!(request.is_err() || answer.code != Some(Code::Internal), "{request:?}");
    for message in answer.messages {
        if let Err(error) = Response::decode(message) {
            panic!("{method} {request:?} was answered by a message that does not decode: {error}");
        }
    }
}

fn get(draw: &mut Draw<'_>) -> pb::GetRequest {
    let prefix = prefix(draw);
    pb::GetRequest {
        prefix,
        path: (0..draw.below(4)).map(|_| to_pb(&draw.path())).collect(),
        r#type: number(draw, 5),
        encoding: number(draw, 6),
        extension: extensions(draw),
        ..pb::GetRequest::default()
    }
}

fn subscribe(draw: &mut Draw<'_>) -> pb::SubscribeRequest {
    let list = pb::SubscriptionList {
        prefix: prefix(draw),
        mode: number(draw, 4),
        encoding: number(draw, 6),
        updates_only: draw.rarely(4),
        subscription: (0..draw.below(4)).map(|_| subscription(draw)).collect(),
        ..pb::SubscriptionList::default()
    };
    pb::SubscribeRequest { request: Some(pb::subscribe_request::Request::Subscribe(list)), extension: extensions(draw) }
}

fn subscription(draw: &mut Draw<'_>) -> pb::Subscription {
    pb::Subscription {
        path: Some(to_pb(&draw.path())),
        mode: number(draw, 4),
        sample_interval: [0, 1_000_000_000, u64::MAX, draw.number()][draw.below(4)],
        suppress_redundant: draw.rarely(2),
        heartbeat_interval: [0, 1, u64::MAX, draw.number()][draw.below(4)],
    }
}

fn prefix(draw: &mut Draw<'_>) -> Option<pb::Path> {
    draw.rarely(3).then(|| pb::Path { target: draw.text(), ..to_pb(&draw.path()) })
}

/// One of the first values of an enumeration, rarely one outside of any.
fn number(draw: &mut Draw<'_>, count: usize) -> i32 {
    if draw.rarely(16) { -1 } else { i32::try_from(draw.below(count)).unwrap_or_default() }
}

fn extensions(draw: &mut Draw<'_>) -> Vec<ganymede::pb::gnmi_ext::Extension> {
    use ganymede::pb::gnmi_ext::{Depth, Extension, extension::Ext};
    let depth = |level| Extension { ext: Some(Ext::Depth(Depth { level })) };
    match draw.below(4) {
        3 => vec![depth([0, 1, 2, u32::MAX][draw.below(4)])],
        _ => Vec::new(),
    }
}

ganymede_fuzz::target!(run);
