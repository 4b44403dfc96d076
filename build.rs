//! Compiles `proto/` without protoc: messages and clients by prost, and the server side of gNMI with a codec of its own
//! for Subscribe, whose responses are encoded before they reach the transport.

use std::error::Error;
use std::path::PathBuf;

use tonic_build::manual;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(["gnmi.proto"])?;
    // Encoded by protox itself, because prost-types would drop the file option `gnmi_service`.
    std::fs::write(out_dir.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".")
        .btree_map(".")
        .compile_fds(compiler.file_descriptor_set())?;
    manual::Builder::new().build_client(false).compile(&[gnmi_service()]);
    Ok(())
}

/// The server side. Its output goes to `gnmi.gNMI.rs`.
fn gnmi_service() -> manual::Service {
    let unary = |name: &str, route: &str, request: &str, response: &str, comment: &str| {
        manual::Method::builder()
            .name(name)
            .route_name(route)
            .comment(comment)
            .input_type(format!("crate::pb::gnmi::{request}"))
            .output_type(format!("crate::pb::gnmi::{response}"))
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let subscribe = manual::Method::builder()
        .name("subscribe")
        .route_name("Subscribe")
        .comment("Streams values.")
        .input_type("crate::pb::gnmi::SubscribeRequest")
        .output_type("crate::pb::Encoded")
        .codec_path("crate::pb::SubscribeCodec")
        .client_streaming()
        .server_streaming()
        .build();
    manual::Service::builder()
        .name("gNMI")
        .package("gnmi")
        .comment("Configuration and telemetry of one network element.")
        .method(unary(
            "capabilities",
            "Capabilities",
            "CapabilityRequest",
            "CapabilityResponse",
            "What the element supports.",
        ))
        .method(unary("get", "Get", "GetRequest", "GetResponse", "Reads one snapshot."))
        .method(unary("set", "Set", "SetRequest", "SetResponse", "Changes configuration, all of it or nothing."))
        .method(subscribe)
        .build()
}
