//! docs/CONFORMANCE.md lists every requirement once, and claims no more than the tests it names say of themselves.
//!
//! A claim `file::function` holds when that function is a test that runs and when its name, the comments and attributes
//! right above it or its body name the row (`SUB-017`, or a range such as `ENC-030 to ENC-039`). Whether the test
//! proves the row is for a reviewer to judge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::Regex;

const LIST: &str = "docs/CONFORMANCE.md";

/// Groups with the number of their rows, which are numbered from 001 without gaps.
const GROUPS: [(&str, usize); 21] = [
    ("TLS", 40),
    ("AUTH", 40),
    ("CAP", 17),
    ("PATH", 46),
    ("GET", 29),
    ("SET", 54),
    ("SUB", 56),
    ("SMP", 19),
    ("OCH", 26),
    ("TGT", 9),
    ("ENC", 57),
    ("BND", 14),
    ("DIAL", 66),
    ("CERT", 42),
    ("SYS", 44),
    ("FILE", 34),
    ("MDC", 11),
    ("RMG", 14),
    ("FTD", 56),
    ("LIM", 18),
    ("EXT", 38),
];

const REQUIREMENT_CHARS_MAX: usize = 90;
const REASON_CHARS_MIN: usize = 20;

struct Row {
    id: String,
    requirement: String,
    status: Status,
}

enum Status {
    /// Path and function of each test.
    Proved(Vec<(String, String)>),
    Later,
    NotSupported {
        reason: String,
    },
}

/// The rows of the list, in its order. Every table line is one, apart from the heads of the tables.
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(LIST).unwrap();
    text.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("| row |") && !line.starts_with("|---"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [id, requirement, status] = cells[..] else { panic!("not three cells: {line}") };
            let status = Status::parse(status).unwrap_or_else(|| panic!("{id}: no such status: {status}"));
            Row { id: id.to_owned(), requirement: requirement.to_owned(), status }
        })
        .collect()
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        if text == "later" {
            return Some(Self::Later);
        }
        if let Some(reason) = text.strip_prefix("not supported: ") {
            return Some(Self::NotSupported { reason: reason.to_owned() });
        }
        // A remark in parentheses says which part of the row is still open.
        let proofs = text.strip_prefix("proved by ")?.split(" (").next()?;
        let proof = |claim: &str| claim.split_once("::").map(|(path, test)| (path.to_owned(), test.to_owned()));
        proofs.split(", ").map(proof).collect::<Option<_>>().map(Self::Proved)
    }
}

#[test]
fn every_row_is_listed_once() {
    let expected: Vec<String> = GROUPS
        .iter()
        .flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}-{number:03}")))
        .collect();
    assert_eq!(expected.len(), 730);
    let listed: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    let missing: Vec<_> = expected.iter().filter(|id| !listed.contains(id)).collect();
    let strange: Vec<_> = listed.iter().filter(|id| !expected.contains(id)).collect();
    assert!(missing.is_empty() && strange.is_empty(), "missing: {missing:?}, no such row: {strange:?}");
    assert_eq!(listed, expected, "each row once and in order");
}

#[test]
fn requirements_fit_on_a_line() {
    let wrong: Vec<String> = rows()
        .into_iter()
        .filter(|row| row.requirement.is_empty() || row.requirement.chars().count() > REQUIREMENT_CHARS_MAX)
        .map(|row| row.id)
        .collect();
    assert!(wrong.is_empty(), "empty or over {REQUIREMENT_CHARS_MAX} characters: {wrong:?}");
}

#[test]
fn the_totals_are_those_of_the_tables() {
    let (mut proved, mut later, mut not_supported) = (0, 0, 0);
    for row in rows() {
        match row.status {
            Status::Proved(_) => proved += 1,
            Status::Later => later += 1,
            Status::NotSupported { .. } => not_supported += 1,
        }
    }
    let total = format!("730 rows: {proved} proved, {later} later, {not_supported} not supported.");
    assert!(fs::read_to_string(LIST).unwrap().lines().any(|line| line == total), "the line should be: {total}");
}

#[test]
fn what_is_not_supported_says_why() {
    let silent: Vec<String> = rows()
        .into_iter()
        .filter(|row| matches!(&row.status, Status::NotSupported { reason } if reason.len() < REASON_CHARS_MIN))
        .map(|row| row.id)
        .collect();
    assert!(silent.is_empty(), "reason missing or too short: {silent:?}");
}

#[test]
fn every_claim_is_backed_by_its_test() {
    let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows() {
        let Status::Proved(proofs) = row.status else { continue };
        for (path, test) in proofs {
            let text = files.entry(path.clone()).or_insert_with(|| fs::read_to_string(&path).ok());
            if let Err(reason) = judge(&row.id, &path, &test, text.as_deref()) {
                wrong.push(format!("{}: {path}::{test}: {reason}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the test is there and names the row.
fn judge(row: &str, path: &str, test: &str, file: Option<&str>) -> Result<(), &'static str> {
    let file = file.ok_or("no such file")?;
    let found = if path.ends_with(".py") { python_tests(file, test) } else { rust_tests(file, test) };
    if found.is_empty() {
        return Err("no such test that runs");
    }
    if found.iter().any(|text| names(test, text).contains(row)) { Ok(()) } else { Err("does not name the row") }
}

static ONE: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!(r"\b({})-(\d{{3}})\b", any_group())).unwrap());
static RANGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"\b({0})-(\d{{3}}) to ({0})-(\d{{3}})\b", any_group())).unwrap());
static IN_NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"(?:^|_)({})_(\d{{3}})(?:_|$)", any_group().to_lowercase())).unwrap());

fn any_group() -> String {
    GROUPS.map(|(group, _)| group).join("|")
}

/// The rows that a test names.
fn names(test: &str, text: &str) -> BTreeSet<String> {
    let id = |group: &str, number: &str| format!("{}-{number}", group.to_uppercase());
    let mut found: BTreeSet<String> = ONE.captures_iter(text).map(|hit| id(&hit[1], &hit[2])).collect();
    found.extend(IN_NAME.captures_iter(test).map(|hit| id(&hit[1], &hit[2])));
    for hit in RANGE.captures_iter(text).filter(|hit| hit[1] == hit[3]) {
        let (first, last) = (hit[2].parse::<usize>().unwrap(), hit[4].parse::<usize>().unwrap());
        found.extend((first..=last).map(|number| format!("{}-{number:03}", &hit[1])));
    }
    found
}

/// Attributes, comments and body of each test called `name` that is not ignored. Relies on rustfmt: a function ends
/// with a brace that stands as deep as its first line.
fn rust_tests(file: &str, name: &str) -> Vec<String> {
    let lines: Vec<&str> = file.lines().collect();
    let signature =
        Regex::new(&format!(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn {}\b", regex::escape(name))).unwrap();
    let test = Regex::new(r"^\s*#\[(?:\w+::)*test\b").unwrap();
    let above = |line: &str| ["//", "#[", "#!["].iter().any(|mark| line.trim_start().starts_with(mark));
    let mut found = Vec::new();
    for at in (0..lines.len()).filter(|&at| lines[at].contains(name) && signature.is_match(lines[at])) {
        let start = (0..at).rev().take_while(|&line| above(lines[line])).last().unwrap_or(at);
        let head = &lines[start..at];
        let ignored = head.iter().any(|line| line.trim_start().starts_with("#[ignore"));
        if ignored || !head.iter().any(|line| test.is_match(line)) {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent(lines[at])));
        let one_line = lines[at].trim_end().ends_with('}');
        let length = if one_line { Some(0) } else { lines[at..].iter().position(|line| line.trim_end() == end) };
        let last = length.map_or(lines.len() - 1, |length| at + length);
        found.push(lines[start..=last].join("\n"));
    }
    found
}

/// Decorators, comments and body of each test called `name` that is not skipped. A function ends where a line stands no
/// deeper than its first one, apart from a closing bracket.
fn python_tests(file: &str, name: &str) -> Vec<String> {
    let lines: Vec<&str> = file.lines().collect();
    let signature = Regex::new(&format!(r"^\s*(?:async )?def {}\b", regex::escape(name))).unwrap();
    let skipped = Regex::new(r"@pytest\.mark\.(?:skip|xfail)\b").unwrap();
    let mut found = Vec::new();
    if !name.starts_with("test_") {
        return found;
    }
    for at in (0..lines.len()).filter(|&at| lines[at].contains(name) && signature.is_match(lines[at])) {
        let depth = indent(lines[at]);
        let deeper = |line: &str, marks: &[char]| indent(line) > depth || line.trim_start().starts_with(marks);
        let above = |line: &str| !line.trim().is_empty() && deeper(line, &['#', '@', ')', ']', '}']);
        let inside = |line: &str| line.trim().is_empty() || deeper(line, &[')', ']', '}']);
        let start = (0..at).rev().take_while(|&line| above(lines[line])).last().unwrap_or(at);
        let end = (at + 1..lines.len()).take_while(|&line| inside(lines[line])).last().unwrap_or(at);
        let head = lines[start..at].join("\n");
        if !skipped.is_match(&head) {
            found.push(lines[start..=end].join("\n"));
        }
    }
    found
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

const RUST: &str = "
mod tests {
    // SUB-001 is not about the next function.

    /// SUB-002, ENC-030 to ENC-032.
    #[tokio::test(start_paused = true)]
    async fn first() {
        let text = \"SUB-003\";
    }

    // SUB-004
    #[test]
    #[ignore = \"slow\"]
    fn second() {}

    // SUB-005
    fn third() {}
}
";

const PYTHON: &str = "
# SUB-001 is not about the next function.

@pytest.mark.parametrize(
    \"name\",
    [\"a\"],  # SUB-002
)
def test_first(
    name,
):
    # SUB-003

    assert name


@pytest.mark.skip
def test_second():  # SUB-004
    pass
";

#[test]
fn a_claim_needs_a_test_that_names_the_row() {
    let rust = |row, test| judge(row, "src/a.rs", test, Some(RUST));
    let python = |row, test| judge(row, "tests/a.py", test, Some(PYTHON));
    for row in ["SUB-002", "SUB-003", "ENC-030", "ENC-031", "ENC-032"] {
        assert_eq!(rust(row, "first"), Ok(()), "{row}");
    }
    for row in ["SUB-001", "SUB-004", "ENC-033"] {
        assert_eq!(rust(row, "first"), Err("does not name the row"), "{row}");
    }
    assert_eq!(rust("SUB-004", "second"), Err("no such test that runs"), "it is ignored");
    assert_eq!(rust("SUB-005", "third"), Err("no such test that runs"), "it is no test");
    assert_eq!(rust("SUB-002", "firs"), Err("no such test that runs"));
    for row in ["SUB-002", "SUB-003"] {
        assert_eq!(python(row, "test_first"), Ok(()), "{row}");
    }
    for row in ["SUB-001", "SUB-004"] {
        assert_eq!(python(row, "test_first"), Err("does not name the row"), "{row}");
    }
    assert_eq!(python("SUB-004", "test_second"), Err("no such test that runs"), "it is skipped");
    assert_eq!(judge("SUB-001", "src/b.rs", "first", None), Err("no such file"));
    assert_eq!(names("sub_017_once_without_data", ""), BTreeSet::from(["SUB-017".to_owned()]));
}
