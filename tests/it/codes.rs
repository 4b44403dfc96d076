//! Which errors clients meet, and that no service and no credentials get around the door.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ganymede::admission::Limits;
use ganymede::net::Tls;
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{CapabilityRequest, CapabilityResponse, Encoding, SubscriptionMode};
use ganymede::pki::{Identity, Offer, TlsVersion};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::door::{self, Door, with_credentials};
use crate::harness::{Harness, subscribe};
use crate::request::*;

/// Checks that a refusal has this code and the form of all texts.
fn check<T: std::fmt::Debug>(what: &str, outcome: Result<T, Status>, code: Code) {
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), code, "{what}: {status:?}");
    let text = status.message();
    let (severity, rest) = text.split_once(": MGMT_CORE #").unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(matches!(severity, "MINOR" | "INFO"), "{what}: {text}");
    let (number, reason) = rest.split_once(": ").unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(number.parse::<u16>().is_ok() && !reason.is_empty() && !text.contains('\n'), "{what}: {text}");
}

/// LIM-012, LIM-013: what the client did wrong has a code that says so, and UNAVAILABLE means that trying again helps.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_canonical() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    let read = async |path| client.get(get([path])).await;
    check("malformed path", read("/configure//system").await, Code::InvalidArgument);
    check("unknown element", read("/configure/bogus").await, Code::InvalidArgument);
    check("unknown key", read("/test/b[key9=x]").await, Code::InvalidArgument);
    check("unknown origin", read("bogus:/configure").await, Code::InvalidArgument);
    check("no data", read("/configure/system/location").await, Code::NotFound);
    let ascii = get(["/configure"]).encoding(Encoding::Ascii);
    check("encoding", client.get(ascii).await, Code::Unimplemented);
    let write = async |path: &str, value: &str| client.set(update(path, value)).await;
    check("value", write("/test/types/uint8", "256").await, Code::InvalidArgument);
    check("malformed JSON", write("/test/types", "{").await, Code::InvalidArgument);
    check("state", write("/state/system", "{}").await, Code::InvalidArgument);
    check("unknown element to write", write("/configure/bogus", "1").await, Code::NotFound);
    check("a rule of the model", write("/test/rules", r#"{"leader":"nobody"}"#).await, Code::Aborted);
    let ascii = Value::AsciiVal("1".to_owned());
    check("form of a value", client.set(set().update("/test/types/uint8", ascii)).await, Code::Unimplemented);
    let short = stream([sample("/test", 1)]);
    check("interval", Err::<(), _>(client.refusal(subscribe(short)).await), Code::InvalidArgument);
    let twice = stream([path("/test"), path("/test")].map(|path| asked(path, SubscriptionMode::OnChange)));
    check("twice", Err::<(), _>(client.refusal(subscribe(twice)).await), Code::InvalidArgument);
    let stranger = harness.client("stranger").await;
    check("credentials", stranger.capabilities(CapabilityRequest::default()).await, Code::Unauthenticated);
    // The daemon goes down and comes back: the one case where the same request does better later.
    let mut running = client.subscribe(on_change(["/test"])).await;
    running.round().await;
    let harness = harness.restart().await;
    check("shutdown", running.response().await, Code::Unavailable);
    harness.client("admin").await.get(get(["/configure/system/name"])).await.unwrap();
}

/// An RPC of whatever service.
async fn call(channel: &Channel, path: &'static str, user: &str, password: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<CapabilityRequest, CapabilityResponse>::default();
    let request: Request<_> = with_credentials(CapabilityRequest::default(), user, password);
    client.unary(request, PathAndQuery::from_static(path), codec).await.map(|_| ())
}

/// AUTH-002, LIM-003, LIM-018: credentials and channels are asked for before anybody looks which service is meant.
#[tokio::test]
async fn every_service_is_behind_the_same_door() {
    const TIME: &str = "/gnoi.system.System/Time";
    let door = Door::open(Limits { channels: 2, ..Limits::default() });
    let endpoint = Endpoint::from_shared(format!("http://{}", door.address)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    assert_eq!(call(&channel, TIME, "", "").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(call(&channel, TIME, "admin", "wrong").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(call(&channel, TIME, "admin", "admin-secret").await.unwrap_err().code(), Code::Unimplemented);
    let mut client = door.connect().await;
    let streams = [
        client.subscribe("admin", "admin-secret").await.unwrap(),
        client.subscribe("admin", "admin-secret").await.unwrap(),
    ];
    check("channels", call(&channel, TIME, "admin", "admin-secret").await, Code::ResourceExhausted);
    drop(streams);
    let active = || door.sessions.seated().iter().map(|session| session.active_rpcs()).sum::<usize>();
    door::eventually(|| active() == 0).await;
    assert_eq!(call(&channel, TIME, "admin", "admin-secret").await.unwrap_err().code(), Code::Unimplemented);
}

/// A door that speaks TLS, and a connection to it.
async fn encrypted() -> (Door, Channel) {
    let files = tempfile::tempdir().unwrap();
    let identity = Identity::self_signed(files.path(), &[], ganymede::time::Clock::System.now());
    let door = Door::with_tls(&Tls::new(&[identity.unwrap()], &Offer::of(&[TlsVersion::Tls13]), None).unwrap());
    let authority = Certificate::from_pem(std::fs::read(files.path().join("ca.pem")).unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", door.address)).unwrap().tls_config(tls).unwrap();
    let channel = endpoint.connect().await.unwrap();
    (door, channel)
}

/// Over TLS a header of basic authorisation is as good as user name and password in the metadata, and no better; in
/// plaintext it is no login at all. The log knows the user and never the password.
#[tokio::test]
async fn basic_authorisation_is_a_login_over_tls() {
    let (mut door, encrypted) = encrypted().await;
    let basic = async |channel: &Channel, header: &str, user: &str| {
        let mut request = with_credentials(get(["/"]), user, "");
        request.metadata_mut().insert("authorization", header.parse().unwrap());
        GNmiClient::new(channel.clone()).get(request).await.map(|_| ())
    };
    let of = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let good = of("admin:admin-secret");
    basic(&encrypted, &good, "").await.unwrap();
    basic(&encrypted, &good.replace("Basic", "basic"), "").await.unwrap();
    for wrong in
        [of("admin:guess"), of("nobody:admin-secret"), of("admin:"), of("admin"), good.replace("Basic", "Bearer")]
    {
        check(&wrong, basic(&encrypted, &wrong, "").await, Code::Unauthenticated);
    }
    check("a name beside it", basic(&encrypted, &good, "admin").await, Code::Unauthenticated);
    check("no gRPC", basic(&encrypted, &of("nogrpc:nogrpc-secret"), "").await, Code::PermissionDenied);
    check("a profile", basic(&encrypted, &of("narrow:narrow-secret"), "").await, Code::PermissionDenied);
    basic(&encrypted, &good, "").await.unwrap();
    let users = door.log_lines(|line| line["event"] == "rpc" && line["user"] == "admin", 5).await;
    assert!(users.iter().any(|line| line["verdict"] == "authorized"), "{users:?}");
    let log = std::fs::read_to_string(door.log_path()).unwrap();
    assert!(!log.contains("secret") && !log.contains("Basic"), "{log}");

    let mut plain = Door::open(Limits::default());
    let channel = Endpoint::from_shared(format!("http://{}", plain.address)).unwrap().connect().await.unwrap();
    let required = "MINOR: MGMT_CORE #2010: Authentication failed - metadata 'username' and 'password' are required";
    let refused = basic(&channel, &good, "").await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, required));
    let lines = plain.log_lines(|line| line["event"] == "rpc", 1).await;
    assert_eq!((lines[0]["user"].as_str(), lines[0]["verdict"].as_str()), (Some(""), Some("unauthorized")));
}

/// AUTH-034: TLS first, then credentials in the metadata, then what the profile permits.
#[tokio::test]
async fn tls_comes_first_then_credentials_then_rights() {
    let (mut door, channel) = encrypted().await;
    let plain = Endpoint::from_shared(format!("http://{}", door.address)).unwrap().connect_lazy();
    let refused = GNmiClient::new(plain).get(with_credentials(get(["/"]), "admin", "admin-secret")).await;
    refused.unwrap_err();
    let mut client = door::Client { gnmi: GNmiClient::new(channel) };
    check("no credentials", client.get("", "").await, Code::Unauthenticated);
    check("wrong password", client.get("narrow", "wrong").await, Code::Unauthenticated);
    check("profile", client.get("narrow", "narrow-secret").await, Code::PermissionDenied);
    client.get("admin", "admin-secret").await.unwrap();
    // What came without TLS never was an RPC.
    let lines = door.log_lines(|line| line["event"] == "rpc", 4).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
}

/// AUTH-037, AUTH-005: too many failures lock a user out, who reads what a stranger reads; sessions that are in go on, and
/// the log tells.
#[tokio::test]
async fn failures_lock_a_user_out() {
    let mut door = Door::open(Limits::default());
    let mut inside = door.connect().await;
    inside.get("admin", "admin-secret").await.unwrap();
    let mut guesser = door.connect().await;
    for password in ["one", "two", "three", "admin-secret"] {
        let refused = guesser.get("admin", password).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let stranger = guesser.get("stranger", password).await.unwrap_err();
        assert_eq!(refused.message(), stranger.message());
    }
    inside.get("admin", "admin-secret").await.unwrap();
    door.connect().await.get("ro", "ro-secret").await.unwrap();
    door.configure("[configure.system.security.user-params.attempts]\nlockout = 0");
    guesser.get("admin", "admin-secret").await.unwrap();
    let lines = door.log_lines(|line| line["event"] == "authentication" && line["user"] == "admin", 6).await;
    let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap_or_default()).collect();
    let failed = "grpc_user_login_failed";
    assert_eq!(names, ["", failed, failed, "grpc_user_login_max_attempts", failed, ""]);
    let reasons: Vec<_> = lines.iter().map(|line| line["reason"].as_str().unwrap_or_default()).collect();
    let wrong = "Authentication failed - unknown user or wrong password";
    let (last, out) =
        (format!("{wrong}, too many failures lock the user out"), format!("{wrong}, the user is locked out"));
    assert_eq!(reasons, ["", wrong, wrong, &last, &out, ""]);
}
