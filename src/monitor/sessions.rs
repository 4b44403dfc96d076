//! `/state/users/session` and `/state/system/management-interface/active-sessions`: the sessions that are served, by user.
//!
//! Invariant: a session is here as long as it holds a seat. Its time of idleness is in whole seconds, so a session that
//! rests changes once a second and one whose RPCs run does not change at all.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::listing::Listing;
use crate::admission::Session;
use crate::platform::map::{Datum, Gaps, Row, Single};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::time::Timestamp;

const MANAGEMENT: &str = "nokia-state:state/system/management-interface";
const USER: &str = "nokia-state:state/users/session";
const ACTIVE: &str = "nokia-state:state/system/management-interface/active-sessions";

/// There is one way to configure this element, by its models.
const MANAGEMENT_ROWS: &[Row<()>] = &[Row("configuration-oper-mode", |()| Some(Datum::word("model-driven")))];

/// A session as it is now.
#[derive(Clone, PartialEq)]
struct Reading {
    id: u64,
    user: String,
    from: IpAddr,
    opened: Timestamp,
    login: Option<Timestamp>,
    idle: u64,
}

const USER_ROWS: &[Row<Reading>] = &[
    Row("user", |now| Some(Datum::Text((&*now.user).into()))),
    Row("router-instance", |_| Some(Datum::word("Base"))),
    Row("connection-ip", |now| Some(Datum::Address(now.from))),
    Row("connection-type", |_| Some(Datum::word("grpc"))),
    Row("login-time", |now| now.login.map(Datum::Time)),
    Row("idle-time", |now| Some(Datum::Number(now.idle.into()))),
    Row("connection-id", |now| Some(Datum::Number(now.id.into()))),
    Row("session-create-time", |now| Some(Datum::Time(now.opened))),
];

const ACTIVE_ROWS: &[Row<Reading>] = &[
    Row("username", |now| Some(Datum::Text((&*now.user).into()))),
    Row("from", |now| Some(Datum::Address(now.from))),
    Row("session-type", |_| Some(Datum::word("grpc"))),
    Row("idle-time", |now| Some(Datum::Number(now.idle.into()))),
];

/// The sessions, and what is known of each in the tree.
pub(super) struct Seats {
    schema: Arc<Schema>,
    management: Option<Single<()>>,
    users: Listing<u64, Reading>,
    active: Listing<u64, Reading>,
}

impl Seats {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let management = Single::new(&schema, MANAGEMENT, &[], MANAGEMENT_ROWS, gaps);
        let users = Listing::new(&schema, USER, USER_ROWS, gaps);
        let active = Listing::new(&schema, ACTIVE, ACTIVE_ROWS, gaps);
        Self { schema, management: Some(management), users, active }
    }

    pub(super) fn write(&mut self, sessions: &[Arc<Session>], now: Instant, batch: &mut StateBatch) {
        // Never changes, so once is enough.
        if let Some(mut management) = self.management.take() {
            management.write(&(), batch);
        }
        let ids: BTreeSet<u64> = sessions.iter().map(|session| session.id()).collect();
        self.users.keep(|id| ids.contains(id), batch);
        self.active.keep(|id| ids.contains(id), batch);
        for session in sessions {
            let reading = reading(session, now);
            let keys = [Datum::Number(reading.id.into())];
            self.users.show(&self.schema, reading.id, &keys, reading.clone(), batch);
            self.active.show(&self.schema, reading.id, &keys, reading, batch);
        }
    }
}

fn reading(session: &Session, now: Instant) -> Reading {
    Reading {
        id: session.id(),
        user: session.user().unwrap_or_default(),
        from: session.peer().ip(),
        opened: session.opened(),
        login: session.logged_in(),
        idle: session.idle(now).as_secs(),
    }
}
