//! A kind of object of which there is one.

use super::table::{Gaps, Object, Row, Table};
use super::value::Datum;
use crate::schema::Schema;
use crate::store::StateBatch;

/// One object that is there as long as this program runs.
pub(crate) struct Single<R: 'static> {
    table: Table<R>,
    object: Option<Object>,
}

impl<R> Single<R> {
    /// Looks the object with these keys up.
    pub(crate) fn new(schema: &Schema, path: &str, keys: &[Datum<'_>], rows: &[Row<R>], gaps: &mut Gaps) -> Self {
        let table = Table::new(schema, path, rows, gaps);
        let object = table.object(schema, keys);
        Self { table, object }
    }

    /// What was read of it now.
    pub(crate) fn write(&mut self, reading: &R, batch: &mut StateBatch) {
        if let Some(object) = &mut self.object {
            self.table.write(object, reading, batch);
        }
    }
}
