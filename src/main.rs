//! The `ganymede` command: arguments, configuration, log, exit code.
//!
//! Exit codes: 0 it ended as asked; 64 wrong arguments; 69 something it needs is not to be had, such as the port; 70 a
//! fault of its own; 78 the configuration is wrong.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ganymede::agent::{Agent, StartError};
use ganymede::config::{self, Config};
use ganymede::signals::signals;
use ganymede::{aaa, log};
use tokio_util::sync::CancellationToken;

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIGURATION: u8 = 78;

/// The gRPC management plane of a carrier router, for a Linux lab VM or whitebox.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    /// Read a password from standard input and print its hash for the TOML file
    Passwd,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Passwd => passwd(),
        Command::Run { config, check, print_config } => match config::load(&config) {
            Err(error) => failed(&error, CONFIGURATION),
            Ok(settings) if print_config => {
                print!("{}", settings.print());
                ExitCode::SUCCESS
            }
            Ok(settings) => run(settings, &config, check),
        },
    }
}

fn run(settings: Config, file: &Path, check: bool) -> ExitCode {
    let outcome = if check { Agent::check(&settings) } else { serve(settings, file) };
    match outcome {
        Ok(()) => {
            if check {
                println!("{}: good", file.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) if error.is_configuration() => failed(&error, CONFIGURATION),
        Err(error) => failed(&error, UNAVAILABLE),
    }
}

#[tokio::main]
async fn serve(settings: Config, file: &Path) -> Result<(), StartError> {
    log::start(settings.log);
    let agent = Agent::bind(settings).await?;
    let shutdown = CancellationToken::new();
    tokio::select! {
        () = agent.run(shutdown.clone()) => {}
        () = signals(&agent, file, &shutdown) => {}
    }
    Ok(())
}

fn passwd() -> ExitCode {
    let mut password = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut password) {
        return failed(&error, USAGE);
    }
    // A line end belongs to the terminal, not to the password.
    let password = password.strip_suffix(b"\n").unwrap_or(&password);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    if password.is_empty() {
        return failed(&"the password is empty", USAGE);
    }
    match aaa::local::hash_password(password) {
        Ok(hash) => {
            println!("{hash}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error, SOFTWARE),
    }
}

fn failed(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("ganymede: {error}");
    code.into()
}
