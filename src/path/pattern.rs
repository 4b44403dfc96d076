//! A selection of places in the data tree.

use std::fmt;

use super::raw::write_key;
use super::{DataPath, ListKey, Step};
use crate::schema::{NodeId, Schema};
use crate::value::Value;

/// Which entries of a list a step selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyMatch {
    /// The step is not a list, or means the list as a whole.
    NotList,
    /// Every entry (`*`, or keys left out: PATH-011).
    All,
    /// One entry.
    Exact(ListKey),
    /// Entries that agree in the given keys; only deletes may ask this (C-10, SET-015).
    Partial(Box<[Option<Value>]>),
}

impl KeyMatch {
    /// Whether an entry with this key is selected.
    pub fn matches(&self, key: Option<&ListKey>) -> bool {
        match (self, key) {
            (Self::NotList | Self::All, _) => true,
            (Self::Exact(wanted), Some(key)) => wanted == key,
            (Self::Partial(wanted), Some(key)) => {
                wanted.iter().zip(key.iter()).all(|(wanted, key)| wanted.as_ref().is_none_or(|wanted| wanted == key))
            }
            (Self::Exact(_) | Self::Partial(_), None) => false,
        }
    }
}

/// One step of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternStep {
    /// The schema node.
    pub node: NodeId,
    /// Which entries of it.
    pub keys: KeyMatch,
}

impl PatternStep {
    /// The step as it is written: without a key where that is open.
    pub fn as_written(&self) -> Step {
        let key = match &self.keys {
            KeyMatch::Exact(key) => Some(key.clone()),
            KeyMatch::NotList | KeyMatch::All | KeyMatch::Partial(_) => None,
        };
        Step { node: self.node, key }
    }
}

/// A path with name wildcards already expanded against the schema (PATH-026); key wildcards stay live, so that later
/// entries match (C-62). It selects the places its steps lead to and everything below them. No steps: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    steps: Box<[PatternStep]>,
}

impl Pattern {
    /// A pattern from its steps, top-level node first.
    pub fn new(steps: impl Into<Box<[PatternStep]>>) -> Self {
        Self { steps: steps.into() }
    }

    /// The pattern that selects just this place and what is below it.
    pub fn exactly(path: &DataPath, schema: &Schema) -> Self {
        let keys = |step: &Step| match (&step.key, schema.node(step.node).keys()) {
            (Some(key), _) => KeyMatch::Exact(key.clone()),
            (None, []) => KeyMatch::NotList,
            (None, _) => KeyMatch::All,
        };
        Self { steps: path.steps().iter().map(|step| PatternStep { node: step.node, keys: keys(step) }).collect() }
    }

    /// Its steps.
    pub fn steps(&self) -> &[PatternStep] {
        &self.steps
    }

    /// The schema node it ends at; none selects the root.
    pub fn node(&self) -> Option<NodeId> {
        self.steps.last().map(|step| step.node)
    }

    /// The place it names when no wildcard is left in it. A keyless list as last step counts as a wildcard.
    pub fn as_data_path(&self) -> Option<DataPath> {
        self.steps
            .iter()
            .map(|step| match &step.keys {
                KeyMatch::NotList => Some(Step { node: step.node, key: None }),
                KeyMatch::Exact(key) => Some(Step { node: step.node, key: Some(key.clone()) }),
                KeyMatch::All | KeyMatch::Partial(_) => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(DataPath::new)
    }

    /// Whether the place lies at or below a selected place.
    pub fn covers(&self, path: &[Step]) -> bool {
        path.len() >= self.steps.len() && self.agrees(path)
    }

    /// Whether pattern and path agree as far as the shorter of them goes: then one may contain the other.
    pub fn agrees(&self, path: &[Step]) -> bool {
        self.steps.iter().zip(path).all(|(pattern, step)| {
            pattern.node == step.node && (step.key.is_none() || pattern.keys.matches(step.key.as_ref()))
        })
    }

    /// What of this pattern lies at or below one place; none when they have nothing in common.
    pub fn narrowed(&self, place: &[Step]) -> Option<Self> {
        if !self.agrees(place) {
            return None;
        }
        let fixed = place.iter().enumerate().map(|(position, step)| {
            let keys = match (&step.key, self.steps.get(position)) {
                (Some(key), _) => KeyMatch::Exact(key.clone()),
                (None, Some(ours)) => ours.keys.clone(),
                (None, None) => KeyMatch::NotList,
            };
            PatternStep { node: step.node, keys }
        });
        Some(Self { steps: fixed.chain(self.steps.iter().skip(place.len()).cloned()).collect() })
    }

    /// For people and errors; wildcards as `*`.
    pub fn display<'a>(&'a self, schema: &'a Schema) -> impl fmt::Display + 'a {
        DisplayPattern { pattern: self, schema }
    }
}

struct DisplayPattern<'a> {
    pattern: &'a Pattern,
    schema: &'a Schema,
}

impl fmt::Display for DisplayPattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pattern.steps.is_empty() {
            return f.write_str("/");
        }
        for step in &self.pattern.steps {
            let node = self.schema.node(step.node);
            write!(f, "/{}", node.name)?;
            let text = |position: usize| match &step.keys {
                KeyMatch::Exact(key) => key.get(position).map(Value::key_text),
                KeyMatch::Partial(keys) => keys.get(position).and_then(Option::as_ref).map(Value::key_text),
                KeyMatch::NotList | KeyMatch::All => None,
            };
            if step.keys == KeyMatch::NotList {
                continue;
            }
            let mut keys: Vec<_> = node
                .keys()
                .iter()
                .enumerate()
                .map(|(position, &id)| (&self.schema.node(id).name, text(position)))
                .collect();
            keys.sort();
            for (name, value) in keys {
                match value {
                    Some(value) => write_key(f, name, &value)?,
                    None => write!(f, "[{name}=*]")?,
                }
            }
        }
        Ok(())
    }
}
