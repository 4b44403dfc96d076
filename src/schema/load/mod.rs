//! Making a [`Schema`] from YANG modules: the embedded ones and those in directories of the operator.
//!
//! Invariant: the same sources give the same node ids. Modules are taken in the order of their names and their nodes
//! in the order of the text, whatever order they were found in. Loading reads files; nothing else here does.

mod build;
mod embedded;
mod library;
mod types;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) use library::Library;

use super::libyang::{self, Compiled, Complaints};
use super::pattern::PatternError;
use super::{Naming, Schema, TypeError};

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
    let context = libyang::open(&library, &modules).map_err(|complaints| refused(&library, &complaints))?;
    let (schema, compiled) = Compiled::read(context, |context| build::schema(context, sources))?;
    Ok(Loaded { schema: Arc::new(schema), compiled: Arc::new(compiled) })
}

fn features<'a>(sources: &'a Sources, module: &str) -> Vec<&'a str> {
    match sources.features.get(module) {
        Some(features) => features.iter().map(String::as_str).collect(),
        None => vec!["*"],
    }
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
    let module = parsing.or(of_path).unwrap_or("unknown");
    let place = library.place(module);
    LoadError::Refused {
        place: cause.line.map_or(place.clone(), |line| format!("{place}:{line}")),
        module: module.to_owned(),
        reason: match &cause.schema_path {
            Some(path) => format!("{} ({path})", cause.reason.trim_end_matches('.')),
            None => cause.reason.trim_end_matches('.').to_owned(),
        },
    }
}

/// The name in libyang's `Parsing module "name" failed.`
fn being_parsed(reason: &str) -> Option<&str> {
    let rest = reason.strip_prefix("Parsing module \"").or(reason.strip_prefix("Parsing submodule \""))?;
    rest.strip_suffix("\" failed.")
}

#[cfg(test)]
mod tests;
