//! The Set RPC: operations, their order, and all or nothing.

use ganymede::pb::gnmi::{SetRequest, Update};
use ganymede::pb::gnmi_ext::{Extension, RegisteredExtension, extension::Ext};
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::*;

/// Checks one leaf of the configuration; `-` when it is not there.
pub(crate) async fn check_leaf(client: &Client, at: &str, expected: &str) {
    let found = match client.get(get([at])).await {
        Ok(response) => get_text(&response).remove(0),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            "-".to_owned()
        }
    };
    let expected = if expected == "-" { "-".to_owned() } else { format!("{at} = {expected}") };
    assert_eq!(found, expected, "{at}");
}

/// SET-001, SET-008: an update of a container, its response, and the value read back.
#[tokio::test(flavor = "multi_thread")]
async fn updates_a_container() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let before = now_nanos();
    let request = SetRequest { prefix: Some(path("/")), ..update("/configure/system", r#"{"location":"zurich"}"#) };
    let response = client.set(request).await.unwrap();
    assert!((before..=now_nanos()).contains(&response.timestamp), "{response:?}");
    assert_eq!(response.prefix, Some(path("/")));
    assert_eq!(set_text(&response), ["UPDATE /configure/system"]);
    let [result] = &*response.response else { panic!("{response:?}") };
    #[expect(deprecated, reason = "must stay empty")]
    let old = (result.timestamp, &result.message, &response.message);
    assert_eq!(old, (0, &None, &None));
    check_leaf(&client, "/configure/system/location", r#""zurich""#).await;
    check_leaf(&client, "/configure/system/name", r#""it""#).await;
}

/// SET-002, SET-003, SET-007, SET-012: deletes, then replaces, then updates, and one result for each in that order.
#[tokio::test(flavor = "multi_thread")]
async fn works_in_the_order_of_the_specification() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"uint16":1,"uint32":1,"text":"old"}"#)).await;
    let request = set()
        .update("/test/types/uint8", json("5"))
        .update("/test/types/uint16", json("6"))
        .replace("/test/types", json(r#"{"uint8":3,"uint16":3}"#))
        .replace("/test/types/uint8", json("4"))
        .delete("/test/types")
        .delete("/test/types/text");
    let response = client.set(request).await.unwrap();
    let expected = [
        "DELETE /test/types",
        "DELETE /test/types/text",
        "REPLACE /test/types",
        "REPLACE /test/types/uint8",
        "UPDATE /test/types/uint8",
        "UPDATE /test/types/uint16",
    ];
    assert_eq!(set_text(&response), expected);
    for (leaf, value) in [("uint8", "5"), ("uint16", "6"), ("uint32", "-"), ("text", "-")] {
        check_leaf(&client, &format!("/test/types/{leaf}"), value).await;
    }

    client.apply(update("/test/b[key1=x][key2=y]", r#"{"value":"v","c":[{"key1":"k"}]}"#)).await;
    let again = set().delete("/test/b[key1=x][key2=y]").update("/test/b[key1=x][key2=y]/value", json(r#""new""#));
    client.apply(again).await;
    let entry = r#"/test/b[key1=x][key2=y] = {"key1":"x","key2":"y","value":"new"}"#;
    client.check_get(get(["/test/b"]), &[entry]).await;
}

/// SET-005, SET-050: whichever operation is wrong, nothing is changed, and the text names the place.
#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing_when_one_operation_fails() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"text":"old","strings":["a"]}"#)).await;
    let before = get_text(&client.get(get(["/configure", "/test"])).await.unwrap());
    let good = || set().delete("/test/types/text").replace("/test/types/strings", json(r#"["z"]"#));
    let good = || good().update("/test/types/uint8", json("2")).update("/configure/system/name", json(r#""new""#));
    for (bad, code, place) in [
        (good().delete("/test/bogus"), Code::InvalidArgument, "/test/bogus"),
        (good().replace("/test/types/uint8", json("300")), Code::InvalidArgument, "/test/types/uint8"),
        (good().update("/test/types/uint16", json("-1")), Code::InvalidArgument, "/test/types/uint16"),
        (good().update("/test/bogus", json("1")), Code::NotFound, "/test/bogus"),
        (good().update("/state/system", json("{}")), Code::InvalidArgument, "/state/system"),
        (good().delete("/test/typed-key[number=1]/number"), Code::InvalidArgument, "/test/typed-key[number=1]/number"),
    ] {
        check_refused(client.set(bad).await, code, &[place]);
        assert_eq!(get_text(&client.get(get(["/configure", "/test"])).await.unwrap()), before, "{place}");
    }
}

/// SET-009: the prefix comes back with its target.
#[tokio::test(flavor = "multi_thread")]
async fn returns_the_prefix() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let prefix = ganymede::pb::gnmi::Path { target: "box".to_owned(), ..path("/test/types") };
    let request = SetRequest { prefix: Some(prefix.clone()), ..update("/uint8", "9") };
    let response = client.set(request).await.unwrap();
    assert_eq!(response.prefix, Some(prefix));
    assert_eq!(set_text(&response), ["UPDATE /uint8"]);
    check_leaf(&client, "/test/types/uint8", "9").await;
}

/// SET-010: a Set without operations, or with nothing but extensions, is fine.
#[tokio::test(flavor = "multi_thread")]
async fn accepts_an_empty_set() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let ext = Ext::RegisteredExt(RegisteredExtension { id: 999, ..RegisteredExtension::default() });
    let extended = SetRequest { extension: vec![Extension { ext: Some(ext) }], ..set() };
    for empty in [set(), extended] {
        assert_eq!(client.set(empty).await.unwrap().response, []);
    }
}

/// SET-011: the same place several times, the last one wins.
#[tokio::test(flavor = "multi_thread")]
async fn writes_one_place_several_times() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let at = "/test/types/uint8";
    let request = set().replace(at, json("1")).replace(at, json("2"));
    let response = client.set(request).await.unwrap();
    assert_eq!(set_text(&response), [format!("REPLACE {at}"), format!("REPLACE {at}")]);
    check_leaf(&client, at, "2").await;
    let response = client.set(set().update(at, json("3")).update(at, json("4"))).await.unwrap();
    assert_eq!(set_text(&response), [format!("UPDATE {at}"), format!("UPDATE {at}")]);
    check_leaf(&client, at, "4").await;
}

/// SET-013, SET-014, SET-015: delete takes all below along, wildcards and missing keys select; no match is fine.
#[tokio::test(flavor = "multi_thread")]
async fn deletes() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let entries = r#"[{"key1":"1","key2":"a","c":[{"key1":"x"},{"key1":"y"}]},{"key1":"1","key2":"b","value":"v"},
        {"key1":"2","key2":"a","value":"v"}]"#;
    let both = || set().replace("/test/b", json(entries)).update("/test/types/text", json(r#""t""#));
    let cases: [(&str, &[&str]); 12] = [
        ("/test/b[key1=1][key2=a]/c[key1=x]", &["1a", "1a/y", "1b", "2a", "t"]),
        ("/test/b[key1=1][key2=a]", &["1b", "2a", "t"]),
        ("/test/b[key1=1]", &["2a", "t"]),
        ("/test/b[key1=*][key2=a]", &["1b", "t"]),
        ("/test/b[key2=b]/value", &["1a", "1a/x", "1a/y", "1b", "2a", "t"]),
        ("/test/b[key1=*][key2=*]/c[key1=y]", &["1a", "1a/x", "1b", "2a", "t"]),
        ("/test/b", &["t"]),
        ("/test/b[key1=*][key2=*]", &["t"]),
        ("/test/b[key1=9][key2=9]", &["1a", "1a/x", "1a/y", "1b", "2a", "t"]),
        ("/test/b[key1=9]", &["1a", "1a/x", "1a/y", "1b", "2a", "t"]),
        ("/test/presence", &["1a", "1a/x", "1a/y", "1b", "2a", "t"]),
        ("/test", &[]),
    ];
    for (at, rest) in cases {
        client.apply(both()).await;
        assert_eq!(set_text(&client.set(set().delete(at)).await.unwrap()), [format!("DELETE {at}")]);
        let response = client.get(get(["/test/b", "/test/b/c", "/test/types"])).await.unwrap();
        let [entries, inner, types] = &*response.notification else { panic!("{response:?}") };
        let keys = |update: &Update| {
            let elem = &update.path.as_ref().unwrap().elem;
            let inner = elem.get(2).map(|elem| format!("/{}", elem.key["key1"])).unwrap_or_default();
            format!("{}{}{inner}", elem[1].key["key1"], elem[1].key["key2"])
        };
        let mut found: Vec<_> = entries.update.iter().chain(&inner.update).map(keys).collect();
        found.sort();
        found.extend(notification_text(types).contains(r#""text":"t""#).then(|| "t".to_owned()));
        assert_eq!(found, rest, "{at}");
    }
    client.apply(both()).await;
    client.apply(set().delete("/test/b[key2=b]/value")).await;
    check_leaf(&client, "/test/b[key1=1][key2=b]/value", "-").await;
    check_leaf(&client, "/test/b[key1=2][key2=a]/value", r#""v""#).await;
}

/// SET-016, SET-023: what is written is one place.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_open_places() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (at, value) in [
        ("/test/b[key1=*][key2=*]/value", r#""v""#),
        ("/test/*/value", r#""v""#),
        ("/test/.../value", r#""v""#),
        ("/test/b/value", r#""v""#),
        ("/test/b/c[key1=x]", "{}"),
        ("/test/b[key1=1]", r#"{"value":"v"}"#),
        ("/test/b[key1=1]/value", r#""v""#),
        ("/test/typed-key[number=*]", r#"{"value":"v"}"#),
    ] {
        check_refused(client.set(update(at, value)).await, Code::InvalidArgument, &[at]);
        check_refused(client.set(set().replace(at, json(value))).await, Code::InvalidArgument, &[at]);
    }
    client.check_get(get(["/test/b"]), &[""]).await;
}

/// SET-017, SET-018: an update merges, and makes what is missing on its way.
#[tokio::test(flavor = "multi_thread")]
async fn update_merges() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/b[key1=1][key2=a]/c[key1=x]/value", r#""deep""#)).await;
    let made = r#"{"key1":"1","key2":"a","c":[{"key1":"x","value":"deep"}]}"#;
    client.check_get(get(["/test/b"]), &[&format!("/test/b[key1=1][key2=a] = {made}")]).await;
    client.apply(set().replace("/test/typed-key[number=4]/value", json(r#""r""#))).await;
    client.check_get(get(["/test/typed-key"]), &[r#"/test/typed-key[number=4] = {"number":4,"value":"r"}"#]).await;
    client.apply(update("/test/b[key1=1][key2=a]", r#"{"value":"v","c":[{"key1":"y"}]}"#)).await;
    let merged = r#"{"key1":"1","key2":"a","value":"v","c":[{"key1":"x","value":"deep"},{"key1":"y"}]}"#;
    client.check_get(get(["/test/b"]), &[&format!("/test/b[key1=1][key2=a] = {merged}")]).await;
    client.apply(update("/test/b", r#"[{"key1":"2","key2":"b"}]"#)).await;
    let both = format!(r#"/test/b[key1=1][key2=a] = {merged}; /test/b[key1=2][key2=b] = {{"key1":"2","key2":"b"}}"#);
    client.check_get(get(["/test/b"]), &[&both]).await;
}

/// SET-019, SET-020: a replace leaves what it says, and defaults.
#[tokio::test(flavor = "multi_thread")]
async fn replace_leaves_nothing_else() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"text":"t","with-default":9,"with-defaults":["z"]}"#)).await;
    client.apply(set().replace("/test/types", json(r#"{"uint8":2}"#))).await;
    let left = r#"/test/types = {"uint8":2,"with-defaults":["a","b"],"with-default":7}"#;
    client.check_get(get(["/test/types"]), &[left]).await;
    client.apply(set().replace("/test/types", json("{}"))).await;
    client.check_get(get(["/test/types"]), &[r#"/test/types = {"with-defaults":["a","b"],"with-default":7}"#]).await;

    let three = r#"[{"number":1,"value":"a"},{"number":2,"value":"b"},{"number":3}]"#;
    client.apply(set().replace("/test/typed-key", json(three))).await;
    client.apply(set().replace("/test/typed-key", json(r#"[{"number":2},{"number":5}]"#))).await;
    let left = r#"/test/typed-key[number=2] = {"number":2}; /test/typed-key[number=5] = {"number":5}"#;
    client.check_get(get(["/test/typed-key"]), &[left]).await;
    client.apply(set().replace("/test/typed-key", json("[]"))).await;
    client.check_get(get(["/test/typed-key"]), &[""]).await;
}

/// SET-042, SET-043: Nokia and OpenConfig in one Set; an operation on the root of an origin leaves the others alone.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_origins_apart() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let both = || {
        set()
            .update("/configure/system/location", json(r#""zurich""#))
            .update("openconfig:/system/config/hostname", json(r#""oc""#))
            .update("/test/types/text", json(r#""t""#))
    };
    let response = client.set(both()).await.unwrap();
    let expected =
        ["UPDATE /configure/system/location", "UPDATE openconfig:/system/config/hostname", "UPDATE /test/types/text"];
    assert_eq!(set_text(&response), expected);
    let bad = both().update("/configure/system/name", json(r#""new""#)).update("/system/config/hostname", json("[]"));
    check_refused(client.set(bad).await, Code::InvalidArgument, &["/system/config/hostname"]);
    check_leaf(&client, "/configure/system/name", r#""it""#).await;

    let three = async |nokia: &str, openconfig: &str| {
        check_leaf(&client, "/configure/system/location", nokia).await;
        check_leaf(&client, "/system/config/hostname", openconfig).await;
        check_leaf(&client, "/test/types/text", r#""t""#).await;
    };
    three(r#""zurich""#, r#""oc""#).await;
    client.apply(set().delete("openconfig:/")).await;
    three(r#""zurich""#, "-").await;
    client.apply(set().replace("openconfig:/", json(r#"{"system":{"config":{"hostname":"again"}}}"#))).await;
    three(r#""zurich""#, r#""again""#).await;
    let foreign = set().replace("openconfig:/", json(r#"{"configure":{"system":{"name":"x"}}}"#));
    check_refused(client.set(foreign).await, Code::InvalidArgument, &["/configure"]);
    three(r#""zurich""#, r#""again""#).await;
}

/// SET-044: concurrent Sets are made one after the other, and none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn serializes_concurrent_sets() {
    let harness = Harness::start().await;
    let mut writing = tokio::task::JoinSet::new();
    for writer in 0..4u32 {
        let client = harness.client("admin").await;
        writing.spawn(async move {
            for number in 0..15 {
                // Each adds a member to one leaf-list, on top of what the others have added.
                client.apply(update("/test/types/numbers", &format!("[{}]", writer * 100 + number))).await;
            }
        });
    }
    while let Some(ended) = writing.join_next().await {
        ended.unwrap();
    }
    let client = harness.client("admin").await;
    let response = client.get(get(["/test/types/numbers"])).await.unwrap();
    let text = get_text(&response).remove(0);
    let mut numbers: Vec<u32> = serde_json::from_str(text.strip_prefix("/test/types/numbers = ").unwrap()).unwrap();
    for writer in 0..4 {
        let own: Vec<u32> = numbers.iter().copied().filter(|number| number / 100 == writer).collect();
        assert_eq!(own, (writer * 100..writer * 100 + 15).collect::<Vec<_>>());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 60);
}

/// SET-044: of Sets that come at the same time each gets its own answer, whatever the others ask for.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sets_have_their_own_verdicts() {
    let harness = Harness::start().await;
    let mut writing = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let client = harness.client("admin").await;
        writing.spawn(async move {
            for number in 0..10 {
                let entry = format!("/test/b[key1=w{writer}][key2=n{number}]");
                let good = update(&entry, &format!(r#"{{"value":"{number}"}}"#));
                match writer {
                    4 => {
                        let dangling = good.update("/test/types/leafref", json(r#""nowhere""#));
                        check_refused(client.set(dangling).await, Code::Aborted, &["/test/types/leafref"]);
                    }
                    5 => {
                        let out_of_range = good.update("/test/types/uint8", json("300"));
                        let refused = client.set(out_of_range).await;
                        check_refused(refused, Code::InvalidArgument, &["/test/types/uint8"]);
                    }
                    _ => client.apply(good).await,
                }
            }
        });
    }
    while let Some(ended) = writing.join_next().await {
        ended.unwrap();
    }
    let client = harness.client("admin").await;
    let found = get_text(&client.get(get(["/test/b[key1=*][key2=*]/value"])).await.unwrap()).concat();
    for writer in 0..6 {
        let count = found.matches(&format!("[key1=w{writer}]")).count();
        assert_eq!(count, if writer < 4 { 10 } else { 0 }, "writer {writer}: {found}");
    }
}

/// SET-051: what a Set has been answered for is there after a restart, unless `auto-config-save` says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn survives_a_restart() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/system", r#"{"location":"zurich"}"#)).await;
    client.apply(update("/test/b[key1=x][key2=y]", r#"{"value":"v"}"#)).await;
    drop(client);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    check_leaf(&client, "/configure/system/location", r#""zurich""#).await;
    check_leaf(&client, "/configure/system/name", r#""it""#).await;
    check_leaf(&client, "/test/b[key1=x][key2=y]/value", r#""v""#).await;
}

/// SET-053: a delete of the root takes all configuration.
#[tokio::test(flavor = "multi_thread")]
async fn deletes_the_root() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"text":"t"}"#)).await;
    let mut watching = client.subscribe(on_change(["/test/types/text", "/configure/system/name"])).await;
    watching.round().await;
    let response = client.set(set().delete("/")).await.unwrap();
    assert_eq!(set_text(&response), ["DELETE /"]);
    let mut gone = [watching.next().await, watching.next().await];
    gone.sort();
    assert_eq!(gone, ["delete /configure/system/name", "delete /test/types/text"]);
}
