//! `use_models` of a subscription, where the operator wants it to count.

use ganymede::pb::gnmi::{ModelData, SubscriptionList};
use tonic::Code;

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

async fn strict() -> (Harness, Client) {
    let harness = Harness::start_with("[gnmi]\nhonor-use-models = true").await;
    let client = harness.client("admin").await;
    client.apply(update("/test/types", r#"{"uint8":1,"added":2}"#)).await;
    (harness, client)
}

fn naming<const N: usize>(models: [&str; N], list: SubscriptionList) -> SubscriptionList {
    let model = |name: &str| ModelData { name: name.to_owned(), ..ModelData::default() };
    SubscriptionList { use_models: models.map(model).into(), ..list }
}

/// SUB-045, C-15: what a module outside the list defines is not there, beside and below what is.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_to_the_models_named() {
    let (_harness, client) = strict().await;
    let types = |models| naming(models, once(["/test/types"]));
    let own = "/test/types/uint8 = 1";
    let leaves = async |list| client.subscribe(list).await.round().await.remove(0);
    let both = leaves(types(["ganymede-test", "ganymede-test-ext"])).await;
    assert!(both.contains(own) && both.contains("/test/types/added = 2"), "{both}");
    let one = leaves(types(["ganymede-test", "nokia-conf"])).await;
    assert!(one.contains(own) && !one.contains("added"), "{one}");
    assert_eq!(leaves(naming([], once(["/test/types/added"]))).await, "/test/types/added = 2");

    let mut stream = client.subscribe(naming(["ganymede-test"], on_change(["/test/types", "/*"]))).await;
    let initial = stream.round().await.join("; ");
    assert!(!initial.contains("/configure") && !initial.contains("added"), "{initial}");
    client.apply(update("/configure/system/location", r#""x""#)).await;
    client.apply(update("/test/types/added", "3")).await;
    client.apply(set().delete("/test/types/added")).await;
    client.apply(update("/test/types/uint8", "2")).await;
    assert_eq!(stream.next().await, "/test/types/uint8 = 2");
}

/// SUB-045: a path outside the models named, and a model that is not offered, are refused.
#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_lies_outside() {
    let (_harness, client) = strict().await;
    let refuse = async |list, parts: &[&str]| {
        check_refused(Err::<(), _>(client.refusal(subscribe(list)).await), Code::Unimplemented, parts);
    };
    for outside in ["/configure/system/name", "/test/types/added"] {
        refuse(naming(["ganymede-test"], on_change(["/test/types", outside])), &[outside, "use_models"]).await;
    }
    // Its parent is of another module.
    refuse(naming(["ganymede-test-ext"], once(["/test/types/added"])), &["/test/types/added"]).await;
    refuse(naming(["no-such-model"], once(["/test/types"])), &["no-such-model"]).await;
    let mut list = naming(["nokia-conf"], once(["/configure/system/name"]));
    list.use_models[0].version = "1.0.R1".to_owned();
    refuse(list.clone(), &["nokia-conf 1.0.R1"]).await;
    list.use_models[0].version = "26.3.R1".to_owned();
    list.use_models[0].organization = "Nokia".to_owned();
    client.check_once(list, &[r#"/configure/system/name = "it""#, "sync", "end"]).await;
    let off = update("/configure/system/management-interface/yang-modules/openconfig-modules", "false");
    client.apply(off).await;
    refuse(naming(["openconfig-system"], once(["/test/types"])), &["openconfig-system"]).await;
}
