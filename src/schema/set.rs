//! Sets of schema nodes.

use super::{NodeId, Schema};

/// A set of nodes of one schema, as bits.
#[derive(Clone, Debug, Default)]
pub struct NodeSet {
    words: Box<[u64]>,
}

impl NodeSet {
    /// The nodes that `member` says.
    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    pub fn of(schema: &Schema, member: impl Fn(NodeId) -> bool) -> Self {
        let mut words = vec![0u64; schema.len().div_ceil(64)];
        for id in schema.ids().filter(|&id| member(id)) {
            words[id.index() / 64] |= 1 << (id.index() % 64);
        }
        Self { words: words.into() }
    }

    /// The members and every node above one.
    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    pub fn with_ancestors(&self, schema: &Schema) -> Self {
        let mut words = self.words.clone();
        // Parents stand before their children in the arena, so going backwards carries each bit all the way up.
        for id in schema.ids().collect::<Vec<_>>().into_iter().rev() {
            if words[id.index() / 64] >> (id.index() % 64) & 1 == 1
                && let Some(parent) = schema.node(id).parent
            {
                words[parent.index() / 64] |= 1 << (parent.index() % 64);
            }
        }
        Self { words }
    }

    /// Whether a node is in the set.
    pub fn contains(&self, id: NodeId) -> bool {
        self.words.get(id.index() / 64).is_some_and(|word| word >> (id.index() % 64) & 1 == 1)
    }
}
