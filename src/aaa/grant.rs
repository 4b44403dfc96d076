//! Users that a remote server vouches for: what it said about them, and what they may do because of that.
//!
//! Invariant: a grant is what the server said at login and nothing else; what it comes to is read from the tree that is
//! asked about, like the rights of local users. So a changed template or profile holds at once, and one that is gone
//! permits nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::local::{User, Users};
use super::places::{ListPlace, Place, number};
use super::profile::{DefaultAction, Profile};
use super::settings::Method;
use crate::schema::{NodeId, Schema};
use crate::store::{Branch, Tree};
use crate::value::Value;

/// What a server said about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The kind of server.
    pub(super) method: Method,
    /// Whether it gives access by gRPC; none when it says nothing about access.
    pub(super) access: Option<bool>,
    /// Profiles it names, in its order.
    pub(super) profiles: Vec<Arc<str>>,
    /// A profile of the user alone, which counts last.
    pub(super) own: Option<Arc<Profile>>,
    /// The privilege level.
    pub(super) level: Option<u32>,
}

impl Grant {
    /// A user about whom a server says no more than that the password is right.
    pub(super) fn plain(method: Method) -> Self {
        Self { method, access: None, profiles: Vec::new(), own: None, level: None }
    }
}

/// Where the templates stand, and the leaves that say when they hold.
#[derive(Clone, Debug)]
pub(super) struct GrantNodes {
    radius: Place,
    tacplus: Place,
    radius_authorization: Place,
    use_priv_lvl: Place,
    template: Option<TemplateNodes>,
    level: Option<LevelNodes>,
}

#[derive(Clone, Debug)]
struct TemplateNodes {
    list: ListPlace,
    name: NodeId,
    profile: NodeId,
    access: NodeId,
    grpc: NodeId,
    li: Option<NodeId>,
}

#[derive(Clone, Debug)]
struct LevelNodes {
    list: ListPlace,
    level: NodeId,
    profile: NodeId,
}

/// A template as a commit has it.
#[derive(Debug, Default)]
struct Template {
    grpc: bool,
    li: bool,
    profile: Option<Value>,
}

impl GrantNodes {
    pub(super) fn new(schema: &Schema) -> Self {
        let servers = |path: &str| Place::of(schema, &format!("/configure/system/security/aaa/remote-servers/{path}"));
        Self {
            radius: servers("radius/use-default-template"),
            tacplus: servers("tacplus/use-default-template"),
            radius_authorization: servers("radius/authorization"),
            use_priv_lvl: servers("tacplus/authorization/use-priv-lvl"),
            template: TemplateNodes::new(schema),
            level: LevelNodes::new(schema),
        }
    }

    /// Whether privilege levels select profiles.
    pub(super) fn uses_levels(&self, tree: &Tree) -> bool {
        self.use_priv_lvl.is_true(tree)
    }

    /// Whether TACACS+ servers are asked about each change: `authorization` is there, and levels select no profile.
    fn asks_servers(&self, tree: &Tree) -> bool {
        self.use_priv_lvl.value(tree) == Some(&Value::Bool(false))
    }

    /// The template of a method; none while it does not hold.
    fn template(&self, tree: &Tree, method: Method) -> Option<Template> {
        let (switch, name) = match method {
            Method::Radius => (&self.radius, "radius-default"),
            Method::Tacplus => (&self.tacplus, "tacplus-default"),
            Method::Local => return None,
        };
        let holds = switch.is_true(tree);
        holds.then(|| self.template.as_ref().and_then(|nodes| nodes.read(tree, name)).unwrap_or_default())
    }
}

impl TemplateNodes {
    fn new(schema: &Schema) -> Option<Self> {
        let list = ListPlace::of(schema, "/configure/system/security/aaa/user-template")?;
        let access = list.child(schema, "access")?;
        Some(Self {
            name: list.child(schema, "user-template-name")?,
            profile: list.child(schema, "profile")?,
            grpc: schema.child(Some(access), None, "grpc")?,
            li: schema.child(Some(access), None, "li"),
            access,
            list,
        })
    }

    fn read(&self, tree: &Tree, name: &str) -> Option<Template> {
        let is_named = |entry: &&Branch| entry.leaf(self.name).and_then(|leaf| leaf.value.as_text()) == Some(name);
        let entry = self.list.entries(tree).find(is_named)?;
        let access = |leaf: NodeId| {
            let leaf = entry.container(self.access).and_then(|access| access.leaf(leaf));
            leaf.is_some_and(|leaf| leaf.value == Value::Bool(true))
        };
        let profile = entry.leaf(self.profile).map(|leaf| leaf.value.clone());
        Some(Template { grpc: access(self.grpc), li: self.li.is_some_and(access), profile })
    }
}

impl LevelNodes {
    fn new(schema: &Schema) -> Option<Self> {
        let path = "/configure/system/security/aaa/remote-servers/tacplus/priv-lvl-map/priv-lvl";
        let list = ListPlace::of(schema, path)?;
        let child = |name: &str| list.child(schema, name);
        Some(Self { level: child("level")?, profile: child("user-profile-name")?, list })
    }

    fn profile(&self, tree: &Tree, level: u32) -> Option<Value> {
        let is_level = |entry: &&Branch| entry.leaf(self.level).and_then(|leaf| number(&leaf.value)) == Some(level);
        let entry = self.list.entries(tree).find(is_level)?;
        entry.leaf(self.profile).map(|leaf| leaf.value.clone())
    }
}

impl Users {
    /// The user of this name as a tree has it: a local one, or one that a server has vouched for.
    pub fn find(&self, tree: &Tree, name: &str, grant: Option<&Arc<Grant>>) -> Option<User> {
        match grant {
            None => self.lookup(tree, name),
            Some(grant) => Some(self.vouched(tree, grant)),
        }
    }

    /// A user that a server has vouched for (AUTH-010 to AUTH-013).
    #[expect(clippy::indexing_slicing, reason = "not empty, as just seen")]
    pub(super) fn vouched(&self, tree: &Tree, grant: &Arc<Grant>) -> User {
        let nodes = self.grants();
        let template = nodes.template(tree, grant.method);
        let (mut members, mut own) = (Vec::new(), None);
        if grant.method == Method::Radius && nodes.radius_authorization.is_true(tree) {
            members = grant.profiles.iter().map(|name| Value::Text(name.clone())).collect();
            own = grant.own.clone();
        }
        if let Some(level) = grant.level.filter(|_| nodes.uses_levels(tree)) {
            match nodes.level.as_ref().and_then(|nodes| nodes.profile(tree, level)) {
                Some(profile) => members.push(profile),
                None => own = Some(closed(format!("priv-lvl {level}, which is mapped to no profile"))),
            }
        }
        if members.is_empty() && own.is_none() {
            members.extend(template.as_ref().and_then(|template| template.profile.clone()));
        }
        // Names that lead nowhere are passed over (as they are for local users), but never to more rights than they
        // were meant to give.
        if own.is_none() && !members.is_empty() && !self.has_profile(tree, &members) {
            own = Some(closed(format!("profile '{}', which does not exist", members[0])));
        }
        // What the server says about access replaces the template (AUTH-011).
        let of_template = template.filter(|_| grant.access.is_none()).unwrap_or_default();
        let access = (grant.access.unwrap_or(of_template.grpc), of_template.li);
        let user = self.with_profiles(tree, &members, own, access, Some(grant.clone()));
        if grant.method != Method::Tacplus || !nodes.asks_servers(tree) {
            return user;
        }
        // The server decides about changes instead of the profile, which still limits reading.
        let profile = only(DefaultAction::PermitAll, "TACACS+ authorization".to_owned());
        let changing = self.with_profiles(tree, &[], Some(profile), access, None);
        User { rights: changing.rights, asks: true, ..user }
    }
}

/// A profile that permits nothing.
fn closed(name: String) -> Arc<Profile> {
    only(DefaultAction::DenyAll, name)
}

/// A profile without entries.
fn only(default_action: DefaultAction, name: String) -> Arc<Profile> {
    Arc::new(Profile { name: name.into(), entries: Vec::new(), default_action, li: false, denied_rpcs: Vec::new() })
}

/// The grants of users who are logged in, for those who know no more than session and name.
///
/// Invariant: it keeps nothing alive; a grant is there as long as its session or an RPC of its user holds it.
#[derive(Debug, Default)]
pub struct Grants {
    known: Mutex<HashMap<u64, Vec<Known>>>,
}

#[derive(Debug)]
struct Known {
    user: Box<str>,
    grant: Weak<Grant>,
}

impl Grants {
    /// Notes a login.
    pub fn note(&self, session: u64, user: &str, grant: Option<&Arc<Grant>>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, grants| {
            grants.retain(|known| known.grant.strong_count() > 0);
            !grants.is_empty()
        });
        if let Some(grants) = known.get_mut(&session) {
            grants.retain(|known| *known.user != *user);
        }
        if let Some(grant) = grant {
            known.entry(session).or_default().push(Known { user: user.into(), grant: Arc::downgrade(grant) });
        }
    }

    /// The grant of a user on a session; none for a local one.
    pub fn of(&self, session: u64, user: &str) -> Option<Arc<Grant>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&session)?.iter().find(|known| *known.user == *user)?.grant.upgrade()
    }
}
