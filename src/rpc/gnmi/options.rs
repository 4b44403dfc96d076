//! The extension of ours for a Set: a comment that is kept with the commit, and a rollback.
//!
//! Invariant: a rollback comes alone, so that what it leads to is the configuration of that commit and nothing else.
//! `docs/EXTENSIONS.md` is its specification.

use prost::Message;

use super::commit::Action;
use crate::pb::gnmi_ext::{Extension, RegisteredExtension, extension::Ext};
use crate::store::COMMENT_MAX;

/// Its number. The registry of OpenConfig counts from 1 and has nothing near it.
pub(super) const ID: i32 = 57_400;

/// Its name in messages.
pub(super) const NAME: &str = "57400 (set options)";

/// `message SetOptions`.
#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(string, tag = "1")]
    comment: String,
    #[prost(uint64, tag = "2")]
    rollback_commit_id: u64,
}

/// `message SetOutcome`.
#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(uint64, tag = "1")]
    commit_id: u64,
}

/// What a Set says besides its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SetOptions {
    /// What the user says of the commit.
    pub(super) comment: Option<Box<str>>,
    /// The commit to go back to.
    pub(super) rollback: Option<u64>,
}

/// Why it cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not the message it has to be.
    #[error("Not a message SetOptions: {reason}")]
    Message {
        /// What the decoder says.
        reason: String,
    },
    /// A comment that nobody would read.
    #[error("Field comment has {characters} characters, more than {COMMENT_MAX}")]
    LongComment {
        /// Its length.
        characters: usize,
    },
    /// A rollback with something else to do.
    #[error("A rollback takes no operations, and there are {operations}")]
    Operations {
        /// How many.
        operations: usize,
    },
    /// A rollback with word about another commit.
    #[error("A rollback goes with a commit request, and with no other action of extension commit")]
    Action,
}

impl SetOptions {
    /// Reads the message.
    pub(super) fn read(message: &[u8]) -> Result<Self, OptionsError> {
        let options = Options::decode(message);
        let Options { comment, rollback_commit_id } =
            options.map_err(|error| OptionsError::Message { reason: error.to_string() })?;
        let characters = comment.chars().count();
        if characters > COMMENT_MAX {
            return Err(OptionsError::LongComment { characters });
        }
        Ok(Self {
            comment: Some(comment.into_boxed_str()).filter(|comment| !comment.is_empty()),
            rollback: Some(rollback_commit_id).filter(|&commit_id| commit_id > 0),
        })
    }
}

/// Refuses a rollback beside something else.
pub(super) fn check(rollback: Option<u64>, operations: usize, commit: Option<&Action>) -> Result<(), OptionsError> {
    match (rollback, commit) {
        (None, _) => Ok(()),
        _ if operations > 0 => Err(OptionsError::Operations { operations }),
        (_, None | Some(Action::Request(_))) => Ok(()),
        (_, Some(_)) => Err(OptionsError::Action),
    }
}

/// The answer: the number of the commit that was made, zero when nothing changed or it is not saved.
pub(super) fn outcome(commit_id: Option<u64>) -> Extension {
    let msg = Outcome { commit_id: commit_id.unwrap_or_default() }.encode_to_vec().into();
    Extension { ext: Some(Ext::RegisteredExt(RegisteredExtension { id: ID, msg })) }
}
