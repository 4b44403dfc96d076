//! Which names a peer's certificate may carry: the common-name lists of the model.

use regex::Regex;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Unusable;
use crate::store::Named;

/// An entry of a `common-name-list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRule {
    place: String,
    is_address: bool,
    pattern: String,
}

/// The rules of a list, ready to be asked.
#[derive(Debug)]
pub(super) struct NameRules(Vec<(bool, Regex)>);

impl NameRule {
    /// The rules of the list of this name.
    pub(super) fn read(pki: &Named<'_>, list: &str) -> Result<Vec<Self>, Unusable> {
        let Some(found) = pki.entry("common-name-list", list) else {
            return Err(Unusable::new(pki.path_of("common-name-list"), format!("there is no {list:?}")));
        };
        let rule = |entry: &Named<'_>| Self {
            place: entry.path_of("cn-value"),
            is_address: entry.text("cn-type") == Some("ip-address"),
            pattern: entry.text("cn-value").unwrap_or_default().to_owned(),
        };
        Ok(found.entries("common-name").iter().map(|(_, entry)| rule(entry)).collect())
    }
}

impl NameRules {
    pub(super) fn compile(rules: &[NameRule]) -> Result<Self, Unusable> {
        let compile = |rule: &NameRule| {
            // The whole name has to match, not a part of it.
            let regex = Regex::new(&format!("^(?:{})$", rule.pattern));
            regex.map(|regex| (rule.is_address, regex)).map_err(|error| {
                let last = error.to_string();
                Unusable::new(&rule.place, last.lines().last().unwrap_or_default().trim())
            })
        };
        rules.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the common name or an alternative name of the certificate is accepted.
    pub(super) fn accept(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
        let (domains, addresses) = alternative_names(&certificate);
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let common: Vec<&str> = common.collect();
        self.0.iter().any(|(is_address, regex)| {
            let alternative = if *is_address { &addresses } else { &domains };
            common.iter().any(|name| regex.is_match(name)) || alternative.iter().any(|name| regex.is_match(name))
        })
    }
}

/// The first common name of a certificate's subject.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(name.to_owned())
}

fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut domains, mut addresses) = (Vec::new(), Vec::new());
    let names = certificate.subject_alternative_name().ok().flatten();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(domain) => domains.push((*domain).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
                let v6 = <[u8; 16]>::try_from(*bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
                addresses.extend(v4.or(v6));
            }
            _ => {}
        }
    }
    (domains, addresses)
}
