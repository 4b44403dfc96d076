//! A model of the configuration that is too simple to be wrong: places and values in a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Flat, Item, place, schema, value};
use crate::path::{DataPath, KeyMatch, ListKey, Pattern, PatternStep, Step};
use crate::schema::{Kind, NodeId};
use crate::store::edit::{Content, Edit};
use crate::store::settle::default_of;
use crate::store::tree::Tree;
use crate::value::Value;

/// Places that edits go to, with values to choose from. A place without values is a container or list entry.
pub(in crate::store) const PLACES: &[(&str, &[&str])] = &[
    ("/system/name", &["x", "y"]),
    ("/system/location", &["lab", "roof"]),
    ("/system/enabled", &["true", "false"]),
    ("/system/mtu", &["60", "1500"]),
    ("/system/tint", &["red", "blue"]),
    ("/system/either", &["5", "five"]),
    ("/system/tag", &["a", "b,c", "a,b,c,d,e"]),
    ("/system/hop", &["z", "y,x"]),
    ("/system/mode", &["a,b", "q"]),
    ("/system/clock/zone", &["UTC", "CET"]),
    ("/system/clock/drift", &["3", "4"]),
    ("/system/clock/sync", &[]),
    ("/system/clock/sync/source", &["gnss"]),
    ("/system/clock/sync/rate", &["10", "20"]),
    ("/system/allow-unsecure", &[""]),
    ("/system/warn", &["true", "false"]),
    ("/system/profile", &["p", "q"]),
    ("/system/strict", &["true", "false"]),
    ("/profile[id=p]", &[]),
    ("/profile[id=p]/port", &["1", "2"]),
    ("/profile[id=p]/host/address", &["localhost", "far"]),
    ("/profile[id=p]/kind", &["tls", "plain"]),
    ("/profile[id=p]/cipher", &["c1", "c2"]),
    ("/profile[id=q]/port", &["1", "2"]),
    ("/profile[id=q]/kind", &["tls", "plain"]),
    ("/profile[id=q]/peer", &["p", "q"]),
    ("/profile[id=pq]/port", &["1", "3"]),
    ("/profile[id=pq]/kind", &["plain"]),
    ("/rule[name=a]/any", &[""]),
    ("/rule[name=b]/action", &["accept", "drop"]),
    ("/rule[name=b]/prefix/length", &["8"]),
    ("/rule[name=c]/any", &[""]),
    ("/rule[name=c]/prefix/length", &["9"]),
    ("/router[name=Base]", &[]),
    ("/router[name=Base]/limit", &["50", "1400", "9000"]),
    ("/router[name=Base]/interface[name=i][unit=0]", &[]),
    ("/router[name=Base]/interface[name=i][unit=0]/mtu", &["1000", "1450"]),
    ("/router[name=Base]/interface[name=i][unit=1]/mtu", &["1000", "1450"]),
    ("/router[name=Base]/interface[name=i][unit=1]/track", &["i", "j"]),
    ("/router[name=Base]/interface[name=j][unit=0]/mtu", &["1000"]),
    ("/router[name=Base]/area/id", &["0", "1"]),
    ("/router[name=Base]/area/weight", &["7"]),
    ("/router[name=Base]/via-router", &["Base", "vpn"]),
    ("/router[name=Base]/via-interface", &["i", "j"]),
    ("/router[name=vpn]/interface[name=j][unit=0]", &[]),
    ("/router[name=vpn]/via-router", &["Base", "vpn"]),
    ("/router[name=vpn]/via-interface", &["i", "j"]),
    ("/extra/mode", &["simple", "full"]),
    ("/extra/self", &["p", "me"]),
    ("/extra/limits/min", &["1", "5"]),
    ("/extra/limits/max", &["3", "9"]),
    ("/extra/one", &["uno", "eins"]),
    ("/extra/many[id=m]", &[]),
    ("/extra/many[id=m]/note", &["n", "o"]),
    ("/extra/step[n=1]", &[]),
    ("/extra/deep/inner/x", &["d", "e"]),
    ("/extra/target", &["/store-laws:system/name", "/store-laws:profile[id='p']", "/store-laws:system/tag[.='a']"]),
    ("/extra/either-ref", &["p", "7"]),
    ("/extra/peer", &["p", "q", "p,q"]),
    ("/ports/port[name=e1]/config/name", &["e1"]),
    ("/ports/port[name=e1]/config/mtu", &["1500", "9000"]),
    ("/ports/port[name=e1]/ethernet/config/speed", &["auto", "10G"]),
    ("/ports/port[name=e2]/config/name", &["e2"]),
];

/// Places that are deleted or cleared as a whole, besides all of [`PLACES`].
const ABOVE: &[&str] = &[
    "/system",
    "/system/clock",
    "/profile",
    "/profile[id=q]",
    "/profile[id=pq]",
    "/rule",
    "/rule[name=a]",
    "/rule[name=b]",
    "/rule[name=b]/prefix",
    "/rule[name=c]",
    "/router",
    "/router[name=Base]",
    "/router[name=vpn]",
    "/router[name=Base]/interface",
    "/router[name=Base]/area",
    "/extra",
    "/extra/limits",
    "/extra/many",
    "/extra/step",
    "/extra/deep",
    "/ports",
    "/ports/port[name=e1]",
    "/ports/port[name=e1]/config",
    "/ports/port[name=e2]",
];

/// One random edit.
#[derive(Clone, Debug)]
pub(in crate::store) enum Op {
    Update(usize, usize),
    Replace(usize, usize),
    Delete(usize),
    DeleteAbove(usize),
    Clear(usize),
    /// Puts the rules with these names in this order, each of which matches anything.
    Rules(Vec<&'static str>),
}

pub(in crate::store) fn op() -> impl Strategy<Value = Op> {
    let leaf = 0..PLACES.len();
    prop_oneof![
        8 => (leaf.clone(), 0..3usize).prop_map(|(place, value)| Op::Update(place, value)),
        3 => (leaf.clone(), 0..3usize).prop_map(|(place, value)| Op::Replace(place, value)),
        2 => leaf.prop_map(Op::Delete),
        1 => (0..ABOVE.len()).prop_map(Op::DeleteAbove),
        1 => (0..ABOVE.len()).prop_map(Op::Clear),
        1 => Just(["a", "b", "c"].to_vec()).prop_shuffle().prop_flat_map(|names| {
            (0..=names.len()).prop_map(move |count| names[..count].to_vec())
        }).prop_map(Op::Rules),
    ]
}

pub(in crate::store) fn ops(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(), count)
}

impl Op {
    pub(in crate::store) fn edit(&self) -> Edit {
        match self {
            Self::Update(index, choice) => {
                let (at, content) = chosen(*index, *choice);
                Edit::Update(at, content)
            }
            Self::Replace(index, choice) => {
                let (at, content) = chosen(*index, *choice);
                Edit::Replace(at, content)
            }
            Self::Delete(index) => Edit::Delete(vec![selecting(&place(PLACES[*index].0))]),
            Self::DeleteAbove(index) => Edit::Delete(vec![selecting(&place(ABOVE[*index]))]),
            Self::Clear(index) => {
                let at = place(ABOVE[*index]);
                if at.node().is_some_and(|node| schema().is_mixed(node) && !schema().node(node).keys().is_empty()) {
                    return Edit::Delete(vec![selecting(&at)]);
                }
                let content = if is_whole_list(&at) { Content::List(Vec::new()) } else { Content::Branch(Vec::new()) };
                Edit::Replace(at, content)
            }
            Self::Rules(names) => {
                let any = place("/rule[name=a]/any").node().expect("a leaf");
                let entry = |name: &&str| (key(name), vec![(any, Content::Leaf(Value::Empty))]);
                Edit::Replace(place("/rule"), Content::List(names.iter().map(entry).collect()))
            }
        }
    }
}

fn key(name: &str) -> ListKey {
    [Value::text(name)].into()
}

fn selecting(at: &DataPath) -> Pattern {
    Pattern::exactly(at, schema())
}

fn is_whole_list(at: &DataPath) -> bool {
    at.steps().last().is_some_and(|step| step.key.is_none() && matches!(schema().node(step.node).kind, Kind::List(_)))
}

fn chosen(index: usize, choice: usize) -> (DataPath, Content) {
    let (path, values) = PLACES[index];
    let at = place(path);
    let content = match values {
        [] => Content::Branch(Vec::new()),
        values => Content::Leaf(value(&at, values[choice % values.len()])),
    };
    (at, content)
}

/// Explicit configuration as places and values, and the order of the rules.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Model {
    explicit: BTreeMap<DataPath, Option<Value>>,
    pub(in crate::store) rules: Vec<ListKey>,
}

impl Model {
    pub(in crate::store) fn apply(&mut self, op: &Op) {
        match op.edit() {
            Edit::Delete(patterns) => patterns.iter().for_each(|pattern| self.remove(&concrete(pattern), true)),
            Edit::Update(at, Content::Leaf(value)) => {
                self.enter(&at);
                let merged = match (self.explicit.get(&at), value) {
                    (Some(Some(Value::List(there))), Value::List(added)) => {
                        let new = added.iter().filter(|member| !there.contains(member));
                        Value::List(there.iter().chain(new).cloned().collect())
                    }
                    (_, value) => value,
                };
                self.explicit.insert(at, Some(merged));
            }
            Edit::Replace(at, Content::Leaf(value)) => {
                self.enter(&at);
                self.explicit.insert(at, Some(value));
            }
            Edit::Update(at, _) => self.enter(&at),
            Edit::Replace(at, Content::List(entries)) => {
                self.remove(&at, true);
                self.enter(&at);
                for (key, children) in entries {
                    let (last, above) = at.steps().split_last().expect("not the root");
                    let entry = DataPath::new(above).child(last.node, Some(key));
                    self.enter(&entry);
                    for (node, content) in children {
                        let Content::Leaf(value) = content else { panic!("rules hold leaves") };
                        self.explicit.insert(entry.child(node, None), Some(value));
                    }
                }
            }
            Edit::Replace(at, _) => {
                self.remove(&at, false);
                self.enter(&at);
            }
        }
        self.hollow();
    }

    /// Makes the entries and presence containers on the way to a place, and ends other cases.
    fn enter(&mut self, at: &DataPath) {
        for length in 1..=at.steps().len() {
            let here = DataPath::new(&at.steps()[..length]);
            let node = schema().node(here.node().expect("not the root"));
            let parent = here.parent();
            self.explicit.retain(|known, _| {
                let sibling = known.steps().get(length - 1).filter(|_| parent.contains(known));
                sibling.is_none_or(|sibling| {
                    !node.cases.iter().any(|ours| {
                        let theirs = &schema().node(sibling.node).cases;
                        theirs.iter().any(|theirs| theirs.choice == ours.choice && theirs.case != ours.case)
                    })
                })
            });
            let step = &here.steps()[length - 1];
            match (&node.kind, &step.key) {
                (Kind::Container { presence: true }, _) => drop(self.explicit.entry(here).or_insert(None)),
                (Kind::List(list), Some(key)) => {
                    if list.user_ordered && !self.rules.contains(key) {
                        self.rules.push(key.clone());
                    }
                    for (&leaf, value) in list.keys.iter().zip(key.iter()) {
                        self.explicit.insert(here.child(leaf, None), Some(value.clone()));
                    }
                    self.explicit.insert(here, None);
                }
                _ => {}
            }
        }
    }

    /// Removes a place, or only what is below it.
    fn remove(&mut self, at: &DataPath, itself: bool) {
        let whole = is_whole_list(at);
        let parent = at.parent();
        let gone = |known: &DataPath| {
            if whole {
                let step = known.steps().get(at.steps().len() - 1);
                return parent.contains(known) && step.map(|step| step.node) == at.node();
            }
            let is_key = known.parent() == *at
                && known
                    .node()
                    .is_some_and(|node| matches!(&schema().node(node).kind, Kind::Leaf(leaf) if leaf.is_key));
            at.contains(known) && (itself || (known != at && !is_key))
        };
        self.explicit.retain(|known, _| !gone(known));
        let rule = place("/rule").node();
        let explicit = &self.explicit;
        self.rules.retain(|key| {
            let steps = [Step { node: rule.expect("a list"), key: Some(key.clone()) }];
            explicit.contains_key(&DataPath::new(steps))
        });
    }

    /// An entry of a list that also holds state and of which only the keys are left is not configured any more.
    fn hollow(&mut self) {
        let hollow: Vec<DataPath> = self
            .explicit
            .keys()
            .filter(|place| place.steps().last().is_some_and(|step| step.key.is_some() && schema().is_mixed(step.node)))
            .filter(|place| self.explicit.keys().filter(|known| place.contains(known)).count() <= 2)
            .cloned()
            .collect();
        for place in hollow {
            self.remove(&place, true);
        }
    }

    /// The tree this stands for: explicit values and the defaults in use.
    pub(in crate::store) fn flat(&self) -> Flat {
        let mut flat: Flat = self
            .explicit
            .iter()
            .map(|(place, value)| (place.clone(), Item { value: value.clone(), is_default: false }))
            .collect();
        let mut branches = vec![DataPath::root()];
        branches.extend(self.explicit.iter().filter(|(_, value)| value.is_none()).map(|(place, _)| place.clone()));
        for branch in branches {
            self.defaults(&branch, branch.node(), &mut flat);
        }
        flat
    }

    fn defaults(&self, at: &DataPath, of: Option<NodeId>, flat: &mut Flat) {
        for &id in schema().children(of) {
            let node = schema().node(id);
            let here = at.child(id, None);
            // What stands below a `when` is left to the vote.
            if !node.config || node.has_when || !self.is_active(at, id) {
                continue;
            }
            if matches!(node.kind, Kind::Container { presence: false }) {
                self.defaults(&here, Some(id), flat);
            } else if let Some(value) = default_of(node) {
                flat.entry(here).or_insert(Item { value: Some(value), is_default: true });
            }
        }
    }

    /// Whether the cases a child lies in are taken, or are defaults of choices nobody has taken.
    fn is_active(&self, at: &DataPath, id: NodeId) -> bool {
        schema().node(id).cases.iter().all(|ours| {
            let taken = self.explicit.keys().filter(|known| at.contains(known)).find_map(|known| {
                let child = known.steps().get(at.steps().len())?;
                schema().node(child.node).cases.iter().find(|theirs| theirs.choice == ours.choice)
            });
            taken.map_or(ours.is_default, |taken| taken.case == ours.case)
        })
    }
}

fn concrete(pattern: &Pattern) -> DataPath {
    let step = |step: &PatternStep| match &step.keys {
        KeyMatch::Exact(key) => Step { node: step.node, key: Some(key.clone()) },
        _ => Step { node: step.node, key: None },
    };
    DataPath::new(pattern.steps().iter().map(step).collect::<Vec<_>>())
}

/// The order of the rules in a tree.
pub(in crate::store) fn rules(tree: &Tree) -> Vec<ListKey> {
    let node = place("/rule").node().expect("a list");
    tree.root().list(node).into_iter().flat_map(|list| list.iter()).map(|(key, _)| key.clone()).collect()
}
