//! References: leafrefs and instance-identifiers that require what they name.
//!
//! Invariant: between votes the index knows every leaf of the configuration that refers to something by a path without
//! predicates, by its value. A reference that looks at other data on its way (predicates, `deref`) is an expression and
//! belongs to [`super::conditions`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Violation;
use super::touched::{Change, LeafStep};
use crate::path::{DataPath, RawPath, Resolver, Step, Views};
use crate::schema::{Input, NodeId, NodeSet, Rule, Schema, Type};
use crate::store::settle::is_configured;
use crate::store::tree::{Branch, Child};
use crate::value::Value;

/// All references of a schema, and who refers to what.
#[derive(Debug)]
pub(super) struct References {
    /// By referring leaf. A union may have several.
    outgoing: HashMap<NodeId, Vec<Reference>>,
    /// By target: the leaves that may refer to it.
    incoming: HashMap<NodeId, Vec<NodeId>>,
    /// Instance-identifiers that require what they name.
    instances: HashSet<NodeId>,
    /// Referring leaves, targets and everything above them.
    nodes: NodeSet,
    referrers: HashMap<(NodeId, Value), BTreeSet<DataPath>>,
    /// By referring place.
    named: BTreeMap<DataPath, Vec<Value>>,
}

/// One leafref.
#[derive(Clone, Debug)]
struct Reference {
    target: NodeId,
    /// How many steps of the referring place the target shares.
    shared: usize,
    /// From below the shared place down to the target.
    line: Vec<NodeId>,
}

/// Values found at the targets below one place, gathered once for a vote.
type Gathered = HashMap<(NodeId, DataPath), HashSet<Value>>;

impl References {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut outgoing: HashMap<NodeId, Vec<Reference>> = HashMap::new();
        let mut incoming: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut instances = HashSet::new();
        for id in schema.ids().filter(|&id| schema.node(id).config) {
            let Some(ty) = schema.node(id).ty() else { continue };
            for member in members(ty) {
                match member {
                    Type::Leafref { target: Some(target), path, require_instance: true, .. } => {
                        if let Some(reference) = Reference::new(schema, id, *target, path) {
                            incoming.entry(*target).or_default().push(id);
                            outgoing.entry(id).or_default().push(reference);
                        }
                    }
                    Type::Instance { require_instance: true } => drop(instances.insert(id)),
                    _ => {}
                }
            }
        }
        let member = |id| outgoing.contains_key(&id) || incoming.contains_key(&id) || instances.contains(&id);
        let nodes = NodeSet::of(schema, member).with_ancestors(schema);
        Self { outgoing, incoming, instances, nodes, referrers: HashMap::new(), named: BTreeMap::new() }
    }

    /// Brings the index from `base` to `candidate`. Reports every reference that leads nowhere now, whether the referring
    /// leaf is new or its target is gone.
    pub(super) fn update(&mut self, change: Change<'_>, violations: &mut Vec<Violation>) {
        let mut suspects = BTreeSet::new();
        let mut orphaned = Vec::new();
        let nodes = self.nodes.clone();
        change.leaves(&nodes, &mut |leaf| {
            self.note(&leaf, &mut suspects);
            if self.incoming.contains_key(&leaf.node) {
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
        let refers = self.outgoing.contains_key(&leaf.node);
        let names = self.instances.contains(&leaf.node);
        if !refers && !names {
            return;
        }
        let place = DataPath::new(leaf.at).child(leaf.node, None);
        if refers {
            for value in leaf.old.into_iter().flat_map(each) {
                let key = (leaf.node, value.clone());
                if let Some(places) = self.referrers.get_mut(&key) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.referrers.remove(&key);
                    }
                }
            }
            for value in leaf.new.into_iter().flat_map(each) {
                self.referrers.entry((leaf.node, value.clone())).or_default().insert(place.clone());
                suspects.insert(place.clone());
            }
        }
        if names {
            let values: Vec<Value> =
                leaf.new.into_iter().flat_map(each).filter(|value| matches!(value, Value::Instance(_))).cloned().collect();
            self.named.remove(&place);
            if !values.is_empty() {
                self.named.insert(place, values);
            }
        }
    }

    /// Finds the leaves that may have referred to a value that is gone.
    fn suspect(&self, target: NodeId, at: &[Step], value: Value, suspects: &mut BTreeSet<DataPath>) {
        for &referrer in self.incoming.get(&target).into_iter().flatten() {
            let Some(places) = self.referrers.get(&(referrer, value.clone())) else { continue };
            let references = self.outgoing.get(&referrer).into_iter().flatten();
            for shared in references.filter(|reference| reference.target == target).map(|reference| reference.shared) {
                let Some(shared) = at.get(..shared) else { continue };
                let below = places.range(DataPath::new(shared)..).take_while(|place| place.steps().starts_with(shared));
                suspects.extend(below.cloned());
            }
        }
    }

    /// Judges every value of one referring leaf.
    fn check(
        &self,
        change: Change<'_>,
        place: &DataPath,
        gathered: &mut Gathered,
        violations: &mut Vec<Violation>,
    ) {
        let (schema, tree) = (change.schema, change.candidate);
        let (Some(leaf), Some(node)) = (tree.leaf(place.steps()), place.node()) else { return };
        let references = self.outgoing.get(&node).map_or(&[][..], Vec::as_slice);
        for value in each(&leaf.value) {
            let found = references.iter().any(|reference| {
                let shared = &place.steps()[..reference.shared];
                tree.branch(shared)
                    .is_some_and(|branch| reference.leads_to(schema, shared, branch, value, gathered))
            });
            if !found && !taken_otherwise(schema, node, value) {
                let targets: Vec<String> = references.iter().map(|reference| schema.path_text(reference.target)).collect();
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
        for (place, values) in self.named.iter().filter(|(place, _)| change.counts(place.steps())) {
            for value in values.iter().filter(|value| !names_something(change, value)) {
                let reason = format!("'{value}' names nothing that is configured");
                violations.push(Violation::new(change.schema, place, reason));
            }
        }
    }
}

impl Reference {
    /// None when the path looks at other data on its way, or leads out of the configuration, where nothing is required
    /// (RFC 7950 9.9).
    fn new(schema: &Schema, referrer: NodeId, target: NodeId, path: &str) -> Option<Self> {
        if path.contains(['[', '(']) || !schema.node(target).config {
            return None;
        }
        let (from, to) = (schema.lineage(referrer), schema.lineage(target));
        let ups = path.split('/').take_while(|step| step.trim() == "..").count();
        let shared = if path.trim_start().starts_with('/') { 0 } else { from.len().checked_sub(ups)? };
        (from.get(..shared) == to.get(..shared)).then(|| Self { target, shared, line: to[shared..].to_vec() })
    }

    /// Whether a target below `branch`, which is at `shared`, has the value.
    fn leads_to(
        &self,
        schema: &Schema,
        shared: &[Step],
        branch: &Branch,
        value: &Value,
        gathered: &mut Gathered,
    ) -> bool {
        if let Some(found) = direct(schema, branch, &self.line, value) {
            return found;
        }
        let values = gathered.entry((self.target, DataPath::new(shared))).or_insert_with(|| {
            let mut values = HashSet::new();
            gather(schema, branch, &self.line, &mut values);
            values
        });
        values.contains(value)
    }
}

/// Looks a value up without searching: through containers, and in a list by its only key. None when it takes a search.
fn direct(schema: &Schema, branch: &Branch, line: &[NodeId], value: &Value) -> Option<bool> {
    let (&node, below) = line.split_first()?;
    match (branch.child(node), below) {
        (None, _) => Some(false),
        (Some(Child::Leaf(_, leaf)), _) => Some(each(&leaf.value).any(|member| member == value)),
        (Some(Child::Container(_, inner)), _) => direct(schema, inner, below, value),
        (Some(Child::List(_, list)), [key]) if schema.node(node).keys() == [*key] => {
            let entry = list.get(&[value.clone()].into());
            Some(entry.is_some_and(|entry| !schema.is_mixed(node) || is_configured(schema, entry.branch())))
        }
        (Some(Child::List(..)), _) => None,
    }
}

fn gather(schema: &Schema, branch: &Branch, line: &[NodeId], values: &mut HashSet<Value>) {
    let Some((&node, below)) = line.split_first() else { return };
    match branch.child(node) {
        None => {}
        Some(Child::Leaf(_, leaf)) => values.extend(each(&leaf.value).cloned()),
        Some(Child::Container(_, inner)) => gather(schema, inner, below, values),
        Some(Child::List(_, list)) => {
            let entries = list.iter().map(|(_, entry)| entry.branch());
            entries
                .filter(|entry| !schema.is_mixed(node) || is_configured(schema, entry))
                .for_each(|entry| gather(schema, entry, below, values));
        }
    }
}

/// The types a value may be of: the members of a union, else the type itself.
pub(super) fn members(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Union(members) => members.iter().flat_map(|member| self::members(member)).collect(),
        other => vec![other],
    }
}

/// Whether a member of a union that is no reference takes the value.
pub(super) fn taken_otherwise(schema: &Schema, node: NodeId, value: &Value) -> bool {
    let node = schema.node(node);
    let Some(Type::Union(_)) = node.ty().map(|ty| &**ty) else { return false };
    let module = &schema.module(node.module).name;
    let text = value.to_string();
    node.ty().into_iter().flat_map(|ty| members(ty)).any(|member| {
        let requires = matches!(
            member,
            Type::Leafref { require_instance: true, .. } | Type::Instance { require_instance: true }
        );
        !requires && member.accept(Input::Text(&text), Rule::Text, module).as_ref() == Ok(value)
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
