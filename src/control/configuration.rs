//! Questions about the configuration: words for them, and who answers.
//!
//! Invariant: what is told of a change is text for people. Secrets are not in it, hashed or not.

use serde::{Deserialize, Serialize};

use super::Answer;

/// Who can do what is asked about the configuration.
pub trait Operator: Send + Sync + 'static {
    /// Does what `user` of this machine asks. Blocks for the disk.
    fn answer(&self, task: Task, user: &str) -> Answer;
}

/// What can be asked about the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Task {
    /// Which commits are remembered.
    Commits,
    /// What one of them changed.
    Commit {
        /// Its number.
        id: u64,
    },
    /// Go back to one.
    RollBack {
        /// Its number.
        id: u64,
        /// What is said of it.
        comment: Option<String>,
    },
    /// The configuration, explicit leaves alone.
    Export {
        /// As it was after this commit; none as it is.
        at: Option<u64>,
    },
    /// Make a document the configuration.
    Import {
        /// The document.
        document: Document,
        /// What is said of it.
        comment: Option<String>,
    },
    /// What an import would change.
    Compare {
        /// The document.
        document: Document,
    },
    /// What differs between two configurations.
    Differences {
        /// After this commit.
        from: u64,
        /// After this one; none as it is.
        to: Option<u64>,
    },
    /// Read the TOML file again.
    Reload,
}

/// A commit in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitLine {
    /// Its number.
    pub id: u64,
    /// When it was made.
    pub time: String,
    /// Who made it.
    pub user: String,
    /// The interface it came through.
    pub interface: String,
    /// Where from.
    pub origin: String,
    /// What was said of it.
    pub comment: Option<String>,
    /// Leaves that it wrote or took out.
    pub changes: u64,
}

/// A place that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// What of it changed.
    pub kind: Kind,
}

/// What of a place changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A leaf came, went or took another value.
    Value {
        /// What it was.
        old: Option<String>,
        /// What it is.
        new: Option<String>,
    },
    /// An entry or presence container came.
    Created,
    /// An entry or presence container went.
    Removed,
    /// A list got another order.
    Reordered,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.kind {
            Kind::Value { old: Some(old), new: Some(new) } => write!(f, "~ {path}: {old} -> {new}"),
            Kind::Value { old: None, new: Some(new) } => write!(f, "+ {path}: {new}"),
            Kind::Value { old: Some(old), new: None } => write!(f, "- {path}: {old}"),
            Kind::Value { old: None, new: None } => write!(f, "~ {path}"),
            Kind::Created => write!(f, "+ {path}"),
            Kind::Removed => write!(f, "- {path}"),
            Kind::Reordered => write!(f, "~ {path}: another order"),
        }
    }
}

/// A key of the TOML file outside of the model tables that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Dotted key.
    pub key: String,
    /// What it was, as TOML.
    pub old: String,
    /// What it is.
    pub new: String,
    /// Whether it counts only from the next start on.
    pub at_next_start: bool,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let when = if self.at_next_start { " (at the next start)" } else { "" };
        write!(f, "~ {}: {} -> {}{when}", self.key, self.old, self.new)
    }
}

/// A configuration as a file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Name of the file, for errors.
    pub name: String,
    /// Its form.
    pub format: Format,
    /// Its text.
    pub text: String,
    /// Whether it goes on top of the configuration, and does not take its place.
    pub merge: bool,
}

/// A form of a configuration in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Tables `[configure]` and `[models.*]`.
    Toml,
    /// JSON_IETF of the root.
    Json,
}
