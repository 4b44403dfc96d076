//! Whom a client certificate stands for, where the operator has switched that on (AUTH-038).
//!
//! Invariant: off unless the model says `enable`, and then only for users of this element. Whether a certificate can be
//! believed has been judged before, in the handshake.

use super::local::{Users, node};
use crate::path::{DataPath, Step};
use crate::schema::Schema;
use crate::store::Tree;

/// Where the configuration says it.
#[derive(Clone, Debug)]
pub(super) struct CertificateLogin {
    admin_state: DataPath,
    default_user: DataPath,
}

impl CertificateLogin {
    /// None where the loaded models have no such place.
    pub(super) fn new(schema: &Schema) -> Option<Self> {
        let leaf = |name: &str| {
            let path = format!("/configure/system/security/aaa/management-interface/grpc/tls-authentication/{name}");
            let line = schema.lineage(node(schema, &path)?);
            Some(DataPath::new(line.into_iter().map(|node| Step { node, key: None }).collect::<Vec<_>>()))
        };
        Some(Self { admin_state: leaf("admin-state")?, default_user: leaf("default-user")? })
    }
}

impl Users {
    /// The user that a certificate with this common name stands for: the one of this name, else the default one.
    pub(super) fn certified(&self, tree: &Tree, common_name: &str) -> Option<String> {
        let place = self.certificates()?;
        let text = |path: &DataPath| tree.leaf(path.steps())?.value.as_text().map(str::to_owned);
        if text(&place.admin_state).as_deref() != Some("enable") {
            return None;
        }
        match self.knows(tree, common_name) {
            true => Some(common_name.to_owned()),
            false => text(&place.default_user),
        }
    }
}
