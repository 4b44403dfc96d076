//! Ganymede: the gRPC management plane of a carrier router for a Linux lab VM or whitebox.
//!
//! One value carries the design: an immutable [`store::Commit`] (generation, time, tree). Get reads the newest one, Set
//! makes the next one, Subscribe is a function of the last one seen, the newest one and the time.
//!
//! The layers from the ground up, in reading order; a module uses only what stands above it (`tests/tidy.rs`):
//!
//! - words: [`time`], [`value`], [`schema`] (YANG, compiled), [`path`]
//! - state: [`store`] (the tree, commits, constraints, the journal)
//! - behaviour: [`telemetry`] (subscriptions), [`aaa`] (users and profiles), [`platform`] (the element itself), [`pki`]
//!   (certificates and TLS profiles)
//! - rim: [`pb`] (wire messages), [`codec`] (between wire and words), [`feed`] (a subscription as a stream), [`net`]
//!   (listener, TLS), [`admission`] (sessions, channels, who may do what), [`monitor`] (state about the daemon itself)
//! - services: [`rpc`]
//! - process: [`log`], [`config`] (the TOML file), [`agent`] (how the parts are put together), [`fleet`]
//!   (many elements in one process), [`signals`], [`control`] (commands to a daemon that runs), [`cli`]

pub mod time;
pub mod value;

pub mod path;
pub mod schema;

pub mod store;

pub mod aaa;
pub mod pki;
pub mod platform;
pub mod telemetry;

pub mod admission;
pub mod codec;
pub mod feed;
pub mod monitor;
pub mod net;
pub mod pb;

pub mod profile;
pub mod rpc;

pub mod agent;
pub mod cli;
pub mod config;
pub mod control;
pub mod fleet;
pub mod log;
pub mod signals;
