//! The pairs are all there, names are unique, a seed draws the same again.

use super::*;
use std::collections::BTreeSet;

fn factors(flow: &Flow) -> [String; 5] {
    let large = flow.linger_ms > 0;
    [
        flow.record_bytes.to_string(),
        flow.partitions.to_string(),
        flow.acks.to_owned(),
        flow.codec.to_owned(),
        large.to_string(),
    ]
}

#[test]
fn every_pair_of_values_of_two_factors_is_produced() {
    let flows: Vec<Flow> = produce_cells()
        .into_iter()
        .map(|cell| match cell.work {
            Work::Produce(flow) => flow,
            other => panic!("{other:?}"),
        })
        .collect();
    let rows: Vec<[String; 5]> = flows.iter().map(factors).collect();
    let values: Vec<BTreeSet<&String>> = (0..5).map(|at| rows.iter().map(|row| &row[at]).collect()).collect();
    assert_eq!(values.iter().map(BTreeSet::len).collect::<Vec<_>>(), [4, 3, 2, 2, 2]);
    for one in 0..5 {
        for other in one + 1..5 {
            let seen: BTreeSet<_> = rows.iter().map(|row| (&row[one], &row[other])).collect();
            let missing: Vec<_> = values[one]
                .iter()
                .flat_map(|a| values[other].iter().map(move |b| (*a, *b)))
                .filter(|pair| !seen.contains(pair))
                .collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }
}

#[test]
fn names_are_unique_and_a_seed_draws_the_same_again() {
    for size in [Size::FULL, Size::QUICK] {
        let groups = groups(size, 5);
        let names: Vec<String> =
            groups.iter().flat_map(|group| group.cells.iter().map(|cell| cell.name.clone())).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
    for seed in 0..1_000 {
        let (one, other) = (drawn(seed), drawn(seed));
        assert_eq!(one.about, other.about);
    }
    assert_ne!(drawn(1).about, drawn(2).about);
}
