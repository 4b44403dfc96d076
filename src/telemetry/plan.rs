//! What a subscription asks for, resolved, limited and judged.
//!
//! Invariant: a `Plan` is valid; after it is built nothing about the request is checked again. Bad requests fail whole,
//! before any data is sent (SUB-047).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::rules::{FirstSample, Initial, PlanRules};
use crate::path::{DataPath, KeyMatch, PathError, Pattern, RawPath, Resolver, Step};
use crate::schema::{NodeSet, Schema};

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
    /// The nodes of the configuration, when nothing else is asked for (EXT-030).
    pub configuration: Option<Arc<NodeSet>>,
    /// The paths.
    pub paths: Vec<PathRequest>,
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
    /// A mode that the release does not have (OCH-025).
    #[error("{path} - Subscription mode ON_CHANGE is not supported")]
    OnChange {
        /// The path.
        path: String,
    },
    /// A path that none of the models lies at which the subscription keeps to (SUB-045).
    #[error("{path} - Element is outside the models in use_models")]
    OutsideModels {
        /// The path.
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
    /// The nodes of the configuration, when nothing else is asked for; changes then come commit by commit.
    pub configuration: Option<Arc<NodeSet>>,
    /// When the sampled paths speak first.
    pub first_sample: FirstSample,
    /// Whether what went away is told at the next sample.
    pub sample_deletes: bool,
    /// Which leaves the initial values of an ON_CHANGE path hold.
    pub on_change_initial: Initial,
    /// The nodes it keeps to, none when all of them count.
    pub only: Option<NodeSet>,
    /// The paths, in the order asked.
    pub paths: Vec<PathPlan>,
}

/// One path of a plan.
#[derive(Clone, Debug)]
pub struct PathPlan {
    /// The path as it was asked for, for people.
    pub asked: String,
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
    /// Whether an earlier path of the list may select some of the same leaves, which then have to go into another
    /// notification (SUB-040).
    pub repeats: bool,
}

impl Plan {
    /// Judges a request.
    #[expect(clippy::indexing_slicing, reason = "one answer for each path")]
    pub fn new(request: &PlanRequest, resolver: &Resolver<'_>, rules: &PlanRules) -> Result<Self, PlanError> {
        if request.paths.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut paths: Vec<PathPlan> = Vec::with_capacity(request.paths.len());
        let mut known = HashSet::with_capacity(request.paths.len());
        for asked in &request.paths {
            let mut patterns = shown(resolver, resolver.read(&asked.path)?);
            if request.configuration.is_some() {
                patterns.retain(|pattern| pattern.node().is_none_or(|node| resolver.schema.node(node).config));
            }
            if !patterns.is_empty() && !known.insert(patterns.clone()) {
                let path = match &*patterns {
                    [only] => only.display(resolver.schema).to_string(),
                    _ => asked.path.to_string(),
                };
                return Err(PlanError::Duplicate { path });
            }
            let streams = request.mode == ListMode::Stream;
            let mode = match asked.mode {
                // All configuration is announced when it changes.
                PathMode::TargetDefined if request.configuration.is_some() => PathMode::OnChange,
                PathMode::TargetDefined if rules.target_defined_samples => PathMode::Sample,
                PathMode::OnChange if streams && !rules.on_change => {
                    return Err(PlanError::OnChange { path: asked.path.to_string() });
                }
                mode => mode,
            };
            let samples = streams && mode != PathMode::OnChange;
            paths.push(PathPlan {
                asked: asked.path.to_string(),
                patterns,
                mode,
                sample_interval: if samples { interval(asked, rules)? } else { rules.sample_interval_default },
                suppress_redundant: asked.suppress_redundant,
                repeats: false,
                heartbeat: (asked.heartbeat_interval > 0)
                    .then(|| Duration::from_nanos(asked.heartbeat_interval).max(rules.sample_interval_min)),
            });
        }
        for (path, repeats) in repeats(resolver.schema, &paths).into_iter().enumerate() {
            paths[path].repeats = repeats;
        }
        Ok(Self {
            mode: request.mode,
            updates_only: request.updates_only,
            depth: request.depth,
            configuration: request.configuration.clone(),
            first_sample: rules.first_sample,
            sample_deletes: rules.sample_deletes,
            on_change_initial: rules.on_change_initial,
            only: None,
            paths,
        })
    }

    /// The same plan, kept to these nodes (gnmi-spec 2.6, SUB-045). With a node the set holds every one above it.
    pub fn within(mut self, only: NodeSet, schema: &Schema) -> Result<Self, PlanError> {
        for path in &mut self.paths {
            let outside = path.patterns.first().map(|pattern| pattern.display(schema).to_string());
            path.patterns.retain(|pattern| pattern.node().is_none_or(|node| only.contains(node)));
            if path.patterns.is_empty() {
                return Err(PlanError::OutsideModels { path: outside.unwrap_or_default() });
            }
        }
        self.only = Some(only);
        Ok(self)
    }

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

/// The root selects only what can be addressed (CAP-007).
fn shown(resolver: &Resolver<'_>, patterns: Vec<Pattern>) -> Vec<Pattern> {
    let Resolver { schema, views, .. } = *resolver;
    let (root, others): (Vec<_>, Vec<_>) = patterns.into_iter().partition(|pattern| pattern.steps().is_empty());
    let roots = schema.roots().iter().filter(|_| !root.is_empty()).filter(|&&top| views.shows(schema, top));
    let expanded = roots.map(|&top| Pattern::exactly(&DataPath::root().child(top, None), schema));
    others.into_iter().chain(expanded).collect()
}

/// For each path, whether another one before it may select a leaf that it selects too: a node above it, below it, or the
/// same node with other keys.
fn repeats(schema: &Schema, paths: &[PathPlan]) -> Vec<bool> {
    let (mut targets, mut above) = (HashSet::new(), HashSet::new());
    let mut said = Vec::with_capacity(paths.len());
    for path in paths {
        let mut repeated = false;
        for pattern in &path.patterns {
            let line = pattern.node().map(|node| schema.lineage(node)).unwrap_or_default();
            repeated |= line.iter().any(|node| targets.contains(node));
            repeated |= pattern.node().is_some_and(|node| above.contains(&node));
            targets.extend(pattern.node());
            above.extend(line);
        }
        said.push(repeated);
    }
    said
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
