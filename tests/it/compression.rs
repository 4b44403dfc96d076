//! Compression of messages, as clients of all ages ask for it.

use ganymede::pb::gnmi::{CapabilityRequest, CapabilityResponse};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Response, Status};

use crate::door::with_credentials;
use crate::harness::Harness;

/// TLS-033: identity is understood whether or not it is said, what is unknown is refused with the name of what is known,
/// and the session goes on.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_compression_is_refused() {
    let harness = Harness::start().await;
    let channel = harness.endpoint().connect().await.unwrap();
    let ask = async |encoding: Option<&'static str>, offer: Option<&'static str>| {
        let mut request = with_credentials(CapabilityRequest::default(), "admin", "admin");
        for (name, value) in [("grpc-encoding", encoding), ("grpc-accept-encoding", offer)] {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.parse().unwrap());
            }
        }
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<CapabilityRequest, CapabilityResponse>::default();
        let answer: Result<Response<CapabilityResponse>, Status> =
            client.unary(request, PathAndQuery::from_static("/gnmi.gNMI/Capabilities"), codec).await;
        answer.map(|answer| answer.metadata().get("grpc-encoding").cloned())
    };
    // The first gRPC clients offered deflate besides, and never used it.
    for offer in [None, Some("identity"), Some("identity,deflate,gzip"), Some("snappy")] {
        assert_eq!(ask(None, offer).await.unwrap(), None);
        assert_eq!(ask(Some("identity"), offer).await.unwrap(), None);
    }
    for encoding in ["snappy", "deflate", "br", "x"] {
        let refused = ask(Some(encoding), None).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{encoding}");
        let text = format!(
            "MINOR: MGMT_CORE #2223: grpc-encoding '{encoding}' - Unknown compression, accepted are gzip,identity"
        );
        assert_eq!(refused.message(), text);
        assert_eq!(refused.metadata().get("grpc-accept-encoding").unwrap(), "gzip,identity");
    }
    ask(None, None).await.unwrap();
}
