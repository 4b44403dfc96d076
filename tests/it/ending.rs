//! What the administrator of the machine sees of sessions and logins, and how a session is ended.

use std::process::Command;

use ganymede::control::{Answer, Question, ask};

use crate::harness::{Client, Harness, eventually};
use crate::request::*;

/// AUTH-023: an administrator ends a session: its subscriptions read why, as the log does, its seat is
/// free, others go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_ends_a_session() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let other = harness.client("admin").await;
    let mut ours = client.subscribe(on_change(["/test/types/uint8"])).await;
    ours.round().await;
    let mut theirs = other.subscribe(on_change(["/test/types/uint8"])).await;
    theirs.round().await;
    let directory = harness.data_dir().to_owned();
    let asks = async |question: Question| {
        let directory = directory.clone();
        tokio::task::spawn_blocking(move || ask(&directory, &question).unwrap()).await.unwrap()
    };
    let Answer::Sessions { sessions, limit, others } = asks(Question::Sessions).await else { panic!("a list") };
    assert_eq!((sessions.len(), limit, others), (2, 8, 0));
    let facts = &sessions[1];
    assert_eq!((&*facts.user, facts.tls, facts.active, facts.total), ("admin", false, 1, 1));
    assert!(facts.client.starts_with("127.0.0.1:"), "{facts:?}");
    assert_eq!(asks(Question::EndSession { id: facts.id }).await, Answer::Ended { count: 1 });
    let ended = "Cancelled: INFO: MGMT_CORE #2003: Subscription ended - by an administrator";
    assert_eq!(theirs.next().await, ended);
    let again = Question::EndSession { id: facts.id };
    let gone = Answer::Refused { reason: format!("there is no session {}", facts.id) };
    eventually(gone, async || asks(again.clone()).await).await;
    let closed = format!(r#""session":{},"verdict":"authorized","reason":"ended by an administrator""#, facts.id);
    eventually(true, async || harness.security_log().lines().any(|line| line.contains(&closed))).await;
    client.apply(update("/test/types/uint8", "1")).await;
    assert_eq!(ours.next().await, "/test/types/uint8 = 1");
}

/// The same from the command line.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_ends_a_session() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.capabilities(Default::default()).await.unwrap();
    let file = harness.data_dir().join("it.toml");
    std::fs::write(&file, format!("data-dir = {:?}\n", harness.data_dir().to_str().unwrap())).unwrap();
    let command = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganymede"));
        command.arg("sessions").arg("--config").arg(&file).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), out, error)
    };
    let (code, out, _) = command(&[]).await;
    let row: Vec<_> = out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((code, row[1], row[3], row[5], row[6]), (0, "admin", "no", "0", "1"), "{out}");
    assert!(out.ends_with("1 of 8 sessions, 0 connections without one\n"), "{out}");
    assert_eq!(command(&["end", row[0]]).await, (0, "1 ended\n".to_owned(), String::new()));
    let (code, _, error) = command(&["end", "999"]).await;
    assert_eq!((code, &*error), (64, "ganymede: there is no session 999\n"));
}

/// A leaf below `/state/system/security/user-params`, as JSON; empty when it is not there.
async fn leaf(client: &Client, path: &str) -> String {
    let path = format!("/state/system/security/user-params/{path}");
    let Ok(response) = client.get(get([&*path])).await else { return String::new() };
    crate::text::get_text(&response).join("\n").rsplit(" = ").next().unwrap_or_default().to_owned()
}

/// AUTH-037: state counts the logins of each user and says who is locked out, and for how long.
#[tokio::test(flavor = "multi_thread")]
async fn state_tells_who_is_locked_out() {
    let harness = Harness::start_with(
        r#"
[[configure.system.security.user-params.local-user.user]]
user-name = "bob"
password = "builder"
access.grpc = true
console.member = ["administrative"]
"#,
    )
    .await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/system/security/user-params/attempts/count", "3")).await;
    let bob = "local-user/user[user-name=bob]";
    eventually("0".to_owned(), async || leaf(&client, &format!("{bob}/attempted-logins")).await).await;
    assert_eq!(leaf(&client, &format!("{bob}/locked-out")).await, "false");
    assert_eq!(leaf(&client, "user-lockout[user-name=bob]/remaining-login-attempts").await, "");
    let guessing = harness.client("bob").await;
    guessing.capabilities(Default::default()).await.unwrap_err();
    let left = async || leaf(&client, "user-lockout[user-name=bob]/remaining-login-attempts").await;
    eventually("2".to_owned(), left).await;
    for _ in 0..3 {
        guessing.capabilities(Default::default()).await.unwrap_err();
    }
    eventually("true".to_owned(), async || leaf(&client, &format!("{bob}/locked-out")).await).await;
    eventually("4".to_owned(), async || leaf(&client, &format!("{bob}/failed-logins")).await).await;
    assert_eq!(leaf(&client, &format!("{bob}/attempted-logins")).await, "4");
    eventually("0".to_owned(), left).await;
    let remaining = leaf(&client, &format!("{bob}/lockout-remaining-time")).await.parse::<u32>().unwrap();
    assert!((500..=600).contains(&remaining), "{remaining}");
    let admin = "local-user/user[user-name=admin]";
    assert_eq!(leaf(&client, &format!("{admin}/failed-logins")).await, "0");
    // What is not there any more is not shown.
    client.apply(set().delete("/configure/system/security/user-params/local-user/user[user-name=bob]")).await;
    eventually(String::new(), async || leaf(&client, &format!("{bob}/attempted-logins")).await).await;
    eventually(String::new(), left).await;
}
