//! The element: what produces state. [`linux`] reads the box, [`sim`] makes up one.
//!
//! Invariant: mapping is pure and apart from reading. [`reading`] says what was read, `map` where each part of it
//! stands in the loaded models, `links` and `system` keep what is known; they take times as arguments and give
//! batches of state. Only `linux` and the task of `sim` touch the kernel, the clock or the runtime. Nothing here knows
//! of subscribers or sessions. Only `linux::apply` changes the box, and only what the operator has switched on.

#[cfg(test)]
mod bench;
mod condition;
mod cpu;
mod handle;
mod links;
pub mod linux;
pub(crate) mod map;
mod numbering;
mod on_change;
pub mod reading;
pub mod sim;
mod system;

pub use handle::Handle;
pub use on_change::{on_change, on_change_paths};
