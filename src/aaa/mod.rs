//! Authentication and authorisation: who a caller is and what a caller may do.
//!
//! Invariant: users are read from a commit's tree, so that a change of configuration takes effect with the commit that
//! makes it; nothing here keeps a user, a password or a verdict. A user whom a remote server vouches for is what that
//! server said at login, read together with the tree.

mod accounting;
mod attempts;
mod authorizer;
mod certificate;
mod check;
mod entry;
mod grant;
mod guard;
pub mod local;
mod login;
mod places;
mod profile;
mod profiles;
mod radius;
mod records;
mod remote;
mod rights;
mod secrets;
mod settings;
mod tacplus;
mod view;

#[cfg(test)]
mod tests;

pub use accounting::{Account, Served};
pub use attempts::{LoginRecord, Outcome};
pub use authorizer::{Authorizer, Unauthorized};
pub use check::Share;
pub use grant::{Grant, Grants};
pub use guard::SetGuard;
pub use local::{HashError, NoSuchNode, Users, seal};
pub use login::{Authenticator, Checked, Credentials, Fingerprint, Parts, Upkeep};
pub use profile::{Action, DefaultAction, Entry, Profile};
pub use records::LoginRecords;
pub use rights::{Origin, Rights};
pub use secrets::{NoKey, Vault};
pub use settings::Method;
pub use view::{Unreadable, readable, unreadable};
