//! Views of modules and compiled schema nodes.

use std::ffi::c_char;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::{iter, ptr};

use libyang5_sys as ffi;
use yang5::context::Context;
use yang5::schema::SchemaModule as YangModule;

use super::context::Contents;
use super::{CompiledType, sized_array, text};

/// The implemented modules of a context, without those that libyang brings along itself and those that define only
/// types, groupings and extensions for others.
pub(in crate::schema) fn modules(context: &Context) -> impl Iterator<Item = SchemaModule<'_>> {
    context
        .modules(true)
        .filter(YangModule::is_implemented)
        // SAFETY: a module of a context that is borrowed here and so does not change.
        .filter(|module| unsafe { Contents::of(&*module.as_raw()) } != Contents::Words)
        .map(|module| SchemaModule::of(&module))
}

/// A module.
#[derive(Clone, Copy)]
pub(in crate::schema) struct SchemaModule<'a> {
    raw: *const ffi::lys_module,
    context: PhantomData<&'a Context>,
}

impl<'a> SchemaModule<'a> {
    pub(super) fn of(module: &YangModule<'a>) -> Self {
        Self { raw: module.as_raw(), context: PhantomData }
    }

    pub(super) fn get(self) -> &'a ffi::lys_module {
        // SAFETY: views are made only from valid pointers and borrow the context that owns the module.
        unsafe { &*self.raw }
    }

    pub(in crate::schema) fn name(self) -> &'a str {
        // SAFETY: names live as long as their module.
        unsafe { text(self.get().name) }
    }

    pub(in crate::schema) fn namespace(self) -> &'a str {
        // SAFETY: as for `name`.
        unsafe { text(self.get().ns) }
    }

    pub(in crate::schema) fn revision(self) -> Option<&'a str> {
        // SAFETY: as for `name`.
        Some(unsafe { text(self.get().revision) }).filter(|revision| !revision.is_empty())
    }

    pub(in crate::schema) fn organization(self) -> &'a str {
        // SAFETY: as for `name`.
        unsafe { text(self.get().org) }
    }

    /// Argument of the first use of the extension `name` directly in the module.
    pub(in crate::schema) fn extension(self, name: &str) -> Option<&'a str> {
        // SAFETY: the compiled part of an implemented module, its extensions and their definitions live as long as
        // the context.
        unsafe {
            let compiled = self.get().compiled.as_ref()?;
            let found = sized_array(compiled.exts)
                .iter()
                .find(|extension| extension.def.as_ref().is_some_and(|definition| text(definition.name) == name))?;
            Some(text(found.argument))
        }
    }

    /// Top-level data nodes, choices included, in the order of the text.
    pub(in crate::schema) fn data(self) -> impl Iterator<Item = SchemaNode<'a>> {
        // SAFETY: see `extension`.
        let first = unsafe { self.get().compiled.as_ref() }.map_or(ptr::null(), |compiled| compiled.data.cast_const());
        siblings(first)
    }
}

/// What a compiled schema node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum NodeKind {
    Container,
    Choice,
    Case,
    Leaf,
    LeafList,
    List,
    Any,
    /// Operations and notifications, which hold no data.
    Other,
}

/// A compiled schema node.
#[derive(Clone, Copy)]
pub(in crate::schema) struct SchemaNode<'a> {
    raw: *const ffi::lysc_node,
    context: PhantomData<&'a Context>,
}

impl PartialEq for SchemaNode<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.raw, other.raw)
    }
}

impl Eq for SchemaNode<'_> {}

impl Hash for SchemaNode<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

impl<'a> SchemaNode<'a> {
    /// # Safety
    ///
    /// A pointer that is not null has to be to a compiled node of a context that lives and stays unchanged for `'a`.
    pub(super) unsafe fn new(raw: *const ffi::lysc_node) -> Option<Self> {
        (!raw.is_null()).then_some(Self { raw, context: PhantomData })
    }

    fn get(self) -> &'a ffi::lysc_node {
        // SAFETY: views are made only from valid pointers and borrow the context that owns the node.
        unsafe { &*self.raw }
    }

    /// The pointer behind the view.
    pub(super) fn as_raw(self) -> *const ffi::lysc_node {
        self.raw
    }

    /// The module whose namespace the node is in.
    pub(super) fn raw_module(self) -> *const ffi::lys_module {
        self.get().module
    }

    /// Its name as libyang keeps it.
    pub(super) fn raw_name(self) -> *const c_char {
        self.get().name
    }

    /// The name of its module as libyang keeps it.
    pub(super) fn raw_module_name(self) -> *const c_char {
        // SAFETY: every node points to its module, which lives as long as the context.
        unsafe { (*self.get().module).name }
    }

    /// The node around it, choices and cases included.
    pub(in crate::schema) fn parent(self) -> Option<SchemaNode<'a>> {
        // SAFETY: null or a valid node of the same context.
        unsafe { Self::new(self.get().parent) }
    }

    /// The node as the leaf it is.
    fn leaf(self) -> Option<&'a ffi::lysc_node_leaf> {
        // SAFETY: libyang allocates a `lysc_node_leaf` for every node of this type.
        (self.kind() == NodeKind::Leaf).then(|| unsafe { &*self.raw.cast() })
    }

    /// The node as the leaf-list it is.
    fn leaf_list(self) -> Option<&'a ffi::lysc_node_leaflist> {
        // SAFETY: libyang allocates a `lysc_node_leaflist` for every node of this type.
        (self.kind() == NodeKind::LeafList).then(|| unsafe { &*self.raw.cast() })
    }

    /// The node as the list it is.
    fn list(self) -> Option<&'a ffi::lysc_node_list> {
        // SAFETY: libyang allocates a `lysc_node_list` for every node of this type.
        (self.kind() == NodeKind::List).then(|| unsafe { &*self.raw.cast() })
    }

    pub(in crate::schema) fn kind(self) -> NodeKind {
        match u32::from(self.get().nodetype) {
            ffi::LYS_CONTAINER => NodeKind::Container,
            ffi::LYS_CHOICE => NodeKind::Choice,
            ffi::LYS_CASE => NodeKind::Case,
            ffi::LYS_LEAF => NodeKind::Leaf,
            ffi::LYS_LEAFLIST => NodeKind::LeafList,
            ffi::LYS_LIST => NodeKind::List,
            ffi::LYS_ANYDATA | ffi::LYS_ANYXML => NodeKind::Any,
            _ => NodeKind::Other,
        }
    }

    pub(in crate::schema) fn name(self) -> &'a str {
        // SAFETY: names live as long as their node.
        unsafe { text(self.get().name) }
    }

    /// Name of the module whose namespace the node is in.
    pub(in crate::schema) fn module(self) -> &'a str {
        // SAFETY: every node points to its module, which lives as long as the context.
        unsafe { text((*self.get().module).name) }
    }

    /// Children as written: choices below containers, cases below choices.
    pub(in crate::schema) fn children(self) -> impl Iterator<Item = SchemaNode<'a>> {
        // SAFETY: a valid node; the result is null or its first child.
        let first = unsafe { ffi::lysc_node_child(self.raw) };
        // Children of all cases of a choice are chained to each other, so the parent tells where those of one end.
        siblings(first).take_while(move |child| ptr::eq(child.get().parent, self.raw))
    }

    fn flag(self, flag: u32) -> bool {
        u32::from(self.get().flags) & flag != 0
    }

    pub(in crate::schema) fn is_config(self) -> bool {
        !self.flag(ffi::LYS_CONFIG_R)
    }

    pub(in crate::schema) fn is_mandatory(self) -> bool {
        self.flag(ffi::LYS_MAND_TRUE)
    }

    /// Whether a container means something by itself.
    pub(in crate::schema) fn is_presence(self) -> bool {
        self.kind() == NodeKind::Container && self.flag(ffi::LYS_PRESENCE)
    }

    pub(in crate::schema) fn is_key(self) -> bool {
        self.kind() == NodeKind::Leaf && self.flag(ffi::LYS_KEY)
    }

    pub(in crate::schema) fn is_user_ordered(self) -> bool {
        matches!(self.kind(), NodeKind::List | NodeKind::LeafList) && self.flag(ffi::LYS_ORDBY_USER)
    }

    /// Whether a `when` decides about the node: its own, that of its uses or augment, or that of a choice or case
    /// around it.
    pub(in crate::schema) fn has_when(self) -> bool {
        // SAFETY: a valid node.
        !unsafe { ffi::lysc_has_when(self.raw) }.is_null()
    }

    /// The default case of a choice.
    pub(in crate::schema) fn default_case(self) -> Option<SchemaNode<'a>> {
        if self.kind() != NodeKind::Choice {
            return None;
        }
        // SAFETY: libyang allocates a `lysc_node_choice` for every node of this type; the case is null or valid.
        unsafe { Self::new((*self.raw.cast::<ffi::lysc_node_choice>()).dflt.cast_const().cast()) }
    }

    /// `min-elements` and `max-elements`.
    pub(in crate::schema) fn elements(self) -> (u32, Option<u32>) {
        let (min, max) = match (self.list(), self.leaf_list()) {
            (Some(list), _) => (list.min, list.max),
            (_, Some(list)) => (list.min, list.max),
            _ => (0, u32::MAX),
        };
        (min, Some(max).filter(|&max| max != u32::MAX))
    }

    /// The leaves of each `unique` statement.
    pub(in crate::schema) fn uniques(self) -> Vec<Vec<SchemaNode<'a>>> {
        let Some(list) = self.list() else { return Vec::new() };
        // SAFETY: a sized array of sized arrays of valid leaf pointers.
        unsafe {
            sized_array(list.uniques.cast_const())
                .iter()
                .map(|&leaves| {
                    sized_array(leaves.cast_const())
                        .iter()
                        .filter_map(|&leaf| Self::new(leaf.cast_const().cast()))
                        .collect()
                })
                .collect()
        }
    }

    pub(in crate::schema) fn units(self) -> Option<&'a str> {
        let units = match (self.leaf(), self.leaf_list()) {
            (Some(leaf), _) => leaf.units,
            (_, Some(list)) => list.units,
            _ => ptr::null(),
        };
        // SAFETY: null or a text that lives as long as its node.
        Some(unsafe { text(units) }).filter(|units| !units.is_empty())
    }

    /// The type of a leaf or of the members of a leaf-list.
    pub(in crate::schema) fn ty(self) -> Option<CompiledType<'a>> {
        let raw = self.leaf().map(|leaf| leaf.type_).or(self.leaf_list().map(|list| list.type_))?;
        // SAFETY: every leaf and leaf-list has a type, which lives as long as the context.
        Some(unsafe { CompiledType::new(raw) })
    }

    /// Canonical texts of the default: at most one for a leaf, any number for a leaf-list.
    pub(in crate::schema) fn defaults(self) -> Vec<String> {
        // SAFETY: the defaults are a sized array that lives as long as its node.
        let values = match (self.leaf(), self.leaf_list()) {
            (Some(leaf), _) => std::slice::from_ref(&leaf.dflt),
            (_, Some(list)) => unsafe { sized_array(list.dflts.cast_const()) },
            _ => &[],
        };
        values.iter().filter(|value| !value.str_.is_null()).filter_map(|value| self.canonical(value)).collect()
    }

    fn canonical(self, value: &ffi::lysc_value) -> Option<String> {
        let mut canonical = ptr::null();
        // SAFETY: the value belongs to this node; libyang puts a dictionary string into `canonical`, which is given
        // back to the dictionary after it was copied.
        unsafe {
            let code = ffi::lyd_value_validate_dflt(
                self.raw,
                value.str_,
                value.prefixes,
                ptr::null(),
                ptr::null_mut(),
                &mut canonical,
            );
            if canonical.is_null() || !matches!(code, ffi::LY_ERR::LY_SUCCESS | ffi::LY_ERR::LY_EINCOMPLETE) {
                return None;
            }
            let copy = text(canonical).to_owned();
            ffi::lydict_remove((*self.get().module).ctx, canonical);
            Some(copy)
        }
    }

    /// The nodes that the leafref, or each leafref member of the union in order, points to.
    pub(in crate::schema) fn leafref_targets(self) -> Vec<SchemaNode<'a>> {
        if !matches!(self.kind(), NodeKind::Leaf | NodeKind::LeafList) {
            return Vec::new();
        }
        let mut set = ptr::null_mut();
        // SAFETY: a valid terminal node; on success `set` holds schema node pointers of the same context and is ours
        // to free, the nodes in it are not.
        unsafe {
            if ffi::lysc_node_lref_targets(self.raw, &mut set) != ffi::LY_ERR::LY_SUCCESS || set.is_null() {
                return Vec::new();
            }
            let count = usize::try_from((*set).count).unwrap_or(0);
            let nodes = (*set).__bindgen_anon_1.snodes.cast_const();
            let found = (0..count).filter_map(|index| Self::new(nodes.add(index).read())).collect();
            ffi::ly_set_free(set, None);
            found
        }
    }
}

/// A node and all that are chained behind it.
fn siblings<'a>(first: *const ffi::lysc_node) -> impl Iterator<Item = SchemaNode<'a>> {
    // SAFETY: callers pass null or a node of a context that outlives `'a`; `next` is null or the next of the chain.
    let first = unsafe { SchemaNode::new(first) };
    iter::successors(first, |node| unsafe { SchemaNode::new(node.get().next) })
}
