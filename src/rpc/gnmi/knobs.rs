//! Configuration leaves that steer the gNMI service, found once and read from the newest commit.

use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::schema::Schema;
use crate::store::{Saving, Tree};
use crate::value::Value;

/// Places of the knobs; none where the loaded models have no such leaf.
#[derive(Clone, Debug)]
pub struct Knobs {
    nokia_modules: Option<DataPath>,
    openconfig_modules: Option<DataPath>,
    gnmi_admin_state: Option<DataPath>,
    auto_config_save: Option<DataPath>,
}

impl Knobs {
    /// Looks the knobs up.
    pub fn new(schema: &Schema) -> Self {
        let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
        let place = |text: &str| resolver.write(&RawPath::parse(text).ok()?).ok();
        Self {
            nokia_modules: place("/configure/system/management-interface/yang-modules/nokia-combined-modules"),
            openconfig_modules: place("/configure/system/management-interface/yang-modules/openconfig-modules"),
            gnmi_admin_state: place("/configure/system/grpc/gnmi/admin-state"),
            auto_config_save: place("/configure/system/grpc/gnmi/auto-config-save"),
        }
    }

    /// Which families of models can be addressed now (CAP-006). Everything, where no knob exists to say otherwise.
    pub fn views(&self, tree: &Tree) -> Views {
        let on = |place: &Option<DataPath>| {
            let Some(place) = place else { return true };
            tree.leaf(place.steps()).is_some_and(|leaf| leaf.value == Value::Bool(true))
        };
        Views { nokia: on(&self.nokia_modules), openconfig: on(&self.openconfig_modules) }
    }

    /// Whether gNMI is served (C-53).
    pub fn gnmi_enabled(&self, tree: &Tree) -> bool {
        let Some(place) = &self.gnmi_admin_state else { return true };
        tree.leaf(place.steps()).is_none_or(|leaf| leaf.value.as_text() != Some("disable"))
    }

    /// Whether a Set is saved (SET-051).
    pub fn saving(&self) -> Saving<'_> {
        self.auto_config_save.as_ref().map_or(Saving::Always, Saving::UnlessOff)
    }
}
