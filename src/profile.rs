//! What the imitated release of the router does: the release profile.
//!
//! Invariant: everything in which one release differs from another is a fact of the table below, which the parts read
//! where it matters. No other place asks which release it is. The operator's table `[gnmi]` changes single facts.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::codec::{Encoding, PathForm};
use crate::schema::Naming;
use crate::telemetry::{FirstSample, ListMode, PlanRules};

/// The facts of one release (conformance list, section 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What the operator's file calls it.
    pub name: &'static str,
    /// The release claimed unless the file says another one (C-06).
    pub release: &'static str,
    /// Whether Capabilities, Get and Set are served, or Subscribe alone (C-07, CAP-013).
    pub unary_rpcs: bool,
    /// Whether there are services besides gNMI: reflection and health (C-07).
    pub tells_services: bool,
    /// The version of gNMI that is advertised; none when the knob `proto-version` decides (C-05).
    pub gnmi_version: Option<Cow<'static, str>>,
    /// Encodings offered, in the order of their numbers (C-33).
    pub encodings: &'static [Encoding],
    /// Modes of a subscription list (SUB-020, C-22).
    pub list_modes: &'static [ListMode],
    /// Modes and intervals of the paths of a list.
    pub rules: PlanRules,
    /// Whether `*` and `...` may stand for names (C-11).
    pub name_wildcards: bool,
    /// The form of paths in answers; none when it is that of the request (C-08, PATH-043).
    pub path_form: Option<PathForm>,
    /// Which names elements go by that have two (C-13).
    pub naming: Naming,
    /// Whether fields that came to gnmi.proto after 0.4.0 exist: extensions, target, `updates_only`, `duplicates` and a
    /// few more (CAP-016, EXT-038).
    pub newer_fields: bool,
    /// Whether notifications can be bundled, which the configuration then decides (C-38).
    pub bundling: bool,
    /// What a Get says of a place without data.
    pub get_missing: GetMissing,
    /// Whether the server is on port 57400 and nowhere else (C-01, TLS-007).
    pub port_fixed: bool,
    /// Whether `allow-unsecure-connection` has an effect (C-02, TLS-015).
    pub plaintext: bool,
    /// Whether a subscription keeps to the models it names in `use_models` (C-15).
    pub honor_use_models: bool,
}

/// What a Get says of a place without data (C-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetMissing {
    /// `NOT_FOUND`.
    NotFound,
    /// A notification without updates.
    Empty,
}

impl Profile {
    /// The newest release.
    pub const LATEST: Self = Self {
        name: "latest",
        release: "26.3.R1",
        unary_rpcs: true,
        tells_services: true,
        gnmi_version: None,
        encodings: &Encoding::OFFERED,
        list_modes: &[ListMode::Stream, ListMode::Once, ListMode::Poll],
        rules: PlanRules::LATEST,
        name_wildcards: true,
        path_form: None,
        naming: Naming::Present,
        newer_fields: true,
        bundling: true,
        get_missing: GetMissing::NotFound,
        port_fixed: false,
        plaintext: true,
        honor_use_models: false,
    };

    /// Release 16.0: gNMI 0.4.0.
    pub const R16: Self = Self {
        name: "16.0",
        release: "16.0.r1",
        tells_services: false,
        gnmi_version: Some(Cow::Borrowed("0.4.0")),
        encodings: &[Encoding::Json],
        list_modes: &[ListMode::Stream, ListMode::Once],
        rules: PlanRules {
            sample_interval_min: Duration::from_secs(10),
            first_sample: FirstSample::AfterInterval,
            sample_deletes: false,
            ..PlanRules::LATEST
        },
        name_wildcards: false,
        naming: Naming::Former,
        newer_fields: false,
        bundling: false,
        port_fixed: true,
        ..Self::LATEST
    };

    /// Release 15.0: telemetry by SAMPLE.
    pub const R15: Self = Self {
        name: "15.0",
        release: "15.0.r1",
        unary_rpcs: false,
        list_modes: &[ListMode::Stream],
        rules: PlanRules { on_change: false, target_defined_samples: true, ..Self::R16.rules },
        path_form: Some(PathForm::Element),
        plaintext: false,
        ..Self::R16
    };

    const ALL: [Self; 3] = [Self::R15, Self::R16, Self::LATEST];
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Profile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|profile| profile.name == text);
        found.ok_or("the release profiles are 15.0, 16.0 and latest")
    }
}

impl fmt::Display for GetMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not-found",
            Self::Empty => "empty",
        })
    }
}

impl FromStr for GetMissing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "not-found" => Ok(Self::NotFound),
            "empty" => Ok(Self::Empty),
            _ => Err("must be not-found or empty"),
        }
    }
}
