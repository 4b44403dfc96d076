//! `proto_bytes` read with nothing but the .proto file: compiled by protox, decoded by prost-reflect. The schema serves
//! only to say which leaves are keys, as the comments of the file do for people.

use std::sync::Arc;

use ganymede::codec::{PROTO_FILE_NAME, proto_file};
use ganymede::schema::{Kind, NodeId, Schema, Sources, Type, load};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, OneofDescriptor, ReflectMessage, Value,
};

/// A leaf as the texts of PROTO say it: its path with all keys, and its value with the field it would come in.
pub(crate) type Leaf = (String, String);

/// A leaf, and what it is.
pub(crate) struct Found {
    pub(crate) node: NodeId,
    pub(crate) is_key: bool,
    pub(crate) leaf: Leaf,
}

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

    /// Every leaf that a root message holds; keys stand with the entry they belong to.
    pub(crate) fn leaves(&self, bytes: &[u8]) -> Vec<Leaf> {
        self.found(bytes).into_iter().map(|found| found.leaf).collect()
    }

    /// The same without the keys.
    pub(crate) fn leaves_without_keys(&self, bytes: &[u8]) -> Vec<Leaf> {
        self.found(bytes).into_iter().filter(|found| !found.is_key).map(|found| found.leaf).collect()
    }

    /// The same with what the schema says of them.
    pub(crate) fn found(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        self.branch(None, "", &self.message(bytes), &mut found);
        found
    }

    fn child(&self, parent: Option<NodeId>, name: &str) -> NodeId {
        let (module, name) = name.split_once(':').map_or((None, name), |(module, name)| (Some(module), name));
        self.schema.child(parent, module, name).unwrap_or_else(|| panic!("no node {name}"))
    }

    fn branch(&self, of: Option<NodeId>, path: &str, message: &DynamicMessage, found: &mut Vec<Found>) {
        for (field, value) in message.fields() {
            let name = self.option(&field.options(), "yang_leaf_name");
            let node = self.child(of, &name);
            let path = format!("{path}/{name}");
            match (self.schema.node(node).is_terminal(), value) {
                (true, value) => {
                    let is_key = matches!(&self.schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key);
                    found.push(Found { node, is_key, leaf: (path, self.leaf(&field, value)) });
                }
                (false, Value::Message(inner)) => self.branch(Some(node), &path, inner, found),
                (false, Value::List(entries)) => {
                    for entry in entries {
                        let entry = entry.as_message().unwrap();
                        let path = format!("{path}{}", self.keys(node, entry));
                        self.branch(Some(node), &path, entry, found);
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
            let text = text.split_once(' ').unwrap().1;
            // In a path an identity has no module.
            let is_identity = matches!(self.schema.node(key).ty().map(|ty| &**ty), Some(Type::Identity(_)));
            let text = text.split_once(':').filter(|_| is_identity).map_or(text, |(_, name)| name);
            texts.push(format!("[{name}={text}]"));
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
                // Through text, because that rounds once.
                format!("double {}", format!("{digits}e-{precision}").parse::<f64>().unwrap())
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
