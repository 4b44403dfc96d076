//! The services beside gNMI, server reflection and health: what they tell, and to whom.

use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::{CapabilityRequest, CapabilityResponse};
use ganymede::pb::health::{HealthCheckRequest, ServingStatus};
use ganymede::pb::reflection::{ExtensionRequest, MessageRequest, MessageResponse, ServerReflectionRequest};
use prost_reflect::DescriptorPool;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status, Streaming};
use tonic_health::pb::HealthCheckResponse;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionResponse;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::door::with_credentials;
use crate::harness::{Harness, eventually, within};
use crate::lab::{Lab, PLAIN};
use crate::request::*;
use crate::text::check_refused;

const GNMI: &str = "gnmi.gNMI";
const TELLING: [&str; 3] =
    ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
const GNMI_STATE: &str = "/configure/system/grpc/gnmi/admin-state";

async fn connect(address: impl std::fmt::Display) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn question(asked: MessageRequest) -> ServerReflectionRequest {
    ServerReflectionRequest { host: "h".to_owned(), message_request: Some(asked) }
}

/// The answers to some questions on one stream, in either version, with the status of the end.
async fn reflect(
    channel: &Channel,
    path: &'static str,
    user: &str,
    questions: Vec<ServerReflectionRequest>,
) -> Result<Vec<MessageResponse>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
    let request = with_credentials(tokio_stream::iter(questions.clone()), user, user);
    let answers = client.streaming(request, PathAndQuery::from_static(path), codec).await?;
    let mut answers: Streaming<ServerReflectionResponse> = answers.into_inner();
    let mut found = Vec::new();
    while let Some(answer) = within(answers.message()).await? {
        assert_eq!(answer.valid_host, "h");
        assert_eq!(answer.original_request.as_ref(), questions.get(found.len()));
        found.push(answer.message_response.unwrap());
    }
    Ok(found)
}

async fn services(channel: &Channel, path: &'static str) -> Vec<String> {
    let answers = reflect(channel, path, "admin", vec![question(MessageRequest::ListServices("*".into()))]).await;
    match answers.unwrap().remove(0) {
        MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|each| each.name).collect(),
        other => panic!("{other:?}"),
    }
}

/// The files that an answer brings, the one asked for first; or its error.
fn files(answer: &MessageResponse) -> Result<Vec<prost_types::FileDescriptorProto>, (i32, String)> {
    match answer {
        MessageResponse::FileDescriptorResponse(found) => {
            let decode = |file: &Vec<u8>| prost::Message::decode(&**file).unwrap();
            Ok(found.file_descriptor_proto.iter().map(decode).collect())
        }
        MessageResponse::ErrorResponse(error) => Err((error.error_code, error.error_message.clone())),
        other => panic!("{other:?}"),
    }
}

async fn health(channel: &Channel, name: &str) -> Result<ServingStatus, Status> {
    let request = with_credentials(HealthCheckRequest { service: name.to_owned() }, "admin", "admin");
    HealthClient::new(channel.clone()).check(request).await.map(|answer| answer.into_inner().status())
}

async fn watch(channel: &Channel, name: &str) -> Streaming<HealthCheckResponse> {
    let request = with_credentials(HealthCheckRequest { service: name.to_owned() }, "admin", "admin");
    HealthClient::new(channel.clone()).watch(request).await.map(Response::into_inner).unwrap()
}

async fn next(watched: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    within(watched.message()).await.unwrap().unwrap().status()
}

/// TLS-030, TLS-032: one connection reaches every service, and reflection names those that are served, no others.
#[tokio::test(flavor = "multi_thread")]
async fn reflection_names_what_is_served() {
    let lab = Lab::start(PLAIN).await;
    let channel = connect(lab.address()).await;
    let all: Vec<&str> = [&[GNMI][..], &TELLING].concat();
    assert_eq!(services(&channel, V1).await, all);
    assert_eq!(services(&channel, V1ALPHA).await, all);
    assert_eq!(health(&channel, GNMI).await.unwrap(), ServingStatus::Serving);
    let capabilities = with_credentials(CapabilityRequest::default(), "admin", "admin");
    GNmiClient::new(channel.clone()).capabilities(capabilities).await.unwrap();

    lab.client().await.apply(update(GNMI_STATE, r#""disable""#)).await;
    assert_eq!(services(&channel, V1).await, TELLING);
    assert_eq!(services(&channel, V1ALPHA).await, TELLING);
    let symbols =
        [GNMI, "gnmi.gNMI.Get", "gnmi.Path"].map(|symbol| MessageRequest::FileContainingSymbol(symbol.into()));
    let answers = reflect(&channel, V1, "admin", symbols.map(question).to_vec()).await.unwrap();
    let found: Vec<bool> = answers.iter().map(|answer| files(answer).is_ok()).collect();
    assert_eq!(found, [false, false, true]);

    lab.reload(&format!("{PLAIN}gnmi.admin-state = \"enable\"\n")).unwrap();
    assert_eq!(services(&channel, V1).await, all);
}

/// TLS-032: what reflection hands out is enough to know the service, with the options that no plain message keeps.
#[tokio::test(flavor = "multi_thread")]
async fn reflection_describes_gnmi() {
    let harness = Harness::start().await;
    let channel = connect(harness.address()).await;
    let by_symbol = question(MessageRequest::FileContainingSymbol(GNMI.into()));
    let answer = reflect(&channel, V1, "admin", vec![by_symbol]).await.unwrap().remove(0);
    assert_eq!(files(&answer).unwrap()[0].name(), "gnmi.proto");
    let MessageResponse::FileDescriptorResponse(found) = answer else { panic!("no files") };
    let set = found.file_descriptor_proto.iter().flat_map(|file| {
        // One field of a FileDescriptorSet.
        let mut field = vec![0x0a];
        prost::encoding::encode_varint(file.len() as u64, &mut field);
        field.extend_from_slice(file);
        field
    });
    let pool = DescriptorPool::decode(&*set.collect::<Vec<u8>>()).unwrap();
    let service = pool.get_service_by_name(GNMI).unwrap();
    let methods: Vec<String> = service.methods().map(|method| method.name().to_owned()).collect();
    assert_eq!(methods, ["Capabilities", "Get", "Set", "Subscribe"]);
    let version = pool.get_extension_by_name("gnmi.gnmi_service").unwrap();
    assert!(service.parent_file().options().has_extension(&version));
}

/// TLS-032: types, members, extensions and files are found by their names; what is not there is an answer, not the end.
#[tokio::test(flavor = "multi_thread")]
async fn reflection_finds_symbols() {
    let harness = Harness::start().await;
    let channel = connect(harness.address()).await;
    let symbols = [
        ("gnmi.gNMI.Subscribe", "gnmi.proto"),
        ("gnmi.Path", "gnmi.proto"),
        ("gnmi.Path.elem", "gnmi.proto"),
        ("gnmi.TypedValue.value", "gnmi.proto"),
        ("gnmi.SubscriptionList.Mode", "gnmi.proto"),
        ("gnmi.SubscriptionList.ONCE", "gnmi.proto"),
        ("gnmi.gnmi_service", "gnmi.proto"),
        ("gnmi_ext.Extension", "gnmi_ext.proto"),
        ("google.protobuf.Any", "google/protobuf/any.proto"),
        ("grpc.health.v1.Health.Watch", "health.proto"),
        ("grpc.reflection.v1.ServerReflectionRequest", "reflection_v1.proto"),
        ("grpc.reflection.v1alpha.ServerReflection", "reflection_v1alpha.proto"),
    ];
    let questions = symbols.map(|(symbol, _)| question(MessageRequest::FileContainingSymbol(symbol.into())));
    let answers = reflect(&channel, V1, "admin", questions.to_vec()).await.unwrap();
    for ((symbol, file), answer) in symbols.iter().zip(answers) {
        assert_eq!(files(&answer).map(|files| files[0].name().to_owned()), Ok((*file).to_owned()), "{symbol}");
    }
    let extension = |number| ExtensionRequest {
        containing_type: "google.protobuf.FileOptions".to_owned(),
        extension_number: number,
    };
    let questions = [
        MessageRequest::FileByFilename("gnmi_ext.proto".into()),
        MessageRequest::FileContainingExtension(extension(1001)),
        MessageRequest::FileContainingExtension(extension(-1)),
        MessageRequest::FileByFilename("../gnmi.proto".into()),
        MessageRequest::FileContainingSymbol("gnmi.gNMI.Nothing".into()),
        MessageRequest::FileContainingSymbol("gnoi.system.System".into()),
        MessageRequest::FileContainingSymbol(String::new()),
    ];
    let answers = reflect(&channel, V1ALPHA, "admin", questions.map(question).to_vec()).await.unwrap();
    let named = |file: &str| Ok(file.to_owned());
    let unknown = |what: &str| {
        Err((Code::NotFound.into(), format!("MINOR: MGMT_CORE #2222: {what} - Unknown to server reflection")))
    };
    let expected = [
        named("gnmi_ext.proto"),
        named("gnmi.proto"),
        unknown("google.protobuf.FileOptions"),
        unknown("../gnmi.proto"),
        unknown("gnmi.gNMI.Nothing"),
        unknown("gnoi.system.System"),
        unknown(""),
    ];
    let first = |answer| files(answer).map(|files| files[0].name().to_owned());
    assert_eq!(answers.iter().map(first).collect::<Vec<_>>(), expected);
    let numbers = question(MessageRequest::AllExtensionNumbersOfType("google.protobuf.FileOptions".into()));
    match reflect(&channel, V1, "admin", vec![numbers]).await.unwrap().remove(0) {
        MessageResponse::AllExtensionNumbersResponse(found) => assert_eq!(found.extension_number, [1001]),
        other => panic!("{other:?}"),
    }
    let nothing = ServerReflectionRequest { host: "h".to_owned(), message_request: None };
    let refused = reflect(&channel, V1, "admin", vec![nothing]).await;
    check_refused(refused, Code::InvalidArgument, &["MINOR: MGMT_CORE #2207: "]);
}

/// Check and Watch tell the truth about each service and about all of them, as the configuration changes.
#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_configuration() {
    let lab = Lab::start(PLAIN).await;
    let channel = connect(lab.address()).await;
    for name in ["", GNMI].iter().chain(&TELLING) {
        assert_eq!(health(&channel, name).await.unwrap(), ServingStatus::Serving, "{name}");
    }
    let unknown = "MINOR: MGMT_CORE #2222: gnoi.system.System - Unknown service";
    check_refused(health(&channel, "gnoi.system.System").await, Code::NotFound, &[unknown]);
    let (mut gnmi, mut all) = (watch(&channel, GNMI).await, watch(&channel, "").await);
    let (mut itself, mut none) = (watch(&channel, TELLING[0]).await, watch(&channel, "no.Such").await);
    for watched in [&mut gnmi, &mut all, &mut itself] {
        assert_eq!(next(watched).await, ServingStatus::Serving);
    }
    assert_eq!(next(&mut none).await, ServingStatus::ServiceUnknown);
    let client = lab.client().await;
    // A commit that changes nothing of it is not told.
    client.apply(update("/configure/system/location", r#""here""#)).await;
    client.apply(update(GNMI_STATE, r#""disable""#)).await;
    for (watched, name) in [(&mut gnmi, GNMI), (&mut all, "")] {
        assert_eq!(next(watched).await, ServingStatus::NotServing);
        assert_eq!(health(&channel, name).await.unwrap(), ServingStatus::NotServing, "{name}");
    }
    assert_eq!(health(&channel, TELLING[0]).await.unwrap(), ServingStatus::Serving);
    lab.reload(&format!("{PLAIN}gnmi.admin-state = \"enable\"\n")).unwrap();
    assert_eq!((next(&mut gnmi).await, next(&mut all).await), (ServingStatus::Serving, ServingStatus::Serving));
    // The server goes down as a whole: its watchers are told so, as any stream is (TLS-028).
    let stopped = tokio::spawn(lab.stop());
    for watched in [&mut gnmi, &mut all, &mut itself, &mut none] {
        let ended = within(watched.message()).await;
        assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    }
    stopped.await.unwrap();
}

const USERS: &str = r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "silent"
default-action = "permit-all"
grpc.rpc-authorization.gnmi-capabilities = "deny"

[[configure.system.security.user-params.local-user.user]]
user-name = "silent"
password = "silent"
access.grpc = true
console.member = ["silent"]

[[configure.system.security.user-params.local-user.user]]
user-name = "nogrpc"
password = "nogrpc"
"#;

/// AUTH-002, AUTH-009, AUTH-025, AUTH-027: reflection and health are behind the same door as gNMI. Whoever may not learn
/// the capabilities of the server may not learn its services either; how it is, any user may ask.
#[tokio::test(flavor = "multi_thread")]
async fn services_are_for_users() {
    let harness = Harness::start_with(USERS).await;
    let channel = connect(harness.address()).await;
    let list = || vec![question(MessageRequest::ListServices(String::new()))];
    let check = async |user: &str| {
        let request = with_credentials(HealthCheckRequest::default(), user, user);
        HealthClient::new(channel.clone()).check(request).await.map(|_| ())
    };
    for (user, code) in
        [("", Code::Unauthenticated), ("eve", Code::Unauthenticated), ("nogrpc", Code::PermissionDenied)]
    {
        check_refused(reflect(&channel, V1, user, list()).await, code, &["MINOR: MGMT_CORE #20"]);
        check_refused(reflect(&channel, V1ALPHA, user, list()).await, code, &["MINOR: MGMT_CORE #20"]);
        check_refused(check(user).await, code, &["MINOR: MGMT_CORE #20"]);
        let watched = with_credentials(HealthCheckRequest::default(), user, user);
        let watched = HealthClient::new(channel.clone()).watch(watched).await.map(|_| ());
        check_refused(watched, code, &["MINOR: MGMT_CORE #20"]);
    }
    let denied = "unauthorized use of 'gnmi-capabilities'";
    check_refused(reflect(&channel, V1, "silent", list()).await, Code::PermissionDenied, &[denied]);
    check_refused(reflect(&channel, V1ALPHA, "silent", list()).await, Code::PermissionDenied, &[denied]);
    check("silent").await.unwrap();
    reflect(&channel, V1, "admin", list()).await.unwrap();
    let logged = |user: &str, rpc: &str, verdict: &str, paths: &str| {
        let log = harness.security_log();
        let mut lines = log.lines().rev().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let line = lines.find(|line| line["event"] == "rpc" && line["user"] == user && line["rpc"] == rpc);
        line.is_some_and(|line| line["verdict"] == verdict && line["paths"].as_str().unwrap_or_default() == paths)
    };
    eventually(true, async || logged("silent", V1, "unauthorized", "")).await;
    eventually(true, async || logged("silent", "/grpc.health.v1.Health/Check", "authorized", "")).await;
    eventually(true, async || logged("admin", V1, "authorized", "list of services")).await;
}

/// A stream of reflection or health is a channel like any other, and the state lists it.
#[tokio::test(flavor = "multi_thread")]
async fn services_take_channels() {
    let harness = Harness::start_with("[limits]\nchannels = 2\n").await;
    let channel = connect(harness.address()).await;
    let mut first = watch(&channel, "").await;
    next(&mut first).await;
    let client = harness.client("admin").await;
    eventually(true, async || {
        let rpcs = client.get(get(["/state/system/grpc/rpc"])).await.map(|found| crate::text::get_text(&found));
        rpcs.is_ok_and(|rpcs| rpcs[0].contains(r#""service-name":"Health","package-name":"grpc.health.v1""#))
    })
    .await;
    let second = watch(&channel, GNMI).await;
    check_refused(health(&channel, "").await, Code::ResourceExhausted, &["Channel limit of 2 reached"]);
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let request = with_credentials(tokio_stream::pending(), "admin", "admin");
    check_refused(reflection.server_reflection_info(request).await, Code::ResourceExhausted, &["Channel limit"]);
    drop(second);
    eventually(true, async || health(&channel, "").await.is_ok()).await;
}

/// TLS-031, C-07: what is not served is UNIMPLEMENTED and says what it is: services unknown, methods unknown, services that
/// the release does not have.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_services_and_methods() {
    async fn call(channel: &Channel, path: &'static str) -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<CapabilityRequest, CapabilityResponse>::default();
        let request = with_credentials(CapabilityRequest::default(), "admin", "admin");
        client.unary(request, PathAndQuery::from_static(path), codec).await.map(|_| ())
    }
    let harness = Harness::start().await;
    let channel = connect(harness.address()).await;
    for path in ["/gnmi.gNMI/Nothing", "/gnoi.system.System/Time", "/no.Such/Method", "/gnmi.gNMI", "/", "/a/b/c"] {
        let text = format!("MINOR: MGMT_CORE #2221: {path} - Unknown service or method");
        check_refused(call(&channel, path).await, Code::Unimplemented, &[&text]);
    }
    call(&channel, "/gnmi.gNMI/Capabilities").await.unwrap();
    let old = Harness::start_as("16.0", "").await;
    let channel = connect(old.address()).await;
    for path in [V1, V1ALPHA, "/grpc.health.v1.Health/Check"] {
        check_refused(call(&channel, path).await, Code::Unimplemented, &[path]);
    }
}
