//! The configuration on disk: what it is now, and the commits that made it so.
//!
//! Invariant: when [`Journal::append`] returns a commit number, that commit is on disk whole and survives a kill or a
//! power cut; when it returns an error, the commit is not there after the next start either, as long as this process
//! could still reach the disk. Only explicit configuration is kept: defaults come back by settling, state is never
//! here. An append costs what the commit changes. Nothing is validated here.

mod code;
mod key;
mod record;
mod restore;
#[cfg(test)]
mod tests;
mod unconfirmed;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
};

pub use self::record::{PastCommit, Record, RowChange};
pub use self::restore::Unfit;
pub use self::unconfirmed::Unconfirmed;

use self::code::Row;
use self::record::Writing;
use super::delta::{Delta, DeltaItem, LeafChange};
use super::tree::Tree;
use crate::path::DataPath;
use crate::schema::{Kind, Schema};

/// Name of the file in the data directory.
const FILE: &str = "config.redb";

/// How many commits are kept with what they changed, for rollback.
const HISTORY_MAX: u64 = 50;

/// Layout of the tables. A file with another number is not touched.
const FORMAT: u64 = 1;

/// Bytes of a commit that are kept in one row. A row is written anew whenever its neighbour changes, so one large commit
/// in one row would make every commit after it slow.
const PIECE_BYTES: usize = 2 << 10;

/// Memory that the file's pages may take. The configuration itself is in the tree; this only serves appends.
const CACHE_BYTES: usize = 8 << 20;

/// Explicit configuration: printable path to [`Row`].
const CONFIG: TableDefinition<&str, &[u8]> = TableDefinition::new("config");
/// Commit number and piece to a piece of a [`PastCommit`].
const COMMITS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("commits");
/// What the file says about itself.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

const META_FORMAT: &str = "format";
const META_STARTUP: &str = "startup";

/// SHA-256 of the startup configuration that was applied last.
pub type Fingerprint = [u8; 32];

/// The file that holds the configuration, open for writing. One process at a time can have it.
pub struct Journal {
    file: PathBuf,
    /// None after a failed write, until the file has been opened again.
    database: Option<Database>,
    last_commit_id: u64,
    /// The commit that has to be taken back at the next start, as callers know it.
    unconfirmed: Option<Unconfirmed>,
}

/// What was on disk when the journal was opened.
#[derive(Debug)]
pub struct Saved {
    file: PathBuf,
    rows: Vec<(Box<str>, Box<[u8]>)>,
    /// Number of the last commit; zero when there never was one.
    pub last_commit_id: u64,
    /// Fingerprint of the startup configuration that was applied last.
    pub startup: Option<Fingerprint>,
    /// The commit that was never confirmed. It has to be taken back before anything is restored, see
    /// [`Journal::take_back_unconfirmed`].
    pub unconfirmed: Option<Unconfirmed>,
}

/// Why the configuration cannot be read from or written to disk. Each names the file and what an operator can do.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The data directory cannot be made or the file cannot be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the file open.
    #[error("{}: in use by another process; stop that one or give this one another data directory", file.display())]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// The file is not what was written.
    #[error(
        "{}: damaged: {reason}; put a backup in its place, or move it away to start from the startup configuration",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file was written by another version of the program.
    #[error("{}: has format {found}, this version reads format {FORMAT}; use the version that wrote it", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u64,
    },
    /// Saved configuration that the loaded YANG modules have no place for.
    #[error("{}: saved configuration does not fit the YANG modules: {}", file.display(), Unfit::summary(.unfit))]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What does not fit; never empty.
        unfit: Vec<Unfit>,
        /// Everything that does fit.
        rest: Tree,
    },
}

impl Journal {
    /// Opens `config.redb` in a directory, making both when absent, and reads what is saved.
    ///
    /// # Errors
    ///
    /// All of [`JournalError`] but `Unfit`.
    pub fn open(dir: &Path) -> Result<(Self, Saved), JournalError> {
        let file = dir.join(FILE);
        std::fs::create_dir_all(dir).map_err(|source| JournalError::Io { file: dir.to_owned(), source })?;
        let database = open(&file)?;
        let saved = read_saved(&database).and_then(|read| read.into_saved(&file)).map_err(|fault| fault.at(&file))?;
        let (last_commit_id, unconfirmed) = (saved.last_commit_id, saved.unconfirmed.clone());
        Ok((Self { file, database: Some(database), last_commit_id, unconfirmed }, saved))
    }

    /// Writes a commit to disk and returns its number, one more than that of the commit before.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses (full, failing), after which nothing of the commit stays; a later call tries again.
    pub fn append(&mut self, record: &Record, schema: &Schema, delta: &Delta) -> Result<u64, JournalError> {
        self.append_waiting(record, schema, delta, None)
    }

    /// The same; a commit with the name `waits` is taken back at the next start unless it is confirmed before.
    pub(super) fn append_waiting(
        &mut self,
        record: &Record,
        schema: &Schema,
        delta: &Delta,
        waits: Option<&str>,
    ) -> Result<u64, JournalError> {
        let commit_id = self.last_commit_id + 1;
        let unconfirmed = waits.map(|id| Unconfirmed { commit_id, id: id.into() });
        // Most commits say nothing of it, and do not touch the table.
        let changed = (unconfirmed != self.unconfirmed).then_some(unconfirmed.as_ref());
        let database = self.ready()?;
        if let Err(fault) = write_commit(database, commit_id, record, schema, delta, changed) {
            // Whether the disk has the commit is not known now; opening the file again tells, see `ready`.
            self.database = None;
            return Err(fault.at(&self.file));
        }
        self.last_commit_id = commit_id;
        self.unconfirmed = unconfirmed;
        Ok(commit_id)
    }

    /// The commits still kept, oldest first: at most the newest 50.
    ///
    /// # Errors
    ///
    /// `Io` or `Damaged`.
    pub fn history(&mut self) -> Result<Vec<PastCommit>, JournalError> {
        let database = self.ready()?;
        read_history(database).map_err(|fault| fault.at(&self.file))
    }

    /// Remembers which startup configuration has been applied.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses.
    pub fn set_startup(&mut self, fingerprint: &Fingerprint) -> Result<(), JournalError> {
        let database = self.ready()?;
        let done = write_meta(database, META_STARTUP, fingerprint);
        if done.is_err() {
            self.database = None;
        }
        done.map_err(|fault| fault.at(&self.file))
    }

    /// The open file. After a failed write it is opened again, and a commit that reached the disk although its caller
    /// was told otherwise is taken back.
    fn ready(&mut self) -> Result<&Database, JournalError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => {
                let database = open(&self.file)?;
                let taken_back = take_back(&database, self.last_commit_id, self.unconfirmed.as_ref());
                taken_back.map_err(|fault| fault.at(&self.file))?;
                database
            }
        };
        Ok(self.database.insert(database))
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("file", &self.file).field("last_commit_id", &self.last_commit_id).finish()
    }
}

impl Saved {
    /// Whether there never was a commit.
    pub fn is_fresh(&self) -> bool {
        self.last_commit_id == 0
    }

    /// The saved configuration as a tree: what was set explicitly, with the times it was set; not settled.
    ///
    /// # Errors
    ///
    /// `Unfit` with everything that the schema has no place for and the rest as a tree; `Damaged`.
    pub fn restore(&self, schema: &Schema) -> Result<Tree, JournalError> {
        let restored = restore::restore(schema, &self.rows).map_err(|fault| fault.at(&self.file))?;
        if restored.unfit.is_empty() {
            return Ok(restored.tree);
        }
        Err(JournalError::Unfit { file: self.file.clone(), unfit: restored.unfit, rest: restored.tree })
    }
}

/// A failure that does not know its file yet.
#[derive(Debug)]
enum Fault {
    Redb(Box<redb::Error>),
    Damaged(String),
    Format(u64),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Redb(Box::new(error.into()))
    }
}

impl Fault {
    fn at(self, file: &Path) -> JournalError {
        let file = file.to_owned();
        let error = match self {
            Self::Damaged(reason) => return JournalError::Damaged { file, reason },
            Self::Format(found) => return JournalError::Format { file, found },
            Self::Redb(error) => *error,
        };
        match error {
            redb::Error::DatabaseAlreadyOpen => JournalError::Locked { file },
            redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => JournalError::Io { file, source },
            redb::Error::PreviousIo => JournalError::Io { file, source: io::Error::other(error) },
            other => JournalError::Damaged { file, reason: other.to_string() },
        }
    }
}

fn open(file: &Path) -> Result<Database, JournalError> {
    // A file that a crash left behind is checked and repaired here, before anything is read from it.
    Database::builder().set_cache_size(CACHE_BYTES).create(file).map_err(|error| match error {
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == io::ErrorKind::WouldBlock => {
            JournalError::Locked { file: file.to_owned() }
        }
        other => Fault::from(other).at(file),
    })
}

/// The tables as read, format checked.
struct Read {
    rows: Vec<(Box<str>, Box<[u8]>)>,
    last_commit_id: u64,
    startup: Option<Box<[u8]>>,
    unconfirmed: Option<Unconfirmed>,
}

impl Read {
    fn into_saved(self, file: &Path) -> Result<Saved, Fault> {
        let startup = self.startup.map(|bytes| Fingerprint::try_from(&*bytes)).transpose();
        let startup = startup.map_err(|_| Fault::Damaged("fingerprint of another length".to_owned()))?;
        let Self { rows, last_commit_id, unconfirmed, .. } = self;
        Ok(Saved { file: file.to_owned(), rows, last_commit_id, startup, unconfirmed })
    }
}

fn read_saved(database: &Database) -> Result<Read, Fault> {
    let empty = Read { rows: Vec::new(), last_commit_id: 0, startup: None, unconfirmed: None };
    let reading = database.begin_read()?;
    let meta = match reading.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => {
            write_meta(database, META_FORMAT, &FORMAT.to_le_bytes())?;
            return Ok(empty);
        }
        Err(error) => return Err(error.into()),
    };
    let format = meta.get(META_FORMAT)?.and_then(|bytes| bytes.value().try_into().ok()).map(u64::from_le_bytes);
    match format {
        Some(FORMAT) => {}
        Some(found) => return Err(Fault::Format(found)),
        None => return Err(Fault::Damaged("no format number".to_owned())),
    }
    let startup = meta.get(META_STARTUP)?.map(|bytes| bytes.value().into());
    let unconfirmed = unconfirmed::read(&meta)?;
    let commits = match reading.open_table(COMMITS) {
        Ok(commits) => commits,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Read { startup, ..empty }),
        Err(error) => return Err(error.into()),
    };
    let last_commit_id = commits.last()?.map_or(0, |(key, _)| key.value().0);
    let rows = reading
        .open_table(CONFIG)?
        .iter()?
        .map(|row| row.map(|(key, row)| (key.value().into(), row.value().into())))
        .collect::<Result<_, _>>()?;
    Ok(Read { rows, last_commit_id, startup, unconfirmed })
}

fn read_history(database: &Database) -> Result<Vec<PastCommit>, Fault> {
    let reading = database.begin_read()?;
    let commits = match reading.open_table(COMMITS) {
        Ok(commits) => commits,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut history = Vec::new();
    let mut at = commits.first()?.map_or(0, |(key, _)| key.value().0);
    while let Some(commit) = past_commit(&commits, at)? {
        history.push(commit);
        at += 1;
    }
    Ok(history)
}

/// Puts the pieces of a commit together; none when there are none.
fn past_commit(
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

fn begin(database: &Database) -> Result<redb::WriteTransaction, Fault> {
    let mut writing = database.begin_write()?;
    writing.set_durability(Durability::Immediate)?;
    Ok(writing)
}

fn write_meta(database: &Database, name: &str, value: &[u8]) -> Result<(), Fault> {
    let writing = begin(database)?;
    writing.open_table(META)?.insert(name, value)?;
    Ok(writing.commit()?)
}

fn write_commit(
    database: &Database,
    commit_id: u64,
    record: &Record,
    schema: &Schema,
    delta: &Delta,
    unconfirmed: Option<Option<&Unconfirmed>>,
) -> Result<(), Fault> {
    let writing = begin(database)?;
    let mut config = Writing::new(writing.open_table(CONFIG)?);
    for item in delta.items() {
        write_item(&mut config, schema, record, item)?;
    }
    write_past_commit(&writing, commit_id, record, &config.into_changes())?;
    if let Some(unconfirmed) = unconfirmed {
        unconfirmed::write(&writing, unconfirmed)?;
    }
    Ok(writing.commit()?)
}

/// Writes a commit to the history and takes the oldest one out.
fn write_past_commit(
    writing: &redb::WriteTransaction,
    commit_id: u64,
    record: &Record,
    changes: &[RowChange],
) -> Result<(), Fault> {
    let mut commits = writing.open_table(COMMITS)?;
    for (piece, bytes) in (0..).zip(record.encode(changes).chunks(PIECE_BYTES)) {
        commits.insert((commit_id, piece), bytes)?;
    }
    commits.retain_in(..(commit_id.saturating_sub(HISTORY_MAX - 1), 0), |_, _| false)?;
    Ok(())
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
fn take_back(database: &Database, last: u64, unconfirmed: Option<&Unconfirmed>) -> Result<(), Fault> {
    let writing = begin(database)?;
    {
        let mut commits = writing.open_table(COMMITS)?;
        let mut config: Table<'_, &str, &[u8]> = writing.open_table(CONFIG)?;
        let newest = commits.last()?.map_or(0, |(key, _)| key.value().0);
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
