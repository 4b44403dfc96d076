//! Errors as gRPC statuses.
//!
//! Invariant: the only place where an error becomes a status code (LIM-012). Every match is exhaustive, so a new kind of
//! error does not compile until somebody has chosen its code. Texts are one line of the form
//! `SEVERITY: APPLICATION #number: path - reason` (LIM-013).

use tonic::{Code, Status};

use crate::codec::{EncodingError, PathDecodeError, SetError, SetErrorKind};
use crate::path::PathError;
use crate::store::{CommitError, EditError};
use crate::telemetry::PlanError;

/// A status with the text form operators know.
fn minor(code: Code, number: u16, text: impl std::fmt::Display) -> Status {
    Status::new(code, format!("MINOR: MGMT_CORE #{number}: {text}"))
}

/// A path in a Get, Subscribe or delete.
pub(super) fn path(error: &PathError) -> Status {
    let (code, number) = match error {
        PathError::UnknownElement { .. } => (Code::InvalidArgument, 2201),
        PathError::Disabled { .. } => (Code::Unimplemented, 2201),
        PathError::UnknownOrigin { .. } => (Code::InvalidArgument, 2202),
        PathError::EmptyName { .. }
        | PathError::KeysOnNonList { .. }
        | PathError::UnknownKey { .. }
        | PathError::DuplicateKey { .. }
        | PathError::MixedKeys { .. }
        | PathError::NameWildcard { .. }
        | PathError::WildcardInWrite { .. }
        | PathError::MissingKey { .. } => (Code::InvalidArgument, 2203),
        PathError::KeyValue { .. } => (Code::InvalidArgument, 2301),
    };
    minor(code, number, error)
}

/// A path that does not even decode.
pub(super) fn decode(error: &PathDecodeError) -> Status {
    minor(Code::InvalidArgument, 2203, error)
}

/// An encoding that is not offered (GET-008, ENC-003, ENC-004).
pub(super) fn encoding(error: &EncodingError) -> Status {
    minor(Code::Unimplemented, 2204, error)
}

/// A subscription list.
pub(super) fn plan(error: &PlanError) -> Status {
    match error {
        PlanError::Path(error) => path(error),
        PlanError::Empty | PlanError::Duplicate { .. } => minor(Code::InvalidArgument, 2205, error),
        PlanError::IntervalTooSmall { .. } => minor(Code::InvalidArgument, 2206, error),
    }
}

/// A message of a Subscribe that does not fit where it stands (SUB-002, SUB-004, SUB-022).
pub(super) fn message_order(text: &str) -> Status {
    minor(Code::InvalidArgument, 2207, text)
}

/// A Set request before it reaches the datastore.
pub(super) fn set(error: &SetError) -> Status {
    let text = format!("{error} - gRPC: {}", error.operation);
    match &error.kind {
        // gnmi-spec 3.4.7: an unknown node to be written is NOT_FOUND (SET-026).
        SetErrorKind::Path(PathError::UnknownElement { .. }) => minor(Code::NotFound, 2201, text),
        SetErrorKind::Path(error) => {
            let status = path(error);
            Status::new(status.code(), format!("{} - gRPC: {}", status.message(), error_operation(&text)))
        }
        SetErrorKind::Decode(_) => minor(Code::InvalidArgument, 2203, text),
        SetErrorKind::Value { .. } => minor(Code::InvalidArgument, 2301, text),
        SetErrorKind::NotConfigurable => minor(Code::InvalidArgument, 2302, text),
        SetErrorKind::Unsupported { .. } => minor(Code::Unimplemented, 2204, text),
    }
}

/// A commit that was refused.
pub(super) fn commit(error: &CommitError) -> Status {
    match error {
        CommitError::Edit { source: EditError::NotConfigurable { .. }, .. } => {
            minor(Code::InvalidArgument, 2302, error)
        }
        CommitError::Edit { source: EditError::KeyDelete { .. }, .. } => minor(Code::InvalidArgument, 2303, error),
        CommitError::Constraints(_) => minor(Code::Aborted, 2304, error),
        CommitError::Journal(_) => minor(Code::Internal, 2305, error),
    }
}
