//! The must and when statements of configuration, and which nodes each of them looks at.
//!
//! Invariant: a change can make a constraint fail only if the constraint is [`Constraints::of`] a node that came to be,
//! or is [`Constraints::reading`] a node that changed, came to be or went away. Leafref, unique, mandatory and element
//! counts are not here: the store judges them on its own tree.

mod reach;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::libyang::{Condition, ConditionView, SchemaNode};
use super::{Kind, Loaded, NodeId, Schema};
use crate::value::Text;

/// Index of a constraint among [`Constraints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConstraintId(u32);

/// Which statement a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `must`: a node that exists has to satisfy it.
    Must,
    /// `when`: the node may exist only while it holds.
    When,
}

/// A must or when of one node. A when of a uses, augment, choice or case is one of each node it decides about.
#[derive(Debug)]
pub struct Constraint {
    /// Which statement it is.
    pub kind: ConstraintKind,
    /// The node that has to satisfy it, or whose existence it decides.
    pub node: NodeId,
    /// Where the expression starts: the node itself, the data node around it, or none for the root.
    pub context: Option<NodeId>,
    /// How many choices and cases further out a `when` stands than the node: none for its own.
    pub outside: usize,
    /// The expression looks only at what is in the same instance of this ancestor-or-self of the node, so that a
    /// change elsewhere in the same lists does not matter. None when it may look anywhere.
    pub reach: Option<NodeId>,
    /// All nodes that the expression may look at, in order.
    pub reads: Box<[NodeId]>,
    /// `error-message`, when stated.
    pub message: Option<Text>,
    /// `error-app-tag`, when stated.
    pub app_tag: Option<Text>,
    /// The expression as written.
    pub expression: Text,
    /// For libyang to evaluate.
    pub(in crate::schema) condition: Condition,
}

/// All constraints of a schema.
#[derive(Debug, Default)]
pub struct Constraints {
    list: Vec<Constraint>,
    by_node: HashMap<NodeId, Vec<ConstraintId>>,
    by_read: HashMap<NodeId, Vec<ConstraintId>>,
}

impl Constraints {
    /// Reads the constraints of all configuration nodes.
    pub fn collect(loaded: &Loaded) -> Self {
        let schema = &loaded.schema;
        let compiled = |id| Some((loaded.compiled.node(id)?, id));
        let ids: HashMap<SchemaNode<'_>, NodeId> = schema.ids().filter_map(compiled).collect();
        let mut all = Self { list: Vec::new(), by_node: HashMap::new(), by_read: HashMap::new() };
        for (node, id) in schema.ids().filter(|&id| schema.node(id).config).filter_map(compiled) {
            for view in node.conditions() {
                let Some(condition) = view.keep(&loaded.compiled) else { continue };
                all.add(constraint(schema, &ids, id, &view, condition));
            }
        }
        all
    }

    fn add(&mut self, constraint: Constraint) {
        let Ok(id) = u32::try_from(self.list.len()).map(ConstraintId) else { return };
        self.by_node.entry(constraint.node).or_default().push(id);
        for &node in &constraint.reads {
            self.by_read.entry(node).or_default().push(id);
        }
        self.list.push(constraint);
    }

    /// A constraint by id. Ids come only from these constraints.
    #[expect(clippy::indexing_slicing, reason = "ids come only from these constraints")]
    pub fn get(&self, id: ConstraintId) -> &Constraint {
        &self.list[id.0 as usize]
    }

    /// All constraints, those of one node together, in the order of the schema.
    pub fn iter(&self) -> impl Iterator<Item = &Constraint> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The constraints that a node has to satisfy.
    pub fn of(&self, node: NodeId) -> &[ConstraintId] {
        self.by_node.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The constraints that look at a node.
    pub fn reading(&self, node: NodeId) -> &[ConstraintId] {
        self.by_read.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The non-presence containers whose mere existence some constraint asks for, by the nearest list, presence
    /// container or root above them, with the containers in between. Those within a case or under a when exist only
    /// with their contents and are left out.
    pub(in crate::schema) fn standing_containers(
        &self,
        schema: &Schema,
    ) -> HashMap<Option<NodeId>, Vec<Box<[NodeId]>>> {
        let mut found: BTreeMap<Option<NodeId>, BTreeSet<Box<[NodeId]>>> = BTreeMap::new();
        // An expression may ask for a container and, elsewhere, for what is in it.
        let reads = self.list.iter().flat_map(|constraint| constraint.reads.iter().copied());
        let asked = reads.filter(|&id| is_plain_container(schema, id));
        let roots = schema.roots().iter().copied().filter(|&id| is_plain_container(schema, id));
        for id in asked.chain(roots) {
            let mut line = schema.lineage(id);
            let start = line.iter().rposition(|&id| !is_plain_container(schema, id)).map_or(0, |index| index + 1);
            let chain = line.split_off(start);
            let is_free = |&id: &NodeId| schema.node(id).cases.is_empty() && !schema.node(id).has_when;
            if chain.iter().all(is_free) {
                found.entry(line.last().copied()).or_default().insert(chain.into());
            }
        }
        found.into_iter().map(|(anchor, chains)| (anchor, chains.into_iter().collect())).collect()
    }
}

fn is_plain_container(schema: &Schema, id: NodeId) -> bool {
    let node = schema.node(id);
    node.config && matches!(node.kind, Kind::Container { presence: false })
}

fn constraint(
    schema: &Schema,
    ids: &HashMap<SchemaNode<'_>, NodeId>,
    node: NodeId,
    view: &ConditionView<'_>,
    condition: Condition,
) -> Constraint {
    let context = view.context.and_then(|context| ids.get(&context).copied());
    let expression = view.expression();
    let mut reads: Vec<_> = view.atoms().iter().filter_map(|atom| ids.get(atom).copied()).collect();
    let kind = if view.is_when { ConstraintKind::When } else { ConstraintKind::Must };
    if kind == ConstraintKind::Must {
        // Whatever the expression looks at, its own node has changed when its value has.
        reads.push(node);
    }
    reads.sort();
    reads.dedup();
    Constraint {
        kind,
        node,
        context,
        outside: view.outside,
        reach: context.and_then(|context| climb(schema, context, reach::climb(expression)?)),
        reads: reads.into(),
        message: view.message.map(Text::from),
        app_tag: view.app_tag.map(Text::from),
        expression: expression.into(),
        condition,
    }
}

/// The ancestor so many levels up; none at the root.
fn climb(schema: &Schema, from: NodeId, levels: usize) -> Option<NodeId> {
    (0..levels).try_fold(from, |id, _| schema.node(id).parent)
}

#[cfg(test)]
mod tests;
