//! What the paths of a request have in common: their prefix, and the form to answer in.

use std::borrow::Borrow;

use tonic::Status;

use crate::codec::{PathForm, decode_path, join_prefix};
use crate::path::RawPath;
use crate::pb::gnmi as pb;
use crate::profile::Profile;
use crate::rpc::status;

/// The paths of one request, absolute.
#[derive(Debug)]
pub(super) struct Paths {
    /// Each path with the prefix in front; the prefix alone when no path was given (GET-025).
    pub(super) absolute: Vec<RawPath>,
    /// The form to answer in: that of the request, unless the release has one only (C-08).
    pub(super) form: PathForm,
    /// `prefix.target`, to be reflected in every prefix of the reply (PATH-041).
    pub(super) target: Option<String>,
}

impl Paths {
    /// Decodes the paths of a request.
    pub(super) fn decode(prefix: Option<&pb::Path>, paths: &[&pb::Path], profile: &Profile) -> Result<Self, Status> {
        let decoded = || {
            let front = prefix.map(decode_path).transpose()?.unwrap_or_default();
            let paths = paths.iter().map(|path| decode_path(path)).collect::<Result<Vec<_>, _>>()?;
            join_prefix(&front, &paths)
        };
        Ok(Self {
            absolute: decoded().map_err(|error| status::decode(&error))?,
            form: profile.path_form.unwrap_or_else(|| PathForm::of(prefix.into_iter().chain(paths.iter().copied()))),
            target: prefix.map(|prefix| prefix.target.clone()).filter(|target| !target.is_empty()),
        })
    }

    /// The paths in one line for the security log.
    pub(super) fn summary(&self) -> String {
        line(self.absolute.iter().map(Some))
    }
}

/// Paths shown of a request in the security log; the rest is counted.
const SUMMARY_PATHS: usize = 4;

/// What a request is about, in one line for the security log.
pub(super) fn summary<'a>(prefix: Option<&pb::Path>, paths: impl IntoIterator<Item = &'a pb::Path>) -> String {
    let front = prefix.and_then(|prefix| decode_path(prefix).ok()).unwrap_or_default();
    line(paths.into_iter().map(|path| decode_path(path).ok().map(|path| front.join(&path))))
}

/// The first paths and the number of the others; one that cannot be read is counted too.
fn line(paths: impl Iterator<Item = Option<impl Borrow<RawPath>>>) -> String {
    let mut shown = Vec::new();
    let mut more = 0usize;
    for path in paths {
        match path {
            Some(path) if shown.len() < SUMMARY_PATHS => shown.push(path.borrow().to_string()),
            _ => more += 1,
        }
    }
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(" ")
}
