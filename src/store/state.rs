//! The door for producers of state.
//!
//! Invariant: nothing that is configuration is written through here. A batch becomes one commit, stamped with the time
//! its values were collected; a value equal to the one there is not a change.

use std::sync::Arc;

use tokio::sync::watch;

use super::commit::{Commit, Next, Origin, Store};
use super::edit::remove_if_hollow;
use super::tree::{Child, Leaf, Tree};
use crate::path::DataPath;
use crate::schema::{NodeId, Schema};
use crate::time::Timestamp;
use crate::value::Value;

/// What a producer has read, to be committed together.
#[derive(Clone, Debug, Default)]
pub struct StateBatch {
    steps: Vec<StateStep>,
}

#[derive(Clone, Debug)]
enum StateStep {
    Set { at: DataPath, leaves: Vec<(NodeId, Value)> },
    Remove { path: DataPath },
}

/// A producer tried to write what is not its to write. A fault of this program, never of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is configuration, a state producer cannot write it")]
pub struct NotState {
    /// The path.
    pub path: String,
}

impl StateBatch {
    /// A batch with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Sets leaves of one container or list entry, creating it when absent.
    pub fn set(&mut self, at: &DataPath, leaves: Vec<(NodeId, Value)>) {
        self.steps.push(StateStep::Set { at: at.clone(), leaves });
    }

    /// Removes the state at and below a place. Configuration there stays.
    pub fn remove(&mut self, path: &DataPath) {
        self.steps.push(StateStep::Remove { path: path.clone() });
    }
}

/// Writes state. Cheap to clone: one for each producer.
#[derive(Clone, Debug)]
pub struct StateWriter {
    store: Arc<Store>,
}

impl StateWriter {
    /// A writer to this store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// The schema, for producers that resolve their paths once.
    pub fn schema(&self) -> &Arc<Schema> {
        self.store.schema()
    }

    /// A view of the newest configuration, for producers whose state depends on it.
    pub fn watch_configuration(&self) -> watch::Receiver<Arc<Commit>> {
        self.store.watch_configuration()
    }

    /// Commits a batch; `collected` is the time its values were read. Returns the newest commit, which is the one
    /// before when the batch changed nothing.
    pub fn commit(&self, batch: &StateBatch, collected: Timestamp) -> Result<Arc<Commit>, NotState> {
        let schema = self.store.schema().clone();
        check(&schema, batch)?;
        Ok(self.store.publish(collected, Origin::State, |newest| {
            let mut tree = newest.clone();
            let mut places = Vec::new();
            let mut removes = false;
            for step in &batch.steps {
                match step {
                    StateStep::Set { at, leaves } => places.extend(set(&mut tree, &schema, at, leaves, collected)),
                    StateStep::Remove { path } => {
                        let before = places.len();
                        remove(&mut tree, &schema, path, &mut places);
                        removes |= places.len() > before;
                    }
                }
            }
            Next { tree, places, removes, change: None }
        }))
    }
}

fn check(schema: &Schema, batch: &StateBatch) -> Result<(), NotState> {
    for step in &batch.steps {
        if let StateStep::Set { at, leaves } = step
            && let Some((node, _)) = leaves.iter().find(|(node, _)| schema.node(*node).config)
        {
            let path = at.child(*node, None);
            return Err(NotState { path: path.display(schema).to_string() });
        }
    }
    Ok(())
}

/// Returns the place that changed, if any did.
fn set(
    tree: &mut Tree,
    schema: &Schema,
    at: &DataPath,
    leaves: &[(NodeId, Value)],
    time: Timestamp,
) -> Option<DataPath> {
    let touched = match tree.branch(at.steps()) {
        Some(present) => {
            let differs = |(node, value): &(NodeId, Value)| present.leaf(*node).is_none_or(|leaf| leaf.value != *value);
            leaves.iter().any(differs).then(|| at.clone())?
        }
        None => {
            let missing = first_missing(tree, at);
            tree.branch_mut(schema, at.steps(), time);
            missing
        }
    };
    let branch = tree.present_mut(at.steps())?;
    for (node, value) in leaves {
        let new = match branch.leaf(*node) {
            Some(old) if old.value == *value => continue,
            Some(old) => Leaf::new(value.clone(), time).following(old),
            None => Leaf::new(value.clone(), time),
        };
        branch.put_leaf(*node, new);
    }
    Some(touched)
}

/// The shortest part of a path where nothing stands, or the whole path.
#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
fn first_missing(tree: &Tree, path: &DataPath) -> DataPath {
    let steps = path.steps();
    (1..steps.len())
        .find(|&length| tree.branch(&steps[..length]).is_none())
        .map_or_else(|| path.clone(), |length| DataPath::new(&steps[..length]))
}

/// Removes the state at and below a place, and the entries above it of which this leaves only the keys.
#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
fn remove(tree: &mut Tree, schema: &Schema, path: &DataPath, touched: &mut Vec<DataPath>) {
    remove_state(tree, schema, path, touched);
    for length in (1..path.steps().len()).rev() {
        touched.extend(remove_if_hollow(tree, schema, &DataPath::new(&path.steps()[..length])));
    }
}

/// The configuration of a tree. Shares with it all branches that hold no state.
pub(super) fn without_state(schema: &Schema, tree: &Tree) -> Tree {
    let mut configuration = tree.clone();
    for child in tree.root().children() {
        remove_state(&mut configuration, schema, &DataPath::root().child(child.node(), None), &mut Vec::new());
    }
    configuration
}

fn remove_state(tree: &mut Tree, schema: &Schema, path: &DataPath, touched: &mut Vec<DataPath>) {
    let Some(step) = path.steps().last() else { return };
    if !schema.node(step.node).config {
        touched.extend(tree.remove(schema, path));
        return;
    }
    // A mixed container or entry: take out its state children, look into its mixed ones.
    let Some(branch) = tree.branch(path.steps()) else { return };
    let children: Vec<DataPath> = branch
        .children()
        .iter()
        .flat_map(|child| match child {
            Child::List(node, list) => list.iter().map(|(key, _)| path.child(*node, Some(key.clone()))).collect(),
            Child::Leaf(node, _) | Child::Container(node, _) => vec![path.child(*node, None)],
        })
        .filter(|child| child.node().is_some_and(|node| !schema.node(node).config || schema.is_mixed(node)))
        .collect();
    for child in &children {
        remove_state(tree, schema, child, touched);
    }
    touched.extend(remove_if_hollow(tree, schema, path));
}
