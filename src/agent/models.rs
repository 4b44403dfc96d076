//! What is the same for every element of a process that speaks the same models.
//!
//! Invariant: nothing here changes once it is made.

use std::sync::Arc;

use super::StartError;
use crate::codec::Wire;
use crate::platform::on_change;
use crate::schema::{Loaded, NodeSet, Sources, load};
use crate::store::Rules;

/// The models, and all that is made from them alone. A clone is the same.
#[derive(Clone, Debug)]
pub struct Models {
    pub(super) loaded: Loaded,
    /// The constraints.
    pub(super) rules: Arc<Rules>,
    /// Names as they go over the wire.
    pub(super) wire: Arc<Wire>,
    /// Leaves that are announced on change.
    pub(super) capable: Arc<NodeSet>,
}

impl Models {
    /// Loads the modules.
    pub fn load(sources: &Sources) -> Result<Self, StartError> {
        let loaded = load(sources)?;
        let schema = &loaded.schema;
        let rules = Arc::new(Rules::new(&loaded));
        let (wire, capable) = (Arc::new(Wire::new(schema.clone())), Arc::new(on_change(schema)));
        Ok(Self { rules, wire, capable, loaded })
    }
}
