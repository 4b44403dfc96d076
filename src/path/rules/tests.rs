//! Verdicts against the plain reading of the rules: the first that covers a place decides.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::path::{DataPath, RawPath, Resolver, Views};
use crate::schema::{Sources, load};

static SCHEMA: LazyLock<std::sync::Arc<Schema>> =
    LazyLock::new(|| load(&Sources { test_modules: true, ..Sources::default() }).unwrap().schema);

const PLACES: [&str; 12] = [
    "/",
    "/test",
    "/test/types",
    "/test/types/text",
    "/test/b",
    "/test/b[key1=x][key2=y]",
    "/test/b[key1=x][key2=z]",
    "/test/b[key1=x][key2=y]/c[key1=1]",
    "/test/b[key1=x][key2=y]/c[key1=1]/value",
    "/test/b[key1=x][key2=z]/c[key1=1]/value",
    "/configure/system",
    "/configure/system/name",
];

const PATTERNS: [&str; 10] = [
    "/",
    "/test",
    "/test/types/text",
    "/test/b",
    "/test/b[key1=x]",
    "/test/b[key1=x][key2=y]",
    "/test/b[key2=z]/c/value",
    "/test/b[key1=x][key2=y]/c[key1=1]",
    "/configure/system",
    "/configure/system/name",
];

fn resolver() -> Resolver<'static> {
    Resolver { schema: &SCHEMA, views: Views::ALL, name_wildcards: false }
}

fn place(text: &str) -> DataPath {
    resolver().write(&RawPath::parse(text).unwrap()).unwrap()
}

fn rule(text: &str, access: Access) -> AccessRule {
    let pattern = resolver().delete(&RawPath::parse(text).unwrap()).unwrap().swap_remove(0);
    AccessRule { pattern, access }
}

/// The rule read as it stands; a pattern that wants a key does not cover the list as a whole.
fn plain(rules: &[AccessRule], place: &DataPath) -> (Access, Option<usize>) {
    let covers = |pattern: &Pattern| {
        pattern.covers(place.steps())
            && pattern.steps().iter().zip(place.steps()).all(|(wanted, step)| wanted.keys.matches(step.key.as_ref()))
    };
    let found = rules.iter().position(|rule| covers(&rule.pattern));
    (found.map_or(Access::None, |index| rules[index].access), found)
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::None), Just(Access::Read), Just(Access::Write)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_rule_that_covers_a_place_decides(
        rules in proptest::collection::vec((proptest::sample::select(&PATTERNS[..]), access()), 0..6),
    ) {
        let rules: Vec<_> = rules.into_iter().map(|(text, access)| rule(text, access)).collect();
        let laid = AccessRules::new(&SCHEMA, &rules);
        for text in PLACES {
            let place = place(text);
            let expected = plain(&rules, &place);
            prop_assert_eq!(laid.decide(place.steps()), expected, "{}", text);
            if let Some((last, above)) = place.steps().split_last()
                && last.key.is_none()
            {
                prop_assert_eq!(laid.child(above, last.node), expected.0, "{}", text);
            }
            let promised = expected.0 == Access::None || laid.may_hold(&SCHEMA, place.steps(), expected.0);
            prop_assert!(promised, "{}", text);
            if place.node().is_some_and(|node| SCHEMA.node(node).is_terminal()) {
                for access in [Access::Read, Access::Write] {
                    let held = laid.may_hold(&SCHEMA, place.steps(), access);
                    prop_assert_eq!(held, expected.0 >= access, "{}", text);
                }
            }
            for below in PLACES.iter().map(|text| self::place(text)).filter(|below| place.contains(below)) {
                if let Some(uniform) = laid.uniform(place.node()) {
                    prop_assert_eq!(laid.access(below.steps()), uniform, "{}", text);
                }
            }
        }
    }
}

#[test]
fn a_rule_that_never_counts_promises_nothing() {
    let rules = [rule("/configure", Access::None), rule("/configure/system/name", Access::Write)];
    let laid = AccessRules::new(&SCHEMA, &rules);
    assert!(!laid.may_hold(&SCHEMA, place("/configure").steps(), Access::Read));
    assert_eq!(laid.uniform(place("/configure/system/name").node()), Some(Access::None));
}
