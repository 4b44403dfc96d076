//! The .proto file of a schema (ENC-044).
//!
//! Invariant: it stands alone (only the descriptor file that every compiler brings is imported), and it is the same text
//! for the same modules. The root message has the name that collectors look for.

use std::fmt::Write as _;

use super::members::{Enumeration, FIRST_ENUMERATION, each_member, enum_number, member_of, wrapper_of};
use super::names::{Names, Scope, title, type_name, value_name};
use super::{numbers, resolved};
use crate::codec::names::plain_name;
use crate::schema::{Kind, NodeId, Schema, Type};

/// Name of the file.
pub const PROTO_FILE_NAME: &str = "ganymede-combined-model.proto";

/// What the file begins with. `Nokia.SROS.root` is the message that gnmic looks for. Names and numbers of the options and
/// wrappers are those of the extensions file that SR OS comes with, so that tools which know them find the YANG names.
const HEAD: &str = r#"syntax = "proto3";

package Nokia.SROS;

import "google/protobuf/descriptor.proto";

extend google.protobuf.MessageOptions {
  // Schema path of the container or list.
  string yang_path = 100002;
}

extend google.protobuf.FieldOptions {
  // Name of the node in YANG, with its module where another module has a node of the same name.
  string yang_leaf_name = 100003;
}

extend google.protobuf.EnumValueOptions {
  // Name of the value in YANG.
  string yang_enum_value_name = 100004;
}

// Leaves are messages: one that is there and zero differs from one that is not there.
message yang_type_string {
  string value = 1;
}

message yang_type_bool {
  bool value = 1;
}

message yang_type_int32 {
  sint32 value = 1;
}

message yang_type_uint32 {
  uint32 value = 1;
}

message yang_type_int64 {
  sint64 value = 1;
}

message yang_type_uint64 {
  uint64 value = 1;
}

message yang_type_bytes {
  bytes value = 1;
}

message yang_type_empty {
}

// The number is digits divided by ten to the power of precision.
message yang_type_decimal64 {
  int64 digits = 1;
  uint32 precision = 2;
}
"#;

/// The message around everything.
const ROOT: &str = "root";

/// Names that no field and no other message may have, because the file uses them itself.
const TAKEN: &[&str] = &[
    "yang_path",
    "yang_leaf_name",
    "yang_enum_value_name",
    "yang_type_string",
    "yang_type_bool",
    "yang_type_int32",
    "yang_type_uint32",
    "yang_type_int64",
    "yang_type_uint64",
    "yang_type_bytes",
    "yang_type_empty",
    "yang_type_decimal64",
];

/// The text of the .proto file that describes the messages of a schema. `release` is the release it belongs to; field
/// numbers of modules that are not built in may be others in the next one.
pub fn proto_file(schema: &Schema, release: &str) -> String {
    let mut file =
        File { schema, names: Names::new(schema, ROOT, TAKEN), numbers: numbers::of(schema), text: String::new() };
    // Writing to a String cannot fail.
    let _ = writeln!(file.text, "// YANG of Ganymede {release} as protobuf, for the gNMI encoding BYTES.\n\n{HEAD}");
    file.message(None);
    for id in schema.ids().filter(|&id| matches!(schema.node(id).kind, Kind::Container { .. } | Kind::List(_))) {
        file.text.push('\n');
        file.message(Some(id));
    }
    file.text
}

struct File<'a> {
    schema: &'a Schema,
    names: Names,
    numbers: Vec<u32>,
    text: String,
}

impl File<'_> {
    fn line(&mut self, depth: usize, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:width$}{text}", "", width = depth * 2);
    }

    /// The path of a branch as gNMI writes it, without keys.
    fn path(&self, id: NodeId) -> String {
        self.schema.lineage(id).into_iter().map(|id| format!("/{}", plain_name(self.schema, id))).collect()
    }

    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    fn message(&mut self, of: Option<NodeId>) {
        let (name, path) = match of {
            Some(of) => (self.names.messages[of.index()].clone(), self.path(of)),
            None => (ROOT.to_owned(), "/".to_owned()),
        };
        let schema = self.schema;
        if let Some(Kind::List(list)) = of.map(|of| &schema.node(of).kind) {
            let keys: Vec<_> = list.keys.iter().map(|key| &*self.names.fields[key.index()]).collect();
            self.line(
                0,
                format_args!("// Keys: {}.", if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }),
            );
        }
        self.line(0, format_args!("message {name} {{"));
        self.line(1, format_args!("option (yang_path) = {};", quoted(&path)));
        for &child in schema.children(of) {
            if let Some(ty) = schema.node(child).ty() {
                self.leaf_type(child, ty);
            }
        }
        for &child in schema.children(of) {
            self.field(child);
        }
        self.line(0, format_args!("}}"));
    }

    /// The message of a leaf whose type has no wrapper of its own.
    fn leaf_type(&mut self, leaf: NodeId, ty: &Type) {
        let name = self.leaf_type_name(leaf, ty);
        match resolved(ty) {
            Type::Enum(values) => self.enumeration(1, &name, values),
            Type::Union(_) => self.union(&name, ty),
            _ => {}
        }
    }

    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    fn leaf_type_name(&self, leaf: NodeId, ty: &Type) -> String {
        let name = type_name(&title(&self.names.fields[leaf.index()]));
        match (wrapper_of(ty), resolved(ty)) {
            (Some(wrapper), _) => wrapper.to_owned(),
            (None, Type::Enum(_)) => format!("{name}_enum"),
            (None, _) => format!("{name}_union"),
        }
    }

    fn enumeration(&mut self, depth: usize, name: &str, values: &Enumeration) {
        self.line(depth, format_args!("message {name} {{"));
        self.line(depth + 1, format_args!("enum enum_value {{"));
        self.line(depth + 2, format_args!("INVALID_ENUM = 0;"));
        // The first two name the enumeration and its field, the last two begin statements of their own.
        let mut scope = Scope::with(&["enum_value", "value", "INVALID_ENUM", "option", "reserved"]);
        for (position, (yang, _)) in values.iter().enumerate() {
            let (value, number) = (scope.take(value_name(yang), "_"), enum_number(values, position));
            let yang = quoted(yang);
            self.line(depth + 2, format_args!("{value} = {number} [(yang_enum_value_name) = {yang}];"));
        }
        self.line(depth + 1, format_args!("}}"));
        self.line(depth + 1, format_args!("enum_value value = 1;"));
        self.line(depth, format_args!("}}"));
    }

    fn union(&mut self, name: &str, ty: &Type) {
        self.line(1, format_args!("message {name} {{"));
        let (mut enumerations, mut members) = (Vec::new(), Vec::new());
        let _ = each_member(ty, &mut |member| {
            match (member, member_of(member)) {
                (Type::Enum(values), _) => enumerations.push(values),
                (_, Some(member)) if !members.contains(&member) => members.push(member),
                _ => {}
            }
            None::<()>
        });
        members.sort();
        for (position, values) in (1..).zip(&enumerations) {
            self.enumeration(2, &format!("Enumeration{position}"), values);
        }
        self.line(2, format_args!("oneof value {{"));
        for (number, name, ty) in members {
            self.line(3, format_args!("{ty} {name} = {number};"));
        }
        for (position, number) in (1..=enumerations.len()).zip(FIRST_ENUMERATION..) {
            let suffix = if position == 1 { String::new() } else { format!("_{position}") };
            self.line(3, format_args!("Enumeration{position} enum_value{suffix} = {number};"));
        }
        self.line(2, format_args!("}}"));
        self.line(1, format_args!("}}"));
    }

    #[expect(clippy::indexing_slicing, reason = "ids come only from the schema that this was made from")]
    fn field(&mut self, id: NodeId) {
        let node = self.schema.node(id);
        let repeated = if matches!(node.kind, Kind::List(_) | Kind::LeafList(_)) { "repeated " } else { "" };
        let ty = match (&node.kind, node.ty()) {
            // Known to exist, never stored.
            (Kind::Any, _) => return,
            (_, Some(ty)) => self.leaf_type_name(id, ty),
            (_, None) => self.names.messages[id.index()].clone(),
        };
        let (name, number) = (self.names.fields[id.index()].clone(), self.numbers[id.index()]);
        let yang = quoted(&plain_name(self.schema, id));
        self.line(1, format_args!("{repeated}{ty} {name} = {number} [(yang_leaf_name) = {yang}];"));
    }
}

/// A string literal.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for symbol in text.chars() {
        match symbol {
            '"' | '\\' => literal.extend(['\\', symbol]),
            control if control.is_ascii_control() => {
                let _ = write!(literal, "\\{:03o}", u32::from(control));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}
