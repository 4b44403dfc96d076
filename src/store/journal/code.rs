//! Values and rows as bytes.
//!
//! Invariant: a value is written with a letter for its kind and its exact content, so it reads back as the same
//! [`Value`] whatever its type is now; a union needs no type to be read. Text stays text: the file can be read by people.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::time::Timestamp;
use crate::value::{Decimal, Identity, Value};

/// One row of the configuration table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    /// A leaf or leaf-list set explicitly.
    Leaf(Timestamp, Value),
    /// A presence container or list entry.
    Exists(Timestamp),
    /// Keys of a user-ordered list in their order, the values of all of them one after another.
    Order(Vec<Value>),
}

impl Row {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf(time, value) => {
                let mut out = stamped(b'v', *time);
                out.extend(value_text(value).as_bytes());
                out
            }
            Self::Exists(time) => stamped(b'c', *time),
            Self::Order(values) => {
                let mut out = vec![b'o'];
                for value in values {
                    put_bytes(&mut out, value_text(value).as_bytes());
                }
                out
            }
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let mut rest = Reader(rest);
        match kind {
            b'v' => Some(Self::Leaf(rest.time()?, value_from(std::str::from_utf8(rest.0).ok()?)?)),
            b'c' => Some(Self::Exists(rest.time()?)),
            b'o' => {
                let mut values = Vec::new();
                while !rest.0.is_empty() {
                    values.push(value_from(rest.text()?)?);
                }
                Some(Self::Order(values))
            }
            _ => None,
        }
    }
}

fn stamped(kind: u8, time: Timestamp) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(time.nanos().to_le_bytes());
    out
}

/// A value as text: a letter for its kind, then its content.
pub(super) fn value_text(value: &Value) -> String {
    let mut out = String::new();
    push_value(&mut out, value);
    out
}

fn push_value(out: &mut String, value: &Value) {
    let (kind, text) = match value {
        Value::Empty => ('e', String::new()),
        Value::Bool(_) => ('b', value.to_string()),
        Value::Int(_) => ('i', value.to_string()),
        Value::Int64(_) => ('I', value.to_string()),
        Value::Uint(_) => ('u', value.to_string()),
        Value::Uint64(_) => ('U', value.to_string()),
        // Not the canonical text, which does not tell the fraction-digits.
        Value::Decimal(decimal) => ('d', format!("{}e-{}", decimal.digits, decimal.scale)),
        Value::Text(_) => ('s', value.to_string()),
        Value::Enum(_) => ('n', value.to_string()),
        Value::Bits(_) => ('f', value.to_string()),
        Value::Identity(_) => ('y', value.to_string()),
        Value::Instance(_) => ('p', value.to_string()),
        Value::Binary(_) => ('x', value.to_string()),
        Value::List(members) => return push_members(out, members),
    };
    out.push(kind);
    out.push_str(&text);
}

/// Members with their length in bytes and a colon before each.
fn push_members(out: &mut String, members: &[Value]) {
    out.push('L');
    for member in members {
        let text = value_text(member);
        out.push_str(&text.len().to_string());
        out.push(':');
        out.push_str(&text);
    }
}

/// Reads what [`value_text`] wrote.
pub(super) fn value_from(text: &str) -> Option<Value> {
    let mut symbols = text.chars();
    let kind = symbols.next()?;
    let text = symbols.as_str();
    Some(match kind {
        'e' if text.is_empty() => Value::Empty,
        'b' => Value::Bool(text.parse().ok()?),
        'i' => Value::Int(text.parse().ok()?),
        'I' => Value::Int64(text.parse().ok()?),
        'u' => Value::Uint(text.parse().ok()?),
        'U' => Value::Uint64(text.parse().ok()?),
        'd' => {
            let (digits, scale) = text.split_once("e-")?;
            Value::Decimal(Decimal { digits: digits.parse().ok()?, scale: scale.parse().ok()? })
        }
        's' => Value::Text(text.into()),
        'n' => Value::Enum(text.into()),
        'f' => Value::Bits(text.into()),
        'y' => {
            let (module, name) = text.split_once(':')?;
            Value::Identity(Arc::new(Identity { module: module.into(), name: name.into() }))
        }
        'p' => Value::Instance(text.into()),
        'x' => Value::Binary(STANDARD.decode(text).ok()?.into()),
        'L' => Value::List(members_from(text)?.into()),
        _ => return None,
    })
}

fn members_from(mut text: &str) -> Option<Vec<Value>> {
    let mut members = Vec::new();
    while !text.is_empty() {
        let (length, rest) = text.split_once(':')?;
        let (member, rest) = rest.split_at_checked(length.parse().ok()?)?;
        members.push(value_from(member)?);
        text = rest;
    }
    Some(members)
}

/// Appends bytes with their length before them.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // A row is far below this; redb refuses values of 3 GiB.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(bytes);
}

/// Reads from the front of bytes; every method is none when they end too early.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.array().map(i64::from_le_bytes).map(Timestamp::from_nanos)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}
