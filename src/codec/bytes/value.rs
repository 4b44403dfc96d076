//! Leaf values as fields.
//!
//! Invariant: the bytes are those that protobuf itself would write for the wrapper messages of the .proto file: what has
//! its default is left out of a wrapper, but never out of a union, where the field says which member it is.

use super::Fields;
use super::members::{FIRST_ENUMERATION, each_member, member, number_of, position_of};
use super::resolved;
use crate::codec::protobuf::{Key, WideKey, put_bytes, put_nested, put_varint, put_wide_nested};
use crate::codec::value::foreign_module;
use crate::schema::{NodeId, Schema, Type};
use crate::value::{Decimal, Text, Value};

/// `value`, the only field of most wrappers.
const VALUE: u8 = 1;
const DECIMAL_DIGITS: Key = Key::varint(1);
const DECIMAL_PRECISION: Key = Key::varint(2);
impl Fields {
    /// Appends a leaf, or the members of a leaf-list one after the other.
    pub(in crate::codec) fn put_leaf(&self, out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value) {
        match value {
            Value::List(members) => members.iter().for_each(|member| self.put_one(out, schema, node, member)),
            value => self.put_one(out, schema, node, value),
        }
    }

    fn put_one(&self, out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value) {
        let field = self.of(node);
        put_wide_nested(out, field.key, |out| match field.is_union {
            true => put_member(out, schema, node, value),
            false => put_wrapped(out, schema, node, value),
        });
    }
}

/// Appends the content of a wrapper.
fn put_wrapped(out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value) {
    let mut number = |number: u64| {
        if number > 0 {
            put_varint(out, Key::varint(VALUE), number);
        }
    };
    match value {
        Value::Empty => {}
        Value::Bool(value) => number((*value).into()),
        Value::Int(value) => number(zigzag((*value).into())),
        Value::Int64(value) => number(zigzag(*value)),
        Value::Uint(value) => number((*value).into()),
        Value::Uint64(value) => number(*value),
        Value::Decimal(value) => put_decimal(out, *value),
        Value::Enum(name) => {
            let found = match schema.node(node).ty().map(|ty| resolved(ty)) {
                Some(Type::Enum(values)) => number_of(values, name),
                _ => 0,
            };
            number(signed(found));
        }
        Value::Text(text) | Value::Bits(text) | Value::Instance(text) if text.is_empty() => {}
        Value::Text(text) | Value::Bits(text) | Value::Instance(text) => {
            put_bytes(out, Key::sized(VALUE), text.as_bytes());
        }
        Value::Identity(_) => put_identity(out, Key::sized(VALUE), schema, node, value),
        Value::Binary(bytes) if bytes.is_empty() => {}
        Value::Binary(bytes) => put_bytes(out, Key::sized(VALUE), bytes),
        // Lists do not stand in lists.
        Value::List(_) => {}
    }
}

/// Appends the content of a union: the member that the value is.
fn put_member(out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value) {
    match value {
        Value::Empty => put_bytes(out, Key::sized(member::EMPTY), &[]),
        Value::Bool(value) => put_varint(out, Key::varint(member::BOOL), (*value).into()),
        Value::Int(value) => put_varint(out, Key::varint(member::INT32), zigzag((*value).into())),
        Value::Int64(value) => put_varint(out, Key::varint(member::INT64), zigzag(*value)),
        Value::Uint(value) => put_varint(out, Key::varint(member::UINT32), (*value).into()),
        Value::Uint64(value) => put_varint(out, Key::varint(member::UINT64), *value),
        Value::Decimal(value) => put_nested(out, Key::sized(member::DECIMAL64), |out| put_decimal(out, *value)),
        Value::Text(text) => put_bytes(out, Key::sized(member::STRING), text.as_bytes()),
        Value::Bits(text) => put_bytes(out, Key::sized(member::BITS), text.as_bytes()),
        Value::Instance(text) => put_bytes(out, Key::sized(member::INSTANCE), text.as_bytes()),
        Value::Identity(_) => put_identity(out, Key::sized(member::IDENTITY), schema, node, value),
        Value::Binary(bytes) => put_bytes(out, Key::sized(member::BINARY), bytes),
        Value::Enum(name) => {
            if let Some((field, number)) = schema.node(node).ty().and_then(|ty| enumeration_of(ty, name)) {
                put_wide_nested(out, WideKey::sized(field), |out| {
                    put_varint(out, Key::varint(VALUE), signed(number));
                });
            }
        }
        Value::List(_) => {}
    }
}

/// The first enumeration of a union that has the name: its field number, and the number of the name in it.
fn enumeration_of(ty: &Type, name: &Text) -> Option<(u32, i32)> {
    let mut field = FIRST_ENUMERATION;
    each_member(ty, &mut |member| {
        let Type::Enum(values) = member else { return None };
        let found = position_of(values, name).map(|_| (field, number_of(values, name)));
        field += 1;
        found
    })
}

fn put_decimal(out: &mut Vec<u8>, value: Decimal) {
    if value.digits != 0 {
        put_varint(out, DECIMAL_DIGITS, value.digits.cast_unsigned());
    }
    if value.scale != 0 {
        put_varint(out, DECIMAL_PRECISION, value.scale.into());
    }
}

/// An identity has the text that PROTO gives it.
fn put_identity(out: &mut Vec<u8>, key: Key, schema: &Schema, node: NodeId, value: &Value) {
    let Value::Identity(identity) = value else { return };
    put_nested(out, key, |out| {
        if let Some(module) = foreign_module(schema, node, identity) {
            out.extend_from_slice(module.as_bytes());
            out.push(b':');
        }
        out.extend_from_slice(identity.name.as_bytes());
    });
}

/// `sint32` and `sint64`: small numbers stay small whatever their sign.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Enumeration numbers below zero go as their two's complement of 64 bits.
fn signed(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

/// At least as many bytes as the value takes as a field.
pub(in crate::codec) fn bytes_at_most(value: &Value) -> usize {
    /// Key, length and wrapper of anything, and the longest number.
    const FRAME: usize = 32;
    FRAME
        + match value {
            Value::Text(text) | Value::Enum(text) | Value::Bits(text) | Value::Instance(text) => text.len(),
            Value::Identity(identity) => identity.module.len() + identity.name.len(),
            Value::Binary(bytes) => bytes.len(),
            Value::List(members) => members.iter().map(bytes_at_most).sum(),
            Value::Empty
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Uint(_)
            | Value::Uint64(_)
            | Value::Decimal(_) => 0,
        }
}
