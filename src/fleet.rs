//! Many simulated elements in one process, for collectors to be tested at scale.
//!
//! Invariant: each element is an [`Agent`] of its own, with its own name, tree, users, limits, data directory and port; the
//! models and what is made from them exist once. All of them serve or none does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::agent::{Agent, Models, StartError};
use crate::config::{self, Config, ConfigError};

/// What stands for the number of an element in a template.
const NUMBER: &str = "{n}";

/// Most elements of one process: each has a port, and there are not more of those above 1024.
pub const TARGETS_MAX: u16 = 10_000;

/// Open files of one element: its port, its data, its logs, its door, and the sessions of its clients.
const FILES_PER_TARGET: u64 = 24;

/// Open files of the process beside those.
const FILES_BESIDE: u64 = 64;

/// What a fleet is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The TOML file, with `{n}` wherever elements differ.
    pub template: PathBuf,
    /// How many elements.
    pub targets: u16,
    /// Port of the first; the others follow.
    pub port: u16,
    /// Directory for the data of all, instead of the template's.
    pub data_dir: Option<PathBuf>,
}

/// Why there is no fleet. One line each; nothing serves.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The template is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// More ports than there are.
    #[error("{targets} targets from port {port} on would need port {last}, the last one there is is 65535")]
    Ports {
        /// How many elements.
        targets: u16,
        /// First port.
        port: u16,
        /// Last port.
        last: u32,
    },
    /// Elements of different models cannot share them.
    #[error("{}: the table [yang] has to be the same for all targets, {NUMBER} cannot stand in it", template.display())]
    Models {
        /// The template.
        template: PathBuf,
    },
    /// Two elements with one data directory.
    #[error("{}: targets need data directories of their own: {}", template.display(), directory.display())]
    DataDir {
        /// The template.
        template: PathBuf,
        /// The directory.
        directory: PathBuf,
    },
    /// The system gives no signals.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(std::io::Error),
    /// An element does not start.
    #[error("target {name}: {error}")]
    Start {
        /// Its name.
        name: String,
        /// Why.
        error: Box<StartError>,
    },
}

impl FleetError {
    /// Whether the operator's file or modules are at fault, and not the machine.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Start { error, .. } => error.is_configuration(),
            Self::Signals(_) => false,
            Self::Config(_) | Self::Ports { .. } | Self::Models { .. } | Self::DataDir { .. } => true,
        }
    }
}

/// One element as it is to be.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name, `/configure/system/name`.
    pub name: String,
    /// Its settings.
    pub config: Config,
}

/// Elements that are ready to serve.
#[derive(Debug)]
pub struct Fleet {
    elements: Vec<Arc<Element>>,
}

impl Plan {
    /// The elements, by their numbers.
    ///
    /// # Errors
    ///
    /// All of [`FleetError`] but `Start`.
    pub fn targets(&self) -> Result<Vec<Target>, FleetError> {
        let last = u32::from(self.port) + u32::from(self.targets.max(1)) - 1;
        if last > u32::from(u16::MAX) {
            return Err(FleetError::Ports { targets: self.targets, port: self.port, last });
        }
        let template = self.read()?;
        let targets = (0..self.targets).map(|index| self.target(&template, index));
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        let mut directories = BTreeSet::new();
        for target in &targets {
            if targets.first().is_some_and(|first| first.config.yang != target.config.yang) {
                return Err(FleetError::Models { template: self.template.clone() });
            }
            if !directories.insert(&target.config.data_dir) {
                let directory = target.config.data_dir.clone();
                return Err(FleetError::DataDir { template: self.template.clone(), directory });
            }
        }
        Ok(targets)
    }

    fn read(&self) -> Result<Template, ConfigError> {
        let text = std::fs::read_to_string(&self.template)
            .map_err(|source| ConfigError::Read { path: self.template.clone(), source })?;
        let (one, other) = (self.parse(&text, 1)?, self.parse(&text, 2)?);
        let names = one.models.system_name() != other.models.system_name();
        Ok(Template { text, names, directories: one.data_dir != other.data_dir })
    }

    fn parse(&self, text: &str, number: u32) -> Result<Config, ConfigError> {
        config::parse(&self.template.display().to_string(), &text.replace(NUMBER, &number.to_string()))
    }

    fn target(&self, template: &Template, index: u16) -> Result<Target, ConfigError> {
        let number = u32::from(index) + 1;
        let mut config = self.parse(&template.text, number)?;
        let name = match config.models.system_name() {
            Some(name) if template.names => name.to_owned(),
            Some(name) => format!("{name}-{number}"),
            None => format!("target-{number}"),
        };
        config.models.set_system_name(&name);
        if config.listen.address.is_unspecified() {
            config.listen.address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        config.listen.port = Some(self.port + index);
        // The machine is not one of the elements.
        config.platform.linux.enabled = false;
        config.data_dir = match &self.data_dir {
            Some(directory) => directory.join(&name),
            None if template.directories => config.data_dir,
            None => config.data_dir.join(&name),
        };
        Ok(Target { name, config })
    }
}

/// A template as its file says it.
struct Template {
    text: String,
    /// Whether it makes a difference between the names of the elements.
    names: bool,
    /// Whether it makes one between their data directories.
    directories: bool,
}

/// An element that is ready to serve.
#[derive(Debug)]
struct Element {
    name: String,
    agent: Agent,
    /// What it logs says whose it is.
    span: Span,
}

impl Fleet {
    /// Starts all elements, several at a time.
    ///
    /// # Errors
    ///
    /// [`FleetError::Start`] for the first that does not; the others are gone then.
    pub async fn bind(plan: &Plan, targets: Vec<Target>) -> Result<Self, FleetError> {
        let Some(first) = targets.first() else { return Ok(Self { elements: Vec::new() }) };
        let loading = Models::load(&first.config.yang);
        let models = loading.map_err(|error| FleetError::Start { name: first.name.clone(), error: Box::new(error) })?;
        let mut starting = JoinSet::new();
        for (index, target) in (0..).zip(targets) {
            let element = element(plan.clone(), index, target, models.clone());
            starting.spawn(async move { (index, element.await) });
        }
        let mut started = BTreeMap::new();
        while let Some(joined) = starting.join_next().await {
            let (index, element) = of_task(joined);
            started.insert(index, Arc::new(element?));
        }
        Ok(Self { elements: started.into_values().collect() })
    }

    /// Names and addresses, in order. An element that is configured not to listen has none.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, Option<SocketAddr>)> {
        self.elements.iter().map(|element| (element.name.as_str(), element.agent.address()))
    }

    /// Reads the template again, and lets each element follow it. What becomes of it is in the log; an element that
    /// cannot follow stays as it is.
    pub fn reload(&self) {
        for Element { agent, span, .. } in self.elements.iter().map(Arc::as_ref) {
            let _ = span.in_scope(|| agent.reload_anew());
        }
    }

    /// Serves until the token is cancelled, and then ends every stream with a status.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        for element in &self.elements {
            let (element, span, shutdown) = (element.clone(), element.span.clone(), shutdown.clone());
            running.spawn(async move { element.agent.run(shutdown).await }.instrument(span));
        }
        while let Some(joined) = running.join_next().await {
            of_task(joined);
        }
    }
}

async fn element(plan: Plan, index: u16, target: Target, models: Models) -> Result<Element, FleetError> {
    let Target { name, config } = target;
    let span = tracing::error_span!("fleet", element = name);
    match Agent::bind_with(config, &models).instrument(span.clone()).await {
        Ok(agent) => {
            let again = move || Ok(plan.target(&plan.read()?, index)?.config);
            Ok(Element { name, agent: agent.read_by(again), span })
        }
        Err(error) => Err(FleetError::Start { name, error: Box::new(error) }),
    }
}

/// A fault of the program in one element ends all, as it does where there is one.
fn of_task<T>(joined: Result<T, JoinError>) -> T {
    joined.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
}

/// Lets this process have as many open files as the elements need, as far as the system allows it.
pub fn allow_files(targets: usize) {
    let wanted = FILES_BESIDE + FILES_PER_TARGET * targets as u64;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    if setrlimit(Resource::Nofile, limit).is_err() || limit.current != Some(wanted) {
        tracing::warn!(wanted, allowed = limit.current, "open files are limited, some clients may be turned away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str, targets: u16, port: u16) -> Result<Vec<Target>, FleetError> {
        let dir = tempfile::tempdir().unwrap();
        let template = dir.path().join("fleet.toml");
        std::fs::write(&template, text).unwrap();
        Plan { template, targets, port, data_dir: None }.targets()
    }

    fn shown(targets: &[Target]) -> Vec<String> {
        let line = |target: &Target| {
            let Config { listen, data_dir, .. } = &target.config;
            format!("{} {}:{} {}", target.name, listen.address, listen.port.unwrap_or(0), data_dir.display())
        };
        targets.iter().map(line).collect()
    }

    #[test]
    fn numbers_what_the_template_leaves_open() {
        let text = "data-dir = \"/tmp/x/{n}\"\n[configure.system]\nname = \"leaf-{n}\"\n";
        let targets = plan(text, 2, 5000).unwrap();
        assert_eq!(shown(&targets), ["leaf-1 127.0.0.1:5000 /tmp/x/1", "leaf-2 127.0.0.1:5001 /tmp/x/2"]);
        assert!(targets.iter().all(|target| !target.config.platform.linux.enabled));
    }

    #[test]
    fn tells_elements_apart_by_itself() {
        let text = "data-dir = \"/tmp/x\"\n[listen]\naddress = \"127.0.0.7\"\n[configure.system]\nname = \"leaf\"\n";
        let targets = plan(text, 2, 5000).unwrap();
        assert_eq!(shown(&targets), ["leaf-1 127.0.0.7:5000 /tmp/x/leaf-1", "leaf-2 127.0.0.7:5001 /tmp/x/leaf-2"]);
        assert_eq!(shown(&plan("", 1, 5000).unwrap())[0].split(' ').next(), Some("target-1"));
    }

    #[test]
    fn refuses_what_cannot_be_shared() {
        let refusal = |text: &str, targets, port| plan(text, targets, port).unwrap_err().to_string();
        assert!(refusal("", 10, 65530).contains("would need port 65539"));
        assert!(refusal("[yang]\nmodules = [\"m{n}\"]\n", 2, 5000).contains("table [yang] has to be the same"));
        assert!(refusal("data-dir = \"/tmp/{n}0\"\nlog = 5\n", 2, 5000).contains("key 'log' must be a table"));
    }
}
