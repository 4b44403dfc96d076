//! Certificates, keys, authorities and revocation lists, and the TLS profiles that name them.
//!
//! Invariant: a profile is usable whole or not at all. Whatever it names and that is disabled, missing or broken makes it
//! unusable, and [`Unusable`] says which place it was and why (TLS-012).
//! No sockets here: what a connection does with it is `net`'s.

mod authority;
mod files;
mod identity;
mod inventory;
mod judge;
mod keys;
mod look;
mod names;
mod offer;
mod profile;
mod reminders;
mod stamps;
mod tally;
mod trust;
pub use authority::{Authority, Flag, Standing};
pub use files::{FileRef, Files};
pub use identity::{Identity, IdentityError};
pub use inventory::{Chain, Expiry, Findings, Found, Inventory};
pub use judge::ClientJudge;
pub use keys::Keys;
pub use look::Look;
pub use names::{NameRule, common_name};
pub use offer::{Offer, TlsVersion};
pub use profile::{CertEntry, Loaded, TlsProfile};
pub use reminders::{ExpiryRules, Reminders};
pub use stamps::Stamps;
pub use tally::Tally;
pub use trust::Trust;

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} - {reason}")]
pub struct Unusable {
    /// Path of the node at fault.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Unusable {
    fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}
