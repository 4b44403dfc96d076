//! Whose certificates are believed: trust anchors, what is known of revoked ones, and which names are accepted.
//!
//! Invariant: every authority has to be usable, or nobody is trusted (TLS-023). What is unknown about a certificate is
//! never taken for good unless the TLS profile says so (TLS-024).

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::names::{NameRule, NameRules};
use super::profile::authority;
use super::{Authority, Look, Unusable};
use crate::store::Named;
use crate::time::Timestamp;

/// What a TLS profile asks of the certificates of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Path of the TLS profile.
    pub path: String,
    /// The authorities that vouch for peers.
    pub anchors: Vec<Authority>,
    /// Whether a certificate is accepted of which nobody knows whether it has been revoked.
    pub unknown_is_good: bool,
    /// Whether revocation lists are looked at for the certificate of the peer itself.
    pub asks_lists: bool,
    /// Certificates in the longest chain, anchor and peer included.
    pub chain_max: usize,
    /// The names that are accepted; none means any.
    pub names: Option<Vec<NameRule>>,
}

/// Trust with the contents of its files.
#[derive(Debug)]
pub(super) struct LoadedTrust {
    pub(super) roots: RootCertStore,
    /// The certificates of the anchors, which a peer may send as well.
    pub(super) anchors: Vec<CertificateDer<'static>>,
    /// Lists that can be read and that their authority has signed.
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    pub(super) names: Option<NameRules>,
    /// When it may come to something else although no file has changed.
    pub(super) until: Option<Timestamp>,
}

impl Trust {
    /// What `profile`, a TLS profile, asks of peers by way of the trust anchor profile `anchors`.
    pub(super) fn read(
        security: &Named<'_>,
        profile: &Named<'_>,
        anchors: &str,
        names: Option<&str>,
    ) -> Result<Self, Unusable> {
        let (tls, pki) = (security.at("tls"), security.at("pki"));
        let Some(anchors) = tls.entry("trust-anchor-profile", anchors) else {
            return Err(Unusable::new(tls.path_of("trust-anchor-profile"), format!("there is no {anchors:?}")));
        };
        let found = anchors.entries("trust-anchor");
        if found.is_empty() {
            return Err(Unusable::new(anchors.path(), "has no trust-anchor"));
        }
        let status = profile.at("status-verify");
        let methods = status.at("ee-revocation");
        Ok(Self {
            path: profile.path().to_owned(),
            anchors: found.iter().map(|(name, _)| authority(&pki, name)).collect::<Result<_, _>>()?,
            unknown_is_good: status.text("default-result") == Some("good"),
            // Nobody is asked over OCSP, so where lists are not looked at the status stays unknown.
            asks_lists: methods.text("primary") != Some("ocsp") || methods.text("secondary") == Some("crl"),
            chain_max: pki.number("maximum-cert-chain-depth").and_then(|max| max.try_into().ok()).unwrap_or(7),
            names: names.map(|names| NameRule::read(&pki, names)).transpose()?,
        })
    }

    /// Reads the files.
    pub(super) fn load(&self, look: &Look<'_>) -> Result<LoadedTrust, Unusable> {
        let mut roots = RootCertStore::empty();
        let (mut anchors, mut lists, mut until) = (Vec::new(), Vec::new(), None);
        for authority in &self.anchors {
            let standing = look.at(authority);
            if let Some(refusal) = standing.refusal() {
                return Err(refusal.clone());
            }
            for certificate in &standing.certificates {
                let unusable = |error: rustls::Error| Unusable::new(&authority.path, error.to_string());
                roots.add(certificate.clone()).map_err(unusable)?;
                anchors.push(certificate.clone());
            }
            lists.extend(standing.list.clone());
            until = until.into_iter().chain(standing.until).min();
        }
        let names = self.names.as_deref().map(NameRules::compile).transpose()?;
        Ok(LoadedTrust { roots, anchors, lists, names, until })
    }
}
