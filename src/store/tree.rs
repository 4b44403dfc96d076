//! The persistent data tree: path-copying, structurally shared.
//!
//! Invariant: children of a branch are sorted by [`NodeId`], which is YANG order; a list entry holds its key leaves; no
//! non-presence container is empty. Cloning a [`Tree`] copies one pointer, and a change copies only the branches on its
//! way down. This module knows nothing of validity: [`super::edit`] and the writers do.

use std::sync::Arc;

use imbl::{OrdMap, ordmap};

use crate::path::{DataPath, ListKey, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::time::Timestamp;
use crate::value::Value;

/// A leaf or leaf-list with its value, the time that value was collected or set, and how often it has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// The value; a leaf-list holds a [`Value::List`].
    pub value: Value,
    /// When the value was collected (state) or committed (configuration).
    pub time: Timestamp,
    /// Change count in the low 31 bits, "is a default in use" in the top bit: together they keep a leaf at 40 bytes.
    version_and_default: u32,
}

const DEFAULT_BIT: u32 = 1 << 31;

impl Leaf {
    /// A leaf set explicitly, for the first time.
    pub fn new(value: Value, time: Timestamp) -> Self {
        Self { value, time, version_and_default: 1 }
    }

    /// A leaf that holds its YANG default because nobody set it.
    pub fn in_default(value: Value, time: Timestamp) -> Self {
        Self { value, time, version_and_default: 1 | DEFAULT_BIT }
    }

    /// Whether the value is a default in use (RFC 7950 7.6.1).
    pub fn is_default(&self) -> bool {
        self.version_and_default & DEFAULT_BIT != 0
    }

    /// How often this leaf has changed; the distance between two versions tells how many values were skipped (SUB-041).
    pub fn version(&self) -> u32 {
        self.version_and_default & !DEFAULT_BIT
    }

    /// This leaf as the successor of `old`.
    pub fn following(mut self, old: &Self) -> Self {
        let version = old.version().wrapping_add(1) & !DEFAULT_BIT;
        self.version_and_default = self.version_and_default & DEFAULT_BIT | version;
        self
    }

    /// This leaf with the time and version of `old`, whose value it repeats.
    pub fn with_history_of(mut self, old: &Self) -> Self {
        self.time = old.time;
        self.version_and_default = self.version_and_default & DEFAULT_BIT | old.version();
        self
    }

    /// Whether value and explicitness are those of `other`, whatever their times.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.value == other.value && self.is_default() == other.is_default()
    }
}

/// What stands at one schema node of a branch.
#[derive(Clone, Debug)]
pub enum Child {
    /// A leaf or leaf-list.
    Leaf(NodeId, Leaf),
    /// A container.
    Container(NodeId, Arc<Branch>),
    /// A list with at least one entry.
    List(NodeId, List),
}

impl Child {
    /// The schema node.
    pub fn node(&self) -> NodeId {
        match self {
            Self::Leaf(node, _) | Self::Container(node, _) | Self::List(node, _) => *node,
        }
    }

    /// The container that this is. Anything else, which the one kind that the schema gives a node rules out, makes room
    /// for one.
    fn as_container(&mut self) -> &mut Branch {
        match self {
            Self::Container(_, branch) => Arc::make_mut(branch),
            other => {
                *other = Self::Container(other.node(), Arc::default());
                other.as_container()
            }
        }
    }

    /// The list that this is, in the same way.
    fn as_list(&mut self, user_ordered: bool) -> &mut List {
        match self {
            Self::List(_, list) => list,
            other => {
                *other = Self::List(other.node(), List::new(user_ordered));
                other.as_list(user_ordered)
            }
        }
    }
}

/// The content of a container, of a list entry, or of the root.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    children: Vec<Child>,
}

impl Branch {
    /// Everything in it, in schema order.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// What stands at a schema node.
    pub fn child(&self, node: NodeId) -> Option<&Child> {
        self.position(node).ok().and_then(|position| self.children.get(position))
    }

    /// The leaf at a schema node.
    pub fn leaf(&self, node: NodeId) -> Option<&Leaf> {
        match self.child(node)? {
            Child::Leaf(_, leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The container at a schema node.
    pub fn container(&self, node: NodeId) -> Option<&Arc<Self>> {
        match self.child(node)? {
            Child::Container(_, branch) => Some(branch),
            _ => None,
        }
    }

    /// The list at a schema node.
    pub fn list(&self, node: NodeId) -> Option<&List> {
        match self.child(node)? {
            Child::List(_, list) => Some(list),
            _ => None,
        }
    }

    /// Puts a leaf in, replacing what was there; returns the leaf it replaced.
    #[expect(clippy::indexing_slicing, reason = "a position that a search in these very children found")]
    pub fn put_leaf(&mut self, node: NodeId, leaf: Leaf) -> Option<Leaf> {
        let new = Child::Leaf(node, leaf);
        let old = match self.position(node) {
            Ok(position) => std::mem::replace(&mut self.children[position], new),
            Err(position) => {
                self.children.insert(position, new);
                return None;
            }
        };
        match old {
            Child::Leaf(_, old) => Some(old),
            Child::Container(..) | Child::List(..) => None,
        }
    }

    /// The container at a node, created empty when absent.
    pub fn container_mut(&mut self, node: NodeId) -> &mut Self {
        self.child_or(node, || Child::Container(node, Arc::default())).as_container()
    }

    /// The list at a node, created empty when absent; the caller puts an entry in.
    pub fn list_mut(&mut self, node: NodeId, user_ordered: bool) -> &mut List {
        self.child_or(node, || Child::List(node, List::new(user_ordered))).as_list(user_ordered)
    }

    /// A mutable view of what stands at a node.
    pub fn child_mut(&mut self, node: NodeId) -> Option<&mut Child> {
        let position = self.position(node).ok()?;
        self.children.get_mut(position)
    }

    /// Takes out what stands at a node.
    pub fn remove(&mut self, node: NodeId) -> Option<Child> {
        self.position(node).ok().map(|position| self.children.remove(position))
    }

    /// Keeps only the children that `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&Child) -> bool) {
        self.children.retain(keep);
    }

    /// The child at `node`, made by `make` when absent.
    #[expect(clippy::indexing_slicing, reason = "a position that a search in these very children found")]
    fn child_or(&mut self, node: NodeId, make: impl FnOnce() -> Child) -> &mut Child {
        let position = self.position(node).unwrap_or_else(|position| {
            self.children.insert(position, make());
            position
        });
        &mut self.children[position]
    }

    fn position(&self, node: NodeId) -> Result<usize, usize> {
        self.children.binary_search_by_key(&node, Child::node)
    }
}

/// A list entry. Equality is identity, so that comparing two list versions skips what they share.
#[derive(Clone, Debug, Default)]
pub struct Entry(Arc<Branch>);

impl Entry {
    /// Its content.
    pub fn branch(&self) -> &Arc<Branch> {
        &self.0
    }

    /// Its content, to be changed.
    pub fn branch_mut(&mut self) -> &mut Branch {
        Arc::make_mut(&mut self.0)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The entries of one list instance: by key, or in the user's order where the schema says so.
#[derive(Clone, Debug)]
pub struct List {
    entries: OrdMap<ListKey, Entry>,
    /// Keys in the user's order; none for a list ordered by system. User-ordered lists are short in every known model,
    /// so their order is copied whole.
    order: Option<Arc<Vec<ListKey>>>,
}

impl List {
    fn new(user_ordered: bool) -> Self {
        Self { entries: OrdMap::new(), order: user_ordered.then(Arc::default) }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// One entry.
    pub fn get(&self, key: &ListKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The key as the list holds it, so that clones share its memory.
    pub fn stored_key(&self, key: &ListKey) -> Option<&ListKey> {
        self.entries.get_key_value(key).map(|(stored, _)| stored)
    }

    /// All entries in list order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (&ListKey, &Entry)> + '_> {
        match &self.order {
            None => Box::new(self.entries.iter()),
            Some(order) => Box::new(order.iter().filter_map(|key| self.entries.get_key_value(key))),
        }
    }

    /// Entries in list order, from the one with this key on; all of them when no key is given.
    pub fn iter_from<'a>(
        &'a self,
        key: Option<&'a ListKey>,
    ) -> Box<dyn Iterator<Item = (&'a ListKey, &'a Entry)> + 'a> {
        match (&self.order, key) {
            (_, None) => self.iter(),
            (None, Some(key)) => Box::new(self.entries.range::<_, ListKey>(key..)),
            (Some(_), Some(key)) => Box::new(self.iter().skip_while(move |(stored, _)| *stored != key)),
        }
    }

    /// Entries that differ from those of an older version of this list.
    pub fn diff<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = ordmap::DiffItem<'a, 'a, ListKey, Entry>> {
        old.entries.diff(&self.entries)
    }

    /// Whether the user orders the entries.
    pub fn is_user_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Whether the user's order changed.
    pub fn reordered(&self, old: &Self) -> bool {
        self.order != old.order
    }

    /// Puts the entries of a user-ordered list in this order. Entries it does not name come last, as they stood.
    pub fn set_order(&mut self, keys: &[ListKey]) {
        if let Some(order) = &mut self.order {
            let unnamed: Vec<ListKey> = order.iter().filter(|key| !keys.contains(key)).cloned().collect();
            let named = keys.iter().filter(|key| self.entries.contains_key(*key)).cloned();
            *order = Arc::new(named.chain(unnamed).collect());
        }
    }

    /// The entry with this key, created with its key leaves when absent.
    pub fn entry_mut(&mut self, key: &ListKey, keys: &[NodeId], time: Timestamp) -> &mut Branch {
        let entry = match self.entries.entry(key.clone()) {
            ordmap::Entry::Occupied(present) => present.into_mut(),
            ordmap::Entry::Vacant(absent) => {
                let mut entry = Branch::default();
                for (&node, value) in keys.iter().zip(key.iter()) {
                    entry.put_leaf(node, Leaf::new(value.clone(), time));
                }
                if let Some(order) = &mut self.order {
                    Arc::make_mut(order).push(key.clone());
                }
                absent.insert(Entry(Arc::new(entry)))
            }
        };
        entry.branch_mut()
    }

    /// An existing entry, to be changed.
    pub fn get_mut(&mut self, key: &ListKey) -> Option<&mut Branch> {
        self.entries.get_mut(key).map(Entry::branch_mut)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &ListKey) -> Option<Entry> {
        let removed = self.entries.remove(key)?;
        if let Some(order) = &mut self.order {
            Arc::make_mut(order).retain(|stored| stored != key);
        }
        Some(removed)
    }
}

/// A whole data tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: Arc<Branch>,
}

impl Tree {
    /// The tree with this root.
    pub fn of(root: Branch) -> Self {
        Self { root: Arc::new(root) }
    }

    /// The branch above all top-level nodes.
    pub fn root(&self) -> &Arc<Branch> {
        &self.root
    }

    /// The root, to be changed.
    pub fn root_mut(&mut self) -> &mut Branch {
        Arc::make_mut(&mut self.root)
    }

    /// Whether both are the same version, decided by pointer.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The container, list entry or root at a place.
    pub fn branch(&self, path: &[Step]) -> Option<&Arc<Branch>> {
        let mut at = &self.root;
        for step in path {
            at = match (at.child(step.node)?, &step.key) {
                (Child::Container(_, branch), _) => branch,
                (Child::List(_, list), Some(key)) => list.get(key)?.branch(),
                _ => return None,
            };
        }
        Some(at)
    }

    /// The leaf at a place.
    pub fn leaf(&self, path: &[Step]) -> Option<&Leaf> {
        let (last, above) = path.split_last()?;
        self.branch(above)?.leaf(last.node)
    }

    /// Whether anything stands at a place.
    pub fn exists(&self, path: &DataPath) -> bool {
        match path.steps().split_last() {
            None => true,
            Some((last, above)) => {
                self.branch(above).is_some_and(|branch| match (branch.child(last.node), &last.key) {
                    (Some(Child::List(_, list)), Some(key)) => list.get(key).is_some(),
                    (found, _) => found.is_some(),
                })
            }
        }
    }

    /// The branch at a place, created on the way down, list entries with their key leaves. A list step needs its key.
    pub fn branch_mut(&mut self, schema: &Schema, path: &[Step], time: Timestamp) -> &mut Branch {
        path.iter().fold(self.root_mut(), |at, step| match (&schema.node(step.node).kind, &step.key) {
            (Kind::List(list), Some(key)) => at.list_mut(step.node, list.user_ordered).entry_mut(key, &list.keys, time),
            _ => at.container_mut(step.node),
        })
    }

    /// The branch at a place where one is, to be changed. The shorter way than [`Self::branch_mut`]: nothing is asked twice.
    pub fn present_mut(&mut self, path: &[Step]) -> Option<&mut Branch> {
        path.iter().try_fold(self.root_mut(), |at, step| match (at.child_mut(step.node)?, &step.key) {
            (Child::Container(_, branch), _) => Some(Arc::make_mut(branch)),
            (Child::List(_, list), Some(key)) => list.get_mut(key),
            _ => None,
        })
    }

    /// Takes out what stands at a place (leaf, container, list entry, or a list as a whole) and prunes the
    /// non-presence containers and lists that this leaves empty. Returns the place of the highest node that went, or
    /// none when nothing was there.
    #[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
    pub fn remove(&mut self, schema: &Schema, path: &DataPath) -> Option<DataPath> {
        if !self.exists(path) {
            return None;
        }
        let gone = remove_below(self.root_mut(), schema, path.steps(), 0)?;
        Some(DataPath::new(&path.steps()[..gone]))
    }
}

/// Removes below `at`; returns how many steps of the path the highest removed node has.
fn remove_below(at: &mut Branch, schema: &Schema, path: &[Step], depth: usize) -> Option<usize> {
    let step = path.get(depth)?;
    let last = depth + 1 == path.len();
    let (gone, prune) = match (at.child_mut(step.node)?, &step.key) {
        (Child::List(_, list), Some(key)) if last => {
            list.remove(key)?;
            (depth + 1, list.is_empty())
        }
        (Child::List(_, list), Some(key)) => {
            // An entry always keeps its key leaves, so it never vanishes by itself.
            return remove_below(list.get_mut(key)?, schema, path, depth + 1);
        }
        (_, _) if last => {
            at.remove(step.node);
            return Some(depth + 1);
        }
        (Child::Container(_, branch), _) => {
            let branch = Arc::make_mut(branch);
            let gone = remove_below(branch, schema, path, depth + 1)?;
            let presence = matches!(schema.node(step.node).kind, Kind::Container { presence: true });
            if !branch.is_empty() || presence {
                return Some(gone);
            }
            (depth + 1, true)
        }
        _ => return None,
    };
    if prune {
        at.remove(step.node);
    }
    Some(gone)
}
