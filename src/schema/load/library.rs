//! The texts of modules: files in the operator's directories first, the embedded ones behind them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::embedded::{MODULES, TEST_MODULES};
use super::{LoadError, Sources};

/// All module and submodule texts there are, by name.
#[derive(Debug)]
pub(in crate::schema) struct Library {
    files: BTreeMap<String, BTreeMap<Option<String>, PathBuf>>,
    embedded: BTreeMap<&'static str, &'static str>,
}

impl Library {
    /// Looks through the directories of `sources`. Only names are read here; a file is read when libyang asks for it.
    pub(super) fn scan(sources: &Sources) -> Result<Self, LoadError> {
        let mut files: BTreeMap<String, BTreeMap<Option<String>, PathBuf>> = BTreeMap::new();
        for dir in &sources.dirs {
            let unreadable = |source| LoadError::Read { path: dir.clone(), source };
            let mut found: Vec<PathBuf> = fs::read_dir(dir)
                .map_err(unreadable)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
                .map_err(unreadable)?;
            found.retain(|path| path.extension().is_some_and(|extension| extension == "yang"));
            let earlier: Vec<String> = files.keys().cloned().collect();
            for path in found {
                let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
                let (name, revision) = match stem.split_once('@') {
                    Some((name, revision)) => (name.to_owned(), Some(revision.to_owned())),
                    None => (stem.to_owned(), None),
                };
                if !earlier.contains(&name) {
                    files.entry(name).or_default().insert(revision, path);
                }
            }
        }
        let embedded = MODULES.iter().chain(TEST_MODULES).copied().collect();
        Ok(Self { files, embedded })
    }

    /// Names of the modules to implement: the embedded ones (those for tests when wanted), and those of the directories
    /// that are named or, when none is named, all of them. Sorted, so that node ids do not depend on the file system.
    pub(super) fn wanted(&self, sources: &Sources) -> Result<Vec<String>, LoadError> {
        let tests = if sources.test_modules { TEST_MODULES } else { &[] };
        let mut wanted: Vec<String> = Vec::new();
        for (name, text) in MODULES.iter().chain(tests) {
            if is_module(text) && has_data(text) {
                wanted.push((*name).to_owned());
            }
        }
        if sources.modules.is_empty() {
            for (name, revisions) in &self.files {
                for path in revisions.values().next_back() {
                    let read = fs::read_to_string(path);
                    if is_module(&read.map_err(|source| LoadError::Read { path: path.clone(), source })?) {
                        wanted.push(name.clone());
                    }
                }
            }
        }
        for module in &sources.modules {
            if self.text(module, None).is_none() {
                return Err(LoadError::Missing { module: module.clone() });
            }
            wanted.push(module.clone());
        }
        wanted.sort();
        wanted.dedup();
        Ok(wanted)
    }

    /// The text of a module or submodule: of the revision asked for, else the newest there is.
    pub(in crate::schema) fn text(&self, name: &str, revision: Option<&str>) -> Option<String> {
        if let Some(path) = self.file(name, revision) {
            return fs::read_to_string(path).ok();
        }
        self.embedded.get(name).map(|text| (*text).to_owned())
    }

    /// The file that [`Library::text`] reads; none for an embedded module.
    pub(super) fn file(&self, name: &str, revision: Option<&str>) -> Option<&PathBuf> {
        let revisions = self.files.get(name)?;
        let exact = revision.and_then(|revision| revisions.get(&Some(revision.to_owned())));
        exact.or_else(|| revisions.values().next_back())
    }
}

/// Whether a text is a module; a submodule is only ever included.
fn is_module(text: &str) -> bool {
    statements(text).next().is_some_and(|line| line.starts_with("module "))
}

/// Whether an embedded module has anything to implement besides what others import.
fn has_data(text: &str) -> bool {
    let adds = ["container ", "list ", "leaf ", "augment ", "include ", "deviation ", "identity ", "uses ", "choice "];
    statements(text).any(|line| adds.iter().any(|start| line.starts_with(start)))
}

/// Lines without indentation and outside comments.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let mut in_comment = false;
    text.lines().map(str::trim).filter(move |line| {
        let starts = line.starts_with("/*");
        let skip = in_comment || starts || line.is_empty() || line.starts_with("//");
        in_comment = (in_comment || starts) && !line.contains("*/");
        !skip
    })
}
