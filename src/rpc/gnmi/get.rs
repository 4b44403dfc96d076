//! The Get RPC: one snapshot for the whole request, one Notification for each path (GET-003, GET-019).

use tonic::Status;

use super::{Gnmi, extensions, request::Paths};
use crate::codec::{Encoding, Filter, PathForm, Shape, encode_path, typed_value, write_branch};
use crate::path::{DataPath, Pattern, Step};
use crate::pb::gnmi as pb;
use crate::pb::gnmi::get_request::DataType;
use crate::pb::gnmi::typed_value::Value as Typed;
use crate::rpc::status;
use crate::schema::NodeId;
use crate::store::{Commit, Cursor, Found, Leaf, instances};

impl Gnmi {
    /// Answers a Get.
    pub(super) fn get(&self, request: &pb::GetRequest) -> Result<pb::GetResponse, Status> {
        let depth = extensions::depth(&request.extension)?;
        let encoding = Encoding::from_pb(request.encoding).map_err(|error| status::encoding(&error))?;
        let filter = match DataType::try_from(request.r#type) {
            Ok(DataType::All) => Filter::All,
            Ok(DataType::Config) => Filter::Config,
            // No model here annotates operational state, so OPERATIONAL is all state (C-14).
            Ok(DataType::State | DataType::Operational) => Filter::State,
            Err(_) => return Err(status::data_type(request.r#type)),
        };
        let paths = Paths::decode(request.prefix.as_ref(), &request.path.iter().collect::<Vec<_>>())?;
        let commit = self.parts.store.newest();
        let resolver = self.resolver(&commit.tree);
        let mut reply = Reply {
            gnmi: self,
            commit: &commit,
            shape: Shape { ietf: encoding == Encoding::JsonIetf, filter, depth, views: resolver.views },
            encoding,
            form: paths.form,
            prefix: paths.reply_prefix(),
            bytes: 0,
        };
        let time = self.parts.clock.now().nanos();
        let mut notification = Vec::with_capacity(paths.absolute.len());
        for raw in &paths.absolute {
            let patterns = resolver.read(raw).map_err(|error| status::path(&error))?;
            let mut updates = Vec::new();
            for pattern in &patterns {
                reply.values(pattern, &mut updates)?;
            }
            if updates.is_empty()
                && let [pattern] = &*patterns
                && pattern.as_data_path().is_some_and(|path| !path.steps().is_empty() && !commit.tree.exists(&path))
            {
                return Err(status::not_found(&raw.to_string()));
            }
            notification.push(pb::Notification {
                timestamp: time,
                prefix: reply.prefix.clone(),
                update: updates,
                ..pb::Notification::default()
            });
        }
        Ok(pb::GetResponse { notification, ..pb::GetResponse::default() })
    }
}

/// What the values of one reply share.
struct Reply<'a> {
    gnmi: &'a Gnmi,
    commit: &'a Commit,
    shape: Shape,
    encoding: Encoding,
    form: PathForm,
    prefix: Option<pb::Path>,
    /// Bytes of values so far, held against the limit (GET-010).
    bytes: usize,
}

impl Reply<'_> {
    fn values(&mut self, pattern: &Pattern, updates: &mut Vec<pb::Update>) -> Result<(), Status> {
        if self.encoding == Encoding::Proto {
            return self.leaves(pattern, updates);
        }
        let mut result = Ok(());
        instances(&self.commit.tree, pattern, &mut |at, found| {
            if result.is_ok() {
                result = self.subtree(at, found, updates);
            }
        });
        result
    }

    /// JSON: one update for each place, holding all below it (GET-017).
    fn subtree(&mut self, at: &[Step], found: Found<'_>, updates: &mut Vec<pb::Update>) -> Result<(), Status> {
        let schema = self.gnmi.parts.store.schema();
        let node = at.last().map(|step| step.node);
        let value = match (found, node) {
            (Found::Leaf(leaf), Some(node)) => {
                if !self.shape.filter.admits(schema.node(node)) {
                    return Ok(());
                }
                typed_value(schema, node, &leaf.value, self.encoding)
            }
            (Found::Branch(branch), _) => {
                let mut json = Vec::new();
                if !write_branch(schema, node, branch, &self.shape, &mut json) {
                    return Ok(());
                }
                let json = json.into();
                pb::TypedValue { value: Some(if self.shape.ietf { Typed::JsonIetfVal(json) } else { Typed::JsonVal(json) }) }
            }
            (Found::Leaf(_), None) => return Ok(()),
        };
        self.push(at, value, updates)
    }

    /// PROTO: one update for each leaf (GET-024, C-18).
    fn leaves(&mut self, pattern: &Pattern, updates: &mut Vec<pb::Update>) -> Result<(), Status> {
        let schema = self.gnmi.parts.store.schema().clone();
        let commit = self.commit;
        let mut result = Ok(());
        let mut each = |at: &[Step], node: NodeId, leaf: &Leaf| {
            let deep = self.shape.depth.is_some_and(|depth| at.len() + 1 > pattern.steps().len() + depth as usize);
            if result.is_ok() && !deep && self.shape.filter.admits(schema.node(node)) && self.shape.shows(&schema, at, node) {
                let path = DataPath::new(at).child(node, None);
                result = self.push(path.steps(), typed_value(&schema, node, &leaf.value, self.encoding), updates);
            }
        };
        Cursor::new().read(&commit.tree, pattern, &mut each, &mut || std::ops::ControlFlow::Continue(()));
        result
    }

    fn push(&mut self, at: &[Step], value: pb::TypedValue, updates: &mut Vec<pb::Update>) -> Result<(), Status> {
        let limit = self.gnmi.parts.limits.get_response_bytes;
        self.bytes += prost::Message::encoded_len(&value);
        if self.bytes > limit {
            return Err(status::get_too_large(limit));
        }
        let path = encode_path(self.gnmi.parts.store.schema(), at, self.form);
        updates.push(pb::Update { path: Some(path), val: Some(value), ..pb::Update::default() });
        Ok(())
    }
}
