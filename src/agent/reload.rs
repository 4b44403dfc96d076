//! Reading the file again while the daemon runs.
//!
//! Invariant: a bad file leaves everything as it was. What can change live does; what cannot is named in the log, so
//! that no operator believes in a setting that is not in effect. What changed is told place by place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::certificates::Certificates;
use super::datastore::Datastore;
use super::operator::told;
use super::{Agent, StartError};
use crate::agent::endpoint::Endpoint;
use crate::config::{self, Config, ConfigError};
use crate::control::{Change, Setting};
use crate::time::Clock;

/// Changes that the log spells out.
const LOGGED_MAX: usize = 100;

/// Tables of the file that count as soon as they are read.
const LIVE: [&str; 2] = ["tls.", "listen."];

/// What a file changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Of the configuration, secrets left out.
    pub changes: Vec<Change>,
    /// Of the settings.
    pub settings: Vec<Setting>,
}

/// What a reload needs.
#[derive(Clone)]
pub(super) struct Reloader {
    pub(super) datastore: Datastore,
    pub(super) config: Arc<Mutex<Config>>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) clock: Clock,
    pub(super) reader: Reader,
}

/// Reads the settings of an agent anew, from where they came.
pub(super) type Reader = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// For an agent that has a file of its own.
pub(super) fn reader(config: &Config) -> Reader {
    let file = PathBuf::from(config.models.file());
    Arc::new(move || config::load(&file))
}

impl Agent {
    /// Reads the file again and applies what it says.
    pub fn reload(&self, file: &Path) -> Result<Reloaded, StartError> {
        self.reloader().reload(config::load(file))
    }

    /// Reads again what it was started with.
    pub fn reload_anew(&self) -> Result<Reloaded, StartError> {
        self.reloader().reload_anew()
    }
}

impl Reloader {
    pub(super) fn reload_anew(&self) -> Result<Reloaded, StartError> {
        self.reload((self.reader)())
    }

    fn reload(&self, read: Result<Config, ConfigError>) -> Result<Reloaded, StartError> {
        let reloaded = read.map_err(StartError::from).and_then(|new| self.apply(new));
        match &reloaded {
            Ok(reloaded) => log(reloaded, &self.file()),
            Err(error) => tracing::error!("reload refused, nothing has changed: {error}"),
        }
        reloaded
    }

    /// The file that counts.
    fn file(&self) -> String {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).models.file().to_owned()
    }

    fn apply(&self, new: Config) -> Result<Reloaded, StartError> {
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        Endpoint::check(&new)?;
        let mut changes = Vec::new();
        if new.models.fingerprint() != current.models.fingerprint() {
            let committed = self.datastore.apply(&new.models, &self.clock)?;
            let schema = self.datastore.store.schema();
            changes = told(schema, &committed.changes(schema));
        }
        let settings = settings(&current, &new);
        // New handshakes use the certificate as it is now, running sessions keep theirs (TLS-021).
        self.endpoint.reload(&new);
        self.certificates.reload(&new);
        (current.tls, current.listen) = (new.tls.clone(), new.listen.clone());
        current.models = new.models;
        Ok(Reloaded { changes, settings })
    }
}

fn log(reloaded: &Reloaded, file: &str) {
    let Reloaded { changes, settings } = reloaded;
    for change in changes.iter().take(LOGGED_MAX) {
        tracing::info!("configuration: {change}");
    }
    if changes.len() > LOGGED_MAX {
        tracing::info!("configuration: and {} more changes", changes.len() - LOGGED_MAX);
    }
    for setting in settings {
        let Setting { key, old, new, .. } = setting;
        match setting.at_next_start {
            true => tracing::warn!(key, old, new, "changed in the file, takes effect at the next start"),
            false => tracing::info!(key, old, new, "changed in the file"),
        }
    }
    tracing::info!(file, changes = changes.len(), "file read again");
}

/// Settings outside the YANG tables that differ from those in effect.
fn settings(current: &Config, new: &Config) -> Vec<Setting> {
    let (before, after) = (current.settings(), new.settings());
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let value = |side: &BTreeMap<String, String>, key: &String| side.get(key).cloned().unwrap_or_default();
    let differing = keys.filter(|key| before.get(*key) != after.get(*key));
    let setting = |key: &String| Setting {
        old: value(&before, key),
        new: value(&after, key),
        at_next_start: !LIVE.iter().any(|table| key.starts_with(table)),
        key: key.clone(),
    };
    differing.map(setting).collect()
}
