//! The form of instance-identifiers in JSON (RFC 7951 6.11): `/module:node/node[key='value']/node[.='value']/node[1]`.

/// Whether a text has the form, which says nothing about the nodes in it.
pub(super) fn is_well_formed(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('/') else { return false };
    let mut is_first = true;
    loop {
        let Some((is_qualified, after)) = name(rest) else { return false };
        if is_first && !is_qualified {
            return false;
        }
        is_first = false;
        rest = after;
        while let Some(inside) = rest.strip_prefix('[') {
            let Some(after) = predicate(inside) else { return false };
            rest = after;
        }
        match rest.strip_prefix('/') {
            Some(after) => rest = after,
            None => return rest.is_empty(),
        }
    }
}

/// Reads `name` or `module:name` and tells which.
fn name(text: &str) -> Option<(bool, &str)> {
    let after = identifier(text)?;
    match after.strip_prefix(':') {
        Some(local) => Some((true, identifier(local)?)),
        None => Some((false, after)),
    }
}

fn identifier(text: &str) -> Option<&str> {
    let is_start = |char: char| char.is_ascii_alphabetic() || char == '_';
    let rest = text.strip_prefix(is_start)?;
    Some(rest.trim_start_matches(|char: char| is_start(char) || char.is_ascii_digit() || matches!(char, '-' | '.')))
}

/// Reads a predicate after its opening bracket.
fn predicate(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let digits = text.trim_start_matches(|char: char| char.is_ascii_digit());
    if digits.len() < text.len() {
        return digits.trim_start().strip_prefix(']');
    }
    let rest = match text.strip_prefix('.') {
        Some(rest) => rest,
        None => name(text)?.1,
    };
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|char| matches!(char, '\'' | '"'))?;
    let (_, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
    rest.trim_start().strip_prefix(']')
}
