//! `unique` statements of lists: what they are, and who has which values.
//!
//! Invariant: between votes the index holds, for every list with such a statement, the values of its configured entries.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Violation;
use super::touched::Change;
use crate::path::{DataPath, ListKey};
use crate::schema::{Kind, NodeId, NodeSet, Schema};
use crate::store::tree::Tree;
use crate::value::Value;

/// All `unique` statements of a schema.
#[derive(Debug)]
pub(super) struct UniqueRules(Vec<Rule>);

/// Who has which values.
#[derive(Debug, Default)]
pub(super) struct Unique {
    taken: HashMap<Slot, Vec<ListKey>>,
}

/// One statement.
#[derive(Debug)]
struct Rule {
    list: NodeId,
    /// For each leaf, the nodes from below the list down to it.
    leaves: Vec<Vec<NodeId>>,
    /// The leaves and everything above them.
    nodes: NodeSet,
}

/// Values that only one entry of a list may have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    rule: usize,
    /// The place around the list.
    around: DataPath,
    values: Vec<Value>,
}

impl UniqueRules {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut rules = Vec::new();
        for list in schema.ids().filter(|&id| schema.node(id).config) {
            let Kind::List(info) = &schema.node(list).kind else { continue };
            let depth = schema.lineage(list).len();
            for leaves in &info.uniques {
                rules.push(Rule {
                    list,
                    leaves: leaves.iter().map(|&leaf| schema.lineage(leaf).split_off(depth)).collect(),
                    nodes: NodeSet::of(schema, |id| leaves.contains(&id)).with_ancestors(schema),
                });
            }
        }
        Self(rules)
    }
}

impl Unique {
    /// Brings the index from `base` to `candidate`. Reports values that two entries have now.
    pub(super) fn update(&mut self, rules: &UniqueRules, change: Change<'_>, violations: &mut Vec<Violation>) {
        for (number, rule) in rules.0.iter().enumerate() {
            let entries = change.entries(rule.list, &rule.nodes);
            for (slot, key) in entries.iter().filter_map(|entry| rule.slot(number, change.base, entry)) {
                if let Entry::Occupied(mut taken) = self.taken.entry(slot) {
                    taken.get_mut().retain(|holder| *holder != key);
                    if taken.get().is_empty() {
                        taken.remove();
                    }
                }
            }
            for entry in &entries {
                let Some((slot, key)) = rule.slot(number, change.candidate, entry) else { continue };
                let holders = self.taken.entry(slot).or_default();
                if let Some(other) = holders.iter().find(|holder| **holder != key) {
                    let other = entry.parent().child(rule.list, Some(other.clone()));
                    let reason =
                        format!("{} are those of {} already", rule.names(change.schema), other.display(change.schema));
                    violations.push(Violation::new(change.schema, entry, reason));
                }
                if !holders.contains(&key) {
                    holders.push(key);
                }
            }
        }
    }
}

impl Rule {
    /// The values of an entry and its key; none when the entry or one of the values is not there.
    fn slot(&self, rule: usize, tree: &Tree, entry: &DataPath) -> Option<(Slot, ListKey)> {
        let branch = tree.branch(entry.steps())?;
        let value = |line: &Vec<NodeId>| {
            let (leaf, above) = line.split_last()?;
            let around = above.iter().try_fold(branch, |at, &node| at.container(node))?;
            around.leaf(*leaf).map(|leaf| leaf.value.clone())
        };
        let values = self.leaves.iter().map(value).collect::<Option<_>>()?;
        let key = entry.steps().last()?.key.clone()?;
        Some((Slot { rule, around: entry.parent(), values }, key))
    }

    fn names(&self, schema: &Schema) -> String {
        let name = |line: &Vec<NodeId>| {
            let names: Vec<&str> = line.iter().map(|&node| &*schema.node(node).name).collect();
            format!("'{}'", names.join("/"))
        };
        self.leaves.iter().map(name).collect::<Vec<_>>().join(" and ")
    }
}
