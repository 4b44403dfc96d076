//! Translation to the syntax of the `regex` crate, in one pass from left to right.

use super::blocks::block;
use super::{PatternError, Syntax};

/// A translated pattern.
pub(super) struct Translation {
    /// For the `regex` crate, anchored where the language says so.
    pub(super) expression: String,
    /// Rough number of automaton states.
    pub(super) states: u64,
}

/// States of a class that spreads over Unicode and so over many UTF-8 sequences.
const UNICODE_CLASS_STATES: u64 = 400;
/// Groups inside groups; deeper ones would only exhaust the stack.
const DEPTH_MAX: usize = 100;

/// First characters of XML names, `\i`.
const NAME_START: &str = r":A-Z_a-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}-\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
/// What XML names may have besides, for `\c`.
const NAME_MORE: &str = r"\-.0-9\u{B7}\u{300}-\u{36F}\u{203F}-\u{2040}";

/// General categories of Unicode that a pattern may name.
const CATEGORIES: [&str; 37] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Z", "Zs", "Zl", "Zp", "S", "Sm", "Sc", "Sk", "So", "C", "Cc", "Cf", "Co", "Cn", "Cs",
];

/// Translates a pattern.
pub(super) fn translate(pattern: &str, syntax: Syntax) -> Result<Translation, PatternError> {
    let mut parser = Parser { rest: pattern, pattern, syntax, depth: 0, is_wide: false, out: String::new() };
    let states = parser.alternatives()?;
    if !parser.rest.is_empty() {
        return Err(parser.error("a closing bracket without an opening one"));
    }
    let inner = parser.out;
    let expression = match syntax {
        Syntax::XmlSchema => format!(r"\A(?:{inner})\z"),
        Syntax::Posix => inner,
    };
    Ok(Translation { expression, states })
}

struct Parser<'a> {
    rest: &'a str,
    pattern: &'a str,
    syntax: Syntax,
    depth: usize,
    /// Whether the class that was read last reaches beyond ASCII.
    is_wide: bool,
    out: String,
}

/// What one escape stands for.
enum Escape {
    Char(char),
    /// Items to put between brackets.
    Class {
        items: String,
        negated: bool,
    },
}

impl Parser<'_> {
    fn error(&self, reason: &'static str) -> PatternError {
        let before = self.pattern.len() - self.rest.len();
        let position = self.pattern.get(..before).map_or(0, |read| read.chars().count()) + 1;
        PatternError { pattern: self.pattern.to_owned(), reason, position }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    fn take_if(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Branches up to the end or a closing parenthesis.
    fn alternatives(&mut self) -> Result<u64, PatternError> {
        let mut states: u64 = 1;
        loop {
            match self.peek() {
                None | Some(')') => return Ok(states),
                Some('|') => {
                    self.take();
                    self.out.push('|');
                }
                Some(_) => states = states.saturating_add(self.piece()?),
            }
        }
    }

    /// An atom with its quantifier.
    fn piece(&mut self) -> Result<u64, PatternError> {
        let states = self.atom()?;
        let repeats = match self.peek() {
            Some(quantifier @ ('?' | '*' | '+')) => {
                self.take();
                self.out.push(quantifier);
                2
            }
            Some('{') => match self.quantity()? {
                Some(repeats) => repeats,
                None => return Ok(states),
            },
            _ => return Ok(states),
        };
        if matches!(self.peek(), Some('?' | '*' | '+')) {
            return Err(self.error("a quantifier after a quantifier"));
        }
        Ok(states.saturating_mul(repeats))
    }

    /// `{n}`, `{n,}` or `{n,m}`; none when a brace stands for itself.
    fn quantity(&mut self) -> Result<Option<u64>, PatternError> {
        let Some((inside, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Ok(None);
        };
        let (least, most) = inside.split_once(',').map_or((inside, None), |(least, most)| (least, Some(most)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(least) || !most.is_none_or(|most| most.is_empty() || is_number(most)) {
            return Ok(None);
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| self.error("a repetition that is too large"));
        let least = number(least)?;
        let most = match most {
            None => Some(least),
            Some("") => None,
            Some(most) => Some(number(most)?),
        };
        if most.is_some_and(|most| most < least) {
            return Err(self.error("a repetition with its limits the wrong way round"));
        }
        self.out.push_str(&match most {
            Some(most) => format!("{{{least},{most}}}"),
            None => format!("{{{least},}}"),
        });
        self.rest = rest;
        Ok(Some(u64::from(most.unwrap_or(least.saturating_add(1))).max(1)))
    }

    fn atom(&mut self) -> Result<u64, PatternError> {
        let start = self.rest;
        let Some(char) = self.take() else { return Ok(0) };
        match char {
            '(' => return self.group(),
            '[' => {
                self.is_wide = false;
                let class = match self.syntax {
                    Syntax::XmlSchema => self.class()?,
                    Syntax::Posix => self.posix_class()?,
                };
                self.out.push_str(&class);
                return Ok(if self.is_wide { UNICODE_CLASS_STATES } else { 2 });
            }
            '.' => self.out.push_str(if self.syntax == Syntax::XmlSchema { r"[^\n\r]" } else { "(?s:.)" }),
            '^' | '$' if self.syntax == Syntax::Posix => self.out.push(char),
            '\\' => match self.escape()? {
                Escape::Char(char) => literal(char, &mut self.out),
                Escape::Class { items, negated } => {
                    self.out.push_str(&bracketed(&items, negated));
                    return Ok(UNICODE_CLASS_STATES);
                }
            },
            '?' | '*' | '+' | ']' => {
                self.rest = start;
                let reason = if char == ']' { "a closing bracket without an opening one" } else { "nothing to repeat" };
                return Err(self.error(reason));
            }
            _ => literal(char, &mut self.out),
        }
        Ok(if char == '.' { 10 } else { 1 })
    }

    fn group(&mut self) -> Result<u64, PatternError> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error("groups too deep inside each other"));
        }
        if self.peek() == Some('?') {
            return Err(self.error("a group that XML Schema does not have"));
        }
        self.depth += 1;
        self.out.push_str("(?:");
        let states = self.alternatives()?;
        self.depth -= 1;
        if !self.take_if(')') {
            return Err(self.error("a parenthesis that is not closed"));
        }
        self.out.push(')');
        Ok(states)
    }

    /// The rest of an escape, after its backslash.
    fn escape(&mut self) -> Result<Escape, PatternError> {
        let Some(char) = self.take() else { return Err(self.error("a backslash at the end")) };
        let class = |items: &str, negated| Ok(Escape::Class { items: items.to_owned(), negated });
        match char {
            'n' => Ok(Escape::Char('\n')),
            'r' => Ok(Escape::Char('\r')),
            't' => Ok(Escape::Char('\t')),
            's' | 'S' => class(r"\x20\t\n\r", char == 'S'),
            'd' | 'D' => class(r"\p{Nd}", char == 'D'),
            // All but punctuation, separators and others.
            'w' | 'W' => class(r"\p{P}\p{Z}\p{C}", char == 'w'),
            'i' | 'I' => class(NAME_START, char == 'I'),
            'c' | 'C' => class(&format!("{NAME_START}{NAME_MORE}"), char == 'C'),
            'p' | 'P' => Ok(Escape::Class { items: self.property()?, negated: char == 'P' }),
            char if !char.is_alphanumeric() => Ok(Escape::Char(char)),
            _ => Err(self.error("an unknown escape before this")),
        }
    }

    /// `{Lu}` or `{IsBasicLatin}`, after `\p`.
    fn property(&mut self) -> Result<String, PatternError> {
        let Some((name, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Err(self.error("a property without its braces"));
        };
        let items = match name.strip_prefix("Is") {
            Some(name) => block(name).map(|(first, last)| format!(r"\u{{{first:X}}}-\u{{{last:X}}}")),
            // Surrogates are no characters of a text.
            None if name == "Cs" => Some(r"[a&&b]".to_owned()),
            None => CATEGORIES.contains(&name).then(|| format!(r"\p{{{name}}}")),
        };
        let Some(items) = items else { return Err(self.error("an unknown property")) };
        self.rest = rest;
        Ok(items)
    }

    /// A class of XML Schema, after its opening bracket: items, and perhaps a class to subtract.
    fn class(&mut self) -> Result<String, PatternError> {
        let negated = self.take_if('^');
        self.is_wide |= negated;
        let mut items = String::new();
        let mut subtracted = None;
        loop {
            let before = self.rest;
            let Some(char) = self.take() else { return Err(self.error("a class that is not closed")) };
            match char {
                ']' if items.is_empty() => {
                    self.rest = before;
                    return Err(self.error("an empty class"));
                }
                ']' => break,
                '-' if self.peek() == Some('[') && !items.is_empty() => {
                    self.take();
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(self.error("groups too deep inside each other"));
                    }
                    subtracted = Some(self.class()?);
                    self.depth -= 1;
                    if !self.take_if(']') {
                        return Err(self.error("something after a subtraction"));
                    }
                    break;
                }
                '\\' => match self.escape()? {
                    Escape::Char(char) => self.range(char, &mut items)?,
                    Escape::Class { items: inner, negated } => {
                        self.is_wide = true;
                        items.push_str(&bracketed(&inner, negated));
                    }
                },
                char => self.range(char, &mut items)?,
            }
        }
        let class = bracketed(&items, negated);
        Ok(match subtracted {
            Some(subtracted) => format!("[{class}--{subtracted}]"),
            None => class,
        })
    }

    /// One character of a class, or the range that begins with it.
    fn range(&mut self, first: char, items: &mut String) -> Result<(), PatternError> {
        literal(first, items);
        self.is_wide |= !first.is_ascii();
        let Some(after) = self.rest.strip_prefix('-') else { return Ok(()) };
        if after.starts_with(']') || (after.starts_with('[') && self.syntax == Syntax::XmlSchema) {
            return Ok(());
        }
        self.rest = after;
        let last = match self.take() {
            Some('\\') if self.syntax == Syntax::XmlSchema => match self.escape()? {
                Escape::Char(char) => char,
                Escape::Class { .. } => return Err(self.error("a range that ends in a class")),
            },
            Some(char) => char,
            None => return Err(self.error("a class that is not closed")),
        };
        if last < first {
            return Err(self.error("a range with its ends the wrong way round"));
        }
        self.is_wide |= !last.is_ascii();
        items.push('-');
        literal(last, items);
        Ok(())
    }

    /// A bracket expression of POSIX, after its opening bracket: a backslash is an ordinary character, and so is a
    /// closing bracket that comes first.
    fn posix_class(&mut self) -> Result<String, PatternError> {
        let negated = self.take_if('^');
        self.is_wide |= negated;
        let mut items = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix("[:") {
                let Some((name, rest)) = rest.split_once(":]") else {
                    return Err(self.error("a class that is not closed"));
                };
                if !POSIX_CLASSES.contains(&name) {
                    return Err(self.error("an unknown class"));
                }
                items.push_str(&format!("[:{name}:]"));
                self.rest = rest;
                continue;
            }
            match self.take() {
                None => return Err(self.error("a class that is not closed")),
                Some(']') if !items.is_empty() => return Ok(bracketed(&items, negated)),
                Some(char) => self.range(char, &mut items)?,
            }
        }
    }
}

/// Named classes of POSIX bracket expressions.
const POSIX_CLASSES: [&str; 12] =
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"];

fn bracketed(items: &str, negated: bool) -> String {
    format!("[{}{items}]", if negated { "^" } else { "" })
}

/// A character that means itself, inside and outside of classes.
fn literal(char: char, out: &mut String) {
    if char.is_ascii_alphanumeric() || !char.is_ascii() {
        out.push(char);
    } else {
        out.push_str(&format!(r"\x{:02X}", u32::from(char)));
    }
}
