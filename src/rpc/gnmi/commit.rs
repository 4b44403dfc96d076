//! The extension for commits that have to be confirmed (commit-confirmed 3.2).
//!
//! Invariant: an action that is not a request changes no configuration by operations of its own: a commit cannot be
//! amended (EXT-018). What waits, and for how long, is the store's; only the extension is read here.

use std::sync::Arc;
use std::time::Duration;

use tonic::Status;

use super::Gnmi;
use crate::pb::gnmi_ext::{Commit, commit};
use crate::rpc::status;
use crate::store::{Author, Confirmation};

/// Longest name of a commit, in bytes. It is kept on disk and said in refusals.
const ID_BYTES_MAX: usize = 256;

/// Longest time that a commit may wait: a year.
const PATIENCE_MAX: Duration = Duration::from_secs(366 * 86_400);

/// What is to be done with a commit.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Make one of the operations that come along (EXT-009).
    Request(Confirmation),
    /// Keep it (EXT-014).
    Confirm(Arc<str>),
    /// Take it back (EXT-015).
    Cancel(Arc<str>),
    /// Give it another time from now on (EXT-016).
    SetPatience(Confirmation),
}

/// Why the extension cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitExtensionError {
    /// No name (EXT-010).
    #[error("Field id is missing")]
    NoId,
    /// A name that is too long to be kept.
    #[error("Field id has {bytes} bytes, more than {ID_BYTES_MAX}")]
    LongId {
        /// Its length.
        bytes: usize,
    },
    /// Nothing to do.
    #[error("None of commit, confirm, cancel and set_rollback_duration is given")]
    NoAction,
    /// No time, where there has to be one (EXT-016).
    #[error("Field rollback_duration of set_rollback_duration must be greater than 0")]
    NoDuration,
    /// A negative time, or one that is too long.
    #[error("Field rollback_duration must be from 0 s to {} s", PATIENCE_MAX.as_secs())]
    Duration,
    /// A confirmation that comes with operations (EXT-018).
    #[error("Action {action} takes no operations, a commit cannot be amended")]
    Operations {
        /// Its name.
        action: &'static str,
    },
}

impl Action {
    /// Reads the extension. `default` is the time until a commit is taken back when the request names none.
    pub(super) fn read(extension: &Commit, default: Duration) -> Result<Self, CommitExtensionError> {
        let id: Arc<str> = match &*extension.id {
            "" => return Err(CommitExtensionError::NoId),
            long if long.len() > ID_BYTES_MAX => return Err(CommitExtensionError::LongId { bytes: long.len() }),
            id => id.into(),
        };
        match extension.action.as_ref().ok_or(CommitExtensionError::NoAction)? {
            // Some clients always send a duration, zero when they were given none.
            commit::Action::Commit(request) => match patience(request.rollback_duration)? {
                Duration::ZERO => Ok(Self::Request(Confirmation { id, patience: default })),
                patience => Ok(Self::Request(Confirmation { id, patience })),
            },
            commit::Action::Confirm(_) => Ok(Self::Confirm(id)),
            commit::Action::Cancel(_) => Ok(Self::Cancel(id)),
            commit::Action::SetRollbackDuration(set) => match patience(set.rollback_duration)? {
                Duration::ZERO => Err(CommitExtensionError::NoDuration),
                patience => Ok(Self::SetPatience(Confirmation { id, patience })),
            },
        }
    }

    /// Refuses operations where a commit is only spoken of.
    pub(super) fn check_operations(&self, operations: usize) -> Result<(), CommitExtensionError> {
        let action = match self {
            Self::Request(_) => return Ok(()),
            Self::Confirm(_) => "confirm",
            Self::Cancel(_) => "cancel",
            Self::SetPatience(_) => "set_rollback_duration",
        };
        if operations == 0 { Ok(()) } else { Err(CommitExtensionError::Operations { action }) }
    }
}

fn patience(given: Option<prost_types::Duration>) -> Result<Duration, CommitExtensionError> {
    let given = Duration::try_from(given.unwrap_or_default()).map_err(|_| CommitExtensionError::Duration)?;
    if given <= PATIENCE_MAX { Ok(given) } else { Err(CommitExtensionError::Duration) }
}

impl Gnmi {
    /// Confirms, cancels or prolongs. Requests are made like any other Set. Blocks for the disk.
    pub(super) fn end_commit(&self, action: &Action, by: &Author) -> Result<(), Status> {
        let (config, now) = (&self.parts.config, self.parts.clock.now());
        let done = match action {
            Action::Request(_) => Ok(()),
            Action::Confirm(id) => config.confirm(id, now),
            Action::Cancel(id) => config.cancel(id, by, now),
            Action::SetPatience(confirmation) => config.set_patience(confirmation, now),
        };
        done.map_err(|error| status::confirm(&error))
    }
}
