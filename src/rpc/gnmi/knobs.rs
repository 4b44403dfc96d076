//! Configuration leaves that steer the gNMI service, found once and read from the newest commit.

use std::time::Duration;

use crate::codec::{Bundling, ProtoVersion};
use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::schema::Schema;
use crate::store::{Saving, Tree};
use crate::value::Value;

const OUTPUT_AUTHORIZATION: &str = "/configure/system/security/aaa/management-interface/output-authorization";

/// Places of the knobs; none where the loaded models have no such leaf.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Three leaves that offer one tree, which is here when any of them says so.
    nokia_modules: Vec<DataPath>,
    openconfig_modules: Option<DataPath>,
    gnmi_admin_state: Option<DataPath>,
    bundling_admin_state: Option<DataPath>,
    bundling_window: Option<DataPath>,
    bundling_count: Option<DataPath>,
    proto_version: Option<DataPath>,
    auto_config_save: Option<DataPath>,
    md_interfaces: Option<DataPath>,
    telemetry_data: Option<DataPath>,
}

impl Knobs {
    /// Looks the knobs up.
    pub fn new(schema: &Schema) -> Self {
        let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
        let place = |text: &str| resolver.write(&RawPath::parse(text).ok()?).ok();
        Self {
            nokia_modules: ["nokia-combined-modules", "nokia-modules", "nokia-submodules"]
                .iter()
                .filter_map(|leaf| place(&format!("/configure/system/management-interface/yang-modules/{leaf}")))
                .collect(),
            openconfig_modules: place("/configure/system/management-interface/yang-modules/openconfig-modules"),
            gnmi_admin_state: place("/configure/system/grpc/gnmi/admin-state"),
            bundling_admin_state: place("/configure/system/telemetry/notification-bundling/admin-state"),
            bundling_window: place("/configure/system/telemetry/notification-bundling/max-time-granularity"),
            bundling_count: place("/configure/system/telemetry/notification-bundling/max-msg-count"),
            proto_version: place("/configure/system/grpc/gnmi/proto-version"),
            auto_config_save: place("/configure/system/grpc/gnmi/auto-config-save"),
            md_interfaces: place(&format!("{OUTPUT_AUTHORIZATION}/md-interfaces")),
            telemetry_data: place(&format!("{OUTPUT_AUTHORIZATION}/telemetry-data")),
        }
    }

    /// Which families of models can be addressed now (CAP-006). Everything, where no knob exists to say otherwise.
    pub fn views(&self, tree: &Tree) -> Views {
        let on = |place: &DataPath| tree.leaf(place.steps()).is_some_and(|leaf| is_true(&leaf.value));
        Views {
            nokia: self.nokia_modules.is_empty() || self.nokia_modules.iter().any(on),
            openconfig: self.openconfig_modules.as_ref().is_none_or(on),
        }
    }

    /// The version of gNMI to speak (ENC-005).
    pub fn proto_version(&self, tree: &Tree) -> ProtoVersion {
        let leaf = self.proto_version.as_ref().and_then(|place| tree.leaf(place.steps()));
        match leaf.and_then(|leaf| leaf.value.as_text()) {
            Some("v070") => ProtoVersion::V070,
            _ => ProtoVersion::Latest,
        }
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

    /// How a subscription that starts now bundles its notifications; none while that is off (BND-002). A subscription
    /// keeps what it started with, which is what its state shows.
    pub fn bundling(&self, tree: &Tree) -> Option<Bundling> {
        let value = |place: &Option<DataPath>| tree.leaf(place.as_ref()?.steps()).map(|leaf| leaf.value.clone());
        if value(&self.bundling_admin_state)?.as_text() != Some("enable") {
            return None;
        }
        let number = |place| match value(place) {
            Some(Value::Uint(number)) => number,
            _ => BUNDLING_DEFAULT,
        };
        Some(Bundling {
            window: Duration::from_millis(number(&self.bundling_window).into()),
            count_max: number(&self.bundling_count) as usize,
        })
    }

    /// Whether a Set is saved (SET-051).
    pub fn saving(&self) -> Saving {
        self.auto_config_save.clone().map_or(Saving::Always, Saving::UnlessOff)
    }
}

/// Default of the granularity in milliseconds and of the count (BND-003, BND-004).
const BUNDLING_DEFAULT: u32 = 100;
fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}
