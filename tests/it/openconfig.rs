//! All public OpenConfig models, loaded from directories: what the built-in subset is good for holds for the whole.

use std::collections::BTreeMap;
use std::path::Path;

use ganymede::pb::gnmi::subscribe_response::Response;
use ganymede::pb::gnmi::{CapabilityRequest, Encoding, SubscriptionMode};
use regex::Regex;
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::text::*;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/openconfig");

async fn with_all_models() -> (Harness, Client) {
    let harness = Harness::start_yang(&format!("dirs = [{MODELS:?}, \"{MODELS}/ietf\"]")).await;
    let client = harness.client("admin").await;
    (harness, client)
}

/// The keyword of a file and its argument, and behind them keyword and argument of each statement right inside.
fn statements(text: &str) -> Vec<(String, String)> {
    let words = Regex::new(r#"//[^\n]*|(?s:/\*.*?\*/)|"(?:[^"\\]|(?s:\\.))*"|'[^']*'|[{};]|[^\s{};"']+"#).unwrap();
    let words = words.find_iter(text).map(|word| word.as_str());
    let mut words = words.filter(|word| !word.starts_with("//") && !word.starts_with("/*"));
    let (mut depth, mut begins, mut found) = (0, true, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" => {}
            keyword if begins && depth < 2 => {
                let argument = words.next().unwrap().trim_matches(['"', '\'']);
                let argument = argument.split_whitespace().collect::<Vec<_>>().join(" ");
                found.push((keyword.to_owned(), argument));
            }
            _ => {}
        }
        begins = matches!(word, "{" | "}" | ";");
    }
    found
}

/// What the file of a module says.
struct Stated {
    organization: String,
    version: String,
    /// Whether it, or a submodule, has more than types, groupings and extensions for others.
    has_contents: bool,
}

const CONTENTS: [&str; 10] =
    ["container", "list", "leaf", "leaf-list", "uses", "augment", "identity", "deviation", "rpc", "notification"];

fn stated() -> BTreeMap<String, Stated> {
    let files = Path::new(MODELS).read_dir().unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "yang"));
    let all: BTreeMap<String, Vec<(String, String)>> = files
        .map(|file| statements(&std::fs::read_to_string(file).unwrap()))
        .map(|statements| (statements[0].1.clone(), statements))
        .collect();
    let has = |statements: &[(String, String)]| statements.iter().any(|(word, _)| CONTENTS.contains(&word.as_str()));
    let modules = all.iter().filter(|(_, statements)| statements[0].0 == "module");
    modules
        .map(|(name, statements)| {
            let argument = |keyword| statements.iter().find(|(word, _)| word == keyword).unwrap().1.clone();
            let mut included = statements.iter().filter(|(word, _)| word == "include");
            let stated = Stated {
                organization: argument("organization"),
                version: argument("oc-ext:openconfig-version"),
                has_contents: has(statements) || included.any(|(_, submodule)| has(&all[submodule])),
            };
            (name.clone(), stated)
        })
        .collect()
}

/// CAP-003, CAP-004, CAP-011, CAP-015: every module is told with the organization and version that its file states, but
/// for those that only hold types and groupings for others.
#[tokio::test(flavor = "multi_thread")]
async fn tells_every_module() {
    let (_harness, client) = with_all_models().await;
    let models = client.capabilities(CapabilityRequest::default()).await.unwrap().supported_models;
    let told: BTreeMap<_, _> =
        models.iter().map(|model| (model.name.as_str(), (&*model.organization, &*model.version))).collect();
    assert_eq!(told.len(), models.len());
    let stated = stated();
    assert_eq!(stated.len(), 176);
    let mut words = 0;
    for (name, Stated { organization, version, has_contents }) in &stated {
        let expected = has_contents.then_some((organization.as_str(), version.as_str()));
        assert_eq!(told.get(name.as_str()).copied(), expected, "{name}");
        words += usize::from(!has_contents);
    }
    assert_eq!(words, 35);
    assert_eq!(told.get("nokia-conf"), Some(&("Nokia", "26.3.R1")));
}

/// SET-001, GET-017, OCH-002, OCH-010, ENC-052, SET-051: parts far away from the built-in subset are written, read in
/// every encoding, streamed, and there after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn sets_gets_and_streams() {
    let (harness, client) = with_all_models().await;
    let mut stream = client.subscribe(on_change(["/lldp", "/network-instances"])).await;
    assert!(stream.round().await.contains(&"sync".to_owned()));
    client.apply(update("/lldp/config", r#"{"enabled":false,"system-name":"x","hello-timer":"7"}"#)).await;
    let text = stream.next().await;
    for part in
        ["/lldp/config/enabled = false", r#"/lldp/config/hello-timer = "7""#, r#"/lldp/config/system-name = "x""#]
    {
        assert!(text.contains(part), "{text}");
    }
    let instance = r#"{"network-instance":[{"name":"red","config":{"name":"red","type":"L3VRF"}}]}"#;
    client.apply(update("/network-instances", instance)).await;
    let at = "/network-instances/network-instance[name=red]";
    let mut told = String::new();
    while !told.contains("/config/type") {
        told += &stream.next().await;
    }
    assert!(told.contains(&format!(r#"{at}/config/type = "L3VRF""#)), "{told}");
    client.check_get(get([&format!("{at}/config/name")]), &[&format!(r#"{at}/config/name = "red""#)]).await;
    for (encoding, value) in [
        (Encoding::Json, r#""L3VRF""#),
        (Encoding::JsonIetf, r#"ietf "openconfig-network-instance-types:L3VRF""#),
        (Encoding::Proto, "string openconfig-network-instance-types:L3VRF"),
    ] {
        let line = format!("{at}/config/type = {value}");
        client.check_get(get([&format!("{at}/config/type")]).encoding(encoding), &[&line]).await;
        let list = once([&format!("{at}/config/type")]).encoding(encoding);
        client.check_once(list, &[&line, "sync", "end"]).await;
    }
    client.apply(set().delete(at)).await;
    let gone = loop {
        let text = stream.next().await;
        if text.starts_with("delete ") {
            break text;
        }
    };
    assert_eq!(gone, "delete /network-instances");
    let sampled = asked(path("/lldp/config/system-name"), SubscriptionMode::Sample);
    let round = client.subscribe(crate::request::stream([sampled])).await.round().await;
    assert_eq!(round, [r#"/lldp/config/system-name = "x""#, "sync"]);
    // It is there after a restart, and so are the models.
    drop((client, stream));
    let harness = harness.restart().await;
    let name = r#"/lldp/config/system-name = "x""#;
    harness.client("admin").await.check_get(get(["/lldp/config/system-name"]), &[name]).await;
}

/// SET-027, SET-028, SET-029: types, references and conditions of the models count.
#[tokio::test(flavor = "multi_thread")]
async fn validates() {
    let (_harness, client) = with_all_models().await;
    let check = async |at: &str, value: &str, code, parts: &[&str]| {
        check_refused(client.set(update(at, value)).await, code, parts);
    };
    let config = "/lldp/config";
    check(config, r#"{"enabled":"perhaps"}"#, Code::InvalidArgument, &["/lldp/config/enabled"]).await;
    check(config, r#"{"hello-timer":"soon"}"#, Code::InvalidArgument, &["/lldp/config/hello-timer"]).await;
    check(config, r#"{"bogus":1}"#, Code::InvalidArgument, &["/lldp/config/bogus"]).await;
    check("/lldp/bogus", "1", Code::NotFound, &["/lldp/bogus"]).await;
    check("/lldp/state/enabled", "true", Code::InvalidArgument, &["not configurable"]).await;
    let statement = r#"{"name":"s","config":{"name":"s"},"conditions":{"match-prefix-set":{"config":{"prefix-set":"none"}}},
        "actions":{"bgp-actions":{"config":{"set-med":5,"set-med-action":"SET"}}}}"#;
    let policy = format!(
        r#"{{"policy-definition":[{{"name":"p","config":{{"name":"p"}},"statements":{{"statement":[{statement}]}}}}]}}"#
    );
    let definitions = "/routing-policy/policy-definitions";
    check(definitions, &policy, Code::Aborted, &["prefix-set", "none"]).await;
    let prefixes = r#"{"prefix-set":[{"name":"none","config":{"name":"none"},"prefixes":{"prefix":[
        {"ip-prefix":"10.0.0.0/8","masklength-range":"exact",
         "config":{"ip-prefix":"10.0.0.0/8","masklength-range":"exact"}}]}}]}"#;
    let sets = "/routing-policy/defined-sets/prefix-sets";
    client.apply(set().update(definitions, json(&policy)).update(sets, json(prefixes))).await;
    check_refused(client.set(set().delete(sets)).await, Code::Aborted, &["prefix-set", "none"]);
    client.apply(set().delete("/routing-policy")).await;
}

/// CAP-006, CAP-007, PATH-027: the knob switches all of them, and a wildcard finds its way through them.
#[tokio::test(flavor = "multi_thread")]
async fn switches_all_of_them() {
    let (_harness, client) = with_all_models().await;
    client.apply(update("/lldp/config/system-name", r#""x""#)).await;
    client.check_get(get(["/*/config/system-name"]), &[r#"/lldp/config/system-name = "x""#]).await;
    let knob = "/configure/system/management-interface/yang-modules/openconfig-modules";
    client.apply(update(knob, "false")).await;
    check_refused(client.get(get(["/lldp"])).await, Code::Unimplemented, &["/lldp", "disabled by configuration"]);
    let models = client.capabilities(CapabilityRequest::default()).await.unwrap().supported_models;
    assert!(models.iter().all(|model| !model.name.starts_with("openconfig-")), "{models:?}");
}

/// SUB-050: nothing is sent as atomic. What the models mark as such is state that this element has none of: syslog
/// messages and forwarding tables.
#[tokio::test(flavor = "multi_thread")]
async fn sends_nothing_as_atomic() {
    let (_harness, client) = with_all_models().await;
    client.apply(update("/lldp/config", r#"{"system-name":"x"}"#)).await;
    let sampled = crate::request::stream([sample("/", 60_000)]);
    for list in [once(["/"]), on_change(["/"]), sampled] {
        let mut subscription = client.subscribe(list).await;
        let mut notifications = 0;
        while let Some(Response::Update(notification)) = subscription.response().await.unwrap().unwrap().response {
            assert!(!notification.atomic, "{notification:?}");
            notifications += 1;
        }
        assert!(notifications > 0);
    }
    let marked = ["/system/messages/state/message", "/network-instances/network-instance/afts"];
    client.check_once(once(marked), &["sync", "end"]).await;
}
