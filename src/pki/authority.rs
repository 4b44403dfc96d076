//! Certification authorities: what a `ca-profile` names, and what that comes to at a time.
//!
//! Invariant: an authority whose certificate or revocation list is missing, unreadable, not its own, too old or not valid
//! yet vouches for nobody, unless the list is at fault and the profile says that it can do without (TLS-023). It is then
//! as if there were no list: nothing is known about who is revoked (TLS-025). This is the only place that decides it.

use std::fmt;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer, X509Certificate};

use super::{FileRef, Files, Unusable};
use crate::store::Named;
use crate::time::Timestamp;

const UNREADABLE_LIST: &str = "is no revocation list that can be read";

/// A `ca-profile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Path of its entry.
    pub path: String,
    /// `admin-state`.
    pub enabled: bool,
    /// Its certificate.
    pub certificate: Option<FileRef>,
    /// Its revocation list.
    pub list: Option<FileRef>,
    /// Whether it can be used without one.
    pub list_optional: bool,
}

/// What is wrong with an authority, as the model names it. In the order of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// It is switched off.
    AdminDown,
    /// The list is missing, cannot be read, or is not signed by the authority.
    InvalidList,
    /// The certificate is missing, cannot be read, or is none of an authority.
    InvalidCertificate,
    /// The next list was due already.
    ExpiredList,
    /// The certificate has expired.
    ExpiredCertificate,
    /// The list is of a later time.
    EarlyList,
    /// The certificate is of a later time.
    EarlyCertificate,
}

/// An authority as of a time.
#[derive(Debug)]
pub struct Standing {
    /// What is wrong, the worst first.
    pub faults: Vec<(Flag, Unusable)>,
    /// Its certificates.
    pub certificates: Vec<CertificateDer<'static>>,
    /// A list that it has signed, even one that is too old: whom that names stays revoked.
    pub list: Option<CertificateRevocationListDer<'static>>,
    /// When the certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// When the next list is due.
    pub list_ends: Option<Timestamp>,
    /// When this may be another one although no file has changed.
    pub until: Option<Timestamp>,
    list_optional: bool,
}

impl Authority {
    pub(super) fn read(entry: &Named<'_>) -> Self {
        let file =
            |leaf: &str| entry.text(leaf).map(|name| FileRef { leaf: entry.path_of(leaf), name: name.to_owned() });
        Self {
            path: entry.path().to_owned(),
            enabled: entry.is_enabled(),
            certificate: file("cert-file"),
            list: file("crl-file"),
            list_optional: entry.text("revocation-check") == Some("crl-optional"),
        }
    }

    /// Reads its files and judges them.
    pub fn stand(&self, files: &Files, now: Timestamp) -> Standing {
        let mut standing = Standing {
            faults: Vec::new(),
            certificates: Vec::new(),
            list: None,
            certificate_ends: None,
            list_ends: None,
            until: None,
            list_optional: self.list_optional,
        };
        if !self.enabled {
            let place = format!("{}/admin-state", self.path);
            standing.faults.push((Flag::AdminDown, Unusable::new(place, "is not enable")));
        }
        if let Err(fault) = self.look_at_certificate(&mut standing, files, now) {
            standing.faults.push(fault);
        }
        if let Err(fault) = self.look_at_list(&mut standing, files, now) {
            standing.faults.push(fault);
        }
        standing
    }

    fn look_at_certificate(
        &self,
        standing: &mut Standing,
        files: &Files,
        now: Timestamp,
    ) -> Result<(), (Flag, Unusable)> {
        let file = self.certificate.as_ref().ok_or_else(|| (Flag::InvalidCertificate, self.unset("cert-file")))?;
        let fault = |flag: Flag, reason: &str| (flag, files.unusable(file, reason));
        let found = files.certificates(file).map_err(|unusable| (Flag::InvalidCertificate, unusable))?;
        for der in &found {
            let Ok((_, certificate)) = X509Certificate::from_der(der) else {
                return Err(fault(Flag::InvalidCertificate, "is no certificate that can be read"));
            };
            if !is_authority(&certificate) {
                return Err(fault(Flag::InvalidCertificate, "is not the certificate of an authority"));
            }
            let (from, until) = (moment(certificate.validity().not_before), moment(certificate.validity().not_after));
            standing.note(&[from, until], now);
            standing.certificate_ends = Some(standing.certificate_ends.map_or(until, |end| end.min(until)));
            if now > until {
                return Err(fault(Flag::ExpiredCertificate, &format!("has expired at {until}")));
            }
            if now < from {
                return Err(fault(Flag::EarlyCertificate, &format!("is not valid before {from}")));
            }
        }
        standing.certificates = found;
        Ok(())
    }

    fn look_at_list(&self, standing: &mut Standing, files: &Files, now: Timestamp) -> Result<(), (Flag, Unusable)> {
        let file = self.list.as_ref().ok_or_else(|| (Flag::InvalidList, self.unset("crl-file")))?;
        let der = files.revocation_list(file).map_err(|unusable| (Flag::InvalidList, unusable))?;
        let fault = |flag: Flag, reason: &str| (flag, files.unusable(file, reason));
        let (from, until) = check_list(&der, &standing.certificates).map_err(|why| fault(Flag::InvalidList, why))?;
        standing.list_ends = until;
        standing.note(&[Some(from), until].into_iter().flatten().collect::<Vec<_>>(), now);
        if now < from {
            return Err(fault(Flag::EarlyList, &format!("is not valid before {from}")));
        }
        standing.list = Some(der);
        match until {
            Some(until) if now >= until => {
                Err(fault(Flag::ExpiredList, &format!("has expired, the next list was due at {until}")))
            }
            _ => Ok(()),
        }
    }

    fn unset(&self, leaf: &str) -> Unusable {
        Unusable::new(format!("{}/{leaf}", self.path), "is not set")
    }
}

impl Standing {
    /// Why it vouches for nobody; none when it does.
    pub fn refusal(&self) -> Option<&Unusable> {
        let fatal = |(flag, _): &&(Flag, Unusable)| !flag.is_of_list() || !self.list_optional;
        self.faults.iter().find(fatal).map(|(_, unusable)| unusable)
    }

    fn note(&mut self, moments: &[Timestamp], now: Timestamp) {
        let next = moments.iter().copied().filter(|&moment| moment >= now).chain(self.until).min();
        self.until = next;
    }
}

impl Flag {
    fn is_of_list(self) -> bool {
        matches!(self, Self::InvalidList | Self::ExpiredList | Self::EarlyList)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdminDown => "admin-down",
            Self::InvalidList => "invalid-crl",
            Self::InvalidCertificate => "invalid-cert",
            Self::ExpiredList => "expired-crl",
            Self::ExpiredCertificate => "expired-cert",
            Self::EarlyList => "not-yet-valid-crl",
            Self::EarlyCertificate => "not-yet-valid-cert",
        })
    }
}

/// RFC 5280 4.2.1.9 and 4.2.1.3.
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let constraints = certificate.basic_constraints().ok().flatten();
    let usage = certificate.key_usage().ok().flatten();
    constraints.is_some_and(|found| found.value.ca) && usage.is_none_or(|found| found.value.key_cert_sign())
}

/// From when to when a list is valid, or why it is none of these authorities. What a handshake could not read is sorted
/// out here, because every handshake would fail by it whatever the profile says.
fn check_list(
    list: &CertificateRevocationListDer<'_>,
    issuers: &[CertificateDer<'_>],
) -> Result<(Timestamp, Option<Timestamp>), &'static str> {
    if issuers.is_empty() {
        return Err("cannot be checked without the certificate of the authority");
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(issuers.iter().map(|issuer| issuer.clone().into_owned()));
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
        .with_crls([CertificateRevocationListDer::from(list.as_ref().to_vec())])
        .build()
        .map_err(|_| UNREADABLE_LIST)?;
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| UNREADABLE_LIST)?;
    let signed_by = |issuer: &CertificateDer<'_>| {
        X509Certificate::from_der(issuer).is_ok_and(|(_, issuer)| {
            let may_sign = issuer.key_usage().ok().flatten().is_none_or(|usage| usage.value.crl_sign());
            may_sign && list.issuer() == issuer.subject() && list.verify_signature(issuer.public_key()).is_ok()
        })
    };
    match issuers.iter().any(signed_by) {
        true => Ok((moment(list.last_update()), list.next_update().map(moment))),
        false => Err("is not signed by the authority"),
    }
}

pub(super) fn moment(time: ASN1Time) -> Timestamp {
    Timestamp::from_nanos(time.timestamp().saturating_mul(1_000_000_000))
}
