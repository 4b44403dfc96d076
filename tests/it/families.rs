//! The families of models that `management-interface yang-modules` switches, while subscriptions run.

use ganymede::pb::gnmi::CapabilityRequest;
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

const MODULES: &str = "/configure/system/management-interface/yang-modules";

async fn names(client: &Client) -> Vec<String> {
    let told = client.capabilities(CapabilityRequest::default()).await.unwrap();
    told.supported_models.into_iter().map(|model| model.name).collect()
}

/// CAP-006, CAP-007, PATH-026, C-62: a subscription keeps what it was resolved to, when its family is switched off too;
/// what comes later does not see it.
#[tokio::test(flavor = "multi_thread")]
async fn running_subscriptions_keep_their_paths() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config/hostname", r#""a""#)).await;
    let paths = ["/system/config/hostname", "/*/.../location"];
    let mut stream = client.subscribe(on_change(paths)).await;
    assert_eq!(stream.round().await, [r#"/system/config/hostname = "a""#, "sync"]);
    client.apply(update(MODULES, r#"{"openconfig-modules":false}"#)).await;
    check_refused(client.set(update("/system/config/hostname", r#""b""#)).await, Code::Unimplemented, &["/system"]);
    let whole = set().update("/", json(r#"{"openconfig-system:system":{"config":{"hostname":"b"}}}"#));
    check_refused(client.set(whole).await, Code::InvalidArgument, &["system"]);
    let status = client.refusal(subscribe(on_change(["/system/config/hostname"]))).await;
    check_refused(Err::<(), _>(status), Code::Unimplemented, &["disabled by configuration"]);
    client.apply(update(MODULES, r#"{"openconfig-modules":true}"#)).await;
    client.apply(update("/system/config/hostname", r#""c""#)).await;
    assert_eq!(stream.next().await, r#"/system/config/hostname = "c""#);
}

/// CAP-006, CAP-007, PATH-012, PATH-038: without the Nokia models everything else goes on, and the root is what is left.
#[tokio::test(flavor = "multi_thread")]
async fn serves_openconfig_alone() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update("/system/config/hostname", r#""a""#)).await;
    let mut stream = client.subscribe(on_change(["/configure/system/location"])).await;
    stream.round().await;
    client.apply(update("/configure/system/location", r#""x""#)).await;
    assert_eq!(stream.next().await, r#"/configure/system/location = "x""#);
    client.apply(update(MODULES, r#"{"nokia-combined-modules":false}"#)).await;
    assert!(names(&client).await.iter().all(|name| !name.starts_with("nokia-")));
    for refused in ["/configure/system/name", "/state", "nokia-conf:/configure"] {
        check_refused(client.get(get([refused])).await, Code::Unimplemented, &["disabled by configuration"]);
    }
    let refused = client.set(set().delete("/configure/system/location")).await;
    check_refused(refused, Code::Unimplemented, &["disabled by configuration"]);
    let root = get_text(&client.get(get(["/"])).await.unwrap()).remove(0);
    assert!(root.contains(r#""hostname":"a""#) && !root.contains(r#""configure""#), "{root}");
    let initial = client.subscribe(on_change(["/"])).await.round().await.join("; ");
    assert!(initial.contains("/system/config/hostname") && !initial.contains("/configure/"), "{initial}");
    // Emptying the root leaves alone what cannot be addressed, so the user can still log in.
    client.apply(set().delete("/")).await;
    assert!(names(&client).await.iter().any(|name| name == "openconfig-system"));
    check_refused(client.get(get(["/system/config/hostname"])).await, Code::NotFound, &[]);
}

/// CAP-006: the tree of Nokia is there when any of the leaves that offer it says so.
#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_the_nokia_models_counts() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    for other in ["nokia-submodules", "nokia-modules"] {
        let modules = format!(r#"{{"nokia-combined-modules":false,"{other}":true}}"#);
        client.apply(update(MODULES, &modules)).await;
        assert!(names(&client).await.contains(&"nokia-conf".to_owned()), "{other}");
        client.apply(update(MODULES, &format!(r#"{{"nokia-combined-modules":true,"{other}":false}}"#))).await;
    }
}
