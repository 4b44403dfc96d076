//! Client certificates that stand for users.

use ganymede::pb::gnmi::CapabilityRequest;
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::authority::Issued;
use crate::client_certificates::Door;
use crate::harness::eventually;
use crate::request::*;

const USERS: &str = r#"
[[configure.system.security.user-params.local-user.user]]
user-name = "reader"
password = "reader"
access.grpc = true
console.member = ["administrative"]

[[configure.system.security.user-params.local-user.user]]
user-name = "guest"
password = "guest"
access.grpc = true

[[configure.system.security.user-params.local-user.user]]
user-name = "nobody"
password = "nobody"
"#;

const KNOB: &str = "/configure/system/security/aaa/management-interface/grpc/tls-authentication";

async fn open() -> Door {
    Door::open_with("crl", "revoked", USERS, |clients| Some(clients.crl(&[2]))).await
}

/// A client that puts only this into the metadata.
struct Bare {
    inner: GNmiClient<Channel>,
    metadata: Vec<(&'static str, &'static str)>,
}

impl Bare {
    async fn connect(door: &Door, own: &Issued, metadata: &[(&'static str, &'static str)]) -> Self {
        let inner = GNmiClient::new(door.endpoint(own).connect().await.unwrap());
        Self { inner, metadata: metadata.to_vec() }
    }

    /// The code and text of what an RPC comes to.
    async fn says(&mut self) -> (Code, String) {
        let mut request = Request::new(CapabilityRequest::default());
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, MetadataValue::from_static(value));
        }
        let answer = self.inner.capabilities(request).await;
        let status = answer.err().unwrap_or_else(|| Status::ok(""));
        (status.code(), status.message().to_owned())
    }

    async fn code(&mut self) -> Code {
        self.says().await.0
    }
}

/// AUTH-038, C-04: off, a certificate stands for nobody; on, it stands for the local user of its common name, else for
/// the default user, and never beside a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_stands_for_its_user() {
    let door = open().await;
    let admin = door.client(&door.good, "admin").await;
    let (reader, stranger) = (door.clients.client("reader", 11), door.clients.client("stranger", 12));
    let mut bare = Bare::connect(&door, &reader, &[]).await;
    assert_eq!(bare.code().await, Code::Unauthenticated);
    admin.apply(update(&format!("{KNOB}/admin-state"), r#""enable""#)).await;
    assert_eq!(bare.code().await, Code::Ok);
    let line = |line: &str| line.contains(r#""user":"reader""#) && line.contains("by client certificate");
    eventually(true, async || door.lab.security_log().lines().any(line)).await;
    // Its name may be said, another one not, and a password is judged as one.
    assert_eq!(Bare::connect(&door, &reader, &[("username", "reader")]).await.code().await, Code::Ok);
    for wrong in [
        &[("username", "admin")][..],
        &[("username", "reader"), ("password", "wrong")],
        &[("username", "reader"), ("password", "")],
        &[("password", "reader")],
        &[("authorization", "Basic cmVhZGVyOndyb25n")],
    ] {
        assert_eq!(Bare::connect(&door, &reader, wrong).await.code().await, Code::Unauthenticated, "{wrong:?}");
    }
    let both = [("username", "guest"), ("password", "guest")];
    assert_eq!(Bare::connect(&door, &reader, &both).await.code().await, Code::Ok);
    // A name that no user has.
    let mut unknown = Bare::connect(&door, &stranger, &[]).await;
    assert_eq!(unknown.code().await, Code::Unauthenticated);
    admin.apply(update(&format!("{KNOB}/default-user"), r#""guest""#)).await;
    assert_eq!(unknown.code().await, Code::Ok);
    assert_eq!(Bare::connect(&door, &stranger, &[("username", "guest")]).await.code().await, Code::Ok);
    // A user without access to gRPC has none this way either.
    let nobody = door.clients.client("nobody", 13);
    let refused =
        (Code::PermissionDenied, "MINOR: MGMT_CORE #2020: Permission denied - user 'nobody' has no gRPC access");
    let says = Bare::connect(&door, &nobody, &[]).await.says().await;
    assert_eq!((says.0, &*says.1), refused);
    // Switched off again, and a user who is deleted, act on the next RPC.
    admin.apply(set().delete("/configure/system/security/user-params/local-user/user[user-name=reader]")).await;
    admin.apply(set().delete(&format!("{KNOB}/default-user"))).await;
    assert_eq!(bare.code().await, Code::Unauthenticated);
    admin.apply(update(&format!("{KNOB}/default-user"), r#""guest""#)).await;
    assert_eq!(bare.code().await, Code::Ok);
    admin.apply(update(&format!("{KNOB}/admin-state"), r#""disable""#)).await;
    assert_eq!(bare.code().await, Code::Unauthenticated);
}

/// AUTH-038: what the user may do holds for the certificate; a connection without one has nobody to stand for.
#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_a_certificate_has_its_own_rights() {
    let door = open().await;
    let admin = door.client(&door.good, "admin").await;
    admin.apply(update(&format!("{KNOB}/admin-state"), r#""enable""#)).await;
    let guest = door.clients.client("guest", 14);
    let mut bare = Bare::connect(&door, &guest, &[]).await;
    assert_eq!(bare.code().await, Code::Ok);
    let refused = bare.inner.set(update("/configure/system/name", r#""x""#)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // Without a trust anchor no certificate is asked for, and none stands for anybody.
    let profile = "/configure/system/security/tls/server-tls-profile[server-profile-name=door]";
    admin.apply(set().delete(&format!("{profile}/authenticate-client/trust-anchor-profile"))).await;
    eventually(Code::Unauthenticated, async || Bare::connect(&door, &guest, &[]).await.code().await).await;
}
