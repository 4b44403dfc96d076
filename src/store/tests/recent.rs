//! Laws of what is remembered of configuration commits.

use std::sync::Arc;

use proptest::prelude::*;

use super::laws::{PATTERNS, batch, edits, readings, told};
use super::model::ops;
use super::{at, edited, loaded, pattern, schema};
use crate::store::commit::Store;
use crate::store::delta::Delta;
use crate::store::diff::diff;
use crate::store::recent::{ConfigChange, Recent};
use crate::store::state::StateWriter;
use crate::store::tree::Tree;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// EXT-031: a change remembered alone tells what comparing the whole trees tells, below every pattern.
    #[test]
    fn a_change_alone_tells_what_the_trees_tell(before in ops(0..12), first in readings(), asked in ops(1..8)) {
        let tree = edited(&Tree::default(), &edits(&before), at(1));
        let store = Arc::new(Store::new(loaded().schema.clone(), tree, at(1)));
        let base = StateWriter::new(store).commit(&batch(&first), at(2)).expect("only state");
        let candidate = edited(&base.tree, &edits(&asked), at(3));
        let delta = Delta::between(schema(), &base.tree, &candidate);
        let change = ConfigChange::new(schema(), &base.tree, &delta, (Some(1), None), at(3));
        for text in PATTERNS {
            let (mut alone, mut whole) = (Vec::new(), Vec::new());
            prop_assert!(change.differences(schema(), &pattern(text), &mut |at, found| alone.push(told(at, found))));
            diff(schema(), &base.tree, &candidate, &pattern(text), &mut |at, found| whole.push(told(at, found)));
            // The order of entries is no change of a value, and is not told.
            for told in [&mut alone, &mut whole] {
                told.retain(|(_, what)| what != "Reordered");
                told.sort();
            }
            prop_assert_eq!(alone, whole, "{}", text);
        }
    }
}

/// EXT-031: what is remembered is bounded, newest last.
#[test]
fn remembers_the_newest() {
    let empty = Tree::default();
    let change = |number| ConfigChange::new(schema(), &empty, &Delta::default(), (Some(number), None), at(0));
    let recent = (1..=70).fold(Recent::default(), |recent, number| recent.with(change(number)));
    let last = |count| recent.last(count).iter().filter_map(|change| change.commit_id).collect::<Vec<_>>();
    assert_eq!(last(3), [68, 69, 70]);
    assert_eq!(last(0), [0u64; 0]);
    assert_eq!((last(64).len(), last(90).len(), last(90)[0]), (64, 64, 7));
}
