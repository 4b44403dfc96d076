//! What users may change and read, as the entries of their profiles say.

use tonic::Code;

use crate::harness::{Client, Harness, eventually};
use crate::request::*;
use crate::text::*;

const SECURITY: &str = "/configure/system/security";
const USERS: &str = "/configure/system/security/user-params/local-user/user";
const OUTPUT: &str = "/configure/system/security/aaa/management-interface/output-authorization";

/// Profiles and users; the password of each is its name.
const TABLES: &str = r#"
[platform.sim]
ports = 1

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "operators"
default-action = "permit-all"
entry = [
    { entry-id = 20, match = "configure system grpc", action = "read-only" },
    { entry-id = 10, match = "configure system security", action = "deny" },
    { entry-id = 30, match = "show router", action = "deny" },
    { entry-id = 40, match = "configure system contact", action = "none" },
]

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "places"
entry = [
    { entry-id = 10, match = "configure system location", action = "permit" },
    { entry-id = 20, match = 'test b <x> <y>', action = "permit" },
    { entry-id = 30, match = 'test b "x"', action = "read-only" },
    { entry-id = 40, match = "test b <.*> <z> value", action = "read-only" },
]

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "types"
default-action = "deny-all"
entry = [{ entry-id = 1, match = "test types", action = "permit" }]

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "intercept"
default-action = "permit-all"
li = true

[[configure.system.security.user-params.local-user.user]]
user-name = "operator"
password = "operator"
access.grpc = true
console.member = ["operators"]

[[configure.system.security.user-params.local-user.user]]
user-name = "two"
password = "two"
access.grpc = true
console.member = ["places", "types"]

[[configure.system.security.user-params.local-user.user]]
user-name = "places"
password = "places"
access.grpc = true
console.member = ["places"]

[[configure.system.security.user-params.local-user.user]]
user-name = "tap"
password = "tap"
access.grpc = true
access.li = true
console.member = ["intercept"]
"#;

async fn start() -> Harness {
    Harness::start_with(TABLES).await
}

/// Checks that something can be read, or why not.
async fn check(client: &Client, path: &'static str, expected: &str) {
    let text = match client.get(get([path])).await {
        Ok(response) => get_text(&response).join(" | "),
        Err(status) => format!("{:?}", status.code()),
    };
    assert_eq!(text, expected, "{path}");
}

/// SET-036, SET-037: each element that changes is judged, whatever form it comes in; one that may not change refuses all.
#[tokio::test(flavor = "multi_thread")]
async fn one_change_too_much_refuses_the_whole_set() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let denied = |path: &str, rule: &str, operation: &str| {
        format!(
            "MINOR: MGMT_CORE #2020: Permission denied - unauthorized use of '{path}' - user 'operator', \
             profile 'operators' {rule} - gRPC: {operation}"
        )
    };
    let count = "/configure/system/security/user-params/attempts/count";
    let request = set().update("/configure/system/location", json(r#""x""#)).update(count, json("9"));
    let refused = operator.set(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.message(), denied(count, "entry 10", "update operation 2"));
    check(&admin, "/configure/system/location", "NotFound").await;
    // The same inside one value, and for what may be read only.
    let value = r#"{"location":"x","grpc":{"listening-port":1024}}"#;
    let refused = operator.set(update("/configure/system", value)).await.unwrap_err();
    let port = "/configure/system/grpc/listening-port";
    assert_eq!(refused.message(), denied(port, "entry 20", "update operation 1"));
    check(&admin, "/configure/system/location", "NotFound").await;
    // What comes to be is a change as well: an entry, with all in it.
    let entry = r#"[{"user-name":"new","password":"new","access":{"grpc":true}}]"#;
    let refused = operator.set(update(USERS, entry)).await.unwrap_err();
    let user = "/configure/system/security/user-params/local-user/user[user-name=new]";
    assert_eq!(refused.message(), denied(user, "entry 10", "update operation 1"));
    check(&admin, "/configure/system/security/user-params/local-user/user[user-name=new]", "NotFound").await;
    operator.apply(update("/configure/system/location", r#""x""#)).await;
    operator.apply(update("/configure/system/contact", r#""me""#)).await;
    operator.apply(update("/test/types/text", r#""t""#)).await;
}

/// SET-038: a delete takes what its author may change and leaves the rest, with all around it that it needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_spares_what_is_protected() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let request = set()
        .update("/configure/system", json(r#"{"location":"x","security":{"user-params":{"attempts":{"count":5}}}}"#));
    admin.apply(request).await;
    let security = get_text(&admin.get(get([SECURITY])).await.unwrap());
    let grpc = get_text(&admin.get(get(["/configure/system/grpc"])).await.unwrap());
    let response = operator.set(set().delete("/configure/system")).await.unwrap();
    assert_eq!(set_text(&response), ["DELETE /configure/system"]);
    check(&admin, "/configure/system/name", "NotFound").await;
    check(&admin, "/configure/system/location", "NotFound").await;
    assert_eq!(get_text(&admin.get(get([SECURITY])).await.unwrap()), security);
    assert_eq!(get_text(&admin.get(get(["/configure/system/grpc"])).await.unwrap()), grpc);
}

/// SET-053: the root is no name of anything, so deleting it takes what may be taken.
#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_root_keeps_what_is_protected() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    admin.apply(update("/test", r#"{"types":{"text":"t"},"b":[{"key1":"x","key2":"y","value":"v"}]}"#)).await;
    let security = get_text(&admin.get(get([SECURITY])).await.unwrap());
    let response = operator.set(set().delete("/")).await.unwrap();
    assert_eq!(set_text(&response), ["DELETE /"]);
    check(&admin, "/test/b", "").await;
    check(&admin, "/configure/system/name", "NotFound").await;
    assert_eq!(get_text(&admin.get(get([SECURITY])).await.unwrap()), security);
    // One with rights to little takes little.
    admin
        .apply(update("/test/b", r#"[{"key1":"x","key2":"y","value":"v"},{"key1":"x","key2":"z","value":"w"}]"#))
        .await;
    admin.apply(update("/configure/system", r#"{"name":"n","location":"l"}"#)).await;
    let places = harness.client("places").await;
    places.apply(set().delete("/")).await;
    check(&admin, "/configure/system/location", "NotFound").await;
    check(&admin, "/configure/system/name", r#"/configure/system/name = "n""#).await;
    check(&admin, "/test/b", r#"/test/b[key1=x][key2=z] = {"key1":"x","key2":"z","value":"w"}"#).await;
}

/// SET-038, C-20: a replace keeps protected parts that it does not speak of, and may repeat what they hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_replace_spares_what_is_protected() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    admin.apply(update("/configure/system", r#"{"location":"x","contact":"c"}"#)).await;
    let security = get_text(&admin.get(get([SECURITY])).await.unwrap());
    let replace = |value: &str| set().replace("/configure/system", json(value));
    operator.apply(replace(r#"{"location":"y","grpc":{"admin-state":"enable"}}"#)).await;
    check(&admin, "/configure/system/location", r#"/configure/system/location = "y""#).await;
    check(&admin, "/configure/system/contact", "NotFound").await;
    check(
        &admin,
        "/configure/system/grpc/allow-unsecure-connection",
        "/configure/system/grpc/allow-unsecure-connection = [null]",
    )
    .await;
    assert_eq!(get_text(&admin.get(get([SECURITY])).await.unwrap()), security);
    let refused = operator.set(replace(r#"{"grpc":{"admin-state":"disable"}}"#)).await;
    check_refused(refused, Code::PermissionDenied, &["/configure/system/grpc/admin-state", "entry 20"]);
    // Named itself, it may only be repeated as it is.
    let grpc = |value: &str| set().replace("/configure/system/grpc", json(value));
    let refused = operator.set(grpc(r#"{"admin-state":"enable"}"#)).await;
    check_refused(
        refused,
        Code::PermissionDenied,
        &["/configure/system/grpc/allow-unsecure-connection", "replace operation 1"],
    );
    operator.apply(grpc(r#"{"admin-state":"enable","allow-unsecure-connection":[null]}"#)).await;
    // Leaving a case of a choice takes what is in it.
    let refused = operator.set(update("/configure/system/grpc", r#"{"tls-server-profile":"x"}"#)).await;
    check_refused(refused, Code::PermissionDenied, &["/configure/system/grpc/"]);
}

/// SET-039, SET-040: without the right to lawful intercept the right may be repeated but not given or taken, whatever
/// the profile permits.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_element_may_keep_its_value() {
    let harness = start().await;
    let (admin, tap) = (harness.client("admin").await, harness.client("tap").await);
    let access = |user: &str, li: bool| {
        update(&format!("{USERS}[user-name={user}]"), &format!(r#"{{"access":{{"li":{li},"ftp":true}}}}"#))
    };
    admin.apply(access("tap", true)).await;
    admin.apply(access("admin", false)).await;
    let refused = admin.set(access("admin", true)).await;
    let path = "/configure/system/security/user-params/local-user/user[user-name=admin]/access/li";
    check_refused(refused, Code::PermissionDenied, &[path, "user 'admin', lawful intercept needs access li"]);
    check_refused(admin.set(access("tap", false)).await, Code::PermissionDenied, &["access/li"]);
    let deleted = set().delete(&format!("{USERS}[user-name=tap]/access/li"));
    check_refused(admin.set(deleted).await, Code::PermissionDenied, &["access/li", "delete operation 1"]);
    let profile = "/configure/system/security/aaa/local-profiles/profile[user-profile-name=intercept]";
    let widened = update(profile, r#"{"default-action":"read-only-all"}"#);
    check_refused(admin.set(widened.clone()).await, Code::PermissionDenied, &[profile, "lawful intercept"]);
    // Who has the right gives it on and takes it back.
    tap.apply(access("operator", true)).await;
    tap.apply(access("operator", false)).await;
    tap.apply(widened).await;
    let last = tap.set(access("operator", true)).await;
    check_refused(last, Code::PermissionDenied, &["may only read"]);
}

/// SET-041: a delete of what its author may not change is refused, be it there or not, and takes nothing else along.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_element_cannot_be_deleted_by_name() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let refuse = async |path: &str, rule: &str| {
        let result = operator.set(set().delete("/configure/system/name").delete(path)).await;
        check_refused(result, Code::PermissionDenied, &[path, rule, "gRPC: delete operation 2"]);
    };
    refuse(SECURITY, "entry 10").await;
    refuse("/configure/system/security/user-params/local-user/user[user-name=admin]", "entry 10").await;
    refuse("/configure/system/security/user-params/local-user/user[user-name=*]", "entry 10").await;
    refuse("/configure/system/security/tls", "entry 10").await;
    refuse("/configure/system/grpc/gnmi", "entry 20").await;
    check(&admin, "/configure/system/name", r#"/configure/system/name = "it""#).await;
}

/// SET-036: entries count by number, with their keys, and profiles one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_entry_that_matches_decides() {
    let harness = start().await;
    let (admin, two) = (harness.client("admin").await, harness.client("two").await);
    admin
        .apply(update("/test/b", r#"[{"key1":"x","key2":"z","value":"1"},{"key1":"w","key2":"z","value":"1"}]"#))
        .await;
    let try_set =
        async |path: &str, value: &str| two.set(update(path, value)).await.map(drop).map_err(|status| status.code());
    assert_eq!(try_set("/test/b[key1=x][key2=y]", r#"{"value":"2"}"#).await, Ok(()));
    assert_eq!(try_set("/test/b[key1=x][key2=z]", r#"{"value":"2"}"#).await, Err(Code::PermissionDenied));
    assert_eq!(try_set("/test/b[key1=w][key2=y]", r#"{"value":"2"}"#).await, Err(Code::PermissionDenied));
    assert_eq!(try_set("/test/types", r#"{"text":"t"}"#).await, Ok(()));
    assert_eq!(try_set("/configure/system/location", r#""l""#).await, Ok(()));
    let refused = two.set(update("/configure/system/name", r#""n""#)).await;
    check_refused(refused, Code::PermissionDenied, &["user 'two', profile 'types' default-action"]);
    let places = harness.client("places").await;
    let refused = places.set(update("/configure/system/name", r#""n""#)).await;
    check_refused(refused, Code::PermissionDenied, &["user 'places', no profile permits it"]);
}

/// SET-036: rights are those of the configuration that a commit starts from.
#[tokio::test(flavor = "multi_thread")]
async fn rights_change_with_the_commit_that_changes_them() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    operator.apply(update("/configure/system/location", r#""a""#)).await;
    let profile = "/configure/system/security/aaa/local-profiles/profile[user-profile-name=operators]";
    let entry = r#"{"entry":[{"entry-id":5,"match":"configure system location","action":"deny"}]}"#;
    admin.apply(update(profile, entry)).await;
    let refused = operator.set(update("/configure/system/location", r#""b""#)).await;
    check_refused(refused, Code::PermissionDenied, &["/configure/system/location", "profile 'operators' entry 5"]);
    admin.apply(set().delete(&format!("{profile}/entry[entry-id=5]"))).await;
    operator.apply(update("/configure/system/location", r#""b""#)).await;
}

/// GET-022: what a user may not read is left out of what is around it, and refused when it is asked for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_get_shows_what_may_be_read() {
    let harness = start().await;
    let (admin, two) = (harness.client("admin").await, harness.client("two").await);
    let operator = harness.client("operator").await;
    let entries = r#"{"b":[{"key1":"w","key2":"y","value":"1"},{"key1":"w","key2":"z","value":"2"},{"key1":"x","key2":"y","value":"3","c":[{"key1":"c"}]}]}"#;
    admin.apply(update("/test", entries)).await;
    admin.apply(update("/test/types", r#"{"text":"t"}"#)).await;
    admin.apply(update("/configure/system", r#"{"location":"l"}"#)).await;
    check(&operator, SECURITY, "PermissionDenied").await;
    check(&operator, "/configure/system/security/user-params/attempts/count", "PermissionDenied").await;
    check(
        &operator,
        "/configure/system/security/user-params/local-user/user[user-name=*]/password",
        "PermissionDenied",
    )
    .await;
    check(&operator, "/configure/system/grpc/admin-state", r#"/configure/system/grpc/admin-state = "enable""#).await;
    let system = get_text(&operator.get(get(["/configure/system"])).await.unwrap()).remove(0);
    assert!(system.contains(r#""grpc":{"#) && !system.contains("security"), "{system}");
    // Only what an entry opens, with the keys around it.
    check(&two, "/configure", r#"/configure = {"system":{"location":"l"}}"#).await;
    check(&two, "/configure/system/name", "PermissionDenied").await;
    check(
        &two,
        "/test/b[key1=*][key2=*]/value",
        r#"/test/b[key1=w][key2=z]/value = "2"; /test/b[key1=x][key2=y]/value = "3""#,
    )
    .await;
    let b = r#"/test/b[key1=w][key2=z] = {"key1":"w","key2":"z","value":"2"}; /test/b[key1=x][key2=y] = {"key1":"x","key2":"y","value":"3","c":[{"key1":"c"}]}"#;
    check(&two, "/test/b", b).await;
    check(&two, "/test/b[key1=w][key2=z]/key1", "PermissionDenied").await;
    check(&two, "/test/b[key1=w][key2=y]", "PermissionDenied").await;
    check(&two, "/test/b[key1=w][key2=z]/c", "PermissionDenied").await;
    check(&two, "/state", "PermissionDenied").await;
    let refused = two.get(get(["/configure/system/location", "/configure/system/name"])).await;
    check_refused(
        refused,
        Code::PermissionDenied,
        &["'/configure/system/name' - user 'two', profile 'types' default-action"],
    );
    // A name with wildcards asks for whatever there is.
    check(&two, "/configure/system/*", r#"/configure/system/location = "l""#).await;
    let root = get_text(&two.get(get(["/"])).await.unwrap()).remove(0);
    assert!(root.contains(r#""configure":{"system":{"location":"l"}}"#) && !root.contains("state"), "{root}");
    // Leaf by leaf it is the same.
    let proto = ganymede::pb::gnmi::Encoding::Proto;
    let leaves = two.get(get(["/configure"]).encoding(proto)).await.unwrap();
    assert_eq!(get_text(&leaves), ["/configure/system/location = string l"]);
}

/// GET-022: the knob opens everything but lawful intercept.
#[tokio::test(flavor = "multi_thread")]
async fn md_interfaces_says_whether_profiles_limit_a_get() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let tap = harness.client("tap").await;
    let li = "/configure/system/security/user-params/local-user/user[user-name=tap]/access/li";
    let shown = "/configure/system/security/user-params/local-user/user[user-name=tap]/access/li = true";
    check(&admin, li, "PermissionDenied").await;
    check(&tap, li, shown).await;
    check(&operator, "/configure/system/security/user-params/attempts/count", "PermissionDenied").await;
    admin.apply(update(&format!("{OUTPUT}/md-interfaces"), "false")).await;
    let count = "/configure/system/security/user-params/attempts/count = 3";
    check(&operator, "/configure/system/security/user-params/attempts/count", count).await;
    check(&operator, li, "PermissionDenied").await;
    let user = get_text(
        &operator.get(get(["/configure/system/security/user-params/local-user/user[user-name=tap]"])).await.unwrap(),
    );
    assert!(user[0].contains("ftp") && !user[0].contains(r#""li""#), "{user:?}");
}

/// The paths of what a ONCE list brings.
async fn shown<const N: usize>(client: &Client, paths: [&str; N]) -> String {
    client.subscribe(once(paths)).await.round().await.join("; ")
}

/// AUTH-029, AUTH-030: by default a subscription shows everything to everybody, except lawful intercept.
#[tokio::test(flavor = "multi_thread")]
async fn telemetry_shows_all_but_lawful_intercept() {
    let harness = start().await;
    let (admin, operator, tap) =
        (harness.client("admin").await, harness.client("operator").await, harness.client("tap").await);
    let li = "user[user-name=tap]/access/li";
    let seen = shown(&operator, ["/configure/system/security", "/state/port"]).await;
    assert!(
        seen.contains("attempts/count = 3") && seen.contains("access/ftp") && seen.contains("/state/port["),
        "{seen}"
    );
    assert!(!seen.contains(li) && !seen.contains("/access/li") && !seen.contains("=intercept]"), "{seen}");
    assert!(!shown(&admin, [SECURITY]).await.contains("/access/li"));
    let seen = shown(&tap, [SECURITY]).await;
    assert!(seen.contains("user[user-name=tap]/access/li = true") && seen.contains("intercept]/li = true"), "{seen}");
    assert_eq!(
        shown(&admin, ["/configure/system/security/user-params/local-user/user[user-name=*]/access/li"]).await,
        "sync; end"
    );
    // Nor are changes of it told.
    let mut watching = operator.subscribe(on_change([USERS])).await;
    watching.round().await;
    tap.apply(update(&format!("{USERS}[user-name=admin]/access/li"), "true")).await;
    tap.apply(update(&format!("{USERS}[user-name=admin]/access/ftp"), "true")).await;
    assert_eq!(watching.next().await, format!("{USERS}[user-name=admin]/access/ftp = true"));
}

/// AUTH-031, AUTH-032: the knob lets profiles limit the stream, of one that runs too; what is closed is missing from it, and
/// nothing else happens.
#[tokio::test(flavor = "multi_thread")]
async fn telemetry_data_says_whether_profiles_limit_a_stream() {
    let harness = start().await;
    let (admin, operator, two) =
        (harness.client("admin").await, harness.client("operator").await, harness.client("two").await);
    let knob = format!("{OUTPUT}/telemetry-data");
    let count = "/configure/system/security/user-params/attempts/count";
    let mut watching = operator.subscribe(on_change(["/configure/system"])).await;
    assert!(watching.round().await.join("; ").contains(&format!("{count} = 3")));
    let read = admin
        .get(get(["/configure/system/security/aaa/management-interface/output-authorization/telemetry-data"]))
        .await;
    assert_eq!(get_text(&read.unwrap()), [format!("{knob} = false")]);
    admin.apply(update(&knob, "true")).await;
    admin.apply(update(count, "5")).await;
    admin.apply(update("/configure/system/location", r#""l""#)).await;
    assert_eq!(watching.next().await, "/configure/system/location = \"l\"");
    admin
        .apply(
            set().delete("/configure/system/security/user-params/attempts/count").delete("/configure/system/location"),
        )
        .await;
    assert_eq!(watching.next().await, "delete /configure/system/location");
    let seen = shown(&operator, ["/configure/system"]).await;
    assert!(seen.contains("/configure/system/grpc/admin-state = ") && !seen.contains("security"), "{seen}");
    assert_eq!(shown(&operator, [SECURITY]).await, "sync; end");
    // An entry, as its key says, and a leaf of it.
    admin
        .apply(update("/test/b", r#"[{"key1":"x","key2":"y","value":"1"},{"key1":"w","key2":"z","value":"2"}]"#))
        .await;
    let expected = r#"/test/b[key1=w][key2=z]/value = "2"; /test/b[key1=x][key2=y]/key1 = "x"; /test/b[key1=x][key2=y]/key2 = "y"; /test/b[key1=x][key2=y]/value = "1"; sync; end"#;
    assert_eq!(shown(&two, ["/test/b"]).await, expected);
    let mut sampled = two.subscribe(stream([sample("/test/b", 1000)])).await;
    sampled.round().await;
    let third = sampled.next().await;
    assert!(third.contains("value") && !third.contains("[key1=w][key2=z]/key"), "{third}");
    admin.apply(update(&knob, "false")).await;
    assert!(shown(&operator, [SECURITY]).await.contains(&format!("{count} = 3")));
}

/// AUTH-033: a stream asks once who its reader is, however much it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_authenticated_once() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let mut watching = operator.subscribe(on_change(["/test/types/uint32"])).await;
    watching.round().await;
    for number in 0..20 {
        admin.apply(update("/test/types/uint32", &number.to_string())).await;
        assert_eq!(watching.next().await, format!("/test/types/uint32 = {number}"));
    }
    drop((watching, operator));
    let lines = |event: &str| {
        let (event, user) = (format!(r#""event":"{event}""#), r#""user":"operator""#);
        harness.security_log().lines().filter(|line| line.contains(&event) && line.contains(user)).count()
    };
    eventually(1, async || lines("session-close")).await;
    assert_eq!(lines("authentication"), 1);
}

/// SET-036: a commit that waits for its confirmation is judged as any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_commit_is_judged_too() {
    let harness = start().await;
    let (admin, operator) = (harness.client("admin").await, harness.client("operator").await);
    let count = "/configure/system/security/user-params/attempts/count";
    let refused = operator.set(extended(update(count, "9"), commit_request("c", None))).await;
    check_refused(refused, Code::PermissionDenied, &[count, "profile 'operators' entry 10"]);
    admin.apply(update(count, "9")).await;
}
