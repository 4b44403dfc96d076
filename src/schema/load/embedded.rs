//! The modules inside the binary: `MODULES` are always implemented as far as they hold data, `TEST_MODULES`, which have
//! a leaf of every type, only when asked for. Both are lists of name and text, made by build.rs from `yang/`.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
