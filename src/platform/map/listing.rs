//! A kind of object of which there are many, told all at once.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Gaps, Object, Row, Table};
use super::value::Datum;
use crate::schema::Schema;
use crate::store::StateBatch;

/// The objects of one kind. `K` tells them apart.
pub(crate) struct Listing<R: 'static, K> {
    table: Table<R>,
    id: fn(&R) -> K,
    keys: for<'r> fn(&'r R) -> Vec<Datum<'r>>,
    objects: BTreeMap<K, Object>,
}

impl<R, K: Ord + Clone> Listing<R, K> {
    /// Looks the kind up; nothing is listed yet. `keys` gives all keys of all lists down to the object.
    pub(crate) fn new(
        schema: &Schema,
        path: &str,
        rows: &[Row<R>],
        id: fn(&R) -> K,
        keys: for<'r> fn(&'r R) -> Vec<Datum<'r>>,
        gaps: &mut Gaps,
    ) -> Self {
        Self { table: Table::new(schema, path, rows, gaps), id, keys, objects: BTreeMap::new() }
    }

    /// All objects as they are now; those that are not among them are gone.
    pub(crate) fn write(&mut self, schema: &Schema, all: &[R], batch: &mut StateBatch) {
        let present: BTreeSet<K> = all.iter().map(self.id).collect();
        self.objects.retain(|id, object| {
            let stays = present.contains(id);
            if !stays {
                batch.remove(object.at());
            }
            stays
        });
        for reading in all {
            let id = (self.id)(reading);
            if !self.objects.contains_key(&id)
                && let Some(object) = self.table.object(schema, &(self.keys)(reading))
            {
                self.objects.insert(id.clone(), object);
            }
            if let Some(object) = self.objects.get_mut(&id) {
                self.table.write(object, reading, batch);
            }
        }
    }
}
