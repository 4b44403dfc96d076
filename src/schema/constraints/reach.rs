//! How far up an XPath expression can look.

/// What stands before the next token decides what it means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// An operator, an opening bracket or nothing: a path may begin.
    Start,
    /// A slash: a step follows.
    Slash,
    /// The end of a step, a literal, a closing bracket.
    Operand,
}

/// A bracket that is open.
struct Frame {
    /// How far up a relative path that begins inside starts from.
    base: usize,
    /// How far up the path was that the bracket interrupts.
    outer: usize,
    /// Whether it is a predicate and not a parenthesis.
    is_predicate: bool,
}

/// An upper bound for the number of levels that an expression climbs above its context node before it goes down again;
/// none when it may start from the root or jump. Erring upwards costs time, never a missed violation.
pub(super) fn climb(expression: &str) -> Option<usize> {
    let mut rest = expression;
    let mut frames: Vec<Frame> = Vec::new();
    let (mut level, mut highest) = (0, 0);
    let mut before = Before::Start;
    while let Some(char) = rest.chars().next() {
        let base = frames.last().map_or(0, |frame| frame.base);
        if before == Before::Start && !matches!(char, ' ' | '\t' | '\n' | '\r') {
            level = base;
        }
        let mut length = char.len_utf8();
        match char {
            ' ' | '\t' | '\n' | '\r' => {}
            '\'' | '"' => {
                length += rest.get(1..)?.find(char)? + 1;
                before = Before::Operand;
            }
            '/' if before == Before::Start => return None,
            '/' => before = Before::Slash,
            '(' | '[' => {
                let is_predicate = char == '[';
                frames.push(Frame { base: if is_predicate { level } else { base }, outer: level, is_predicate });
                before = Before::Start;
            }
            ')' | ']' => {
                let frame = frames.pop()?;
                // A path may go on from what is in parentheses, wherever that has climbed to.
                level = if frame.is_predicate { frame.outer } else { highest };
                before = Before::Operand;
            }
            '.' if rest.starts_with("..") => {
                length = 2;
                level += 1;
                highest = highest.max(level);
                before = Before::Operand;
            }
            '.' | '0'..='9' => before = Before::Operand,
            '*' if before != Before::Operand => before = Before::Operand,
            '$' => return None,
            _ if is_name_start(char) => {
                let name = name(rest);
                length = name.len();
                before = match after_name(name, rest.get(length..)?.trim_start(), before)? {
                    Meaning::Operator => Before::Start,
                    Meaning::Axis(colons) => {
                        length += colons;
                        Before::Slash
                    }
                    Meaning::Context => {
                        level = 0;
                        Before::Operand
                    }
                    Meaning::Other => Before::Operand,
                };
            }
            // Operators and commas.
            _ => before = Before::Start,
        }
        rest = rest.get(length..)?;
    }
    Some(highest)
}

enum Meaning {
    /// `and`, `or`, `div`, `mod`.
    Operator,
    /// An axis that does not climb, with the length of what stands between its name and the step.
    Axis(usize),
    /// `current`, whose parentheses follow.
    Context,
    /// A step or the name of a function.
    Other,
}

/// What a name means by what stands around it; none when it may lead anywhere.
fn after_name(name: &str, rest: &str, before: Before) -> Option<Meaning> {
    if before == Before::Operand {
        return matches!(name, "and" | "or" | "div" | "mod").then_some(Meaning::Operator);
    }
    if rest.starts_with("::") {
        let stays = matches!(name, "child" | "self" | "descendant" | "descendant-or-self" | "attribute");
        return stays.then_some(Meaning::Axis(2));
    }
    if rest.starts_with('(') {
        return match name {
            "deref" | "id" => None,
            "current" => Some(Meaning::Context),
            _ => Some(Meaning::Other),
        };
    }
    Some(Meaning::Other)
}

fn is_name_start(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

/// A name with its prefix, without an axis behind it.
fn name(text: &str) -> &str {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let end = |text: &str| text.find(|char| !is_part(char)).unwrap_or(text.len());
    let first = end(text);
    let local = text.get(first..).and_then(|rest| rest.strip_prefix(':'));
    match local.filter(|local| local.starts_with(is_name_start)) {
        Some(local) => text.get(..first + 1 + end(local)).unwrap_or(text),
        None => text.get(..first).unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_the_climb() {
        for (expression, expected) in [
            ("a = 1", Some(0)),
            (". = 'x/../..'", Some(0)),
            ("../a", Some(1)),
            ("../../a/b = ../c and not(../../../d)", Some(3)),
            ("../a/../b", Some(2)),
            ("../p:config/p:type = 'p:x'", Some(1)),
            ("/a/b", None),
            ("../a = /b", None),
            ("count(/a)", None),
            ("//a", None),
            ("..//a", Some(1)),
            ("a//b", Some(0)),
            ("../x[name = current()/../y]/z", Some(2)),
            ("../x[name = ../../y]/z", Some(3)),
            ("../x[name = current()/../../y]/../z", Some(3)),
            // What is in parentheses counts as climbed to, even after `current()`.
            ("../x[name = current()/../../../y]/../z", Some(4)),
            ("(../a | ../../b)/../c", Some(3)),
            ("deref(.)/../x", None),
            ("ancestor::a", None),
            ("parent::a", None),
            ("child::a/self::b", Some(0)),
            ("a * b", Some(0)),
            ("../* = 1", Some(1)),
            ("2 * ../a - 1.5 div 3", Some(1)),
            ("and or or", Some(0)),
            ("derived-from-or-self(../type, 'a:b')", Some(1)),
            ("boolean(../a) = boolean(../../b)", Some(2)),
            ("'unclosed", None),
            ("a)", None),
        ] {
            assert_eq!(climb(expression), expected, "{expression}");
        }
    }
}
