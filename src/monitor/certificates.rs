//! `/state/system/security/pki` and `tls`: how the profiles are that certificates, authorities and lists stand in.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::listing::Listing;
use crate::pki::{Findings, Found};
use crate::platform::map::{Datum, Gaps, Row, Single};
use crate::schema::Schema;
use crate::store::StateBatch;

const AUTHORITY: &str = "nokia-state:state/system/security/pki/ca-profile";
const CHECKS: &str = "nokia-state:state/system/security/pki/statistics/authentication";
const CERTIFICATE: &str = "nokia-state:state/system/security/tls/cert-profile";
const ENTRY: &str = "nokia-state:state/system/security/tls/cert-profile/entry";
const ANCHORS: &str = "nokia-state:state/system/security/tls/trust-anchor-profile";
const ANCHOR: &str = "nokia-state:state/system/security/tls/trust-anchor-profile/trust-anchor";
const SERVER: &str = "nokia-state:state/system/security/tls/server-tls-profile";
const CLIENT: &str = "nokia-state:state/system/security/tls/client-tls-profile";

const STATE: Row<Found> = Row("oper-state", |now| Some(up_or_down(now.up)));
const DETAIL: Row<Found> = Row("oper-detail", |now| Some(Datum::Text(now.detail.as_deref()?.into())));
const REASONS: Row<Found> = Row("down-reasons", flags);

const AUTHORITY_ROWS: &[Row<Found>] = &[
    STATE,
    DETAIL,
    Row("oper-flags", flags),
    Row("cert-not-after", |now| Some(Datum::Time(now.certificate_ends?))),
    Row("crl-next-update", |now| Some(Datum::Time(now.list_ends?))),
];
const CERTIFICATE_ROWS: &[Row<Found>] = &[STATE, DETAIL, REASONS];
const ENTRY_ROWS: &[Row<Found>] = &[
    REASONS,
    Row("computed-chain-state", |now| Some(Datum::word(now.chain.as_ref()?.state))),
    Row("computed-chain/ca-profiles", |now| {
        let authorities = &now.chain.as_ref().filter(|chain| !chain.authorities.is_empty())?.authorities;
        Some(Datum::Each(authorities.iter().map(|name| Datum::Text((&**name).into())).collect()))
    }),
];
const PROFILE_ROWS: &[Row<Found>] = &[STATE, DETAIL];
const ANCHOR_ROWS: &[Row<bool>] = &[Row("oper-state", |up| Some(up_or_down(*up)))];
const ANCHORS_ROWS: &[Row<usize>] = &[Row("ca-profile-down", |down| Some(Datum::Number((*down).try_into().ok()?)))];
const CHECKS_ROWS: &[Row<(u64, u64)>] = &[
    Row("attempted", |(passed, failed)| Some(Datum::Count(passed.wrapping_add(*failed)))),
    Row("passed", |(passed, _)| Some(Datum::Count(*passed))),
    Row("failed", |(_, failed)| Some(Datum::Count(*failed))),
];

fn up_or_down(up: bool) -> Datum<'static> {
    Datum::word(if up { "up" } else { "down" })
}

fn flags(now: &Found) -> Option<Datum<'_>> {
    (!now.flags.is_empty()).then(|| Datum::Text((&*now.flags).into()))
}

/// The profiles.
pub(super) struct Certificates {
    schema: Arc<Schema>,
    checks: Single<(u64, u64)>,
    counted: Option<(u64, u64)>,
    authorities: Listing<String, Found>,
    certificates: Listing<String, Found>,
    entries: Listing<(String, String), Found>,
    anchors_down: Listing<String, usize>,
    anchors: Listing<(String, String), bool>,
    servers: Listing<String, Found>,
    clients: Listing<String, Found>,
}

impl Certificates {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        Self {
            checks: Single::new(&schema, CHECKS, &[], CHECKS_ROWS, gaps),
            counted: None,
            authorities: Listing::new(&schema, AUTHORITY, AUTHORITY_ROWS, gaps),
            certificates: Listing::new(&schema, CERTIFICATE, CERTIFICATE_ROWS, gaps),
            entries: Listing::new(&schema, ENTRY, ENTRY_ROWS, gaps),
            anchors_down: Listing::new(&schema, ANCHORS, ANCHORS_ROWS, gaps),
            anchors: Listing::new(&schema, ANCHOR, ANCHOR_ROWS, gaps),
            servers: Listing::new(&schema, SERVER, PROFILE_ROWS, gaps),
            clients: Listing::new(&schema, CLIENT, PROFILE_ROWS, gaps),
            schema,
        }
    }

    /// `counts` are the certificates that passed and that failed.
    pub(super) fn write(
        &mut self,
        findings: &mut watch::Receiver<Arc<Findings>>,
        counts: (u64, u64),
        batch: &mut StateBatch,
    ) {
        if self.counted != Some(counts) {
            self.checks.write(&counts, batch);
            self.counted = Some(counts);
        }
        if !findings.has_changed().unwrap_or(false) {
            return;
        }
        let now = findings.borrow_and_update().clone();
        let schema = &self.schema;
        show(schema, &mut self.authorities, &now.authorities, batch);
        show(schema, &mut self.certificates, &now.certificates, batch);
        // Entries of a profile that has gone went with it.
        self.entries.forget(|(profile, _)| !now.certificates.contains_key(profile));
        show_pairs(schema, &mut self.entries, &now.entries, |number| number.parse().ok().map(Datum::Number), batch);
        show(schema, &mut self.anchors_down, &now.anchors_down, batch);
        self.anchors.forget(|(profile, _)| !now.anchors_down.contains_key(profile));
        show_pairs(schema, &mut self.anchors, &now.anchors, |name| Some(Datum::Text(name.into())), batch);
        show(schema, &mut self.servers, &now.servers, batch);
        show(schema, &mut self.clients, &now.clients, batch);
    }
}

fn show<R: Clone + PartialEq>(
    schema: &Schema,
    listing: &mut Listing<String, R>,
    now: &BTreeMap<String, R>,
    batch: &mut StateBatch,
) {
    listing.keep(|name| now.contains_key(name), batch);
    for (name, reading) in now {
        listing.show(schema, name.clone(), &[Datum::Text((&**name).into())], reading.clone(), batch);
    }
}

/// The same for entries of entries; `key` makes the second key.
fn show_pairs<R: Clone + PartialEq>(
    schema: &Schema,
    listing: &mut Listing<(String, String), R>,
    now: &BTreeMap<(String, String), R>,
    key: impl for<'a> Fn(&'a str) -> Option<Datum<'a>>,
    batch: &mut StateBatch,
) {
    listing.keep(|id| now.contains_key(id), batch);
    for (id, reading) in now {
        let Some(second) = key(&id.1) else { continue };
        listing.show(schema, id.clone(), &[Datum::Text((&*id.0).into()), second], reading.clone(), batch);
    }
}
