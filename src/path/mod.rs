//! Paths: as text and wire elements ([`RawPath`]), as one place in the data tree ([`DataPath`]), and as a selection of
//! places ([`Pattern`]).
//!
//! Invariant: a `DataPath` or `Pattern` names only nodes of the schema and holds only canonical key values, so nothing
//! below ever checks a path again. Wire messages are not known here.

mod data;
mod pattern;
mod raw;
mod resolve;
mod rules;

pub use data::{DataPath, ListKey, Step};
pub use pattern::{KeyMatch, Pattern, PatternStep};
pub(crate) use raw::write_key;
pub use raw::{PATH_TEXT_MAX, PathTextError, RawElem, RawPath};
pub use resolve::{PathError, Resolver, SCHEMAS_ORIGIN, Views};
pub use rules::{Access, AccessRule, AccessRules};
