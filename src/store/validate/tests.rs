//! Each rule by example, and all of them by comparison with libyang's full validation.

use super::*;
use crate::store::edit::Edit;
use crate::store::tests::{at, delete, edited, loaded, replace, schema, update};

/// A validator with the configuration it knows.
struct Bench {
    validator: Validator,
    tree: Tree,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { validator: Validator::new(loaded()), tree: Tree::default() };
        bench.commit(&[]).expect("an empty configuration");
        bench
    }

    fn with(edits: &[Edit]) -> Self {
        let mut bench = Self::new();
        bench.commit(edits).unwrap_or_else(|violations| panic!("{violations:?}"));
        bench
    }

    fn commit(&mut self, edits: &[Edit]) -> Result<Delta, Vec<String>> {
        let mut candidate = edited(&self.tree, edits, at(1));
        match self.validator.vote(&self.tree, &mut candidate, at(1)) {
            Ok(delta) => {
                self.validator.accept();
                self.tree = candidate;
                Ok(delta)
            }
            Err(violations) => Err(violations.iter().map(Violation::to_string).collect()),
        }
    }

    /// Checks that edits are refused for these reasons, and that being asked twice changes nothing.
    fn refuses(&mut self, edits: &[Edit], reasons: &[&str]) {
        for _ in 0..2 {
            assert_eq!(self.commit(edits).expect_err("a refusal"), reasons);
        }
    }

    fn takes(&mut self, edits: &[Edit]) {
        self.commit(edits).unwrap_or_else(|violations| panic!("{violations:?}"));
    }
}

fn profile(id: &str) -> [Edit; 2] {
    [update(&format!("/profile[id={id}]/kind=plain")), update(&format!("/profile[id={id}]/host/address={id}"))]
}

/// SET-029: mandatory leaves of entries, of presence containers and of cases.
#[test]
fn misses_mandatory_leaves() {
    let mut bench = Bench::new();
    bench.refuses(&[update("/profile[id=p]")], &["/profile[id=p]/kind - Mandatory element is missing"]);
    bench.refuses(&[update("/system/clock/sync")], &["/system/clock/sync/source - Mandatory element is missing"]);
    bench.takes(&profile("p"));
    bench.refuses(&[delete("/profile[id=p]/kind")], &["/profile[id=p]/kind - Mandatory element is missing"]);
    bench.takes(&[delete("/profile[id=p]")]);
}

/// SET-029.
#[test]
fn misses_mandatory_choices() {
    let mut bench = Bench::new();
    let missing = ["/rule[name=a] - One case of the mandatory choice 'match' is missing"];
    bench.refuses(&[update("/rule[name=a]")], &missing);
    bench.takes(&[update("/rule[name=a]/any=")]);
    bench.refuses(&[delete("/rule[name=a]/any")], &missing);
    bench.takes(&[update("/rule[name=a]/prefix/length=8")]);
    bench.refuses(&[delete("/rule[name=a]/prefix/length")], &missing);
}

/// SET-029.
#[test]
fn counts_elements() {
    let mut bench = Bench::new();
    bench.refuses(
        &[update("/router[name=r]/limit=9")],
        &["/router[name=r]/interface - 0 elements are too few, at least 1 are needed"],
    );
    bench.takes(&[update("/router[name=r]/interface[name=i][unit=0]")]);
    bench.refuses(
        &[delete("/router[name=r]/interface[name=i][unit=0]")],
        &["/router[name=r]/interface - 0 elements are too few, at least 1 are needed"],
    );
    bench.refuses(
        &[update("/system/tag=a,b,c,d,e")],
        &["/system/tag - 5 elements are too many, at most 4 are allowed"],
    );
    let many: Vec<Edit> = (0..7).flat_map(|id| profile(&format!("p{id}"))).collect();
    bench.refuses(&many, &["/profile - 7 elements are too many, at most 6 are allowed"]);
}

/// SET-029: a value that an unset leaf has by default counts too.
#[test]
fn keeps_unique_values_apart() {
    let with_port = |id: &str, port: u16| {
        [update(&format!("/profile[id={id}]/kind=plain")), update(&format!("/profile[id={id}]/port={port}"))]
    };
    let mut bench = Bench::with(&with_port("a", 1));
    bench.refuses(
        &with_port("b", 1),
        &["/profile[id=b] - 'port' and 'host/address' are those of /profile[id=a] already"],
    );
    bench.takes(&with_port("b", 2));
    bench.takes(&[update("/profile[id=a]/port=2"), update("/profile[id=b]/port=1")]);
    bench.takes(&[delete("/profile[id=a]"), update("/profile[id=b]/port=2")]);
    bench.takes(&[update("/profile[id=c]/kind=plain"), update("/profile[id=d]/kind=plain")]);
}

/// SET-029, SET-030: in both directions, and across operations of one request.
#[test]
fn follows_references() {
    let mut bench = Bench::new();
    let dangling = ["/system/profile - 'p' refers to nothing, no /profile/id has this value"];
    bench.refuses(&[update("/system/profile=p")], &dangling);
    bench.takes(&[&[update("/system/profile=p")][..], &profile("p")].concat());
    bench.refuses(&[delete("/profile[id=p]")], &dangling);
    bench.refuses(&[delete("/profile")], &dangling);
    bench.takes(&[delete("/profile"), delete("/system/profile")]);
}

/// SET-029: a relative path stays within its router.
#[test]
fn follows_relative_references() {
    let mut bench = Bench::with(&[
        update("/router[name=a]/interface[name=i][unit=0]"),
        update("/router[name=b]/interface[name=j][unit=0]"),
    ]);
    let track = update("/router[name=a]/interface[name=i][unit=0]/track=j");
    let dangling = ["/router[name=a]/interface[name=i][unit=0]/track - 'j' refers to nothing, no /router/interface/name has this value"];
    bench.refuses(&[track.clone()], &dangling);
    bench.takes(&[update("/router[name=a]/interface[name=j][unit=1]"), track]);
    bench.takes(&[delete("/router[name=b]")]);
    bench.refuses(&[delete("/router[name=a]/interface[name=j][unit=1]")], &dangling);
    bench.takes(&[replace("/router[name=a]/interface[name=i][unit=0]"), delete("/router[name=a]/interface[name=j][unit=1]")]);
}

/// An entry that also holds state is held to the rules only while it is configured.
#[test]
fn asks_nothing_of_state() {
    let mut bench = Bench::new();
    let dangling = ["/ports/port[name=e1]/name - 'e1' refers to nothing, no /ports/port/config/name has this value"];
    bench.refuses(&[update("/ports/port[name=e1]/config/mtu=1500")], &dangling);
    bench.takes(&[update("/ports/port[name=e1]/config/name=e1")]);
    bench.refuses(&[delete("/ports/port[name=e1]/config/name"), update("/ports/port[name=e1]/config/mtu=9")], &dangling);
    bench.takes(&[delete("/ports/port[name=e1]")]);
    assert_eq!(schema().len(), bench.validator.schema.len());
}
