//! YANG as protobuf: what `proto_bytes` holds (C-36), and the .proto file that describes it.
//!
//! Invariant: a message encoded here decodes with the file that [`proto_file`] writes for the same schema. A container is
//! a message, a list a repeated message with its keys as ordinary fields, a leaf a wrapper message, so that zero, false
//! and the empty string are not the same as nothing. Field numbers are those of [`numbers`]. This module knows nothing of
//! notifications.

mod branch;
mod members;
mod names;
mod numbers;
mod proto;
mod select;
mod value;

pub(super) use branch::RootBranch;
pub use proto::{PROTO_FILE_NAME, proto_file};
pub use select::write_root;
pub(super) use value::bytes_at_most;

use super::protobuf::WideKey;
use crate::schema::{Kind, NodeId, Schema, Type};

/// What the encoder has to know of each node. Made when BYTES is first asked for, because it is of no use otherwise.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Box<[Field]>,
}

/// One node as a field of the message around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    key: WideKey,
    /// Whether its values state which member of a union they are.
    is_union: bool,
    /// Whether it is written with the entry it is a key of, and so never for itself.
    is_key: bool,
}

impl Fields {
    pub(super) fn new(schema: &Schema) -> Self {
        let field = |(id, number): (NodeId, &u32)| {
            let node = schema.node(id);
            Field {
                key: WideKey::sized(*number),
                is_union: node.ty().is_some_and(|ty| matches!(resolved(ty), Type::Union(_))),
                is_key: matches!(&node.kind, Kind::Leaf(leaf) if leaf.is_key),
            }
        };
        Self { fields: schema.ids().zip(&numbers::of(schema)).map(field).collect() }
    }

    /// The field of a node. Ids come only from the schema this was made of, so the index is always inside.
    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    fn of(&self, id: NodeId) -> Field {
        self.fields[id.index()]
    }

    /// Whether a leaf is a key of the list it stands in.
    pub(super) fn is_key(&self, id: NodeId) -> bool {
        self.of(id).is_key
    }
}

/// A type, or the one it takes from the leaf it refers to.
fn resolved(ty: &Type) -> &Type {
    match ty {
        Type::Leafref { real, .. } => resolved(real),
        ty => ty,
    }
}

#[cfg(test)]
mod tests;
