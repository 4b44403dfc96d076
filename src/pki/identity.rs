//! Who this server says it is: a certificate chain and its private key.
//!
//! Invariant: a private key never leaves this process but into its own file, readable by its owner only, and is in no log.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::files::{contents, pem_certificates, pem_key};
use crate::time::Timestamp;

/// How long a certificate made here is valid.
const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A certificate chain, own certificate first, and its private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no certificate to use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A PEM file cannot be used.
    #[error("{}: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No certificate can be made.
    #[error("certificate cannot be made: {0}")]
    Generate(#[from] rcgen::Error),
}

impl Identity {
    /// A chain, own certificate first, and its key.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// The chain, own certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// Reads PEM files: the chain, and a PKCS#8, PKCS#1 or SEC1 key.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Pem`] naming the file.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let bad = |path: &Path, reason: String| IdentityError::Pem { path: path.to_owned(), reason };
        let chain = contents(certificate).and_then(|bytes| pem_certificates(&bytes));
        let chain = chain.map_err(|reason| bad(certificate, reason))?;
        let key = contents(key).and_then(|bytes| pem_key(&bytes)).map_err(|reason| bad(key, reason))?;
        Ok(Self { chain, key })
    }

    /// The certificate kept as `cert.pem` and `key.pem` in a directory; made there when there is none yet, for
    /// `localhost`, the host's name, the loopback addresses and the addresses given. An authority of its own signs it,
    /// kept as `ca.pem` for clients to trust (some take nothing but an authority); its key is thrown away.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] when it can be neither read nor made.
    pub fn self_signed(directory: &Path, addresses: &[IpAddr], now: Timestamp) -> Result<Self, IdentityError> {
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        // The certificate is written last, so when it is there all are.
        if !certificate.exists() {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let authority = CertifiedIssuer::self_signed(authority_params(&host, now), KeyPair::generate()?)?;
            let pair = KeyPair::generate()?;
            let made = certificate_params(&host, addresses, now)?.signed_by(&pair, &authority)?;
            write(directory, &key, &pair.serialize_pem(), 0o600)?;
            write(directory, &directory.join("ca.pem"), &authority.pem(), 0o644)?;
            write(directory, &certificate, &(made.pem() + &authority.pem()), 0o644)?;
        }
        Self::from_files(&certificate, &key)
    }

    /// SHA-256 of the own certificate, `AB:CD:...`, as other tools print it.
    pub fn fingerprint(&self) -> String {
        let digest = self.chain.first().map(|own| Sha256::digest(own.as_ref())).unwrap_or_default();
        digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

fn certificate_params(host: &str, addresses: &[IpAddr], now: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, host);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    params.subject_alt_names.push(SanType::DnsName("localhost".try_into()?));
    // A host name that is no DNS name is left out; the addresses still serve.
    if let Ok(name) = host.try_into()
        && host != "localhost"
        && !host.is_empty()
    {
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let mut named: Vec<IpAddr> = loopback.into_iter().chain(addresses.iter().map(IpAddr::to_canonical)).collect();
    named.retain(|address| !address.is_unspecified());
    named.sort();
    named.dedup();
    params.subject_alt_names.extend(named.into_iter().map(SanType::IpAddress));
    set_validity(&mut params, now);
    Ok(params)
}

fn authority_params(host: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("{host} self-signed authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now);
    params
}

fn set_validity(params: &mut CertificateParams, now: Timestamp) {
    let time = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp_nanos(at.nanos().into()).ok();
    if let (Some(from), Some(until)) = (time(now), time(now.plus(SELF_SIGNED_VALIDITY))) {
        // Clients whose clocks are a little behind trust it too.
        params.not_before = from - Duration::from_secs(3600);
        params.not_after = until;
    }
}

/// Writes a file whole or not at all, with its rights from the start.
fn write(directory: &Path, path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    let steps = || {
        std::fs::create_dir_all(directory)?;
        let temporary = path.with_extension("new");
        let _ = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    steps().map_err(|source| IdentityError::Write { path: path.to_owned(), source })
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}
