//! Whether files have changed, without reading them.
//!
//! Invariant: one look costs one call of the system for each file, however often it is named.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells a file from a later one: its number, length and time of change. Other rights are a change too.
type Stamp = (u64, u64, i64, i64);

/// Files as they were at a time. What is not there has no stamp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

impl Stamps {
    /// Of these files as they are now.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut stamps: BTreeMap<_, _> = paths.into_iter().map(|path| (path, None)).collect();
        stamps.iter_mut().for_each(|(path, found)| *found = stamp(path));
        Self(stamps)
    }

    /// Of the same files as they are now.
    pub fn again(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), stamp(path))).collect())
    }

    /// Of the same files, those that `before` knows as they were then.
    pub fn as_of(&self, before: &Self) -> Self {
        let then = |path: &PathBuf, now: &Option<Stamp>| before.0.get(path).copied().unwrap_or(*now);
        Self(self.0.iter().map(|(path, now)| (path.clone(), then(path, now))).collect())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change that nobody has looked at yet is still one when other files are watched beside it.
    #[test]
    fn a_change_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
        let before = Stamps::of([one.clone(), one.clone()]);
        assert_eq!(before.again(), before);
        std::fs::write(&one, "x").unwrap();
        std::fs::write(&two, "x").unwrap();
        let now = Stamps::of([one, two.clone()]);
        assert_ne!(now.as_of(&before), now);
        assert_eq!(now.again(), now);
        assert_eq!(Stamps::of([two.clone()]).as_of(&before), Stamps::of([two]));
    }
}
