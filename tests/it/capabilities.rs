//! The Capabilities RPC, and which RPCs there are.

use ganymede::pb::gnmi::{CapabilityRequest, CapabilityResponse, Encoding, ModelData, SubscriptionList};
use tonic::{Code, Request};

use crate::harness::{Client, Harness, subscribe};
use crate::request::*;
use crate::text::*;

async fn capabilities(client: &Client) -> CapabilityResponse {
    client.capabilities(CapabilityRequest::default()).await.unwrap()
}

/// Name, organization and version of a model.
fn model<'a>(response: &'a CapabilityResponse, name: &str) -> Option<(&'a str, &'a str)> {
    let found = response.supported_models.iter().find(|model| model.name == name)?;
    Some((&found.organization, &found.version))
}

/// CAP-001, CAP-002, CAP-003, CAP-004, CAP-011, CAP-015: version, encodings and models, each once, always in one order.
#[tokio::test(flavor = "multi_thread")]
async fn tells_what_there_is() {
    let harness = Harness::start_with("").await;
    let client = harness.client("admin").await;
    let response = capabilities(&client).await;
    assert_eq!(response.g_nmi_version, "0.8.0");
    assert_eq!(model(&response, "nokia-conf"), Some(("Nokia", "26.3.R1")));
    assert_eq!(model(&response, "nokia-state"), Some(("Nokia", "26.3.R1")));
    for name in [
        "openconfig-interfaces",
        "openconfig-if-ethernet",
        "openconfig-if-ip",
        "openconfig-system",
        "openconfig-platform",
    ] {
        let (organization, version) = model(&response, name).expect(name);
        assert_eq!(organization, "OpenConfig working group", "{name}");
        let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
        assert!(numbers.len() == 3 && numbers.iter().all(Result::is_ok), "{name} {version}");
    }
    let key = |model: &ModelData| (model.name.clone(), model.organization.clone(), model.version.clone());
    let mut keys: Vec<_> = response.supported_models.iter().map(key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), response.supported_models.len());
    assert_eq!(capabilities(&client).await, response);
    let other = Harness::start().await;
    assert_eq!(capabilities(&other.client("admin").await).await, response);
}

/// CAP-003, C-06: the release is one setting.
#[tokio::test(flavor = "multi_thread")]
async fn claims_the_release_of_the_file() {
    let harness = Harness::start_at("release = \"24.10.R2\"").await;
    let response = capabilities(&harness.client("admin").await).await;
    assert_eq!(model(&response, "nokia-conf"), Some(("Nokia", "24.10.R2")));
    assert_eq!(model(&response, "nokia-state"), Some(("Nokia", "24.10.R2")));
}

/// CAP-005: a module of Nokia's that deviates OpenConfig counts as Nokia's.
#[tokio::test(flavor = "multi_thread")]
async fn tells_deviations() {
    let name = "nokia-sr-openconfig-if-ethernet-deviations";
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "module {name} {{ yang-version 1.1; namespace \"urn:nokia.com:sros:ns:yang:sr:oc-if-ethernet-deviations\"; \
         prefix d; import openconfig-if-ethernet {{ prefix eth; }} import openconfig-interfaces {{ prefix oc; }} \
         organization \"Nokia\"; revision 2024-01-01; \
         deviation /oc:interfaces/oc:interface/eth:ethernet/eth:config/eth:mac-address {{ deviate not-supported; }} }}"
    );
    std::fs::write(directory.path().join(format!("{name}.yang")), text).unwrap();
    let tables = format!("dirs = [{:?}]\nmodules = [{name:?}]", directory.path().to_str().unwrap());
    let harness = Harness::start_yang(&tables).await;
    let response = capabilities(&harness.client("admin").await).await;
    assert_eq!(model(&response, name), Some(("Nokia", "26.3.R1")));
}

/// CAP-006, CAP-007: models that are switched off are neither told nor addressed, from the next RPC on.
#[tokio::test(flavor = "multi_thread")]
async fn follows_the_switches() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let switch =
        |on: bool| update("/configure/system/management-interface/yang-modules/openconfig-modules", &on.to_string());
    let all = capabilities(&client).await;
    client.apply(switch(false)).await;
    let fewer = capabilities(&client).await;
    assert!(!fewer.supported_models.iter().any(|model| model.name.starts_with("openconfig-")), "{fewer:?}");
    assert!(model(&fewer, "nokia-conf").is_some());
    let reason = &["disabled by configuration"];
    check_refused(client.get(get(["/system/config"])).await, Code::Unimplemented, reason);
    check_refused(client.set(update("/system/config/hostname", r#""x""#)).await, Code::Unimplemented, reason);
    check_refused(client.set(set().delete("/system/config")).await, Code::Unimplemented, reason);
    let status = client.refusal(subscribe(on_change(["/system/config"]))).await;
    check_refused(Err::<(), _>(status), Code::Unimplemented, reason);
    client.apply(switch(true)).await;
    assert_eq!(capabilities(&client).await, all);
    client.apply(update("/system/config/hostname", r#""x""#)).await;
}

/// CAP-008, CAP-010, ENC-001: each encoding that is told works in Get and Subscribe, and no other one.
#[tokio::test(flavor = "multi_thread")]
async fn serves_the_encodings_it_tells() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let told = capabilities(&client).await.supported_encodings;
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    for needed in [Encoding::Json, Encoding::Bytes, Encoding::Proto, Encoding::JsonIetf] {
        assert!(told.contains(&needed.into()), "{told:?}");
    }
    assert!(!told.contains(&Encoding::Ascii.into()));
    for encoding in 0..6 {
        let request = ganymede::pb::gnmi::GetRequest { encoding, ..get(["/configure/system/name"]) };
        let list = SubscriptionList { encoding, ..once(["/configure/system/name"]) };
        if told.contains(&encoding) {
            client.get(request).await.unwrap();
            assert_eq!(client.subscribe(list).await.round().await.len(), 3);
        } else {
            check_refused(client.get(request).await, Code::Unimplemented, &[]);
            check_refused(Err::<(), _>(client.refusal(subscribe(list)).await), Code::Unimplemented, &[]);
        }
    }
}

/// CAP-012: what is not served here says so, Publish above all.
#[tokio::test(flavor = "multi_thread")]
async fn does_not_serve_other_rpcs() {
    let harness = Harness::start().await;
    let channel = harness.endpoint().connect().await.unwrap();
    for method in ["/Nokia.SROS.DialoutTelemetry/Publish", "/gMIDialOut/Publish", "/gnmi.gNMI/Publish", "/a.B/C"] {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let mut request = Request::new(CapabilityRequest::default());
        for key in ["username", "password"] {
            request.metadata_mut().insert(key, "admin".parse().unwrap());
        }
        let codec = tonic_prost::ProstCodec::<CapabilityRequest, CapabilityResponse>::default();
        let answer = grpc.unary(request, method.parse().unwrap(), codec).await.map(drop);
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented, "{method}");
    }
}

/// CAP-014: Capabilities is for those who may.
#[tokio::test(flavor = "multi_thread")]
async fn asks_for_credentials() {
    let narrow = r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "narrow"
default-action = "permit-all"
grpc.rpc-authorization.gnmi-capabilities = "deny"

[[configure.system.security.user-params.local-user.user]]
user-name = "narrow"
password = "narrow"
access.grpc = true
console.member = ["narrow"]
"#;
    let harness = Harness::start_with(narrow).await;
    let stranger = harness.client("nobody").await;
    let refused = stranger.capabilities(CapabilityRequest::default()).await;
    check_refused(refused, Code::Unauthenticated, &[]);
    let client = harness.client("narrow").await;
    let refused = client.capabilities(CapabilityRequest::default()).await;
    check_refused(refused, Code::PermissionDenied, &["gnmi-capabilities"]);
    client.get(get(["/configure/system/name"])).await.unwrap();
}
