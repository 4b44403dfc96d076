//! union_replace: several contents that together take the place of what was there (union_replace 5.2.2, 5.3.2).
//!
//! Invariant: everything named is emptied before anything is put in, so operations may lie within each other. What two of
//! them set to different values is refused, and so is a request that does anything else as well (EXT-035, EXT-036).

use std::collections::HashMap;

use super::{OperationId, SetError, SetErrorKind, SetOperation};
use crate::path::{DataPath, Step};
use crate::pb::gnmi as pb;
use crate::schema::{NodeId, Schema};
use crate::store::{Content, Edit};
use crate::value::Value;

/// Refuses a request that does something else too.
pub(super) fn check_alone(request: &pb::SetRequest) -> Result<(), SetError> {
    let others = request.delete.len() + request.replace.len() + request.update.len();
    if request.union_replace.is_empty() || others == 0 {
        return Ok(());
    }
    Err(SetError { operation: OperationId::UnionReplace(1), kind: SetErrorKind::MixedUnion { others } })
}

/// Makes one replacement of operations that replace each for itself.
pub(super) fn unite(schema: &Schema, operations: &mut [SetOperation]) -> Result<(), SetError> {
    let mut union = Union { schema, values: HashMap::new(), cases: HashMap::new() };
    let mut emptied = Vec::new();
    let alone = operations.len() == 1;
    for operation in operations.iter_mut() {
        let mut filled = Vec::new();
        for edit in std::mem::take(&mut operation.edits) {
            match edit {
                Edit::Replace(path, content) => {
                    if !alone {
                        let (at, id) = (path.clone(), operation.id);
                        union.add(at, &content, id).map_err(|kind| SetError { operation: id, kind })?;
                    }
                    filled.push(match empty(&content) {
                        Some(nothing) => {
                            emptied.push(Edit::Replace(path.clone(), nothing));
                            Edit::Update(path, content)
                        }
                        None => Edit::Replace(path, content),
                    });
                }
                // What a replace of the root does not mention.
                other @ (Edit::Delete(_) | Edit::Update(..)) => emptied.push(other),
            }
        }
        operation.edits = filled;
    }
    // Emptying what has been resolved cannot fail, so it may count as the first operation's.
    if let Some(first) = operations.first_mut() {
        first.edits.splice(0..0, emptied);
    }
    Ok(())
}

/// Nothing, in the form of this content; a leaf has no such form and needs none.
fn empty(content: &Content) -> Option<Content> {
    match content {
        Content::Leaf(_) => None,
        Content::Branch(_) => Some(Content::Branch(Vec::new())),
        Content::List(_) => Some(Content::List(Vec::new())),
    }
}

/// What the operations so far have set, and which did.
struct Union<'a> {
    schema: &'a Schema,
    values: HashMap<DataPath, (Value, OperationId)>,
    /// The case taken in a branch, by choice.
    cases: HashMap<(DataPath, u32), (u32, OperationId)>,
}

impl Union<'_> {
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    fn add(&mut self, at: DataPath, content: &Content, id: OperationId) -> Result<(), SetErrorKind> {
        for depth in 0..at.steps().len() {
            self.enter(&at.steps()[..=depth], id)?;
        }
        self.content(at, content, id)
    }

    fn content(&mut self, at: DataPath, content: &Content, id: OperationId) -> Result<(), SetErrorKind> {
        match content {
            Content::Leaf(value) => self.value(at, value, id),
            Content::Branch(children) => self.children(&at, children, id),
            Content::List(entries) => {
                let Some(list) = at.node() else { return Ok(()) };
                let above = at.parent();
                entries
                    .iter()
                    .try_for_each(|(key, children)| self.children(&above.child(list, Some(key.clone())), children, id))
            }
        }
    }

    fn children(&mut self, at: &DataPath, children: &[(NodeId, Content)], id: OperationId) -> Result<(), SetErrorKind> {
        children.iter().try_for_each(|(node, content)| {
            let child = at.child(*node, None);
            self.enter(child.steps(), id)?;
            self.content(child, content, id)
        })
    }

    fn value(&mut self, at: DataPath, value: &Value, id: OperationId) -> Result<(), SetErrorKind> {
        match self.values.get(&at) {
            Some((other, by)) if other != value => Err(SetErrorKind::Value {
                path: at.display(self.schema).to_string(),
                reason: format!("Value '{value}' conflicts with '{other}' of {by}"),
            }),
            Some(_) => Ok(()),
            None => {
                self.values.insert(at, (value.clone(), id));
                Ok(())
            }
        }
    }

    /// Notes the cases that a place lies in.
    fn enter(&mut self, at: &[Step], id: OperationId) -> Result<(), SetErrorKind> {
        let Some((last, above)) = at.split_last() else { return Ok(()) };
        for case in &self.schema.node(last.node).cases {
            let (taken, by) = *self.cases.entry((DataPath::new(above), case.choice)).or_insert((case.case, id));
            if taken != case.case {
                let path = DataPath::new(at).display(self.schema).to_string();
                return Err(SetErrorKind::Value { path, reason: format!("Another case is chosen by {by}") });
            }
        }
        Ok(())
    }
}
