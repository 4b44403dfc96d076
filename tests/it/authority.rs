//! Certification authorities for tests: certificates, chains and revocation lists, good and bad ones.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use time::OffsetDateTime;

const HOUR: Duration = Duration::from_secs(3600);

/// An authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    serial: u64,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// A root.
    pub(crate) fn root(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(params(name, true), KeyPair::generate().unwrap()).unwrap();
        Self { issuer, serial: 0 }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (mut params, serial) = (params(name, true), 1000);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap(), serial }
    }

    /// The number of its certificate, unless it is a root.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server at `localhost` and `127.0.0.1`.
    pub(crate) fn server(&self) -> Issued {
        let mut params = params("server", false);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names =
            vec![SanType::DnsName("localhost".try_into().unwrap()), SanType::IpAddress([127, 0, 0, 1].into())];
        self.issue(params)
    }

    /// A certificate of a client with this name and number.
    pub(crate) fn client(&self, name: &str, serial: u64) -> Issued {
        self.issue(client_params(name, serial))
    }

    /// One that has expired.
    pub(crate) fn expired_client(&self, name: &str) -> Issued {
        let mut params = client_params(name, 99);
        params.not_before = OffsetDateTime::now_utc() - 48 * HOUR;
        params.not_after = OffsetDateTime::now_utc() - 24 * HOUR;
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A revocation list with these numbers, good for another hour.
    pub(crate) fn crl(&self, serials: &[u64]) -> String {
        self.crl_at(serials, OffsetDateTime::now_utc() - HOUR)
    }

    /// One that was to be followed by the next an hour ago.
    pub(crate) fn expired_crl(&self, serials: &[u64]) -> String {
        self.crl_at(serials, OffsetDateTime::now_utc() - 3 * HOUR)
    }

    /// One that is to be followed by the next so soon.
    pub(crate) fn crl_for(&self, serials: &[u64], time: Duration) -> String {
        self.crl_from(serials, OffsetDateTime::now_utc() - HOUR, OffsetDateTime::now_utc() + time)
    }

    /// One of tomorrow.
    pub(crate) fn early_crl(&self, serials: &[u64]) -> String {
        self.crl_at(serials, OffsetDateTime::now_utc() + 24 * HOUR)
    }

    fn crl_at(&self, serials: &[u64], this_update: OffsetDateTime) -> String {
        self.crl_from(serials, this_update, this_update + 2 * HOUR)
    }

    fn crl_from(&self, serials: &[u64], this_update: OffsetDateTime, next_update: OffsetDateTime) -> String {
        let revoked = |&serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

impl Issued {
    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, directory: &Path, name: &str) {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join(format!("{name}.crt")), &self.certificate).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), &self.key).unwrap();
    }
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - 24 * HOUR;
    params.not_after = OffsetDateTime::now_utc() + 24 * HOUR;
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    }
    params
}

fn client_params(name: &str, serial: u64) -> CertificateParams {
    let mut params = params(name, false);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(serial));
    params.subject_alt_names = vec![SanType::DnsName(format!("{name}.example").try_into().unwrap())];
    params
}
