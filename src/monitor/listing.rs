//! Objects of one kind and what was last written of each.
//!
//! Invariant: what has not changed is not written again.

use std::collections::BTreeMap;

use crate::platform::map::{Datum, Gaps, Object, Row, Table};
use crate::schema::Schema;
use crate::store::StateBatch;

/// The objects of one kind; `K` tells them apart.
pub(super) struct Listing<K, R: 'static> {
    table: Table<R>,
    shown: BTreeMap<K, (Object, R)>,
}

impl<K: Ord + Clone, R: PartialEq> Listing<K, R> {
    pub(super) fn new(schema: &Schema, path: &str, rows: &[Row<R>], gaps: &mut Gaps) -> Self {
        Self { table: Table::new(schema, path, rows, gaps), shown: BTreeMap::new() }
    }

    /// Writes what is new of an object. `keys` are those of all lists down to it. Tells whether there was anything.
    pub(super) fn show(
        &mut self,
        schema: &Schema,
        id: K,
        keys: &[Datum<'_>],
        reading: R,
        batch: &mut StateBatch,
    ) -> bool {
        if let Some((object, before)) = self.shown.get_mut(&id) {
            if *before == reading {
                return false;
            }
            self.table.update(object, Some(before), &reading, batch);
            *before = reading;
        } else if let Some(mut object) = self.table.object(schema, keys) {
            self.table.write(&mut object, &reading, batch);
            self.shown.insert(id, (object, reading));
        }
        true
    }

    /// Takes out the objects that are no more.
    pub(super) fn keep(&mut self, stays: impl Fn(&K) -> bool, batch: &mut StateBatch) {
        self.shown.retain(|id, (object, _)| {
            let stays = stays(id);
            if !stays {
                batch.remove(object.at());
            }
            stays
        });
    }

    /// Forgets objects that went with what they stood in.
    pub(super) fn forget(&mut self, gone: impl Fn(&K) -> bool) {
        self.shown.retain(|id, _| !gone(id));
    }
}
