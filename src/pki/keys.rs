//! The keys of this side, as a handshake chooses among them.
//!
//! Invariant: the other side gets the first certificate that it can check, and signatures are only made as the profile
//! allows.

use std::sync::Arc;

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
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|key| key.key.choose_scheme(hello.signature_schemes()).is_some()).cloned()
    }
}

/// A key that signs only as the profile allows, and rather as it names first.
#[derive(Debug)]
struct Restricted {
    key: Arc<dyn SigningKey>,
    allowed: Vec<SignatureScheme>,
}

impl SigningKey for Restricted {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.allowed
            .iter()
            .filter(|scheme| offered.contains(scheme))
            .find_map(|&scheme| self.key.choose_scheme(&[scheme]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    /// The order is the one of the list, not of the client.
    #[test]
    fn signs_as_the_list_wants_most() {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let identity =
            Identity::new(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        let names = ["tls-rsa-pss-rsae-sha256", "tls-ed25519", "tls-rsa-pss-rsae-sha512"];
        let keys = Keys::new(&[identity], &Offer::signing(&names), &aws_lc_rs::default_provider()).unwrap();
        let chosen = |offered: &[SignatureScheme]| keys.0[0].key.choose_scheme(offered).map(|signer| signer.scheme());
        let (sha256, sha512) = (SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PSS_SHA512);
        assert_eq!(chosen(&[sha512, sha256]), Some(sha256));
        assert_eq!(chosen(&[sha512, SignatureScheme::RSA_PSS_SHA384]), Some(sha512));
        assert_eq!(chosen(&[SignatureScheme::RSA_PSS_SHA384, SignatureScheme::ED25519]), None);
    }
}
