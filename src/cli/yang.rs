//! `ganymede yang`: what is loaded, what it looks like, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::tree::{TreeError, TreePrinter};
use crate::config::{self, ConfigError};
use crate::schema::{Checked, Module, NodeId, Schema, Sources, check};

/// What can be asked about the models.
#[derive(Debug, Subcommand)]
pub enum YangAction {
    /// List the modules that are loaded
    List {
        /// Which models count
        #[command(flatten)]
        models: Models,
        /// Also list the modules that only define types, groupings and the like for others
        #[arg(long)]
        all: bool,
    },
    /// Print the nodes as a tree
    Tree {
        /// Schema path to start from, without keys: /state/port or /openconfig-interfaces:interfaces
        path: Option<String>,
        /// How many levels to print
        #[arg(long)]
        depth: Option<usize>,
        /// Only the leaves that the element feeds, and what leads to them
        #[arg(long)]
        fed: bool,
        /// Which models count
        #[command(flatten)]
        models: Models,
    },
    /// Load the modules of directories and report everything that is wrong with them
    Check {
        /// Directories with YANG modules
        dirs: Vec<PathBuf>,
        /// The TOML file whose table `yang` counts besides
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

/// Which models a command is about.
#[derive(Debug, Args)]
pub struct Models {
    /// The TOML file whose models count; without one, the models that come with the program
    #[arg(long)]
    config: Option<PathBuf>,
    /// A directory with more YANG modules; may be given more than once
    #[arg(long = "dir")]
    dirs: Vec<PathBuf>,
}

impl Models {
    /// Where the modules come from.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the TOML file.
    pub fn sources(&self) -> Result<Sources, ConfigError> {
        sources(self.config.as_ref(), &self.dirs)
    }
}

fn sources(config: Option<&PathBuf>, dirs: &[PathBuf]) -> Result<Sources, ConfigError> {
    let mut sources = config.map(|file| config::load(file)).transpose()?.unwrap_or_default().yang;
    sources.dirs.extend(dirs.iter().cloned());
    Ok(sources)
}

/// The modules as a table, and what there is to say of single ones below it.
pub fn list(schema: &Schema, all: bool) -> String {
    let words = if all { schema.words() } else { &[] };
    let mut modules: Vec<&Module> = schema.modules().iter().chain(words).collect();
    modules.sort_by_key(|module| &*module.name);
    let mut rows = vec![["module", "revision", "version", "organization", "from"].map(str::to_owned)];
    rows.extend(modules.iter().map(|module| {
        let text = |text: &Option<_>| text.as_ref().map_or("-".to_owned(), ToString::to_string);
        [
            module.name.to_string(),
            text(&module.revision),
            text(&module.openconfig_version),
            shortened(&module.organization),
            module.origin.to_string(),
        ]
    }));
    let mut out = aligned(&rows);
    for module in modules {
        let features: Vec<String> = module
            .features
            .iter()
            .map(|feature| format!("{}{}", feature.name, if feature.enabled { "" } else { " (off)" }))
            .collect();
        let names = |names: &[crate::value::Text]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let submodules = module.submodules.iter().map(|(name, revision, origin)| {
            let revision = if revision.is_empty() { String::new() } else { format!(" {revision}") };
            let from = if origin == &module.origin { String::new() } else { format!(" from {origin}") };
            format!("{name}{revision}{from}")
        });
        for (what, names) in
            [("features", features), ("submodules", submodules.collect()), ("deviated by", names(&module.deviated_by))]
        {
            if !names.is_empty() {
                let _ = writeln!(out, "{}: {what}: {}", module.name, names.join(", "));
            }
        }
    }
    let _ = writeln!(
        out,
        "{} modules with {} nodes; {} more define only words for them",
        schema.modules().len(),
        schema.len(),
        schema.words().len()
    );
    out
}

fn shortened(organization: &str) -> String {
    let mut text: String = organization.chars().take(30).collect();
    if text.is_empty() {
        text.push('-');
    }
    text
}

#[expect(clippy::indexing_slicing, reason = "columns of rows that all have as many")]
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

/// The nodes as a tree.
///
/// # Errors
///
/// [`TreeError`] for a path that names nothing.
pub fn tree(
    schema: &Schema,
    producers: &BTreeMap<NodeId, Vec<&'static str>>,
    path: Option<&str>,
    depth: Option<usize>,
    fed: bool,
) -> Result<String, TreeError> {
    TreePrinter::new(schema, producers, depth, fed).print(path)
}

/// What is wrong with the modules of directories, for people, and whether anything is.
///
/// # Errors
///
/// [`ConfigError`] for the TOML file.
pub fn checked(dirs: &[PathBuf], config: Option<&PathBuf>) -> Result<(String, bool), ConfigError> {
    let Checked { problems, unchecked, warnings, loaded } = check(&sources(config, dirs)?);
    let mut out = String::new();
    for problem in &problems {
        let _ = writeln!(out, "error: {problem}");
    }
    for (module, because) in &unchecked {
        let _ = writeln!(out, "not checked: module {module}, it depends on {because}");
    }
    for warning in &warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    if let Some(loaded) = &loaded {
        let _ = writeln!(out, "{} modules with {} nodes load", loaded.schema.modules().len(), loaded.schema.len());
    }
    let errors = problems.len();
    let _ = writeln!(out, "{errors} error{}, {} warnings", if errors == 1 { "" } else { "s" }, warnings.len());
    Ok((out, errors > 0))
}
