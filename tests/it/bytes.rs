//! The encoding BYTES: what clients get, read by the .proto file alone and compared with PROTO.

use std::collections::BTreeSet;

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Encoding, GetRequest, Notification, SubscriptionList, get_request, subscribe_response};
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::proto_bytes::{Decoder, Leaf};
use crate::request::*;
use crate::text::{check_refused, notification_text, path_text, update_texts};

/// The root messages of a notification, after checking that path and prefix say nothing (ENC-042).
fn roots(notification: &Notification) -> Vec<&[u8]> {
    assert!(notification.prefix.as_ref().is_none_or(|prefix| prefix.elem.is_empty()), "{notification:?}");
    let root = |update: &'_ ganymede::pb::gnmi::Update| {
        assert_eq!(path_text(update.path.as_ref().unwrap()), "/");
    };
    notification
        .update
        .iter()
        .map(|update| {
            root(update);
            match update.val.as_ref().unwrap().value.as_ref() {
                Some(Value::ProtoBytes(bytes)) => &bytes[..],
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

/// The notifications of a subscription up to its sync.
async fn synced(client: &Client, list: SubscriptionList) -> Vec<Notification> {
    let mut subscription = client.subscribe(list).await;
    let mut notifications = Vec::new();
    loop {
        match subscription.response().await.unwrap().unwrap().response.unwrap() {
            subscribe_response::Response::Update(notification) => notifications.push(notification),
            _ => return notifications,
        }
    }
}

/// The leaves that the notifications say in BYTES.
fn decoded(decoder: &Decoder, notifications: &[Notification]) -> Vec<Leaf> {
    notifications.iter().flat_map(roots).flat_map(|root| decoder.leaves(root)).collect()
}

/// Both say the same leaves; BYTES says keys besides.
fn assert_same(decoder: &Decoder, bytes: &[Notification], proto: &[Notification]) {
    let roots = || bytes.iter().flat_map(roots);
    let said: BTreeSet<Leaf> = roots().flat_map(|root| decoder.leaves(root)).collect();
    let without_keys: BTreeSet<Leaf> = roots().flat_map(|root| decoder.leaves_without_keys(root)).collect();
    let expected: BTreeSet<Leaf> = proto.iter().flat_map(update_texts).collect();
    let missing: Vec<_> = expected.difference(&said).collect();
    assert!(missing.is_empty(), "not in BYTES: {missing:#?}");
    let more: Vec<_> = without_keys.difference(&expected).collect();
    assert!(more.is_empty(), "only in BYTES: {more:#?}");
}

/// A leaf of `/test/types` and its value as JSON.
const VALUES: &[(&str, &str)] = &[
    ("int8", "-128"),
    ("int8", "0"),
    ("int16", "32767"),
    ("int32", "-2147483648"),
    ("int64", r#""-9223372036854775808""#),
    ("int64", r#""9223372036854775807""#),
    ("uint8", "255"),
    ("uint8", "0"),
    ("uint16", "65535"),
    ("uint32", "4294967295"),
    ("uint64", r#""18446744073709551615""#),
    ("ranged", "-1"),
    ("percent", "100"),
    ("decimal", r#""-12.5""#),
    ("decimal", r#""0.0""#),
    ("string", r#""abc""#),
    ("text", r#""a \"b\" \\ \n é""#),
    ("text", r#""""#),
    ("boolean", "true"),
    ("boolean", "false"),
    ("enumeration", r#""zero""#),
    ("enumeration", r#""one""#),
    ("enumeration", r#""minus""#),
    ("enumeration", r#""ten""#),
    ("bits", r#""fifth first""#),
    ("bits", r#""""#),
    ("binary", r#""AQL/""#),
    ("binary", r#""""#),
    ("empty", "[null]"),
    ("identity", r#""dark-red""#),
    ("identity", r#""ganymede-test-ext:blue""#),
    ("instance", r#""/ganymede-test:test/types/uint8""#),
    ("loose-leafref", r#""any""#),
    ("union-string-first", r#""5""#),
    ("union-string-first", "5"),
    ("union-string-first", r#""""#),
    ("union-number-first", "0"),
    ("union-number-first", r#""five""#),
    ("union-enum-number", r#""never""#),
    ("union-enum-number", r#""always""#),
    ("union-enum-number", "5"),
    ("union-identity-string", r#""dark-red""#),
    ("union-identity-string", r#""some text""#),
    ("strings", r#"["b","","a"]"#),
    ("numbers", "[3,0,1]"),
    ("big-numbers", r#"["1","18446744073709551615"]"#),
    ("with-defaults", r#"["c"]"#),
    ("with-default", "9"),
    ("ganymede-test-ext:text", r#""of another module""#),
    ("added", "1"),
];

/// ENC-043, ENC-019, ENC-042: every YANG type decodes to what PROTO says, in Get, ONCE and STREAM; zero, false and empty
/// are not the same as nothing.
#[tokio::test(flavor = "multi_thread")]
async fn says_what_proto_says_of_every_type() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    for (leaf, input) in VALUES {
        let at = format!("/test/types/{leaf}");
        client.apply(set().replace(&at, json(input))).await;
        let expected = update_texts(&client.get(get([&at]).encoding(Encoding::Proto)).await.unwrap().notification[0]);
        let [(_, text)] = &*expected else { panic!("{expected:?}") };
        assert_eq!(expected[0].0, at);
        let answer = client.get(get([&at]).encoding(Encoding::Bytes)).await.unwrap();
        assert_eq!(answer.notification.len(), 1);
        assert_eq!(decoded(&decoder, &answer.notification), expected, "{at} {input} {text}");
        for list in [once([&at]), on_change([&at]), stream([sample(&at, 60_000)])] {
            let notifications = synced(&client, list.encoding(Encoding::Bytes)).await;
            assert_eq!(notifications.len(), 1);
            assert_eq!(decoded(&decoder, &notifications), expected, "{at} {input}");
        }
        client.apply(set().delete(&at)).await;
    }
}

/// ENC-043: all of the configuration and state says the same in BYTES and PROTO, in Get, ONCE and POLL.
#[tokio::test(flavor = "multi_thread")]
async fn says_what_proto_says_of_everything() {
    let tables = "[platform.sim]\nports = 4\npackets-per-second = 0\ntick-ms = 60000\n";
    let (harness, decoder) = (Harness::start_with(tables).await, Decoder::new());
    let client = harness.client("admin").await;
    let entries = json(concat!(
        r#"{"b":[{"key1":"x","key2":"[y]","value":"v","c":[{"key1":"k"},{"key1":"l","value":"w"}]},"#,
        r#"{"key1":"x","key2":"z"}],"typed-key":[{"number":-5,"value":"n"}],"#,
        r#""ordered":[{"name":"q"},{"name":"p","value":"o"}],"mixed":[{"name":"m","config":{"name":"m"}}]}"#
    ));
    client.apply(set().update("/test", entries)).await;
    for path in ["/state/port", "/state/router", "/configure", "/test", "/interfaces", "/components"] {
        let proto = client.get(get([path]).encoding(Encoding::Proto)).await.unwrap().notification;
        let bytes = client.get(get([path]).encoding(Encoding::Bytes)).await.unwrap().notification;
        assert_eq!(bytes[0].update.len(), 1, "{path}");
        assert_same(&decoder, &bytes, &proto);
        for list in [once([path]), poll([path])] {
            let proto = synced(&client, list.clone().encoding(Encoding::Proto)).await;
            let bytes = synced(&client, list.encoding(Encoding::Bytes)).await;
            assert_same(&decoder, &bytes, &proto);
        }
    }
    for data_type in [get_request::DataType::Config, get_request::DataType::State] {
        for path in ["/test", "/interfaces", "/state/port", "/configure/system"] {
            let request = GetRequest { r#type: data_type.into(), ..get([path]) };
            let proto = client.get(request.clone().encoding(Encoding::Proto)).await.unwrap().notification;
            let bytes = client.get(request.encoding(Encoding::Bytes)).await.unwrap().notification;
            // An entry of which only keys are left is shown as JSON shows it.
            let is_key = |(path, _): &Leaf| {
                let (entry, name) = path.rsplit_once('/').unwrap();
                entry.ends_with(']') && entry.contains(&format!("[{name}="))
            };
            let expected: BTreeSet<Leaf> = proto.iter().flat_map(update_texts).filter(|leaf| !is_key(leaf)).collect();
            let roots = bytes.iter().flat_map(roots);
            let said: BTreeSet<Leaf> = roots.flat_map(|root| decoder.leaves_without_keys(root)).collect();
            assert_eq!(said, expected, "{data_type:?} {path}");
        }
    }
    // Everything at once: what moves between the two requests is left out.
    let all = client.get(get(["/"]).encoding(Encoding::Bytes)).await.unwrap().notification;
    let roots = roots(&all[0]);
    let tops: Vec<_> = decoder.message(roots[0]).fields().map(|(field, _)| field.name().to_owned()).collect();
    for top in ["configure", "state", "interfaces", "system", "components", "test"] {
        assert!(tops.contains(&top.to_owned()), "{tops:?}");
    }
}

/// ENC-042, SUB-016, SUB-027: a stream has one message for each container or entry, with all its leaves and with the keys
/// above; ONCE has one message for everything.
#[tokio::test(flavor = "multi_thread")]
async fn gathers_leaves_in_root_messages() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    let entries =
        json(r#"[{"key1":"1","key2":"1","value":"v","c":[{"key1":"k","value":"w"}]},{"key1":"2","key2":"1"}]"#);
    client.apply(set().replace("/test/b", entries)).await;
    let first = [
        ("/test/b[key1=1][key2=1]/key1", "string 1"),
        ("/test/b[key1=1][key2=1]/key2", "string 1"),
        ("/test/b[key1=1][key2=1]/value", "string v"),
    ];
    let inner = [
        ("/test/b[key1=1][key2=1]/key1", "string 1"),
        ("/test/b[key1=1][key2=1]/key2", "string 1"),
        ("/test/b[key1=1][key2=1]/c[key1=k]/key1", "string k"),
        ("/test/b[key1=1][key2=1]/c[key1=k]/value", "string w"),
    ];
    let second = [("/test/b[key1=2][key2=1]/key1", "string 2"), ("/test/b[key1=2][key2=1]/key2", "string 1")];
    let owned = |leaves: &[(&str, &str)]| -> Vec<Leaf> {
        leaves.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    };
    let streamed = synced(&client, on_change(["/test/b"]).encoding(Encoding::Bytes)).await;
    let streamed: Vec<_> = streamed.iter().map(|one| decoded(&decoder, std::slice::from_ref(one))).collect();
    assert_eq!(streamed, [owned(&first), owned(&inner), owned(&second)]);
    let once = synced(&client, once(["/test/b"]).encoding(Encoding::Bytes)).await;
    assert_eq!((once.len(), once[0].update.len()), (1, 1));
    let whole = [owned(&first), owned(&inner)[2..].to_vec(), owned(&second)].concat();
    assert_eq!(decoded(&decoder, &once), whole);
}

/// Changes and removals of a stream: a change comes with the keys above it, a removal as a path.
#[tokio::test(flavor = "multi_thread")]
async fn streams_changes() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    let at = "/test/b[key1=x][key2=y]";
    client.apply(update(at, r#"{"value":"v"}"#)).await;
    let mut stream = client.subscribe(on_change(["/test/b"]).encoding(Encoding::Bytes)).await;
    while stream
        .response()
        .await
        .unwrap()
        .unwrap()
        .response
        .is_some_and(|response| !matches!(response, subscribe_response::Response::SyncResponse(_)))
    {}
    client.apply(update(&format!("{at}/value"), r#""w""#)).await;
    let Some(subscribe_response::Response::Update(changed)) = stream.response().await.unwrap().unwrap().response else {
        panic!("an update")
    };
    let bytes = roots(&changed);
    assert_eq!(decoder.leaves_without_keys(bytes[0]), [(format!("{at}/value"), "string w".to_owned())]);
    client.apply(set().delete(at)).await;
    assert_eq!(stream.next().await, format!("delete {at}"));
}

/// GET-022, AUTH-031: what a user may not read is in no root message.
#[tokio::test(flavor = "multi_thread")]
async fn hides_what_may_not_be_read() {
    let tables = r#"
[configure.system.security.aaa.management-interface.output-authorization]
telemetry-data = true

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "narrow"
default-action = "permit-all"
entry = [{ entry-id = 1, match = "configure system security", action = "deny" }]

[[configure.system.security.user-params.local-user.user]]
user-name = "narrow"
password = "narrow"
access.grpc = true
console.member = ["narrow"]
"#;
    let (harness, decoder) = (Harness::start_with(tables).await, Decoder::new());
    for (user, sees) in [("admin", true), ("narrow", false)] {
        let client = harness.client(user).await;
        let got = client.get(get(["/configure"]).encoding(Encoding::Bytes)).await.unwrap().notification;
        let once = synced(&client, once(["/configure"]).encoding(Encoding::Bytes)).await;
        let streamed = synced(&client, on_change(["/configure"]).encoding(Encoding::Bytes)).await;
        for notifications in [got, once, streamed] {
            let leaves = decoded(&decoder, &notifications);
            assert!(leaves.iter().any(|(path, _)| path == "/configure/system/name"));
            let secret = leaves.iter().any(|(path, _)| path.starts_with("/configure/system/security"));
            assert_eq!(secret, sees, "{user}");
        }
    }
}

/// BND-008: root messages are not bundled, because all have the same path; they keep their order with the removals
/// around them.
#[tokio::test(flavor = "multi_thread")]
async fn is_not_bundled() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    let bundling = "/configure/system/telemetry/notification-bundling";
    client.apply(update(bundling, r#"{"admin-state":"enable","max-time-granularity":1000}"#)).await;
    let at = |entry: u32| format!("/test/b[key1={entry}][key2=y]");
    client.apply(update(&at(1), r#"{"value":"v"}"#)).await;
    let mut stream = client.subscribe(on_change(["/test/b"]).encoding(Encoding::Bytes)).await;
    assert_eq!(stream.round().await.len(), 2);
    for (gone, new) in [(1, 2), (2, 1), (1, 3)] {
        client.apply(set().delete(&at(gone)).update(&at(new), json(r#"{"value":"w"}"#))).await;
        let mut said = Vec::new();
        for _ in 0..2 {
            let response = stream.response().await.unwrap().unwrap().response.unwrap();
            let subscribe_response::Response::Update(notification) = response else { panic!("{response:?}") };
            if notification.update.is_empty() {
                said.push((notification_text(&notification), String::new()));
            } else {
                said.extend(roots(&notification).iter().flat_map(|root| decoder.leaves_without_keys(root)));
            }
        }
        said.sort();
        let value = (format!("{}/value", at(new)), "string w".to_owned());
        assert_eq!(said, [value, (format!("delete {}", at(gone)), String::new())]);
    }
}

/// GET-024, C-18: one update for each path, wildcards or not; a path through a list brings each entry once.
#[tokio::test(flavor = "multi_thread")]
async fn answers_get_with_one_update_for_each_path() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    let entries =
        json(r#"[{"key1":"1","key2":"1","value":"v","c":[{"key1":"k","value":"w"}]},{"key1":"2","key2":"1"}]"#);
    client.apply(set().replace("/test/b", entries)).await;
    let check = async |request: GetRequest, expected: &[&str]| {
        let answer = client.get(request.encoding(Encoding::Bytes)).await.unwrap();
        let said: Vec<String> = answer
            .notification
            .iter()
            .map(|notification| {
                let roots = roots(notification);
                let leaves = roots.iter().flat_map(|root| decoder.leaves_without_keys(root));
                let leaves: Vec<_> = leaves.map(|(path, value)| format!("{path} = {value}")).collect();
                format!("{}: {}", roots.len(), leaves.join("; "))
            })
            .collect();
        assert_eq!(said, expected);
    };
    let value = "/test/b[key1=1][key2=1]/value = string v";
    let deep = "/test/b[key1=1][key2=1]/c[key1=k]/value = string w";
    check(get(["/test/b", "/test/b"]), &[&format!("1: {value}; {deep}"), &format!("1: {value}; {deep}")]).await;
    check(get(["/test/b/value", "/test/b/c/value"]), &[&format!("1: {value}"), &format!("1: {deep}")]).await;
    check(get(["/test/.../value"]), &[&format!("1: {value}; {deep}")]).await;
    check(get(["/test/b[key1=2][key2=1]"]), &["1: "]).await;
    check(get(["/test/b[key1=1][key2=1]/key2"]), &["1: "]).await;
    check(get(["/test/typed-key", "/test/b[key1=1][key2=1]/value"]), &["0: ", &format!("1: {value}")]).await;
    let one_level = GetRequest { extension: vec![depth(1)], ..get(["/test/b"]) };
    check(one_level, &[&format!("1: {value}")]).await;
    let state = GetRequest { r#type: get_request::DataType::State.into(), ..get(["/test/b"]) };
    check(state, &["0: "]).await;
    let missing = get(["/test/b[key1=3][key2=1]"]).encoding(Encoding::Bytes);
    check_refused(client.get(missing).await, Code::NotFound, &["/test/b[key1=3][key2=1]"]);
}

/// GET-028: an empty presence container is there. PATH-041: a target comes back, and is all that the prefix says.
#[tokio::test(flavor = "multi_thread")]
async fn tells_presence_and_target() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    client.apply(update("/test/presence", "{}")).await;
    let request = GetRequest { prefix: Some(target("sr1")), ..get(["/test/presence"]) };
    let answer = client.get(request.encoding(Encoding::Bytes)).await.unwrap();
    assert_eq!(answer.notification[0].prefix, Some(target("sr1")));
    let roots = roots(&answer.notification[0]);
    assert_eq!(decoder.message(roots[0]).to_string(), "test{presence{}}");
    let list = SubscriptionList { prefix: Some(target("sr1")), ..on_change(["/configure/system/name"]) };
    let streamed = synced(&client, list.encoding(Encoding::Bytes)).await;
    assert_eq!(streamed[0].prefix, Some(target("sr1")));
    assert_eq!(decoded(&decoder, &streamed), [("/configure/system/name".to_owned(), "string it".to_owned())]);
}

const TYPEMAP: &str = concat!(
    r#"gnmi.schemas:/protobuf-typemap = ietf {"gnmi-protobuf-encoding:origin":[{"name":"","container":["#,
    r#"{"path":"/","message-name":"proto.nokia.net/Nokia.SROS.root"}]}]}"#
);

/// ENC-045, ENC-046, ENC-047: the type map, at the root of its origin and by its name.
#[tokio::test(flavor = "multi_thread")]
async fn answers_with_the_type_map() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for encoding in [Encoding::JsonIetf, Encoding::Bytes, Encoding::Proto] {
        for at in ["gnmi.schemas:/", "gnmi.schemas:/protobuf-typemap"] {
            client.check_get(get([at]).encoding(encoding), &[TYPEMAP]).await;
        }
    }
    client.check_get(get(["gnmi.schemas:/"]), &[&TYPEMAP.replace("ietf ", "")]).await;
    // The origin may stand in the prefix, and other paths beside it.
    let prefix = Some(path("gnmi.schemas:/"));
    let request = GetRequest { prefix, ..get(["/protobuf-typemap"]).encoding(Encoding::JsonIetf) };
    client.check_get(request, &[TYPEMAP]).await;
    let name = r#"/configure/system/name = ietf "it""#;
    let both = get(["/configure/system/name", "gnmi.schemas:/"]).encoding(Encoding::JsonIetf);
    client.check_get(both, &[name, TYPEMAP]).await;
}

/// ENC-049: the type map names no leaf and no key, and its message is the one that decodes.
#[tokio::test(flavor = "multi_thread")]
async fn the_type_map_names_the_root_message() {
    let (harness, decoder) = (Harness::start().await, Decoder::new());
    let client = harness.client("admin").await;
    let answer = client.get(get(["gnmi.schemas:/"])).await.unwrap();
    let text = crate::text::value_text(answer.notification[0].update[0].val.as_ref());
    let map: serde_json::Value = serde_json::from_str(&text).unwrap();
    let container = &map["gnmi-protobuf-encoding:origin"][0]["container"][0];
    assert_eq!(container["path"], "/");
    let (domain, message) = container["message-name"].as_str().unwrap().split_once('/').unwrap();
    assert!(domain.contains('.'), "{domain}");
    assert_eq!(message, decoder.root().full_name());
}

/// ENC-048: nothing else is there, and nobody writes or subscribes to it.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_other_paths_of_the_type_map() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for at in ["gnmi.schemas:/other", "gnmi.schemas:/protobuf-typemap/origin", "gnmi.schemas:/configure"] {
        check_refused(client.get(get([at])).await, Code::InvalidArgument, &[at, "Unknown element"]);
    }
    let at = "gnmi.schemas:/protobuf-typemap";
    for request in [set().delete(at), set().replace(at, json("{}")), set().update("gnmi.schemas:/", json("{}"))] {
        check_refused(client.set(request).await, Code::InvalidArgument, &["gnmi.schemas", "only Get"]);
    }
    let refused = client.refusal(subscribe(once([at]))).await;
    check_refused(Err::<(), _>(refused), Code::InvalidArgument, &["gnmi.schemas", "only Get"]);
}
