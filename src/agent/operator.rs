//! What the administrator of the machine does with the configuration: look at its history, go back, take it out, put it
//! in, read the file again.
//!
//! Invariant: whatever changes it is a commit like any other: voted on, journaled, remembered with its author. The author
//! is the user of the machine who asked; whoever can open the socket may do everything.

use crate::aaa;
use crate::codec::{Filter, Shape, decode_set, write_branch};
use crate::config;
use crate::control::{Answer, Change, CommitLine, Document, Format, Kind, Operator, Task};
use crate::path::{DataPath, KeyMatch, Pattern, PatternStep, Resolver, Views};
use crate::pb::gnmi as pb;
use crate::schema::{NodeId, Schema};
use crate::store::{
    Author, COMMENT_MAX, CommitError, CommitSummary, Committed, ConfigurationChange, Edit, Intent, Interface, Request,
    Tree, changes, explicit,
};
use crate::value::Value;

use super::StartError;
use super::reload::{Reloaded, Reloader};

/// What is told instead of a secret.
const HIDDEN: &str = "(hidden)";

/// Why a task is not done.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{name}: {reason}")]
    Document { name: String, reason: String },
    #[error("the comment has {0} characters, more than {COMMENT_MAX}")]
    LongComment(usize),
    #[error("{0}")]
    Config(#[from] config::ConfigError),
}

impl Operator for Reloader {
    fn answer(&self, task: Task, user: &str) -> Answer {
        self.carry_out(task, user).unwrap_or_else(|error| Answer::Refused { reason: error.to_string() })
    }
}

impl Reloader {
    fn carry_out(&self, task: Task, user: &str) -> Result<Answer, TaskError> {
        let schema = self.datastore.store.schema();
        let config = &self.datastore.config;
        Ok(match task {
            Task::Commits => {
                let commits = config.remembered().borrow().iter().map(|commit| line(commit)).collect();
                Answer::Commits { commits }
            }
            Task::Commit { id } => {
                let (before, after) = config.around(id)?;
                let remembered = config.remembered().borrow().clone();
                match remembered.iter().find(|commit| commit.commit_id == id) {
                    Some(commit) => {
                        let changes = told(schema, &changes(schema, &before, &after));
                        Answer::Commit { commit: line(commit), changes }
                    }
                    None => Answer::Refused { reason: format!("Commit {id} is not kept any more") },
                }
            }
            Task::RollBack { id, comment } => {
                self.committed(config.submit(self.request(Intent::RollBack(id), comment, user)?)?)
            }
            Task::Export { at } => {
                let tree = at.map_or_else(|| Ok(self.running()), |id| config.configuration_at(id))?;
                Answer::Configuration { json: json(schema, &tree) }
            }
            Task::Import { document, comment } => {
                let mut edits = self.edits(&document)?;
                aaa::seal(schema, &mut edits);
                self.committed(config.submit(self.request(Intent::Edit(edits), comment, user)?)?)
            }
            Task::Compare { document } => {
                let mut edits = self.edits(&document)?;
                aaa::seal(schema, &mut edits);
                let base = self.datastore.store.newest();
                let candidate = config.preview(&edits, self.clock.now())?;
                Answer::Changes { commit_id: None, changes: told(schema, &changes(schema, &base.tree, &candidate)) }
            }
            Task::Differences { from, to } => {
                let from = config.configuration_at(from)?;
                let to = to.map_or_else(|| Ok(self.running()), |id| config.configuration_at(id))?;
                Answer::Changes { commit_id: None, changes: told(schema, &changes(schema, &from, &to)) }
            }
            Task::Reload => {
                let Reloaded { changes, settings } = self.reload_anew()?;
                Answer::Reloaded { changes, settings }
            }
        })
    }

    fn running(&self) -> Tree {
        explicit(self.datastore.store.schema(), &self.datastore.store.newest().tree)
    }

    fn request(&self, intent: Intent, comment: Option<String>, user: &str) -> Result<Request, TaskError> {
        let characters = comment.as_ref().map_or(0, |comment| comment.chars().count());
        if characters > COMMENT_MAX {
            return Err(TaskError::LongComment(characters));
        }
        let source = "ganymede config".to_owned();
        let author = Author { user: user.to_owned(), source, session: 0, interface: Interface::Command };
        let request = Request::new(Vec::new(), author, self.clock.now());
        Ok(Request { intent, comment: comment.map(String::into_boxed_str), ..request })
    }

    fn committed(&self, committed: Committed) -> Answer {
        let schema = self.datastore.store.schema();
        let changes = told(schema, &committed.changes(schema));
        if !changes.is_empty() {
            tracing::info!(
                commit = committed.commit_id,
                changes = changes.len(),
                "configuration changed by an administrator"
            );
        }
        Answer::Changes { commit_id: committed.commit_id, changes }
    }

    /// The edits that make a document the configuration, or put it on top.
    fn edits(&self, document: &Document) -> Result<Vec<Edit>, TaskError> {
        let schema = self.datastore.store.schema();
        let Document { name, format, text, merge } = document;
        match format {
            Format::Toml => {
                let tables = config::parse(name, text)?.models;
                let edits = config::edits_upon(&tables, schema, &self.datastore.store.newest().tree)?;
                Ok(if *merge { edits } else { in_place(schema, edits) })
            }
            Format::Json => {
                let value = pb::typed_value::Value::JsonIetfVal(text.clone().into_bytes().into());
                let value = Some(pb::TypedValue { value: Some(value) });
                let update = vec![pb::Update { path: Some(pb::Path::default()), val: value, ..pb::Update::default() }];
                let request = match merge {
                    true => pb::SetRequest { update, ..pb::SetRequest::default() },
                    false => pb::SetRequest { replace: update, ..pb::SetRequest::default() },
                };
                let operations = decode_set(&request, &Resolver { schema, views: Views::ALL, name_wildcards: false });
                let wrong = |error: crate::codec::SetError| TaskError::Document {
                    name: name.clone(),
                    reason: error.to_string(),
                };
                Ok(operations.map_err(wrong)?.into_iter().flat_map(|operation| operation.into_edits()).collect())
            }
        }
    }
}

/// Updates of top-level nodes as replaces, and deletes of the other ones.
fn in_place(schema: &Schema, edits: Vec<Edit>) -> Vec<Edit> {
    let named: Vec<NodeId> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Update(path, _) | Edit::Replace(path, _) => path.node(),
            Edit::Delete(_) => None,
        })
        .collect();
    let others = schema.roots().iter().filter(|&&root| schema.node(root).config && !named.contains(&root));
    let keys = |root: NodeId| if schema.node(root).keys().is_empty() { KeyMatch::NotList } else { KeyMatch::All };
    let gone = others.map(|&root| Edit::Delete(vec![Pattern::new([PatternStep { node: root, keys: keys(root) }])]));
    let replaced = edits.into_iter().map(|edit| match edit {
        Edit::Update(path, content) => Edit::Replace(path, content),
        other => other,
    });
    gone.collect::<Vec<_>>().into_iter().chain(replaced).collect()
}

fn json(schema: &Schema, tree: &Tree) -> String {
    let mut out = Vec::new();
    let shape = Shape { ietf: true, filter: Filter::Config, depth: None, views: Views::ALL };
    if !write_branch(schema, None, tree.root(), &shape, &mut out) {
        return "{}".to_owned();
    }
    String::from_utf8(out).unwrap_or_default()
}

fn line(commit: &CommitSummary) -> CommitLine {
    let record = &commit.record;
    CommitLine {
        id: commit.commit_id,
        time: record.time.to_string(),
        user: record.author.user.clone(),
        interface: record.author.interface.word().to_owned(),
        origin: record.author.source.clone(),
        comment: record.comment.as_deref().map(str::to_owned),
        changes: commit.changes,
    }
}

/// Changes in words, secrets left out.
pub(super) fn told(schema: &Schema, changes: &[ConfigurationChange]) -> Vec<Change> {
    let change = |change: &ConfigurationChange| Change {
        path: change.path().display(schema).to_string(),
        kind: match change {
            ConfigurationChange::Leaf { path, old, new } => {
                let value = |value: &Option<Value>| value.as_ref().map(|value| text(schema, path, value));
                Kind::Value { old: value(old), new: value(new) }
            }
            ConfigurationChange::Created(_) => Kind::Created,
            ConfigurationChange::Removed(_) => Kind::Removed,
            ConfigurationChange::Reordered(_) => Kind::Reordered,
        },
    };
    changes.iter().map(change).collect()
}

fn text(schema: &Schema, path: &DataPath, value: &Value) -> String {
    if path.node().is_some_and(|node| schema.is_secret(node)) { HIDDEN.to_owned() } else { value.to_string() }
}
