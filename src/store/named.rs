//! A tree read by names, for code that looks at a few leaves of the configuration when it has changed.
//!
//! Invariant: a name that the loaded models do not have reads as a leaf or entry that is not there.
//! Nothing here is for hot paths: each step is a look-up in the schema.

use super::tree::{Branch, Tree};
use crate::schema::{NodeId, Schema};
use crate::value::Value;

/// A container, list entry or the root, with its path. What does not exist has no leaves and no entries.
#[derive(Clone, Debug)]
pub struct Named<'a> {
    schema: &'a Schema,
    node: Option<NodeId>,
    branch: Option<&'a Branch>,
    path: String,
}

impl<'a> Named<'a> {
    /// The container at a path of containers, such as `configure/system/grpc`.
    pub fn new(schema: &'a Schema, tree: &'a Tree, path: &str) -> Self {
        Self { schema, node: None, branch: Some(tree.root()), path: String::new() }.at(path)
    }

    /// The container at a path of containers below this place.
    pub fn at(&self, path: &str) -> Self {
        path.split('/').fold(self.clone(), |here, name| {
            let node = here.child(name);
            let branch =
                here.branch.zip(node).and_then(|(branch, node)| branch.container(node)).map(|branch| &**branch);
            // Below a name that is not known nothing is: no branch, so it does not matter where the schema stands.
            Self { node, branch, path: format!("{}/{name}", here.path), schema: here.schema }
        })
    }

    /// The entries of a list, with their keys as text, in list order.
    pub fn entries(&self, list: &str) -> Vec<(String, Self)> {
        let Some(node) = self.child(list) else { return Vec::new() };
        let Some(entries) = self.branch.and_then(|branch| branch.list(node)) else { return Vec::new() };
        let keys = self.schema.node(node).keys();
        let each = entries.iter().map(|(key, entry)| {
            let texts: Vec<String> = key.iter().map(Value::key_text).collect();
            let predicates: String = keys
                .iter()
                .zip(&texts)
                .map(|(&key, text)| format!("[{}={text}]", self.schema.node(key).name))
                .collect();
            let path = format!("{}/{list}{predicates}", self.path);
            let branch = Some(&**entry.branch());
            (texts.join(" "), Self { schema: self.schema, node: Some(node), branch, path })
        });
        each.collect()
    }

    /// The entry of a list with one key.
    pub fn entry(&self, list: &str, key: &str) -> Option<Self> {
        self.entries(list).into_iter().find_map(|(found, entry)| (found == key).then_some(entry))
    }

    /// The value of a leaf.
    pub fn value(&self, leaf: &str) -> Option<&'a Value> {
        self.branch?.leaf(self.child(leaf)?).map(|leaf| &leaf.value)
    }

    /// The value of a leaf that somebody set: a default in use is none.
    pub fn stated(&self, leaf: &str) -> Option<&'a Value> {
        self.branch?.leaf(self.child(leaf)?).filter(|leaf| !leaf.is_default()).map(|leaf| &leaf.value)
    }

    /// The value of a leaf that holds a text or a name.
    pub fn text(&self, leaf: &str) -> Option<&'a str> {
        self.value(leaf)?.as_text()
    }

    /// The value of a leaf that holds a number that is not negative.
    pub fn number(&self, leaf: &str) -> Option<u64> {
        match *self.value(leaf)? {
            Value::Uint(number) => Some(number.into()),
            Value::Uint64(number) => Some(number),
            Value::Int(number) => number.try_into().ok(),
            Value::Int64(number) => number.try_into().ok(),
            _ => None,
        }
    }

    /// Whether the leaf `admin-state` says `enable`.
    pub fn is_enabled(&self) -> bool {
        self.text("admin-state") == Some("enable")
    }

    /// Path of this place.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path of a leaf here.
    pub fn path_of(&self, leaf: &str) -> String {
        format!("{}/{leaf}", self.path)
    }

    fn child(&self, name: &str) -> Option<NodeId> {
        // The root is the only place without a node that has something in it.
        if self.node.is_none() && self.branch.is_none() {
            return None;
        }
        self.schema.child(self.node, None, name)
    }
}
