//! stub
use super::{Delta, Tree};
use crate::time::Timestamp;
/// stub
#[derive(Debug)]
pub struct Validator;
/// stub
#[derive(Debug)]
pub struct Violation;
impl std::fmt::Display for Violation { fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
impl Validator { 
/// stub
pub fn vote(&mut self, _b:&Tree,_c:&mut Tree,_n:Timestamp)->Result<Delta,Vec<Violation>>{Ok(Delta::default())}
/// stub
pub fn accept(&mut self){} 
/// stub
pub fn reject(&mut self){} }
