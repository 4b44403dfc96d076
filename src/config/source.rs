//! The configuration file as it stands: values with the lines they are on.
//!
//! Invariant: members of a table keep the order of the file, so that what is made from them reads as the file does.
//! What the keys mean is not known here.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Fault};

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Line it starts on, from 1.
    pub(super) line: usize,
    /// The value.
    pub(super) data: Data,
}

/// What a value is. Numbers keep their digits: a `decimal64` or `uint64` must not pass through a float.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Table(Vec<Member>),
    Array(Vec<Item>),
    Text(String),
    Integer(i128),
    Float(String),
    Bool(bool),
    Time(String),
}

/// A key of a table with its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Line of the key.
    pub(super) line: usize,
    pub(super) item: Item,
}

impl Data {
    /// What the value is called in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::Array(_) => "an array",
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::Time(_) => "a date or time",
        }
    }
}

/// Prints the value as TOML, on one line. Lines are not part of it, so equal content prints equally.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(members) => {
                f.write_str("{")?;
                for (position, member) in members.iter().enumerate() {
                    let separator = if position > 0 { ", " } else { " " };
                    write!(f, "{separator}{} = {}", key_text(&member.name), member.item.data)?;
                }
                f.write_str(" }")
            }
            Self::Array(items) => {
                f.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if position > 0 { ", " } else { "" }, item.data)?;
                }
                f.write_str("]")
            }
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(digits) => f.write_str(digits),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Time(text) => f.write_str(text),
        }
    }
}

/// A key as TOML writes it: bare where that is allowed.
pub(super) fn key_text(name: &str) -> String {
    let bare = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A string as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Parses the text of a file; `file` names it in errors.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Member>, ConfigError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| ConfigError::Content {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| lines.at(span.start)),
        fault: Fault::Syntax { reason: error.message().replace('\n', " ") },
    })?;
    Ok(lines.members(table.get_ref()))
}

/// Byte offsets at which lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }

    fn members(&self, table: &DeTable<'_>) -> Vec<Member> {
        let mut found: Vec<_> = table.iter().collect();
        found.sort_by_key(|(key, _)| key.span().start);
        let member = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Member {
            name: key.get_ref().to_string(),
            line: self.at(key.span().start),
            item: self.item(value),
        };
        found.into_iter().map(member).collect()
    }

    fn item(&self, value: &Spanned<DeValue<'_>>) -> Item {
        let data = match value.get_ref() {
            DeValue::Table(table) => Data::Table(self.members(table)),
            DeValue::Array(items) => Data::Array(items.iter().map(|item| self.item(item)).collect()),
            DeValue::String(text) => Data::Text(text.to_string()),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Data::Integer(number),
                // Longer than any YANG integer: kept as written, so that the message can show it.
                Err(_) => Data::Float(number.as_str().to_owned()),
            },
            DeValue::Float(number) => Data::Float(number.as_str().to_owned()),
            DeValue::Boolean(value) => Data::Bool(*value),
            DeValue::Datetime(time) => Data::Time(time.to_string()),
        };
        Item { line: self.at(value.span().start), data }
    }
}
