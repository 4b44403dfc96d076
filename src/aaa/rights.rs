//! What a user may do with data: the entries of the user's profiles, laid out over the schema.
//!
//! Invariant: profiles count in the order of `console member`, their entries by number, then their default action, where
//! `none` passes to the next profile; where all have passed, nothing is permitted. Lawful intercept goes before them: its
//! nodes are closed to everybody without that right, whatever a profile says (AUTH-030, C-60).

use std::fmt;
use std::sync::Arc;

use super::entry::{self, Match};
use super::places::node;
use super::profile::{Action, DefaultAction, Profile};
use crate::path::{Access, AccessRule, AccessRules, KeyMatch, ListKey, Pattern, PatternStep, Step};
use crate::schema::{NodeId, Schema};

/// The rights of one user.
#[derive(Debug)]
pub struct Rights {
    rules: Arc<AccessRules>,
    /// By rule, who made it.
    origins: Box<[Origin]>,
    may_write: bool,
    everything: bool,
}

/// Who is behind a verdict, as refusals name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An entry of a profile.
    Entry {
        /// Name of the profile.
        profile: Arc<str>,
        /// Number of the entry.
        entry: u32,
    },
    /// The default action of a profile.
    Default {
        /// Name of the profile.
        profile: Arc<str>,
    },
    /// No profile says anything.
    Nobody,
    /// The user belongs to no profile.
    NoProfile,
    /// The nodes of lawful intercept.
    LawfulIntercept,
    /// A password or key.
    Secret,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { profile, entry } => write!(f, "profile '{profile}' entry {entry}"),
            Self::Default { profile } => write!(f, "profile '{profile}' default-action"),
            Self::Nobody => f.write_str("no profile permits it"),
            Self::NoProfile => f.write_str("no profile, which permits reading"),
            Self::LawfulIntercept => f.write_str("lawful intercept needs access li"),
            Self::Secret => f.write_str("a secret can be set and is not shown"),
        }
    }
}

impl Rights {
    /// The rights that profiles give, but for what is closed whatever they say; and the same for reading, to which
    /// secrets are closed too.
    pub(super) fn of_profiles(
        schema: &Schema,
        profiles: &[Arc<Profile>],
        closed: Option<&Closed>,
        secrets: &Closed,
    ) -> (Self, Self) {
        let mut making = Making::closed(closed);
        let decided = profiles.iter().any(|profile| {
            making.entries(schema, profile);
            let access = match profile.default_action {
                DefaultAction::PermitAll => Access::Write,
                DefaultAction::ReadOnlyAll => Access::Read,
                DefaultAction::DenyAll => Access::None,
                DefaultAction::None => return false,
            };
            making.push(Pattern::default(), access, Origin::Default { profile: profile.name.clone() });
            true
        });
        if profiles.is_empty() {
            making.push(Pattern::default(), Access::Read, Origin::NoProfile);
        } else if !decided {
            making.push(Pattern::default(), Access::None, Origin::Nobody);
        }
        let mut reading = Making::closed([secrets]);
        reading.rules.extend_from_slice(&making.rules);
        reading.origins.extend_from_slice(&making.origins);
        (making.done(schema), reading.done(schema))
    }

    /// Rights without profiles behind them.
    #[cfg(test)]
    pub(super) fn of_rules(schema: &Schema, rules: &[AccessRule]) -> Self {
        let mut making = Making::default();
        for rule in rules {
            making.push(rule.pattern.clone(), rule.access, Origin::Nobody);
        }
        making.done(schema)
    }

    /// Everything but what is closed: what is read where profiles are not asked.
    pub(super) fn but<'a>(schema: &Schema, closed: impl IntoIterator<Item = &'a Closed>) -> Self {
        let mut making = Making::closed(closed);
        making.push(Pattern::default(), Access::Write, Origin::Nobody);
        making.done(schema)
    }

    /// The rules, for those who ask about many places.
    pub fn rules(&self) -> &Arc<AccessRules> {
        &self.rules
    }

    /// Whether some place may be changed (AUTH-028).
    pub fn may_write(&self) -> bool {
        self.may_write
    }

    /// Whether everything may be changed, so that nothing has to be asked.
    pub fn everything(&self) -> bool {
        self.everything
    }

    /// Who decides about a place.
    pub fn origin(&self, place: &[Step]) -> &Origin {
        self.rules.decide(place).1.and_then(|rule| self.origins.get(rule)).unwrap_or(&Origin::Nobody)
    }
}

#[derive(Default)]
struct Making {
    rules: Vec<AccessRule>,
    origins: Vec<Origin>,
}

impl Making {
    fn closed<'a>(closed: impl IntoIterator<Item = &'a Closed>) -> Self {
        let mut making = Self::default();
        for Closed { origin, patterns } in closed {
            for pattern in patterns {
                making.push(pattern.clone(), Access::None, origin.clone());
            }
        }
        making
    }

    fn push(&mut self, pattern: Pattern, access: Access, origin: Origin) {
        self.rules.push(AccessRule { pattern, access });
        self.origins.push(origin);
    }

    fn entries(&mut self, schema: &Schema, profile: &Profile) {
        for rule in &profile.entries {
            let access = match rule.action {
                Action::Permit => Access::Write,
                Action::ReadOnly => Access::Read,
                Action::Deny => Access::None,
                Action::None => continue,
            };
            match entry::read(schema, &rule.line) {
                Match::Elements(patterns) => {
                    for pattern in patterns {
                        let origin = Origin::Entry { profile: profile.name.clone(), entry: rule.number };
                        self.push(pattern, access, origin);
                    }
                }
                Match::Command => {}
                Match::Unknown { reason } => tracing::warn!(
                    profile = &*profile.name,
                    entry = rule.number,
                    "the match '{}' of a profile entry has no effect: {reason}",
                    rule.line
                ),
            }
        }
    }

    fn done(self, schema: &Schema) -> Rights {
        let rules = AccessRules::new(schema, &self.rules);
        Rights {
            may_write: rules.may_hold(schema, &[], Access::Write),
            everything: rules.uniform(None) == Some(Access::Write),
            rules: Arc::new(rules),
            origins: self.origins.into(),
        }
    }
}

/// What is closed whatever profiles say.
#[derive(Debug)]
pub(super) struct Closed {
    origin: Origin,
    patterns: Vec<Pattern>,
}

/// The nodes of lawful intercept: its branches, the leaves that give the right to it, and the profiles that are part of
/// it, by name.
pub(super) fn intercept(schema: &Schema, profile: NodeId, profiles: impl Iterator<Item = ListKey>) -> Closed {
    const NODES: [&str; 5] = [
        "/configure/li",
        "/state/li",
        "/configure/system/security/user-params/local-user/user/access/li",
        "/configure/system/security/aaa/user-template/access/li",
        "/configure/system/security/aaa/local-profiles/profile/li",
    ];
    let nodes = NODES.iter().filter_map(|path| node(schema, path)).map(|node| everywhere(schema, node));
    let profiles = profiles.map(|key| {
        let mut steps = everywhere(schema, profile);
        if let Some(last) = steps.last_mut() {
            last.keys = KeyMatch::Exact(key);
        }
        steps
    });
    Closed { origin: Origin::LawfulIntercept, patterns: nodes.chain(profiles).map(Pattern::new).collect() }
}

/// The leaves that hold secrets, which are closed to every reader.
pub(super) fn secrets(schema: &Schema) -> Closed {
    let patterns = schema.secrets().iter().map(|&leaf| Pattern::new(everywhere(schema, leaf))).collect();
    Closed { origin: Origin::Secret, patterns }
}

/// A node in every entry of the lists around it.
pub(super) fn everywhere(schema: &Schema, node: NodeId) -> Vec<PatternStep> {
    let keys = |node| if schema.node(node).keys().is_empty() { KeyMatch::NotList } else { KeyMatch::All };
    schema.lineage(node).into_iter().map(|node| PatternStep { node, keys: keys(node) }).collect()
}
