//! References: leafrefs and instance-identifiers that require what they name.
//!
//! Invariant: between votes the index knows every leaf of the configuration that refers to something, by its value. A path
//! that goes by way of another reference (`deref`) is not followed, and such a leaf may have any value.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Violation;
use super::touched::{Change, LeafStep, places};
use crate::path::{DataPath, ListKey, RawPath, Resolver, Step, Views};
use crate::schema::{Input, NodeId, NodeSet, Rule, Schema, Type};
use crate::store::settle::is_configured;
use crate::store::tree::{Branch, Child};
use crate::value::Value;

/// All references of a schema.
#[derive(Debug)]
pub(super) struct ReferenceRules {
    /// By referring leaf. A union may have several.
    outgoing: HashMap<NodeId, Vec<Reference>>,
    /// By target: the leaves that may refer to it.
    incoming: HashMap<NodeId, Vec<NodeId>>,
    /// By leaf that a predicate compares with: the leaves whose reference that is, and how many steps they share.
    compared: HashMap<NodeId, Vec<(NodeId, usize)>>,
    /// Instance-identifiers that require what they name.
    instances: HashSet<NodeId>,
    /// Referring leaves, targets and everything above them.
    nodes: NodeSet,
}

/// Who refers to what.
#[derive(Debug, Default)]
pub(super) struct References {
    referrers: HashMap<(NodeId, Value), BTreeSet<DataPath>>,
    /// By referring place.
    named: BTreeMap<DataPath, Vec<Value>>,
}

/// References with their rules.
pub(super) struct Judging<'a> {
    rules: &'a ReferenceRules,
    known: &'a mut References,
}

/// One leafref.
#[derive(Clone, Debug)]
struct Reference {
    target: NodeId,
    /// How many steps of the referring place the target shares.
    shared: usize,
    /// From below the shared place down to the target.
    line: Vec<Hop>,
}

/// One step of the way to a target.
#[derive(Clone, Debug)]
struct Hop {
    node: NodeId,
    /// Predicates: which key has to equal which other leaf.
    keys: Vec<Comparison>,
}

/// A key that has to have the value of another leaf.
#[derive(Clone, Debug)]
struct Comparison {
    /// Index among the keys of the list.
    key: usize,
    /// How many steps of the referring place the other leaf shares.
    shared: usize,
    /// From below there down to the other leaf.
    line: Vec<NodeId>,
}

/// Values found at the targets below one place, gathered once for a vote.
type Gathered = HashMap<(NodeId, DataPath), HashSet<Value>>;

impl ReferenceRules {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut outgoing: HashMap<NodeId, Vec<Reference>> = HashMap::new();
        let mut incoming: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut compared: HashMap<NodeId, Vec<(NodeId, usize)>> = HashMap::new();
        let mut instances = HashSet::new();
        for id in schema.ids().filter(|&id| schema.node(id).config) {
            let Some(ty) = schema.node(id).ty() else { continue };
            for member in members(ty) {
                match member {
                    Type::Leafref { target: Some(target), path, require_instance: true, .. } => {
                        if let Some(reference) = Reference::new(schema, id, *target, path) {
                            incoming.entry(*target).or_default().push(id);
                            for other in reference.line.iter().flat_map(|hop| &hop.keys) {
                                let leaf = other.line.last().copied();
                                leaf.into_iter().for_each(|leaf| {
                                    compared.entry(leaf).or_default().push((id, other.shared));
                                });
                            }
                            outgoing.entry(id).or_default().push(reference);
                        }
                    }
                    Type::Instance { require_instance: true } => drop(instances.insert(id)),
                    _ => {}
                }
            }
        }
        let member = |id| {
            outgoing.contains_key(&id)
                || incoming.contains_key(&id)
                || compared.contains_key(&id)
                || instances.contains(&id)
        };
        let nodes = NodeSet::of(schema, member).with_ancestors(schema);
        Self { outgoing, incoming, compared, instances, nodes }
    }
}

impl References {
    /// The references to be judged by their rules.
    pub(super) fn on<'a>(&'a mut self, rules: &'a ReferenceRules) -> Judging<'a> {
        Judging { rules, known: self }
    }
}

impl Judging<'_> {
    /// Brings the index from `base` to `candidate`. Reports every reference that leads nowhere now, whether the referring
    /// leaf is new or its target is gone.
    pub(super) fn update(&mut self, change: Change<'_>, violations: &mut Vec<Violation>) {
        let mut suspects = BTreeSet::new();
        let mut orphaned = Vec::new();
        let rules = self.rules;
        change.leaves(&rules.nodes, &mut |leaf| {
            self.note(&leaf, &mut suspects);
            for &(referrer, shared) in self.rules.compared.get(&leaf.node).into_iter().flatten() {
                let shared = leaf.at.get(..shared).unwrap_or(leaf.at);
                let around = change.schema.node(referrer).parent;
                places(change.schema, change.candidate, shared, around, &mut |at, _| {
                    suspects.insert(DataPath::new(at).child(referrer, None));
                });
            }
            if self.rules.incoming.contains_key(&leaf.node) {
                let kept: HashSet<&Value> = leaf.new.into_iter().flat_map(each).collect();
                let gone = leaf.old.into_iter().flat_map(each).filter(|value| !kept.contains(value));
                orphaned.extend(gone.map(|value| (leaf.node, leaf.at.to_vec(), value.clone())));
            }
        });
        for (target, at, value) in orphaned {
            self.suspect(target, &at, value, &mut suspects);
        }
        let mut gathered = Gathered::new();
        for place in suspects.iter().filter(|place| change.counts(place.steps())) {
            self.check(change, place, &mut gathered, violations);
        }
        self.check_instances(change, violations);
    }

    /// Takes a leaf that refers to something into the index, or out of it.
    fn note(&mut self, leaf: &LeafStep<'_>, suspects: &mut BTreeSet<DataPath>) {
        let refers = self.rules.outgoing.contains_key(&leaf.node);
        let names = self.rules.instances.contains(&leaf.node);
        if !refers && !names {
            return;
        }
        let place = DataPath::new(leaf.at).child(leaf.node, None);
        if refers {
            for value in leaf.old.into_iter().flat_map(each) {
                let key = (leaf.node, value.clone());
                if let Some(places) = self.known.referrers.get_mut(&key) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.known.referrers.remove(&key);
                    }
                }
            }
            for value in leaf.new.into_iter().flat_map(each) {
                self.known.referrers.entry((leaf.node, value.clone())).or_default().insert(place.clone());
                suspects.insert(place.clone());
            }
        }
        if names {
            let values: Vec<Value> = leaf
                .new
                .into_iter()
                .flat_map(each)
                .filter(|value| matches!(value, Value::Instance(_)))
                .cloned()
                .collect();
            self.known.named.remove(&place);
            if !values.is_empty() {
                self.known.named.insert(place, values);
            }
        }
    }

    /// Finds the leaves that may have referred to a value that is gone.
    fn suspect(&self, target: NodeId, at: &[Step], value: Value, suspects: &mut BTreeSet<DataPath>) {
        for &referrer in self.rules.incoming.get(&target).into_iter().flatten() {
            let Some(places) = self.known.referrers.get(&(referrer, value.clone())) else { continue };
            let references = self.rules.outgoing.get(&referrer).into_iter().flatten();
            for shared in references.filter(|reference| reference.target == target).map(|reference| reference.shared) {
                let Some(shared) = at.get(..shared) else { continue };
                let below = places.range(DataPath::new(shared)..).take_while(|place| place.steps().starts_with(shared));
                suspects.extend(below.cloned());
            }
        }
    }

    /// Judges every value of one referring leaf.
    fn check(&self, change: Change<'_>, place: &DataPath, gathered: &mut Gathered, violations: &mut Vec<Violation>) {
        let schema = change.schema;
        let (Some(leaf), Some(node)) = (change.candidate.leaf(place.steps()), place.node()) else { return };
        let references = self.rules.outgoing.get(&node).map_or(&[][..], Vec::as_slice);
        for value in each(&leaf.value) {
            let found = references.iter().any(|reference| reference.leads_to(change, place, value, gathered));
            if !found && !taken_otherwise(schema, node, value) {
                let targets: Vec<String> =
                    references.iter().map(|reference| schema.path_text(reference.target)).collect();
                let reason = format!("'{value}' refers to nothing, no {} has this value", targets.join(" or "));
                violations.push(Violation::new(schema, place, reason));
            }
        }
    }

    /// Instance-identifiers are few, and anything may be named by them: all are judged when anything is gone.
    fn check_instances(&self, change: Change<'_>, violations: &mut Vec<Violation>) {
        if change.delta.is_empty() {
            return;
        }
        for (place, values) in self.known.named.iter().filter(|(place, _)| change.counts(place.steps())) {
            for value in values.iter().filter(|value| !names_something(change, value)) {
                let reason = format!("'{value}' names nothing that is configured");
                violations.push(Violation::new(change.schema, place, reason));
            }
        }
    }
}

impl Reference {
    /// None when the path goes by way of another reference, or leads out of the configuration, where nothing is required
    /// (RFC 7950 9.9).
    #[expect(clippy::indexing_slicing, reason = "counted from these very steps")]
    fn new(schema: &Schema, referrer: NodeId, target: NodeId, path: &str) -> Option<Self> {
        if path.contains("deref") || !schema.node(target).config {
            return None;
        }
        let (from, to) = (schema.lineage(referrer), schema.lineage(target));
        let steps = split(path);
        let ups = steps.iter().take_while(|step| **step == "..").count();
        let shared = if path.trim_start().starts_with('/') { 0 } else { from.len().checked_sub(ups)? };
        if from.get(..shared) != to.get(..shared) || steps.len() - ups != to.len() - shared {
            return None;
        }
        let hop = |(&node, step): (&NodeId, &&str)| {
            let keys = predicates(step).map(|predicate| Comparison::new(schema, &from, node, predicate));
            Some(Hop { node, keys: keys.collect::<Option<_>>()? })
        };
        let line = to[shared..].iter().zip(&steps[ups..]).map(hop).collect::<Option<_>>()?;
        Some(Self { target, shared, line })
    }

    /// Whether the candidate holds a target with the value, seen from the referring place.
    fn leads_to(&self, change: Change<'_>, place: &DataPath, value: &Value, gathered: &mut Gathered) -> bool {
        let shared = place.steps().get(..self.shared).unwrap_or_default();
        let Some(branch) = change.candidate.branch(shared) else { return false };
        let walk = Walk { change, place };
        if let Some(found) = walk.direct(branch, &self.line, value) {
            return found;
        }
        if self.line.iter().any(|hop| !hop.keys.is_empty()) {
            let mut values = HashSet::new();
            walk.gather(branch, &self.line, &mut values);
            return values.contains(value);
        }
        let values = gathered.entry((self.target, DataPath::new(shared))).or_insert_with(|| {
            let mut values = HashSet::new();
            walk.gather(branch, &self.line, &mut values);
            values
        });
        values.contains(value)
    }
}

impl Comparison {
    /// Reads `key = current()/../other`, the one form of predicate that a leafref may have.
    #[expect(clippy::indexing_slicing, reason = "counted from these very steps")]
    fn new(schema: &Schema, referrer: &[NodeId], list: NodeId, predicate: &str) -> Option<Self> {
        let (key, other) = predicate.split_once('=')?;
        let key = schema.node(list).keys().iter().position(|&id| schema.is_called(id, local(key)))?;
        let other = other.trim().strip_prefix("current")?.trim_start().strip_prefix('(')?.trim_start();
        let steps = split(other.strip_prefix(')')?);
        let ups = steps.iter().take_while(|step| **step == "..").count();
        let shared = referrer.len().checked_sub(ups)?;
        let mut at = referrer.get(..shared)?.last().copied();
        let mut line = Vec::new();
        for step in &steps[ups..] {
            at = Some(schema.child(at, None, local(step))?);
            line.extend(at);
        }
        Some(Self { key, shared, line })
    }
}

/// The steps of a path, predicates still on them.
fn split(path: &str) -> Vec<&str> {
    let mut depth = 0usize;
    let steps = path.split(move |symbol| {
        match symbol {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        symbol == '/' && depth == 0
    });
    steps.map(str::trim).filter(|step| !step.is_empty()).collect()
}

/// What stands between the brackets of a step.
fn predicates(step: &str) -> impl Iterator<Item = &str> {
    step.split('[').skip(1).map(|predicate| predicate.trim_end().trim_end_matches(']'))
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name).trim()
}

/// On the way from a referring place to its target.
#[derive(Clone, Copy)]
struct Walk<'a> {
    change: Change<'a>,
    place: &'a DataPath,
}

impl<'a> Walk<'a> {
    /// Looks a value up without searching: through containers and in lists whose keys are all known. None when it takes a
    /// search.
    fn direct(self, branch: &Branch, line: &[Hop], value: &Value) -> Option<bool> {
        let (hop, below) = line.split_first()?;
        let keys = self.change.schema.node(hop.node).keys();
        match (branch.child(hop.node), below) {
            (None, _) => Some(false),
            (Some(Child::Leaf(_, leaf)), _) => Some(each(&leaf.value).any(|member| member == value)),
            (Some(Child::Container(_, inner)), _) => self.direct(inner, below, value),
            (Some(Child::List(_, list)), [last]) if hop.keys.is_empty() && keys == [last.node] => {
                let entry = list.get(&[value.clone()].into());
                Some(entry.is_some_and(|entry| self.counts(hop.node, entry.branch())))
            }
            (Some(Child::List(_, list)), _) if hop.keys.len() == keys.len() => {
                let mut key: Vec<Option<Value>> = vec![None; keys.len()];
                for comparison in &hop.keys {
                    *key.get_mut(comparison.key)? = self.compared(comparison).cloned();
                }
                // A predicate that compares with nothing selects nothing.
                let Some(key) = key.into_iter().collect::<Option<Vec<_>>>() else { return Some(false) };
                match list.get(&key.into()) {
                    Some(entry) if self.counts(hop.node, entry.branch()) => self.direct(entry.branch(), below, value),
                    _ => Some(false),
                }
            }
            (Some(Child::List(..)), _) => None,
        }
    }

    fn gather(self, branch: &Branch, line: &[Hop], values: &mut HashSet<Value>) {
        let Some((hop, below)) = line.split_first() else { return };
        match branch.child(hop.node) {
            None => {}
            Some(Child::Leaf(_, leaf)) => values.extend(each(&leaf.value).cloned()),
            Some(Child::Container(_, inner)) => self.gather(inner, below, values),
            Some(Child::List(_, list)) => {
                let agrees = |key: &ListKey| {
                    hop.keys.iter().all(|comparison| key.get(comparison.key) == self.compared(comparison))
                };
                list.iter()
                    .filter(|(key, entry)| agrees(key) && self.counts(hop.node, entry.branch()))
                    .for_each(|(_, entry)| self.gather(entry.branch(), below, values));
            }
        }
    }

    /// The value a key is compared with; none when there is no such leaf, which equals no key.
    fn compared(self, comparison: &Comparison) -> Option<&'a Value> {
        let (leaf, above) = comparison.line.split_last()?;
        let shared = self.change.candidate.branch(self.place.steps().get(..comparison.shared)?)?;
        let around = above.iter().try_fold(shared, |branch, &node| branch.container(node))?;
        around.leaf(*leaf).map(|leaf| &leaf.value)
    }

    /// Whether an entry is configuration and not there for its state only.
    fn counts(self, list: NodeId, entry: &Branch) -> bool {
        !self.change.schema.is_mixed(list) || is_configured(self.change.schema, entry)
    }
}

/// The types a value may be of: the members of a union, else the type itself.
pub(super) fn members(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Union(members) => members.iter().flat_map(|member| self::members(member)).collect(),
        other => vec![other],
    }
}

/// Whether a member of a union that is no reference takes the value. The value may have come in as a reference, because
/// that member stands first; a union tries on (RFC 7950 9.12).
pub(super) fn taken_otherwise(schema: &Schema, node: NodeId, value: &Value) -> bool {
    let node = schema.node(node);
    let Some(Type::Union(_)) = node.ty().map(|ty| &**ty) else { return false };
    let module = &schema.module(node.module).name;
    let text = value.to_string();
    node.ty().into_iter().flat_map(|ty| members(ty)).any(|member| {
        let requires =
            matches!(member, Type::Leafref { require_instance: true, .. } | Type::Instance { require_instance: true });
        !requires && member.accept(Input::Text(&text), Rule::Text, module).is_ok()
    })
}

fn names_something(change: Change<'_>, value: &Value) -> bool {
    let Value::Instance(text) = value else { return true };
    let Ok(mut raw) = RawPath::parse(text) else { return false };
    // `[.='value']` selects a member of a leaf-list.
    let member = raw.elems.last_mut().and_then(|elem| {
        let position = elem.keys.iter().position(|(key, _)| key == ".")?;
        Some(elem.keys.remove(position).1)
    });
    let resolver = Resolver { schema: change.schema, views: Views::ALL, name_wildcards: false };
    let Ok(place) = resolver.write(&raw) else { return false };
    if !place.node().is_some_and(|node| change.schema.node(node).config) {
        return true;
    }
    let exists = match &member {
        None => change.candidate.exists(&place),
        Some(text) => change
            .candidate
            .leaf(place.steps())
            .is_some_and(|leaf| each(&leaf.value).any(|value| value.to_string() == **text)),
    };
    exists && change.counts(place.steps())
}

/// The value, or the members of a leaf-list.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::List(members) => members.iter(),
        other => std::slice::from_ref(other).iter(),
    }
}
