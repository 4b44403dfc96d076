//! gNMI: Capabilities, Get, Set, Subscribe.

mod arbitration;
mod attempt;
mod capabilities;
mod commit;
mod extensions;
mod get;
mod history;
mod knobs;
mod models;
mod older;
mod options;
mod request;
mod schemas;
mod set;
mod subscribe;
mod visible;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

pub use arbitration::{ArbitrationError, ClaimError};
pub use commit::CommitExtensionError;
pub use extensions::SetExtensionError;
pub use history::HistoryError;
pub use knobs::Knobs;
use older::Older;
pub use options::OptionsError;

use arbitration::Elections;

use crate::aaa::{Authorizer, Users};
use crate::admission::Caller;
use crate::codec::{Encoding, ValueForm, Wire};
use crate::feed::{Groups, Registry};
use crate::path::{Resolver, Views};
use crate::pb::gnmi as pb;
use crate::profile::Profile;
use crate::schema::NodeSet;
use crate::store::{ConfigWriter, Store, Tree};
use crate::telemetry::configuration;
use crate::time::Clock;

/// The service. One value for the process, cloned by reference.
#[derive(Clone, Debug)]
pub struct Gnmi {
    parts: Arc<Parts>,
    /// Who may write, where several controllers arbitrate.
    elections: Arc<Elections>,
    /// The nodes that are configuration.
    configuration: Arc<NodeSet>,
}

/// What the service is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The data.
    pub store: Arc<Store>,
    /// The door for Set.
    pub config: Arc<ConfigWriter>,
    /// Names of the schema, encoded.
    pub wire: Arc<Wire>,
    /// Leaves that support ON_CHANGE, with their ancestors.
    pub capable: Arc<NodeSet>,
    /// Where users stand.
    pub users: Users,
    /// Asks servers what users may change.
    pub authorizer: Authorizer,
    /// Where the configuration leaves stand that steer this service.
    pub knobs: Knobs,
    /// The clock.
    pub clock: Clock,
    /// Limits.
    pub limits: Limits,
    /// A permit for each path that may still be subscribed to (LIM-005 to LIM-007).
    pub free_paths: Arc<Semaphore>,
    /// Subscriptions that are told the same.
    pub groups: Arc<Groups>,
    /// The subscriptions that run.
    pub subscriptions: Arc<Registry>,
    /// What the imitated release does.
    pub profile: Profile,
    /// Release string, which is also the version of the Nokia models (C-06).
    pub release: String,
}

/// Limits of the service; each has a key in the `[limits]` table.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of values in one GetResponse (GET-010).
    pub get_response_bytes: usize,
    /// Bytes of one SubscribeResponse (SUB-018).
    pub subscribe_message_bytes: usize,
    /// Operations in one Set.
    pub set_edits: usize,
    /// Paths over all subscriptions (LIM-005).
    pub subscription_paths: usize,
    /// Roles of which the largest election id is remembered.
    pub arbitration_roles: usize,
    /// Time a commit waits for its confirmation when its client names none (EXT-009).
    pub commit_patience: Duration,
}

impl Gnmi {
    /// The service from its parts.
    pub fn new(parts: Parts) -> Self {
        let elections = Arc::new(Elections::new(parts.limits.arbitration_roles));
        let configuration = Arc::new(configuration(parts.store.schema()));
        Self { parts: Arc::new(parts), elections, configuration }
    }

    fn resolver(&self, tree: &Tree) -> Resolver<'_> {
        Resolver {
            schema: self.parts.store.schema(),
            views: self.views(tree),
            name_wildcards: self.parts.profile.name_wildcards,
        }
    }

    fn views(&self, tree: &Tree) -> Views {
        self.parts.knobs.views(tree)
    }

    /// Refuses an RPC that the release does not have (C-07).
    fn known(&self, rpc: &str) -> Result<(), Status> {
        let Profile { name, unary_rpcs, .. } = self.parts.profile;
        if unary_rpcs { Ok(()) } else { Err(super::status::unknown_rpc(rpc, name)) }
    }

    /// A request as the release reads it.
    fn read<T: Older>(&self, mut request: T) -> T {
        if !self.parts.profile.newer_fields {
            request.forget_newer();
        }
        request
    }

    /// What values look like in the answer to a request that asks for this encoding now (ENC-006).
    fn values(&self, encoding: i32, tree: &Tree) -> Result<ValueForm, Status> {
        let encoding = Encoding::from_pb(encoding, self.parts.profile.encodings);
        let version = self.parts.knobs.proto_version(tree);
        encoding.map(|encoding| encoding.form(version)).map_err(|error| super::status::encoding(&error))
    }

    /// Refuses every RPC while gNMI is administratively down (C-53).
    fn served(&self) -> Result<(), Status> {
        if self.parts.knobs.gnmi_enabled(&self.parts.store.newest().tree) {
            Ok(())
        } else {
            Err(super::status::disabled("gNMI", "/configure/system/grpc/gnmi/admin-state"))
        }
    }
}

#[tonic::async_trait]
impl crate::pb::GnmiService for Gnmi {
    async fn capabilities(
        &self,
        request: Request<pb::CapabilityRequest>,
    ) -> Result<Response<pb::CapabilityResponse>, Status> {
        self.known("Capabilities")?;
        self.served()?;
        self.capabilities(&self.read(request.into_inner())).map(Response::new)
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        self.known("Get")?;
        self.served()?;
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        self.get(&self.read(request.into_inner()), caller.as_deref()).map(Response::new)
    }

    async fn set(&self, request: Request<pb::SetRequest>) -> Result<Response<pb::SetResponse>, Status> {
        self.known("Set")?;
        self.served()?;
        self.set(request.map(|request| self.read(request))).await.map(Response::new)
    }

    type SubscribeStream = subscribe::Subscription;

    async fn subscribe(
        &self,
        request: Request<Streaming<pb::SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.served()?;
        self.subscribe(request).await.map(Response::new)
    }
}
