//! Commits that have to be confirmed (commit-confirmed 3.2).
//!
//! Invariant: at most one commit waits, and while it does no other one is made, so what it changed can be taken back
//! exactly. Taking it back is a commit of its own, by `system`; state is left alone by it. The journal knows what waits,
//! so a start without a confirmation is a start without the change (EXT-019).
//! The time is not measured here: whoever owns the writer watches [`ConfigWriter::waiting`] and calls
//! [`ConfigWriter::expire`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::author::Author;
use super::commit::lock;
use super::config::{CommitError, Committed, ConfigWriter, Request, Turn, Voted, judge};
use super::delta::Delta;
use super::journal::{JournalError, Record};
use super::tree::Tree;
use crate::time::Timestamp;

/// How a commit is to be confirmed.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The client's name for it.
    pub id: Arc<str>,
    /// Time until it is taken back.
    pub patience: Duration,
}

/// A commit that waits for its confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The client's name for it.
    pub id: Arc<str>,
    /// Who made it.
    pub author: Author,
    /// When it was asked for, or when its time was set anew.
    pub since: Timestamp,
    /// Time it was given then.
    pub patience: Duration,
}

impl Waiting {
    /// One line for refusals: which one, whose, and how much longer.
    pub(super) fn describe(&self, now: Timestamp) -> String {
        let Self { id, author, .. } = self;
        let left = self.patience.saturating_sub(now.since(self.since));
        let from = if author.source.is_empty() { String::new() } else { format!(" from {}", author.source) };
        format!("Commit '{id}' by user '{}'{from} waits for its confirmation, {} s left", author.user, left.as_secs())
    }
}

/// Why a commit that waited is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nobody confirmed it in time.
    Expired,
    /// This user did not want it.
    Cancelled(Author),
    /// The daemon goes down.
    Shutdown,
}

impl Ending {
    /// How the journal tells it.
    fn record(&self, id: &str, now: Timestamp) -> Record {
        let why = match self {
            Self::Expired => "was not confirmed in time".to_owned(),
            Self::Cancelled(by) => format!("was cancelled by user '{}' from {}", by.user, by.source),
            Self::Shutdown => "was not confirmed before the shutdown".to_owned(),
        };
        Record::of_system(format!("commit '{id}' {why}"), now)
    }
}

impl Record {
    /// The daemon itself; `source` says why.
    pub fn of_system(source: String, time: Timestamp) -> Self {
        let author = Author { user: "system".to_owned(), source, ..Author::default() };
        Self { time, author, comment: None }
    }
}

/// Why a commit cannot be confirmed, cancelled or given more time.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Nothing waits.
    #[error("No commit waits for its confirmation")]
    NothingWaits,
    /// Another one waits.
    #[error("Commit '{asked}' does not wait for a confirmation. {}", .waiting.describe(*.now))]
    OtherId {
        /// The name given.
        asked: Box<str>,
        /// The one that waits.
        waiting: Box<Waiting>,
        /// When this was said.
        now: Timestamp,
    },
    /// It could not be done; the commit still waits.
    #[error("{0}")]
    Commit(#[from] CommitError),
}

impl From<JournalError> for ConfirmError {
    fn from(error: JournalError) -> Self {
        Self::Commit(error.into())
    }
}

/// A commit that waits, with the way back.
#[derive(Debug)]
pub(super) struct Held {
    waiting: Waiting,
    /// From what the commit made to what was there before.
    back: Delta,
    /// The configuration that was on disk before, when it was not the one that ran.
    saved: Option<Tree>,
}

impl Turn {
    pub(super) fn refuse_while_waiting(&self, now: Timestamp) -> Result<(), CommitError> {
        let refuse = |held: &Held| Err(CommitError::Waiting { waiting: Box::new(held.waiting.clone()), now });
        self.held.as_ref().map_or(Ok(()), refuse)
    }

    /// What waits, when it has this name.
    fn named(&mut self, id: &str, now: Timestamp) -> Result<&mut Held, ConfirmError> {
        let held = self.held.as_mut().ok_or(ConfirmError::NothingWaits)?;
        if *held.waiting.id == *id {
            return Ok(held);
        }
        Err(ConfirmError::OtherId { asked: id.into(), waiting: Box::new(held.waiting.clone()), now })
    }
}

impl ConfigWriter {
    /// Makes a commit which is taken back at the deadline unless it is confirmed before (EXT-009). One that changes
    /// nothing waits too, so that a client may always confirm what it was answered for. Blocks for the disk.
    pub(super) fn commit_confirmed(&self, request: Request) -> Result<Committed, CommitError> {
        let mut turn = lock(&self.turn);
        let base = self.store.newest();
        let voted = self.prepare(&mut turn, &base.tree, &request)?;
        let schema = self.store.schema();
        let (back, saved) = (Delta::between(schema, &voted.candidate, &base.tree), turn.saved.clone());
        let staged = turn.stage(schema, &request.record(), &voted, &request.saving);
        let written = staged.and_then(|commit_id| turn.journal.sync().map(|()| commit_id));
        let commit_id = match written {
            Ok(commit_id) => commit_id,
            Err(error) => {
                turn.validator.reject();
                turn.saved = saved;
                self.tell_journal(&turn, request.now);
                return Err(error.into());
            }
        };
        turn.validator.accept();
        let committed = self.publish(voted, commit_id, request.now);
        let Request { author, now, confirmation, .. } = request;
        if let Some(Confirmation { id, patience }) = confirmation {
            turn.held = Some(Held { waiting: Waiting { id, author, since: now, patience }, back, saved });
        }
        self.tell(&turn);
        self.tell_journal(&turn, now);
        Ok(committed)
    }

    /// Keeps the commit that waits (EXT-014). Blocks for the disk.
    pub fn confirm(&self, id: &str, now: Timestamp) -> Result<(), ConfirmError> {
        let mut turn = lock(&self.turn);
        turn.named(id, now)?;
        let forgotten = turn.journal.forget_unconfirmed();
        self.tell_journal(&turn, now);
        forgotten?;
        turn.held = None;
        self.tell(&turn);
        Ok(())
    }

    /// Takes the commit that waits back at once (EXT-015). Blocks for the disk.
    pub fn cancel(&self, id: &str, by: &Author, now: Timestamp) -> Result<(), ConfirmError> {
        let mut turn = lock(&self.turn);
        turn.named(id, now)?;
        self.take_back(&mut turn, &Ending::Cancelled(by.clone()), now)?;
        Ok(())
    }

    /// Gives the commit that waits this much time from now on (EXT-016).
    pub fn set_patience(&self, confirmation: &Confirmation, now: Timestamp) -> Result<(), ConfirmError> {
        let mut turn = lock(&self.turn);
        let waiting = &mut turn.named(&confirmation.id, now)?.waiting;
        (waiting.since, waiting.patience) = (now, confirmation.patience);
        self.tell(&turn);
        Ok(())
    }

    /// Takes back a commit whose time is over, if it still waits and has been given no other time since (EXT-011). Says
    /// which one it was. Blocks for the disk.
    pub fn expire(&self, over: &Waiting, now: Timestamp) -> Result<Option<Waiting>, CommitError> {
        let mut turn = lock(&self.turn);
        match &turn.held {
            Some(held) if held.waiting == *over => self.take_back(&mut turn, &Ending::Expired, now),
            _ => Ok(None),
        }
    }

    /// Takes the commit that waits back because the daemon goes down, as the next start would. Says which one it was.
    pub fn abandon(&self, now: Timestamp) -> Result<Option<Waiting>, CommitError> {
        self.take_back(&mut lock(&self.turn), &Ending::Shutdown, now)
    }

    /// Refuses, as any commit would be, while one waits.
    pub fn refuse_while_waiting(&self, now: Timestamp) -> Result<(), CommitError> {
        let waiting = self.waiting.borrow().clone();
        waiting.map_or(Ok(()), |waiting| Err(CommitError::Waiting { waiting: Box::new(waiting), now }))
    }

    /// A view of what waits, which wakes when that changes.
    pub fn waiting(&self) -> watch::Receiver<Option<Waiting>> {
        self.waiting.subscribe()
    }

    fn take_back(&self, turn: &mut Turn, why: &Ending, now: Timestamp) -> Result<Option<Waiting>, CommitError> {
        let Some(Held { waiting, back, saved }) = &mut turn.held else { return Ok(None) };
        let (schema, base) = (self.store.schema(), self.store.newest());
        let mut candidate = base.tree.clone();
        back.restamp(now);
        back.graft(schema, &mut candidate, now);
        // What was there before was voted for once, and nothing else has changed since.
        let (candidate, delta) = judge(schema, &mut turn.validator, &base.tree, candidate, now)?;
        let confirm = Some(waiting.id.clone());
        let commit_id = match turn.journal.reverse(&why.record(&waiting.id, now)) {
            Ok(commit_id) => commit_id,
            Err(error) => {
                turn.validator.reject();
                self.tell_journal(turn, now);
                return Err(error.into());
            }
        };
        turn.validator.accept();
        turn.saved = saved.take();
        self.publish(Voted { base: base.tree.clone(), candidate, delta, confirm }, commit_id, now);
        let ended = turn.held.take().map(|held| held.waiting);
        self.tell(turn);
        self.tell_journal(turn, now);
        Ok(ended)
    }

    fn tell(&self, turn: &Turn) {
        self.waiting.send_replace(turn.held.as_ref().map(|held| held.waiting.clone()));
    }
}
