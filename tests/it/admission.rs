//! Sessions, channels and credentials, as clients meet them.

use std::time::Duration;

use futures_util::future::join_all;
use ganymede::admission::Limits;
use tonic::Code;

use crate::door::{Client, Door, code, eventually};
use crate::harness::within;

const ADMIN: (&str, &str) = ("admin", "admin-secret");
const RO: (&str, &str) = ("ro", "ro-secret");

async fn check(client: &mut Client, (user, password): (&str, &str), expected: Code, text: &str) {
    let outcome = client.capabilities(user, password).await;
    assert_eq!(code(&outcome), expected, "{user}");
    if let Err(status) = outcome {
        assert_eq!(status.message(), text, "{user}");
    }
}

/// AUTH-001 to AUTH-005, AUTH-009, AUTH-035, and the session goes on after each refusal (LIM-014).
#[tokio::test]
async fn every_rpc_carries_its_own_credentials() {
    let door = Door::open(Limits::default());
    let mut client = door.connect().await;
    let required = "MINOR: MGMT_CORE #2010: Authentication failed - metadata 'username' and 'password' are required";
    let wrong = "MINOR: MGMT_CORE #2010: Authentication failed - unknown user or wrong password";
    check(&mut client, ("", ""), Code::Unauthenticated, required).await;
    check(&mut client, ADMIN, Code::Ok, "").await;
    check(&mut client, ("", ""), Code::Unauthenticated, required).await;
    check(&mut client, ("admin", ""), Code::Unauthenticated, required).await;
    check(&mut client, ("", "admin-secret"), Code::Unauthenticated, required).await;
    check(&mut client, ("admin", "wrong"), Code::Unauthenticated, wrong).await;
    check(&mut client, ("stranger", "admin-secret"), Code::Unauthenticated, wrong).await;
    let no_access = "MINOR: MGMT_CORE #2020: Permission denied - user 'nogrpc' has no gRPC access";
    check(&mut client, ("nogrpc", "nogrpc-secret"), Code::PermissionDenied, no_access).await;
    check(&mut client, ("nogrpc", "wrong"), Code::Unauthenticated, wrong).await;
    check(&mut client, ADMIN, Code::Ok, "").await;
    // AUTH-002: every RPC.
    assert_eq!(code(&client.get("", "").await), Code::Unauthenticated);
    assert_eq!(code(&client.set("", "").await), Code::Unauthenticated);
    assert_eq!(code(&client.subscribe("", "").await), Code::Unauthenticated);
}

/// AUTH-027, AUTH-028.
#[tokio::test]
async fn profiles_say_which_rpcs() {
    let door = Door::open(Limits::default());
    let mut client = door.connect().await;
    assert_eq!(code(&client.get(RO.0, RO.1).await), Code::Ok);
    assert_eq!(code(&client.subscribe(RO.0, RO.1).await), Code::Ok);
    let refused = client.set(RO.0, RO.1).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(code(&client.set(ADMIN.0, ADMIN.1).await), Code::Ok);
    let refused = client.get("narrow", "narrow-secret").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.message(), "MINOR: MGMT_CORE #2020: Permission denied - unauthorized use of 'gnmi-get'");
    assert_eq!(code(&client.set("narrow", "narrow-secret").await), Code::Ok);
}

/// AUTH-015, AUTH-016, AUTH-017: one check for each session and each change, however many RPCs come at once.
#[tokio::test]
async fn checks_a_password_once_for_each_session() {
    let mut door = Door::open(Limits::default());
    let client = door.connect().await;
    let burst = (0..20).map(|_| {
        let mut client = client.clone();
        async move { client.get(ADMIN.0, ADMIN.1).await }
    });
    assert!(join_all(burst).await.iter().all(Result::is_ok));
    let mut other = door.connect().await;
    other.get(ADMIN.0, ADMIN.1).await.unwrap();
    other.get(RO.0, RO.1).await.unwrap();
    other.get(RO.0, RO.1).await.unwrap();
    let checks = door.log_lines(|line| line["event"] == "authentication", 3).await;
    let seen: Vec<_> = checks.iter().map(|line| (line["user"].as_str(), line["verdict"].as_str())).collect();
    let authorized = Some("authorized");
    assert_eq!(seen, [(Some("admin"), authorized), (Some("admin"), authorized), (Some("ro"), authorized)]);
    assert_eq!(checks[1]["session"], checks[2]["session"]);
    assert_ne!(checks[0]["session"], checks[1]["session"]);
}

/// AUTH-018 to AUTH-020, AUTH-022, AUTH-023.
#[tokio::test]
async fn a_change_of_user_ends_the_subscriptions_of_its_session_only() {
    let door = Door::open(Limits::default());
    let mut client = door.connect().await;
    let mut neighbour = door.connect().await;
    let mut theirs = neighbour.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    let mut ours = client.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    // Failures change nothing, whoever they claim to be.
    assert_eq!(code(&client.get("ro", "wrong").await), Code::Unauthenticated);
    assert_eq!(code(&client.get("admin", "wrong").await), Code::Unauthenticated);
    assert_eq!(code(&client.get("nogrpc", "nogrpc-secret").await), Code::PermissionDenied);
    assert!(ours.message().await.unwrap().is_some());
    // A unary RPC in flight is not touched.
    let rpcs = || door.sessions.seated().iter().map(|session| session.total_rpcs()).sum::<u64>();
    let before = rpcs();
    let mut in_flight = client.clone();
    let in_flight = tokio::spawn(async move { in_flight.set(ADMIN.0, ADMIN.1).await });
    eventually(|| rpcs() > before).await;
    client.get(RO.0, RO.1).await.unwrap();
    let ended = loop {
        match ours.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended with OK"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Cancelled);
    in_flight.await.unwrap().unwrap();
    assert!(theirs.message().await.unwrap().is_some());
    // The session lives on under its new user.
    let mut again = client.subscribe(RO.0, RO.1).await.unwrap();
    assert!(again.message().await.unwrap().is_some());
}

/// AUTH-021, AUTH-022: a new password in the store concerns new sessions, and does not end what runs.
#[tokio::test]
async fn a_changed_password_leaves_sessions_alone() {
    let door = Door::open(Limits::default());
    let mut old = door.connect().await;
    let mut running = old.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    door.configure(
        "[[configure.system.security.user-params.local-user.user]]\nuser-name = \"admin\"\npassword = \"fresh-secret\"",
    );
    old.get(ADMIN.0, ADMIN.1).await.unwrap();
    let mut new = door.connect().await;
    assert_eq!(code(&new.get(ADMIN.0, ADMIN.1).await), Code::Unauthenticated);
    new.get(ADMIN.0, "fresh-secret").await.unwrap();
    // The session may go over to the new password; then the old one is no longer what was accepted last.
    old.get(ADMIN.0, "fresh-secret").await.unwrap();
    assert_eq!(code(&old.get(ADMIN.0, ADMIN.1).await), Code::Unauthenticated);
    assert!(running.message().await.unwrap().is_some());
}

/// A user who loses gRPC access is refused with the next RPC, though the password was accepted before.
#[tokio::test]
async fn rights_follow_the_newest_commit() {
    let door = Door::open(Limits::default());
    let mut client = door.connect().await;
    client.get(RO.0, RO.1).await.unwrap();
    door.configure(
        "[[configure.system.security.user-params.local-user.user]]\nuser-name = \"ro\"\naccess.grpc = false",
    );
    assert_eq!(code(&client.get(RO.0, RO.1).await), Code::PermissionDenied);
}

/// AUTH-025, AUTH-026, AUTH-039: one line for each RPC, with who, what, where from and the verdict; never a password.
#[tokio::test]
async fn every_rpc_is_in_the_security_log() {
    let mut door = Door::open(Limits::default());
    let mut client = door.connect().await;
    client.capabilities(ADMIN.0, ADMIN.1).await.unwrap();
    client.get("eve", "guessed-secret").await.unwrap_err();
    client.set(RO.0, RO.1).await.unwrap_err();
    client.get("", "").await.unwrap_err();
    let subscription = client.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    drop((subscription, client));
    let lines = door.log_lines(|line| line["event"] != "authentication", 7).await;
    let field = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| ["name", "user", "rpc", "verdict", "paths"].map(|name| field(line, name)).join(" "))
        .collect();
    let expected = [
        "grpc_user_login admin  authorized ",
        "grpc_auth admin /gnmi.gNMI/Capabilities authorized ",
        "grpc_unauth eve /gnmi.gNMI/Get unauthorized ",
        "grpc_unauth ro /gnmi.gNMI/Set unauthorized ",
        "grpc_unauth  /gnmi.gNMI/Get unauthorized ",
        "grpc_auth admin /gnmi.gNMI/Subscribe authorized /a /b",
        "grpc_user_logout admin  authorized ",
    ];
    assert_eq!(seen, expected);
    assert!(
        lines.iter().all(|line| line["client"] == "127.0.0.1" && line["port"].is_u64() && line["time"].is_string())
    );
    let text = std::fs::read_to_string(door.log_path()).unwrap();
    assert!(!text.contains("secret"), "{text}");
}

/// What a stranger claims to be takes no more of the log than a name may.
#[tokio::test]
async fn long_names_are_cut_in_the_security_log() {
    let mut door = Door::open(Limits::default());
    let mut client = door.connect().await;
    assert_eq!(code(&client.get(&"x".repeat(8000), "guessed").await), Code::Unauthenticated);
    let lines = door.log_lines(|_| true, 2).await;
    assert!(lines.iter().all(|line| line["user"] == "x".repeat(128)), "{lines:?}");
}

/// LIM-001, LIM-002, LIM-014, AUTH-024, LIM-010.
#[tokio::test]
async fn the_ninth_session_gets_no_service() {
    let door = Door::open(Limits::default());
    // Neither idle connections nor failed logins take a place.
    let idle = join_all((0..3).map(|_| door.connect())).await;
    let mut failing = door.connect().await;
    assert_eq!(code(&failing.get("eve", "x").await), Code::Unauthenticated);
    let mut eight = join_all((0..8).map(|_| door.connect())).await;
    let mut streams = Vec::new();
    for client in &mut eight {
        streams.push(client.subscribe(ADMIN.0, ADMIN.1).await.unwrap());
    }
    assert_eq!(door.sessions.seated().len(), 8);
    let mut ninth = door.connect().await;
    for _ in 0..2 {
        let refused = ninth.get(RO.0, RO.1).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let start = "MINOR: MGMT_CORE #2030: Session limit of 8 reached - 8 in use, held by admin 127.0.0.1:";
        assert!(refused.message().starts_with(start), "{refused:?}");
    }
    for (client, stream) in eight.iter_mut().zip(&mut streams) {
        assert!(stream.message().await.unwrap().is_some());
        client.get(ADMIN.0, ADMIN.1).await.unwrap();
    }
    streams.pop();
    eight.pop();
    eventually(|| door.sessions.seated().len() == 7).await;
    ninth.get(RO.0, RO.1).await.unwrap();
    drop(idle);
}

/// LIM-003, LIM-004, LIM-015, LIM-018, TLS-034: one connection alone can reach the limit, and exactly that.
#[tokio::test]
async fn exactly_so_many_channels() {
    let door = Door::open(Limits::default());
    let client = door.connect().await;
    let mut other = door.connect().await;
    other.get(ADMIN.0, ADMIN.1).await.unwrap();
    let opens = (0..300).map(|_| {
        let mut client = client.clone();
        async move { client.subscribe(ADMIN.0, ADMIN.1).await }
    });
    let (mut open, refused): (Vec<_>, Vec<_>) = join_all(opens).await.into_iter().partition(Result::is_ok);
    assert_eq!((open.len(), refused.len()), (225, 75));
    for outcome in refused {
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let start = "MINOR: MGMT_CORE #2031: Channel limit of 225 reached - 225 in use, held by admin 127.0.0.1:";
        let text = status.message();
        assert!(text.starts_with(start) && text.ends_with(" (225); end another RPC first"), "{text}");
    }
    // Any RPC of any session.
    assert_eq!(code(&other.get(ADMIN.0, ADMIN.1).await), Code::ResourceExhausted);
    open.pop();
    let active = || door.sessions.seated().iter().map(|session| session.active_rpcs()).sum::<usize>();
    eventually(|| active() == 224).await;
    other.get(ADMIN.0, ADMIN.1).await.unwrap();
    drop(open);
    eventually(|| active() == 0).await;
}

/// LIM-008: a channel is free again before its client can ask for the next.
#[tokio::test]
async fn unary_rpcs_give_their_channel_back() {
    let door = Door::open(Limits { channels: 1, ..Limits::default() });
    let mut client = door.connect().await;
    for _ in 0..2000 {
        client.get(ADMIN.0, ADMIN.1).await.unwrap();
    }
    let session = door.sessions.seated().pop().unwrap();
    assert_eq!(session.total_rpcs(), 2000);
}

/// LIM-009: a connection nobody logs in on is closed, others are not.
#[tokio::test]
async fn connections_without_a_login_are_closed() {
    let door = Door::open(Limits { first_request_timeout: Duration::from_secs(2), ..Limits::default() });
    // Checking a password may take longer than that on a busy machine. Then the connection is closed, as it has to be.
    let login = async || {
        loop {
            let mut client = door.connect().await;
            if let Ok(stream) = client.subscribe(ADMIN.0, ADMIN.1).await {
                return (client, stream);
            }
        }
    };
    let (_used, mut stream) = within(login()).await;
    let mut idle = tokio::net::TcpStream::connect(door.address).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tokio::io::AsyncWriteExt::write_all(&mut idle, preface).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut rest);
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("closed in time").ok();
    assert!(stream.message().await.unwrap().is_some());
}

/// A client that does not read what it subscribed to loses its connection, and with it its session.
#[tokio::test]
async fn stalled_clients_are_let_go() {
    let door = Door::open(Limits { send_stall: Duration::from_secs(1), ..Limits::default() });
    let (mut reader, mut stalled) = (door.connect().await, door.connect().await);
    // Nobody stalls yet while passwords are checked, however long that takes.
    reader.get(ADMIN.0, ADMIN.1).await.unwrap();
    stalled.get(RO.0, RO.1).await.unwrap();
    let mut read = reader.subscribe(ADMIN.0, ADMIN.1).await.unwrap();
    let unread = stalled.subscribe(RO.0, RO.1).await.unwrap();
    assert_eq!(door.sessions.seated().len(), 2);
    let reading = async {
        while door.sessions.seated().len() == 2 {
            assert!(read.message().await.unwrap().is_some());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("let go in time");
    assert_eq!(door.sessions.seated()[0].user().as_deref(), Some("admin"));
    drop(unread);
}

#[tokio::test]
async fn connections_above_the_limit_are_closed() {
    let door = Door::open(Limits { connections: 2, ..Limits::default() });
    let mut first = door.connect().await;
    let mut second = door.connect().await;
    first.get(ADMIN.0, ADMIN.1).await.unwrap();
    second.get(ADMIN.0, ADMIN.1).await.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", door.address)).unwrap();
    let mut third = Client { gnmi: ganymede::pb::gnmi::g_nmi_client::GNmiClient::new(endpoint.connect_lazy()) };
    third.get(ADMIN.0, ADMIN.1).await.unwrap_err();
    first.get(ADMIN.0, ADMIN.1).await.unwrap();
}
