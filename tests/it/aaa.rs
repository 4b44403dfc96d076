//! Users whom RADIUS and TACACS+ servers know, as clients meet them at the door.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use ganymede::admission::Limits;
use tokio::net::UdpSocket;
use tonic::Code;

use crate::aaa_servers::{Fake, Script, radius, template};
use crate::door::{Client, Door, code, eventually};

const RIGHT: (&str, &str) = ("ann", "ann-secret");
const USE_TEMPLATE: &str = "use-default-template = true";

fn script() -> Script {
    Script::with(&[RIGHT, ("bob", "bob-secret")])
}

/// A Get with a password, as a code.
async fn login(client: &mut Client, (user, password): (&str, &str)) -> Code {
    code(&client.get(user, password).await)
}

/// The same on a connection of its own.
async fn fresh(door: &Door, credentials: (&str, &str)) -> Code {
    login(&mut door.connect().await, credentials).await
}

/// AUTH-006, AUTH-008: methods are asked in their order; one that rejects passes on unless `exit-on-reject` says no.
#[tokio::test(flavor = "multi_thread")]
async fn methods_are_asked_in_their_order() {
    let (radius, tacplus) = (Fake::radius(script()).await, Fake::tacplus(script()).await);
    tacplus.change(|script| script.users.push(("tac", "tac-secret")));
    let door = Door::open(Limits::default());
    let templates = [template("radius-default", "all"), template("tacplus-default", "all")].concat();
    door.configure(&[radius.as_radius(USE_TEMPLATE), tacplus.as_tacplus(""), templates].concat());
    door.order(&["radius", "tacplus", "local"], false);
    let asked = || (radius.logins(), tacplus.logins());
    assert_eq!((fresh(&door, RIGHT).await, asked()), (Code::Ok, (1, 0)));
    assert_eq!((fresh(&door, ("tac", "tac-secret")).await, asked()), (Code::Ok, (2, 1)));
    assert_eq!((fresh(&door, ("admin", "admin-secret")).await, asked()), (Code::Ok, (3, 2)));
    assert_eq!((fresh(&door, ("ann", "wrong")).await, asked()), (Code::Unauthenticated, (4, 3)));
    door.order(&["local", "tacplus", "radius"], false);
    assert_eq!((fresh(&door, ("admin", "admin-secret")).await, asked()), (Code::Ok, (4, 3)));
    assert_eq!((fresh(&door, RIGHT).await, asked()), (Code::Ok, (4, 4)));
    door.order(&["tacplus", "local"], true);
    assert_eq!((fresh(&door, ("admin", "admin-secret")).await, asked()), (Code::Unauthenticated, (4, 5)));
    door.order(&["local", "tacplus"], true);
    assert_eq!((fresh(&door, RIGHT).await, asked()), (Code::Unauthenticated, (4, 5)));
    // A method without servers has nothing to say.
    door.configure("[configure.system.security.aaa.remote-servers.tacplus]\nadmin-state = \"disable\"");
    door.order(&["tacplus", "local"], true);
    assert_eq!((fresh(&door, ("admin", "admin-secret")).await, asked()), (Code::Ok, (4, 5)));
}

/// AUTH-008, AUTH-036: a server that says nothing passes to the next one and then to the next method, and is left alone
/// for a while; so only the first login waits for it. Where nobody else is to be asked, the client reads that.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_say_nothing_are_passed_over() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let second = Fake::radius_at(SocketAddr::from(([127, 0, 0, 2], port)), script()).await;
    let door = Door::open(Limits::default());
    let servers = [(1, Ipv4Addr::LOCALHOST.into()), (2, second.address.ip())];
    let patience =
        |seconds: u32| format!("[configure.system.security.aaa.remote-servers.radius]\nserver-timeout = {seconds}");
    door.configure(&radius(port, &servers, ""));
    door.configure(&patience(2));
    door.order(&["radius", "local"], false);
    door.configure(&template("radius-default", "all"));
    door.configure("[configure.system.security.aaa.remote-servers.radius]\nuse-default-template = true");
    let received = async |wanted: bool| {
        let mut buffer = [0; 4096];
        let packet = tokio::time::timeout(Duration::from_millis(100), silent.recv(&mut buffer)).await;
        assert_eq!(packet.is_ok(), wanted);
    };
    assert_eq!((fresh(&door, RIGHT).await, second.logins()), (Code::Ok, 1));
    received(true).await;
    door.configure(&patience(60));
    assert_eq!((fresh(&door, RIGHT).await, second.logins()), (Code::Ok, 2));
    received(false).await;
    // Both gone: the local users are left, and without them nobody.
    let address = second.address;
    drop(second);
    let deaf = loop {
        // The task that had the socket ends soon.
        if let Ok(socket) = UdpSocket::bind(address).await {
            break socket;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    door.configure(&patience(1));
    assert_eq!(fresh(&door, ("admin", "admin-secret")).await, Code::Ok);
    door.order(&["radius"], false);
    let refused = door.connect().await.get("admin", "admin-secret").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.message(), "MINOR: MGMT_CORE #2011: Authentication failed - no authentication server answers");
    drop(deaf);
}

/// AUTH-007, AUTH-015 to AUTH-017: the first RPC of a session asks, later ones only with other credentials; a burst with
/// equal ones asks once, also when they are wrong.
async fn asks_once(fake: Fake, tables: String, method: &'static str, template_name: &str) {
    let mut door = Door::open(Limits::default());
    door.configure(&[tables, template(template_name, "all")].concat());
    door.order(&[method, "local"], true);
    let mut client = door.connect().await;
    let burst = (0..20).map(|_| {
        let mut client = client.clone();
        async move { login(&mut client, RIGHT).await }
    });
    assert!(join_all(burst).await.iter().all(|code| *code == Code::Ok));
    assert_eq!(fake.logins(), 1, "one for the session");
    assert_eq!(login(&mut client, ("ann", "other")).await, Code::Unauthenticated);
    assert_eq!(fake.logins(), 2, "a changed password");
    assert_eq!(login(&mut client, RIGHT).await, Code::Ok);
    assert_eq!(fake.logins(), 2, "what was accepted last still is");
    assert_eq!(login(&mut client, ("bob", "bob-secret")).await, Code::Ok);
    assert_eq!(fake.logins(), 3, "a changed user");
    assert_eq!(fresh(&door, RIGHT).await, Code::Ok);
    assert_eq!(fake.logins(), 4, "a new session");
    // AUTH-021: the server learns a new password.
    fake.change(|script| script.users = vec![("bob", "fresh-secret")]);
    assert_eq!(login(&mut client, ("bob", "bob-secret")).await, Code::Ok);
    assert_eq!(fake.logins(), 4);
    assert_eq!(fresh(&door, ("bob", "bob-secret")).await, Code::Unauthenticated);
    assert_eq!(fresh(&door, ("bob", "fresh-secret")).await, Code::Ok);
    let lines = door.log_lines(|line| line["event"] == "authentication", 6).await;
    let by = if method == "radius" { "by RADIUS" } else { "by TACACS+" };
    assert_eq!((&lines[0]["reason"], &lines[0]["user"]), (&by.into(), &"ann".into()));
    assert_eq!(lines[1]["verdict"], "unauthorized");
    let log = std::fs::read_to_string(door.log_path()).unwrap();
    assert!(!log.contains("secret"), "{log}");
}

/// AUTH-015, AUTH-016, AUTH-017, AUTH-021.
#[tokio::test(flavor = "multi_thread")]
async fn radius_is_asked_once_for_each_session() {
    let fake = Fake::radius(script()).await;
    let tables = fake.as_radius(USE_TEMPLATE);
    asks_once(fake, tables, "radius", "radius-default").await;
}

/// AUTH-007, AUTH-015, AUTH-016, AUTH-017, AUTH-021.
#[tokio::test(flavor = "multi_thread")]
async fn tacplus_is_asked_once_for_each_session() {
    let fake = Fake::tacplus(script()).await;
    let tables = fake.as_tacplus("");
    asks_once(fake, tables, "tacplus", "tacplus-default").await;
}

/// AUTH-010, AUTH-011, AUTH-012: access by the template, or by what the server says, which goes before it.
#[tokio::test(flavor = "multi_thread")]
async fn radius_users_need_the_template_or_the_attribute() {
    let fake = Fake::radius(script()).await;
    let door = Door::open(Limits::default());
    door.configure(&[fake.as_radius("")].concat());
    door.order(&["radius"], false);
    let check = async |toml: &str, access: Option<u32>, expected: Code| {
        door.configure(toml);
        fake.change(|script| {
            script.attributes = access.map(|bits| (1, bits.to_be_bytes().to_vec())).into_iter().collect();
        });
        assert_eq!(fresh(&door, RIGHT).await, expected, "{toml} {access:?}");
    };
    let switch =
        |on: bool| format!("[configure.system.security.aaa.remote-servers.radius]\nuse-default-template = {on}");
    let closed = template("radius-default", "all").replace("grpc = true", "grpc = false");
    check(&template("radius-default", "all"), None, Code::PermissionDenied).await;
    check(&switch(true), None, Code::Ok).await;
    check(&closed, None, Code::PermissionDenied).await;
    for (bits, expected) in [(8, Code::Ok), (15, Code::Ok), (9, Code::Ok), (4, Code::PermissionDenied)] {
        check(&switch(true), Some(bits), expected).await;
        check(&switch(false), Some(bits), expected).await;
    }
    check(&switch(false), None, Code::PermissionDenied).await;
    check(&[switch(true), template("radius-default", "all")].join("\n"), Some(3), Code::PermissionDenied).await;
    let refused = door.connect().await.get(RIGHT.0, RIGHT.1).await.unwrap_err();
    assert_eq!(refused.message(), "MINOR: MGMT_CORE #2020: Permission denied - user 'ann' has no gRPC access");
}

/// AUTH-013: TACACS+ users get in by their template, whose use is the default; both ways of asking for a password work.
#[tokio::test(flavor = "multi_thread")]
async fn tacplus_users_need_the_template() {
    let fake = Fake::tacplus(script()).await;
    let door = Door::open(Limits::default());
    door.configure(&[fake.as_tacplus("")].concat());
    door.order(&["tacplus"], false);
    let tacplus = |text: &str| format!("[configure.system.security.aaa.remote-servers.tacplus]\n{text}");
    assert_eq!(fresh(&door, RIGHT).await, Code::PermissionDenied);
    door.configure(&template("tacplus-default", "all"));
    assert_eq!(fresh(&door, RIGHT).await, Code::Ok);
    door.configure(&tacplus("interactive-authentication = true"));
    assert_eq!(fresh(&door, RIGHT).await, Code::Ok);
    assert_eq!(fresh(&door, ("ann", "wrong")).await, Code::Unauthenticated);
    assert!(fake.asked().ends_with(&["start ann".to_owned(), "login ann".to_owned()]), "{:?}", fake.asked());
    door.configure(&tacplus("use-default-template = false"));
    assert_eq!(fresh(&door, RIGHT).await, Code::PermissionDenied);
    // A server that cannot tell is like one that says nothing.
    fake.change(|script| script.fails = true);
    assert_eq!(fresh(&door, RIGHT).await, Code::Unavailable);
}

/// AUTH-036: what waits for a server waits alone: neither another session, nor other RPCs of the session, nor the other
/// kind of server.
async fn delays_nobody_else(fake: Fake, tables: String, method: &'static str, template_name: &str) {
    let door = Door::open(Limits { server_requests: 1, ..Limits::default() });
    door.configure(&[tables, template(template_name, "all")].concat());
    door.order(&["local", method], false);
    let mut client = door.connect().await;
    assert_eq!(login(&mut client, RIGHT).await, Code::Ok);
    fake.change(|script| script.holds = true);
    let waiting: Vec<_> = ["ann", "bob"]
        .into_iter()
        .map(|user| {
            let mut client = client.clone();
            tokio::spawn(async move { login(&mut client, (user, "bob-secret")).await })
        })
        .collect();
    fake.is_asked(2).await;
    assert_eq!(login(&mut client, RIGHT).await, Code::Ok);
    assert_eq!(login(&mut client, ("admin", "admin-secret")).await, Code::Ok);
    assert_eq!(fresh(&door, ("ro", "ro-secret")).await, Code::Ok);
    // Not more at a time than the limit says: the second of the two waits for its turn.
    assert_eq!(fake.logins(), 2);
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    fake.change(|script| script.holds = false);
    let answers: Vec<_> = join_all(waiting).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Code::Unauthenticated, Code::Ok]);
    assert_eq!(fake.logins(), 3);
}

/// AUTH-036.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_radius_server_delays_nobody_else() {
    let fake = Fake::radius(script()).await;
    let tables = fake.as_radius(USE_TEMPLATE);
    delays_nobody_else(fake, tables, "radius", "radius-default").await;
}

/// AUTH-036.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_tacplus_server_delays_nobody_else() {
    let fake = Fake::tacplus(script()).await;
    let tables = fake.as_tacplus("");
    delays_nobody_else(fake, tables, "tacplus", "tacplus-default").await;
}

/// An answer by somebody who does not know the secret is none, and so is an unsigned one of a server that signs.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_the_secret_are_not_believed() {
    let (first, tacplus) = (Fake::radius(script()).await, Fake::tacplus(script()).await);
    let door = Door::open(Limits::default());
    let templates = [template("radius-default", "all"), template("tacplus-default", "all")].concat();
    door.configure(&[first.as_radius(USE_TEMPLATE), tacplus.as_tacplus(""), templates].concat());
    // No rest, so that each login asks again.
    door.configure("[configure.system.security.aaa]\nhealth-check = \"none\"");
    door.order(&["radius"], false);
    first.change(|script| script.signs = false);
    assert_eq!(fresh(&door, RIGHT).await, Code::Ok);
    first.change(|script| script.signs = true);
    assert_eq!(fresh(&door, RIGHT).await, Code::Ok);
    assert!(first.asked()[0].contains("signed=true"), "{:?}", first.asked());
    for kind in ["radius", "tacplus"] {
        door.configure(&format!("[configure.system.security.aaa.remote-servers.{kind}]\nserver-timeout = 1"));
    }
    first.change(|script| script.signs = false);
    assert_eq!(fresh(&door, RIGHT).await, Code::Unavailable);
    first.change(|script| (script.signs, script.secret) = (true, "another"));
    assert_eq!(fresh(&door, RIGHT).await, Code::Unavailable);
    door.order(&["tacplus"], false);
    tacplus.change(|script| script.secret = "another");
    assert_eq!(fresh(&door, RIGHT).await, Code::Unavailable);
}

/// AUTH-018: a user whom a server vouches for takes a session over like any other; a new password does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_user_ends_subscriptions() {
    let fake = Fake::radius(script()).await;
    let door = Door::open(Limits::default());
    let tables = [fake.as_radius(USE_TEMPLATE), template("radius-default", "all")];
    door.configure(&tables.concat());
    door.order(&["radius"], false);
    let mut client = door.connect().await;
    let mut stream = client.subscribe(RIGHT.0, RIGHT.1).await.unwrap();
    fake.change(|script| script.users.push(("ann", "new-secret")));
    assert_eq!(login(&mut client, ("ann", "new-secret")).await, Code::Ok);
    assert_eq!(login(&mut client, ("bob", "wrong")).await, Code::Unauthenticated);
    for _ in 0..5 {
        assert!(stream.message().await.unwrap().is_some());
    }
    // AUTH-033: nothing was asked because of the stream.
    assert_eq!(fake.logins(), 3);
    assert_eq!(login(&mut client, ("bob", "bob-secret")).await, Code::Ok);
    let ended = loop {
        match stream.message().await {
            Ok(message) => assert!(message.is_some()),
            Err(status) => break status.code(),
        }
    };
    assert_eq!(ended, Code::Cancelled);
    eventually(|| fake.logins() == 4).await;
}
