//! What the tests of this folder share: the schema of the test modules and short ways to name things in it. Tests of
//! the encodings as a whole are here too.

use std::sync::Arc;

use super::*;
use crate::path::{DataPath, RawPath, Resolver, Step, Views};
use crate::schema::{Input, NodeId, Rule, Schema, Sources, load};
use crate::store::{Leaf, Tree};
use crate::time::Timestamp;
use crate::value::Value;

/// The test modules and their encoded names.
pub(super) struct Kit {
    pub(super) schema: Arc<Schema>,
    pub(super) wire: Arc<Wire>,
}

impl Kit {
    pub(super) fn new() -> Self {
        let schema = load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema;
        Self { wire: Arc::new(Wire::new(schema.clone())), schema }
    }

    pub(super) fn resolver(&self) -> Resolver<'_> {
        Resolver { schema: &self.schema, views: Views::ALL, name_wildcards: true }
    }

    /// The place a text path names.
    pub(super) fn place(&self, text: &str) -> DataPath {
        self.resolver().write(&RawPath::parse(text).unwrap()).unwrap()
    }

    pub(super) fn steps(&self, text: &str) -> Vec<Step> {
        self.place(text).steps().to_vec()
    }

    /// The schema node a keyless path names.
    pub(super) fn node(&self, text: &str) -> NodeId {
        text.split('/')
            .skip(1)
            .fold(None, |parent, name| {
                let (module, name) = name.split_once(':').map_or((None, name), |(module, name)| (Some(module), name));
                self.schema.child(parent, module, name)
            })
            .unwrap_or_else(|| panic!("{text} is in the schema"))
    }

    /// The value that a leaf makes of a text.
    pub(super) fn value(&self, leaf: NodeId, text: &str) -> Value {
        let node = self.schema.node(leaf);
        let home = &self.schema.module(node.module).name;
        node.ty().unwrap().accept(Input::Text(text), Rule::Text, home).unwrap()
    }

    /// A tree that holds these leaves; several texts make a leaf-list, a path alone makes a branch.
    pub(super) fn tree(&self, leaves: &[(&str, &[&str])]) -> Tree {
        let mut tree = Tree::default();
        for (text, values) in leaves {
            let path = self.place(text);
            let (last, above) = path.steps().split_last().unwrap();
            match values {
                [] => drop(tree.branch_mut(&self.schema, path.steps(), Timestamp::EPOCH)),
                values => {
                    let mut values: Vec<_> = values.iter().map(|value| self.value(last.node, value)).collect();
                    let is_list = matches!(self.schema.node(last.node).kind, crate::schema::Kind::LeafList(_));
                    let value = if is_list { Value::List(values.into()) } else { values.remove(0) };
                    let leaf = Leaf::new(value, Timestamp::EPOCH);
                    tree.branch_mut(&self.schema, above, Timestamp::EPOCH).put_leaf(last.node, leaf);
                }
            }
        }
        tree
    }
}

/// GET-007, GET-008, ENC-003, ENC-004: what is not offered is refused by name, never replaced by another.
#[test]
fn knows_the_encodings_it_offers() {
    assert_eq!(Encoding::from_pb(0, &Encoding::OFFERED), Ok(Encoding::Json));
    for encoding in Encoding::OFFERED {
        assert_eq!(Encoding::from_pb(encoding.to_pb().into(), &Encoding::OFFERED), Ok(encoding));
    }
    for (number, name) in [(3, "ASCII"), (45, "45"), (-1, "-1")] {
        let error = Encoding::from_pb(number, &Encoding::OFFERED).unwrap_err().to_string();
        assert_eq!(error, format!("Encoding {name} is not supported, use JSON, BYTES, PROTO or JSON_IETF"));
    }
}
