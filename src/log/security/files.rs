//! The files of the security log: the one in use, and older ones with a number behind the name.
//!
//! Invariant: a file holds whole lines and never more than the bytes it may have, unless one line alone is longer. What
//! the disk refuses is in the operational log, which also says when writing works again. A file that somebody has taken
//! away or replaced is begun anew, because what goes into it otherwise is read by nobody.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::SecurityLogSettings;

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    settings: SecurityLogSettings,
    file: File,
    /// Bytes of whole lines in it.
    written: usize,
    /// Whether a part of a line stands at its end that could not be taken out again.
    torn: bool,
    /// Lines refused since writing began to fail.
    refused: usize,
    /// Whether the last attempt to begin a new file failed.
    stuck: bool,
}

impl Files {
    /// Opens the file in use and takes away those that are more than may be kept.
    pub(super) fn open(settings: SecurityLogSettings) -> io::Result<Self> {
        let (file, written) = open(&settings.path)?;
        let older = (settings.files..).map(|number| numbered(&settings.path, number));
        for path in older.take_while(|path| path.exists()) {
            std::fs::remove_file(path)?;
        }
        Ok(Self { settings, file, written, torn: false, refused: 0, stuck: false })
    }

    /// Writes lines.
    pub(super) fn write(&mut self, lines: impl Iterator<Item = String>) {
        let mut batch = String::new();
        for line in lines {
            if self.is_full(batch.len(), &line) {
                self.write_batch(&std::mem::take(&mut batch));
                // What was refused fills no file.
                if self.is_full(0, &line) {
                    self.rotate();
                }
            }
            batch.push_str(&line);
            batch.push('\n');
        }
        self.write_batch(&batch);
    }

    /// Whether a line does not fit behind what is written and so many bytes that will be.
    fn is_full(&self, waiting: usize, line: &str) -> bool {
        let before = self.written.saturating_add(waiting);
        before > 0 && before.saturating_add(line.len() + 1) > self.settings.bytes
    }

    fn write_batch(&mut self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let path = self.settings.path.display();
        match append(&mut self.file, &mut self.written, &mut self.torn, &self.settings.path, lines) {
            Ok(()) if self.refused > 0 => {
                let refused = std::mem::take(&mut self.refused);
                tracing::warn!("security log {path}: written again; {refused} lines are in this log only");
            }
            Ok(()) => {}
            Err(error) => {
                self.refused += lines.lines().count();
                tracing::error!("security log {path}: {error}; lines not written: {}", lines.trim_end());
            }
        }
    }

    /// Begins a new file. Where that fails the one in use goes on, longer than it should be.
    fn rotate(&mut self) {
        match renamed(&self.settings).and_then(|()| open(&self.settings.path)) {
            Ok((file, written)) => (self.file, self.written, self.torn, self.stuck) = (file, written, false, false),
            Err(error) => {
                if !std::mem::replace(&mut self.stuck, true) {
                    let path = self.settings.path.display();
                    tracing::error!("security log {path}: no new file can be begun, this one goes on: {error}");
                }
            }
        }
    }
}

/// Appends whole lines, or nothing.
fn append(file: &mut File, written: &mut usize, torn: &mut bool, path: &Path, lines: &str) -> io::Result<()> {
    if is_other(file, path)? {
        (*file, *written) = open(path)?;
        *torn = false;
    }
    if *torn {
        file.write_all(b"\n")?;
        (*torn, *written) = (false, length(&file.metadata()?));
    }
    if let Err(error) = file.write_all(lines.as_bytes()) {
        *torn = file.set_len(*written as u64).is_err();
        return Err(error);
    }
    *written += lines.len();
    Ok(())
}

/// Whether the file of this name is another one than the one that is open, or none.
fn is_other(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) != (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Renames `log.1` to `log.2` and so on, dropping the oldest, and `log` to `log.1`. Without a `log` there is nothing to
/// make room for: an attempt before this one has got so far.
fn renamed(settings: &SecurityLogSettings) -> io::Result<()> {
    let path = &settings.path;
    if !path.exists() {
        return Ok(());
    }
    if settings.files == 1 {
        return std::fs::remove_file(path);
    }
    for number in (1..settings.files).rev() {
        let from = if number == 1 { path.clone() } else { numbered(path, number - 1) };
        match std::fs::rename(&from, numbered(path, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<(File, usize)> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let written = length(&file.metadata()?);
    Ok((file, written))
}

fn length(metadata: &Metadata) -> usize {
    usize::try_from(metadata.len()).unwrap_or(usize::MAX)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of lines `line 0`, `line 1` and so on, seven bytes each with its end.
    fn log(directory: &Path, bytes: usize, files: usize) -> Files {
        Files::open(SecurityLogSettings { path: directory.join("log"), bytes, files }).unwrap()
    }

    fn lines(numbers: std::ops::Range<usize>) -> impl Iterator<Item = String> {
        numbers.map(|number| format!("line {number}"))
    }

    /// The lines of each file, by its name.
    fn check(directory: &Path, expected: &[(&str, &[usize])]) {
        let mut found: Vec<(String, String)> = directory
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect();
        found.sort();
        let text = |numbers: &[usize]| numbers.iter().map(|number| format!("line {number}\n")).collect::<String>();
        let expected: Vec<_> = expected.iter().map(|(name, numbers)| ((*name).to_owned(), text(numbers))).collect();
        assert_eq!(found, expected);
    }

    /// A file may have exactly its bytes, and there are exactly so many files.
    #[test]
    fn rotates_at_the_boundary() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = log(directory.path(), 14, 3);
        files.write(lines(0..2));
        check(directory.path(), &[("log", &[0, 1])]);
        files.write(lines(2..3));
        check(directory.path(), &[("log", &[2]), ("log.1", &[0, 1])]);
        files.write(lines(3..7));
        check(directory.path(), &[("log", &[6]), ("log.1", &[4, 5]), ("log.2", &[2, 3])]);
        // Opened again, it goes on where it was, with other numbers.
        let mut files = log(directory.path(), 13, 2);
        check(directory.path(), &[("log", &[6]), ("log.1", &[4, 5])]);
        files.write(lines(7..9));
        check(directory.path(), &[("log", &[8]), ("log.1", &[7])]);
        let mut files = log(directory.path(), 14, 1);
        files.write(lines(9..11));
        check(directory.path(), &[("log", &[10])]);
    }

    /// A line longer than a file may be has a file of its own.
    #[test]
    fn keeps_long_lines_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = log(directory.path(), 3, 9);
        files.write(lines(0..2));
        check(directory.path(), &[("log", &[1]), ("log.1", &[0])]);
    }

    /// A disk that refuses lines does not end the log: it goes on once there is a disk again.
    #[test]
    fn survives_a_failing_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut files = log(directory.path(), 14, 3);
        files.write(lines(0..5));
        assert_eq!(files.refused, 5);
        std::fs::remove_file(&path).unwrap();
        files.write(lines(5..7));
        assert_eq!(files.refused, 0);
        check(directory.path(), &[("log", &[5, 6])]);
    }

    /// Where no new file can be begun the old one goes on, and nothing that was kept is lost.
    #[test]
    fn survives_a_rotation_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let in_the_way = directory.path().join("log.1");
        std::fs::create_dir(&in_the_way).unwrap();
        let mut files = log(directory.path(), 14, 2);
        files.write(lines(0..5));
        check(directory.path(), &[("log", &[0, 1, 2, 3, 4])]);
        std::fs::remove_dir(&in_the_way).unwrap();
        files.write(lines(5..6));
        check(directory.path(), &[("log", &[5]), ("log.1", &[0, 1, 2, 3, 4])]);
    }

    /// A file that was taken away or replaced is not written to any more.
    #[test]
    fn follows_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut files = log(directory.path(), 1000, 2);
        files.write(lines(0..1));
        std::fs::rename(&path, directory.path().join("moved")).unwrap();
        files.write(lines(1..2));
        check(directory.path(), &[("log", &[1]), ("moved", &[0])]);
        std::fs::write(&path, "line 7\n").unwrap();
        std::fs::remove_file(directory.path().join("moved")).unwrap();
        files.write(lines(8..9));
        check(directory.path(), &[("log", &[7, 8])]);
    }
}
