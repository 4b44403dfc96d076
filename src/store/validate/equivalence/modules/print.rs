//! Nodes to text.

use std::fmt::Write;

use super::{Garden, Kind, NAMES};

impl Garden<'_> {
    /// Writes a node and all of the same module below it.
    pub(super) fn print(&mut self, node: usize, depth: usize, out: &mut String) {
        let pad = "  ".repeat(depth);
        let found = self.nodes[node].clone();
        let keyword = match &found.kind {
            Kind::Container { .. } => "container",
            Kind::List { .. } => "list",
            Kind::Leaf { .. } => "leaf",
            Kind::LeafList { .. } => "leaf-list",
            Kind::Choice { .. } => "choice",
            Kind::Case => "case",
            Kind::Uses => "uses",
        };
        let name = if matches!(found.kind, Kind::Uses) { format!("g{}", found.name) } else { found.name.clone() };
        let _ = write!(out, "{pad}{keyword} {name} {{");
        if let Some(when) = &found.when {
            let _ = write!(out, " when \"{when}\";");
        }
        for must in &found.musts {
            let _ = write!(out, " must \"{must}\";");
        }
        self.details(node, &found.kind, out);
        let children: Vec<usize> =
            self.children(node).into_iter().filter(|&child| self.nodes[child].module == found.module).collect();
        if children.is_empty() || matches!(found.kind, Kind::Uses) {
            out.push_str(" }\n");
            return;
        }
        out.push('\n');
        children.into_iter().for_each(|child| self.print(child, depth + 1, out));
        let _ = writeln!(out, "{pad}}}");
    }

    fn details(&self, node: usize, kind: &Kind, out: &mut String) {
        let counts = |min: usize, max: usize, ordered: bool| {
            let mut text = String::new();
            if min > 0 {
                text.push_str(&format!(" min-elements {min};"));
            }
            if max > 0 {
                text.push_str(&format!(" max-elements {max};"));
            }
            if ordered {
                text.push_str(" ordered-by user;");
            }
            text
        };
        let text = match kind {
            Kind::Container { presence: true } => " presence p;".to_owned(),
            Kind::List { ordered, min, max, unique } => {
                let keys: Vec<&str> = self
                    .children(node)
                    .into_iter()
                    .filter(|&child| matches!(self.nodes[child].kind, Kind::Leaf { key: true, .. }))
                    .map(|child| &*self.nodes[child].name)
                    .collect();
                let unique = if unique.is_empty() { String::new() } else { format!(" unique \"{unique}\";") };
                format!(" key \"{}\";{}{unique}", keys.join(" "), counts(*min, *max, *ordered))
            }
            Kind::Leaf { ty, mandatory, default, .. } => {
                let mandatory = if *mandatory { " mandatory true;" } else { "" };
                let default = default.map(|value| format!(" default \"{value}\";")).unwrap_or_default();
                format!(" {}{mandatory}{default}", ty.text())
            }
            Kind::LeafList { ty, ordered, min, max, defaults } => {
                let defaults: String = defaults.iter().map(|value| format!(" default \"{value}\";")).collect();
                format!(" {}{}{defaults}", ty.text(), counts(*min, *max, *ordered))
            }
            Kind::Choice { mandatory, default } => {
                let mandatory = if *mandatory { " mandatory true;" } else { "" };
                let default = default.map(|case| format!(" default {};", self.nodes[case].name)).unwrap_or_default();
                format!("{mandatory}{default}")
            }
            _ => String::new(),
        };
        out.push_str(&text);
    }

    /// A grouping for each `uses`.
    pub(super) fn groupings(&mut self) -> String {
        let uses: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| matches!(self.nodes[node].kind, Kind::Uses)).collect();
        let mut text = String::new();
        for node in uses {
            let _ = writeln!(text, "grouping g{} {{", self.nodes[node].name);
            let module = self.nodes[node].module;
            let children: Vec<usize> =
                self.children(node).into_iter().filter(|&child| self.nodes[child].module == module).collect();
            children.into_iter().for_each(|child| self.print(child, 1, &mut text));
            text.push_str("}\n");
        }
        text
    }

    /// The path that an augment or deviation names a node by.
    pub(super) fn schema_path(&self, node: usize) -> String {
        let line = self.line(node).into_iter().filter(|&at| !matches!(self.nodes[at].kind, Kind::Uses));
        line.map(|at| format!("/{}:{}", NAMES[self.nodes[at].module], self.nodes[at].name)).collect()
    }

    /// A deviation of one node of the first module.
    pub(super) fn deviation(&mut self) -> String {
        let all: Vec<usize> = (1..self.nodes.len())
            .filter(|&node| self.nodes[node].module == 0 && self.is_data(node) && self.nodes[node].parent.is_some())
            .collect();
        let Some(&node) = self.random.pick(&all) else { return String::new() };
        let path = self.schema_path(node);
        let change = match &self.nodes[node].kind {
            Kind::List { max: 0, .. } | Kind::LeafList { max: 0, .. } if self.random.chance(50) => {
                Some("deviate add { max-elements 2; }".to_owned())
            }
            Kind::Leaf { key: false, mandatory: true, .. } if self.random.chance(50) => {
                Some("deviate replace { mandatory false; }".to_owned())
            }
            _ => {
                let readable = self.readable(self.nodes.len(), 2, node);
                self.expression(&readable, node, 2).map(|must| format!("deviate add {{ must \"{must}\"; }}"))
            }
        };
        change.map(|change| format!("deviation \"{path}\" {{ {change} }}\n")).unwrap_or_default()
    }
}
