//! What users may do whom a server vouches for; what is recorded of them; and the secrets of servers.

use std::sync::atomic::{AtomicU32, Ordering};

use ganymede::pb::gnmi::SetRequest;
use tonic::{Code, Status};

use crate::aaa_servers::{Fake, SECRET, Script, order, radius, template};
use crate::harness::{Client, Harness, eventually};
use crate::request::{Edits, get, json, on_change, set, string, update};
use crate::text::get_text;

const RADIUS: &str = "/configure/system/security/aaa/remote-servers/radius";
const TACPLUS: &str = "/configure/system/security/aaa/remote-servers/tacplus";
const TEMPLATE: &str = "/configure/system/security/aaa/user-template";
const ACCESS_GRPC: (u8, [u8; 4]) = (1, [0, 0, 0, 8]);

const PROFILES: &str = r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "names"
default-action = "read-only-all"
[[configure.system.security.aaa.local-profiles.profile.entry]]
entry-id = 10
match = "configure system location"
action = "permit"
[[configure.system.security.aaa.local-profiles.profile.entry]]
entry-id = 20
match = "configure system security"
action = "deny"
"#;

/// The users of the servers have their names as passwords, as clients of the harness do. One is called as a local user.
fn script() -> Script {
    Script::with(&[("ann", "ann"), ("admin", "admin")])
}

async fn start(tables: &str) -> Harness {
    Harness::start_with(&[PROFILES, tables].concat()).await
}

fn location(text: impl std::fmt::Display) -> SetRequest {
    update("/configure/system/location", &format!(r#""{text}""#))
}

/// A change that differs from the one before: writing what stands there already is open to everybody.
fn coordinates() -> SetRequest {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    update("/configure/system/coordinates", &format!(r#""{number} N""#))
}

/// Codes of two changes: one that the profile `names` permits, one that it does not.
async fn may(client: &Client) -> (Code, Code) {
    let code = |outcome: Result<_, Status>| outcome.err().map_or(Code::Ok, |status| status.code());
    (code(client.set(location("here")).await), code(client.set(coordinates()).await))
}

const ALL: (Code, Code) = (Code::Ok, Code::Ok);
const SOME: (Code, Code) = (Code::Ok, Code::PermissionDenied);
const NONE: (Code, Code) = (Code::PermissionDenied, Code::PermissionDenied);

/// AUTH-010: the profile of the template says what such a user may change and read, as it stands when that is asked; not
/// the profile of a local user who has the same name.
#[tokio::test(flavor = "multi_thread")]
async fn the_template_has_the_rights() {
    let fake = Fake::radius(script()).await;
    let tables = [
        fake.as_radius("use-default-template = true"),
        template("radius-default", "names"),
        order(&["radius", "local"], false),
    ];
    let harness = start(&tables.concat()).await;
    let (ann, namesake) = (harness.client("ann").await, harness.client("admin").await);
    assert_eq!(may(&ann).await, SOME);
    assert_eq!(may(&namesake).await, SOME);
    let refused = ann.set(coordinates()).await.unwrap_err();
    assert!(refused.message().contains("user 'ann', profile 'names' default-action"), "{refused:?}");
    let refused = ann.get(get([RADIUS])).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // Without the servers the local one is who he says; he changes the template while others are logged in.
    assert_eq!(fake.logins(), 2);
    fake.change(|script| script.users.retain(|(name, _)| *name == "ann"));
    let admin = harness.client("admin").await;
    assert_eq!(may(&admin).await, ALL);
    let mut watching = ann.subscribe(on_change(["/configure/system"])).await;
    assert!(watching.round().await.iter().any(|line| line.contains("remote-servers")));
    let of_template = |leaf: &str| format!("{TEMPLATE}[user-template-name=radius-default]/{leaf}");
    let telemetry = "/configure/system/security/aaa/management-interface/output-authorization/telemetry-data";
    admin.apply(update(telemetry, "true")).await;
    // What the profile closes is not shown from now on.
    let both = set().update("/configure/system/location", string("there"));
    admin.apply(both.update(&format!("{RADIUS}/server-timeout"), json("9"))).await;
    assert_eq!(watching.next().await, "/configure/system/location = \"there\"");
    admin.apply(update(&of_template("profile"), r#""administrative""#)).await;
    assert_eq!(may(&ann).await, ALL);
    admin.apply(update(&of_template("profile"), r#""nowhere""#)).await;
    assert_eq!(may(&ann).await, NONE);
    admin.apply(set().delete(&of_template("profile"))).await;
    assert_eq!(may(&ann).await, NONE);
    assert!(ann.get(get([TEMPLATE])).await.is_ok(), "a user without any profile may read");
    admin.apply(update(&of_template("access/grpc"), "false")).await;
    assert_eq!(may(&ann).await, NONE);
    assert_eq!(ann.get(get([TEMPLATE])).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(fake.logins(), 3, "nobody was asked again");
}

/// AUTH-011: with `authorization` the attributes of the server say what its user may do: profiles, then commands.
#[tokio::test(flavor = "multi_thread")]
async fn attributes_have_the_rights() {
    let fake = Fake::radius(script()).await;
    let harness = start(&[fake.as_radius(""), order(&["radius", "local"], false)].concat()).await;
    let check = async |attributes: &[(u8, &[u8])], expected: (Code, Code)| {
        let all = [(ACCESS_GRPC.0, &ACCESS_GRPC.1[..])];
        let all = all.iter().chain(attributes).map(|(kind, value)| (*kind, value.to_vec())).collect();
        fake.change(|script| script.attributes = all);
        assert_eq!(may(&harness.client("ann").await).await, expected, "{attributes:?}");
    };
    let (permit, deny): (&[u8], &[u8]) = (&[0, 0, 0, 1], &[0, 0, 0, 2]);
    check(&[(4, b"administrative")], NONE).await;
    fake.change(|script| script.users.retain(|(name, _)| *name == "ann"));
    let admin = harness.client("admin").await;
    admin.apply(update(&format!("{RADIUS}/authorization"), "true")).await;
    check(&[(4, b"administrative")], ALL).await;
    check(&[(4, b"nowhere"), (4, b"names")], SOME).await;
    check(&[(4, b"nowhere")], NONE).await;
    check(&[(5, permit)], ALL).await;
    check(&[(5, deny)], NONE).await;
    check(&[(6, b"configure system location; show port"), (7, permit), (5, deny)], SOME).await;
    check(&[(6, b"configure system location"), (7, permit)], SOME).await;
    check(&[(6, b"configure system coordinates"), (5, permit)], SOME).await;
    // No more than 64 commands and eight profiles: what denies must not be left out.
    let after = |others: usize| format!("{}configure system coordinates", "x;".repeat(others)).into_bytes();
    check(&[(6, &after(63)[..]), (5, permit)], SOME).await;
    check(&[(6, &after(64)[..]), (5, permit)], NONE).await;
    check(&[(4, &b"administrative"[..]); 8], ALL).await;
    check(&[(4, &b"administrative"[..]); 9], NONE).await;
    // Profiles before commands.
    check(&[(6, b"configure system coordinates"), (7, permit), (4, b"names")], SOME).await;
}

/// AUTH-013: TACACS+ users have the profile of the template, or with `use-priv-lvl` that of their level.
#[tokio::test(flavor = "multi_thread")]
async fn levels_have_the_rights() {
    let fake = Fake::tacplus(script()).await;
    let tables = [fake.as_tacplus(""), template("tacplus-default", "names"), order(&["tacplus", "local"], false)];
    let harness = start(&tables.concat()).await;
    assert_eq!(may(&harness.client("ann").await).await, SOME);
    assert_eq!(fake.asked(), ["login ann"]);
    fake.change(|script| script.users.retain(|(name, _)| *name == "ann"));
    let admin = harness.client("admin").await;
    let levels = r#"[{"level":15,"user-profile-name":"administrative"},{"level":1,"user-profile-name":"names"}]"#;
    admin
        .apply(
            set()
                .update(&format!("{TACPLUS}/authorization"), json(r#"{"use-priv-lvl":true}"#))
                .update(&format!("{TACPLUS}/priv-lvl-map/priv-lvl"), json(levels)),
        )
        .await;
    let check = async |arguments: &[&'static str], expected: (Code, Code)| {
        fake.change(|script| script.arguments = arguments.to_vec());
        assert_eq!(may(&harness.client("ann").await).await, expected, "{arguments:?}");
    };
    check(&["priv-lvl=15"], ALL).await;
    assert!(fake.asked().ends_with(&["authorize ann service=shell cmd=".to_owned()]), "{:?}", fake.asked());
    check(&["x*y", "priv-lvl*1"], SOME).await;
    check(&["priv-lvl=7"], NONE).await;
    check(&[], SOME).await;
}

/// Each RPC is recorded where accounting is on: by TACACS+ at its end or at both, by RADIUS at both; and no RPC waits.
#[tokio::test(flavor = "multi_thread")]
async fn rpcs_are_recorded() {
    let (tacplus, accounting) = (Fake::tacplus(script()).await, Fake::radius(script()).await);
    let port = accounting.address.port();
    let tables = [
        tacplus.as_tacplus("accounting.record-type = \"start-stop\""),
        template("tacplus-default", "names"),
        order(&["tacplus", "local"], false),
        radius(port, &[(1, accounting.address.ip())], &format!("accounting = true\naccounting-port = {port}")),
    ];
    let harness = start(&tables.concat()).await;
    let ann = harness.client("ann").await;
    ann.apply(location("x")).await;
    let records = |fake: &Fake| fake.asked().into_iter().filter(|line| line.starts_with("record")).collect::<Vec<_>>();
    let both = [
        "record 2 by 6 ann service=shell cmd=gnmi.gNMI/Set",
        "record 4 by 6 ann service=shell cmd=gnmi.gNMI/Set cmd-arg=/configure/system/location",
    ];
    eventually(both.map(str::to_owned).to_vec(), async || records(&tacplus)).await;
    let both = ["record ann Some(1) gnmi.gNMI/Set", "record ann Some(2) gnmi.gNMI/Set /configure/system/location"];
    eventually(both.map(str::to_owned).to_vec(), async || records(&accounting)).await;
    // Held records hold nobody.
    tacplus.change(|script| script.holds = true);
    for _ in 0..20 {
        ann.apply(location("y")).await;
    }
    tacplus.change(|script| script.holds = false);
    eventually(42, async || records(&tacplus).len()).await;
    // A user of the element itself is told from those of the server.
    tacplus.change(|script| script.users.retain(|(name, _)| *name == "ann"));
    harness.client("admin").await.apply(location("z")).await;
    let last = "record 4 by 5 admin service=shell cmd=gnmi.gNMI/Set cmd-arg=/configure/system/location".to_owned();
    eventually(Some(last), async || records(&tacplus).pop()).await;
}

/// Servers that keep no records, or are gone for them, are asked about users as before.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_nobody_keeps_stop_no_login() {
    let (tacplus, logins) = (Fake::tacplus(script()).await, Fake::radius(Script::with(&[("bob", "bob")])).await);
    tacplus.change(|script| script.refuses_records = true);
    // Nobody listens where RADIUS records go.
    let tables = [
        tacplus.as_tacplus("accounting.record-type = \"stop-only\""),
        logins.as_radius("use-default-template = true\naccounting = true\naccounting-port = 9"),
        template("tacplus-default", "names"),
        template("radius-default", "names"),
        order(&["radius", "tacplus", "local"], false),
    ];
    let harness = start(&tables.concat()).await;
    for number in 1..4 {
        assert_eq!(may(&harness.client("bob").await).await, SOME);
        assert_eq!(may(&harness.client("ann").await).await, SOME);
        assert_eq!((logins.logins(), tacplus.logins()), (2 * number, number));
        let records = async || tacplus.asked().iter().filter(|line| line.starts_with("record")).count() >= number;
        eventually(true, records).await;
    }
}

/// AUTH-014: the knobs stand where the MD-CLI has them, with their defaults, and can be set.
#[tokio::test(flavor = "multi_thread")]
async fn the_knobs_have_their_names() {
    let harness = Harness::start().await;
    let admin = harness.client("admin").await;
    let check = async |leaf: &str, default: &str, other: &str| {
        let leaf: &'static str = leaf.to_owned().leak();
        admin.check_get(get([leaf]), &[&format!("{leaf} = {default}")]).await;
        admin.apply(update(leaf, other)).await;
        admin.check_get(get([leaf]), &[&format!("{leaf} = {other}")]).await;
    };
    admin
        .apply(update(
            TEMPLATE,
            r#"[{"user-template-name":"radius-default"},{"user-template-name":"tacplus-default"}]"#,
        ))
        .await;
    check(&format!("{TEMPLATE}[user-template-name=radius-default]/access/grpc"), "false", "true").await;
    check(&format!("{TEMPLATE}[user-template-name=tacplus-default]/access/grpc"), "false", "true").await;
    check(&format!("{RADIUS}/use-default-template"), "false", "true").await;
    check(&format!("{TACPLUS}/use-default-template"), "true", "false").await;
    check(&format!("{RADIUS}/server-retry"), "3", "10").await;
    check(&format!("{RADIUS}/server-timeout"), "3", "90").await;
    check(&format!("{TACPLUS}/server-retry-timeout"), "300", r#""none""#).await;
    check("/configure/system/security/aaa/health-check", "30", r#""none""#).await;
    check("/configure/system/security/user-params/authentication-order/exit-on-reject", "false", "true").await;
}

/// Secrets are nowhere in clear: not in answers, not in the saved configuration, not in a log. Writing the same again
/// changes nothing, and the servers are asked with the real one, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_kept_encrypted() {
    let fake = Fake::tacplus(script()).await;
    let harness = start(&template("tacplus-default", "names")).await;
    let admin = harness.client("admin").await;
    let server: &'static str = format!("{TACPLUS}/server[index=1]").leak();
    let leaf = format!("{server}/secret");
    let address = fake.address;
    let content = format!(r#"{{"address":"{}","port":{},"secret":"{SECRET}"}}"#, address.ip(), address.port());
    let order = "/configure/system/security/user-params/authentication-order/order";
    admin.apply(set().replace(server, json(&content)).update(order, json(r#"["local","tacplus"]"#))).await;
    assert_eq!(may(&harness.client("ann").await).await, SOME);
    let shown = get_text(&admin.get(get([server])).await.unwrap()).concat();
    assert!(shown.contains("address") && !shown.contains("secret"), "{shown}");
    // The longest that fits, and one more.
    let long = "s".repeat(117);
    admin.apply(update(&leaf, &format!("{long:?}"))).await;
    let refused = admin.set(update(&leaf, &format!(r#""{long}ss""#))).await.unwrap_err();
    assert!(refused.message().contains("/secret - a secret of 119 bytes is too long"), "{refused:?}");
    assert!(!refused.message().contains("sss"), "{refused:?}");
    admin.apply(update(&leaf, &format!("{SECRET:?}"))).await;
    drop(admin);
    let harness = harness.restart().await;
    assert_eq!(may(&harness.client("ann").await).await, SOME);
    for file in std::fs::read_dir(harness.data_dir()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let clear = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!clear(SECRET) && !clear(&long), "{}", path.display());
        }
    }
}
