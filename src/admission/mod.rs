//! Who gets service, and how much of it.

mod limits;
pub use limits::*;
