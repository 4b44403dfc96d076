//! TLS profiles as a commit has them: plain words, to be compared with the ones before, and then the files they name.

use std::sync::Arc;

use super::{Authority, ClientJudge, FileRef, Identity, Keys, Look, Offer, Tally, Trust, Unusable};
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::time::Timestamp;

/// Where everything about TLS stands.
pub(super) const SECURITY: &str = "configure/system/security";

/// A `server-tls-profile` or `client-tls-profile` with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProfile {
    /// Path of its entry.
    pub path: String,
    /// Certificates of this element; the other side gets the first one that it can check.
    pub certificates: Vec<CertEntry>,
    /// What is offered.
    pub offer: Offer,
    /// What is asked of the other side; none means that clients need no certificate.
    pub peers: Option<Trust>,
}

/// An entry of a `cert-profile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertEntry {
    /// The certificate, with those of the authorities between it and the root when the file holds them.
    pub certificate: FileRef,
    /// The private key.
    pub key: FileRef,
    /// Authorities whose certificates are sent as well.
    pub chain: Vec<Authority>,
}

/// A profile with the contents of its files.
#[derive(Debug)]
pub struct Loaded {
    /// Certificates and keys.
    pub identities: Vec<Identity>,
    /// The judge of certificates, where they are asked for.
    pub judge: Option<Arc<ClientJudge>>,
    /// When this may be another although no file has changed.
    pub until: Option<Timestamp>,
}

impl TlsProfile {
    /// The `server-tls-profile` of this name.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming what is not there or administratively down.
    pub fn server(schema: &Schema, tree: &Tree, name: &str) -> Result<Self, Unusable> {
        let security = Named::new(schema, tree, SECURITY);
        let profile = enabled(&security.at("tls"), "server-tls-profile", name)?;
        let own = stated(&profile, "cert-profile")?;
        let asked = profile.at("authenticate-client");
        // Clients need a certificate when a trust anchor profile is named (C-03).
        let clients = match (asked.text("trust-anchor-profile"), asked.text("common-name-list")) {
            (Some(anchors), names) => Some(Trust::read(&security, &profile, anchors, names)?),
            // Names of certificates that nobody vouches for would mean nothing.
            (None, Some(_)) => {
                return Err(Unusable::new(asked.path_of("trust-anchor-profile"), "is not set beside common-name-list"));
            }
            (None, None) => None,
        };
        Self::read(&security, &profile, "server", Some(own), clients)
    }

    /// The `client-tls-profile` of this name.
    ///
    /// # Errors
    ///
    /// As for a server.
    pub fn client(schema: &Schema, tree: &Tree, name: &str) -> Result<Self, Unusable> {
        let security = Named::new(schema, tree, SECURITY);
        let profile = enabled(&security.at("tls"), "client-tls-profile", name)?;
        let anchors = stated(&profile, "trust-anchor-profile")?;
        let servers = Trust::read(&security, &profile, anchors, None)?;
        Self::read(&security, &profile, "client", profile.text("cert-profile"), Some(servers))
    }

    fn read(
        security: &Named<'_>,
        profile: &Named<'_>,
        side: &str,
        own: Option<&str>,
        peers: Option<Trust>,
    ) -> Result<Self, Unusable> {
        let certificates = own.map(|own| CertEntry::read(security, own)).transpose()?;
        Ok(Self {
            path: profile.path().to_owned(),
            certificates: certificates.unwrap_or_default(),
            offer: Offer::read(&security.at("tls"), profile, side),
            peers,
        })
    }

    /// Reads the files. The judge counts in `tally`.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf, file or algorithm at fault.
    pub fn load(&self, look: &Look<'_>, tally: &Tally) -> Result<Loaded, Unusable> {
        let loaded: Vec<_> = self.certificates.iter().map(|entry| entry.identity(look)).collect::<Result<_, _>>()?;
        let (identities, until): (Vec<_>, Vec<_>) = loaded.into_iter().unzip();
        let judge = self.peers.as_ref().map(|trust| trust.judge(look, &self.offer, tally)).transpose()?;
        let until = until.into_iter().flatten().chain(judge.as_ref().and_then(|judge| judge.until())).min();
        Ok(Loaded { identities, judge, until })
    }

    /// Says why the profile cannot be used, whoever uses it.
    ///
    /// # Errors
    ///
    /// As for [`TlsProfile::load`]; also when a certificate and its key do not go together.
    pub fn check(&self, look: &Look<'_>) -> Result<(), Unusable> {
        let loaded = self.load(look, &Tally::default())?;
        let (_, provider) = self.offer.algorithms()?;
        let keys = Keys::new(&loaded.identities, &self.offer, &provider);
        keys.map(|_| ()).map_err(|error| Unusable::new(&self.path, format!("certificate cannot be used: {error}")))
    }
}

impl CertEntry {
    /// The entries of a certificate profile, lowest number first.
    fn read(security: &Named<'_>, profile: &str) -> Result<Vec<Self>, Unusable> {
        let profile = enabled(&security.at("tls"), "cert-profile", profile)?;
        let entries: Vec<Self> =
            Self::read_each(&security.at("pki"), &profile).map(|(_, entry)| entry).collect::<Result<_, _>>()?;
        if entries.is_empty() {
            return Err(Unusable::new(profile.path(), "has no entry"));
        }
        Ok(entries)
    }

    /// The entries of a certificate profile one by one, with their numbers.
    pub(super) fn read_each<'a>(
        pki: &Named<'a>,
        profile: &Named<'a>,
    ) -> impl Iterator<Item = (String, Result<Self, Unusable>)> {
        let pki = pki.clone();
        let read = move |entry: &Named<'_>| {
            let chain = entry.at("send-chain").entries("ca-profile");
            Ok(Self {
                certificate: file(entry, "certificate-file")?,
                key: file(entry, "key-file")?,
                chain: chain.iter().map(|(name, _)| authority(&pki, name)).collect::<Result<_, _>>()?,
            })
        };
        profile.entries("entry").into_iter().map(move |(number, entry)| (number, read(&entry)))
    }

    /// Certificate and key from their files, and until when.
    fn identity(&self, look: &Look<'_>) -> Result<(Identity, Option<Timestamp>), Unusable> {
        let mut chain = look.files.certificates(&self.certificate)?;
        let mut until = None;
        for authority in &self.chain {
            let standing = look.at(authority);
            if let Some(refusal) = standing.refusal() {
                return Err(refusal.clone());
            }
            chain.extend(standing.certificates.iter().cloned());
            until = until.into_iter().chain(standing.until).min();
        }
        Ok((Identity::new(chain, look.files.key(&self.key)?), until))
    }
}

/// The authority of this name.
pub(super) fn authority(pki: &Named<'_>, name: &str) -> Result<Authority, Unusable> {
    let unknown = || Unusable::new(pki.path_of("ca-profile"), format!("there is no {name:?}"));
    pki.entry("ca-profile", name).map(|entry| Authority::read(&entry)).ok_or_else(unknown)
}

/// An entry that exists and is administratively up.
fn enabled<'a>(around: &Named<'a>, list: &str, name: &str) -> Result<Named<'a>, Unusable> {
    let Some(entry) = around.entry(list, name) else {
        return Err(Unusable::new(around.path_of(list), format!("there is no {name:?}")));
    };
    if !entry.is_enabled() {
        return Err(Unusable::new(entry.path_of("admin-state"), "is not enable"));
    }
    Ok(entry)
}

/// The file that a leaf names.
fn file(entry: &Named<'_>, leaf: &str) -> Result<FileRef, Unusable> {
    Ok(FileRef { name: stated(entry, leaf)?.to_owned(), leaf: entry.path_of(leaf) })
}

/// The text of a leaf that has to be there.
fn stated<'a>(entry: &Named<'a>, leaf: &str) -> Result<&'a str, Unusable> {
    entry.text(leaf).ok_or_else(|| Unusable::new(entry.path_of(leaf), "is not set"))
}
