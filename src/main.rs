//! The `ganymede` command: arguments, configuration, log, exit code.
//!
//! Exit codes: 0 it ended as asked; 64 wrong arguments; 69 something it needs is not to be had, such as the port; 70 a
//! fault of its own; 78 the configuration is wrong.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ganymede::agent::{Agent, StartError, producers};
use ganymede::cli::{self, Arguments, Command, Models, PasswdError, ProtoError, YangAction, passwd, proto};
use ganymede::config::{self, Config};
use ganymede::control::{self, Answer, Question, SessionAction, SubscriptionAction, Task, print_answer};
use ganymede::fleet::{self, Fleet, FleetError, Plan, Target};
use ganymede::log;
use ganymede::platform::on_change_paths;
use ganymede::schema::{Loaded, Sources, load};
use ganymede::signals::Signals;
use tokio_util::sync::CancellationToken;

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Passwd => match passwd(std::io::stdin()) {
            Ok(hash) => {
                println!("{hash}");
                ExitCode::SUCCESS
            }
            Err(error @ PasswdError::Hash(_)) => failed(&error, SOFTWARE),
            Err(error) => failed(&error, USAGE),
        },
        Command::Subscriptions { config, action } => ask(&config, &SubscriptionAction::question(action), print_answer),
        Command::Config { config, action } => match action.question() {
            Ok(question) => ask(&config, &question, |answer| action.print(answer)),
            Err(error) => failed(&error, USAGE),
        },
        Command::Reload { config } => ask(&config, &Question::Configuration(Task::Reload), cli::print),
        Command::Sessions { config, action } => ask(&config, &SessionAction::question(action), print_answer),
        Command::Proto { out, config } => match proto(&out, config.as_deref()) {
            Ok(file) => {
                println!("{}", file.display());
                ExitCode::SUCCESS
            }
            Err(error @ ProtoError::Write { .. }) => failed(&error, UNAVAILABLE),
            Err(error) => failed(&error, CONFIGURATION),
        },
        Command::OnChangePaths { config } => {
            match config
                .map_or_else(|| Ok(Sources::default()), |file| config::load(&file).map(|settings| settings.yang))
            {
                Err(error) => failed(&error, CONFIGURATION),
                Ok(yang) => list_on_change_paths(&yang),
            }
        }
        Command::Yang { action } => yang(action),
        Command::Simulate { targets, template, port, data_dir } => {
            simulate(&Plan { template, targets, port, data_dir })
        }
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

fn yang(action: YangAction) -> ExitCode {
    let text = match action {
        YangAction::Check { dirs, config } => match cli::checked(&dirs, config.as_ref()) {
            Ok((text, wrong)) => {
                print(&text);
                return if wrong { CONFIGURATION.into() } else { ExitCode::SUCCESS };
            }
            Err(error) => return failed(&error, CONFIGURATION),
        },
        YangAction::List { models, all } => loaded(&models).map(|loaded| cli::list(&loaded.schema, all)),
        YangAction::Tree { path, depth, fed, models } => match loaded(&models) {
            Ok(loaded) => match cli::tree(&loaded.schema, &producers(&loaded.schema), path.as_deref(), depth, fed) {
                Ok(text) => Ok(text),
                Err(error) => return failed(&error, USAGE),
            },
            Err(code) => Err(code),
        },
    };
    match text {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn loaded(models: &Models) -> Result<Loaded, ExitCode> {
    let sources = models.sources().map_err(|error| failed(&error, CONFIGURATION))?;
    load(&sources).map_err(|error| failed(&error, CONFIGURATION))
}

/// Whoever reads may have had enough: `| head`.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Asks the daemon that runs with this file, and prints its answer.
fn ask(config: &Path, question: &Question, told: impl Fn(&Answer) -> Result<String, String>) -> ExitCode {
    let settings = match config::load(config) {
        Ok(settings) => settings,
        Err(error) => return failed(&error, CONFIGURATION),
    };
    let answer = match control::ask(&settings.data_dir, question) {
        Ok(answer) => answer,
        Err(error) => return failed(&error, UNAVAILABLE),
    };
    match told(&answer) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(reason) => failed(&reason, USAGE),
    }
}

fn list_on_change_paths(yang: &Sources) -> ExitCode {
    let loaded = match load(yang) {
        Ok(loaded) => loaded,
        Err(error) => return failed(&error, CONFIGURATION),
    };
    let written = producers(&loaded.schema);
    let mut out = std::io::stdout().lock();
    for path in on_change_paths(&loaded.schema, |leaf| written.contains_key(&leaf)) {
        // Whoever reads may have had enough: `| head`.
        if writeln!(out, "{path}").is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
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

fn serve(settings: Config, file: &Path) -> Result<(), StartError> {
    log::start(settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    // On a worker, where the work is: a task on this thread would take a change of threads at each of its steps.
    let daemon = runtime.spawn(daemon(settings, file.to_owned()));
    runtime.block_on(daemon).unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

async fn daemon(settings: Config, file: PathBuf) -> Result<(), StartError> {
    let mut signals = Signals::install().map_err(StartError::Signals)?;
    let agent = Agent::bind(settings).await?;
    let shutdown = CancellationToken::new();
    tokio::select! {
        () = agent.run(shutdown.clone()) => {}
        () = signals.serve(&agent, &file, &shutdown) => {}
    }
    Ok(())
}

fn simulate(plan: &Plan) -> ExitCode {
    let outcome = plan.targets().and_then(|targets| serve_fleet(plan, targets));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_configuration() => failed(&error, CONFIGURATION),
        Err(error) => failed(&error, UNAVAILABLE),
    }
}

#[tokio::main]
async fn serve_fleet(plan: &Plan, targets: Vec<Target>) -> Result<(), FleetError> {
    if let Some(first) = targets.first() {
        log::start(first.config.log);
    }
    fleet::allow_files(targets.len());
    let mut signals = Signals::install().map_err(FleetError::Signals)?;
    let fleet = Fleet::bind(plan, targets).await?;
    for (name, address) in fleet.addresses() {
        print(&format!("{name} {}\n", address.map_or_else(|| "-".to_owned(), |address| address.to_string())));
    }
    let shutdown = CancellationToken::new();
    tokio::select! {
        () = fleet.run(shutdown.clone()) => {}
        () = signals.serve_fleet(&fleet, &shutdown) => {}
    }
    Ok(())
}

fn failed(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("ganymede: {error}");
    code.into()
}
