//! Passwords, their hashes and keys go in and never come out: not by a read, not in an error, not in a log.

use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::get_request::DataType;
use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Encoding, GetRequest, SetRequest};
use tonic::Code;

use crate::door::with_credentials;
use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::{check_refused, get_text};

const USERS: &str = "/configure/system/security/user-params/local-user";
const RADIUS: &str = "/configure/system/security/aaa/remote-servers/radius";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4";
/// What must be nowhere.
const SECRETS: [&str; 6] = ["hunter2", "shared-key", "dGhlIGhhc2ggaXRzZWxm", "$argon2", "8675309", "swordfish"];

/// Users and servers with all kinds of secrets, and one thing beside them to see.
async fn write(client: &Client) {
    let user = |name: &str, password: &str| {
        let at = format!("{USERS}/user[user-name={name}]");
        update(&at, &format!(r#"{{"password":"{password}","access":{{"grpc":true}}}}"#))
    };
    client.apply(user("plain", "hunter2")).await;
    client.apply(user("hashed", HASH)).await;
    client
        .apply(update(&format!("{RADIUS}/server[index=1]"), r#"{"address":"192.0.2.1","secret":"shared-key"}"#))
        .await;
    let tacplus = "/configure/system/security/aaa/remote-servers/tacplus/server[index=1]";
    client.apply(update(tacplus, r#"{"address":"192.0.2.2","secret":"shared-key"}"#)).await;
}

fn check_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {what}: {text}");
    }
}

/// AUTH-026: a Get, whatever its encoding and however wide, has no secret in it; one that asks for a secret is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_get_shows_no_secret() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client).await;
    for at in ["/", "/configure", USERS, &format!("{USERS}/user[user-name=plain]"), RADIUS, "/state"] {
        for encoding in [Encoding::Json, Encoding::JsonIetf, Encoding::Proto, Encoding::Bytes] {
            let found = client.get(get([at]).encoding(encoding)).await.unwrap();
            check_clean(at, &format!("{found:?} {}", String::from_utf8_lossy(&prost::Message::encode_to_vec(&found))));
        }
    }
    let server = get_text(&client.get(get([&*format!("{RADIUS}/server[index=1]")])).await.unwrap()).remove(0);
    assert!(server.contains(r#""address":"192.0.2.1""#) && !server.contains("secret"), "{server}");
    let user = get_text(&client.get(get([&*format!("{USERS}/user[user-name=plain]")])).await.unwrap()).remove(0);
    assert!(user.contains(r#""grpc":true"#) && !user.contains(r#""password":"#), "{user}");
    for at in ["user[user-name=plain]/password", "user[user-name=*]/password", "user/password"] {
        let reason = "user 'admin', a secret can be set and is not shown";
        check_refused(client.get(get([&*format!("{USERS}/{at}")])).await, Code::PermissionDenied, &[reason]);
    }
    // What is not shown is there, and what is written around it leaves it alone.
    client.apply(update(&format!("{USERS}/user[user-name=plain]/access"), r#"{"grpc":true}"#)).await;
    let channel = harness.endpoint().connect().await.unwrap();
    let login = with_credentials(get(["/configure/system/name"]), "plain", "hunter2");
    GNmiClient::new(channel).get(login).await.unwrap();
}

/// AUTH-026: what was read can be put back whole, though the secrets were not in it; what is deleted is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_replace_keeps_what_it_cannot_know() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client).await;
    let login = async |user: &str, password: &str| {
        // A session goes on with the password that it came in with.
        let channel = harness.endpoint().connect().await.unwrap();
        let request = with_credentials(get(["/configure/system/name"]), user, password);
        GNmiClient::new(channel).get(request).await.map(|_| ())
    };
    for at in ["/", "/configure", USERS, &format!("{USERS}/user[user-name=plain]")] {
        let read = client
            .get(GetRequest { r#type: DataType::Config.into(), ..get([at]).encoding(Encoding::JsonIetf) })
            .await
            .unwrap();
        let value = read.notification[0].update[0].val.clone().unwrap().value.unwrap();
        client.apply(set().replace(at, value)).await;
        login("plain", "hunter2").await.unwrap();
    }
    let server = format!("{RADIUS}/server[index=1]");
    client.apply(set().replace(&server, json(r#"{"address":"192.0.2.9"}"#))).await;
    // A user who is replaced by others is gone, and so is a password that is deleted by name.
    let anew = set().delete(&format!("{USERS}/user[user-name=plain]"));
    let anew = anew.replace(&format!("{USERS}/user[user-name=plain]"), json(r#"{"access":{"grpc":true}}"#));
    let missing = "/user[user-name=plain]/password - Mandatory element is missing";
    check_refused(client.set(anew).await, Code::Aborted, &[missing]);
    let others = json(r#"[{"user-name":"admin","access":{"grpc":true},"console":{"member":["administrative"]}}]"#);
    client.apply(set().replace(&format!("{USERS}/user"), others)).await;
    client
        .apply(update(&format!("{USERS}/user[user-name=plain]"), r#"{"password":"swordfish","access":{"grpc":true}}"#))
        .await;
    check_refused(login("plain", "hunter2").await, Code::Unauthenticated, &[]);
}

/// AUTH-026: no subscription tells a secret, neither at first nor as it changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_tells_no_secret() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client).await;
    for at in ["/", USERS, &format!("{USERS}/user[user-name=*]/password"), &format!("{RADIUS}/server/secret")] {
        check_clean(at, &client.subscribe(once([at])).await.round().await.join("\n"));
    }
    let mut changes = client.subscribe(on_change([USERS, RADIUS])).await;
    changes.round().await;
    let password = |text: &str| update(&format!("{USERS}/user[user-name=plain]/password"), &format!("{text:?}"));
    client.apply(password("swordfish")).await;
    client.apply(update(&format!("{RADIUS}/server[index=1]/secret"), r#""swordfish""#)).await;
    client.apply(update(&format!("{RADIUS}/port"), "1645")).await;
    assert_eq!(changes.next().await, format!("{RADIUS}/port = 1645"));
}

/// AUTH-026: an error about a secret names the place and the rule, and nothing of the value.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_repeats_no_secret() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    write(&client).await;
    let (password, secret) =
        (format!("{USERS}/user[user-name=plain]/password"), format!("{RADIUS}/server[index=1]/secret"));
    let raw = |at: &str, value: Value| set().update(at, value);
    let long = format!("\"{}\"", "hunter2".repeat(40));
    let wrong: [(SetRequest, &str); 10] = [
        (raw(&password, json("hunter2")), &password),
        (raw(&secret, json("8675309")), &secret),
        (raw(&secret, ietf("8675309")), &secret),
        (raw(&secret, Value::UintVal(8_675_309)), &secret),
        (raw(&secret, json(&long)), &secret),
        (raw(&secret, json(r#"["hunter2"]"#)), &secret),
        (raw(&secret, json(r#"{"hunter":"hunter2"}"#)), &secret),
        (raw(&format!("{USERS}/user[user-name=plain]"), json(r#"{"password":"hunter2""#)), "Malformed JSON"),
        (raw(&format!("{USERS}/user[user-name=plain]"), json(r#"{"password":8675309}"#)), &password),
        (raw("/configure", json(r#"{"system":{"x": hunter2}}"#)), "Malformed JSON"),
    ];
    for (request, place) in wrong {
        let refused = client.set(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}: {refused:?}");
        assert!(refused.message().contains(place), "{refused:?}");
        check_clean("an error", refused.message());
    }
    // What the daemon remembers of the RPCs does not hold one either.
    let state = client.get(get(["/state/system/grpc"])).await.unwrap();
    check_clean("state", &get_text(&state).concat());
    check_clean("the security log", &harness.security_log());
}
