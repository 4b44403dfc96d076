//! Why a TLS handshake failed, in the words of the configuration: which rule a certificate broke, and where it stands.

use std::io;

use rustls::{CertificateError, Error};

/// One line about a failed handshake with TLS that is configured at `place`.
pub(super) fn of(error: &io::Error, place: &str) -> String {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match known.and_then(rule) {
        Some((what, leaf)) => format!("{what}; {place}/{leaf}"),
        None => format!("{error}; {place}"),
    }
}

/// What a client did not meet, and the leaf that asks for it.
fn rule(error: &Error) -> Option<(&'static str, &'static str)> {
    const ANCHORS: &str = "authenticate-client/trust-anchor-profile";
    let certificate = match error {
        Error::NoCertificatesPresented => return Some(("the client shows no certificate", ANCHORS)),
        Error::InvalidCertificate(certificate) => certificate,
        _ => return None,
    };
    Some(match certificate {
        CertificateError::Revoked => ("the client's certificate is revoked", ANCHORS),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the client's certificate has expired", ANCHORS)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the client's certificate is not valid yet", ANCHORS)
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ("the client's certificate is of no authority that is trusted", ANCHORS)
        }
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => {
            ("nobody knows whether the client's certificate is revoked", "status-verify/default-result")
        }
        CertificateError::ApplicationVerificationFailure => {
            ("the client's certificate has no name that is accepted", "authenticate-client/common-name-list")
        }
        _ => return None,
    })
}
