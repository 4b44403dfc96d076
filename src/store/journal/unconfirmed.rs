//! The commit on disk that waits for its confirmation.
//!
//! Invariant: the mark is written in the same transaction as the commit it speaks of, and goes in the same transaction
//! as the commit that takes it back. So whoever opens the file knows whether the newest commit was ever confirmed, and a
//! daemon that was killed while one waited starts without it (EXT-019).

use std::sync::Arc;

use redb::{ReadableTable, Table};

use super::append::write_past_commit;
use super::code::{Reader, Row, put_bytes};
use super::history::{CommitSummary, past_commit};
use super::{COMMITS, CONFIG, Fault, Journal, JournalError, META, Record, RowChange, Saved, begin, read_or_begin};

const META_UNCONFIRMED: &str = "unconfirmed";

/// A commit on disk that waits for its confirmation. It is the newest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// Its number.
    pub commit_id: u64,
    /// The name its client gave it.
    pub id: Box<str>,
}

impl Journal {
    /// Remembers for good that the commit that waited has been confirmed.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses; then it still waits.
    pub(in crate::store) fn forget_unconfirmed(&mut self) -> Result<(), JournalError> {
        if self.unconfirmed.is_none() {
            return Ok(());
        }
        let done = begin(self.ready()?).and_then(|writing| {
            write(&writing, None)?;
            Ok(writing.commit()?)
        });
        self.done(done)?;
        self.unconfirmed = None;
        Ok(())
    }

    /// Takes back the commit that waits: the disk then has what it had before, by a commit of its own that `record`
    /// speaks of. Returns its number; none when nothing on disk waits.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses, `Damaged` when the commit cannot be read; then it still waits.
    pub(in crate::store) fn reverse(&mut self, record: &Record) -> Result<Option<u64>, JournalError> {
        let Some(unconfirmed) = self.unconfirmed.clone() else { return Ok(None) };
        let commit_id = self.last_commit_id + 1;
        let first_kept = self.first_kept(commit_id);
        let done = write_reversal(self.ready()?, &unconfirmed, commit_id, record, first_kept);
        let summary = self.done(done)?;
        self.unconfirmed = None;
        self.note(vec![Arc::new(summary)]);
        Ok(Some(commit_id))
    }

    /// Takes back the commit that was never confirmed and reads again what is saved. For the start, before anything of
    /// the file is in use.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses, `Damaged` when the commit cannot be read.
    pub fn take_back_unconfirmed(&mut self, record: &Record) -> Result<Saved, JournalError> {
        self.reverse(record)?;
        let saved = read_or_begin(self.ready()?);
        saved.and_then(|read| read.into_saved(&self.file)).map_err(|fault| fault.at(&self.file))
    }
}

/// Puts the rows back that the unconfirmed commit changed.
fn write_reversal(
    database: &redb::Database,
    unconfirmed: &Unconfirmed,
    commit_id: u64,
    record: &Record,
    first_kept: u64,
) -> Result<CommitSummary, Fault> {
    let writing = begin(database)?;
    let taken_back = past_commit(&writing.open_table(COMMITS)?, unconfirmed.commit_id)?;
    let lost =
        || Fault::Damaged(format!("commit {}, which waits for its confirmation, is gone", unconfirmed.commit_id));
    let mut changes = Vec::new();
    {
        let mut config: Table<'_, &str, &[u8]> = writing.open_table(CONFIG)?;
        for RowChange { key, old, new } in taken_back.ok_or_else(lost)?.changes {
            let old = old.map(|row| restamped(row, record));
            match &old {
                Some(row) => drop(config.insert(&*key, &**row)?),
                None => drop(config.remove(&*key)?),
            }
            changes.push(RowChange { key, old: new, new: old });
        }
    }
    let summary = write_past_commit(&writing, commit_id, record, &changes, first_kept)?;
    write(&writing, None)?;
    writing.commit()?;
    Ok(summary)
}

/// A row that comes back was set by the commit that brings it back.
fn restamped(row: Box<[u8]>, record: &Record) -> Box<[u8]> {
    match Row::decode(&row) {
        Some(Row::Leaf(_, value)) => Row::Leaf(record.time, value).encode().into(),
        Some(Row::Exists(_)) => Row::Exists(record.time).encode().into(),
        Some(Row::Order(_)) | None => row,
    }
}

pub(super) fn read(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Option<Unconfirmed>, Fault> {
    let Some(bytes) = meta.get(META_UNCONFIRMED)? else { return Ok(None) };
    let mut bytes = Reader(bytes.value());
    let read = bytes.number().zip(bytes.text()).map(|(commit_id, id)| Unconfirmed { commit_id, id: id.into() });
    read.map(Some).ok_or_else(|| Fault::Damaged("the mark of an unconfirmed commit cannot be read".to_owned()))
}

pub(super) fn write(writing: &redb::WriteTransaction, unconfirmed: Option<&Unconfirmed>) -> Result<(), Fault> {
    let mut meta = writing.open_table(META)?;
    match unconfirmed {
        Some(Unconfirmed { commit_id, id }) => {
            let mut bytes = commit_id.to_le_bytes().to_vec();
            put_bytes(&mut bytes, id.as_bytes());
            meta.insert(META_UNCONFIRMED, &*bytes)?;
        }
        None => drop(meta.remove(META_UNCONFIRMED)?),
    }
    Ok(())
}
