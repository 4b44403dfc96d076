//! The side of the command line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Answer, Question, socket};

/// Time to wait for an answer. A large configuration takes the daemon a while to vote on.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there, or one may not ask.
    #[error("{path}: no daemon can be asked there: {source}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The conversation broke off.
    #[error("the daemon gave no answer: {0}")]
    Broken(#[from] io::Error),
    /// The answer is none.
    #[error("the daemon's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
}

/// Asks the daemon that runs on this data directory.
///
/// # Errors
///
/// See [`AskError`].
pub fn ask(data_dir: &Path, question: &Question) -> Result<Answer, AskError> {
    let path = socket(data_dir);
    let mut stream = UnixStream::connect(&path).map_err(|source| AskError::Connect { path, source })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_string(question)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
