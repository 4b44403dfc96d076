//! The startup configuration of the file: from TOML tables to edits.
//!
//! `[configure]` stands for `/configure` of the Nokia model, `[models.<root>]` for any other top-level node, for example
//! `[models.interfaces]`. Containers are tables, lists are arrays of tables that hold their key leaves, leaf-lists are
//! arrays, an `empty` leaf is `true`. A name may carry its module, `"openconfig-interfaces:interfaces"`.
//!
//! Invariant: an edit made here names only configuration nodes of the schema and holds only canonical values, and plain
//! passwords are hashed. Constraints are voted on by the store; [`ModelTables::line_of`] leads its answers back to lines.

use std::collections::BTreeSet;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::source::{Data, Item, Member};
use super::{ConfigError, Fault, nearest};
use crate::aaa::local;
use crate::path::{DataPath, ListKey, RawPath};
use crate::schema::{Input, Kind, NodeId, Rule, Schema, is_secret_name};
use crate::store::{Content, Edit, Fingerprint, Tree};
use crate::value::Value;

/// The tables of the file that hold YANG data.
#[derive(Clone, Debug, Default)]
pub struct ModelTables {
    pub(super) file: String,
    pub(super) configure: Vec<Member>,
    pub(super) others: Vec<Member>,
}

impl ModelTables {
    /// Whether the file holds no YANG data.
    pub fn is_empty(&self) -> bool {
        self.configure.is_empty() && self.others.is_empty()
    }

    /// Name of the file, as errors show it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A digest that is the same as long as the content is, whatever its layout. It tells whether the tables have to be
    /// applied again, which the edits cannot: a password is hashed with a new salt each time.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for members in [&self.configure, &self.others] {
            hash.update(Data::Table(members.clone()).to_string());
            hash.update([0]);
        }
        hash.finalize().into()
    }

    /// `file:line` of what the file says about a path, or of the nearest place above it; none when it says nothing.
    pub fn line_of(&self, path: &RawPath) -> Option<String> {
        let mut line = None;
        let (first, rest) = path.elems.split_first()?;
        let mut members = match bare(&first.name) {
            "configure" => {
                line = self.configure.first().map(|member| member.line);
                &self.configure
            }
            name => {
                let root = self.others.iter().find(|member| bare(&member.name) == name)?;
                line.replace(root.line);
                table(&root.item)?
            }
        };
        for elem in rest {
            let Some(member) = members.iter().find(|member| bare(&member.name) == bare(&elem.name)) else { break };
            line = Some(member.line);
            let next = match &member.item.data {
                Data::Array(entries) => entries.iter().find(|entry| has_keys(entry, &elem.keys)),
                _ => Some(&member.item),
            };
            let Some(next) = next else { break };
            line = Some(next.line.max(member.line));
            let Some(below) = table(next) else { break };
            members = below;
        }
        line.map(|line| format!("{}:{line}", self.file))
    }

    /// `/configure/system/name`, when the file says it.
    pub fn system_name(&self) -> Option<&str> {
        let system = self.configure.iter().find(|member| bare(&member.name) == "system")?;
        let name = table(&system.item)?.iter().find(|member| bare(&member.name) == "name")?;
        match &name.item.data {
            Data::Text(name) => Some(name),
            _ => None,
        }
    }

    /// Says `/configure/system/name` instead of the file.
    pub fn set_system_name(&mut self, name: &str) {
        let text = |line| Item { line, data: Data::Text(name.to_owned()) };
        let own = |line| Member { name: "name".to_owned(), line, item: text(line) };
        match self.configure.iter_mut().find(|member| bare(&member.name) == "system") {
            Some(Member { item: Item { data: Data::Table(members), .. }, line, .. }) => {
                match members.iter_mut().find(|member| bare(&member.name) == "name") {
                    Some(member) => member.item = text(member.line),
                    None => members.push(own(*line)),
                }
            }
            // Something that is no table is refused where the schema is known.
            Some(_) => {}
            None => {
                let item = Item { line: 1, data: Data::Table(vec![own(1)]) };
                self.configure.push(Member { name: "system".to_owned(), line: 1, item });
            }
        }
    }

    /// Appends the tables as TOML, plain passwords masked.
    pub(super) fn print(&self, out: &mut String) {
        let mut whole = toml::Table::new();
        if !self.configure.is_empty() {
            whole.insert("configure".to_owned(), printable(&Data::Table(self.configure.clone())));
        }
        if !self.others.is_empty() {
            whole.insert("models".to_owned(), printable(&Data::Table(self.others.clone())));
        }
        if !whole.is_empty() {
            let _ = write!(out, "\n{whole}");
        }
    }
}

/// One update for each top-level node that the tables name.
///
/// # Errors
///
/// [`ConfigError::Content`] for the first name, kind or value that does not fit the schema.
pub fn edits(tables: &ModelTables, schema: &Schema) -> Result<Vec<Edit>, ConfigError> {
    edits_upon(tables, schema, &Tree::default())
}

/// The same for a configuration that they come upon: a password that it has already keeps its hash, so that what has not
/// changed does not look changed.
///
/// # Errors
///
/// As [`edits`].
pub fn edits_upon(tables: &ModelTables, schema: &Schema, present: &Tree) -> Result<Vec<Edit>, ConfigError> {
    let walk = Walk { file: &tables.file, schema, present };
    let mut edits = Vec::new();
    if let Some(first) = tables.configure.first() {
        let root = walk.node(&DataPath::root(), "configure", first.line)?;
        let path = DataPath::root().child(root, None);
        edits.push(Edit::Update(path.clone(), Content::Branch(walk.children(&path, &tables.configure)?)));
    }
    for member in &tables.others {
        if bare(&member.name) == "configure" {
            let rule = "is written as [configure]".to_owned();
            return Err(
                walk.fault(member.line, Fault::Refused { key: "models.configure".to_owned(), value: None, rule })
            );
        }
        let root = walk.node(&DataPath::root(), &member.name, member.line)?;
        let path = DataPath::root().child(root, None);
        if let Some(content) = walk.content(&path, root, &member.item)? {
            edits.push(Edit::Update(path, content));
        }
    }
    Ok(edits)
}

struct Walk<'a> {
    file: &'a str,
    schema: &'a Schema,
    present: &'a Tree,
}

type Children = Vec<(NodeId, Content)>;

impl Walk<'_> {
    /// What the members of a table put below `at`.
    fn children(&self, at: &DataPath, members: &[Member]) -> Result<Children, ConfigError> {
        let mut children = Children::new();
        for member in members {
            let node = self.node(at, &member.name, member.line)?;
            if matches!(&self.schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key) {
                continue; // Taken with the key of the entry.
            }
            if let Some(content) = self.content(&at.child(node, None), node, &member.item)? {
                children.push((node, content));
            }
        }
        Ok(children)
    }

    /// The configuration node called `name` below `at`.
    fn node(&self, at: &DataPath, name: &str, line: usize) -> Result<NodeId, ConfigError> {
        let (module, local) = name.split_once(':').map_or((None, name), |(module, local)| (Some(module), local));
        match self.schema.child(at.node(), module, local) {
            Some(node) if self.schema.node(node).config => Ok(node),
            Some(node) => Err(self.refuse(&at.child(node, None), line, "it is state, not configuration")),
            None => {
                let known = self.schema.children(at.node()).iter().map(|&id| self.schema.node(id));
                let near = nearest(local, known.filter(|node| node.config).map(|node| &*node.name));
                let above = at.display(self.schema).to_string();
                let path = format!("{}/{name}", if above == "/" { "" } else { &above });
                Err(self.fault(line, Fault::UnknownElement { path, nearest: near.map(str::to_owned) }))
            }
        }
    }

    /// What an item puts at `path`; nothing for an `empty` leaf that is false.
    fn content(&self, path: &DataPath, node: NodeId, item: &Item) -> Result<Option<Content>, ConfigError> {
        let refuse = |rule| Err(self.refuse(path, item.line, rule));
        match (&self.schema.node(node).kind, &item.data) {
            (Kind::Container { .. }, Data::Table(members)) => Ok(Some(Content::Branch(self.children(path, members)?))),
            (Kind::Container { .. }, _) => refuse("it is a container and takes a table"),
            (Kind::List(_), Data::Array(items)) => self.entries(path, node, items).map(Some),
            (Kind::List(_), _) => refuse("it is a list and takes an array of tables, [[...]]"),
            (Kind::Leaf(_), _) => Ok(self.leaf(path, node, item)?.map(Content::Leaf)),
            (Kind::LeafList(_), Data::Array(items)) => {
                let members = items.iter().map(|item| self.value(path, node, item)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(Content::Leaf(Value::List(members.into()))))
            }
            (Kind::LeafList(_), _) => refuse("it is a leaf-list and takes an array"),
            (Kind::Any, _) => refuse("anydata and anyxml are not supported"),
        }
    }

    fn entries(&self, path: &DataPath, list: NodeId, items: &[Item]) -> Result<Content, ConfigError> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let Data::Table(members) = &item.data else {
                return Err(self.refuse(path, item.line, "each entry of a list is a table"));
            };
            let key = self.key(path, list, item.line, members)?;
            let entry = path.parent().child(list, Some(key.clone()));
            if !seen.insert(key.clone()) {
                return Err(self.refuse(&entry, item.line, "the entry is given twice"));
            }
            entries.push((key, self.children(&entry, members)?));
        }
        Ok(Content::List(entries))
    }

    fn key(&self, path: &DataPath, list: NodeId, line: usize, members: &[Member]) -> Result<ListKey, ConfigError> {
        let value = |&leaf: &NodeId| match members.iter().find(|member| self.schema.is_called(leaf, bare(&member.name)))
        {
            Some(member) => self.value(&path.child(leaf, None), leaf, &member.item),
            None => {
                let name = &self.schema.node(leaf).name;
                Err(self.refuse(path, line, &format!("an entry needs its key '{name}'")))
            }
        };
        self.schema.node(list).keys().iter().map(value).collect()
    }

    fn leaf(&self, path: &DataPath, node: NodeId, item: &Item) -> Result<Option<Value>, ConfigError> {
        match (&item.data, self.schema.node(node).ty().map(AsRef::as_ref)) {
            (Data::Bool(true), Some(crate::schema::Type::Empty)) => Ok(Some(Value::Empty)),
            (Data::Bool(false), Some(crate::schema::Type::Empty)) => Ok(None),
            (_, Some(crate::schema::Type::Empty)) => {
                Err(self.refuse(path, item.line, "it has no value and takes true"))
            }
            // A password is hashed before it meets its type, whose length is that of a hash.
            (Data::Text(plain), _) if local::is_password(self.schema, node) => {
                let present = self.present.leaf(path.steps()).map(|leaf| &leaf.value);
                let known =
                    present.filter(|hash| hash.as_text().is_some_and(|hash| local::verify(hash, plain.as_bytes())));
                Ok(Some(known.cloned().unwrap_or_else(|| local::sealed(plain))))
            }
            _ => self.value(path, node, item).map(Some),
        }
    }

    fn value(&self, path: &DataPath, node: NodeId, item: &Item) -> Result<Value, ConfigError> {
        let schema_node = self.schema.node(node);
        let digits;
        let input = match &item.data {
            Data::Text(text) | Data::Time(text) => Input::Text(text),
            Data::Integer(number) => {
                digits = number.to_string();
                Input::Number(&digits)
            }
            Data::Float(number) => Input::Number(number),
            Data::Bool(value) => Input::Bool(*value),
            Data::Table(_) | Data::Array(_) => {
                let rule = format!("it takes one value, not {}", item.data.kind());
                return Err(self.refuse(path, item.line, &rule));
            }
        };
        let home = &self.schema.module(schema_node.module).name;
        let Some(ty) = schema_node.ty() else { return Err(self.refuse(path, item.line, "it takes no value")) };
        ty.accept(input, Rule::Lenient, home).map_err(|error| {
            let rule = if self.schema.is_secret(node) { error.without_value() } else { error.to_string() };
            self.refuse(path, item.line, &rule)
        })
    }

    fn refuse(&self, path: &DataPath, line: usize, rule: &str) -> ConfigError {
        let path = path.display(self.schema).to_string();
        self.fault(line, Fault::ElementValue { path, rule: rule.to_owned() })
    }

    fn fault(&self, line: usize, fault: Fault) -> ConfigError {
        ConfigError::Content { file: self.file.to_owned(), line, fault }
    }
}

/// A name without its module.
pub(super) fn bare(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

fn table(item: &Item) -> Option<&Vec<Member>> {
    match &item.data {
        Data::Table(members) => Some(members),
        _ => None,
    }
}

/// Whether a list entry has these keys.
fn has_keys(entry: &Item, keys: &[(String, String)]) -> bool {
    let text = |data: &Data| match data {
        Data::Text(text) => text.clone(),
        other => other.to_string(),
    };
    table(entry).is_some_and(|members| {
        keys.iter().all(|(key, value)| {
            members.iter().any(|member| bare(&member.name) == bare(key) && text(&member.item.data) == *value)
        })
    })
}

fn printable(data: &Data) -> toml::Value {
    match data {
        Data::Table(members) => {
            let value = |member: &Member| match &member.item.data {
                Data::Text(text) if is_secret_name(bare(&member.name)) && !local::is_hash(text) => "(hidden)".into(),
                data => printable(data),
            };
            toml::Value::Table(members.iter().map(|member| (member.name.clone(), value(member))).collect())
        }
        Data::Array(items) => items.iter().map(|item| printable(&item.data)).collect::<Vec<_>>().into(),
        Data::Text(text) | Data::Time(text) => text.as_str().into(),
        Data::Integer(number) => i64::try_from(*number).map_or_else(|_| number.to_string().into(), toml::Value::from),
        Data::Float(digits) => digits.parse::<f64>().map_or_else(|_| digits.as_str().into(), toml::Value::from),
        Data::Bool(value) => (*value).into(),
    }
}

#[cfg(test)]
mod tests;
