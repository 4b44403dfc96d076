//! From the rows back to a tree.
//!
//! Invariant: what is in the tree fits the schema as it is loaded now. Modules may have been replaced since the rows were
//! written; a row that has no place any more is named with the reason, never dropped in silence.

use std::fmt;

use super::Fault;
use super::code::Row;
use super::key::{self, RawStep};
use crate::path::{DataPath, ListKey, Step};
use crate::schema::{Input, Kind, NodeId, Rule, Schema, Type};
use crate::store::tree::{Leaf, Tree};
use crate::time::Timestamp;
use crate::value::Value;

/// How many misfits an error text spells out.
const SUMMARY_MAX: usize = 5;

/// Saved configuration that the schema has no place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its path, as far as it is known.
    pub path: String,
    /// Why it does not fit.
    pub reason: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.path, self.reason)
    }
}

impl Unfit {
    pub(super) fn summary(unfit: &[Self]) -> String {
        let mut parts: Vec<String> = unfit.iter().take(SUMMARY_MAX).map(Self::to_string).collect();
        if unfit.len() > SUMMARY_MAX {
            parts.push(format!("and {} more", unfit.len() - SUMMARY_MAX));
        }
        parts.join("; ")
    }
}

pub(super) struct Restored {
    pub(super) tree: Tree,
    pub(super) unfit: Vec<Unfit>,
}

/// Builds the tree from rows in key order.
pub(super) fn restore(schema: &Schema, rows: &[(Box<str>, Box<[u8]>)]) -> Result<Restored, Fault> {
    let mut restoring = Restoring { schema, tree: Tree::default(), unfit: Vec::new(), orders: Vec::new(), last: None };
    for (key, row) in rows {
        let damaged = || Fault::Damaged(format!("row {key:?} cannot be read"));
        let row = Row::decode(row).ok_or_else(damaged)?;
        let steps = key::parse(key).ok_or_else(damaged)?;
        if let Err(unfit) = restoring.row(key, &steps, row)
            && restoring.unfit.last() != Some(&unfit)
        {
            restoring.unfit.push(unfit);
        }
    }
    restoring.finish()
}

struct Restoring<'a> {
    schema: &'a Schema,
    tree: Tree,
    unfit: Vec<Unfit>,
    /// Orders are applied last: a list's row comes before those of its entries.
    orders: Vec<(DataPath, Vec<ListKey>)>,
    /// Key text of the branch of the leaf before, and what it resolved to: leaves of one branch mostly follow each other.
    last: Option<(Box<str>, Vec<Step>)>,
}

impl Restoring<'_> {
    fn row(&mut self, key: &str, raw: &[RawStep<'_>], row: Row) -> Result<(), Unfit> {
        match row {
            Row::Leaf(time, value) => self.leaf(key, raw, time, value),
            Row::Exists(time) => {
                let steps = self.resolve(raw)?;
                let fits = steps.last().is_some_and(|step| match &self.schema.node(step.node).kind {
                    Kind::Container { presence } => *presence,
                    Kind::List(_) => step.key.is_some(),
                    _ => false,
                });
                if !fits {
                    return Err(self.misfit(&steps, "Element has become another kind of node"));
                }
                self.tree.branch_mut(self.schema, &steps, time);
                Ok(())
            }
            Row::Order(values) => {
                let steps = self.resolve(raw)?;
                let keys = match steps.last().map(|step| &self.schema.node(step.node).kind) {
                    Some(Kind::List(list)) if list.user_ordered => &list.keys,
                    // The order no longer matters: the entries themselves have rows of their own.
                    _ => return Ok(()),
                };
                if !keys.is_empty() {
                    let order = values.chunks(keys.len()).map(|key| self.list_key(keys, key));
                    let order = order.collect::<Option<_>>();
                    let order = order.ok_or_else(|| self.misfit(&steps, "Keys of the list have changed"))?;
                    self.orders.push((DataPath::new(steps), order));
                }
                Ok(())
            }
        }
    }

    #[expect(clippy::string_slice, reason = "a position that a search in this very text found")]
    fn leaf(&mut self, key: &str, raw: &[RawStep<'_>], time: Timestamp, value: Value) -> Result<(), Unfit> {
        let Some((name, above)) = raw.split_last() else { return Ok(()) };
        let above_text = key.rfind('/').map_or("", |slash| &key[..slash]);
        let known = self.last.take().filter(|(text, _)| **text == *above_text);
        let at = match known {
            Some((_, steps)) => steps,
            None => self.resolve(above)?,
        };
        let node = self.named(&at, name)?;
        let mut path = at.clone();
        path.push(Step { node, key: None });
        let ty = match &self.schema.node(node).kind {
            Kind::Leaf(leaf) if !leaf.is_key && name.keys.is_empty() => &leaf.ty,
            Kind::LeafList(list) if name.keys.is_empty() => &list.ty,
            _ => return Err(self.misfit(&path, "Element has become another kind of node")),
        };
        let module = &self.schema.module(self.schema.node(node).module).name;
        let shaped = matches!(value, Value::List(_)) == matches!(self.schema.node(node).kind, Kind::LeafList(_));
        let fitted =
            if shaped { refit(ty, module, &value) } else { Err("Element has become another kind of node".to_owned()) };
        match fitted {
            Ok(value) => {
                self.tree.branch_mut(self.schema, &at, time).put_leaf(node, Leaf::new(value, time));
                self.last = Some((above_text.into(), at));
                Ok(())
            }
            Err(reason) => Err(self.misfit(&path, &reason)),
        }
    }

    fn resolve(&self, raw: &[RawStep<'_>]) -> Result<Vec<Step>, Unfit> {
        let mut steps: Vec<Step> = Vec::with_capacity(raw.len() + 1);
        for (position, step) in raw.iter().enumerate() {
            let node = self.named(&steps, step)?;
            let keys = match &self.schema.node(node).kind {
                Kind::List(list) => &*list.keys,
                _ => &[],
            };
            // Only the row of a list's order names a list without keys.
            let whole = step.keys.is_empty() && position + 1 == raw.len();
            let key = match self.list_key(keys, &step.keys) {
                _ if keys.is_empty() && step.keys.is_empty() => None,
                _ if whole => None,
                Some(key) if !keys.is_empty() => Some(key),
                _ => {
                    steps.push(Step { node, key: None });
                    return Err(self.misfit(&steps, "Keys of the list have changed"));
                }
            };
            steps.push(Step { node, key });
        }
        Ok(steps)
    }

    fn named(&self, above: &[Step], raw: &RawStep<'_>) -> Result<NodeId, Unfit> {
        let parent = above.last().map(|step| step.node);
        let found = match (raw.module, parent) {
            (Some(module), _) => self.schema.child(parent, Some(module), raw.name),
            (None, Some(parent)) => {
                let module = &self.schema.module(self.schema.node(parent).module).name;
                self.schema.child(Some(parent), Some(module), raw.name)
            }
            (None, None) => None,
        };
        let unfit = |reason: &str| {
            let above = DataPath::new(above).display(self.schema).to_string();
            Unfit { path: format!("{}/{}", above.trim_end_matches('/'), raw.name), reason: reason.to_owned() }
        };
        let node = found.ok_or_else(|| unfit("Unknown element"))?;
        if self.schema.node(node).config { Ok(node) } else { Err(unfit("Element is not configurable")) }
    }

    fn list_key(&self, keys: &[NodeId], values: &[Value]) -> Option<ListKey> {
        if keys.len() != values.len() {
            return None;
        }
        let fitted = keys.iter().zip(values).map(|(&key, value)| {
            let node = self.schema.node(key);
            refit(node.ty()?, &self.schema.module(node.module).name, value).ok()
        });
        fitted.collect::<Option<Vec<_>>>().map(ListKey::from)
    }

    fn misfit(&self, steps: &[Step], reason: &str) -> Unfit {
        Unfit { path: DataPath::new(steps).display(self.schema).to_string(), reason: reason.to_owned() }
    }

    fn finish(mut self) -> Result<Restored, Fault> {
        for (path, keys) in &self.orders {
            if self.tree.exists(path)
                && let Some((last, above)) = path.steps().split_last()
            {
                let branch = self.tree.branch_mut(self.schema, above, Timestamp::EPOCH);
                branch.list_mut(last.node, true).set_order(keys);
            }
        }
        Ok(Restored { tree: self.tree, unfit: self.unfit })
    }
}

/// The value as its type takes it today: itself, or the same text when the type was given another width or kind.
fn refit(ty: &Type, module: &str, value: &Value) -> Result<Value, String> {
    if let Value::List(members) = value {
        let members = members.iter().map(|member| refit(ty, module, member)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Value::List(members.into()));
    }
    match ty {
        // Text alone would pick the first member that takes it; the value says which one it was.
        Type::Union(members) if members.iter().any(|member| refit(member, module, value).as_ref() == Ok(value)) => {
            Ok(value.clone())
        }
        Type::Leafref { real, .. } => refit(real, module, value),
        _ => ty.accept(Input::Text(&value.to_string()), Rule::Text, module).map_err(|error| error.to_string()),
    }
}
