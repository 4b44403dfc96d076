//! Elements that had another name in old releases (C-13).
//!
//! Invariant: a schema uses one of the two names throughout, in answers, errors and what it prints; on input either one
//! is understood, so that old dialogues replay and a file or saved configuration outlives a change of profile.

/// Name of the element around, the name now, and the name before.
const RENAMED: &[[&str; 3]] =
    &[["router", "router-name", "router-instance"], ["statistics", "lsp-egress", "lsp-egress-stats"]];

/// Which of its two names an element goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The name in the modules.
    #[default]
    Present,
    /// The name it had before.
    Former,
}

impl Naming {
    /// The name of an element that the modules call `name`, inside the one called `around`.
    pub(super) fn of<'a>(self, around: Option<&str>, name: &'a str) -> &'a str {
        match self {
            Self::Present => name,
            Self::Former => other_name(around, name).unwrap_or(name),
        }
    }
}

/// The other name of an element, when it has two.
pub(super) fn other_name(around: Option<&str>, name: &str) -> Option<&'static str> {
    RENAMED.iter().find_map(|&[place, now, before]| match name {
        _ if around != Some(place) => None,
        name if name == now => Some(before),
        name if name == before => Some(now),
        _ => None,
    })
}
