//! Models of the operator: features, deviations, augments, submodules, revisions, modules that are wrong, and a large
//! configuration of OpenConfig.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ganymede::agent::{Agent, StartError, producers};
use ganymede::cli;
use ganymede::config;
use ganymede::pb::gnmi::Encoding;
use ganymede::pb::gnmi::get_request::DataType;
use ganymede::schema::{Origin, Sources, check, load};
use serde_json::{Value, json};

use crate::harness::Harness;
use crate::request::*;
use crate::text::*;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

fn sources(set: &str) -> Sources {
    Sources { dirs: vec![format!("{DATA}/yang/{set}").into()], ..Sources::default() }
}

/// Which names a set of modules has below a top-level container.
fn names(sources: &Sources, top: &str) -> Vec<String> {
    let schema = load(sources).unwrap_or_else(|error| panic!("{error}")).schema;
    let top = schema.child(None, None, top).unwrap();
    schema.node(top).children.iter().map(|&child| schema.node(child).name.to_string()).collect()
}

#[test]
fn features_are_those_asked_for() {
    let with = |features: &[&str]| {
        let features = features.iter().map(|&name| name.to_owned()).collect();
        Sources { features: [("fruit".to_owned(), features)].into(), ..sources("features") }
    };
    assert_eq!(names(&sources("features"), "basket"), ["apple", "pear", "lemon"]);
    assert_eq!(names(&with(&["sour"]), "basket"), ["apple", "lemon"]);
    assert_eq!(names(&with(&[]), "basket"), ["apple"]);
    let refusal = |sources: &Sources| load(sources).unwrap_err().to_string();
    assert_eq!(refusal(&with(&["salty"])), "[yang] features: module fruit has no feature salty, it has sweet, sour");
    let unknown = Sources { features: [("fruits".to_owned(), Vec::new())].into(), ..sources("features") };
    assert_eq!(refusal(&unknown), "[yang] features: module fruits is not among the modules that are loaded");
}

#[test]
fn submodules_and_revisions_are_found() {
    let schema = load(&sources("submodules")).unwrap().schema;
    let house = schema.modules().iter().find(|module| *module.name == *"house").unwrap();
    let origin = Origin::File(PathBuf::from(format!("{DATA}/yang/submodules/house-rooms.yang")));
    assert_eq!(*house.submodules, [("house-rooms".into(), "2024-04-01".into(), origin)]);
    assert_eq!((&*house.features[0].name, house.features[0].enabled), ("attic", true));
    let rooms = Sources { features: [("house".to_owned(), vec!["attic".to_owned()])].into(), ..sources("submodules") };
    assert_eq!(names(&rooms, "house"), ["room"]);
    let listed = cli::list(&load(&sources("revisions")).unwrap().schema, true);
    for (module, file) in
        [("clock", "clock@2024-01-01.yang"), ("clock", "clock@2023-01-01.yang"), ("alarm", "alarm.yang")]
    {
        assert!(listed.lines().any(|line| line.starts_with(module) && line.ends_with(file)), "{file}:\n{listed}");
    }
}

/// SET-029: what deviations and augments say counts for every Set.
#[tokio::test]
async fn deviations_and_augments_count() {
    let harness = Harness::start_yang(&format!("dirs = [\"{DATA}/yang/deviations\"]")).await;
    let client = harness.client("admin").await;
    let refusal = async |at: &str, value: &str| client.set(update(at, value)).await.unwrap_err().message().to_owned();
    assert!(refusal("/shelf/colour", "\"red\"").await.contains("Unknown element"));
    assert!(refusal("/shelf/height", "12").await.contains("too high"));
    assert!(refusal("/shelf/width", "5").await.contains("wider than deep"));
    client.apply(update("/shelf/width", "6")).await;
    assert!(refusal("/shelf/depth", "6").await.contains("wider than deep"));
}

#[tokio::test]
async fn a_module_that_is_wrong_keeps_the_daemon_from_starting() {
    let data = tempfile::tempdir().unwrap();
    let text = format!("data-dir = {:?}\n[yang]\ndirs = [\"{DATA}/yang/broken\"]\n", data.path());
    let error = Agent::bind(config::parse("x.toml", &text).unwrap()).await.map(drop).unwrap_err();
    assert!(matches!(error, StartError::Yang(_)) && error.is_configuration());
    let reason = error.to_string();
    assert!(reason.contains("tests/data/yang/broken/") && reason.contains(".yang:"), "{reason}");
    assert!(!data.path().join("config.redb").exists());
}

#[test]
fn a_check_reports_every_problem_once() {
    let found = check(&sources("broken"));
    let problems: Vec<String> =
        found.problems.iter().map(|problem| problem.to_string().replace(DATA, "DATA")).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    for (file, line) in [("one.yang", 6), ("three.yang", 7)] {
        assert!(
            problems.iter().any(|text| text.starts_with(&format!("DATA/yang/broken/{file}:{line}: "))),
            "{problems:?}"
        );
    }
    assert_eq!(found.unchecked, [("two".to_owned(), "one".to_owned())]);
    let loaded = found.loaded.unwrap();
    assert!(loaded.schema.child(None, None, "good").is_some());
}

#[test]
fn the_tree_tells_who_feeds_a_leaf() {
    let schema = load(&Sources::default()).unwrap().schema;
    let producers = producers(&schema);
    let tree = |path: &str, depth, fed| cli::tree(&schema, &producers, Some(path), depth, fed).unwrap();
    let port = tree("/state/port", None, false);
    assert!(port.contains("+--ro port* [port-id]"), "{port}");
    assert_eq!(tree("/state/port[port-id=1/1/1]", None, false), port, "a path as clients write it");
    assert!(port.lines().any(|line| line.contains("oper-state?") && line.ends_with("<- linux, sim")), "{port}");
    assert!(port.lines().any(|line| line.contains("chip-number?") && !line.contains("<-")), "{port}");
    let fed = tree("/state/port", None, true);
    assert!(fed.lines().filter(|line| line.contains('?')).all(|line| line.contains("<-")), "{fed}");
    let top = tree("/configure", Some(2), false);
    assert!(top.lines().count() < 20 && top.contains("+--rw system"), "{top}");
    assert!(cli::tree(&schema, &producers, Some("/configure/bogus"), None, false).is_err());
}

/// Interfaces and ACLs as an operator would push them: so many entries of each.
fn large(count: usize) -> (Value, Value, usize) {
    let mut leaves = 0;
    let interfaces: Vec<Value> = (0..count)
        .map(|index| {
            leaves += 11;
            let name = format!("eth-{index}");
            json!({
                "name": name,
                "config": {
                    "name": name, "type": "iana-if-type:ethernetCsmacd", "mtu": 9000, "description": format!("link {index}"),
                    "enabled": index % 2 == 0
                },
                "subinterfaces": {"subinterface": [{
                    "index": 0,
                    "config": {"index": 0, "description": "first", "enabled": true},
                    "openconfig-if-ip:ipv4": {"config": {"enabled": true}}
                }]}
            })
        })
        .collect();
    let entries: Vec<Value> = (0..count)
        .map(|index| {
            leaves += 8;
            let sequence = index + 1;
            json!({
                "sequence-id": sequence,
                "config": {"sequence-id": sequence, "description": format!("entry {sequence}")},
                "ipv4": {"config": {
                    "source-address": format!("10.{}.{}.0/24", index / 250, index % 250), "protocol": 6, "dscp": index % 64
                }},
                "actions": {"config": {
                    "forwarding-action": "openconfig-acl:ACCEPT", "log-action": "openconfig-acl:LOG_NONE"
                }}
            })
        })
        .collect();
    let acl = json!({"acl-sets": {"acl-set": [{
        "name": "edge", "type": "openconfig-acl:ACL_IPV4",
        "config": {"name": "edge", "type": "openconfig-acl:ACL_IPV4"},
        "acl-entries": {"acl-entry": entries}
    }]}});
    (json!({"interface": interfaces}), acl, leaves + 4)
}

/// Every leaf of a JSON text as `path = value`, with the keys of list entries and without names of modules.
fn collect(value: &Value, at: &str, leaves: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &format!("{at}/{}", name.rsplit(':').next().unwrap()), leaves);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                let key = ["name", "index", "sequence-id"].iter().find_map(|key| entry.get(*key)).unwrap();
                collect(entry, &format!("{at}[{key}]"), leaves);
            }
        }
        leaf => {
            // An identity of the leaf's own module may be said without it.
            leaves.insert(format!("{at} = {}", leaf.to_string().replace("openconfig-acl:", "")));
        }
    }
}

/// SET-005, SET-029: a large configuration of all OpenConfig models is taken as a whole, survives a restart, and reads
/// back as it was. The time is that of a build for debugging on a busy machine; where that is slow, it is held against
/// the time of a tenth of the leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_leaves_of_openconfig_outlive_a_restart() {
    let started = Instant::now();
    let dirs = format!("dirs = [\"{DATA}/openconfig\", \"{DATA}/openconfig/ietf\"]");
    let harness = Harness::start_yang(&dirs).await;
    let client = harness.client("admin").await;
    let (interfaces, acl, leaves) = large(5_300);
    assert!(leaves > 100_000, "{leaves}");
    let request = |interfaces: &Value, acl: &Value| {
        let request = set().update("openconfig:/interfaces", ietf(&interfaces.to_string()));
        request.update("openconfig:/acl", ietf(&acl.to_string()))
    };
    let (some_interfaces, some_acl, _) = large(530);
    let begun = Instant::now();
    client.apply(request(&some_interfaces, &some_acl)).await;
    let tenth = begun.elapsed();
    client.apply(request(&interfaces, &acl)).await;
    let read = async |client: &crate::harness::Client| {
        let mut request = get(["openconfig:/interfaces", "openconfig:/acl"]).encoding(Encoding::JsonIetf);
        request.r#type = DataType::Config.into();
        get_text(&client.get(request).await.unwrap())
    };
    let before = read(&client).await;
    let mut read_back = BTreeSet::new();
    for (text, top) in before.iter().zip(["interfaces", "acl"]) {
        let (_, value) = text.split_once("ietf ").unwrap();
        collect(&serde_json::from_str(value).unwrap(), top, &mut read_back);
    }
    let mut sent = BTreeSet::new();
    collect(&interfaces, "interfaces", &mut sent);
    collect(&acl, "acl", &mut sent);
    assert_eq!(sent.len(), leaves);
    let lost: Vec<&String> = sent.difference(&read_back).take(5).collect();
    assert!(lost.is_empty(), "not read back: {lost:?}");
    let again = harness.restart().await;
    let client = again.client("admin").await;
    assert!(read(&client).await == before, "not the same after the restart");
    // One leaf more is not judged by looking at all the others.
    let changed = Instant::now();
    client.apply(update("openconfig:/interfaces/interface[name=eth-7]/config/mtu", "1500")).await;
    let (changed, all) = (changed.elapsed(), started.elapsed());
    println!("a tenth {tenth:?}, one leaf {changed:?}, all {all:?}");
    assert!(changed < tenth.max(Duration::from_secs(2)), "{changed:?}, a tenth of the leaves {tenth:?}");
    // A cost that grows with the square would be a hundred times that of a tenth, for the Set alone.
    assert!(all < (tenth * 60).max(Duration::from_secs(300)), "{all:?}, a tenth of the leaves {tenth:?}");
}
