//! `/state/system/management-interface`: the commits that are remembered, and the disk that keeps them.

use std::sync::Arc;

use tokio::sync::watch;

use super::listing::Listing;
use crate::platform::map::{Datum, Gaps, Row, Single};
use crate::schema::Schema;
use crate::store::{COMMENT_MAX, CommitSummary, Condition, Remembered, StateBatch};

const COMMIT: &str = "nokia-state:state/system/management-interface/ganymede-state:commit-history/commit";
const STORAGE: &str = "nokia-state:state/system/management-interface/ganymede-state:configuration-storage";

/// Longest user name that the state has room for.
const USER_MAX: usize = 32;

const COMMIT_ROWS: &[Row<Arc<CommitSummary>>] = &[
    Row("time", |commit| Some(Datum::Time(commit.record.time))),
    Row("user", |commit| text(&commit.record.author.user, USER_MAX)),
    Row("session-id", |commit| {
        Some(commit.record.author.session).filter(|&id| id > 0).map(|id| Datum::Number(id.into()))
    }),
    Row("source", |commit| Some(Datum::word(commit.record.author.interface.word()))),
    Row("origin", |commit| text(&commit.record.author.source, usize::MAX)),
    Row("comment", |commit| text(commit.record.comment.as_deref()?, COMMENT_MAX)),
    Row("changes", |commit| Some(Datum::Number(commit.changes.into()))),
];

const STORAGE_ROWS: &[Row<Condition>] = &[
    Row("oper-state", |now| Some(Datum::word(if now.failing.is_some() { "down" } else { "up" }))),
    Row("oper-down-detail", |now| Some(Datum::Text((&*now.failing.as_ref()?.0).into()))),
    Row("oper-down-since", |now| Some(Datum::Time(now.failing.as_ref()?.1))),
    Row("failed-writes", |now| Some(Datum::Count(now.failures))),
];

fn text(text: &str, characters: usize) -> Option<Datum<'_>> {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(end, _)| end);
    text.get(..end).filter(|text| !text.is_empty()).map(|text| Datum::Text(text.into()))
}

/// What was last seen of the commits and their disk.
pub(super) struct Commits {
    schema: Arc<Schema>,
    commits: Listing<u64, Arc<CommitSummary>>,
    storage: Single<Condition>,
}

impl Commits {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let commits = Listing::new(&schema, COMMIT, COMMIT_ROWS, gaps);
        let storage = Single::new(&schema, STORAGE, &[], STORAGE_ROWS, gaps);
        Self { schema, commits, storage }
    }

    pub(super) fn write(
        &mut self,
        remembered: &mut watch::Receiver<Remembered>,
        condition: &mut watch::Receiver<Condition>,
        batch: &mut StateBatch,
    ) {
        if condition.has_changed().unwrap_or(false) {
            self.storage.write(&condition.borrow_and_update(), batch);
        }
        if !remembered.has_changed().unwrap_or(false) {
            return;
        }
        let remembered = remembered.borrow_and_update().clone();
        let first = remembered.first().map_or(u64::MAX, |commit| commit.commit_id);
        self.commits.keep(|id| *id >= first, batch);
        for commit in remembered.iter() {
            let keys = [Datum::Number(commit.commit_id.into())];
            self.commits.show(&self.schema, commit.commit_id, &keys, commit.clone(), batch);
        }
    }
}
