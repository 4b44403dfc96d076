//! All TLS and authority profiles of a commit, and what each comes to: what an operator wants to see.
//!
//! Invariant: a profile is found usable here exactly when a port could use it, because the same code decides. Nothing is
//! kept from one look to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::profile::{CertEntry, SECURITY};
use super::reminders::ExpiryRules;
use super::{Authority, ClientProfile, FileRef, Files, ServerProfile, Standing, Tally, Unusable};
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::time::Timestamp;
use crate::value::Value;

/// All profiles, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    authorities: BTreeMap<String, Authority>,
    certificates: BTreeMap<String, CertProfile>,
    anchors: BTreeMap<String, Vec<String>>,
    servers: BTreeMap<String, Profile<ServerProfile>>,
    clients: BTreeMap<String, Profile<ClientProfile>>,
    /// When somebody is to be told that something ends.
    pub rules: ExpiryRules,
    /// Leaves that are set and do nothing here, and why.
    pub idle: Vec<String>,
}

/// A profile and its path, or why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Profile<P> {
    path: String,
    read: Result<P, Unusable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CertProfile {
    path: String,
    enabled: bool,
    entries: BTreeMap<String, Result<CertEntry, Unusable>>,
}

/// How something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: String,
    /// Whether it can be used.
    pub up: bool,
    /// Whether it is switched off by the operator, which is nobody's fault.
    pub admin_down: bool,
    /// What is wrong, as the model names it, in its order.
    pub flags: String,
    /// What is wrong, in words.
    pub detail: Option<String>,
    /// How far the chain of a certificate is known.
    pub chain: Option<&'static str>,
    /// When the certificate of an authority ends.
    pub certificate_ends: Option<Timestamp>,
    /// When the next list of an authority is due.
    pub list_ends: Option<Timestamp>,
}

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The leaf that names its file.
    pub place: String,
    /// Whether it is a revocation list, and no certificate.
    pub is_list: bool,
    /// When it ends.
    pub at: Timestamp,
}

/// What all profiles come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By name.
    pub authorities: BTreeMap<String, Found>,
    /// By name.
    pub certificates: BTreeMap<String, Found>,
    /// By profile and number.
    pub entries: BTreeMap<(String, String), Found>,
    /// Authorities of trust anchor profiles that cannot be used, by name.
    pub anchors: BTreeMap<String, usize>,
    /// By name.
    pub servers: BTreeMap<String, Found>,
    /// By name.
    pub clients: BTreeMap<String, Found>,
    /// Certificates and lists in the files.
    pub expiries: Vec<Expiry>,
    /// When something of this may be another although no file has changed.
    pub until: Option<Timestamp>,
}

impl Inventory {
    /// The profiles of a commit.
    pub fn read(schema: &Schema, tree: &Tree) -> Self {
        let security = Named::new(schema, tree, SECURITY);
        let (tls, pki) = (security.at("tls"), security.at("pki"));
        let certificate = |profile: &Named<'_>| CertProfile {
            path: profile.path().to_owned(),
            enabled: profile.is_enabled(),
            entries: CertEntry::read_each(&pki, profile).collect(),
        };
        let anchors = |profile: &Named<'_>| profile.entries("trust-anchor").into_iter().map(|(name, _)| name).collect();
        let server = |(name, entry): (String, Named<'_>)| {
            let read = ServerProfile::read(schema, tree, &name);
            (name, Profile { path: entry.path().to_owned(), read })
        };
        let client = |(name, entry): (String, Named<'_>)| {
            let read = ClientProfile::read(schema, tree, &name);
            (name, Profile { path: entry.path().to_owned(), read })
        };
        Self {
            authorities: named(&pki, "ca-profile", Authority::read),
            certificates: named(&tls, "cert-profile", certificate),
            anchors: named(&tls, "trust-anchor-profile", anchors),
            servers: tls.entries("server-tls-profile").into_iter().map(server).collect(),
            clients: tls.entries("client-tls-profile").into_iter().map(client).collect(),
            rules: ExpiryRules::read(&pki),
            idle: idle(&tls, &pki),
        }
    }

    /// The files that are named anywhere.
    pub fn paths(&self, files: &Files) -> impl Iterator<Item = PathBuf> {
        let entries = self.certificates.values().flat_map(|profile| profile.entries.values()).flatten();
        let of_entries = entries.flat_map(|entry| [&entry.certificate, &entry.key]);
        let of_authorities =
            self.authorities.values().flat_map(|authority| authority.certificate.iter().chain(&authority.list));
        of_entries.chain(of_authorities).map(|file: &FileRef| files.path(file))
    }

    /// Reads the files and judges everything.
    pub fn examine(&self, files: &Files, now: Timestamp) -> Findings {
        let standings: BTreeMap<&String, Standing> =
            self.authorities.iter().map(|(name, authority)| (name, authority.stand(files, now))).collect();
        let mut findings =
            Findings { until: standings.values().filter_map(|one| one.until).min(), ..Findings::default() };
        for (name, authority) in &self.authorities {
            let Some(standing) = standings.get(name) else { continue };
            findings.authorities.insert(name.clone(), found_authority(authority, standing));
            findings.expiries.extend(expiries(authority, standing));
        }
        for (name, profile) in &self.certificates {
            self.examine_certificates(name, profile, files, now, &standings, &mut findings);
        }
        for (name, anchors) in &self.anchors {
            let up = |anchor: &&String| standings.get(anchor).is_some_and(|standing| standing.refusal().is_none());
            findings.anchors.insert(name.clone(), anchors.len() - anchors.iter().filter(up).count());
        }
        for (name, profile) in &self.servers {
            let usable = profile.read.as_ref().map_err(Unusable::clone).and_then(|read| read.check(files, now));
            findings.servers.insert(name.clone(), found(&profile.path, usable));
        }
        for (name, profile) in &self.clients {
            let usable = profile.read.as_ref().map_err(Unusable::clone);
            let usable = usable.and_then(|read| read.connect(files, &Tally::default(), now).map(|_| ()));
            findings.clients.insert(name.clone(), found(&profile.path, usable));
        }
        findings
    }

    fn examine_certificates(
        &self,
        name: &str,
        profile: &CertProfile,
        files: &Files,
        now: Timestamp,
        standings: &BTreeMap<&String, Standing>,
        findings: &mut Findings,
    ) {
        let mut all = Judged::default();
        if !profile.enabled {
            all.add(Reason::AdminDown, &Unusable::new(format!("{}/admin-state", profile.path), "is not enable"));
        }
        for (number, entry) in &profile.entries {
            let path = format!("{}/entry[entry-id={number}]", profile.path);
            let judged = match entry {
                Ok(entry) => Judged::of(entry, files, now),
                Err(unusable) => Judged::default().with(Reason::CertificateFile, unusable),
            };
            let chain = entry.as_ref().ok().and_then(|entry| files.certificates(&entry.certificate).ok());
            let own = chain.as_ref().and_then(|chain| chain.first());
            let known = own.map_or("not-available", |own| self.known_chain(own, standings));
            if let (Ok(entry), Some(at)) = (entry, own.and_then(end_of)) {
                findings.expiries.push(Expiry { place: entry.certificate.leaf.clone(), is_list: false, at });
            }
            all.absorb(&judged);
            let found = Found { chain: Some(known), ..judged.found(&path) };
            findings.entries.insert((name.to_owned(), number.clone()), found);
        }
        if profile.entries.is_empty() {
            all.add(Reason::None, &Unusable::new(&profile.path, "has no entry"));
        }
        findings.certificates.insert(name.to_owned(), all.found(&profile.path));
    }

    /// How far the authorities above a certificate are known, up to one that vouches for itself.
    fn known_chain(&self, own: &CertificateDer<'_>, standings: &BTreeMap<&String, Standing>) -> &'static str {
        let authorities: Vec<_> = standings
            .values()
            .filter(|standing| standing.refusal().is_none())
            .flat_map(|standing| &standing.certificates)
            .filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate))
            .collect();
        let Ok((_, mut at)) = X509Certificate::from_der(own) else { return "not-available" };
        for _ in 0..=authorities.len() {
            if at.subject() == at.issuer() {
                return "complete";
            }
            let above = authorities.iter().find(|authority| {
                authority.subject() == at.issuer() && at.verify_signature(Some(authority.public_key())).is_ok()
            });
            match above {
                Some(above) => at = above.clone(),
                None => break,
            }
        }
        "partial"
    }
}

/// Leaves that are set and that no part of this program follows.
fn idle(tls: &Named<'_>, pki: &Named<'_>) -> Vec<String> {
    let mut idle = Vec::new();
    for (_, server) in tls.entries("server-tls-profile") {
        if server.number("tls-re-negotiate-timer").is_some_and(|minutes| minutes > 0) {
            // A session keeps the keys it was opened with (TLS-022); TLS 1.3 has no renegotiation at all.
            idle.push(format!("{} - sessions are not renegotiated", server.path_of("tls-re-negotiate-timer")));
        }
    }
    for (_, profile) in tls.entries("server-tls-profile").into_iter().chain(tls.entries("client-tls-profile")) {
        let methods = profile.at("status-verify").at("ee-revocation");
        let asked = ["primary", "secondary"].into_iter().filter(|leaf| methods.text(leaf) == Some("ocsp"));
        idle.extend(asked.map(|leaf| format!("{} - nobody is asked over OCSP", methods.path_of(leaf))));
    }
    for (_, authority) in pki.entries("ca-profile") {
        let update = authority.at("auto-crl-update");
        if update.is_enabled() {
            idle.push(format!("{} - lists are not fetched; a new file is read when it is there", update.path()));
        }
    }
    if pki.value("dynamic-ca") == Some(&Value::Bool(true)) {
        idle.push(format!("{} - authorities are not learned from peers", pki.path_of("dynamic-ca")));
    }
    if pki.text("imported-format") == Some("secure") {
        idle.push(format!("{} - files are read as they are", pki.path_of("imported-format")));
    }
    idle
}

fn named<T>(around: &Named<'_>, list: &str, read: impl Fn(&Named<'_>) -> T) -> BTreeMap<String, T> {
    around.entries(list).into_iter().map(|(name, entry)| (name, read(&entry))).collect()
}

fn found_authority(authority: &Authority, standing: &Standing) -> Found {
    let mut flags: Vec<_> = standing.faults.iter().map(|(flag, _)| *flag).collect();
    flags.sort();
    let details: Vec<_> = standing.faults.iter().map(|(_, unusable)| unusable.to_string()).collect();
    Found {
        path: authority.path.clone(),
        up: standing.refusal().is_none(),
        admin_down: !authority.enabled,
        flags: flags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        detail: (!details.is_empty()).then(|| details.join("; ")),
        chain: None,
        certificate_ends: standing.certificate_ends,
        list_ends: standing.list_ends,
    }
}

fn expiries(authority: &Authority, standing: &Standing) -> Vec<Expiry> {
    let expiry = |file: &Option<FileRef>, at: Option<Timestamp>, is_list| {
        Some(Expiry { place: file.as_ref()?.leaf.clone(), is_list, at: at? })
    };
    let certificate = expiry(&authority.certificate, standing.certificate_ends, false);
    let list = expiry(&authority.list, standing.list_ends, true);
    certificate.into_iter().chain(list).filter(|_| authority.enabled).collect()
}

fn found(path: &str, usable: Result<(), Unusable>) -> Found {
    let admin_down = usable.as_ref().is_err_and(|unusable| unusable.place == format!("{path}/admin-state"));
    let detail = usable.err().map(|unusable| unusable.to_string());
    Found { path: path.to_owned(), up: detail.is_none(), admin_down, detail, ..Found::default() }
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(super::authority::moment(certificate.validity().not_after))
}

/// What is wrong with a certificate of this element, as the model names it. In the order of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    AdminDown,
    CertificateFile,
    KeyFile,
    KeyOfAnother,
    AuthorityDown,
    /// What the model has no name for.
    None,
}

impl Reason {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::AdminDown => Some("profile-admin-down"),
            Self::CertificateFile => Some("invalid-cert-file"),
            Self::KeyFile => Some("invalid-key-file"),
            Self::KeyOfAnother => Some("invalid-cert-key-combo"),
            Self::AuthorityDown => Some("ca-profile-oper-down"),
            Self::None => None,
        }
    }
}

/// A certificate, judged.
#[derive(Debug, Default)]
struct Judged {
    reasons: Vec<Reason>,
    details: Vec<String>,
}

impl Judged {
    fn of(entry: &CertEntry, files: &Files, now: Timestamp) -> Self {
        let mut judged = Self::default();
        let (chain, key) = (files.certificates(&entry.certificate), files.key(&entry.key));
        chain.as_ref().err().into_iter().for_each(|unusable| judged.add(Reason::CertificateFile, unusable));
        key.as_ref().err().into_iter().for_each(|unusable| judged.add(Reason::KeyFile, unusable));
        if let (Ok(chain), Ok(key)) = (chain, key)
            && let Err(error) = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        {
            judged.add(Reason::KeyOfAnother, &files.unusable(&entry.key, &error.to_string()));
        }
        for authority in &entry.chain {
            let standing = authority.stand(files, now);
            standing.refusal().into_iter().for_each(|unusable| judged.add(Reason::AuthorityDown, unusable));
        }
        judged
    }

    fn with(mut self, reason: Reason, unusable: &Unusable) -> Self {
        self.add(reason, unusable);
        self
    }

    fn add(&mut self, reason: Reason, unusable: &Unusable) {
        self.reasons.push(reason);
        self.details.push(unusable.to_string());
    }

    fn absorb(&mut self, other: &Self) {
        self.reasons.extend(&other.reasons);
        self.details.extend(other.details.iter().cloned());
    }

    fn found(mut self, path: &str) -> Found {
        self.reasons.sort();
        self.reasons.dedup();
        let names: Vec<_> = self.reasons.iter().filter_map(|reason| reason.name()).collect();
        Found {
            path: path.to_owned(),
            up: self.reasons.is_empty(),
            admin_down: self.reasons.contains(&Reason::AdminDown),
            flags: names.join(" "),
            detail: (!self.details.is_empty()).then(|| self.details.join("; ")),
            ..Found::default()
        }
    }
}
