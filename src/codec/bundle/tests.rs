//! Bundles decoded again by prost, and compared with what went in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::codec::tests::Kit;
use crate::codec::{Encoder, Grouping, LeafForm, MESSAGE_BYTES_MAX, PathForm, ValueForm, decode_path};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::subscribe_response::Response;
use crate::time::Timestamp;
use crate::value::Value;

const T1: i64 = 1_772_359_200_500_000_000;
const MILLISECOND: i64 = 1_000_000;

static KIT: LazyLock<Kit> = LazyLock::new(Kit::new);

/// What happens to one entry of the list of counters.
#[derive(Clone, Debug)]
enum Event {
    Leaf(u8, u8, u64),
    Gone(u8),
    LeafGone(u8, u8),
    AllGone,
    Round,
}

/// An encoder with a bundler behind it.
struct Line {
    encoder: Encoder,
    bundler: Bundler,
    plain: Vec<Encoded>,
    bundled: Vec<Encoded>,
}

impl Line {
    fn new(window_ms: u64, count_max: usize, bytes_max: usize) -> Self {
        let values = ValueForm::Leaf(LeafForm::Scalars);
        let encoder =
            Encoder::new(KIT.wire.clone(), values, PathForm::Elem, Some("t"), Grouping::PerBranch, MESSAGE_BYTES_MAX);
        let bundling = Bundling { window: Duration::from_millis(window_ms), count_max };
        Self { encoder, bundler: Bundler::new(bundling, bytes_max), plain: Vec::new(), bundled: Vec::new() }
    }

    fn happens(&mut self, event: &Event, time: i64) {
        let time = Timestamp::from_nanos(time);
        let entry = |entry: u8| KIT.steps(&format!("/test/counters/entry[name=e{entry}]"));
        let leaf = |leaf: u8| KIT.node(&format!("/test/counters/entry/c{leaf}"));
        match *event {
            Event::Leaf(name, number, value) => {
                self.encoder.leaf(&entry(name), leaf(number), &Value::Uint64(value), time, 0);
            }
            Event::Gone(name) => self.encoder.delete(&entry(name), time),
            Event::LeafGone(name, number) => {
                let path = KIT.steps(&format!("/test/counters/entry[name=e{name}]/c{number}"));
                self.encoder.delete(&path, time);
            }
            Event::AllGone => self.encoder.delete(&KIT.steps("/test/counters"), time),
            Event::Round => self.encoder.flush(),
        }
        let messages = self.encoder.take();
        self.plain.extend(messages.iter().cloned());
        for message in messages {
            self.bundler.push(message, |message| self.bundled.push(message));
        }
    }

    /// The notifications that went in, and the bundles that came out.
    fn end(mut self) -> (Vec<pb::Notification>, Vec<pb::Notification>) {
        self.happens(&Event::Round, 0);
        self.bundler.close(|message| self.bundled.push(message));
        (decoded(&self.plain), decoded(&self.bundled))
    }
}

fn decoded(messages: &[Encoded]) -> Vec<pb::Notification> {
    let notification = |message: &Encoded| {
        let response = pb::SubscribeResponse::decode(message.0.clone()).expect("prost reads it");
        assert_eq!(response.encode_to_vec(), message.0, "the bytes prost would write");
        let Some(Response::Update(notification)) = response.response else { panic!("an update") };
        notification
    };
    messages.iter().map(notification).collect()
}

fn full(notification: &pb::Notification, path: &pb::Path) -> String {
    let prefix = notification.prefix.clone().unwrap_or_default();
    let elem = [prefix.elem, path.elem.clone()].concat();
    decode_path(&pb::Path { elem, ..Default::default() }).expect("a path").to_string()
}

/// What a client knows after these notifications, whatever of one it applies first.
fn applied(notifications: &[pb::Notification], deletes_first: bool) -> BTreeMap<String, String> {
    let mut model = BTreeMap::new();
    for notification in notifications {
        for deletes in [deletes_first, !deletes_first] {
            if deletes {
                for path in &notification.delete {
                    let gone = full(notification, path);
                    let below = format!("{gone}/");
                    model.retain(|path: &String, _| *path != gone && !path.starts_with(&below));
                }
            } else {
                for update in &notification.update {
                    let path = full(notification, update.path.as_ref().expect("a path"));
                    model.insert(path, format!("{:?}", update.val));
                }
            }
        }
    }
    model
}

/// C-38, BND-001, BND-014: branches become paths below the prefix that all of them share.
#[test]
fn finds_the_common_prefix() {
    let mut line = Line::new(100, 100, MESSAGE_BYTES_MAX);
    for entry in 0..50 {
        line.happens(&Event::Leaf(entry, 0, 1), T1);
        line.happens(&Event::Leaf(entry, 1, 2), T1);
    }
    line.happens(&Event::Gone(60), T1 + MILLISECOND);
    let (plain, bundled) = line.end();
    assert_eq!(plain.len(), 51);
    let [bundle] = &*bundled else { panic!("{bundled:?}") };
    let prefix = bundle.prefix.as_ref().expect("a prefix");
    assert_eq!((&*prefix.target, decode_path(prefix).unwrap().to_string().as_str()), ("t", "/test/counters"));
    assert_eq!((bundle.timestamp, bundle.update.len(), bundle.delete.len()), (T1, 100, 1));
    assert_eq!(decode_path(bundle.update[3].path.as_ref().unwrap()).unwrap().to_string(), "/entry[name=e1]/c1");
    assert_eq!(decode_path(&bundle.delete[0]).unwrap().to_string(), "/entry[name=e60]");
}

/// A bundle of one is the notification itself.
#[test]
fn leaves_a_lone_notification_alone() {
    let mut line = Line::new(100, 100, MESSAGE_BYTES_MAX);
    line.happens(&Event::Leaf(1, 0, 1), T1);
    let (plain, bundled) = line.end();
    assert_eq!(plain, bundled);
}

/// BND-003, BND-004, BND-007: neither more notifications nor more time than asked for, and no message too large.
#[test]
fn stays_within_its_limits() {
    let sizes = |window, count, bytes, apart: i64| {
        let mut line = Line::new(window, count, bytes);
        for entry in 0..100 {
            line.happens(&Event::Leaf(entry, 0, 1), T1 + apart * i64::from(entry));
        }
        let (_, bundled) = line.end();
        bundled.iter().map(|bundle| bundle.update.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(1000, 2, MESSAGE_BYTES_MAX, 0), [2; 50]);
    assert_eq!(sizes(1000, 40, MESSAGE_BYTES_MAX, 0), [40, 40, 20]);
    assert_eq!(sizes(9, 1000, MESSAGE_BYTES_MAX, MILLISECOND), [10; 10]);
    // Another's clock may go back; the distance counts.
    assert_eq!(sizes(9, 1000, MESSAGE_BYTES_MAX, -MILLISECOND), [10; 10]);
    assert!(sizes(1000, 1000, 1000, 0).iter().all(|&size| size < 20));
    assert_eq!(sizes(1000, 1000, 1, 0), [1; 100], "each is too large by itself");
}

/// BND-008: a second value of a path goes to the next bundle, another leaf of the same branch does not.
#[test]
fn holds_no_path_twice() {
    let mut line = Line::new(100, 100, MESSAGE_BYTES_MAX);
    for (leaf, value) in [(0, 1), (1, 1), (0, 2), (2, 1), (0, 3)] {
        line.happens(&Event::Leaf(1, leaf, value), T1);
        line.happens(&Event::Round, T1);
    }
    let (_, bundled) = line.end();
    let leaves: Vec<_> = bundled.iter().map(|bundle| bundle.update.len()).collect();
    assert_eq!(leaves, [2, 2, 1]);
}

/// BND-009: the sync does not overtake what is held back.
#[test]
fn the_sync_comes_last() {
    let mut line = Line::new(100, 100, MESSAGE_BYTES_MAX);
    line.happens(&Event::Leaf(1, 0, 1), T1);
    line.happens(&Event::Leaf(2, 0, 1), T1);
    line.encoder.sync();
    line.happens(&Event::Round, T1);
    assert_eq!(line.bundler.open(), None);
    let sync = pb::SubscribeResponse { response: Some(Response::SyncResponse(true)), ..Default::default() };
    assert_eq!((line.bundled.len(), &line.bundled[1].0[..]), (2, &sync.encode_to_vec()[..]));
}

/// BND-013.
#[test]
fn counts_what_it_bundled() {
    let mut line = Line::new(100, 4, MESSAGE_BYTES_MAX);
    for entry in 0..9 {
        line.happens(&Event::Leaf(entry, 0, 1), T1 + MILLISECOND * i64::from(entry));
    }
    line.happens(&Event::Round, T1);
    line.bundler.close(drop);
    let span = Duration::from_millis(3);
    let expected = BundleSizes { bundles: 3, notifications: 9, smallest: 1, largest: 4, span };
    assert_eq!(line.bundler.sizes(), expected);
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u8..6, 0u8..4, 0u64..9).prop_map(|(entry, leaf, value)| Event::Leaf(entry, leaf, value)),
        2 => (0u8..6).prop_map(Event::Gone),
        2 => (0u8..6, 0u8..4).prop_map(|(entry, leaf)| Event::LeafGone(entry, leaf)),
        1 => Just(Event::AllGone),
        2 => Just(Event::Round),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// BND-001, BND-004, BND-007, BND-008: bundles lead to what their members lead to, whether a client applies deletes
    /// or updates first, and keep their limits.
    #[test]
    fn says_what_its_members_say(
        events in proptest::collection::vec((event(), 0i64..40), 0..60),
        count_max in 2usize..9,
        bytes_max in prop_oneof![Just(MESSAGE_BYTES_MAX), 1usize..600],
    ) {
        let mut line = Line::new(20, count_max, bytes_max);
        for (event, time) in &events {
            line.happens(event, T1 + time * MILLISECOND);
        }
        let (plain, bundled) = line.end();
        for deletes_first in [true, false] {
            prop_assert_eq!(applied(&plain, deletes_first), applied(&bundled, deletes_first));
        }
        let mut rest = plain.iter();
        for bundle in &bundled {
            let update = |update: &pb::Update| full(bundle, update.path.as_ref().expect("a path"));
            let mut paths: Vec<_> = bundle.update.iter().map(update).collect();
            // Members are those that come next, so the order of each path is kept.
            let (mut members, mut said) = (0, 0);
            while said < bundle.update.len() + bundle.delete.len() {
                let member = rest.next().expect("a member");
                prop_assert!(member.timestamp.abs_diff(bundle.timestamp) <= 20 * MILLISECOND.unsigned_abs());
                said += member.update.len() + member.delete.len();
                members += 1;
            }
            prop_assert!(members <= count_max);
            let all = paths.len();
            paths.sort();
            paths.dedup();
            prop_assert_eq!(all, paths.len());
        }
        prop_assert!(rest.next().is_none());
    }
}
