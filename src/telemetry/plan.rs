//! What a subscription asks for, resolved, limited and judged.
//!
//! Invariant: a `Plan` is valid; after it is built nothing about the request is checked again. Bad requests fail whole,
//! before any data is sent (SUB-047).

use std::time::Duration;

use crate::path::{KeyMatch, PathError, Pattern, RawPath, Resolver, Step};
use crate::schema::Schema;

/// Mode of the subscription list (gnmi-spec 3.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMode {
    /// Updates until the client ends it.
    Stream,
    /// All values once, then the end.
    Once,
    /// All values, and again for each Poll.
    Poll,
}

/// Mode of one path of a STREAM list, as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathMode {
    /// ON_CHANGE where the leaf can, SAMPLE elsewhere (TGT-001).
    TargetDefined,
    /// Values as they change.
    OnChange,
    /// Values at an interval.
    Sample,
}

/// One path as asked, prefix already joined.
#[derive(Clone, Debug)]
pub struct PathRequest {
    /// The path.
    pub path: RawPath,
    /// Its mode.
    pub mode: PathMode,
    /// Nanoseconds; zero means the default of 10 s (SMP-005).
    pub sample_interval: u64,
    /// Leave out sampled values that did not change.
    pub suppress_redundant: bool,
    /// Nanoseconds; zero means none.
    pub heartbeat_interval: u64,
}

/// A subscription list as asked.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Its mode.
    pub mode: ListMode,
    /// No initial values (SUB-024).
    pub updates_only: bool,
    /// Levels below each path, none for all of them (EXT-003).
    pub depth: Option<u32>,
    /// The paths.
    pub paths: Vec<PathRequest>,
}

/// What the release profile lays down.
#[derive(Clone, Copy, Debug)]
pub struct PlanRules {
    /// Smallest sample interval (C-32).
    pub sample_interval_min: Duration,
    /// Meaning of sample interval zero (C-25).
    pub sample_interval_default: Duration,
}

impl Default for PlanRules {
    fn default() -> Self {
        Self { sample_interval_min: Duration::from_secs(1), sample_interval_default: Duration::from_secs(10) }
    }
}

/// Why a subscription was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A list without paths (SUB-003).
    #[error("Subscription list has no subscription")]
    Empty,
    /// A path that means nothing here.
    #[error("{0}")]
    Path(#[from] PathError),
    /// The same path twice (SUB-005, SUB-006).
    #[error("{path} - Path is given twice in one subscription list")]
    Duplicate {
        /// The path that both mean.
        path: String,
    },
    /// Below the minimum (SMP-003).
    #[error("{path} - Sample interval {asked_ns} ns is below the minimum of {min_ns} ns ({} s)", min_ns / 1_000_000_000)]
    IntervalTooSmall {
        /// The path.
        path: String,
        /// Nanoseconds asked for.
        asked_ns: u64,
        /// Nanoseconds of the minimum.
        min_ns: u128,
    },
}

/// A subscription, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Mode of the list.
    pub mode: ListMode,
    /// No initial values.
    pub updates_only: bool,
    /// Levels below each path.
    pub depth: Option<u32>,
    /// The paths, in the order asked.
    pub paths: Vec<PathPlan>,
}

/// One path of a plan.
#[derive(Clone, Debug)]
pub struct PathPlan {
    /// What it selects: more than one pattern where name wildcards were expanded.
    pub patterns: Vec<Pattern>,
    /// Its mode.
    pub mode: PathMode,
    /// Time between samples.
    pub sample_interval: Duration,
    /// Leave out samples that did not change.
    pub suppress_redundant: bool,
    /// Time after which even unchanged values go out again.
    pub heartbeat: Option<Duration>,
}

impl Plan {
    /// Judges a request.
    pub fn new(request: &PlanRequest, resolver: &Resolver<'_>, rules: &PlanRules) -> Result<Self, PlanError> {
        if request.paths.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut paths: Vec<PathPlan> = Vec::with_capacity(request.paths.len());
        for asked in &request.paths {
            let patterns = resolver.read(&asked.path)?;
            if paths.iter().any(|earlier| earlier.patterns == patterns) {
                let path = match &*patterns {
                    [only] => only.display(resolver.schema).to_string(),
                    _ => asked.path.to_string(),
                };
                return Err(PlanError::Duplicate { path });
            }
            let samples = request.mode == ListMode::Stream && asked.mode != PathMode::OnChange;
            paths.push(PathPlan {
                patterns,
                mode: asked.mode,
                sample_interval: if samples { interval(asked, rules)? } else { rules.sample_interval_default },
                suppress_redundant: asked.suppress_redundant,
                heartbeat: (asked.heartbeat_interval > 0)
                    .then(|| Duration::from_nanos(asked.heartbeat_interval).max(rules.sample_interval_min)),
            });
        }
        Ok(Self { mode: request.mode, updates_only: request.updates_only, depth: request.depth, paths })
    }
}

impl Plan {
    /// Steps to the deepest branch that everything selected lies in, as far as no key is open: the prefix that one
    /// notification for all can have (C-21).
    pub fn common_branch(&self, schema: &Schema) -> Vec<Step> {
        let mut common: Option<Vec<Step>> = None;
        for pattern in self.paths.iter().flat_map(|path| &path.patterns) {
            let fixed: Vec<Step> = pattern
                .steps()
                .iter()
                .map_while(|step| match &step.keys {
                    KeyMatch::NotList if schema.node(step.node).is_terminal() => None,
                    KeyMatch::NotList => Some(Step { node: step.node, key: None }),
                    KeyMatch::Exact(key) => Some(Step { node: step.node, key: Some(key.clone()) }),
                    KeyMatch::All | KeyMatch::Partial(_) => None,
                })
                .collect();
            common = Some(match common {
                None => fixed,
                Some(common) => common.into_iter().zip(fixed).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
            });
        }
        common.unwrap_or_default()
    }
}

fn interval(asked: &PathRequest, rules: &PlanRules) -> Result<Duration, PlanError> {
    let interval = Duration::from_nanos(asked.sample_interval);
    if interval.is_zero() {
        Ok(rules.sample_interval_default)
    } else if interval < rules.sample_interval_min {
        Err(PlanError::IntervalTooSmall {
            path: asked.path.to_string(),
            asked_ns: asked.sample_interval,
            min_ns: rules.sample_interval_min.as_nanos(),
        })
    } else {
        Ok(interval)
    }
}
