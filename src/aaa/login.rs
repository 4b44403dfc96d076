//! Checking who somebody is.
//!
//! Invariant: an answer takes the same work whether the user is unknown or the password wrong (AUTH-005), and never more
//! than a fixed number of answers are worked on at a time, so that logins cannot eat the machine.
//! The local database is the one method there is; RADIUS and TACACS+ will be asked from [`Authenticator::check`] in the
//! configured order.

use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::try_generate_salt;
use sha2::{Digest, Sha256};

use super::attempts::{Attempts, Outcome};
use super::check::Checks;
use super::local::{self, HashError, User, Users};
use super::records::LoginRecords;
use crate::store::Tree;

/// Name and password as a client gives them. Deliberately without `Debug`: it must not reach a log.
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password, any bytes.
    pub password: Vec<u8>,
}

/// What remains of credentials that were accepted: enough to know them again, too little to recover the password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// Judges credentials.
pub struct Authenticator {
    users: Users,
    /// A hash that no password is known for, checked when there is no such user.
    decoy: Arc<str>,
    /// Key of the fingerprints, new with each process.
    key: [u8; 32],
    checks: Checks,
    attempts: Arc<Attempts>,
}

impl Authenticator {
    /// An authenticator that checks at most so many passwords at a time.
    ///
    /// # Errors
    ///
    /// [`HashError`] when the system has no random numbers.
    pub fn new(users: Users, password_checks: usize) -> Result<Self, HashError> {
        let mut key = [0; 32];
        for half in key.chunks_mut(16) {
            half.copy_from_slice(&try_generate_salt().map_err(|error| HashError(error.to_string()))?);
        }
        let decoy = local::hash_password(&key)?.into();
        Ok(Self { users, decoy, key, checks: Checks::new(password_checks), attempts: Arc::default() })
    }

    /// The logins so far.
    pub fn records(&self) -> LoginRecords {
        LoginRecords::new(&self.users, &self.attempts)
    }

    /// The user of this name as a commit has it.
    pub fn user(&self, tree: &Tree, name: &str) -> Option<User> {
        self.users.lookup(tree, name)
    }

    /// The user that a client certificate with this common name stands for; none unless that is switched on (AUTH-038).
    pub fn certified_user(&self, tree: &Tree, common_name: &str) -> Option<String> {
        self.users.certified(tree, common_name)
    }

    /// Whether the credentials are those of a user in this commit. A user who is locked out waits as long for the answer as
    /// any other, and reads the same (AUTH-005, AUTH-037).
    pub async fn check(&self, tree: &Tree, credentials: &Credentials, now: Instant) -> Outcome {
        let user = self.users.lookup(tree, &credentials.user);
        let known = user.is_some();
        let hash = user.map_or_else(|| self.decoy.clone(), |user| user.hash);
        let password = credentials.password.clone();
        let matches = self.checks.verify(hash, password).await;
        if !known {
            return Outcome::Rejected;
        }
        self.attempts.judge(&credentials.user, matches, self.users.attempt_limits(tree), now)
    }

    /// The fingerprint of credentials.
    pub fn fingerprint(&self, credentials: &Credentials) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(credentials.user.len().to_be_bytes());
        hash.update(&credentials.user);
        hash.update(&credentials.password);
        Fingerprint(hash.finalize().into())
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint")
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
