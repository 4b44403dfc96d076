//! The origin `gnmi.schemas`: what a client has to know to decode `proto_bytes` (protobuf-vals, C-36).
//!
//! Invariant: the type map names branches by their keyless schema path and messages by full type URLs (ENC-049). It is no
//! data: data types, depth and what a client may read do not apply.

use tonic::Status;

use crate::codec::{LeafForm, PathForm, ValueForm};
use crate::path::{PathError, RawPath, SCHEMAS_ORIGIN};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::typed_value::Value as Typed;
use crate::rpc::status;

/// The only element below the origin.
const TYPEMAP: &str = "protobuf-typemap";

/// Every value of BYTES is a root message, whatever path it was asked for by (ENC-047).
const TYPEMAP_JSON: &str = concat!(
    r#"{"gnmi-protobuf-encoding:origin":[{"name":"","container":["#,
    r#"{"path":"/","message-name":"proto.nokia.net/Nokia.SROS.root"}]}]}"#
);

/// The answer to a path of this origin: the type map, for the root as for its own path (ENC-045, ENC-046). It is JSON
/// in every encoding, because it says how to read the others.
pub(super) fn update(raw: &RawPath, values: ValueForm, form: PathForm) -> Result<pb::Update, Status> {
    match &*raw.elems {
        [] => {}
        [only] if only.name == TYPEMAP && only.keys.is_empty() => {}
        _ => return Err(status::path(&PathError::UnknownElement { path: raw.to_string() })),
    }
    let json = TYPEMAP_JSON.as_bytes().into();
    let value = match values {
        ValueForm::Leaf(LeafForm::Json) => Typed::JsonVal(json),
        ValueForm::Leaf(LeafForm::JsonIetf | LeafForm::Scalars | LeafForm::ScalarsV070) | ValueForm::Root => {
            Typed::JsonIetfVal(json)
        }
    };
    let mut path = pb::Path { origin: SCHEMAS_ORIGIN.to_owned(), ..pb::Path::default() };
    match form {
        PathForm::Elem => path.elem.push(pb::PathElem { name: TYPEMAP.to_owned(), ..pb::PathElem::default() }),
        #[expect(deprecated, reason = "the form the request used (PATH-003)")]
        PathForm::Element => path.element.push(TYPEMAP.to_owned()),
    }
    Ok(pb::Update { path: Some(path), val: Some(pb::TypedValue { value: Some(value) }), ..pb::Update::default() })
}
