//! gNMI: Capabilities, Get, Set, Subscribe.

mod capabilities;
mod get;
mod set;
mod subscribe;

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::codec::Wire;
use crate::path::{Resolver, Views};
use crate::pb::gnmi as pb;
use crate::schema::{NodeId, NodeSet, Schema};
use crate::store::{Branch, Commit, ConfigWriter, Store};
use crate::time::Clock;

/// What the service needs, put together once.
#[derive(Clone, Debug)]
pub struct Gnmi {
    /// The data.
    pub store: Arc<Store>,
    /// The door for Set.
    pub config: Arc<ConfigWriter>,
    /// Names of the schema, encoded.
    pub wire: Arc<Wire>,
    /// Leaves that support ON_CHANGE, with their ancestors.
    pub capable: Arc<NodeSet>,
    /// Where the knobs that steer this service stand in the configuration.
    pub knobs: Arc<Knobs>,
    /// The clock.
    pub clock: Clock,
    /// Limits.
    pub limits: Limits,
    /// Release string, as in the model versions (C-06).
    pub release: Arc<str>,
}
