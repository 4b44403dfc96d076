//! Judging values: the one place where text, JSON and protobuf scalars become canonical [`Value`]s.
//!
//! Invariant: what [`Type::accept`] returns satisfies every restriction of the type, and two inputs that mean the same
//! value give equal results. Whether other data that a value speaks of exists is not judged here.

mod instance;
mod number;

use std::fmt::Display;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Range, Type};
use crate::value::{Decimal, Identity, Text, Value};
use number::Number;

/// A value as it comes in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a> {
    /// A string: JSON, protobuf, a path key, a word of a command.
    Text(&'a str),
    /// A JSON number as written.
    Number(&'a str),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A floating point number.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// Bytes.
    Bytes(&'a [u8]),
    /// JSON `[null]` or `null`: a present `empty`.
    Null,
}

/// How forms and types may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 7951 to the letter (SET-033): `int64`, `uint64` and `decimal64` as strings, other integers as numbers,
    /// identities of another module with its name.
    Rfc7951,
    /// JSON, protobuf scalars, TOML (C-37): numbers quoted or not, identities by bare name. A number is still no
    /// string and a string is still no truth value.
    Lenient,
    /// Path keys, command line, saved text: everything is a string. Integers may have a sign or be hexadecimal.
    Text,
}

/// The rule of the type that a value breaks, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The form is not that of the type.
    #[error("expected {expected}, got {found}")]
    Form {
        /// What the type wants.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A number outside of every range.
    #[error("out of range {ranges}")]
    OutOfRange {
        /// The ranges allowed.
        ranges: String,
    },
    /// A `decimal64` with more digits after the point than it can keep.
    #[error("more than {digits} digits after the decimal point")]
    Precision {
        /// `fraction-digits`.
        digits: u8,
    },
    /// A string or binary of the wrong length.
    #[error("length {lengths} expected, got {found}")]
    Length {
        /// The lengths allowed, in characters or bytes.
        lengths: String,
        /// The length that came.
        found: u64,
    },
    /// A string that a pattern does not allow.
    #[error("{} pattern \"{pattern}\"", if *inverted { "must not match" } else { "does not match" })]
    Pattern {
        /// The pattern as the module has it.
        pattern: String,
        /// Whether matching is what is wrong.
        inverted: bool,
    },
    /// A character that no YANG string may have (RFC 7950 9.4).
    #[error("character U+{0:04X} is not allowed in a string")]
    Character(u32),
    /// A name that is none of an enumeration.
    #[error("'{name}' is not one of {names}")]
    Enum {
        /// The wrong one.
        name: String,
        /// The names there are.
        names: String,
    },
    /// A name that is none of the bits.
    #[error("bit \"{name}\" is not one of {names}")]
    Bit {
        /// The wrong one.
        name: String,
        /// The names there are.
        names: String,
    },
    /// A bit named twice.
    #[error("bit \"{0}\" is set twice")]
    BitTwice(String),
    /// Not an identity that the type allows.
    #[error("'{name}' is not one of the identities {names}")]
    Identity {
        /// The wrong one.
        name: String,
        /// The identities there are.
        names: String,
    },
    /// A bare identity name that has to be, or for lack of a better way can only be, written with its module.
    #[error("identity has to be written with its module: {names}")]
    Unqualified {
        /// The full names it could be.
        names: String,
    },
    /// Text that is not base64.
    #[error("not base64 (RFC 4648 section 4)")]
    Base64,
    /// Text that is no instance-identifier.
    #[error("not an instance-identifier (RFC 7951 6.11)")]
    Instance,
    /// No member of a union takes the value.
    #[error("no member of the union takes it: {}", join(members, "; "))]
    Union {
        /// What each member says, repetitions left out.
        members: Vec<TypeError>,
    },
}

impl Type {
    /// Judges a value and makes it canonical. `home_module` is the module of the leaf, in which bare identity names
    /// are looked for first.
    ///
    /// # Errors
    ///
    /// The first rule of the type that the value breaks (SET-027).
    pub fn accept(&self, input: Input<'_>, rule: Rule, home_module: &str) -> Result<Value, TypeError> {
        match self {
            Self::Integer { bits, signed, ranges } => integer(input, rule, *bits, *signed, ranges),
            Self::Decimal { scale, ranges } => decimal(input, rule, *scale, ranges),
            Self::Text { lengths, patterns } => {
                let text = text_of(input, "a string")?;
                if let Some(char) = text.chars().find(|&char| !is_text_char(char)) {
                    return Err(TypeError::Character(char.into()));
                }
                check_length(text.chars().count(), lengths)?;
                match patterns.iter().find(|pattern| !pattern.allows(text)) {
                    None => Ok(Value::text(text)),
                    Some(broken) => {
                        Err(TypeError::Pattern { pattern: broken.source().to_owned(), inverted: broken.is_inverted() })
                    }
                }
            }
            Self::Bool => match (input, rule) {
                (Input::Bool(value), _) => Ok(Value::Bool(value)),
                (Input::Text("true"), Rule::Text) => Ok(Value::Bool(true)),
                (Input::Text("false"), Rule::Text) => Ok(Value::Bool(false)),
                _ => Err(form("true or false", input)),
            },
            Self::Empty => match (input, rule) {
                (Input::Null, _) => Ok(Value::Empty),
                (Input::Bool(true) | Input::Text(""), Rule::Lenient | Rule::Text) => Ok(Value::Empty),
                _ => Err(form("[null]", input)),
            },
            Self::Enum(items) => {
                let text = text_of(input, "the name of an enumeration value")?;
                match items.iter().find(|(name, _)| **name == *text) {
                    Some((name, _)) => Ok(Value::Enum(name.clone())),
                    None => Err(TypeError::Enum {
                        name: text.to_owned(),
                        names: name_list(items.iter().map(|(name, _)| name)),
                    }),
                }
            }
            Self::Bits(items) => bits(text_of(input, "names of bits")?, items),
            Self::Binary { lengths } => {
                let bytes = match input {
                    Input::Bytes(bytes) => bytes.to_vec(),
                    _ => STANDARD.decode(text_of(input, "base64 text")?).map_err(|_| TypeError::Base64)?,
                };
                check_length(bytes.len(), lengths)?;
                Ok(Value::Binary(bytes.into()))
            }
            Self::Identity(known) => identity(text_of(input, "the name of an identity")?, rule, home_module, known),
            Self::Instance { .. } => {
                let text = text_of(input, "an instance-identifier")?;
                if instance::is_well_formed(text) { Ok(Value::Instance(text.into())) } else { Err(TypeError::Instance) }
            }
            Self::Leafref { real, .. } => real.accept(input, rule, home_module),
            Self::Union(members) => union(members, input, rule, home_module),
        }
    }
}

fn integer(input: Input<'_>, rule: Rule, bits: u8, signed: bool, ranges: &[Range<i128>]) -> Result<Value, TypeError> {
    let expected = if bits == 64 && rule == Rule::Rfc7951 { "a number as a string" } else { "a whole number" };
    let number = match (input, rule) {
        (Input::Int(value), _) => Some(value.into()),
        (Input::Uint(value), _) => Some(value.into()),
        (Input::Number(text), Rule::Lenient | Rule::Text) => Number::json(text).and_then(Number::whole),
        (Input::Number(text), Rule::Rfc7951) if bits < 64 => Number::json(text).and_then(Number::whole),
        (Input::Text(text), Rule::Rfc7951) if bits == 64 => number::decimal_integer(text),
        (Input::Text(text), Rule::Lenient) => number::decimal_integer(text),
        (Input::Text(text), Rule::Text) => number::any_integer(text),
        _ => None,
    };
    let number = number.ok_or_else(|| form(expected, input))?;
    if !ranges.iter().any(|range| (range.min..=range.max).contains(&number)) {
        return Err(TypeError::OutOfRange { ranges: range_list(ranges.iter().map(|range| (range.min, range.max))) });
    }
    // The ranges never exceed those of the built-in type, so one of these always fits.
    let value = match (bits, signed) {
        (64, true) => i64::try_from(number).map(Value::Int64),
        (64, false) => u64::try_from(number).map(Value::Uint64),
        (_, true) => i32::try_from(number).map(Value::Int),
        (_, false) => u32::try_from(number).map(Value::Uint),
    };
    value.map_err(|_| form(expected, input))
}

fn decimal(input: Input<'_>, rule: Rule, scale: u8, ranges: &[Range<i64>]) -> Result<Value, TypeError> {
    let number = match (input, rule) {
        (Input::Text(text), _) => Number::decimal(text),
        (Input::Number(text), Rule::Lenient | Rule::Text) => Number::json(text),
        (Input::Int(value), _) => Number::decimal(&value.to_string()),
        (Input::Uint(value), _) => Number::decimal(&value.to_string()),
        // The shortest decimal text that reads back as the same double: what the sender meant.
        (Input::Double(value), _) => Number::decimal(&value.to_string()),
        _ => None,
    };
    let expected = if rule == Rule::Rfc7951 { "a decimal number as a string" } else { "a decimal number" };
    let number = number.ok_or_else(|| form(expected, input))?;
    let of_digits = |digits| Decimal { digits, scale };
    let out_of_range = || TypeError::OutOfRange {
        ranges: range_list(ranges.iter().map(|range| (of_digits(range.min), of_digits(range.max)))),
    };
    let digits = match number.scaled(scale) {
        Ok(digits) => i64::try_from(digits).map_err(|_| out_of_range())?,
        Err(number::ScaleError::Fraction) => return Err(TypeError::Precision { digits: scale }),
        Err(number::ScaleError::Size) => return Err(out_of_range()),
    };
    if ranges.iter().any(|range| (range.min..=range.max).contains(&digits)) {
        Ok(Value::Decimal(of_digits(digits)))
    } else {
        Err(out_of_range())
    }
}

fn bits(text: &str, items: &[(Text, u32)]) -> Result<Value, TypeError> {
    let mut set = vec![false; items.len()];
    for name in text.split_whitespace() {
        let found = items.iter().zip(&mut set).find(|((known, _), _)| **known == *name);
        let Some((_, is_set)) = found else {
            let names = name_list(items.iter().map(|(name, _)| name));
            return Err(TypeError::Bit { name: name.to_owned(), names });
        };
        if std::mem::replace(is_set, true) {
            return Err(TypeError::BitTwice(name.to_owned()));
        }
    }
    let names: Vec<_> = items.iter().zip(set).filter(|(_, set)| *set).map(|((name, _), _)| &**name).collect();
    Ok(Value::Bits(names.join(" ").into()))
}

#[expect(clippy::indexing_slicing, reason = "a partition point of this very list")]
fn identity(text: &str, rule: Rule, home_module: &str, known: &[Arc<Identity>]) -> Result<Value, TypeError> {
    let (module, name) = match text.split_once(':') {
        Some((module, name)) => (Some(module), name),
        None => (None, text),
    };
    // The identities are sorted by name.
    let start = known.partition_point(|identity| *identity.name < *name);
    let named = known.get(start..).unwrap_or_default();
    let named = &named[..named.partition_point(|identity| *identity.name == *name)];
    let of_module = |module: &str| named.iter().find(|identity| *identity.module == *module);
    let found = match module {
        Some(module) => of_module(module),
        None => match (of_module(home_module), named) {
            (Some(home), _) => Some(home),
            (None, []) => None,
            (None, [only]) if rule != Rule::Rfc7951 => Some(only),
            (None, _) => {
                let names = named.iter().map(|identity| format!("{}:{}", identity.module, identity.name));
                return Err(TypeError::Unqualified { names: name_list(names) });
            }
        },
    };
    match found {
        Some(identity) => Ok(Value::Identity(identity.clone())),
        None => Err(TypeError::Identity {
            name: text.to_owned(),
            names: name_list(known.iter().map(|identity| &identity.name)),
        }),
    }
}

/// The first member that takes the value (RFC 7950 9.12), where the form of the input has a say: a number goes to a
/// numeric member behind a string member, and text that looks like a number stays text when there is a member for it
/// (RFC 7951 6.10, ENC-040). Only when no member takes the form as RFC 7951 would write it do the other forms count
/// that [`Rule::Lenient`] allows.
fn union(members: &[Arc<Type>], input: Input<'_>, rule: Rule, home_module: &str) -> Result<Value, TypeError> {
    let (natural, other): (Vec<_>, Vec<_>) =
        members.iter().partition(|member| rule != Rule::Lenient || is_natural(member, input));
    let mut errors = Vec::new();
    for member in natural.into_iter().chain(other) {
        match member.accept(input, rule, home_module) {
            Ok(value) => return Ok(value),
            Err(error) => {
                if !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
    }
    Err(TypeError::Union { members: errors })
}

/// Whether RFC 7951 would write a value of the type in the form of the input.
fn is_natural(ty: &Type, input: Input<'_>) -> bool {
    match (ty, input) {
        (Type::Integer { bits, .. }, Input::Text(_)) => *bits == 64,
        (Type::Integer { bits, .. }, Input::Number(_)) => *bits < 64,
        (Type::Decimal { .. }, Input::Number(_)) | (Type::Empty, Input::Text(_)) => false,
        (Type::Leafref { real, .. }, _) => is_natural(real, input),
        _ => true,
    }
}

fn text_of<'a>(input: Input<'a>, expected: &'static str) -> Result<&'a str, TypeError> {
    match input {
        Input::Text(text) => Ok(text),
        _ => Err(form(expected, input)),
    }
}

/// How much of a wrong value is repeated in an error.
const SHOWN_CHARS_MAX: usize = 60;

fn form(expected: &'static str, input: Input<'_>) -> TypeError {
    let found = match input {
        Input::Text(text) if text.chars().count() > SHOWN_CHARS_MAX => "a longer string".to_owned(),
        Input::Text(text) => format!("the string {text:?}"),
        Input::Number(text) => format!("the number {text}"),
        Input::Int(value) => format!("the number {value}"),
        Input::Uint(value) => format!("the number {value}"),
        Input::Double(value) => format!("the number {value}"),
        Input::Bool(value) => value.to_string(),
        Input::Bytes(_) => "bytes".to_owned(),
        Input::Null => "null".to_owned(),
    };
    TypeError::Form { expected, found }
}

fn check_length(length: usize, lengths: &[Range<u64>]) -> Result<(), TypeError> {
    let found = u64::try_from(length).unwrap_or(u64::MAX);
    if lengths.is_empty() || lengths.iter().any(|range| (range.min..=range.max).contains(&found)) {
        return Ok(());
    }
    Err(TypeError::Length { lengths: range_list(lengths.iter().map(|range| (range.min, range.max))), found })
}

/// Characters of `yang-string` (RFC 7950 section 14).
fn is_text_char(char: char) -> bool {
    match u32::from(char) {
        code @ 0..=0x1F => matches!(code, 0x09 | 0x0A | 0x0D),
        0xFDD0..=0xFDEF => false,
        code => code & 0xFFFE != 0xFFFE,
    }
}

fn range_list<N: Display + PartialEq>(ranges: impl Iterator<Item = (N, N)>) -> String {
    let one = |(min, max): (N, N)| if min == max { min.to_string() } else { format!("{min}..{max}") };
    ranges.map(one).collect::<Vec<_>>().join(" | ")
}

/// How many names an error lists.
const NAMES_MAX: usize = 20;

fn name_list(names: impl ExactSizeIterator<Item: Display>) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut list = join(names.take(NAMES_MAX), ", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

fn join(items: impl IntoIterator<Item: Display>, between: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests;
