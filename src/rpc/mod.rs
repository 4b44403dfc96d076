//! The services: one file for each gNMI RPC, one for each other service.
//!
//! Invariant: an RPC decodes, calls one layer down, encodes. What may go wrong becomes a gRPC status in `status` and
//! nowhere else.

pub mod gnmi;
pub mod health;
pub mod reflection;
pub mod services;
mod status;
