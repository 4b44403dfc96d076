//! The modules inside the binary.

/// Modules that are always implemented, by file name below `yang/`.
pub(super) const MODULES: &[(&str, &str)] = &[];

/// Modules and submodules that others import or include, and modules made for tests.
pub(super) const TEST_MODULES: &[(&str, &str)] = &[];
