//! State, from a simulated element.

use std::time::Duration;

use ganymede::pb::gnmi::get_request::DataType;
use ganymede::pb::gnmi::{Encoding, GetRequest, SetRequest, Subscription, SubscriptionMode};
use tonic::Code;

use crate::harness::{Client, Harness, eventually};
use crate::request::*;
use crate::text::*;

async fn with_ports(count: usize) -> (Harness, Client) {
    let harness = Harness::start_with(&format!("[platform.sim]\nports = {count}\ntick-ms = 20")).await;
    let client = harness.client("admin").await;
    (harness, client)
}

/// Switches a simulated port on or off.
fn switch(port: u32, state: &str) -> SetRequest {
    update(&format!("/configure/port[port-id=2/1/{port}]/admin-state"), &format!("\"{state}\""))
}

/// The paths of all leaves below a path, as ONCE brings them.
async fn leaves(client: &Client, at: &str) -> Vec<String> {
    let mut texts = client.subscribe(once([at])).await.round().await;
    assert_eq!(texts.split_off(texts.len() - 2), ["sync", "end"]);
    let texts = texts.join("; ");
    texts.split("; ").filter(|text| !text.is_empty()).map(|text| text.split(" = ").next().unwrap().to_owned()).collect()
}

/// GET-004, GET-005, GET-006, C-14: data types of a list that holds both, and of trees that hold one.
#[tokio::test(flavor = "multi_thread")]
async fn data_types_show_their_part() {
    let (_harness, client) = with_ports(2).await;
    client
        .apply(update(
            "/interfaces/interface[name=sim-1]/config",
            r#"{"name":"sim-1","type":"ethernetCsmacd","description":"d"}"#,
        ))
        .await;
    let shown = async |data_type: DataType, at: &str| {
        let request = GetRequest { r#type: data_type.into(), ..get([at]) };
        get_text(&client.get(request).await.unwrap()).remove(0)
    };
    let entry = "/interfaces/interface[name=sim-1]";
    for (data_type, has_config, has_state) in [
        (DataType::All, true, true),
        (DataType::Config, true, false),
        (DataType::State, false, true),
        (DataType::Operational, false, true),
    ] {
        let text = shown(data_type, entry).await;
        assert_eq!(text.contains(r#""description":"d""#), has_config, "{text}");
        assert_eq!(text.contains(r#""config":{"#), has_config, "{text}");
        assert_eq!(text.contains(r#""state":{"#), has_state, "{text}");
        assert_eq!(text.contains(r#""counters":{"#), has_state, "{text}");
        let leaf = shown(data_type, "/interfaces/interface[name=sim-1]/state/oper-status").await;
        assert_eq!(leaf.contains("UP"), has_state, "{leaf}");
        assert_eq!(shown(data_type, "/state/port").await.contains("2/1/2"), has_state);
        assert_eq!(shown(data_type, "/configure/system").await.contains(r#""name":"it""#), has_config);
    }
    assert_eq!(shown(DataType::Config, "/state").await, "");
    assert_eq!(shown(DataType::State, "/configure").await, "");
    assert_eq!(shown(DataType::Config, "/interfaces/interface[name=sim-2]").await, "");
    let root = shown(DataType::State, "/").await;
    assert!(
        root.contains(r#""state":{"#) && !root.contains("configure") && !root.contains("description\":\"d\"}"),
        "{root}"
    );
}

/// GET-006, GET-024: leaf by leaf, an entry that only state has made is no configuration either, unless its key is asked
/// for by name.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_state_is_no_configuration() {
    let (_harness, client) = with_ports(2).await;
    let value = r#"{"name":"sim-1","type":"ethernetCsmacd","description":"d"}"#;
    client.apply(update("/interfaces/interface[name=sim-1]/config", value)).await;
    for encoding in [Encoding::Proto, Encoding::Bytes, Encoding::Json] {
        let shown = async |at: &str| {
            let request = GetRequest { r#type: DataType::Config.into(), ..get([at]).encoding(encoding) };
            client.get(request).await.unwrap().notification.remove(0).update.len()
        };
        assert_eq!(shown("/interfaces/interface[name=sim-2]").await, 0, "{encoding:?}");
        assert_eq!(shown("/interfaces/interface[name=sim-1]/subinterfaces").await, 0, "{encoding:?}");
        assert_eq!(shown("/interfaces/interface[name=sim-2]/name").await, 1, "{encoding:?}");
    }
    let request = GetRequest { r#type: DataType::Config.into(), ..get(["/interfaces"]).encoding(Encoding::Proto) };
    let text = get_text(&client.get(request).await.unwrap()).remove(0);
    assert!(text.starts_with("/interfaces/interface[name=sim-1]/name = string sim-1; "), "{text}");
    assert!(!text.contains("sim-2") && !text.contains("subinterface"), "{text}");
}

/// GET-013, PATH-009, ENC-039, ENC-051: counters of every port, in each encoding.
#[tokio::test(flavor = "multi_thread")]
async fn reads_counters() {
    let (_harness, client) = with_ports(3).await;
    let request = || get(["/state/port[port-id=*]/statistics/in-octets"]);
    for (encoding, opening) in [(Encoding::Json, "\""), (Encoding::JsonIetf, "ietf \""), (Encoding::Proto, "uint ")] {
        let texts = get_text(&client.get(request().encoding(encoding)).await.unwrap());
        for (number, text) in (1..).zip(texts[0].split("; ")) {
            let path = format!("/state/port[port-id=2/1/{number}]/statistics/in-octets = {opening}");
            assert!(text.starts_with(&path), "{text}");
        }
        assert_eq!(texts[0].matches("in-octets").count(), 3);
    }
    let interfaces = leaves(&client, "/state/router[router-name=Base]/interface[interface-name=*]").await;
    for name in ["sim-1", "sim-2", "sim-3"] {
        let path = format!("/state/router[router-name=Base]/interface[interface-name={name}]/oper-state");
        assert!(interfaces.contains(&path), "{interfaces:?}");
    }
}

/// PATH-012, PATH-014, PATH-015, SUB-051, GET-023: the root is configuration and state of all models.
#[tokio::test(flavor = "multi_thread")]
async fn reads_everything() {
    let (_harness, client) = with_ports(1).await;
    let all = leaves(&client, "/").await;
    for path in [
        "/configure/system/name",
        "/state/port[port-id=2/1/1]/oper-state",
        "/interfaces/interface[name=sim-1]/state/oper-status",
        "/test/rules/mode",
    ] {
        assert!(all.contains(&path.to_owned()), "{path}");
    }
    assert_eq!(leaves(&client, "/...").await, all);
    assert_eq!(leaves(&client, "/*").await, all);
    let state = leaves(&client, "/state").await;
    assert_eq!(leaves(&client, "/state/...").await, state);
    assert_eq!(leaves(&client, "/state/*").await, state);
    let root = client.get(get(["/"]).encoding(Encoding::JsonIetf)).await.unwrap();
    let text = get_text(&root).remove(0);
    for name in ["nokia-conf:configure", "nokia-state:state", "openconfig-interfaces:interfaces", "ganymede-test:test"]
    {
        assert!(text.contains(&format!("\"{name}\":{{")), "{name}");
    }
}

/// PATH-016, PATH-017, PATH-018, PATH-019: the examples of the guide about cards.
#[tokio::test(flavor = "multi_thread")]
async fn expands_cards() {
    let (_harness, client) = with_ports(1).await;
    let card = "/state/card[slot-number=2]";
    let mda = format!("{card}/mda[mda-slot=1]");
    let deep = leaves(&client, "/state/card/.../oper-state").await;
    assert_eq!(deep, [format!("{card}/hardware-data/oper-state"), format!("{mda}/hardware-data/oper-state")]);
    assert_eq!(leaves(&client, "/state/card/*/oper-state").await, [format!("{card}/hardware-data/oper-state")]);
    let mdas = leaves(&client, "/state/card[slot-number=*]/mda[mda-slot=*]").await;
    assert!(!mdas.is_empty() && mdas.iter().all(|path| path.starts_with(&mda)), "{mdas:?}");
    client.check_get(get(["/state/card/mda/mda-slot"]), &[&format!("{mda}/mda-slot = 1")]).await;
}

/// PATH-026, PATH-027, PATH-028, C-62: a name wildcard means the models that are on when the subscription begins.
#[tokio::test(flavor = "multi_thread")]
async fn expands_names_at_activation() {
    let (_harness, client) = with_ports(1).await;
    let switch =
        |on: bool| update("/configure/system/management-interface/yang-modules/openconfig-modules", &on.to_string());
    let has = |texts: &[String], part: &str| texts.iter().any(|text| text.contains(part));
    client.apply(switch(false)).await;
    let mut narrow = client.subscribe(on_change(["/*/.../hostname", "/configure/system/name"])).await;
    drop(client.subscribe(on_change(["/*"])).await);
    let mut wide = client.subscribe(on_change(["/*"])).await;
    let initial = wide.round().await;
    assert!(has(&initial, "/state/port") && !has(&initial, "/interfaces/"), "{initial:?}");
    narrow.round().await;
    client.apply(switch(true)).await;
    assert!(wide.next().await.contains("openconfig-modules = true"));
    client.apply(update("/system/config/hostname", r#""oc""#)).await;
    client.apply(update("/configure/system/name", r#""new""#)).await;
    assert_eq!(wide.next().await, r#"/configure/system/name = "new""#);
    let again = client.subscribe(on_change(["/*"])).await.round().await;
    assert!(has(&again, "/interfaces/interface[name=sim-1]") && has(&again, "/system/config/hostname"), "{again:?}");
}

/// OCH-002, OCH-006, OCH-007, OCH-008, SUB-030, C-29: of state, facts are announced and counters are not.
#[tokio::test(flavor = "multi_thread")]
async fn announces_facts() {
    let (_harness, client) = with_ports(2).await;
    let mut stream = client.subscribe(on_change(["/state/port[port-id=2/1/1]"])).await;
    let initial = stream.round().await.join("; ");
    assert!(initial.contains(r#"/state/port[port-id=2/1/1]/oper-state = "up""#), "{initial}");
    assert!(!initial.contains("statistics") && !initial.contains("last-changed"), "{initial}");
    let mut openconfig = client.subscribe(on_change(["/interfaces/interface[name=*]/state/oper-status"])).await;
    openconfig.round().await;
    advance_counters(&client).await;
    for (state, port, status) in [("disable", "down", "DOWN"), ("enable", "up", "UP")] {
        client.apply(switch(1, state)).await;
        let text = stream.next().await;
        assert!(text.contains(&format!(r#"/oper-state = "{port}""#)) && !text.contains("statistics"), "{text}");
        let text = openconfig.next().await;
        assert_eq!(text, format!(r#"/interfaces/interface[name=sim-1]/state/oper-status = "{status}""#));
    }
}

/// Waits until the counters of port 1 have moved on twice.
async fn advance_counters(client: &Client) {
    let packets = async || {
        let response = client.get(get(["/state/port[port-id=2/1/1]/statistics/in-packets"])).await.unwrap();
        get_text(&response).remove(0)
    };
    for _ in 0..2 {
        let before = packets().await;
        eventually(true, async || packets().await != before).await;
    }
}

/// OCH-009: a path that announces nothing: the sync, silence, and the RPC goes on.
#[tokio::test(flavor = "multi_thread")]
async fn says_nothing_of_counters() {
    let (_harness, client) = with_ports(1).await;
    let mut stream = client.subscribe(on_change(["/state/port/statistics", "/test/types/text"])).await;
    assert_eq!(stream.round().await, ["sync"]);
    advance_counters(&client).await;
    client.apply(update("/test/types/text", r#""t""#)).await;
    assert_eq!(stream.next().await, r#"/test/types/text = "t""#);
}

/// OCH-010, OCH-011, SUB-008: state comes and goes with its object.
#[tokio::test(flavor = "multi_thread")]
async fn announces_entries() {
    let (_harness, client) = with_ports(1).await;
    let at = "/configure/router[router-name=Base]/interface[interface-name=lo7]";
    let state = "/state/router[router-name=Base]/interface[interface-name=lo7]";
    let mut stream = client.subscribe(on_change(["/state/router/interface/oper-state"])).await;
    stream.round().await;
    client.apply(update(at, r#"{"loopback":[null]}"#)).await;
    assert_eq!(stream.next().await, format!(r#"{state}/oper-state = "up""#));
    client.apply(set().delete(at)).await;
    let gone = stream.next().await;
    assert!(format!("delete {state}/oper-state").starts_with(&gone), "{gone}");
    eventually(Err(Code::NotFound), async || client.get(get([state])).await.map(drop).map_err(|status| status.code()))
        .await;
}

/// TGT-001, TGT-004, TGT-005, TGT-006: facts when they change, counters at the interval, and one sync after both.
#[tokio::test(start_paused = true)]
async fn defines_modes_by_leaf() {
    let harness = Harness::start_with("[platform.sim]\nports = 1\ntick-ms = 200").await;
    let client = harness.client("admin").await;
    for (interval, seconds) in [(3_000_000_000, 3), (0, 10)] {
        let asked = asked(path("/state/port[port-id=2/1/1]"), SubscriptionMode::TargetDefined);
        let mut stream = client.subscribe(stream([Subscription { sample_interval: interval, ..asked }])).await;
        let start = tokio::time::Instant::now();
        let initial = stream.round().await;
        assert_eq!(initial.iter().filter(|text| *text == "sync").count(), 1);
        let initial = initial.join("; ");
        assert!(initial.contains("/oper-state = ") && initial.contains("/statistics/in-octets = "), "{initial}");
        tokio::time::advance(Duration::from_millis(1500)).await;
        for (state, port) in [("disable", "down"), ("enable", "up")] {
            client.apply(switch(1, state)).await;
            let mut text = stream.next().await;
            assert!(text.contains(&format!(r#"/oper-state = "{port}""#)) && !text.contains("statistics"), "{text}");
            assert!(start.elapsed() < Duration::from_millis(1600));
            // Facts of one event may stand in several branches.
            while !text.contains("/oper-state = ") {
                text = stream.next().await;
            }
        }
        for tick in 1..3 {
            let mut sampled = Vec::new();
            while !sampled.iter().any(|text: &String| text.contains("/statistics/in-octets = ")) {
                sampled.push(stream.next().await);
            }
            let sampled = sampled.join("; ");
            assert!(!sampled.contains("/oper-state = ") && !sampled.contains("hardware-mac-address"), "{sampled}");
            assert_eq!(start.elapsed().as_secs(), seconds * tick);
        }
    }
}

/// TGT-007: what is announced is announced when it goes, at once.
#[tokio::test(start_paused = true)]
async fn defines_deletes_by_leaf() {
    let harness = Harness::start_with("[platform.sim]\nports = 1\ntick-ms = 200").await;
    let client = harness.client("admin").await;
    let at = "/configure/router[router-name=Base]/interface[interface-name=lo7]";
    client.apply(update(at, r#"{"loopback":[null]}"#)).await;
    let state = "/state/router[router-name=Base]/interface[interface-name=lo7]";
    let asked = asked(path(state), SubscriptionMode::TargetDefined);
    let mut stream = client.subscribe(stream([Subscription { sample_interval: 5_000_000_000, ..asked }])).await;
    let start = tokio::time::Instant::now();
    assert!(stream.round().await.len() > 1);
    client.apply(set().delete(at)).await;
    assert_eq!(stream.next().await, format!("delete {state}"));
    assert!(start.elapsed() < Duration::from_secs(1));
}
