//! Subscriptions to configuration, commit by commit.

use ganymede::pb::gnmi::{Encoding, SubscribeRequest, SubscriptionList, SubscriptionMode};
use ganymede::pb::gnmi_ext::commit::Action;
use ganymede::pb::gnmi_ext::{
    CommitCancel, CommitConfirm, ConfigSubscription, ConfigSubscriptionSyncDone, Extension,
    config_subscription as action, extension,
};
use tonic::Code;

use crate::harness::{Client, Harness, Subscription, eventually, subscribe};
use crate::request::*;
use crate::text::*;

const TEXT: &str = "/test/types/text";
const PORTS: &str = "[platform.sim]\nports = 2";

fn asking(list: SubscriptionList) -> SubscribeRequest {
    SubscribeRequest { extension: vec![config_subscription()], ..subscribe(list) }
}

/// A stream of configuration that has said its sync.
async fn watch<const N: usize>(client: &Client, paths: [&str; N]) -> Subscription {
    let mut stream = client.open(asking(on_change(paths))).await.unwrap();
    stream.round().await;
    stream
}

/// EXT-030: nothing but configuration comes, whatever the path and the mode, initially and later.
#[tokio::test(flavor = "multi_thread")]
async fn streams_configuration_alone() {
    let harness = Harness::start_with(PORTS).await;
    let client = harness.client("admin").await;
    client.apply(update("/interfaces/interface[name=sim-1]/config", CONFIG)).await;
    let config = "/interfaces/interface[name=sim-1]/config";
    let leaves = [
        format!("{config}/name = string sim-1"),
        format!("{config}/type = string iana-if-type:ethernetCsmacd"),
        format!("{config}/mtu = uint 1400"),
    ];
    for mode in [SubscriptionMode::OnChange, SubscriptionMode::TargetDefined, SubscriptionMode::Sample] {
        for at in ["/interfaces/interface", "/interfaces/interface[name=sim-1]"] {
            let list = stream([asked(path(at), mode)]).encoding(Encoding::Proto);
            let said = client.open(asking(list)).await.unwrap().round().await.join("; ");
            assert!(leaves.iter().all(|leaf| said.contains(leaf)), "{said}");
            assert!(!said.contains("/state/") && !said.contains("sim-2"), "{said}");
        }
    }
    let mut everything = client.open(asking(on_change(["/"]))).await.unwrap();
    let said = everything.round().await.join("; ");
    assert!(said.contains("/configure/system/name") && !said.contains("/state/"), "{said}");
    let mut nothing = client.open(asking(on_change(["/state", "/state/port"]))).await.unwrap();
    assert_eq!(nothing.round().await, ["sync"]);
    client.apply(update(&format!("{config}/mtu"), "1500")).await;
    assert_eq!(everything.next().await, format!("{config}/mtu = 1500"));
    assert!(everything.next().await.ends_with("done"));
    let once = client.open(asking(once(["/interfaces"]).encoding(Encoding::Proto))).await.unwrap().round().await;
    assert!(once[0].contains("/config/mtu = uint 1500") && !once[0].contains("/state/"), "{once:?}");
}

const CONFIG: &str = r#"{"name":"sim-1","type":"iana-if-type:ethernetCsmacd","mtu":1400}"#;

/// EXT-031: the changes of each commit come together, then its end with the number of the commit, which grows by one.
#[tokio::test(flavor = "multi_thread")]
async fn tells_commits_apart() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = watch(&client, ["/test/types", "/test/b"]).await;
    let commits = [
        update(TEXT, r#""one""#),
        set().update(TEXT, json(r#""two""#)).update("/test/b[key1=x][key2=y]/value", json(r#""v""#)),
        set().delete("/test/b"),
        set().update("/configure/system/location", json(r#""elsewhere""#)),
        update(TEXT, r#""three""#),
    ];
    for commit in commits {
        client.apply(commit).await;
    }
    let mut numbers = Vec::new();
    for expected in [
        vec![r#"/test/types/text = "one""#],
        vec![
            r#"/test/types/text = "two""#,
            r#"/test/b[key1=x][key2=y]/key1 = "x"; /test/b[key1=x][key2=y]/key2 = "y"; /test/b[key1=x][key2=y]/value = "v""#,
        ],
        vec!["delete /test/b[key1=x][key2=y]"],
        vec![],
        vec![r#"/test/types/text = "three""#],
    ] {
        for line in expected {
            assert_eq!(stream.next().await, line);
        }
        let done = stream.next().await;
        let number = done.strip_prefix("commit ").and_then(|rest| rest.strip_suffix(r#" confirm "" done"#));
        numbers.push(number.unwrap_or_else(|| panic!("{done}")).parse::<u64>().unwrap());
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

/// EXT-031: many commits at once, each of which is told with its own value, while a commit without a change is none.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_up_with_many_commits() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = watch(&client, [TEXT]).await;
    let writer = client.clone();
    let writing = tokio::spawn(async move {
        for number in 0..40 {
            writer.apply(update(TEXT, &format!("\"n{number}\""))).await;
            writer.apply(update(TEXT, &format!("\"n{number}\""))).await;
        }
    });
    for number in 0..40 {
        assert_eq!(stream.next().await, format!("{TEXT} = \"n{number}\""));
        assert!(stream.next().await.ends_with("done"));
    }
    writing.await.unwrap();
}

/// EXT-032: a commit that waits is named, its confirmation is silent, and taking it back is a commit of the same name.
#[tokio::test(flavor = "multi_thread")]
async fn names_confirmed_commits() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(TEXT, r#""before""#)).await;
    let mut stream = watch(&client, [TEXT]).await;
    let spoken = |id, action| extended(set(), commit(id, action));
    client.apply(extended(update(TEXT, r#""kept""#), commit_request("c1", None))).await;
    client.apply(spoken("c1", Action::Confirm(CommitConfirm {}))).await;
    client.apply(extended(update(TEXT, r#""cancelled""#), commit_request("c2", None))).await;
    client.apply(spoken("c2", Action::Cancel(CommitCancel {}))).await;
    client.apply(extended(update(TEXT, r#""expired""#), commit_request("c3", Some(1)))).await;
    for (value, id) in [("kept", "c1"), ("cancelled", "c2"), ("kept", "c2"), ("expired", "c3"), ("kept", "c3")] {
        assert_eq!(stream.next().await, format!("{TEXT} = {value:?}"));
        let done = stream.next().await;
        assert!(done.ends_with(&format!(" confirm {id:?} done")), "{done}");
    }
}

/// EXT-033, EXT-034: the sync comes before the end of any commit, with updates_only as the very first message.
#[tokio::test(flavor = "multi_thread")]
async fn syncs_first() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(TEXT, r#""before""#)).await;
    let list = SubscriptionList { updates_only: true, ..on_change([TEXT]) };
    let mut only_updates = client.open(asking(list)).await.unwrap();
    let mut stream = client.open(asking(on_change([TEXT]))).await.unwrap();
    client.apply(update(TEXT, r#""after""#)).await;
    assert_eq!(only_updates.next().await, "sync");
    assert_eq!(stream.next().await, format!(r#"{TEXT} = "before""#));
    assert_eq!(stream.next().await, "sync");
    for stream in [&mut only_updates, &mut stream] {
        assert_eq!(stream.next().await, format!(r#"{TEXT} = "after""#));
        assert!(stream.next().await.ends_with(r#" confirm "" done"#));
    }
}

/// EXT-030: only the start is a client's to send; who does not send it gets no extension.
#[tokio::test(flavor = "multi_thread")]
async fn starts_only_when_asked() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let done = action::Action::SyncDone(ConfigSubscriptionSyncDone::default());
    for action in [None, Some(done)] {
        let asked = Extension { ext: Some(extension::Ext::ConfigSubscription(ConfigSubscription { action })) };
        let first = SubscribeRequest { extension: vec![asked], ..subscribe(on_change([TEXT])) };
        check_refused(
            Err::<(), _>(client.refusal(first).await),
            Code::InvalidArgument,
            &["config-subscription", "start"],
        );
    }
    let mut plain = client.subscribe(on_change([TEXT])).await;
    plain.round().await;
    let _asked = watch(&client, [TEXT]).await;
    let flag = "/state/system/telemetry/grpc/subscription[subscription-id=*]/extension/config-subscription";
    eventually(vec!["false".to_owned(), "true".to_owned()], async || {
        let found = get_text(&client.get(get([flag])).await.unwrap()).join("; ");
        found.split("; ").filter_map(|line| line.rsplit_once(" = ")).map(|(_, value)| value.to_owned()).collect()
    })
    .await;
    client.apply(update(TEXT, r#""one""#)).await;
    client.apply(update(TEXT, r#""two""#)).await;
    let mut said = plain.next().await;
    if said == format!(r#"{TEXT} = "one""#) {
        said = plain.next().await;
    }
    assert!(said.starts_with(&format!(r#"{TEXT} = "two""#)), "{said}");
}
