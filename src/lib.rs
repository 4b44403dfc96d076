//! Ganymede: the gRPC management plane of a carrier router for a Linux lab VM or whitebox.
//!
//! One value carries the design: an immutable [`store::Commit`] (generation, snapshot, changes). Get reads the newest
//! one, Set makes the next one, Subscribe is a function of the last one seen, the newest one and the time.
//!
//! Layers, from the ground up; a module may use only those above it in this list:
//!
//! - words: [`time`], [`value`], [`schema`] (YANG, compiled), [`path`]

pub mod aaa;
pub mod admission;
pub mod config;
pub mod log;
pub mod net;
pub mod path;
pub mod schema;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod value;
