//! Commits that have to be confirmed.

use std::time::Duration;

use ganymede::pb::gnmi::SetRequest;
use ganymede::pb::gnmi_ext::commit::Action;
use ganymede::pb::gnmi_ext::{Commit, CommitCancel, CommitConfirm, CommitSetRollbackDuration, Extension, extension};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::*;

const TEXT: &str = "/test/types/text";

fn confirm(id: &str) -> SetRequest {
    extended(set(), commit(id, Action::Confirm(CommitConfirm {})))
}

fn cancel(id: &str) -> SetRequest {
    extended(set(), commit(id, Action::Cancel(CommitCancel {})))
}

fn set_rollback(id: &str, milliseconds: Option<u32>) -> SetRequest {
    let rollback_duration = milliseconds.map(duration);
    extended(set(), commit(id, Action::SetRollbackDuration(CommitSetRollbackDuration { rollback_duration })))
}

/// Sets the text, to be confirmed.
fn request(id: &str, text: &str, milliseconds: Option<u32>) -> SetRequest {
    extended(update(TEXT, &format!("{text:?}")), commit_request(id, milliseconds))
}

async fn check_text(client: &Client, expected: &str) {
    client.check_get(get([TEXT]), &[&format!("{TEXT} = {expected:?}")]).await;
}

/// An agent whose text is `before`.
async fn start() -> (Harness, Client) {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(TEXT, r#""before""#)).await;
    (harness, client)
}

/// EXT-009, EXT-011: without a confirmation the change is taken back after ten minutes, by a commit that subscribers see.
#[tokio::test(start_paused = true)]
async fn takes_back_what_nobody_confirms() {
    for milliseconds in [None, Some(0)] {
        let (_harness, client) = start().await;
        client.apply(update("/test/b[key1=x][key2=y]", r#"{"value":"v"}"#)).await;
        let mut watching = client.subscribe(on_change(["/test/types", "/test/b"])).await;
        watching.round().await;
        let edits = request("c1", "after", milliseconds)
            .delete("/test/b[key1=x][key2=y]")
            .update("/test/types/uint8", json("8"));
        let response = client.set(edits).await.unwrap();
        let start = Instant::now();
        assert_eq!(
            set_text(&response),
            ["DELETE /test/b[key1=x][key2=y]", &format!("UPDATE {TEXT}"), "UPDATE /test/types/uint8"]
        );
        assert!(response.extension.is_empty());
        assert_eq!(watching.next().await, r#"/test/types/uint8 = 8; /test/types/text = "after""#);
        assert_eq!(watching.next().await, "delete /test/b[key1=x][key2=y]");
        tokio::time::sleep(Duration::from_secs(590)).await;
        assert_eq!(watching.next().await, r#"/test/types/text = "before""#);
        let late = start.elapsed().abs_diff(Duration::from_secs(600));
        assert!(late < Duration::from_millis(50), "{late:?}");
        assert_eq!(watching.next().await, "delete /test/types/uint8");
        assert_eq!(
            watching.next().await,
            r#"/test/b[key1=x][key2=y]/key1 = "x"; /test/b[key1=x][key2=y]/key2 = "y"; /test/b[key1=x][key2=y]/value = "v""#
        );
        client.apply(update(TEXT, r#""free again""#)).await;
    }
}

/// EXT-009: the default is a setting.
#[tokio::test(flavor = "multi_thread")]
async fn waits_as_long_as_configured() {
    let harness = Harness::start_with("[limits]\ncommit-rollback-ms = 1000").await;
    let client = harness.client("admin").await;
    let mut watching = client.subscribe(on_change([TEXT])).await;
    watching.round().await;
    client.apply(request("c1", "after", None)).await;
    let start = Instant::now();
    assert_eq!(watching.next().await, r#"/test/types/text = "after""#);
    assert_eq!(watching.next().await, "delete /test/types/text");
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// EXT-010, EXT-016: an extension that does not say which commit, what to do or for how long.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_incomplete_extensions() {
    let (_harness, client) = start().await;
    let idless = Action::Commit(ganymede::pb::gnmi_ext::CommitRequest::default());
    let actionless = Extension { ext: Some(extension::Ext::Commit(Commit { id: "c1".to_owned(), action: None })) };
    let negative = prost_types::Duration { seconds: -1, nanos: 0 };
    let endless = prost_types::Duration { seconds: i64::MAX, nanos: 0 };
    let lasting = |duration| {
        let request = ganymede::pb::gnmi_ext::CommitRequest { rollback_duration: Some(duration) };
        commit("c1", Action::Commit(request))
    };
    let twice = vec![commit_request("c1", None), commit_request("c2", None)];
    for (extension, part) in [
        (vec![commit("", idless)], "id is missing"),
        (vec![commit(&"c".repeat(257), Action::Confirm(CommitConfirm {}))], "257"),
        (vec![commit("", Action::Confirm(CommitConfirm {}))], "id is missing"),
        (vec![commit("", Action::Cancel(CommitCancel {}))], "id is missing"),
        (vec![actionless], "None of commit, confirm"),
        (vec![lasting(negative)], "rollback_duration"),
        (vec![lasting(endless)], "rollback_duration"),
        (twice, "twice"),
    ] {
        let refused = client.set(SetRequest { extension, ..update(TEXT, r#""after""#) }).await;
        check_refused(refused, Code::InvalidArgument, &["commit", part]);
    }
    for milliseconds in [None, Some(0)] {
        let refused = client.set(set_rollback("c1", milliseconds)).await;
        check_refused(refused, Code::InvalidArgument, &["rollback_duration", "greater than 0"]);
    }
    check_text(&client, "before").await;
    client.apply(update(TEXT, r#""nothing waits""#)).await;
}

/// EXT-012, EXT-013, SET-052: while one waits no other change is made, and the refusal says what waits, whose it is and
/// how long.
#[tokio::test(flavor = "multi_thread")]
async fn makes_no_other_commit_meanwhile() {
    let (harness, client) = start().await;
    client.apply(request("c1", "after", None)).await;
    let other = harness.client("admin").await;
    for refused in [
        other.set(update(TEXT, r#""plain""#)).await,
        other.set(request("c2", "second", None)).await,
        other.set(request("c1", "again", None)).await,
        other.set(set()).await,
        other.set(set().delete("/test")).await,
    ] {
        check_refused(refused, Code::FailedPrecondition, &["'c1'", "'admin'", "127.0.0.1:", " s left"]);
    }
    check_text(&client, "after").await;
    client.apply(confirm("c1")).await;
    other.apply(update(TEXT, r#""plain""#)).await;
}

/// EXT-014: the right id keeps the change, another one is named, and there has to be something to confirm.
#[tokio::test(flavor = "multi_thread")]
async fn confirms() {
    let (harness, client) = start().await;
    check_refused(client.set(confirm("c1")).await, Code::FailedPrecondition, &["No commit waits"]);
    client.apply(request("c1", "after", Some(60_000))).await;
    check_refused(client.set(confirm("c2")).await, Code::InvalidArgument, &["'c2'", "'c1'"]);
    let response = client.set(confirm("c1")).await.unwrap();
    assert!(response.response.is_empty() && response.timestamp > 0);
    check_refused(client.set(confirm("c1")).await, Code::FailedPrecondition, &["No commit waits"]);
    drop(client);
    let harness = harness.restart().await;
    check_text(&harness.client("admin").await, "after").await;
}

/// EXT-014, EXT-016: a confirmed change outlives the deadline it had.
#[tokio::test(start_paused = true)]
async fn stops_the_timer() {
    let (_harness, client) = start().await;
    client.apply(request("c1", "after", Some(1000))).await;
    client.apply(confirm("c1")).await;
    tokio::time::sleep(Duration::from_secs(700)).await;
    check_text(&client, "after").await;
}

/// EXT-015: a cancel takes the change back at once, under the same rules.
#[tokio::test(flavor = "multi_thread")]
async fn cancels() {
    let (_harness, client) = start().await;
    check_refused(client.set(cancel("c1")).await, Code::FailedPrecondition, &["No commit waits"]);
    client.apply(request("c1", "after", None)).await;
    check_refused(client.set(cancel("c2")).await, Code::InvalidArgument, &["'c2'", "'c1'"]);
    check_text(&client, "after").await;
    client.apply(cancel("c1")).await;
    check_text(&client, "before").await;
    check_refused(client.set(cancel("c1")).await, Code::FailedPrecondition, &["No commit waits"]);
    client.apply(request("c1", "after", None)).await;
    client.apply(confirm("c1")).await;
    check_text(&client, "after").await;
}

/// EXT-014, EXT-015: the id is all it takes, whoever gives it and wherever from; who may not write may not do that either.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_is_the_right_to_confirm() {
    let (harness, client) = start().await;
    let user = |name: &str, member: &str| {
        let at = format!("/configure/system/security/user-params/local-user/user[user-name={name}]");
        let content = r#"{"password":"NAME","access":{"grpc":true},"console":{"member":["MEMBER"]}}"#;
        update(&at, &content.replace("NAME", name).replace("MEMBER", member))
    };
    client.apply(user("other", "administrative")).await;
    let profile = "/configure/system/security/aaa/local-profiles/profile[user-profile-name=read]";
    client.apply(update(profile, r#"{"default-action":"read-only-all"}"#)).await;
    client.apply(user("reader", "read")).await;
    let (other, reader) = (harness.client("other").await, harness.client("reader").await);
    client.apply(request("c1", "after", None)).await;
    check_refused(reader.set(confirm("c1")).await, Code::PermissionDenied, &["may only read"]);
    other.apply(confirm("c1")).await;
    client.apply(request("c2", "gone", None)).await;
    check_refused(reader.set(cancel("c2")).await, Code::PermissionDenied, &["may only read"]);
    other.apply(cancel("c2")).await;
    check_text(&client, "after").await;
}

/// EXT-016: the new time counts from now and replaces the old one, whether it is longer or shorter.
#[tokio::test(start_paused = true)]
async fn sets_the_timer_anew() {
    for (milliseconds, expected) in [(900_000, 1_000), (2_000, 102)] {
        let (_harness, client) = start().await;
        check_refused(client.set(set_rollback("c1", Some(1))).await, Code::FailedPrecondition, &["No commit waits"]);
        let mut watching = client.subscribe(on_change([TEXT])).await;
        watching.round().await;
        client.apply(request("c1", "after", Some(200_000))).await;
        let start = Instant::now();
        assert_eq!(watching.next().await, r#"/test/types/text = "after""#);
        tokio::time::sleep(Duration::from_secs(100)).await;
        check_refused(client.set(set_rollback("c2", Some(1))).await, Code::InvalidArgument, &["'c2'", "'c1'"]);
        client.apply(set_rollback("c1", Some(milliseconds))).await;
        tokio::time::sleep(Duration::from_millis(u64::from(milliseconds) - 1000)).await;
        assert_eq!(watching.next().await, r#"/test/types/text = "before""#);
        let late = start.elapsed().abs_diff(Duration::from_secs(expected));
        assert!(late < Duration::from_millis(50), "{:?}, not {expected} s", start.elapsed());
    }
}

/// EXT-017: a request that fails leaves nothing waiting.
#[tokio::test(flavor = "multi_thread")]
async fn leaves_nothing_waiting_after_a_failure() {
    let (_harness, client) = start().await;
    let wrong = extended(update("/test/types/uint8", "300"), commit_request("c1", None));
    check_refused(client.set(wrong).await, Code::InvalidArgument, &["/test/types/uint8"]);
    let dangling = extended(update("/test/types/leafref", r#""nowhere""#), commit_request("c1", None));
    check_refused(client.set(dangling).await, Code::Aborted, &["/test/types/leafref"]);
    check_refused(client.set(confirm("c1")).await, Code::FailedPrecondition, &["No commit waits"]);
    client.apply(update(TEXT, r#""plain""#)).await;
}

/// EXT-018: a commit cannot be amended.
#[tokio::test(flavor = "multi_thread")]
async fn takes_no_operations_with_a_confirmation() {
    let (_harness, client) = start().await;
    client.apply(request("c1", "after", None)).await;
    let spoken = [confirm("c1"), cancel("c1"), set_rollback("c1", Some(1))];
    for (request, name) in spoken.into_iter().zip(["confirm", "cancel", "set_rollback_duration"]) {
        let refused = client.set(request.update(TEXT, json(r#""amended""#))).await;
        check_refused(refused, Code::InvalidArgument, &[name, "no operations"]);
    }
    check_text(&client, "after").await;
    client.apply(confirm("c1")).await;
}

/// EXT-019: what waits outlives the session that made it, and not a restart.
#[tokio::test(flavor = "multi_thread")]
async fn outlives_its_session_and_not_a_restart() {
    let (harness, client) = start().await;
    client.apply(request("c1", "after", None)).await;
    drop(client);
    let client = harness.client("admin").await;
    check_text(&client, "after").await;
    check_refused(client.set(update(TEXT, r#""plain""#)).await, Code::FailedPrecondition, &["'c1'"]);
    drop(client);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    check_text(&client, "before").await;
    client.apply(update(TEXT, r#""plain""#)).await;
}

/// EXT-009: a commit that changes nothing can be confirmed like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_a_change_waits_too() {
    let (_harness, client) = start().await;
    client.apply(request("c1", "before", None)).await;
    check_refused(client.set(update(TEXT, r#""plain""#)).await, Code::FailedPrecondition, &["'c1'"]);
    client.apply(confirm("c1")).await;
    client.apply(extended(set(), commit_request("c2", None))).await;
    client.apply(cancel("c2")).await;
    check_text(&client, "before").await;
}
