//! One value of a request as content for the store: every form of `TypedValue`, judged by the schema.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{SetErrorKind, parse};
use crate::path::{DataPath, ListKey, Step};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::typed_value::Value as Typed;
use crate::schema::{Input, Kind, NodeId, Rule, Schema};
use crate::store::Content;
use crate::value::{Decimal, Value};

/// Members of a branch, ready for the store.
type Members = Vec<(NodeId, Content)>;

/// Decodes the value for one place.
pub(super) struct Decoder<'a> {
    schema: &'a Schema,
    /// The place, and the way down into the value, for errors.
    at: Vec<Step>,
    rule: Rule,
    empty_object: bool,
}

impl<'a> Decoder<'a> {
    /// A decoder for a value that goes to `place`.
    pub(super) fn new(schema: &'a Schema, place: &[Step]) -> Self {
        Self { schema, at: place.to_vec(), rule: Rule::Lenient, empty_object: false }
    }

    /// Whether the value was `{}`.
    pub(super) fn was_empty_object(&self) -> bool {
        self.empty_object
    }

    /// Decodes any form of value (SET-031, SET-034).
    pub(super) fn value(&mut self, value: &pb::TypedValue) -> Result<Content, SetErrorKind> {
        self.check_config()?;
        #[expect(deprecated, reason = "older clients send float_val and decimal_val")]
        match &value.value {
            None => Err(super::no_value(self.path())),
            Some(Typed::JsonVal(text)) => self.json(text, Rule::Lenient),
            Some(Typed::JsonIetfVal(text)) => self.json(text, Rule::Rfc7951),
            Some(Typed::StringVal(text)) => self.scalar(Input::Text(text)),
            Some(Typed::IntVal(number)) => self.scalar(Input::Int(*number)),
            Some(Typed::UintVal(number)) => self.scalar(Input::Uint(*number)),
            Some(Typed::BoolVal(value)) => self.scalar(Input::Bool(*value)),
            Some(Typed::BytesVal(bytes)) => self.scalar(Input::Bytes(bytes)),
            Some(Typed::DoubleVal(number)) => self.scalar(Input::Double(*number)),
            Some(Typed::FloatVal(number)) => self.scalar(Input::Double(widened(*number))),
            Some(Typed::DecimalVal(decimal)) => {
                let text = self.decimal_text(decimal)?;
                self.scalar(Input::Number(&text))
            }
            Some(Typed::LeaflistVal(members)) => self.scalars(members),
            Some(Typed::AnyVal(_)) => Err(self.unsupported("Value field any_val")),
            Some(Typed::AsciiVal(_)) => Err(self.unsupported("Value field ascii_val")),
            Some(Typed::ProtoBytes(_)) => Err(self.unsupported("Value field proto_bytes")),
        }
    }

    fn json(&mut self, text: &[u8], rule: Rule) -> Result<Content, SetErrorKind> {
        self.rule = rule;
        let discreet = self.schema.may_hold_secret(self.at.last().map(|step| step.node));
        let json = parse::parse(text, discreet).map_err(|reason| self.invalid(reason))?;
        self.empty_object = matches!(&json, Json::Object(members) if members.is_empty());
        match self.at.last() {
            Some(&Step { node, key: None }) => self.content(node, &json),
            _ => self.object(&json).map(Content::Branch),
        }
    }

    /// What `json` says about the node at the end of the way.
    fn content(&mut self, id: NodeId, json: &Json) -> Result<Content, SetErrorKind> {
        self.check_config()?;
        match &self.schema.node(id).kind {
            Kind::Container { .. } => self.object(json).map(Content::Branch),
            Kind::List(_) => self.array(id, json).map(Content::List),
            Kind::Leaf(_) => self.json_scalar(id, json).and_then(|value| self.fits_own_key(value)).map(Content::Leaf),
            Kind::LeafList(_) => self.json_members(id, json).map(Content::Leaf),
            Kind::Any => Err(self.unsupported("anydata")),
        }
    }

    /// The members of the root, or of the container or entry at the end of the way.
    fn object(&mut self, json: &Json) -> Result<Members, SetErrorKind> {
        let (of, in_entry) = match self.at.last() {
            Some(step) => (Some(step.node), step.key.is_some()),
            None => (None, false),
        };
        let Json::Object(object) = json else {
            let place = if in_entry { "A list entry" } else { "A container" };
            return Err(self.invalid(format!("{place} takes a JSON object, not {}", kind_of(json))));
        };
        let mut members = Members::with_capacity(object.len());
        for (name, json) in object {
            let node = self.member(of, name)?;
            self.at.push(Step { node, key: None });
            if members.iter().any(|(given, _)| *given == node) {
                return Err(self.invalid("Member is given twice, with and without its module"));
            }
            members.push((node, self.content(node, json)?));
            self.at.pop();
        }
        self.check_cases(&members)?;
        // An entry has its key leaves from its key; here they have only been compared with it.
        let keys = of.filter(|_| in_entry).map_or(&[][..], |of| self.schema.node(of).keys());
        members.retain(|(node, _)| !keys.contains(node));
        Ok(members)
    }

    /// The node a member name means. Without a module the name has to be unambiguous (SET-033).
    fn member(&self, of: Option<NodeId>, name: &str) -> Result<NodeId, SetErrorKind> {
        let (module, local) = match name.split_once(':') {
            Some((module, local)) => (Some(module), local),
            None => (None, name),
        };
        let found = self.schema.named(of, local);
        let refuse = |reason: String| {
            let above = if self.at.is_empty() { String::new() } else { self.path() };
            Err(SetErrorKind::Value { path: format!("{above}/{}", parse::shown(name)), reason })
        };
        match (self.schema.child(of, module, local), module) {
            (Some(node), None) if found.len() > 1 && self.is_foreign(of, node) => {
                refuse(format!("Element is ambiguous, state its module: {}", self.modules_of(found)))
            }
            (Some(node), _) => Ok(node),
            (None, Some(_)) if !found.is_empty() => {
                refuse(format!("Unknown element, '{local}' is in module {}", self.modules_of(found)))
            }
            // SET-028
            (None, _) => refuse("Unknown element".to_owned()),
        }
    }

    fn is_foreign(&self, of: Option<NodeId>, node: NodeId) -> bool {
        self.schema.changes_module(of, node)
    }

    fn modules_of(&self, nodes: &[NodeId]) -> String {
        let names: Vec<_> = nodes.iter().map(|&id| &*self.schema.module(self.schema.node(id).module).name).collect();
        names.join(" or ")
    }

    /// The entries of a list as a whole (SET-049).
    fn array(&mut self, list: NodeId, json: &Json) -> Result<Vec<(ListKey, Members)>, SetErrorKind> {
        let Json::Array(elements) = json else {
            return Err(self.invalid(format!("A list takes a JSON array of entries, not {}", kind_of(json))));
        };
        let mut given = HashSet::with_capacity(elements.len());
        let mut entries = Vec::with_capacity(elements.len());
        for element in elements {
            let Json::Object(object) = element else {
                return Err(self.invalid(format!("An entry of a list is a JSON object, not {}", kind_of(element))));
            };
            let key = self.entry_key(list, object)?;
            let step = self.at.pop();
            self.at.push(Step { node: list, key: Some(key.clone()) });
            if !given.insert(key.clone()) {
                return Err(self.invalid("Entry is given twice"));
            }
            let members = self.object(element)?;
            entries.push((key, members));
            self.at.pop();
            self.at.extend(step);
        }
        Ok(entries)
    }

    /// The key of an entry, from the key leaves in it.
    fn entry_key(&mut self, list: NodeId, object: &Map<String, Json>) -> Result<ListKey, SetErrorKind> {
        let schema = self.schema;
        let keys = schema.node(list).keys();
        let values = keys.iter().map(|&leaf| {
            let node = schema.node(leaf);
            let local = |name: &str| schema.is_called(leaf, name.split_once(':').map_or(name, |(_, local)| local));
            match object.iter().find(|(name, _)| local(name)) {
                None => Err(self.invalid(format!("Key '{}' of an entry is missing", node.name))),
                Some((_, json)) => {
                    self.at.push(Step { node: leaf, key: None });
                    let value = self.json_scalar(leaf, json)?;
                    self.at.pop();
                    Ok(value)
                }
            }
        });
        values.collect()
    }

    fn json_scalar(&self, leaf: NodeId, json: &Json) -> Result<Value, SetErrorKind> {
        let input = match json {
            Json::String(text) => Input::Text(text),
            Json::Number(number) => Input::Number(number.as_str()),
            Json::Bool(value) => Input::Bool(*value),
            // RFC 7951 6.9: the value of an empty leaf.
            Json::Array(members) if matches!(&**members, [Json::Null]) => Input::Null,
            // SET-022
            Json::Null => return Err(self.invalid("null is not a value, use delete")),
            other @ (Json::Array(_) | Json::Object(_)) => {
                return Err(self.invalid(format!("A leaf takes one value, not {}", kind_of(other))));
            }
        };
        self.accept(leaf, input)
    }

    fn json_members(&self, list: NodeId, json: &Json) -> Result<Value, SetErrorKind> {
        match json {
            Json::Array(members) => {
                let members = members.iter().map(|member| self.json_scalar(list, member));
                self.leaf_list(members.collect::<Result<_, _>>()?)
            }
            scalar if self.rule == Rule::Lenient => self.leaf_list(vec![self.json_scalar(list, scalar)?]),
            other => Err(self.invalid(format!("A leaf-list takes a JSON array, not {}", kind_of(other)))),
        }
    }

    /// A typed scalar: the value of a leaf, or one member of a leaf-list.
    fn scalar(&self, input: Input<'_>) -> Result<Content, SetErrorKind> {
        let node = self.terminal()?;
        let value = self.accept(node, input)?;
        match self.schema.node(node).kind {
            Kind::LeafList(_) => self.leaf_list(vec![value]).map(Content::Leaf),
            _ => self.fits_own_key(value).map(Content::Leaf),
        }
    }

    fn scalars(&mut self, members: &pb::ScalarArray) -> Result<Content, SetErrorKind> {
        let node = self.terminal()?;
        if !matches!(self.schema.node(node).kind, Kind::LeafList(_)) {
            return Err(self.invalid("A leaf takes one value, not leaflist_val"));
        }
        let mut values = Vec::with_capacity(members.element.len());
        for member in &members.element {
            let nested =
                matches!(&member.value, Some(Typed::LeaflistVal(_) | Typed::JsonVal(_) | Typed::JsonIetfVal(_)));
            match (nested, self.value(member)) {
                (true, _) => return Err(self.invalid("Members of leaflist_val are scalars")),
                (false, Ok(Content::Leaf(Value::List(one)))) => values.extend(one.iter().cloned()),
                (false, Ok(_)) => {}
                (false, Err(error)) => return Err(error),
            }
        }
        self.leaf_list(values).map(Content::Leaf)
    }

    /// The leaf or leaf-list at the place, which is all that typed scalars fit.
    fn terminal(&self) -> Result<NodeId, SetErrorKind> {
        let node = self.at.last().map(|step| step.node).filter(|&node| self.schema.node(node).is_terminal());
        node.ok_or_else(|| self.invalid("A container, list or entry takes a JSON value"))
    }

    /// RFC 7950 7.7: the members of a leaf-list in a configuration differ.
    fn leaf_list(&self, members: Vec<Value>) -> Result<Value, SetErrorKind> {
        let mut given = HashSet::with_capacity(members.len());
        match members.iter().find(|member| !given.insert(*member)) {
            Some(twice) => Err(self.invalid(format!("Member '{twice}' is given twice"))),
            None => Ok(Value::List(members.into())),
        }
    }

    fn accept(&self, id: NodeId, input: Input<'_>) -> Result<Value, SetErrorKind> {
        let node = self.schema.node(id);
        let Some(ty) = node.ty() else { return Err(self.invalid("Element takes no value")) };
        ty.accept(input, self.rule, &self.schema.module(node.module).name).map_err(|error| {
            let rule = if self.schema.is_secret(id) { error.without_value() } else { error.to_string() };
            self.invalid(format!("Invalid element value: {rule}"))
        })
    }

    /// A key leaf may be repeated, by its own path or in the value of its entry, but not contradicted (SET-024).
    fn fits_own_key(&self, value: Value) -> Result<Value, SetErrorKind> {
        let [.., entry, leaf] = &*self.at else { return Ok(value) };
        let position = self.schema.node(entry.node).keys().iter().position(|&key| key == leaf.node);
        let fixed = position.and_then(|position| entry.key.as_ref()?.get(position));
        match fixed {
            Some(fixed) if *fixed != value => {
                Err(self.invalid(format!("Key leaf contradicts the key '{}' of the entry", fixed.key_text())))
            }
            _ => Ok(value),
        }
    }

    fn check_config(&self) -> Result<(), SetErrorKind> {
        match self.at.last() {
            Some(step) if !self.schema.node(step.node).config => {
                Err(SetErrorKind::NotConfigurable { path: self.path() })
            }
            _ => Ok(()),
        }
    }

    /// RFC 7950 7.9: one value cannot hold two cases of a choice.
    fn check_cases(&self, members: &Members) -> Result<(), SetErrorKind> {
        let cases = |position: usize| members.get(position).map_or(&[][..], |(id, _)| &*self.schema.node(*id).cases);
        for later in 1..members.len() {
            for ours in cases(later) {
                let other = (0..later).find(|&earlier| {
                    cases(earlier).iter().any(|theirs| theirs.choice == ours.choice && theirs.case != ours.case)
                });
                if let (Some((first, _)), Some((second, _))) =
                    (other.and_then(|at| members.get(at)), members.get(later))
                {
                    let name = |id: NodeId| &*self.schema.node(id).name;
                    return Err(self.invalid(format!(
                        "Elements '{}' and '{}' exclude each other",
                        name(*first),
                        name(*second)
                    )));
                }
            }
        }
        Ok(())
    }

    fn decimal_text(&self, decimal: &pb::Decimal64) -> Result<String, SetErrorKind> {
        // RFC 7950 9.3.4: at most 18 digits after the point.
        let scale = u8::try_from(decimal.precision).ok().filter(|scale| *scale <= 18);
        let scale = scale.ok_or_else(|| self.invalid("A decimal has at most 18 digits after the point"))?;
        Ok(Decimal { digits: decimal.digits, scale }.to_string())
    }

    fn invalid(&self, reason: impl Into<String>) -> SetErrorKind {
        SetErrorKind::Value { path: self.path(), reason: reason.into() }
    }

    fn unsupported(&self, what: &str) -> SetErrorKind {
        SetErrorKind::Unsupported { path: self.path(), what: what.to_owned() }
    }

    fn path(&self) -> String {
        DataPath::new(&*self.at).display(self.schema).to_string()
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

/// The double that prints like this float: what the sender wrote, not its binary neighbour.
fn widened(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}
