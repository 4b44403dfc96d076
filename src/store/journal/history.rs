//! The commits that are kept: what they were, and the configuration as it was after each of them.
//!
//! Invariant: a configuration of the past is what is on disk now with every later commit undone, so it is exact as far
//! back as commits are kept, and costs nothing until somebody asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable};

use super::restore;
use super::{COMMITS, CONFIG, Fault, Journal, JournalError, PastCommit, Record, RowChange};
use crate::schema::Schema;
use crate::store::tree::Tree;

/// A commit that is on disk, without what it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitSummary {
    /// Its number.
    pub commit_id: u64,
    /// Who made it, when, and what they said of it.
    pub record: Record,
    /// Leaves that it wrote or took out.
    pub changes: u64,
}

impl CommitSummary {
    pub(super) fn new(commit_id: u64, record: &Record, changes: &[RowChange]) -> Self {
        let leaves = changes.iter().filter(|change| change.is_leaf()).count();
        Self { commit_id, record: record.clone(), changes: leaves as u64 }
    }
}

impl Journal {
    /// The commits that are kept, oldest first.
    pub fn commits(&self) -> &[Arc<CommitSummary>] {
        &self.commits
    }

    /// How many of them stay from now on.
    pub(in crate::store) fn keep(&mut self, history_max: u64) {
        self.history_max = history_max;
    }

    /// The commits that are kept, with what they changed, oldest first.
    ///
    /// # Errors
    ///
    /// `Io` or `Damaged`.
    pub fn history(&mut self) -> Result<Vec<PastCommit>, JournalError> {
        let read = read_history(self.ready()?);
        read.map_err(|fault| fault.at(&self.file))
    }

    /// The configuration as it was on disk after a commit: what was explicit, not settled. None when a commit since
    /// then is not kept any more.
    ///
    /// # Errors
    ///
    /// `Io`, `Damaged`, or `Unfit` with what the modules that are loaded now have no place for.
    pub(in crate::store) fn configuration_at(
        &mut self,
        commit_id: u64,
        schema: &Schema,
    ) -> Result<Option<Tree>, JournalError> {
        let last = self.last_commit_id;
        let read = rows_at(self.ready()?, commit_id, last);
        let restored = match read.map_err(|fault| fault.at(&self.file))? {
            Some(rows) => restore::restore(schema, &rows).map_err(|fault| fault.at(&self.file))?,
            None => return Ok(None),
        };
        match restored.unfit.is_empty() {
            true => Ok(Some(restored.tree)),
            false => Err(JournalError::Unfit { file: self.file.clone(), unfit: restored.unfit, rest: restored.tree }),
        }
    }
}

type Rows = Vec<(Box<str>, Box<[u8]>)>;

fn rows_at(database: &impl ReadableDatabase, commit_id: u64, last: u64) -> Result<Option<Rows>, Fault> {
    let reading = database.begin_read()?;
    let commits = match reading.open_table(COMMITS) {
        Ok(commits) => commits,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut rows = BTreeMap::new();
    for row in reading.open_table(CONFIG)?.iter()? {
        let (key, row) = row?;
        rows.insert(Box::from(key.value()), Box::from(row.value()));
    }
    for undone in (commit_id + 1..=last).rev() {
        let Some(commit) = past_commit(&commits, undone)? else { return Ok(None) };
        for RowChange { key, old, .. } in commit.changes {
            match old {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
    }
    Ok(Some(rows.into_iter().collect()))
}

/// What is told of every commit in the file.
pub(super) fn summaries(database: &impl ReadableDatabase) -> Result<Vec<Arc<CommitSummary>>, Fault> {
    let mut found = Vec::new();
    each_commit(database, |commit| {
        found.push(Arc::new(CommitSummary::new(commit.commit_id, &commit.record, &commit.changes)));
    })?;
    Ok(found)
}

fn read_history(database: &impl ReadableDatabase) -> Result<Vec<PastCommit>, Fault> {
    let mut history = Vec::new();
    each_commit(database, |commit| history.push(commit))?;
    Ok(history)
}

fn each_commit(database: &impl ReadableDatabase, mut visit: impl FnMut(PastCommit)) -> Result<(), Fault> {
    let reading = database.begin_read()?;
    let commits = match reading.open_table(COMMITS) {
        Ok(commits) => commits,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut at = commits.first()?.map_or(0, |(key, _)| key.value().0);
    while let Some(commit) = past_commit(&commits, at)? {
        visit(commit);
        at += 1;
    }
    Ok(())
}

/// Puts the pieces of a commit together; none when there are none.
pub(super) fn past_commit(
    commits: &impl ReadableTable<(u64, u32), &'static [u8]>,
    commit_id: u64,
) -> Result<Option<PastCommit>, Fault> {
    let mut bytes = Vec::new();
    for piece in commits.range((commit_id, 0)..=(commit_id, u32::MAX))? {
        bytes.extend(piece?.1.value());
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let commit = PastCommit::decode(commit_id, &bytes);
    commit.map(Some).ok_or_else(|| Fault::Damaged(format!("commit {commit_id} cannot be read")))
}
