//! Leaf values in canonical form.
//!
//! Invariant: two equal YANG values are equal here, whatever text or wire form they came in, because every `Value` is
//! made by [`crate::schema::Type::accept`]. A value describes itself: encoders need no schema to print it.
//! This module parses nothing.

use std::fmt;
use std::sync::Arc;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

/// A name or text shared by many values (enum names, strings).
pub type Text = Arc<str>;

/// One canonical YANG value (RFC 7950 section 9). 24 bytes; cloning never copies text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `empty`, present.
    Empty,
    /// `boolean`.
    Bool(bool),
    /// `int8`, `int16`, `int32`.
    Int(i32),
    /// `int64`; quoted in JSON (RFC 7951 6.1).
    Int64(i64),
    /// `uint8`, `uint16`, `uint32`.
    Uint(u32),
    /// `uint64`; quoted in JSON.
    Uint64(u64),
    /// `decimal64`.
    Decimal(Decimal),
    /// `string`.
    Text(Text),
    /// `enumeration`, by name.
    Enum(Text),
    /// `bits`: names of the set bits in schema order, one space between.
    Bits(Text),
    /// `identityref`.
    Identity(Arc<Identity>),
    /// `instance-identifier`, in its RFC 7951 text form.
    Instance(Text),
    /// `binary`, decoded.
    Binary(Arc<[u8]>),
    /// All members of a leaf-list, in their order.
    List(Arc<[Value]>),
}

/// An identity with the module that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Name of the defining module.
    pub module: Text,
    /// Name of the identity.
    pub name: Text,
}

/// A decimal64: `digits / 10^scale`, `scale` being the fraction-digits of its type (1..=18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    /// The number without its point.
    pub digits: i64,
    /// Digits after the point.
    pub scale: u8,
}

impl Decimal {
    /// The nearest double, for `double_val` (ENC-025).
    pub fn to_f64(self) -> f64 {
        const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
        if self.digits.unsigned_abs() <= EXACT && self.scale <= 18 {
            // Both numbers are exact doubles, and dividing rounds once.
            return self.digits as f64 / 10u64.pow(self.scale.into()) as f64;
        }
        // Through text: parsing is correctly rounded, dividing two rounded doubles is not.
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

/// Canonical text (RFC 7950 9.3.2): at least one digit on each side of the point, no trailing zeros beyond the first.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        // A unit that does not fit is larger than any digits, which is all that matters about it.
        let unit = 10u64.saturating_pow(self.scale.into());
        let (whole, mut fraction) = (self.digits.unsigned_abs() / unit, self.digits.unsigned_abs() % unit);
        let mut width = usize::from(self.scale);
        while width > 1 && fraction % 10 == 0 {
            fraction /= 10;
            width -= 1;
        }
        write!(f, "{sign}{whole}.{fraction:0width$}")
    }
}

impl Value {
    /// A string value.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// The text as it stands in the key map of a gNMI path: canonical text, identities without their module, which is
    /// how collectors write `[identifier=BGP]`.
    pub fn key_text(&self) -> String {
        match self {
            Self::Identity(identity) => identity.name.to_string(),
            other => other.to_string(),
        }
    }

    /// The text of a string-like value, without copying.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Enum(text) | Self::Bits(text) | Self::Instance(text) => Some(text),
            _ => None,
        }
    }
}

/// Canonical text. Leaf-lists print as their members with one space between and are only for people.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Int64(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}"),
            Self::Uint64(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(text) | Self::Enum(text) | Self::Bits(text) | Self::Instance(text) => f.write_str(text),
            Self::Identity(identity) => write!(f, "{}:{}", identity.module, identity.name),
            Self::Binary(bytes) => Base64Display::new(bytes, &STANDARD).fmt(f),
            Self::List(members) => {
                for (position, member) in members.iter().enumerate() {
                    if position > 0 {
                        f.write_str(" ")?;
                    }
                    member.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_canonical_text() {
        let decimal = |digits, scale| Value::Decimal(Decimal { digits, scale }).to_string();
        assert_eq!(decimal(0, 2), "0.0");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(123_400, 3), "123.4");
        assert_eq!(decimal(i64::MIN, 18), "-9.223372036854775808");
        assert_eq!(decimal(7, 0), "7.0");
        assert_eq!(decimal(i64::MAX, 30), "0.000000000009223372036854775807");
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(Value::Binary(bytes.into()).to_string(), text);
        }
    }

    proptest::proptest! {
        /// ENC-025: the double is the one nearest to the text, however it was come by.
        #[test]
        fn doubles_are_nearest(digits: i64, small in -(1i64 << 54)..(1 << 54), scale in 1u8..=18) {
            for digits in [digits, small] {
                let decimal = Decimal { digits, scale };
                proptest::prop_assert_eq!(Ok(decimal.to_f64()), decimal.to_string().parse());
            }
        }
    }

    #[test]
    fn stays_small() {
        assert_eq!(size_of::<Value>(), 24);
    }
}
