//! User profiles: what a local profile permits.

use crate::schema::{NodeId, Schema};
use crate::store::Branch;
use crate::value::Value;

/// What a profile does with anything it has no entry for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultAction {
    /// Nothing is permitted.
    DenyAll,
    /// Everything is permitted.
    PermitAll,
    /// The next profile of the user decides; after the last one nothing is permitted.
    #[default]
    None,
    /// Reading is permitted.
    ReadOnlyAll,
}

/// A local profile as far as it concerns RPCs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it does with anything it has no entry for.
    pub default_action: DefaultAction,
    /// Names of the `rpc-authorization` leaves that say deny (AUTH-027).
    pub denied_rpcs: Vec<String>,
}

/// Where the leaves of a profile stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProfileNodes {
    default_action: NodeId,
    grpc: Option<NodeId>,
    rpc_authorization: Option<NodeId>,
}

impl ProfileNodes {
    pub(super) fn below(schema: &Schema, profile: NodeId) -> Option<Self> {
        let grpc = schema.child(Some(profile), None, "grpc");
        Some(Self {
            default_action: schema.child(Some(profile), None, "default-action")?,
            grpc,
            rpc_authorization: grpc.and_then(|grpc| schema.child(Some(grpc), None, "rpc-authorization")),
        })
    }

    /// Reads the entry of one profile. Defaults in use stand in the tree, so an absent leaf means nothing here.
    pub(super) fn read(self, schema: &Schema, name: &str, entry: &Branch) -> Profile {
        let default_action = match entry.leaf(self.default_action).and_then(|leaf| leaf.value.as_text()) {
            Some("permit-all") => DefaultAction::PermitAll,
            Some("read-only-all") => DefaultAction::ReadOnlyAll,
            Some("deny-all") => DefaultAction::DenyAll,
            _ => DefaultAction::None,
        };
        let authorization = self.grpc.zip(self.rpc_authorization);
        let rpcs = authorization.and_then(|(grpc, rpcs)| entry.container(grpc)?.container(rpcs));
        let denied = |id: &NodeId| {
            rpcs?.leaf(*id).filter(|leaf| is_deny(&leaf.value)).map(|_| schema.node(*id).name.to_string())
        };
        let leaves = self.rpc_authorization.map_or(&[][..], |rpcs| schema.children(Some(rpcs)));
        Profile { name: name.to_owned(), default_action, denied_rpcs: leaves.iter().filter_map(denied).collect() }
    }
}

fn is_deny(value: &Value) -> bool {
    value.as_text() == Some("deny")
}
