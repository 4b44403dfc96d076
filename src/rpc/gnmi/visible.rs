//! What of the data the maker of an RPC may read.

use std::sync::Arc;

use tonic::Status;

use super::Gnmi;
use crate::aaa::{Grant, Rights, readable, unreadable};
use crate::admission::Caller;
use crate::feed;
use crate::path::{AccessRules, Pattern};
use crate::rpc::status;
use crate::schema::Schema;
use crate::store::Tree;

/// Reads for somebody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader<'a> {
    /// Who, and what limits the reading; none where nothing does.
    limits: Option<(&'a str, &'a Arc<Rights>)>,
}

impl Gnmi {
    /// The maker of a Get, as the tree that is read says (GET-022).
    pub(super) fn reader<'a>(&self, caller: Option<&'a Caller>, tree: &Tree) -> Reader<'a> {
        let ask_profiles = self.parts.knobs.authorizes_get(tree);
        let limits = caller.and_then(|caller| Some((&*caller.user, caller.rights.reading(ask_profiles)?)));
        Reader { limits }
    }

    /// The maker of a Subscribe (AUTH-029 to AUTH-031).
    pub(super) fn viewer(&self, caller: &Caller) -> Box<dyn feed::Reader> {
        let (user, grant) = (caller.user.clone(), caller.rights.grant.clone());
        Box::new(Viewer { user, grant, gnmi: self.clone() })
    }
}

/// The maker of a Subscribe, for as long as that runs.
#[derive(Debug)]
struct Viewer {
    user: String,
    grant: Option<Arc<Grant>>,
    gnmi: Gnmi,
}

impl feed::Reader for Viewer {
    fn limits(&self, tree: &Tree) -> Option<Arc<AccessRules>> {
        let parts = &self.gnmi.parts;
        let ask_profiles = parts.knobs.authorizes_telemetry(tree);
        match parts.users.find(tree, &self.user, self.grant.as_ref()) {
            Some(user) => user.reading(ask_profiles).map(|rights| rights.rules().clone()),
            // A user who is gone has no profiles that could permit anything.
            None if ask_profiles => Some(Arc::new(AccessRules::new(parts.store.schema(), &[]))),
            None => Some(parts.users.closed(tree).rules().clone()),
        }
    }
}

impl Reader<'_> {
    /// What may be read of a tree below some patterns; none when that is all of it. One pattern names what it asks for,
    /// and is refused when that is closed; among several only what is open is shown.
    pub(super) fn view(&self, schema: &Schema, tree: &Tree, patterns: &[Pattern]) -> Result<Option<Tree>, Status> {
        let Some((user, rights)) = self.limits else { return Ok(None) };
        if let [only] = patterns
            && let Some(refusal) = unreadable(rights, schema, only)
        {
            return Err(status::unreadable(user, &refusal));
        }
        Ok(patterns.iter().fold(None, |left: Option<Tree>, pattern| {
            readable(rights, schema, left.as_ref().unwrap_or(tree), pattern).or(left)
        }))
    }
}
