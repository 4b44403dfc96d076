//! Changes that a TACACS+ server has to permit: `tacplus authorization` without `use-priv-lvl`.

use std::time::Duration;

use ganymede::pb::gnmi::SetRequest;
use tonic::Code;

use crate::aaa_servers::{Fake, Script, order, template};
use crate::harness::{Client, Harness, eventually};
use crate::request::{Edits, get, json, set, string, update};
use crate::text::check_refused;

const TACPLUS: &str = "/configure/system/security/aaa/remote-servers/tacplus";
const LOCATION: &str = "/configure/system/location";
const CONTACT: &str = "/configure/system/contact";
const BUNDLING: &str = "/configure/system/telemetry/notification-bundling";
const AUTHORIZATION: &str = "[configure.system.security.aaa.remote-servers.tacplus.authorization]\n";

/// A profile that may change nothing and read all but one branch.
const PROFILE: &str = r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "readers"
default-action = "read-only-all"
[[configure.system.security.aaa.local-profiles.profile.entry]]
entry-id = 10
match = "configure system security"
action = "deny"
"#;

/// An agent whose server knows `ann` and has to permit changes, and `ann` logged in; with more lines of the template.
async fn start(more: &str) -> (Fake, Harness, Client) {
    let fake = Fake::tacplus(Script::with(&[("ann", "ann")])).await;
    let tables = [
        fake.as_tacplus(""),
        format!("{AUTHORIZATION}\n{PROFILE}"),
        template("tacplus-default", "readers"),
        more.to_owned(),
        order(&["local", "tacplus"], false),
    ];
    let harness = Harness::start_with(&tables.concat()).await;
    let ann = harness.client("ann").await;
    ann.get(get([LOCATION])).await.err();
    (fake, harness, ann)
}

/// What the server was asked to permit since the last time, in some order.
fn commands(fake: &Fake, seen: &mut usize) -> Vec<String> {
    let asked = fake.asked();
    let commands = asked.iter().filter_map(|line| line.strip_prefix("authorize ann service=shell "));
    let commands = commands.map(|command| command.replace("cmd=", "").replace("cmd-arg=", ""));
    let mut new: Vec<_> = commands.skip(*seen).collect();
    *seen += new.len();
    new.sort();
    new
}

fn text(path: &str, text: &str) -> SetRequest {
    update(path, &format!("{text:?}"))
}

/// The server is asked about each element that a Set changes, once, and about nothing else; one that it does not permit
/// refuses the whole Set. Reading is the profile's.
#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_permitted_by_the_server() {
    let (fake, harness, ann) = start("").await;
    let mut seen = 0;
    ann.apply(text(LOCATION, "here")).await;
    assert_eq!(commands(&fake, &mut seen), ["configure system location"]);
    // What stays as it is needs no leave (SET-039).
    let both = set().update(LOCATION, string("here")).update(CONTACT, string("noc"));
    ann.apply(both).await;
    assert_eq!(commands(&fake, &mut seen), ["configure system contact"]);
    // Of a container, what is in it.
    ann.apply(update(BUNDLING, r#"{"max-msg-count":50,"admin-state":"enable"}"#)).await;
    let bundling = "configure system telemetry notification-bundling";
    assert_eq!(commands(&fake, &mut seen), [format!("{bundling} admin-state"), format!("{bundling} max-msg-count")]);
    // Keys are words; values, of secrets too, are not told.
    let user = "/configure/system/security/user-params/local-user/user[user-name=new]";
    ann.apply(update(user, r#"{"password":"swordfish"}"#)).await;
    let user = "configure system security user-params local-user user new";
    assert_eq!(commands(&fake, &mut seen), [user.to_owned(), format!("{user} password")]);
    fake.change(|script| script.denied = vec!["configure system contact"]);
    let both = set().update(LOCATION, string("there")).update(CONTACT, string("nobody"));
    let parts = [CONTACT, "user 'ann', TACACS+ does not authorize it - gRPC: update operation 2"];
    check_refused(ann.set(both).await, Code::PermissionDenied, &parts);
    assert_eq!(commands(&fake, &mut seen), ["configure system contact", "configure system location"]);
    let admin = harness.client("admin").await;
    admin.check_get(get([LOCATION]), &["/configure/system/location = \"here\""]).await;
    // Neither reading nor others ask.
    ann.check_get(get([LOCATION]), &["/configure/system/location = \"here\""]).await;
    check_refused(ann.get(get([TACPLUS])).await, Code::PermissionDenied, &["profile 'readers' entry 10"]);
    admin.apply(text(CONTACT, "admin")).await;
    assert!(commands(&fake, &mut seen).is_empty());
    // Without `authorization` the profile decides again, for who is logged in, too.
    admin.apply(set().delete(&format!("{TACPLUS}/authorization"))).await;
    check_refused(ann.set(text(LOCATION, "there")).await, Code::PermissionDenied, &["user 'ann' may only read"]);
    assert!(commands(&fake, &mut seen).is_empty());
}

/// The right to lawful intercept opens its nodes, and gives no leave for anything that the server decides about.
#[tokio::test(flavor = "multi_thread")]
async fn lawful_intercept_does_not_pass_by_the_server() {
    let (fake, _harness, ann) = start("access.li = true\n").await;
    fake.change(|script| script.denied = vec!["configure system location"]);
    let parts = [LOCATION, "user 'ann', TACACS+ does not authorize it - gRPC: update operation 1"];
    check_refused(ann.set(text(LOCATION, "here")).await, Code::PermissionDenied, &parts);
    ann.apply(text(CONTACT, "noc")).await;
    assert_eq!(commands(&fake, &mut 0), ["configure system contact", "configure system location"]);
}

/// A delete asks about what goes. What the server keeps survives one of a container around it (SET-038), and cannot be
/// named (SET-041). With `request-format` the server is told that it is a delete.
#[tokio::test(flavor = "multi_thread")]
async fn deletes_are_permitted_by_the_server() {
    let (fake, harness, ann) = start("").await;
    let admin = harness.client("admin").await;
    let fill = update(BUNDLING, r#"{"max-msg-count":50,"admin-state":"enable"}"#);
    admin.apply(fill.clone()).await;
    let mut seen = commands(&fake, &mut 0).len();
    let bundling = "configure system telemetry notification-bundling";
    fake.change(|script| script.denied = vec!["configure system telemetry notification-bundling max-msg-count"]);
    ann.apply(set().delete(BUNDLING)).await;
    let all = [bundling.to_owned(), format!("{bundling} admin-state"), format!("{bundling} max-msg-count")];
    assert_eq!(commands(&fake, &mut seen), all);
    let count: &'static str = "/configure/system/telemetry/notification-bundling/max-msg-count";
    admin.check_get(get([count]), &[&format!("{count} = 50")]).await;
    let state: &'static str = "/configure/system/telemetry/notification-bundling/admin-state";
    admin.check_get(get([state]), &[&format!("{state} = \"disable\"")]).await;
    let refused = ann.set(set().delete(count)).await;
    check_refused(
        refused,
        Code::PermissionDenied,
        &[count, "TACACS+ does not authorize it - gRPC: delete operation 1"],
    );
    assert_eq!(commands(&fake, &mut seen), all[2..]);
    admin.apply(fill).await;
    admin.apply(update(&format!("{TACPLUS}/authorization/request-format/access-operation-cmd"), r#"["delete"]"#)).await;
    ann.apply(set().delete(state).update(LOCATION, string("here"))).await;
    let delete = format!("delete {bundling} admin-state");
    assert_eq!(commands(&fake, &mut seen), ["configure system location".to_owned(), delete]);
}

/// AUTH-036: a Set waits for a server that says nothing, and nobody else does: not the next commit, not the next login.
/// When nobody answers it is refused and nothing has changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_holds_up_the_set_that_asks() {
    let (fake, harness, ann) = start("").await;
    let admin = harness.client("admin").await;
    fake.change(|script| script.holds = true);
    let waiting = tokio::spawn(async move { (ann.set(text(LOCATION, "late")).await, ann) });
    eventually(true, async || fake.asked().iter().any(|line| line.starts_with("authorize ann"))).await;
    admin.apply(text(LOCATION, "meanwhile")).await;
    let other = harness.client("admin").await;
    other.apply(text(CONTACT, "noc")).await;
    assert!(!waiting.is_finished());
    fake.change(|script| script.holds = false);
    let (outcome, ann) = waiting.await.unwrap();
    outcome.unwrap();
    admin.check_get(get([LOCATION]), &["/configure/system/location = \"late\""]).await;
    // A server that is gone permits nothing; the session of its user goes on.
    drop(fake);
    let reason = "MINOR: MGMT_CORE #2020: Permission denied - no authorization server answers";
    for _ in 0..2 {
        let asked = tokio::time::timeout(Duration::from_secs(20), ann.set(text(LOCATION, "never"))).await;
        check_refused(asked.unwrap(), Code::Unavailable, &[reason]);
    }
    ann.check_get(get([LOCATION]), &["/configure/system/location = \"late\""]).await;
    admin.apply(text(LOCATION, "open")).await;
}

/// What the server demands and is not known here counts as a refusal (RFC 8907 section 6.2), unless
/// `ignore-unknown-mandatory-vsas` says otherwise; so does a change of the command.
#[tokio::test(flavor = "multi_thread")]
async fn demands_that_are_not_known_refuse() {
    let (fake, harness, ann) = start("").await;
    let admin = harness.client("admin").await;
    let mut number = 0;
    let mut check = async |replaces: bool, arguments: &[&'static str], expected: Code| {
        number += 1;
        fake.change(|script| (script.replaces, script.arguments) = (replaces, arguments.to_vec()));
        let outcome = ann.set(text(LOCATION, &number.to_string())).await;
        let code = outcome.err().map_or(Code::Ok, |status| status.code());
        assert_eq!(code, expected, "{replaces} {arguments:?}");
    };
    let same = ["service=shell", "cmd=configure", "cmd-arg=system", "cmd-arg=location"];
    check(false, &["priv-lvl=15", "x*y"], Code::Ok).await;
    check(false, &["x=y"], Code::PermissionDenied).await;
    check(true, &same, Code::Ok).await;
    check(true, &same[..3], Code::PermissionDenied).await;
    admin.apply(update(&format!("{TACPLUS}/ignore-unknown-mandatory-vsas"), "true")).await;
    check(false, &["x=y"], Code::Ok).await;
    check(true, &same[..3], Code::PermissionDenied).await;
    // The same holds for a login that asks for the level.
    admin
        .apply(
            set()
                .update(&format!("{TACPLUS}/authorization/use-priv-lvl"), json("true"))
                .update(&format!("{TACPLUS}/ignore-unknown-mandatory-vsas"), json("false")),
        )
        .await;
    fake.change(|script| (script.replaces, script.arguments) = (false, vec!["x=y", "priv-lvl=15"]));
    let refused = harness.client("ann").await.get(get([LOCATION])).await;
    check_refused(refused, Code::Unauthenticated, &[]);
}

/// A Set that changes more than is reasonable to ask about is refused before anybody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_asks_about_so_much_and_no_more() {
    let (fake, _harness, ann) = start("").await;
    let entries: Vec<_> =
        (1..=400).map(|id| format!(r#"{{"entry-id":{id},"match":"configure","action":"permit"}}"#)).collect();
    let profile = "/configure/system/security/aaa/local-profiles/profile[user-profile-name=long]";
    let long = update(profile, &format!(r#"{{"entry":[{}]}}"#, entries.join(",")));
    let reason = "1201 changes would have to be authorized, at most 1000 can be in one Set";
    check_refused(ann.set(long).await, Code::ResourceExhausted, &[reason]);
    assert!(commands(&fake, &mut 0).is_empty());
}
