//! The Capabilities RPC.

use tonic::Status;

use super::{Gnmi, extensions};
use crate::pb::gnmi as pb;
use crate::schema::Module;

impl Gnmi {
    /// Answers with the models that can be addressed now, the encodings and the version (CAP-001).
    pub(super) fn capabilities(&self, request: &pb::CapabilityRequest) -> Result<pb::CapabilityResponse, Status> {
        extensions::refuse_depth("Capabilities", &request.extension)?;
        let schema = self.parts.store.schema();
        let tree = &self.parts.store.newest().tree;
        let views = self.views(tree);
        let profile = &self.parts.profile;
        let version = profile.gnmi_version.as_deref();
        let models = schema.modules().iter().filter(|module| views.shows_module(module));
        Ok(pb::CapabilityResponse {
            supported_models: models.map(|module| self.model(module)).collect(),
            supported_encodings: profile.encodings.iter().map(|encoding| encoding.to_pb().into()).collect(),
            g_nmi_version: version.unwrap_or_else(|| self.parts.knobs.proto_version(tree).text()).to_owned(),
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
