//! Making a [`Schema`] from YANG modules: the embedded ones and those in directories of the operator.
//!
//! Invariant: the same sources give the same node ids. Modules are taken in the order of their names and their nodes
//! in the order of the text, whatever order they were found in. Loading reads files; nothing else here does.

mod build;
mod check;
mod embedded;
mod library;
mod statement;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use check::{Checked, check};
pub(super) use library::Library;

use self::statement::Statement;
use super::libyang::{self, Compiled, Complaint, Complaints};
use super::pattern::PatternError;
use super::{Naming, Schema, TypeError};

/// Where YANG modules come from and which are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Directories with `name.yang` or `name@revision.yang` files. A module found there takes the place of the
    /// embedded one of the same name; of several files for one module the first directory wins, then the newest
    /// revision.
    pub dirs: Vec<PathBuf>,
    /// Modules to implement from the directories. When empty, all that are there.
    pub modules: Vec<String>,
    /// Features enabled by module name. A module without an entry has all its features.
    pub features: BTreeMap<String, Vec<String>>,
    /// Whether the modules made for tests, which have a leaf of every type, are implemented too.
    pub test_modules: bool,
    /// Which name the elements go by that have two.
    pub naming: Naming,
    /// Whether the port of the gRPC server takes its default and nothing else, as in old releases.
    pub port_fixed: bool,
}

/// A schema and what libyang keeps of it, which the validator needs.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The arena.
    pub schema: Arc<Schema>,
    /// libyang's compiled form.
    pub(in crate::schema) compiled: Arc<Compiled>,
    /// What libyang finds strange about the modules.
    pub warnings: Arc<[String]>,
}

/// Why the modules make no schema. One line each, fit for a log or a terminal.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or directory cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A wanted module is in no source.
    #[error("module {module} is in none of the YANG directories and not built in")]
    Missing {
        /// Its name.
        module: String,
    },
    /// The features asked for are not those of the modules.
    #[error("[yang] features: {reason}")]
    Features {
        /// Which module or feature is not there, and what is.
        reason: String,
    },
    /// libyang refused a module.
    #[error("{place}: module {module}: {reason}")]
    Refused {
        /// File, with the line where libyang knows it, or `built in`.
        place: String,
        /// The module, or the submodule, that is wrong.
        module: String,
        /// libyang's reason.
        reason: String,
    },
    /// A pattern cannot be judged by the regular expressions of this program.
    #[error("{at}: {source}")]
    Pattern {
        /// The first leaf whose type has it.
        at: Box<LeafPlace>,
        /// The pattern and what is wrong with it.
        source: PatternError,
    },
    /// A default is no value of its leaf.
    #[error("{at}: default {value:?}: {source}")]
    Default {
        /// The leaf.
        at: Box<LeafPlace>,
        /// The default.
        value: String,
        /// The rule it breaks.
        source: TypeError,
    },
    /// A type that RFC 7950 does not know, or more nodes or modules than ids.
    #[error("{path}: {reason}")]
    Unsupported {
        /// Schema path.
        path: String,
        /// What is not supported.
        reason: &'static str,
    },
}

/// Where a leaf is defined.
#[derive(Debug)]
pub struct LeafPlace {
    /// File and line, or `built in`.
    pub place: String,
    /// Its module.
    pub module: String,
    /// Its schema path.
    pub path: String,
}

impl fmt::Display for LeafPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.path)
    }
}

impl LoadError {
    /// The module or submodule that is wrong, when it is one.
    pub fn module(&self) -> Option<&str> {
        match self {
            Self::Missing { module } | Self::Refused { module, .. } => Some(module),
            Self::Pattern { at, .. } | Self::Default { at, .. } => Some(&at.module),
            Self::Read { .. } | Self::Features { .. } | Self::Unsupported { .. } => None,
        }
    }
}

/// Loads the modules of `sources` and compiles them.
///
/// # Errors
///
/// See [`LoadError`]; all of them are mistakes in the sources.
pub fn load(sources: &Sources) -> Result<Loaded, LoadError> {
    let library = Library::scan(sources)?;
    let wanted = library.wanted(sources)?;
    check_features(&library, sources, &wanted)?;
    compile(&library, sources, &wanted)
}

fn compile(library: &Library, sources: &Sources, wanted: &BTreeSet<String>) -> Result<Loaded, LoadError> {
    let modules: Vec<_> = wanted.iter().map(|name| (name.as_str(), features(sources, name))).collect();
    let (context, warnings) = libyang::open(library, &modules).map_err(|complaints| refused(library, &complaints))?;
    let (schema, compiled) = Compiled::read(context, |context| build::schema(context, sources, library))?;
    Ok(Loaded { schema: Arc::new(schema), compiled: Arc::new(compiled), warnings: warnings.into() })
}

fn features<'a>(sources: &'a Sources, module: &str) -> Vec<&'a str> {
    match sources.features.get(module) {
        Some(features) => features.iter().map(String::as_str).collect(),
        None => vec!["*"],
    }
}

/// Every name under `features` has to mean something: a module that is loaded, and features that it has.
fn check_features(library: &Library, sources: &Sources, wanted: &BTreeSet<String>) -> Result<(), LoadError> {
    for (module, features) in &sources.features {
        if !wanted.contains(module) {
            let reason = format!("module {module} is not among the modules that are loaded");
            return Err(LoadError::Features { reason });
        }
        let statements = library.statements(module);
        let Some(text) = statements.first() else { continue };
        let submodules: Vec<_> = text.arguments("include").map(|name| library.statements(name)).collect();
        let texts = [text].into_iter().chain(submodules.iter().flatten());
        let known: Vec<&str> = texts.flat_map(|text| text.arguments("feature")).collect();
        if let Some(wrong) = features.iter().find(|feature| !known.contains(&feature.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let reason = format!("module {module} has no feature {wrong}, it has {known}");
            return Err(LoadError::Features { reason });
        }
    }
    Ok(())
}

/// The complaint that tells most, with the file it is about. libyang complains about the cause first and then about
/// every module that could not be read because of it.
fn refused(library: &Library, complaints: &Complaints) -> LoadError {
    if let Some(unread) = library.unread() {
        return unread;
    }
    let Complaints { cause, consequences } = complaints;
    let parsing = consequences.iter().find_map(|complaint| being_parsed(&complaint.reason));
    let of_path = cause.schema_path.as_deref().and_then(|path| path.trim_start_matches('/').split(':').next());
    let served = library.served_last();
    let named = [parsing, blamed(&cause.reason), of_path].into_iter().flatten().find(|name| library.knows(name));
    // A text that does not even say what module it is.
    let module = named.or(served.as_deref()).unwrap_or("unknown");
    let line = cause.line.and_then(|line| usize::try_from(line).ok());
    LoadError::Refused {
        place: place(library, module, |statements| line.or_else(|| line_of_cause(statements, cause))),
        module: module.to_owned(),
        reason: match &cause.schema_path {
            Some(path) => format!("{} ({path})", cause.reason.trim_end_matches('.')),
            None => cause.reason.trim_end_matches('.').to_owned(),
        },
    }
}

/// File and line. libyang knows lines only while it reads; what it finds out later is looked up in the text.
fn place(library: &Library, module: &str, line: impl FnOnce(&[Statement]) -> Option<usize>) -> String {
    let origin = library.origin(module, None);
    match line(&library.statements(module)) {
        Some(line) => format!("{origin}:{line}"),
        None => origin.to_string(),
    }
}

fn line_of_cause(statements: &[Statement], cause: &Complaint) -> Option<usize> {
    let quoted = cause.reason.split('"').nth(1);
    match (&cause.schema_path, quoted) {
        (Some(path), _) => statement::line_of_path(statements, path),
        (None, Some(name)) if cause.reason.starts_with("Loading ") => statement::line_of(statements, "import", name),
        (None, Some(name)) if cause.reason.starts_with("Unexpected ") => statement::line_of_module(statements, name),
        (None, Some(name)) if cause.reason.starts_with("Including ") => statement::line_of(statements, "include", name),
        _ => None,
    }
}

/// The name in libyang's `Parsing module "name" failed.`
fn being_parsed(reason: &str) -> Option<&str> {
    let rest = reason.strip_prefix("Parsing module \"").or(reason.strip_prefix("Parsing submodule \""))?;
    rest.strip_suffix("\" failed.")
}

/// The module whose deviation or augment has no target, which libyang tells where it tells of the target's module.
fn blamed(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once(" from module \"")?;
    rest.split_once('"').map(|(module, _)| module)
}

#[cfg(test)]
mod tests;
