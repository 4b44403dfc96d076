//! The law of Set: a request is refused, or leads to a configuration that Get can tell and Set takes back unchanged.

use std::sync::{LazyLock, Mutex, PoisonError};

use ganymede::codec::{Filter, Shape, decode_set, write_branch};
use ganymede::path::Views;
use ganymede::pb::gnmi as pb;
use ganymede::pb::gnmi::typed_value::Value as Typed;
use ganymede::store::{Tree, Validator, prepare};
use ganymede::time::Timestamp;

use crate::{loaded, resolver, schema};

/// Holds the empty configuration between runs: every candidate is taken back.
static VALIDATOR: LazyLock<Mutex<Validator>> = LazyLock::new(|| Mutex::new(Validator::new(loaded())));

/// Applies the request to an empty configuration and holds it to the law.
pub fn judge(request: &pb::SetRequest) {
    let Some(tree) = candidate(request).ok().flatten() else { return };
    for ietf in [false, true] {
        let Some(told) = tell(&tree, ietf) else { continue };
        let text = String::from_utf8(told.clone()).expect("JSON is UTF-8");
        let value = if ietf { Typed::JsonIetfVal(told.into()) } else { Typed::JsonVal(told.into()) };
        let update = pb::Update {
            path: Some(pb::Path::default()),
            val: Some(pb::TypedValue { value: Some(value) }),
            ..pb::Update::default()
        };
        let back = pb::SetRequest { replace: vec![update], ..pb::SetRequest::default() };
        let again = candidate(&back).unwrap_or_else(|reason| panic!("{reason}\n{text}"));
        let again = again.and_then(|tree| tell(&tree, ietf)).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&again), text);
    }
}

/// The configuration the request leads to, none for a request without edits.
fn candidate(request: &pb::SetRequest) -> Result<Option<Tree>, String> {
    let operations = decode_set(request, &resolver()).map_err(|error| error.to_string())?;
    let edits: Vec<_> = operations.into_iter().flat_map(|operation| operation.into_edits()).collect();
    if edits.is_empty() {
        return Ok(None);
    }
    let mut validator = VALIDATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let empty = Tree::default();
    let prepared = prepare(schema(), &mut validator, &empty, empty.clone(), &edits, Timestamp::EPOCH);
    let (tree, _) = prepared.map_err(|error| error.to_string())?;
    validator.reject();
    Ok(Some(tree))
}

/// The configuration as a Get of the root tells it.
fn tell(tree: &Tree, ietf: bool) -> Option<Vec<u8>> {
    let shape = Shape { ietf, filter: Filter::Config, depth: None, views: Views::ALL };
    let mut json = Vec::new();
    write_branch(schema(), None, tree.root(), &shape, &mut json).then_some(json)
}
