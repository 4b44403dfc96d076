//! JSON text: single values, and subtrees straight from the store.
//!
//! Invariant: what is written is always valid JSON. Both flavours quote exactly what RFC 7951 quotes (C-37); JSON_IETF
//! adds module names where RFC 7951 wants them (ENC-052). No tree of JSON objects is built.

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::names::plain_name;
use super::value::foreign_module;
use crate::path::{Step, Views};
use crate::schema::{Kind, Node, NodeId, Schema};
use crate::store::{Branch, Child, Leaf, List};
use crate::value::Value;

/// Which kind of data a subtree shows (GET-004, C-14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Everything.
    #[default]
    All,
    /// `config true` only.
    Config,
    /// `config false` only.
    State,
    /// State of running processes. The loaded models do not mark any, so this shows all state.
    Operational,
}

impl Filter {
    /// Whether a leaf is shown. Key leaves are shown with their entry, whatever they are.
    pub fn admits(self, node: &Node) -> bool {
        match self {
            Self::All => true,
            Self::Config => node.config,
            Self::State | Self::Operational => !node.config,
        }
    }

    /// Whether a container or list may hold something to be shown.
    pub(super) fn enters(self, schema: &Schema, id: NodeId) -> bool {
        self.admits(schema.node(id)) || self != Self::Config && schema.is_mixed(id)
    }

    /// Whether an entry is worth showing when only its keys are left of it. The entries of a mixed list stand for their
    /// state as much as for their configuration, so without other content they are no configuration.
    fn shows_keys_alone(self, schema: &Schema, list: NodeId) -> bool {
        self == Self::All || self.admits(schema.node(list)) && !schema.is_mixed(list)
    }

    /// Whether an entry is shown at all: told leaf by leaf, its keys are to be as silent about it as JSON is.
    pub fn keeps_entry(self, schema: &Schema, list: NodeId, entry: &Branch) -> bool {
        self.shows_keys_alone(schema, list) || self.finds(schema, entry)
    }

    /// Whether anything but keys is shown of a branch.
    fn finds(self, schema: &Schema, branch: &Branch) -> bool {
        branch.children().iter().any(|child| {
            let (id, node) = (child.node(), schema.node(child.node()));
            match child {
                Child::Leaf(..) => !is_key(node) && self.admits(node),
                Child::Container(_, inner) => {
                    self.keeps(schema, id, Held::Nothing) || self.enters(schema, id) && self.finds(schema, inner)
                }
                Child::List(_, list) => {
                    let mut entries = list.iter().map(|(_, entry)| entry.branch());
                    self.enters(schema, id) && entries.any(|entry| self.keeps_entry(schema, id, entry))
                }
            }
        })
    }

    /// Whether a container or list entry of which this much was written stays.
    pub(super) fn keeps(self, schema: &Schema, id: NodeId, held: Held) -> bool {
        let node = schema.node(id);
        match (held, &node.kind) {
            (Held::Something, _) => true,
            (_, Kind::Container { presence }) => *presence && self.admits(node),
            (Held::OnlyKeys, Kind::List(_)) => self.shows_keys_alone(schema, id),
            _ => false,
        }
    }
}

fn is_key(node: &Node) -> bool {
    matches!(&node.kind, Kind::Leaf(leaf) if leaf.is_key)
}

/// What of a subtree is written, and in which flavour.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// JSON_IETF rather than JSON.
    pub ietf: bool,
    /// Which kind of data.
    pub filter: Filter,
    /// Levels below the place, of which the last shows only leaves; none or zero is no limit (EXT-003 to EXT-006).
    pub depth: Option<u32>,
    /// Which families of models are shown.
    pub views: Views,
}

impl Shape {
    /// Whether a leaf, standing in the branch `at`, belongs to a family that is shown.
    pub fn shows(&self, schema: &Schema, at: &[Step], leaf: NodeId) -> bool {
        self.views.shows(schema, at.first().map_or(leaf, |top| top.node))
    }
}

/// Appends the content of a container, list entry or (`of` none) the root as one JSON object. Appends nothing and
/// returns false when the shape leaves nothing of it (GET-006); a presence container that is shown is `{}` at least
/// (GET-028).
pub fn write_branch(schema: &Schema, of: Option<NodeId>, branch: &Branch, shape: &Shape, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let levels = shape.depth.filter(|&levels| levels > 0).unwrap_or(u32::MAX);
    let mut writer = Writer { schema, shape, out };
    let held = writer.branch(of, branch, levels, true);
    let shown = match of {
        Some(of) => shape.filter.keeps(schema, of, held),
        None => held == Held::Something,
    };
    if !shown {
        out.truncate(start);
    }
    shown
}

/// What was written of a branch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    Nothing,
    OnlyKeys,
    Something,
}

struct Writer<'a> {
    schema: &'a Schema,
    shape: &'a Shape,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Writes one object. At the top of a value every JSON_IETF name states its module.
    fn branch(&mut self, of: Option<NodeId>, branch: &Branch, levels: u32, top: bool) -> Held {
        let mut held = Held::Nothing;
        self.out.push(b'{');
        for child in branch.children() {
            let node = child.node();
            if of.is_none() && !self.shape.views.shows(self.schema, node) {
                continue;
            }
            let start = self.out.len();
            if held != Held::Nothing {
                self.out.push(b',');
            }
            self.name(of, node, top);
            let written = match child {
                Child::Leaf(_, leaf) => self.leaf(node, leaf),
                Child::Container(_, inner) => self.container(node, inner, levels - 1),
                Child::List(_, list) => self.list(node, list, levels - 1),
            };
            if written == Held::Nothing {
                self.out.truncate(start);
            }
            held = held.max(written);
        }
        self.out.push(b'}');
        held
    }

    fn leaf(&mut self, id: NodeId, leaf: &Leaf) -> Held {
        let node = self.schema.node(id);
        let is_key = is_key(node);
        if !is_key && !self.shape.filter.admits(node) {
            return Held::Nothing;
        }
        put_value(self.out, self.schema, id, &leaf.value, self.shape.ietf);
        if is_key { Held::OnlyKeys } else { Held::Something }
    }

    fn container(&mut self, node: NodeId, branch: &Branch, levels: u32) -> Held {
        if levels == 0 || !self.shape.filter.enters(self.schema, node) {
            return Held::Nothing;
        }
        let held = self.branch(Some(node), branch, levels, false);
        if self.shape.filter.keeps(self.schema, node, held) { Held::Something } else { Held::Nothing }
    }

    fn list(&mut self, node: NodeId, list: &List, levels: u32) -> Held {
        if levels == 0 || !self.shape.filter.enters(self.schema, node) {
            return Held::Nothing;
        }
        let mut any = false;
        self.out.push(b'[');
        for (_, entry) in list.iter() {
            let start = self.out.len();
            if any {
                self.out.push(b',');
            }
            let held = self.branch(Some(node), entry.branch(), levels, false);
            if self.shape.filter.keeps(self.schema, node, held) {
                any = true;
            } else {
                self.out.truncate(start);
            }
        }
        self.out.push(b']');
        if any { Held::Something } else { Held::Nothing }
    }

    /// Writes a member name and its colon. YANG identifiers need no escaping.
    fn name(&mut self, parent: Option<NodeId>, id: NodeId, top: bool) {
        self.out.push(b'"');
        if self.shape.ietf && (top || self.schema.changes_module(parent, id)) {
            let node = self.schema.node(id);
            self.out.extend_from_slice(self.schema.module(node.module).name.as_bytes());
            self.out.push(b':');
            self.out.extend_from_slice(node.name.as_bytes());
        } else {
            self.out.extend_from_slice(plain_name(self.schema, id).as_bytes());
        }
        self.out.extend_from_slice(b"\":");
    }
}

/// Appends the value of the leaf `node` (ENC-050 to ENC-052).
pub(super) fn put_value(out: &mut Vec<u8>, schema: &Schema, node: NodeId, value: &Value, ietf: bool) {
    match value {
        Value::Empty => out.extend_from_slice(b"[null]"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(value) => put_integer(out, *value),
        Value::Uint(value) => put_integer(out, *value),
        Value::Int64(value) => put_quoted(out, |out| put_integer(out, *value)),
        Value::Uint64(value) => put_quoted(out, |out| put_integer(out, *value)),
        // Writing to a Vec cannot fail.
        Value::Decimal(value) => put_quoted(out, |out| drop(write!(out, "{value}"))),
        Value::Text(text) | Value::Enum(text) | Value::Bits(text) | Value::Instance(text) => put_string(out, text),
        Value::Identity(identity) => put_quoted(out, |out| {
            if let Some(module) = foreign_module(schema, node, identity).filter(|_| ietf) {
                out.extend_from_slice(module.as_bytes());
                out.push(b':');
            }
            out.extend_from_slice(identity.name.as_bytes());
        }),
        Value::Binary(bytes) => put_quoted(out, |out| drop(write!(out, "{}", Base64Display::new(bytes, &STANDARD)))),
        Value::List(members) => {
            out.push(b'[');
            for (position, member) in members.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                put_value(out, schema, node, member, ietf);
            }
            out.push(b']');
        }
    }
}

fn put_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn put_quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Appends a string. Only quote, backslash and the control characters below U+0020 have to be escaped (RFC 8259 7).
fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(position) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, special) = rest.split_at(position);
        out.extend_from_slice(plain);
        if let Some((&byte, after)) = special.split_first() {
            put_escape(out, byte);
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cold]
fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        // Writing to a Vec cannot fail.
        control => drop(write!(out, "\\u{control:04x}")),
    }
}

#[cfg(test)]
mod tests;
