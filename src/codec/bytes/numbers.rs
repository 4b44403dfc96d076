//! Field numbers.
//!
//! Invariant: a node of the embedded modules has the number that `yang/field-numbers.txt` gives it, for ever; new nodes are
//! appended there (`make field-numbers`). Other nodes are numbered in schema order behind those of the same message, so
//! the same modules always get the same numbers. No number is reserved by protobuf, none is used twice in a message.

use std::collections::HashMap;

use crate::schema::{NodeId, Schema};

/// Numbers that protobuf keeps for itself.
const RESERVED: std::ops::RangeInclusive<u32> = 19_000..=19_999;

/// Message by message: the schema path of the branch on one line, then number and name of each field.
const ALLOCATED: &str = include_str!("../../../yang/field-numbers.txt");

/// The number of every node, by id.
#[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
pub(super) fn of(schema: &Schema) -> Vec<u32> {
    let mut numbers = vec![0; schema.len()];
    let allocation = Allocation::parse(ALLOCATED);
    each_message(schema, None, &mut String::from("/"), &mut |path, children| {
        let known = allocation.message(path);
        let mut next = known.iter().map(|&(number, _)| number).max().unwrap_or(0);
        for &child in children {
            let name = field_name(schema, child);
            let number = known.iter().find(|(_, known)| *known == name).map(|&(number, _)| number);
            numbers[child.index()] = number.unwrap_or_else(|| {
                next = after(next);
                next
            });
        }
    });
    numbers
}

/// The next number that may be given.
fn after(number: u32) -> u32 {
    if RESERVED.contains(&(number + 1)) { RESERVED.end() + 1 } else { number + 1 }
}

/// The committed numbers.
struct Allocation<'a> {
    messages: HashMap<&'a str, Vec<(u32, &'a str)>>,
}

impl<'a> Allocation<'a> {
    fn parse(text: &'a str) -> Self {
        let mut messages: HashMap<_, Vec<_>> = HashMap::new();
        let mut message = None;
        for line in text.lines() {
            if line.starts_with('/') {
                message = Some(messages.entry(line).or_default());
            } else if let (Some(message), Some((number, name))) = (&mut message, line.split_once(' '))
                && let Ok(number) = number.parse()
            {
                message.push((number, name));
            }
        }
        Self { messages }
    }

    /// The fields of one message.
    fn message(&self, path: &str) -> &[(u32, &'a str)] {
        self.messages.get(path).map_or(&[], Vec::as_slice)
    }
}

/// The name of a node in the file, with its module where that is not the module of the parent, so that it stays the same
/// whatever other modules are loaded.
fn field_name(schema: &Schema, id: NodeId) -> String {
    let node = schema.node(id);
    match schema.changes_module(node.parent, id) {
        true => format!("{}:{}", schema.module(node.module).name, node.name),
        false => node.name.to_string(),
    }
}

/// Tells `visit` every branch with its path and children, parents first.
fn each_message(schema: &Schema, of: Option<NodeId>, path: &mut String, visit: &mut dyn FnMut(&str, &[NodeId])) {
    let children = schema.children(of);
    visit(path, children);
    for &child in children.iter().filter(|&&child| !schema.node(child).is_terminal()) {
        let length = path.len();
        if of.is_some() {
            path.push('/');
        }
        path.push_str(&field_name(schema, child));
        each_message(schema, Some(child), path, visit);
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests;
