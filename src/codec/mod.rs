//! Between wire messages and the words below: paths, values, subtrees, edits and notifications.
//!
//! Invariant: wire types stop here. What comes in leaves as [`RawPath`](crate::path::RawPath) and
//! [`Edit`](crate::store::Edit); what goes out is made from steps and values, on the streaming path without building
//! one message object per leaf. Nothing here decides a gRPC status; errors carry what that decision needs.

mod bundle;
mod bytes;
mod edit;
mod json;
mod names;
mod notification;
mod path;
mod protobuf;
mod value;

use std::sync::{Arc, OnceLock};

pub use bundle::{BundleSizes, Bundler, Bundling};
pub use bytes::{PROTO_FILE_NAME, proto_file, write_root};
pub use edit::{OperationId, SetError, SetErrorKind, SetOperation, decode_set};
pub use json::{Filter, Shape, write_branch};
pub use notification::{Encoder, Grouping, MESSAGE_BYTES_MAX};
pub use path::{PathDecodeError, PathForm, decode_path, encode_path, join_prefix};
pub use value::typed_value;

use bytes::Fields;
use names::WireNames;

pub use crate::pb::Encoded;
use crate::pb::gnmi as pb;
use crate::schema::Schema;

/// The schema with its names encoded. One for the process.
#[derive(Debug)]
pub struct Wire {
    /// The schema.
    pub schema: Arc<Schema>,
    names: WireNames,
    fields: OnceLock<Fields>,
}

impl Wire {
    /// Encodes the names of a schema.
    pub fn new(schema: Arc<Schema>) -> Self {
        let names = WireNames::new(&schema);
        Self { schema, names, fields: OnceLock::new() }
    }

    /// The schema as protobuf fields, made when it is first asked for.
    fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| Fields::new(&self.schema))
    }
}

/// An encoding as a request asks for it (C-33). What its values look like is a [`ValueForm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON.
    Json,
    /// BYTES.
    Bytes,
    /// PROTO.
    Proto,
    /// JSON_IETF.
    JsonIetf,
}

/// What the values of a reply look like. Apart from the encoding, because PROTO and BYTES do not mean the same under
/// every version of the specification (C-34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueForm {
    /// Each leaf for itself.
    Leaf(LeafForm),
    /// `proto_bytes`: a root message around the leaves, with everything above them (C-36).
    Root,
}

/// What the value of one leaf looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeafForm {
    /// `json_val`, names without modules.
    Json,
    /// `json_ietf_val`, RFC 7951.
    JsonIetf,
    /// Typed scalars; a decimal64 is a `double_val`.
    Scalars,
    /// Typed scalars as gNMI 0.7.0 has them; a decimal64 is a `decimal_val` (C-35).
    ScalarsV070,
}

impl Encoding {
    /// All there are, in the order of their numbers (CAP-008).
    pub const OFFERED: [Self; 4] = [Self::Json, Self::Bytes, Self::Proto, Self::JsonIetf];

    /// The encoding a request asks for by number, one of those `offered`; an unset field is zero, which is JSON
    /// (GET-007).
    pub fn from_pb(number: i32, offered: &[Self]) -> Result<Self, EncodingError> {
        let asked = pb::Encoding::try_from(number);
        let found = offered.iter().copied().find(|encoding| asked == Ok(encoding.to_pb()));
        found.ok_or_else(|| EncodingError {
            encoding: asked.map_or_else(|_| number.to_string(), |asked| asked.as_str_name().to_owned()),
            offered: alternatives(offered),
        })
    }

    /// What its values look like: PROTO and BYTES trade places with the version (ENC-005 to ENC-019, C-34).
    pub fn form(self, version: ProtoVersion) -> ValueForm {
        match (self, version) {
            (Self::Json, _) => ValueForm::Leaf(LeafForm::Json),
            (Self::JsonIetf, _) => ValueForm::Leaf(LeafForm::JsonIetf),
            (Self::Proto, ProtoVersion::Latest) => ValueForm::Leaf(LeafForm::Scalars),
            (Self::Bytes, ProtoVersion::V070) => ValueForm::Leaf(LeafForm::ScalarsV070),
            (Self::Bytes, ProtoVersion::Latest) | (Self::Proto, ProtoVersion::V070) => ValueForm::Root,
        }
    }

    /// Its name in the models: `json-ietf`.
    pub fn name(self) -> String {
        self.to_pb().as_str_name().to_ascii_lowercase().replace('_', "-")
    }

    /// Its number on the wire.
    pub fn to_pb(self) -> pb::Encoding {
        match self {
            Self::Json => pb::Encoding::Json,
            Self::JsonIetf => pb::Encoding::JsonIetf,
            Self::Bytes => pb::Encoding::Bytes,
            Self::Proto => pb::Encoding::Proto,
        }
    }
}

/// Names of encodings, as `JSON, PROTO or JSON_IETF`.
fn alternatives(encodings: &[Encoding]) -> String {
    let names: Vec<_> = encodings.iter().map(|encoding| encoding.to_pb().as_str_name()).collect();
    match &*names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    }
}

/// The version of gNMI that values are sent by: the knob `proto-version` (C-34).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtoVersion {
    /// Version 0.8.0.
    #[default]
    Latest,
    /// Version 0.7.0.
    V070,
}

impl ProtoVersion {
    /// The version as Capabilities tells it (CAP-002, C-05).
    pub fn text(self) -> &'static str {
        match self {
            Self::Latest => "0.8.0",
            Self::V070 => "0.7.0",
        }
    }
}

/// An encoding that is not offered (GET-008, ENC-003, ENC-004).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Encoding {encoding} is not supported, use {offered}")]
pub struct EncodingError {
    /// Its name, or its number when it has none.
    pub encoding: String,
    /// Names of those that are offered.
    pub offered: String,
}

#[cfg(test)]
mod tests;
