//! Leaves that hold secrets: passwords, their hashes, keys shared with servers.
//!
//! Invariant: what is a secret is decided here and nowhere else. A secret can be set and is never shown: whoever reads
//! data leaves it out, and whoever refuses a value does not repeat it. A model does not mark its secrets in a way that
//! outlives its compilation, so they are known by their names, which are those of the Nokia and OpenConfig models.

use super::{Kind, Node, NodeId, Schema, Type, TypeError};

/// Names of leaves that hold a secret. Public keys (`key-value` of a user) are none.
const NAMES: &[&str] = &[
    "auth-key",
    "auth-password",
    "authentication-key",
    "authentication-password",
    "bind-password",
    "encryption-key",
    "hash-key",
    "password",
    "password-hashed",
    "pre-shared-key",
    "privacy-key",
    "privacy-password",
    "secret",
    "secret-key",
    "secret-key-hashed",
    "shared-secret",
    "wpa2-psk",
];

/// Whether a leaf of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The secrets among the nodes of a schema, by id.
pub(super) fn secrets(nodes: &[Node]) -> Box<[NodeId]> {
    let holds = |node: &Node| match &node.kind {
        Kind::Leaf(leaf) => !leaf.is_key && is_secret_name(&node.name) && takes_text(&leaf.ty),
        _ => false,
    };
    (0..).map(NodeId).zip(nodes).filter(|(_, node)| holds(node)).map(|(id, _)| id).collect()
}

fn takes_text(ty: &Type) -> bool {
    match ty {
        Type::Text { .. } | Type::Binary { .. } => true,
        Type::Union(members) => members.iter().any(|member| takes_text(member)),
        _ => false,
    }
}

impl Schema {
    /// The leaves that hold a secret, in the order of the models.
    pub fn secrets(&self) -> &[NodeId] {
        &self.secrets
    }

    /// Whether a leaf holds a secret.
    pub fn is_secret(&self, id: NodeId) -> bool {
        self.secrets.binary_search(&id).is_ok()
    }

    /// Whether a node holds a secret, or something below it does; none stands for the root.
    pub fn may_hold_secret(&self, id: Option<NodeId>) -> bool {
        id.map_or(!self.secrets.is_empty(), |id| self.secrets.iter().any(|&secret| self.contains(id, secret)))
    }
}

impl TypeError {
    /// The rule that is broken, without anything of the value.
    pub fn without_value(&self) -> String {
        match self {
            Self::Form { expected, .. } => format!("expected {expected}"),
            Self::Length { lengths, .. } => format!("length {lengths} expected"),
            Self::Pattern { .. } => self.to_string(),
            _ => "its type does not take it".to_owned(),
        }
    }
}
