//! From a SetRequest to edits of the store.
//!
//! Invariant: the edits stand in the order of gNMI (deletes, replaces, updates; SET-003), hold canonical values only and
//! name `config true` nodes only. A request of which one operation does not decode gives no edits at all.

mod content;
mod parse;
mod union;

use std::fmt;

use content::Decoder;

use super::path::{Joining, PathDecodeError, decode_path};
use crate::path::KeyMatch;
use crate::path::{DataPath, PathError, Pattern, PatternStep, RawPath, Resolver, Step};
use crate::pb::gnmi as pb;
use crate::schema::{Kind, NodeId};
use crate::store::{Content, Edit};

/// One operation of a SetRequest, decoded.
#[derive(Clone, Debug)]
pub struct SetOperation {
    /// Which one.
    pub id: OperationId,
    /// Its path as in the request.
    pub path: pb::Path,
    /// Its edits. Most operations make one; one on the root makes one for each top-level node.
    pub edits: Vec<Edit>,
}

impl SetOperation {
    /// The result of the operation, once it is committed (SET-007, SET-008).
    pub fn result(&self) -> pb::UpdateResult {
        pb::UpdateResult { path: Some(self.path.clone()), op: self.id.to_pb().into(), ..Default::default() }
    }

    /// Its edits, for the commit.
    pub fn into_edits(self) -> Vec<Edit> {
        self.edits
    }
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
#[error("{kind}")]
pub struct SetError {
    /// The operation at fault.
    pub operation: OperationId,
    /// What is wrong.
    #[source]
    pub kind: SetErrorKind,
}

/// What is wrong with an operation. A path is that of the part at fault, which for a JSON value may lie below the path
/// of the operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetErrorKind {
    /// The path does not decode.
    #[error(transparent)]
    Decode(#[from] PathDecodeError),
    /// The path means nothing here, or cannot be written (SET-016, SET-023, SET-026).
    #[error(transparent)]
    Path(#[from] PathError),
    /// The value does not fit: no value, malformed JSON, an unknown member, a type that refuses it (SET-020 to SET-035).
    #[error("{path} - {reason}")]
    Value {
        /// The path.
        path: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The node, or one in the value, is `config false` (SET-025).
    #[error("{path} - Element is not configurable")]
    NotConfigurable {
        /// The path.
        path: String,
    },
    /// A union replace beside operations of another kind (EXT-035).
    #[error("Operation union_replace cannot be mixed with others, and there are {others}")]
    MixedUnion {
        /// How many of them.
        others: usize,
    },
    /// A form of value or an operation that is not offered (SET-031).
    #[error("{path} - {what} is not supported")]
    Unsupported {
        /// The path.
        path: String,
        /// Its name.
        what: String,
    },
}

/// Decodes a request into its operations, in the order they have to be made. Whether they can be made is for the store
/// to say.
pub fn decode_set(request: &pb::SetRequest, resolver: &Resolver<'_>) -> Result<Vec<SetOperation>, SetError> {
    union::check_alone(request)?;
    let prefix = request.prefix.as_ref().map(decode_path).transpose();
    let prefix = prefix.map_err(|error| SetError { operation: OperationId::Request, kind: error.into() })?;
    let prefix = prefix.unwrap_or_default();
    let mut decoding = Decoding { resolver, joining: Joining::new(&prefix) };
    let deletes = (1..).zip(&request.delete).map(|(number, path)| (OperationId::Delete(number), Some(path), None));
    let replaces =
        (1..).zip(&request.replace).map(|(number, update)| with_update(OperationId::Replace(number), update));
    let updates = (1..).zip(&request.update).map(|(number, update)| with_update(OperationId::Update(number), update));
    let unions = (1..)
        .zip(&request.union_replace)
        .map(|(number, update)| with_update(OperationId::UnionReplace(number), update));
    let all = deletes.chain(replaces).chain(updates).chain(unions);
    let operations = all
        .map(|(id, path, update)| {
            let path = path.cloned().unwrap_or_default();
            let edits = decoding.edits(id, &path, update).map_err(|kind| SetError { operation: id, kind })?;
            Ok(SetOperation { id, path, edits })
        })
        .collect::<Result<Vec<_>, _>>();
    let mut operations = operations?;
    if !request.union_replace.is_empty() {
        union::unite(resolver.schema, &mut operations)?;
    }
    Ok(operations)
}

type Given<'a> = (OperationId, Option<&'a pb::Path>, Option<&'a pb::Update>);

fn with_update(id: OperationId, update: &pb::Update) -> Given<'_> {
    (id, update.path.as_ref(), Some(update))
}

struct Decoding<'a> {
    resolver: &'a Resolver<'a>,
    joining: Joining<'a>,
}

impl Decoding<'_> {
    fn edits(
        &mut self,
        id: OperationId,
        path: &pb::Path,
        update: Option<&pb::Update>,
    ) -> Result<Vec<Edit>, SetErrorKind> {
        let raw = self.joining.join(&decode_path(path)?)?;
        // SET-035; the deprecated field `value` does not count.
        let value = || update.and_then(|update| update.val.as_ref()).ok_or_else(|| no_value(raw.to_string()));
        match id {
            OperationId::Delete(_) => self.delete(&raw),
            OperationId::Replace(_) | OperationId::UnionReplace(_) if raw.elems.is_empty() => {
                self.replace_root(&raw, value()?)
            }
            OperationId::Update(_) if raw.elems.is_empty() => self.update_root(&raw, value()?),
            OperationId::Replace(_) | OperationId::UnionReplace(_) => {
                let (path, content) = self.write(&raw, value()?, true)?;
                Ok(vec![Edit::Replace(path, content)])
            }
            OperationId::Update(_) => {
                let (path, content) = self.write(&raw, value()?, false)?;
                Ok(vec![Edit::Update(path, content)])
            }
            OperationId::Request => Ok(Vec::new()),
        }
    }

    fn delete(&self, raw: &RawPath) -> Result<Vec<Edit>, SetErrorKind> {
        if raw.elems.is_empty() {
            let roots = self.config_roots(raw)?;
            return Ok(vec![Edit::Delete(roots.into_iter().map(|root| self.whole(root)).collect())]);
        }
        let mut patterns = self.resolver.delete(raw)?;
        // A name wildcard may lead to state too; it means the configuration then (SET-015).
        patterns.retain(|pattern| pattern.node().is_none_or(|node| self.resolver.schema.node(node).config));
        if patterns.is_empty() {
            Err(SetErrorKind::NotConfigurable { path: raw.to_string() })
        } else {
            Ok(vec![Edit::Delete(patterns)])
        }
    }

    fn write(&self, raw: &RawPath, value: &pb::TypedValue, replace: bool) -> Result<(DataPath, Content), SetErrorKind> {
        let path = self.resolver.write(raw)?;
        let mut decoder = Decoder::new(self.resolver.schema, path.steps());
        let content = decoder.value(value)?;
        let entry = path.steps().last().is_some_and(|step| step.key.is_some());
        // gnmi-spec 3.4.4: an entry is emptied by delete, not by replacing it with nothing (SET-021).
        if replace && entry && decoder.was_empty_object() {
            let reason = "Replace of a list entry with {} is ambiguous, use delete".to_owned();
            return Err(SetErrorKind::Value { path: raw.to_string(), reason });
        }
        Ok((path, content))
    }

    /// A root is replaced one top-level node at a time, so that an origin or a hidden model keeps what is not meant
    /// (SET-043).
    fn replace_root(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<Edit>, SetErrorKind> {
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

    fn update_root(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<Edit>, SetErrorKind> {
        Ok(vec![Edit::Update(DataPath::root(), Content::Branch(self.root_members(raw, value)?))])
    }

    fn root_members(&self, raw: &RawPath, value: &pb::TypedValue) -> Result<Vec<(NodeId, Content)>, SetErrorKind> {
        let roots = self.resolver.roots(raw)?;
        let schema = self.resolver.schema;
        match Decoder::new(schema, &[]).value(value)? {
            Content::Branch(members) => match members.iter().find(|(node, _)| !roots.contains(node)) {
                None => Ok(members),
                Some((node, _)) => {
                    let path = schema.path_text(*node);
                    Err(SetErrorKind::Value { path, reason: "Unknown element".to_owned() })
                }
            },
            Content::Leaf(_) | Content::List(_) => {
                Err(SetErrorKind::Value { path: raw.to_string(), reason: "The root takes a JSON object".to_owned() })
            }
        }
    }

    /// The top-level nodes that an operation on the root means.
    fn config_roots(&self, raw: &RawPath) -> Result<Vec<NodeId>, SetErrorKind> {
        let mut roots = self.resolver.roots(raw)?;
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

fn no_value(path: String) -> SetErrorKind {
    SetErrorKind::Value { path, reason: "Field val is missing".to_owned() }
}

#[cfg(test)]
mod tests;
