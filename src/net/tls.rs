//! TLS: who this server says it is, and the versions it speaks.
//!
//! Invariant: what is in use is always whole. [`Tls::replace`] swaps certificate, key and versions in one step; handshakes
//! under way and open connections keep what they began with (TLS-021, TLS-022).

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::time::Timestamp;

/// How long a certificate made here is valid.
const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A TLS version (TLS-017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

/// A certificate chain, own certificate first, and its private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no usable TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
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
    /// Certificate and key do not go together, or the algorithm is not known.
    #[error("certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The TLS in use.
#[derive(Debug)]
pub struct Tls {
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// TLS with this identity.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unusable`] when certificate and key do not go together.
    pub fn new(identity: &Identity, versions: &[TlsVersion]) -> Result<Self, TlsError> {
        Ok(Self { config: ArcSwap::from_pointee(server_config(identity, versions)?) })
    }

    /// New handshakes use this from now on.
    ///
    /// # Errors
    ///
    /// As [`Tls::new`]; then everything stays as it was.
    pub fn replace(&self, identity: &Identity, versions: &[TlsVersion]) -> Result<(), TlsError> {
        self.config.store(Arc::new(server_config(identity, versions)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

impl Identity {
    /// Reads PEM files: the chain, and a PKCS#8, PKCS#1 or SEC1 key.
    ///
    /// # Errors
    ///
    /// [`TlsError::Pem`] naming the file.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let bad = |path: &Path, reason: String| TlsError::Pem { path: path.to_owned(), reason };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(bad(certificate, "holds no certificate".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error.to_string()))?;
        Ok(Self { chain, key })
    }

    /// The certificate kept as `cert.pem` and `key.pem` in a directory; made there when there is none yet, for
    /// `localhost`, the host's name, the loopback addresses and the addresses given. An authority of its own signs it,
    /// kept as `ca.pem` for clients to trust (some take nothing but an authority); its key is thrown away.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when it can be neither read nor made.
    pub fn self_signed(directory: &Path, addresses: &[IpAddr], now: Timestamp) -> Result<Self, TlsError> {
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

fn server_config(identity: &Identity, versions: &[TlsVersion]) -> Result<ServerConfig, TlsError> {
    let mut offered = Vec::new();
    for version in versions {
        offered.push(match version {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        });
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&offered)?
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    // A client that offers only something else is refused, one that offers nothing is taken at its word (TLS-018).
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificate_params(host: &str, addresses: &[IpAddr], now: Timestamp) -> Result<CertificateParams, TlsError> {
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
fn write(directory: &Path, path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let steps = || {
        std::fs::create_dir_all(directory)?;
        let temporary = path.with_extension("new");
        let _ = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    steps().map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

impl FromStr for TlsVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err("the TLS versions are 1.2 and 1.3"),
        }
    }
}
