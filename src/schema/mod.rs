//! The compiled schema: every data node of the loaded YANG modules in one arena.
//!
//! Invariant: a `Schema` never changes after it is built, and node ids are given in pre-order, so sorting siblings by
//! [`NodeId`] gives the order of the YANG text. Choices and cases are not nodes; a node lists those it lies in.
//! The arena answers everything the hot paths ask. libyang is used to build it ([`load()`]) and to evaluate must and when
//! ([`Constraints`] on a [`Mirror`]), never to look something up.

mod accept;
mod constraints;
mod libyang;
mod load;
mod pattern;
mod renamed;
mod secret;
mod set;
mod types;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use accept::{Input, Rule, TypeError};
pub use constraints::{Constraint, ConstraintId, ConstraintKind, Constraints};
#[cfg(test)]
pub(crate) use libyang::Wrong;
pub use libyang::{Mirror, MirrorError};
pub use load::{Checked, LeafPlace, LoadError, Loaded, Sources, check, load};
pub use pattern::TextPattern;
pub use renamed::Naming;
pub use secret::is_secret_name;
pub use set::NodeSet;
pub use types::{Range, Type};

use crate::value::{Text, Value};

/// Index of a data node in its [`Schema`]. Ordered as the YANG text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The id as an index, for tables that run parallel to the schema.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a module in its [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(u16);

/// Where the text of a module comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It is part of the program.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A feature of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: Text,
    /// Whether what depends on it is there.
    pub enabled: bool,
}

/// A YANG module.
#[derive(Debug)]
pub struct Module {
    /// Module name, the prefix of RFC 7951 names.
    pub name: Text,
    /// XML namespace.
    pub namespace: Text,
    /// Latest revision date, when the module states one.
    pub revision: Option<Text>,
    /// `organization` text with white space folded.
    pub organization: Text,
    /// `oc-ext:openconfig-version`, when the module states one (CAP-004).
    pub openconfig_version: Option<Text>,
    /// Where its text comes from.
    pub origin: Origin,
    /// Its features, in the order of the text.
    pub features: Box<[Feature]>,
    /// Names, revisions and origins of its submodules.
    pub submodules: Box<[(Text, Text, Origin)]>,
    /// Names of the modules that add nodes to it.
    pub augmented_by: Box<[Text]>,
    /// Names of the modules that deviate it.
    pub deviated_by: Box<[Text]>,
}

/// What a data node is.
#[derive(Debug)]
pub enum Kind {
    /// A container.
    Container {
        /// Whether its mere existence is data.
        presence: bool,
    },
    /// A list; its entries hold the children.
    List(ListInfo),
    /// A leaf.
    Leaf(LeafInfo),
    /// A leaf-list.
    LeafList(LeafListInfo),
    /// `anydata` or `anyxml`: known to exist, never stored.
    Any,
}

/// What only lists have.
#[derive(Debug)]
pub struct ListInfo {
    /// Key leaves in the order of the `key` statement; empty for a keyless (state) list.
    pub keys: Box<[NodeId]>,
    /// `ordered-by user`.
    pub user_ordered: bool,
    /// `min-elements`, zero when absent.
    pub min_elements: u32,
    /// `max-elements`, none when unbounded.
    pub max_elements: Option<u32>,
    /// Leaves of each `unique` statement.
    pub uniques: Box<[Box<[NodeId]>]>,
}

/// What only leaves have.
#[derive(Debug)]
pub struct LeafInfo {
    /// Its type.
    pub ty: Arc<Type>,
    /// Its default, in canonical form.
    pub default: Option<Value>,
    /// Whether it is a key of the list around it.
    pub is_key: bool,
}

/// What only leaf-lists have.
#[derive(Debug)]
pub struct LeafListInfo {
    /// Type of the members.
    pub ty: Arc<Type>,
    /// Default members.
    pub defaults: Box<[Value]>,
    /// `ordered-by user`.
    pub user_ordered: bool,
    /// `min-elements`, zero when absent.
    pub min_elements: u32,
    /// `max-elements`, none when unbounded.
    pub max_elements: Option<u32>,
}

/// One case of one choice that a node lies in. Both numbers are unique within the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseRef {
    /// The choice.
    pub choice: u32,
    /// The case within it.
    pub case: u32,
    /// Whether this is the default case of the choice.
    pub is_default: bool,
}

/// A choice. Its number is its index among [`Schema::choices`].
#[derive(Debug)]
pub struct Choice {
    /// Name of the choice.
    pub name: Text,
    /// The data node around it; none at the top.
    pub parent: Option<NodeId>,
    /// The case it lies in, when that is below the same data node.
    pub within: Option<CaseRef>,
    /// Whether some case has to have data.
    pub mandatory: bool,
    /// Its cases in schema order.
    pub cases: Box<[Case]>,
}

/// A case of a choice, shorthand ones included.
#[derive(Debug)]
pub struct Case {
    /// The number that [`CaseRef::case`] has.
    pub number: u32,
    /// Name of the case.
    pub name: Text,
    /// Leaves that have to exist once anything of the case does (RFC 7950 7.6.5).
    pub mandatory: Box<[NodeId]>,
}

/// One data node.
#[derive(Debug)]
pub struct Node {
    /// Name without module.
    pub name: Text,
    /// The module whose namespace the node is in.
    pub module: ModuleId,
    /// Node around it; none for a top-level node.
    pub parent: Option<NodeId>,
    /// What it is.
    pub kind: Kind,
    /// `config true`.
    pub config: bool,
    /// `mandatory true` of a leaf or anydata that is neither a key nor a member of a case; those of a case are in
    /// [`Case::mandatory`].
    pub mandatory: bool,
    /// Whether the node carries a `when`, itself or by the uses, augment, choice or case around it.
    pub has_when: bool,
    /// Choices and cases it lies in, outermost first, below its parent data node.
    pub cases: Box<[CaseRef]>,
    /// Data children in schema order.
    pub children: Box<[NodeId]>,
    /// Data children sorted by name, then id.
    by_name: Box<[NodeId]>,
    /// `units`, when stated.
    pub units: Option<Text>,
}

impl Node {
    /// The type of a leaf or of the members of a leaf-list.
    pub fn ty(&self) -> Option<&Arc<Type>> {
        match &self.kind {
            Kind::Leaf(leaf) => Some(&leaf.ty),
            Kind::LeafList(list) => Some(&list.ty),
            Kind::Container { .. } | Kind::List(_) | Kind::Any => None,
        }
    }

    /// Whether the node holds a value (leaf or leaf-list).
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, Kind::Leaf(_) | Kind::LeafList(_))
    }

    /// Key leaves, when the node is a list.
    pub fn keys(&self) -> &[NodeId] {
        match &self.kind {
            Kind::List(list) => &list.keys,
            _ => &[],
        }
    }
}

/// All data nodes of all implemented modules.
#[derive(Debug)]
pub struct Schema {
    nodes: Vec<Node>,
    modules: Vec<Module>,
    words: Vec<Module>,
    choices: Vec<Choice>,
    /// By node: `config true` with a `config false` node below. See [`mixed`].
    mixed: Box<[bool]>,
    /// Leaves that hold secrets, by id.
    secrets: Box<[NodeId]>,
    roots: Box<[NodeId]>,
    roots_by_name: Box<[NodeId]>,
}

impl Schema {
    /// A node by id. Ids come only from this schema, so the index is always inside.
    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// A module by id.
    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[usize::from(id.0)]
    }

    /// All implemented modules, sorted by name: those that define data, and those that only change others.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The modules that only define words for others (types, groupings, extensions, identities that nobody uses), sorted
    /// by name. No node is in them.
    pub fn words(&self) -> &[Module] {
        &self.words
    }

    /// All choices, by number.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Top-level data nodes in module order.
    pub fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    /// Number of data nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no data node at all.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All node ids in order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(NodeId)
    }

    /// Data children of a node, or the top-level nodes.
    pub fn children(&self, parent: Option<NodeId>) -> &[NodeId] {
        match parent {
            Some(parent) => &self.node(parent).children,
            None => &self.roots,
        }
    }

    /// The children called `name`: usually one, more when modules augment the same name in.
    pub fn named(&self, parent: Option<NodeId>, name: &str) -> &[NodeId] {
        match self.exactly_named(parent, name) {
            [] => {
                let around = parent.map(|parent| &*self.node(parent).name);
                renamed::other_name(around, name).map_or(&[], |other| self.exactly_named(parent, other))
            }
            found => found,
        }
    }

    /// Whether `name` is the name of a node or the one it had before.
    pub fn is_called(&self, id: NodeId, name: &str) -> bool {
        let node = self.node(id);
        let other = || renamed::other_name(node.parent.map(|parent| &*self.node(parent).name), name);
        *node.name == *name || other().is_some_and(|other| *node.name == *other)
    }

    #[expect(clippy::indexing_slicing, reason = "partition points of this very list")]
    fn exactly_named(&self, parent: Option<NodeId>, name: &str) -> &[NodeId] {
        let sorted = match parent {
            Some(parent) => &self.node(parent).by_name,
            None => &self.roots_by_name,
        };
        let start = sorted.partition_point(|&id| *self.node(id).name < *name);
        let count = sorted[start..].partition_point(|&id| *self.node(id).name == *name);
        &sorted[start..start + count]
    }

    /// The child called `name`, of the given module when one is given. Without a module, a child of the parent's own
    /// module goes before one that another module added.
    pub fn child(&self, parent: Option<NodeId>, module: Option<&str>, name: &str) -> Option<NodeId> {
        let found = self.named(parent, name);
        match module {
            Some(module) => found.iter().copied().find(|&id| &*self.module(self.node(id).module).name == module),
            None => {
                let home = parent.map(|parent| self.node(parent).module);
                found.iter().copied().find(|&id| Some(self.node(id).module) == home).or(found.first().copied())
            }
        }
    }

    /// Whether a `config true` node has state somewhere below it, as OpenConfig lists do.
    pub fn is_mixed(&self, id: NodeId) -> bool {
        self.mixed.get(id.index()).copied().unwrap_or(false)
    }

    /// Whether `ancestor` is `node` or lies above it.
    pub fn contains(&self, ancestor: NodeId, node: NodeId) -> bool {
        let mut at = Some(node);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.node(id).parent;
        }
        false
    }

    /// The schema nodes from the top-level node down to `id`.
    pub fn lineage(&self, id: NodeId) -> Vec<NodeId> {
        let mut line = vec![id];
        while let Some(parent) = line.last().and_then(|&id| self.node(id).parent) {
            line.push(parent);
        }
        line.reverse();
        line
    }

    /// The keyless schema path, `/state/port/statistics`.
    pub fn path_text(&self, id: NodeId) -> String {
        self.lineage(id).into_iter().map(|id| format!("/{}", self.node(id).name)).collect()
    }

    /// Whether the RFC 7951 name of `id` needs its module prefix below `parent` (RFC 7951 section 4).
    pub fn changes_module(&self, parent: Option<NodeId>, id: NodeId) -> bool {
        parent.is_none_or(|parent| self.node(parent).module != self.node(id).module)
    }
}

/// For every node, whether it is configuration that holds state. Children come after their parents in the arena, so one
/// backward pass sees every child before its parent.
#[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
fn mixed(nodes: &[Node]) -> Box<[bool]> {
    let mut mixed = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent
            && nodes[parent.index()].config
            && (!node.config || mixed[index])
        {
            mixed[parent.index()] = true;
        }
    }
    mixed.into()
}
