//! What libyang knows and the `yang5` crate does not hand out: loading with sources of our own, and safe views of the
//! compiled schema down to ranges, patterns, enum names, identities, leafref targets and defaults; the conditions of
//! must and when; and a data tree to evaluate them on.
//!
//! Invariant: every view borrows the context it looks into and everything that stays holds it by reference count, so no
//! pointer outlives the memory behind it, and the compiled schema is never changed once [`Compiled`] holds it. This is
//! the only place of the project with unsafe code: libyang is a C library. Nothing here decides anything about YANG;
//! the arena is made in [`super::load`].
#![allow(unsafe_code, reason = "libyang is a C library; yang5 covers only a part of it")]

mod compiled;
mod condition;
mod context;
mod mirror;
mod module;
mod node;
#[cfg(test)]
mod tests;
mod types;

use std::ffi::{CStr, c_char};
use std::slice;

pub(super) use compiled::Compiled;
pub(super) use condition::{Condition, ConditionView};
pub(super) use context::{Complaint, Complaints, open};
#[cfg(test)]
pub(crate) use mirror::oracle::Wrong;
pub use mirror::{Mirror, MirrorError};
pub(super) use module::words;
pub(super) use node::{NodeKind, SchemaModule, SchemaNode, modules};
pub(super) use types::{CompiledType, IdentityView, PatternView, TypeView};

/// A string of libyang's dictionary; empty when libyang has none.
///
/// # Safety
///
/// `text` must be null or point to a NUL-terminated string that lives and stays unchanged for `'a`.
unsafe fn text<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    // SAFETY: not null, and the caller vouches for the rest. libyang checks that its input is UTF-8.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}

/// The elements of a libyang "sized array", whose length is kept in the eight bytes before its first element.
///
/// # Safety
///
/// `array` must be null or a sized array of `T` that lives and stays unchanged for `'a`.
unsafe fn sized_array<'a, T>(array: *const T) -> &'a [T] {
    if array.is_null() {
        return &[];
    }
    // SAFETY: a sized array that is not null has its element count as a u64 right before it.
    let count = unsafe { array.cast::<u64>().sub(1).read() };
    // SAFETY: `count` elements follow, and the caller vouches for their lifetime.
    unsafe { slice::from_raw_parts(array, usize::try_from(count).unwrap_or(0)) }
}
