//! TLS profiles as a commit has them: plain words, to be compared with the ones before, and then the files they name.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::{Authority, ClientJudge, FileRef, Files, Identity, Keys, Offer, Tally, Trust, Unusable};
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::time::Timestamp;

/// Where everything about TLS stands.
pub(super) const SECURITY: &str = "configure/system/security";

/// A `server-tls-profile` with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProfile {
    /// Path of its entry.
    pub path: String,
    /// Certificates of this server; a client gets the first one that it can check.
    pub certificates: Vec<CertEntry>,
    /// What is offered.
    pub offer: Offer,
    /// What is asked of clients; none means that they need no certificate.
    pub clients: Option<Trust>,
}

/// A `client-tls-profile` with all that it refers to, for connections that this element opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProfile {
    /// Path of its entry.
    pub path: String,
    /// Certificates of this element; none means that it shows none.
    pub certificates: Vec<CertEntry>,
    /// What is offered.
    pub offer: Offer,
    /// What is asked of servers.
    pub servers: Trust,
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

/// A server profile with the contents of its files.
#[derive(Debug)]
pub struct LoadedServer {
    /// Certificates and keys.
    pub identities: Vec<Identity>,
    /// The judge of client certificates, where they are asked for.
    pub clients: Option<Arc<ClientJudge>>,
    /// When this may be another although no file has changed.
    pub until: Option<Timestamp>,
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
        let Some(certificates) = profile.text("cert-profile") else {
            return Err(Unusable::new(profile.path_of("cert-profile"), "is not set"));
        };
        Ok(Self {
            path: profile.path().to_owned(),
            certificates: CertEntry::read(&security, certificates)?,
            offer: Offer::read(&tls, &profile, "server"),
            clients: Self::clients(&security, &profile)?,
        })
    }

    /// Clients need a certificate when a trust anchor profile is named (C-03).
    fn clients(security: &Named<'_>, profile: &Named<'_>) -> Result<Option<Trust>, Unusable> {
        let asked = profile.at("authenticate-client");
        match (asked.text("trust-anchor-profile"), asked.text("common-name-list")) {
            (Some(anchors), names) => Trust::read(security, profile, anchors, names).map(Some),
            // Names of certificates that nobody vouches for would mean nothing.
            (None, Some(_)) => {
                Err(Unusable::new(asked.path_of("trust-anchor-profile"), "is not set beside common-name-list"))
            }
            (None, None) => Ok(None),
        }
    }

    /// Reads the files. Judges of client certificates count in `tally`.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf, file or algorithm at fault.
    pub fn load(&self, files: &Files, tally: &Tally, now: Timestamp) -> Result<LoadedServer, Unusable> {
        let (identities, until) = identities(&self.certificates, files, now)?;
        let clients = self.clients.as_ref().map(|trust| trust.client_judge(files, &self.offer, tally, now));
        let clients = clients.transpose()?;
        let until = until.into_iter().chain(clients.as_ref().and_then(|judge| judge.until())).min();
        Ok(LoadedServer { identities, clients, until })
    }

    /// Says why the profile cannot be used, whoever uses it.
    ///
    /// # Errors
    ///
    /// As for [`ServerProfile::load`]; also when a certificate and its key do not go together.
    pub fn check(&self, files: &Files, now: Timestamp) -> Result<(), Unusable> {
        let loaded = self.load(files, &Tally::default(), now)?;
        let (_, provider) = self.offer.algorithms()?;
        let keys = Keys::new(&loaded.identities, &self.offer, &provider);
        keys.map(|_| ()).map_err(|error| Unusable::new(&self.path, format!("certificate cannot be used: {error}")))
    }
}

impl ClientProfile {
    /// The profile of this name.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming what is not there or administratively down.
    pub fn read(schema: &Schema, tree: &Tree, name: &str) -> Result<Self, Unusable> {
        let security = Named::new(schema, tree, SECURITY);
        let tls = security.at("tls");
        let profile = enabled(&tls, "client-tls-profile", name)?;
        let Some(anchors) = profile.text("trust-anchor-profile") else {
            return Err(Unusable::new(profile.path_of("trust-anchor-profile"), "is not set"));
        };
        let certificates = profile.text("cert-profile").map(|own| CertEntry::read(&security, own)).transpose()?;
        Ok(Self {
            path: profile.path().to_owned(),
            certificates: certificates.unwrap_or_default(),
            offer: Offer::read(&tls, &profile, "client"),
            servers: Trust::read(&security, &profile, anchors, None)?,
        })
    }

    /// What a connection needs that is opened with this profile.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf, file or algorithm at fault.
    pub fn connect(&self, files: &Files, tally: &Tally, now: Timestamp) -> Result<ClientConfig, Unusable> {
        let unusable = |error: rustls::Error| Unusable::new(&self.path, error.to_string());
        let (versions, provider) = self.offer.algorithms()?;
        let (identities, _) = identities(&self.certificates, files, now)?;
        let keys = Keys::new(&identities, &self.offer, &provider).map_err(unusable)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&versions);
        let mut config = builder
            .map_err(unusable)?
            .dangerous() // The judge asks for more than the verifier it stands in for.
            .with_custom_certificate_verifier(self.servers.server_judge(files, &self.offer, tally, now)?)
            .with_client_cert_resolver(Arc::new(keys));
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would not look at what has been revoked meanwhile.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl CertEntry {
    /// The entries of a certificate profile, lowest number first.
    pub(super) fn read(security: &Named<'_>, profile: &str) -> Result<Vec<Self>, Unusable> {
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
    pub(super) fn identity(&self, files: &Files, now: Timestamp) -> Result<(Identity, Option<Timestamp>), Unusable> {
        let mut chain = files.certificates(&self.certificate)?;
        let mut until = None;
        for authority in &self.chain {
            let standing = authority.stand(files, now);
            if let Some(refusal) = standing.refusal() {
                return Err(refusal.clone());
            }
            chain.extend(standing.certificates);
            until = until.into_iter().chain(standing.until).min();
        }
        Ok((Identity::new(chain, files.key(&self.key)?), until))
    }
}

fn identities(
    entries: &[CertEntry],
    files: &Files,
    now: Timestamp,
) -> Result<(Vec<Identity>, Option<Timestamp>), Unusable> {
    let loaded: Vec<_> = entries.iter().map(|entry| entry.identity(files, now)).collect::<Result<_, _>>()?;
    let until = loaded.iter().filter_map(|(_, until)| *until).min();
    Ok((loaded.into_iter().map(|(identity, _)| identity).collect(), until))
}

/// The authority of this name.
pub(super) fn authority(pki: &Named<'_>, name: &str) -> Result<Authority, Unusable> {
    let unknown = || Unusable::new(pki.path_of("ca-profile"), format!("there is no {name:?}"));
    pki.entry("ca-profile", name).map(|entry| Authority::read(&entry)).ok_or_else(unknown)
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
