//! Who makes a commit.

/// Who makes a commit, kept with it for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// User name; `system` for the daemon itself.
    pub user: String,
    /// Where from: an address and port, or the name of a file.
    pub source: String,
    /// Session number, zero when there is no session.
    pub session: u64,
    /// The interface it comes through.
    pub interface: Interface,
}

/// An interface that configuration comes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// None: the daemon itself.
    #[default]
    System,
    /// The TOML file, at the start or read again.
    File,
    /// gNMI.
    Gnmi,
    /// A `ganymede` command on this machine.
    Command,
}

impl Interface {
    /// Its name in the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::File => "startup",
            Self::Gnmi => "gnmi",
            Self::Command => "command",
        }
    }

    /// The one with this name. A record without one was made by an earlier version, which did not say.
    pub(super) fn named(word: &str) -> Self {
        [Self::File, Self::Gnmi, Self::Command].into_iter().find(|known| known.word() == word).unwrap_or_default()
    }
}
