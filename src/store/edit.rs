//! Edits of configuration, applied to a candidate tree.
//!
//! Invariant: an edit touches `config true` nodes only; state below the same nodes stays. Values come in canonical, so
//! the only failures left are about what may be edited at all. Defaults, versions and constraints come later
//! ([`super::settle`], [`super::validate`]).

use super::select::instances;
use super::tree::{Branch, Child, Leaf, Tree};
use crate::path::{DataPath, ListKey, Pattern, Step};
use crate::schema::{Kind, NodeId, Schema};
use crate::time::Timestamp;
use crate::value::Value;

/// One operation of a Set, in gNMI's three kinds (gnmi-spec 3.4).
#[derive(Clone, Debug)]
pub enum Edit {
    /// Takes out everything selected; nothing selected is fine (SET-013).
    Delete(Vec<Pattern>),
    /// Makes the place hold just this (SET-019, SET-020).
    Replace(DataPath, Content),
    /// Merges this into the place (SET-017).
    Update(DataPath, Content),
}

/// What an edit puts somewhere. Nodes are children of the node the content is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// For a leaf; for a leaf-list a [`Value::List`].
    Leaf(Value),
    /// For a container or a list entry.
    Branch(Vec<(NodeId, Content)>),
    /// For a list as a whole: its entries by key. The key leaves need not be in the content.
    List(Vec<(ListKey, Vec<(NodeId, Content)>)>),
}

/// Why an edit cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The node is `config false` (SET-025).
    #[error("{path} - Element is not configurable")]
    NotConfigurable {
        /// Its path.
        path: String,
    },
    /// The key of an existing entry cannot go alone (SET-047).
    #[error("{path} - Key of an existing list entry cannot be deleted")]
    KeyDelete {
        /// Its path.
        path: String,
    },
}

impl EditError {
    /// The place, as text.
    pub fn path(&self) -> &str {
        match self {
            Self::NotConfigurable { path } | Self::KeyDelete { path } => path,
        }
    }
}

/// Applies one edit to the candidate.
pub(super) fn apply(tree: &mut Tree, schema: &Schema, edit: &Edit, time: Timestamp) -> Result<(), EditError> {
    match edit {
        Edit::Delete(patterns) => patterns.iter().try_for_each(|pattern| delete(tree, schema, pattern, time)),
        Edit::Replace(path, content) => put(tree, schema, path, content, Editor { schema, time, replace: true }),
        Edit::Update(path, content) => put(tree, schema, path, content, Editor { schema, time, replace: false }),
    }
}

fn delete(tree: &mut Tree, schema: &Schema, pattern: &Pattern, time: Timestamp) -> Result<(), EditError> {
    if let Some(node) = pattern.node().map(|id| schema.node(id)) {
        if !node.config {
            return Err(EditError::NotConfigurable { path: pattern.display(schema).to_string() });
        }
        if matches!(&node.kind, Kind::Leaf(leaf) if leaf.is_key) {
            return Err(EditError::KeyDelete { path: pattern.display(schema).to_string() });
        }
    }
    let mut places = Vec::new();
    instances(tree, pattern, &mut |at, _| places.push(DataPath::new(at)));
    for place in &places {
        remove_place(tree, schema, place, time);
    }
    Ok(())
}

/// Removes the configuration at a place and leaves the state there (an OpenConfig list holds both).
#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
pub(super) fn remove_place(tree: &mut Tree, schema: &Schema, place: &DataPath, time: Timestamp) {
    let editor = Editor { schema, time, replace: true };
    let Some((last, above)) = place.steps().split_last() else {
        return editor.branch(tree.root_mut(), None, &[]);
    };
    if !schema.is_mixed(last.node) {
        tree.remove(schema, place);
    } else if tree.exists(place) {
        let at = tree.branch_mut(schema, above, time);
        match &last.key {
            Some(key) => editor.clear_entry(at, last.node, key),
            None => editor.clear(at, last.node),
        }
    }
    for length in (1..place.steps().len()).rev() {
        remove_if_hollow(tree, schema, &DataPath::new(&place.steps()[..length]));
    }
}

/// Removes a place that no longer says anything: an empty non-presence container, or a mixed list entry that holds only
/// its keys and so is neither configured nor there. Returns the highest place that went with it.
pub(super) fn remove_if_hollow(tree: &mut Tree, schema: &Schema, place: &DataPath) -> Option<DataPath> {
    let (step, branch) = (place.steps().last()?, tree.branch(place.steps())?);
    let is_key = |child: &Child| matches!(&schema.node(child.node()).kind, Kind::Leaf(leaf) if leaf.is_key);
    let hollow = match schema.node(step.node).kind {
        Kind::Container { presence } => !presence && branch.is_empty(),
        _ => schema.is_mixed(step.node) && branch.children().iter().all(is_key),
    };
    if hollow { tree.remove(schema, place) } else { None }
}

#[expect(clippy::indexing_slicing, reason = "a length of these very steps")]
fn put(
    tree: &mut Tree,
    schema: &Schema,
    path: &DataPath,
    content: &Content,
    editor: Editor<'_>,
) -> Result<(), EditError> {
    let Some((last, above)) = path.steps().split_last() else {
        if let Content::Branch(children) = content {
            editor.branch(tree.root_mut(), None, children);
        }
        return Ok(());
    };
    if !schema.node(last.node).config {
        return Err(EditError::NotConfigurable { path: path.display(schema).to_string() });
    }
    // Entering a case anywhere on the way ends the other cases there (SET-048).
    let mut at = tree.root_mut();
    for step in above {
        editor.leave_other_cases(at, step.node);
        at = editor.down(at, step);
    }
    match (&last.key, content) {
        (Some(_), Content::Branch(children)) => {
            editor.leave_other_cases(at, last.node);
            let entry = editor.down(at, last);
            editor.branch(entry, Some(last.node), children);
        }
        _ => editor.child(at, last.node, content),
    }
    // An empty content leaves nothing on its way, except the entry it is for.
    for length in (1..path.steps().len()).rev() {
        remove_if_hollow(tree, schema, &DataPath::new(&path.steps()[..length]));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Editor<'a> {
    schema: &'a Schema,
    time: Timestamp,
    replace: bool,
}

impl Editor<'_> {
    fn down<'b>(self, at: &'b mut Branch, step: &Step) -> &'b mut Branch {
        match (&self.schema.node(step.node).kind, &step.key) {
            (Kind::List(list), Some(key)) => {
                at.list_mut(step.node, list.user_ordered).entry_mut(key, &list.keys, self.time)
            }
            _ => at.container_mut(step.node),
        }
    }

    /// Makes a branch hold `children`, and nothing else when replacing.
    fn branch(self, at: &mut Branch, of: Option<NodeId>, children: &[(NodeId, Content)]) {
        if self.replace {
            let keys = of.map_or(&[][..], |of| self.schema.node(of).keys());
            let unnamed: Vec<NodeId> = at
                .children()
                .iter()
                .map(Child::node)
                .filter(|node| !keys.contains(node) && !children.iter().any(|(named, _)| named == node))
                .collect();
            for node in unnamed {
                self.clear(at, node);
            }
        }
        for (node, content) in children {
            self.child(at, *node, content);
        }
    }

    fn child(self, at: &mut Branch, node: NodeId, content: &Content) {
        self.leave_other_cases(at, node);
        match content {
            Content::Leaf(value) => {
                let value = if self.replace { value.clone() } else { self.with_members(at, node, value) };
                at.put_leaf(node, Leaf::new(value, self.time));
            }
            Content::Branch(children) => {
                let inner = at.container_mut(node);
                self.branch(inner, Some(node), children);
                let presence = matches!(self.schema.node(node).kind, Kind::Container { presence: true });
                if inner.is_empty() && !presence {
                    at.remove(node);
                }
            }
            Content::List(entries) => self.list(at, node, entries),
        }
    }

    /// An update of a leaf-list adds to the members there are (SET-046).
    fn with_members(self, at: &Branch, node: NodeId, value: &Value) -> Value {
        let present = at.leaf(node).filter(|leaf| !leaf.is_default()).map(|leaf| &leaf.value);
        match (present, value) {
            (Some(Value::List(present)), Value::List(added)) => {
                let new = added.iter().filter(|member| !present.contains(member));
                Value::List(present.iter().chain(new).cloned().collect())
            }
            _ => value.clone(),
        }
    }

    fn list(self, at: &mut Branch, node: NodeId, entries: &[(ListKey, Vec<(NodeId, Content)>)]) {
        let Kind::List(info) = &self.schema.node(node).kind else { return };
        if self.replace {
            let gone: Vec<ListKey> = at
                .list(node)
                .into_iter()
                .flat_map(|list| list.iter())
                .map(|(key, _)| key.clone())
                // A user-ordered list is rebuilt, which is how a replace reorders it.
                .filter(|key| info.user_ordered || !entries.iter().any(|(named, _)| named == key))
                .collect();
            for key in gone {
                self.clear_entry(at, node, &key);
            }
        }
        if entries.is_empty() {
            return;
        }
        let list = at.list_mut(node, info.user_ordered);
        for (key, children) in entries {
            self.branch(list.entry_mut(key, &info.keys, self.time), Some(node), children);
        }
    }

    /// Removes the configuration at one child.
    fn clear(self, at: &mut Branch, node: NodeId) {
        let schema_node = self.schema.node(node);
        if !schema_node.config {
            return;
        }
        if !self.schema.is_mixed(node) {
            at.remove(node);
            return;
        }
        match at.child(node) {
            Some(Child::Container(..)) => {
                let inner = at.container_mut(node);
                self.branch(inner, Some(node), &[]);
                if inner.is_empty() {
                    at.remove(node);
                }
            }
            Some(Child::List(_, list)) => {
                let keys: Vec<ListKey> = list.iter().map(|(key, _)| key.clone()).collect();
                for key in keys {
                    self.clear_entry(at, node, &key);
                }
            }
            Some(Child::Leaf(..)) | None => {}
        }
    }

    fn clear_entry(self, at: &mut Branch, node: NodeId, key: &ListKey) {
        let Kind::List(info) = &self.schema.node(node).kind else { return };
        let list = at.list_mut(node, info.user_ordered);
        let keep = self.schema.is_mixed(node)
            && list.get_mut(key).is_some_and(|entry| {
                Self { replace: true, ..self }.branch(entry, Some(node), &[]);
                entry.children().len() > info.keys.len()
            });
        if !keep {
            list.remove(key);
        }
        if list.is_empty() {
            at.remove(node);
        }
    }

    fn leave_other_cases(self, at: &mut Branch, node: NodeId) {
        let cases = &self.schema.node(node).cases;
        if cases.is_empty() {
            return;
        }
        at.retain(|child| {
            self.schema
                .node(child.node())
                .cases
                .iter()
                .all(|theirs| !cases.iter().any(|ours| ours.choice == theirs.choice && ours.case != theirs.case))
        });
    }
}
