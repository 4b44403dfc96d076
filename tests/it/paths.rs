//! Paths, in every RPC.

use std::slice;

use ganymede::pb::gnmi::{Encoding, GetRequest, Path, PathElem, SetRequest, SubscriptionList};
use tonic::Code;

use crate::harness::{Client, Harness, eventually, subscribe};
use crate::request::*;
use crate::text::*;

/// An agent with entries of lists in it, and a client.
async fn with_lists() -> (Harness, Client) {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let interfaces = r#"[{"interface-name":"system","description":"the system"},
        {"interface-name":"to_node_B"},{"interface-name":"to_node_D","description":"to D"}]"#;
    let lists = r#"[{"key1":"1","key2":"a","value":"1a","c":[{"key1":"x","value":"1ax"}]},
        {"key1":"1","key2":"b","value":"1b","c":[{"key1":"x","value":"1bx"}]},
        {"key1":"2","key2":"a","value":"2a","c":[{"key1":"y","value":"2ay"}]}]"#;
    let request =
        set().update("/configure/router[router-name=Base]/interface", json(interfaces)).update("/test/b", json(lists));
    client.apply(request).await;
    (harness, client)
}

const DESCRIPTIONS: &str = concat!(
    "/configure/router[router-name=Base]/interface[interface-name=system]/description = \"the system\"; ",
    "/configure/router[router-name=Base]/interface[interface-name=to_node_D]/description = \"to D\"",
);

/// The same paths in a Get and as a ONCE list.
async fn check_both(client: &Client, at: &str, expected: &str) {
    client.check_get(get([at]), &[expected]).await;
    client.check_once(once([at]), &[expected, "sync", "end"]).await;
}

/// The same refusal by Get and Subscribe.
async fn refuse_both(client: &Client, bad: Path, code: Code, parts: &[&str]) {
    let request = GetRequest { path: vec![bad.clone()], ..GetRequest::default() };
    check_refused(client.get(request).await, code, parts);
    let list = SubscriptionList { subscription: vec![once_of(bad)], ..once([]) };
    check_refused(Err::<(), _>(client.refusal(subscribe(list)).await), code, parts);
}

fn once_of(path: Path) -> ganymede::pb::gnmi::Subscription {
    asked(path, ganymede::pb::gnmi::SubscriptionMode::TargetDefined)
}

/// PATH-001, PATH-044: elements with key maps name the same place in every RPC.
#[tokio::test(flavor = "multi_thread")]
async fn serves_elem_paths_in_every_rpc() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let at = "/configure/router[router-name=Base]/interface[interface-name=a/b]/description";
    let response = client.set(update(at, r#""d""#)).await.unwrap();
    assert_eq!(set_text(&response), [format!("UPDATE {at}")]);
    check_both(&client, at, &format!(r#"{at} = "d""#)).await;
}

/// PATH-002, PATH-003, C-13: `element` strings mean the same, and are answered in kind; the old name of the key too.
#[tokio::test(flavor = "multi_thread")]
async fn serves_element_paths() {
    let (_harness, client) = with_lists().await;
    let at = "/configure/router[router-instance=Base]/interface[interface-name=system]/description";
    let answered = "~/configure/router[router-name=Base]/interface[interface-name=system]/description";
    let request = GetRequest { path: vec![element(at)], ..GetRequest::default() };
    client.check_get(request, &[&format!(r#"{answered} = "the system""#)]).await;
    let list = SubscriptionList { subscription: vec![once_of(element(at))], ..once([]) };
    client.check_once(list, &[&format!(r#"{answered} = "the system""#), "sync", "end"]).await;
    let list = SubscriptionList { prefix: Some(element("/configure")), ..once(["/router/interface/description"]) };
    client.check_once(list, &[DESCRIPTIONS, "sync", "end"]).await; // one path in the new form is enough
    let request = SetRequest { delete: vec![element(at)], ..SetRequest::default() };
    let response = client.set(request).await.unwrap();
    assert_eq!(set_text(&response), [format!("DELETE ~{at}")]);
    check_refused(client.get(get([at])).await, Code::NotFound, &["interface-name=system"]);
}

/// PATH-004: both forms in one path have to agree.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_forms_that_differ() {
    let (_harness, client) = with_lists().await;
    let both = |elem: &str, text: &str| Path { elem: path(elem).elem, ..element(text) };
    let same = both("/test/b[key1=1][key2=a]/value", "/test/b[key2=a][key1=1]/value");
    let request = GetRequest { path: vec![same], ..GetRequest::default() };
    client.check_get(request, &[r#"/test/b[key1=1][key2=a]/value = "1a""#]).await;
    for (elem, text) in [("/test/types", "/test/b"), ("/test/b[key1=1][key2=a]", "/test/b[key1=1][key2=b]")] {
        refuse_both(&client, both(elem, text), Code::InvalidArgument, &[elem, text]).await;
    }
}

/// PATH-005, PATH-006: the prefix stands in front of every path; an empty path is the prefix.
#[tokio::test(flavor = "multi_thread")]
async fn puts_the_prefix_in_front() {
    let (_harness, client) = with_lists().await;
    let prefix = Some(path("/test/b[key1=1][key2=a]"));
    let request = GetRequest { prefix: prefix.clone(), ..get(["/value", "/c[key1=x]/value"]) };
    let value = r#"/test/b[key1=1][key2=a]/value = "1a""#;
    let inner = r#"/test/b[key1=1][key2=a]/c[key1=x]/value = "1ax""#;
    client.check_get(request, &[value, inner]).await;
    let list = SubscriptionList { prefix: prefix.clone(), ..once(["/value", "/c[key1=x]/value"]) };
    client.check_once(list, &[&format!("{value}; {inner}"), "sync", "end"]).await;
    let request = SetRequest { prefix, ..update("/value", r#""new""#) };
    client.apply(request).await;
    client.check_get(get(["/test/b[key1=1][key2=a]/value"]), &[r#"/test/b[key1=1][key2=a]/value = "new""#]).await;

    let prefix = Some(path("/test/b[key1=2][key2=a]/value"));
    let request = GetRequest { prefix: prefix.clone(), ..get(["/"]) };
    client.check_get(request, &[r#"/test/b[key1=2][key2=a]/value = "2a""#]).await;
    let list = SubscriptionList { prefix: prefix.clone(), ..once(["/"]) };
    client.check_once(list, &[r#"/test/b[key1=2][key2=a]/value = "2a""#, "sync", "end"]).await;
    client.apply(SetRequest { prefix, ..update("/", r#""z""#) }).await;
    check_both(&client, "/test/b[key1=2][key2=a]/value", r#"/test/b[key1=2][key2=a]/value = "z""#).await;
}

/// PATH-007, PATH-008: a container stands for all below it, a leaf for itself.
#[tokio::test(flavor = "multi_thread")]
async fn selects_what_lies_below() {
    let (_harness, client) = with_lists().await;
    let entry = concat!(
        r#"/test/b[key1=2][key2=a]/key1 = "2"; /test/b[key1=2][key2=a]/key2 = "a"; "#,
        r#"/test/b[key1=2][key2=a]/value = "2a"; "#,
        r#"/test/b[key1=2][key2=a]/c[key1=y]/key1 = "y"; /test/b[key1=2][key2=a]/c[key1=y]/value = "2ay""#
    );
    client.check_once(once(["/test/b[key1=2][key2=a]"]), &[entry, "sync", "end"]).await;
    let leaf = "/test/b[key1=2][key2=a]/value";
    check_both(&client, leaf, &format!(r#"{leaf} = "2a""#)).await;
}

/// PATH-010, PATH-011, PATH-029: `*` as a key and a key left out both mean all entries; answers name each.
#[tokio::test(flavor = "multi_thread")]
async fn selects_all_entries() {
    let (_harness, client) = with_lists().await;
    for at in [
        "/configure/router[router-name=Base]/interface[interface-name=*]/description",
        "/configure/router[router-name=Base]/interface/description",
        "/configure/router[router-name=*]/interface[interface-name=*]/description",
        "/configure/router/interface/description",
    ] {
        check_both(&client, at, DESCRIPTIONS).await;
    }
    let response = client.set(set().delete("/configure/router/interface[interface-name=*]/description")).await.unwrap();
    assert_eq!(set_text(&response), ["DELETE /configure/router/interface[interface-name=*]/description"]);
    client.check_get(get(["/configure/router/interface/description"]), &[""]).await;
}

/// PATH-012, PATH-013, C-09: the root is the empty path, or one empty element.
#[tokio::test(flavor = "multi_thread")]
async fn selects_the_root() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config", r#"{"hostname":"oc"}"#)).await;
    let whole = client.get(get(["/"])).await.unwrap();
    let whole = get_text(&whole);
    for part in [r#"/ = {"#, r#""configure":{"system":{"name":"it""#, r#""hostname":"oc""#, r#""test":{"#] {
        assert!(whole[0].contains(part), "{whole:?}");
    }
    let name = Path { elem: vec![PathElem::default()], ..Path::default() };
    #[expect(deprecated, reason = "old collectors write the root like this")]
    let element = Path { element: vec![String::new()], ..Path::default() };
    for empty in [name, element] {
        let request = GetRequest { path: vec![empty.clone()], ..GetRequest::default() };
        assert_eq!(get_text(&client.get(request).await.unwrap()), whole);
        let list = SubscriptionList { subscription: vec![once_of(empty)], ..once([]) };
        let all = client.subscribe(list).await.round().await;
        assert!(all[0].contains(r#"/configure/system/name = "it""#) && all[0].contains("/test/rules/mode = "));
    }
}

/// PATH-014, PATH-045: a trailing `...` is the path before it, and consecutive ones are one.
#[tokio::test(flavor = "multi_thread")]
async fn drops_trailing_dots() {
    let (_harness, client) = with_lists().await;
    let once = async |at| client.subscribe(once([at])).await.round().await;
    let whole = once("/configure").await;
    assert!(whole[0].contains("/configure/system/name"));
    assert_eq!(once("/configure/...").await, whole);
    assert_eq!(once("/configure/.../...").await, whole);
    let all = get_text(&client.get(get(["/configure/..."])).await.unwrap());
    assert_eq!(all, get_text(&client.get(get(["/configure"])).await.unwrap()));
}

/// PATH-015, PATH-018: `*` as a name is exactly one level, with all entries of the lists it meets.
#[tokio::test(flavor = "multi_thread")]
async fn expands_one_level() {
    let (_harness, client) = with_lists().await;
    check_both(
        &client,
        "/test/*/c/value",
        concat!(
            r#"/test/b[key1=1][key2=a]/c[key1=x]/value = "1ax"; "#,
            r#"/test/b[key1=1][key2=b]/c[key1=x]/value = "1bx"; "#,
            r#"/test/b[key1=2][key2=a]/c[key1=y]/value = "2ay""#
        ),
    )
    .await;
    check_both(
        &client,
        "/test/*/value",
        concat!(
            r#"/test/b[key1=1][key2=a]/value = "1a"; /test/b[key1=1][key2=b]/value = "1b"; "#,
            r#"/test/b[key1=2][key2=a]/value = "2a""#
        ),
    )
    .await;
    check_both(&client, "/test/b[key1=1][key2=a]/*/key1", r#"/test/b[key1=1][key2=a]/c[key1=x]/key1 = "x""#).await;
    check_both(&client, "/configure/*/name", r#"/configure/system/name = "it""#).await;
    check_both(&client, "/*/system/name", r#"/configure/system/name = "it""#).await;
    let roots = get_text(&client.get(get(["/*"])).await.unwrap());
    assert!(roots[0].contains(r#"/configure = {"#) && roots[0].contains(r#"/test = {"#), "{roots:?}");
}

/// PATH-016, PATH-018, PATH-045: `...` is any number of levels, none included.
#[tokio::test(flavor = "multi_thread")]
async fn expands_any_number_of_levels() {
    let (_harness, client) = with_lists().await;
    let values =
        concat!(r#"/test/b[key1=2][key2=a]/value = "2a"; "#, r#"/test/b[key1=2][key2=a]/c[key1=y]/value = "2ay""#);
    check_both(&client, "/test/b[key1=2][key2=a]/.../value", values).await;
    check_both(&client, "/test/b[key1=2][key2=a]/.../.../value", values).await;
    let inner = r#"/test/b[key1=2][key2=a]/c[key1=y]/value = "2ay""#;
    check_both(&client, "/test/b[key1=2][key2=a]/.../*/value", inner).await;
    check_both(&client, "/test/b[key1=2][key2=a]/*/.../value", inner).await;
    check_both(&client, "/.../interface/description", DESCRIPTIONS).await;
    check_both(&client, "/.../router/.../description", DESCRIPTIONS).await;
}

/// PATH-021: an empty name in the middle is refused.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_empty_names() {
    let (_harness, client) = with_lists().await;
    refuse_both(&client, path("/test//value"), Code::InvalidArgument, &["/test//value"]).await;
    refuse_both(&client, element("/test//value"), Code::InvalidArgument, &[]).await;
    refuse_both(&client, path("//value"), Code::InvalidArgument, &["//value"]).await;
    check_refused(client.set(set().delete("/test//value")).await, Code::InvalidArgument, &["/test//value"]);
}

/// PATH-019, PATH-022, PATH-023, PATH-024: the keys of one element are all fixed or all open; elements are independent.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_mixed_keys() {
    let (_harness, client) = with_lists().await;
    for mixed in [
        "/test/b[key1=1][key2=*]",
        "/test/b[key1=*][key2=a]/value",
        "/test/b[key1=1]",
        "/test/b[key2=a]/c[key1=x]",
        "/.../b[key1=1][key2=*]",
    ] {
        refuse_both(&client, path(mixed), Code::InvalidArgument, &[mixed, "must be all fixed or all '*'"]).await;
    }
    check_both(
        &client,
        "/test/b[key1=*][key2=*]/c[key1=x]/value",
        concat!(
            r#"/test/b[key1=1][key2=a]/c[key1=x]/value = "1ax"; "#,
            r#"/test/b[key1=1][key2=b]/c[key1=x]/value = "1bx""#
        ),
    )
    .await;
    let one = r#"/test/b[key1=1][key2=b]/c[key1=x]/value = "1bx""#;
    check_both(&client, "/test/b[key1=1][key2=b]/c[key1=*]/value", one).await;
    check_both(
        &client,
        "/test/b[key1=*][key2=*]/c[key1=*]/key1",
        concat!(
            r#"/test/b[key1=1][key2=a]/c[key1=x]/key1 = "x"; /test/b[key1=1][key2=b]/c[key1=x]/key1 = "x"; "#,
            r#"/test/b[key1=2][key2=a]/c[key1=y]/key1 = "y""#
        ),
    )
    .await;
}

/// PATH-025: nothing of XPath but keys; as the value of a key the same texts are data.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_xpath() {
    let (_harness, client) = with_lists().await;
    for predicate in ["last()", "current()", "stat<5", "octets>3", "key1"] {
        let text = format!("/test/b[{predicate}]/value");
        refuse_both(&client, element(&text), Code::InvalidArgument, &[&format!("b[{predicate}]")]).await;
    }
    refuse_both(&client, path("/test/types|presence"), Code::InvalidArgument, &["types|presence"]).await;
    refuse_both(&client, element("/test/types|presence"), Code::InvalidArgument, &["types|presence"]).await;
    let literal = "/test/b[key1=last()][key2=octets>3]/value";
    client.apply(update(literal, r#""v""#)).await;
    check_both(&client, literal, &format!(r#"{literal} = "v""#)).await;
}

/// PATH-030, PATH-031: what the schema does not have is refused with the path that asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_the_schema_does_not_have() {
    let (_harness, client) = with_lists().await;
    for (bad, reason) in [
        ("/bogus", "/bogus - Unknown element"),
        ("/configure/bogus", "MINOR: MGMT_CORE #2201: /configure/bogus - Unknown element"),
        ("/configure/system/name/bogus", "/configure/system/name/bogus - Unknown element"),
        ("/test/.../bogus", "Unknown element"),
        ("/test/*/*/*/*/*", "Unknown element"),
        ("/test/typed-key[bogus=1]/value", "Unknown key 'bogus'"),
        ("/test/types[x=1]", "'types' is not a list"),
        ("/test/types/text[x=1]", "'text' is not a list"),
        ("/test/typed-key[number=x]/value", "/test/typed-key[number=x]/value - Invalid value 'x' for key 'number'"),
        ("/test/typed-key[number=99999999999]", "99999999999"),
    ] {
        refuse_both(&client, path(bad), Code::InvalidArgument, &[reason]).await;
        if !bad.contains('*') && !bad.contains("...") {
            refuse_both(&client, element(bad), Code::InvalidArgument, &[reason]).await;
        }
    }
}

/// Texts that a careless server would take apart.
const NASTY: [&str; 12] =
    ["a/b", "]", "[", "[x=y]", "=", r"\", r"\]", r"a\nb", " a b ", r#""quoted""#, "'single'", "Zürich 東京 🦀"];

/// PATH-032: keys in the map are literal and come back unchanged; only `*` alone means more.
#[tokio::test(flavor = "multi_thread")]
async fn takes_keys_literally() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for text in NASTY.into_iter().chain(["**", "a*", "...", "\n"]) {
        let at = Path {
            elem: vec![keyed("test", []), keyed("b", [("key1", text), ("key2", "*x")]), keyed("value", [])],
            ..Path::default()
        };
        let mut request = update("/", r#""v""#);
        request.update[0].path = Some(at.clone());
        assert_eq!(client.set(request).await.unwrap().response[0].path, Some(at.clone()));
        let request = GetRequest { path: vec![at.clone()], ..GetRequest::default() };
        assert_eq!(client.get(request).await.unwrap().notification[0].update[0].path, Some(at.clone()));
        let list = SubscriptionList { subscription: vec![once_of(at)], ..once([]) };
        let texts = client.subscribe(list).await.round().await;
        assert_eq!(texts, [&format!(r#"/test/b[key1={text}][key2=*x]/value = "v""#), "sync", "end"]);
    }
}

/// PATH-033, PATH-034, PATH-035: `element` strings escape `]` and `\`, may quote values, and are printed with sorted
/// keys.
#[tokio::test(flavor = "multi_thread")]
#[expect(deprecated, reason = "the element form")]
async fn escapes_element_strings() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (asked, key1, printed) in [
        (r"b[key2=k][key1=a\]b]", "a]b", r"b[key1=a\]b][key2=k]"),
        (r"b[key2=k][key1=a\\b]", r"a\b", r"b[key1=a\\b][key2=k]"),
        (r"b[key1=a/b][key2=k]", "a/b", "b[key1=a/b][key2=k]"),
        (r"b[key1=a=b][key2=k]", "a=b", "b[key1=a=b][key2=k]"),
        (r#"b[key1="to B"][key2='k']"#, "to B", "b[key1=to B][key2=k]"),
        (r"b[key1=x\ny][key2=k]", "x\ny", r"b[key1=x\ny][key2=k]"),
        (r"b[key1=x\ry][key2=k]", "x\ry", r"b[key1=x\ry][key2=k]"),
    ] {
        let element = ["test", asked, "value"].map(str::to_owned).to_vec();
        let asked_path = Path { element, ..Path::default() };
        let mut request = update("/", r#""v""#);
        request.update[0].path = Some(asked_path.clone());
        client.apply(request).await;
        let literal = Path {
            elem: vec![keyed("test", []), keyed("b", [("key1", key1), ("key2", "k")]), keyed("value", [])],
            ..Path::default()
        };
        let request = GetRequest { path: vec![literal.clone()], ..GetRequest::default() };
        assert_eq!(client.get(request).await.unwrap().notification[0].update[0].path, Some(literal), "{asked}");
        let request = GetRequest { path: vec![asked_path], ..GetRequest::default() };
        let answered = client.get(request).await.unwrap().notification.remove(0).update.remove(0).path.unwrap();
        assert_eq!(answered.element, ["test", printed, "value"], "{asked}");
    }
    let missing = path("/test/b[key2=none][key1=none]");
    check_refused(
        client.get(GetRequest { path: vec![missing], ..GetRequest::default() }).await,
        Code::NotFound,
        &["/test/b[key1=none][key2=none]"],
    );
}

/// PATH-036: no NUL, and no path of more than 4096 characters.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_nul_and_length() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    refuse_both(&client, path("/test/b[key1=a\0][key2=b]"), Code::InvalidArgument, &["NUL"]).await;
    refuse_both(&client, path("/te\0st"), Code::InvalidArgument, &["NUL"]).await;
    refuse_both(&client, element("/te\0st"), Code::InvalidArgument, &["NUL"]).await;
    let long = |length: usize| format!("/test/b[key1={}][key2=b]", "x".repeat(length));
    let fitting = 4096 - long(0).len();
    check_refused(client.get(get([&long(fitting)])).await, Code::NotFound, &["/test/b"]);
    refuse_both(&client, path(&long(fitting + 1)), Code::InvalidArgument, &["4096"]).await;
}

/// PATH-037: a name may state its module.
#[tokio::test(flavor = "multi_thread")]
async fn accepts_module_names() {
    let (_harness, client) = with_lists().await;
    let name = r#"/configure/system/name = "it""#;
    for at in ["/nokia-conf:configure/system/name", "/nokia-conf:configure/nokia-conf:system/nokia-conf:name"] {
        let elem = at.split('/').skip(1).map(|name| keyed(name, [])).collect();
        let request = GetRequest { path: vec![Path { elem, ..Path::default() }], ..GetRequest::default() };
        client.check_get(request, &[name]).await;
    }
    let elem = ["ganymede-test:configure", "system"].map(|name| keyed(name, [])).to_vec();
    refuse_both(&client, Path { elem, ..Path::default() }, Code::InvalidArgument, &["ganymede-test:configure"]).await;
    client.apply(update("/test/types/added", "5")).await;
    let elem = ["test", "types", "ganymede-test-ext:added"].map(|name| keyed(name, [])).to_vec();
    let request = GetRequest { path: vec![Path { elem, ..Path::default() }], ..GetRequest::default() };
    client.check_get(request.encoding(Encoding::Proto), &["/test/types/added = uint 5"]).await;
}

/// PATH-038, PATH-039, PATH-040: origins restrict; one request states them in one place.
#[tokio::test(flavor = "multi_thread")]
async fn restricts_by_origin() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config", r#"{"hostname":"oc"}"#)).await;
    check_both(&client, "openconfig:/system/config/hostname", r#"/system/config/hostname = "oc""#).await;
    refuse_both(&client, path("openconfig:/configure"), Code::InvalidArgument, &["/configure"]).await;
    refuse_both(&client, path("bogus:/configure"), Code::InvalidArgument, &["'bogus'", "/configure"]).await;
    let root = client.subscribe(once(["openconfig:/"])).await.round().await;
    assert!(root[0].contains("/system/config/hostname") && !root[0].contains("/configure"), "{root:?}");

    let prefix = Some(path("openconfig:/system"));
    let twice = GetRequest { prefix: prefix.clone(), ..get(["openconfig:/config"]) };
    check_refused(client.get(twice).await, Code::InvalidArgument, &["openconfig"]);
    let twice = SetRequest { prefix, ..set().delete("openconfig:/config") };
    check_refused(client.set(twice).await, Code::InvalidArgument, &["openconfig"]);

    let several = || get(["openconfig:/config/hostname", "nokia:/name"]);
    let request = GetRequest { prefix: Some(path("/system")), ..several() };
    check_refused(client.get(request).await, Code::InvalidArgument, &["openconfig", "nokia"]);
    let prefix = Some(Path { origin: String::new(), ..target("t") });
    let request = GetRequest { prefix, ..get(["openconfig:/system/config/hostname", "nokia:/configure/system/name"]) };
    let expected = [r#"/system/config/hostname = "oc""#, r#"/configure/system/name = "it""#];
    client.check_get(request, &expected).await;
}

/// PATH-041, PATH-042: the target of the prefix is reflected, that of a path ignored.
#[tokio::test(flavor = "multi_thread")]
async fn reflects_the_target_of_the_prefix() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let names = async |prefix: Option<Path>, path_target: &str| {
        let at = Path { target: path_target.to_owned(), ..path("/configure/system/name") };
        let list = SubscriptionList { prefix: prefix.clone(), subscription: vec![once_of(at.clone())], ..once([]) };
        let mut subscription = client.subscribe(list).await;
        let Some(ganymede::pb::gnmi::subscribe_response::Response::Update(streamed)) =
            subscription.response().await.unwrap().unwrap().response
        else {
            panic!("no update")
        };
        let got = client.get(GetRequest { prefix, path: vec![at], ..GetRequest::default() }).await.unwrap();
        [streamed, got.notification.into_iter().next().unwrap()].map(|notification| {
            let paths = notification.update.iter().filter_map(|update| update.path.as_ref());
            assert!(paths.chain(slice::from_ref(&Path::default())).all(|path| path.target.is_empty()));
            notification.prefix.map(|prefix| prefix.target).unwrap_or_default()
        })
    };
    assert_eq!(names(Some(target("box")), "").await, ["box", "box"]);
    assert_eq!(names(None, "").await, ["", ""]);
    assert_eq!(names(None, "other").await, ["", ""]);
    assert_eq!(names(Some(target("box")), "other").await, ["box", "box"]);
}

/// PATH-046, LIM-006: a path with wildcards is one path, and unlike the paths it covers.
#[tokio::test(flavor = "multi_thread")]
async fn counts_a_wildcard_path_once() {
    let harness = Harness::start_with("[limits]\nsubscription-paths = 2").await;
    let client = harness.client("admin").await;
    let lists = r#"[{"key1":"1","key2":"a"},{"key1":"1","key2":"b"},{"key1":"1","key2":"c"}]"#;
    client.apply(update("/test/b", lists)).await;
    let mut two = client.subscribe(on_change(["/test/b/.../key1", "/test/b[key1=1][key2=a]/key1"])).await;
    two.round().await;
    let third = client.refusal(subscribe(on_change(["/test/types/text"]))).await;
    check_refused(Err::<(), _>(third), Code::ResourceExhausted, &["2"]);
    drop(two);
    // The server hears of the end a moment later.
    let twice = || subscribe(on_change(["/test/b/key1", "/test/b[key1=*][key2=*]/key1"]));
    eventually(Code::InvalidArgument, async || client.refusal(twice()).await.code()).await;
    check_refused(
        Err::<(), _>(client.refusal(twice()).await),
        Code::InvalidArgument,
        &["/test/b[key1=*][key2=*]/key1"],
    );
}
