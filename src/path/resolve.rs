//! From a [`RawPath`] to a [`Pattern`] or [`DataPath`]: names looked up, wildcards expanded, keys judged.

use std::sync::Arc;

use super::{DataPath, KeyMatch, Pattern, PatternStep, RawElem, RawPath, Step};
use crate::schema::{Input, Module, NodeId, Rule, Schema};
use crate::value::Value;

/// The origin under which a Get finds what describes the models.
pub const SCHEMAS_ORIGIN: &str = "gnmi.schemas";

/// Why a path means nothing in this schema. Each names the path and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No such node (PATH-030).
    #[error("{path} - Unknown element")]
    UnknownElement {
        /// The path as far as the unknown element.
        path: String,
    },
    /// The node belongs to a model that is switched off (CAP-007).
    #[error("{path} - Unknown element - disabled by configuration")]
    Disabled {
        /// The path.
        path: String,
    },
    /// An origin that names no model here (PATH-038).
    #[error("{path} - Unknown origin '{origin}'")]
    UnknownOrigin {
        /// The path.
        path: String,
        /// The origin.
        origin: String,
    },
    /// The origin of descriptions of the models, which only Get reads (ENC-048).
    #[error("{path} - Origin '{SCHEMAS_ORIGIN}' holds no data, only Get reads it")]
    SchemasOrigin {
        /// The path.
        path: String,
    },
    /// The origin of a command line (EXT-037).
    #[error(
        "{path} - Origin '{origin}' is not supported, data is addressed by paths of the origins nokia and openconfig"
    )]
    CliOrigin {
        /// The path.
        path: String,
        /// The origin.
        origin: String,
    },
    /// An empty name in the middle (PATH-021).
    #[error("{path} - Empty path element, '//' is not supported")]
    EmptyName {
        /// The path.
        path: String,
    },
    /// Keys on something that is not a list (PATH-031).
    #[error("{path} - Element '{element}' is not a list and takes no keys")]
    KeysOnNonList {
        /// The path.
        path: String,
        /// The element.
        element: String,
    },
    /// A key the list does not have (PATH-031).
    #[error("{path} - Unknown key '{key}', the list has {expected}")]
    UnknownKey {
        /// The path.
        path: String,
        /// The key given.
        key: String,
        /// The keys there are.
        expected: String,
    },
    /// A key given twice.
    #[error("{path} - Key '{key}' is given twice")]
    DuplicateKey {
        /// The path.
        path: String,
        /// The key.
        key: String,
    },
    /// A key value its type refuses (PATH-031).
    #[error("{path} - Invalid value '{value}' for key '{key}': {reason}")]
    KeyValue {
        /// The path.
        path: String,
        /// The key.
        key: String,
        /// The text given.
        value: String,
        /// The rule it breaks.
        reason: String,
    },
    /// Fixed and wildcard keys in one element, or some keys left out (PATH-022, PATH-024).
    #[error("{path} - Keys of '{element}' must be all fixed or all '*', but '{open}' is open")]
    MixedKeys {
        /// The path.
        path: String,
        /// The element.
        element: String,
        /// The first key that is not fixed.
        open: String,
    },
    /// `*` or `...` as a name where the release profile has none (PATH-020).
    #[error("{path} - Wildcard '{element}' as an element name is not supported")]
    NameWildcard {
        /// The path.
        path: String,
        /// The wildcard.
        element: String,
    },
    /// A wildcard in an update or replace (SET-016).
    #[error("{path} - Wildcards are not allowed in update and replace")]
    WildcardInWrite {
        /// The path.
        path: String,
    },
    /// An update or replace below a list whose keys are missing, or missing in part (SET-016, SET-023).
    #[error("{path} - Key '{key}' of '{element}' is missing")]
    MissingKey {
        /// The path.
        path: String,
        /// The element.
        element: String,
        /// The first key missing.
        key: String,
    },
}

/// Which families of models can be addressed (`/configure/system/management-interface/yang-modules`, CAP-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// The Nokia models.
    pub nokia: bool,
    /// The OpenConfig models.
    pub openconfig: bool,
}

impl Views {
    /// Everything that is loaded.
    pub const ALL: Self = Self { nokia: true, openconfig: true };

    /// Whether a top-level node can be addressed. Models of neither family always can.
    pub fn shows(self, schema: &Schema, root: NodeId) -> bool {
        self.shows_module(schema.module(schema.node(root).module))
    }

    /// Whether a module can be addressed, and so is worth naming to a client.
    pub fn shows_module(self, module: &Module) -> bool {
        match Family::of(module) {
            Family::Nokia => self.nokia,
            Family::OpenConfig => self.openconfig,
            Family::Other => true,
        }
    }
}

#[derive(PartialEq)]
enum Family {
    Nokia,
    OpenConfig,
    Other,
}

impl Family {
    /// Not every OpenConfig module has its namespace below openconfig.net, but all of them have the name.
    fn of(module: &Module) -> Self {
        if module.namespace.starts_with("urn:nokia.com:") {
            Self::Nokia
        } else if module.name.starts_with("openconfig-") || module.namespace.starts_with("http://openconfig.net/") {
            Self::OpenConfig
        } else {
            Self::Other
        }
    }
}

/// Resolves paths against one schema.
#[derive(Clone, Copy, Debug)]
pub struct Resolver<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// What can be addressed.
    pub views: Views,
    /// Whether `*` and `...` may stand for names (C-11).
    pub name_wildcards: bool,
}

/// How keys may be left open.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// All fixed or all open.
    Read,
    /// Any mixture (C-10).
    Delete,
    /// Fixed, except on the last element, which may name the whole list (C-63).
    Write,
}

impl Resolver<'_> {
    /// The selection a Get, Subscribe or sensor path asks for: one pattern per schema node the name wildcards expand to.
    pub fn read(&self, raw: &RawPath) -> Result<Vec<Pattern>, PathError> {
        Walk { resolver: self, raw, keys: Keys::Read }.run().map(|found| found.into_iter().map(Pattern::new).collect())
    }

    /// The selection a delete names (SET-015).
    pub fn delete(&self, raw: &RawPath) -> Result<Vec<Pattern>, PathError> {
        Walk { resolver: self, raw, keys: Keys::Delete }
            .run()
            .map(|found| found.into_iter().map(Pattern::new).collect())
    }

    /// The top-level nodes that the path's origin leaves and that are shown: what the root means with this origin
    /// (SET-043).
    pub fn roots(&self, raw: &RawPath) -> Result<Vec<NodeId>, PathError> {
        let walk = Walk { resolver: self, raw, keys: Keys::Read };
        walk.roots().map(|roots| roots.into_iter().filter(|&root| walk.shown(root)).collect())
    }

    /// The one place an update or replace names; a list without keys as last element is the list as a whole.
    pub fn write(&self, raw: &RawPath) -> Result<DataPath, PathError> {
        let open = |elem: &RawElem| matches!(&*elem.name, "*" | "...") || elem.keys.iter().any(|(_, text)| text == "*");
        if raw.elems.iter().any(open) {
            return Err(PathError::WildcardInWrite { path: raw.to_string() });
        }
        let found = Walk { resolver: self, raw, keys: Keys::Write }.run()?;
        let steps = found.into_iter().next().unwrap_or_default();
        let last = steps.len().saturating_sub(1);
        let steps = steps.into_iter().enumerate().map(|(position, step)| match step.keys {
            KeyMatch::NotList => Ok(Step { node: step.node, key: None }),
            KeyMatch::Exact(key) => Ok(Step { node: step.node, key: Some(key) }),
            KeyMatch::All if position == last => Ok(Step { node: step.node, key: None }),
            KeyMatch::All | KeyMatch::Partial(_) => {
                let node = self.schema.node(step.node);
                let key = node.keys().first().map_or(String::new(), |&key| self.schema.node(key).name.to_string());
                Err(PathError::MissingKey { path: raw.to_string(), element: node.name.to_string(), key })
            }
        });
        steps.collect::<Result<Vec<_>, _>>().map(DataPath::new)
    }
}

/// A partial answer while walking down: the steps so far.
type Trail = Vec<PatternStep>;

struct Walk<'a> {
    resolver: &'a Resolver<'a>,
    raw: &'a RawPath,
    keys: Keys,
}

impl Walk<'_> {
    fn run(&self) -> Result<Vec<Trail>, PathError> {
        let elems = match &*self.raw.elems {
            // A single empty name is how some clients write the root (PATH-013).
            [only] if only.name.is_empty() && only.keys.is_empty() => &[],
            elems => elems,
        };
        let roots = self.roots()?;
        let mut trails = vec![Trail::new()];
        let mut deep = false;
        for (position, elem) in elems.iter().enumerate() {
            if elem.name.is_empty() {
                return Err(PathError::EmptyName { path: self.raw.to_string() });
            }
            if matches!(&*elem.name, "*" | "...") && !self.resolver.name_wildcards {
                return Err(PathError::NameWildcard { path: self.raw.to_string(), element: elem.name.clone() });
            }
            if elem.name == "..." {
                deep = true; // A trailing one adds nothing: the parent already selects all below it (PATH-014).
                continue;
            }
            let mut found = Vec::new();
            for trail in trails {
                self.step(&roots, trail, elem, deep, &mut found)?;
            }
            deep = false;
            if found.is_empty() {
                return Err(self.unknown(position, elem));
            }
            trails = found;
        }
        if self.raw.origin.is_some() && trails.iter().all(Vec::is_empty) {
            // The root of an origin is the top-level nodes it leaves (SET-043).
            let shown = roots.iter().filter(|&&root| self.shown(root));
            trails = shown.map(|&root| extended(&Trail::new(), root, self.open(root))).collect();
        }
        trails.sort();
        trails.dedup();
        Ok(trails)
    }

    /// The top-level nodes the origin leaves.
    fn roots(&self) -> Result<Vec<NodeId>, PathError> {
        let schema = self.resolver.schema;
        let all = schema.roots().iter().copied();
        let module_of = |root: NodeId| schema.module(schema.node(root).module);
        let found: Vec<_> = match self.raw.origin.as_deref() {
            None | Some("") => all.collect(),
            Some(SCHEMAS_ORIGIN) => return Err(PathError::SchemasOrigin { path: self.raw.to_string() }),
            Some(origin) if origin == "cli" || origin.ends_with("_cli") => {
                return Err(PathError::CliOrigin { path: self.raw.to_string(), origin: origin.to_owned() });
            }
            Some("openconfig") => all.filter(|&root| Family::of(module_of(root)) == Family::OpenConfig).collect(),
            Some("nokia" | "nokia-sros" | "sros" | "native") => {
                all.filter(|&root| Family::of(module_of(root)) == Family::Nokia).collect()
            }
            Some(module) => all.filter(|&root| *module_of(root).name == *module).collect(),
        };
        match &self.raw.origin {
            Some(origin) if found.is_empty() => {
                Err(PathError::UnknownOrigin { path: self.raw.to_string(), origin: origin.clone() })
            }
            _ => Ok(found),
        }
    }

    fn shown(&self, id: NodeId) -> bool {
        let schema = self.resolver.schema;
        schema.node(id).parent.is_some() || self.resolver.views.shows(schema, id)
    }

    /// All continuations of `trail` by `elem`, directly below it or, when `deep`, at any depth below it.
    fn step(
        &self,
        roots: &[NodeId],
        trail: Trail,
        elem: &RawElem,
        deep: bool,
        found: &mut Vec<Trail>,
    ) -> Result<(), PathError> {
        let schema = self.resolver.schema;
        let children = match trail.last() {
            Some(last) => &*schema.node(last.node).children,
            None => roots,
        };
        let (module, name) = match elem.name.split_once(':') {
            Some((module, name)) => (Some(module), name),
            None => (None, &*elem.name),
        };
        let named = |id: NodeId| {
            (name == "*" || schema.is_called(id, name))
                && module.is_none_or(|module| *schema.module(schema.node(id).module).name == *module)
        };
        for &child in children.iter().filter(|&&child| self.shown(child)) {
            if named(child)
                && let Some(keys) = self.keys(child, elem)?
            {
                found.push(extended(&trail, child, keys));
                if name != "*" && module.is_none() && !deep {
                    break; // The parent's own module comes first in schema order; a namesake needs its module stated.
                }
            }
        }
        if !deep {
            return Ok(());
        }
        for &child in children.iter().filter(|&&child| self.shown(child)) {
            if !schema.node(child).is_terminal() {
                self.step(roots, extended(&trail, child, self.open(child)), elem, true, found)?;
            }
        }
        Ok(())
    }

    fn open(&self, id: NodeId) -> KeyMatch {
        match &self.resolver.schema.node(id).kind {
            crate::schema::Kind::List(_) => KeyMatch::All,
            _ => KeyMatch::NotList,
        }
    }

    /// The key match an element asks for; none when a name wildcard carries keys this node does not have.
    #[expect(clippy::indexing_slicing, reason = "positions that a search in these very names and elements found")]
    fn keys(&self, id: NodeId, elem: &RawElem) -> Result<Option<KeyMatch>, PathError> {
        let schema = self.resolver.schema;
        let node = schema.node(id);
        let names = node.keys();
        if elem.keys.is_empty() {
            return Ok(Some(self.open(id)));
        }
        let wildcard = elem.name == "*";
        if names.is_empty() {
            return if wildcard { Ok(None) } else { Err(self.keys_on_non_list(elem)) };
        }
        let mut values: Vec<Option<Value>> = vec![None; names.len()];
        let mut open = names.len();
        for (key, text) in &elem.keys {
            let local = key.split_once(':').map_or(&**key, |(_, name)| name);
            let Some(position) = names.iter().position(|&name| schema.is_called(name, local)) else {
                return if wildcard { Ok(None) } else { Err(self.unknown_key(id, key)) };
            };
            if text == "*" {
                continue;
            }
            let value = self.key_value(names[position], key, text)?;
            open -= 1;
            if values[position].replace(value).is_some() {
                return Err(PathError::DuplicateKey { path: self.raw.to_string(), key: key.clone() });
            }
        }
        let fixed: Option<Vec<Value>> = values.iter().cloned().collect();
        match (fixed, self.keys) {
            (Some(fixed), _) => Ok(Some(KeyMatch::Exact(Arc::from(fixed)))),
            (None, _) if open == names.len() => Ok(Some(KeyMatch::All)),
            (None, Keys::Delete) => Ok(Some(KeyMatch::Partial(values.into()))),
            (None, keys) => {
                let (path, element) = (self.raw.to_string(), elem.name.clone());
                let open = values.iter().position(Option::is_none).and_then(|open| names.get(open));
                let key = open.map_or_else(String::new, |&open| schema.node(open).name.to_string());
                Err(match keys {
                    Keys::Read => PathError::MixedKeys { path, element, open: key },
                    _ => PathError::MissingKey { path, element, key },
                })
            }
        }
    }

    fn key_value(&self, leaf: NodeId, key: &str, text: &str) -> Result<Value, PathError> {
        let schema = self.resolver.schema;
        let node = schema.node(leaf);
        let invalid = |reason: String| PathError::KeyValue {
            path: self.raw.to_string(),
            key: key.to_owned(),
            value: text.to_owned(),
            reason,
        };
        let ty = node.ty().ok_or_else(|| invalid("not a leaf".to_owned()))?;
        ty.accept(Input::Text(text), Rule::Text, &schema.module(node.module).name)
            .map_err(|error| invalid(error.to_string()))
    }

    fn keys_on_non_list(&self, elem: &RawElem) -> PathError {
        PathError::KeysOnNonList { path: self.raw.to_string(), element: elem.name.clone() }
    }

    fn unknown_key(&self, list: NodeId, key: &str) -> PathError {
        let schema = self.resolver.schema;
        let names: Vec<_> = schema.node(list).keys().iter().map(|&id| &*schema.node(id).name).collect();
        PathError::UnknownKey { path: self.raw.to_string(), key: key.to_owned(), expected: names.join(", ") }
    }

    #[expect(clippy::indexing_slicing, reason = "positions that a search in these very names and elements found")]
    fn unknown(&self, position: usize, elem: &RawElem) -> PathError {
        let path = RawPath { origin: None, elems: self.raw.elems[..=position].to_vec() }.to_string();
        let schema = self.resolver.schema;
        let name = elem.name.rsplit(':').next().unwrap_or_default();
        let hidden = position == 0 && schema.named(None, name).iter().any(|&id| !self.shown(id));
        if hidden { PathError::Disabled { path } } else { PathError::UnknownElement { path } }
    }
}

fn extended(trail: &Trail, node: NodeId, keys: KeyMatch) -> Trail {
    trail.iter().cloned().chain([PatternStep { node, keys }]).collect()
}
