//! Random edits of the nodes of some modules.

use super::random::Random;
use crate::path::{DataPath, ListKey, Pattern};
use crate::schema::{Input, Kind, NodeId, Rule, Schema};
use crate::store::edit::{Content, Edit};
use crate::value::Value;

/// Texts that values are made of, as far as a type takes them.
const POOL: &[&str] = &["a", "b", "c", "0", "1", "2", "3", "true", "false", "", "ma:red", "ma:dark", "ma:colour"];

/// Makes edits.
pub(super) struct Editing<'a> {
    pub(super) schema: &'a Schema,
    pub(super) roots: &'a [NodeId],
    pub(super) random: &'a mut Random,
}

impl Editing<'_> {
    /// The edits of one request.
    pub(super) fn request(&mut self) -> Vec<Edit> {
        let count = 1 + self.random.below(4);
        (0..count).filter_map(|_| self.edit()).collect()
    }

    fn edit(&mut self) -> Option<Edit> {
        let mut at = DataPath::root();
        let mut node = *self.random.pick(self.roots)?;
        loop {
            let schema = self.schema.node(node);
            let deeper = !schema.children.is_empty() && !self.random.chance(30);
            match &schema.kind {
                Kind::List(_) if !deeper && self.random.chance(15) => return self.list(at.child(node, None), node),
                Kind::List(_) => at = at.child(node, Some(self.key(node)?)),
                _ => at = at.child(node, None),
            }
            if !deeper {
                return self.place(at, node);
            }
            let children: Vec<NodeId> = self.configurable(node).collect();
            node = *self.random.pick(&children)?;
        }
    }

    /// Children that are no keys.
    fn configurable(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let schema = self.schema;
        let is_key = move |id: NodeId| matches!(&schema.node(id).kind, Kind::Leaf(leaf) if leaf.is_key);
        schema.node(node).children.iter().copied().filter(move |&id| schema.node(id).config && !is_key(id))
    }

    fn list(&mut self, at: DataPath, node: NodeId) -> Option<Edit> {
        Some(match self.random.below(3) {
            0 => Edit::Delete(vec![Pattern::exactly(&at, self.schema)]),
            1 => Edit::Replace(at, self.entries(node)?),
            _ => Edit::Update(at, self.entries(node)?),
        })
    }

    fn place(&mut self, at: DataPath, node: NodeId) -> Option<Edit> {
        if self.random.chance(25) {
            return Some(Edit::Delete(vec![Pattern::exactly(&at, self.schema)]));
        }
        let content = match &self.schema.node(node).kind {
            Kind::Leaf(_) | Kind::LeafList(_) => self.terminal(node)?,
            _ => Content::Branch(self.children(node)),
        };
        Some(if self.random.chance(30) { Edit::Replace(at, content) } else { Edit::Update(at, content) })
    }

    fn children(&mut self, node: NodeId) -> Vec<(NodeId, Content)> {
        let all: Vec<NodeId> = self.configurable(node).collect();
        let chosen = self.random.some(&all, 60);
        chosen.into_iter().filter_map(|child| Some((child, self.content(child)?))).collect()
    }

    fn content(&mut self, node: NodeId) -> Option<Content> {
        match &self.schema.node(node).kind {
            Kind::Leaf(_) | Kind::LeafList(_) => self.terminal(node),
            Kind::List(_) => self.entries(node),
            _ => Some(Content::Branch(self.children(node))),
        }
    }

    fn entries(&mut self, node: NodeId) -> Option<Content> {
        let mut entries: Vec<(ListKey, Vec<(NodeId, Content)>)> = Vec::new();
        for _ in 0..self.random.below(3) {
            let key = self.key(node)?;
            if entries.iter().all(|(known, _)| *known != key) {
                let children = self.children(node);
                entries.push((key, children));
            }
        }
        Some(Content::List(entries))
    }

    fn terminal(&mut self, node: NodeId) -> Option<Content> {
        if !matches!(self.schema.node(node).kind, Kind::LeafList(_)) {
            return self.value(node).map(Content::Leaf);
        }
        let mut members: Vec<Value> = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let value = self.value(node)?;
            if !members.contains(&value) {
                members.push(value);
            }
        }
        Some(Content::Leaf(Value::List(members.into())))
    }

    fn key(&mut self, list: NodeId) -> Option<ListKey> {
        self.schema.node(list).keys().iter().map(|&key| self.value(key)).collect()
    }

    fn value(&mut self, node: NodeId) -> Option<Value> {
        let node = self.schema.node(node);
        let (ty, module) = (node.ty()?, &self.schema.module(node.module).name);
        let all: Vec<Value> =
            POOL.iter().filter_map(|text| ty.accept(Input::Text(text), Rule::Text, module).ok()).take(4).collect();
        self.random.pick(&all).cloned()
    }
}
