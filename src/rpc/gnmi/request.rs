//! What the paths of a request have in common: their prefix, and the form to answer in.

use tonic::Status;

use crate::codec::{PathForm, decode_path, join_prefix};
use crate::path::RawPath;
use crate::pb::gnmi as pb;
use crate::rpc::status;

/// The paths of one request, absolute.
#[derive(Debug)]
pub(super) struct Paths {
    /// Each path with the prefix in front.
    pub(super) absolute: Vec<RawPath>,
    /// The form the request used (C-08).
    pub(super) form: PathForm,
    /// `prefix.target`, to be reflected (PATH-041).
    pub(super) target: Option<String>,
}

impl Paths {
    /// Decodes the paths of a request; no path at all stands for the prefix itself (GET-025).
    pub(super) fn decode(prefix: Option<&pb::Path>, paths: &[&pb::Path]) -> Result<Self, Status> {
        let prefix_raw = prefix.map(decode_path).transpose().map_err(|error| status::decode(&error))?;
        let prefix_raw = prefix_raw.unwrap_or_default();
        let raw = paths.iter().map(|path| decode_path(path)).collect::<Result<Vec<_>, _>>();
        let raw = raw.map_err(|error| status::decode(&error))?;
        let absolute = join_prefix(&prefix_raw, &raw).map_err(|error| status::decode(&error))?;
        Ok(Self {
            absolute,
            form: PathForm::of(prefix.into_iter().chain(paths.iter().copied())),
            target: prefix.map(|prefix| prefix.target.clone()).filter(|target| !target.is_empty()),
        })
    }

    /// The prefix of a reply that has nothing in it but the target; none without a target.
    pub(super) fn reply_prefix(&self) -> Option<pb::Path> {
        self.target.as_ref().map(|target| pb::Path { target: target.clone(), ..pb::Path::default() })
    }
}
