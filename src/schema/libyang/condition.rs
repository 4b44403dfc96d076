//! The conditions of must and when.

use std::ffi::c_char;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use libyang5_sys as ffi;
use yang5::context::Context;

use super::{Compiled, NodeKind, SchemaNode, sized_array, text};

/// A must or when statement as compiled into the schema.
#[derive(Clone, Copy)]
pub(in crate::schema) struct ConditionView<'a> {
    expression: *const ffi::lyxp_expr,
    prefixes: *const ffi::lysc_prefix,
    module: *const ffi::lys_module,
    /// Where the expression starts: the node that carries it, the data node around that, or none for the root.
    pub(in crate::schema) context: Option<SchemaNode<'a>>,
    /// Whether it is a when.
    pub(in crate::schema) is_when: bool,
    /// How many choices and cases further out a when stands than the node it was asked of.
    pub(in crate::schema) outside: usize,
    /// `error-message` of a must.
    pub(in crate::schema) message: Option<&'a str>,
    /// `error-app-tag` of a must.
    pub(in crate::schema) app_tag: Option<&'a str>,
    marker: PhantomData<&'a Context>,
}

impl<'a> SchemaNode<'a> {
    /// The musts of the node and the whens that decide about it: its own, those of its uses and augment, and those of
    /// the choices and cases around it.
    pub(in crate::schema) fn conditions(self) -> Vec<ConditionView<'a>> {
        let mut found: Vec<_> = self.musts().collect();
        found.extend(self.whens());
        let mut around = self.parent();
        let mut outside = 0;
        while let Some(node) = around.filter(|node| matches!(node.kind(), NodeKind::Choice | NodeKind::Case)) {
            outside += 1;
            found.extend(node.whens().map(|when| ConditionView { outside, ..when }));
            around = node.parent();
        }
        found
    }

    fn musts(self) -> impl Iterator<Item = ConditionView<'a>> {
        // SAFETY: a valid node; the result is null or a sized array that lives as long as the node, as do its texts.
        let musts = unsafe { sized_array(ffi::lysc_node_musts(self.as_raw()).cast_const()) };
        musts.iter().map(move |must| ConditionView {
            expression: must.cond,
            prefixes: must.prefixes,
            module: self.raw_module(),
            context: Some(self),
            is_when: false,
            outside: 0,
            // SAFETY: null or a text of the context.
            message: Some(unsafe { text(must.emsg) }).filter(|message| !message.is_empty()),
            // SAFETY: as above.
            app_tag: Some(unsafe { text(must.eapptag) }).filter(|tag| !tag.is_empty()),
            marker: PhantomData,
        })
    }

    fn whens(self) -> impl Iterator<Item = ConditionView<'a>> {
        // SAFETY: a valid node; the result is null or a sized array of valid pointers that live as long as the node.
        let whens = unsafe { sized_array(ffi::lysc_node_when(self.as_raw()).cast_const()) };
        // SAFETY: as above.
        whens.iter().filter_map(|when| unsafe { when.as_ref() }).map(move |when| ConditionView {
            expression: when.cond,
            prefixes: when.prefixes,
            module: self.raw_module(),
            // SAFETY: null for the root, or a valid node of the same context.
            context: unsafe { SchemaNode::new(when.context) },
            is_when: true,
            outside: 0,
            message: None,
            app_tag: None,
            marker: PhantomData,
        })
    }
}

impl<'a> ConditionView<'a> {
    /// The XPath expression as written.
    pub(in crate::schema) fn expression(&self) -> &'a str {
        // SAFETY: a valid expression, whose text lives as long as it does.
        unsafe { text(ffi::lyxp_get_expr(self.expression)) }
    }

    /// The data nodes that evaluating the expression may look at.
    pub(in crate::schema) fn atoms(&self) -> Vec<SchemaNode<'a>> {
        let context = self.context.map_or(ptr::null(), SchemaNode::as_raw);
        let mut set = ptr::null_mut();
        // SAFETY: all pointers are of one context. On success `set` holds nodes of that context and is ours to free,
        // the nodes in it are not.
        unsafe {
            let code = ffi::lys_find_expr_atoms(context, self.module, self.expression, self.prefixes, 0, &mut set);
            if code != ffi::LY_ERR::LY_SUCCESS || set.is_null() {
                return Vec::new();
            }
            let count = usize::try_from((*set).count).unwrap_or(0);
            let nodes = (*set).__bindgen_anon_1.snodes.cast_const();
            let found = (0..count).filter_map(|index| SchemaNode::new(nodes.add(index).read())).collect();
            ffi::ly_set_free(set, None);
            found
        }
    }

    /// The condition in a form that can be kept.
    ///
    /// `compiled` has to be what the view borrows from, which is checked.
    pub(in crate::schema) fn keep(&self, compiled: &Arc<Compiled>) -> Option<Condition> {
        // SAFETY: the module is valid while the view is.
        let of_same_context = unsafe { (*self.module).ctx } == super::context::raw(compiled.context());
        of_same_context.then(|| Condition {
            // SAFETY: a valid expression.
            expression: unsafe { ffi::lyxp_get_expr(self.expression) },
            prefixes: self.prefixes,
            module: self.module,
            compiled: compiled.clone(),
        })
    }
}

/// A condition that can be evaluated on a [`Mirror`](super::Mirror).
pub(in crate::schema) struct Condition {
    pub(super) expression: *const c_char,
    pub(super) prefixes: *const ffi::lysc_prefix,
    pub(super) module: *const ffi::lys_module,
    /// Keeps the pointers valid.
    pub(super) compiled: Arc<Compiled>,
}

// SAFETY: the pointers are into the context that `compiled` holds, which nothing changes any more.
unsafe impl Send for Condition {}
// SAFETY: as above.
unsafe impl Sync for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the text lives as long as the context.
        f.debug_tuple("Condition").field(&unsafe { text(self.expression) }).finish()
    }
}
