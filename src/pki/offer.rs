//! What a profile offers in a handshake: versions, cipher suites, groups, signature algorithms.
//!
//! Invariant: nothing is offered that a list does not name. What a list names and this program does not have (key
//! exchange by RSA, CBC, CCM, the curves 521 and 448) is left out ([`Offer::left_out`]); a version for which nothing is left is not
//! offered, and an offer without a version is unusable.

use std::fmt;
use std::str::FromStr;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion};

use super::Unusable;
use crate::store::Named;

/// A TLS version (TLS-017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

/// What is offered. Names are those of the model; none means all that this program has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    place: String,
    versions: Vec<TlsVersion>,
    /// Cipher suites of both versions, most wanted first.
    ciphers: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    signatures: Option<Vec<String>>,
}

impl Offer {
    /// All there is, in these versions.
    pub fn of(versions: &[TlsVersion]) -> Self {
        Self { place: "tls.versions".into(), versions: versions.into(), ciphers: None, groups: None, signatures: None }
    }

    /// What a TLS profile asks for; `side` is `server` or `client`.
    pub(super) fn read(tls: &Named<'_>, profile: &Named<'_>, side: &str) -> Self {
        let list = |leaf: &str, kind: &str, members: &[&str]| {
            let list = tls.entry(&format!("{side}-{kind}-list"), profile.text(leaf)?)?;
            let members = members.iter().flat_map(|members| list.entries(members));
            Some(members.filter_map(|(_, member)| member.text("name").map(str::to_owned)).collect())
        };
        Self {
            place: profile.path().to_owned(),
            versions: match profile.text("protocol-version") {
                Some("tls-version-all") => vec![TlsVersion::Tls12, TlsVersion::Tls13],
                Some("tls-version-13") => vec![TlsVersion::Tls13],
                _ => vec![TlsVersion::Tls12],
            },
            ciphers: list("cipher-list", "cipher", &["cipher", "tls12-cipher", "tls13-cipher"]),
            groups: list("group-list", "group", &["tls13-group"]),
            signatures: list("signature-list", "signature", &["tls13-signature"]),
        }
    }

    /// Whether the cipher suites have an order of the operator's.
    pub fn has_cipher_order(&self) -> bool {
        self.ciphers.is_some()
    }

    /// The versions that can be offered, and the algorithms for them.
    ///
    /// # Errors
    ///
    /// [`Unusable`] when no version, group or signature algorithm is left.
    pub fn algorithms(&self) -> Result<(Vec<&'static SupportedProtocolVersion>, CryptoProvider), Unusable> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(names) = &self.ciphers {
            provider.cipher_suites = known(names, cipher_suite);
        }
        if let Some(names) = self.of_tls13(&self.groups) {
            provider.kx_groups = known(names, group);
            if provider.kx_groups.is_empty() {
                return Err(self.nothing_left("group-list"));
            }
        }
        let versions = self.versions.iter().map(|version| version.rustls());
        let with_suite = |version: &&SupportedProtocolVersion| {
            provider.cipher_suites.iter().any(|suite| suite.version().version == version.version)
        };
        let versions: Vec<_> = versions.filter(with_suite).collect();
        if versions.is_empty() {
            return Err(self.nothing_left("cipher-list"));
        }
        if self.schemes().is_some_and(|schemes| schemes.is_empty()) {
            return Err(self.nothing_left("signature-list"));
        }
        Ok((versions, provider))
    }

    /// The signature algorithms that may be used, most wanted first; none means all.
    pub fn schemes(&self) -> Option<Vec<SignatureScheme>> {
        self.of_tls13(&self.signatures).map(|names| known(names, scheme))
    }

    /// What the lists name and is not offered: a line for each list.
    pub fn left_out(&self) -> Vec<String> {
        let lists = [
            ("cipher-list", self.ciphers.as_ref().map(|names| unknown(names, cipher_suite))),
            ("group-list", self.of_tls13(&self.groups).map(|names| unknown(names, group))),
            ("signature-list", self.of_tls13(&self.signatures).map(|names| unknown(names, scheme))),
        ];
        let lists =
            lists.into_iter().filter_map(|(list, names)| Some((list, names.filter(|names| !names.is_empty())?)));
        lists
            .map(|(list, names)| format!("{}/{list} - not supported and left out: {}", self.place, names.join(" ")))
            .collect()
    }

    /// A list about TLS 1.3, where that is offered. What it says holds for 1.2 as well where both are.
    fn of_tls13<'a>(&self, list: &'a Option<Vec<String>>) -> Option<&'a [String]> {
        list.as_deref().filter(|_| self.versions.contains(&TlsVersion::Tls13))
    }

    fn nothing_left(&self, list: &str) -> Unusable {
        Unusable::new(format!("{}/{list}", self.place), "nothing in the list is supported by this server")
    }
}

fn known<T>(names: &[String], find: fn(&str) -> Option<T>) -> Vec<T> {
    names.iter().filter_map(|name| find(name)).collect()
}

fn unknown<T>(names: &[String], find: fn(&str) -> Option<T>) -> Vec<&str> {
    names.iter().map(String::as_str).filter(|name| find(name).is_none()).collect()
}

fn cipher_suite(name: &str) -> Option<SupportedCipherSuite> {
    use aws_lc_rs::cipher_suite as suite;
    Some(match name {
        "tls-ecdhe-ecdsa-aes128-gcm-sha256" => suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "tls-ecdhe-ecdsa-aes256-gcm-sha384" => suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "tls-ecdhe-rsa-aes128-gcm-sha256" => suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "tls-ecdhe-rsa-aes256-gcm-sha384" => suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "tls-aes128-gcm-sha256" => suite::TLS13_AES_128_GCM_SHA256,
        "tls-aes256-gcm-sha384" => suite::TLS13_AES_256_GCM_SHA384,
        "tls-chacha20-poly1305-sha256" => suite::TLS13_CHACHA20_POLY1305_SHA256,
        _ => return None,
    })
}

fn group(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    Some(match name {
        "tls-ecdhe-256" => aws_lc_rs::kx_group::SECP256R1,
        "tls-ecdhe-384" => aws_lc_rs::kx_group::SECP384R1,
        "tls-x25519" => aws_lc_rs::kx_group::X25519,
        _ => return None,
    })
}

fn scheme(name: &str) -> Option<SignatureScheme> {
    Some(match name {
        "tls-rsa-pkcs1-sha256" => SignatureScheme::RSA_PKCS1_SHA256,
        "tls-rsa-pkcs1-sha384" => SignatureScheme::RSA_PKCS1_SHA384,
        "tls-rsa-pkcs1-sha512" => SignatureScheme::RSA_PKCS1_SHA512,
        "tls-ecdsa-secp256r1-sha256" => SignatureScheme::ECDSA_NISTP256_SHA256,
        "tls-ecdsa-secp384r1-sha384" => SignatureScheme::ECDSA_NISTP384_SHA384,
        "tls-ecdsa-secp521r1-sha512" => SignatureScheme::ECDSA_NISTP521_SHA512,
        "tls-rsa-pss-rsae-sha256" => SignatureScheme::RSA_PSS_SHA256,
        "tls-rsa-pss-rsae-sha384" => SignatureScheme::RSA_PSS_SHA384,
        "tls-rsa-pss-rsae-sha512" => SignatureScheme::RSA_PSS_SHA512,
        "tls-ed25519" => SignatureScheme::ED25519,
        _ => return None,
    })
}

impl TlsVersion {
    fn rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
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

#[cfg(test)]
impl Offer {
    /// TLS 1.3 with these signature algorithms.
    pub(super) fn signing(names: &[&str]) -> Self {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Self { signatures: Some(names), ..Self::of(&[TlsVersion::Tls13]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list about a version that is not offered is not about anything.
    #[test]
    fn tells_what_is_left_out() {
        let offer = Offer::signing(&["tls-ed448", "tls-ed25519", "tls-rsa-pss-pss-sha256"]);
        let line = "tls.versions/signature-list - not supported and left out: tls-ed448 tls-rsa-pss-pss-sha256";
        assert_eq!(offer.left_out(), [line]);
        assert_eq!(Offer { versions: vec![TlsVersion::Tls12], ..offer }.left_out(), [""; 0]);
        assert!(Offer::signing(&["tls-ed25519"]).left_out().is_empty());
        let unusable = Offer::signing(&["tls-ed448"]).algorithms().unwrap_err().to_string();
        assert_eq!(unusable, "tls.versions/signature-list - nothing in the list is supported by this server");
    }
}
