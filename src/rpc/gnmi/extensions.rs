//! Extensions of a request: read where they are served, refused where ignoring them would mislead.
//!
//! Unknown and registered extensions are ignored (EXT-001, EXT-002). What asks for another meaning of the request
//! itself, such as a confirmed commit, is never ignored silently.

use tonic::Status;

use crate::pb::gnmi_ext::{Extension, extension::Ext};
use crate::rpc::status;

/// The depth asked for, none for all levels (EXT-003). For Get and Subscribe.
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

/// Judges the extensions of a Set.
pub(super) fn of_set(extensions: &[Extension]) -> Result<(), Status> {
    refuse_depth("Set", extensions)?;
    for extension in extensions {
        match &extension.ext {
            Some(Ext::Commit(_)) => return Err(status::extension("commit")),
            Some(Ext::MasterArbitration(_)) => return Err(status::extension("master-arbitration")),
            Some(Ext::RegisteredExt(_) | Ext::Depth(_) | Ext::History(_) | Ext::ConfigSubscription(_)) | None => {}
        }
    }
    Ok(())
}

/// Depth has no meaning outside Get and Subscribe (EXT-007).
pub(super) fn refuse_depth(rpc: &str, extensions: &[Extension]) -> Result<(), Status> {
    match extensions.iter().any(|extension| matches!(extension.ext, Some(Ext::Depth(_)))) {
        true => Err(status::depth_misplaced(rpc)),
        false => Ok(()),
    }
}
