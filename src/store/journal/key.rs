//! Paths as keys of the configuration table.
//!
//! Invariant: two places have two texts, and the rows below a place are exactly those whose key starts with its text and
//! a slash. The text is `/module:name` with the module where it changes (RFC 7951 section 4), and behind a list entry
//! its key values in the order of the `key` statement, each as `[` kind letter, content, `]`: `/m:system/user[sadmin]`.

use super::code;
use crate::path::Step;
use crate::schema::{NodeId, Schema};
use crate::value::Value;

/// One step of a key as read, before it meets the schema.
#[derive(Debug, PartialEq)]
pub(super) struct RawStep<'a> {
    /// Module, where the text states one.
    pub(super) module: Option<&'a str>,
    pub(super) name: &'a str,
    /// Values of the list keys.
    pub(super) keys: Vec<Value>,
}

/// The key of a place.
pub(super) fn text(schema: &Schema, steps: &[Step]) -> String {
    let mut out = String::new();
    let mut parent = None;
    for step in steps {
        push_name(&mut out, schema, parent, step.node);
        for value in step.key.iter().flat_map(|key| key.iter()) {
            push_key(&mut out, &code::value_text(value));
        }
        parent = Some(step.node);
    }
    out
}

/// The key of the list that the entry at `steps` is in.
pub(super) fn list_text(schema: &Schema, steps: &[Step]) -> String {
    let Some((last, above)) = steps.split_last() else { return String::new() };
    let mut out = text(schema, above);
    push_name(&mut out, schema, above.last().map(|step| step.node), last.node);
    out
}

/// Adds a slash and the name of a child of `parent`.
pub(super) fn push_name(out: &mut String, schema: &Schema, parent: Option<NodeId>, node: NodeId) {
    out.push('/');
    if schema.changes_module(parent, node) {
        out.push_str(&schema.module(schema.node(node).module).name);
        out.push(':');
    }
    out.push_str(&schema.node(node).name);
}

pub(super) fn push_key(out: &mut String, text: &str) {
    out.push('[');
    for symbol in text.chars() {
        if matches!(symbol, ']' | '\\') {
            out.push('\\');
        }
        out.push(symbol);
    }
    out.push(']');
}

/// The steps of a key; none when it is not one.
pub(super) fn parse(mut text: &str) -> Option<Vec<RawStep<'_>>> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        let step = text.strip_prefix('/')?;
        let (name, mut rest) = step.split_at(step.find(['/', '[']).unwrap_or(step.len()));
        let (module, name) = match name.split_once(':') {
            Some((module, name)) => (Some(module), name),
            None => (None, name),
        };
        let mut keys = Vec::new();
        while let Some(inner) = rest.strip_prefix('[') {
            let (value, after) = parse_key(inner)?;
            keys.push(value);
            rest = after;
        }
        steps.push(RawStep { module, name, keys });
        text = rest;
    }
    Some(steps)
}

/// Reads up to the closing bracket; returns what follows it too.
fn parse_key(inner: &str) -> Option<(Value, &str)> {
    let mut content = String::new();
    let mut symbols = inner.chars();
    loop {
        match symbols.next()? {
            ']' => return Some((code::value_from(&content)?, symbols.as_str())),
            '\\' => content.push(symbols.next()?),
            symbol => content.push(symbol),
        }
    }
}
