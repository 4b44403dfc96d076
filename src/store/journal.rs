//! The configuration on disk: what it is now, and the commits that made it so.
//!
//! Invariant: when [`Journal::append`] returns a commit number, that commit is on disk whole and survives a kill or a
//! power cut; when it returns an error, the commit is not there after the next start either, as long as this process
//! could still reach the disk. Only explicit configuration is kept: defaults come back by settling, state is never
//! here. An append costs what the commit changes. Several commits may be staged and go to the disk together: all of them
//! or none. Nothing is validated here.

mod append;
mod code;
mod disk;
mod history;
mod key;
mod record;
mod restore;
#[cfg(test)]
mod tests;
mod unconfirmed;

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

pub(in crate::store) use self::disk::Disk;
pub use self::disk::Storage;
pub use self::history::CommitSummary;
pub use self::record::{PastCommit, Record, RowChange};
pub use self::restore::Unfit;
pub use self::unconfirmed::Unconfirmed;

use self::append::take_back;
use self::disk::FileSystem;
use super::delta::Delta;
use super::tree::Tree;
use crate::schema::Schema;

/// Name of the file in the data directory.
const FILE: &str = "config.redb";

/// How many commits are kept with what they changed, for rollback, where the configuration does not say.
pub(super) const HISTORY_DEFAULT: u64 = 50;

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
    disk: Box<dyn Disk>,
    /// None after a failed write, until the file has been opened again.
    database: Option<Database>,
    /// Which file that is.
    identity: FileIdentity,
    /// What waits for its way to the disk.
    staged: Option<Staged>,
    last_commit_id: u64,
    /// The commit that has to be taken back at the next start, as callers know it.
    unconfirmed: Option<Unconfirmed>,
    /// The commits on disk, oldest first.
    commits: Vec<Arc<CommitSummary>>,
    /// How many of them stay when the next one comes; at least one does, for its number. All of them until the
    /// configuration has been read that says how many.
    history_max: u64,
    storage: Storage,
}

/// Commits in one transaction that is not on disk yet.
struct Staged {
    writing: WriteTransaction,
    commits: Vec<Arc<CommitSummary>>,
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
    /// Opens `config.redb` in a directory, making both when absent, and reads what is saved. A file that can only be
    /// read is read; until it can be written, every append fails and [`storage`](Self::storage) says why.
    ///
    /// # Errors
    ///
    /// All of [`JournalError`] but `Unfit`.
    pub fn open(dir: &Path) -> Result<(Self, Saved), JournalError> {
        Self::open_on(dir, Box::new(FileSystem))
    }

    /// The same on another disk than the machine's.
    pub(in crate::store) fn open_on(dir: &Path, disk: Box<dyn Disk>) -> Result<(Self, Saved), JournalError> {
        let file = dir.join(FILE);
        std::fs::create_dir_all(dir).map_err(|source| JournalError::Io { file: dir.to_owned(), source })?;
        let mut storage = Storage::default();
        let (database, read) = match disk::open(&*disk, &file) {
            Ok(database) => {
                let read = read_or_begin(&database).map_err(|fault| fault.at(&file))?;
                (Some(database), read)
            }
            Err(error) => match disk::read_only(&file, &error) {
                Some(read) => {
                    storage.fail(&error);
                    (None, read.map_err(|fault| fault.at(&file))?)
                }
                None => return Err(error),
            },
        };
        let commits = read.commits.clone();
        let saved = read.into_saved(&file).map_err(|fault| fault.at(&file))?;
        let (last_commit_id, unconfirmed) = (saved.last_commit_id, saved.unconfirmed.clone());
        let identity = identity(&file).map_err(|fault| fault.at(&file))?;
        let journal = Self {
            file,
            disk,
            database,
            identity,
            staged: None,
            last_commit_id,
            unconfirmed,
            commits,
            history_max: u64::MAX,
            storage,
        };
        Ok((journal, saved))
    }

    /// Writes a commit to disk and returns its number, one more than that of the commit before.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses (full, failing), after which nothing of the commit stays; a later call tries again.
    pub fn append(&mut self, record: &Record, schema: &Schema, delta: &Delta) -> Result<u64, JournalError> {
        let commit_id = self.stage(record, schema, delta, None)?;
        self.sync()?;
        Ok(commit_id)
    }

    /// Whether the disk took what was last written to it.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Remembers which startup configuration has been applied.
    ///
    /// # Errors
    ///
    /// `Io` when the disk refuses.
    pub fn set_startup(&mut self, fingerprint: &Fingerprint) -> Result<(), JournalError> {
        let done = write_meta(self.ready()?, META_STARTUP, fingerprint);
        self.done(done)
    }

    /// Whether a [`probe`](Self::probe) has a chance: the file system does not say itself that it is full or protected.
    pub(in crate::store) fn may_take(&self) -> bool {
        disk::may_take(&self.file)
    }

    /// Says whether the disk takes something again, by writing and removing it. For the time after a failure.
    ///
    /// # Errors
    ///
    /// `Io` when it does not.
    pub(in crate::store) fn probe(&mut self) -> Result<(), JournalError> {
        let done = disk::probe(self.ready()?);
        self.done(done)
    }

    /// The open file. After a failed write it is opened again, and a commit that reached the disk although its caller
    /// was told otherwise is taken back. So it is when another file has its place; one that is gone is not made anew.
    fn ready(&mut self) -> Result<&Database, JournalError> {
        let identity = identity(&self.file).map_err(|fault| self.failed(fault))?;
        let database = match self.database.take().filter(|_| identity == self.identity) {
            Some(database) => database,
            None => {
                // A transaction that is still there would hold the file.
                self.staged = None;
                let opened = disk::open(&*self.disk, &self.file);
                let database = opened.inspect_err(|error| self.storage.fail(error))?;
                match take_back(&database, self.last_commit_id, self.unconfirmed.as_ref())
                    .and_then(|()| history::summaries(&database))
                {
                    Ok(commits) => (self.commits, self.identity) = (commits, identity),
                    Err(fault) => return Err(self.failed(fault)),
                }
                database
            }
        };
        Ok(self.database.insert(database))
    }

    /// Whether the disk has what was written now is not known after a failure; opening the file again tells.
    fn failed(&mut self, fault: Fault) -> JournalError {
        self.staged = None;
        self.database = None;
        let error = fault.at(&self.file);
        self.storage.fail(&error);
        error
    }

    fn done<T>(&mut self, done: Result<T, Fault>) -> Result<T, JournalError> {
        match done {
            Ok(value) => {
                self.storage.succeed();
                Ok(value)
            }
            Err(fault) => Err(self.failed(fault)),
        }
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

/// The tables as read, format checked.
#[derive(Default)]
struct Read {
    rows: Vec<(Box<str>, Box<[u8]>)>,
    commits: Vec<Arc<CommitSummary>>,
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

/// What a file holds; a new one gets its format.
fn read_or_begin(database: &Database) -> Result<Read, Fault> {
    match read_saved(database)? {
        Some(read) => Ok(read),
        None => {
            write_meta(database, META_FORMAT, &FORMAT.to_le_bytes())?;
            Ok(Read::default())
        }
    }
}

/// What a file holds; none when nothing was ever written to it.
fn read_saved(database: &impl ReadableDatabase) -> Result<Option<Read>, Fault> {
    let reading = database.begin_read()?;
    let meta = match reading.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
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
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Some(Read { startup, ..Read::default() })),
        Err(error) => return Err(error.into()),
    };
    let last_commit_id = commits.last()?.map_or(0, |(key, _)| key.value().0);
    let rows = reading
        .open_table(CONFIG)?
        .iter()?
        .map(|row| row.map(|(key, row)| (key.value().into(), row.value().into())))
        .collect::<Result<_, _>>()?;
    let commits = history::summaries(database)?;
    Ok(Some(Read { rows, commits, last_commit_id, startup, unconfirmed }))
}

/// Device and inode of a file.
type FileIdentity = (u64, u64);

fn identity(file: &Path) -> Result<FileIdentity, Fault> {
    let found = std::fs::metadata(file).map_err(redb::Error::Io)?;
    Ok((found.dev(), found.ino()))
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
