//! The `match` of a profile entry: a line of the MD-CLI that names an element and all below it.
//!
//! `configure router <Base> interface` is elements with the keys of lists behind them, each in angle brackets or quotes.
//! Keys that are left out, and `<.*>`, mean every entry; where some are given, the rest of them mean any. Lines about
//! commands that are no data (`show router`, `ping`) are part of many profiles and concern nobody here.

use crate::path::{Pattern, RawElem, RawPath, Resolver, Views};
use crate::schema::{NodeId, Schema};

/// What a line is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Match {
    /// These elements: one in most cases, more where models share a name.
    Elements(Vec<Pattern>),
    /// A command that is no data.
    Command,
    /// It starts as an element does, and goes on as none: a slip of the pen.
    Unknown {
        /// Why, naming the place.
        reason: String,
    },
}

/// Reads a line.
pub(super) fn read(schema: &Schema, line: &str) -> Match {
    let words = match words(line) {
        Ok(words) => words,
        Err(reason) => return Match::Unknown { reason },
    };
    match words.first() {
        Some(Word::Name(name)) if child(schema, None, name).is_some() => {}
        _ => return Match::Command,
    }
    let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
    let found = raw(schema, &words).and_then(|raw| resolver.delete(&raw).map_err(|error| error.to_string()));
    match found {
        Ok(patterns) => Match::Elements(patterns),
        Err(reason) => Match::Unknown { reason },
    }
}

#[derive(Debug, PartialEq)]
enum Word {
    Name(String),
    Key(String),
}

/// Words between blanks. Brackets and quotes hold blanks together.
fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    rest = rest.strip_prefix('/').unwrap_or(rest);
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '<' => '>',
            '"' => '"',
            _ => {
                let (name, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                words.push(Word::Name(name.to_owned()));
                rest = after.trim_start();
                continue;
            }
        };
        let inner = rest.get(1..).unwrap_or_default();
        let (key, after) = inner.split_once(closing).ok_or_else(|| format!("'{closing}' is missing in '{rest}'"))?;
        words.push(Word::Key(key.trim_matches('"').to_owned()));
        rest = after.trim_start();
    }
    Ok(words)
}

/// The path that the words spell, keys in the order of the schema.
fn raw(schema: &Schema, words: &[Word]) -> Result<RawPath, String> {
    let mut elems: Vec<RawElem> = Vec::new();
    let mut at = None;
    for word in words {
        match word {
            Word::Name(name) => {
                at = child(schema, at, name);
                elems.push(RawElem { name: name.clone(), keys: Vec::new() });
                if at.is_none() {
                    break; // The resolver says it with the path.
                }
            }
            Word::Key(key) => {
                let Some((elem, list)) = elems.last_mut().zip(at) else { continue };
                let name = schema.node(list).keys().get(elem.keys.len());
                let name = name.ok_or_else(|| format!("'{}' takes no key '{key}'", elem.name))?;
                // Keys go by their place, so one that means any has to stand there too.
                let text = if key == ".*" { "*" } else { key };
                elem.keys.push((schema.node(*name).name.to_string(), text.to_owned()));
            }
        }
    }
    Ok(RawPath { origin: None, elems })
}

fn child(schema: &Schema, at: Option<NodeId>, name: &str) -> Option<NodeId> {
    match name.split_once(':') {
        Some((module, name)) => schema.child(at, Some(module), name),
        None => schema.child(at, None, name),
    }
}
