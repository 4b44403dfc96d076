//! What becomes of enumerations and unions.
//!
//! Invariant: numbers follow from the type alone. An enumeration value keeps its number when others are added, and the
//! kinds of union members have fixed numbers.

use super::resolved;
use crate::schema::Type;
use crate::value::Text;

/// Names and YANG values of an enumeration.
pub(super) type Enumeration = [(Text, i32)];

/// Field number of the first enumeration of a union; the next ones follow.
pub(super) const FIRST_ENUMERATION: u32 = 13;

/// Field numbers of the other kinds of union members.
pub(super) mod member {
    pub(in crate::codec::bytes) const STRING: u8 = 1;
    pub(in crate::codec::bytes) const INT32: u8 = 2;
    pub(in crate::codec::bytes) const INT64: u8 = 3;
    pub(in crate::codec::bytes) const UINT32: u8 = 4;
    pub(in crate::codec::bytes) const UINT64: u8 = 5;
    pub(in crate::codec::bytes) const BOOL: u8 = 6;
    pub(in crate::codec::bytes) const BINARY: u8 = 7;
    pub(in crate::codec::bytes) const EMPTY: u8 = 8;
    pub(in crate::codec::bytes) const DECIMAL64: u8 = 9;
    pub(in crate::codec::bytes) const BITS: u8 = 10;
    pub(in crate::codec::bytes) const IDENTITY: u8 = 11;
    pub(in crate::codec::bytes) const INSTANCE: u8 = 12;
}

/// Field number, name and protobuf type of a union member; none for an enumeration, whose field has a type of its own.
pub(super) fn member_of(ty: &Type) -> Option<(u8, &'static str, &'static str)> {
    Some(match resolved(ty) {
        Type::Text { .. } => (member::STRING, "string_value", "string"),
        Type::Integer { bits: 64, signed: true, .. } => (member::INT64, "int64_value", "sint64"),
        Type::Integer { bits: 64, .. } => (member::UINT64, "uint64_value", "uint64"),
        Type::Integer { signed: true, .. } => (member::INT32, "int32_value", "sint32"),
        Type::Integer { .. } => (member::UINT32, "uint32_value", "uint32"),
        Type::Bool => (member::BOOL, "bool_value", "bool"),
        Type::Binary { .. } => (member::BINARY, "binary_value", "bytes"),
        Type::Empty => (member::EMPTY, "empty_value", "yang_type_empty"),
        Type::Decimal { .. } => (member::DECIMAL64, "decimal64_value", "yang_type_decimal64"),
        Type::Bits(_) => (member::BITS, "bits_value", "string"),
        Type::Identity(_) => (member::IDENTITY, "identity_value", "string"),
        Type::Instance { .. } => (member::INSTANCE, "instance_value", "string"),
        Type::Enum(_) | Type::Leafref { .. } | Type::Union(_) => return None,
    })
}

/// The wrapper message of a leaf; none for enumerations and unions, which have messages of their own.
pub(super) fn wrapper_of(ty: &Type) -> Option<&'static str> {
    Some(match resolved(ty) {
        Type::Text { .. } | Type::Bits(_) | Type::Identity(_) | Type::Instance { .. } => "yang_type_string",
        Type::Integer { bits: 64, signed: true, .. } => "yang_type_int64",
        Type::Integer { bits: 64, .. } => "yang_type_uint64",
        Type::Integer { signed: true, .. } => "yang_type_int32",
        Type::Integer { .. } => "yang_type_uint32",
        Type::Bool => "yang_type_bool",
        Type::Binary { .. } => "yang_type_bytes",
        Type::Empty => "yang_type_empty",
        Type::Decimal { .. } => "yang_type_decimal64",
        Type::Enum(_) | Type::Leafref { .. } | Type::Union(_) => return None,
    })
}

/// Tells `visit` the members of a union, in schema order, with leafrefs and unions inside followed; stops when it
/// returns something.
pub(super) fn each_member<'t, T>(ty: &'t Type, visit: &mut dyn FnMut(&'t Type) -> Option<T>) -> Option<T> {
    match resolved(ty) {
        Type::Union(members) => members.iter().find_map(|member| each_member(member, visit)),
        member => visit(member),
    }
}

/// The protobuf number of the value at `position`: the YANG value, or one more where some value is zero or below, because
/// zero means that nothing is known. What is below zero stays; the largest value, which has no number above it, takes the
/// lowest that is free.
pub(super) fn enum_number(values: &Enumeration, position: usize) -> i32 {
    let Some(&(_, value)) = values.get(position) else { return 0 };
    if value < 0 || values.iter().all(|&(_, value)| value > 0) {
        return value;
    }
    let lowest_free = || (i32::MIN..0).find(|free| values.iter().all(|(_, taken)| taken != free));
    value.checked_add(1).or_else(lowest_free).unwrap_or(0)
}

/// The number of a value by name; zero, INVALID_ENUM, for a name that the type does not have.
pub(super) fn number_of(values: &Enumeration, name: &Text) -> i32 {
    position_of(values, name).map_or(0, |position| enum_number(values, position))
}

/// Where a name stands. Values share their names with the type they were judged by, so most comparisons are of pointers.
pub(super) fn position_of(values: &Enumeration, name: &Text) -> Option<usize> {
    let same = values.iter().position(|(known, _)| Text::ptr_eq(known, name));
    same.or_else(|| values.iter().position(|(known, _)| known == name))
}
