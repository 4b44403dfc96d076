//! Two things go into the binary here: `proto/`, compiled without protoc (messages and clients by prost, the server side
//! of gNMI with a codec of its own for Subscribe, whose responses are encoded before they reach the transport), and
//! `yang/`, as it stands.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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
    manual::Builder::new().build_client(false).compile(&[
        gnmi_service(),
        reflection_service("grpc.reflection.v1"),
        reflection_service("grpc.reflection.v1alpha"),
    ]);
    embed_yang(&out_dir)
}

/// Writes `embedded.rs`: name and text of every module and submodule below `yang/`, those for tests apart.
fn embed_yang(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=yang");
    let root = Path::new("yang");
    let mut text = String::new();
    for (list, folders) in [("MODULES", &["nokia", "ganymede", "openconfig"][..]), ("TEST_MODULES", &["test"])] {
        writeln!(text, "pub(super) const {list}: &[(&str, &str)] = &[")?;
        let mut files = Vec::new();
        for folder in folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()) {
            files
                .extend(std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?.into_iter().map(|file| file.path()));
        }
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yang"));
        files.sort();
        for file in &files {
            let name = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a YANG file needs a name in UTF-8")?;
            let file = format!("/{}", file.display());
            // Said again by each compilation: this file outlives a move of the checkout.
            writeln!(text, "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))),")?;
        }
        writeln!(text, "];")?;
    }
    Ok(std::fs::write(out_dir.join("embedded.rs"), text)?)
}

/// Server reflection. Both versions have the same messages under other names, so one set of them serves both.
fn reflection_service(package: &str) -> manual::Service {
    let information = manual::Method::builder()
        .name("server_reflection_info")
        .route_name("ServerReflectionInfo")
        .comment("What the server offers.")
        .input_type("crate::pb::reflection::ServerReflectionRequest")
        .output_type("crate::pb::reflection::ServerReflectionResponse")
        .codec_path("tonic_prost::ProstCodec")
        .client_streaming()
        .server_streaming()
        .build();
    manual::Service::builder()
        .name("ServerReflection")
        .package(package)
        .comment("The services of this server and their protobuf files.")
        .method(information)
        .build()
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
