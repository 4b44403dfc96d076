//! Each rule by example, and all of them by comparison with libyang's full validation.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::schema::{Constraints, Mirror, Wrong};
use crate::store::edit::Edit;
use crate::store::tests::model::{Op, ops};
use crate::store::tests::{Flat, NONE, at, delete, differing, edited, flat, loaded, place, replace, schema, update};

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
    bench
        .refuses(&[update("/system/tag=a,b,c,d,e")], &["/system/tag - 5 elements are too many, at most 4 are allowed"]);
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
    let dangling = [
        "/router[name=a]/interface[name=i][unit=0]/track - 'j' refers to nothing, no /router/interface/name has this value",
    ];
    bench.refuses(std::slice::from_ref(&track), &dangling);
    bench.takes(&[update("/router[name=a]/interface[name=j][unit=1]"), track]);
    bench.takes(&[delete("/router[name=b]")]);
    bench.refuses(&[delete("/router[name=a]/interface[name=j][unit=1]")], &dangling);
    bench.takes(&[
        replace("/router[name=a]/interface[name=i][unit=0]"),
        delete("/router[name=a]/interface[name=j][unit=1]"),
    ]);
}

/// An entry that also holds state is held to the rules only while it is configured.
#[test]
fn asks_nothing_of_state() {
    let mut bench = Bench::new();
    let dangling = ["/ports/port[name=e1]/name - 'e1' refers to nothing, no /ports/port/config/name has this value"];
    bench.refuses(&[update("/ports/port[name=e1]/config/mtu=1500")], &dangling);
    bench.takes(&[update("/ports/port[name=e1]/config/name=e1")]);
    bench
        .refuses(&[delete("/ports/port[name=e1]/config/name"), update("/ports/port[name=e1]/config/mtu=9")], &dangling);
    bench.takes(&[delete("/ports/port[name=e1]")]);
    assert_eq!(schema().len(), bench.validator.rules.schema.len());
}

/// SET-029: the module's own words, or the expression.
#[test]
fn evaluates_musts() {
    let mut bench = Bench::new();
    bench.refuses(&[update("/system/mtu=60")], &["/system/mtu - an MTU below 68 carries no IP"]);
    bench.takes(&[update("/system/mtu=68")]);
    let interface = "/router[name=r]/interface[name=i][unit=0]";
    let above = format!("{interface}/mtu - above the limit of the router");
    bench.takes(&[update(&format!("{interface}/mtu=1400"))]);
    bench.refuses(&[update("/router[name=r]/limit=1000")], &[&above]);
    bench.takes(&[update("/router[name=r]/limit=1400")]);
    bench.refuses(&[update(&format!("{interface}/mtu=1401"))], &[&above]);
    // The default is above the limit too, and another router has a limit of its own.
    bench.refuses(&[delete(&format!("{interface}/mtu"))], &[&above]);
    bench.takes(&[update("/router[name=s]/interface[name=i][unit=0]/mtu=9000")]);
}

/// RFC 7950 8.2 and 7.21.5: defaults follow their `when`, what was set before vanishes, setting it now is refused.
#[test]
fn follows_whens() {
    let mut bench = Bench::new();
    let drift = place("/system/clock/drift");
    let value = |bench: &Bench| bench.tree.leaf(drift.steps()).map(|leaf| leaf.value.to_string());
    assert_eq!(value(&bench).as_deref(), Some("3"));
    bench.takes(&[update("/system/enabled=false")]);
    assert_eq!(value(&bench), None);
    let refusal = "/system/clock/drift - Not allowed here, it needs ../../enabled = 'true'";
    bench.refuses(&[update("/system/clock/drift=4")], &[refusal]);
    bench.takes(&[update("/system/clock/drift=4"), update("/system/enabled=true")]);
    assert_eq!(value(&bench).as_deref(), Some("4"));
    bench.takes(&[update("/system/enabled=false")]);
    assert_eq!(value(&bench), None);
    bench.takes(&[delete("/system/enabled")]);
    assert_eq!(value(&bench).as_deref(), Some("3"));
    bench.takes(&[delete("/system")]);
    assert_eq!(value(&bench).as_deref(), Some("3"));
}

/// A demand under a `when` counts while it holds.
#[test]
fn demands_under_a_when() {
    let mut bench = Bench::with(&[update("/profile[id=p]/kind=plain")]);
    let few = ["/profile[id=p]/cipher - 0 elements are too few, at least 1 are needed"];
    bench.refuses(&[update("/profile[id=p]/kind=tls")], &few);
    bench.takes(&[update("/profile[id=p]/kind=tls"), update("/profile[id=p]/cipher=c")]);
    bench.refuses(&[delete("/profile[id=p]/cipher")], &few);
    bench.takes(&[update("/profile[id=p]/kind=plain")]);
    assert_eq!(bench.tree.leaf(place("/profile[id=p]/cipher").steps()), None);
}

/// A path with predicates leads where another leaf says.
#[test]
fn follows_references_by_way_of_other_leaves() {
    let mut bench = Bench::with(&[
        update("/router[name=a]/interface[name=i][unit=0]"),
        update("/router[name=b]/interface[name=j][unit=0]"),
        update("/router[name=b]/via-router=a"),
        update("/router[name=b]/via-interface=i"),
    ]);
    let dangling = ["/router[name=b]/via-interface - 'i' refers to nothing, no /router/interface/name has this value"];
    bench.refuses(&[update("/router[name=b]/via-router=b")], &dangling);
    bench.refuses(&[delete("/router[name=b]/via-router")], &dangling);
    bench.refuses(
        &[update("/router[name=a]/interface[name=k][unit=0]"), delete("/router[name=a]/interface[name=i][unit=0]")],
        &dangling,
    );
    bench.takes(&[update("/router[name=b]/via-router=b"), update("/router[name=b]/via-interface=j")]);
}

fn explicit(tree: &Tree) -> Flat {
    let mut flat = flat(tree);
    flat.retain(|_, item| !item.is_default);
    flat
}

/// What libyang says of everything that is set, judged from scratch.
fn oracle(tree: &Tree) -> Result<(), Vec<Wrong>> {
    let mut mirror = Mirror::new(loaded(), &Constraints::collect(loaded())).expect("a mirror");
    for (place, item) in explicit(tree) {
        mirror.set(&place, item.value.as_ref()).expect("a value");
    }
    mirror.validate_all()
}

/// The same configuration voted on from nothing.
fn afresh(tree: &Tree) -> Flat {
    let mut candidate = Tree::default();
    for (place, item) in explicit(tree) {
        let (last, above) = place.steps().split_last().expect("not the root");
        match item.value {
            Some(value) => {
                let branch = candidate.branch_mut(schema(), above, at(1));
                branch.put_leaf(last.node, crate::store::tree::Leaf::new(value, at(1)));
            }
            None => drop(candidate.branch_mut(schema(), place.steps(), at(1))),
        }
    }
    settle(schema(), &Tree::default(), &mut candidate, at(1));
    let voted = Validator::new(loaded()).vote(&Tree::default(), &mut candidate, at(1));
    voted.unwrap_or_else(|violations| panic!("{violations:?}"));
    flat(&candidate)
}

/// The vote on a change says what libyang says of the whole, and the candidate it leaves is the one that the same
/// settings lead to by any other way.
#[test]
fn votes_like_libyang() {
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    proptest!(config, |(rounds in proptest::collection::vec((ops(1..8), any::<bool>()), 1..12))| {
        let mut bench = Bench::new();
        for (ops, lost) in rounds {
            let edits: Vec<Edit> = ops.iter().map(Op::edit).collect();
            let asked = edited(&bench.tree, &edits, at(1));
            let mut candidate = asked.clone();
            match bench.validator.vote(&bench.tree, &mut candidate, at(1)) {
                Ok(delta) => {
                    taken.set(taken.get() + usize::from(!delta.is_empty()));
                    prop_assert_eq!(oracle(&candidate), Ok(()), "after {:?}", edits);
                    prop_assert_eq!(differing(&afresh(&candidate), &flat(&candidate)), NONE);
                    let mut grafted = bench.tree.clone();
                    delta.graft(schema(), &mut grafted, at(1));
                    prop_assert_eq!(differing(&flat(&grafted), &flat(&candidate)), NONE);
                    if lost {
                        bench.validator.reject();
                    } else {
                        bench.validator.accept();
                        bench.tree = candidate;
                    }
                }
                Err(violations) => {
                    refused.set(refused.get() + 1);
                    let found = oracle(&asked);
                    prop_assert!(found.is_err(), "{:?} but libyang has nothing against it", violations);
                }
            }
        }
    });
    let (taken, refused) = (taken.get(), refused.get());
    println!("{taken} changes taken, {refused} refused");
    assert!(taken > 20 && refused > 20, "the comparison saw both verdicts");
}
