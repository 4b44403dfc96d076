//! stub
use super::{Delta, Tree};
use crate::schema::Schema;
use crate::time::Timestamp;
use std::sync::Arc;
/// stub
#[derive(Debug)]
pub struct Validator(pub Arc<Schema>);
/// stub
#[derive(Debug)]
pub struct Violation;
impl std::fmt::Display for Violation {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
impl Validator {
    /// stub
    pub fn new(l: &crate::schema::Loaded) -> Self {
        Self(l.schema.clone())
    }
    /// stub
    pub fn vote(&mut self, b: &Tree, c: &mut Tree, _n: Timestamp) -> Result<Delta, Vec<Violation>> {
        Ok(Delta::between(&self.0, b, c))
    }
    /// stub
    pub fn accept(&mut self) {}
    /// stub
    pub fn reject(&mut self) {}
}
