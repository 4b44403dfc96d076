//! Commits on their way to the disk.
//!
//! Invariant: what is staged together is one transaction, so a crash leaves all of it or nothing, and costs one sync
//! however many commits it holds. After a failure nothing of it counts.

use std::sync::Arc;

use redb::{Database, ReadableTable, Table, WriteTransaction};

use super::code::Row;
use super::history::{CommitSummary, past_commit};
use super::record::Writing;
use super::{
    COMMITS, CONFIG, Fault, Journal, JournalError, PIECE_BYTES, Record, RowChange, Staged, Unconfirmed, begin, key,
    unconfirmed,
};
use crate::path::DataPath;
use crate::schema::{Kind, Schema};
use crate::store::delta::{Delta, DeltaItem, LeafChange};

impl Journal {
    /// Makes a commit part of what the next [`sync`](Self::sync) writes, and returns its number. One with the name
    /// `waits` is taken back at the next start unless it is confirmed before.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses already; then nothing that was staged counts.
    pub(in crate::store) fn stage(
        &mut self,
        record: &Record,
        schema: &Schema,
        delta: &Delta,
        waits: Option<&str>,
    ) -> Result<u64, JournalError> {
        let mut staged = match self.staged.take() {
            Some(staged) => staged,
            None => {
                let begun = begin(self.ready()?);
                let writing = begun.map_err(|fault| self.failed(fault))?;
                Staged { writing, commits: Vec::new(), unconfirmed: self.unconfirmed.clone() }
            }
        };
        let commit_id = staged.commits.last().map_or(self.last_commit_id, |last| last.commit_id) + 1;
        let unconfirmed = waits.map(|id| Unconfirmed { commit_id, id: id.into() });
        // Most commits say nothing of it, and do not touch the table.
        let changed = (unconfirmed != staged.unconfirmed).then_some(unconfirmed.as_ref());
        let first_kept = self.first_kept(commit_id);
        match write_commit(&staged.writing, commit_id, record, schema, delta, changed, first_kept) {
            Ok(summary) => {
                staged.commits.push(Arc::new(summary));
                staged.unconfirmed = unconfirmed;
                self.staged = Some(staged);
                Ok(commit_id)
            }
            Err(fault) => {
                drop(staged);
                Err(self.failed(fault))
            }
        }
    }

    /// Takes to the disk what is staged.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses; then nothing of it counts, and it is not there after the next start.
    pub(in crate::store) fn sync(&mut self) -> Result<(), JournalError> {
        let Some(Staged { writing, commits, unconfirmed }) = self.staged.take() else { return Ok(()) };
        let done = writing.commit();
        self.done(done.map_err(Fault::from))?;
        self.unconfirmed = unconfirmed;
        self.note(commits);
        Ok(())
    }

    /// Remembers commits that are on disk.
    pub(super) fn note(&mut self, commits: Vec<Arc<CommitSummary>>) {
        let Some(last) = commits.last().map(|last| last.commit_id) else { return };
        let first_kept = self.first_kept(last);
        self.last_commit_id = last;
        self.commits.extend(commits);
        self.commits.retain(|commit| commit.commit_id >= first_kept);
    }

    /// The oldest commit that stays when this one is written. The newest one that is on disk stays in any case: the file
    /// tells by it what to take back when the disk has more than this process was told.
    pub(super) fn first_kept(&self, commit_id: u64) -> u64 {
        commit_id.saturating_sub(self.history_max.max(1) - 1).min(self.last_commit_id.max(1))
    }
}

fn write_commit(
    writing: &WriteTransaction,
    commit_id: u64,
    record: &Record,
    schema: &Schema,
    delta: &Delta,
    unconfirmed: Option<Option<&Unconfirmed>>,
    first_kept: u64,
) -> Result<CommitSummary, Fault> {
    let mut config = Writing::new(writing.open_table(CONFIG)?);
    for item in delta.items() {
        write_item(&mut config, schema, record, item)?;
    }
    let summary = write_past_commit(writing, commit_id, record, &config.into_changes(), first_kept)?;
    if let Some(unconfirmed) = unconfirmed {
        unconfirmed::write(writing, unconfirmed)?;
    }
    Ok(summary)
}

/// Writes a commit to the history and takes those before `first_kept` out.
pub(super) fn write_past_commit(
    writing: &WriteTransaction,
    commit_id: u64,
    record: &Record,
    changes: &[RowChange],
    first_kept: u64,
) -> Result<CommitSummary, Fault> {
    let mut commits = writing.open_table(COMMITS)?;
    for (piece, bytes) in (0..).zip(record.encode(changes).chunks(PIECE_BYTES)) {
        commits.insert((commit_id, piece), bytes)?;
    }
    commits.retain_in(..(first_kept, 0), |_, _| false)?;
    Ok(CommitSummary::new(commit_id, record, changes))
}

fn write_item(config: &mut Writing<'_>, schema: &Schema, record: &Record, item: &DeltaItem) -> Result<(), Fault> {
    match item {
        DeltaItem::Leaves { at, leaves } => {
            let above = key::text(schema, at.steps());
            leaves.iter().try_for_each(|change| write_leaf(config, schema, (at, &above), change))
        }
        DeltaItem::Removed(path) => write_removal(config, schema, path),
        DeltaItem::Created(path) => config.put(key::text(schema, path.steps()), &Row::Exists(record.time)),
        DeltaItem::Reordered(path, keys) => {
            let order = keys.iter().flat_map(|key| key.iter().cloned()).collect();
            config.put(key::text(schema, path.steps()), &Row::Order(order))
        }
    }
}

fn write_leaf(
    config: &mut Writing<'_>,
    schema: &Schema,
    (at, above): (&DataPath, &str),
    change: &LeafChange,
) -> Result<(), Fault> {
    // The keys of an entry are in its path already.
    if matches!(&schema.node(change.node).kind, Kind::Leaf(leaf) if leaf.is_key) {
        return Ok(());
    }
    let mut key = above.to_owned();
    key::push_name(&mut key, schema, at.node(), change.node);
    if change.new.is_default() {
        return config.remove(&key);
    }
    config.put(key, &Row::Leaf(change.new.time, change.new.value.clone()))
}

/// Takes out the row of a place and the rows below it.
#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
fn write_removal(config: &mut Writing<'_>, schema: &Schema, path: &DataPath) -> Result<(), Fault> {
    let steps = path.steps();
    let key = key::text(schema, steps);
    config.remove(&key)?;
    config.remove_below(&key)?;
    let Some(last) = steps.last() else { return Ok(()) };
    if matches!(&schema.node(last.node).kind, Kind::List(list) if list.user_ordered) {
        // The order of what is left comes with the same delta, after its removals.
        config.remove(&key::list_text(schema, steps))?;
    }
    // An entry that also holds state stays in the tree when its configuration goes piece by piece, so no removal of the
    // entry itself is reported: it counts as configured as long as anything below it is.
    for length in 1..steps.len() {
        let above = &steps[..length];
        if above.last().is_some_and(|step| step.key.is_some() && schema.is_mixed(step.node)) {
            config.remove_if_bare(&key::text(schema, above))?;
        }
    }
    Ok(())
}

/// Undoes commits after `last`, newest first, and whatever they said of a commit that waits.
pub(super) fn take_back(database: &Database, last: u64, unconfirmed: Option<&Unconfirmed>) -> Result<(), Fault> {
    let writing = begin(database)?;
    {
        let mut commits = writing.open_table(COMMITS)?;
        let mut config: Table<'_, &str, &[u8]> = writing.open_table(CONFIG)?;
        let newest = commits.last()?.map_or(0, |(key, _)| key.value().0);
        if newest < last {
            return Err(Fault::Damaged(format!("it ends with commit {newest}, and commit {last} was made since")));
        }
        for commit_id in (last + 1..=newest).rev() {
            let Some(commit) = past_commit(&commits, commit_id)? else { continue };
            for change in commit.changes.iter().rev() {
                match &change.old {
                    Some(row) => drop(config.insert(&*change.key, &**row)?),
                    None => drop(config.remove(&*change.key)?),
                }
            }
            commits.retain_in((commit_id, 0)..=(commit_id, u32::MAX), |_, _| false)?;
        }
    }
    unconfirmed::write(&writing, unconfirmed)?;
    Ok(writing.commit()?)
}
