//! The door for configuration: edits in, a durable commit out, or nothing at all.
//!
//! Invariant: a refused request is indistinguishable from none. Until the journal has the commit on disk nothing is
//! visible, and once it has, nothing can fail any more (SET-005, SET-006, law of the crash). Commits are serialised; each
//! sees the result of the one before (SET-044), and those that came while the disk was busy go there together
//! ([`super::group`]). Who commits may ask for a commit in memory only ([`Saving`]); the next one that is saved takes it
//! to the disk as well, so what is on disk is always a configuration that was voted on.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::author::Author;
use super::changes::{ConfigurationChange, changes};
use super::commit::{Commit, Next, Origin, Store, lock};
use super::confirm::{Confirmation, Held, Waiting};
use super::delta::Delta;
use super::edit::{self, Edit, EditError};
use super::group::Queue;
use super::guard::{Change, Denied, Guard, Inquiry, Verdicts};
use super::history::{Condition, Remembered, history_max};
use super::journal::{Fingerprint, Journal, JournalError, Record};
use super::recent::ConfigChange;
use super::settle::settle;
use super::state::without_state;
use super::tree::Tree;
use super::validate::{Validator, Violation};
use crate::path::DataPath;
use crate::schema::Schema;
use crate::time::Timestamp;
use crate::value::Value;

/// Whether a commit goes to the disk before it is visible.
#[derive(Clone, Debug)]
pub enum Saving {
    /// It does, and whatever was not saved before it goes along.
    Always,
    /// It does unless the configuration it leads to has `false` at this leaf (SET-051).
    UnlessOff(DataPath),
}

impl Saving {
    fn wanted(&self, candidate: &Tree) -> bool {
        match self {
            Self::Always => true,
            Self::UnlessOff(knob) => candidate.leaf(knob.steps()).is_none_or(|leaf| leaf.value != Value::Bool(false)),
        }
    }
}

/// What a commit is to make of the configuration.
#[derive(Clone, Debug)]
pub enum Intent {
    /// What these edits make of it.
    Edit(Vec<Edit>),
    /// What it was after this commit.
    RollBack(u64),
}

/// Longest comment of a commit, in characters: what the state has room for.
pub const COMMENT_MAX: usize = 512;

/// A commit that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is to do.
    pub intent: Intent,
    /// Who asks for it.
    pub author: Author,
    /// What they say of it, at most [`COMMENT_MAX`] characters.
    pub comment: Option<Box<str>>,
    /// Whether it has to be confirmed, and how.
    pub confirmation: Option<Confirmation>,
    /// Whether it goes to the disk.
    pub saving: Saving,
    /// When it is asked for.
    pub now: Timestamp,
    /// What was said to the inquiries that it led to before.
    pub verdicts: Verdicts,
}

impl Request {
    /// Edits to be saved, without a comment or a confirmation.
    pub fn new(edits: Vec<Edit>, author: Author, now: Timestamp) -> Self {
        let intent = Intent::Edit(edits);
        let (saving, verdicts) = (Saving::Always, Verdicts::new());
        Self { intent, author, comment: None, confirmation: None, saving, now, verdicts }
    }

    pub(super) fn record(&self) -> Record {
        Record { time: self.now, author: self.author.clone(), comment: self.comment.clone() }
    }
}

/// Makes the candidate that `edits` on `start` lead to, settled and voted on, and its delta to `base`. The validator then
/// waits to be told whether the candidate was accepted.
pub fn prepare(
    schema: &Schema,
    validator: &mut Validator,
    base: &Tree,
    start: Tree,
    edits: &[Edit],
    now: Timestamp,
) -> Result<(Tree, Delta), CommitError> {
    let candidate = edited(schema, start, edits, now)?;
    judge(schema, validator, base, candidate, now)
}

/// Settles a candidate and puts it to the vote.
pub(super) fn judge(
    schema: &Schema,
    validator: &mut Validator,
    base: &Tree,
    mut candidate: Tree,
    now: Timestamp,
) -> Result<(Tree, Delta), CommitError> {
    settle(schema, base, &mut candidate, now);
    let delta = validator.vote(base, &mut candidate, now).map_err(CommitError::Constraints)?;
    Ok((candidate, delta))
}

pub(super) fn edited(schema: &Schema, mut start: Tree, edits: &[Edit], now: Timestamp) -> Result<Tree, CommitError> {
    for (position, edit) in edits.iter().enumerate() {
        edit::apply(&mut start, schema, edit, now).map_err(|source| CommitError::Edit { position, source })?;
    }
    Ok(start)
}

/// Why a commit was refused. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An edit asks for what cannot be edited.
    #[error("{source}")]
    Edit {
        /// Which edit, counted from zero in the order given.
        position: usize,
        /// Why.
        source: EditError,
    },
    /// The author may not make this change.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Somebody outside has to be asked before it can be judged.
    #[error("{} changes have to be authorized first", .0.len())]
    Inquiries(Vec<Inquiry>),
    /// The configuration that would result breaks constraints (SET-029); there is at least one.
    #[error("{}", .0.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "))]
    Constraints(Vec<Violation>),
    /// The journal could not make it durable.
    #[error("configuration could not be saved: {0}")]
    Journal(#[from] JournalError),
    /// The commit to go back to is not kept (any more).
    #[error("Commit {commit_id} is not kept, {}", kept(.known))]
    NotKept {
        /// Its number.
        commit_id: u64,
        /// The oldest and the newest one that are.
        known: Option<(u64, u64)>,
    },
    /// Another commit waits for its confirmation, and until then there is no further one (EXT-012, EXT-013).
    #[error("{}", .waiting.describe(*.now))]
    Waiting {
        /// The commit that waits.
        waiting: Box<Waiting>,
        /// When this was said.
        now: Timestamp,
    },
}

impl CommitError {
    /// The place that is at fault, as text, where there is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Edit { source, .. } => Some(source.path()),
            Self::Constraints(violations) => violations.first().map(|violation| violation.path.as_str()),
            Self::Denied(_) | Self::Inquiries(_) | Self::Journal(_) | Self::NotKept { .. } | Self::Waiting { .. } => {
                None
            }
        }
    }
}

fn kept(known: &Option<(u64, u64)>) -> String {
    match known {
        None => "none is".to_owned(),
        Some((oldest, newest)) if oldest == newest => format!("only {oldest} is"),
        Some((oldest, newest)) => format!("those from {oldest} to {newest} are"),
    }
}

/// A commit that is on disk and published.
#[derive(Debug)]
pub struct Committed {
    /// The published commit; the newest one when the request changed nothing.
    pub commit: Arc<Commit>,
    /// Its number in the journal; none when the request changed nothing (SET-045) or is not saved.
    pub commit_id: Option<u64>,
    /// What it changed.
    pub delta: Delta,
    /// What it was made from.
    base: Tree,
}

impl Committed {
    /// What it changed of what was said explicitly.
    pub fn changes(&self, schema: &Schema) -> Vec<ConfigurationChange> {
        let mut after = self.base.clone();
        self.delta.graft(schema, &mut after, self.commit.time);
        changes(schema, &self.base, &after)
    }
}

/// Writes configuration. One for the process.
#[derive(Debug)]
pub struct ConfigWriter {
    pub(super) store: Arc<Store>,
    pub(super) turn: Mutex<Turn>,
    /// What waits, for those who watch its deadline. Changed by the writer whose turn it is.
    pub(super) waiting: watch::Sender<Option<Waiting>>,
    /// Commits whose turn has not come.
    pub(super) queue: Mutex<Queue>,
    /// The commits that are remembered, for those who show them.
    pub(super) remembered: watch::Sender<Remembered>,
    /// How the disk is, for those who watch it.
    pub(super) condition: watch::Sender<Condition>,
    pub(super) guard: Option<Arc<dyn Guard>>,
}

/// What only the writer whose turn it is may touch.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) validator: Validator,
    pub(super) journal: Journal,
    /// The configuration on disk, while it is not the one that runs.
    pub(super) saved: Option<Tree>,
    /// The commit that waits for its confirmation. While there is one, no other is made.
    pub(super) held: Option<Held>,
}

/// A candidate that passed the vote, on its way to the disk and to the readers.
pub(super) struct Voted {
    pub(super) base: Tree,
    pub(super) candidate: Tree,
    pub(super) delta: Delta,
    /// The client's name of the confirmed commit that this one makes or takes back.
    pub(super) confirm: Option<Arc<str>>,
}

impl ConfigWriter {
    /// A writer to this store. `validator` has to hold the configuration the store starts with.
    pub fn new(store: Arc<Store>, validator: Validator, journal: Journal) -> Self {
        let turn = Turn { validator, journal, saved: None, held: None };
        let writer = Self {
            store,
            turn: Mutex::new(turn),
            waiting: watch::Sender::default(),
            queue: Mutex::default(),
            remembered: watch::Sender::default(),
            condition: watch::Sender::default(),
            guard: None,
        };
        let now = writer.store.newest().time;
        writer.tell_journal(&lock(&writer.turn), now);
        writer
    }

    /// This writer with somebody to judge what authors may change. Without, everybody may change everything.
    pub fn guarded_by(self, guard: Arc<dyn Guard>) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// Applies all edits as one commit, on disk when this returns. Blocks for the disk, so asynchronous callers hand this to
    /// a blocking thread.
    pub fn commit(&self, edits: &[Edit], author: &Author, now: Timestamp) -> Result<Committed, CommitError> {
        self.submit(Request::new(edits.to_vec(), author.clone(), now))
    }

    /// Makes a candidate of what is asked for and puts it to the vote. The validator then waits to be told its fate.
    pub(super) fn prepare(&self, turn: &mut Turn, base: &Tree, request: &Request) -> Result<Voted, CommitError> {
        turn.refuse_while_waiting(request.now)?;
        let start = match &request.intent {
            Intent::Edit(edits) => self.permitted(base, edits, request)?,
            Intent::RollBack(commit_id) => self.rolled_back(turn, base, *commit_id, request)?,
        };
        let (candidate, delta) = judge(self.store.schema(), &mut turn.validator, base, start, request.now)?;
        let confirm = request.confirmation.as_ref().map(|confirmation| confirmation.id.clone());
        Ok(Voted { base: base.clone(), candidate, delta, confirm })
    }

    /// Shows a commit to the readers; there is none when nothing differs.
    pub(super) fn publish(&self, voted: Voted, commit_id: Option<u64>, now: Timestamp) -> Committed {
        let Voted { base, candidate, delta, confirm } = voted;
        if delta.is_empty() {
            return Committed { commit: self.store.newest(), commit_id, delta, base };
        }
        let schema = self.store.schema();
        let change = ConfigChange::new(schema, &base, &delta, (commit_id, confirm.clone()), now);
        let origin = Origin::Configuration { commit_id, confirm };
        let commit = self.store.publish(now, origin, |newest| Next {
            change: Some(change),
            ..onto(schema, &base, newest, candidate, &delta, now)
        });
        Committed { commit, commit_id, delta, base }
    }

    /// Applies the startup configuration of the file as one commit, and remembers that this version of it has been
    /// applied, so that the next start leaves later changes alone.
    pub fn commit_startup(
        &self,
        edits: &[Edit],
        author: &Author,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        let committed = self.commit(edits, author, now)?;
        // A crash between the two applies the same tables again at the next start, which changes nothing.
        let mut turn = lock(&self.turn);
        let remembered = turn.journal.set_startup(fingerprint);
        self.tell_journal(&turn, now);
        remembered?;
        Ok(committed)
    }

    /// What the edits make of a tree, as far as their author may make it. To be called by the writer whose turn it is.
    pub(super) fn permitted(&self, base: &Tree, edits: &[Edit], request: &Request) -> Result<Tree, CommitError> {
        let (schema, Request { author, verdicts, now: time, .. }) = (self.store.schema(), request);
        let mut candidate = edited(schema, base.clone(), edits, *time)?;
        if let Some(guard) = &self.guard {
            let time = *time;
            guard.judge(Change { schema, author, base, candidate: &mut candidate, edits, verdicts, time })?;
        }
        Ok(candidate)
    }
}

impl Turn {
    /// Makes a candidate part of what goes to the disk next, if that is wanted, and returns its number there.
    pub(super) fn stage(
        &mut self,
        schema: &Schema,
        record: &Record,
        voted: &Voted,
        saving: &Saving,
    ) -> Result<Option<u64>, JournalError> {
        if voted.delta.is_empty() {
            return Ok(None);
        }
        if !saving.wanted(&voted.candidate) {
            self.part_from_disk(schema, &voted.base);
            return Ok(None);
        }
        self.journal.keep(history_max(schema, &voted.candidate));
        self.save(schema, record, voted).map(Some)
    }

    /// Its own delta, or all that the disk has not got.
    fn save(&mut self, schema: &Schema, record: &Record, voted: &Voted) -> Result<u64, JournalError> {
        let waits = voted.confirm.as_deref();
        let commit_id = match &self.saved {
            None => self.journal.stage(record, schema, &voted.delta, waits)?,
            Some(saved) => {
                let all = Delta::between(schema, saved, &without_state(schema, &voted.candidate));
                self.journal.stage(record, schema, &all, waits)?
            }
        };
        if self.saved.take().is_some() {
            tracing::info!(commit = commit_id, "configuration saved, with what had not been");
        }
        Ok(commit_id)
    }

    /// From here on the configuration that runs is not the one on disk, which is still that of `base`.
    fn part_from_disk(&mut self, schema: &Schema, base: &Tree) {
        if self.saved.is_none() {
            self.saved = Some(without_state(schema, base));
            tracing::warn!("configuration changed without being saved: a restart takes it back");
        }
    }
}

/// What a candidate made from `base` becomes when it is published after `newest`. State may have moved on while it was
/// on its way to the disk; then its delta goes onto the newest tree, and where that differs is told by comparing: an
/// entry may go as a whole now that its state has gone, or stay because state has come.
pub(super) fn onto(
    schema: &Schema,
    base: &Tree,
    newest: &Tree,
    candidate: Tree,
    delta: &Delta,
    now: Timestamp,
) -> Next {
    if newest.is_same(base) {
        return Next { tree: candidate, places: delta.places(), removes: delta.removes(), change: None };
    }
    let mut tree = newest.clone();
    delta.graft(schema, &mut tree, now);
    let delta = Delta::between(schema, newest, &tree);
    Next { tree, places: delta.places(), removes: delta.removes(), change: None }
}
