//! Why the daemon does not start.

use crate::aaa::{HashError, NoKey, NoSuchNode};
use crate::config::{ConfigError, ModelTables};
use crate::log::OpenError;
use crate::net::{BindError, TlsError};
use crate::path::RawPath;
use crate::pki::IdentityError;
use crate::platform::{linux, sim};
use crate::schema::LoadError;
use crate::store::{CommitError, JournalError};

/// Why the daemon does not start. One line each; nothing has been served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A YANG module does not load.
    #[error(transparent)]
    Yang(#[from] LoadError),
    /// The file says something the schema does not know.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The startup configuration of the file breaks a rule.
    #[error("{place}: {error}")]
    Startup {
        /// File and line, or the file.
        place: String,
        /// The rule.
        error: CommitError,
    },
    /// The saved configuration breaks a rule of the modules that are loaded now.
    #[error("saved configuration: {0}")]
    Saved(CommitError),
    /// The data directory.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What TLS is to be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The security log.
    #[error(transparent)]
    SecurityLog(#[from] OpenError),
    /// The loaded models have no place for users.
    #[error(transparent)]
    Users(#[from] NoSuchNode),
    /// This machine cannot be read.
    #[error(transparent)]
    Linux(#[from] linux::StartError),
    /// It is not known what of this machine is ours.
    #[error("the record of what was applied to this machine: {0}")]
    Appliers(std::io::Error),
    /// The simulation cannot be as asked for.
    #[error(transparent)]
    Sim(#[from] sim::StartError),
    /// The system gives no threads or no timer.
    #[error("the threads of the daemon cannot be started: {0}")]
    Runtime(std::io::Error),
    /// The system gives no signals.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(std::io::Error),
    /// The key of the secrets.
    #[error(transparent)]
    Secrets(#[from] NoKey),
    /// The descriptors of the services that are compiled in.
    #[error("protobuf descriptors: {0}")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] HashError),
}

impl StartError {
    /// A refusal of what the file says, led back to the line that says it.
    pub(super) fn refused(error: CommitError, models: &ModelTables) -> Self {
        let path = error.path().and_then(|path| RawPath::parse(path).ok());
        let line = path.and_then(|path| models.line_of(&path));
        Self::Startup { place: line.unwrap_or_else(|| models.file().to_owned()), error }
    }

    /// Whether the operator's file or modules are at fault, and not the machine.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Yang(_)
            | Self::Config(_)
            | Self::Startup { .. }
            | Self::Saved(_)
            | Self::Users(_)
            | Self::Identity(_)
            | Self::Tls(_)
            | Self::Sim(_) => true,
            Self::Journal(_)
            | Self::Bind(_)
            | Self::SecurityLog(_)
            | Self::Linux(_)
            | Self::Runtime(_)
            | Self::Signals(_)
            | Self::Secrets(_)
            | Self::Appliers(_)
            | Self::Descriptors(_)
            | Self::Random(_) => false,
        }
    }
}
