//! libyang's own full validation, which the incremental one is compared with. Only tests have it.
//!
//! Invariant: nothing here looks at what [`Constraints`] know or at what the store thinks has changed.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

use libyang5_sys as ffi;
use yang5::context::Context;

use super::super::context::{KeepErrors, raw};
use super::super::text;
use super::Mirror;
use crate::schema::Loaded;

/// Something that libyang finds wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) reason: String,
    /// Where.
    pub(crate) path: String,
}

impl Mirror {
    /// An empty configuration without any containers made ahead.
    pub(crate) fn bare(loaded: &Loaded) -> Self {
        Self { compiled: loaded.compiled.clone(), first: ptr::null_mut(), standing: HashMap::new() }
    }

    /// Validates a copy of the whole configuration with defaults added, as libyang does it.
    ///
    /// # Errors
    ///
    /// All that libyang finds wrong.
    pub(crate) fn validate_all(&self) -> Result<(), Vec<Wrong>> {
        let _errors = KeepErrors::new();
        let mut copy = ptr::null_mut();
        let context = self.compiled.context();
        // SAFETY: `first` is null or a tree of this context; the copy is ours and freed on every way out.
        let code = unsafe {
            if !self.first.is_null() {
                ffi::lyd_dup_siblings(self.first, ptr::null_mut(), ffi::LYD_DUP_RECURSIVE, &mut copy);
            }
            let options = ffi::LYD_VALIDATE_NO_STATE | ffi::LYD_VALIDATE_MULTI_ERROR;
            let code = ffi::lyd_validate_all(&mut copy, raw(context), options, ptr::null_mut());
            ffi::lyd_free_all(copy);
            code
        };
        if code == ffi::LY_ERR::LY_SUCCESS { Ok(()) } else { Err(wrong(context)) }
    }

    /// Takes out what a path of libyang's names.
    pub(crate) fn take_out(&mut self, path: &str) {
        let Ok(path) = CString::new(path) else { return };
        let mut found = ptr::null_mut();
        // SAFETY: `first` is a tree of this value; the path is NUL-terminated.
        let code = unsafe { ffi::lyd_find_path(self.first, path.as_ptr(), 0, &mut found) };
        if code == ffi::LY_ERR::LY_SUCCESS && !found.is_null() {
            self.free(found);
        }
    }

    /// Everything that is set: leaves with their values, list entries, presence containers.
    pub(crate) fn explicit(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        self.explicit_among(self.first, &mut lines);
        lines
    }

    fn explicit_among(&self, first: *mut ffi::lyd_node, lines: &mut BTreeSet<String>) {
        let mut at = first;
        let mut buffer: Vec<c_char> = vec![0; 4096];
        // SAFETY: siblings of this tree; a leaf or leaf-list is a term, the others can have children; the path fits into
        // the buffer, whose size is given.
        unsafe {
            while let Some(node) = at.as_ref() {
                let kind = u32::from((*node.schema).nodetype);
                let is_set = node.flags & ffi::LYD_DEFAULT == 0;
                let kind_of_path = ffi::LYD_PATH_TYPE::LYD_PATH_STD;
                ffi::lyd_path(at, kind_of_path, buffer.as_mut_ptr(), buffer.len());
                let line = CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned();
                let presence = u32::from((*node.schema).flags) & ffi::LYS_PRESENCE != 0;
                if kind & (ffi::LYS_LEAF | ffi::LYS_LEAFLIST) != 0 {
                    if is_set {
                        lines.insert(format!("{line} {}", self.value_of(at)));
                    }
                } else {
                    if kind == ffi::LYS_LIST || (kind == ffi::LYS_CONTAINER && presence) {
                        lines.insert(line);
                    }
                    self.explicit_among(self.children(at), lines);
                }
                at = node.next;
            }
        }
    }
}

/// The errors stored for this thread, and forgets them.
fn wrong(context: &Context) -> Vec<Wrong> {
    let mut found = Vec::new();
    // SAFETY: the list is valid until the next libyang call of this thread; all texts are copied out.
    unsafe {
        let mut item = ffi::ly_err_first(raw(context));
        while let Some(error) = item.as_ref() {
            if error.level == ffi::LY_LOG_LEVEL::LY_LLERR {
                found.push(Wrong { reason: text(error.msg).to_owned(), path: text(error.data_path).to_owned() });
            }
            item = error.next;
        }
        ffi::ly_err_clean(raw(context), ptr::null_mut());
    }
    found
}
