//! What state says of subscriptions, sessions and RPCs, and how an administrator ends a subscription.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use ganymede::control::{Answer, Question, ask, socket};
use ganymede::pb::gnmi::subscription_list::Mode;
use ganymede::pb::gnmi::{Encoding, Subscription, SubscriptionList, SubscriptionMode};

use crate::harness::{Client, Harness, eventually};
use crate::request::*;

const SUBSCRIPTIONS: &str = "/state/system/telemetry/grpc/subscription";
const BUNDLING: &str = "/configure/system/telemetry/notification-bundling/admin-state";

/// The leaves below a path as a ONCE list tells them, by what follows the path.
async fn leaves(client: &Client, at: &str) -> BTreeMap<String, String> {
    let texts = client.subscribe(once([at])).await.round().await;
    let each = texts.iter().flat_map(|text| text.split("; ")).filter_map(|text| text.split_once(" = "));
    each.map(|(path, value)| (path.strip_prefix(at).unwrap_or(path).to_owned(), value.replace('"', ""))).collect()
}

/// Waits until leaves have these values.
async fn shows(client: &Client, at: &str, expected: &[(&str, &str)]) {
    let wanted: Vec<_> = expected.iter().map(|(leaf, value)| (*leaf, Some((*value).to_owned()))).collect();
    eventually(wanted, async || {
        let found = leaves(client, at).await;
        expected.iter().map(|(leaf, _)| (*leaf, found.get(*leaf).cloned())).collect()
    })
    .await;
}

/// The numbers of the STREAM and POLL subscriptions that state lists.
async fn numbers(client: &Client) -> Vec<String> {
    let found = leaves(client, SUBSCRIPTIONS).await;
    let lasts =
        |number: &&String| found.get(&format!("[subscription-id={number}]/mode")).is_some_and(|mode| mode != "once");
    let ids = found.iter().filter(|(leaf, _)| leaf.ends_with("/subscription-id")).map(|(_, id)| id);
    ids.filter(lasts).cloned().collect()
}

/// SUB-053: parameters, mode, encoding, user and destination of each subscription, and of each of its paths.
#[tokio::test(flavor = "multi_thread")]
async fn state_lists_subscriptions() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let on_change =
        Subscription { heartbeat_interval: 60_000_000_000, ..asked(path("/test/types"), SubscriptionMode::OnChange) };
    let list = stream([
        sample("/test/counters/entry[name=a]/c0", 1234),
        on_change,
        asked(path("/configure/system"), SubscriptionMode::TargetDefined),
    ]);
    let mut first = client.subscribe(list.encoding(Encoding::JsonIetf)).await;
    first.round().await;
    let other = harness.client("admin").await;
    let mut second = other.subscribe(poll(["/test/b"]).encoding(Encoding::Proto)).await;
    second.round().await;
    eventually(vec!["1".to_owned(), "2".to_owned()], async || numbers(&client).await).await;
    let one = format!("{SUBSCRIPTIONS}[subscription-id=1]");
    let found = leaves(&client, &one).await;
    let port = found["/destination-port"].clone();
    let expected = [
        ("/subscription-id", "1"),
        ("/user-name", "admin"),
        ("/destination-address", "127.0.0.1"),
        ("/destination-port", &port),
        ("/mode", "stream"),
        ("/encoding", "json-ietf"),
        ("/notification-bundling-oper-state", "down"),
        ("/extension/config-subscription", "false"),
        ("/path[path=/test/counters/entry[name=a\\]/c0]/mode", "sample"),
        ("/path[path=/test/counters/entry[name=a\\]/c0]/sample-interval", "1234"),
        ("/path[path=/test/types]/mode", "on-change"),
        ("/path[path=/test/types]/heartbeat-interval", "60000"),
        ("/path[path=/test/types]/finished-collection-count", "0"),
        ("/path[path=/configure/system]/mode", "target-defined"),
        ("/path[path=/configure/system]/sample-interval", "10000"),
    ];
    let unescaped: BTreeMap<_, _> = found.iter().map(|(leaf, value)| (leaf.replace("\\]", "]"), value)).collect();
    for (leaf, value) in expected {
        let leaf = leaf.replace("\\]", "]");
        assert_eq!(unescaped.get(&leaf).map(|value| value.as_str()), Some(value), "{leaf} of {unescaped:?}");
    }
    assert!(!unescaped.contains_key("/path[path=/test/types]/sample-interval"));
    assert!(!unescaped.contains_key("/min-bundle-size"));
    let two = leaves(&client, &format!("{SUBSCRIPTIONS}[subscription-id=2]")).await;
    assert_eq!((&*two["/mode"], &*two["/encoding"]), ("poll", "proto"));
    assert_ne!(two["/destination-port"], port);
    // Gone when they end, whatever ends them; numbers are not used again.
    drop(first);
    eventually(vec!["2".to_owned()], async || numbers(&client).await).await;
    drop((second, other));
    eventually(Vec::new(), async || numbers(&client).await).await;
    let mut third = client.subscribe(poll(["/test/b"])).await;
    third.round().await;
    eventually(1, async || numbers(&client).await.len()).await;
    assert!(numbers(&client).await[0].parse::<u32>().unwrap() > 2);
}

/// SUB-053, SMP-016: notifications and collections are counted, and nothing is written while nothing happens.
#[tokio::test(start_paused = true)]
async fn state_counts() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/typed-key[number=1]/value", r#""v""#)).await;
    client.apply(update("/test/typed-key[number=2]/value", r#""v""#)).await;
    let mut stream = client.subscribe(stream([sample("/test/typed-key/value", 20_000)])).await;
    stream.round().await;
    let path = "/path[path=/test/typed-key/value]";
    let [finished, deferred, average] =
        ["finished-collection-count", "deferred-collection-count", "avg-collection-time"]
            .map(|leaf| format!("{path}/{leaf}"));
    let one = format!("{SUBSCRIPTIONS}[subscription-id=1]");
    let expected = |notifications, rounds| {
        [
            ("/notification-count", notifications),
            ("/context-count", notifications),
            (&*finished, rounds),
            (&*deferred, "0"),
        ]
    };
    shows(&client, &one, &expected("2", "1")).await;
    for _ in 0..4 {
        stream.next().await;
    }
    shows(&client, &one, &expected("6", "3")).await;
    assert!(leaves(&client, &one).await[&average].parse::<u32>().unwrap() < 1000);
    // A subscription to its own state does not feed itself.
    let mut own = client.subscribe(on_change(["/state/system/telemetry/grpc/subscription[subscription-id=1]"])).await;
    assert_eq!(own.round().await.pop().as_deref(), Some("sync"));
    for _ in 0..4 {
        stream.next().await;
    }
    client.apply(update("/test/typed-key[number=3]/value", r#""v""#)).await;
    assert!(tokio::time::timeout(Duration::from_secs(10), own.next()).await.is_err());
}

/// BND-013: whether notifications are bundled, and how many at a time.
#[tokio::test(start_paused = true)]
async fn state_shows_bundles() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(BUNDLING, r#""enable""#)).await;
    let mut stream = client.subscribe(on_change(["/test/typed-key/value"])).await;
    stream.round().await;
    let one = format!("{SUBSCRIPTIONS}[subscription-id=1]");
    let sizes = |sizes: [&'static str; 3]| {
        [("/min-bundle-size", sizes[0]), ("/avg-bundle-size", sizes[1]), ("/max-bundle-size", sizes[2])]
    };
    shows(&client, &one, &[("/notification-bundling-oper-state", "up")]).await;
    shows(&client, &one, &sizes(["0", "0", "0"])).await;
    for count in [4, 1, 4] {
        let edits = (0..count).fold(set(), |edits, entry| {
            let value = format!("{:?}", tokio::time::Instant::now());
            edits.update(&format!("/test/typed-key[number={entry}]/value"), json(&format!("{value:?}")))
        });
        client.apply(edits).await;
        stream.next().await;
    }
    shows(&client, &one, &sizes(["1", "3", "4"])).await;
    shows(&client, &one, &[("/notification-count", "3"), ("/context-count", "9")]).await;
    let span: u32 = leaves(&client, &one).await["/max-bundle-time-granularity"].parse().unwrap();
    assert!(span <= 100);
}

/// AUTH-040: the sessions with address, port and RPC counts, and the RPCs that run.
#[tokio::test(flavor = "multi_thread")]
async fn state_lists_sessions_and_rpcs() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let other = harness.client("admin").await;
    let mut stream = other.subscribe(on_change(["/test"])).await;
    stream.round().await;
    for _ in 0..3 {
        other.capabilities(Default::default()).await.unwrap();
    }
    other.get(get(["/test/types/uint8"])).await.unwrap_err();
    let grpc = "/state/system/grpc";
    shows(&client, grpc, &[("/oper-state", "up"), ("/supported-services/gnmi-version", "0.8.0")]).await;
    let mut connection = String::new();
    eventually(true, async || {
        let found = leaves(&client, grpc).await;
        let total = found.iter().find(|(leaf, value)| leaf.ends_with("/total-rpc-count") && *value == "5");
        connection = total.map(|(leaf, _)| leaf.replace("/total-rpc-count", "")).unwrap_or_default();
        !connection.is_empty()
    })
    .await;
    assert!(connection.starts_with("/connection[address=127.0.0.1][port="), "{connection}");
    let at = |leaf: &str| format!("{connection}{leaf}");
    let found = leaves(&client, grpc).await;
    assert_eq!(found[&at("/active-rpc-count")], "1");
    assert_eq!(found[&at("/last-finished-rpc/name")], "Get");
    assert_eq!(found[&at("/last-finished-rpc/service-name")], "gNMI");
    assert_eq!(found[&at("/last-finished-rpc/package-name")], "gnmi");
    assert!(found[&at("/last-finished-rpc/error-rpc-status")].starts_with("NotFound: MINOR: "), "{found:?}");
    for leaf in ["/rx-bytes", "/tx-bytes"] {
        assert!(found[&at(leaf)].parse::<u64>().unwrap() > 300, "{leaf}");
    }
    let port = found[&at("/port")].clone();
    let subscribes: Vec<_> =
        found.iter().filter(|(leaf, name)| leaf.starts_with("/rpc[") && *name == "Subscribe").collect();
    let of_other = |(leaf, _): &&(&String, &String)| found[&leaf.replace("/name", "/port")] == port;
    let rpc = subscribes.iter().find(of_other).expect("the Subscribe that runs").0.replace("/name", "");
    assert_eq!((&*found[&format!("{rpc}/user-name")], &*found[&format!("{rpc}/package-name")]), ("admin", "gnmi"));
    // What ends is gone.
    drop((stream, other));
    eventually(false, async || leaves(&client, grpc).await.contains_key(&at("/port"))).await;
    assert!(!leaves(&client, grpc).await.contains_key(&format!("{rpc}/name")));
}

/// SUB-034: an administrator ends a subscription; the session and its other RPCs go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_ends_a_subscription() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut first = client.subscribe(on_change(["/test/types/uint8"])).await;
    let mut second = client.subscribe(on_change(["/test/types/uint8"])).await;
    first.round().await;
    second.round().await;
    let directory = harness.data_dir().to_owned();
    let asks = async |question: Question| {
        let directory = directory.clone();
        tokio::task::spawn_blocking(move || ask(&directory, &question).unwrap()).await.unwrap()
    };
    let Answer::Subscriptions { subscriptions } = asks(Question::Subscriptions).await else { panic!("a list") };
    assert_eq!(subscriptions.iter().map(|subscription| subscription.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&*subscriptions[0].user, &*subscriptions[0].paths), ("admin", &["/test/types/uint8".to_owned()][..]));
    assert_eq!(asks(Question::EndSubscription { id: 1 }).await, Answer::Ended { count: 1 });
    let ended = "Cancelled: INFO: MGMT_CORE #2003: Subscription ended - by an administrator";
    assert_eq!(first.next().await, ended);
    client.apply(update("/test/types/uint8", "1")).await;
    assert_eq!(second.next().await, "/test/types/uint8 = 1");
    eventually(true, async || matches!(asks(Question::EndSubscription { id: 1 }).await, Answer::Refused { .. })).await;
    // A client that does not read is ended too: it finds out when it reads.
    let mut once = client.subscribe(SubscriptionList { mode: Mode::Poll.into(), ..on_change(["/test"]) }).await;
    once.round().await;
    assert_eq!(asks(Question::EndSubscriptions).await, Answer::Ended { count: 2 });
    assert_eq!((second.next().await, once.next().await), (ended.to_owned(), ended.to_owned()));
    client.capabilities(Default::default()).await.unwrap();
}

/// SUB-034: the same from the command line.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_ends_a_subscription() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/types", "/test/b"])).await;
    stream.round().await;
    let file = harness.data_dir().join("it.toml");
    std::fs::write(&file, format!("data-dir = {:?}\n", harness.data_dir().to_str().unwrap())).unwrap();
    let command = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganymede"));
        command.arg("subscriptions").arg("--config").arg(&file).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), out, error)
    };
    let (code, out, _) = command(&[]).await;
    let row: Vec<_> = out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        (code, &row[..4], &row[6..]),
        (0, &["1", "admin", "stream", "json"][..], &["/test/types", "and", "1", "more"][..])
    );
    let (code, _, error) = command(&["end", "9"]).await;
    assert_eq!((code, error.trim()), (64, "ganymede: there is no subscription 9"));
    assert_eq!(command(&["end", "1"]).await, (0, "1 ended\n".to_owned(), String::new()));
    assert!(stream.next().await.starts_with("Cancelled"));
}

/// The socket is for the user of the daemon alone, survives nonsense, and goes with the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_private() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    let harness = Harness::start().await;
    let path = socket(harness.data_dir());
    eventually(true, async || path.exists()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let long = vec![b'x'; 100_000];
    for nonsense in [&b"\n"[..], b"{}\n", b"{\"ask\":\"end-subscription\"}\n", b"\xff\xfe\n", &long] {
        let (path, nonsense) = (path.clone(), nonsense.to_vec());
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            let _ = stream.write_all(&nonsense);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        });
        let answer = answer.await.unwrap();
        assert!(answer.is_empty() || answer.contains("refused"), "{answer}");
    }
    let directory = harness.data_dir().to_owned();
    let answer = tokio::task::spawn_blocking(move || ask(&directory, &Question::Subscriptions)).await.unwrap();
    assert_eq!(answer.unwrap(), Answer::Subscriptions { subscriptions: Vec::new() });
    drop(harness);
    eventually(false, async || path.exists()).await;
}
