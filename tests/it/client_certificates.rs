//! Certificates of clients: who is let into the handshake, and what revocation lists have to do with it.

use std::path::PathBuf;

use ganymede::pb::gnmi::CapabilityRequest;
use rustls::version::{TLS12, TLS13};
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::authority::{Authority, Issued};
use crate::harness::{Client, eventually};
use crate::lab::{DOOR, Lab};
use crate::net::shake;
use crate::request::*;
use crate::text::get_text;

const PROFILE: &str = "/configure/system/security/tls/server-tls-profile[server-profile-name=door]";
const CLIENTS: &str = "/configure/system/security/pki/ca-profile[ca-profile-name=clients]";

const TABLES: &str = r#"
protocol-version = "tls-version-all"
status-verify.default-result = "RESULT"
authenticate-client.trust-anchor-profile = "clients"

[[configure.system.security.pki.ca-profile]]
ca-profile-name = "clients"
admin-state = "enable"
cert-file = "clients.crt"
crl-file = "clients.crl"
revocation-check = "CHECK"

[[configure.system.security.tls.trust-anchor-profile]]
trust-anchor-profile-name = "clients"
trust-anchor = [{ ca-profile-name = "clients" }]

[[configure.system.security.tls.cert-profile]]
cert-profile-name = "own"
admin-state = "enable"
entry = [{ entry-id = 1, certificate-file = "server.crt", key-file = "server.key" }]
"#;

/// A server whose clients need certificates of `clients`, and these.
pub(crate) struct Door {
    pub(crate) lab: Lab,
    pub(crate) directory: PathBuf,
    server: Authority,
    pub(crate) clients: Authority,
    pub(crate) good: Issued,
    revoked: Issued,
}

pub(crate) fn tables(check: &str, result: &str) -> String {
    DOOR.to_owned() + &TABLES.replace("CHECK", check).replace("RESULT", result)
}

impl Door {
    /// With this knob of the authority, this one of the TLS profile, and this list, where there is one.
    pub(crate) async fn open(check: &str, result: &str, list: impl FnOnce(&Authority) -> Option<String>) -> Self {
        Self::open_with(check, result, "", list).await
    }

    /// The same with more tables.
    pub(crate) async fn open_with(
        check: &str,
        result: &str,
        more: &str,
        list: impl FnOnce(&Authority) -> Option<String>,
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let directory = data.path().join("tls");
        let (server, clients) = (Authority::root("servers"), Authority::root("clients"));
        server.server().write(&directory, "server");
        std::fs::write(directory.join("clients.crt"), clients.pem()).unwrap();
        if let Some(list) = list(&clients) {
            std::fs::write(directory.join("clients.crl"), list).unwrap();
        }
        let (good, revoked) = (clients.client("good", 1), clients.client("revoked", 2));
        let lab = Lab::start_in(data, "", &(tables(check, result) + more)).await.unwrap();
        Self { lab, directory, server, clients, good, revoked }
    }

    /// Whether a client with this certificate gets to speak HTTP/2, which has to be the same in both versions of TLS.
    pub(crate) async fn lets_in(&self, own: Option<&Issued>) -> bool {
        let shake = async |version| {
            shake(self.lab.address(), &self.server.pem(), own, "localhost", &[version], &["h2"]).await.is_ok()
        };
        // Between the two the server may have become another one, but only once.
        for _ in 0..3 {
            let (v12, v13) = (shake(&TLS12).await, shake(&TLS13).await);
            if v12 == v13 {
                return v12;
            }
        }
        panic!("TLS 1.2 and 1.3 differ");
    }

    /// Who of good, revoked, expired, unknown and without is let in.
    async fn verdicts(&self) -> [bool; 5] {
        let stranger = Authority::root("clients").client("good", 1);
        [
            self.lets_in(Some(&self.good)).await,
            self.lets_in(Some(&self.revoked)).await,
            self.lets_in(Some(&self.clients.expired_client("late"))).await,
            self.lets_in(Some(&stranger)).await,
            self.lets_in(None).await,
        ]
    }

    pub(crate) async fn client(&self, own: &Issued, user: &'static str) -> Client {
        Client::connect(self.endpoint(own), user).await
    }

    /// Where a client with this certificate connects to.
    pub(crate) fn endpoint(&self, own: &Issued) -> Endpoint {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.server.pem()))
            .identity(Identity::from_pem(&own.certificate, &own.key))
            .domain_name("localhost");
        let endpoint = Endpoint::from_shared(format!("https://{}", self.lab.address())).unwrap();
        endpoint.tls_config(tls).unwrap()
    }

    /// What the state says while the server is down.
    async fn is_down(check: &str, result: &str, list: impl Fn(&Authority) -> Option<String>, said: &str) {
        let door = Self::open(check, result, &list).await;
        let list = list(&door.clients);
        assert_eq!(door.lab.agent.address(), None, "{check} {list:?}");
        // A list that can be used, read again by a reload, brings it up.
        std::fs::write(door.directory.join("clients.crl"), door.clients.crl(&[2])).unwrap();
        door.lab.reload(&tables(check, result)).unwrap();
        door.lab.listens(true).await;
        let client = door.client(&door.good, "admin").await;
        // Without it again, the session stays, and can read what is missing.
        match list {
            Some(list) => std::fs::write(door.directory.join("clients.crl"), list).unwrap(),
            None => std::fs::remove_file(door.directory.join("clients.crl")).unwrap(),
        }
        client.apply(update("/configure/system/security/pki/maximum-cert-chain-depth", "6")).await;
        door.lab.listens(false).await;
        let state = get_text(&client.get(get(["/state/system/grpc/oper-down-detail"])).await.unwrap())[0].clone();
        assert!(state.contains(&format!("{CLIENTS}/crl-file")) && state.contains(said), "{state}");
    }
}

const ONLY_GOOD: [bool; 5] = [true, false, false, false, false];
const NOBODY: [bool; 5] = [false; 5];
/// The revoked one cannot be told from the good one.
const UNKNOWN_IS_GOOD: [bool; 5] = [true, true, false, false, false];

/// TLS-020, C-03: a certificate of the authority and a password, both.
#[tokio::test(flavor = "multi_thread")]
async fn need_a_certificate_besides_the_password() {
    let door = Door::open("crl", "revoked", |clients| Some(clients.crl(&[2]))).await;
    assert_eq!(door.verdicts().await, ONLY_GOOD);
    let client = door.client(&door.good, "admin").await;
    client.capabilities(CapabilityRequest::default()).await.unwrap();
    let stranger = door.client(&door.good, "stranger").await;
    let status = stranger.capabilities(CapabilityRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    // TLS-021: the trust bundle is replaced under running sessions.
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    let new = Authority::root("new");
    std::fs::write(door.directory.join("clients.crt"), new.pem()).unwrap();
    std::fs::write(door.directory.join("clients.crl"), new.crl(&[])).unwrap();
    door.lab.reload(&tables("crl", "revoked")).unwrap();
    eventually((false, true), async || {
        (door.lets_in(Some(&door.good)).await, door.lets_in(Some(&new.client("new", 7))).await)
    })
    .await;
    client.apply(update("/configure/system/location", r#""here""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "here""#);
    // C-03: without a trust anchor no certificate is asked for.
    client.apply(set().delete(&format!("{PROFILE}/authenticate-client/trust-anchor-profile"))).await;
    eventually(true, async || door.lets_in(None).await).await;
}

/// TLS-023, TLS-025: an authority without a list that is good can be used only where it says so; where not, the server
/// does not come up, whatever the result for others is.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_needed_unless_it_is_optional() {
    for result in ["good", "revoked"] {
        Door::is_down("crl", result, |_| None, "No such file").await;
        let nonsense = |_: &Authority| Some("nonsense".to_owned());
        Door::is_down("crl", result, nonsense, "is no revocation list that can be read").await;
        let forged = |_: &Authority| Some(Authority::root("clients").crl(&[]));
        Door::is_down("crl", result, forged, "is not signed by the authority").await;
        let expired = |clients: &Authority| Some(clients.expired_crl(&[2]));
        Door::is_down("crl", result, expired, "has expired, the next list was due at ").await;
        Door::is_down("crl", result, |clients| Some(clients.early_crl(&[2])), "is not valid before ").await;
    }
    let door = Door::open("crl-optional", "good", |_| None).await;
    assert!(door.lets_in(Some(&door.good)).await);
    // Not even the name of a list has to be there.
    let client = door.client(&door.good, "admin").await;
    client.apply(set().delete(&format!("{CLIENTS}/crl-file"))).await;
    assert!(door.lets_in(Some(&door.good)).await);
    client.apply(update(&format!("{CLIENTS}/revocation-check"), r#""crl""#)).await;
    door.lab.listens(false).await;
}

/// TLS-024, TLS-025: without a list nobody knows who is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_list_leaves_the_status_unknown() {
    let door = Door::open("crl-optional", "revoked", |_| None).await;
    assert_eq!(door.verdicts().await, NOBODY);
    let door = Door::open("crl-optional", "good", |_| None).await;
    assert_eq!(door.verdicts().await, UNKNOWN_IS_GOOD);
}

/// TLS-024, TLS-025: a list that cannot be read, or that somebody else has signed, is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_list_leaves_the_status_unknown() {
    type List = fn(&Authority) -> Option<String>;
    let unreadable: List = |clients| Some(clients.crl(&[2]).replacen("-----\nM", "-----\nA", 1));
    let nonsense: List = |_| Some("nonsense".to_owned());
    let forged: List = |_| Some(Authority::root("clients").crl(&[2]));
    for list in [unreadable, nonsense, forged] {
        let door = Door::open("crl-optional", "revoked", list).await;
        assert_eq!(door.verdicts().await, NOBODY);
        let door = Door::open("crl-optional", "good", list).await;
        assert_eq!(door.verdicts().await, UNKNOWN_IS_GOOD);
    }
}

/// TLS-024, TLS-025, TLS-026: a list that is too old speaks for nobody; whom it names stays revoked. One of tomorrow says
/// nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_list_leaves_the_status_unknown() {
    let door = Door::open("crl-optional", "revoked", |clients| Some(clients.expired_crl(&[2]))).await;
    assert_eq!(door.verdicts().await, NOBODY);
    let door = Door::open("crl-optional", "good", |clients| Some(clients.expired_crl(&[2]))).await;
    assert_eq!(door.verdicts().await, ONLY_GOOD);
    let door = Door::open("crl-optional", "good", |clients| Some(clients.expired_crl(&[]))).await;
    assert_eq!(door.verdicts().await, UNKNOWN_IS_GOOD);
    let door = Door::open("crl-optional", "revoked", |clients| Some(clients.early_crl(&[2]))).await;
    assert_eq!(door.verdicts().await, NOBODY);
    let door = Door::open("crl-optional", "good", |clients| Some(clients.early_crl(&[2]))).await;
    assert_eq!(door.verdicts().await, UNKNOWN_IS_GOOD);
}

/// TLS-026: whoever is named in a valid list is out, whatever the result for others is. The knobs act live.
#[tokio::test(flavor = "multi_thread")]
async fn the_revoked_are_out_in_any_case() {
    for (check, result) in [("crl", "revoked"), ("crl-optional", "good"), ("crl-optional", "revoked")] {
        let door = Door::open(check, result, |clients| Some(clients.crl(&[2]))).await;
        assert_eq!(door.verdicts().await, ONLY_GOOD, "{check} {result}");
    }
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    assert_eq!(door.verdicts().await, ONLY_GOOD);
    // Without a list the status is unknown, and what is unknown is good or not.
    let client = door.client(&door.good, "admin").await;
    let optional = update(&format!("{CLIENTS}/revocation-check"), r#""crl-optional""#);
    client.apply(optional.delete(&format!("{CLIENTS}/crl-file"))).await;
    eventually(UNKNOWN_IS_GOOD, async || door.verdicts().await).await;
    client.apply(update(&format!("{PROFILE}/status-verify/default-result"), r#""revoked""#)).await;
    eventually(NOBODY, async || door.verdicts().await).await;
    client.apply(update(&format!("{CLIENTS}/crl-file"), r#""clients.crl""#)).await;
    eventually(ONLY_GOOD, async || door.verdicts().await).await;
    // Looked up over OCSP alone, which nobody is asked over, it is unknown too.
    let methods = format!("{PROFILE}/status-verify/ee-revocation");
    client.apply(update(&format!("{methods}/primary"), r#""ocsp""#)).await;
    eventually(NOBODY, async || door.verdicts().await).await;
    client.apply(update(&format!("{methods}/secondary"), r#""crl""#)).await;
    eventually(ONLY_GOOD, async || door.verdicts().await).await;
    // A new list is taken with a reload.
    std::fs::write(door.directory.join("clients.crl"), door.clients.crl(&[1])).unwrap();
    door.lab.reload(&tables("crl", "good")).unwrap();
    eventually((false, true), async || (door.lets_in(Some(&door.good)).await, door.lets_in(Some(&door.revoked)).await))
        .await;
}

/// An authority in between, and whoever is below it once it has been revoked.
#[tokio::test(flavor = "multi_thread")]
async fn chains_are_looked_up_and_measured() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let middle = door.clients.below("middle");
    let mut below = middle.client("below", 5);
    below.certificate += &middle.pem();
    assert!(door.lets_in(Some(&below)).await);
    let client = door.client(&door.good, "admin").await;
    client.apply(update("/configure/system/security/pki/maximum-cert-chain-depth", "2")).await;
    eventually((true, false), async || (door.lets_in(Some(&door.good)).await, door.lets_in(Some(&below)).await)).await;
    client.apply(update("/configure/system/security/pki/maximum-cert-chain-depth", "3")).await;
    eventually(true, async || door.lets_in(Some(&below)).await).await;
    std::fs::write(door.directory.join("clients.crl"), door.clients.crl(&[middle.serial()])).unwrap();
    door.lab.reload(&tables("crl", "good")).unwrap();
    eventually(false, async || door.lets_in(Some(&below)).await).await;
    assert!(door.lets_in(Some(&door.good)).await);
}

/// Names that are accepted, as patterns over the whole common name or an alternative name.
#[tokio::test(flavor = "multi_thread")]
async fn names_can_be_asked_for() {
    let door = Door::open("crl", "revoked", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let list = "/configure/system/security/pki/common-name-list[cn-list-name=known]";
    let name = |kind: &str, value: &str| {
        json(&format!(r#"{{"common-name": [{{"cn-index": 1, "cn-type": "{kind}", "cn-value": "{value}"}}]}}"#))
    };
    client
        .apply(
            set()
                .update(list, name("domain-name", "goo"))
                .update(&format!("{PROFILE}/authenticate-client/common-name-list"), json(r#""known""#)),
        )
        .await;
    eventually(false, async || door.lets_in(Some(&door.good)).await).await;
    for (kind, value, accepted) in [
        ("domain-name", "go+d", true),
        ("ip-address", r"192\\.0\\.2\\..*", false),
        ("domain-name", r"good\\.example", true),
        ("ip-address", r"192\\.0\\.2\\.[0-9]+", false),
    ] {
        client.apply(set().update(list, name(kind, value))).await;
        eventually(accepted, async || door.lets_in(Some(&door.good)).await).await;
    }
    client.apply(set().update(list, name("domain-name", "("))).await;
    door.lab.listens(false).await;
}
