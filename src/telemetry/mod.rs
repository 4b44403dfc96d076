//! Subscriptions: what a client asked for ([`Plan`]), and the machine that answers it ([`Engine`]).
//!
//! Invariant: applying everything an engine wrote, in order, gives the subscribed slice of the newest commit it has
//! seen, for any interleaving of commits, ticks and pauses. The engine is a pure function of the last commit seen, the
//! newest commit and the time; it has no task, no queue and no clock of its own.

mod engine;
mod plan;
mod rules;
mod sink;
mod statistics;

pub use engine::{Engine, Moment, Progress, configuration};
pub use plan::{ListMode, PathMode, PathPlan, PathRequest, Plan, PlanError, PlanRequest};
pub use rules::{FirstSample, Initial, PlanRules};
pub use sink::Sink;
pub use statistics::Collections;

#[cfg(test)]
mod tests;
