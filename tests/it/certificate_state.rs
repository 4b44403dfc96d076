//! What the state says about certificates, authorities and lists, and how new files come into use by themselves.

use std::time::Duration;

use ganymede::pb::gnmi::CapabilityRequest;

use crate::authority::Authority;
use crate::client_certificates::{Door, tables};
use crate::harness::{Client, eventually};
use crate::request::*;
use crate::text::get_text;

const CLIENTS: &str = "/state/system/security/pki/ca-profile[ca-profile-name=clients]";
const TLS: &str = "/state/system/security/tls";

async fn state(client: &Client, path: &str) -> String {
    match client.get(get([path])).await {
        Ok(answer) => get_text(&answer).join(" "),
        Err(status) => format!("{:?}", status.code()),
    }
}

/// Waits until the state there has all of these.
async fn shows(client: &Client, path: &str, wanted: &[&str]) {
    eventually(Vec::<String>::new(), async || {
        let state = state(client, path).await;
        wanted.iter().filter(|text| !state.contains(**text)).map(|text| format!("{text} in {state}")).collect()
    })
    .await;
}

/// TLS-025, TLS-039: a list that is missing, corrupt, expired or early is seen in the state, with what that means.
#[tokio::test(flavor = "multi_thread")]
async fn shows_what_is_wrong_with_a_list() {
    let door = Door::open("crl-optional", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    shows(&client, CLIENTS, &[r#""oper-state":"up""#, r#""crl-next-update":""#, r#""cert-not-after":""#]).await;
    assert!(!state(&client, CLIENTS).await.contains("oper-flags"));
    shows(&client, TLS, &[r#""ca-profile-down":0"#]).await;
    let anchor = format!("{TLS}/trust-anchor-profile[trust-anchor-profile-name=clients]/trust-anchor");
    shows(&client, &anchor, &[r#""ca-profile-name":"clients","oper-state":"up""#]).await;
    let profile = format!("{TLS}/server-tls-profile[server-profile-name=door]");
    shows(&client, &profile, &[r#""oper-state":"up""#]).await;
    let list = door.directory.join("clients.crl");
    type Spoil = fn(&Authority) -> Option<String>;
    let spoils: [(Spoil, &str, &str); 4] = [
        (|_| None, "invalid-crl", "No such file"),
        (|_| Some("nonsense".to_owned()), "invalid-crl", "is no revocation list"),
        (|clients| Some(clients.expired_crl(&[])), "expired-crl", "has expired"),
        (|clients| Some(clients.early_crl(&[])), "not-yet-valid-crl", "is not valid before"),
    ];
    let check = "/configure/system/security/pki/ca-profile[ca-profile-name=clients]/revocation-check";
    for (spoil, flag, said) in spoils {
        match spoil(&door.clients) {
            Some(text) => std::fs::write(&list, text).unwrap(),
            None => std::fs::remove_file(&list).unwrap(),
        }
        let flag = format!(r#""oper-flags":"{flag}""#);
        shows(&client, CLIENTS, &[r#""oper-state":"up""#, &flag, said]).await;
        shows(&client, &profile, &[r#""oper-state":"up""#]).await;
        client.apply(update(check, r#""crl""#)).await;
        shows(&client, CLIENTS, &[r#""oper-state":"down""#, &flag, said]).await;
        shows(&client, &profile, &[r#""oper-state":"down""#, said]).await;
        shows(&client, TLS, &[r#""ca-profile-down":1"#]).await;
        shows(&client, &anchor, &[r#""ca-profile-name":"clients","oper-state":"down""#]).await;
        door.lab.listens(false).await;
        client.apply(update(check, r#""crl-optional""#)).await;
        door.lab.listens(true).await;
        shows(&client, CLIENTS, &[r#""oper-state":"up""#]).await;
    }
}

/// Certificates of this element: what is wrong with a file, or with a pair of them.
#[tokio::test(flavor = "multi_thread")]
async fn shows_what_is_wrong_with_a_certificate() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let profile = format!("{TLS}/cert-profile[cert-profile-name=own]");
    shows(&client, &profile, &[r#""oper-state":"up""#]).await;
    let entry = "/configure/system/security/tls/cert-profile[cert-profile-name=own]/entry[entry-id=2]";
    Authority::root("other").server().write(&door.directory, "other");
    for (certificate, key, reason) in [
        ("gone.crt", "server.key", "invalid-cert-file"),
        ("server.crt", "server.crt", "invalid-key-file"),
        ("server.crt", "other.key", "invalid-cert-key-combo"),
    ] {
        let files = format!(r#"{{"certificate-file": "{certificate}", "key-file": "{key}"}}"#);
        client.apply(set().update(entry, json(&files))).await;
        let reason = format!(r#""down-reasons":"{reason}""#);
        shows(&client, &profile, &[r#""oper-state":"down""#, &reason]).await;
        shows(&client, &format!("{profile}/entry[entry-id=2]"), &[&reason]).await;
    }
    client.apply(set().delete(&format!("{entry}/key-file"))).await;
    shows(&client, &profile, &["/key-file - is not set", r#""down-reasons":"invalid-key-file""#]).await;
    client.apply(set().delete(entry)).await;
    shows(&client, &profile, &[r#""oper-state":"up""#]).await;
    eventually("NotFound".to_owned(), async || state(&client, &format!("{profile}/entry[entry-id=2]")).await).await;
    // What is deleted is gone from the state too.
    let list = "/configure/system/security/pki/ca-profile[ca-profile-name=more]";
    client.apply(update(&format!("{list}/cert-file"), r#""clients.crt""#)).await;
    let more = CLIENTS.replace("=clients", "=more");
    shows(&client, &more, &[r#""oper-flags":"admin-down invalid-crl""#, r#""oper-state":"down""#]).await;
    client.apply(set().delete(list)).await;
    eventually("NotFound".to_owned(), async || state(&client, &more).await).await;
}

/// The authorities above a certificate of this element, as far as there are profiles of them.
#[tokio::test(flavor = "multi_thread")]
async fn shows_the_chain_of_a_certificate() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let root = Authority::root("root");
    let middle = root.below("middle");
    middle.server().write(&door.directory, "below");
    std::fs::write(door.directory.join("root.crt"), root.pem()).unwrap();
    std::fs::write(door.directory.join("middle.crt"), middle.pem()).unwrap();
    let entry = "/tls/cert-profile[cert-profile-name=own]/entry[entry-id=2]";
    let configured = format!("/configure/system/security{entry}");
    let shown = format!("/state/system/security{entry}");
    let files = r#"{"certificate-file": "below.crt", "key-file": "below.key"}"#;
    client.apply(set().update(&configured, json(files))).await;
    let chain = async |known: &str, authorities: Option<&str>| {
        shows(&client, &shown, &[&format!(r#""computed-chain-state":"{known}""#), authorities.unwrap_or_default()])
            .await;
        if authorities.is_none() {
            eventually(false, async || state(&client, &shown).await.contains("ca-profiles")).await;
        }
    };
    chain("partial", None).await;
    let authority = |name: &str| {
        let path = format!("/configure/system/security/pki/ca-profile[ca-profile-name={name}]");
        let profile = r#"{"admin-state": "enable", "cert-file": "NAME.crt", "revocation-check": "crl-optional"}"#;
        update(&path, &profile.replace("NAME", name))
    };
    client.apply(authority("middle")).await;
    chain("partial", Some(r#""computed-chain":{"ca-profiles":["middle"]}"#)).await;
    client.apply(authority("root")).await;
    chain("complete", Some(r#""computed-chain":{"ca-profiles":["middle","root"]}"#)).await;
    let disabled = "/configure/system/security/pki/ca-profile[ca-profile-name=middle]/admin-state";
    client.apply(update(disabled, r#""disable""#)).await;
    chain("partial", None).await;
}

/// TLS-039: a client profile is read, checked and shown like one of a server.
#[tokio::test(flavor = "multi_thread")]
async fn shows_whether_a_client_profile_can_be_used() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let profile = "/configure/system/security/tls/client-tls-profile[client-profile-name=out]";
    let shown = format!("{TLS}/client-tls-profile[client-profile-name=out]");
    let down = r#""oper-state":"down""#;
    client.apply(set().update(profile, json("{}"))).await;
    shows(&client, &shown, &[down, "/admin-state - is not enable"]).await;
    client.apply(update(&format!("{profile}/admin-state"), r#""enable""#)).await;
    shows(&client, &shown, &[down, "/trust-anchor-profile - is not set"]).await;
    client.apply(update(&format!("{profile}/trust-anchor-profile"), r#""clients""#)).await;
    shows(&client, &shown, &[r#""oper-state":"up""#]).await;
    client.apply(update(&format!("{profile}/cert-profile"), r#""own""#)).await;
    std::fs::remove_file(door.directory.join("server.key")).unwrap();
    shows(&client, &shown, &[down, "server.key: No such file"]).await;
    client.apply(set().delete(&format!("{profile}/cert-profile"))).await;
    shows(&client, &shown, &[r#""oper-state":"up""#]).await;
    std::fs::remove_file(door.directory.join("clients.crl")).unwrap();
    shows(&client, &shown, &[down, "clients.crl: No such file"]).await;
    client.apply(set().delete(profile)).await;
    eventually("NotFound".to_owned(), async || state(&client, &shown).await).await;
}

/// Certificates of clients are counted.
#[tokio::test(flavor = "multi_thread")]
async fn counts_certificates() {
    let door = Door::open("crl", "revoked", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let checks = "/state/system/security/pki/statistics/authentication";
    shows(&client, checks, &[r#""passed":1"#, r#""failed":0"#, r#""attempted":1"#]).await;
    assert!(!door.lets_in(Some(&door.clients.client("late", 2))).await);
    assert!(door.lets_in(Some(&door.good)).await);
    shows(&client, checks, &[r#""passed":3"#, r#""failed":2"#, r#""attempted":5"#]).await;
}

/// TLS-021, TLS-023, TLS-026: a new list is taken into use without anybody asking for it, and a list that runs out is
/// noticed; sessions stay.
#[tokio::test(flavor = "multi_thread")]
async fn lists_come_and_go_by_themselves() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    let list = door.directory.join("clients.crl");
    std::fs::write(&list, door.clients.crl(&[1])).unwrap();
    eventually(false, async || door.lets_in(Some(&door.good)).await).await;
    std::fs::write(&list, door.clients.crl_for(&[2], Duration::from_secs(4))).unwrap();
    eventually(true, async || door.lets_in(Some(&door.good)).await).await;
    door.lab.listens(false).await;
    shows(&client, CLIENTS, &[r#""oper-state":"down""#, r#""oper-flags":"expired-crl""#]).await;
    shows(&client, "/state/system/grpc", &["has expired, the next list was due at "]).await;
    std::fs::write(&list, door.clients.crl(&[2])).unwrap();
    door.lab.listens(true).await;
    assert!(door.lets_in(Some(&door.good)).await);
    // A file that is spoilt while the server uses it leaves the server as it is.
    std::fs::write(&list, "nonsense").unwrap();
    shows(&client, CLIENTS, &[r#""oper-state":"down""#, r#""oper-flags":"invalid-crl""#]).await;
    assert!(door.lets_in(Some(&door.good)).await);
    client.apply(update("/configure/system/location", r#""here""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "here""#);
    door.lab.reload(&tables("crl", "good")).unwrap();
    client.capabilities(CapabilityRequest::default()).await.unwrap();
}

/// TLS-021: a new list is taken into use although the configuration changes before anybody has looked at the file, whether the
/// change is about certificates or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_hides_no_new_file() {
    let door = Door::open("crl", "good", |clients| Some(clients.crl(&[2]))).await;
    let client = door.client(&door.good, "admin").await;
    let list = door.directory.join("clients.crl");
    let warning = "/configure/system/security/pki/crl-expiration-warning/hours";
    for (path, value) in [("/configure/system/location", r#""here""#), (warning, "1")] {
        std::fs::write(&list, door.clients.crl(&[1])).unwrap();
        client.apply(update(path, value)).await;
        eventually(false, async || door.lets_in(Some(&door.good)).await).await;
        std::fs::write(&list, door.clients.crl(&[2])).unwrap();
        eventually(true, async || door.lets_in(Some(&door.good)).await).await;
    }
}
