//! Finding the text of modules and submodules: in directories first, then among the embedded ones.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::statement::{self, Statement};
use super::{LoadError, Sources, embedded};
use crate::schema::Origin;

/// All module and submodule texts within reach, by name.
pub(in crate::schema) struct Library {
    /// Files by module name, best first.
    files: BTreeMap<String, Vec<File>>,
    embedded: BTreeMap<&'static str, &'static str>,
    /// By module: the files whose texts libyang got.
    served: RefCell<BTreeMap<String, Vec<File>>>,
    /// The file or module whose text was asked for last.
    served_last: RefCell<Option<String>>,
    /// The first file that could not be read while libyang asked for texts, which cannot be told through libyang.
    unread: RefCell<Option<(PathBuf, io::Error)>>,
}

#[derive(Clone, PartialEq)]
struct File {
    /// As its name tells it.
    revision: Option<String>,
    path: PathBuf,
}

impl Library {
    /// Lists the directories of `sources`.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] for a directory that cannot be listed.
    pub(super) fn scan(sources: &Sources) -> Result<Self, LoadError> {
        let mut files: BTreeMap<String, Vec<File>> = BTreeMap::new();
        for dir in &sources.dirs {
            let mut of_dir: BTreeMap<String, Vec<File>> = BTreeMap::new();
            for path in list(dir)? {
                if let Some((name, revision)) = module_of(&path) {
                    of_dir.entry(name).or_default().push(File { revision, path });
                }
            }
            for (name, mut found) in of_dir {
                found.sort_by(|one, other| one.preference().cmp(&other.preference()));
                files.entry(name).or_default().extend(found);
            }
        }
        let tests = if sources.test_modules { embedded::TEST_MODULES } else { &[] };
        let embedded = embedded::MODULES.iter().chain(tests).copied().collect();
        Ok(Self {
            files,
            embedded,
            served: RefCell::default(),
            served_last: RefCell::default(),
            unread: RefCell::new(None),
        })
    }

    /// Names of the modules to implement, in order.
    ///
    /// # Errors
    ///
    /// [`LoadError::Missing`] for a wanted module that is nowhere, [`LoadError::Read`] for a file.
    pub(super) fn wanted(&self, sources: &Sources) -> Result<BTreeSet<String>, LoadError> {
        let mut wanted: BTreeSet<String> =
            self.embedded.iter().filter(|(_, text)| !is_submodule(text)).map(|(&name, _)| name.to_owned()).collect();
        for name in &sources.modules {
            if !self.knows(name) {
                return Err(LoadError::Missing { module: name.clone() });
            }
            wanted.insert(name.clone());
        }
        if sources.modules.is_empty() {
            for (name, files) in &self.files {
                let Some(file) = files.first() else { continue };
                let text = fs::read_to_string(&file.path)
                    .map_err(|source| LoadError::Read { path: file.path.clone(), source })?;
                // Whatever else it is, libyang says so.
                if !is_submodule(&text) {
                    wanted.insert(name.clone());
                }
            }
        }
        Ok(wanted)
    }

    /// The text of a module or submodule, of the given revision where there is a file for it.
    pub(in crate::schema) fn text(&self, name: &str, revision: Option<&str>) -> Option<String> {
        self.served_last.replace(Some(name.to_owned()));
        let Some(files) = self.files.get(name) else { return self.embedded.get(name).map(|&text| text.to_owned()) };
        let named = files.iter().find(|file| revision.is_some() && file.revision.as_deref() == revision);
        let file = named.or(files.first())?;
        match fs::read_to_string(&file.path) {
            Ok(text) => {
                let mut served = self.served.borrow_mut();
                let files = served.entry(name.to_owned()).or_default();
                if !files.contains(file) {
                    files.push(file.clone());
                }
                Some(text)
            }
            Err(source) => {
                self.unread.borrow_mut().get_or_insert((file.path.clone(), source));
                None
            }
        }
    }

    /// Where the text of a module or submodule came from. Of several files, the one with the revision in its name.
    pub(super) fn origin(&self, name: &str, revision: Option<&str>) -> Origin {
        let served = self.served.borrow();
        let files = served.get(name).map_or(&[][..], Vec::as_slice);
        let named = files.iter().find(|file| revision.is_some() && file.revision.as_deref() == revision);
        let file = named.or(files.first()).or_else(|| self.files.get(name)?.first());
        file.map_or(Origin::BuiltIn, |file| Origin::File(file.path.clone()))
    }

    /// What was asked for last: what libyang reads when it ends with an error that names nothing.
    pub(super) fn served_last(&self) -> Option<String> {
        self.served_last.borrow().clone().filter(|name| self.knows(name))
    }

    /// Whether there is a text for a name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.embedded.contains_key(name)
    }

    /// The text of a module, submodule or neither as statements; none when there is no text.
    pub(super) fn statements(&self, name: &str) -> Vec<Statement> {
        self.text(name, None).map_or_else(Vec::new, |text| statement::parse(&text))
    }

    /// The file that could not be read, if any.
    pub(super) fn unread(&self) -> Option<LoadError> {
        let (path, source) = self.unread.borrow_mut().take()?;
        Some(LoadError::Read { path, source })
    }
}

impl File {
    /// Sorts the file meant first to the front: one without a revision in its name, then the newest.
    fn preference(&self) -> (bool, Reverse<&Option<String>>) {
        (self.revision.is_some(), Reverse(&self.revision))
    }
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let read = |source| LoadError::Read { path: dir.to_owned(), source };
    fs::read_dir(dir).map_err(read)?.map(|entry| Ok(entry.map_err(read)?.path())).collect()
}

/// Module name and revision from a file name (RFC 7950 5.2); none for other files.
fn module_of(path: &Path) -> Option<(String, Option<String>)> {
    if path.extension() != Some(OsStr::new("yang")) {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    Some(match stem.split_once('@') {
        Some((name, revision)) => (name.to_owned(), Some(revision.to_owned())),
        None => (stem.to_owned(), None),
    })
}

/// Whether a text begins with a `submodule` statement, comments aside.
fn is_submodule(mut text: &str) -> bool {
    text = text.trim_start_matches('\u{feff}');
    loop {
        text = text.trim_start();
        let rest = if let Some(comment) = text.strip_prefix("//") {
            comment.split_once('\n')
        } else if let Some(comment) = text.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return text.strip_prefix("submodule").is_some_and(|rest| rest.starts_with(char::is_whitespace));
        };
        let Some((_, rest)) = rest else { return false };
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_modules_from_submodules() {
        for (text, submodule) in [
            ("submodule a {", true),
            ("// module\n /* submodule */ submodule\n  a {", true),
            ("module a {", false),
            ("/* submodule a {", false),
            ("// submodule", false),
            ("submodules", false),
            ("", false),
        ] {
            assert_eq!(is_submodule(text), submodule, "{text}");
        }
    }

    #[test]
    fn reads_file_names() {
        let module = |path| module_of(Path::new(path));
        assert_eq!(module("/a/b.yang"), Some(("b".into(), None)));
        assert_eq!(module("b@2024-01-02.yang"), Some(("b".into(), Some("2024-01-02".into()))));
        assert_eq!(module("b.yin"), None);
        assert_eq!(module("yang"), None);
    }

    #[test]
    fn prefers_the_first_directory_then_the_newest_file() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for (dir, file) in [
            (0, "a@2023-01-01.yang"),
            (0, "a@2024-01-01.yang"),
            (1, "a@2025-01-01.yang"),
            (1, "b@2025-01-01.yang"),
            (1, "b.yang"),
        ] {
            fs::write(dirs[dir].path().join(file), format!("module {file}")).unwrap();
        }
        let dirs = dirs.iter().map(|dir| dir.path().to_owned()).collect();
        let library = Library::scan(&Sources { dirs, ..Sources::default() }).unwrap();
        let text = |name, revision| library.text(name, revision).unwrap_or_default();
        assert_eq!(text("a", None), "module a@2024-01-01.yang");
        assert_eq!(text("a", Some("2023-01-01")), "module a@2023-01-01.yang");
        assert_eq!(text("a", Some("2020-01-01")), "module a@2024-01-01.yang");
        assert_eq!(text("b", None), "module b.yang");
        assert_eq!(text("c", None), "");
    }
}
