//! Requests in few words.

use std::collections::BTreeMap;

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{
    Encoding, GetRequest, Path, PathElem, SetRequest, Subscription, SubscriptionList, SubscriptionMode, TypedValue,
    Update, subscription_list,
};
use ganymede::pb::gnmi_ext::{Depth, Extension, commit, config_subscription, extension};

/// A path in `elem` form from `/a/b[key=value]/c`, or `origin:/a/b`.
pub(crate) fn path(text: &str) -> Path {
    let (origin, text) = text.split_once(":/").unwrap_or_else(|| ("", text.strip_prefix('/').unwrap()));
    let elem = segments(text).into_iter().map(|segment| elem(&segment)).collect();
    Path { origin: origin.to_owned(), elem, ..Path::default() }
}

/// The same path in the deprecated `element` form.
#[expect(deprecated, reason = "the form is what is tested")]
pub(crate) fn element(text: &str) -> Path {
    Path { element: segments(text.strip_prefix('/').unwrap()), ..Path::default() }
}

/// A path with nothing but a target.
pub(crate) fn target(name: &str) -> Path {
    Path { target: name.to_owned(), ..Path::default() }
}

/// Splits at slashes outside brackets.
fn segments(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut in_key = false;
    for symbol in text.chars() {
        match symbol {
            '[' => in_key = true,
            ']' => in_key = false,
            '/' if !in_key => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(symbol);
    }
    if found.last().unwrap().is_empty() {
        found.pop();
    }
    found
}

fn elem(segment: &str) -> PathElem {
    let mut parts = segment.split('[');
    let name = parts.next().unwrap().to_owned();
    let key = parts.map(|part| part.strip_suffix(']').unwrap().split_once('=').unwrap());
    PathElem { name, key: key.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
}

/// One path element with keys that need no escaping on the wire.
pub(crate) fn keyed<const N: usize>(name: &str, keys: [(&str, &str); N]) -> PathElem {
    let key: BTreeMap<_, _> = keys.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    PathElem { name: name.to_owned(), key }
}

/// A Get of these paths.
pub(crate) fn get<const N: usize>(paths: [&str; N]) -> GetRequest {
    GetRequest { path: paths.map(path).into(), ..GetRequest::default() }
}

/// A Set without operations, to be extended by [`Edits`].
pub(crate) fn set() -> SetRequest {
    SetRequest::default()
}

/// A Set with one update of JSON.
pub(crate) fn update(at: &str, json_text: &str) -> SetRequest {
    set().update(at, json(json_text))
}

/// Operations, appended one by one.
pub(crate) trait Edits {
    fn delete(self, at: &str) -> Self;
    fn replace(self, at: &str, value: Value) -> Self;
    fn update(self, at: &str, value: Value) -> Self;
    fn union(self, at: &str, value: Value) -> Self;
}

impl Edits for SetRequest {
    fn delete(mut self, at: &str) -> Self {
        self.delete.push(path(at));
        self
    }

    fn replace(mut self, at: &str, value: Value) -> Self {
        self.replace.push(assignment(at, value));
        self
    }

    fn update(mut self, at: &str, value: Value) -> Self {
        self.update.push(assignment(at, value));
        self
    }

    fn union(mut self, at: &str, value: Value) -> Self {
        self.union_replace.push(assignment(at, value));
        self
    }
}

fn assignment(at: &str, value: Value) -> Update {
    Update { path: Some(path(at)), val: Some(TypedValue { value: Some(value) }), ..Update::default() }
}

pub(crate) fn json(text: &str) -> Value {
    Value::JsonVal(text.to_owned().into())
}

pub(crate) fn ietf(text: &str) -> Value {
    Value::JsonIetfVal(text.to_owned().into())
}

pub(crate) fn string(text: &str) -> Value {
    Value::StringVal(text.to_owned())
}

/// A ONCE list.
pub(crate) fn once<const N: usize>(paths: [&str; N]) -> SubscriptionList {
    list(subscription_list::Mode::Once, paths.map(|text| asked(path(text), SubscriptionMode::TargetDefined)))
}

/// A POLL list.
pub(crate) fn poll<const N: usize>(paths: [&str; N]) -> SubscriptionList {
    list(subscription_list::Mode::Poll, paths.map(|text| asked(path(text), SubscriptionMode::TargetDefined)))
}

/// A STREAM list of ON_CHANGE paths.
pub(crate) fn on_change<const N: usize>(paths: [&str; N]) -> SubscriptionList {
    stream(paths.map(|text| asked(path(text), SubscriptionMode::OnChange)))
}

/// A STREAM list.
pub(crate) fn stream<const N: usize>(subscription: [Subscription; N]) -> SubscriptionList {
    list(subscription_list::Mode::Stream, subscription)
}

fn list<const N: usize>(mode: subscription_list::Mode, subscription: [Subscription; N]) -> SubscriptionList {
    SubscriptionList { mode: mode.into(), subscription: subscription.into(), ..SubscriptionList::default() }
}

/// One subscription of a list.
pub(crate) fn asked(path: Path, mode: SubscriptionMode) -> Subscription {
    Subscription { path: Some(path), mode: mode.into(), ..Subscription::default() }
}

/// A SAMPLE subscription.
pub(crate) fn sample(at: &str, milliseconds: u64) -> Subscription {
    let sample_interval = milliseconds * 1_000_000;
    Subscription { sample_interval, ..asked(path(at), SubscriptionMode::Sample) }
}

/// A request that differs from another one in its encoding.
pub(crate) trait Encoded {
    fn encoding(self, encoding: Encoding) -> Self;
}

impl Encoded for GetRequest {
    fn encoding(self, encoding: Encoding) -> Self {
        Self { encoding: encoding.into(), ..self }
    }
}

impl Encoded for SubscriptionList {
    fn encoding(self, encoding: Encoding) -> Self {
        Self { encoding: encoding.into(), ..self }
    }
}

/// The extension `depth`.
pub(crate) fn depth(level: u32) -> Extension {
    Extension { ext: Some(extension::Ext::Depth(Depth { level })) }
}

/// The extension `commit` for this id.
pub(crate) fn commit(id: &str, action: commit::Action) -> Extension {
    let commit = ganymede::pb::gnmi_ext::Commit { id: id.to_owned(), action: Some(action) };
    Extension { ext: Some(extension::Ext::Commit(commit)) }
}

/// Asks for a commit that has to be confirmed within this time; none leaves it to the server.
pub(crate) fn commit_request(id: &str, milliseconds: Option<u32>) -> Extension {
    let rollback_duration = milliseconds.map(duration);
    commit(id, commit::Action::Commit(ganymede::pb::gnmi_ext::CommitRequest { rollback_duration }))
}

/// A duration on the wire.
pub(crate) fn duration(milliseconds: u32) -> prost_types::Duration {
    std::time::Duration::from_millis(milliseconds.into()).try_into().unwrap()
}

/// A Set with an extension more.
pub(crate) fn extended(mut request: SetRequest, extension: Extension) -> SetRequest {
    request.extension.push(extension);
    request
}

/// The extension `config-subscription`, as a client sends it.
pub(crate) fn config_subscription() -> Extension {
    let start = config_subscription::Action::Start(ganymede::pb::gnmi_ext::ConfigSubscriptionStart {});
    let asked = ganymede::pb::gnmi_ext::ConfigSubscription { action: Some(start) };
    Extension { ext: Some(extension::Ext::ConfigSubscription(asked)) }
}
