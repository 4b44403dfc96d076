//! Judging a value: the one way from outside to a [`Value`].
//!
//! Invariant: whatever `accept` returns is canonical and satisfies every restriction of the type. What depends on other
//! data (the target of a leafref) is judged when a commit is made.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Range, Type};
use crate::value::{Decimal, Text, Value};

/// A value as it arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a> {
    /// A string of JSON, of a path key, of TOML.
    Text(&'a str),
    /// A number of JSON as it is written.
    Number(&'a str),
    /// `int_val`, a TOML integer.
    Int(i64),
    /// `uint_val`.
    Uint(u64),
    /// `double_val`, `float_val`, a TOML float.
    Double(f64),
    /// `bool_val`, a JSON or TOML boolean.
    Bool(bool),
    /// `bytes_val`.
    Bytes(&'a [u8]),
    /// JSON `[null]`: a leaf of type empty that is there.
    Null,
}

/// How strict the form is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 7951 to the letter: 64-bit numbers and decimals are strings, smaller ones numbers (SET-033).
    Rfc7951,
    /// JSON, typed scalars, TOML: numbers quoted or not (C-37).
    Lenient,
    /// Everything arrives as text: keys, command lines.
    Text,
}

/// The rule a value breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// Another kind of value is wanted.
    #[error("expected {expected}, got {got}")]
    Kind {
        /// What the type takes.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// Not a number, or none of this type.
    #[error("'{text}' is not {expected}")]
    Malformed {
        /// What came.
        text: String,
        /// What the type takes.
        expected: &'static str,
    },
    /// Outside the range.
    #[error("{text} is out of range {ranges}")]
    Range {
        /// What came.
        text: String,
        /// The ranges.
        ranges: String,
    },
    /// Too short or too long.
    #[error("length {length} is not in {lengths}")]
    Length {
        /// Its length in characters or bytes.
        length: u64,
        /// The lengths allowed.
        lengths: String,
    },
    /// A pattern says no.
    #[error("'{text}' does not match the pattern '{pattern}'")]
    Pattern {
        /// What came.
        text: String,
        /// The pattern.
        pattern: String,
    },
    /// No such name.
    #[error("'{text}' is not one of {names}")]
    Name {
        /// What came.
        text: String,
        /// The names there are.
        names: String,
    },
    /// More decimals than fraction-digits, or too large.
    #[error("'{text}' does not fit a decimal with {scale} fraction digits")]
    Precision {
        /// What came.
        text: String,
        /// fraction-digits.
        scale: u8,
    },
    /// No member of the union takes it.
    #[error("no member type of the union takes it: {0}")]
    Union(String),
}

impl Type {
    /// Judges a value of this type. `home_module` is the module of the leaf, where identities without a prefix live.
    pub fn accept(&self, input: Input<'_>, rule: Rule, home_module: &str) -> Result<Value, TypeError> {
        match self {
            Self::Integer { bits, signed, ranges } => integer(input, rule, *bits, *signed, ranges),
            Self::Decimal { scale, ranges } => decimal(input, rule, *scale, ranges),
            Self::Text { lengths, patterns } => {
                let text = text_of(input, "a string")?;
                check_length(text.chars().count(), lengths)?;
                match patterns.iter().find(|pattern| !pattern.allows(text)) {
                    None => Ok(Value::text(text)),
                    Some(pattern) => {
                        Err(TypeError::Pattern { text: text.to_owned(), pattern: pattern.source().to_owned() })
                    }
                }
            }
            Self::Bool => boolean(input, rule),
            Self::Empty => match input {
                Input::Null | Input::Bool(true) | Input::Text("") => Ok(Value::Empty),
                other => Err(TypeError::Kind { expected: "[null] (type empty)", got: other.kind() }),
            },
            Self::Enum(names) => name_of(text_of(input, "a name")?, names.iter().map(|(name, _)| name)).map(Value::Enum),
            Self::Bits(names) => bits(text_of(input, "bit names")?, names),
            Self::Binary { lengths } => binary(input, lengths),
            Self::Identity(allowed) => identity(text_of(input, "an identity")?, allowed, home_module),
            Self::Instance { .. } => match text_of(input, "an instance-identifier")? {
                text if text.starts_with('/') && text.len() > 1 => Ok(Value::Instance(text.into())),
                text => Err(TypeError::Malformed { text: text.to_owned(), expected: "an instance-identifier" }),
            },
            Self::Leafref { real, .. } => real.accept(input, rule, home_module),
            Self::Union(members) => union(members, input, rule, home_module),
        }
    }
}

impl Input<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) | Self::Int(_) | Self::Uint(_) | Self::Double(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Bytes(_) => "bytes",
            Self::Null => "null",
        }
    }
}

fn text_of<'a>(input: Input<'a>, expected: &'static str) -> Result<&'a str, TypeError> {
    match input {
        Input::Text(text) => Ok(text),
        other => Err(TypeError::Kind { expected, got: other.kind() }),
    }
}

fn integer(input: Input<'_>, rule: Rule, bits: u8, signed: bool, ranges: &[Range<i128>]) -> Result<Value, TypeError> {
    let quoted = bits == 64;
    let wrong_kind = || TypeError::Kind {
        expected: if quoted { "a number in quotes (RFC 7951 6.1)" } else { "a number" },
        got: input.kind(),
    };
    let malformed = |text: &str| TypeError::Malformed { text: text.to_owned(), expected: "an integer" };
    let number: i128 = match (input, rule) {
        (Input::Text(_), Rule::Rfc7951) if !quoted => return Err(wrong_kind()),
        (Input::Number(_), Rule::Rfc7951) if quoted => return Err(wrong_kind()),
        (Input::Text(text), _) => parse_integer(text).ok_or_else(|| malformed(text))?,
        (Input::Number(text), _) => whole_number(text).ok_or_else(|| malformed(text))?,
        (Input::Int(number), _) => number.into(),
        (Input::Uint(number), _) => number.into(),
        (Input::Double(number), _) => whole_number(&number.to_string()).ok_or_else(|| malformed(&number.to_string()))?,
        (Input::Bool(_) | Input::Bytes(_) | Input::Null, _) => return Err(wrong_kind()),
    };
    let out_of_range = || TypeError::Range { text: number.to_string(), ranges: ranges_text(ranges) };
    if !ranges.iter().any(|range| (range.min..=range.max).contains(&number)) {
        return Err(out_of_range());
    }
    let value = match (quoted, signed) {
        (false, true) => i32::try_from(number).map(Value::Int),
        (false, false) => u32::try_from(number).map(Value::Uint),
        (true, true) => i64::try_from(number).map(Value::Int64),
        (true, false) => u64::try_from(number).map(Value::Uint64),
    };
    value.map_err(|_| out_of_range())
}

/// The lexical forms of RFC 7950 9.2.1: decimal, hexadecimal after `0x`, octal after `0`, a sign before each.
fn parse_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let magnitude = match digits.strip_prefix("0x") {
        Some(hexadecimal) => i128::from_str_radix(hexadecimal, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8),
        None => i128::from_str(digits),
    };
    magnitude.ok().map(|magnitude| if negative { -magnitude } else { magnitude })
}

/// A JSON number that is whole: `10`, `1e3`, `10.0`.
fn whole_number(text: &str) -> Option<i128> {
    match i128::from_str(text) {
        Ok(number) => Some(number),
        Err(_) => Plain::parse(text)?.scaled(0),
    }
}

fn decimal(input: Input<'_>, rule: Rule, scale: u8, ranges: &[Range<i64>]) -> Result<Value, TypeError> {
    let parse = |text: &str| {
        let plain = Plain::parse(text.trim())
            .ok_or_else(|| TypeError::Malformed { text: text.to_owned(), expected: "a decimal number" })?;
        let digits = plain.scaled(i32::from(scale)).and_then(|digits| i64::try_from(digits).ok());
        digits.ok_or_else(|| TypeError::Precision { text: text.to_owned(), scale })
    };
    let digits = match input {
        Input::Number(_) if rule == Rule::Rfc7951 => {
            return Err(TypeError::Kind { expected: "a number in quotes (RFC 7951 6.1)", got: "a number" });
        }
        Input::Text(text) | Input::Number(text) => parse(text)?,
        Input::Int(number) => parse(&number.to_string())?,
        Input::Uint(number) => parse(&number.to_string())?,
        Input::Double(number) => parse(&number.to_string())?,
        Input::Bool(_) | Input::Bytes(_) | Input::Null => {
            return Err(TypeError::Kind { expected: "a decimal number", got: input.kind() });
        }
    };
    if ranges.iter().any(|range| (range.min..=range.max).contains(&digits)) {
        return Ok(Value::Decimal(Decimal { digits, scale }));
    }
    let text = |digits: i64| Decimal { digits, scale }.to_string();
    let ranges: Vec<String> = ranges.iter().map(|range| format!("{}..{}", text(range.min), text(range.max))).collect();
    Err(TypeError::Range { text: text(digits), ranges: ranges.join("|") })
}

/// A decimal number as it is written: its digits without the point, and the power of ten behind them.
struct Plain {
    digits: i128,
    exponent: i32,
}

impl Plain {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i32::from_str(exponent).ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unsigned = whole.trim_start_matches(['+', '-']);
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if unsigned.is_empty() || whole.len() > unsigned.len() + 1 || !all_digits(unsigned) || !all_digits(fraction) {
            return None;
        }
        let digits = i128::from_str(&format!("{whole}{fraction}")).ok()?;
        Some(Self { digits, exponent: exponent.checked_sub(i32::try_from(fraction.len()).ok()?)? })
    }

    /// The number times ten to the `scale`, when that is whole.
    fn scaled(&self, scale: i32) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let power = self.exponent.checked_add(scale)?;
        let factor = 10i128.checked_pow(power.unsigned_abs())?;
        if power >= 0 {
            self.digits.checked_mul(factor)
        } else {
            (self.digits % factor == 0).then_some(self.digits / factor)
        }
    }
}

fn boolean(input: Input<'_>, rule: Rule) -> Result<Value, TypeError> {
    match input {
        Input::Bool(value) => Ok(Value::Bool(value)),
        Input::Text(text @ ("true" | "false")) if rule != Rule::Rfc7951 => Ok(Value::Bool(text == "true")),
        Input::Text(text) if rule != Rule::Rfc7951 => {
            Err(TypeError::Malformed { text: text.to_owned(), expected: "true or false" })
        }
        other => Err(TypeError::Kind { expected: "true or false", got: other.kind() }),
    }
}

/// Finds a name and shares the schema's copy of it.
fn name_of<'a>(text: &str, mut names: impl Iterator<Item = &'a Text> + Clone) -> Result<Text, TypeError> {
    let all = names.clone();
    names.find(|name| &***name == text).cloned().ok_or_else(|| TypeError::Name {
        text: text.to_owned(),
        names: all.map(|name| &**name).collect::<Vec<_>>().join(", "),
    })
}

fn bits(text: &str, names: &[(Text, u32)]) -> Result<Value, TypeError> {
    let mut set = Vec::new();
    for asked in text.split_whitespace() {
        set.push(name_of(asked, names.iter().map(|(name, _)| name))?);
    }
    let canonical: Vec<&str> = names.iter().map(|(name, _)| &**name).filter(|name| set.iter().any(|set| **set == **name)).collect();
    Ok(Value::Bits(canonical.join(" ").into()))
}

fn binary(input: Input<'_>, lengths: &[Range<u64>]) -> Result<Value, TypeError> {
    let bytes: Arc<[u8]> = match input {
        Input::Bytes(bytes) => bytes.into(),
        Input::Text(text) => {
            let packed: String = text.split_whitespace().collect();
            let malformed = |_| TypeError::Malformed { text: text.to_owned(), expected: "base64" };
            STANDARD.decode(packed).map_err(malformed)?.into()
        }
        other => return Err(TypeError::Kind { expected: "base64", got: other.kind() }),
    };
    check_length(bytes.len(), lengths)?;
    Ok(Value::Binary(bytes))
}

/// `module:name` or a bare name. A bare one means the leaf's own module (RFC 7951 6.8), else the only one so called.
fn identity(text: &str, allowed: &[Arc<crate::value::Identity>], home: &str) -> Result<Value, TypeError> {
    let found = match text.split_once(':') {
        Some((module, name)) => allowed.iter().find(|identity| *identity.module == *module && *identity.name == *name),
        None => {
            let mut named = allowed.iter().filter(|identity| *identity.name == *text);
            let first = named.clone().find(|identity| *identity.module == *home).or_else(|| named.next());
            first
        }
    };
    found.map(|identity| Value::Identity(identity.clone())).ok_or_else(|| TypeError::Name {
        text: text.to_owned(),
        names: allowed.iter().map(|identity| &*identity.name).collect::<Vec<_>>().join(", "),
    })
}

/// Members in schema order; the first that takes the value in the form it came decides (RFC 7951 6.10). Only where none
/// does may a number stand for a quoted one or the reverse.
fn union(members: &[Arc<Type>], input: Input<'_>, rule: Rule, home: &str) -> Result<Value, TypeError> {
    let strict = if rule == Rule::Lenient { Rule::Rfc7951 } else { rule };
    let mut reasons = Vec::new();
    for member in members {
        match member.accept(input, strict, home) {
            Ok(value) => return Ok(value),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    let lenient = members.iter().filter(|_| strict != rule).find_map(|member| member.accept(input, rule, home).ok());
    reasons.dedup();
    lenient.ok_or_else(|| TypeError::Union(reasons.join(", or ")))
}

fn check_length(length: usize, lengths: &[Range<u64>]) -> Result<(), TypeError> {
    let length = length as u64;
    if lengths.is_empty() || lengths.iter().any(|range| (range.min..=range.max).contains(&length)) {
        Ok(())
    } else {
        Err(TypeError::Length { length, lengths: ranges_text(lengths) })
    }
}

fn ranges_text<N: PartialEq + std::fmt::Display>(ranges: &[Range<N>]) -> String {
    let one = |range: &Range<N>| match range.min == range.max {
        true => range.min.to_string(),
        false => format!("{}..{}", range.min, range.max),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join("|")
}
