//! `must` and `when`.
//!
//! Invariant: between votes the mirror holds what constraints look at, as it stands in the configuration accepted last. It
//! holds nothing else, so leaves that no constraint speaks of cost nothing here. After an error of the mirror it is
//! thrown away and made again from the base of the next vote.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Violation;
use super::touched::{Change, is_implied, places};
use crate::path::{DataPath, Step};
use crate::schema::{ConstraintId, ConstraintKind, Constraints, Loaded, Mirror, MirrorError, NodeId, NodeSet, Schema};
use crate::store::delta::{Delta, DeltaItem};
use crate::store::edit::remove_place;
use crate::store::settle::{add_conditional, is_case_active};
use crate::store::tree::{Child, Tree};
use crate::time::Timestamp;

/// How often conditions may change what other conditions look at. Modules that need more go in circles, which RFC 7950
/// forbids (7.21.5).
const ROUNDS_MAX: usize = 32;

/// All constraints of a schema.
#[derive(Debug)]
pub(super) struct ConditionRules {
    loaded: Loaded,
    constraints: Constraints,
    /// What constraints look at, and everything above it.
    mirrored: NodeSet,
    /// By parent: children whose existence a `when` decides.
    guarded: HashMap<Option<NodeId>, Vec<NodeId>>,
    /// Guarded nodes and everything above them.
    to_guarded: NodeSet,
    /// By node: constraints that look at it.
    readers: BTreeMap<NodeId, Vec<ConstraintId>>,
    /// By list, presence container or root: musts of containers that are there as soon as it is.
    implied: HashMap<Option<NodeId>, Vec<ConstraintId>>,
    /// By parent: implied children that come and go with a `when` or a case, and musts of theirs and of implied containers
    /// in them.
    conditional: HashMap<Option<NodeId>, Vec<(NodeId, ConstraintId)>>,
}

/// The data to evaluate constraints on.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    mirror: Option<Mirror>,
}

impl Conditions {
    /// The data with the rules to judge it by.
    pub(super) fn on<'a>(&'a mut self, rules: &'a ConditionRules) -> Judging<'a> {
        Judging { rules, mirror: &mut self.mirror }
    }
}

/// Data and rules.
pub(super) struct Judging<'a> {
    rules: &'a ConditionRules,
    mirror: &'a mut Option<Mirror>,
}

/// Children that a `when` was asked about, by the branch they would be in.
pub(super) type Asked = BTreeSet<(DataPath, NodeId)>;

/// Places to evaluate a constraint in: every instance at or below one of these.
type Due = BTreeMap<ConstraintId, BTreeSet<DataPath>>;

impl ConditionRules {
    pub(super) fn new(loaded: &Loaded) -> Self {
        let (schema, constraints) = (&*loaded.schema, Constraints::collect(loaded));
        let mut found = Self {
            loaded: loaded.clone(),
            mirrored: NodeSet::default(),
            guarded: HashMap::new(),
            to_guarded: NodeSet::default(),
            readers: BTreeMap::new(),
            implied: HashMap::new(),
            conditional: HashMap::new(),
            constraints: Constraints::default(),
        };
        let mut looked_at = BTreeSet::new();
        for id in schema.ids() {
            for &constraint in constraints.of(id) {
                let known = constraints.get(constraint);
                looked_at.extend(known.reads.iter().copied().chain([id]).chain(known.context));
                for &read in &known.reads {
                    found.readers.entry(read).or_default().push(constraint);
                }
                if known.kind == ConstraintKind::Must && is_implied(schema, id) {
                    found.imply(schema, id, constraint);
                }
            }
            let is_when = |&one: &ConstraintId| constraints.get(one).kind == ConstraintKind::When;
            if constraints.of(id).iter().any(is_when) {
                found.guarded.entry(schema.node(id).parent).or_default().push(id);
            }
        }
        found.mirrored = NodeSet::of(schema, |id| looked_at.contains(&id)).with_ancestors(schema);
        let guarded: BTreeSet<NodeId> = found.guarded.values().flatten().copied().collect();
        found.to_guarded = NodeSet::of(schema, |id| guarded.contains(&id)).with_ancestors(schema);
        found.constraints = constraints;
        found
    }

    /// Files the must of an implied container under all that makes the container be there.
    fn imply(&mut self, schema: &Schema, container: NodeId, must: ConstraintId) {
        let mut at = container;
        loop {
            let node = schema.node(at);
            if node.has_when || !node.cases.is_empty() {
                self.conditional.entry(node.parent).or_default().push((at, must));
            }
            match node.parent.filter(|&parent| is_implied(schema, parent)) {
                Some(parent) => at = parent,
                None => return self.implied.entry(node.parent).or_default().push(must),
            }
        }
    }
}

impl Judging<'_> {
    /// Makes the candidate agree with every `when`: defaults come and go, and what may no longer be there vanishes.
    /// What this very change sets where it may not be is reported.
    pub(super) fn settle(
        &mut self,
        base: &Tree,
        candidate: &mut Tree,
        now: Timestamp,
        violations: &mut Vec<Violation>,
    ) -> Result<Asked, MirrorError> {
        let schema = &*self.rules.loaded.schema;
        self.prepare(base)?;
        let request = Delta::between(schema, base, candidate);
        let mut mirrored = base.clone();
        let mut asked = Asked::new();
        for _ in 0..ROUNDS_MAX {
            let delta = Delta::between(schema, &mirrored, candidate);
            if delta.is_empty() {
                return Ok(asked);
            }
            let change = Change { schema, base: &mirrored, candidate, delta: &delta };
            self.follow(change)?;
            let due = self.whens_due(change);
            mirrored = candidate.clone();
            for (parent, child) in &due {
                self.decide(schema, &request, parent, *child, candidate, now, violations)?;
            }
            asked.extend(due);
            if !violations.is_empty() {
                break;
            }
        }
        if violations.is_empty() {
            violations.push(Violation::new(schema, &DataPath::root(), "'when' statements go in circles".to_owned()));
        }
        let delta = Delta::between(schema, &mirrored, candidate);
        self.follow(Change { schema, base: &mirrored, candidate, delta: &delta })?;
        Ok(asked)
    }

    /// Makes sure that there is a mirror and that it holds `base`.
    fn prepare(&mut self, base: &Tree) -> Result<(), MirrorError> {
        if self.mirror.is_some() {
            return Ok(());
        }
        *self.mirror = Some(Mirror::new(&self.rules.loaded, &self.rules.constraints)?);
        let schema = &*self.rules.loaded.schema;
        let empty = Tree::default();
        let delta = Delta::between(schema, &empty, base);
        self.follow(Change { schema, base: &empty, candidate: base, delta: &delta })
    }

    /// Brings the mirror from `base` to `candidate`.
    pub(super) fn follow(&mut self, change: Change<'_>) -> Result<(), MirrorError> {
        let Some(mut mirror) = self.mirror.take() else { return Ok(()) };
        // On an error the mirror stays away.
        self.tell(&mut mirror, change)?;
        *self.mirror = Some(mirror);
        Ok(())
    }

    fn tell(&self, mirror: &mut Mirror, change: Change<'_>) -> Result<(), MirrorError> {
        for item in change.delta.items() {
            let (DeltaItem::Leaves { at: path, .. }
            | DeltaItem::Created(path)
            | DeltaItem::Removed(path)
            | DeltaItem::Reordered(path, _)) = item;
            if !path.node().is_none_or(|node| self.rules.mirrored.contains(node)) {
                continue;
            }
            if let Some(entry) = change.first_for_state_only(path.steps()) {
                mirror.remove(&DataPath::new(entry))?;
                continue;
            }
            match item {
                DeltaItem::Leaves { at, leaves } => {
                    if at.steps().last().is_some_and(|step| step.key.is_some()) {
                        mirror.set(at, None)?;
                    }
                    for change in leaves.iter().filter(|change| self.rules.mirrored.contains(change.node)) {
                        mirror.set(&at.child(change.node, None), Some(&change.new.value))?;
                    }
                }
                DeltaItem::Created(path) => mirror.set(path, None)?,
                DeltaItem::Removed(path) => mirror.remove(path)?,
                DeltaItem::Reordered(..) => {}
            }
        }
        for item in change.delta.items() {
            if let DeltaItem::Reordered(path, keys) = item
                && path.node().is_some_and(|node| self.rules.mirrored.contains(node))
            {
                mirror.reorder(path, keys)?;
            }
        }
        for (path, _) in change.branches().iter().filter(|(_, whole)| **whole) {
            if path.node().is_some_and(|node| self.rules.mirrored.contains(node)) {
                mirror.set(path, None)?;
            }
        }
        Ok(())
    }

    /// The children to decide about, by the branch they would be in.
    fn whens_due(&self, change: Change<'_>) -> Asked {
        let mut due = Asked::new();
        for path in change.branches().into_keys() {
            self.guarded_below(change, &path, &mut due);
        }
        for (id, prefixes) in self.readers_of(change) {
            let constraint = self.rules.constraints.get(id);
            if constraint.kind == ConstraintKind::When {
                let parent = change.schema.node(constraint.node).parent;
                for prefix in &prefixes {
                    places(change.schema, change.candidate, prefix.steps(), parent, &mut |at, _| {
                        due.insert((DataPath::new(at), constraint.node));
                    });
                }
            }
        }
        due
    }

    /// Guarded children of a branch, and those of containers that are there because it is.
    fn guarded_below(&self, change: Change<'_>, path: &DataPath, due: &mut Asked) {
        for &child in self.rules.guarded.get(&path.node()).into_iter().flatten() {
            due.insert((path.clone(), child));
        }
        for &child in change.schema.children(path.node()) {
            if is_implied(change.schema, child) && self.rules.to_guarded.contains(child) {
                self.guarded_below(change, &path.child(child, None), due);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `settle`, which owns all of these")]
    fn decide(
        &mut self,
        schema: &Schema,
        request: &Delta,
        parent: &DataPath,
        child: NodeId,
        candidate: &mut Tree,
        now: Timestamp,
        violations: &mut Vec<Violation>,
    ) -> Result<(), MirrorError> {
        let branch = candidate.branch(parent.steps()).map(|branch| &**branch);
        let found = branch.and_then(|branch| branch.child(child));
        let first = match found {
            Some(Child::List(_, list)) => list.iter().next().map(|(key, _)| key.clone()),
            _ => None,
        };
        let (exists, active) = (found.is_some(), is_case_active(schema, child, branch));
        let whole = parent.child(child, None);
        let broken = self.broken_when(&parent.child(child, first), child)?;
        match broken {
            None if !exists && active && self.stands(schema, candidate, parent)? => {
                add_conditional(schema, candidate, parent, child, now);
            }
            Some(broken) if exists => {
                if sets(request, &whole) {
                    let expression = &self.rules.constraints.get(broken).expression;
                    let reason = format!("Not allowed here, it needs {}", folded(expression));
                    violations.push(Violation::new(schema, &whole, reason));
                } else {
                    remove_place(candidate, schema, &whole, now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The first `when` of a node that does not hold at a place, whether the node is there or not.
    fn broken_when(&mut self, at: &DataPath, node: NodeId) -> Result<Option<ConstraintId>, MirrorError> {
        self.broken_when_from(at, node, 0)
    }

    /// The same among those that stand so many choices and cases further out, or more.
    fn broken_when_from(
        &mut self,
        at: &DataPath,
        node: NodeId,
        outside: usize,
    ) -> Result<Option<ConstraintId>, MirrorError> {
        let Some(mirror) = self.mirror.as_mut() else { return Ok(None) };
        for &id in self.rules.constraints.of(node) {
            let constraint = self.rules.constraints.get(id);
            let counts = constraint.kind == ConstraintKind::When && constraint.outside >= outside;
            if counts && !mirror.eval(constraint, at)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Whether a child that is not there could be, as far as those of its `when` statements go that stand so many choices
    /// and cases further out, or more.
    pub(super) fn applies(&mut self, at: &[Step], child: NodeId, outside: usize) -> Result<bool, MirrorError> {
        let broken = self.broken_when_from(&DataPath::new(at).child(child, None), child, outside);
        broken.map(|broken| broken.is_none())
    }

    /// Evaluates every `must` that a change may have broken. `asked` is what settling it has asked about.
    pub(super) fn check(
        &mut self,
        change: Change<'_>,
        asked: &Asked,
        violations: &mut Vec<Violation>,
    ) -> Result<(), MirrorError> {
        for (id, prefixes) in self.musts_due(change, asked) {
            let node = self.rules.constraints.get(id).node;
            for place in self.instances(change, node, &prefixes) {
                self.check_one(change, id, &place, violations)?;
            }
        }
        Ok(())
    }

    fn check_one(
        &mut self,
        change: Change<'_>,
        id: ConstraintId,
        place: &DataPath,
        violations: &mut Vec<Violation>,
    ) -> Result<(), MirrorError> {
        if !self.stands(change.schema, change.candidate, place)? {
            return Ok(());
        }
        let Some(mirror) = self.mirror.as_mut() else { return Ok(()) };
        let constraint = self.rules.constraints.get(id);
        if !mirror.eval(constraint, place)? {
            let reason = match &constraint.message {
                Some(message) => folded(message),
                None => format!("Must be: {}", folded(&constraint.expression)),
            };
            violations.push(Violation::new(change.schema, place, reason));
        }
        Ok(())
    }

    fn musts_due(&self, change: Change<'_>, asked: &Asked) -> Due {
        let mut due = Due::new();
        let mut add = |ids: &[ConstraintId], prefix: &DataPath| {
            for &id in ids.iter().filter(|&&id| self.rules.constraints.get(id).kind == ConstraintKind::Must) {
                due.entry(id).or_default().insert(prefix.clone());
            }
        };
        for item in change.delta.items() {
            if let DeltaItem::Leaves { at, leaves } = item {
                for leaf in leaves {
                    add(self.rules.constraints.of(leaf.node), &at.child(leaf.node, None));
                }
            }
        }
        for (path, child) in asked {
            let conditional = self.rules.conditional.get(&path.node()).into_iter().flatten();
            for (container, must) in conditional.filter(|(container, _)| container == child) {
                add(&[*must], &path.child(*container, None));
            }
        }
        for (path, whole) in change.branches() {
            for (container, must) in self.rules.conditional.get(&path.node()).into_iter().flatten() {
                add(&[*must], &path.child(*container, None));
            }
            if whole {
                path.node().into_iter().for_each(|node| add(self.rules.constraints.of(node), &path));
                add(self.rules.implied.get(&path.node()).map_or(&[], Vec::as_slice), &path);
            }
        }
        for (id, prefixes) in self.readers_of(change) {
            prefixes.iter().for_each(|prefix| add(&[id], prefix));
        }
        due
    }

    /// Constraints that look at something that changed, and where.
    fn readers_of(&self, change: Change<'_>) -> Due {
        let mut due = Due::new();
        let mut add = |node: NodeId, place: &[Step]| {
            for &id in self.rules.readers.get(&node).into_iter().flatten() {
                let reach = self.rules.constraints.get(id).reach.map_or(0, |reach| change.schema.lineage(reach).len());
                let shared = place.get(..reach).unwrap_or(place);
                due.entry(id).or_default().insert(DataPath::new(shared));
            }
        };
        for item in change.delta.items() {
            match item {
                DeltaItem::Leaves { at, leaves } => leaves.iter().for_each(|leaf| add(leaf.node, at.steps())),
                DeltaItem::Removed(path) => {
                    let Some(node) = path.node() else { continue };
                    let last = last_below(change.schema, node);
                    self.rules.readers.range(node..=last).for_each(|(&node, _)| add(node, path.steps()));
                }
                // An expression takes the first of several.
                DeltaItem::Reordered(path, _) => path.node().into_iter().for_each(|node| add(node, path.steps())),
                DeltaItem::Created(_) => {}
            }
        }
        // A branch that is there now or not any more: its node, and the containers that come and go with it.
        for path in change.branches().into_iter().filter_map(|(path, whole)| whole.then_some(path)) {
            path.node().into_iter().for_each(|node| add(node, path.steps()));
        }
        due
    }

    /// Every instance of a node at or below one of the prefixes.
    fn instances(&self, change: Change<'_>, node: NodeId, prefixes: &BTreeSet<DataPath>) -> BTreeSet<DataPath> {
        let (schema, tree) = (change.schema, change.candidate);
        let mut found = BTreeSet::new();
        let mut within: Option<&DataPath> = None;
        for prefix in prefixes {
            if within.is_some_and(|within| within.contains(prefix)) {
                continue;
            }
            within = Some(prefix);
            if schema.node(node).is_terminal() {
                places(schema, tree, prefix.steps(), schema.node(node).parent, &mut |at, branch| {
                    if branch.is_some_and(|branch| branch.leaf(node).is_some()) {
                        found.insert(DataPath::new(at).child(node, None));
                    }
                });
            } else {
                places(schema, tree, prefix.steps(), Some(node), &mut |at, _| {
                    found.insert(DataPath::new(at));
                });
            }
        }
        found
    }

    /// Whether a place is there, or is a container without a branch in the tree that nothing rules out.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    fn stands(&mut self, schema: &Schema, tree: &Tree, place: &DataPath) -> Result<bool, MirrorError> {
        let steps = place.steps();
        for length in 1..=steps.len() {
            let (above, here) = (&steps[..length - 1], &steps[..length]);
            let Some(step) = here.last() else { continue };
            if schema.node(step.node).is_terminal() || tree.branch(here).is_some() {
                continue;
            }
            if !is_implied(schema, step.node) {
                return Ok(false);
            }
            let around = tree.branch(above).map(|branch| &**branch);
            let ruled_out = !is_case_active(schema, step.node, around)
                || self.broken_when(&DataPath::new(here), step.node)?.is_some();
            if ruled_out {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The last node of the schema at or below one: ids are in pre-order.
fn last_below(schema: &Schema, node: NodeId) -> NodeId {
    let mut last = node;
    while let Some(&child) = schema.node(last).children.iter().max() {
        last = child;
    }
    last
}

/// Whether a request itself sets something at or below a place.
fn sets(request: &Delta, place: &DataPath) -> bool {
    request.items().iter().any(|item| match item {
        DeltaItem::Created(path) => place.contains(path),
        DeltaItem::Leaves { at, leaves } => {
            leaves.iter().any(|change| !change.new.is_default() && place.contains(&at.child(change.node, None)))
        }
        DeltaItem::Removed(_) | DeltaItem::Reordered(..) => false,
    })
}

/// A text of a module on one line.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
