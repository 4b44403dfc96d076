//! User profiles: what a local profile permits.

use std::sync::Arc;

use crate::schema::{NodeId, Schema};
use crate::store::Branch;
use crate::value::Value;

/// What a profile does with anything it has no entry for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DefaultAction {
    /// Nothing is permitted.
    DenyAll,
    /// Everything is permitted.
    PermitAll,
    /// The next profile of the user decides; after the last one nothing is permitted.
    #[default]
    None,
    /// Reading is permitted.
    ReadOnlyAll,
}

/// What an entry of a profile does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Neither reading nor changing.
    Deny,
    /// Both.
    Permit,
    /// Nothing; the next entry decides.
    None,
    /// Reading only.
    ReadOnly,
}

/// An entry of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its number.
    pub number: u32,
    /// Its `match`.
    pub line: Arc<str>,
    /// What it does.
    pub action: Action,
}

/// A local profile as far as it concerns RPCs and data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Its name.
    pub name: Arc<str>,
    /// Its entries by number, without those that have no `match`.
    pub entries: Vec<Entry>,
    /// What it does with anything it has no entry for.
    pub default_action: DefaultAction,
    /// Whether it is part of lawful intercept.
    pub li: bool,
    /// Names of the `rpc-authorization` leaves that say deny (AUTH-027).
    pub denied_rpcs: Vec<String>,
}

/// Where the leaves of a profile stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProfileNodes {
    default_action: NodeId,
    li: Option<NodeId>,
    entry: Option<EntryNodes>,
    grpc: Option<NodeId>,
    rpc_authorization: Option<NodeId>,
}

#[derive(Clone, Copy, Debug)]
struct EntryNodes {
    list: NodeId,
    number: NodeId,
    line: NodeId,
    action: NodeId,
}

impl EntryNodes {
    fn below(schema: &Schema, profile: NodeId) -> Option<Self> {
        let list = schema.child(Some(profile), None, "entry")?;
        let leaf = |name| schema.child(Some(list), None, name);
        Some(Self { list, number: leaf("entry-id")?, line: leaf("match")?, action: leaf("action")? })
    }

    fn read(self, entry: &Branch) -> Option<Entry> {
        let action = match entry.leaf(self.action)?.value.as_text()? {
            "deny" => Action::Deny,
            "permit" => Action::Permit,
            "read-only" => Action::ReadOnly,
            _ => Action::None,
        };
        let number = match entry.leaf(self.number)?.value {
            Value::Uint(number) => number,
            _ => return None,
        };
        Some(Entry { number, line: entry.leaf(self.line)?.value.as_text()?.into(), action })
    }
}

impl ProfileNodes {
    pub(super) fn below(schema: &Schema, profile: NodeId) -> Option<Self> {
        let grpc = schema.child(Some(profile), None, "grpc");
        Some(Self {
            default_action: schema.child(Some(profile), None, "default-action")?,
            li: schema.child(Some(profile), None, "li"),
            entry: EntryNodes::below(schema, profile),
            grpc,
            rpc_authorization: grpc.and_then(|grpc| schema.child(Some(grpc), None, "rpc-authorization")),
        })
    }

    /// Reads the entry of one profile. Defaults in use stand in the tree, so an absent leaf means nothing here.
    pub(super) fn read(self, schema: &Schema, name: &str, entry: &Branch) -> Profile {
        let default_action = match entry.leaf(self.default_action).and_then(|leaf| leaf.value.as_text()) {
            Some("permit-all") => DefaultAction::PermitAll,
            Some("read-only-all") => DefaultAction::ReadOnlyAll,
            Some("deny-all") => DefaultAction::DenyAll,
            _ => DefaultAction::None,
        };
        let authorization = self.grpc.zip(self.rpc_authorization);
        let rpcs = authorization.and_then(|(grpc, rpcs)| entry.container(grpc)?.container(rpcs));
        let denied = |id: &NodeId| {
            rpcs?.leaf(*id).filter(|leaf| is_deny(&leaf.value)).map(|_| schema.node(*id).name.to_string())
        };
        let leaves = self.rpc_authorization.map_or(&[][..], |rpcs| schema.children(Some(rpcs)));
        let list = self.entry.and_then(|nodes| entry.list(nodes.list).map(|list| (nodes, list)));
        let entries = list.into_iter().flat_map(|(nodes, list)| {
            let mut entries: Vec<Entry> = list.iter().filter_map(|(_, entry)| nodes.read(entry.branch())).collect();
            entries.sort_by_key(|entry| entry.number);
            entries
        });
        Profile {
            name: name.into(),
            entries: entries.collect(),
            default_action,
            li: self.is_li(entry),
            denied_rpcs: leaves.iter().filter_map(denied).collect(),
        }
    }

    /// Whether a profile is part of lawful intercept.
    pub(super) fn is_li(self, entry: &Branch) -> bool {
        self.li.and_then(|li| entry.leaf(li)).is_some_and(|leaf| leaf.value == Value::Bool(true))
    }
}

fn is_deny(value: &Value) -> bool {
    value.as_text() == Some("deny")
}
