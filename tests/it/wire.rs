//! The messages in `proto/` against the published descriptors of openconfig/gnmi v0.14.1 (CAP-016), and the codec of
//! Subscribe against an ordinary client.

use std::collections::BTreeSet;

use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::subscribe_response::Response as Reply;
use ganymede::pb::gnmi::{
    CapabilityRequest, CapabilityResponse, GetRequest, GetResponse, Notification, Path, Poll, SetRequest, SetResponse,
    SubscribeRequest, SubscribeResponse, subscribe_request,
};
use ganymede::pb::{Encoded, FILE_DESCRIPTOR_SET, GnmiServer, GnmiService};
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use tokio_stream::StreamExt;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// One row for everything that exists on the wire: kind, full name, number, name, label or input, type or output, oneof.
const PUBLISHED: &str = include_str!("../data/gnmi.tsv");

/// CAP-016: every message, field, oneof, enum value and RPC is there with its name, number, type and label, and there
/// is nothing else.
#[test]
fn matches_the_published_descriptors() {
    let published: BTreeSet<String> = PUBLISHED.lines().skip(1).map(str::to_owned).collect();
    let ours = our_rows();
    let missing: Vec<_> = published.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&published).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nextra: {extra:#?}");
    assert!(published.len() > 150, "the table is not empty");
}

/// The version of the service is stated as file option 1001, which prost-types does not keep.
#[test]
fn states_the_service_version() {
    let option = [&[0xca, 0x3e, 6][..], b"0.10.0"].concat();
    assert!(FILE_DESCRIPTOR_SET.windows(option.len()).any(|window| window == option));
}

/// What the published files mark as deprecated is marked here.
#[test]
fn marks_what_is_deprecated() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("our own descriptors decode");
    let gnmi = set.file.iter().find(|file| file.name() == "gnmi.proto").expect("gnmi.proto is in the set");
    let mut found = BTreeSet::new();
    for message in &gnmi.message_type {
        if message.options.as_ref().is_some_and(|options| options.deprecated()) {
            found.insert(message.name().to_owned());
        }
        let deprecated =
            |field: &&FieldDescriptorProto| field.options.as_ref().is_some_and(|options| options.deprecated());
        found.extend(
            message.field.iter().filter(deprecated).map(|field| format!("{}.{}", message.name(), field.name())),
        );
    }
    let expected = [
        "Decimal64",
        "Error",
        "GetResponse.error",
        "Path.element",
        "SetResponse.message",
        "SubscribeResponse.error",
        "TypedValue.decimal_val",
        "TypedValue.float_val",
        "Update.value",
        "UpdateResult.message",
        "UpdateResult.timestamp",
        "Value",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

fn our_rows() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("our own descriptors decode");
    let mut rows = BTreeSet::new();
    for file in set.file.iter().filter(|file| matches!(file.package(), "gnmi" | "gnmi_ext")) {
        file_rows(file, &mut rows);
    }
    rows
}

fn file_rows(file: &FileDescriptorProto, rows: &mut BTreeSet<String>) {
    let package = file.package();
    for message in &file.message_type {
        message_rows(&format!("{package}.{}", message.name()), message, rows);
    }
    for values in &file.enum_type {
        enum_rows(&format!("{package}.{}", values.name()), values, rows);
    }
    for extension in &file.extension {
        let extended = extension.extendee().trim_start_matches('.');
        let name = format!("{package}.{}", extension.name());
        rows.insert(row(["extension", extended, &extension.number().to_string(), &name, "", &type_of(extension), ""]));
    }
    for service in &file.service {
        service_rows(&format!("{package}.{}", service.name()), service, rows);
    }
}

fn message_rows(name: &str, message: &DescriptorProto, rows: &mut BTreeSet<String>) {
    if message.field.is_empty() {
        rows.insert(row(["message", name, "", "", "", "", ""]));
    }
    for field in &message.field {
        let label = if field.label() == Label::Repeated { "repeated" } else { "optional" };
        let oneof = field
            .oneof_index
            .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
            .map_or("", |oneof| oneof.name());
        let number = field.number().to_string();
        rows.insert(row(["field", name, &number, field.name(), label, &type_of(field), oneof]));
    }
    for range in &message.reserved_range {
        let last = range.end() - 1;
        rows.insert(row(["reserved", name, &range.start().to_string(), &last.to_string(), "", "", ""]));
    }
    for nested in &message.nested_type {
        message_rows(&format!("{name}.{}", nested.name()), nested, rows);
    }
    for values in &message.enum_type {
        enum_rows(&format!("{name}.{}", values.name()), values, rows);
    }
}

fn enum_rows(name: &str, values: &EnumDescriptorProto, rows: &mut BTreeSet<String>) {
    for value in &values.value {
        rows.insert(row(["enum", name, &value.number().to_string(), value.name(), "", "", ""]));
    }
}

fn service_rows(name: &str, service: &ServiceDescriptorProto, rows: &mut BTreeSet<String>) {
    for method in &service.method {
        let side = |streaming: bool, message: &str| {
            format!("{}{}", if streaming { "stream " } else { "" }, message.trim_start_matches('.'))
        };
        let input = side(method.client_streaming(), method.input_type());
        let output = side(method.server_streaming(), method.output_type());
        rows.insert(row(["rpc", name, "", method.name(), &input, &output, ""]));
    }
}

fn type_of(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

fn row(columns: [&str; 7]) -> String {
    columns.join("\t")
}

/// A service that answers every Subscribe with the same messages, encoded beforehand.
struct Recorded(Vec<Encoded>);

#[tonic::async_trait]
impl GnmiService for Recorded {
    type SubscribeStream = tokio_stream::Iter<std::vec::IntoIter<Result<Encoded, Status>>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let first = request.into_inner().message().await?;
        assert!(first.is_some_and(|first| first.request.is_some()), "requests arrive decoded");
        let messages: Vec<_> = self.0.iter().cloned().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(messages)))
    }

    async fn capabilities(&self, _: Request<CapabilityRequest>) -> Result<Response<CapabilityResponse>, Status> {
        Err(Status::unimplemented("Capabilities"))
    }

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        Err(Status::unimplemented("Get"))
    }

    async fn set(&self, _: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        Err(Status::unimplemented("Set"))
    }
}

/// An ordinary client reads messages that were encoded before they reached the transport, large ones too.
#[tokio::test]
async fn sends_encoded_messages_as_they_are() {
    let notification = Notification { timestamp: 7, atomic: true, ..Default::default() };
    let large = Path { target: "t".repeat(3_000_000), ..Default::default() };
    let messages = [
        Reply::Update(notification.clone()),
        Reply::Update(Notification { prefix: Some(large), ..notification }),
        Reply::SyncResponse(true),
    ]
    .map(|message| SubscribeResponse { response: Some(message), ..Default::default() });
    let encoded = messages.iter().map(|message| Encoded(message.encode_to_vec().into())).collect();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .add_service(GnmiServer::new(Recorded(encoded)))
        .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
    let server = tokio::spawn(server);

    let mut client = GNmiClient::connect(format!("http://{address}")).await.unwrap();
    let poll = SubscribeRequest { request: Some(subscribe_request::Request::Poll(Poll {})), ..Default::default() };
    let replies = client.subscribe(tokio_stream::once(poll)).await.unwrap().into_inner();
    let received: Vec<_> = replies.map(Result::unwrap).collect().await;
    assert_eq!(received, messages);
    server.abort();
}
