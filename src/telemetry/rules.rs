//! What a release lays down for subscriptions; the profile holds one such value.
//!
//! Invariant: a [`Plan`](super::Plan) is made by these rules, and what of them matters while it runs is in it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What the release profile lays down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanRules {
    /// Smallest sample interval (C-32).
    pub sample_interval_min: Duration,
    /// Meaning of sample interval zero (C-25).
    pub sample_interval_default: Duration,
    /// When the sampled paths of a list speak first (C-26).
    pub first_sample: FirstSample,
    /// Whether what went away is told once at the next sample (C-28).
    pub sample_deletes: bool,
    /// Whether a path may be ON_CHANGE (OCH-025).
    pub on_change: bool,
    /// Which leaves the initial values of an ON_CHANGE path hold (C-29).
    pub on_change_initial: Initial,
    /// Whether TARGET_DEFINED means SAMPLE for every leaf (C-31).
    pub target_defined_samples: bool,
}

/// When the sampled paths of a list speak first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSample {
    /// When the subscription begins; the sync follows.
    AtOnce,
    /// One interval later; the sync waits for the first sample of every path.
    AfterInterval,
}

impl fmt::Display for FirstSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "immediate",
            Self::AfterInterval => "after-interval",
        })
    }
}

impl FromStr for FirstSample {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "immediate" => Ok(Self::AtOnce),
            "after-interval" => Ok(Self::AfterInterval),
            _ => Err("must be immediate or after-interval"),
        }
    }
}

/// Leaves that are told at the beginning of an ON_CHANGE path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Those that announce their changes.
    Supported,
    /// All of them.
    All,
}

impl fmt::Display for Initial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Supported => "supported",
            Self::All => "all",
        })
    }
}

impl FromStr for Initial {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "supported" => Ok(Self::Supported),
            "all" => Ok(Self::All),
            _ => Err("must be supported or all"),
        }
    }
}

impl PlanRules {
    /// The rules of the newest release.
    pub const LATEST: Self = Self {
        sample_interval_min: Duration::from_secs(1),
        sample_interval_default: Duration::from_secs(10),
        first_sample: FirstSample::AtOnce,
        sample_deletes: true,
        on_change: true,
        on_change_initial: Initial::Supported,
        target_defined_samples: false,
    };
}

impl Default for PlanRules {
    fn default() -> Self {
        Self::LATEST
    }
}
