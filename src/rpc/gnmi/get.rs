//! The Get RPC: one snapshot for the whole request, one Notification for each path (GET-003, GET-019).

use std::ops::ControlFlow;

use tonic::Status;

use super::request::{Paths, summary};
use super::visible::Reader;
use super::{Gnmi, extensions, schemas};
use crate::admission::Caller;
use crate::codec::{
    Encoding, Filter, LeafForm, PathForm, Shape, ValueForm, Wire, encode_path, typed_value, write_branch, write_root,
};
use crate::path::{Pattern, RawPath, Resolver, SCHEMAS_ORIGIN, Step};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::get_request::DataType;
use crate::pb::gnmi::typed_value::Value as Typed;
use crate::profile::GetMissing;
use crate::rpc::status;
use crate::schema::{Kind, NodeId, Schema};
use crate::store::{Cursor, Found, Leaf, Tree, instances};

impl Gnmi {
    /// Answers a Get.
    pub(super) fn get(&self, request: &pb::GetRequest, caller: Option<&Caller>) -> Result<pb::GetResponse, Status> {
        let profile = &self.parts.profile;
        let paths = Paths::decode(request.prefix.as_ref(), &request.path.iter().collect::<Vec<_>>(), profile);
        if let Some(caller) = caller {
            let unread = |_: &_| summary(request.prefix.as_ref(), &request.path);
            caller.about(paths.as_ref().map_or_else(unread, Paths::summary));
        }
        let Paths { absolute, form, target } = paths?;
        let depth = extensions::depth(&request.extension)?;
        let commit = self.parts.store.newest();
        let values = self.values(request.encoding, &commit.tree)?;
        let filter = filter(request.r#type)?;
        let resolver = self.resolver(&commit.tree);
        let mut reply = Reply {
            wire: &self.parts.wire,
            schema: resolver.schema,
            tree: &commit.tree,
            reader: self.reader(caller, &commit.tree),
            shape: Shape { ietf: values == ValueForm::Leaf(LeafForm::JsonIetf), filter, depth, views: resolver.views },
            values,
            form,
            missing: profile.get_missing,
            room: self.parts.limits.get_response_bytes,
            limit: self.parts.limits.get_response_bytes,
            updates: Vec::new(),
        };
        let prefix = target.map(|target| pb::Path { target, ..pb::Path::default() });
        let timestamp = self.parts.clock.now().nanos();
        let mut notification = Vec::with_capacity(absolute.len());
        for raw in &absolute {
            let update = match raw.origin.as_deref() {
                Some(SCHEMAS_ORIGIN) if profile.encodings.contains(&Encoding::Bytes) => {
                    vec![schemas::update(raw, values, form)?]
                }
                _ => reply.path(&resolver, raw)?,
            };
            notification.push(pb::Notification { timestamp, prefix: prefix.clone(), update, ..Default::default() });
        }
        Ok(pb::GetResponse { notification, ..Default::default() })
    }
}

/// No model here marks operational state, so OPERATIONAL is all state (C-14).
fn filter(data_type: i32) -> Result<Filter, Status> {
    match DataType::try_from(data_type) {
        Ok(DataType::All) => Ok(Filter::All),
        Ok(DataType::Config) => Ok(Filter::Config),
        Ok(DataType::State) => Ok(Filter::State),
        Ok(DataType::Operational) => Ok(Filter::Operational),
        Err(_) => Err(status::data_type(data_type)),
    }
}

/// A reply in the making.
struct Reply<'a> {
    wire: &'a Wire,
    schema: &'a Schema,
    tree: &'a Tree,
    reader: Reader<'a>,
    shape: Shape,
    values: ValueForm,
    form: PathForm,
    missing: GetMissing,
    /// Bytes of values that may still be added (GET-010).
    room: usize,
    limit: usize,
    updates: Vec<pb::Update>,
}

impl Reply<'_> {
    /// The updates for one path of the request.
    fn path(&mut self, resolver: &Resolver<'_>, raw: &RawPath) -> Result<Vec<pb::Update>, Status> {
        let patterns = resolver.read(raw).map_err(|error| status::path(&error))?;
        let view = self.reader.view(self.schema, self.tree, &patterns)?;
        let tree = view.as_ref().unwrap_or(self.tree);
        match self.values {
            ValueForm::Leaf(form @ (LeafForm::Scalars | LeafForm::ScalarsV070)) => {
                patterns.iter().try_for_each(|pattern| self.leaves(tree, pattern, form))?;
            }
            ValueForm::Leaf(form @ (LeafForm::Json | LeafForm::JsonIetf)) => {
                patterns.iter().try_for_each(|pattern| self.subtrees(tree, pattern, form))?;
            }
            ValueForm::Root => self.root(tree, &patterns)?,
        }
        // A wildcard that matches nothing is an answer, a place that does not exist is an error (GET-014, C-17).
        if self.updates.is_empty()
            && self.missing == GetMissing::NotFound
            && let [pattern] = &*patterns
            && pattern.as_data_path().is_some_and(|path| !tree.exists(&path))
        {
            return Err(status::not_found(&raw.to_string()));
        }
        Ok(std::mem::take(&mut self.updates))
    }

    /// JSON: one update for each place, holding all below it (GET-013, GET-017).
    fn subtrees(&mut self, tree: &Tree, pattern: &Pattern, form: LeafForm) -> Result<(), Status> {
        let mut result = Ok(());
        instances(tree, pattern, &mut |at, found| {
            if result.is_ok()
                && let Some(value) = self.subtree(at, found, form)
            {
                result = self.push(at, value);
            }
        });
        result
    }

    /// The value at one place; none when the data type asked for leaves nothing of it (GET-006).
    fn subtree(&self, at: &[Step], found: Found<'_>, form: LeafForm) -> Option<pb::TypedValue> {
        let node = at.last().map(|step| step.node);
        match (found, node) {
            (Found::Leaf(leaf), Some(node)) => self
                .shape
                .filter
                .admits(self.schema.node(node))
                .then(|| typed_value(self.schema, node, &leaf.value, form)),
            (Found::Leaf(_), None) => None,
            (Found::Branch(branch), node) => {
                let mut json = Vec::new();
                write_branch(self.schema, node, branch, &self.shape, &mut json).then(|| {
                    let value =
                        if self.shape.ietf { Typed::JsonIetfVal(json.into()) } else { Typed::JsonVal(json.into()) };
                    pb::TypedValue { value: Some(value) }
                })
            }
        }
    }

    /// PROTO: one update for each leaf (GET-024, C-18).
    fn leaves(&mut self, tree: &Tree, pattern: &Pattern, form: LeafForm) -> Result<(), Status> {
        let deepest = self.shape.depth.map(|depth| pattern.steps().len() + depth as usize - 1);
        let mut result = Ok(());
        let mut each = |at: &[Step], node: NodeId, leaf: &Leaf| {
            let shown = self.shape.filter.admits(self.schema.node(node))
                && deepest.is_none_or(|deepest| at.len() <= deepest)
                && self.shape.shows(self.schema, at, node)
                && (at.len() < pattern.steps().len() || self.keeps(tree, at, node));
            if result.is_ok() && shown {
                let path: Vec<Step> = at.iter().cloned().chain([Step { node, key: None }]).collect();
                let value = typed_value(self.schema, node, &leaf.value, form);
                result = self.push(&path, value);
            }
        };
        Cursor::new().read(tree, pattern, &mut each, &mut || ControlFlow::Continue(()));
        result
    }

    /// Whether a leaf is more than the key of an entry that has nothing of the data type asked for (GET-006).
    fn keeps(&self, tree: &Tree, at: &[Step], leaf: NodeId) -> bool {
        let Kind::Leaf(kind) = &self.schema.node(leaf).kind else { return true };
        let entry = || Some((at.last()?.node, tree.branch(at)?));
        !kind.is_key || entry().is_none_or(|(list, entry)| self.shape.filter.keeps_entry(self.schema, list, entry))
    }

    /// BYTES: one update for all that the path selects, at the root (GET-024, C-18).
    fn root(&mut self, tree: &Tree, patterns: &[Pattern]) -> Result<(), Status> {
        let mut message = Vec::new();
        if !write_root(self.wire, tree, patterns, &self.shape, &mut message) {
            return Ok(());
        }
        self.push(&[], pb::TypedValue { value: Some(Typed::ProtoBytes(message.into())) })
    }

    fn push(&mut self, at: &[Step], value: pb::TypedValue) -> Result<(), Status> {
        let path = encode_path(self.schema, at, self.form);
        let update = pb::Update { path: Some(path), val: Some(value), ..pb::Update::default() };
        let bytes = prost::Message::encoded_len(&update);
        self.room = self.room.checked_sub(bytes).ok_or_else(|| status::get_too_large(self.limit))?;
        self.updates.push(update);
        Ok(())
    }
}
