//! What a Get asks for as one root message.
//!
//! Invariant: an entry stands in the message once, with its keys, however many patterns lead into it. What is shown of a
//! selected place is what JSON shows of it ([`write_branch`](crate::codec::write_branch)).

use super::Fields;
use crate::codec::json::Held;
use crate::codec::protobuf::close_nested;
use crate::codec::{Shape, Wire};
use crate::path::{KeyMatch, ListKey, Pattern, PatternStep};
use crate::schema::{NodeId, Schema};
use crate::store::{Branch, Child, Leaf, List, Tree};

/// Appends the root message around everything that the patterns select. Appends nothing and returns false when nothing
/// of that is there or the shape leaves nothing of it.
pub fn write_root(wire: &Wire, tree: &Tree, patterns: &[Pattern], shape: &Shape, out: &mut Vec<u8>) -> bool {
    let levels = shape.depth.filter(|&levels| levels > 0).unwrap_or(u32::MAX);
    let mut writer = Writer { schema: &wire.schema, fields: wire.fields(), shape, levels, out };
    let rests: Vec<_> = patterns.iter().map(Pattern::steps).collect();
    writer.branch(None, tree.root(), 0, &rests) == Held::Something
}

/// What is left of a pattern below a branch; nothing when the branch itself is selected.
type Rest<'p> = &'p [PatternStep];

/// A step of a pattern that leads to a child, and the rest behind it.
type Below<'p> = (&'p PatternStep, Rest<'p>);

struct Writer<'a> {
    schema: &'a Schema,
    fields: &'a Fields,
    shape: &'a Shape,
    /// Levels that are shown of a selected place.
    levels: u32,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Writes the content of a branch, as far as `levels` of a selected place above it reach or patterns go on.
    fn branch(&mut self, of: Option<NodeId>, branch: &Branch, levels: u32, rests: &[Rest<'_>]) -> Held {
        let levels = self.reach(levels, rests);
        let mut held = Held::Nothing;
        for child in branch.children() {
            let node = child.node();
            let below = rests.iter().filter_map(|rest| rest.split_first()).filter(|(step, _)| step.node == node);
            let below: Vec<_> = below.collect();
            if levels == 0 && below.is_empty() || of.is_none() && !self.shape.views.shows(self.schema, node) {
                continue;
            }
            held = held.max(match child {
                Child::Leaf(_, leaf) => self.leaf(node, leaf, !below.is_empty()),
                Child::Container(_, inner) => {
                    let rests: Vec<_> = below.into_iter().map(|(_, rest)| rest).collect();
                    self.message(node, None, inner, levels.saturating_sub(1), &rests)
                }
                Child::List(_, list) => self.list(node, list, levels.saturating_sub(1), &below),
            });
        }
        held
    }

    /// How many levels are shown below a branch that has `levels` left from above.
    fn reach(&self, levels: u32, rests: &[Rest<'_>]) -> u32 {
        if rests.iter().any(|rest| rest.is_empty()) { levels.max(self.levels) } else { levels }
    }

    /// A key was written with its entry, but selecting it is reason enough to keep the entry.
    fn leaf(&mut self, node: NodeId, leaf: &Leaf, selected: bool) -> Held {
        let is_key = self.fields.is_key(node);
        if is_key && !selected {
            return Held::OnlyKeys;
        }
        if !self.shape.filter.admits(self.schema.node(node)) {
            return Held::Nothing;
        }
        if !is_key {
            self.fields.put_leaf(self.out, self.schema, node, &leaf.value);
        }
        Held::Something
    }

    fn list(&mut self, node: NodeId, list: &List, levels: u32, below: &[Below<'_>]) -> Held {
        let mut held = Held::Nothing;
        match exact_keys(below) {
            // Named entries are looked up, not searched for.
            Some(keys) if levels == 0 => {
                for key in keys {
                    if let Some(entry) = list.get(key) {
                        held = held.max(self.entry(node, key, entry.branch(), levels, below));
                    }
                }
            }
            _ => {
                for (key, entry) in list.iter() {
                    held = held.max(self.entry(node, key, entry.branch(), levels, below));
                }
            }
        }
        held
    }

    fn entry(&mut self, node: NodeId, key: &ListKey, entry: &Branch, levels: u32, below: &[Below<'_>]) -> Held {
        let leading = below.iter().filter(|(step, _)| step.keys.matches(Some(key)));
        let rests: Vec<_> = leading.map(|(_, rest)| *rest).collect();
        self.message(node, Some(key), entry, levels, &rests)
    }

    /// Writes a container or entry, and takes it back when what it holds is no reason to keep it.
    fn message(
        &mut self,
        node: NodeId,
        key: Option<&ListKey>,
        branch: &Branch,
        levels: u32,
        rests: &[Rest<'_>],
    ) -> Held {
        if levels == 0 && rests.is_empty() || !self.shape.filter.enters(self.schema, node) {
            return Held::Nothing;
        }
        let start = self.out.len();
        self.fields.of(node).key.put(self.out);
        self.out.push(0);
        let content = self.out.len();
        if let Some(key) = key {
            self.fields.put_keys(self.out, self.schema, node, key);
        }
        let held = self.branch(Some(node), branch, levels, rests);
        let is_selected = self.reach(levels, rests) > 0;
        if held == Held::Something || is_selected && self.shape.filter.keeps(self.schema, node, held) {
            close_nested(self.out, content);
            Held::Something
        } else {
            self.out.truncate(start);
            Held::Nothing
        }
    }
}

/// The entries that patterns name, each once; none when a pattern leaves a key open.
fn exact_keys<'p>(below: &[Below<'p>]) -> Option<Vec<&'p ListKey>> {
    let mut keys = Vec::new();
    for (step, _) in below {
        let KeyMatch::Exact(key) = &step.keys else { return None };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Some(keys)
}
