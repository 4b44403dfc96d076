//! The command line: what can be asked, and the commands that need no daemon.

mod configuration;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::aaa::local::{self, HashError};
use crate::codec::{PROTO_FILE_NAME, proto_file};
use crate::config::{self, ConfigError};
use crate::control::{SessionAction, SubscriptionAction};
use crate::fleet::TARGETS_MAX;
use crate::schema::{LoadError, load};

mod tree;
mod yang;

pub use configuration::{ConfigAction, print};
pub use tree::TreeError;
pub use yang::{Models, YangAction, checked, list, tree};

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
    /// List the subscriptions of a daemon that runs, or end some
    Subscriptions {
        /// The TOML file of the daemon
        #[arg(long)]
        config: PathBuf,
        /// What to do instead of listing them
        #[command(subcommand)]
        action: Option<SubscriptionAction>,
    },
    /// Look at the configuration of a daemon that runs and at its history, go back, export and import
    Config {
        /// The TOML file of the daemon
        #[arg(long)]
        config: PathBuf,
        /// What to do
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Make a daemon that runs read its TOML file again, and show what that changed
    Reload {
        /// The TOML file of the daemon
        #[arg(long)]
        config: PathBuf,
    },
    /// List the sessions of a daemon that runs, or end one
    Sessions {
        /// The TOML file of the daemon
        #[arg(long)]
        config: PathBuf,
        /// What to do instead of listing them
        #[command(subcommand)]
        action: Option<SessionAction>,
    },
    /// Write the .proto file of the loaded YANG, for clients of the encoding BYTES
    Proto {
        /// The directory to write it to
        #[arg(long)]
        out: PathBuf,
        /// The TOML file, when its table of YANG modules loads other modules than the built-in ones
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// List the state leaves that ON_CHANGE announces, one path per line; configuration is always announced
    OnChangePaths {
        /// The TOML file whose models count; without one, the models that come with the program
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Run many simulated elements on consecutive ports, all made from one template
    Simulate {
        /// How many
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(TARGETS_MAX)))]
        targets: u16,
        /// The TOML file; {n} in it is the number of the element
        #[arg(long)]
        template: PathBuf,
        /// Port of the first
        #[arg(long, default_value_t = 57400, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
        /// Directory for the data of all, one below it for each; the data-dir of the template unless given
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
    /// Say which YANG modules are loaded, print them as a tree, or check directories of them
    Yang {
        /// What to do
        #[command(subcommand)]
        action: YangAction,
    },
    /// Read a password from standard input and print its hash for the TOML file
    Passwd,
}

/// Why there is no .proto file.
#[derive(Debug, thiserror::Error)]
pub enum ProtoError {
    /// The TOML file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The modules do not load.
    #[error(transparent)]
    Yang(#[from] LoadError),
    /// It cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes the .proto file of the modules that a daemon with this TOML file would load; returns where it is.
///
/// # Errors
///
/// See [`ProtoError`].
pub fn proto(out: &Path, config: Option<&Path>) -> Result<PathBuf, ProtoError> {
    let config = config.map(config::load).transpose()?.unwrap_or_default();
    let text = proto_file(&load(&config.yang)?.schema, config.release.as_str());
    let path = out.join(PROTO_FILE_NAME);
    std::fs::create_dir_all(out).map_err(|source| ProtoError::Write { path: out.to_owned(), source })?;
    std::fs::write(&path, text).map_err(|source| ProtoError::Write { path: path.clone(), source })?;
    Ok(path)
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

    /// ENC-044: the file belongs to the modules and the release of the daemon.
    #[test]
    fn writes_the_proto_file_of_the_loaded_modules() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/proto");
        let built_in = proto(&out, None).unwrap();
        let text = std::fs::read_to_string(&built_in).unwrap();
        assert!(text.contains("message ConfigureSystem {") && !text.contains("message Test {"));
        let config = folder.path().join("ganymede.toml");
        std::fs::write(&config, "release = \"24.10.R2\"\n[yang]\ntest-modules = true\n").unwrap();
        assert_eq!(proto(&out, Some(&config)).unwrap(), built_in);
        let text = std::fs::read_to_string(&built_in).unwrap();
        assert!(text.contains("24.10.R2") && text.contains("message Test {"));
        assert!(matches!(proto(&built_in, None), Err(ProtoError::Write { .. })));
        assert!(matches!(proto(&out, Some(&folder.path().join("none"))), Err(ProtoError::Config(_))));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
