//! The Set RPC: all operations as one commit, or none (gnmi-spec 3.4.3).

use std::sync::Arc;

use tonic::{Request, Status};

use super::attempt::{Attempt, Committed};
use super::commit::Action;
use super::options::{self, SetOptions};
use super::request::summary;
use super::{Gnmi, extensions};
use crate::admission::Caller;
use crate::codec::{OperationId, SetOperation, decode_set};
use crate::pb::gnmi as pb;
use crate::rpc::status;
use crate::store::{self, Author, Intent, Interface, Verdicts};

impl Gnmi {
    /// Answers a Set.
    pub(super) async fn set(&self, request: Request<pb::SetRequest>) -> Result<pb::SetResponse, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let request = request.into_inner();
        let author = author(caller.as_deref());
        if let Some(caller) = &caller {
            caller.about(summary(request.prefix.as_ref(), paths_of(&request)));
        }
        // Judged here and not on admission, so that the refusal can name what the user may not touch (AUTH-028).
        if let Some(caller) = caller.as_ref().filter(|caller| !caller.rights.may_write()) {
            let asked = summary(request.prefix.as_ref(), paths_of(&request));
            return Err(status::read_only(&caller.user, &asked));
        }
        let extensions::OfSet { commit, claim, options } =
            extensions::of_set(&request.extension, self.parts.limits.commit_patience)?;
        let asked = options.is_some();
        let SetOptions { comment, rollback } = options.unwrap_or_default();
        // Before anything that can go wrong with the operations: a failed Set leaves its election id (EXT-026).
        let mandate = match &claim {
            Some(claim) => Some(self.elections.grant(claim).await.map_err(|error| status::arbitration(&error))?),
            None => None,
        };
        let operations = count(&request);
        if operations > self.parts.limits.set_edits {
            return Err(status::too_many_edits(operations, self.parts.limits.set_edits));
        }
        if let Some(action) = &commit {
            action.check_operations(operations).map_err(|error| status::set_extension(&error.into()))?;
        }
        options::check(rollback, operations, commit.as_ref()).map_err(|error| status::set_extension(&error.into()))?;
        let operations = {
            let tree = &self.parts.store.newest().tree;
            decode_set(&request, &self.resolver(tree)).map_err(|error| status::set(&error))?
        };
        let now = self.parts.clock.now();
        let mut response = pb::SetResponse {
            prefix: request.prefix,
            response: operations.iter().map(SetOperation::result).collect(),
            timestamp: now.nanos(),
            ..pb::SetResponse::default()
        };
        if operations.is_empty() && commit.is_none() && rollback.is_none() {
            // SET-010. A new master may come while a commit waits; otherwise that is no time for a Set (EXT-013).
            let refused = if mandate.is_some() { Ok(()) } else { self.parts.config.refuse_while_waiting(now) };
            return refused.map(|()| response).map_err(|error| status::commit(&error, &[]));
        }
        let origins: Vec<OperationId> =
            operations.iter().flat_map(|operation| operation.edits.iter().map(|_| operation.id)).collect();
        let edits: Vec<_> = operations.into_iter().flat_map(SetOperation::into_edits).collect();
        let rights = caller.as_ref().map(|caller| caller.rights.clone());
        let confirmation = match commit {
            None => None,
            Some(Action::Request(confirmation)) => Some(confirmation),
            Some(action) => {
                let gnmi = self.clone();
                // The mandate is kept until it is done, also when the client has gone.
                let done = tokio::task::spawn_blocking(move || {
                    let _mandate = mandate;
                    gnmi.end_commit(&action, &author)
                });
                done.await.unwrap_or_else(|_| Err(status::internal("Set")))?;
                response.extension.extend(asked.then(|| options::outcome(None)));
                return Ok(response);
            }
        };
        let intent = rollback.map_or(Intent::Edit(edits), Intent::RollBack);
        let (saving, verdicts) = (self.parts.knobs.saving(), Verdicts::new());
        let request = store::Request { intent, author, comment, confirmation, saving, now, verdicts };
        let client = caller.as_ref().map(|caller| caller.session.peer().ip());
        let attempt = Attempt { gnmi: self.clone(), request, origins, client, rights, _mandate: mandate };
        let Committed { commit_id, time } = attempt.make().await?;
        response.timestamp = time.nanos();
        response.extension.extend(asked.then(|| options::outcome(commit_id)));
        Ok(response)
    }
}

fn count(request: &pb::SetRequest) -> usize {
    request.delete.len() + request.replace.len() + request.update.len() + request.union_replace.len()
}

fn author(caller: Option<&Caller>) -> Author {
    caller.map_or_else(Author::default, |caller| Author {
        user: caller.user.clone(),
        source: caller.session.peer().to_string(),
        session: caller.session.id(),
        interface: Interface::Gnmi,
    })
}

fn paths_of(request: &pb::SetRequest) -> impl Iterator<Item = &pb::Path> {
    let written = request.replace.iter().chain(&request.update).chain(&request.union_replace);
    let written = written.filter_map(|update| update.path.as_ref());
    request.delete.iter().chain(written)
}
