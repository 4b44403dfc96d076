//! Local users: their place in the configuration, and their passwords.
//!
//! Invariant: a password in the datastore is an Argon2id hash in PHC form, whoever wrote it: [`seal`] runs over every
//! edit before it is committed. Checking a password takes the same work whether or not the user exists (AUTH-005).

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::try_generate_salt;
use argon2::{Argon2, Params};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::attempts::AttemptLimits;
use super::certificate::CertificateLogin;
use super::check;
pub use super::check::verify;
use super::grant::{Grant, GrantNodes};
use super::places::{Place, containers_above, node};
use super::profile::Profile;
use super::profiles::Profiles;
use super::rights::Rights;
use super::settings::Method;
use crate::path::{DataPath, ListKey};
use crate::schema::{NodeId, Schema};
use crate::store::{Content, Edit, Tree};
use crate::value::{Text, Value};

/// Schema path of the password of a local user.
const PASSWORD: &str = "/configure/system/security/user-params/local-user/user/password";

/// Most memory a hash from outside may ask for, in KiB.
const HASH_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes a hash from outside may ask for.
const HASH_PASSES_MAX: u32 = 16;
/// A password that is kept as it is and that nobody can log in with, because it is no hash.
const LOCKED: &str = "*locked*";

/// A user as a commit has it.
#[derive(Clone, Debug)]
pub struct User {
    /// Argon2id hash of the password; of a local user.
    pub hash: Arc<str>,
    /// `access grpc` (AUTH-009).
    pub grpc_access: bool,
    /// Profiles in the order of `console member`; names without a profile are left out.
    pub profiles: Vec<Arc<Profile>>,
    /// What the profiles permit to do with data.
    pub rights: Arc<Rights>,
    /// The same for reading, which shows no secrets.
    pub reading: Arc<Rights>,
    /// What may be read where profiles are not asked: all but secrets and, without that right, lawful intercept.
    pub closed: Arc<Rights>,
    /// Whether a server has to permit each change, too.
    pub asks: bool,
    /// What a remote server said; none for a local user.
    pub grant: Option<Arc<Grant>>,
}

impl User {
    /// Whether the profiles permit an RPC, named as its `rpc-authorization` leaf. The first profile decides, because
    /// the leaf has a value in each; without a profile the default of the model holds, which permits gNMI.
    pub fn permits_rpc(&self, leaf: &str) -> bool {
        match self.profiles.first() {
            Some(profile) => !profile.denied_rpcs.iter().any(|denied| denied == leaf),
            None => leaf.starts_with("gnmi-"),
        }
    }

    /// Who vouches for the user.
    pub fn by(&self) -> Method {
        self.grant.as_ref().map_or(Method::Local, |grant| grant.method)
    }

    /// Whether the user may change some of the configuration (AUTH-028).
    pub fn may_write(&self) -> bool {
        self.rights.may_write()
    }

    /// What limits the user's reading; none where nothing does. Secrets and lawful intercept are closed in any case, the
    /// rest only where profiles are asked (GET-022, AUTH-029 to AUTH-031).
    pub fn reading(&self, ask_profiles: bool) -> Option<&Arc<Rights>> {
        let rights = if ask_profiles { &self.reading } else { &self.closed };
        Some(rights).filter(|rights| !rights.everything())
    }
}

/// Where users and profiles stand in the schema, found once.
#[derive(Clone, Debug)]
pub struct Users {
    /// From the top to the container of the user list.
    above_users: DataPath,
    user: NodeId,
    password: NodeId,
    access: NodeId,
    grpc: NodeId,
    console: NodeId,
    member: NodeId,
    li: Option<NodeId>,
    /// Leaves `count`, `time` and `lockout`.
    attempts: [Place; 3],
    grants: GrantNodes,
    profiles: Arc<Profiles>,
    certificates: CertificateLogin,
}

/// The loaded models have no such node, so nobody could log in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is in none of the loaded YANG modules, so users cannot be looked up")]
pub struct NoSuchNode {
    /// The path.
    pub path: String,
}

impl Users {
    /// Finds the nodes.
    ///
    /// # Errors
    ///
    /// The first node that the schema lacks.
    pub fn new(schema: &Arc<Schema>) -> Result<Self, NoSuchNode> {
        let find = |path: &str| node(schema, path).ok_or_else(|| NoSuchNode { path: path.to_owned() });
        let user = find("/configure/system/security/user-params/local-user/user")?;
        let profile = find("/configure/system/security/aaa/local-profiles/profile")?;
        let below_user = |name: &str| find(&format!("{}/{name}", schema.path_text(user)));
        let profiles = Profiles::new(schema, profile)
            .ok_or_else(|| NoSuchNode { path: format!("{}/default-action", schema.path_text(profile)) })?;
        Ok(Self {
            above_users: containers_above(schema, user),
            user,
            password: below_user("password")?,
            access: below_user("access")?,
            grpc: below_user("access/grpc")?,
            console: below_user("console")?,
            member: below_user("console/member")?,
            li: below_user("access/li").ok(),
            attempts: ["count", "time", "lockout"]
                .map(|name| Place::of(schema, &format!("/configure/system/security/user-params/attempts/{name}"))),
            grants: GrantNodes::new(schema),
            profiles: Arc::new(profiles),
            certificates: CertificateLogin::new(schema),
        })
    }

    /// What is made of failed logins; none where the models have no such leaves.
    pub(super) fn attempt_limits(&self, tree: &Tree) -> Option<AttemptLimits> {
        let [count, time, lockout] = &self.attempts;
        let minutes = |place: &Place| place.number(tree).map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        Some(AttemptLimits { count: count.number(tree)? as usize, window: minutes(time)?, lockout: minutes(lockout)? })
    }

    pub(super) fn certificates(&self) -> &CertificateLogin {
        &self.certificates
    }

    /// Whether there is a user of this name.
    pub(super) fn knows(&self, tree: &Tree, name: &str) -> bool {
        let users = tree.branch(self.above_users.steps()).and_then(|above| above.list(self.user));
        users.is_some_and(|users| users.get(&key(name)).is_some())
    }

    /// What is left to read for everybody without the right to lawful intercept.
    pub fn closed(&self, tree: &Tree) -> Arc<Rights> {
        self.profiles.closed(tree)
    }

    /// The names of all users in a tree.
    pub(super) fn names(&self, tree: &Tree) -> Vec<Text> {
        let users = tree.branch(self.above_users.steps()).and_then(|branch| branch.list(self.user));
        let name = |key: &ListKey| key.first().and_then(Value::as_text).map(Text::from);
        users.into_iter().flat_map(|users| users.iter()).filter_map(|(key, _)| name(key)).collect()
    }

    /// The local user of this name in a tree.
    pub fn lookup(&self, tree: &Tree, name: &str) -> Option<User> {
        let users = tree.branch(self.above_users.steps())?.list(self.user)?;
        let entry = users.get(&key(name))?.branch();
        let access = |leaf: NodeId| {
            let leaf = entry.container(self.access).and_then(|access| access.leaf(leaf));
            leaf.is_some_and(|leaf| leaf.value == Value::Bool(true))
        };
        let members = entry.container(self.console).and_then(|console| console.leaf(self.member));
        let members = match members.map(|leaf| &leaf.value) {
            Some(Value::List(members)) => &members[..],
            _ => &[],
        };
        let access = (access(self.grpc), self.li.is_some_and(access));
        let hash = entry.leaf(self.password).and_then(|leaf| leaf.value.as_text()).unwrap_or_default().into();
        Some(User { hash, ..self.with_profiles(tree, members, None, access, None) })
    }

    /// A user with these profiles, the last of them the user's own, and access by gRPC and to lawful intercept.
    pub(super) fn with_profiles(
        &self,
        tree: &Tree,
        members: &[Value],
        own: Option<Arc<Profile>>,
        (grpc_access, li): (bool, bool),
        grant: Option<Arc<Grant>>,
    ) -> User {
        let granted = self.profiles.granted(tree, members, own, li);
        User {
            hash: Arc::from(""),
            grpc_access,
            profiles: granted.profiles,
            rights: granted.rights,
            reading: granted.reading,
            closed: granted.closed,
            asks: false,
            grant,
        }
    }

    /// Whether one of these profiles exists.
    pub(super) fn has_profile(&self, tree: &Tree, members: &[Value]) -> bool {
        self.profiles.has_any(tree, members)
    }

    pub(super) fn grants(&self) -> &GrantNodes {
        &self.grants
    }
}

pub(super) fn key(name: &str) -> ListKey {
    Arc::from([Value::text(name)])
}

/// Why a password could not be hashed: the system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("password cannot be hashed: {0}")]
pub struct HashError(pub(super) String);

/// The Argon2id hash of a password in PHC form, with a new salt. Takes some tens of milliseconds and 19 MiB.
///
/// # Errors
///
/// [`HashError`] when the system has no random numbers.
pub fn hash_password(password: &[u8]) -> Result<String, HashError> {
    let salt = try_generate_salt().map_err(|error| HashError(error.to_string()))?;
    let (argon2, mut out) = (Argon2::default(), [0; 32]);
    let params = argon2.params();
    let mut blocks = check::blocks(params.block_count());
    argon2
        .hash_password_into_with_memory(password, &salt, &mut out, &mut blocks)
        .map_err(|error| HashError(error.to_string()))?;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(out));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

/// Whether a text is an Argon2id hash and not a password. Hashes that ask for absurd work are not taken for one: each
/// login would pay for it.
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$")
        && PasswordHash::new(text).is_ok_and(|hash| {
            Params::try_from(&hash)
                .is_ok_and(|params| params.m_cost() <= HASH_MEMORY_KIB_MAX && params.t_cost() <= HASH_PASSES_MAX)
        })
}

/// Hashes every plain password of a local user in the edits. Blocking, some tens of milliseconds for each.
pub fn seal(schema: &Schema, edits: &mut [Edit]) {
    let Some(password) = node(schema, PASSWORD) else { return };
    for edit in edits {
        match edit {
            Edit::Replace(path, content) | Edit::Update(path, content) => {
                seal_content(schema, password, path.node(), content);
            }
            Edit::Delete(_) => {}
        }
    }
}

fn seal_content(schema: &Schema, password: NodeId, of: Option<NodeId>, content: &mut Content) {
    let each = |children: &mut Vec<(NodeId, Content)>| {
        for (node, content) in children.iter_mut().filter(|(node, _)| schema.contains(*node, password)) {
            seal_content(schema, password, Some(*node), content);
        }
    };
    match content {
        Content::Leaf(Value::Text(text)) if of == Some(password) && !is_hash(text) => {
            *content = Content::Leaf(sealed(text))
        }
        Content::Leaf(_) => {}
        Content::Branch(children) => each(children),
        Content::List(entries) => entries.iter_mut().for_each(|(_, children)| each(children)),
    }
}

/// A password as the datastore keeps it: hashed, unless it is a hash already. Blocking. Without random numbers it becomes
/// the locked one.
pub fn sealed(password: &str) -> Value {
    if is_hash(password) || password == LOCKED {
        return Value::text(password);
    }
    Value::text(hash_password(password.as_bytes()).unwrap_or_else(|_| LOCKED.to_owned()))
}

/// Whether a node is the password of a local user.
pub fn is_password(schema: &Schema, id: NodeId) -> bool {
    *schema.node(id).name == *"password" && schema.path_text(id) == PASSWORD
}
