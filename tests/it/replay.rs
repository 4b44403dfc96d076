//! The dialogues that the router's guide prints, with an element that looks like the one in them. Time is virtual.

use std::time::Duration;

use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{Notification, Subscription, SubscriptionMode};
use tokio::time::Instant;

use crate::harness::{Client, Harness, Subscription as Stream};
use crate::request::*;
use crate::text::*;

/// An element whose Base router has these interfaces, and `sim-1`, which every simulated element has.
async fn with_interfaces<const N: usize>(names: [&str; N]) -> (Harness, Client) {
    let harness = Harness::start_with("[platform.sim]\nports = 1\ntick-ms = 1000").await;
    let client = harness.client("admin").await;
    let add = |request, name| update_interface(request, name);
    client.apply(names.into_iter().fold(set(), add)).await;
    (harness, client)
}

fn update_interface(request: ganymede::pb::gnmi::SetRequest, name: &str) -> ganymede::pb::gnmi::SetRequest {
    request
        .update("/configure/router[router-name=Base]/interface", json(&format!(r#"[{{"interface-name":"{name}"}}]"#)))
}

fn sampled(at: &str, seconds: u64) -> Subscription {
    let sample_interval = seconds * 1_000_000_000;
    Subscription { sample_interval, ..asked(element(at), SubscriptionMode::Sample) }
}

/// The next message: a notification, or none for the sync.
async fn next(stream: &mut Stream) -> Option<Notification> {
    match stream.response().await.unwrap().and_then(|response| response.response) {
        Some(Response::Update(notification)) => Some(notification),
        Some(Response::SyncResponse(true)) => None,
        other => panic!("{other:?}"),
    }
}

/// The messages of the first round, in which the sync comes last.
async fn first_round(stream: &mut Stream) -> Vec<Notification> {
    let mut found = Vec::new();
    while let Some(notification) = next(stream).await {
        found.push(notification);
    }
    found
}

/// `interface/prefix | path = quoted` where the value of a counter is a quoted number.
fn shape(notification: &Notification) -> String {
    let [update] = &*notification.update else { panic!("{notification:?}") };
    let value = value_text(update.val.as_ref());
    let number = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("a quoted number");
    number.parse::<u64>().unwrap();
    let [prefix, path] = [&notification.prefix, &update.path].map(|path| path_text(path.as_ref().unwrap()));
    format!("{prefix} | {path}")
}

/// SUB-037, SUB-052, PATH-002, PATH-003, C-13, C-26, C-37: one counter every ten seconds.
#[tokio::test(start_paused = true)]
async fn single_path() {
    let (_harness, client) = with_interfaces(["test"]).await;
    let at = "/state/router[router-instance=Base]/interface[interface-name=test]/statistics/ip/in-packets";
    let mut stream = client.subscribe(stream([sampled(at, 10)])).await;
    let start = Instant::now();
    let expected = "~/state/router[router-name=Base]/interface[interface-name=test]/statistics/ip | ~/in-packets";
    assert_eq!(first_round(&mut stream).await.iter().map(shape).collect::<Vec<_>>(), [expected]);
    for tick in 1..4 {
        assert_eq!(shape(&next(&mut stream).await.unwrap()), expected);
        assert_eq!(start.elapsed().as_secs(), 10 * tick);
    }
}

/// SUB-038, PATH-009: a counter of every interface, each in its own message.
#[tokio::test(start_paused = true)]
async fn wildcard() {
    let (_harness, client) = with_interfaces(["system", "to_node_B", "to_node_D"]).await;
    let at = "/state/router[router-instance=Base]/interface[interface-name=*]/statistics/ip/in-packets";
    let mut stream = client.subscribe(stream([sampled(at, 30)])).await;
    let start = Instant::now();
    let expected = ["sim-1", "system", "to_node_B", "to_node_D"].map(|name| {
        format!("~/state/router[router-name=Base]/interface[interface-name={name}]/statistics/ip | ~/in-packets")
    });
    assert_eq!(first_round(&mut stream).await.iter().map(shape).collect::<Vec<_>>(), expected);
    for tick in 1..3 {
        for expected in &expected {
            assert_eq!(shape(&next(&mut stream).await.unwrap()), *expected);
            assert_eq!(start.elapsed().as_secs(), 30 * tick);
        }
    }
}

/// SUB-036, SUB-039: several paths in one list, one of which has no data; a whole list.
#[tokio::test(start_paused = true)]
async fn several_paths_and_a_list() {
    let (_harness, client) = with_interfaces(["to_node_B"]).await;
    let interface = "/state/router[router-instance=Base]/interface[interface-name=to_node_B]";
    let lsp = "/state/router[router-instance=Base]/mpls/statistics/lsp-egress-stats[lsp-name=lsp_to_dest_f]";
    let all = "/state/router[router-instance=Base]/interface[interface-name=*]";
    for (paths, names) in [(vec![interface, lsp], &["to_node_B"][..]), (vec![all], &["sim-1", "to_node_B"][..])] {
        let mut list = stream([]);
        list.subscription = paths.into_iter().map(|at| sampled(at, 30)).collect();
        let mut stream = client.subscribe(list).await;
        let start = Instant::now();
        let initial: Vec<_> = first_round(&mut stream).await.iter().map(notification_text).collect();
        for name in names {
            let oper = format!("~/state/router[router-name=Base]/interface[interface-name={name}]/oper-state = ");
            assert!(initial.iter().any(|text| text.contains(&oper)), "{initial:?}");
        }
        assert!(next(&mut stream).await.is_some());
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}

/// SUB-008, SUB-010, C-61: the object comes after the subscription.
#[tokio::test(start_paused = true)]
async fn object_did_not_exist() {
    let (_harness, client) = with_interfaces([]).await;
    let at = "/state/router[router-instance=Base]/interface[interface-name=to_node_B]";
    let mut stream = client.subscribe(stream([sampled(at, 30)])).await;
    let start = Instant::now();
    assert!(first_round(&mut stream).await.is_empty());
    tokio::time::advance(Duration::from_secs(40)).await;
    client.apply(update_interface(set(), "to_node_B")).await;
    let text = notification_text(&next(&mut stream).await.unwrap());
    assert!(text.contains("[interface-name=to_node_B]/oper-state"), "{text}");
    assert_eq!(start.elapsed().as_secs(), 60);
}

/// SUB-009, SUB-011, SMP-014, C-28: the object goes; one delete, then nothing until it is there again.
#[tokio::test(start_paused = true)]
async fn object_was_deleted() {
    let (_harness, client) = with_interfaces(["to_node_B"]).await;
    let at = "/state/router[router-instance=Base]/interface[interface-name=to_node_B]";
    let mut stream = client.subscribe(stream([sampled(at, 30)])).await;
    let start = Instant::now();
    assert!(!first_round(&mut stream).await.is_empty());
    client.apply(set().delete("/configure/router[router-name=Base]/interface[interface-name=to_node_B]")).await;
    let delete = stream.next().await;
    assert_eq!(delete, "delete ~/state/router[router-name=Base]/interface[interface-name=to_node_B]");
    assert_eq!(start.elapsed().as_secs(), 30);
    tokio::time::advance(Duration::from_secs(100)).await;
    client.apply(update_interface(set(), "to_node_B")).await;
    let text = notification_text(&next(&mut stream).await.unwrap());
    assert!(text.contains("[interface-name=to_node_B]/oper-state"), "{text}");
    assert_eq!(start.elapsed().as_secs(), 150);
}
