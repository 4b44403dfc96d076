//! From what was read to the value a leaf takes.
//!
//! Invariant: the decision what a leaf's type asks for is made once, when the leaf is looked up ([`Make::new`]); making a
//! value is then a match and, for numbers, a range check. A datum that does not fit its leaf gives no value: the leaf is
//! absent, never wrong.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use crate::platform::reading::Mac;
use crate::schema::{Input, Kind, NodeId, Range, Rule, Schema, TextPattern, Type};
use crate::time::Timestamp;
use crate::value::{Decimal, Identity, Text, Value};

/// One thing read, not yet of any YANG type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum<'r> {
    /// A counter: it wraps where the leaf has 32 bits, as RFC 6991 has it.
    Count(u64),
    /// A number that is not a counter.
    Number(i128),
    /// A fraction: digits and how many of them stand behind the point.
    Fraction(i64, u8),
    /// A boolean.
    Flag(bool),
    /// A text, enum name or identity name.
    Text(Cow<'r, str>),
    /// A text that is kept anyway, shared instead of copied.
    Shared(&'r Text),
    /// A moment: text for a `date-and-time`, nanoseconds since 1970 for a number.
    Time(Timestamp),
    /// A link address.
    Mac(Mac),
    /// An IP address.
    Address(IpAddr),
}

impl Datum<'_> {
    /// A fraction in hundredths.
    pub(crate) fn hundredths(number: i64) -> Datum<'static> {
        Datum::Fraction(number, 2)
    }

    /// A fraction in thousandths.
    pub(crate) fn thousandths(number: i64) -> Datum<'static> {
        Datum::Fraction(number, 3)
    }

    /// A name fixed in this program.
    pub(crate) fn word(word: &'static str) -> Datum<'static> {
        Datum::Text(Cow::Borrowed(word))
    }

    /// What its text stands for; what is text already is not copied.
    fn look_up<T>(self, find: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self {
            Self::Text(text) => find(&text),
            Self::Shared(text) => find(text),
            other => find(&other.into_text()?),
        }
    }

    fn into_text(self) -> Option<Text> {
        Some(match self {
            Self::Text(text) => text.into(),
            Self::Shared(text) => text.clone(),
            Self::Time(time) => time.with_text(|text| Text::from(text))?,
            Self::Mac([a, b, c, d, e, f]) => format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}").into(),
            Self::Address(address) => address.to_string().into(),
            Self::Count(count) => count.to_string().into(),
            Self::Number(number) => number.to_string().into(),
            Self::Flag(flag) => flag.to_string().into(),
            Self::Fraction(..) => return None,
        })
    }
}

/// How to make values for one leaf.
#[derive(Debug)]
pub(crate) enum Make {
    Integer {
        bits: u8,
        signed: bool,
        ranges: Box<[Range<i128>]>,
    },
    Decimal {
        scale: u8,
        ranges: Box<[Range<i64>]>,
    },
    Bool,
    Enum(Box<[Text]>),
    Identity(Box<[Arc<Identity>]>),
    /// Everything else by way of text, under the rules of the type. Only for leaves that change rarely.
    Checked {
        ty: Arc<Type>,
        home: Text,
        /// Whether the type is known to allow every moment as it is printed, so that events need no regular expression.
        moments: bool,
    },
}

impl Make {
    /// What the type of a leaf asks for; none when the node is no leaf.
    pub(crate) fn new(schema: &Schema, node: NodeId) -> Option<Self> {
        let data = schema.node(node);
        let ty = data.ty()?.clone();
        let home = schema.module(data.module).name.clone();
        matches!(data.kind, Kind::Leaf(_)).then(|| Self::of(&ty, home))
    }

    fn of(ty: &Arc<Type>, home: Text) -> Self {
        match &**ty {
            Type::Leafref { real, .. } => Self::of(real, home),
            Type::Integer { bits, signed, ranges } => {
                Self::Integer { bits: *bits, signed: *signed, ranges: ranges.clone() }
            }
            Type::Decimal { scale, ranges } => Self::Decimal { scale: *scale, ranges: ranges.clone() },
            Type::Bool => Self::Bool,
            Type::Enum(names) => Self::Enum(names.iter().map(|(name, _)| name.clone()).collect()),
            Type::Identity(identities) => Self::Identity(identities.clone()),
            Type::Union(members) if members.iter().all(|member| matches!(**member, Type::Identity(_))) => {
                let identities = members.iter().flat_map(|member| match &**member {
                    Type::Identity(identities) => identities.iter().cloned(),
                    _ => [].iter().cloned(),
                });
                Self::Identity(identities.collect())
            }
            _ => Self::Checked { ty: ty.clone(), home, moments: allows_moments(ty) },
        }
    }

    /// The value, when the datum fits.
    pub(crate) fn value(&self, datum: Datum<'_>) -> Option<Value> {
        match self {
            Self::Integer { bits, signed, ranges } => integer(*bits, *signed, ranges, datum),
            Self::Decimal { scale, ranges } => decimal(*scale, ranges, datum),
            Self::Bool => match datum {
                Datum::Flag(flag) => Some(Value::Bool(flag)),
                _ => None,
            },
            Self::Enum(names) => {
                datum.look_up(|text| names.iter().find(|name| ***name == *text).cloned().map(Value::Enum))
            }
            Self::Identity(identities) => datum.look_up(|text| {
                identities.iter().find(|identity| *identity.name == *text).cloned().map(Value::Identity)
            }),
            Self::Checked { moments: true, .. } if matches!(datum, Datum::Time(_)) => {
                datum.into_text().map(Value::Text)
            }
            Self::Checked { ty, home, .. } => {
                let text = datum.into_text()?;
                ty.accept(Input::Text(&text), Rule::Text, home).ok()
            }
        }
    }
}

/// The pattern of `date-and-time` in RFC 6991, and as nokia-types has it.
const DATE_AND_TIME: [&str; 2] = [
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[\+\-]\d{2}:\d{2})",
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+\-]\d{2}:\d{2})",
];

fn allows_moments(ty: &Type) -> bool {
    let known = |pattern: &TextPattern| !pattern.is_inverted() && DATE_AND_TIME.contains(&pattern.source());
    matches!(ty, Type::Text { lengths, patterns } if lengths.is_empty() && patterns.iter().all(known))
}

fn integer(bits: u8, signed: bool, ranges: &[Range<i128>], datum: Datum<'_>) -> Option<Value> {
    let number = match datum {
        Datum::Count(count) if bits <= 32 => i128::from(count & u64::from(u32::MAX)),
        Datum::Count(count) => i128::from(count),
        Datum::Number(number) => number,
        Datum::Time(time) => i128::from(time.nanos()),
        _ => return None,
    };
    if !ranges.iter().any(|range| (range.min..=range.max).contains(&number)) {
        return None;
    }
    match (signed, bits) {
        (false, 64) => number.try_into().ok().map(Value::Uint64),
        (false, _) => number.try_into().ok().map(Value::Uint),
        (true, 64) => number.try_into().ok().map(Value::Int64),
        (true, _) => number.try_into().ok().map(Value::Int),
    }
}

fn decimal(scale: u8, ranges: &[Range<i64>], datum: Datum<'_>) -> Option<Value> {
    let (digits, had) = match datum {
        Datum::Fraction(digits, had) => (digits, had),
        Datum::Number(number) => (i64::try_from(number).ok()?, 0),
        _ => return None,
    };
    let power = |digits: u8| 10i64.checked_pow(digits.into());
    let digits = match scale.checked_sub(had) {
        Some(more) => digits.checked_mul(power(more)?)?,
        None => digits / power(had - scale)?,
    };
    let allowed = ranges.iter().any(|range| (range.min..=range.max).contains(&digits));
    allowed.then_some(Value::Decimal(Decimal { digits, scale }))
}
