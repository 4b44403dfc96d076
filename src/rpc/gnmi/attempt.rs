//! The commit of a Set on its way, which may have to ask servers before it is judged.
//!
//! Invariant: who asks holds no turn and no lock; the commit comes again with what was said, and is judged anew by the
//! rights and the configuration there are then. It asks again only about what it had not asked before.

use std::net::IpAddr;
use std::sync::Arc;

use tonic::Status;

use super::Gnmi;
use super::arbitration::Mandate;
use crate::aaa;
use crate::aaa::local::User;
use crate::codec::OperationId;
use crate::rpc::status;
use crate::store::{CommitError, Inquiry, Intent, Request};
use crate::time::Timestamp;

/// How often a commit comes again. Others that change the same places meanwhile make it ask anew.
const ROUNDS_MAX: usize = 8;

/// A commit, and what it needs until it is judged, also when its client has gone.
pub(super) struct Attempt {
    pub(super) gnmi: Gnmi,
    pub(super) request: Request,
    /// The operation behind each edit.
    pub(super) origins: Vec<OperationId>,
    /// Where its client is.
    pub(super) client: Option<IpAddr>,
    /// What the rights of a remote user come of.
    pub(super) rights: Option<Arc<User>>,
    /// The leave of a master to write.
    pub(super) _mandate: Option<Mandate>,
}

/// What came of it.
enum Attempted {
    Committed(Committed),
    Asks(Box<Attempt>, Vec<Inquiry>),
}

/// A commit that was made.
pub(super) struct Committed {
    /// Its number, when it has one.
    pub(super) commit_id: Option<u64>,
    /// Its time.
    pub(super) time: Timestamp,
}

impl Attempt {
    /// Makes the commit, and asks whoever has to be asked.
    pub(super) async fn make(self) -> Result<Committed, Status> {
        let mut attempt = Box::new(self);
        for _ in 0..ROUNDS_MAX {
            // Hashing passwords and waiting for the disk both block.
            let done = tokio::task::spawn_blocking(move || attempt.submit());
            let inquiries;
            (attempt, inquiries) = match done.await.unwrap_or_else(|_| Err(status::internal("Set")))? {
                Attempted::Committed(committed) => return Ok(committed),
                Attempted::Asks(attempt, inquiries) => (attempt, inquiries),
            };
            attempt.ask(inquiries).await?;
        }
        Err(status::commit(&CommitError::Inquiries(Vec::new()), &[]))
    }

    fn submit(mut self: Box<Self>) -> Result<Attempted, Status> {
        let parts = &self.gnmi.parts;
        if let Intent::Edit(edits) = &mut self.request.intent {
            aaa::seal(parts.store.schema(), edits);
        }
        let asks = self.rights.as_ref().is_some_and(|rights| rights.asks);
        let (again, time) = (asks.then(|| self.request.clone()), self.request.now);
        match (parts.config.submit(self.request), again) {
            (Ok(committed), _) => Ok(Attempted::Committed(Committed { commit_id: committed.commit_id, time })),
            (Err(CommitError::Inquiries(inquiries)), Some(request)) => {
                Ok(Attempted::Asks(Box::new(Self { request, ..*self }), inquiries))
            }
            (Err(error), _) => Err(status::commit(&error, &self.origins)),
        }
    }

    async fn ask(&mut self, inquiries: Vec<Inquiry>) -> Result<(), Status> {
        let (parts, user) = (&self.gnmi.parts, &self.request.author.user);
        let (newest, client) = (parts.store.newest(), self.client.unwrap_or(IpAddr::from([0; 4])));
        let decided = parts.authorizer.decide((parts.store.schema(), &newest.tree), (user, client), inquiries).await;
        self.request.verdicts.append(&mut decided.map_err(|error| status::unauthorized(&error))?);
        self.request.now = parts.clock.now();
        Ok(())
    }
}
