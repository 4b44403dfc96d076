//! TLS as a port speaks it.
//!
//! Invariant: a value never changes. A port that is given another one uses it for new handshakes; open connections keep
//! what they began with (TLS-021, TLS-022).

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use tokio_rustls::TlsAcceptor;

use crate::pki::{Identity, Keys, Offer, Unusable};

/// Where TLS is configured that no profile names.
const FILE: &str = "[tls] of the configuration file";

/// Everything a handshake needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Where it is configured, for whoever reads why a client was refused.
    place: Arc<str>,
}

/// Why there is no usable TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate and its key do not go together, or the algorithm is not known.
    #[error("certificate cannot be used: {0}")]
    Certificate(rustls::Error),
    /// Nothing is left to offer.
    #[error(transparent)]
    Offer(#[from] Unusable),
    /// The offer contradicts itself.
    #[error("TLS cannot be offered: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// TLS with these identities, of which a client gets the first that it can check. With `clients`, clients have to
    /// show a certificate (TLS-020).
    ///
    /// # Errors
    ///
    /// [`TlsError`] when a certificate and its key do not go together, or nothing can be offered.
    pub fn new(
        identities: &[Identity],
        offer: &Offer,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Self, TlsError> {
        let (versions, provider) = offer.algorithms()?;
        let keys = Keys::new(identities, offer, &provider).map_err(TlsError::Certificate)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&versions)?;
        let checks_clients = clients.is_some();
        let mut config = match clients {
            Some(clients) => builder.with_client_cert_verifier(clients),
            None => builder.with_no_client_auth(),
        }
        .with_cert_resolver(Arc::new(keys));
        // A client that offers only something else is refused, one that offers nothing is taken at its word (TLS-018).
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.ignore_client_order = offer.has_cipher_order();
        if checks_clients {
            // A resumed session would not look at the certificate again, nor at what has been revoked meanwhile.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Arc::new(config), place: FILE.into() })
    }

    /// The same, by the profile at this path.
    pub fn named(self, path: &str) -> Self {
        Self { place: path.into(), ..self }
    }

    /// Where it is configured.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}
