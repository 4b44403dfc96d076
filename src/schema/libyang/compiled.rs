//! A compiled context together with the compiled node behind each [`NodeId`].

use std::fmt;

use libyang5_sys as ffi;
use yang5::context::Context;

use super::SchemaNode;
use super::context::drop_parsed;
use crate::schema::NodeId;

/// What libyang keeps of a schema.
pub(in crate::schema) struct Compiled {
    /// By node id. Valid as long as `context`.
    nodes: Box<[*const ffi::lysc_node]>,
    context: Context,
}

// SAFETY: the nodes are part of the context, which is Send and Sync, and nothing changes them any more.
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

impl Compiled {
    /// Reads a context once, keeps the nodes that reading yields in their order, and frees what only reading needed.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub(in crate::schema) fn read<T, E>(
        mut context: Context,
        read: impl for<'a> FnOnce(&'a Context) -> Result<(T, Vec<SchemaNode<'a>>), E>,
    ) -> Result<(T, Self), E> {
        let (value, nodes) = read(&context)?;
        // The views end here; `read` is generic over their lifetime, so they are of this context and no other.
        let nodes = nodes.into_iter().map(SchemaNode::as_raw).collect();
        drop_parsed(&mut context);
        Ok((value, Self { nodes, context }))
    }

    /// The compiled node of an id.
    pub(in crate::schema) fn node(&self, id: NodeId) -> Option<SchemaNode<'_>> {
        let raw = *self.nodes.get(id.index())?;
        // SAFETY: the nodes are of the context that is borrowed with `self`.
        unsafe { SchemaNode::new(raw) }
    }

    /// The context.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}
