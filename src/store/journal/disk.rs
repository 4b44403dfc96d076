//! The disk under the journal: how its file is opened, and whether it takes what is written.
//!
//! Invariant: after a failed write nothing of the file is believed that does not come from the disk itself. The kernel
//! drops a page that it could not write and then shows it as if it were written, so its pages of the file are given up
//! before the file is read again.

use std::fmt::Debug;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::{Builder, Database, DatabaseError, StorageError, TableDefinition};
use rustix::fs::{Advice, StatVfsMountFlags, fadvise, statvfs};

use super::{CACHE_BYTES, Fault, JournalError, Read, begin, read_saved};

/// What a probe writes: more than free pages of the file hold by chance.
const PROBE_BYTES: usize = 256 << 10;
const PROBE: TableDefinition<&str, &[u8]> = TableDefinition::new("probe");

/// Opens the file. A seam: what is below decides how writes end.
pub(in crate::store) trait Disk: Debug + Send + Sync {
    /// Opens the file for writing, making it when absent.
    fn open(&self, builder: &Builder, file: &Path) -> Result<Database, DatabaseError>;
}

/// The file system of the machine.
#[derive(Debug)]
pub(super) struct FileSystem;

impl Disk for FileSystem {
    fn open(&self, builder: &Builder, file: &Path) -> Result<Database, DatabaseError> {
        if let Ok(present) = std::fs::File::open(file) {
            // Advice; where it is not taken, the file is read as it would have been without.
            let _ = fadvise(&present, 0, None, Advice::DontNeed);
        }
        // Hashes of passwords are in it, for nobody else to read. A file that is there keeps the mode it was given; why
        // one cannot be made, the next line says.
        let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        builder.create(file)
    }
}

/// Whether the disk takes what is written to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Why it does not, since the last write failed.
    pub failing: Option<Box<str>>,
    /// Writes that failed since the start.
    pub failures: u64,
}

impl Storage {
    pub(super) fn fail(&mut self, error: &JournalError) {
        self.failing = Some(error.to_string().into());
        self.failures += 1;
    }

    pub(super) fn succeed(&mut self) {
        self.failing = None;
    }
}

pub(super) fn open(disk: &dyn Disk, file: &Path) -> Result<Database, JournalError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // A file that a crash left behind is checked and repaired here, before anything is read from it.
    disk.open(&builder, file).map_err(|error| match error {
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == io::ErrorKind::WouldBlock => {
            JournalError::Locked { file: file.to_owned() }
        }
        other => Fault::from(other).at(file),
    })
}

/// What the file holds, when it cannot be opened for writing but for reading; none when it is of no use either.
pub(super) fn read_only(file: &Path, error: &JournalError) -> Option<Result<Read, Fault>> {
    let JournalError::Io { source, .. } = error else { return None };
    let write_protected = matches!(
        source.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull
    );
    // One that a kill left behind would have to be repaired first, and an absent one cannot be made.
    let database = if write_protected { Database::builder().open_read_only(file).ok()? } else { return None };
    read_saved(&database).transpose()
}

/// Whether the file system leaves room for a probe and lets itself be written to, as far as it says so itself. Asking
/// writes nothing, so a full disk can be asked for days without being worn.
pub(super) fn may_take(file: &Path) -> bool {
    statvfs(file).map_or(true, |said| {
        let room = said.f_frsize.saturating_mul(said.f_bfree) >= PROBE_BYTES as u64;
        // One without blocks does not count them.
        (room || said.f_blocks == 0) && !said.f_flag.contains(StatVfsMountFlags::RDONLY)
    })
}

/// Writes something of some size to the disk and takes it out again.
pub(super) fn probe(database: &Database) -> Result<(), Fault> {
    let writing = begin(database)?;
    writing.open_table(PROBE)?.insert("probe", &*vec![0xa5; PROBE_BYTES])?;
    writing.commit()?;
    let writing = begin(database)?;
    writing.delete_table(PROBE)?;
    Ok(writing.commit()?)
}
