//! Checking who somebody is: by the local users, by RADIUS and by TACACS+, in the configured order (AUTH-006, AUTH-008).
//!
//! Invariant: an answer takes the same work whether the user is unknown or the password wrong (AUTH-005), and never more
//! than a fixed number of answers are worked on at a time, so that logins cannot eat the machine.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::try_generate_salt;
use sha2::{Digest, Sha256};

use super::accounting::{Account, Served};
use super::attempts::{Attempts, Outcome};
use super::authorizer::Authorizer;
use super::check::{Checks, Share};
use super::grant::{Grant, Grants};
use super::local::{self, HashError, User, Users};
use super::records::LoginRecords;
use super::remote::{Answer, Question, Remote};
use super::secrets::Vault;
use super::settings::Method;
use crate::schema::Schema;
use crate::store::{Store, Tree};

/// How long it takes to notice that servers are to be watched after all.
const UNWATCHED: Duration = Duration::from_secs(30);

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
    remote: Arc<Remote>,
    grants: Arc<Grants>,
}

/// What an authenticator is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// The local users.
    pub users: Users,
    /// Where logins through servers are noted.
    pub grants: Arc<Grants>,
    /// Opens the secrets of servers.
    pub vault: Arc<Vault>,
    /// Passwords checked at a time.
    pub password_checks: usize,
    /// Requests to servers of one kind at a time.
    pub server_requests: usize,
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whether the credentials are good.
    pub outcome: Outcome,
    /// Who says so.
    pub by: Method,
    /// What a server said about the user; none for a local one.
    pub grant: Option<Arc<Grant>>,
}

impl Checked {
    /// Nobody was asked: the certificate of the client is proof enough (AUTH-038).
    pub fn by_certificate() -> Self {
        Self::new(Outcome::Accepted, Method::Local)
    }

    fn new(outcome: Outcome, by: Method) -> Self {
        Self { outcome, by, grant: None }
    }
}

impl Authenticator {
    /// An authenticator.
    ///
    /// # Errors
    ///
    /// [`HashError`] when the system has no random numbers.
    pub fn new(parts: Parts<'_>) -> Result<Self, HashError> {
        let Parts { schema, users, grants, vault, password_checks, server_requests } = parts;
        let mut key = [0; 32];
        for half in key.chunks_mut(16) {
            half.copy_from_slice(&try_generate_salt().map_err(|error| HashError(error.to_string()))?);
        }
        let decoy = local::hash_password(&key)?.into();
        let remote = Arc::new(Remote::new(schema, vault, server_requests));
        let checks = Checks::new(password_checks);
        Ok(Self { users, decoy, key, checks, attempts: Arc::default(), remote, grants })
    }

    /// The logins so far.
    pub fn records(&self) -> LoginRecords {
        LoginRecords::new(&self.users, &self.attempts)
    }

    /// The user of this name as a commit has it: a local one, or one whom a server has vouched for.
    pub fn user(&self, tree: &Tree, name: &str, grant: Option<&Arc<Grant>>) -> Option<User> {
        self.users.find(tree, name, grant)
    }

    /// The user that a client certificate with this common name stands for; none unless that is switched on (AUTH-038).
    pub fn certified_user(&self, tree: &Tree, common_name: &str) -> Option<String> {
        self.users.certified(tree, common_name)
    }

    /// Notes that a user has logged in on a session, for those who ask about the user by these two.
    pub fn note(&self, session: u64, user: &str, grant: Option<&Arc<Grant>>) {
        self.grants.note(session, user, grant);
    }

    /// Opens the accounts of an RPC; none when no server is to know of it.
    pub fn account(&self, tree: &Tree, served: impl FnOnce() -> Served) -> Option<Account> {
        self.remote.account(tree, served)
    }

    /// What has to be done about servers beside logins.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep(self.remote.clone())
    }

    /// Asks servers about changes.
    pub fn authorizer(&self) -> Authorizer {
        Authorizer::new(self.remote.clone())
    }

    /// Whether the credentials are those of a user, as this commit says whom to ask. A method that nobody answers for
    /// passes to the next; so does one that rejects, unless `exit-on-reject` ends it there.
    /// While a server is asked, the client's share of the password checks is free for others.
    pub async fn check(
        &self,
        tree: &Tree,
        credentials: &Credentials,
        (client, share): (IpAddr, &mut Share),
        now: Instant,
    ) -> Checked {
        let nodes = &self.remote.nodes;
        let exit_on_reject = nodes.exit_on_reject(tree);
        let mut last: Option<Checked> = None;
        for method in nodes.order(tree) {
            let checked = match method {
                Method::Local => {
                    share.take().await;
                    Some(Checked::new(self.check_local(tree, credentials, now).await, method))
                }
                Method::Radius | Method::Tacplus => {
                    share.leave();
                    self.ask(tree, credentials, client, method).await
                }
            };
            match checked {
                None => {}
                Some(checked) if exit_on_reject || checked.outcome == Outcome::Accepted => return checked,
                // That somebody is locked out says more than that another does not know him.
                Some(checked) => last = last.filter(|last| last.outcome != Outcome::Rejected).or(Some(checked)),
            }
        }
        last.unwrap_or(Checked::new(Outcome::Unreachable, Method::Local))
    }

    /// What the servers of a kind say; none when there are none or none answers.
    async fn ask(&self, tree: &Tree, credentials: &Credentials, client: IpAddr, method: Method) -> Option<Checked> {
        let question = Question {
            user: &credentials.user,
            password: &credentials.password,
            client,
            element: self.remote.nodes.system_name(tree),
            wants_level: self.users.grants().uses_levels(tree),
        };
        match self.remote.ask(tree, method, question).await? {
            Answer::Accepted(grant) => {
                Some(Checked { grant: Some(Arc::new(grant)), ..Checked::new(Outcome::Accepted, method) })
            }
            Answer::Rejected => Some(Checked::new(Outcome::Rejected, method)),
            Answer::Permitted | Answer::Denied | Answer::Kept | Answer::Refused | Answer::Unreachable => None,
        }
    }

    /// Whether the credentials are those of a local user. A user who is locked out waits as long for the answer as any
    /// other, and reads the same (AUTH-005, AUTH-037).
    async fn check_local(&self, tree: &Tree, credentials: &Credentials, now: Instant) -> Outcome {
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

/// What has to be done about servers beside logins.
#[derive(Clone, Debug)]
pub struct Upkeep(Arc<Remote>);

impl Upkeep {
    /// Finds out when servers that have failed answer again, and sends records, until it is dropped.
    pub async fn run(self, store: Arc<Store>) {
        tokio::join!(self.0.keep_records(), self.probe(&store));
    }

    async fn probe(&self, store: &Store) {
        loop {
            let interval = self.0.nodes.health_check(&store.newest().tree);
            tokio::time::sleep(interval.unwrap_or(UNWATCHED)).await;
            if interval.is_some() {
                self.0.probe(&store.newest().tree).await;
            }
        }
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
