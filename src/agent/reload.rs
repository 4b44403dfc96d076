//! Reading the file again while the daemon runs.
//!
//! Invariant: a bad file leaves everything as it was. What can change live does; what cannot is named in the log, so
//! that no operator believes in a setting that is not in effect.

use std::path::Path;

use super::{Agent, StartError};
use crate::agent::endpoint::Endpoint;
use crate::config::{self, Config};

impl Agent {
    /// Reads the file again and applies what it says. Returns how many places of the configuration changed.
    pub fn reload(&self, file: &Path) -> Result<usize, StartError> {
        let new = config::load(file)?;
        let Ok(mut current) = self.config.lock() else { return Ok(0) };
        Endpoint::check(&new)?;
        let changes = match new.models.fingerprint() == current.models.fingerprint() {
            true => 0,
            false => self.datastore.apply(&new.models, &self.clock)?,
        };
        // New handshakes use the certificate as it is now, running sessions keep theirs (TLS-021).
        self.endpoint.reload(&new);
        self.certificates.reload(&new);
        (current.tls, current.listen) = (new.tls.clone(), new.listen.clone());
        for key in waiting(&current, &new) {
            tracing::warn!(key, "changed in the file, takes effect at the next start");
        }
        current.models = new.models;
        Ok(changes)
    }
}

/// Settings outside the YANG tables that differ. They are read when the parts are put together.
fn waiting(current: &Config, new: &Config) -> Vec<String> {
    let settings = |config: &Config| {
        let mut settings = config.clone();
        settings.models = config::ModelTables::default();
        settings.print()
    };
    let (before, after) = (settings(current), settings(new));
    let mut table = String::new();
    let mut changed = Vec::new();
    for line in after.lines() {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']).to_owned();
        }
        if let Some((key, _)) = line.split_once(" = ")
            && !before.lines().any(|old| old == line)
        {
            changed.push(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") });
        }
    }
    changed
}
