//! Authentication and authorisation: who a caller is and what a caller may do.
//!
//! Invariant: users are read from a commit's tree, so that a change of configuration takes effect with the commit that
//! makes it; nothing here keeps a user, a password or a verdict.

mod attempts;
mod certificate;
mod check;
mod entry;
mod guard;
pub mod local;
mod login;
mod profile;
mod profiles;
mod records;
mod rights;
mod view;

#[cfg(test)]
mod tests;

pub use attempts::{LoginRecord, Outcome};
pub use guard::SetGuard;
pub use local::{HashError, NoSuchNode, Users, seal};
pub use login::{Authenticator, Credentials, Fingerprint};
pub use profile::{Action, DefaultAction, Entry, Profile};
pub use records::LoginRecords;
pub use rights::{Origin, Rights};
pub use view::{Unreadable, readable, unreadable};
