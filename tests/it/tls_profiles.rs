//! TLS profiles of the model, read while the server runs.

use std::path::PathBuf;

use ganymede::pb::gnmi::CapabilityRequest;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup, SupportedProtocolVersion};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::authority::{Authority, Issued};
use crate::harness::{Client, eventually, within};
use crate::lab::{DOOR, Lab};
use crate::net::{Offered, offered};
use crate::request::*;
use crate::text::get_text;

const TLS: &str = "/configure/system/security/tls";
const PROFILE: &str = "/configure/system/security/tls/server-tls-profile[server-profile-name=door]";
const GRPC: &str = "/configure/system/grpc";

/// The certificate in `server.crt`, sent with that of the authority in `middle.crt`.
const OWN: &str = r#"
[[configure.system.security.pki.ca-profile]]
ca-profile-name = "middle"
admin-state = "enable"
cert-file = "middle.crt"
revocation-check = "crl-optional"

[[configure.system.security.tls.cert-profile]]
cert-profile-name = "own"
admin-state = "enable"
entry = [{ entry-id = 1, certificate-file = "server.crt", key-file = "server.key", send-chain.ca-profile = [
    { ca-profile-name = "middle" },
] }]
"#;

fn tables() -> String {
    DOOR.to_owned() + OWN
}

/// Authorities and the files of a server.
struct Files {
    data: tempfile::TempDir,
    root: Authority,
    middle: Authority,
}

impl Files {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let root = Authority::root("root");
        let middle = root.below("middle");
        let files = Self { data, root, middle };
        files.middle.server().write(&files.directory(), "server");
        std::fs::write(files.directory().join("middle.crt"), files.middle.pem()).unwrap();
        files
    }

    fn directory(&self) -> PathBuf {
        self.data.path().join("tls")
    }

    /// Starts an agent here; the directory and the root are kept.
    async fn start(self, tables: &str) -> (Lab, PathBuf, Authority) {
        let directory = self.directory();
        let lab = Lab::start_in(self.data, "", tables).await.unwrap();
        (lab, directory, self.root)
    }
}

/// A client over TLS that trusts this authority.
async fn client(lab: &Lab, root: &Authority) -> Client {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(root.pem())).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", lab.address())).unwrap().tls_config(tls).unwrap();
    Client::connect(endpoint, "admin").await
}

/// What a handshake of a client that offers this comes to.
async fn handshake(lab: &Lab, root: &Authority, versions: &[&'static SupportedProtocolVersion]) -> Option<Offered> {
    offered(lab.address(), &root.pem(), versions).await.ok()
}

async fn state(client: &Client) -> String {
    get_text(&client.get(get(["/state/system/grpc"])).await.unwrap())[0].clone()
}

/// TLS-008, TLS-011, TLS-019, TLS-039: a profile assigned over plaintext shuts plaintext out, and shows the whole chain.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_takes_over_from_plaintext() {
    let files = Files::new();
    let unassigned = tables().replace("tls-server-profile = \"door\"", "allow-unsecure-connection = true");
    let (lab, _, root) = files.start(&unassigned).await;
    let plain = lab.client().await;
    assert!(state(&plain).await.contains(r#""oper-transport":"unsecure""#), "{}", state(&plain).await);
    plain.check_get(get([&*format!("{PROFILE}/cert-profile")]), &[&format!("{PROFILE}/cert-profile = \"own\"")]).await;
    let mut stream = plain.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    plain.apply(update(&format!("{GRPC}/tls-server-profile"), r#""door""#)).await;
    let ended = "Unavailable: INFO: MGMT_CORE #2003: Session terminated - plaintext is not allowed any more";
    assert_eq!(within(stream.next()).await, ended);
    eventually(true, async || handshake(&lab, &root, &[&TLS12]).await.is_some()).await;
    let secure = client(&lab, &root).await;
    eventually(true, async || state(&secure).await.contains(r#""oper-transport":"tls""#)).await;
    let refused = Endpoint::from_shared(format!("http://{}", lab.address())).unwrap().connect().await;
    assert!(refused.is_err() || plain.capabilities(CapabilityRequest::default()).await.is_err());
    // TLS-011: the flag and the profile are cases of one choice.
    let at = format!("{GRPC}/allow-unsecure-connection");
    assert!(secure.get(get([&*at])).await.is_err());
}

/// TLS-017: the versions of the knob, 1.2 unless it says otherwise, act without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn versions_follow_their_knob() {
    let (lab, _, root) = Files::new().start(&tables()).await;
    let client = client(&lab, &root).await;
    let v12 = handshake(&lab, &root, &[&TLS12, &TLS13]).await.unwrap();
    assert_eq!(v12.version, TLS12.version);
    assert!(handshake(&lab, &root, &[&TLS13]).await.is_none());
    for (knob, with_12, with_13) in [("13", false, true), ("all", true, true), ("12", true, false)] {
        client.apply(update(&format!("{PROFILE}/protocol-version"), &format!("\"tls-version-{knob}\""))).await;
        eventually((with_12, with_13), async || {
            (handshake(&lab, &root, &[&TLS12]).await.is_some(), handshake(&lab, &root, &[&TLS13]).await.is_some())
        })
        .await;
    }
}

/// Cipher suites and groups are those of the lists, in the order of the server.
#[tokio::test(flavor = "multi_thread")]
async fn algorithms_are_those_of_the_lists() {
    let (lab, _, root) = Files::new().start(&tables()).await;
    let client = client(&lab, &root).await;
    let ciphers = r#"{"server-cipher-list-name": "few", "tls12-cipher": [
        {"index": 1, "name": "tls-rsa-with-aes128-cbc-sha"},
        {"index": 2, "name": "tls-ecdhe-ecdsa-aes256-gcm-sha384"},
        {"index": 3, "name": "tls-ecdhe-ecdsa-aes128-gcm-sha256"}
    ], "tls13-cipher": [{"index": 1, "name": "tls-chacha20-poly1305-sha256"}]}"#;
    let groups = r#"{"server-group-list-name": "one", "tls13-group": [
        {"index": 1, "name": "tls-ecdhe-521"}, {"index": 2, "name": "tls-ecdhe-384"}
    ]}"#;
    let signatures = r#"{"server-signature-list-name": "one", "tls13-signature": [
        {"index": 1, "name": "tls-ecdsa-secp256r1-sha256"}]}"#;
    client
        .apply(
            set()
                .update(&format!("{TLS}/server-cipher-list[server-cipher-list-name=few]"), json(ciphers))
                .update(&format!("{TLS}/server-group-list[server-group-list-name=one]"), json(groups))
                .update(&format!("{TLS}/server-signature-list[server-signature-list-name=one]"), json(signatures))
                .update(
                    PROFILE,
                    json(
                        r#"{"cipher-list": "few", "group-list": "one", "signature-list": "one",
                                          "protocol-version": "tls-version-all"}"#,
                    ),
                ),
        )
        .await;
    let suite = async |version| handshake(&lab, &root, &[version]).await.map(|offered| (offered.suite, offered.group));
    let expected = (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, Some(NamedGroup::secp384r1));
    eventually(Some(expected), async || suite(&TLS13).await).await;
    // The client would rather have had the other one, and the third is not to be had at all.
    let (chosen, _) = suite(&TLS12).await.unwrap();
    assert_eq!(chosen, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    // Nothing left: the server is down, and says so; the session stays.
    let cbc = r#"[{"index": 1, "name": "tls-rsa-with-aes128-cbc-sha"}]"#;
    let list = format!("{TLS}/server-cipher-list[server-cipher-list-name=few]");
    client
        .apply(
            set()
                .delete(&format!("{list}/tls12-cipher"))
                .delete(&format!("{list}/tls13-cipher"))
                .update(&format!("{list}/tls12-cipher"), json(cbc)),
        )
        .await;
    lab.listens(false).await;
    eventually(true, async || state(&client).await.contains("nothing in the list is supported")).await;
}

/// TLS-012: whatever is wrong with a profile keeps the server down for new sessions; nothing is served in plaintext
/// instead, the session that is there can put it right, and the state names the place.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_profile_keeps_the_server_down() {
    let (lab, directory, root) = Files::new().start(&tables()).await;
    let session = client(&lab, &root).await;
    let own = format!("{TLS}/cert-profile[cert-profile-name=own]");
    let middle = "/configure/system/security/pki/ca-profile[ca-profile-name=middle]";
    let breaks = [
        (update(&format!("{PROFILE}/admin-state"), r#""disable""#), format!("{PROFILE}/admin-state - is not enable")),
        (update(&format!("{own}/admin-state"), r#""disable""#), format!("{own}/admin-state - is not enable")),
        (update(&format!("{middle}/admin-state"), r#""disable""#), format!("{middle}/admin-state - is not enable")),
        (set().delete(&format!("{PROFILE}/cert-profile")), format!("{PROFILE}/cert-profile - is not set")),
        (set().delete(&format!("{own}/entry[entry-id=1]/key-file")), "/key-file - is not set".to_owned()),
        (set().delete(&format!("{own}/entry")), format!("{own} - has no entry")),
        (update(&format!("{own}/entry[entry-id=1]/key-file"), r#""gone.key""#), "gone.key: No such file".to_owned()),
        (update(&format!("{own}/entry[entry-id=1]/key-file"), r#""server.crt""#), "server.crt: ".to_owned()),
        (
            update(&format!("{own}/entry[entry-id=1]/key-file"), r#""other.key""#),
            "certificate cannot be used".to_owned(),
        ),
    ];
    Authority::root("other").server().write(&directory, "other");
    let good = session.get(get(["/configure/system/security"])).await.unwrap();
    let good = good.notification[0].update[0].val.clone().unwrap().value.unwrap();
    for (request, said) in breaks {
        session.apply(request).await;
        lab.listens(false).await;
        let door = || Endpoint::from_shared(format!("http://127.0.0.1:{}", lab.port)).unwrap();
        eventually(true, async || door().connect().await.is_err()).await;
        eventually(true, async || state(&session).await.contains(&said)).await;
        assert!(state(&session).await.contains(r#""oper-state":"down""#));
        session.apply(set().replace("/configure/system/security", good.clone())).await;
        lab.listens(true).await;
        client(&lab, &root).await.capabilities(CapabilityRequest::default()).await.unwrap();
    }
    // At start as well.
    std::fs::remove_file(directory.join("server.key")).unwrap();
    let data = lab.stop().await;
    let lab = Lab::start_in(data, "", &tables()).await.unwrap();
    assert_eq!(lab.agent.address(), None);
}

/// TLS-021: other files serve new sessions after a reload, files that cannot be used leave all as it was, and running
/// sessions never notice.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_replaced_under_running_sessions() {
    let (lab, directory, root) = Files::new().start(&tables()).await;
    let session = client(&lab, &root).await;
    let mut stream = session.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    let other = Authority::root("other");
    let Issued { certificate, .. } = other.server();
    std::fs::write(directory.join("server.crt"), certificate).unwrap();
    lab.reload(&tables()).unwrap();
    session.apply(update("/configure/system/location", r#""one""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "one""#);
    assert!(handshake(&lab, &root, &[&TLS12]).await.is_some());
    other.server().write(&directory, "server");
    lab.reload(&tables()).unwrap();
    eventually((false, true), async || {
        (handshake(&lab, &root, &[&TLS12]).await.is_some(), handshake(&lab, &other, &[&TLS12]).await.is_some())
    })
    .await;
    session.apply(update("/configure/system/location", r#""two""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "two""#);
}
