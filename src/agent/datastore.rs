//! The datastore of the process: schema, saved configuration, startup configuration, in this order.
//!
//! Invariant: the daemon starts with all of its configuration or not at all. Saved configuration counts first; where the
//! tables of the file have changed since they were applied last, they are applied on top as one commit (the file wins
//! where it speaks).

use std::sync::Arc;

use crate::aaa::{self, SetGuard, Users};
use crate::config::{Config, ModelTables, edits, edits_upon};
use crate::schema::load;
use crate::store::{
    Author, Committed, ConfigWriter, Interface, Journal, Record, Store, Tree, Unconfirmed, Validator, prepare,
};
use crate::time::Clock;

use super::{Models, StartError};

/// Store and writer, ready to serve.
#[derive(Clone, Debug)]
pub(super) struct Datastore {
    pub(super) store: Arc<Store>,
    pub(super) config: Arc<ConfigWriter>,
    pub(super) users: Users,
}

impl Datastore {
    /// Opens the datastore and applies the startup configuration.
    pub(super) fn open(config: &Config, models: &Models, clock: &Clock) -> Result<Self, StartError> {
        let schema = models.loaded.schema.clone();
        let (mut journal, mut saved) = Journal::open(&config.data_dir)?;
        if let Some(Unconfirmed { commit_id, id }) = saved.unconfirmed.take() {
            let record = Record::of_system(format!("commit '{id}' was not confirmed before a restart"), clock.now());
            saved = journal.take_back_unconfirmed(&record)?;
            tracing::warn!(commit = commit_id, %id, "commit was never confirmed, taken back");
        }
        let restored = saved.restore(&schema)?;
        let applied = saved.startup;
        let datastore = Self::with_tree(models, restored, journal, clock)?;
        if !saved.is_fresh() {
            tracing::info!(commit = saved.last_commit_id, "saved configuration loaded");
        }
        if applied != Some(config.models.fingerprint()) {
            let changes = datastore.apply(&config.models, clock)?.delta.items().len();
            tracing::info!(file = config.models.file(), changes, "startup configuration applied");
        }
        Ok(datastore)
    }

    /// Checks the file as a start would, without touching the disk.
    pub(super) fn check(config: &Config, clock: &Clock) -> Result<(), StartError> {
        let loaded = load(&config.yang)?;
        let edits = edits(&config.models, &loaded.schema)?;
        let empty = Tree::default();
        prepare(&loaded.schema, &mut Validator::new(&loaded), &empty, empty.clone(), &edits, clock.now())
            .map_err(|error| StartError::refused(error, &config.models))?;
        Ok(())
    }

    fn with_tree(models: &Models, restored: Tree, journal: Journal, clock: &Clock) -> Result<Self, StartError> {
        let (now, loaded) = (clock.now(), &models.loaded);
        let mut validator = Validator::with(models.rules.clone());
        let (tree, _) =
            prepare(&loaded.schema, &mut validator, &Tree::default(), restored, &[], now).map_err(StartError::Saved)?;
        validator.accept();
        let store = Arc::new(Store::new(loaded.schema.clone(), tree, now));
        let users = Users::new(&loaded.schema)?;
        let writer = ConfigWriter::new(store.clone(), validator, journal);
        let config = Arc::new(writer.guarded_by(Arc::new(SetGuard::new(users.clone()))));
        Ok(Self { store, config, users })
    }

    /// Applies the tables of the file as one commit and remembers that they are applied.
    pub(super) fn apply(&self, models: &ModelTables, clock: &Clock) -> Result<Committed, StartError> {
        let schema = self.store.schema();
        let mut edits = edits_upon(models, schema, &self.store.newest().tree)?;
        aaa::local::seal(schema, &mut edits);
        let Record { time, author, .. } = Record::of_system(models.file().to_owned(), clock.now());
        let author = Author { interface: Interface::File, ..author };
        self.config
            .commit_startup(&edits, &author, &models.fingerprint(), time)
            .map_err(|error| StartError::refused(error, models))
    }
}
