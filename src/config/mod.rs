//! The operator's TOML file.
//!
//! Invariant: a [`Config`] is complete and in range; nothing after this module checks a setting again. A file is taken
//! whole or refused with one line that names file, line, key and rule. The daemon never writes the file.
//! The tables `[configure]` and `[models.*]` hold startup configuration in the words of the YANG models; they meet the
//! schema in [`edits`].

mod configure;
mod export;
mod keys;
mod settings;
mod source;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use configure::{ModelTables, edits, edits_upon};
pub use export::toml_from_json;
pub use settings::{Config, Linux, Listen, Platform, Release, SecurityLogFile, Sim, Tls};

use keys::Keys;
use source::key_text;

use crate::pki::Files;

/// Why a file is refused. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{file}:{line}: {fault}")]
    Content {
        /// The file as the operator named it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        fault: Fault,
    },
}

/// What is wrong at a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not TOML.
    #[error("not valid TOML: {reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// A key that means nothing.
    #[error("unknown key '{key}'{}{}", in_table(table), did_you_mean(nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// Dotted name of its table, empty at the top.
        table: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value of another type than the key has.
    #[error("key '{key}' must be {expected}, not {found}")]
    WrongType {
        /// Dotted key.
        key: String,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value that breaks a rule.
    #[error("key '{key}'{}: {rule}", equals(value))]
    Refused {
        /// Dotted key.
        key: String,
        /// The value given, as TOML; none when the rule is about several keys.
        value: Option<String>,
        /// The rule.
        rule: String,
    },
    /// A name that the YANG models do not have at that place.
    #[error("MINOR: MGMT_CORE #2201: {path} - Unknown element{}", did_you_mean(nearest))]
    UnknownElement {
        /// Its path.
        path: String,
        /// The element there that is most like it.
        nearest: Option<String>,
    },
    /// A value that the YANG type or kind of its node refuses.
    #[error("MINOR: MGMT_CORE #2301: {path} - Invalid element value - {rule}")]
    ElementValue {
        /// Path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
}

impl Config {
    /// The files that TLS profiles name.
    pub fn tls_files(&self) -> Files {
        Files::new(self.tls.directory.clone().unwrap_or_else(|| self.data_dir.join("tls")))
    }

    /// The settings as TOML: every key with the value in effect, then the model tables as the file has them, plain-text
    /// passwords masked.
    pub fn print(&self) -> String {
        let mut out = self.print_settings();
        self.models.print(&mut out);
        out
    }

    /// Every setting outside the model tables that has a value, as TOML, by its dotted key.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let printed = self.print_settings().parse::<toml::Table>();
        debug_assert!(printed.is_ok());
        flatten("", printed.unwrap_or_default(), &mut found);
        found
    }

    fn print_settings(&self) -> String {
        let mut out = String::new();
        // Printing walks a copy, because the walk that reads is the same one.
        let walked = settings::visit(&mut self.clone(), &mut Keys::print(&mut out));
        debug_assert!(walked.is_ok());
        out
    }
}

fn flatten(prefix: &str, table: toml::Table, found: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{prefix}{}", key_text(&key));
        match value {
            toml::Value::Table(below) => flatten(&format!("{key}."), below, found),
            value => drop(found.insert(key, value.to_string())),
        }
    }
}

/// Reads a file.
///
/// # Errors
///
/// [`ConfigError::Read`], or the first thing wrong in it.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &text)
}

/// Reads the text of a file; `file` names it in errors.
///
/// # Errors
///
/// The first thing wrong in it.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    let members = source::parse(file, text)?;
    let mut config = Config::default();
    file.clone_into(&mut config.models.file);
    let mut keys = Keys::read(file, &members);
    settings::visit(&mut config, &mut keys)?;
    keys.finish()?;
    Ok(config)
}

/// The known name that is most like a wrong one, when any is like it at all.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::damerau_levenshtein(wrong, name);
    known
        .map(|name| (likeness(name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 3 + 1)
        .map(|(_, name)| name)
}

fn in_table(table: &str) -> String {
    if table.is_empty() { String::new() } else { format!(" in [{table}]") }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(", did you mean '{name}'?"))
}

fn equals(value: &Option<String>) -> String {
    value.as_ref().map_or_else(String::new, |value| format!(" = {value}"))
}
