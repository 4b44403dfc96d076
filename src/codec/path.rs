//! Paths of requests coming in, steps going out.
//!
//! Invariant: a path that leaves here is absolute, holds at most [`PATH_TEXT_MAX`] characters and no NUL, and is the
//! same whichever of the two wire forms it came in.

use std::io::Write as _;
use std::sync::Arc;

use super::Wire;
use super::names::{PATH_ELEM, plain_name};
use super::protobuf::{Key, put_bytes, put_nested};
use crate::path::{ListKey, PATH_TEXT_MAX, PathTextError, RawElem, RawPath, Step, write_key};
use crate::pb::gnmi as pb;
use crate::schema::{NodeId, Schema};
use crate::value::Value;

/// `Path.element`, the field.
const PATH_ELEMENT: Key = Key::sized(1);
/// `PathElem.key`, the field.
const ELEM_KEY: Key = Key::sized(2);
/// The value in an entry of a map.
const ENTRY_VALUE: Key = Key::sized(2);

/// Which of its two forms a path has on the wire (C-08). Answers use the form of the request (PATH-003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathForm {
    /// `elem`: names and key maps.
    #[default]
    Elem,
    /// The deprecated `element`: one text for each element.
    Element,
}

/// Why a path does not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathDecodeError {
    /// Too long, a NUL, or an `element` text that does not parse (PATH-033, PATH-036).
    #[error(transparent)]
    Text(#[from] PathTextError),
    /// Both forms are given and differ (PATH-004).
    #[error("{elem} - Fields elem and element of one path differ, element says {element}")]
    FormsDiffer {
        /// The path in `elem`.
        elem: String,
        /// The path in `element`.
        element: String,
    },
    /// An origin in the prefix and another one in a path (PATH-039).
    #[error("{path} - Origin '{origin}' in the path, but the prefix has origin '{prefix}'")]
    OriginTwice {
        /// The path.
        path: String,
        /// Its origin.
        origin: String,
        /// Origin of the prefix.
        prefix: String,
    },
    /// Paths of several origins below a prefix with elements (PATH-040).
    #[error("{path} - Origins '{first}' and '{second}' cannot share a prefix with elements")]
    SeveralOrigins {
        /// The path with the second origin.
        path: String,
        /// The first origin.
        first: String,
        /// The second.
        second: String,
    },
}

impl PathForm {
    /// The form to answer a request in, from all its paths: `element` only when some path used it and none used `elem`.
    #[expect(deprecated, reason = "the form of paths that old collectors still send (PATH-002)")]
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a pb::Path>) -> Self {
        let (mut elem, mut element) = (false, false);
        for path in paths {
            elem |= !path.elem.is_empty();
            element |= !path.element.is_empty();
        }
        if element && !elem { Self::Element } else { Self::Elem }
    }
}

/// Decodes one path of a request. A target in it is for the caller to use or ignore (PATH-041, PATH-042).
pub fn decode_path(path: &pb::Path) -> Result<RawPath, PathDecodeError> {
    #[expect(deprecated, reason = "the form of paths that old collectors still send (PATH-002)")]
    let texts = &path.element;
    let elem = checked(&path.origin, path.elem.iter().map(from_elem).collect())?;
    let element = checked(&path.origin, from_elements(texts)?)?;
    match (path.elem.is_empty(), texts.is_empty()) {
        (_, true) => Ok(elem),
        (true, false) => Ok(element),
        (false, false) if agree(&elem.elems, &element.elems) => Ok(elem),
        (false, false) => Err(PathDecodeError::FormsDiffer { elem: elem.to_string(), element: element.to_string() }),
    }
}

fn checked(origin: &str, elems: Vec<RawElem>) -> Result<RawPath, PathTextError> {
    let origin = Some(origin.to_owned()).filter(|origin| !origin.is_empty());
    let path = RawPath { origin, elems: without_empty_root(elems) };
    check_symbols(&path)?;
    check_length(&path)?;
    Ok(path)
}

/// Puts the prefix in front of every path (PATH-005, PATH-006). A request without paths means the prefix itself
/// (GET-025).
pub fn join_prefix(prefix: &RawPath, paths: &[RawPath]) -> Result<Vec<RawPath>, PathDecodeError> {
    let mut joining = Joining::new(prefix);
    match paths {
        [] => Ok(vec![prefix.clone()]),
        paths => paths.iter().map(|path| joining.join(path)).collect(),
    }
}

/// Joins the paths of one request with its prefix, one after the other.
pub(super) struct Joining<'a> {
    prefix: &'a RawPath,
    /// Origin of the paths so far, when one of them states one.
    origin: Option<String>,
}

impl<'a> Joining<'a> {
    pub(super) fn new(prefix: &'a RawPath) -> Self {
        Self { prefix, origin: None }
    }

    /// The absolute path.
    pub(super) fn join(&mut self, path: &RawPath) -> Result<RawPath, PathDecodeError> {
        if let (Some(origin), Some(prefix)) = (&path.origin, &self.prefix.origin) {
            let (origin, prefix) = (origin.clone(), prefix.clone());
            return Err(PathDecodeError::OriginTwice { path: path.to_string(), origin, prefix });
        }
        if let Some(second) = &path.origin {
            let first = self.origin.get_or_insert_with(|| second.clone());
            if first != second && !self.prefix.elems.is_empty() {
                let (first, second) = (first.clone(), second.clone());
                return Err(PathDecodeError::SeveralOrigins { path: path.to_string(), first, second });
            }
        }
        let joined = self.prefix.join(path);
        check_length(&joined)?;
        Ok(joined)
    }
}

fn from_elem(elem: &pb::PathElem) -> RawElem {
    // The key map is literal: nothing in it is escaped or quoted (PATH-032).
    RawElem { name: elem.name.clone(), keys: elem.key.clone().into_iter().collect() }
}

fn from_elements(texts: &[String]) -> Result<Vec<RawElem>, PathTextError> {
    match texts {
        [only] if only.is_empty() => Ok(Vec::new()),
        texts => texts.iter().map(|text| RawElem::parse(text)).collect(),
    }
}

/// A single empty name is how some clients write the root (PATH-013).
fn without_empty_root(elems: Vec<RawElem>) -> Vec<RawElem> {
    match &*elems {
        [only] if only.name.is_empty() && only.keys.is_empty() => Vec::new(),
        _ => elems,
    }
}

/// Whether both forms say the same; keys have no order.
fn agree(elems: &[RawElem], elements: &[RawElem]) -> bool {
    let same = |(ours, theirs): (&RawElem, &RawElem)| {
        ours.name == theirs.name
            && ours.keys.len() == theirs.keys.len()
            && ours.keys.iter().all(|key| theirs.keys.contains(key))
    };
    elems.len() == elements.len() && elems.iter().zip(elements).all(same)
}

fn check_symbols(path: &RawPath) -> Result<(), PathTextError> {
    let nul = |text: &str| text.contains('\0');
    let bad = path.origin.as_deref().is_some_and(nul)
        || path.elems.iter().any(|elem| nul(&elem.name) || elem.keys.iter().any(|(key, value)| nul(key) || nul(value)));
    if bad { Err(PathTextError::Nul) } else { Ok(()) }
}

fn check_length(path: &RawPath) -> Result<(), PathTextError> {
    let length = path.to_string().chars().count();
    if length > PATH_TEXT_MAX { Err(PathTextError::TooLong { length }) } else { Ok(()) }
}

/// Steps as a message, for replies that are built as objects. A reply never names an origin: its names are unique
/// without one.
pub fn encode_path(schema: &Schema, steps: &[Step], form: PathForm) -> pb::Path {
    match form {
        PathForm::Elem => {
            pb::Path { elem: steps.iter().map(|step| to_elem(schema, step)).collect(), ..Default::default() }
        }
        #[expect(deprecated, reason = "the form the request used (PATH-003)")]
        PathForm::Element => {
            let element = steps.iter().map(|step| element_text(schema, step)).collect();
            pb::Path { element, ..Default::default() }
        }
    }
}

fn to_elem(schema: &Schema, step: &Step) -> pb::PathElem {
    let mut elem = pb::PathElem { name: plain_name(schema, step.node).into_owned(), ..Default::default() };
    if let Some(key) = &step.key {
        each_key(schema, step.node, key, |leaf, value| {
            elem.key.insert(schema.node(leaf).name.to_string(), value.key_text());
        });
    }
    elem
}

/// One element as text, keys sorted by name (PATH-034).
fn element_text(schema: &Schema, step: &Step) -> String {
    let mut text = plain_name(schema, step.node).into_owned();
    if let Some(key) = &step.key {
        each_key(schema, step.node, key, |leaf, value| {
            // Writing to a String cannot fail.
            let _ = write_key(&mut text, &schema.node(leaf).name, &value.key_text());
        });
    }
    text
}

/// Tells `visit` key leaves and values of an entry, sorted by name, the order in which prost writes a map too. A keyless
/// list has none.
fn each_key<'a>(schema: &Schema, list: NodeId, key: &'a ListKey, mut visit: impl FnMut(NodeId, &'a Value)) {
    let leaves = schema.node(list).keys();
    if let ([leaf], [value]) = (leaves, &**key) {
        return visit(*leaf, value);
    }
    let mut keys: Vec<_> = leaves.iter().copied().zip(key.iter()).collect();
    keys.sort_by(|(left, _), (right, _)| schema.node(*left).name.cmp(&schema.node(*right).name));
    keys.into_iter().for_each(|(leaf, value)| visit(leaf, value));
}

/// Whether two steps are equal. Keys of one tree are usually the same in memory too, which is quicker to see.
pub(super) fn same_step(left: &Step, right: &Step) -> bool {
    left.node == right.node
        && match (&left.key, &right.key) {
            (Some(left), Some(right)) => Arc::ptr_eq(left, right) || left == right,
            (left, right) => left.is_none() && right.is_none(),
        }
}

impl Wire {
    /// Appends one step as a field of `Path`.
    pub(super) fn put_step(&self, out: &mut Vec<u8>, step: &Step, form: PathForm) {
        match (form, &step.key) {
            (PathForm::Elem, None) => out.extend_from_slice(self.names.elem(step.node)),
            (PathForm::Elem, Some(key)) => put_nested(out, PATH_ELEM, |out| {
                out.extend_from_slice(self.names.name(step.node));
                each_key(&self.schema, step.node, key, |leaf, value| {
                    put_nested(out, ELEM_KEY, |out| {
                        out.extend_from_slice(self.names.name(leaf));
                        put_nested(out, ENTRY_VALUE, |out| put_key_text(out, value));
                    });
                });
            }),
            (PathForm::Element, _) => {
                put_bytes(out, PATH_ELEMENT, element_text(&self.schema, step).as_bytes());
            }
        }
    }

    /// Appends the field `Update.path` with a leaf as only element.
    pub(super) fn put_leaf_path(&self, out: &mut Vec<u8>, leaf: NodeId, form: PathForm) {
        match form {
            PathForm::Elem => out.extend_from_slice(self.names.path(leaf)),
            PathForm::Element => put_nested(out, Key::sized(1), |out| {
                put_bytes(out, PATH_ELEMENT, plain_name(&self.schema, leaf).as_bytes());
            }),
        }
    }
}

/// [`Value::key_text`] without a string in between.
fn put_key_text(out: &mut Vec<u8>, value: &Value) {
    match (value, value.as_text()) {
        (_, Some(text)) => out.extend_from_slice(text.as_bytes()),
        (Value::Identity(identity), _) => out.extend_from_slice(identity.name.as_bytes()),
        // Writing to a Vec cannot fail.
        (other, _) => drop(write!(out, "{other}")),
    }
}

#[cfg(test)]
mod tests;
