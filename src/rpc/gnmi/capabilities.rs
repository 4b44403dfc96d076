//! The Capabilities RPC.

use tonic::Status;

use super::{Gnmi, extensions};
use crate::pb::gnmi as pb;

impl Gnmi {
    /// Answers with the models that can be addressed now, the encodings and the version (CAP-001).
    pub(super) fn capabilities(&self, request: &pb::CapabilityRequest) -> Result<pb::CapabilityResponse, Status> {
        extensions::refuse_depth("Capabilities", &request.extension)?;
        let tree = &self.parts.store.newest().tree;
        let profile = &self.parts.profile;
        let version = profile.gnmi_version.as_deref();
        Ok(pb::CapabilityResponse {
            supported_models: self.models(tree),
            supported_encodings: profile.encodings.iter().map(|encoding| encoding.to_pb().into()).collect(),
            g_nmi_version: version.unwrap_or_else(|| self.parts.knobs.proto_version(tree).text()).to_owned(),
            extension: Vec::new(),
        })
    }
}
