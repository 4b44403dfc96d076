//! `/state/system/security/user-params`: the logins of the local users, and who is locked out (AUTH-037).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::listing::Listing;
use crate::aaa::LoginRecord;
use crate::platform::map::{Datum, Gaps, Row};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::value::Text;

const USER: &str = "nokia-state:state/system/security/user-params/local-user/user";
const LOCKOUT: &str = "nokia-state:state/system/security/user-params/user-lockout";

const USER_ROWS: &[Row<LoginRecord>] = &[
    Row("attempted-logins", |now| Some(Datum::Count(now.attempted.into()))),
    Row("failed-logins", |now| Some(Datum::Count(now.failed.into()))),
    Row("locked-out", |now| Some(Datum::Flag(now.locked.is_some()))),
    Row("lockout-remaining-time", |now| now.locked.map(seconds)),
];

const LOCKOUT_ROWS: &[Row<LoginRecord>] = &[
    Row("remaining-login-attempts", |now| Some(Datum::Number(now.left?.into()))),
    Row("remaining-lockout-time", |now| Some(seconds(now.locked.unwrap_or_default()))),
];

/// The users, and what is known of each in the tree.
pub(super) struct Users {
    schema: Arc<Schema>,
    users: Listing<Text, LoginRecord>,
    lockouts: Listing<Text, LoginRecord>,
}

impl Users {
    pub(super) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let users = Listing::new(&schema, USER, USER_ROWS, gaps);
        let lockouts = Listing::new(&schema, LOCKOUT, LOCKOUT_ROWS, gaps);
        Self { schema, users, lockouts }
    }

    /// Writes what has changed: all local users, and those whose failures count at present.
    pub(super) fn write(&mut self, records: &[(Text, LoginRecord)], batch: &mut StateBatch) {
        let names: BTreeSet<&Text> = records.iter().map(|(name, _)| name).collect();
        self.users.keep(|name| names.contains(name), batch);
        let failing: BTreeSet<&Text> =
            records.iter().filter(|(_, record)| record.left.is_some()).map(|(name, _)| name).collect();
        self.lockouts.keep(|name| failing.contains(name), batch);
        for (name, record) in records {
            let record = LoginRecord { locked: record.locked.map(whole), ..*record };
            self.users.show(&self.schema, name.clone(), &[Datum::Shared(name)], record, batch);
            if record.left.is_some() {
                self.lockouts.show(&self.schema, name.clone(), &[Datum::Shared(name)], record, batch);
            }
        }
    }
}

/// Whole seconds, the last one included: what is shown changes once a second.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

fn seconds(time: Duration) -> Datum<'static> {
    Datum::Number(time.as_secs().into())
}
