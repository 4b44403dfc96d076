//! A data tree of libyang that follows the configuration, for must and when to be evaluated on.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::Arc;

use libyang5_sys as ffi;

use super::context::{complaints, raw};
use super::{Compiled, NodeKind, SchemaNode, text};
use crate::path::{DataPath, ListKey, Step};
use crate::schema::{Constraint, ConstraintKind, Constraints, Loaded, NodeId};
use crate::value::Value;

#[cfg(test)]
pub(crate) mod oracle;

/// The configuration as libyang sees it. Whoever owns it tells it every change; it decides nothing by itself and adds
/// no defaults. Non-presence containers exist wherever a constraint could ask for them (RFC 7950 6.4.1).
///
/// Finding a place costs a hash look-up per step, whatever the size of the tree.
pub struct Mirror {
    compiled: Arc<Compiled>,
    /// First top-level node; null while there is none.
    first: *mut ffi::lyd_node,
    /// Containers that have to exist once the node does that they are filed under: a list entry, a presence container,
    /// or the root. Each with the containers in between, outermost first.
    standing: HashMap<Option<NodeId>, Vec<Box<[NodeId]>>>,
}

// SAFETY: the tree belongs to this value alone and its context may be used from any thread.
unsafe impl Send for Mirror {}

/// Why libyang does not follow. It means that the two sides disagree about the schema, which is a defect of ours.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// A node that the schema has not, or that has no place in configuration.
    #[error("no place for schema node {0:?}")]
    Node(NodeId),
    /// A list entry without its keys.
    #[error("list {0:?} without its keys")]
    Key(NodeId),
    /// A text with a NUL.
    #[error("a text with a NUL character")]
    Nul(#[from] std::ffi::NulError),
    /// libyang says no.
    #[error("{0}")]
    Refused(String),
}

impl Mirror {
    /// An empty configuration.
    ///
    /// # Errors
    ///
    /// [`MirrorError::Refused`] when libyang cannot even make the top-level containers.
    pub fn new(loaded: &Loaded, constraints: &Constraints) -> Result<Self, MirrorError> {
        let standing = constraints.standing_containers(&loaded.schema);
        let mut mirror = Self { compiled: loaded.compiled.clone(), first: ptr::null_mut(), standing };
        mirror.furnish(ptr::null_mut(), None)?;
        Ok(mirror)
    }

    /// Makes a node exist, and all above it: a container or list entry without a value, a leaf with its canonical
    /// value, a leaf-list with all its members.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`].
    pub fn set(&mut self, path: &DataPath, value: Option<&Value>) -> Result<(), MirrorError> {
        let Some((last, above)) = path.steps().split_last() else { return Ok(()) };
        let mut parent = ptr::null_mut();
        for step in above {
            parent = self.ensure(parent, step)?;
        }
        let schema = self.schema(last.node)?;
        match (schema.kind(), value) {
            (NodeKind::Leaf, _) if schema.is_key() => Ok(()),
            (NodeKind::Leaf, Some(value)) => self.set_leaf(parent, schema, value),
            (NodeKind::LeafList, Some(value)) => self.set_leaf_list(parent, schema, value),
            (NodeKind::Container | NodeKind::List, _) => self.ensure(parent, last).map(drop),
            _ => Err(MirrorError::Node(last.node)),
        }
    }

    /// Makes a node and all below it not exist. A list without keys stands for all its entries. Nothing happens when
    /// it does not exist.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`].
    pub fn remove(&mut self, path: &DataPath) -> Result<(), MirrorError> {
        let Some((last, above)) = path.steps().split_last() else { return Ok(()) };
        let mut parent = ptr::null_mut();
        // The nearest node above that is more than a container of others, for its standing containers.
        let mut anchor = (ptr::null_mut(), None);
        for step in above {
            parent = match self.find(parent, step)? {
                Some(found) => found,
                None => return Ok(()),
            };
            let schema = self.schema(step.node)?;
            if schema.kind() == NodeKind::List || schema.is_presence() {
                anchor = (parent, Some(step.node));
            }
        }
        let schema = self.schema(last.node)?;
        match (schema.kind(), &last.key) {
            (NodeKind::List, None) | (NodeKind::LeafList, _) => {
                while let Some(found) = self.first_of(parent, schema) {
                    self.free(found);
                }
            }
            (NodeKind::Leaf, _) if schema.is_key() => {}
            _ => {
                if let Some(found) = self.find(parent, last)? {
                    self.free(found);
                }
            }
        }
        self.furnish(anchor.0, anchor.1)
    }

    /// Puts the entries of a list that the user orders into this order.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`].
    pub fn reorder(&mut self, list: &DataPath, keys: &[ListKey]) -> Result<(), MirrorError> {
        let Some((last, above)) = list.steps().split_last() else { return Ok(()) };
        let mut parent = ptr::null_mut();
        for step in above {
            parent = match self.find(parent, step)? {
                Some(found) => found,
                None => return Ok(()),
            };
        }
        let mut before: *mut ffi::lyd_node = ptr::null_mut();
        for key in keys {
            let step = Step { node: last.node, key: Some(key.clone()) };
            let Some(entry) = self.find(parent, &step)? else { continue };
            if !before.is_null() {
                // SAFETY: two entries of one user-ordered list of this tree. The first entry stays where it is, so
                // `first` goes on to be the first node of the top level, or is an entry that is moved away from there.
                unsafe {
                    if ptr::eq(entry, self.first) {
                        self.first = (*entry).next;
                    }
                    if ffi::lyd_insert_after(before, entry) != ffi::LY_ERR::LY_SUCCESS {
                        return Err(self.refused());
                    }
                }
            }
            before = entry;
        }
        Ok(())
    }

    /// Evaluates a constraint for the node that carries it. A must of a node that does not exist holds; a when of such
    /// a node tells whether it could exist, and holds when there is nothing it could exist in. A list without keys asks
    /// whether entries could exist.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`].
    pub fn eval(&mut self, constraint: &Constraint, at: &DataPath) -> Result<bool, MirrorError> {
        let mut made = ptr::null_mut();
        let result = self.eval_on(constraint, at, &mut made);
        // What was made to evaluate on may not be there for others to find.
        if !made.is_null() {
            self.free(made);
        }
        result
    }

    /// Evaluates, and tells the outermost container that had to be made for it.
    fn eval_on(
        &mut self,
        constraint: &Constraint,
        at: &DataPath,
        made: &mut *mut ffi::lyd_node,
    ) -> Result<bool, MirrorError> {
        let Some((last, above)) = at.steps().split_last() else { return Ok(true) };
        let mut parent = ptr::null_mut();
        for step in above {
            parent = match self.find_or_stand(parent, step, made)? {
                Some(found) => found,
                None => return Ok(true),
            };
        }
        if constraint.context != Some(constraint.node) {
            return self.holds(constraint, parent);
        }
        let schema = self.schema(last.node)?;
        if schema.kind() == NodeKind::LeafList {
            return self.members_hold(constraint, parent, schema);
        }
        if schema.kind() == NodeKind::List && last.key.is_none() && constraint.kind == ConstraintKind::When {
            return self.could_hold(constraint, parent, schema);
        }
        match (self.find_or_stand(parent, last, made)?, constraint.kind) {
            (Some(node), _) => self.holds(constraint, node),
            (None, ConstraintKind::Must) => Ok(true),
            (None, ConstraintKind::When) => self.could_hold(constraint, parent, schema),
        }
    }

    /// The compiled node, by a view that does not borrow `self`: the context it looks into lives as long as `self`,
    /// and views made here do not leave this module.
    fn schema<'a>(&self, id: NodeId) -> Result<SchemaNode<'a>, MirrorError> {
        let node = self.compiled.node(id).filter(|node| node.is_config()).ok_or(MirrorError::Node(id))?;
        // SAFETY: `self.compiled` keeps the context alive during every call that uses the view.
        unsafe { SchemaNode::new(node.as_raw()) }.ok_or(MirrorError::Node(id))
    }

    /// The first child of a node; of the root when `parent` is null.
    fn children(&self, parent: *mut ffi::lyd_node) -> *mut ffi::lyd_node {
        if parent.is_null() {
            return self.first;
        }
        // SAFETY: parents are containers or list entries of this tree, for which libyang allocates a `lyd_node_inner`.
        unsafe { (*parent.cast::<ffi::lyd_node_inner>()).child }
    }

    fn find(&self, parent: *mut ffi::lyd_node, step: &Step) -> Result<Option<*mut ffi::lyd_node>, MirrorError> {
        let schema = self.schema(step.node)?;
        match (schema.kind(), &step.key) {
            (NodeKind::List, Some(key)) => self.find_entry(parent, schema, key),
            (NodeKind::List, None) => Err(MirrorError::Key(step.node)),
            _ => Ok(self.first_of(parent, schema)),
        }
    }

    /// The first instance of a schema node.
    fn first_of(&self, parent: *mut ffi::lyd_node, schema: SchemaNode<'_>) -> Option<*mut ffi::lyd_node> {
        self.find_by(parent, schema, None)
    }

    fn find_by(
        &self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        keys: Option<&CStr>,
    ) -> Option<*mut ffi::lyd_node> {
        let mut found = ptr::null_mut();
        let keys = keys.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: siblings and schema node are of one context; `keys` is null or NUL-terminated.
        unsafe { ffi::lyd_find_sibling_val(self.children(parent), schema.as_raw(), keys, 0, &mut found) };
        (!found.is_null()).then_some(found)
    }

    fn find_entry(
        &self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        key: &ListKey,
    ) -> Result<Option<*mut ffi::lyd_node>, MirrorError> {
        let values: Vec<String> = key.iter().map(ToString::to_string).collect();
        let mut predicate = String::new();
        for (leaf, value) in schema.children().filter(|child| child.is_key()).zip(&values) {
            let quote = match (value.contains('\''), value.contains('"')) {
                (false, _) => '\'',
                (true, false) => '"',
                // No way to write such a value in a predicate.
                (true, true) => return Ok(self.find_entry_slowly(parent, schema, &values)),
            };
            predicate.push_str(&format!("[{}={quote}{value}{quote}]", leaf.name()));
        }
        Ok(self.find_by(parent, schema, Some(&CString::new(predicate)?)))
    }

    /// Compares entry after entry: only for keys that have both kinds of quotes in them.
    fn find_entry_slowly(
        &self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        values: &[String],
    ) -> Option<*mut ffi::lyd_node> {
        let mut entry = self.first_of(parent, schema)?;
        // SAFETY: entries of one list are chained to each other; their first children are their keys, which are terms.
        unsafe {
            while !entry.is_null() && ptr::eq((*entry).schema, schema.as_raw()) {
                let mut key = self.children(entry);
                let is_same = values.iter().all(|value| {
                    let is_equal = !key.is_null() && self.value_of(key) == value;
                    key = if key.is_null() { key } else { (*key).next };
                    is_equal
                });
                if is_same {
                    return Some(entry);
                }
                entry = (*entry).next;
            }
        }
        None
    }

    /// # Safety
    ///
    /// `term` has to be a leaf of this tree.
    unsafe fn value_of(&self, term: *const ffi::lyd_node) -> &str {
        // SAFETY: as the caller vouches; the canonical text is kept with the node.
        unsafe {
            let value = &raw const (*term.cast::<ffi::lyd_node_term>()).value;
            text(ffi::lyd_value_get_canonical(raw(self.compiled.context()), value))
        }
    }

    /// Finds a node or, when it is a container that means nothing by itself, makes it. `made` is the outermost one made.
    fn find_or_stand(
        &mut self,
        parent: *mut ffi::lyd_node,
        step: &Step,
        made: &mut *mut ffi::lyd_node,
    ) -> Result<Option<*mut ffi::lyd_node>, MirrorError> {
        match self.find(parent, step)? {
            Some(found) => Ok(Some(found)),
            None => {
                let schema = self.schema(step.node)?;
                let stands = schema.kind() == NodeKind::Container && !schema.is_presence();
                if !stands {
                    return Ok(None);
                }
                let new = self.ensure(parent, step)?;
                if made.is_null() {
                    *made = new;
                }
                Ok(Some(new))
            }
        }
    }

    /// Finds or makes a container or list entry.
    fn ensure(&mut self, parent: *mut ffi::lyd_node, step: &Step) -> Result<*mut ffi::lyd_node, MirrorError> {
        if let Some(found) = self.find(parent, step)? {
            return Ok(found);
        }
        let schema = self.schema(step.node)?;
        let mut made = ptr::null_mut();
        let (module, name) = (schema.raw_module(), schema.raw_name());
        let code = match (schema.kind(), &step.key) {
            // SAFETY: parent, module and name are of one context.
            (NodeKind::Container, _) => unsafe { ffi::lyd_new_inner(parent, module, name, 0, &mut made) },
            (NodeKind::List, Some(key)) => {
                let values: Vec<CString> =
                    key.iter().map(|value| CString::new(value.to_string())).collect::<Result<_, _>>()?;
                let mut values: Vec<_> = values.iter().map(|value| value.as_ptr().cast()).collect();
                if values.len() != schema.children().filter(|child| child.is_key()).count() {
                    return Err(MirrorError::Key(step.node));
                }
                // SAFETY: as above, with one NUL-terminated text for each key.
                unsafe {
                    let (values, sizes) = (values.as_mut_ptr(), ptr::null_mut());
                    ffi::lyd_new_list3(parent, module, name, values, sizes, 0, &mut made)
                }
            }
            _ => return Err(MirrorError::Node(step.node)),
        };
        self.attach(code, parent, made)?;
        if schema.kind() == NodeKind::List || schema.is_presence() {
            self.furnish(made, Some(step.node))?;
        }
        Ok(made)
    }

    /// Makes the standing containers below a node; below the root when it is null.
    fn furnish(&mut self, node: *mut ffi::lyd_node, id: Option<NodeId>) -> Result<(), MirrorError> {
        let Some(chains) = self.standing.get(&id).cloned() else { return Ok(()) };
        for chain in chains {
            let mut parent = node;
            for &container in &chain {
                parent = self.ensure(parent, &Step { node: container, key: None })?;
            }
        }
        Ok(())
    }

    fn set_leaf(
        &mut self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        value: &Value,
    ) -> Result<(), MirrorError> {
        let text = CString::new(value.to_string())?;
        if let Some(found) = self.first_of(parent, schema) {
            // SAFETY: a leaf of this tree and a NUL-terminated text.
            match unsafe { ffi::lyd_change_term(found, text.as_ptr()) } {
                // The last two say that the value was there before.
                ffi::LY_ERR::LY_SUCCESS | ffi::LY_ERR::LY_EEXIST | ffi::LY_ERR::LY_ENOT => return Ok(()),
                _ => self.free(found),
            }
        }
        self.new_term(parent, schema, &text)
    }

    fn set_leaf_list(
        &mut self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        value: &Value,
    ) -> Result<(), MirrorError> {
        while let Some(found) = self.first_of(parent, schema) {
            self.free(found);
        }
        let members = match value {
            Value::List(members) => &**members,
            one => std::slice::from_ref(one),
        };
        for member in members {
            self.new_term(parent, schema, &CString::new(member.to_string())?)?;
        }
        Ok(())
    }

    fn new_term(
        &mut self,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
        value: &CStr,
    ) -> Result<(), MirrorError> {
        let mut made = ptr::null_mut();
        let mut make = |options| {
            let (module, name) = (schema.raw_module(), schema.raw_name());
            // SAFETY: parent, module and name are of one context; the value is NUL-terminated.
            unsafe { ffi::lyd_new_term(parent, module, name, value.as_ptr(), options, &mut made) }
        };
        // The value has been judged already. Where libyang reads a restriction otherwise, ours counts.
        let code = match make(0) {
            ffi::LY_ERR::LY_SUCCESS => ffi::LY_ERR::LY_SUCCESS,
            _ => make(ffi::LYD_NEW_VAL_STORE_ONLY),
        };
        self.attach(code, parent, made)
    }

    /// Checks that a node was made, and chains it to the others when it is at the top.
    fn attach(
        &mut self,
        code: ffi::LY_ERR::Type,
        parent: *mut ffi::lyd_node,
        made: *mut ffi::lyd_node,
    ) -> Result<(), MirrorError> {
        if code != ffi::LY_ERR::LY_SUCCESS || made.is_null() {
            return Err(self.refused());
        }
        if !parent.is_null() {
            return Ok(());
        }
        if self.first.is_null() {
            self.first = made;
            return Ok(());
        }
        // SAFETY: a node without parent joins the top-level nodes of the same context.
        let code = unsafe { ffi::lyd_insert_sibling(self.first, made, &mut self.first) };
        if code == ffi::LY_ERR::LY_SUCCESS {
            return Ok(());
        }
        // SAFETY: it was not joined to anything and is ours.
        unsafe { ffi::lyd_free_tree(made) };
        Err(self.refused())
    }

    fn refused(&self) -> MirrorError {
        MirrorError::Refused(complaints(self.compiled.context()).cause.reason)
    }

    /// Frees a node and all below it.
    fn free(&mut self, node: *mut ffi::lyd_node) {
        // SAFETY: a node of this tree; nothing else points to it once `first` does not.
        unsafe {
            if ptr::eq(node, self.first) {
                self.first = (*node).next;
            }
            ffi::lyd_free_tree(node);
        }
    }

    /// Evaluates on an existing context node; on the root when it is null.
    fn holds(&self, constraint: &Constraint, context: *const ffi::lyd_node) -> Result<bool, MirrorError> {
        if self.first.is_null() {
            // Nothing to look at: every path is empty, and only libyang could tell what follows from that.
            return Ok(true);
        }
        let condition = &constraint.condition;
        if !Arc::ptr_eq(&condition.compiled, &self.compiled) {
            return Err(MirrorError::Node(constraint.node));
        }
        let mut result = 0;
        // SAFETY: everything is of one context; only the boolean result is asked for.
        let code = unsafe {
            ffi::lyd_eval_xpath4(
                context,
                self.first,
                condition.module,
                condition.expression,
                ffi::LY_VALUE_FORMAT::LY_VALUE_SCHEMA_RESOLVED,
                condition.prefixes.cast_mut().cast(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &mut result,
            )
        };
        if code == ffi::LY_ERR::LY_SUCCESS { Ok(result != 0) } else { Err(self.refused()) }
    }

    /// Evaluates for every member of a leaf-list.
    fn members_hold(
        &mut self,
        constraint: &Constraint,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
    ) -> Result<bool, MirrorError> {
        let Some(mut member) = self.first_of(parent, schema) else {
            return match constraint.kind {
                ConstraintKind::Must => Ok(true),
                ConstraintKind::When => self.could_hold(constraint, parent, schema),
            };
        };
        // SAFETY: members are chained to each other.
        while !member.is_null() && ptr::eq(unsafe { (*member).schema }, schema.as_raw()) {
            if !self.holds(constraint, member)? {
                return Ok(false);
            }
            // SAFETY: as above.
            member = unsafe { (*member).next };
        }
        Ok(true)
    }

    /// Evaluates a when on a stand-in for a node that does not exist (RFC 7950 7.21.5).
    fn could_hold(
        &mut self,
        constraint: &Constraint,
        parent: *mut ffi::lyd_node,
        schema: SchemaNode<'_>,
    ) -> Result<bool, MirrorError> {
        let module: *const c_char = schema.raw_module_name();
        let mut stand_in = ptr::null_mut();
        // SAFETY: parent, context and names belong together; the node made is opaque and is freed below.
        let code = unsafe {
            let context = raw(self.compiled.context());
            ffi::lyd_new_opaq(parent, context, schema.raw_name(), ptr::null(), ptr::null(), module, &mut stand_in)
        };
        self.attach(code, parent, stand_in)?;
        let result = self.holds(constraint, stand_in);
        self.free(stand_in);
        result
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // SAFETY: null or the tree of this value, while its context still lives.
        unsafe { ffi::lyd_free_all(self.first) };
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}
