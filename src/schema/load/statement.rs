//! YANG text as statements with their lines, as far as error messages and dependencies need it.
//!
//! Invariant: whatever the text, there is an answer: libyang judges it, this only finds places in it.

/// A statement with what is in its braces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) keyword: String,
    /// Without quotes, parts put together.
    pub(super) argument: String,
    /// Line of the keyword, from 1.
    pub(super) line: usize,
    pub(super) children: Vec<Statement>,
}

/// Keywords of the statements that a schema path names by their argument alone.
const NODES: &[&str] = &[
    "container",
    "list",
    "leaf",
    "leaf-list",
    "choice",
    "case",
    "anydata",
    "anyxml",
    "rpc",
    "action",
    "notification",
    "input",
    "output",
];

/// How deep statements may stand in others. libyang refuses what goes deeper.
const DEPTH_MAX: usize = 64;

/// Reads as far as it makes sense.
pub(super) fn parse(text: &str) -> Vec<Statement> {
    Reader { rest: text.trim_start_matches('\u{feff}'), line: 1, depth: 0 }.statements()
}

impl Statement {
    /// Arguments of the direct substatements with a keyword.
    pub(super) fn arguments<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a str> {
        self.children.iter().filter(move |child| child.keyword == keyword).map(|child| &*child.argument)
    }

    fn find(&self, wanted: &dyn Fn(&Self) -> bool) -> Option<&Self> {
        self.children.iter().find_map(|child| if wanted(child) { Some(child) } else { child.find(wanted) })
    }
}

/// The line of what a schema path of libyang names, or of the last part of it that can be found: `/a:c/x`,
/// `/a:{uses='g'}`, `/a:{augment='/b:c'}/x`.
pub(super) fn line_of_path(statements: &[Statement], path: &str) -> Option<usize> {
    let module = statements.first()?;
    let mut at = module;
    for segment in segments(path) {
        let wanted = |child: &Statement| names(segment, child);
        match at.children.iter().find(|child| wanted(child)) {
            Some(found) => at = found,
            // It comes from a grouping, or from another module.
            None => return module.find(&wanted).map(|found| found.line).or((at.line > module.line).then_some(at.line)),
        }
    }
    (at.line > module.line).then_some(at.line)
}

/// The line of the first statement with a keyword and an argument.
pub(super) fn line_of(statements: &[Statement], keyword: &str, argument: &str) -> Option<usize> {
    let wanted = |child: &Statement| child.keyword == keyword && child.argument == argument;
    statements.first()?.find(&wanted).map(|found| found.line)
}

/// The line where a module or submodule of a name begins.
pub(super) fn line_of_module(statements: &[Statement], name: &str) -> Option<usize> {
    statements.iter().find(|statement| statement.argument == name).map(|found| found.line)
}

/// The parts of a path, where a slash in braces does not count.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    let parts = path.split(move |symbol| {
        match symbol {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        symbol == '/' && depth == 0
    });
    parts.filter(|part| !part.is_empty())
}

fn names(segment: &str, statement: &Statement) -> bool {
    let braces = segment.find('{').and_then(|start| segment.get(start..)?.strip_prefix('{')?.strip_suffix('}'));
    match braces {
        Some(inner) => inner.split_once('=').is_some_and(|(keyword, argument)| {
            statement.keyword == keyword && statement.argument == argument.trim_matches(['\'', '"'])
        }),
        None => {
            let name = segment.rsplit(':').next().unwrap_or(segment);
            NODES.contains(&&*statement.keyword) && statement.argument == name
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Statements up to the brace that closes them, or the end. Those that stand too deep are left out, or taken for
    /// others.
    fn statements(&mut self) -> Vec<Statement> {
        let mut found = Vec::new();
        loop {
            self.skip();
            if self.rest.is_empty() || self.take("}") {
                return found;
            }
            let line = self.line;
            let keyword = self.word();
            let argument = self.argument();
            self.skip();
            let mut children = Vec::new();
            if self.take("{") && self.depth < DEPTH_MAX {
                self.depth += 1;
                children = self.statements();
                self.depth -= 1;
            }
            self.take(";");
            if keyword.is_empty() && argument.is_empty() {
                // Not YANG: at least go on.
                self.advance(self.rest.chars().next().map_or(0, char::len_utf8));
                continue;
            }
            found.push(Statement { keyword: keyword.to_owned(), argument, line, children });
        }
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.starts_with(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            let comment = if self.rest.starts_with("//") {
                self.rest.find('\n').unwrap_or(self.rest.len())
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map_or(self.rest.len(), |end| end + 2)
            } else {
                return;
            };
            self.advance(comment);
        }
    }

    fn word(&mut self) -> &'a str {
        let ends = |symbol: char| symbol.is_whitespace() || matches!(symbol, ';' | '{' | '}');
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        self.advance(end)
    }

    fn argument(&mut self) -> String {
        self.skip();
        let mut argument = String::new();
        loop {
            match self.rest.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    self.advance(1);
                    argument.push_str(self.quoted(quote));
                }
                _ if argument.is_empty() => return self.word().to_owned(),
                _ => return argument,
            }
            self.skip();
            if !self.take("+") {
                return argument;
            }
            self.skip();
        }
    }

    /// What stands before the closing quote, as written.
    fn quoted(&mut self, quote: char) -> &'a str {
        let mut escaped = false;
        let end = self.rest.find(|symbol| {
            let closes = symbol == quote && !escaped;
            escaped = quote == '"' && symbol == '\\' && !escaped;
            closes
        });
        let text = self.advance(end.unwrap_or(self.rest.len()));
        self.advance(1);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// a module
module m { namespace \"urn:\" + 'm'; /* two
  lines */ prefix m;
  import other { prefix o; }
  grouping g { leaf deep { type string; } }
  container c { uses g;
    leaf x { type string { pattern \"a{1,2}\\\"}\"; } }
    choice way { case one { leaf y { type empty; } } } }
  augment \"/o:a/o:b\" {
    leaf z { type string; } } }";

    #[test]
    fn finds_lines() {
        let statements = parse(TEXT);
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0].arguments("namespace").collect::<Vec<_>>(), ["urn:m"]);
        for (path, line) in [
            ("/m:c", Some(6)),
            ("/m:c/x", Some(7)),
            ("/m:c/way/one/y", Some(8)),
            ("/m:c/deep", Some(5)),
            ("/m:c/nothing", Some(6)),
            ("/m:{augment='/o:a/o:b'}/z", Some(10)),
            ("/m:{grouping='g'}/deep", Some(5)),
            ("/m:nothing", None),
        ] {
            assert_eq!(line_of_path(&statements, path), line, "{path}");
        }
        assert_eq!(line_of(&statements, "import", "other"), Some(4));
        assert_eq!(line_of(&statements, "import", "others"), None);
    }

    #[test]
    fn reads_anything() {
        for text in ["", "}", "module", "module m {", "a \"unclosed", "a { b { c", "{{{", ";;;", "a + b", "é\u{0}\"'"]
        {
            let _ = parse(text);
        }
        assert_eq!(parse(&"a { ".repeat(1_000_000)).len(), 1);
    }
}
