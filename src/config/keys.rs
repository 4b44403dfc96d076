//! One walk over the settings serves reading and printing.
//!
//! Invariant: whatever a walk names can be read and is printed, and nothing else is accepted: the keys asked for are
//! the keys known. A setting that the file leaves out keeps the value it had, which is its default.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::source::{Data, Item, Member, key_text, quoted};
use super::{ConfigError, Fault, nearest};

/// One table, being read or printed.
pub(super) struct Keys<'a> {
    /// Dotted name of the table, empty for the top of the file.
    table: String,
    /// Keys asked for so far.
    known: Vec<&'static str>,
    direction: Direction<'a>,
}

enum Direction<'a> {
    Read { file: &'a str, members: &'a [Member] },
    Print(&'a mut String),
}

type Walked = Result<(), ConfigError>;

impl<'a> Keys<'a> {
    /// Starts reading a file.
    pub(super) fn read(file: &'a str, members: &'a [Member]) -> Self {
        Self { table: String::new(), known: Vec::new(), direction: Direction::Read { file, members } }
    }

    /// Starts printing.
    pub(super) fn print(out: &'a mut String) -> Self {
        Self { table: String::new(), known: Vec::new(), direction: Direction::Print(out) }
    }

    /// Ends the walk of this table: a key nobody asked for is unknown.
    pub(super) fn finish(self) -> Walked {
        let Direction::Read { members, .. } = self.direction else { return Ok(()) };
        match members.iter().find(|member| !self.known.contains(&&*member.name)) {
            None => Ok(()),
            Some(member) => {
                let near = nearest(&member.name, self.known.iter().copied());
                let (key, table) = (member.name.clone(), self.table.clone());
                Err(self.fault(member.line, Fault::UnknownKey { key, table, nearest: near.map(str::to_owned) }))
            }
        }
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &'static str, walk: impl FnOnce(&mut Keys<'_>) -> Walked) -> Walked {
        self.known.push(key);
        let table = if self.table.is_empty() { key.to_owned() } else { format!("{}.{key}", self.table) };
        let direction = match &mut self.direction {
            Direction::Print(out) => {
                let _ = writeln!(out, "\n[{table}]");
                Direction::Print(out)
            }
            Direction::Read { file, members } => {
                let members = match find(members, key) {
                    None => &[],
                    Some(Item { data: Data::Table(members), .. }) => &members[..],
                    Some(item) => return Err(self.wrong_type(key, item, "a table")),
                };
                Direction::Read { file, members }
            }
        };
        let mut below = Keys { table, known: Vec::new(), direction };
        walk(&mut below)?;
        below.finish()
    }

    /// A whole number within a range.
    pub(super) fn count(&mut self, key: &'static str, value: &mut usize, range: RangeInclusive<usize>) -> Walked {
        let Some(item) = self.turn(key, &value.to_string()) else { return Ok(()) };
        let Data::Integer(number) = item.data else { return Err(self.wrong_type(key, item, "an integer")) };
        match usize::try_from(number) {
            Ok(number) if range.contains(&number) => *value = number,
            _ => {
                let rule = format!("must be from {} to {}", range.start(), range.end());
                return Err(self.refused(key, item, rule));
            }
        }
        Ok(())
    }

    /// A time in milliseconds within a range.
    pub(super) fn millis(&mut self, key: &'static str, value: &mut Duration, range: RangeInclusive<usize>) -> Walked {
        let mut millis = usize::try_from(value.as_millis()).unwrap_or(usize::MAX);
        self.count(key, &mut millis, range)?;
        *value = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Ok(())
    }

    /// A switch.
    pub(super) fn flag(&mut self, key: &'static str, value: &mut bool) -> Walked {
        match self.turn(key, &value.to_string()) {
            None => Ok(()),
            Some(Item { data: Data::Bool(given), .. }) => {
                *value = *given;
                Ok(())
            }
            Some(item) => Err(self.wrong_type(key, item, "true or false")),
        }
    }

    /// Anything with a text form.
    pub(super) fn text<T>(&mut self, key: &'static str, value: &mut T) -> Walked
    where
        T: FromStr<Err: Display> + Display,
    {
        match self.turn(key, &quoted(&value.to_string())) {
            None => Ok(()),
            Some(item) => self.parsed(key, item).map(|given| *value = given),
        }
    }

    /// A file or directory.
    pub(super) fn path(&mut self, key: &'static str, value: &mut PathBuf) -> Walked {
        let mut text = value.to_string_lossy().into_owned();
        self.text(key, &mut text)?;
        *value = text.into();
        Ok(())
    }

    /// A file or directory that need not be given; printed as a comment when it is not.
    pub(super) fn optional_path(&mut self, key: &'static str, value: &mut Option<PathBuf>) -> Walked {
        let mut given = value.clone().unwrap_or_default();
        self.optional(key, value.is_some(), |keys| keys.path(key, &mut given))?;
        *value = Some(given).filter(|path| !path.as_os_str().is_empty());
        Ok(())
    }

    /// Anything with a text form that need not be given.
    pub(super) fn optional_text<T>(&mut self, key: &'static str, value: &mut Option<T>) -> Walked
    where
        T: FromStr<Err: Display> + Display,
    {
        let present = value.as_ref().map_or_else(String::new, |value| quoted(&value.to_string()));
        let mut given = None;
        self.optional(key, value.is_some(), |keys| match keys.turn(key, &present) {
            None => Ok(()),
            Some(item) => keys.parsed(key, item).map(|parsed| given = Some(parsed)),
        })?;
        *value = given.or(value.take());
        Ok(())
    }

    /// A port that need not be given.
    pub(super) fn optional_port(&mut self, key: &'static str, value: &mut Option<u16>) -> Walked {
        let mut given = value.map(usize::from).unwrap_or_default();
        let stated = value.is_some() || self.states(key);
        self.optional(key, value.is_some(), |keys| keys.count(key, &mut given, 0..=usize::from(u16::MAX)))?;
        *value = stated.then(|| u16::try_from(given).unwrap_or_default());
        Ok(())
    }

    /// An array of texts.
    pub(super) fn texts<T>(&mut self, key: &'static str, values: &mut Vec<T>) -> Walked
    where
        T: FromStr<Err: Display> + Display,
    {
        let Some(item) = self.turn(key, &array(values)) else { return Ok(()) };
        let Data::Array(items) = &item.data else { return Err(self.wrong_type(key, item, "an array of strings")) };
        *values = items.iter().map(|item| self.parsed(key, item)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// A table of texts with free names.
    pub(super) fn named_texts(&mut self, key: &'static str, values: &mut BTreeMap<String, String>) -> Walked {
        let text = inline(values.iter().map(|(name, value)| (name, quoted(value))));
        let Some(members) = self.named(key, &text)? else { return Ok(()) };
        let read = |member: &Member| Ok((member.name.clone(), self.parsed(key, &member.item)?));
        *values = members.iter().map(read).collect::<Result<_, ConfigError>>()?;
        Ok(())
    }

    /// A table of arrays of texts with free names.
    pub(super) fn named_lists(&mut self, key: &'static str, values: &mut BTreeMap<String, Vec<String>>) -> Walked {
        let text = inline(values.iter().map(|(name, texts)| (name, array(texts))));
        let Some(members) = self.named(key, &text)? else { return Ok(()) };
        let read = |member: &Member| {
            let Data::Array(items) = &member.item.data else {
                return Err(self.wrong_type(key, &member.item, "an array of strings"));
            };
            let texts = items.iter().map(|item| self.parsed(key, item)).collect::<Result<_, _>>()?;
            Ok((member.name.clone(), texts))
        };
        *values = members.iter().map(read).collect::<Result<_, ConfigError>>()?;
        Ok(())
    }

    /// A table that is kept as it stands.
    pub(super) fn raw(&mut self, key: &'static str, value: &mut Vec<Member>) -> Walked {
        self.known.push(key);
        let Direction::Read { members, .. } = &self.direction else { return Ok(()) };
        match find(members, key) {
            None => Ok(()),
            Some(Item { data: Data::Table(members), .. }) => {
                *value = members.clone();
                Ok(())
            }
            Some(item) => Err(self.wrong_type(key, item, "a table")),
        }
    }

    /// A fault of a key that was read and is wrong beside the others.
    pub(super) fn contradiction(&self, key: &'static str, rule: &str) -> ConfigError {
        let line = match &self.direction {
            Direction::Read { members, .. } => {
                members.iter().find(|member| member.name == key).map(|member| member.line)
            }
            Direction::Print(_) => None,
        };
        self.fault(line.unwrap_or(1), Fault::Refused { key: self.dotted(key), value: None, rule: rule.to_owned() })
    }

    fn states(&self, key: &str) -> bool {
        matches!(&self.direction, Direction::Read { members, .. } if find(members, key).is_some())
    }

    fn optional(&mut self, key: &'static str, stated: bool, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        match &mut self.direction {
            Direction::Print(out) if !stated => {
                let _ = writeln!(out, "# {key} is not set");
                Ok(())
            }
            _ => walk(self),
        }
    }

    /// Prints the present value, or finds the one in the file.
    fn turn(&mut self, key: &'static str, present: &str) -> Option<&'a Item> {
        self.known.push(key);
        match &mut self.direction {
            Direction::Print(out) => {
                let _ = writeln!(out, "{key} = {present}");
                None
            }
            Direction::Read { members, .. } => find(members, key),
        }
    }

    fn named(&mut self, key: &'static str, present: &str) -> Result<Option<&'a [Member]>, ConfigError> {
        match self.turn(key, present) {
            None => Ok(None),
            Some(Item { data: Data::Table(members), .. }) => Ok(Some(members)),
            Some(item) => Err(self.wrong_type(key, item, "a table")),
        }
    }

    fn parsed<T: FromStr<Err: Display>>(&self, key: &str, item: &Item) -> Result<T, ConfigError> {
        let Data::Text(text) = &item.data else { return Err(self.wrong_type(key, item, "a string")) };
        text.parse().map_err(|error: T::Err| self.refused(key, item, error.to_string()))
    }

    fn wrong_type(&self, key: &str, item: &Item, expected: &'static str) -> ConfigError {
        self.fault(item.line, Fault::WrongType { key: self.dotted(key), expected, found: item.data.kind() })
    }

    fn refused(&self, key: &str, item: &Item, rule: String) -> ConfigError {
        self.fault(item.line, Fault::Refused { key: self.dotted(key), value: Some(item.data.to_string()), rule })
    }

    fn dotted(&self, key: &str) -> String {
        if self.table.is_empty() { key.to_owned() } else { format!("{}.{key}", self.table) }
    }

    fn fault(&self, line: usize, fault: Fault) -> ConfigError {
        let file = match &self.direction {
            Direction::Read { file, .. } => (*file).to_owned(),
            Direction::Print(_) => String::new(),
        };
        ConfigError::Content { file, line, fault }
    }
}

fn find<'a>(members: &'a [Member], key: &str) -> Option<&'a Item> {
    members.iter().find(|member| member.name == key).map(|member| &member.item)
}

fn array(values: &[impl Display]) -> String {
    let texts: Vec<_> = values.iter().map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

fn inline<'a>(members: impl Iterator<Item = (&'a String, String)>) -> String {
    let members: Vec<_> = members.map(|(name, value)| format!("{} = {value}", key_text(name))).collect();
    if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
}
