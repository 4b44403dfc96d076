//! The door for the administrator of the machine: a socket in the data directory, for commands to a daemon that runs.
//!
//! Invariant: only the user the daemon runs as (and root) can open the socket. One question on a line, one answer on a
//! line, both JSON; then the connection is closed. Nothing that comes in can make the daemon wait, and it grows by no
//! more than a few questions of a bounded size.

mod client;
mod command;
mod configuration;
mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use client::{AskError, ask};
pub use command::{SessionAction, SubscriptionAction, print_answer};
pub use configuration::{Change, CommitLine, Document, Format, Kind, Operator, Setting, Task};
pub use server::{Door, OpenError, Parts};

/// Bytes of a question. The longest one holds a configuration of a million leaves.
const QUESTION_MAX: u64 = 128 << 20;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// Which subscriptions run.
    Subscriptions,
    /// End one (SUB-034).
    EndSubscription {
        /// Its number.
        id: u32,
    },
    /// End all.
    EndSubscriptions,
    /// Something about the configuration.
    Configuration(Task),
    /// Which sessions there are.
    Sessions,
    /// End one: its subscriptions first, then its connection.
    EndSession {
        /// Its number.
        id: u64,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The subscriptions that run.
    Subscriptions {
        /// By number.
        subscriptions: Vec<Subscription>,
    },
    /// The sessions there are.
    Sessions {
        /// By age.
        sessions: Vec<SessionFacts>,
        /// How many there may be.
        limit: usize,
        /// Open connections that hold no session.
        others: usize,
    },
    /// So many were ended.
    Ended {
        /// How many.
        count: usize,
    },
    /// The commits that are remembered.
    Commits {
        /// Oldest first.
        commits: Vec<CommitLine>,
    },
    /// What a commit changed.
    Commit {
        /// The commit.
        commit: CommitLine,
        /// What it changed.
        changes: Vec<Change>,
    },
    /// The configuration.
    Configuration {
        /// As JSON_IETF.
        json: String,
    },
    /// What was changed, or would be.
    Changes {
        /// The commit that did; none when nothing did.
        commit_id: Option<u64>,
        /// What.
        changes: Vec<Change>,
    },
    /// What the file changed.
    Reloaded {
        /// Of the configuration.
        changes: Vec<Change>,
        /// Of the settings.
        settings: Vec<Setting>,
    },
    /// It cannot be done.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A subscription, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its number.
    pub id: u32,
    /// Who subscribed.
    pub user: String,
    /// Address and port of the client.
    pub destination: String,
    /// Mode of the list.
    pub mode: String,
    /// Encoding.
    pub encoding: String,
    /// When it started.
    pub since: String,
    /// Notifications sent.
    pub notifications: u64,
    /// The paths.
    pub paths: Vec<String>,
}

/// A session, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its number.
    pub id: u64,
    /// Who has logged in.
    pub user: String,
    /// Address and port of the client.
    pub client: String,
    /// Whether it runs over TLS.
    pub tls: bool,
    /// When it was opened.
    pub since: String,
    /// RPCs that run.
    pub active: usize,
    /// RPCs in all.
    pub total: u64,
}

/// Where the socket of a daemon with this data directory is.
pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}
