//! The names of a schema in the form they have inside protobuf paths, encoded once.

use std::borrow::Cow;

use super::protobuf::{Key, put_nested};
use crate::schema::{NodeId, Schema};

/// `Path.elem`, the field.
pub(super) const PATH_ELEM: Key = Key::sized(3);

/// The name of a node in paths and in JSON without modules. A node that another module put beside one of the same name
/// states its module, so that no two of them are the same.
pub(super) fn plain_name(schema: &Schema, id: NodeId) -> Cow<'_, str> {
    let node = schema.node(id);
    if schema.changes_module(node.parent, id) && schema.named(node.parent, &node.name).len() > 1 {
        Cow::Owned(format!("{}:{}", schema.module(node.module).name, node.name))
    } else {
        Cow::Borrowed(&node.name)
    }
}

/// For each node three nested forms, stored once and sliced: `Update.path` around `Path.elem` around `PathElem.name`.
///
/// The innermost serves twice, because name of an element and key of a map entry are both text field 1.
#[derive(Debug)]
pub(super) struct WireNames {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

/// Where the forms of one node begin; all end together.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    path: u32,
    elem: u32,
    name: u32,
    end: u32,
}

impl WireNames {
    /// Encodes all names.
    pub(super) fn new(schema: &Schema) -> Self {
        // About 25 bytes for each name: far from the 4 GiB that a position can count.
        let position = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let mut spans = Vec::with_capacity(schema.len());
        for id in schema.ids() {
            let path = position(&bytes);
            let length_of = |bytes: &Vec<u8>, start: u32| bytes.len() - start as usize;
            let (mut elem_length, mut name_length) = (0, 0);
            put_nested(&mut bytes, Key::sized(1), |bytes| {
                let elem = position(bytes);
                put_nested(bytes, PATH_ELEM, |bytes| {
                    let name = position(bytes);
                    put_nested(bytes, Key::sized(1), |bytes| {
                        bytes.extend_from_slice(plain_name(schema, id).as_bytes())
                    });
                    name_length = length_of(bytes, name);
                });
                elem_length = length_of(bytes, elem);
            });
            // Counted from the end, because a long name moves what was written before it.
            let end = position(&bytes);
            let before_end = |length: usize| end - u32::try_from(length).unwrap_or(end);
            spans.push(Span { path, elem: before_end(elem_length), name: before_end(name_length), end });
        }
        Self { bytes: bytes.into(), spans: spans.into() }
    }

    /// The field `Update.path` with the node as only element.
    pub(super) fn path(&self, node: NodeId) -> &[u8] {
        let span = self.span(node);
        self.slice(span.path, span.end)
    }

    /// The field `Path.elem` with the node without keys.
    pub(super) fn elem(&self, node: NodeId) -> &[u8] {
        let span = self.span(node);
        self.slice(span.elem, span.end)
    }

    /// The field `PathElem.name`, which is also the field `key` of an entry in a map of keys.
    pub(super) fn name(&self, node: NodeId) -> &[u8] {
        let span = self.span(node);
        self.slice(span.name, span.end)
    }

    fn span(&self, node: NodeId) -> Span {
        self.spans.get(node.index()).copied().unwrap_or_default()
    }

    #[expect(clippy::indexing_slicing, reason = "spans lie in these bytes")]
    fn slice(&self, start: u32, end: u32) -> &[u8] {
        &self.bytes[start as usize..end as usize]
    }
}
