//! How many there have to be and may be: mandatory leaves and choices, min-elements, max-elements.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Violation;
use super::touched::{Change, is_implied};
use crate::path::{DataPath, Step};
use crate::schema::{CaseRef, Choice, Kind, NodeId, Schema};
use crate::store::settle::is_configured;
use crate::store::tree::{Branch, Child};
use crate::value::Value;

/// What is demanded of the children of a node, found once for a schema.
#[derive(Debug)]
pub(super) struct Cardinality {
    /// By parent: children that have to be there or are counted, and containers that lead to such.
    children: HashMap<Option<NodeId>, Vec<NodeId>>,
    /// By parent: numbers of choices that have to be made.
    choices: HashMap<Option<NodeId>, Vec<usize>>,
    /// Leaves that have to be there, once their case is taken if they lie in one.
    mandatory: HashSet<NodeId>,
}

/// Tells whether every `when` about a child that is not there holds at a place: of those that stand so many choices and
/// cases further out, or more.
pub(super) type Applies<'a> = &'a mut dyn FnMut(&[Step], NodeId, usize) -> bool;

impl Cardinality {
    pub(super) fn new(schema: &Schema) -> Self {
        let in_cases = schema.choices().iter().flat_map(|choice| &choice.cases).flat_map(|case| case.mandatory.iter());
        let outside = schema.ids().filter(|&id| schema.node(id).mandatory);
        let is_key = |id: &NodeId| matches!(&schema.node(*id).kind, Kind::Leaf(leaf) if leaf.is_key);
        let is_config = |id: &NodeId| schema.node(*id).config;
        let mandatory: HashSet<NodeId> =
            in_cases.copied().chain(outside).filter(|id| is_config(id) && !is_key(id)).collect();
        let mut found = Self { children: HashMap::new(), choices: HashMap::new(), mandatory };
        for (number, choice) in schema.choices().iter().enumerate() {
            let holds_config = choice.parent.is_none_or(|parent| schema.node(parent).config);
            if choice.mandatory && holds_config {
                found.choices.entry(choice.parent).or_default().push(number);
            }
        }
        // Children come after their parents, so going backwards a container is met after all that it leads to.
        for id in schema.ids().collect::<Vec<_>>().into_iter().rev() {
            let node = schema.node(id);
            let counted = match &node.kind {
                Kind::List(list) => list.min_elements > 0 || list.max_elements.is_some(),
                Kind::LeafList(list) => list.min_elements > 0 || list.max_elements.is_some(),
                Kind::Container { presence: false } => found.demands(Some(id)),
                _ => found.mandatory.contains(&id),
            };
            if counted && node.config {
                found.children.entry(node.parent).or_default().insert(0, id);
            }
        }
        found
    }

    /// Whether anything is demanded below a node without going through a list or presence container.
    fn demands(&self, of: Option<NodeId>) -> bool {
        self.children.contains_key(&of) || self.choices.contains_key(&of)
    }

    /// Judges every branch that was touched, and those in `also`.
    pub(super) fn check(
        &self,
        change: Change<'_>,
        also: &BTreeSet<DataPath>,
        applies: Applies<'_>,
        violations: &mut Vec<Violation>,
    ) {
        let mut branches = change.branches();
        for path in also.iter().filter(|path| change.counts(path.steps())) {
            branches.entry(path.clone()).or_default();
        }
        for (path, whole) in branches {
            if self.demands(path.node()) && stands(change, &path, applies) {
                let mut judge = Judge { rules: self, change, applies, at: path.steps().to_vec(), violations };
                judge.branch(path.node(), change.candidate.branch(path.steps()).map(|branch| &**branch), whole);
            }
        }
    }
}

/// Whether a place is there or would be as soon as anything is set in it: no `when` and no other case rules it out.
#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
fn stands(change: Change<'_>, place: &DataPath, applies: Applies<'_>) -> bool {
    let steps = place.steps();
    (1..=steps.len()).all(|length| {
        let (above, here) = (&steps[..length - 1], &steps[..length]);
        let Some(step) = here.last() else { return true };
        if change.candidate.branch(here).is_some() {
            return true;
        }
        if !is_implied(change.schema, step.node) {
            return false;
        }
        let around = change.candidate.branch(above).map(|branch| &**branch);
        let innermost = change.schema.node(step.node).cases.last();
        innermost
            .is_none_or(|wanted| around.is_some_and(|branch| has(change.schema, Some(branch), |case| case == wanted)))
            && (!change.schema.node(step.node).has_when || applies(above, step.node, 0))
    })
}

struct Judge<'a> {
    rules: &'a Cardinality,
    change: Change<'a>,
    applies: Applies<'a>,
    at: Vec<Step>,
    violations: &'a mut Vec<Violation>,
}

impl Judge<'_> {
    fn branch(&mut self, of: Option<NodeId>, branch: Option<&Branch>, whole: bool) {
        let (rules, schema) = (self.rules, self.change.schema);
        for &number in rules.choices.get(&of).into_iter().flatten() {
            if let Some(choice) = schema.choices().get(number) {
                self.choice(number, choice, branch);
            }
        }
        for &id in rules.children.get(&of).into_iter().flatten() {
            let child = branch.and_then(|branch| branch.child(id));
            match (&schema.node(id).kind, child) {
                (Kind::Container { .. }, Some(Child::Container(_, inner))) if whole => self.inside(id, Some(inner)),
                (Kind::Container { .. }, None) if self.is_wanted(id, branch) => self.inside(id, None),
                (Kind::Container { .. }, _) => {}
                (Kind::List(list), child) => {
                    self.count(id, self.entries(id, child), (list.min_elements, list.max_elements), branch);
                }
                (Kind::LeafList(list), child) => {
                    self.count(id, members(child), (list.min_elements, list.max_elements), branch);
                }
                (_, None) if rules.mandatory.contains(&id) && self.is_wanted(id, branch) => {
                    self.report(Some(id), "Mandatory element is missing".to_owned());
                }
                _ => {}
            }
        }
    }

    fn inside(&mut self, node: NodeId, branch: Option<&Branch>) {
        self.at.push(Step { node, key: None });
        self.branch(Some(node), branch, true);
        self.at.pop();
    }

    fn choice(&mut self, number: usize, choice: &Choice, branch: Option<&Branch>) {
        let schema = self.change.schema;
        let in_choice = |case: &CaseRef| usize::try_from(case.choice) == Ok(number);
        let made = has(schema, branch, in_choice);
        let within = choice.within.is_none_or(|outer| has(schema, branch, |case| *case == outer));
        if made || !within {
            return;
        }
        // A `when` about the choice as a whole may take it away; one about a case does not.
        let mut members = schema.children(choice.parent).iter().copied();
        let applies = members.find_map(|id| {
            let cases = &schema.node(id).cases;
            let position = cases.iter().position(in_choice)?;
            Some(!schema.node(id).has_when || (self.applies)(&self.at, id, 2 * (cases.len() - position)))
        });
        if applies == Some(true) {
            self.report(None, format!("One case of the mandatory choice '{}' is missing", choice.name));
        }
    }

    fn entries(&self, id: NodeId, child: Option<&Child>) -> usize {
        match child {
            Some(Child::List(_, list)) if self.change.schema.is_mixed(id) => list
                .iter()
                .filter(|(key, entry)| {
                    let mut place = self.at.clone();
                    place.push(Step { node: id, key: Some((*key).clone()) });
                    is_configured(self.change.schema, entry.branch()) || self.change.base.branch(&place).is_none()
                })
                .count(),
            Some(Child::List(_, list)) => list.len(),
            _ => 0,
        }
    }

    fn count(&mut self, id: NodeId, count: usize, (min, max): (u32, Option<u32>), branch: Option<&Branch>) {
        let (min, max) = (min as usize, max.map(|max| max as usize));
        if let Some(max) = max.filter(|&max| count > max) {
            self.report(Some(id), format!("{count} elements are too many, at most {max} are allowed"));
        } else if count < min && self.is_wanted(id, branch) {
            self.report(Some(id), format!("{count} elements are too few, at least {min} are needed"));
        }
    }

    /// Whether a child that is not there has to be considered: its case is taken and its `when` holds.
    fn is_wanted(&mut self, id: NodeId, branch: Option<&Branch>) -> bool {
        let schema = self.change.schema;
        let innermost = schema.node(id).cases.last();
        innermost.is_none_or(|wanted| has(schema, branch, |case| case == wanted)) && self.applies(id)
    }

    fn applies(&mut self, id: NodeId) -> bool {
        !self.change.schema.node(id).has_when || (self.applies)(&self.at, id, 0)
    }

    fn report(&mut self, child: Option<NodeId>, reason: String) {
        let place = DataPath::new(self.at.as_slice());
        let place = child.map_or(place.clone(), |child| place.child(child, None));
        self.violations.push(Violation::new(self.change.schema, &place, reason));
    }
}

/// Whether a branch holds anything of a case.
fn has(schema: &Schema, branch: Option<&Branch>, wanted: impl Fn(&CaseRef) -> bool) -> bool {
    branch
        .is_some_and(|branch| branch.children().iter().any(|child| schema.node(child.node()).cases.iter().any(&wanted)))
}

fn members(child: Option<&Child>) -> usize {
    match child {
        Some(Child::Leaf(_, leaf)) => match &leaf.value {
            Value::List(members) => members.len(),
            _ => 1,
        },
        _ => 0,
    }
}
