//! Whether files have changed, without reading them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells contents of files from later ones: of each file its number, length and time of change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<Option<(u64, u64, i64, i64)>>);

impl Stamps {
    /// Of these files as they are now. What is not there has none.
    pub fn of(paths: &[PathBuf]) -> Self {
        let stamp = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
        };
        Self(paths.iter().map(|path| stamp(path)).collect())
    }
}
