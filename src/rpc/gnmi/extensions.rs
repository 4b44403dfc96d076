//! Extensions of a request: read where they are served, refused where ignoring them would mislead.
//!
//! Unknown and registered extensions are ignored (EXT-001, EXT-002), but for our own one of Set. What asks for another meaning of the request
//! itself, such as a confirmed commit, is never ignored silently.

use std::time::Duration;

use tonic::Status;

use super::arbitration::{Claim, ClaimError};
use super::commit::{Action, CommitExtensionError};
use super::history;
use super::options::{self, OptionsError, SetOptions};
use crate::pb::gnmi_ext::{Extension, config_subscription, extension::Ext};
use crate::rpc::status;

/// The depth asked for by a Get, none for all levels (EXT-003).
pub(super) fn depth(extensions: &[Extension]) -> Result<Option<u32>, Status> {
    let mut depth = None;
    for extension in extensions {
        match &extension.ext {
            Some(Ext::Depth(asked)) => depth = Some(asked.level).filter(|&level| level > 0),
            Some(Ext::History(_)) => return Err(status::extension("history")),
            Some(Ext::ConfigSubscription(_)) => return Err(status::extension("config-subscription")),
            // Commit and arbitration speak of Set only.
            Some(Ext::RegisteredExt(_) | Ext::MasterArbitration(_) | Ext::Commit(_)) | None => {}
        }
    }
    Ok(depth)
}

/// What the extensions of a Subscribe ask for.
#[derive(Debug, Default)]
pub(super) struct OfSubscribe {
    /// Levels below each path, none for all of them.
    pub(super) depth: Option<u32>,
    /// Configuration alone, commit by commit (EXT-030).
    pub(super) configuration: bool,
}

/// Reads the extensions of a Subscribe with this list mode.
pub(super) fn of_subscribe(extensions: &[Extension], mode: i32) -> Result<OfSubscribe, Status> {
    let mut found = OfSubscribe::default();
    for extension in extensions {
        match &extension.ext {
            Some(Ext::Depth(asked)) => found.depth = Some(asked.level).filter(|&level| level > 0),
            Some(Ext::History(asked)) => return Err(history::refusal(asked, mode)),
            Some(Ext::ConfigSubscription(asked)) => match asked.action {
                Some(config_subscription::Action::Start(_)) => found.configuration = true,
                Some(config_subscription::Action::SyncDone(_)) | None => {
                    return Err(status::config_subscription_without_start());
                }
            },
            // Commit and arbitration speak of Set only.
            Some(Ext::RegisteredExt(_) | Ext::MasterArbitration(_) | Ext::Commit(_)) | None => {}
        }
    }
    Ok(found)
}

/// What the extensions of a Set ask for.
#[derive(Debug, Default)]
pub(super) struct OfSet {
    /// What is to become of a confirmed commit.
    pub(super) commit: Option<Action>,
    /// A claim to be the master.
    pub(super) claim: Option<Claim>,
    /// A comment, or a commit to go back to.
    pub(super) options: Option<SetOptions>,
}

/// Why the extensions of a Set do not say what they have to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetExtensionError {
    /// Two of a kind would contradict each other.
    #[error("Extension {name} is given twice")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// A commit extension that cannot be acted on.
    #[error("Extension commit: {0}")]
    Commit(#[from] CommitExtensionError),
    /// Options that cannot be acted on.
    #[error("Extension {name}: {0}", name = options::NAME)]
    Options(#[from] OptionsError),
    /// An arbitration extension that claims nothing.
    #[error("Extension master-arbitration: {0}")]
    Claim(#[from] ClaimError),
}

/// Reads the extensions of a Set. `patience` is the time until a commit is taken back when the request names none.
pub(super) fn of_set(extensions: &[Extension], patience: Duration) -> Result<OfSet, Status> {
    refuse_depth("Set", extensions)?;
    read_set(extensions, patience).map_err(|error| status::set_extension(&error))
}

fn read_set(extensions: &[Extension], patience: Duration) -> Result<OfSet, SetExtensionError> {
    let mut found = OfSet::default();
    for extension in extensions {
        match &extension.ext {
            Some(Ext::Commit(_)) if found.commit.is_some() => return Err(SetExtensionError::Twice { name: "commit" }),
            Some(Ext::MasterArbitration(_)) if found.claim.is_some() => {
                return Err(SetExtensionError::Twice { name: "master-arbitration" });
            }
            Some(Ext::RegisteredExt(registered)) if registered.id == options::ID => {
                if found.options.is_some() {
                    return Err(SetExtensionError::Twice { name: options::NAME });
                }
                found.options = Some(SetOptions::read(&registered.msg)?);
            }
            Some(Ext::Commit(commit)) => found.commit = Some(Action::read(commit, patience)?),
            Some(Ext::MasterArbitration(arbitration)) => found.claim = Some(Claim::read(arbitration)?),
            Some(Ext::RegisteredExt(_) | Ext::Depth(_) | Ext::History(_) | Ext::ConfigSubscription(_)) | None => {}
        }
    }
    Ok(found)
}

/// Depth has no meaning outside Get and Subscribe (EXT-007).
pub(super) fn refuse_depth(rpc: &str, extensions: &[Extension]) -> Result<(), Status> {
    match extensions.iter().any(|extension| matches!(extension.ext, Some(Ext::Depth(_)))) {
        true => Err(status::depth_misplaced(rpc)),
        false => Ok(()),
    }
}
