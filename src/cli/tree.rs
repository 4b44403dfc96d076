//! The schema as a tree of lines, in the manner of RFC 8340, with who feeds which leaf.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::path::{PathTextError, RawPath};
use crate::schema::{CaseRef, Kind, NodeId, NodeSet, Schema, Type};

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Not a path.
    #[error(transparent)]
    Path(#[from] PathTextError),
    /// No such node.
    #[error("{path}: no node '{name}' there")]
    Unknown {
        /// The path asked for.
        path: String,
        /// The step that names nothing.
        name: String,
    },
}

/// Prints trees.
pub(super) struct TreePrinter<'a> {
    schema: &'a Schema,
    producers: &'a BTreeMap<NodeId, Vec<&'static str>>,
    depth: usize,
    /// What is printed, when that is not everything.
    only: Option<NodeSet>,
    out: String,
}

impl<'a> TreePrinter<'a> {
    pub(super) fn new(
        schema: &'a Schema,
        producers: &'a BTreeMap<NodeId, Vec<&'static str>>,
        depth: Option<usize>,
        fed: bool,
    ) -> Self {
        let only = fed.then(|| NodeSet::of(schema, |id| producers.contains_key(&id)).with_ancestors(schema));
        Self { schema, producers, depth: depth.unwrap_or(usize::MAX), only, out: String::new() }
    }

    pub(super) fn print(mut self, path: Option<&str>) -> Result<String, TreeError> {
        let start = self.find(path.unwrap_or_default())?;
        let mut tops: Vec<NodeId> = match start {
            Some(node) => vec![node],
            None => self.schema.roots().to_vec(),
        };
        tops.retain(|&top| self.is_shown(top));
        let mut module = None;
        for &top in &tops {
            let node = self.schema.node(top);
            if module.replace(node.module) != Some(node.module) {
                let _ = writeln!(self.out, "module: {}", self.schema.module(node.module).name);
            }
            if let Some(above) = node.parent {
                let _ = writeln!(self.out, "  below {}:", self.schema.path_text(above));
            }
            let last = tops.iter().rev().find(|&&other| self.schema.node(other).module == node.module) == Some(&top);
            self.node(top, "  ", last || start.is_some(), 1, 0);
        }
        Ok(self.out)
    }

    /// The node of a path, whatever its keys; none for the root.
    fn find(&self, path: &str) -> Result<Option<NodeId>, TreeError> {
        let mut at = None;
        for step in RawPath::parse(path)?.elems.iter().map(|elem| &*elem.name) {
            let (module, name) = step.split_once(':').map_or((None, step), |(module, name)| (Some(module), name));
            let unknown = || TreeError::Unknown { path: path.to_owned(), name: step.to_owned() };
            at = Some(self.schema.child(at, module, name).ok_or_else(unknown)?);
        }
        Ok(at)
    }

    fn is_shown(&self, id: NodeId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(id))
    }

    fn children(&mut self, of: NodeId, indent: &str, level: usize) {
        if level > self.depth {
            return;
        }
        let children: Vec<NodeId> =
            self.schema.node(of).children.iter().copied().filter(|&child| self.is_shown(child)).collect();
        let width = children.iter().map(|&child| self.label(child).len()).max().unwrap_or(0);
        self.members(&children, indent, level, 0, width);
    }

    /// Siblings that lie in the same cases down to `nesting`; choices among them are printed around their members.
    fn members(&mut self, members: &[NodeId], indent: &str, level: usize, nesting: usize, width: usize) {
        let choice = |id: NodeId| self.schema.node(id).cases.get(nesting).map(|case| case.choice);
        let groups: Vec<Vec<NodeId>> = members
            .chunk_by(|&one, &other| choice(one).is_some() && choice(one) == choice(other))
            .map(<[NodeId]>::to_vec)
            .collect();
        let count = groups.len();
        for (position, group) in groups.into_iter().enumerate() {
            let last = position + 1 == count;
            let Some(&first) = group.first() else { continue };
            match self.schema.node(first).cases.get(nesting).copied() {
                Some(case) => self.choice(case, &group, indent, last, level, nesting),
                None => self.node(first, indent, last, level, width),
            }
        }
    }

    fn choice(&mut self, of: CaseRef, members: &[NodeId], indent: &str, last: bool, level: usize, nesting: usize) {
        let Some(choice) = self.schema.choices().get(of.choice as usize) else { return };
        let optional = if choice.mandatory { "" } else { "?" };
        let flags = if members.iter().all(|&id| self.schema.node(id).config) { "rw" } else { "ro" };
        let _ = writeln!(self.out, "{indent}+--{flags} ({}){optional}", choice.name);
        let inside = deeper(indent, last);
        let case = |id: NodeId| self.schema.node(id).cases.get(nesting).map(|case| case.case);
        let cases: Vec<Vec<NodeId>> =
            members.chunk_by(|&one, &other| case(one) == case(other)).map(<[NodeId]>::to_vec).collect();
        let count = cases.len();
        for (position, group) in cases.into_iter().enumerate() {
            let found = group.first().and_then(|&id| self.schema.node(id).cases.get(nesting));
            let name = choice.cases.iter().find(|case| Some(case.number) == found.map(|found| found.case));
            let _ = writeln!(self.out, "{inside}+--:({})", name.map_or("", |case| &*case.name));
            let within = deeper(&inside, position + 1 == count);
            let width = group.iter().map(|&id| self.label(id).len()).max().unwrap_or(0);
            self.members(&group, &within, level, nesting + 1, width);
        }
    }

    fn node(&mut self, id: NodeId, indent: &str, last: bool, level: usize, width: usize) {
        let label = self.label(id);
        let node = self.schema.node(id);
        let mut line = match node.ty() {
            Some(ty) => format!("{indent}+--{label:width$}   {}", self.type_text(ty)),
            None => format!("{indent}+--{label}"),
        };
        if node.has_when {
            line.push_str(" {when}");
        }
        if let Some(names) = self.producers.get(&id) {
            let _ = write!(line, "  <- {}", names.join(", "));
        }
        let _ = writeln!(self.out, "{}", line.trim_end());
        self.children(id, &deeper(indent, last), level + 1);
    }

    /// Flags, name and what follows a name.
    fn label(&self, id: NodeId) -> String {
        let node = self.schema.node(id);
        let flags = if node.config { "rw" } else { "ro" };
        let module = if self.schema.changes_module(node.parent, id) && node.parent.is_some() {
            format!("{}:", self.schema.module(node.module).name)
        } else {
            String::new()
        };
        let suffix = match &node.kind {
            Kind::Container { presence: true } => "!".to_owned(),
            Kind::Container { .. } => String::new(),
            Kind::List(list) => {
                let keys: Vec<&str> = list.keys.iter().map(|&key| &*self.schema.node(key).name).collect();
                format!("* [{}]", keys.join(" "))
            }
            Kind::LeafList(_) => "*".to_owned(),
            Kind::Leaf(leaf) => if leaf.is_key || node.mandatory { "" } else { "?" }.to_owned(),
            Kind::Any => "?".to_owned(),
        };
        format!("{flags} {module}{}{suffix}", node.name)
    }

    fn type_text(&self, ty: &Type) -> String {
        match ty {
            Type::Integer { bits, signed, .. } => format!("{}int{bits}", if *signed { "" } else { "u" }),
            Type::Decimal { .. } => "decimal64".into(),
            Type::Text { .. } => "string".into(),
            Type::Bool => "boolean".into(),
            Type::Empty => "empty".into(),
            Type::Enum(_) => "enumeration".into(),
            Type::Bits(_) => "bits".into(),
            Type::Binary { .. } => "binary".into(),
            Type::Identity(_) => "identityref".into(),
            Type::Instance { .. } => "instance-identifier".into(),
            Type::Leafref { target: Some(target), .. } => format!("-> {}", self.schema.path_text(*target)),
            Type::Leafref { path, .. } => format!("-> {path}"),
            Type::Union(_) => "union".into(),
        }
    }
}

fn deeper(indent: &str, last: bool) -> String {
    format!("{indent}{}", if last { "   " } else { "|  " })
}
