//! Patterns against texts, as tables.

use super::*;

#[track_caller]
fn check(source: &str, syntax: Syntax, allowed: &[&str], refused: &[&str]) {
    let pattern = TextPattern::new(source, syntax, false).unwrap();
    let inverse = TextPattern::new(source, syntax, true).unwrap();
    for (texts, expected) in [(allowed, true), (refused, false)] {
        for text in texts {
            assert_eq!(pattern.allows(text), expected, "{source} on {text:?}, as {}", pattern.0.translated);
            assert_eq!(inverse.allows(text), !expected, "not {source} on {text:?}");
        }
    }
}

#[test]
fn xml_schema_is_about_the_whole_text() {
    use Syntax::XmlSchema as X;
    check("abc", X, &["abc"], &["", "abcd", "xabc", "abc\n"]);
    check("a|bc", X, &["a", "bc"], &["abc", "b"]);
    check("", X, &[""], &["a"]);
    check("(a|)b?", X, &["", "a", "ab", "b"], &["bb"]);
    check("^a$", X, &["^a$"], &["a"]);
    check("a^b$c", X, &["a^b$c"], &["abc"]);
}

#[test]
fn xml_schema_atoms() {
    use Syntax::XmlSchema as X;
    check("a.c", X, &["abc", "a☃c"], &["a\nc", "a\rc", "ac"]);
    check(r"a\.c\\\-\^\$\/", X, &[r"a.c\-^$/"], &["abc"]);
    check(r"\n\r\t", X, &["\n\r\t"], &["nrt"]);
    check("a{2}b{1,}c{0,2}", X, &["aab", "aabbbcc"], &["ab", "aa", "aabccc"]);
    check("a{b}{", X, &["a{b}{"], &["a"]);
    check("a+b*c?", X, &["a", "aabbc"], &["", "abcc"]);
    check(r"\d{2}", X, &["12", "٣٤"], &["1a"]);
    check(r"\D\S\s", X, &["ab ", "a☃\t"], &["1b ", "a  ", "ab\u{A0}"]);
    check(r"\w*", X, &["abcÄ1+"], &["a-b", "a b", "a_b"]);
    check(r"\W", X, &["-", " "], &["a"]);
    check(r"\i\c*", X, &["a-1.b", "_x:y", "é"], &["1a", "-a", "a b"]);
    check(r"\I\C", X, &["1 "], &["a ", "1a"]);
}

#[test]
fn xml_schema_classes() {
    use Syntax::XmlSchema as X;
    check("[a-cx]+", X, &["abcx"], &["d", ""]);
    check("[^a-c]", X, &["d", "☃", "\n"], &["a"]);
    check("[-a]+", X, &["a-"], &["b"]);
    check("[a-]+", X, &["a-"], &["b"]);
    check(r"[a\-z]+", X, &["a-z"], &["b"]);
    check("[+--]+", X, &["+,-"], &["."]);
    check("[a^$.*?]+", X, &["a^$.*?"], &["b"]);
    check(r"[\d\s_]+", X, &["1 _"], &["a"]);
    check(r"[\S]+", X, &["ab"], &["a b"]);
    check(r"[^\d]", X, &["a"], &["1"]);
    check(r"[\[\]]+", X, &["[]"], &["a"]);
    check("[a-z-[aeiou]]+", X, &["bcd"], &["a", "-"]);
    check("[^0-9-[x]]", X, &["y", "-"], &["x", "1"]);
    check(r"[\w-[a-z-[b]]]", X, &["b", "A"], &["a"]);
    check("[&&~~a]+", X, &["&&~~a"], &["b"]);
    check("[ -~]*", X, &["all of ASCII ~"], &["é", "\t"]);
}

#[test]
fn xml_schema_properties() {
    use Syntax::XmlSchema as X;
    check(r"\p{Lu}\p{Nd}\P{L}", X, &["A1-"], &["a1-", "A1b"]);
    check(r"\p{IsBasicLatin}*", X, &["abc\u{7F}"], &["é"]);
    check(r"\P{IsBasicLatin}", X, &["é"], &["a"]);
    check(r"[\p{IsLatin-1Supplement}a]*", X, &["aé"], &["b"]);
    check(r"[\p{IsGreek}-[α]]", X, &["β"], &["α", "a"]);
    check(r"\p{Cs}", X, &[], &["a"]);
    check(r"\P{Cs}", X, &["a"], &[]);
}

#[test]
fn posix_is_anchored_only_where_it_says_so() {
    use Syntax::Posix as P;
    check("b", P, &["abc", "b"], &["ac"]);
    check("^a+$", P, &["aaa"], &["aab", "baa"]);
    check("^(a|b)$", P, &["a"], &["ab"]);
    check(r"^[\d]$", P, &["\\", "d"], &["1"]);
    check("^[]a]+$", P, &["]a"], &["b"]);
    check("^[^]a]$", P, &["b"], &["]", "a"]);
    check("^[[:digit:]a-c_]+$", P, &["1b_"], &["d"]);
    check(r"^route\-origin:[0-9]{2,}$", P, &["route-origin:12"], &["route-origin:1"]);
}

#[test]
fn says_what_is_wrong_and_where() {
    for (source, reason, position) in [
        ("a)", "a closing bracket without an opening one", 2),
        ("a]", "a closing bracket without an opening one", 2),
        ("(a", "a parenthesis that is not closed", 3),
        ("é[a", "a class that is not closed", 4),
        ("[]", "an empty class", 2),
        ("*a", "nothing to repeat", 1),
        ("a**", "a quantifier after a quantifier", 3),
        ("a{3,2}", "a repetition with its limits the wrong way round", 2),
        ("a{99999999999}", "a repetition that is too large", 2),
        ("[z-a]", "a range with its ends the wrong way round", 5),
        (r"\p{Klingon}", "an unknown property", 3),
        (r"\p{IsKlingon}", "an unknown property", 3),
        (r"\y", "an unknown escape before this", 3),
        ("a\\", "a backslash at the end", 3),
        ("(?:a)", "a group that XML Schema does not have", 2),
        ("[a-[b]c]", "something after a subtraction", 7),
        (r"((\p{L}{100}){100}){100}", "needs too much memory", 1),
    ] {
        let error = TextPattern::new(source, Syntax::XmlSchema, false).unwrap_err();
        assert_eq!(error, PatternError { pattern: source.to_owned(), reason, position });
    }
    let deep = "(".repeat(100_000);
    assert_eq!(TextPattern::new(&deep, Syntax::XmlSchema, false).unwrap_err().position, DEPTH_LIMIT_POSITION);
}

/// The first parenthesis too many, behind a hundred.
const DEPTH_LIMIT_POSITION: usize = 102;

#[test]
fn whatever_translates_also_compiles() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(2000), |(
        source in r"([a-c.^$|()\[\]{}*+?,0-9-]|\\[dDsSwWiIcCnrtpP.\\-]|\\p\{(L|IsGreek)\}|é){0,16}",
        posix in any::<bool>(),
    )| {
        let syntax = if posix { Syntax::Posix } else { Syntax::XmlSchema };
        if let Ok(pattern) = TextPattern::new(&source, syntax, false) {
            prop_assert!(pattern.0.compiled().is_some(), "{} as {}", source, pattern.0.translated);
        }
    });
}
