//! JSON text of a request, judged as JSON before anything else.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Longest part of a refused text that an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// Parses one JSON text with nothing behind it. Numbers keep their digits, nesting is bounded by serde_json (128
/// levels), and a member given twice is refused rather than resolved in silence. The error names the rule (SET-032), and
/// shows the text unless that is `discreet`.
pub(super) fn parse(text: &[u8], discreet: bool) -> Result<Value, String> {
    let checked: Result<Unique, _> = serde_json::from_slice(text);
    checked.and_then(|Unique| serde_json::from_slice(text)).map_err(|error| {
        let shown = if discreet { String::new() } else { format!(" in '{}'", shown(&String::from_utf8_lossy(text))) };
        // Some clients pass on what was typed: `zurich` where JSON has `"zurich"`.
        let hint = match text.trim_ascii_start().first() {
            Some(first) if !b"{[\"-0123456789".contains(first) => "; a JSON string needs quotes",
            _ => "",
        };
        format!("Malformed JSON{shown}: {error}{hint}")
    })
}

/// A text of a request as errors repeat it: on one line, and not longer than helps.
pub(super) fn shown(text: &str) -> String {
    let mut symbols = text.chars();
    let start: String = symbols.by_ref().take(SHOWN_CHARS_MAX).collect();
    let more = if symbols.next().is_some() { "..." } else { "" };
    format!("{}{more}", start.escape_debug())
}

/// Any JSON text in which no object has the same member twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E: Error>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        while let Some(Unique) = members.next_element()? {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        // With arbitrary precision a number arrives as a map of one member, which is as unique as any.
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let Unique = members.next_value()?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format_args!("member '{}' is given twice", shown(&name))));
            }
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SET-032: what is not JSON is refused with the text and the rule.
    #[test]
    fn refuses_what_is_not_json() {
        for (text, message) in [
            ("zurich", "Malformed JSON in 'zurich': expected value at line 1 column 1; a JSON string needs quotes"),
            ("", "Malformed JSON in '': EOF while parsing a value at line 1 column 0"),
            ("{} x", "Malformed JSON in '{} x': trailing characters at line 1 column 4"),
            (r#"{"a":1,"a":2}"#, r#"member 'a' is given twice"#),
            ("[01]", "invalid number"),
        ] {
            let error = parse(text.as_bytes(), false).expect_err(text);
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!(parse(&[b'[', 0xff, b']'], false).is_err());
        assert!(parse(&b"[".repeat(100_000), false).expect_err("too deep").contains("recursion limit"));
        assert!(parse(&b"x".repeat(100), false).expect_err("long").contains(&format!("'{}...'", "x".repeat(40))));
        let discreet = parse(b"hunter2", true).expect_err("no JSON");
        assert!(!discreet.contains("hunter2") && discreet.starts_with("Malformed JSON: "), "{discreet}");
    }

    #[test]
    fn keeps_digits() {
        for number in ["18446744073709551616", "-0.10", "1e+400", "123456789012345678901234567890.5"] {
            assert_eq!(parse(number.as_bytes(), false).map(|value| value.to_string()).as_deref(), Ok(number));
        }
        assert!(parse(br#"{"a":[1,2.5,true,null,"x",{}],"b":1}"#, false).is_ok());
    }
}
