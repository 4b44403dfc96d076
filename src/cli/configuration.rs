//! `ganymede config`: the configuration of a daemon that runs, and its history.
//!
//! Invariant: everything is asked of the daemon, which judges it as it judges a Set; nothing here writes its files. What
//! clients said may hold anything and this goes to a terminal, so control characters are replaced.

use std::fmt::Write;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use crate::config;
use crate::control::{Answer, Change, CommitLine, Document, Format, Question, Task};

/// What to do with the configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigAction {
    /// List the commits that are remembered, newest last
    History,
    /// Show what a commit changed
    Show {
        /// Its number
        id: u64,
    },
    /// Go back to the configuration as it was after a commit
    Rollback {
        /// Its number
        id: u64,
        /// What to remember of it
        #[arg(long)]
        comment: Option<String>,
    },
    /// Print the configuration: what was set, without defaults
    Export {
        /// Its form
        #[arg(long, value_enum, default_value_t = Form::Toml)]
        format: Form,
        /// As it was after this commit
        #[arg(long)]
        at: Option<u64>,
    },
    /// Make a file the configuration, as one commit
    Import {
        /// The file, TOML or, when it is called .json, JSON_IETF; - for standard input
        file: PathBuf,
        /// Its form, whatever it is called
        #[arg(long, value_enum)]
        format: Option<Form>,
        /// Leave alone what the file does not name
        #[arg(long)]
        merge: bool,
        /// What to remember of it
        #[arg(long)]
        comment: Option<String>,
    },
    /// Show what differs between two commits, or what importing a file would change
    Diff {
        /// From the configuration after this commit
        #[arg(required_unless_present = "file")]
        from: Option<u64>,
        /// To the configuration after this one; the present one when left out
        to: Option<u64>,
        /// To what importing this file would lead to, from the present one
        #[arg(long, conflicts_with_all = ["from", "to"])]
        file: Option<PathBuf>,
        /// The form of the file, whatever it is called
        #[arg(long, value_enum, requires = "file")]
        format: Option<Form>,
        /// As `import --merge` would
        #[arg(long, requires = "file")]
        merge: bool,
    },
}

/// A form of a configuration in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Tables as in the file of the daemon
    Toml,
    /// JSON_IETF (RFC 7951)
    Json,
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

impl ConfigAction {
    /// What to ask the daemon.
    ///
    /// # Errors
    ///
    /// An error when there is a file and it cannot be read.
    pub fn question(&self) -> Result<Question, ReadError> {
        Ok(Question::Configuration(match self {
            Self::History => Task::Commits,
            Self::Show { id } => Task::Commit { id: *id },
            Self::Rollback { id, comment } => Task::RollBack { id: *id, comment: comment.clone() },
            Self::Export { at, .. } => Task::Export { at: *at },
            Self::Import { file, format, merge, comment } => {
                Task::Import { document: document(file, *format, *merge)?, comment: comment.clone() }
            }
            Self::Diff { file: Some(file), format, merge, .. } => {
                Task::Compare { document: document(file, *format, *merge)? }
            }
            Self::Diff { from, to, .. } => Task::Differences { from: from.unwrap_or_default(), to: *to },
        }))
    }

    /// The answer for people; as an error what could not be done.
    ///
    /// # Errors
    ///
    /// What the daemon refused.
    pub fn print(&self, answer: &Answer) -> Result<String, String> {
        match (self, answer) {
            (Self::Export { format: Form::Toml, .. }, Answer::Configuration { json }) => {
                config::toml_from_json(json).map_err(|error| error.to_string())
            }
            (_, answer) => print(answer),
        }
    }
}

/// What a daemon answered about its configuration; as an error what it could not do.
///
/// # Errors
///
/// What the daemon refused.
pub fn print(answer: &Answer) -> Result<String, String> {
    let mut text = String::new();
    match answer {
        Answer::Commits { commits } => {
            text += &format!(
                "{:>6}  {:<30}  {:<16} {:<8} {:<24} {:>7}  Comment\n",
                "Id", "Time", "User", "Through", "From", "Changes"
            );
            for CommitLine { id, time, user, interface, origin, comment, changes } in commits {
                let comment = comment.as_deref().unwrap_or_default();
                text += &format!("{id:>6}  {time:<30}  {user:<16} {interface:<8} {origin:<24} {changes:>7}  {comment}")
                    .trim_end()
                    .replace(char::is_control, "?");
                text.push('\n');
            }
        }
        Answer::Commit { commit, changes } => {
            let CommitLine { id, time, user, interface, origin, comment, .. } = commit;
            let comment = comment.as_ref().map_or_else(String::new, |comment| format!(": {comment}"));
            line(&mut text, &format!("Commit {id} of {time} by {user} through {interface} from {origin}{comment}"));
            list(&mut text, changes);
        }
        Answer::Configuration { json } => {
            let value: serde_json::Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
            text = format!("{value:#}\n");
        }
        Answer::Changes { commit_id, changes } => {
            list(&mut text, changes);
            match (commit_id, changes.is_empty()) {
                (Some(commit_id), _) => line(&mut text, &format!("commit {commit_id}")),
                (None, true) => line(&mut text, "no difference"),
                (None, false) => {}
            }
        }
        Answer::Reloaded { changes, settings } => {
            list(&mut text, changes);
            settings.iter().for_each(|setting| line(&mut text, &setting.to_string()));
            if changes.is_empty() && settings.is_empty() {
                line(&mut text, "nothing has changed");
            }
        }
        Answer::Refused { reason } => return Err(reason.clone()),
        Answer::Subscriptions { .. } | Answer::Sessions { .. } | Answer::Ended { .. } => {
            return Err("the answer is to another question".to_owned());
        }
    }
    Ok(text)
}

fn list(text: &mut String, changes: &[Change]) {
    changes.iter().for_each(|change| line(text, &change.to_string()));
}

fn line(text: &mut String, content: &str) {
    let _ = writeln!(text, "{}", content.replace(char::is_control, "?"));
}

fn document(file: &Path, format: Option<Form>, merge: bool) -> Result<Document, ReadError> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|source| ReadError { path: file.to_owned(), source })?;
    let called = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let format = match format.unwrap_or(if called { Form::Json } else { Form::Toml }) {
        Form::Toml => Format::Toml,
        Form::Json => Format::Json,
    };
    Ok(Document { name: file.display().to_string(), format, text, merge })
}
