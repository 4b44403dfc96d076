//! Commits that go to the disk together.
//!
//! Invariant: whoever has the turn takes along all that were asked for before it came, one after the other, each on the
//! result of the one before, and with one sync. Each is a commit of its own, refused or made as if it had been alone. When the
//! disk refuses the lot, each is tried alone, so that nobody's commit fails for what another one asked. No task stands
//! behind this: the first of those who wait does the work of all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::commit::lock;
use super::config::{CommitError, Committed, ConfigWriter, Request, Turn, Voted};
use super::journal::JournalError;
use super::tree::Tree;

/// Commits in one group. More of them would make the first one wait for long.
const GROUP_MAX: usize = 64;

/// What waits for its turn.
#[derive(Debug, Default)]
pub(super) struct Queue(pub(super) VecDeque<Arc<Slot>>);

/// A commit that was asked for, and what became of it.
#[derive(Debug)]
pub(super) struct Slot {
    request: Request,
    answer: Mutex<Option<Answer>>,
}

type Answer = Result<Committed, CommitError>;

impl ConfigWriter {
    /// Makes a commit, on disk when this returns unless it is not to be saved. Blocks for the disk.
    pub fn submit(&self, request: Request) -> Result<Committed, CommitError> {
        if request.confirmation.is_some() {
            return self.commit_confirmed(request);
        }
        let slot = Arc::new(Slot { request, answer: Mutex::default() });
        lock(&self.queue).0.push_back(slot.clone());
        let mut turn = lock(&self.turn);
        loop {
            // Somebody may have done it already.
            if let Some(answer) = lock(&slot.answer).take() {
                return answer;
            }
            let mut group = self.next_group();
            if group.is_empty() {
                // Whoever took this one along did not come back.
                group.push(slot.clone());
            }
            self.commit_group(&mut turn, &group);
            let now = group.last().map_or(slot.request.now, |last| last.request.now);
            self.tell_journal(&turn, now);
        }
    }

    fn next_group(&self) -> Vec<Arc<Slot>> {
        let waiting = &mut lock(&self.queue).0;
        let count = waiting.len().min(GROUP_MAX);
        waiting.drain(..count).collect()
    }

    fn commit_group(&self, turn: &mut Turn, group: &[Arc<Slot>]) {
        match (self.try_group(turn, group), group) {
            (Ok(answers), _) => {
                for (slot, answer) in group.iter().zip(answers) {
                    *lock(&slot.answer) = Some(answer);
                }
            }
            (Err(error), [slot]) => *lock(&slot.answer) = Some(Err(error.into())),
            (Err(_), _) => group.chunks(1).for_each(|alone| self.commit_group(turn, alone)),
        }
    }

    /// What became of each; an error when the disk refuses, and then nothing has changed.
    fn try_group(&self, turn: &mut Turn, group: &[Arc<Slot>]) -> Result<Vec<Answer>, JournalError> {
        let start = self.store.newest().tree.clone();
        let saved = turn.saved.clone();
        let (mut base, mut staged, mut refused) = (start.clone(), Vec::with_capacity(group.len()), None);
        for slot in group {
            match self.stage(turn, &base, &slot.request) {
                Ok((voted, commit_id)) => {
                    base = voted.candidate.clone();
                    staged.push(Ok((voted, commit_id, slot.request.now)));
                }
                Err(Refusal::Commit(error)) => staged.push(Err(error)),
                Err(Refusal::Disk(error)) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        if let Err(error) = refused.map_or_else(|| turn.journal.sync(), Err) {
            turn.validator.undo(&start, &base);
            turn.saved = saved;
            return Err(error);
        }
        let answer = |(voted, commit_id, now)| self.publish(voted, commit_id, now);
        Ok(staged.into_iter().map(|staged| staged.map(answer)).collect())
    }

    /// Prepares one commit and stages it.
    fn stage(&self, turn: &mut Turn, base: &Tree, request: &Request) -> Result<(Voted, Option<u64>), Refusal> {
        let voted = self.prepare(turn, base, request).map_err(Refusal::Commit)?;
        match turn.stage(self.store.schema(), &request.record(), &voted, &request.saving) {
            Ok(commit_id) => {
                turn.validator.accept();
                Ok((voted, commit_id))
            }
            Err(error) => {
                turn.validator.reject();
                Err(Refusal::Disk(error))
            }
        }
    }
}

/// Why a commit is not staged.
enum Refusal {
    /// It is not right.
    Commit(CommitError),
    /// The disk does not take it, and nothing of its group.
    Disk(JournalError),
}
