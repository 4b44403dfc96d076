//! The verdict on a change against libyang's full validation, on random modules and random edits.
//!
//! A case is a seed: three modules and a run of requests. `VOTE_CASES` and `VOTE_SEED` say how many and from which seed
//! on; `make soak` takes many, from a seed that differs each time. A failure prints the seed, the modules, what was
//! configured, the request and both verdicts.

mod edits;
mod modules;
mod random;

use std::collections::BTreeSet;
use std::fs;

use super::{Validator, Violation};
use crate::path::{DataPath, Pattern};
use crate::schema::{Loaded, Mirror, NodeId, Schema, Sources, Wrong, load};
use crate::store::diff::{Difference, diff};
use crate::store::edit::{self, Edit};
use crate::store::settle::settle;
use crate::store::tree::{Leaf, Tree};
use crate::time::Timestamp;
use crate::value::Value;

/// Cases of an ordinary run, and requests of each.
const CASES: u64 = 60;
const REQUESTS: usize = 60;

const NOW: Timestamp = Timestamp::from_nanos(1);

/// Everything that is set, in order: values, and nothing for list entries and presence containers.
type Explicit = Vec<(DataPath, Option<Value>)>;

fn explicit(schema: &Schema, tree: &Tree) -> Explicit {
    let mut found = Explicit::new();
    diff(schema, &Tree::default(), tree, &Pattern::default(), &mut |at, difference| match difference {
        Difference::Leaf { node, new, .. } if !new.is_default() => {
            found.push((DataPath::new(at).child(node, None), Some(new.value.clone())));
        }
        Difference::Created => found.push((DataPath::new(at), None)),
        _ => {}
    });
    found
}

/// Three modules and both ways to judge their configuration.
struct Case {
    loaded: Loaded,
    texts: String,
    roots: Vec<NodeId>,
    validator: Validator,
    tree: Tree,
    /// What is set in `tree`, as libyang tells it.
    known: BTreeSet<String>,
    /// Whether a configuration has been taken: nothing at all may be too little.
    started: bool,
}

/// How many verdicts were of which kind.
#[derive(Debug, Default)]
struct Tally {
    unusable: usize,
    taken: usize,
    refused: usize,
    vanished: usize,
}

impl Case {
    /// None when libyang refuses the modules, because `when` statements go in circles by way of what they are in.
    fn new(seed: u64, tally: &mut Tally) -> Option<Self> {
        let texts = modules::modules(&mut random::Random::new(seed));
        if knob("VOTE_SHOW", 0) > 0 {
            texts.iter().for_each(|(_, text)| println!("{text}"));
        }
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in &texts {
            fs::write(dir.path().join(format!("{name}.yang")), text).expect("a file");
        }
        let sources = Sources { dirs: vec![dir.path().to_owned()], ..Sources::default() };
        let loaded = match load(&sources) {
            Ok(loaded) => loaded,
            Err(error) => {
                if !error.to_string().contains("cyclic") {
                    println!("seed {seed}: {error}");
                }
                tally.unusable += 1;
                return None;
            }
        };
        let schema = loaded.schema.clone();
        let is_ours = |id: &NodeId| modules::NAMES.contains(&&*schema.module(schema.node(*id).module).name);
        let mut case = Self {
            roots: schema.roots().iter().copied().filter(is_ours).collect(),
            texts: texts.into_iter().map(|(_, text)| text).collect(),
            validator: Validator::new(&loaded),
            tree: Tree::default(),
            known: BTreeSet::new(),
            started: false,
            loaded,
        };
        let judged = case.judge(&[], tally);
        judged.unwrap_or_else(|why| panic!("seed {seed}, nothing configured: {why}\n{}", case.texts));
        Some(case)
    }

    /// Puts one request to both, compares, and goes on from what it leads to.
    fn judge(&mut self, edits: &[Edit], tally: &mut Tally) -> Result<(), String> {
        let schema = self.loaded.schema.clone();
        let mut asked = self.tree.clone();
        for edit in edits {
            edit::apply(&mut asked, &schema, edit, NOW).map_err(|error| error.to_string())?;
        }
        settle(&schema, &self.tree, &mut asked, NOW);
        let mut oracle = self.fresh(&asked)?;
        let opinion = self.opinion(&mut oracle, tally);
        let mut candidate = asked.clone();
        match self.validator.vote(&self.tree, &mut candidate, NOW) {
            Ok(_) => {
                opinion.map_err(|wrong| format!("taken, but libyang says {wrong:?}"))?;
                let known = self.fresh(&candidate)?.explicit();
                same(&known, &oracle.explicit())?;
                tally.taken += 1;
                self.validator.accept();
                (self.tree, self.known, self.started) = (candidate, known, true);
                Ok(())
            }
            Err(_) if opinion.is_err() => {
                tally.refused += 1;
                Ok(())
            }
            Err(violations) => Err(format!("refused: {}", lines(&violations))),
        }
    }

    /// What libyang says of a configuration that was asked for, after what has lost its `when` by it is gone: all but what
    /// the request itself sets (RFC 7950 8.2). One thing goes at a time, in the order of the modules' text, because a
    /// `when` reads only what stands before it.
    fn opinion(&self, asked: &mut Mirror, tally: &mut Tally) -> Result<(), Vec<Wrong>> {
        let new: Vec<String> = asked.explicit().difference(&self.known).cloned().collect();
        let is_below = |line: &String, place: &str| {
            line.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ', '[']))
        };
        loop {
            let wrong = match asked.validate_all() {
                Ok(()) => return Ok(()),
                Err(wrong) => wrong,
            };
            let lost = wrong.iter().filter(|one| one.reason.starts_with("When condition"));
            let stale = lost.filter(|one| !new.iter().any(|line| is_below(line, &one.path)));
            match stale.min_by_key(|one| position(&one.path)) {
                Some(one) => asked.take_out(&one.path),
                None => return Err(wrong),
            }
            tally.vanished += 1;
        }
    }

    /// The configuration of a tree, put into libyang from nothing.
    fn fresh(&self, tree: &Tree) -> Result<Mirror, String> {
        let mut mirror = Mirror::bare(&self.loaded);
        for (place, value) in explicit(&self.loaded.schema, tree) {
            mirror.set(&place, value.as_ref()).map_err(|error| error.to_string())?;
        }
        Ok(mirror)
    }

    /// The same configuration, voted on from nothing: its defaults have to be the same.
    fn afresh(&self) -> Result<(), String> {
        let schema = &self.loaded.schema;
        let mut candidate = Tree::default();
        for (place, value) in explicit(schema, &self.tree) {
            let Some((last, above)) = place.steps().split_last() else { continue };
            match value {
                Some(value) => {
                    drop(candidate.branch_mut(schema, above, NOW).put_leaf(last.node, Leaf::new(value, NOW)));
                }
                None => drop(candidate.branch_mut(schema, place.steps(), NOW)),
            }
        }
        settle(schema, &Tree::default(), &mut candidate, NOW);
        let voted = Validator::new(&self.loaded).vote(&Tree::default(), &mut candidate, NOW);
        voted.map_err(|violations| format!("taken step by step, but at once: {}", lines(&violations)))?;
        same(&all(schema, &candidate), &all(schema, &self.tree))
    }
}

/// Every leaf of a tree with its value, defaults included.
fn all(schema: &Schema, tree: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    diff(schema, &Tree::default(), tree, &Pattern::default(), &mut |at, difference| {
        if let Difference::Leaf { node, new, .. } = difference {
            let place = DataPath::new(at).child(node, None);
            let default = if new.is_default() { " by default" } else { "" };
            found.insert(format!("{} {}{default}", place.display(schema), new.value));
        }
    });
    found
}

/// Where a node stands in the modules' text: the number in its name.
fn position(path: &str) -> usize {
    let name = path.rsplit('/').find(|step| !step.contains(['\'', ']'])).unwrap_or_default();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    digits(name.split('[').next().unwrap_or_default())
}

fn same(ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Result<(), String> {
    let (less, more): (Vec<_>, Vec<_>) = (theirs.difference(ours).collect(), ours.difference(theirs).collect());
    if less.is_empty() && more.is_empty() { Ok(()) } else { Err(format!("missing {less:#?}, too many {more:#?}")) }
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// One case.
fn run(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let Some(mut case) = Case::new(seed, tally) else { return Ok(()) };
    let mut random = random::Random::new(seed ^ 0x5eed);
    let (schema, roots) = (case.loaded.schema.clone(), case.roots.clone());
    for number in 0..REQUESTS {
        let edits = edits::Editing { schema: &schema, roots: &roots, random: &mut random }.request();
        let before = case.tree.clone();
        let judged = case
            .judge(&edits, tally)
            .and_then(|()| if number % 8 == 0 && case.started { case.afresh() } else { Ok(()) });
        if let Err(why) = judged {
            let known: Vec<String> =
                all(&schema, &before).into_iter().filter(|line| !line.contains("configure")).collect();
            let edits: Vec<String> = edits.iter().map(|edit| shown(&schema, edit)).collect();
            return Err(format!("seed {seed}, request {number}: {why}\n{}\n{known:#?}\n{edits:#?}", case.texts));
        }
    }
    Ok(())
}

fn shown(schema: &Schema, edit: &Edit) -> String {
    match edit {
        Edit::Delete(patterns) => {
            let all: Vec<String> = patterns.iter().map(|pattern| pattern.display(schema).to_string()).collect();
            format!("delete {}", all.join(" "))
        }
        Edit::Replace(at, content) => format!("replace {} {content:?}", at.display(schema)),
        Edit::Update(at, content) => format!("update {} {content:?}", at.display(schema)),
    }
}

fn knob(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// SET-029: the vote on a change says what libyang says of the whole, and leads to the same configuration.
#[test]
fn votes_like_libyang_on_any_modules() {
    let (cases, seed) = (knob("VOTE_CASES", CASES), knob("VOTE_SEED", 1));
    let mut tally = Tally::default();
    let failed: Vec<String> = (seed..seed + cases).filter_map(|seed| run(seed, &mut tally).err()).take(3).collect();
    println!("{cases} cases from {seed}: {tally:?}");
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(tally.taken > 10 * tally.unusable && tally.refused > tally.taken / 20, "{tally:?}");
}
