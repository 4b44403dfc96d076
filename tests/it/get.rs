//! The Get RPC.

use ganymede::pb::gnmi::get_request::DataType;
use ganymede::pb::gnmi::{Encoding, GetRequest, ModelData, Path};
use tonic::Code;

use crate::harness::Harness;
use crate::request::*;
use crate::text::*;

fn of_type(data_type: DataType, request: GetRequest) -> GetRequest {
    GetRequest { r#type: data_type.into(), ..request }
}

/// GET-001, GET-020, GET-027: the value of one leaf with the time it was read.
#[tokio::test(flavor = "multi_thread")]
async fn reads_one_leaf() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/system", r#"{"location":"zurich"}"#)).await;
    let request = of_type(DataType::Config, get(["/configure/system/location"]));
    let before = now_nanos();
    let response = client.get(request).await.unwrap();
    let after = now_nanos();
    assert_eq!(get_text(&response), [r#"/configure/system/location = "zurich""#]);
    let [notification] = &*response.notification else { panic!("{response:?}") };
    assert!((before..=after).contains(&notification.timestamp), "{notification:?}");
    assert_eq!((&notification.prefix, notification.atomic), (&None, false));
    #[expect(deprecated, reason = "must stay empty")]
    let error = response.error;
    assert_eq!(error, None);
}

/// GET-002, GET-003, GET-026: one notification for each path, in the order asked, the same path as often as asked.
#[tokio::test(flavor = "multi_thread")]
async fn answers_each_path_for_itself() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"uint16":2,"text":"x"}"#)).await;
    client
        .check_get(
            get(["/test/types/uint16", "/test/types/text", "/test/types/uint8", "/test/types/uint16"]),
            &["/test/types/uint16 = 2", r#"/test/types/text = "x""#, "/test/types/uint8 = 1", "/test/types/uint16 = 2"],
        )
        .await;
}

/// GET-013: a path with wildcards or without keys gives one update for each match, with its keys; no match, no update.
#[tokio::test(flavor = "multi_thread")]
async fn answers_each_match() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.check_get(get(["/test/typed-key[number=*]"]), &[""]).await;
    client.check_get(get(["/test/typed-key"]), &[""]).await;
    let entries = r#"{"typed-key":[{"number":-1,"value":"a"},{"number":2,"value":"b"},{"number":3}]}"#;
    client.apply(update("/test", entries)).await;
    let all = concat!(
        r#"/test/typed-key[number=-1] = {"number":-1,"value":"a"}; "#,
        r#"/test/typed-key[number=2] = {"number":2,"value":"b"}; "#,
        r#"/test/typed-key[number=3] = {"number":3}"#
    );
    client.check_get(get(["/test/typed-key"]), &[all]).await;
    client.check_get(get(["/test/typed-key[number=*]"]), &[all]).await;
    let values = r#"/test/typed-key[number=-1]/value = "a"; /test/typed-key[number=2]/value = "b""#;
    client.check_get(get(["/test/typed-key/value"]), &[values]).await;
    client.check_get(get(["/test/typed-key[number=*]/value"]), &[values]).await;
    client.check_get(get(["/test/*[number=2]/value"]), &[r#"/test/typed-key[number=2]/value = "b""#]).await;
}

/// GET-014: what is not there and has no default is NOT_FOUND, and takes the other paths of the request along.
#[tokio::test(flavor = "multi_thread")]
async fn misses_what_is_not_there() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for absent in [
        "/configure/system/location",
        "/test/presence",
        "/test/b[key1=x][key2=y]",
        "/test/b[key1=x][key2=y]/value",
        "/configure/router[router-name=Base]/interface[interface-name=i]/description",
    ] {
        check_refused(client.get(get([absent])).await, Code::NotFound, &[absent]);
        check_refused(client.get(get(["/configure/system/name", absent])).await, Code::NotFound, &[absent]);
    }
}

/// GET-015: a default in use is data.
#[tokio::test(flavor = "multi_thread")]
async fn reads_defaults() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.check_get(get(["/test/types/with-default"]), &["/test/types/with-default = 7"]).await;
    client.check_get(get(["/test/types/with-defaults"]), &[r#"/test/types/with-defaults = ["a","b"]"#]).await;
    client.check_get(get(["/test/rules/mode"]), &[r#"/test/rules/mode = "simple""#]).await;
    client.check_get(get(["/test/choices"]), &[r#"/test/choices = {"plain-port":80}"#]).await;
    client.apply(update("/test/types/with-default", "8")).await;
    client.check_get(get(["/test/types/with-default"]), &["/test/types/with-default = 8"]).await;
}

/// GET-016: a malformed path is INVALID_ARGUMENT, a model that is switched off UNIMPLEMENTED.
#[tokio::test(flavor = "multi_thread")]
async fn tells_bad_paths_apart() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for (bad, reason) in [
        ("/test/bogus", "/test/bogus - Unknown element"),
        ("/test/types[x=1]", "'types' is not a list"),
        ("/test/typed-key[x=1]", "Unknown key 'x'"),
        ("/test/typed-key[number=one]", "/test/typed-key[number=one] - Invalid value 'one' for key 'number'"),
    ] {
        check_refused(client.get(get([bad])).await, Code::InvalidArgument, &[reason]);
        check_refused(client.get(get(["/test", bad])).await, Code::InvalidArgument, &[reason]);
    }
    client
        .apply(update("/configure/system/management-interface/yang-modules", r#"{"openconfig-modules":false}"#))
        .await;
    check_refused(
        client.get(get(["/interfaces"])).await,
        Code::Unimplemented,
        &["/interfaces", "disabled by configuration"],
    );
}

/// GET-017: a leaf is a bare value, an entry an object with its keys, a list an array.
#[tokio::test(flavor = "multi_thread")]
async fn shapes_json() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let entry = r#"{"value":"v","c":[{"key1":"c1","value":"w"},{"key1":"c2"}]}"#;
    client.apply(update("/test/b[key1=x][key2=y]", entry)).await;
    client
        .check_get(
            get(["/test/b[key1=x][key2=y]"]),
            &[concat!(
                r#"/test/b[key1=x][key2=y] = {"key1":"x","key2":"y","value":"v","#,
                r#""c":[{"key1":"c1","value":"w"},{"key1":"c2"}]}"#
            )],
        )
        .await;
    client
        .check_get(
            get(["/test/b[key1=x][key2=y]/c"]),
            &[concat!(
                r#"/test/b[key1=x][key2=y]/c[key1=c1] = {"key1":"c1","value":"w"}; "#,
                r#"/test/b[key1=x][key2=y]/c[key1=c2] = {"key1":"c2"}"#
            )],
        )
        .await;
}

/// GET-028: a presence container with nothing in it is `{}`.
#[tokio::test(flavor = "multi_thread")]
async fn shows_presence() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/presence", "{}")).await;
    client.check_get(get(["/test/presence"]), &["/test/presence = {}"]).await;
    let ietf = get(["/test/presence"]).encoding(Encoding::JsonIetf);
    client.check_get(ietf, &["/test/presence = ietf {}"]).await;
}

/// GET-004, GET-005, GET-006: each data type shows its part of the data.
#[tokio::test(flavor = "multi_thread")]
async fn filters_by_type() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/system", r#"{"location":"zurich"}"#)).await;
    let leaf = || get(["/configure/system/location"]);
    for all in [DataType::All, DataType::Config] {
        client.check_get(of_type(all, leaf()), &[r#"/configure/system/location = "zurich""#]).await;
    }
    for state in [DataType::State, DataType::Operational] {
        client.check_get(of_type(state, leaf()), &[""]).await;
        client.check_get(of_type(state, get(["/configure"])), &[""]).await;
        client.check_get(of_type(state, get(["/configure"]).encoding(Encoding::Proto)), &[""]).await;
    }
    let unknown = GetRequest { r#type: 9, ..leaf() };
    check_refused(client.get(unknown).await, Code::InvalidArgument, &["9"]);
}

/// GET-007, GET-008, CAP-010, ENC-003, ENC-004: unset is JSON; what is not offered is refused by name.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_other_encodings() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let asked = |encoding: i32| GetRequest { encoding, ..get(["/configure/system/name"]) };
    client.check_get(asked(0), &[r#"/configure/system/name = "it""#]).await;
    client.check_get(asked(Encoding::JsonIetf.into()), &[r#"/configure/system/name = ietf "it""#]).await;
    client.check_get(asked(Encoding::Proto.into()), &["/configure/system/name = string it"]).await;
    check_refused(client.get(asked(Encoding::Ascii.into())).await, Code::Unimplemented, &["ASCII"]);
    check_refused(client.get(asked(77)).await, Code::Unimplemented, &["77"]);
}

/// GET-009: `use_models` changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn ignores_use_models() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let models = vec![ModelData { name: "no-such-model".into(), organization: "x".into(), version: "1".into() }];
    let request = GetRequest { use_models: models, ..get(["/configure/system/name"]) };
    client.check_get(request, &[r#"/configure/system/name = "it""#]).await;
}

/// GET-010, GET-011, GET-012, GET-029: the limit is exact enough to be useful, and ONCE is the way around it.
#[tokio::test(flavor = "multi_thread")]
async fn limits_the_response() {
    let harness = Harness::start_with("[limits]\nget-response-bytes = 20000").await;
    let client = harness.client("admin").await;
    let entry = |name: usize| format!(r#"{{"name":"{name}","description":"{}"}}"#, "x".repeat(1000));
    let entries = |count: usize| format!(r#"{{"entry":[{}]}}"#, (0..count).map(entry).collect::<Vec<_>>().join(","));
    client.apply(set().replace("/test/bulk", json(&entries(17)))).await;
    for encoding in [Encoding::Json, Encoding::Proto] {
        let below = client.get(get(["/test/bulk"]).encoding(encoding)).await.unwrap();
        let bytes: usize = below.notification.iter().map(prost::Message::encoded_len).sum();
        assert!((17_000..20_000).contains(&bytes), "{bytes}");
    }
    client.apply(set().replace("/test/bulk", json(&entries(20)))).await;
    for encoding in [Encoding::Json, Encoding::Proto] {
        let refused = client.get(get(["/test/bulk"]).encoding(encoding)).await;
        check_refused(refused, Code::ResourceExhausted, &["20000", "ONCE"]);
        let both = client.get(get(["/test/bulk/entry[name=1]", "/test/bulk"]).encoding(encoding)).await;
        check_refused(both, Code::ResourceExhausted, &["20000"]);
    }
    let once = client.subscribe(once(["/test/bulk"])).await.round().await;
    assert_eq!(once.iter().map(|text| text.matches("description").count()).sum::<usize>(), 20);
    let too_high = ganymede::config::parse("it.toml", "[limits]\nget-response-bytes = 104857601").unwrap_err();
    assert!(too_high.to_string().contains("get-response-bytes"), "{too_high}");
}

/// GET-018: Nokia and OpenConfig paths in one request.
#[tokio::test(flavor = "multi_thread")]
async fn reads_both_families() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config", r#"{"hostname":"oc"}"#)).await;
    client
        .check_get(
            get(["/configure/system/name", "/system/config/hostname", "openconfig:/system/config/hostname"]),
            &[
                r#"/configure/system/name = "it""#,
                r#"/system/config/hostname = "oc""#,
                r#"/system/config/hostname = "oc""#,
            ],
        )
        .await;
}

/// GET-019, SET-006: a Get sees a concurrent Set as a whole or not at all, even across its paths.
#[tokio::test(flavor = "multi_thread")]
async fn reads_one_snapshot() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let both = |number: u32| {
        set()
            .update("/test/types/uint32", json(&number.to_string()))
            .update("/test/rules/low", json(&number.to_string()))
    };
    client.apply(both(0)).await;
    let writer = harness.client("admin").await;
    let writing = tokio::spawn(async move {
        for number in 1..=100 {
            writer.apply(both(number)).await;
        }
    });
    while !writing.is_finished() {
        let response = client.get(get(["/test/types/uint32", "/test/rules/low"])).await.unwrap();
        let values: Vec<_> =
            get_text(&response).iter().map(|text| text.rsplit(' ').next().unwrap().to_owned()).collect();
        assert_eq!(values[0], values[1]);
    }
    writing.await.unwrap();
}

/// GET-021: the target of the prefix comes back in each notification.
#[tokio::test(flavor = "multi_thread")]
async fn reflects_the_target() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let request =
        GetRequest { prefix: Some(target("box-7")), ..get(["/configure/system/name", "/test/types/with-default"]) };
    let response = client.get(request).await.unwrap();
    assert_eq!(get_text(&response).len(), 2);
    for notification in &response.notification {
        assert_eq!(notification.prefix, Some(target("box-7")));
        assert!(notification.update.iter().all(|update| update.path.as_ref().unwrap().target.is_empty()));
    }
}

/// GET-023, PATH-012: the root in JSON_IETF is one object with the roots of all models.
#[tokio::test(flavor = "multi_thread")]
async fn reads_the_root() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config", r#"{"hostname":"oc"}"#)).await;
    let response = client.get(get(["/"]).encoding(Encoding::JsonIetf)).await.unwrap();
    let [text] = &*get_text(&response) else { panic!("{response:?}") };
    let json: serde_json::Value = serde_json::from_str(text.strip_prefix("/ = ietf ").unwrap()).unwrap();
    assert_eq!(json["nokia-conf:configure"]["system"]["name"], "it");
    assert_eq!(json["openconfig-system:system"]["config"]["hostname"], "oc");
    assert_eq!(json["ganymede-test:test"]["rules"]["mode"], "simple");
}

/// GET-024, C-18: PROTO brings one update for each leaf below the path.
#[tokio::test(flavor = "multi_thread")]
async fn reads_leaves_in_proto() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/test/b[key1=x][key2=y]", r#"{"value":"v","c":[{"key1":"k","value":"w"}]}"#)).await;
    client
        .check_get(
            get(["/test/b"]).encoding(Encoding::Proto),
            &[concat!(
                "/test/b[key1=x][key2=y]/key1 = string x; /test/b[key1=x][key2=y]/key2 = string y; ",
                "/test/b[key1=x][key2=y]/value = string v; ",
                "/test/b[key1=x][key2=y]/c[key1=k]/key1 = string k; /test/b[key1=x][key2=y]/c[key1=k]/value = string w"
            )],
        )
        .await;
}

/// GET-025: without paths the prefix is meant, and without a prefix the root.
#[tokio::test(flavor = "multi_thread")]
async fn reads_the_prefix() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let prefix = |text: &str| GetRequest { prefix: Some(path(text)), ..GetRequest::default() };
    client.check_get(prefix("/configure/system/name"), &[r#"/configure/system/name = "it""#]).await;
    for root in [GetRequest::default(), GetRequest { prefix: Some(Path::default()), ..GetRequest::default() }] {
        let response = client.get(root).await.unwrap();
        let [text] = &*get_text(&response) else { panic!("{response:?}") };
        assert!(text.starts_with("/ = {") && text.contains(r#""configure":{"#), "{text}");
    }
}
