//! All TLS and authority profiles of a commit, and what each comes to: what an operator wants to see.
//!
//! Invariant: a profile is found usable here exactly when a port could use it, because the same code decides. Nothing is
//! kept from one look to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::profile::{CertEntry, SECURITY};
use super::reminders::ExpiryRules;
use super::{Authority, FileRef, Files, Look, Standing, TlsProfile, Unusable};
use crate::schema::Schema;
use crate::store::{Named, Tree};
use crate::time::Timestamp;

/// All profiles, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    authorities: BTreeMap<String, Authority>,
    certificates: BTreeMap<String, CertProfile>,
    anchors: BTreeMap<String, Vec<String>>,
    servers: BTreeMap<String, Profile>,
    clients: BTreeMap<String, Profile>,
    /// When somebody is to be told that something ends.
    pub rules: ExpiryRules,
    /// What is configured and not done, and why: a line for each leaf.
    pub idle: Vec<String>,
}

/// A profile and its path, or why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Profile {
    path: String,
    read: Result<TlsProfile, Unusable>,
}

/// A `cert-profile`, its entries by number.
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
    /// The authorities above a certificate.
    pub chain: Option<Chain>,
    /// When the certificate of an authority ends.
    pub certificate_ends: Option<Timestamp>,
    /// When the next list of an authority is due.
    pub list_ends: Option<Timestamp>,
}

/// The authorities above a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How far they are known, as the model names it.
    pub state: &'static str,
    /// Their profiles, the one that has signed the certificate first.
    pub authorities: Vec<String>,
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
    /// Authorities of trust anchor profiles that cannot be used, by name of the profile.
    pub anchors_down: BTreeMap<String, usize>,
    /// Whether an authority of a trust anchor profile can be used, by the names of both.
    pub anchors: BTreeMap<(String, String), bool>,
    /// By name.
    pub servers: BTreeMap<String, Found>,
    /// By name.
    pub clients: BTreeMap<String, Found>,
    /// Certificates and lists in the files.
    pub expiries: Vec<Expiry>,
    /// When something of this may be another although no file has changed.
    pub until: Option<Timestamp>,
}

/// The authorities as they are, by name.
type Standings<'a> = BTreeMap<&'a String, Rc<Standing>>;

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
        let profiles = |list: &str, read: fn(&Schema, &Tree, &str) -> Result<TlsProfile, Unusable>| {
            let entries = tls.entries(list).into_iter();
            let profile = |(name, entry): (String, Named<'_>)| {
                let read = read(schema, tree, &name);
                (name, Profile { path: entry.path().to_owned(), read })
            };
            entries.map(profile).collect::<BTreeMap<_, _>>()
        };
        let (servers, clients) =
            (profiles("server-tls-profile", TlsProfile::server), profiles("client-tls-profile", TlsProfile::client));
        let readable = servers.values().chain(clients.values()).filter_map(|profile| profile.read.as_ref().ok());
        let idle = readable.flat_map(|profile| profile.offer.left_out()).collect();
        Self {
            authorities: named(&pki, "ca-profile", Authority::read),
            certificates: named(&tls, "cert-profile", certificate),
            anchors: named(&tls, "trust-anchor-profile", anchors),
            servers,
            clients,
            rules: ExpiryRules::read(&pki),
            idle,
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
        let look = Look::new(files, now);
        let standings: Standings<'_> =
            self.authorities.iter().map(|(name, authority)| (name, look.at(authority))).collect();
        let mut findings =
            Findings { until: standings.values().filter_map(|one| one.until).min(), ..Findings::default() };
        for (name, authority) in &self.authorities {
            let Some(standing) = standings.get(name) else { continue };
            findings.authorities.insert(name.clone(), found_authority(authority, standing));
            findings.expiries.extend(expiries(authority, standing));
        }
        for (name, profile) in &self.certificates {
            profile.examine(name, &look, &standings, &mut findings);
        }
        for (name, anchors) in &self.anchors {
            let up = |anchor: &String| standings.get(anchor).is_some_and(|standing| standing.refusal().is_none());
            findings.anchors_down.insert(name.clone(), anchors.iter().filter(|anchor| !up(anchor)).count());
            findings.anchors.extend(anchors.iter().map(|anchor| ((name.clone(), anchor.clone()), up(anchor))));
        }
        let found = |(name, profile): (&String, &Profile)| (name.clone(), profile.examine(&look));
        findings.servers = self.servers.iter().map(found).collect();
        findings.clients = self.clients.iter().map(found).collect();
        findings
    }
}

impl CertProfile {
    fn examine(&self, name: &str, look: &Look<'_>, standings: &Standings<'_>, findings: &mut Findings) {
        let mut all = Judged::default();
        if !self.enabled {
            all.add(Reason::AdminDown, &Unusable::new(format!("{}/admin-state", self.path), "is not enable"));
        }
        for (number, entry) in &self.entries {
            let path = format!("{}/entry[entry-id={number}]", self.path);
            let (judged, own) = match entry {
                Ok(entry) => Judged::of(entry, look),
                Err(unusable) => (Judged::of_incomplete(unusable), None),
            };
            let chain = own.as_ref().and_then(|own| known_chain(own, standings));
            if let (Ok(entry), Some(at)) = (entry, own.as_ref().and_then(end_of)) {
                findings.expiries.push(Expiry { place: entry.certificate.leaf.clone(), is_list: false, at });
            }
            all.absorb(&judged);
            let chain = chain.unwrap_or(Chain { state: "not-available", authorities: Vec::new() });
            let found = Found { chain: Some(chain), ..judged.found(&path) };
            findings.entries.insert((name.to_owned(), number.clone()), found);
        }
        if self.entries.is_empty() {
            all.add(Reason::None, &Unusable::new(&self.path, "has no entry"));
        }
        findings.certificates.insert(name.to_owned(), all.found(&self.path));
    }
}

/// The authorities above a certificate, up to one that vouches for itself.
fn known_chain(own: &CertificateDer<'_>, standings: &Standings<'_>) -> Option<Chain> {
    let usable = standings.iter().filter(|(_, standing)| standing.refusal().is_none());
    let certificates = usable.flat_map(|(name, standing)| standing.certificates.iter().map(move |der| (*name, der)));
    let parsed = certificates.filter_map(|(name, der)| Some((name, X509Certificate::from_der(der).ok()?.1)));
    let known: Vec<(&String, X509Certificate<'_>)> = parsed.collect();
    let (_, own) = X509Certificate::from_der(own).ok()?;
    let (mut at, mut chain) = (&own, Chain { state: "partial", authorities: Vec::new() });
    for _ in 0..=known.len() {
        if at.subject() == at.issuer() {
            chain.state = "complete";
            break;
        }
        let has_signed = |authority: &X509Certificate<'_>| {
            authority.subject() == at.issuer() && at.verify_signature(Some(authority.public_key())).is_ok()
        };
        let Some((name, above)) = known.iter().find(|(_, authority)| has_signed(authority)) else { break };
        if !chain.authorities.contains(name) {
            chain.authorities.push((*name).clone());
        }
        at = above;
    }
    Some(chain)
}

impl Profile {
    fn examine(&self, look: &Look<'_>) -> Found {
        let usable = self.read.as_ref().map_err(Unusable::clone).and_then(|read| read.check(look));
        let admin_state = format!("{}/admin-state", self.path);
        let admin_down = usable.as_ref().is_err_and(|unusable| unusable.place == admin_state);
        let detail = usable.err().map(|unusable| unusable.to_string());
        Found { path: self.path.clone(), up: detail.is_none(), admin_down, detail, ..Found::default() }
    }
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
    /// With the certificate, where it can be read.
    fn of(entry: &CertEntry, look: &Look<'_>) -> (Self, Option<CertificateDer<'static>>) {
        let (mut judged, files) = (Self::default(), look.files);
        let (chain, key) = (files.certificates(&entry.certificate), files.key(&entry.key));
        chain.as_ref().err().into_iter().for_each(|unusable| judged.add(Reason::CertificateFile, unusable));
        key.as_ref().err().into_iter().for_each(|unusable| judged.add(Reason::KeyFile, unusable));
        let own = chain.as_ref().ok().and_then(|chain| chain.first().cloned());
        if let (Ok(chain), Ok(key)) = (chain, key)
            && let Err(error) = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        {
            judged.add(Reason::KeyOfAnother, &files.unusable(&entry.key, &error.to_string()));
        }
        for authority in &entry.chain {
            let standing = look.at(authority);
            standing.refusal().into_iter().for_each(|unusable| judged.add(Reason::AuthorityDown, unusable));
        }
        (judged, own)
    }

    /// An entry that lacks a file.
    fn of_incomplete(unusable: &Unusable) -> Self {
        let reason = if unusable.place.ends_with("/key-file") { Reason::KeyFile } else { Reason::CertificateFile };
        let mut judged = Self::default();
        judged.add(reason, unusable);
        judged
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
