//! Views of compiled types.

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ptr;

use libyang5_sys as ffi;
use libyang5_sys::LY_DATA_TYPE as base;
use yang5::context::Context;

use super::{sized_array, text};
use crate::schema::Range;

/// A compiled type. Two nodes that use the same typedef without restricting it share one, which is what equality and
/// hashing go by.
#[derive(Clone, Copy)]
pub(in crate::schema) struct CompiledType<'a> {
    raw: *const ffi::lysc_type,
    context: PhantomData<&'a Context>,
}

impl PartialEq for CompiledType<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.raw, other.raw)
    }
}

impl Eq for CompiledType<'_> {}

impl Hash for CompiledType<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

/// What a compiled type says. Ranges and lengths are empty where the module states none.
pub(in crate::schema) enum TypeView<'a> {
    Integer { bits: u8, signed: bool, ranges: Vec<Range<i128>> },
    Decimal { scale: u8, ranges: Vec<Range<i64>> },
    Text { lengths: Vec<Range<u64>>, patterns: Vec<PatternView<'a>> },
    Bool,
    Empty,
    Enum(Vec<(&'a str, i32)>),
    Bits(Vec<(&'a str, u32)>),
    Binary { lengths: Vec<Range<u64>> },
    Identity { bases: Vec<IdentityView<'a>> },
    Instance { require_instance: bool },
    Leafref { real: CompiledType<'a>, path: &'a str, require_instance: bool },
    Union(Vec<CompiledType<'a>>),
}

/// A `pattern` statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::schema) struct PatternView<'a> {
    /// The expression as written.
    pub(in crate::schema) source: &'a str,
    /// `modifier invert-match`.
    pub(in crate::schema) inverted: bool,
    /// Whether it is a POSIX extended expression (`oc-ext:regexp-posix`) and not one of XML Schema.
    pub(in crate::schema) posix: bool,
}

impl<'a> CompiledType<'a> {
    /// # Safety
    ///
    /// `raw` has to be a compiled type of a context that lives and stays unchanged for `'a`.
    pub(super) unsafe fn new(raw: *const ffi::lysc_type) -> Self {
        Self { raw, context: PhantomData }
    }

    /// Reads the type. None for a kind of type that libyang knows and RFC 7950 does not.
    pub(in crate::schema) fn view(self) -> Option<TypeView<'a>> {
        // SAFETY: a valid type, see `new`. libyang allocates for every base type the structure named beside it, all
        // of which start with the fields of `lysc_type`, and all that they point to lives as long as the context.
        // Fields are read through the raw pointer because libyang counts references in another field meanwhile.
        unsafe {
            let view = match (*self.raw).basetype {
                base::LY_TYPE_INT8 => integer(self.raw, 8, true),
                base::LY_TYPE_INT16 => integer(self.raw, 16, true),
                base::LY_TYPE_INT32 => integer(self.raw, 32, true),
                base::LY_TYPE_INT64 => integer(self.raw, 64, true),
                base::LY_TYPE_UINT8 => integer(self.raw, 8, false),
                base::LY_TYPE_UINT16 => integer(self.raw, 16, false),
                base::LY_TYPE_UINT32 => integer(self.raw, 32, false),
                base::LY_TYPE_UINT64 => integer(self.raw, 64, false),
                base::LY_TYPE_DEC64 => {
                    let raw = self.raw.cast::<ffi::lysc_type_dec>();
                    TypeView::Decimal { scale: (*raw).fraction_digits, ranges: signed_parts((*raw).range) }
                }
                base::LY_TYPE_STRING => {
                    let raw = self.raw.cast::<ffi::lysc_type_str>();
                    TypeView::Text { lengths: unsigned_parts((*raw).length), patterns: patterns((*raw).patterns) }
                }
                base::LY_TYPE_BOOL => TypeView::Bool,
                base::LY_TYPE_EMPTY => TypeView::Empty,
                base::LY_TYPE_ENUM => {
                    let items = sized_array((*self.raw.cast::<ffi::lysc_type_enum>()).enums.cast_const());
                    TypeView::Enum(items.iter().map(|item| (text(item.name), item.__bindgen_anon_1.value)).collect())
                }
                base::LY_TYPE_BITS => {
                    let items = sized_array((*self.raw.cast::<ffi::lysc_type_bits>()).bits.cast_const());
                    TypeView::Bits(items.iter().map(|item| (text(item.name), item.__bindgen_anon_1.position)).collect())
                }
                base::LY_TYPE_BINARY => {
                    TypeView::Binary { lengths: unsigned_parts((*self.raw.cast::<ffi::lysc_type_bin>()).length) }
                }
                base::LY_TYPE_IDENT => {
                    let bases = sized_array((*self.raw.cast::<ffi::lysc_type_identityref>()).bases.cast_const());
                    TypeView::Identity { bases: bases.iter().map(|&raw| IdentityView::new(raw)).collect() }
                }
                base::LY_TYPE_INST => {
                    let require_instance = (*self.raw.cast::<ffi::lysc_type_instanceid>()).require_instance != 0;
                    TypeView::Instance { require_instance }
                }
                base::LY_TYPE_LEAFREF => {
                    let raw = self.raw.cast::<ffi::lysc_type_leafref>();
                    TypeView::Leafref {
                        real: Self::new((*raw).realtype),
                        path: text(ffi::lyxp_get_expr((*raw).path)),
                        require_instance: (*raw).require_instance != 0,
                    }
                }
                base::LY_TYPE_UNION => {
                    let members = sized_array((*self.raw.cast::<ffi::lysc_type_union>()).types.cast_const());
                    TypeView::Union(members.iter().map(|&raw| Self::new(raw)).collect())
                }
                _ => return None,
            };
            Some(view)
        }
    }
}

/// # Safety
///
/// `raw` has to be a valid integer type.
unsafe fn integer<'a>(raw: *const ffi::lysc_type, bits: u8, signed: bool) -> TypeView<'a> {
    // SAFETY: integer types are `lysc_type_num`; which half of the union is set follows from the sign.
    let ranges = unsafe {
        let range = (*raw.cast::<ffi::lysc_type_num>()).range;
        if signed { widen(signed_parts(range)) } else { widen(unsigned_parts(range)) }
    };
    TypeView::Integer { bits, signed, ranges }
}

fn widen<N: Into<i128>>(ranges: Vec<Range<N>>) -> Vec<Range<i128>> {
    ranges.into_iter().map(|range| Range { min: range.min.into(), max: range.max.into() }).collect()
}

/// # Safety
///
/// `range` has to be null or the valid range of a signed integer or decimal64 type.
unsafe fn signed_parts(range: *const ffi::lysc_range) -> Vec<Range<i64>> {
    // SAFETY: both halves of the unions are signed for these types.
    unsafe {
        let parts = range.as_ref().map_or(&[][..], |range| sized_array(range.parts.cast_const()));
        parts
            .iter()
            .map(|part| Range { min: part.__bindgen_anon_1.min_64, max: part.__bindgen_anon_2.max_64 })
            .collect()
    }
}

/// # Safety
///
/// `range` has to be null or the valid range or length of any other type.
unsafe fn unsigned_parts(range: *const ffi::lysc_range) -> Vec<Range<u64>> {
    // SAFETY: both halves of the unions are unsigned for these types.
    unsafe {
        let parts = range.as_ref().map_or(&[][..], |range| sized_array(range.parts.cast_const()));
        parts
            .iter()
            .map(|part| Range { min: part.__bindgen_anon_1.min_u64, max: part.__bindgen_anon_2.max_u64 })
            .collect()
    }
}

/// # Safety
///
/// `patterns` has to be null or a sized array of valid patterns that live for `'a`.
unsafe fn patterns<'a>(patterns: *mut *mut ffi::lysc_pattern) -> Vec<PatternView<'a>> {
    // SAFETY: as the caller vouches.
    unsafe {
        sized_array(patterns.cast_const())
            .iter()
            .filter_map(|pattern| pattern.as_ref())
            .map(|pattern| PatternView {
                source: text(pattern.expr),
                inverted: pattern.inverted() != 0,
                posix: pattern.format() != 0,
            })
            .collect()
    }
}

/// An identity.
#[derive(Clone, Copy)]
pub(in crate::schema) struct IdentityView<'a> {
    raw: *const ffi::lysc_ident,
    context: PhantomData<&'a Context>,
}

impl PartialEq for IdentityView<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.raw, other.raw)
    }
}

impl Eq for IdentityView<'_> {}

impl Hash for IdentityView<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

impl<'a> IdentityView<'a> {
    /// # Safety
    ///
    /// `raw` has to be an identity of a context that lives and stays unchanged for `'a`.
    unsafe fn new(raw: *const ffi::lysc_ident) -> Self {
        Self { raw, context: PhantomData }
    }

    fn get(self) -> &'a ffi::lysc_ident {
        // SAFETY: see `new`.
        unsafe { &*self.raw }
    }

    pub(in crate::schema) fn name(self) -> &'a str {
        // SAFETY: names live as long as their identity.
        unsafe { text(self.get().name) }
    }

    /// Name of the defining module.
    pub(in crate::schema) fn module(self) -> &'a str {
        // SAFETY: every identity points to its module.
        unsafe { text((*self.get().module).name) }
    }

    /// Whether it can be a value: its module is implemented and no feature it depends on is off.
    pub(in crate::schema) fn is_usable(self) -> bool {
        // SAFETY: a valid identity with a valid module.
        unsafe {
            (*self.get().module).implemented != 0
                && ffi::lys_identity_iffeature_value(self.raw) == ffi::LY_ERR::LY_SUCCESS
        }
    }

    /// The identities that name this one as a base.
    pub(in crate::schema) fn derived(self) -> impl Iterator<Item = IdentityView<'a>> {
        // SAFETY: a sized array of valid identities.
        unsafe { sized_array(self.get().derived.cast_const()).iter().map(|&raw| Self::new(raw)) }
    }
}
