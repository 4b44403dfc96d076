//! The sessions in the state, by user, and the leaf that closes gRPC to all of them.

use std::time::Duration;

use ganymede::control::{Answer, Question, ask};
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::{QosMarking, SubscriptionList};
use tonic::Code;

use crate::door::with_credentials;
use crate::harness::{Client, Harness, eventually};
use crate::lab::{Lab, PLAIN};
use crate::request::*;
use crate::text::{check_refused, get_text};

const SESSIONS: &str = "/state/users/session";
const ACTIVE: &str = "/state/system/management-interface/active-sessions";
const OTHER: &str = r#"
[[configure.system.security.user-params.local-user.user]]
user-name = "other"
password = "other"
access.grpc = true
"#;

/// The value of a leaf of every session, by the key of the session.
async fn each(client: &Client, list: &str, leaf: &str) -> Vec<(String, String)> {
    let path = format!("{list}[session-id=*]/{leaf}");
    let texts = get_text(&client.get(get([&*path])).await.unwrap()).remove(0);
    let values = texts.split("; ").filter_map(|text| text.split_once(" = "));
    let number = |path: &str| path.split_once("session-id=").unwrap().1.split_once(']').unwrap().0.to_owned();
    values.map(|(path, value)| (number(path), value.replace('"', ""))).collect()
}

fn values(found: Vec<(String, String)>) -> Vec<String> {
    found.into_iter().map(|(_, value)| value).collect()
}

/// AUTH-024, AUTH-040: who is logged in, from where, since when and how long idle; a session that closes is gone.
#[tokio::test(start_paused = true)]
async fn state_lists_users() {
    let harness = Harness::start_with(OTHER).await;
    let client = harness.client("admin").await;
    let channel = harness.endpoint().connect().await.unwrap();
    let ask = async |user: &str| {
        let request = with_credentials(get(["/configure/system/name"]), user, user);
        GNmiClient::new(channel.clone()).get(request).await.map(|_| ())
    };
    ask("admin").await.unwrap();
    for list in [SESSIONS, ACTIVE] {
        let user = if list == SESSIONS { "user" } else { "username" };
        eventually(vec!["admin", "admin"].into_iter().map(str::to_owned).collect::<Vec<_>>(), async || {
            values(each(&client, list, user).await)
        })
        .await;
    }
    let found = get_text(&client.get(get([&*format!("{SESSIONS}[session-id=2]")])).await.unwrap()).remove(0);
    for part in [
        r#""session-id":2,"user":"admin","router-instance":"Base","connection-ip":"127.0.0.1","connection-type":"grpc""#,
        r#""login-time":"2"#,
        r#""connection-id":2,"session-create-time":"2"#,
    ] {
        assert!(found.contains(part), "{part} is not in {found}");
    }
    let active = get_text(&client.get(get([&*format!("{ACTIVE}[session-id=2]")])).await.unwrap()).remove(0);
    assert!(active.contains(r#""username":"admin","from":"127.0.0.1","session-type":"grpc""#), "{active}");
    let mode = "/state/system/management-interface/configuration-oper-mode";
    client.check_get(get([mode]), &[&format!("{mode} = \"model-driven\"")]).await;

    // Idle is who has no RPC running, by the second.
    let idle = async |list: &str| {
        let found = each(&client, list, "idle-time").await;
        found.into_iter().find(|(id, _)| id == "2").unwrap().1.parse::<u64>().unwrap()
    };
    tokio::time::sleep(Duration::from_secs(30)).await;
    for list in [SESSIONS, ACTIVE] {
        let seconds = idle(list).await;
        assert!((28..=60).contains(&seconds), "{seconds}");
    }
    ask("other").await.unwrap();
    eventually(true, async || idle(SESSIONS).await < 28).await;
    eventually("other".to_owned(), async || each(&client, SESSIONS, "user").await.pop().unwrap().1).await;
    drop(channel);
    eventually(1, async || each(&client, SESSIONS, "user").await.len()).await;
    assert_eq!(each(&client, ACTIVE, "username").await.len(), 1);
}

/// TLS-002: a connection is one session and each RPC that runs on it one channel, in the state, for the administrator
/// and for the limits alike.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_a_session_and_an_rpc_a_channel() {
    let harness = Harness::start_with("[limits]\nsessions = 2\nchannels = 5\n").await;
    let (watcher, client) = (harness.client("admin").await, harness.client("admin").await);
    watcher.get(get(["/configure/system/name"])).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = client.subscribe(on_change(["/configure/system/name"])).await;
        stream.round().await;
        streams.push(stream);
    }
    // Connections with their channels; the RPC that asks is one itself, as long as it is looked at.
    let grpc = async |leaf: &str| {
        let found = watcher.get(get([&*format!("/state/system/grpc/{leaf}")])).await;
        found.map_or_else(
            |_| Vec::new(),
            |found| get_text(&found)[0].replace('"', "").split("; ").map(str::to_owned).collect(),
        )
    };
    let counts = async || {
        let counts = grpc("connection[address=*][port=*]/active-rpc-count").await;
        let count = |text: &String| text.rsplit_once(" = ").map(|(_, count)| count.parse::<u32>().unwrap());
        let mut counts: Vec<u32> = counts.iter().filter_map(count).collect();
        counts.sort_unstable();
        counts
    };
    eventually(true, async || matches!(counts().await[..], [0 | 1, 4])).await;
    let rpcs = async || grpc("rpc[rpc-id=*]/session-id").await.iter().filter(|text| text.ends_with(" = 2")).count();
    eventually(4, &rpcs).await;
    let directory = harness.data_dir().to_owned();
    let sessions = async || {
        let directory = directory.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&directory, &Question::Sessions).unwrap());
        let Answer::Sessions { sessions, .. } = asked.await.unwrap() else { panic!("a list") };
        sessions.iter().map(|session| (session.id, session.active)).collect::<Vec<_>>()
    };
    assert_eq!(sessions().await, [(1, 0), (2, 4)]);
    // One more of each is too much, and the refusal tells the same counts.
    let fifth = client.subscribe(on_change(["/configure/system/name"])).await;
    let refused = watcher.get(get(["/configure/system/name"])).await;
    check_refused(refused, Code::ResourceExhausted, &["Channel limit of 5 reached - 5 in use", "(5)"]);
    let third = harness.client("admin").await.get(get(["/configure/system/name"])).await;
    check_refused(third, Code::ResourceExhausted, &["Session limit of 2 reached - 2 in use"]);
    drop((fifth, streams));
    eventually(0, &rpcs).await;
    eventually(vec![(1, 0), (2, 0)], sessions).await;
}

/// AUTH-040, SUB-043: the code point of a connection is in its state.
#[tokio::test(flavor = "multi_thread")]
async fn state_tells_the_marking() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let qos = async || {
        let found = client.get(get(["/state/system/grpc/connection[address=*][port=*]/qos"])).await.unwrap();
        get_text(&found)[0].rsplit(" = ").next().unwrap().to_owned()
    };
    eventually("\"be\"".to_owned(), &qos).await;
    let marked = SubscriptionList { qos: Some(QosMarking { marking: 46 }), ..on_change(["/configure/system/name"]) };
    let mut stream = client.subscribe(marked).await;
    stream.round().await;
    eventually("\"ef\"".to_owned(), &qos).await;
}

/// TLS-027, TLS-028: `allow-grpc` closes gRPC as `admin-state` does, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn allow_grpc_closes_the_door() {
    let lab = Lab::start(PLAIN).await;
    let client = lab.client().await;
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    let management = "/state/system/security/management";
    let open = r#"{"global":{"grpc":{"oper-state":"up"}},"router-instance":[{"router":"Base","allow-grpc":true}]}"#;
    eventually(format!("{management} = {open}"), async || {
        get_text(&client.get(get([management])).await.unwrap()).remove(0)
    })
    .await;
    client.apply(update("/configure/system/security/management/allow-grpc", "false")).await;
    let ended = stream.next().await;
    assert!(
        ended.starts_with("Unavailable") && ended.contains("/configure/system/security/management/allow-grpc is false"),
        "{ended}"
    );
    lab.listens(false).await;
    // A call that the client began while the connection went has a code of the client's own making.
    eventually(Code::Unavailable, async || {
        client.get(get([management])).await.map_or_else(|status| status.code(), |_| Code::Ok)
    })
    .await;
    lab.reload(&format!("{PLAIN}[configure.system.security.management]\nallow-grpc = true\n")).unwrap();
    lab.listens(true).await;
    lab.client().await.get(get(["/configure/system/grpc/admin-state"])).await.unwrap();
}
