//! Wire messages, generated from `proto/`, and the one that is not: [`Encoded`].
//!
//! Invariant: nothing below [`crate::codec`] names a type of this module. Messages are compatible with
//! openconfig/gnmi v0.14.1, which a test proves against its published descriptors.

use bytes::{BufMut, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;

/// Package `gnmi`.
pub mod gnmi {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    tonic::include_proto!("gnmi");
}

/// Package `gnmi_ext`.
pub mod gnmi_ext {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    tonic::include_proto!("gnmi_ext");
}

mod service {
    #![allow(missing_docs, unreachable_pub, non_camel_case_types, clippy::all, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/gnmi.gNMI.rs"));
}

pub use service::g_n_m_i_server::{gNMI as GnmiService, gNMIServer as GnmiServer};

/// Package `grpc.health.v1`.
pub mod health {
    pub use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
    pub use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
}

/// Packages `grpc.reflection.v1` and `grpc.reflection.v1alpha`, whose messages are the same on the wire.
pub mod reflection {
    pub use super::reflection_v1::server_reflection_server as v1;
    pub use super::reflection_v1alpha::server_reflection_server as v1alpha;
    pub use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    pub use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    pub use tonic_reflection::pb::v1::{
        ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse, ListServiceResponse,
        ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
    };
}

mod reflection_v1 {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1.ServerReflection.rs"));
}

mod reflection_v1alpha {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1alpha.ServerReflection.rs"));
}

/// Descriptors of every file in `proto/` and what they import, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Descriptors of the services that gRPC itself defines, one set for each.
pub const GRPC_DESCRIPTOR_SETS: [&[u8]; 3] = [
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// One complete `gnmi.SubscribeResponse` in protobuf form, without the gRPC frame. Cloning shares the bytes, so that
/// one encoding can serve many subscribers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded(pub Bytes);

impl Encoded {
    /// Whether it holds a notification, and not a sync.
    pub fn is_notification(&self) -> bool {
        /// Key of `SubscribeResponse.update`.
        const UPDATE: u8 = 1 << 3 | 2;
        self.0.first() == Some(&UPDATE)
    }
}

/// Codec of the server side of Subscribe: requests decoded by prost, responses passed on as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscribeCodec;

impl Codec for SubscribeCodec {
    type Encode = Encoded;
    type Decode = gnmi::SubscribeRequest;
    type Encoder = EncodedEncoder;
    type Decoder = ProstDecoder<gnmi::SubscribeRequest>;

    fn encoder(&mut self) -> Self::Encoder {
        EncodedEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::default())
    }
}

/// Puts messages that are encoded already into the frame.
#[derive(Clone, Copy, Debug)]
pub struct EncodedEncoder;

impl Encoder for EncodedEncoder {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, item: Encoded, frame: &mut EncodeBuf<'_>) -> Result<(), Status> {
        frame.reserve(item.0.len());
        frame.put(item.0);
        Ok(())
    }
}
