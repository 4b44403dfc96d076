//! The vote on a candidate: everything that YANG demands of a configuration as a whole.
//!
//! Invariant: between votes the validator knows the configuration that was accepted last, and a candidate that is refused
//! leaves no trace. What a commit cannot have touched is not looked at again: the cost of a vote follows the change. Types
//! are not judged here; values come in canonical.

mod cardinality;
mod conditions;
#[cfg(test)]
mod equivalence;
mod reference;
#[cfg(test)]
mod tests;
mod touched;
mod unique;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use self::cardinality::Cardinality;
use self::conditions::{Asked, ConditionRules, Conditions};
use self::reference::{ReferenceRules, References};
use self::touched::Change;
use self::unique::{Unique, UniqueRules};
use super::delta::Delta;
use super::settle::settle;
use super::tree::Tree;
use crate::path::{DataPath, Step};
use crate::schema::{Loaded, MirrorError, NodeId, Schema};
use crate::time::Timestamp;

/// How many violations are reported. Who breaks more than this does not read on.
const VIOLATIONS_MAX: usize = 20;

/// A rule that a candidate breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The place that breaks it, as text.
    pub path: String,
    /// The rule.
    pub reason: String,
}

impl Violation {
    fn new(schema: &Schema, place: &DataPath, reason: String) -> Self {
        Self { path: place.display(schema).to_string(), reason }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.path, self.reason)
    }
}

/// Everything that the modules demand, found once. Validators of the same modules share it.
#[derive(Debug)]
pub struct Rules {
    schema: Arc<Schema>,
    cardinality: Cardinality,
    unique: UniqueRules,
    references: ReferenceRules,
    conditions: ConditionRules,
}

impl Rules {
    /// The rules of loaded modules.
    pub fn new(loaded: &Loaded) -> Self {
        let schema = loaded.schema.clone();
        Self {
            cardinality: Cardinality::new(&schema),
            unique: UniqueRules::new(&schema),
            references: ReferenceRules::new(&schema),
            conditions: ConditionRules::new(loaded),
            schema,
        }
    }
}

/// Judges candidates, one after the other.
#[derive(Debug)]
pub struct Validator {
    rules: Arc<Rules>,
    unique: Unique,
    references: References,
    conditions: Conditions,
    /// The candidate voted for, until its fate is known: base and candidate.
    pending: Option<(Tree, Tree)>,
}

impl Validator {
    /// A validator that knows the empty configuration.
    pub fn new(loaded: &Loaded) -> Self {
        Self::with(Arc::new(Rules::new(loaded)))
    }

    /// The same, with rules that others may use too.
    pub fn with(rules: Arc<Rules>) -> Self {
        Self {
            unique: Unique::default(),
            references: References::default(),
            conditions: Conditions::default(),
            rules,
            pending: None,
        }
    }

    /// Judges a settled candidate that came from `base`, which has to hold the configuration accepted last. Defaults
    /// under a `when` come and go in it as the `when` says, and what was there before and is no longer to be vanishes
    /// (RFC 7950 8.2). Returns all that differs. The caller then tells [`accept`](Self::accept) or
    /// [`reject`](Self::reject); a vote without either counts as rejected.
    ///
    /// # Errors
    ///
    /// What the candidate breaks, at least one rule (SET-029). The validator is then as it was before.
    pub fn vote(&mut self, base: &Tree, candidate: &mut Tree, now: Timestamp) -> Result<Delta, Vec<Violation>> {
        self.reject();
        let mut violations = Vec::new();
        let delta = match self.judge(base, candidate, now, &mut violations) {
            Ok(delta) => delta,
            Err(error) => {
                let reason = format!("Constraints cannot be evaluated: {error}");
                violations.push(Violation::new(&self.rules.schema, &DataPath::root(), reason));
                Delta::default()
            }
        };
        if violations.is_empty() {
            self.pending = Some((base.clone(), candidate.clone()));
            return Ok(delta);
        }
        self.take_back(base, candidate);
        let mut told = BTreeSet::new();
        violations.retain(|violation| told.insert(violation.clone()));
        violations.truncate(VIOLATIONS_MAX);
        Err(violations)
    }

    /// The candidate voted for has been committed.
    pub fn accept(&mut self) {
        self.pending = None;
    }

    /// The candidate voted for has not been committed.
    pub fn reject(&mut self) {
        if let Some((base, candidate)) = self.pending.take() {
            self.take_back(&base, &candidate);
        }
    }

    /// What was accepted since `base`, up to `candidate`, has not been committed after all.
    pub(super) fn undo(&mut self, base: &Tree, candidate: &Tree) {
        self.reject();
        if !base.is_same(candidate) {
            self.take_back(base, candidate);
        }
    }

    fn judge(
        &mut self,
        base: &Tree,
        candidate: &mut Tree,
        now: Timestamp,
        violations: &mut Vec<Violation>,
    ) -> Result<Delta, MirrorError> {
        let rules = self.rules.clone();
        let schema = &*rules.schema;
        let asked = candidate.clone();
        let asked_about = self.conditions.on(&rules.conditions).settle(base, candidate, now, violations)?;
        if !violations.is_empty() {
            return Ok(Delta::default());
        }
        if !candidate.is_same(&asked) {
            settle(schema, base, candidate, now);
        }
        let delta = Delta::between(schema, base, candidate);
        let change = Change { schema, base, candidate, delta: &delta };
        self.unique.update(&rules.unique, change, violations);
        self.references.on(&rules.references).update(change, violations);
        self.count(change, &asked_about, violations)?;
        self.conditions.on(&rules.conditions).check(change, &asked_about, violations)?;
        Ok(delta)
    }

    fn count(&mut self, change: Change<'_>, asked: &Asked, violations: &mut Vec<Violation>) -> Result<(), MirrorError> {
        let mut failed = None;
        let rules = self.rules.clone();
        let mut conditions = self.conditions.on(&rules.conditions);
        let mut applies = |at: &[Step], child: NodeId, outside: usize| {
            conditions.applies(at, child, outside).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        };
        let also = asked.iter().map(|(branch, _)| branch.clone()).collect();
        rules.cardinality.check(change, &also, &mut applies, violations);
        failed.map_or(Ok(()), Err)
    }

    /// Brings everything known back from `candidate` to `base`.
    fn take_back(&mut self, base: &Tree, candidate: &Tree) {
        let rules = self.rules.clone();
        let schema = &*rules.schema;
        let delta = Delta::between(schema, candidate, base);
        let change = Change { schema, base: candidate, candidate: base, delta: &delta };
        // The base was judged before, so what this says of it is of no interest. Nor is an error of the mirror: the next
        // vote makes another one.
        let mut known = Vec::new();
        self.unique.update(&rules.unique, change, &mut known);
        self.references.on(&rules.references).update(change, &mut known);
        let _ = self.conditions.on(&rules.conditions).follow(change);
    }
}
