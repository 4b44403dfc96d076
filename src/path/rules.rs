//! Ordered rules about places: which may be read, which may be written too.
//!
//! Invariant: the first rule that covers a place decides about it, and where none does nothing is allowed. The rules are
//! laid out over the schema when they are made, so that a verdict is one look-up for most nodes and a comparison of keys
//! for the few whose rules name list entries. Whose rules they are is not known here.

use super::{KeyMatch, Pattern, Step};
use crate::schema::{NodeId, NodeSet, Schema};

/// What may be done with a place; each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    None,
    /// Reading.
    Read,
    /// Reading and changing.
    Write,
}

/// A verdict about everything that a pattern covers.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// What it is about.
    pub pattern: Pattern,
    /// The verdict.
    pub access: Access,
}

/// Rules in the order in which they count.
#[derive(Clone, Debug)]
pub struct AccessRules {
    rules: Box<[Laid]>,
    /// By schema node, the class of the places there.
    class_of: Box<[u32]>,
    classes: Vec<Class>,
    /// Nodes that have the end of some rule below them.
    above_rules: NodeSet,
    /// The class of the root.
    root: u32,
    any: bool,
}

/// A rule without what its class knows already.
#[derive(Clone, Debug)]
struct Laid {
    node: Option<NodeId>,
    access: Access,
    /// Keys it asks for, with the depth of their step.
    keys: Box<[(usize, KeyMatch)]>,
}

/// Rules that may decide about the places at a node, in order; only the last can be one without conditions.
type Class = Box<[u32]>;

impl AccessRules {
    /// Lays rules out over a schema.
    #[expect(clippy::indexing_slicing, reason = "a partition point of this very list")]
    pub fn new(schema: &Schema, rules: &[AccessRule]) -> Self {
        let laid: Box<[Laid]> = rules.iter().map(Laid::new).collect();
        let mut ends: Vec<(Option<NodeId>, u32)> = (0..).zip(&laid).map(|(index, rule)| (rule.node, index)).collect();
        ends.sort_unstable();
        let mut layout = Layout { rules: &laid, classes: Vec::new() };
        let at = ends.partition_point(|(node, _)| node.is_none());
        let root = layout.class(&[], &ends[..at]);
        let mut rest = &ends[at..];
        let mut class_of: Vec<u32> = Vec::with_capacity(schema.len());
        for id in schema.ids() {
            // Parents stand before their children in the arena.
            let above = schema.node(id).parent.and_then(|parent| class_of.get(parent.index())).copied().unwrap_or(root);
            let here = rest.iter().take_while(|(node, _)| *node == Some(id)).count();
            let (own, after) = rest.split_at(here);
            rest = after;
            class_of.push(if own.is_empty() { above } else { layout.extended(above, own) });
        }
        let classes = layout.classes;
        let mut above: Vec<NodeId> = laid.iter().filter_map(|rule| schema.node(rule.node?).parent).collect();
        above.sort_unstable();
        let above_rules = NodeSet::of(schema, |id| above.binary_search(&id).is_ok()).with_ancestors(schema);
        let any = laid.iter().any(|rule| rule.node.is_some());
        Self { rules: laid, class_of: class_of.into(), classes, above_rules, root, any }
    }

    /// The verdict about a place, and the number of the rule that gave it; none when no rule covers it.
    pub fn decide(&self, place: &[Step]) -> (Access, Option<usize>) {
        match place.split_last() {
            None => self.verdict(self.root, &[], None),
            Some((last, above)) => self.verdict(self.class(Some(last.node)), above, last.key.is_some().then_some(last)),
        }
    }

    /// What may be done with a place.
    pub fn access(&self, place: &[Step]) -> Access {
        self.decide(place).0
    }

    /// What may be done with a leaf, container or list as a whole that stands in the branch `at`.
    pub fn child(&self, at: &[Step], node: NodeId) -> Access {
        self.verdict(self.class(Some(node)), at, None).0
    }

    /// What may be done with everything at and below a node, when that is the same everywhere.
    pub fn uniform(&self, node: Option<NodeId>) -> Option<Access> {
        let mixed = match node {
            Some(node) => self.above_rules.contains(node),
            None => self.any,
        };
        let class = self.classes.get(self.class(node) as usize)?;
        match **class {
            _ if mixed => None,
            [] => Some(Access::None),
            [only] => self.rules.get(only as usize).filter(|rule| rule.keys.is_empty()).map(|rule| rule.access),
            _ => None,
        }
    }

    /// Whether something at or below a place may have this access. A list without a key stands for all of its entries.
    pub fn may_hold(&self, schema: &Schema, place: &[Step], access: Access) -> bool {
        let node = place.last().map(|step| step.node);
        let mut decided = u32::MAX;
        for &index in self.deciding(node) {
            let Some(rule) = self.rules.get(index as usize) else { continue };
            match rule.covers(place) {
                Covers::No => {}
                Covers::Some | Covers::All if rule.access >= access => return true,
                Covers::Some => {}
                Covers::All => {
                    decided = index;
                    break;
                }
            }
        }
        // What ends below counts before the rule that decides about all of the place, or never.
        let below = |end: NodeId| node.is_none_or(|node| schema.contains(node, end));
        (0..decided).zip(&self.rules).any(|(index, rule)| {
            rule.access >= access
                && rule.node.is_some_and(below)
                && rule.covers(place) != Covers::No
                && self.deciding(rule.node).contains(&index)
        })
    }

    /// The rules that may decide about the places at a node.
    fn deciding(&self, node: Option<NodeId>) -> &[u32] {
        self.classes.get(self.class(node) as usize).map_or(&[], |class| class)
    }

    fn class(&self, node: Option<NodeId>) -> u32 {
        node.and_then(|node| self.class_of.get(node.index())).copied().unwrap_or(self.root)
    }

    fn verdict(&self, class: u32, at: &[Step], last: Option<&Step>) -> (Access, Option<usize>) {
        let key = |depth: usize| if depth == at.len() { last?.key.as_ref() } else { at.get(depth)?.key.as_ref() };
        for &index in self.classes.get(class as usize).into_iter().flatten() {
            if let Some(rule) = self.rules.get(index as usize)
                && rule.keys.iter().all(|(depth, keys)| keys.matches(key(*depth)))
            {
                return (rule.access, Some(index as usize));
            }
        }
        (Access::None, None)
    }
}

impl Laid {
    fn new(rule: &AccessRule) -> Self {
        let steps = rule.pattern.steps().iter().enumerate();
        let fixed = steps.filter(|(_, step)| matches!(step.keys, KeyMatch::Exact(_) | KeyMatch::Partial(_)));
        Self {
            node: rule.pattern.node(),
            access: rule.access,
            keys: fixed.map(|(depth, step)| (depth, step.keys.clone())).collect(),
        }
    }
}

/// How much of the entries that a place stands for the keys of a rule mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covers {
    No,
    Some,
    All,
}

impl Laid {
    fn covers(&self, place: &[Step]) -> Covers {
        let mut covers = Covers::All;
        for (depth, keys) in &self.keys {
            match place.get(*depth).and_then(|step| step.key.as_ref()) {
                None => covers = Covers::Some,
                key if keys.matches(key) => {}
                Some(_) => return Covers::No,
            }
        }
        covers
    }
}

struct Layout<'a> {
    rules: &'a [Laid],
    classes: Vec<Class>,
}

impl Layout<'_> {
    fn extended(&mut self, above: u32, own: &[(Option<NodeId>, u32)]) -> u32 {
        let above = self.classes.get(above as usize).cloned().unwrap_or_default();
        self.class(&above, own)
    }

    /// The class of places that the rules of `above` and `own` cover.
    fn class(&mut self, above: &[u32], own: &[(Option<NodeId>, u32)]) -> u32 {
        let mut all: Vec<u32> = above.iter().copied().chain(own.iter().map(|(_, index)| *index)).collect();
        all.sort_unstable();
        // What comes after a rule without conditions never counts.
        let free =
            all.iter().position(|&index| self.rules.get(index as usize).is_some_and(|rule| rule.keys.is_empty()));
        all.truncate(free.map_or(all.len(), |free| free + 1));
        self.classes.push(all.into());
        u32::try_from(self.classes.len() - 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
