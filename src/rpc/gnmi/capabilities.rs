//! The Capabilities RPC.

use tonic::Status;

use super::{Gnmi, extensions};
use crate::codec::Encoding;
use crate::pb::gnmi as pb;
use crate::schema::Module;

/// The version this server speaks (CAP-002, C-05).
const GNMI_VERSION: &str = "0.8.0";

impl Gnmi {
    /// Answers with the models that can be addressed now, the encodings and the version (CAP-001).
    pub(super) fn capabilities(&self, request: &pb::CapabilityRequest) -> Result<pb::CapabilityResponse, Status> {
        extensions::refuse_depth("Capabilities", &request.extension)?;
        let schema = self.parts.store.schema();
        let views = self.views(&self.parts.store.newest().tree);
        let models = schema.modules().iter().filter(|module| views.shows_module(module));
        Ok(pb::CapabilityResponse {
            supported_models: models.map(|module| self.model(module)).collect(),
            supported_encodings: Encoding::OFFERED.iter().map(|encoding| encoding.to_pb().into()).collect(),
            g_nmi_version: GNMI_VERSION.to_owned(),
            extension: Vec::new(),
        })
    }

    /// Nokia models carry the release as their version, OpenConfig models their own (CAP-003, CAP-004).
    fn model(&self, module: &Module) -> pb::ModelData {
        let version = match (&module.openconfig_version, &module.revision) {
            _ if module.namespace.starts_with("urn:nokia.com:") => self.parts.release.clone(),
            (Some(version), _) | (None, Some(version)) => version.to_string(),
            (None, None) => String::new(),
        };
        pb::ModelData { name: module.name.to_string(), organization: module.organization.to_string(), version }
    }
}
