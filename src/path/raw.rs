//! A path as it arrives: names and key texts, nothing looked up yet.

use std::fmt;

/// Longest accepted path in characters of its text form (PATH-036).
pub const PATH_TEXT_MAX: usize = 4096;

/// A path before it meets the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawPath {
    /// Origin, when one was given.
    pub origin: Option<String>,
    /// Elements from the root down.
    pub elems: Vec<RawElem>,
}

/// One element: a name, perhaps `module:name`, and its keys as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawElem {
    /// The name as given.
    pub name: String,
    /// Keys and their texts, in the order given.
    pub keys: Vec<(String, String)>,
}

/// Why a path text does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathTextError {
    /// `//` or an empty name in the middle (PATH-021).
    #[error("{path} - Empty path element, '//' is not supported")]
    EmptyName {
        /// The whole text.
        path: String,
    },
    /// `[` without `]`, text after `]`, or a predicate that is not `[key=value]`.
    #[error("{path} - Malformed key predicate in '{element}', expected [key=value]")]
    Predicate {
        /// The whole text.
        path: String,
        /// The element that holds it.
        element: String,
    },
    /// Longer than [`PATH_TEXT_MAX`].
    #[error("Path of {length} characters is longer than {PATH_TEXT_MAX}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// A NUL byte.
    #[error("Path holds a NUL character")]
    Nul,
}

impl RawPath {
    /// Parses a text path such as `/state/port[port-id=1/1/c1/1]/oper-state` (gnmi-path-strings, PATH-033, PATH-035).
    /// The leading slash is optional; `/` and the empty text are the root. `/` inside brackets is part of the key.
    pub fn parse(text: &str) -> Result<Self, PathTextError> {
        check_text(text)?;
        let mut elems = Vec::new();
        let mut rest = text.strip_prefix('/').unwrap_or(text);
        while !rest.is_empty() {
            let (elem, after) = RawElem::parse_first(rest, &['/', '['], text)?;
            if !after.is_empty() && !after.starts_with('/') {
                return Err(malformed(rest, after, text));
            }
            elems.push(elem);
            rest = after.strip_prefix('/').unwrap_or(after);
        }
        Ok(Self { origin: None, elems })
    }

    /// This path with `tail` behind it; the origin of whichever states one.
    pub fn join(&self, tail: &Self) -> Self {
        Self {
            origin: tail.origin.clone().or_else(|| self.origin.clone()),
            elems: self.elems.iter().chain(&tail.elems).cloned().collect(),
        }
    }
}

impl RawElem {
    /// Parses one `name[key=value]...`, the form of the deprecated `element` strings (PATH-002).
    pub fn parse(text: &str) -> Result<Self, PathTextError> {
        check_text(text)?;
        match Self::parse_first(text, &['['], text)? {
            (elem, "") => Ok(elem),
            (_, rest) => Err(malformed(text, rest, text)),
        }
    }

    /// Parses the element at the start of `text`, whose name goes up to one of `name_ends`. Also returns what follows.
    #[expect(clippy::string_slice, reason = "positions that a search in this very text found")]
    fn parse_first<'t>(text: &'t str, name_ends: &[char], whole: &str) -> Result<(Self, &'t str), PathTextError> {
        let (name, mut rest) = text.split_at(text.find(name_ends).unwrap_or(text.len()));
        if name.is_empty() {
            return Err(PathTextError::EmptyName { path: whole.to_owned() });
        }
        let mut keys = Vec::new();
        while let Some(inner) = rest.strip_prefix('[') {
            let malformed = || malformed(text, rest, whole);
            let end = closing_bracket(inner).ok_or_else(malformed)?;
            let (predicate, after) = inner.split_at(end);
            let (key, value) = predicate.split_once('=').ok_or_else(malformed)?;
            let key = key.trim();
            if key.is_empty() || key.contains(['<', '>', '(', '!']) {
                return Err(malformed());
            }
            keys.push((key.to_owned(), unquote(value)));
            rest = &after[1..];
        }
        Ok((Self { name: name.to_owned(), keys }, rest))
    }
}

/// The element at the start of `text` goes wrong where `rest` begins.
#[expect(clippy::string_slice, reason = "positions that a search in this very text found")]
fn malformed(text: &str, rest: &str, whole: &str) -> PathTextError {
    let end = text.len() - rest.len() + rest.find('/').unwrap_or(rest.len());
    PathTextError::Predicate { path: whole.to_owned(), element: text[..end].to_owned() }
}

fn check_text(text: &str) -> Result<(), PathTextError> {
    let length = text.chars().count();
    if length > PATH_TEXT_MAX {
        return Err(PathTextError::TooLong { length });
    }
    if text.contains('\0') { Err(PathTextError::Nul) } else { Ok(()) }
}

/// Byte position of the unescaped `]`; a quoted value may hold brackets.
#[expect(clippy::string_slice, reason = "positions that a search in this very text found")]
fn closing_bracket(inner: &str) -> Option<usize> {
    let value = inner.find('=').map_or(0, |equals| equals + 1);
    let quote = inner[value..].chars().next().filter(|symbol| matches!(symbol, '"' | '\''));
    let mut escaped = false;
    let mut closed_quote = quote.is_none();
    for (position, symbol) in inner.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match symbol {
            '\\' => escaped = true,
            ']' if closed_quote || position < value => return Some(position),
            _ if position > value && Some(symbol) == quote => closed_quote = true,
            _ => {}
        }
    }
    // A quote that never closes is an ordinary character.
    quote.and_then(|_| inner.find(']'))
}

/// Drops quotes around the value and resolves `\]`, `\[`, `\\`, `\n`, `\r`; a backslash before anything else stays.
fn unquote(value: &str) -> String {
    let inner =
        ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    let mut out = String::with_capacity(inner.len());
    let mut symbols = inner.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let replaced = match (symbol, symbols.peek()) {
            ('\\', Some(&next)) if matches!(next, ']' | '[' | '\\' | '"' | '\'') => Some(next),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('r')) => Some('\r'),
            _ => None,
        };
        match replaced {
            Some(replacement) => {
                symbols.next();
                out.push(replacement);
            }
            None => out.push(symbol),
        }
    }
    out
}

/// Text form with keys sorted by name and `]`, `\` escaped (PATH-034).
impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}:")?;
        }
        if self.elems.is_empty() {
            return f.write_str("/");
        }
        for elem in &self.elems {
            write!(f, "/{}", elem.name)?;
            let mut keys: Vec<_> = elem.keys.iter().collect();
            keys.sort();
            for (key, value) in keys {
                write_key(f, key, value)?;
            }
        }
        Ok(())
    }
}

/// Writes `[key=value]` with the value escaped.
pub(crate) fn write_key(f: &mut impl fmt::Write, key: &str, value: &str) -> fmt::Result {
    write!(f, "[{key}=")?;
    for symbol in value.chars() {
        match symbol {
            ']' | '\\' => write!(f, "\\{symbol}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            other => f.write_char(other)?,
        }
    }
    f.write_char(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, printed: &str) {
        match RawPath::parse(text) {
            Ok(path) => assert_eq!(path.to_string(), printed, "{text}"),
            Err(error) => assert_eq!(error.to_string(), printed, "{text}"),
        }
    }

    /// PATH-021, PATH-025, PATH-033, PATH-034, PATH-035, PATH-036.
    #[test]
    fn parses_text_paths() {
        check("", "/");
        check("/", "/");
        check("a/b", "/a/b");
        check("/a/b/", "/a/b");
        check("/state/port[port-id=1/1/c1/1]/x", "/state/port[port-id=1/1/c1/1]/x");
        check("/b[key2=2][key1=1]", "/b[key1=1][key2=2]");
        check(r"/i[n=a\]b\\c]/d", r"/i[n=a\]b\\c]/d");
        check(r#"/i[n="to B"]"#, "/i[n=to B]");
        check("/i[n='a]b']/c", r"/i[n=a\]b]/c");
        check("/i[n=a=b]", "/i[n=a=b]");
        check("/i[n='a]/b']/c", r"/i[n=a\]/b]/c");
        check(r"/a\[b=c/d]/e", r"/a\[b=c/d]/e");
        check("//", "// - Empty path element, '//' is not supported");
        check("/a//b", "/a//b - Empty path element, '//' is not supported");
        check("/a[b", "/a[b - Malformed key predicate in 'a[b', expected [key=value]");
        check("/a[b=c]d", "/a[b=c]d - Malformed key predicate in 'a[b=c]d', expected [key=value]");
        check("/a[octets>3=1]", "/a[octets>3=1] - Malformed key predicate in 'a[octets>3=1]', expected [key=value]");
        check("/a[]='c']", "/a[]='c'] - Malformed key predicate in 'a[]='c']', expected [key=value]");
        check("/a[ =c]", "/a[ =c] - Malformed key predicate in 'a[ =c]', expected [key=value]");
        check("/a[last()]", "/a[last()] - Malformed key predicate in 'a[last()]', expected [key=value]");
        check("a\0", "Path holds a NUL character");
        check(&"a".repeat(4097), "Path of 4097 characters is longer than 4096");
    }

    proptest::proptest! {
        /// PATH-032, PATH-033: printing and parsing lose nothing, whatever a key holds.
        #[test]
        fn round_trips(key in "[^\0]{1,20}") {
            let path = RawPath {
                origin: None,
                elems: vec![
                    RawElem { name: "list".into(), keys: vec![("k".into(), key)] },
                    RawElem { name: "leaf".into(), keys: vec![] },
                ],
            };
            let quoted = path.elems[0].keys[0].1.starts_with(['"', '\'']);
            // A value that starts with a quote is read as quoted text, so it only survives as wire keys.
            proptest::prop_assume!(!quoted);
            proptest::prop_assert_eq!(RawPath::parse(&path.to_string()), Ok(path));
        }
    }
}
