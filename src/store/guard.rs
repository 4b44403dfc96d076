//! The place in a commit where it is judged whether its author may make these changes.
//!
//! Invariant: the judgement falls inside the commit's turn, on the very tree the commit starts from, so that nobody
//! changes with rights that an earlier commit took away. Who has which rights is not known here. Nobody outside is asked
//! inside the turn: a guard that cannot judge without that says what it has to know, and the commit comes again with it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::author::Author;
use super::config::CommitError;
use super::edit::Edit;
use super::tree::Tree;
use crate::path::DataPath;
use crate::schema::Schema;
use crate::time::Timestamp;

/// Judges changes before they are settled and validated.
pub trait Guard: Debug + Send + Sync {
    /// Lets the change pass, perhaps with something put back into its candidate, or refuses it whole.
    ///
    /// # Errors
    ///
    /// [`CommitError::Denied`] names what the author may not change, [`CommitError::Inquiries`] what has to be asked first.
    /// What cannot be kept breaks a constraint.
    fn judge(&self, change: Change<'_>) -> Result<(), CommitError>;
}

/// A change on its way to be committed.
#[derive(Debug)]
pub struct Change<'a> {
    /// The schema of both trees.
    pub schema: &'a Schema,
    /// Who makes it.
    pub author: &'a Author,
    /// The newest commit.
    pub base: &'a Tree,
    /// What the edits made of it. Defaults have not come and gone yet.
    pub candidate: &'a mut Tree,
    /// The edits.
    pub edits: &'a [Edit],
    /// What was said to the inquiries of this guard.
    pub verdicts: &'a Verdicts,
    /// The time of the commit.
    pub time: Timestamp,
}

/// A change of one place that somebody outside has to permit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inquiry {
    /// What changes.
    pub place: DataPath,
    /// Whether it goes.
    pub deletes: bool,
}

/// Inquiries that were made, and whether the change was permitted.
pub type Verdicts = BTreeMap<Inquiry, bool>;

/// A change that its author may not make (SET-037, SET-041).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Permission denied - unauthorized use of '{path}' - user '{user}', {reason}")]
pub struct Denied {
    /// The edit at fault, counted from zero; none when it cannot be told.
    pub position: Option<usize>,
    /// What may not be changed.
    pub path: String,
    /// Who wanted to.
    pub user: String,
    /// Which rule says so.
    pub reason: String,
}
