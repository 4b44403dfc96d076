//! The command line: what can be asked, and the one command that needs no daemon.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::aaa::local::{self, HashError};

/// The gRPC management plane of a carrier router, for a Linux lab VM or whitebox.
#[derive(Debug, Parser)]
#[command(name = "ganymede", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground
    Run {
        /// The TOML file
        #[arg(long)]
        config: PathBuf,
        /// Only say whether the file is good
        #[arg(long)]
        check: bool,
        /// Only print the settings in effect, as TOML
        #[arg(long)]
        print_config: bool,
    },
    /// List the state leaves that ON_CHANGE announces, one path per line; configuration is always announced
    OnChangePaths {
        /// The TOML file whose models count; without one, the models that come with the program
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Read a password from standard input and print its hash for the TOML file
    Passwd,
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum PasswdError {
    /// Nothing can be read.
    #[error("the password cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Nothing was given.
    #[error("the password is empty")]
    Empty,
    /// It cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The Argon2id hash of the password that the input holds. A line end belongs to the terminal, not to the password.
///
/// # Errors
///
/// See [`PasswdError`].
pub fn passwd(mut input: impl Read) -> Result<String, PasswdError> {
    let mut password = Vec::new();
    input.read_to_end(&mut password)?;
    let password = password.strip_suffix(b"\n").unwrap_or(&password);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    if password.is_empty() {
        return Err(PasswdError::Empty);
    }
    Ok(local::hash_password(password)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_what_was_typed() {
        for typed in ["sécret", "sécret\n", "sécret\r\n"] {
            assert!(local::verify(&passwd(typed.as_bytes()).unwrap(), "sécret".as_bytes()), "{typed:?}");
        }
        assert!(matches!(passwd(&b"\n"[..]), Err(PasswdError::Empty)));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
