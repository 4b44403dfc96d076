//! Configuration leaves that steer the gNMI service, found once and read from the newest commit.

use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::schema::Schema;
use crate::store::Tree;
use crate::value::Value;

const OUTPUT_AUTHORIZATION: &str = "/configure/system/security/aaa/management-interface/output-authorization";

/// Places of the knobs; none where the loaded models have no such leaf.
#[derive(Clone, Debug)]
pub struct Knobs {
    nokia_modules: Option<DataPath>,
    openconfig_modules: Option<DataPath>,
    gnmi_admin_state: Option<DataPath>,
    md_interfaces: Option<DataPath>,
    telemetry_data: Option<DataPath>,
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
            md_interfaces: place(&format!("{OUTPUT_AUTHORIZATION}/md-interfaces")),
            telemetry_data: place(&format!("{OUTPUT_AUTHORIZATION}/telemetry-data")),
        }
    }

    /// Which families of models can be addressed now (CAP-006). Everything, where no knob exists to say otherwise.
    pub fn views(&self, tree: &Tree) -> Views {
        let on = |place: &Option<DataPath>| {
            let Some(place) = place else { return true };
            tree.leaf(place.steps()).is_some_and(|leaf| is_true(&leaf.value))
        };
        Views { nokia: on(&self.nokia_modules), openconfig: on(&self.openconfig_modules) }
    }

    /// Whether profiles limit what a Get shows (GET-022).
    pub fn authorizes_get(&self, tree: &Tree) -> bool {
        self.md_interfaces.as_ref().and_then(|place| tree.leaf(place.steps())).is_none_or(|leaf| is_true(&leaf.value))
    }

    /// Whether profiles limit what a Subscribe shows (AUTH-029, AUTH-031).
    pub fn authorizes_telemetry(&self, tree: &Tree) -> bool {
        self.telemetry_data.as_ref().and_then(|place| tree.leaf(place.steps())).is_some_and(|leaf| is_true(&leaf.value))
    }

    /// Whether gNMI is served (C-53).
    pub fn gnmi_enabled(&self, tree: &Tree) -> bool {
        let Some(place) = &self.gnmi_admin_state else { return true };
        tree.leaf(place.steps()).is_none_or(|leaf| leaf.value.as_text() != Some("disable"))
    }
}

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}
