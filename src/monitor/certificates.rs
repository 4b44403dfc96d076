//! `/state/system/security/pki` and `tls`: how the profiles are that certificates, authorities and lists stand in.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::listing::Listing;
use crate::pki::{Findings, Found, Tally};
use crate::platform::map::{Datum, Gaps, Row, Single, Table};
use crate::schema::Schema;
use crate::store::StateBatch;

const AUTHORITY: &str = "nokia-state:state/system/security/pki/ca-profile";
const CHECKS: &str = "nokia-state:state/system/security/pki/statistics/authentication";
const CERTIFICATE: &str = "nokia-state:state/system/security/tls/cert-profile";
const ENTRY: &str = "nokia-state:state/system/security/tls/cert-profile/entry";
const ANCHORS: &str = "nokia-state:state/system/security/tls/trust-anchor-profile";
const SERVER: &str = "nokia-state:state/system/security/tls/server-tls-profile";
const CLIENT: &str = "nokia-state:state/system/security/tls/client-tls-profile";

const STATE: Row<Found> = Row("oper-state", |now| Some(Datum::word(if now.up { "up" } else { "down" })));
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
const ENTRY_ROWS: &[Row<Found>] = &[REASONS, Row("computed-chain-state", |now| Some(Datum::word(now.chain?)))];
const PROFILE_ROWS: &[Row<Found>] = &[STATE, DETAIL];
const ANCHORS_ROWS: &[Row<usize>] = &[Row("ca-profile-down", |down| Some(Datum::Number((*down).try_into().ok()?)))];
const CHECKS_ROWS: &[Row<(u64, u64)>] = &[
    Row("attempted", |(passed, failed)| Some(Datum::Count(passed.wrapping_add(*failed)))),
    Row("passed", |(passed, _)| Some(Datum::Count(*passed))),
    Row("failed", |(_, failed)| Some(Datum::Count(*failed))),
];

fn flags(now: &Found) -> Option<Datum<'_>> {
    (!now.flags.is_empty()).then(|| Datum::Text((&*now.flags).into()))
}

/// Looks all leaves up.
pub(super) fn look_up(schema: &Schema, gaps: &mut Gaps) {
    Table::new(schema, CHECKS, CHECKS_ROWS, gaps);
    Table::new(schema, AUTHORITY, AUTHORITY_ROWS, gaps);
    Table::new(schema, CERTIFICATE, CERTIFICATE_ROWS, gaps);
    Table::new(schema, ENTRY, ENTRY_ROWS, gaps);
    Table::new(schema, ANCHORS, ANCHORS_ROWS, gaps);
    Table::new(schema, SERVER, PROFILE_ROWS, gaps);
    Table::new(schema, CLIENT, PROFILE_ROWS, gaps);
}

/// The profiles.
pub(super) struct Certificates {
    schema: Arc<Schema>,
    findings: watch::Receiver<Arc<Findings>>,
    tally: Tally,
    checks: Single<(u64, u64)>,
    counted: Option<(u64, u64)>,
    authorities: Listing<String, Found>,
    certificates: Listing<String, Found>,
    entries: Listing<(String, String), Found>,
    anchors: Listing<String, usize>,
    servers: Listing<String, Found>,
    clients: Listing<String, Found>,
}

impl Certificates {
    pub(super) fn new(
        schema: Arc<Schema>,
        mut findings: watch::Receiver<Arc<Findings>>,
        tally: Tally,
        gaps: &mut Gaps,
    ) -> Self {
        findings.mark_changed();
        Self {
            findings,
            tally,
            checks: Single::new(&schema, CHECKS, &[], CHECKS_ROWS, gaps),
            counted: None,
            authorities: Listing::new(&schema, AUTHORITY, AUTHORITY_ROWS, gaps),
            certificates: Listing::new(&schema, CERTIFICATE, CERTIFICATE_ROWS, gaps),
            entries: Listing::new(&schema, ENTRY, ENTRY_ROWS, gaps),
            anchors: Listing::new(&schema, ANCHORS, ANCHORS_ROWS, gaps),
            servers: Listing::new(&schema, SERVER, PROFILE_ROWS, gaps),
            clients: Listing::new(&schema, CLIENT, PROFILE_ROWS, gaps),
            schema,
        }
    }

    pub(super) fn write(&mut self, batch: &mut StateBatch) {
        let counts = self.tally.counts();
        if self.counted != Some(counts) {
            self.checks.write(&counts, batch);
            self.counted = Some(counts);
        }
        if !self.findings.has_changed().unwrap_or(false) {
            return;
        }
        let now = self.findings.borrow_and_update().clone();
        let schema = &self.schema;
        show(schema, &mut self.authorities, &now.authorities, batch);
        show(schema, &mut self.certificates, &now.certificates, batch);
        // Entries of a profile that has gone went with it.
        self.entries.forget(|(profile, _)| !now.certificates.contains_key(profile));
        self.entries.keep(|id| now.entries.contains_key(id), batch);
        for (id, found) in &now.entries {
            let Ok(number) = id.1.parse() else { continue };
            let keys = [Datum::Text((&*id.0).into()), Datum::Number(number)];
            self.entries.show(schema, id.clone(), &keys, found.clone(), batch);
        }
        show(schema, &mut self.anchors, &now.anchors, batch);
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
