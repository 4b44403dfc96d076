//! Models as clients see them: told by Capabilities, and named in `use_models`.

use std::collections::HashSet;

use tonic::Status;

use super::Gnmi;
use crate::pb::gnmi as pb;
use crate::rpc::status;
use crate::schema::{Module, NodeSet};
use crate::store::Tree;

impl Gnmi {
    /// The models that can be addressed now (CAP-001, CAP-006).
    pub(super) fn models(&self, tree: &Tree) -> Vec<pb::ModelData> {
        let views = self.views(tree);
        let modules = self.parts.store.schema().modules().iter();
        modules.filter(|module| views.shows_module(module)).map(|module| self.model(module)).collect()
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

    /// The nodes that lie wholly in the models a subscription names; none when it may look at everything, which is so
    /// unless the operator wants `use_models` to count (SUB-045, C-15). Organization and version may be left out.
    pub(super) fn within_models(&self, asked: &[pb::ModelData], tree: &Tree) -> Result<Option<NodeSet>, Status> {
        if asked.is_empty() || !self.parts.profile.honor_use_models {
            return Ok(None);
        }
        let told = self.models(tree);
        let agrees = |asked: &str, told: &str| asked.is_empty() || asked == told;
        for asked in asked {
            let found = told.iter().find(|told| told.name == asked.name);
            if !found.is_some_and(|told| {
                agrees(&asked.organization, &told.organization) && agrees(&asked.version, &told.version)
            }) {
                return Err(status::unknown_model(&asked.name, &asked.version));
            }
        }
        let names: HashSet<&str> = asked.iter().map(|asked| &*asked.name).collect();
        let schema = self.parts.store.schema();
        let inside = |&id: &_| names.contains(&*schema.module(schema.node(id).module).name);
        Ok(Some(NodeSet::of(schema, |id| schema.lineage(id).iter().all(inside))))
    }
}
