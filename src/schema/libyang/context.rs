//! Opening a context: the modules named, their texts from a [`Library`], and libyang's complaints as values.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::ptr;

use libyang5_sys as ffi;
use yang5::context::Context;
use yang5::utils::Binding;

use super::{sized_array, text};
use crate::schema::load::Library;

/// One error message of libyang.
#[derive(Debug)]
pub(in crate::schema) struct Complaint {
    /// What is wrong.
    pub(in crate::schema) reason: String,
    /// Schema path it was found at, when libyang knows one.
    pub(in crate::schema) schema_path: Option<String>,
    /// Line of the text that was being read, when it was about text.
    pub(in crate::schema) line: Option<u64>,
}

/// What libyang has to say about modules it refuses.
#[derive(Debug)]
pub(in crate::schema) struct Complaints {
    /// The first error.
    pub(in crate::schema) cause: Complaint,
    /// The errors that followed from it.
    pub(in crate::schema) consequences: Vec<Complaint>,
}

/// Makes a context with the given modules implemented, each with the features enabled that stand beside it, and
/// compiles them together. Returns also what libyang finds strange.
///
/// # Errors
///
/// libyang's complaints.
pub(in crate::schema) fn open(
    library: &Library,
    modules: &[(&str, Vec<&str>)],
) -> Result<(Context, Vec<String>), Complaints> {
    let _log = KeepErrors::new();
    let mut context = new_context()?;
    // SAFETY: `library` outlives this function and the callback is taken away again before it returns.
    unsafe { context.set_module_import_callback(import, ptr::from_ref(library).cast_mut().cast()) };
    let done = fill(&mut context, modules);
    context.unset_embedded_modules();
    if done.is_err() {
        return Err(complaints(&context));
    }
    let warnings = stored(&context, ffi::LY_LOG_LEVEL::LY_LLWRN);
    Ok((context, warnings.into_iter().map(Complaint::into_warning).collect()))
}

/// Frees the parsed form of all modules, which nothing needs once the compiled form has been read. It is about half
/// of the memory of a context.
pub(super) fn drop_parsed(context: &mut Context) {
    // SAFETY: exclusive access, and no view of parsed statements exists outside this module.
    unsafe { ffi::ly_ctx_free_parsed(raw(context)) };
}

/// The context as libyang knows it.
pub(super) fn raw(context: &Context) -> *mut ffi::ly_ctx {
    // `yang5` has no accessor for the pointer, but every module of a context (there are always internal ones) points
    // back to it.
    context.modules(false).next().map_or(ptr::null_mut(), |module| {
        // SAFETY: modules live as long as the context.
        unsafe { (*module.as_raw()).ctx }
    })
}

fn new_context() -> Result<Context, Complaints> {
    // Only the built-in types are given meaning: values are judged and made canonical by `schema::Type`, and a second
    // opinion of libyang's plugins on what is canonical (addresses, dates) would make the two disagree.
    let options = ffi::LY_CTX_NO_YANGLIBRARY
        | ffi::LY_CTX_DISABLE_SEARCHDIRS
        | ffi::LY_CTX_BUILTIN_PLUGINS_ONLY
        | ffi::LY_CTX_STATIC_PLUGINS_ONLY
        | ffi::LY_CTX_EXPLICIT_COMPILE;
    let mut raw = ptr::null_mut();
    // SAFETY: sets a process-wide option of libyang, atomically: errors are stored in the context, never printed.
    unsafe { ffi::ly_log_options(ffi::LY_LOSTORE_LAST) };
    // SAFETY: `raw` is a valid place for the result.
    let code = unsafe { ffi::ly_ctx_new(ptr::null(), options, &mut raw) };
    if code != ffi::LY_ERR::LY_SUCCESS {
        return Err(Complaints::new(format!("libyang gave no context (error {code})")));
    }
    // SAFETY: a context just made, owned by nobody else; `Context` destroys it when dropped.
    Ok(unsafe { Context::from_raw(&(), raw) })
}

fn fill(context: &mut Context, modules: &[(&str, Vec<&str>)]) -> Result<(), ()> {
    for (name, features) in modules {
        context.load_module(name, None, features).map_err(|_| ())?;
    }
    for module in context.modules(true).filter(|module| !module.is_implemented()) {
        // An identity of a module that is not implemented is no valid value (RFC 7950 5.6.5), so leaving these out would
        // make every identityref into them useless.
        // SAFETY: the module belongs to `context`, which is alive, and nothing changes it meanwhile.
        if unsafe { Contents::of(&*module.as_raw()) } == Contents::Identities {
            module.set_implemented().map_err(|_| ())?;
        }
    }
    // SAFETY: a valid context with exclusive access.
    match unsafe { ffi::ly_ctx_compile(raw(context)) } {
        ffi::LY_ERR::LY_SUCCESS => Ok(()),
        _ => Err(()),
    }
}

/// What a module brings, as far as it decides whether to implement and to list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Data, operations, or changes to other modules.
    Nodes,
    /// Identities and nothing of the above.
    Identities,
    /// Only types, groupings, features, extensions.
    Words,
}

impl Contents {
    /// Looks through a module that still has its parsed form.
    ///
    /// # Safety
    ///
    /// Nothing may change the module meanwhile.
    pub(super) unsafe fn of(module: &ffi::lys_module) -> Self {
        // SAFETY: `parsed` is null or valid until `drop_parsed`, the includes are a sized array, and a parsed submodule
        // begins with the same fields as a parsed module.
        let is_bare = unsafe {
            module.parsed.as_ref().is_some_and(|parsed| {
                let mut submodules = sized_array(parsed.includes.cast_const())
                    .iter()
                    .filter_map(|include| include.submodule.cast::<ffi::lysp_module>().as_ref());
                is_bare(parsed) && submodules.all(is_bare)
            })
        };
        // SAFETY: a sized array that lives as long as the module.
        let has_identities = unsafe { !sized_array(module.identities.cast_const()).is_empty() };
        match (is_bare, has_identities) {
            (false, _) => Self::Nodes,
            (true, true) => Self::Identities,
            (true, false) => Self::Words,
        }
    }
}

/// Whether parsed statements hold neither data nor operations nor changes to other modules.
fn is_bare(parsed: &ffi::lysp_module) -> bool {
    parsed.data.is_null()
        && parsed.augments.is_null()
        && parsed.rpcs.is_null()
        && parsed.notifs.is_null()
        && parsed.deviations.is_null()
}

/// All errors stored for this thread, oldest first, cleared afterwards.
pub(super) fn complaints(context: &Context) -> Complaints {
    let mut found = VecDeque::from(stored(context, ffi::LY_LOG_LEVEL::LY_LLERR));
    match found.pop_front() {
        Some(cause) => Complaints { cause, consequences: found.into() },
        None => Complaints::new("libyang refused the modules without giving a reason".to_owned()),
    }
}

/// What is stored for this thread at one level, oldest first; everything is cleared afterwards.
fn stored(context: &Context, level: ffi::LY_LOG_LEVEL::Type) -> Vec<Complaint> {
    let mut found = Vec::new();
    // SAFETY: the list is valid until the next libyang call of this thread; all texts are copied out.
    unsafe {
        let mut item = ffi::ly_err_first(raw(context));
        while let Some(error) = item.as_ref() {
            if error.level == level {
                found.push(Complaint {
                    reason: text(error.msg).to_owned(),
                    schema_path: Some(text(error.schema_path).to_owned()).filter(|path| !path.is_empty()),
                    line: Some(error.line).filter(|&line| line > 0),
                });
            }
            item = error.next;
        }
        ffi::ly_err_clean(raw(context), ptr::null_mut());
    }
    found
}

impl Complaint {
    fn into_warning(self) -> String {
        let reason = self.reason.trim_end_matches('.');
        self.schema_path.map_or_else(|| reason.to_owned(), |path| format!("{path}: {reason}"))
    }
}

impl Complaints {
    fn new(reason: String) -> Self {
        Self { cause: Complaint { reason, schema_path: None, line: None }, consequences: Vec::new() }
    }
}

/// While it lives, libyang keeps every error of this thread instead of only the last.
pub(super) struct KeepErrors {
    options: *mut u32,
    before: *mut u32,
}

impl KeepErrors {
    pub(super) fn new() -> Self {
        let options = Box::into_raw(Box::new(ffi::LY_LOSTORE));
        // SAFETY: libyang reads through the pointer on this thread until `drop` hands the old one back; the raw
        // pointers keep this type on its thread.
        let before = unsafe { ffi::ly_temp_log_options(options) };
        Self { options, before }
    }
}

impl Drop for KeepErrors {
    fn drop(&mut self) {
        // SAFETY: `before` is what libyang held before; `options` came from `Box::into_raw` and is no longer known to
        // libyang once the first call returned.
        unsafe {
            ffi::ly_temp_log_options(self.before);
            drop(Box::from_raw(self.options));
        }
    }
}

/// libyang asks for the text of a module or submodule.
///
/// # Safety
///
/// Called by libyang only, with the `user_data` that [`open`] gave it.
unsafe extern "C" fn import(
    module: *const c_char,
    module_revision: *const c_char,
    submodule: *const c_char,
    submodule_revision: *const c_char,
    user_data: *mut c_void,
    format: *mut ffi::LYS_INFORMAT::Type,
    data: *mut *const c_char,
    free: *mut ffi::ly_module_imp_data_free_clb,
) -> ffi::LY_ERR::Type {
    // SAFETY: `open` passed a `&Library` that is still alive.
    let library = unsafe { &*user_data.cast::<Library>() };
    let (name, revision) =
        if submodule.is_null() { (module, module_revision) } else { (submodule, submodule_revision) };
    // SAFETY: libyang passes NUL-terminated names that live during the call, or null.
    let (name, revision) = unsafe { (text(name), text(revision)) };
    let found = library.text(name, Some(revision).filter(|revision| !revision.is_empty()));
    let Some(found) = found.and_then(|text| CString::new(text).ok()) else { return ffi::LY_ERR::LY_ENOTFOUND };
    // SAFETY: libyang passes valid places for the three results and calls `free` once with the text.
    unsafe {
        *format = ffi::LYS_INFORMAT::LYS_IN_YANG;
        *data = found.into_raw();
        *free = Some(free_text);
    }
    ffi::LY_ERR::LY_SUCCESS
}

/// Takes back a text that [`import`] gave out.
unsafe extern "C" fn free_text(data: *mut c_void, _user_data: *mut c_void) {
    // SAFETY: `data` came from `CString::into_raw` in `import` and is given back once.
    drop(unsafe { CString::from_raw(data.cast()) });
}
