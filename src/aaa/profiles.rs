//! The profiles of the newest configuration, and the rights that come of them.
//!
//! Invariant: what is kept here was made from the very branch of the tree that is asked about, known by its identity; so
//! rights are laid out once for each change of the profiles and not with each RPC, and never outlive a change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::local::key;
use super::places::containers_above;
use super::profile::{Profile, ProfileNodes};
use super::rights::{Closed, Rights, intercept, secrets};
use crate::path::DataPath;
use crate::schema::{NodeId, Schema};
use crate::store::{Branch, Tree};
use crate::value::Value;

/// Reads profiles and keeps what comes of them.
#[derive(Debug)]
pub(super) struct Profiles {
    schema: Arc<Schema>,
    above: DataPath,
    list: NodeId,
    nodes: ProfileNodes,
    secrets: Closed,
    /// Everything but secrets.
    but_secrets: Arc<Rights>,
    kept: Mutex<Option<Kept>>,
}

/// What the profiles of a user come to.
pub(super) struct Granted {
    pub(super) profiles: Vec<Arc<Profile>>,
    pub(super) rights: Arc<Rights>,
    pub(super) reading: Arc<Rights>,
    pub(super) closed: Arc<Rights>,
}

/// The rights that some profiles give, with or without lawful intercept.
#[derive(Debug)]
struct OfProfiles {
    rights: Arc<Rights>,
    reading: Arc<Rights>,
}

/// All that was made from one version of the profiles.
#[derive(Debug)]
struct Kept {
    /// That version; none when there are no profiles. Holding it keeps its address from being used again.
    of: Option<Arc<Branch>>,
    intercept: Closed,
    but_intercept: Arc<Rights>,
    profiles: HashMap<Arc<str>, Arc<Profile>>,
    rights: HashMap<Membership, OfProfiles>,
}

/// Sets of rights that are kept. Servers may give each user a profile of its own; beyond this they are made again.
const RIGHTS_MAX: usize = 256;

/// What the rights of a user come of.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Membership {
    members: Box<[Value]>,
    own: Option<Arc<Profile>>,
    li: bool,
}

impl Profiles {
    /// Finds the nodes.
    pub(super) fn new(schema: &Arc<Schema>, list: NodeId) -> Option<Self> {
        let nodes = ProfileNodes::below(schema, list)?;
        let above = containers_above(schema, list);
        let secrets = secrets(schema);
        let but_secrets = Arc::new(Rights::but(schema, [&secrets]));
        Some(Self { schema: schema.clone(), above, list, nodes, secrets, but_secrets, kept: Mutex::default() })
    }

    /// What is left to read for everybody without the right to lawful intercept.
    pub(super) fn closed(&self, tree: &Tree) -> Arc<Rights> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.current(&mut kept, tree).but_intercept.clone()
    }

    /// What a user gets who belongs to these profiles and, after them, to one of his own, which is about data only. Names
    /// without a profile are left out.
    pub(super) fn granted(&self, tree: &Tree, members: &[Value], own: Option<Arc<Profile>>, li: bool) -> Granted {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.current(&mut kept, tree);
        let profiles: Vec<_> = members.iter().filter_map(|name| self.profile(kept, name.as_text()?)).collect();
        let intercept = (!li).then_some(&kept.intercept);
        let all: Vec<_> = profiles.iter().chain(&own).cloned().collect();
        let membership = Membership { members: members.into(), own, li };
        if kept.rights.len() >= RIGHTS_MAX && !kept.rights.contains_key(&membership) {
            kept.rights.clear();
        }
        let known = kept.rights.entry(membership);
        let OfProfiles { rights, reading } = known.or_insert_with(|| {
            let (rights, reading) = Rights::of_profiles(&self.schema, &all, intercept, &self.secrets);
            OfProfiles { rights: Arc::new(rights), reading: Arc::new(reading) }
        });
        let closed = if li { &self.but_secrets } else { &kept.but_intercept };
        Granted { profiles, rights: rights.clone(), reading: reading.clone(), closed: closed.clone() }
    }

    /// Whether one of these profiles exists.
    pub(super) fn has_any(&self, tree: &Tree, members: &[Value]) -> bool {
        let list = tree.branch(self.above.steps()).and_then(|above| above.list(self.list));
        let exists =
            |name: &Value| list.is_some_and(|list| name.as_text().is_some_and(|name| list.get(&key(name)).is_some()));
        members.iter().any(exists)
    }

    /// What was made from the profiles of this tree, begun anew where it is of others.
    fn current<'k>(&self, kept: &'k mut Option<Kept>, tree: &Tree) -> &'k mut Kept {
        let of = tree.branch(self.above.steps());
        let same = kept.as_ref().is_some_and(|kept| match (&kept.of, of) {
            (Some(kept), Some(of)) => Arc::ptr_eq(kept, of),
            (None, None) => true,
            _ => false,
        });
        if !same {
            *kept = None;
        }
        kept.get_or_insert_with(|| self.begin(of))
    }

    fn begin(&self, of: Option<&Arc<Branch>>) -> Kept {
        let list = of.and_then(|of| of.list(self.list));
        let part = list.into_iter().flat_map(|list| list.iter()).filter(|(_, entry)| self.nodes.is_li(entry.branch()));
        let intercept = intercept(&self.schema, self.list, part.map(|(key, _)| key.clone()));
        let but_intercept = Arc::new(Rights::but(&self.schema, [&intercept, &self.secrets]));
        let (profiles, rights) = (HashMap::new(), HashMap::new());
        Kept { of: of.cloned(), intercept, but_intercept, profiles, rights }
    }

    fn profile(&self, kept: &mut Kept, name: &str) -> Option<Arc<Profile>> {
        if let Some(known) = kept.profiles.get(name) {
            return Some(known.clone());
        }
        let entry = kept.of.as_ref()?.list(self.list)?.get(&key(name))?;
        let profile = Arc::new(self.nodes.read(&self.schema, name, entry.branch()));
        kept.profiles.insert(profile.name.clone(), profile.clone());
        Some(profile)
    }
}
