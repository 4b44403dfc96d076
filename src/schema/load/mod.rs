//! Making a [`Schema`] from YANG modules: the embedded ones and those in directories of the operator.
//!
//! Invariant: the same sources give the same node ids. Modules are taken in the order of their names and their nodes
//! in the order of the text, whatever order they were found in. Loading reads files; nothing else here does.

mod build;
mod embedded;
mod library;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use yang5::context::Context;

pub(super) use library::Library;

use super::libyang::{self, Complaint};
use super::pattern::PatternError;
use super::{Schema, TypeError};

/// Where YANG modules come from and which are wanted.
#[derive(Clone, Debug, Default)]
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
}

/// A schema and the libyang context it was made from.
#[derive(Debug)]
pub struct Loaded {
    /// The arena.
    pub schema: Arc<Schema>,
    /// The compiled context, for the validator.
    pub context: Arc<Context>,
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
    #[error("{path}: {source}")]
    Pattern {
        /// Schema path of the first leaf whose type has it.
        path: String,
        /// The pattern and what is wrong with it.
        source: PatternError,
    },
    /// A default is no value of its leaf.
    #[error("{path}: default {value:?}: {source}")]
    Default {
        /// Schema path of the leaf.
        path: String,
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

/// Loads the modules of `sources` and compiles them.
///
/// # Errors
///
/// See [`LoadError`]; all of them are mistakes in the sources.
pub fn load(sources: &Sources) -> Result<Loaded, LoadError> {
    let library = Library::scan(sources)?;
    let wanted = library.wanted(sources)?;
    let modules: Vec<_> = wanted.iter().map(|name| (name.as_str(), features(sources, name))).collect();
    let mut context = libyang::open(&library, &modules).map_err(|complaints| refused(&library, &complaints))?;
    let schema = build::schema(&context)?;
    libyang::drop_parsed(&mut context);
    Ok(Loaded { schema: Arc::new(schema), context: Arc::new(context) })
}

fn features<'a>(sources: &'a Sources, module: &str) -> Vec<&'a str> {
    match sources.features.get(module) {
        Some(features) => features.iter().map(String::as_str).collect(),
        None => vec!["*"],
    }
}

/// The first complaint, which is the cause of those behind it, with the place it speaks of.
fn refused(library: &Library, complaints: &[Complaint]) -> LoadError {
    let first = complaints.first();
    let reason = first.map_or_else(String::new, |complaint| complaint.reason.trim_end_matches('.').to_owned());
    // libyang ends its list with the module it gave up on, in quotes.
    let named = complaints.iter().rev().find_map(|complaint| complaint.reason.split('"').nth(1));
    let module = named.unwrap_or("unknown").to_owned();
    let file = library.file(&module, None).map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
    let place = match first.and_then(|complaint| complaint.line) {
        Some(line) => format!("{file}:{line}"),
        None => file,
    };
    let path = first.and_then(|complaint| complaint.schema_path.as_deref());
    let reason = path.map_or(reason.clone(), |path| format!("{reason} ({path})"));
    LoadError::Refused { place, module, reason }
}
