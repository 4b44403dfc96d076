//! Requests, encoded once before anything is timed.

use bytes::Bytes;
use ganymede::path::RawPath;
use ganymede::pb::gnmi;
use gnmi::subscription_list::Mode;
use prost::Message;

use crate::Result;

/// A Subscribe request as the load client asks it.
#[derive(Clone, Debug)]
pub(crate) struct Subscribe {
    /// Paths, all in the same mode.
    pub(crate) paths: Vec<String>,
    /// ONCE, POLL or STREAM.
    pub(crate) mode: Mode,
    /// Mode of each path of a STREAM.
    pub(crate) stream_mode: gnmi::SubscriptionMode,
    /// Sample interval in nanoseconds; 0 leaves it to the server.
    pub(crate) interval: u64,
    /// Leave out samples of values that are still the same.
    pub(crate) changed_only: bool,
    /// Encoding of the values.
    pub(crate) encoding: gnmi::Encoding,
}

impl Subscribe {
    /// ONCE over one path.
    pub(crate) fn once(path: &str, encoding: gnmi::Encoding) -> Self {
        Self {
            paths: vec![path.to_owned()],
            mode: Mode::Once,
            stream_mode: gnmi::SubscriptionMode::TargetDefined,
            interval: 0,
            changed_only: false,
            encoding,
        }
    }

    /// STREAM, ON_CHANGE, over one path.
    pub(crate) fn on_change(path: &str, encoding: gnmi::Encoding) -> Self {
        Self { mode: Mode::Stream, stream_mode: gnmi::SubscriptionMode::OnChange, ..Self::once(path, encoding) }
    }

    /// STREAM, SAMPLE each second, in PROTO.
    pub(crate) fn sample<T: Into<String>>(paths: impl IntoIterator<Item = T>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            mode: Mode::Stream,
            stream_mode: gnmi::SubscriptionMode::Sample,
            interval: 1_000_000_000,
            changed_only: false,
            encoding: gnmi::Encoding::Proto,
        }
    }

    /// The request as it goes onto the wire.
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let subscription = self
            .paths
            .iter()
            .map(|text| {
                Ok(gnmi::Subscription {
                    path: Some(path(text)?),
                    mode: self.stream_mode.into(),
                    sample_interval: self.interval,
                    suppress_redundant: self.changed_only,
                    ..Default::default()
                })
            })
            .collect::<Result<_>>()?;
        let list = gnmi::SubscriptionList {
            subscription,
            mode: self.mode.into(),
            encoding: self.encoding.into(),
            ..Default::default()
        };
        let request = gnmi::subscribe_request::Request::Subscribe(list);
        let request = gnmi::SubscribeRequest { request: Some(request), ..Default::default() };
        Ok(request.encode_to_vec().into())
    }
}

/// A Get of everything at one path.
pub(crate) fn get(at: &str, encoding: gnmi::Encoding) -> Result<Bytes> {
    let request = gnmi::GetRequest { path: vec![path(at)?], encoding: encoding.into(), ..Default::default() };
    Ok(request.encode_to_vec().into())
}

/// A Set that updates one path with a JSON value.
pub(crate) fn set(at: &str, json: String) -> Result<Bytes> {
    let value = gnmi::TypedValue { value: Some(gnmi::typed_value::Value::JsonVal(json.into())) };
    let update = gnmi::Update { path: Some(path(at)?), val: Some(value), ..Default::default() };
    let request = gnmi::SetRequest { update: vec![update], ..Default::default() };
    Ok(request.encode_to_vec().into())
}

/// A path text as the message; `origin:/a/b` names an origin.
fn path(text: &str) -> Result<gnmi::Path> {
    let (origin, rest) = match text.split_once(":/") {
        Some((origin, _)) if !origin.contains(['/', '[']) => text.split_once(':').unwrap_or(("", text)),
        _ => ("", text),
    };
    let elem = RawPath::parse(rest)?
        .elems
        .into_iter()
        .map(|elem| gnmi::PathElem { name: elem.name, key: elem.keys.into_iter().collect() })
        .collect();
    Ok(gnmi::Path { origin: origin.to_owned(), elem, ..Default::default() })
}
