//! Tests through the public door of the library, in one binary.

mod wire;
