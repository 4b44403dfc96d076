//! One leaf value as a `TypedValue`: the YANG type map of the encodings (ENC-007 to ENC-041, C-35, C-37).

use bytes::Bytes;

use super::protobuf::{Key, put_bytes, put_double, put_nested, put_varint};
use super::{LeafForm, json};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::typed_value::Value as Typed;
use crate::schema::{NodeId, Schema};
use crate::value::{Identity, Value};

const STRING_VAL: Key = Key::sized(1);
const INT_VAL: Key = Key::varint(2);
const UINT_VAL: Key = Key::varint(3);
const BOOL_VAL: Key = Key::varint(4);
const BYTES_VAL: Key = Key::sized(5);
const DECIMAL_VAL: Key = Key::sized(7);
/// `Decimal64.digits`, the field.
const DECIMAL_DIGITS: Key = Key::varint(1);
/// `Decimal64.precision`, the field.
const DECIMAL_PRECISION: Key = Key::varint(2);
const LEAFLIST_VAL: Key = Key::sized(8);
const JSON_VAL: Key = Key::sized(10);
const JSON_IETF_VAL: Key = Key::sized(11);
const DOUBLE_VAL: Key = Key::fixed64(14);
/// `ScalarArray.element`, the field.
const ELEMENT: Key = Key::sized(1);

/// The value of the leaf `node` as a message, for replies that are built as objects.
pub fn typed_value(schema: &Schema, node: NodeId, value: &Value, form: LeafForm) -> pb::TypedValue {
    let json = |ietf| {
        let mut text = Vec::new();
        json::put_value(&mut text, schema, node, value, ietf);
        Bytes::from(text)
    };
    let typed = match form {
        LeafForm::Json => Typed::JsonVal(json(false)),
        LeafForm::JsonIetf => Typed::JsonIetfVal(json(true)),
        LeafForm::Scalars | LeafForm::ScalarsV070 => scalar_to_pb(schema, node, value, form),
    };
    pb::TypedValue { value: Some(typed) }
}

fn scalar_to_pb(schema: &Schema, node: NodeId, value: &Value, form: LeafForm) -> Typed {
    match value {
        // Presence is the value (ENC-026).
        Value::Empty => Typed::BoolVal(true),
        Value::Bool(value) => Typed::BoolVal(*value),
        Value::Int(value) => Typed::IntVal((*value).into()),
        Value::Int64(value) => Typed::IntVal(*value),
        Value::Uint(value) => Typed::UintVal((*value).into()),
        Value::Uint64(value) => Typed::UintVal(*value),
        #[expect(deprecated, reason = "the only field that 0.7.0 has for a decimal")]
        Value::Decimal(value) if form == LeafForm::ScalarsV070 => {
            Typed::DecimalVal(pb::Decimal64 { digits: value.digits, precision: value.scale.into() })
        }
        Value::Decimal(value) => Typed::DoubleVal(value.to_f64()),
        Value::Text(text) | Value::Enum(text) | Value::Bits(text) | Value::Instance(text) => {
            Typed::StringVal(text.to_string())
        }
        Value::Identity(identity) => Typed::StringVal(match foreign_module(schema, node, identity) {
            Some(module) => format!("{module}:{}", identity.name),
            None => identity.name.to_string(),
        }),
        Value::Binary(bytes) => Typed::BytesVal(Bytes::copy_from_slice(bytes)),
        Value::List(members) => {
            let member = |member| pb::TypedValue { value: Some(scalar_to_pb(schema, node, member, form)) };
            Typed::LeaflistVal(pb::ScalarArray { element: members.iter().map(member).collect() })
        }
    }
}

/// Appends the content of a `TypedValue`: the same bytes as [`typed_value`] would encode to.
pub(super) fn put_typed(out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value, form: LeafForm) {
    match form {
        LeafForm::Json => put_nested(out, JSON_VAL, |out| json::put_value(out, schema, node, value, false)),
        LeafForm::JsonIetf => put_nested(out, JSON_IETF_VAL, |out| json::put_value(out, schema, node, value, true)),
        LeafForm::Scalars | LeafForm::ScalarsV070 => put_scalar(out, schema, node, value, form),
    }
}

fn put_scalar(out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value, form: LeafForm) {
    match value {
        Value::Empty => put_varint(out, BOOL_VAL, 1),
        Value::Bool(value) => put_varint(out, BOOL_VAL, (*value).into()),
        // Negative numbers are sent as their two's complement of 64 bits.
        Value::Int(value) => put_varint(out, INT_VAL, i64::from(*value).cast_unsigned()),
        Value::Int64(value) => put_varint(out, INT_VAL, value.cast_unsigned()),
        Value::Uint(value) => put_varint(out, UINT_VAL, (*value).into()),
        Value::Uint64(value) => put_varint(out, UINT_VAL, *value),
        Value::Decimal(value) if form == LeafForm::ScalarsV070 => put_nested(out, DECIMAL_VAL, |out| {
            // Zero is what an absent field means.
            if value.digits != 0 {
                put_varint(out, DECIMAL_DIGITS, value.digits.cast_unsigned());
            }
            if value.scale != 0 {
                put_varint(out, DECIMAL_PRECISION, value.scale.into());
            }
        }),
        Value::Decimal(value) => put_double(out, DOUBLE_VAL, value.to_f64()),
        Value::Text(text) | Value::Enum(text) | Value::Bits(text) | Value::Instance(text) => {
            put_bytes(out, STRING_VAL, text.as_bytes());
        }
        Value::Identity(identity) => put_nested(out, STRING_VAL, |out| {
            if let Some(module) = foreign_module(schema, node, identity) {
                out.extend_from_slice(module.as_bytes());
                out.push(b':');
            }
            out.extend_from_slice(identity.name.as_bytes());
        }),
        Value::Binary(bytes) => put_bytes(out, BYTES_VAL, bytes),
        Value::List(members) => put_nested(out, LEAFLIST_VAL, |out| {
            for member in members.iter() {
                put_nested(out, ELEMENT, |out| put_scalar(out, schema, node, member, form));
            }
        }),
    }
}

/// The module of an identity, where RFC 7951 6.8 wants it stated: when it is not the module of the leaf.
pub(super) fn foreign_module<'a>(schema: &Schema, node: NodeId, identity: &'a Identity) -> Option<&'a str> {
    let home = &schema.module(schema.node(node).module).name;
    Some(&*identity.module).filter(|module| *module != &**home)
}

#[cfg(test)]
mod tests;
