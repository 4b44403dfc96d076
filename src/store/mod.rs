//! The datastore: one persistent tree of configuration and state, its commits, and the two doors for writers.
//!
//! Invariant: a published [`Commit`] never changes, and `changes` of a commit is exactly the structural difference to
//! the commit before it. Readers take an `Arc` and never wait; writers are serialised.
//! No sockets, clocks or spawned tasks here: time is an argument, waiting is the caller's.

mod author;
mod changes;
mod commit;
mod config;
mod confirm;
mod delta;
mod diff;
mod edit;
mod group;
mod guard;
mod history;
mod journal;
mod named;
mod recent;
mod select;
mod settle;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod validate;

pub use author::{Author, Interface};
pub use changes::{ConfigurationChange, changes, explicit};
pub use commit::{Commit, Origin, Store};
pub use config::{COMMENT_MAX, CommitError, Committed, ConfigWriter, Intent, Request, Saving, prepare};
pub use confirm::{ConfirmError, Confirmation, Ending, Waiting};
pub use delta::{Delta, DeltaItem, LeafChange};
pub use diff::{Difference, diff};
pub use edit::{Content, Edit, EditError};
pub use guard::{Change, Denied, Guard, Inquiry, Verdicts};
pub use history::{Condition, Remembered};
pub use journal::{
    CommitSummary, Fingerprint, Journal, JournalError, PastCommit, Record, RowChange, Saved, Storage, Unconfirmed,
    Unfit,
};
pub use named::Named;
pub use recent::ConfigChange;
pub use select::{Cursor, Found, instances};
pub use state::{NotState, StateBatch, StateWriter};
pub use tree::{Branch, Child, Entry, Leaf, List, Tree};
pub use validate::{Rules, Validator, Violation};
