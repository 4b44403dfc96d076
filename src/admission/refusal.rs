//! Why an RPC is not let in, and what the client reads then.
//!
//! Invariant: a refusal ends one RPC and never its session (LIM-014); its text is never empty, and says nothing that
//! tells an unknown user from a wrong password (AUTH-005).

use tonic::{Code, Status};

use super::backoff::TooManyLogins;
use super::session::{NoChannel, NoSeat};

/// Why an RPC is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Authentication failed - metadata 'username' and 'password' are required")]
    NoCredentials,
    #[error("Authentication failed - unknown user or wrong password")]
    Rejected,
    #[error("Permission denied - user '{user}' has no gRPC access")]
    NoAccess { user: String },
    #[error("Permission denied - unauthorized use of '{rpc}'")]
    Rpc { rpc: &'static str },
    #[error("{0}")]
    Sessions(NoSeat),
    #[error("{0}")]
    Channels(NoChannel),
    #[error("{0}")]
    Logins(TooManyLogins),
    #[error("Subscription ended - the user of the session changed")]
    UserChanged,
    #[error("Session terminated - {reason}")]
    Closing { reason: String },
    #[error("RPC came without a session")]
    NoSession,
}

impl Refusal {
    /// The status the client gets. Exhaustive, like the statuses of the services.
    pub(super) fn status(&self) -> Status {
        let (code, severity, number) = match self {
            Self::NoCredentials | Self::Rejected => (Code::Unauthenticated, "MINOR", 2010),
            Self::NoAccess { .. } | Self::Rpc { .. } => (Code::PermissionDenied, "MINOR", 2020),
            Self::Sessions(_) => (Code::ResourceExhausted, "MINOR", 2030),
            Self::Channels(_) => (Code::ResourceExhausted, "MINOR", 2031),
            Self::Logins(_) => (Code::ResourceExhausted, "MINOR", 2032),
            Self::UserChanged => (Code::Cancelled, "INFO", 2003),
            Self::Closing { .. } => (Code::Unavailable, "INFO", 2003),
            Self::NoSession => (Code::Internal, "MINOR", 2001),
        };
        Status::new(code, format!("{severity}: MGMT_CORE #{number}: {self}"))
    }
}
