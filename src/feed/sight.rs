//! What of a subscription its reader may see.
//!
//! Invariant: rights are those of the newest configuration, and are asked for once for each configuration, not with each
//! message (AUTH-033). A subscription below which all may be read pays nothing.

use std::fmt::Debug;
use std::sync::Arc;

use crate::path::{Access, AccessRules, Step};
use crate::schema::{NodeId, Schema};
use crate::store::{Commit, ConfigChange, Leaf, Tree};
use crate::telemetry::{Plan, Sink};
use crate::time::Timestamp;

/// Somebody who reads.
pub trait Reader: Debug + Send {
    /// What limits the reading, as a tree says; none where nothing does.
    fn limits(&self, tree: &Tree) -> Option<Arc<AccessRules>>;
}

/// A reader with the limits that hold at present.
#[derive(Debug)]
pub(super) struct Sight {
    reader: Box<dyn Reader>,
    plan: Arc<Plan>,
    /// The configuration that the limits come from.
    configurations: Option<u64>,
    limits: Option<Arc<AccessRules>>,
}

impl Sight {
    pub(super) fn new(reader: Box<dyn Reader>, plan: Arc<Plan>) -> Self {
        Self { reader, plan, configurations: None, limits: None }
    }

    /// What to look through; none where it would hide nothing of the plan.
    pub(super) fn screen<'a>(&'a mut self, newest: &Commit, schema: &'a Schema) -> Option<Screen<'a>> {
        if self.configurations != Some(newest.configurations) {
            self.configurations = Some(newest.configurations);
            self.limits = self.reader.limits(&newest.tree).filter(|limits| hides(limits, &self.plan));
        }
        self.limits.as_deref().map(|rules| Screen { rules, schema })
    }
}

fn hides(limits: &AccessRules, plan: &Plan) -> bool {
    let open = |access: Option<Access>| access.is_some_and(|access| access >= Access::Read);
    plan.paths.iter().flat_map(|path| &path.patterns).any(|pattern| !open(limits.uniform(pattern.node())))
}

/// Lets through what may be read.
#[derive(Clone, Copy)]
pub(super) struct Screen<'a> {
    rules: &'a AccessRules,
    schema: &'a Schema,
}

/// A sink behind a screen.
pub(super) struct Screened<'a, 's, S> {
    screen: Screen<'a>,
    sink: &'s mut S,
}

impl<'a, 's, S> Screened<'a, 's, S> {
    pub(super) fn new(screen: Screen<'a>, sink: &'s mut S) -> Self {
        Self { screen, sink }
    }
}

impl<S: Sink> Sink for Screened<'_, '_, S> {
    fn leaf(&mut self, at: &[Step], node: NodeId, leaf: &Leaf, time: Timestamp, duplicates: u32) {
        if self.screen.rules.child(at, node) >= Access::Read {
            self.sink.leaf(at, node, leaf, time, duplicates);
        }
    }

    /// Nobody is told of the end of what nobody was told of.
    fn delete(&mut self, path: &[Step], time: Timestamp) {
        if self.screen.rules.may_hold(self.screen.schema, path, Access::Read) {
            self.sink.delete(path, time);
        }
    }

    fn sync(&mut self) {
        self.sink.sync();
    }

    fn flush(&mut self) {
        self.sink.flush();
    }

    fn commit_done(&mut self, commit: &ConfigChange) {
        self.sink.commit_done(commit);
    }

    fn waiting(&self) -> usize {
        self.sink.waiting()
    }
}
