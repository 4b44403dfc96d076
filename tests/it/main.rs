//! Tests through the public door of the library, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod admission;
mod door;
mod net;
mod wire;
