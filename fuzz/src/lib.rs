//! What the fuzz targets share: the schema, input drawn from bytes, and the laws that several targets hold.
//!
//! Invariant: what a target does follows from its bytes alone, so that a crash can be replayed.

pub mod bench;
pub mod draw;
pub mod service;
pub mod sets;
pub mod subscriber;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use ganymede::path::{Resolver, Views};
use ganymede::schema::{Loaded, Schema, Sources, load};

/// Makes a function on bytes a fuzz target. Without a fuzzer the program replays the files, or all files in the
/// folders, that its command line names.
#[macro_export]
macro_rules! target {
    ($run:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $run(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($run)
        }
    };
}

static LOADED: LazyLock<Loaded> =
    LazyLock::new(|| load(&Sources { test_modules: true, ..Sources::default() }).expect("the embedded modules load"));

/// The embedded modules with those made for tests.
pub fn loaded() -> &'static Loaded {
    &LOADED
}

/// Their schema.
pub fn schema() -> &'static Arc<Schema> {
    &LOADED.schema
}

/// Resolves paths against all of it.
pub fn resolver() -> Resolver<'static> {
    Resolver { schema: schema(), views: Views::ALL, name_wildcards: true }
}

/// Runs a target on the files of the command line.
pub fn replay(run: fn(&[u8])) -> std::io::Result<()> {
    let mut files = Vec::new();
    for argument in std::env::args_os().skip(1) {
        collect(Path::new(&argument), &mut files)?;
    }
    for file in &files {
        eprintln!("{}", file.display());
        run(&std::fs::read(file)?);
    }
    eprintln!("{} inputs replayed", files.len());
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, files))
}
