//! What a Set may not do to the configuration as a whole.

use ganymede::pb::gnmi::SetRequest;
use tonic::Code;

use crate::harness::{Client, Harness};
use crate::request::*;
use crate::set::check_leaf;
use crate::text::*;

/// A refusal of the commit as a whole, after which everything is as before.
async fn abort(client: &Client, request: SetRequest, parts: &[&str]) {
    let all = async || get_text(&client.get(get(["/test", "/configure"])).await.unwrap());
    let before = all().await;
    check_refused(client.set(request).await, Code::Aborted, parts);
    assert_eq!(all().await, before);
}

const MEMBERS: &str = r#"[{"name":"a","weight":1},{"name":"b","weight":2}]"#;

/// SET-029: each kind of rule, with the place that breaks it.
#[tokio::test(flavor = "multi_thread")]
async fn aborts_what_breaks_a_rule() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let rules = |value: &str| update("/test/rules", value);
    let must = "high must not be below low";
    abort(&client, rules(r#"{"low":5,"high":3}"#), &["/test/rules/high", must]).await;
    abort(&client, rules(r#"{"leader":"nobody"}"#), &["/test/rules/leader", "nobody"]).await;
    abort(&client, rules(r#"{"member":[{"name":"a"}]}"#), &["/test/rules/member[name=a]", "weight"]).await;
    let twins =
        r#"{"member":[{"name":"a","weight":1,"address":"x","port":1},{"name":"b","weight":1,"address":"x","port":1}]}"#;
    abort(&client, rules(twins), &["/test/rules/member"]).await;
    let member = |number: usize| format!(r#"{{"name":"m{number}","weight":1}}"#);
    let nine = (0..9).map(member).collect::<Vec<_>>().join(",");
    abort(&client, rules(&format!(r#"{{"member":[{nine}]}}"#)), &["/test/rules/member"]).await;
    abort(&client, update("/test/types/big-numbers", r#"["1","2","3","4","5"]"#), &["/test/types/big-numbers"]).await;
    abort(&client, rules(r#"{"only-full":"x"}"#), &["/test/rules/only-full"]).await;
    client.apply(update("/test/rules/member", MEMBERS)).await;
    abort(&client, rules(r#"{"quorum":{"voter":["a"]}}"#), &["/test/rules/quorum"]).await;
    abort(&client, rules(r#"{"quorum":{"voter":["a","c"]}}"#), &["/test/rules/quorum/voter", "c"]).await;
    client.apply(rules(r#"{"low":3,"high":5,"leader":"a","quorum":{"voter":["a","b"]}}"#)).await;
    abort(&client, update("/test/rules/low", "6"), &["/test/rules/high", must]).await;
    abort(&client, set().delete("/test/rules/member[name=a]"), &["/test/rules/leader", "/test/rules/quorum"]).await;
    abort(&client, set().delete("/test/rules/member[name=b]/weight"), &["/test/rules/member[name=b]"]).await;
}

/// SET-030: what another operation of the same Set makes or takes counts.
#[tokio::test(flavor = "multi_thread")]
async fn judges_the_outcome() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let request = set()
        .update("/test/rules/leader", json(r#""a""#))
        .update("/test/rules/high", json("5"))
        .update("/test/rules/member", json(MEMBERS))
        .update("/test/rules/low", json("5"));
    client.apply(request).await;
    client.check_get(get(["/test/rules/leader"]), &[r#"/test/rules/leader = "a""#]).await;
    let request = set().delete("/test/rules/member[name=a]").update("/test/rules/leader", json(r#""b""#));
    client.apply(request).await;
    client.apply(set().delete("/test/rules/leader").delete("/test/rules/member")).await;
    let rest = r#"/test/rules = {"low":5,"high":5,"mode":"simple"}"#;
    client.check_get(get(["/test/rules"]), &[rest]).await;
}

/// SET-029, OCH-012, OCH-016: what a `when` lets in and puts out is seen by subscribers, and a refusal is not.
#[tokio::test(flavor = "multi_thread")]
async fn follows_conditions() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let mut stream = client.subscribe(on_change(["/test/rules"])).await;
    stream.round().await;
    client.set(update("/test/rules", r#"{"low":5,"high":3}"#)).await.unwrap_err();
    client.apply(update("/test/rules/mode", r#""full""#)).await;
    let mut texts = vec![stream.next().await, stream.next().await];
    texts.sort();
    let expected = ["/test/rules/detail/level = 3", r#"/test/rules/mode = "full"; /test/rules/only-full = "present""#];
    assert_eq!(texts, expected);
    client.apply(update("/test/rules/detail/note", r#""n""#)).await;
    assert_eq!(stream.next().await, r#"/test/rules/detail/note = "n""#);
    client.apply(update("/test/rules/mode", r#""simple""#)).await;
    let mut texts = Vec::new();
    while texts.len() < 3 {
        texts.extend(stream.next().await.split("; ").map(str::to_owned));
    }
    texts.sort();
    let expected = [r#"/test/rules/mode = "simple""#, "delete /test/rules/detail", "delete /test/rules/only-full"];
    assert_eq!(texts, expected);
}

/// SET-054, C-53: a knob of gRPC counts from the next RPC on.
#[tokio::test(flavor = "multi_thread")]
async fn takes_knobs_at_run_time() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/configure/system/grpc/gnmi/admin-state", r#""disable""#)).await;
    let refused = client.get(get(["/configure/system/name"])).await;
    check_refused(refused, Code::Unimplemented, &["/configure/system/grpc/gnmi/admin-state"]);
}

/// SET-051: without auto-config-save a Set is gone after a restart, and the next one that is saved takes it along.
#[tokio::test(flavor = "multi_thread")]
async fn saves_unless_told_otherwise() {
    let knob = "/configure/system/grpc/gnmi/auto-config-save";
    let location = "/configure/system/location";
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(location, r#""saved""#)).await;
    client.apply(update(knob, "false")).await;
    client.apply(update(location, r#""in memory""#)).await;
    client.apply(set().delete("/configure/system/name")).await;
    check_leaf(&client, location, r#""in memory""#).await;
    drop(client);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    check_leaf(&client, location, r#""saved""#).await;
    check_leaf(&client, "/configure/system/name", r#""it""#).await;
    check_leaf(&client, knob, "true").await;

    client.apply(update(knob, "false")).await;
    client.apply(update(location, r#""waits""#)).await;
    client.apply(update(knob, "true")).await;
    drop(client);
    let harness = harness.restart().await;
    check_leaf(&harness.client("admin").await, location, r#""waits""#).await;
}

/// SET-029: an entry that is there for its state is configured by the same rules as a new one, so that what was accepted
/// once is accepted by the next start too.
#[tokio::test(flavor = "multi_thread")]
async fn judges_the_keys_of_entries_that_become_configured() {
    let harness = Harness::start_with("[platform.sim]\nports = 2").await;
    let client = harness.client("admin").await;
    let config = |more: &str| {
        let json = format!(r#"{{"type":"iana-if-type:ethernetCsmacd","mtu":1400{more}}}"#);
        update("/interfaces/interface[name=sim-1]/config", &json)
    };
    check_leaf(&client, "/interfaces/interface[name=sim-1]/state/admin-status", r#""UP""#).await;
    check_refused(client.set(config("")).await, Code::Aborted, &["/interfaces/interface[name=sim-1]/name", "sim-1"]);
    client.apply(config(r#","name":"sim-1""#)).await;
    let refers = update(
        "/interfaces/interface[name=sim-2]",
        r#"{"name":"sim-2","config":{"name":"sim-2","type":"iana-if-type:ethernetCsmacd"}}"#,
    );
    client.apply(refers).await;
    drop(client);
    let harness = harness.restart().await;
    let client = harness.client("admin").await;
    check_leaf(&client, "/interfaces/interface[name=sim-1]/config/mtu", "1400").await;
    client.apply(set().delete("/interfaces/interface[name=sim-1]")).await;
    client.apply(config(r#","name":"sim-1""#)).await;
}
