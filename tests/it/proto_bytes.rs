//! `proto_bytes` read with nothing but the .proto file: compiled by protox, decoded by prost-reflect. The schema serves
//! only to say which leaves are keys, as the comments of the file do for people.

use std::sync::Arc;

use ganymede::codec::{PROTO_FILE_NAME, proto_file};
use ganymede::schema::{NodeId, Schema, Sources, load};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, OneofDescriptor, ReflectMessage, Value,
};

/// A leaf as the texts of PROTO say it: its path with all keys, and its value with the field it would come in.
pub(crate) type Leaf = (String, String);

/// The .proto file of a schema, compiled.
pub(crate) struct Decoder {
    schema: Arc<Schema>,
    pool: DescriptorPool,
}

impl Decoder {
    /// For the modules that the agents of these tests load.
    pub(crate) fn new() -> Self {
        Self::of(load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema)
    }

    pub(crate) fn of(schema: Arc<Schema>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PROTO_FILE_NAME), proto_file(&schema, "0.0.R0")).unwrap();
        let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
        compiler.include_imports(true);
        compiler.open_file(PROTO_FILE_NAME).unwrap_or_else(|error| panic!("{error:?}"));
        Self { schema, pool: compiler.descriptor_pool() }
    }

    /// The descriptor of the message around everything.
    pub(crate) fn root(&self) -> MessageDescriptor {
        self.pool.get_message_by_name("Nokia.SROS.root").unwrap()
    }

    pub(crate) fn message(&self, bytes: &[u8]) -> DynamicMessage {
        let message = DynamicMessage::decode(self.root(), bytes).unwrap();
        assert_no_unknown_fields(&message);
        message
    }

    /// Every leaf that a root message holds, in its order; keys stand with the entry they belong to.
    pub(crate) fn leaves(&self, bytes: &[u8]) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.branch(None, "", &self.message(bytes), &mut leaves);
        leaves
    }

    /// The same without the keys.
    pub(crate) fn leaves_without_keys(&self, bytes: &[u8]) -> Vec<Leaf> {
        let mut leaves = self.leaves(bytes);
        leaves.retain(|(path, _)| !self.is_key(path));
        leaves
    }

    /// Whether a path ends at a key of a list.
    pub(crate) fn is_key(&self, path: &str) -> bool {
        let mut names = Vec::new();
        let mut depth = 0;
        let mut name = String::new();
        for symbol in path.chars() {
            match symbol {
                '[' => depth += 1,
                ']' => depth -= 1,
                '/' if depth == 0 => names.push(std::mem::take(&mut name)),
                other if depth == 0 => name.push(other),
                _ => {}
            }
        }
        names.push(name);
        let node = names.iter().skip(1).fold(None, |parent, name| Some(self.child(parent, name)));
        let node = self.schema.node(node.unwrap());
        matches!(&node.kind, ganymede::schema::Kind::Leaf(leaf) if leaf.is_key)
    }

    fn child(&self, parent: Option<NodeId>, name: &str) -> NodeId {
        let (module, name) = name.split_once(':').map_or((None, name), |(module, name)| (Some(module), name));
        self.schema.child(parent, module, name).unwrap_or_else(|| panic!("no node {name}"))
    }

    fn branch(&self, of: Option<NodeId>, path: &str, message: &DynamicMessage, leaves: &mut Vec<Leaf>) {
        for (field, value) in message.fields() {
            let name = self.option(&field.options(), "yang_leaf_name");
            let node = self.child(of, &name);
            let path = format!("{path}/{name}");
            match (self.schema.node(node).is_terminal(), value) {
                (true, value) => leaves.push((path, self.leaf(&field, value))),
                (false, Value::Message(inner)) => self.branch(Some(node), &path, inner, leaves),
                (false, Value::List(entries)) => {
                    for entry in entries {
                        let entry = entry.as_message().unwrap();
                        let path = format!("{path}{}", self.keys(node, entry));
                        self.branch(Some(node), &path, entry, leaves);
                    }
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    /// The keys of an entry as text, by name.
    fn keys(&self, list: NodeId, entry: &DynamicMessage) -> String {
        let mut texts = Vec::new();
        for &key in self.schema.node(list).keys() {
            let name = self.schema.node(key).name.to_string();
            let found = entry.fields().find(|(field, _)| self.option(&field.options(), "yang_leaf_name") == name);
            let (field, value) = found.unwrap_or_else(|| panic!("an entry without {name}: {entry}"));
            let text = self.leaf(&field, value);
            texts.push(format!("[{name}={}]", text.split_once(' ').unwrap().1));
        }
        texts.sort();
        texts.concat()
    }

    /// A leaf or leaf-list in the words of `value_text`.
    fn leaf(&self, field: &FieldDescriptor, value: &Value) -> String {
        match value {
            Value::List(members) if field.is_list() => {
                let members: Vec<_> = members.iter().map(|member| self.wrapper(member.as_message().unwrap())).collect();
                format!("list [{}]", members.join(", "))
            }
            value => self.wrapper(value.as_message().unwrap()),
        }
    }

    fn wrapper(&self, message: &DynamicMessage) -> String {
        let descriptor = message.descriptor();
        if let Some(union) = descriptor.oneofs().next() {
            return self.member(message, &union);
        }
        let value = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
        match descriptor.name() {
            "yang_type_empty" => "bool true".to_owned(),
            "yang_type_decimal64" => {
                let (digits, precision) = (value("digits").as_i64().unwrap(), value("precision").as_u32().unwrap());
                format!("double {}", digits as f64 / 10f64.powi(precision.try_into().unwrap()))
            }
            _ => self.scalar(&descriptor.get_field_by_name("value").unwrap(), &value("value")),
        }
    }

    fn member(&self, message: &DynamicMessage, union: &OneofDescriptor) -> String {
        let set: Vec<_> = union.fields().filter(|field| message.has_field(field)).collect();
        let [field] = &*set else { panic!("one member of a union: {message}") };
        match message.get_field(field).into_owned() {
            Value::Message(inner) => self.wrapper(&inner),
            value => self.scalar(field, &value),
        }
    }

    fn scalar(&self, field: &FieldDescriptor, value: &Value) -> String {
        match value {
            Value::Bool(value) => format!("bool {value}"),
            Value::I32(value) => format!("int {value}"),
            Value::I64(value) => format!("int {value}"),
            Value::U32(value) => format!("uint {value}"),
            Value::U64(value) => format!("uint {value}"),
            Value::String(value) => format!("string {value}"),
            Value::Bytes(value) => format!("bytes {value:?}"),
            Value::EnumNumber(number) => {
                let kind = field.kind();
                let value = kind.as_enum().unwrap().get_value(*number).unwrap_or_else(|| panic!("no enum {number}"));
                assert_ne!(*number, 0, "INVALID_ENUM");
                format!("string {}", self.option(&value.options(), "yang_enum_value_name"))
            }
            other => panic!("{other:?}"),
        }
    }

    fn option(&self, options: &DynamicMessage, name: &str) -> String {
        let extension = self.pool.get_extension_by_name(&format!("Nokia.SROS.{name}")).unwrap();
        options.get_extension(&extension).as_str().unwrap().to_owned()
    }
}

/// Everything in the bytes is known to the .proto file.
fn assert_no_unknown_fields(message: &DynamicMessage) {
    assert_eq!(message.unknown_fields().count(), 0, "{message:?}");
    for (_, value) in message.fields() {
        match value {
            Value::Message(inner) => assert_no_unknown_fields(inner),
            Value::List(members) => {
                members.iter().filter_map(Value::as_message).for_each(assert_no_unknown_fields);
            }
            _ => {}
        }
    }
}
