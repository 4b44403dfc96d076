//! Readings to models: one table of leaves per kind of object and model.
//!
//! Invariant: pure. Tables are looked up in the schema once, at start.

mod listing;
pub(crate) mod nokia;
pub(crate) mod openconfig;
pub(crate) mod openconfig_system;
mod single;
pub(crate) mod system;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use listing::Listing;
pub(crate) use single::Single;
pub(crate) use table::{Gaps, Object, Place, Row, Table, entry};
pub(crate) use value::Datum;
