//! Which of several controllers may write.

use ganymede::pb::gnmi::SetRequest;
use ganymede::pb::gnmi_ext::{Extension, MasterArbitration, Role, Uint128, extension};
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::*;

const TEXT: &str = "/test/types/text";

fn arbitration(role: Option<&str>, election_id: Option<Uint128>) -> Extension {
    let role = role.map(|id| Role { id: id.to_owned() });
    Extension { ext: Some(extension::Ext::MasterArbitration(MasterArbitration { role, election_id })) }
}

/// A Set of the text by a controller of this role with this id.
fn by(role: Option<&str>, low: u64, text: &str) -> SetRequest {
    extended(update(TEXT, &format!("{text:?}")), arbitration(role, Some(Uint128 { high: 0, low })))
}

async fn check_text(client: &Client, expected: &str) {
    client.check_get(get([TEXT]), &[&format!("{TEXT} = {expected:?}")]).await;
}

async fn start() -> (Harness, Client) {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    (harness, client)
}

/// EXT-020, EXT-022: the largest id of a role writes, a smaller one is told which that is; who does not take part in
/// the arbitration writes as ever.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_id_is_the_master() {
    let (harness, client) = start().await;
    client.apply(by(None, 5, "five")).await;
    client.apply(by(None, 5, "five again")).await;
    let other = harness.client("admin").await;
    check_refused(other.set(by(None, 4, "four")).await, Code::PermissionDenied, &["4 ", "5 ", "default role"]);
    check_text(&client, "five again").await;
    other.apply(by(None, 6, "six")).await;
    check_refused(client.set(by(None, 5, "five")).await, Code::PermissionDenied, &["low 6"]);
    client.apply(update(TEXT, r#""nobody""#)).await;
    check_text(&client, "nobody").await;
}

/// EXT-021: an arbitration without an id claims nothing.
#[tokio::test(flavor = "multi_thread")]
async fn needs_an_election_id() {
    let (_harness, client) = start().await;
    let long = "r".repeat(257);
    for (extension, part) in [
        (vec![arbitration(None, None)], "election_id"),
        (vec![arbitration(Some("r"), None)], "election_id"),
        (vec![arbitration(Some(&long), Some(Uint128::default()))], "257"),
        (vec![arbitration(None, Some(Uint128::default())), arbitration(Some("r"), Some(Uint128::default()))], "twice"),
    ] {
        let refused = client.set(SetRequest { extension, ..update(TEXT, r#""t""#) }).await;
        check_refused(refused, Code::InvalidArgument, &["master-arbitration", part]);
    }
}

/// EXT-023: each role has a master of its own; no role and an empty one are the default role.
#[tokio::test(flavor = "multi_thread")]
async fn roles_are_independent() {
    let (_harness, client) = start().await;
    client.apply(by(Some("a"), 10, "a")).await;
    client.apply(by(Some("b"), 1, "b")).await;
    client.apply(by(None, 2, "default")).await;
    check_refused(client.set(by(Some(""), 1, "x")).await, Code::PermissionDenied, &["low 2"]);
    check_refused(client.set(by(Some("a"), 9, "x")).await, Code::PermissionDenied, &["role 'a'", "low 10"]);
    client.apply(by(Some("b"), 1, "b again")).await;
    check_text(&client, "b again").await;
}

/// EXT-023: the number of roles is limited.
#[tokio::test(flavor = "multi_thread")]
async fn remembers_so_many_roles() {
    let harness = Harness::start_with("[limits]\narbitration-roles = 2").await;
    let client = harness.client("admin").await;
    client.apply(by(Some("a"), 1, "a")).await;
    client.apply(by(Some("b"), 1, "b")).await;
    check_refused(client.set(by(Some("c"), 1, "c")).await, Code::ResourceExhausted, &["2 roles"]);
    client.apply(by(Some("a"), 2, "a")).await;
}

/// EXT-024: an empty Set takes over, even while a commit waits for its confirmation, and makes no commit.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_set_takes_over() {
    let (_harness, client) = start().await;
    client.apply(by(None, 1, "old master")).await;
    let mut watching = client.subscribe(on_change(["/test"])).await;
    watching.round().await;
    let take_over = |low| extended(set(), arbitration(None, Some(Uint128 { high: 0, low })));
    let response = client.set(take_over(2)).await.unwrap();
    assert!(response.response.is_empty());
    check_refused(client.set(by(None, 1, "old master")).await, Code::PermissionDenied, &["low 2"]);
    client.apply(extended(by(None, 2, "waits"), commit_request("c1", None))).await;
    client.apply(take_over(3)).await;
    check_refused(client.set(by(None, 2, "late")).await, Code::PermissionDenied, &["low 3"]);
    check_refused(client.set(by(None, 3, "early")).await, Code::FailedPrecondition, &["'c1'"]);
    assert_eq!(watching.next().await, r#"/test/types/text = "waits""#);
}

/// EXT-025: the high half of an id counts before the low one.
#[tokio::test(flavor = "multi_thread")]
async fn compares_all_bits() {
    let (_harness, client) = start().await;
    let with = |high, low| extended(update(TEXT, r#""t""#), arbitration(None, Some(Uint128 { high, low })));
    client.apply(with(1, 0)).await;
    check_refused(client.set(with(0, u64::MAX)).await, Code::PermissionDenied, &["high 1, low 0"]);
    client.apply(with(1, 1)).await;
    client.apply(with(u64::MAX, u64::MAX)).await;
    check_refused(client.set(with(u64::MAX, 0)).await, Code::PermissionDenied, &[]);
}

/// EXT-026: the id of a Set that fails counts all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_set_leaves_its_id() {
    let (_harness, client) = start().await;
    client.apply(by(None, 1, "one")).await;
    let id = arbitration(None, Some(Uint128 { high: 0, low: 2 }));
    check_refused(client.set(extended(update("/test/types/uint8", "300"), id)).await, Code::InvalidArgument, &[]);
    check_refused(client.set(by(None, 1, "one")).await, Code::PermissionDenied, &["low 2"]);
}
