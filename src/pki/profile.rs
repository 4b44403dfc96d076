//! TLS profiles as a commit has them: plain words, to be compared with the ones before, and then the files they name.

use super::{FileRef, Files, Identity, Offer, Unusable};
use crate::schema::Schema;
use crate::store::{Named, Tree};

/// Where everything about TLS stands.
const SECURITY: &str = "configure/system/security";

/// A `server-tls-profile` with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProfile {
    /// Path of its entry.
    pub path: String,
    /// Certificates of this server; a client gets the first one that it can check.
    pub certificates: Vec<CertEntry>,
    /// What is offered.
    pub offer: Offer,
}

/// An entry of a `cert-profile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertEntry {
    /// The certificate, with those of the authorities between it and the root when the file holds them.
    pub certificate: FileRef,
    /// The private key.
    pub key: FileRef,
    /// Authorities whose certificates are sent as well.
    pub chain: Vec<FileRef>,
}

impl ServerProfile {
    /// The profile of this name.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming what is not there or administratively down.
    pub fn read(schema: &Schema, tree: &Tree, name: &str) -> Result<Self, Unusable> {
        let security = Named::new(schema, tree, SECURITY);
        let tls = security.at("tls");
        let profile = enabled(&tls, "server-tls-profile", name)?;
        let minutes = profile.number("tls-re-negotiate-timer").unwrap_or_default();
        if minutes > 0 {
            // A session keeps the keys it was opened with (TLS-022); TLS 1.3 has no renegotiation at all.
            tracing::warn!("{}: sessions are not renegotiated", profile.path_of("tls-re-negotiate-timer"));
        }
        let Some(certificates) = profile.text("cert-profile") else {
            return Err(Unusable::new(profile.path_of("cert-profile"), "is not set"));
        };
        Ok(Self {
            path: profile.path().to_owned(),
            certificates: CertEntry::read(&security, certificates)?,
            offer: Offer::read(&tls, &profile, "server"),
        })
    }

    /// The certificates and keys, read from their files.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf and the file.
    pub fn identities(&self, files: &Files) -> Result<Vec<Identity>, Unusable> {
        self.certificates.iter().map(|entry| entry.identity(files)).collect()
    }
}

impl CertEntry {
    /// The entries of a certificate profile, lowest number first.
    pub(super) fn read(security: &Named<'_>, profile: &str) -> Result<Vec<Self>, Unusable> {
        let profile = enabled(&security.at("tls"), "cert-profile", profile)?;
        let entries: Result<Vec<_>, _> = profile
            .entries("entry")
            .iter()
            .map(|(_, entry)| {
                let chain = entry.at("send-chain").entries("ca-profile");
                Ok(Self {
                    certificate: file(entry, "certificate-file")?,
                    key: file(entry, "key-file")?,
                    chain: chain
                        .iter()
                        .map(|(name, _)| file(&enabled(&security.at("pki"), "ca-profile", name)?, "cert-file"))
                        .collect::<Result<_, _>>()?,
                })
            })
            .collect();
        let entries = entries?;
        if entries.is_empty() {
            return Err(Unusable::new(profile.path(), "has no entry"));
        }
        Ok(entries)
    }

    /// Certificate and key from their files.
    pub(super) fn identity(&self, files: &Files) -> Result<Identity, Unusable> {
        let mut chain = files.certificates(&self.certificate)?;
        for authority in &self.chain {
            chain.extend(files.certificates(authority)?);
        }
        Ok(Identity::new(chain, files.key(&self.key)?))
    }
}

/// An entry that exists and is administratively up.
pub(super) fn enabled<'a>(around: &Named<'a>, list: &str, name: &str) -> Result<Named<'a>, Unusable> {
    let Some(entry) = around.entry(list, name) else {
        return Err(Unusable::new(around.path_of(list), format!("there is no {name:?}")));
    };
    if !entry.is_enabled() {
        return Err(Unusable::new(entry.path_of("admin-state"), "is not enable"));
    }
    Ok(entry)
}

/// The file that a leaf names.
pub(super) fn file(entry: &Named<'_>, leaf: &str) -> Result<FileRef, Unusable> {
    let Some(name) = entry.text(leaf) else { return Err(Unusable::new(entry.path_of(leaf), "is not set")) };
    Ok(FileRef { leaf: entry.path_of(leaf), name: name.to_owned() })
}
