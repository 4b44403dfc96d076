//! Requests as a release reads them that knows gnmi.proto 0.4.0 only.
//!
//! Invariant: what came to the messages after 0.4.0 is an unknown field there, and so is ignored: extensions (EXT-038),
//! targets, `updates_only`, `union_replace` and newer kinds of values (CAP-016, SUB-056).

use crate::pb::gnmi as pb;
use crate::pb::gnmi::subscribe_request::Request as Kind;
use crate::pb::gnmi::typed_value::Value;

/// A request that can lose its newer fields.
pub(super) trait Older {
    /// Clears every field that 0.4.0 does not have.
    fn forget_newer(&mut self);
}

impl Older for pb::CapabilityRequest {
    fn forget_newer(&mut self) {
        self.extension.clear();
    }
}

impl Older for pb::GetRequest {
    fn forget_newer(&mut self) {
        self.extension.clear();
        self.prefix.forget_newer();
    }
}

impl Older for pb::SetRequest {
    fn forget_newer(&mut self) {
        self.extension.clear();
        self.union_replace.clear();
        self.prefix.forget_newer();
        for update in self.replace.iter_mut().chain(&mut self.update) {
            if let Some(val) = &mut update.val
                && matches!(val.value, Some(Value::DoubleVal(_) | Value::ProtoBytes(_)))
            {
                val.value = None;
            }
        }
    }
}

impl Older for pb::SubscribeRequest {
    fn forget_newer(&mut self) {
        self.extension.clear();
        if let Some(Kind::Subscribe(list)) = &mut self.request {
            list.updates_only = false;
            list.prefix.forget_newer();
        }
    }
}

/// The prefix; the target of another path never counts (PATH-042).
impl Older for Option<pb::Path> {
    fn forget_newer(&mut self) {
        if let Some(path) = self {
            path.target.clear();
        }
    }
}
