//! x
mod tls;
pub use tls::*;
