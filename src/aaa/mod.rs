//! Authentication and authorisation: who a caller is and what a caller may do.
//!
//! Invariant: users are read from a commit's tree, so that a change of configuration takes effect with the commit that
//! makes it; nothing here keeps a user, a password or a verdict.

pub mod local;
mod login;
mod profile;

#[cfg(test)]
mod tests;

pub use local::{HashError, NoSuchNode, Users, seal};
pub use login::{Authenticator, Credentials, Fingerprint};
pub use profile::{DefaultAction, Profile};
