//! The command line: what can be asked, and what needs no daemon to be done.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::aaa::local::{self, HashError};
use crate::control::{Answer, Question, Subscription};

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
    /// Read a password from standard input and print its hash for the TOML file
    Passwd,
}

/// What to do with subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum SubscriptionAction {
    /// End one: its RPC ends with CANCELLED, its session stays
    End {
        /// Its number
        id: u32,
    },
    /// End all
    EndAll,
}

impl SubscriptionAction {
    /// What to ask the daemon.
    pub fn question(action: Option<Self>) -> Question {
        match action {
            None => Question::Subscriptions,
            Some(Self::End { id }) => Question::EndSubscription { id },
            Some(Self::EndAll) => Question::EndSubscriptions,
        }
    }
}

/// An answer of the daemon, for people; as an error what it could not do.
pub fn print_answer(answer: &Answer) -> Result<String, String> {
    match answer {
        Answer::Subscriptions { subscriptions } => {
            let mut text = format!(
                "{:>10}  {:<16} {:<7} {:<10} {:<26} {:>13}  Paths\n",
                "Id", "User", "Mode", "Encoding", "Destination", "Notifications"
            );
            // What clients said may hold anything, and this goes to a terminal.
            let visible = |text: &str| text.replace(char::is_control, "?");
            for Subscription { id, user, destination, mode, encoding, notifications, paths, .. } in subscriptions {
                let first = visible(paths.first().map(String::as_str).unwrap_or_default());
                let user = visible(user);
                let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
                text += &format!(
                    "{id:>10}  {user:<16} {mode:<7} {encoding:<10} {destination:<26} {notifications:>13}  {first}{more}\n"
                );
            }
            Ok(text)
        }
        Answer::Ended { count } => Ok(format!("{count} ended\n")),
        Answer::Refused { reason } => Err(reason.clone()),
    }
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
    fn answers_are_fit_for_a_terminal() {
        let subscription = Subscription {
            id: 7,
            user: "ad\x1b[2Jmin".to_owned(),
            destination: "127.0.0.1:5".to_owned(),
            mode: "stream".to_owned(),
            encoding: "json-ietf".to_owned(),
            since: String::new(),
            notifications: 12,
            paths: vec!["/state/port".to_owned(), "/configure".to_owned()],
        };
        let text = print_answer(&Answer::Subscriptions { subscriptions: vec![subscription] }).unwrap();
        let (_, row) = text.split_once('\n').unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        let expected =
            ["7", "ad?[2Jmin", "stream", "json-ietf", "127.0.0.1:5", "12", "/state/port", "and", "1", "more"];
        assert_eq!(words, expected);
        assert_eq!(print_answer(&Answer::Refused { reason: "no".to_owned() }), Err("no".to_owned()));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
