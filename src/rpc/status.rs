//! Errors as gRPC statuses.
//!
//! Invariant: the only place where an error becomes a status code (LIM-012). Every match is exhaustive, so a new kind of
//! error does not compile until somebody has chosen its code. Texts are one line of the form
//! `SEVERITY: APPLICATION #number: path - reason` (LIM-013).

use std::fmt::Display;

use tonic::{Code, Status};

use super::gnmi::{ArbitrationError, HistoryError, SetExtensionError};
use crate::aaa::{Unauthorized, Unreadable};
use crate::codec::{EncodingError, OperationId, PathDecodeError, SetError, SetErrorKind};
use crate::path::PathError;
use crate::store::{CommitError, ConfirmError, EditError};
use crate::telemetry::PlanError;

/// Characters of a status text. It travels in a header, percent-encoded, and clients drop connections whose headers are
/// too large; a path alone may have 4096.
const TEXT_MAX: usize = 1000;

/// A status with the text form operators know.
fn minor(code: Code, number: u16, text: impl Display) -> Status {
    let mut text = format!("MINOR: MGMT_CORE #{number}: {text}");
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push_str(" ...");
    }
    Status::new(code, text)
}

/// A path in a Get or Subscribe (gnmi-spec 3.3.4, 3.5.2.4).
pub(super) fn path(error: &PathError) -> Status {
    let (code, number) = path_code(error);
    minor(code, number, error)
}

fn path_code(error: &PathError) -> (Code, u16) {
    match error {
        PathError::UnknownElement { .. } => (Code::InvalidArgument, 2201),
        PathError::Disabled { .. } => (Code::Unimplemented, 2201),
        PathError::CliOrigin { .. } => (Code::Unimplemented, 2202),
        PathError::UnknownOrigin { .. } | PathError::SchemasOrigin { .. } => (Code::InvalidArgument, 2202),
        PathError::EmptyName { .. }
        | PathError::KeysOnNonList { .. }
        | PathError::UnknownKey { .. }
        | PathError::DuplicateKey { .. }
        | PathError::MixedKeys { .. }
        | PathError::NameWildcard { .. }
        | PathError::WildcardInWrite { .. }
        | PathError::MissingKey { .. } => (Code::InvalidArgument, 2203),
        PathError::KeyValue { .. } => (Code::InvalidArgument, 2301),
    }
}

/// A path that does not even decode.
pub(super) fn decode(error: &PathDecodeError) -> Status {
    minor(Code::InvalidArgument, 2203, error)
}

/// An encoding that is not offered (GET-008, ENC-003, ENC-004).
pub(super) fn encoding(error: &EncodingError) -> Status {
    minor(Code::Unimplemented, 2204, error)
}

/// A data type outside the enum.
pub(super) fn data_type(number: i32) -> Status {
    minor(Code::InvalidArgument, 2205, format_args!("Data type {number} does not exist"))
}

/// A mode outside the enum (SUB-015).
pub(super) fn mode(number: i32) -> Status {
    minor(Code::InvalidArgument, 2205, format_args!("Subscription mode {number} does not exist"))
}

/// A place where nothing stands (GET-014).
pub(super) fn not_found(path: &str) -> Status {
    minor(Code::NotFound, 2208, format_args!("{path} - No data"))
}

/// A reply that would pass its limit (GET-010).
pub(super) fn get_too_large(limit_bytes: usize) -> Status {
    let text = format_args!("Response is larger than the limit of {limit_bytes} bytes - use Subscribe with mode ONCE");
    minor(Code::ResourceExhausted, 2209, text)
}

/// More paths than may be subscribed to at the same time (LIM-005).
pub(super) fn too_many_paths(asked: usize, used: usize, limit: usize) -> Status {
    let text = format_args!("{asked} more paths would pass the limit of {limit} subscribed paths, {used} are in use");
    minor(Code::ResourceExhausted, 2213, text)
}

/// More operations than one Set may hold.
pub(super) fn too_many_edits(operations: usize, limit: usize) -> Status {
    minor(Code::ResourceExhausted, 2214, format_args!("{operations} operations pass the limit of {limit} in one Set"))
}

/// A service that is administratively down.
pub(super) fn disabled(service: &str, knob: &str) -> Status {
    minor(Code::Unimplemented, 2210, format_args!("{service} is disabled - {knob}"))
}

/// A QoS marking that is no DSCP (SUB-043).
pub(super) fn marking(asked: u32, max: u8) -> Status {
    minor(Code::InvalidArgument, 2301, format_args!("QoS marking {asked} is no DSCP, which goes from 0 to {max}"))
}

/// A model in `use_models` that is not offered, or not in this version (SUB-045).
pub(super) fn unknown_model(name: &str, version: &str) -> Status {
    let version = if version.is_empty() { String::new() } else { format!(" {version}") };
    minor(Code::Unimplemented, 2216, format_args!("Model {name}{version} is not supported"))
}

/// An RPC that the imitated release does not have (C-07).
pub(super) fn unknown_rpc(rpc: &str, release: &str) -> Status {
    minor(Code::Unimplemented, 2215, format_args!("{rpc} is not served under release-profile {release}"))
}

/// A service that nobody can ask the health of.
pub(super) fn unknown_service(name: &str) -> Status {
    minor(Code::NotFound, 2222, format_args!("{name} - Unknown service"))
}

/// A protobuf file, symbol or extension that this server does not know.
pub(super) fn unknown_descriptor(what: &str) -> Status {
    minor(Code::NotFound, 2222, format_args!("{what} - Unknown to server reflection"))
}

/// A message of server reflection that asks nothing.
pub(super) fn empty_reflection() -> Status {
    minor(Code::InvalidArgument, 2207, "Message of server reflection asks nothing")
}

/// A mode of a subscription list that the imitated release does not have (SUB-020, C-22).
pub(super) fn list_mode(mode: &str, release: &str) -> Status {
    minor(Code::Unimplemented, 2215, format_args!("Mode {mode} is not served under release-profile {release}"))
}

/// An extension that changes what is asked, and that is not served.
pub(super) fn extension(name: &str) -> Status {
    minor(Code::Unimplemented, 2211, format_args!("Extension {name} is not supported"))
}

/// A request for the past that cannot be right, served or not (EXT-027).
pub(super) fn history(error: &HistoryError) -> Status {
    minor(Code::InvalidArgument, 2219, error)
}

/// A configuration subscription that is not started by its client.
pub(super) fn config_subscription_without_start() -> Status {
    minor(Code::InvalidArgument, 2219, "Extension config-subscription: Field start is missing")
}

/// Depth where it means nothing (EXT-007).
pub(super) fn depth_misplaced(rpc: &str) -> Status {
    minor(Code::InvalidArgument, 2212, format_args!("Extension depth has no meaning in {rpc}"))
}

/// A subscription list.
pub(super) fn plan(error: &PlanError) -> Status {
    match error {
        PlanError::Path(error) => path(error),
        PlanError::Empty | PlanError::Duplicate { .. } => minor(Code::InvalidArgument, 2206, error),
        PlanError::OutsideModels { .. } => minor(Code::Unimplemented, 2216, error),
        PlanError::OnChange { .. } => minor(Code::InvalidArgument, 2205, error),
        PlanError::IntervalTooSmall { .. } => minor(Code::InvalidArgument, 2301, error),
    }
}

/// A message of a Subscribe that does not fit where it stands (SUB-002, SUB-004, SUB-022).
pub(super) fn message_order(text: &str) -> Status {
    minor(Code::InvalidArgument, 2207, text)
}

/// A Set request that does not become edits (gnmi-spec 3.4.7).
pub(super) fn set(error: &SetError) -> Status {
    let (code, number) = match &error.kind {
        // What is to be written and is not in the schema is NOT_FOUND (SET-026); a delete reads.
        SetErrorKind::Path(PathError::UnknownElement { .. }) if !matches!(error.operation, OperationId::Delete(_)) => {
            (Code::NotFound, 2201)
        }
        SetErrorKind::Path(error) => path_code(error),
        SetErrorKind::Decode(_) => (Code::InvalidArgument, 2203),
        SetErrorKind::Value { .. } => (Code::InvalidArgument, 2301),
        SetErrorKind::MixedUnion { .. } => (Code::InvalidArgument, 2307),
        SetErrorKind::NotConfigurable { .. } => (Code::InvalidArgument, 2302),
        SetErrorKind::Unsupported { .. } => (Code::Unimplemented, 2204),
    };
    minor(code, number, format_args!("{error} - gRPC: {}", error.operation))
}

/// A change by a user who may only read (AUTH-028).
pub(super) fn read_only(user: &str, paths: &str) -> Status {
    let text = format_args!("Permission denied - unauthorized use of '{paths}' - user '{user}' may only read");
    minor(Code::PermissionDenied, 2020, text)
}

/// A read of what the user may not see (GET-022).
pub(super) fn unreadable(user: &str, error: &Unreadable) -> Status {
    let Unreadable { path, reason } = error;
    let text = format_args!("Permission denied - unauthorized use of '{path}' - user '{user}', {reason}");
    minor(Code::PermissionDenied, 2020, text)
}

/// A commit that was refused. `origins` names the operation behind each edit.
pub(super) fn commit(error: &CommitError, origins: &[OperationId]) -> Status {
    match error {
        CommitError::Edit { position, source } => {
            let number = match source {
                EditError::NotConfigurable { .. } => 2302,
                EditError::KeyDelete { .. } => 2303,
            };
            let operation = origins.get(*position).copied().unwrap_or(OperationId::Request);
            minor(Code::InvalidArgument, number, format_args!("{source} - gRPC: {operation}"))
        }
        CommitError::Denied(denied) => {
            let operation = denied.position.and_then(|position| origins.get(position)).copied();
            let operation = operation.unwrap_or(OperationId::Request);
            minor(Code::PermissionDenied, 2020, format_args!("{denied} - gRPC: {operation}"))
        }
        // The user's rights have become others since the request came.
        CommitError::Inquiries(_) => minor(Code::Aborted, 2020, error),
        // The request is well formed; it is the commit as a whole that fails (SET-029, C-19).
        CommitError::Constraints(_) => minor(Code::Aborted, 2304, error),
        CommitError::Journal(_) => minor(Code::Internal, 2305, error),
        CommitError::NotKept { .. } => minor(Code::NotFound, 2224, error),
        CommitError::Waiting { .. } => minor(Code::FailedPrecondition, 2052, error),
    }
}

/// A Set about which no server has said whether it may be made.
pub(super) fn unauthorized(error: &Unauthorized) -> Status {
    let code = match error {
        Unauthorized::NoServer => Code::Unavailable,
        Unauthorized::TooMany { .. } => Code::ResourceExhausted,
    };
    minor(code, 2020, error)
}

/// A confirmation that cannot be given, or anything else that is said to a commit that waits (EXT-014 to EXT-016).
pub(super) fn confirm(error: &ConfirmError) -> Status {
    match error {
        ConfirmError::NothingWaits => minor(Code::FailedPrecondition, 2306, error),
        ConfirmError::OtherId { .. } => minor(Code::InvalidArgument, 2306, error),
        ConfirmError::Commit(error) => commit(error, &[]),
    }
}

/// An extension of a Set that does not say what it has to.
pub(super) fn set_extension(error: &SetExtensionError) -> Status {
    minor(Code::InvalidArgument, 2218, error)
}

/// A claim to be the master that is not granted (EXT-020).
pub(super) fn arbitration(error: &ArbitrationError) -> Status {
    match error {
        ArbitrationError::NotMaster { .. } => minor(Code::PermissionDenied, 2216, error),
        ArbitrationError::TooManyRoles { .. } => minor(Code::ResourceExhausted, 2217, error),
    }
}

/// A task of ours that ended in a panic. The panic itself is in the log.
pub(super) fn internal(rpc: &str) -> Status {
    minor(Code::Internal, 2001, format_args!("{rpc} failed inside the server"))
}

/// Another user came on the same session (AUTH-018).
pub(super) fn user_changed() -> Status {
    Status::cancelled("INFO: MGMT_CORE #2003: Subscription ended - the user of the session changed")
}

/// An administrator ended the subscription (SUB-034).
pub(super) fn subscription_ended() -> Status {
    Status::cancelled("INFO: MGMT_CORE #2003: Subscription ended - by an administrator")
}
