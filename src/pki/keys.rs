//! The keys of this side, as a handshake chooses among them.
//!
//! Invariant: the other side gets the first certificate that it can check, and signatures are only made as the profile
//! allows.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::{Identity, Offer};

/// Several certificates with their keys, for example one with an RSA key and one with an ECDSA key.
#[derive(Debug)]
pub struct Keys(Vec<Arc<CertifiedKey>>);

impl Keys {
    /// The keys of these identities.
    ///
    /// # Errors
    ///
    /// When a certificate and its key do not go together, or the algorithm is not known.
    pub fn new(identities: &[Identity], offer: &Offer, provider: &CryptoProvider) -> Result<Self, rustls::Error> {
        let allowed = offer.schemes();
        let key = |identity: &Identity| {
            let (chain, key) = (identity.chain().to_vec(), identity.key().clone_key());
            let mut certified = CertifiedKey::from_der(chain, key, provider)?;
            if let Some(allowed) = &allowed {
                certified.key = Arc::new(Restricted { key: certified.key, allowed: allowed.clone() });
            }
            Ok(Arc::new(certified))
        };
        identities.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    fn first(&self, offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|key| key.key.choose_scheme(offered).is_some()).cloned()
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.first(hello.signature_schemes())
    }
}

impl ResolvesClientCert for Keys {
    fn resolve(&self, _: &[&[u8]], offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.first(offered)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A key that signs only as the profile allows.
#[derive(Debug)]
struct Restricted {
    key: Arc<dyn SigningKey>,
    allowed: Vec<SignatureScheme>,
}

impl SigningKey for Restricted {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let offered: Vec<_> = offered.iter().copied().filter(|scheme| self.allowed.contains(scheme)).collect();
        self.key.choose_scheme(&offered)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}
