//! union_replace, and origins that are command lines.

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{Encoding, GetRequest, SetRequest};
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

const SIM: &str = "[platform.sim]\nports = 2";
const TYPES: &str = "/test/types";
const PORT: &str = r#"{"name":"sim-1","type":"iana-if-type:ethernetCsmacd""#;

const SECOND: &str = r#"{"interfaces":{"interface":[
    {"name":"sim-2","config":{"name":"sim-2","type":"iana-if-type:ethernetCsmacd"}}
]}}"#;

async fn start() -> (Harness, Client) {
    let harness = Harness::start_with(SIM).await;
    let client = harness.client("admin").await;
    (harness, client)
}

async fn check(client: &Client, at: &str, expected: &str) {
    client.check_get(get([at]), &[expected]).await;
}

async fn refused(client: &Client, request: SetRequest, code: Code, parts: &[&str]) {
    check_refused(client.set(request).await, code, parts);
}

/// EXT-035: a union replace stands alone in its request.
#[tokio::test(flavor = "multi_thread")]
async fn does_not_mix_with_others() {
    let (_harness, client) = start().await;
    client.apply(update("/test/types/text", r#""kept""#)).await;
    let union = || set().union(TYPES, json("{}"));
    for request in [
        union().delete("/test/b"),
        union().update("/test/types/uint8", json("1")),
        union().replace("/test/types/uint8", json("1")),
    ] {
        refused(&client, request, Code::InvalidArgument, &["union_replace", "mixed"]).await;
    }
    check(&client, "/test/types/text", r#"/test/types/text = "kept""#).await;
}

/// EXT-036: Nokia and OpenConfig content take the place of what was there, in one commit; the rest stays.
#[tokio::test(flavor = "multi_thread")]
async fn replaces_both_families_at_once() {
    let (_harness, client) = start().await;
    let before = set()
        .update("/configure/system", json(r#"{"location":"old","contact":"gone"}"#))
        .update(
            "/interfaces/interface[name=sim-1]/config",
            json(&format!(r#"{PORT},"mtu":1400,"description":"gone"}}"#)),
        )
        .update("/test/types/text", json(r#""untouched""#));
    client.apply(before).await;
    let mut watching =
        client.subscribe(on_change(["/configure/router", "/interfaces/interface[name=sim-1]/config"])).await;
    watching.round().await;
    let request = set()
        .union("/configure/router", json(r#"[{"router-name":"Base","interface":[{"interface-name":"i"}]}]"#))
        .union("openconfig:/interfaces/interface[name=sim-1]/config", json(&format!(r#"{PORT},"mtu":1500}}"#)));
    let response = client.set(request.clone()).await.unwrap();
    assert_eq!(
        set_text(&response),
        ["UNION_REPLACE /configure/router", "UNION_REPLACE openconfig:/interfaces/interface[name=sim-1]/config"]
    );
    let config = "/interfaces/interface[name=sim-1]/config";
    let found = client.get(GetRequest { ..get([config]).encoding(Encoding::Json) }).await.unwrap();
    let text = get_text(&found).remove(0);
    assert!(text.contains(r#""mtu":1500"#) && !text.contains("description"), "{text}");
    check(&client, "/configure/system/contact", r#"/configure/system/contact = "gone""#).await;
    check(&client, "/test/types/text", r#"/test/types/text = "untouched""#).await;
    let mut told = String::new();
    while !(told.contains("mtu = 1500") && told.contains("delete") && told.contains("interface-name")) {
        told += &watching.next().await;
    }
    // The same again changes nothing, and so makes no commit.
    client.apply(request).await;
    client.apply(update(&format!("{config}/mtu"), "1501")).await;
    assert_eq!(watching.next().await, format!("{config}/mtu = 1501"));
}

/// EXT-036: the root of an origin is all of that origin.
#[tokio::test(flavor = "multi_thread")]
async fn replaces_the_root_of_an_origin() {
    let (_harness, client) = start().await;
    let config = "/interfaces/interface[name=sim-1]/config";
    client.apply(update(config, &format!(r#"{PORT},"mtu":1400}}"#))).await;
    client.apply(update("/configure/system/location", r#""here""#)).await;
    client.apply(set().union("openconfig:/", json(SECOND))).await;
    check(&client, "/configure/system/location", r#"/configure/system/location = "here""#).await;
    check(
        &client,
        "/interfaces/interface[name=sim-2]/config/name",
        r#"/interfaces/interface[name=sim-2]/config/name = "sim-2""#,
    )
    .await;
    check_refused(client.get(get([&*format!("{config}/mtu")])).await, Code::NotFound, &[]);
}

/// EXT-036: operations may lie within each other; what they agree on is set once, what they differ in is refused.
#[tokio::test(flavor = "multi_thread")]
async fn unites_what_does_not_conflict() {
    let (_harness, client) = start().await;
    client.apply(update(TYPES, r#"{"text":"old","uint8":1,"strings":["x"]}"#)).await;
    let outer = || set().union(TYPES, json(r#"{"text":"new","strings":["a","b"]}"#));
    let same = outer().union("/test/types/text", json(r#""new""#)).union("/test/types/uint16", json("2"));
    for request in [same.clone(), {
        let mut turned = same;
        turned.union_replace.reverse();
        turned
    }] {
        client.apply(update("/test/types/uint8", "1")).await;
        client.apply(request).await;
        let found = get_text(&client.get(get([TYPES])).await.unwrap()).remove(0);
        for part in [r#""text":"new""#, r#""uint16":2"#, r#""strings":["a","b"]"#] {
            assert!(found.contains(part), "{found}");
        }
        assert!(!found.contains("\"uint8\""), "{found}");
    }
    let parts = ["/test/types/text", "'other'", "'new'", "union-replace operation"];
    refused(&client, outer().union("/test/types/text", json(r#""other""#)), Code::InvalidArgument, &parts).await;
    let parts = ["/test/types/strings", "conflicts"];
    refused(&client, outer().union("/test/types/strings", json(r#"["c"]"#)), Code::InvalidArgument, &parts).await;
    let cases =
        set().union("/test/choices", json(r#"{"plain-note":"n"}"#)).union("/test/choices/secure-port", json("444"));
    refused(&client, cases, Code::InvalidArgument, &["/test/choices/secure-port", "Another case"]).await;
    check(&client, "/test/types/text", r#"/test/types/text = "new""#).await;
}

/// EXT-036: what the result breaks is refused whole.
#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing_when_it_fails() {
    let (_harness, client) = start().await;
    client.apply(update(TYPES, r#"{"text":"target","leafref":"target"}"#)).await;
    let request = set().union(TYPES, json(r#"{"leafref":"target"}"#)).union("/test/b", json("[]"));
    refused(&client, request, Code::Aborted, &["/test/types/leafref"]).await;
    refused(&client, set().union("/test/types/uint8", json("300")), Code::InvalidArgument, &["uint8"]).await;
    check(&client, "/test/types/text", r#"/test/types/text = "target""#).await;
}

/// EXT-037: a command line is no origin here; every RPC says so and nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_command_lines() {
    let (_harness, client) = start().await;
    let line = || Value::AsciiVal("configure system location x".to_owned());
    for origin in ["cli", "srlinux_cli"] {
        let root = format!("{origin}:/");
        let parts = [&*format!("'{origin}'"), "not supported"];
        refused(&client, set().union(&root, line()), Code::Unimplemented, &parts).await;
        refused(&client, set().update(&root, line()), Code::Unimplemented, &parts).await;
        refused(&client, set().replace(&root, line()), Code::Unimplemented, &parts).await;
        refused(&client, set().delete(&root), Code::Unimplemented, &parts).await;
        check_refused(client.get(get([&*root])).await, Code::Unimplemented, &parts);
        let status = client.refusal(subscribe(once([&*root]))).await;
        check_refused(Err::<(), _>(status), Code::Unimplemented, &parts);
    }
}
