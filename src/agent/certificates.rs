//! Looks after the files that TLS profiles name: what they come to is told in the log and in the state, and new ones are
//! taken into use by themselves.
//!
//! Invariant: what was found is at most [`LOOK`] older than the newest commit, the files and the clock. A file is looked at
//! once it has stopped changing, so that one half written is nobody's trouble. Whether a port may use a profile is not
//! decided here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::endpoint::Endpoint;
use crate::config::Config;
use crate::pki::{Files, Findings, Found, Inventory, Reminders, Stamps};
use crate::store::Store;
use crate::time::Clock;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the file says about files.
#[derive(Clone, Debug, PartialEq)]
struct Settings {
    files: Files,
    /// Files outside the model.
    others: Vec<PathBuf>,
}

impl Settings {
    fn of(config: &Config) -> Self {
        let others = config.tls.certificate.iter().chain(&config.tls.key).cloned().collect();
        Self { files: config.tls_files(), others }
    }
}

/// The watch over certificates.
#[derive(Debug)]
pub(super) struct Certificates {
    store: Arc<Store>,
    clock: Clock,
    settings: watch::Sender<Settings>,
    findings: watch::Sender<Arc<Findings>>,
    /// The files before anybody has read them.
    first: Stamps,
}

impl Certificates {
    /// To be made before the endpoint reads the files.
    pub(super) fn new(config: &Config, store: &Arc<Store>, clock: &Clock) -> Self {
        let settings = Settings::of(config);
        let first = Watched::new(inventory(store), &settings).seen;
        let (settings, findings) = (watch::Sender::new(settings), watch::Sender::default());
        Self { store: store.clone(), clock: clock.clone(), settings, findings, first }
    }

    /// What was found last.
    pub(super) fn findings(&self) -> watch::Receiver<Arc<Findings>> {
        self.findings.subscribe()
    }

    /// Follows the file as it is now.
    pub(super) fn reload(&self, config: &Config) {
        self.settings.send_replace(Settings::of(config));
    }

    /// Follows until it is dropped, and makes the endpoint read again what has changed.
    pub(super) async fn run(&self, endpoint: &Endpoint) {
        let (mut commits, mut settings) = (self.store.watch_configuration(), self.settings.subscribe());
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut configurations = commits.borrow_and_update().configurations;
        let mut watched = Watched::new(inventory(&self.store), &settings.borrow_and_update());
        watched.examined = watched.seen.as_of(&self.first);
        watched.tell_idle(&[]);
        self.examine(&mut watched).await;
        loop {
            tokio::select! {
                _ = commits.changed() => {
                    let newest = commits.borrow_and_update().configurations;
                    if std::mem::replace(&mut configurations, newest) == newest {
                        continue;
                    }
                    let inventory = inventory(&self.store);
                    if inventory != watched.inventory {
                        self.follow(&mut watched, inventory).await;
                    }
                }
                _ = settings.changed() => {
                    settings.borrow_and_update();
                    let inventory = watched.inventory.clone();
                    self.follow(&mut watched, inventory).await;
                }
                _ = ticks.tick() => self.look(&mut watched, endpoint).await,
            }
        }
    }

    /// Watches these profiles from now on. A file that has changed before still waits for its look.
    async fn follow(&self, watched: &mut Watched, inventory: Arc<Inventory>) {
        let new = Watched::new(inventory, &self.settings.borrow());
        new.tell_idle(&watched.inventory.idle);
        let (examined, reminders) = (new.seen.as_of(&watched.examined), std::mem::take(&mut watched.reminders));
        *watched = Watched { examined, reminders, ..new };
        self.examine(watched).await;
    }

    async fn look(&self, watched: &mut Watched, endpoint: &Endpoint) {
        let stamps = watched.seen.again();
        let (settled, changed) = (stamps == watched.seen, stamps != watched.examined);
        watched.seen = stamps;
        let until = self.findings.borrow().until;
        if changed && settled {
            tracing::info!("files of certificates have changed and are read again");
            watched.examined = watched.seen.clone();
            self.examine(watched).await;
            endpoint.refresh();
        } else if until.is_some_and(|until| until <= self.clock.now()) {
            let before = self.findings.borrow().clone();
            self.examine(watched).await;
            // What is valid only now can be used now. What has run out the endpoint sees by itself.
            if *before != **self.findings.borrow() {
                endpoint.refresh();
            }
        }
        self.remind(watched);
    }

    async fn examine(&self, watched: &mut Watched) {
        let (inventory, files, now) = (watched.inventory.clone(), watched.files.clone(), self.clock.now());
        // Lists may be long.
        let examined = tokio::task::spawn_blocking(move || inventory.examine(&files, now)).await;
        let Ok(findings) = examined else { return tracing::error!("certificates could not be examined") };
        let before = self.findings.send_replace(Arc::new(findings));
        tell(&before, &self.findings.borrow());
        self.remind(watched);
    }

    fn remind(&self, watched: &mut Watched) {
        let lines = watched.reminders.due(&watched.inventory.rules, &self.findings.borrow().expiries, self.clock.now());
        lines.iter().for_each(|line| tracing::warn!("{line}"));
    }
}

/// The profiles of the newest commit.
fn inventory(store: &Store) -> Arc<Inventory> {
    Arc::new(Inventory::read(store.schema(), &store.newest().tree))
}

/// What is looked at.
#[derive(Debug)]
struct Watched {
    inventory: Arc<Inventory>,
    files: Files,
    /// The files as they were when they were read.
    examined: Stamps,
    /// And at the last look.
    seen: Stamps,
    reminders: Reminders,
}

impl Watched {
    fn new(inventory: Arc<Inventory>, Settings { files, others }: &Settings) -> Self {
        let seen = Stamps::of(inventory.paths(files).chain(others.iter().cloned()));
        Self { inventory, files: files.clone(), examined: seen.clone(), seen, reminders: Reminders::default() }
    }

    fn tell_idle(&self, told: &[String]) {
        self.inventory.idle.iter().filter(|line| !told.contains(line)).for_each(|line| tracing::warn!("{line}"));
    }
}

/// One line for each thing that has changed.
fn tell(before: &Findings, now: &Findings) {
    tell_kind(&before.authorities, &now.authorities);
    tell_kind(&before.certificates, &now.certificates);
    tell_kind(&before.servers, &now.servers);
    tell_kind(&before.clients, &now.clients);
}

fn tell_kind(before: &BTreeMap<String, Found>, now: &BTreeMap<String, Found>) {
    for (name, found) in now {
        let before = before.get(name);
        if before.map(|before| &before.detail) == Some(&found.detail) {
            continue;
        }
        match &found.detail {
            Some(_) if found.admin_down => {}
            Some(detail) if found.up => tracing::warn!("{}: {detail}; it is used without", found.path),
            Some(detail) => tracing::warn!("{} cannot be used: {detail}", found.path),
            None if before.is_some_and(|before| !before.admin_down) => {
                tracing::info!("{} can be used again", found.path);
            }
            None => {}
        }
    }
}
