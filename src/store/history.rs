//! The commits that are remembered, going back to one of them, and how the disk is that keeps them.
//!
//! Invariant: a rollback is a commit like any other: authorised, voted on, journaled and published. It leads to exactly
//! the configuration there was on disk after the commit it names, and leaves state alone.

use std::sync::Arc;

use tokio::sync::watch;

use super::commit::lock;
use super::config::{CommitError, ConfigWriter, Request, Turn};
use super::delta::Delta;
use super::edit::{Content, Edit};
use super::guard::Change;
use super::journal::{CommitSummary, HISTORY_DEFAULT};
use super::named::Named;
use super::settle::settle;
use super::state::without_state;
use super::tree::Tree;
use crate::path::DataPath;
use crate::schema::Schema;
use crate::time::Timestamp;

/// Where the configuration says how many commits are remembered: the leaf `commit-history`.
const MANAGEMENT: &str = "configure/system/management-interface";

/// The commits that are remembered, oldest first.
pub type Remembered = Arc<[Arc<CommitSummary>]>;

/// How the disk is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Why nothing can be saved, and since when.
    pub failing: Option<(Box<str>, Timestamp)>,
    /// Writes that failed since the start.
    pub failures: u64,
}

/// How many commits a configuration wants to be remembered.
pub(super) fn history_max(schema: &Schema, tree: &Tree) -> u64 {
    Named::new(schema, tree, MANAGEMENT).number("commit-history").unwrap_or(HISTORY_DEFAULT)
}

impl ConfigWriter {
    /// A view of the commits that are remembered, which wakes when there is another.
    pub fn remembered(&self) -> watch::Receiver<Remembered> {
        self.remembered.subscribe()
    }

    /// A view of how the disk is, which wakes when that changes.
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Looks whether the disk takes something again, when it did not; [`condition`](Self::condition) then tells. Says
    /// whether it was written to in vain: that should not be done often. Blocks for the disk.
    pub fn try_disk(&self, now: Timestamp) -> bool {
        let mut turn = lock(&self.turn);
        if turn.journal.storage().failing.is_none() || !turn.journal.may_take() {
            return false;
        }
        let in_vain = turn.journal.probe().is_err();
        self.tell_journal(&turn, now);
        in_vain
    }

    /// The configuration as it was on disk after a commit: what was explicit, not settled. Blocks for the disk.
    pub fn configuration_at(&self, commit_id: u64) -> Result<Tree, CommitError> {
        self.past(&mut lock(&self.turn), commit_id)
    }

    /// The configuration before a commit that is remembered, and after it. Blocks for the disk.
    pub fn around(&self, commit_id: u64) -> Result<(Tree, Tree), CommitError> {
        let mut turn = lock(&self.turn);
        let after = self.past(&mut turn, commit_id)?;
        // Undoing the commit itself takes nothing older.
        let before = turn.journal.configuration_at(commit_id.saturating_sub(1), self.store.schema())?;
        Ok((before.ok_or_else(|| self.not_kept(commit_id))?, after))
    }

    /// What edits would make of the configuration, settled and neither judged nor voted on.
    pub fn preview(&self, edits: &[Edit], now: Timestamp) -> Result<Tree, CommitError> {
        let (schema, base) = (self.store.schema(), &self.store.newest().tree);
        let mut candidate = super::config::edited(schema, base.clone(), edits, now)?;
        settle(schema, base, &mut candidate, now);
        Ok(candidate)
    }

    fn past(&self, turn: &mut Turn, commit_id: u64) -> Result<Tree, CommitError> {
        if !self.remembered.borrow().iter().any(|commit| commit.commit_id == commit_id) {
            return Err(self.not_kept(commit_id));
        }
        let tree = turn.journal.configuration_at(commit_id, self.store.schema())?;
        tree.ok_or_else(|| self.not_kept(commit_id))
    }

    fn not_kept(&self, commit_id: u64) -> CommitError {
        let remembered = self.remembered.borrow();
        let ends = remembered.first().zip(remembered.last());
        CommitError::NotKept { commit_id, known: ends.map(|(oldest, newest)| (oldest.commit_id, newest.commit_id)) }
    }

    /// What going back to a commit makes of a tree, if the author may do that.
    pub(super) fn rolled_back(
        &self,
        turn: &mut Turn,
        base: &Tree,
        commit_id: u64,
        request: &Request,
    ) -> Result<Tree, CommitError> {
        let (schema, now) = (self.store.schema(), request.now);
        let mut target = self.past(turn, commit_id)?;
        let configuration = without_state(schema, base);
        settle(schema, &configuration, &mut target, now);
        let mut delta = Delta::between(schema, &configuration, &target);
        // What comes back was set by the commit that brings it back.
        delta.restamp(now);
        let mut candidate = base.clone();
        delta.graft(schema, &mut candidate, now);
        if let Some(guard) = &self.guard {
            // It names all of the configuration, so what its author may not take out refuses it as a whole.
            let edits = &[Edit::Replace(DataPath::root(), Content::Branch(Vec::new()))];
            let Request { author, verdicts, .. } = request;
            guard.judge(Change { schema, author, base, candidate: &mut candidate, edits, verdicts, time: now })?;
        }
        Ok(candidate)
    }

    /// Tells those who watch what the journal says of itself. To be called by the writer whose turn it is.
    #[expect(clippy::indexing_slicing, reason = "at most as long as this very list")]
    pub(super) fn tell_journal(&self, turn: &Turn, now: Timestamp) {
        let commits = turn.journal.commits();
        let wanted = history_max(self.store.schema(), &self.store.newest().tree);
        let shown = &commits[commits.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX))..];
        self.remembered.send_if_modified(|known| {
            let ends =
                |list: &[Arc<CommitSummary>]| list.first().zip(list.last()).map(|(a, b)| (a.commit_id, b.commit_id));
            let differs = ends(known) != ends(shown);
            if differs {
                *known = shown.into();
            }
            differs
        });
        let storage = turn.journal.storage();
        self.condition.send_if_modified(|known| {
            let since = known.failing.as_ref().map_or(now, |(_, since)| *since);
            let failing = storage.failing.clone().map(|reason| (reason, since));
            let differs = (&known.failing, known.failures) != (&failing, storage.failures);
            *known = Condition { failing, failures: storage.failures };
            differs
        });
    }
}
