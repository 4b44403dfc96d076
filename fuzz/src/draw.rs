//! Structured input: paths, values and requests that mostly fit the schema, and sometimes do not.
//!
//! Invariant: drawing always ends. Once the bytes are used up every choice is the first one, which is always the one
//! that stops.

use arbitrary::Unstructured;
use ganymede::path::{RawElem, RawPath};
use ganymede::pb::gnmi as pb;
use ganymede::pb::gnmi::typed_value::Value as Typed;
use ganymede::schema::{Kind, NodeId, Type};

use crate::{resolver, schema};

/// Elements of a drawn path. Deeper than any embedded model.
const ELEMS_MAX: usize = 16;

/// Texts that mean something somewhere, and some that are hard to quote.
const TEXTS: [&str; 16] =
    ["a", "b", "1", "", "*", "Base", "1/1/1", "true", "a]b", "a[b", "a\\", "\"q\"", "'", "=", "...", "é\u{0}"];

const ORIGINS: [&str; 6] = ["", "openconfig", "nokia", "ganymede-test", "nokia-conf", "cli"];

/// Draws from the bytes of one run.
pub struct Draw<'a> {
    bytes: Unstructured<'a>,
}

impl<'a> Draw<'a> {
    /// From these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Unstructured::new(bytes) }
    }

    /// Whether all bytes are used up.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.bytes.take_rest()
    }

    /// A number below `count`, which is not zero.
    pub fn below(&mut self, count: usize) -> usize {
        self.bytes.int_in_range(0..=count - 1).unwrap_or(0)
    }

    /// True once in `count` times, and not once the bytes are used up.
    pub fn rarely(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.bytes.arbitrary().unwrap_or_default()
    }

    /// A text, often a telling one.
    pub fn text(&mut self) -> String {
        match self.below(4) {
            0 | 1 => TEXTS[self.below(TEXTS.len())].to_owned(),
            2 => self.number().to_string(),
            _ => self.bytes.arbitrary::<&str>().unwrap_or_default().to_owned(),
        }
    }

    /// A path that mostly follows the schema.
    pub fn path(&mut self) -> RawPath {
        let mut path = RawPath::default();
        if self.rarely(8) {
            path.origin = Some(ORIGINS[self.below(ORIGINS.len())].to_owned()).filter(|origin| !origin.is_empty());
        }
        let mut at = None;
        while path.elems.len() < ELEMS_MAX && self.below(12) > 0 {
            let children = schema().children(at);
            let elem = match self.below(24) {
                20 => RawElem { name: "*".to_owned(), keys: Vec::new() },
                21 => RawElem { name: "...".to_owned(), keys: Vec::new() },
                22 => RawElem { name: self.text(), keys: vec![(self.text(), self.text())] },
                _ if children.is_empty() => break,
                _ => {
                    let node = children[self.below(children.len())];
                    at = Some(node);
                    self.elem(node)
                }
            };
            path.elems.push(elem);
        }
        path
    }

    fn elem(&mut self, id: NodeId) -> RawElem {
        let node = schema().node(id);
        let name = self.name(id, false);
        let mut keys = Vec::new();
        for &key in node.keys() {
            if !self.rarely(8) {
                let text = if self.rarely(6) { "*".to_owned() } else { self.text_of(key) };
                keys.push((schema().node(key).name.to_string(), text));
            }
        }
        RawElem { name, keys }
    }

    /// Name of a node, with its module when it has to have one, and sometimes otherwise.
    fn name(&mut self, id: NodeId, qualified: bool) -> String {
        let node = schema().node(id);
        let module = &schema().module(node.module).name;
        if qualified || self.rarely(8) { format!("{module}:{}", node.name) } else { node.name.to_string() }
    }

    /// Text that the type of a leaf mostly accepts.
    fn text_of(&mut self, leaf: NodeId) -> String {
        match schema().node(leaf).ty() {
            Some(ty) if !self.rarely(16) => self.value(ty),
            _ => self.text(),
        }
    }

    fn value(&mut self, ty: &Type) -> String {
        match ty {
            Type::Integer { ranges, .. } => {
                let range = ranges[self.below(ranges.len())];
                let offset = [0, 1, i128::from(self.number())][self.below(3)];
                if self.rarely(2) { range.max - offset } else { range.min + offset }.to_string()
            }
            Type::Decimal { scale, ranges } => {
                let digits = [0, 1, self.number().cast_signed(), ranges[0].min, ranges[0].max][self.below(5)];
                decimal(digits, *scale)
            }
            Type::Text { .. } | Type::Instance { .. } => self.text(),
            Type::Bool => ["false", "true"][self.below(2)].to_owned(),
            Type::Empty => String::new(),
            Type::Enum(names) => names[self.below(names.len())].0.to_string(),
            Type::Bits(names) => {
                let picked: Vec<&str> = names.iter().filter(|_| self.rarely(2)).map(|(name, _)| &**name).collect();
                picked.join(" ")
            }
            Type::Binary { .. } => ["", "AAEC", "YQ==", "YQ", "?"][self.below(5)].to_owned(),
            Type::Identity(identities) if identities.is_empty() => self.text(),
            Type::Identity(identities) => {
                let identity = &identities[self.below(identities.len())];
                if self.rarely(2) {
                    format!("{}:{}", identity.module, identity.name)
                } else {
                    identity.name.to_string()
                }
            }
            Type::Leafref { real, .. } => self.value(real),
            Type::Union(members) => {
                let member = self.below(members.len());
                self.value(&members[member])
            }
        }
    }

    /// A SetRequest of a few operations.
    pub fn set_request(&mut self) -> pb::SetRequest {
        let mut request = pb::SetRequest::default();
        for _ in 0..=self.below(4) {
            let path = self.path();
            match self.below(6) {
                0..=2 => request.update.push(self.update(&path)),
                3 | 4 => request.replace.push(self.update(&path)),
                _ => request.delete.push(to_pb(&path)),
            }
        }
        request
    }

    fn update(&mut self, path: &RawPath) -> pb::Update {
        let place = resolver().write(path).ok();
        let node = place.as_ref().and_then(|place| place.node());
        let entry = place.as_ref().is_some_and(|place| place.steps().last().is_some_and(|step| step.key.is_some()));
        let ietf = self.rarely(2);
        let value = match (self.below(8), node.filter(|&node| schema().node(node).is_terminal())) {
            (0..=2, Some(leaf)) => self.scalar(leaf),
            (7, _) => self.json_value(ietf, |draw| draw.text()),
            _ => self.json_value(ietf, |draw| {
                let mut json = String::new();
                match node {
                    Some(node) if !entry => draw.json(node, ietf, &mut json),
                    _ => draw.object(node, ietf, &mut json),
                }
                json
            }),
        };
        pb::Update {
            path: Some(to_pb(path)),
            val: Some(pb::TypedValue { value: Some(value) }),
            ..pb::Update::default()
        }
    }

    fn json_value(&mut self, ietf: bool, text: impl FnOnce(&mut Self) -> String) -> Typed {
        let json = text(self).into_bytes().into();
        if ietf { Typed::JsonIetfVal(json) } else { Typed::JsonVal(json) }
    }

    fn scalar(&mut self, leaf: NodeId) -> Typed {
        let text = self.text_of(leaf);
        let list = matches!(schema().node(leaf).kind, Kind::LeafList(_));
        match self.below(8) {
            _ if list && !self.rarely(8) => {
                let members = (0..self.below(4)).map(|_| Typed::StringVal(self.text_of(leaf)));
                let element = members.map(|value| pb::TypedValue { value: Some(value) }).collect();
                Typed::LeaflistVal(pb::ScalarArray { element })
            }
            1 => text.parse().map_or(Typed::IntVal(-1), Typed::IntVal),
            2 => text.parse().map_or(Typed::UintVal(1), Typed::UintVal),
            3 => text.parse().map_or(Typed::BoolVal(true), Typed::BoolVal),
            4 => text.parse().map_or(Typed::DoubleVal(f64::NAN), Typed::DoubleVal),
            5 => Typed::BytesVal(text.into_bytes().into()),
            6 => Typed::AsciiVal(text),
            _ => Typed::StringVal(text),
        }
    }

    /// JSON for a node; for a list all of it.
    fn json(&mut self, id: NodeId, ietf: bool, out: &mut String) {
        match &schema().node(id).kind {
            Kind::Container { .. } => self.object(Some(id), ietf, out),
            Kind::Any => out.push_str("{}"),
            Kind::Leaf(_) => self.json_leaf(id, out),
            Kind::List(_) => self.array(out, |draw, out| draw.object(Some(id), ietf, out)),
            Kind::LeafList(_) => self.array(out, |draw, out| draw.json_leaf(id, out)),
        }
    }

    fn array(&mut self, out: &mut String, mut member: impl FnMut(&mut Self, &mut String)) {
        out.push('[');
        for position in 0..self.below(4) {
            if position > 0 {
                out.push(',');
            }
            member(self, out);
        }
        out.push(']');
    }

    /// The keys, and a few of the other children.
    fn object(&mut self, of: Option<NodeId>, ietf: bool, out: &mut String) {
        let children = schema().children(of);
        let keys = of.map_or(&[][..], |of| schema().node(of).keys());
        let mut chosen: Vec<NodeId> = keys.iter().copied().filter(|_| !self.rarely(16)).collect();
        if !children.is_empty() {
            for _ in 0..self.below(5) {
                chosen.push(children[self.below(children.len())]);
            }
        }
        out.push('{');
        for (position, &child) in chosen.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            let name = self.name(child, ietf && schema().changes_module(of, child));
            out.push_str(&quoted(&name));
            out.push(':');
            self.json(child, ietf, out);
        }
        out.push('}');
    }

    fn json_leaf(&mut self, leaf: NodeId, out: &mut String) {
        let text = self.text_of(leaf);
        match (self.below(8), schema().node(leaf).ty().map(|ty| &**ty)) {
            (7, _) => out.push_str(&text),
            (_, Some(Type::Empty)) => out.push_str("[null]"),
            (_, Some(Type::Bool)) => out.push_str(&text),
            (_, Some(Type::Integer { bits, .. })) if *bits < 64 => out.push_str(&text),
            _ => out.push_str(&quoted(&text)),
        }
    }
}

fn decimal(digits: i64, scale: u8) -> String {
    let unit = 10u64.saturating_pow(scale.into());
    let (whole, part) = (digits.unsigned_abs() / unit, digits.unsigned_abs() % unit);
    format!("{}{whole}.{part:0width$}", if digits < 0 { "-" } else { "" }, width = usize::from(scale))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A path as a message, keys as they are.
pub fn to_pb(path: &RawPath) -> pb::Path {
    let elem = path
        .elems
        .iter()
        .map(|elem| pb::PathElem { name: elem.name.clone(), key: elem.keys.iter().cloned().collect() });
    pb::Path { origin: path.origin.clone().unwrap_or_default(), elem: elem.collect(), ..pb::Path::default() }
}
