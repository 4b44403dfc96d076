//! Resolver and time servers: files of other programs, and telling these programs of a change.
//!
//! Invariant: a file that is not ours is written only as far as configuration speaks of it, after its content was put on
//! record, and gets that content back. Everything here blocks.

mod dns;
mod ntp;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::record::{Record, RecordFile};
use super::wanted::{Dns, Ntp, Wish};
use crate::value::Text;

/// Marks files that this program writes.
pub(super) const HEADER: &str = "# Written by ganymede from its configuration; changes made here are lost.\n";

/// How long a program may take to hear of a change.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

/// The record with its file.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) file: RecordFile,
    pub(super) record: Record,
}

impl Ledger {
    /// Whether the disk has it.
    pub(super) fn is_saved(&self) -> bool {
        self.file.holds(&self.record)
    }

    pub(super) fn save(&mut self) -> Result<(), String> {
        self.file.save(&self.record).map_err(|error| format!("what is applied cannot be recorded: {error}"))
    }
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The file of the resolver.
    pub(super) resolv_conf: PathBuf,
    /// What stands for `/`.
    pub(super) root: PathBuf,
}

/// A file that is to be so.
#[derive(Debug, PartialEq)]
struct FileTask {
    file: PathBuf,
    /// None when it is to go.
    content: Option<String>,
    /// The command that makes its program read it.
    tell: Option<&'static [&'static str]>,
}

/// What became of a service.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What was written.
    pub(super) done: Vec<String>,
    /// What failed, by path.
    pub(super) failed: Vec<(Text, String)>,
}

/// Paths that stand for the services when nothing asks for them any more.
pub(super) const DNS_PATH: &str = "/system/dns";
pub(super) const NTP_PATH: &str = "/configure/system/time/ntp";

/// Makes the resolver as asked.
pub(super) fn dns(wish: Option<&Wish<Dns>>, files: &Files, ledger: &mut Ledger) -> Outcome {
    let mut outcome = Outcome::default();
    let path = wish.map_or_else(|| DNS_PATH.into(), |wish| wish.path.clone());
    match dns::task(wish, files, &mut ledger.record, &mut outcome.failed) {
        Ok(task) => perform(task, &path, ledger, &mut outcome),
        Err(reason) => outcome.failed.push((path, reason)),
    }
    outcome
}

/// Makes the time servers as asked.
pub(super) fn ntp(wish: Option<&Wish<Ntp>>, files: &Files, ledger: &mut Ledger) -> Outcome {
    let mut outcome = Outcome::default();
    let path = wish.map_or_else(|| NTP_PATH.into(), |wish| wish.path.clone());
    match ntp::task(wish, &files.root, &mut outcome.failed) {
        Ok(task) => perform(task, &path, ledger, &mut outcome),
        Err(reason) => outcome.failed.push((path, reason)),
    }
    outcome
}

fn perform(task: Option<FileTask>, path: &Text, ledger: &mut Ledger, outcome: &mut Outcome) {
    let Some(FileTask { file, content, tell }) = task else {
        // The record may have an entry less.
        return outcome.failed.extend(ledger.save().err().map(|reason| (path.clone(), reason)));
    };
    let command = tell.map(|words| words.join(" "));
    let present = match read(&file) {
        Ok(present) => present,
        Err(error) => return outcome.failed.push((path.clone(), format!("{}: {error}", file.display()))),
    };
    if present != content {
        ledger.record.untold.extend(command.clone());
        let written = ledger
            .save()
            .and_then(|()| put(&file, content.as_deref()).map_err(|error| format!("{}: {error}", file.display())));
        match written {
            Ok(()) => {
                outcome.done.push(format!("write {}", file.display()));
                // A file that has its own content again is not ours any more.
                if content.as_ref().is_none_or(|content| !content.starts_with(HEADER)) {
                    ledger.record.files.remove(&file);
                }
            }
            Err(reason) => return outcome.failed.push((path.clone(), reason)),
        }
    }
    if let Some((words, command)) = tell.zip(command)
        && ledger.record.untold.contains(&command)
    {
        match run(words) {
            Ok(()) => drop(ledger.record.untold.remove(&command)),
            Err(reason) => outcome.failed.push((path.clone(), format!("{command}: {reason}"))),
        }
    }
    outcome.failed.extend(ledger.save().err().map(|reason| (path.clone(), reason)));
}

/// The content of a file; none when it is not there.
fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file whole, so that nobody reads half of it. Where a mount stands in the way it is written in place.
fn put(file: &Path, content: Option<&str>) -> io::Result<()> {
    let Some(content) = content else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        };
    };
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut new = file.as_os_str().to_owned();
    new.push(".ganymede-new");
    let new = PathBuf::from(new);
    let replaced = fs::File::create(&new).and_then(|mut made| {
        made.write_all(content.as_bytes())?;
        made.sync_all()?;
        fs::rename(&new, file)
    });
    replaced.or_else(|_| {
        let _ = fs::remove_file(&new);
        fs::write(file, content)
    })
}

/// Runs a program, without a shell, and waits for it.
fn run(words: &[&str]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let deadline = std::time::Instant::now() + TELL_TIMEOUT;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if std::time::Instant::now() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end within {} s", TELL_TIMEOUT.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = io::Read::read_to_string(&mut io::Read::take(&mut stderr, 1024), &mut said);
    }
    Err(match said.lines().next() {
        Some(line) => line.to_owned(),
        None => status.to_string(),
    })
}
