//! YANG patterns (RFC 7950 9.4.5): regular expressions of XML Schema, judged by the `regex` crate in linear time.
//!
//! Invariant: a [`TextPattern`] that exists can be matched. What the `regex` crate cannot express, or could only with
//! absurd amounts of memory, is refused when the module is loaded. The expression is compiled when it is first asked,
//! because a schema has hundreds of patterns and most are never used.

mod blocks;
mod translate;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use crate::value::Text;

/// Memory one compiled pattern may take, in bytes.
const COMPILED_SIZE_MAX: usize = 16 << 20;
/// Patterns estimated to have at most this many states are known to stay below [`COMPILED_SIZE_MAX`] and are not
/// compiled to find out.
const SMALL_STATES_MAX: u64 = 20_000;

/// The language a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// XML Schema, part 2, appendix F: always about the whole text, `^` and `$` are ordinary characters.
    XmlSchema,
    /// POSIX extended: modules that use `oc-ext:regexp-posix` write all their patterns so.
    Posix,
}

/// One `pattern` statement.
#[derive(Clone)]
pub struct TextPattern(Arc<Inner>);

struct Inner {
    source: Text,
    translated: String,
    inverted: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pattern \"{pattern}\": {reason} at character {position}")]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong.
    pub reason: &'static str,
    /// Where, counted from 1.
    pub position: usize,
}

impl TextPattern {
    /// Translates a pattern.
    pub(super) fn new(source: &str, syntax: Syntax, inverted: bool) -> Result<Self, PatternError> {
        let translation = translate::translate(source, syntax)?;
        let pattern = Self(Arc::new(Inner {
            source: source.into(),
            translated: translation.expression,
            inverted,
            compiled: OnceLock::new(),
        }));
        if translation.states > SMALL_STATES_MAX && pattern.0.compiled().is_none() {
            let reason = "needs too much memory";
            return Err(PatternError { pattern: source.to_owned(), reason, position: 1 });
        }
        Ok(pattern)
    }

    /// The pattern as the module has it.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether a text must not match (`modifier invert-match`).
    pub fn is_inverted(&self) -> bool {
        self.0.inverted
    }

    /// Whether a text is allowed by the pattern.
    pub fn allows(&self, text: &str) -> bool {
        // `new` has made sure that compiling succeeds.
        self.0.compiled().is_some_and(|regex| regex.is_match(text) != self.0.inverted)
    }
}

impl Inner {
    fn compiled(&self) -> Option<&Regex> {
        let compile = || RegexBuilder::new(&self.translated).size_limit(COMPILED_SIZE_MAX).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}

impl fmt::Debug for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextPattern({}{:?})", if self.0.inverted { "!" } else { "" }, self.0.source)
    }
}

/// Patterns are equal when they are written alike.
impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.0.translated, self.0.inverted) == (&other.0.translated, other.0.inverted)
    }
}

impl Eq for TextPattern {}

impl Hash for TextPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.translated.hash(state);
    }
}

#[cfg(test)]
mod tests;
