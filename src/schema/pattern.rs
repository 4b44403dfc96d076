//! Patterns of YANG strings: expressions of XML Schema, judged by the `regex` crate in linear time.
//!
//! Invariant: every pattern of a loaded schema has been translated and parsed, so that a module whose pattern this
//! program cannot judge is refused at start and not at the first Set. Building the automaton waits for the first use,
//! because most patterns of a large model are never used.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Bytes an automaton may take. The largest public patterns (IPv6 with zones) need about two million.
const AUTOMATON_BYTES_MAX: usize = 32 << 20;

/// One `pattern` statement.
#[derive(Debug)]
pub struct TextPattern {
    source: String,
    translated: String,
    inverted: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("pattern '{pattern}' cannot be used: {reason}")]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl TextPattern {
    /// Takes a pattern as it stands in a module: of XML Schema (RFC 7950 9.4.5), or POSIX where the module says so
    /// (`oc-ext:regexp-posix`).
    pub(super) fn new(source: &str, inverted: bool, posix: bool) -> Result<Self, PatternError> {
        let wrong = |reason: String| PatternError { pattern: source.to_owned(), reason };
        let translated = if posix { source.to_owned() } else { translate(source).map_err(wrong)? };
        regex_syntax::Parser::new().parse(&translated).map_err(|error| {
            let text = error.to_string();
            wrong(text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })?;
        Ok(Self { source: source.to_owned(), translated, inverted, compiled: OnceLock::new() })
    }

    /// The pattern as written, for error messages.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a string satisfies the statement, `invert-match` considered. A pattern too large to be compiled is
    /// satisfied by nothing.
    pub fn allows(&self, text: &str) -> bool {
        let compile = || RegexBuilder::new(&self.translated).size_limit(AUTOMATON_BYTES_MAX).build().ok();
        self.compiled.get_or_init(compile).as_ref().is_some_and(|regex| regex.is_match(text) != self.inverted)
    }
}

/// Writes an XML Schema expression in the syntax of the `regex` crate. Such an expression always speaks of the whole
/// string, and `^` and `$` mean themselves.
fn translate(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len() + 8);
    out.push_str("^(?:");
    let mut symbols = source.chars().peekable();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '^' | '$' => {
                out.push('\\');
                out.push(symbol);
            }
            '.' => out.push_str(r"[^\n\r]"),
            '\\' => escape(&mut symbols, &mut out)?,
            '[' => class(&mut symbols, &mut out)?,
            other => out.push(other),
        }
    }
    out.push_str(")$");
    Ok(out)
}

/// The inside of a class, the opening bracket already taken.
fn class(symbols: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if symbols.peek() == Some(&'^') {
        symbols.next();
        out.push('^');
    }
    while let Some(symbol) = symbols.next() {
        match symbol {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => escape(symbols, out)?,
            // Class subtraction: `[a-z-[aeiou]]`.
            '-' if symbols.peek() == Some(&'[') => {
                symbols.next();
                out.push_str("--");
                class(symbols, out)?;
            }
            // Operators of the regex crate that are plain characters here.
            '[' | '&' | '~' | '^' => {
                out.push('\\');
                out.push(symbol);
            }
            other => out.push(other),
        }
    }
    Err("a character class is not closed".to_owned())
}

/// An escape, the backslash already taken. The sets work inside and outside of classes.
fn escape(symbols: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    match symbols.next() {
        None => return Err("it ends with a backslash".to_owned()),
        Some('i') => out.push_str(r"[\p{L}_:]"),
        Some('I') => out.push_str(r"[^\p{L}_:]"),
        Some('c') => out.push_str(r"[\p{L}\p{M}\p{N}._:\-]"),
        Some('C') => out.push_str(r"[^\p{L}\p{M}\p{N}._:\-]"),
        Some('w') => out.push_str(r"[^\p{P}\p{Z}\p{C}]"),
        Some('W') => out.push_str(r"[\p{P}\p{Z}\p{C}]"),
        Some('s') => out.push_str(r"[ \t\n\r]"),
        Some('S') => out.push_str(r"[^ \t\n\r]"),
        Some(kind @ ('p' | 'P')) => property(kind, symbols, out)?,
        Some(same @ ('d' | 'D' | 'n' | 'r' | 't')) => {
            out.push('\\');
            out.push(same);
        }
        Some(letter) if letter.is_ascii_alphanumeric() => return Err(format!("unknown escape '\\{letter}'")),
        Some(literal @ ('<' | '>')) => out.push(literal),
        Some(literal) if literal.is_ascii() => {
            out.push('\\');
            out.push(literal);
        }
        Some(literal) => out.push(literal),
    }
    Ok(())
}

/// `\p{...}`: categories are the same; of the blocks, those that occur in models.
fn property(kind: char, symbols: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    let braced: String = symbols.by_ref().take_while(|&symbol| symbol != '}').collect();
    let name = braced.strip_prefix('{').ok_or("a property without braces")?;
    let block = match name {
        "IsBasicLatin" => Some((0x00, 0x7f)),
        "IsLatin-1Supplement" => Some((0x80, 0xff)),
        "IsLatinExtended-A" => Some((0x100, 0x17f)),
        "IsLatinExtended-B" => Some((0x180, 0x24f)),
        "IsGreek" => Some((0x370, 0x3ff)),
        "IsCyrillic" => Some((0x400, 0x4ff)),
        _ if name.starts_with("Is") => return Err(format!("unknown block '{name}'")),
        _ => None,
    };
    let written = match block {
        Some((first, last)) => {
            let not = if kind == 'P' { "^" } else { "" };
            write!(out, "[{not}\\x{{{first:x}}}-\\x{{{last:x}}}]")
        }
        None => write!(out, "\\{kind}{{{name}}}"),
    };
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_as_xml_schema_does() {
        let check = |pattern: &str, text: &str, allowed: bool| {
            let pattern = TextPattern::new(pattern, false, false).unwrap();
            assert_eq!(pattern.allows(text), allowed, "{} against {text:?}", pattern.source());
        };
        check("a|b", "a", true);
        check("a|b", "ab", false);
        check("^a$", "a", false);
        check("^a$", "^a$", true);
        check(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", "10.0.0.1", true);
        check("[a-z-[aeiou]]+", "xyz", true);
        check("[a-z-[aeiou]]+", "xaz", false);
        check(r"\p{IsBasicLatin}*", "abc", true);
        check(r"\p{IsBasicLatin}*", "ä", false);
        check(r"[\i-[:]][\c-[:]]*", "a-b", true);
        check(r"[\i-[:]][\c-[:]]*", "a:b", false);
        check(r".*\S.*", "   ", false);
        check(".", "\n", false);
        check("[&&a]", "&", true);
        assert!(TextPattern::new("a{1", false, false).is_ok() || TextPattern::new("(", false, false).is_err());
        assert!(TextPattern::new(r"\q", false, false).is_err());
    }

    #[test]
    fn inverts_and_takes_posix() {
        assert!(TextPattern::new("a", true, false).unwrap().allows("b"));
        assert!(TextPattern::new("^a", false, true).unwrap().allows("ab"));
    }
}
