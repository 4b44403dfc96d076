//! Sequences of Sets, state batches, ticks and polls, with subscribers in every mode coming at any time: in the end
//! each one has been told its slice of the newest commit.

#![cfg_attr(fuzzing, no_main)]

use std::time::Duration;

use ganymede::codec::LeafForm;
use ganymede::path::RawPath;
use ganymede::pb::gnmi as pb;
use ganymede::telemetry::PathMode;
use ganymede::value::Value;
use ganymede_fuzz::bench::Bench;
use ganymede_fuzz::draw::{Draw, to_pb};
use ganymede_fuzz::subscriber::Subscriber;

const SUBSCRIBERS_MAX: usize = 4;

const PLACES: [&str; 8] = [
    "/test/counters/entry[name=*]",
    "/test/counters/entry[name=a]/c0",
    "/test/mixed",
    "/test/bulk",
    "/test/ordered[name=*]",
    "/test/choices",
    "/test",
    "/",
];

const FORMS: [LeafForm; 3] = [LeafForm::Json, LeafForm::Scalars, LeafForm::JsonIetf];

/// Few names, so that operations meet.
const NAMES: [&str; 4] = ["a", "b", "a]/b", "\u{e9}"];

fn run(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut bench = Bench::default();
    let mut subscribers = Vec::new();
    while !draw.is_empty() {
        match draw.below(9) {
            0 | 1 => write(&mut draw, &bench),
            2 => remove(&mut draw, &bench),
            3 => bench.set(&draw.set_request()),
            4 => bench.set(&small_set(&mut draw)),
            5 => bench.advance(Duration::from_millis(draw.below(3000) as u64)),
            6 if subscribers.len() < SUBSCRIBERS_MAX => subscribers.extend(subscribe(&mut draw, &bench)),
            _ if subscribers.is_empty() => {}
            _ => {
                let reader = draw.below(subscribers.len());
                let take = !draw.rarely(4);
                subscribers[reader].poll(&bench, take);
            }
        }
    }
    // The samples of the newest commit, and the one after in which a vanished node is told (SMP-014).
    for _ in 0..2 {
        bench.advance(Duration::from_secs(2));
        for subscriber in &mut subscribers {
            subscriber.poll(&bench, true);
        }
    }
    bench.advance(Duration::from_secs(2));
    for subscriber in &mut subscribers {
        subscriber.settle(&bench);
    }
}

fn subscribe(draw: &mut Draw<'_>, bench: &Bench) -> Option<Subscriber> {
    let path = match draw.below(8) {
        7 => draw.path(),
        _ => RawPath::parse(PLACES[draw.below(PLACES.len())]).expect("a path"),
    };
    let mode = [PathMode::OnChange, PathMode::Sample, PathMode::TargetDefined][draw.below(3)];
    let message_bytes = [1, 100, 1 << 16][draw.below(3)];
    Subscriber::new(bench, path, mode, FORMS[draw.below(FORMS.len())], message_bytes)
}

fn write(draw: &mut Draw<'_>, bench: &Bench) {
    let name = key(draw);
    let value = draw.below(3) as u64;
    match draw.below(3) {
        0 => bench.write(&format!("/test/counters/entry[name={name}]/c{}", draw.below(10)), Value::Uint64(value)),
        1 => bench.write(&format!("/test/mixed[name={name}]/state/packets"), Value::Uint64(value)),
        _ => bench.write("/test/state/status", Value::text(NAMES[draw.below(NAMES.len())])),
    }
}

fn remove(draw: &mut Draw<'_>, bench: &Bench) {
    let name = key(draw);
    match draw.below(5) {
        0 => bench.remove(&format!("/test/counters/entry[name={name}]")),
        1 => bench.remove(&format!("/test/mixed[name={name}]/state/packets")),
        2 => bench.remove(&format!("/test/mixed[name={name}]")),
        3 => bench.remove("/test/state/status"),
        _ => bench.remove("/test/counters"),
    }
}

/// An operation on one of the few entries that state and subscriptions are about.
fn small_set(draw: &mut Draw<'_>) -> pb::SetRequest {
    let list = ["mixed", "ordered", "bulk/entry"][draw.below(3)];
    let path = to_pb(&RawPath::parse(&format!("/test/{list}[name={}]", key(draw))).expect("a path"));
    let json = match list {
        "mixed" => r#"{"config":{"enabled":false}}"#.to_owned(),
        "ordered" => format!(r#"{{"value":"{}"}}"#, draw.below(3)),
        _ => format!(r#"{{"c{}":"{}"}}"#, draw.below(10), draw.below(3)),
    };
    let value = pb::TypedValue { value: Some(pb::typed_value::Value::JsonVal(json.into_bytes().into())) };
    let update = pb::Update { path: Some(path.clone()), val: Some(value), ..pb::Update::default() };
    match draw.below(4) {
        0 => pb::SetRequest { update: vec![update], ..pb::SetRequest::default() },
        1 => pb::SetRequest { replace: vec![update], ..pb::SetRequest::default() },
        2 => pb::SetRequest { delete: vec![path], ..pb::SetRequest::default() },
        _ => pb::SetRequest { delete: vec![path], update: vec![update], ..pb::SetRequest::default() },
    }
}

/// A name as it stands in a text path.
fn key(draw: &mut Draw<'_>) -> String {
    NAMES[draw.below(NAMES.len())].replace(']', "\\]")
}

ganymede_fuzz::target!(run);
