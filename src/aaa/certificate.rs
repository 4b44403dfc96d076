//! Whom a client certificate stands for, where the operator has switched that on (AUTH-038).
//!
//! Invariant: off unless the model says `enable`, and then only for users of this element. Whether a certificate can be
//! believed has been judged before, in the handshake.

use super::local::Users;
use super::places::Place;
use crate::schema::Schema;
use crate::store::Tree;
use crate::value::Value;

/// Where the configuration says it.
#[derive(Clone, Debug)]
pub(super) struct CertificateLogin {
    admin_state: Place,
    default_user: Place,
}

impl CertificateLogin {
    pub(super) fn new(schema: &Schema) -> Self {
        let base = "/configure/system/security/aaa/management-interface/grpc/tls-authentication";
        let leaf = |name: &str| Place::of(schema, &format!("{base}/{name}"));
        Self { admin_state: leaf("admin-state"), default_user: leaf("default-user") }
    }
}

impl Users {
    /// The user that a certificate with this common name stands for: the one of this name, else the default one.
    pub(super) fn certified(&self, tree: &Tree, common_name: &str) -> Option<String> {
        let CertificateLogin { admin_state, default_user } = self.certificates();
        if !admin_state.is(tree, "enable") {
            return None;
        }
        match self.knows(tree, common_name) {
            true => Some(common_name.to_owned()),
            false => default_user.value(tree).and_then(Value::as_text).map(str::to_owned),
        }
    }
}
