//! The logins of the local users, for state.

use std::sync::Arc;
use std::time::Instant;

use super::attempts::{Attempts, LoginRecord};
use super::local::Users;
use crate::store::Tree;
use crate::value::Text;

/// Tells what the logins of the users came to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoginRecords {
    users: Users,
    attempts: Arc<Attempts>,
}

impl LoginRecords {
    pub(super) fn new(users: &Users, attempts: &Arc<Attempts>) -> Self {
        Self { users: users.clone(), attempts: attempts.clone() }
    }

    /// The users that a commit has, by name, with what their logins came to.
    pub fn read(&self, tree: &Tree, now: Instant) -> Vec<(Text, LoginRecord)> {
        let limits = self.users.attempt_limits(tree);
        let names = self.users.names(tree);
        let record = |name: Text| (name.clone(), self.attempts.record(&name, limits, now));
        names.into_iter().map(record).collect()
    }
}
