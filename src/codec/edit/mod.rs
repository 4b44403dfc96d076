//! From a SetRequest to edits of the store.
//!
//! Invariant: the edits stand in the order of gNMI (deletes, replaces, updates; SET-003), hold canonical values only and
//! name `config true` nodes only. A request of which one operation does not decode gives no edits at all.

mod content;
mod parse;

use std::fmt;
use std::ops::Range;

use content::{Decoder, Refusal};

use super::path::{PathDecodeError, RequestPaths};
use crate::path::{DataPath, PathError, Pattern, PatternStep, RawPath, Resolver, Step};
use crate::path::KeyMatch;
use crate::pb::gnmi as pb;
use crate::schema::{Kind, NodeId};
use crate::store::{Content, Edit};

/// A SetRequest, decoded.
#[derive(Clone, Debug, Default)]
pub struct SetEdits {
    /// All edits in order, for one commit (SET-004).
    pub edits: Vec<Edit>,
    /// The operations they came from, in the same order: one result is due for each (SET-007).
    pub operations: Vec<Operation>,
}

/// One operation of the request.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Which one.
    pub id: OperationId,
    /// Its path as in the request, for the result.
    pub path: pb::Path,
    /// Its edits. Most operations make one; one on the root makes one for each top-level node.
    pub edits: Range<usize>,
}

/// Names an operation, counted from one within its kind, as errors show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationId {
    /// None: the request as a whole.
    Request,
    /// A delete.
    Delete(usize),
    /// A replace.
    Replace(usize),
    /// An update.
    Update(usize),
    /// A union replace.
    UnionReplace(usize),
}

impl OperationId {
    /// Its kind on the wire.
    pub fn to_pb(self) -> pb::update_result::Operation {
        match self {
            Self::Request => pb::update_result::Operation::Invalid,
            Self::Delete(_) => pb::update_result::Operation::Delete,
            Self::Replace(_) => pb::update_result::Operation::Replace,
            Self::Update(_) => pb::update_result::Operation::Update,
            Self::UnionReplace(_) => pb::update_result::Operation::UnionReplace,
        }
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Delete(number) => write!(f, "delete operation {number}"),
            Self::Replace(number) => write!(f, "replace operation {number}"),
            Self::Update(number) => write!(f, "update operation {number}"),
            Self::UnionReplace(number) => write!(f, "union-replace operation {number}"),
        }
    }
}

/// Why a SetRequest does not decode. Prints as `path - reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .kind.text(.path))]
pub struct SetError {
    /// The operation at fault.
    pub operation: OperationId,
    /// The path at fault, which for a JSON value may lie below that of the operation.
    pub path: String,
    /// What is wrong.
    pub kind: SetErrorKind,
}

/// What is wrong with an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetErrorKind {
    /// The path does not decode.
    Decode(PathDecodeError),
    /// The path means nothing here, or cannot be written (SET-016, SET-023, SET-026).
    Path(PathError),
    /// The value does not fit: no value, malformed JSON, an unknown member, a type that refuses it (SET-020 to SET-035).
    Value {
        /// The rule it breaks.
        reason: String,
    },
    /// The node, or one in the value, is `config false` (SET-025).
    NotConfigurable,
    /// A form of value or an operation that is not offered (SET-031).
    Unsupported {
        /// Its name.
        what: String,
    },
}

impl SetErrorKind {
    fn text(&self, path: &str) -> String {
        match self {
            Self::Decode(error) => error.to_string(),
            Self::Path(error) => error.to_string(),
            Self::Value { reason } => format!("{path} - {reason}"),
            Self::NotConfigurable => format!("{path} - Element is not configurable"),
            Self::Unsupported { what } => format!("{path} - {what} is not supported"),
        }
    }
}

impl SetEdits {
    /// Decodes a request. Whether the edits can be applied is for the store to say.
    pub fn decode(resolver: &Resolver<'_>, request: &pb::SetRequest) -> Result<Self, SetError> {
        let paths = RequestPaths::new(request.prefix.as_ref()).map_err(|error| {
            let path = String::new();
            SetError { operation: OperationId::Request, path, kind: SetErrorKind::Decode(error) }
        })?;
        let mut decoding = Decoding { resolver, paths, done: Self::default() };
        for (number, path) in (1..).zip(&request.delete) {
            decoding.operation(OperationId::Delete(number), Some(path), None)?;
        }
        for (number, update) in (1..).zip(&request.replace) {
            decoding.operation(OperationId::Replace(number), update.path.as_ref(), Some(update))?;
        }
        for (number, update) in (1..).zip(&request.update) {
            decoding.operation(OperationId::Update(number), update.path.as_ref(), Some(update))?;
        }
        for (number, update) in (1..).zip(&request.union_replace) {
            decoding.operation(OperationId::UnionReplace(number), update.path.as_ref(), Some(update))?;
        }
        Ok(decoding.done)
    }

    /// The operation that an edit came from.
    pub fn operation_of(&self, edit: usize) -> OperationId {
        let found = self.operations.iter().find(|operation| operation.edits.contains(&edit));
        found.map_or(OperationId::Request, |operation| operation.id)
    }
}

struct Decoding<'a> {
    resolver: &'a Resolver<'a>,
    paths: RequestPaths,
    done: SetEdits,
}

impl Decoding<'_> {
    fn operation(
        &mut self,
        id: OperationId,
        path: Option<&pb::Path>,
        update: Option<&pb::Update>,
    ) -> Result<(), SetError> {
        let path = path.cloned().unwrap_or_default();
        let raw = self.paths.join(&path).map_err(|error| SetError {
            operation: id,
            path: String::new(),
            kind: SetErrorKind::Decode(error),
        })?;
        let start = self.done.edits.len();
        let edits = self.edits(id, &raw, update).map_err(|refusal| SetError {
            operation: id,
            path: refusal.path.unwrap_or_else(|| raw.to_string()),
            kind: refusal.kind,
        })?;
        self.done.edits.extend(edits);
        self.done.operations.push(Operation { id, path, edits: start..self.done.edits.len() });
        Ok(())
    }

    fn edits(&self, id: OperationId, raw: &RawPath, update: Option<&pb::Update>) -> Result<Vec<Edit>, Refusal> {
        let value = || update.ok_or_else(no_value).and_then(value_of);
        match id {
            OperationId::Delete(_) => self.delete(raw),
            OperationId::Replace(_) if raw.elems.is_empty() => self.replace_root(raw, value()?),
            OperationId::Update(_) if raw.elems.is_empty() => self.update_root(raw, value()?),
            OperationId::Replace(_) => {
                let (path, content) = self.write(raw, value()?, true)?;
                Ok(vec![Edit::Replace(path, content)])
            }
            OperationId::Update(_) => {
                let (path, content) = self.write(raw, value()?, false)?;
                Ok(vec![Edit::Update(path, content)])
            }
            OperationId::UnionReplace(_) | OperationId::Request => {
                Err(SetErrorKind::Unsupported { what: "Operation union_replace".to_owned() }.into())
            }
        }
    }

    fn delete(&self, raw: &RawPath) -> Result<Vec<Edit>, Refusal> {
        if raw.elems.is_empty() {
            let roots = self.config_roots(raw)?;
            return Ok(vec![Edit::Delete(roots.into_iter().map(|root| self.whole(root)).collect())]);
        }
        let mut patterns = self.resolver.delete(raw).map_err(SetErrorKind::Path)?;
        // A name wildcard may lead to state too; it means the configuration then (SET-015).
        patterns.retain(|pattern| pattern.node().is_none_or(|node| self.resolver.schema.node(node).config));
        if patterns.is_empty() { Err(SetErrorKind::NotConfigurable.into()) } else { Ok(vec![Edit::Delete(patterns)]) }
    }

    fn write(&self, raw: &RawPath, value: &pb::TypedValue, replace: bool) -> Result<(DataPath, Content), Refusal> {
        let path = self.resolver.write(raw).map_err(SetErrorKind::Path)?;
        let mut decoder = Decoder::new(self.resolver.schema, path.steps());
        let content = decoder.value(value)?;
        let entry = path.steps().last().is_some_and(|step| step.key.is_some());
        // gnmi-spec 3.4.4: an entry is emptied by delete, not by replacing it with nothing (SET-021).
        if replace && entry && decoder.was_empty_object() {
            return Err(value_error("Replace of a list entry with {} is ambiguous, use delete").into());
        }
        Ok((path, content))
    }

    /// A root is replaced one top-level node at a time, so that an origin or a hidden model keeps what is not meant
    /// (SET-043).
    fn replace_root(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<Edit>, Refusal> {
        let mut given = self.root_members(raw, value)?;
        let edits = self.config_roots(raw)?.into_iter().map(|root| {
            let position = given.iter().position(|(node, _)| *node == root);
            match position.map(|position| given.swap_remove(position)) {
                Some((node, content)) => Edit::Replace(DataPath::new([Step { node, key: None }]), content),
                None => Edit::Delete(vec![self.whole(root)]),
            }
        });
        Ok(edits.collect())
    }

    fn update_root(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<Edit>, Refusal> {
        Ok(vec![Edit::Update(DataPath::root(), Content::Branch(self.root_members(raw, value)?))])
    }

    fn root_members(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<(NodeId, Content)>, Refusal> {
        let roots = self.resolver.roots(raw).map_err(SetErrorKind::Path)?;
        let schema = self.resolver.schema;
        match Decoder::new(schema, &[]).value(value)? {
            Content::Branch(members) => match members.iter().find(|(node, _)| !roots.contains(node)) {
                None => Ok(members),
                Some((node, _)) => {
                    let path = schema.path_text(*node);
                    Err(SetErrorKind::Path(PathError::UnknownElement { path }).into())
                }
            },
            Content::Leaf(_) | Content::List(_) => Err(value_error("The root takes a JSON object").into()),
        }
    }

    /// The top-level nodes that an operation on the root means.
    fn config_roots(&self, raw: &RawPath) -> Result<Vec<NodeId>, Refusal> {
        let mut roots = self.resolver.roots(raw).map_err(SetErrorKind::Path)?;
        roots.retain(|&root| self.resolver.schema.node(root).config);
        Ok(roots)
    }

    /// All of a top-level node.
    fn whole(&self, node: NodeId) -> Pattern {
        let keys = match self.resolver.schema.node(node).kind {
            Kind::List(_) => KeyMatch::All,
            _ => KeyMatch::NotList,
        };
        Pattern::new([PatternStep { node, keys }])
    }
}

fn value_of(update: &pb::Update) -> Result<&pb::TypedValue, Refusal> {
    update.val.as_ref().filter(|value| value.value.is_some()).ok_or_else(no_value)
}

/// SET-035; the deprecated field `value` does not count.
fn no_value() -> Refusal {
    value_error("Field val is missing").into()
}

fn value_error(reason: impl Into<String>) -> SetErrorKind {
    SetErrorKind::Value { reason: reason.into() }
}

#[cfg(test)]
mod tests;
