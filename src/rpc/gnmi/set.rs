//! The Set RPC: all operations as one commit, or none (gnmi-spec 3.4.3).

use std::sync::Arc;

use tonic::{Request, Status};

use super::request::summary;
use super::{Gnmi, extensions};
use crate::aaa;
use crate::admission::Caller;
use crate::codec::{OperationId, SetOperation, decode_set};
use crate::pb::gnmi as pb;
use crate::rpc::status;
use crate::store::Author;

impl Gnmi {
    /// Answers a Set.
    pub(super) async fn set(&self, request: Request<pb::SetRequest>) -> Result<pb::SetResponse, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let request = request.into_inner();
        let author = author(caller.as_deref());
        if let Some(caller) = &caller {
            caller.about(summary(request.prefix.as_ref(), paths_of(&request)));
        }
        let operations =
            request.delete.len() + request.replace.len() + request.update.len() + request.union_replace.len();
        if operations > self.parts.limits.set_edits {
            return Err(status::too_many_edits(operations, self.parts.limits.set_edits));
        }
        extensions::of_set(&request.extension)?;
        // Judged here and not on admission, so that the refusal can name what the user may not touch (AUTH-028).
        if let Some(caller) = caller.filter(|caller| !caller.rights.may_write()) {
            let asked = summary(request.prefix.as_ref(), paths_of(&request));
            return Err(status::read_only(&caller.user, &asked));
        }
        let operations = {
            let tree = &self.parts.store.newest().tree;
            decode_set(&request, &self.resolver(tree)).map_err(|error| status::set(&error))?
        };
        let now = self.parts.clock.now();
        let response = pb::SetResponse {
            prefix: request.prefix,
            response: operations.iter().map(SetOperation::result).collect(),
            timestamp: now.nanos(),
            ..pb::SetResponse::default()
        };
        if operations.is_empty() {
            return Ok(response); // SET-010
        }
        let origins: Vec<OperationId> =
            operations.iter().flat_map(|operation| operation.edits.iter().map(|_| operation.id)).collect();
        let mut edits: Vec<_> = operations.into_iter().flat_map(SetOperation::into_edits).collect();
        let parts = Arc::clone(&self.parts);
        // Hashing passwords and waiting for the disk both block.
        let committed = tokio::task::spawn_blocking(move || {
            aaa::seal(parts.store.schema(), &mut edits);
            parts.config.commit_saving(&edits, &author, parts.knobs.saving(), now)
        });
        match committed.await {
            Ok(Ok(_)) => Ok(response),
            Ok(Err(error)) => Err(status::commit(&error, &origins)),
            Err(_) => Err(status::internal("Set")),
        }
    }
}

fn author(caller: Option<&Caller>) -> Author {
    caller.map_or_else(Author::default, |caller| Author {
        user: caller.user.clone(),
        source: caller.session.peer().to_string(),
        session: caller.session.id(),
    })
}

fn paths_of(request: &pb::SetRequest) -> impl Iterator<Item = &pb::Path> {
    let written = request.replace.iter().chain(&request.update).chain(&request.union_replace);
    let written = written.filter_map(|update| update.path.as_ref());
    request.delete.iter().chain(written)
}
