//! The judge of certificates that clients show (TLS-020, TLS-023 to TLS-026).
//!
//! Invariant: every certificate of a chain is looked up in every list that its authority has signed, old lists too, and
//! one that is named there is refused whatever the profile says. Of the peer's own certificate it also has to be known
//! that it is not revoked, by a list that is still valid, unless the profile takes what is unknown for good.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};

use super::names::NameRules;
use super::tally::Tally;
use super::trust::LoadedTrust;
use super::{Look, Offer, Trust, Unusable};
use crate::time::Timestamp;

/// Judges the certificates of clients.
#[derive(Debug)]
pub struct ClientJudge {
    /// Refuses what is named in a list.
    listed: Arc<dyn ClientCertVerifier>,
    certainty: Certainty,
    anchors: Vec<CertificateDer<'static>>,
    chain_max: usize,
    names: Option<NameRules>,
    /// Signature algorithms that are accepted; none means all.
    schemes: Option<Vec<SignatureScheme>>,
    tally: Tally,
    until: Option<Timestamp>,
}

/// What has to be known of the peer's own certificate besides that no list names it.
#[derive(Debug)]
enum Certainty {
    /// Nothing.
    NotAsked,
    /// That a valid list speaks for it.
    By(Arc<dyn ClientCertVerifier>),
    /// That, but there is no list at all.
    Impossible,
}

impl Trust {
    /// The judge of certificates that a TLS profile asks for.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the authority, list or rule at fault.
    pub fn judge(&self, look: &Look<'_>, offer: &Offer, tally: &Tally) -> Result<Arc<ClientJudge>, Unusable> {
        let LoadedTrust { roots, anchors, lists, names, until } = self.load(look)?;
        let (_, provider) = offer.algorithms()?;
        let (roots, provider) = (Arc::new(roots), Arc::new(provider));
        let builder =
            || WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).with_crls(lists.clone());
        let unusable = |error: rustls::server::VerifierBuilderError| Unusable::new(&self.path, error.to_string());
        let certain = || builder().only_check_end_entity_revocation().enforce_revocation_expiration().build();
        let certainty = match (self.unknown_is_good, self.asks_lists && !lists.is_empty()) {
            (true, _) => Certainty::NotAsked,
            (false, true) => Certainty::By(certain().map_err(unusable)?),
            (false, false) => Certainty::Impossible,
        };
        Ok(Arc::new(ClientJudge {
            listed: builder().allow_unknown_revocation_status().build().map_err(unusable)?,
            certainty,
            anchors,
            chain_max: self.chain_max,
            names,
            schemes: offer.schemes(),
            tally: tally.clone(),
            until,
        }))
    }
}

impl ClientJudge {
    /// When what it goes by may be another although no file has changed.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        self.check_length(end_entity, intermediates)?;
        self.listed.verify_client_cert(end_entity, intermediates, now)?;
        match &self.certainty {
            Certainty::NotAsked => Ok(()),
            Certainty::By(verifier) => verifier.verify_client_cert(end_entity, intermediates, now).map(|_| ()),
            Certainty::Impossible => Err(CertificateError::UnknownRevocationStatus.into()),
        }?;
        match &self.names {
            Some(names) if !names.accept(end_entity) => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(()),
        }
    }

    /// The peer, what it sends between, and the anchor, which it may send too.
    fn check_length(&self, end_entity: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Result<(), Error> {
        let is_anchor = |certificate: &CertificateDer<'_>| self.anchors.iter().any(|anchor| anchor == certificate);
        let between = sent.iter().filter(|certificate| !is_anchor(certificate)).count();
        if between + 2 > self.chain_max && !is_anchor(end_entity) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        Ok(())
    }

    fn accepts(&self, scheme: SignatureScheme) -> bool {
        self.schemes.as_ref().is_none_or(|schemes| schemes.contains(&scheme))
    }

    fn check_scheme(&self, scheme: SignatureScheme) -> Result<(), Error> {
        match self.accepts(scheme) {
            true => Ok(()),
            false => Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
        }
    }
}

impl ClientCertVerifier for ClientJudge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.listed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.tally.count(self.judge(end_entity, intermediates, now))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_scheme(dss.scheme)?;
        self.listed.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_scheme(dss.scheme)?;
        self.listed.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.listed.supported_verify_schemes();
        schemes.retain(|scheme| self.accepts(*scheme));
        schemes
    }
}
