//! YANG names as protobuf identifiers.
//!
//! Invariant: names of one scope differ even for a compiler that ignores case and underscores, as protobuf does where it
//! makes JSON names, and they depend on the loaded modules alone. Messages begin with a capital and have no underscore,
//! types inside a message have both, fields have no capital: so a name never means something else in an inner scope.

use std::collections::HashSet;

use crate::codec::names::plain_name;
use crate::schema::{NodeId, Schema};

/// The names of every node, by id.
pub(super) struct Names {
    /// As a field of the message around it.
    pub(super) fields: Vec<String>,
    /// As a message; empty for leaves.
    pub(super) messages: Vec<String>,
}

impl Names {
    /// Names everything. The file itself defines the message `root`, and `taken`.
    pub(super) fn new(schema: &Schema, root: &str, taken: &[&str]) -> Self {
        let mut names = Self { fields: vec![String::new(); schema.len()], messages: vec![String::new(); schema.len()] };
        let mut messages = Scope::with(taken);
        messages.take(root.to_owned(), "");
        names.name_children(schema, None, "", taken, &mut messages);
        names
    }

    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    fn name_children(&mut self, schema: &Schema, of: Option<NodeId>, path: &str, taken: &[&str], messages: &mut Scope) {
        let mut fields = Scope::with(taken);
        for &child in schema.children(of) {
            let name = plain_name(schema, child);
            self.fields[child.index()] = fields.take(identifier(&name).to_ascii_lowercase(), "_");
            if !schema.node(child).is_terminal() {
                let path = format!("{path}{}", title(&name));
                self.messages[child.index()] = messages.take(type_name(&path), "");
                self.name_children(schema, Some(child), &path, taken, messages);
            }
        }
    }
}

/// The names given so far in one scope.
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A scope in which these names are taken.
    pub(super) fn with(taken: &[&str]) -> Self {
        Self { taken: taken.iter().map(|name| folded(name)).collect() }
    }

    /// The name asked for, or the first free one with a number behind it.
    pub(super) fn take(&mut self, wanted: String, before_number: &str) -> String {
        if self.taken.insert(folded(&wanted)) {
            return wanted;
        }
        let numbered = (2u32..).map(|number| format!("{wanted}{before_number}{number}"));
        numbered.into_iter().find(|name| self.taken.insert(folded(name))).unwrap_or(wanted)
    }
}

/// What is left when case and underscores do not count.
fn folded(name: &str) -> String {
    let letters: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    // protobuf also takes the name of the enumeration off the names of its values.
    match letters.strip_prefix("enumvalue") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => letters,
    }
}

/// A name of which every character is allowed in an identifier.
fn identifier(name: &str) -> String {
    name.chars().map(|symbol| if symbol.is_ascii_alphanumeric() { symbol } else { '_' }).collect()
}

/// The name of an enumeration value, which YANG lets be any text.
pub(super) fn value_name(name: &str) -> String {
    let name = identifier(name);
    match name.chars().find(|&symbol| symbol != '_') {
        None => "symbol".to_owned(),
        Some(_) if name.starts_with(|first: char| first.is_ascii_digit()) => format!("_{name}"),
        Some(_) => name,
    }
}

/// A title as the name of a type. A YANG name may begin with an underscore and go on with a digit.
pub(super) fn type_name(title: &str) -> String {
    let start = if title.starts_with(|first: char| first.is_ascii_uppercase()) { "" } else { "X" };
    format!("{start}{title}")
}

/// `admin-state` as `AdminState`.
pub(super) fn title(name: &str) -> String {
    let words = name.split(|symbol: char| !symbol.is_ascii_alphanumeric());
    words
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect()
}
