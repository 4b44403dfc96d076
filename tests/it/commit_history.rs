//! The commits that are remembered: what state says of them, and going back to one by gNMI.

use ganymede::pb::gnmi::SetRequest;
use ganymede::pb::gnmi_ext::{Extension, RegisteredExtension, extension::Ext};
use prost::Message;
use tonic::Code;

use crate::harness::{Client, Harness, eventually};
use crate::request::*;
use crate::text::*;

const HISTORY: &str = "/state/system/management-interface/commit-history/commit";
const KNOB: &str = "/configure/system/management-interface/commit-history";
const LOCATION: &str = "/configure/system/location";

/// The messages of docs/EXTENSIONS.md.
#[derive(Clone, PartialEq, Message)]
struct SetOptions {
    #[prost(string, tag = "1")]
    comment: String,
    #[prost(uint64, tag = "2")]
    rollback_commit_id: u64,
}

#[derive(Clone, PartialEq, Message)]
struct SetOutcome {
    #[prost(uint64, tag = "1")]
    commit_id: u64,
}

fn options(comment: &str, rollback_commit_id: u64) -> Extension {
    let options = SetOptions { comment: comment.to_owned(), rollback_commit_id };
    registered(57_400, options.encode_to_vec())
}

fn registered(id: i32, message: Vec<u8>) -> Extension {
    Extension { ext: Some(Ext::RegisteredExt(RegisteredExtension { id, msg: message.into() })) }
}

fn with(request: SetRequest, extension: Extension) -> SetRequest {
    SetRequest { extension: vec![extension], ..request }
}

/// The number of the commit that a Set with options made.
async fn committed(client: &Client, request: SetRequest) -> u64 {
    let response = client.set(request).await.unwrap();
    let [Extension { ext: Some(Ext::RegisteredExt(RegisteredExtension { id: 57_400, msg })) }] = &*response.extension
    else {
        panic!("{response:?}")
    };
    SetOutcome::decode(&msg[..]).unwrap().commit_id
}

/// One leaf of every commit that state shows, oldest first, as `number=value`.
async fn shown(client: &Client, leaf: &str) -> Vec<String> {
    let texts = client.subscribe(once([&*format!("{HISTORY}[commit-id=*]/{leaf}")])).await.round().await;
    let each = texts.iter().flat_map(|text| text.split("; ")).filter_map(|text| text.split_once(" = "));
    let each = each.map(|(path, value)| {
        let number = path.split_once("commit-id=").unwrap().1.split_once(']').unwrap().0;
        format!("{number}={}", value.trim_matches('"'))
    });
    each.collect()
}

async fn shows(client: &Client, leaf: &str, expected: &[&str]) {
    let wanted: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    eventually(wanted, async || shown(client, leaf).await).await;
}

/// Who, through what, what for and how much: for the file, for a Set, for a rollback.
#[tokio::test(flavor = "multi_thread")]
async fn state_shows_the_commits() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let set = update(LOCATION, r#""roof""#).update("/configure/system/contact", json(r#""noc""#));
    assert_eq!(committed(&client, with(set, options("moved", 0))).await, 2);
    shows(&client, "user", &["1=system", "2=admin"]).await;
    shows(&client, "source", &["1=startup", "2=gnmi"]).await;
    shows(&client, "comment", &["2=moved"]).await;
    assert_eq!(shown(&client, "changes").await[1], "2=2");
    assert_eq!(shown(&client, "origin").await[0], "1=it.toml");
    assert!(shown(&client, "origin").await[1].starts_with("2=127.0.0.1:"));
    assert_eq!(shown(&client, "session-id").await.len(), 1);
    assert_eq!(shown(&client, "time").await.len(), 2);
    // What a restart leaves is what is on disk.
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    shows(&client, "comment", &["2=moved"]).await;
    shows(&client, "user", &["1=system", "2=admin"]).await;
}

/// OCH-018: a rollback is a commit: it has a number, subscribers see it, and it lasts.
#[tokio::test(flavor = "multi_thread")]
async fn goes_back_by_set() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for name in ["one", "two"] {
        client.apply(update(LOCATION, &format!("{name:?}"))).await;
    }
    client.apply(set().delete("/configure/system/management-interface/yang-modules")).await;
    let mut changes = client.subscribe(on_change([LOCATION])).await;
    changes.round().await;
    assert_eq!(committed(&client, with(set(), options("back", 2))).await, 5);
    assert_eq!(changes.next().await, format!("{LOCATION} = \"one\""));
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"one\"")]).await;
    let modules = "/configure/system/management-interface/yang-modules/openconfig-modules";
    client.check_get(get([modules]), &[&format!("{modules} = true")]).await;
    shows(&client, "comment", &["5=back"]).await;
    // What is so already needs no commit.
    assert_eq!(committed(&client, with(set(), options("", 5))).await, 0);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"one\"")]).await;
}

/// What cannot be is refused and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_cannot_be() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(LOCATION, r#""here""#)).await;
    let operation = update(LOCATION, r#""there""#);
    let unconfirmed = commit("c1", ganymede::pb::gnmi_ext::commit::Action::Confirm(Default::default()));
    for (request, code, part) in [
        (with(set(), options("", 7)), Code::NotFound, "Commit 7 is not kept, those from 1 to 2 are"),
        (with(operation.clone(), options("", 1)), Code::InvalidArgument, "takes no operations"),
        (with(operation.clone(), options(&"x".repeat(513), 0)), Code::InvalidArgument, "513 characters"),
        (with(operation, registered(57_400, vec![0xff])), Code::InvalidArgument, "SetOptions"),
        (
            SetRequest { extension: vec![options("", 1), unconfirmed], ..set() },
            Code::InvalidArgument,
            "no other action of extension commit",
        ),
        (
            SetRequest { extension: vec![options("a", 0), options("b", 0)], ..set() },
            Code::InvalidArgument,
            "given twice",
        ),
    ] {
        check_refused(client.set(request).await, code, &[part]);
    }
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"here\"")]).await;
}

/// A rollback may have to be confirmed like any other commit.
#[tokio::test(flavor = "multi_thread")]
async fn goes_back_on_trial() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for name in ["one", "two"] {
        client.apply(update(LOCATION, &format!("{name:?}"))).await;
    }
    let trial = commit_request("c1", Some(200));
    client.apply(SetRequest { extension: vec![options("", 2), trial], ..set() }).await;
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"one\"")]).await;
    let read = async || get_text(&client.get(get([LOCATION])).await.unwrap());
    eventually(vec![format!("{LOCATION} = \"two\"")], read).await;
    shows(&client, "user", &["1=system", "2=admin", "3=admin", "4=admin", "5=system"]).await;
}

/// Who may not change something cannot change it by going back, and constraints are voted on.
#[tokio::test(flavor = "multi_thread")]
async fn goes_back_as_far_as_one_may() {
    let harness = Harness::start_with(
        r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "places"
default-action = "deny-all"
[[configure.system.security.aaa.local-profiles.profile.entry]]
entry-id = 10
match = "configure system location"
action = "permit"

[[configure.system.security.user-params.local-user.user]]
user-name = "guest"
password = "guest"
access.grpc = true
console.member = ["places"]
"#,
    )
    .await;
    let (admin, guest) = (harness.client("admin").await, harness.client("guest").await);
    admin.apply(update(LOCATION, r#""one""#)).await;
    guest.apply(update(LOCATION, r#""two""#)).await;
    guest.apply(with(set(), options("", 2))).await;
    admin.apply(update("/configure/system/contact", r#""noc""#)).await;
    let refused = guest.set(with(set(), options("", 2))).await;
    check_refused(refused, Code::PermissionDenied, &["/configure/system/contact", "'guest'"]);
    admin.apply(with(set(), options("", 2))).await;
}

/// The knob says how many commits are remembered, at once and for good.
#[tokio::test(flavor = "multi_thread")]
async fn remembers_as_many_as_configured() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for number in 2..=6 {
        client.apply(update(LOCATION, &format!("\"n{number}\""))).await;
    }
    client.apply(update(KNOB, "3")).await;
    shows(&client, "user", &["5=admin", "6=admin", "7=admin"]).await;
    let refused = client.set(with(set(), options("", 4))).await;
    check_refused(refused, Code::NotFound, &["Commit 4 is not kept, those from 5 to 7 are"]);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    shows(&client, "user", &["5=admin", "6=admin", "7=admin"]).await;
    client.apply(update(KNOB, "0")).await;
    shows(&client, "user", &[]).await;
    client.apply(update(LOCATION, r#""kept""#)).await;
    shows(&client, "user", &[]).await;
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"kept\"")]).await;
    client.apply(update(KNOB, "200")).await;
    // The last two had to stay, for their numbers.
    shows(&client, "user", &["8=admin", "9=admin", "10=admin"]).await;
}

/// The disk is fine, and state says so.
#[tokio::test(flavor = "multi_thread")]
async fn state_shows_the_disk() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let leaf = "/state/system/management-interface/configuration-storage/oper-state";
    client.check_get(get([leaf]), &[&format!("{leaf} = \"up\"")]).await;
}
