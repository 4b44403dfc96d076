//! The RPCs that admission knows something about.

/// What has to be known of an RPC before it is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rpc {
    /// Its leaf below `grpc/rpc-authorization` of a profile; none for services that have none.
    pub(super) leaf: Option<&'static str>,
    /// Whether the answer is a stream that may last.
    pub(super) streams: bool,
}

impl Rpc {
    /// The RPC at an HTTP path. One that is not known here goes on to the router, which answers UNIMPLEMENTED or serves
    /// it to anybody who has logged in.
    pub(super) fn at(path: &str) -> Self {
        let known = |leaf, streams| Self { leaf: Some(leaf), streams };
        match path {
            "/gnmi.gNMI/Capabilities" => known("gnmi-capabilities", false),
            "/gnmi.gNMI/Get" => known("gnmi-get", false),
            "/gnmi.gNMI/Set" => known("gnmi-set", false),
            "/gnmi.gNMI/Subscribe" => known("gnmi-subscribe", true),
            // What a server offers is also what Capabilities tells.
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
            | "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => known("gnmi-capabilities", true),
            "/grpc.health.v1.Health/Watch" => Self { leaf: None, streams: true },
            _ => Self { leaf: None, streams: false },
        }
    }
}
