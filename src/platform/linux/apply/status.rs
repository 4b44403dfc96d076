//! The appliers in the tree: `/state/system/linux`.

use std::sync::Arc;

use super::Applier;
use super::faults::Fault;
use crate::platform::map::{Datum, Gaps, Listing, Row};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::value::Text;

const APPLIER: &str = "nokia-state:state/system/linux/applier";
const FAILURE: &str = "nokia-state:state/system/linux/failure";

/// An applier that is on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Working {
    pub(super) applier: Applier,
    /// Why it does nothing, when it cannot.
    pub(super) down: Option<String>,
}

const APPLIER_ROWS: &[Row<Working>] = &[
    Row("oper-state", |now| Some(Datum::word(if now.down.is_none() { "up" } else { "down" }))),
    Row("down-reason", |now| Some(Datum::Text(now.down.as_deref()?.into()))),
];

const FAILURE_ROWS: &[Row<Fault>] = &[
    Row("reason", |fault| Some(Datum::Text(fault.reason.as_str().into()))),
    Row("since", |fault| Some(Datum::Time(fault.since))),
];

/// Writes it.
pub(super) struct Status {
    schema: Arc<Schema>,
    appliers: Listing<Working, Applier>,
    failures: Listing<Fault, Text>,
    shown: Vec<Fault>,
}

impl Status {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let appliers = Listing::new(
            &schema,
            APPLIER,
            APPLIER_ROWS,
            |now| now.applier,
            |now| vec![Datum::word(now.applier.name())],
            gaps,
        );
        let failures = Listing::new(
            &schema,
            FAILURE,
            FAILURE_ROWS,
            |fault| fault.path.clone(),
            |fault| vec![Datum::Shared(&fault.path)],
            gaps,
        );
        Self { schema, appliers, failures, shown: Vec::new() }
    }

    pub(super) fn appliers(&mut self, all: &[Working], batch: &mut StateBatch) {
        self.appliers.write(&self.schema, all, batch);
    }

    /// Nothing is written while nothing changes.
    pub(super) fn failures(&mut self, all: Vec<Fault>, batch: &mut StateBatch) {
        if all != self.shown {
            self.failures.write(&self.schema, &all, batch);
            self.shown = all;
        }
    }
}
