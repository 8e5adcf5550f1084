//! docs/compatibility-behaviours.md and the tests name each other.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../docs/compatibility-behaviours.md");

/// The files of this module that hold tests.
const TESTS: [&str; 14] = [
    include_str!("av.rs"),
    include_str!("md.rs"),
    include_str!("pr.rs"),
    include_str!("pr_idempotence.rs"),
    include_str!("fe.rs"),
    include_str!("fe_sessions.rs"),
    include_str!("lo.rs"),
    include_str!("dr.rs"),
    include_str!("cg.rs"),
    include_str!("cg_offsets.rs"),
    include_str!("cg_more.rs"),
    include_str!("ng.rs"),
    include_str!("features.rs"),
    include_str!("ad.rs"),
];

/// The areas, and the numbers each has in the protocol reference.
const AREAS: [(&str, u32); 9] =
    [("AV", 12), ("MD", 8), ("PR", 12), ("FE", 18), ("LO", 3), ("DR", 2), ("CG", 15), ("NG", 6), ("AD", 8)];

/// Behaviours without a test here: their parts of the broker are not there yet.
const LATER: [&str; 8] = ["FE-5", "FE-6", "FE-7", "FE-8", "FE-15", "FE-18", "LO-2", "CG-11"];

/// The rows: id, test or none, state.
fn rows() -> BTreeMap<String, (Option<String>, String)> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[id, test, state] = &cells[..] else { panic!("three cells: {line}") };
        if AREAS.iter().any(|(area, _)| id.starts_with(area) && id.contains('-')) {
            let test = test.trim_matches('`');
            let test = (!test.is_empty()).then(|| test.to_string());
            assert!(rows.insert(id.to_string(), (test, state.to_string())).is_none(), "{id} twice");
        }
    }
    rows
}

#[test]
fn every_behaviour_has_a_row_and_every_named_test_exists() {
    let rows = rows();
    let expected: BTreeSet<String> =
        AREAS.iter().flat_map(|(area, last)| (1..=*last).map(move |number| format!("{area}-{number}"))).collect();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (id, (test, state)) in &rows {
        let later = LATER.contains(&id.as_str());
        assert_eq!(test.is_none(), later, "{id}");
        assert_eq!(state.starts_with("later"), later, "{id}: {state}");
        let Some(test) = test else { continue };
        let start = format!("{}_", id.to_lowercase().replace('-', "_"));
        assert!(test.starts_with(&start), "{test} is not named after {id}");
        let definition = format!("fn {test}()");
        assert!(TESTS.iter().any(|file| file.contains(&definition)), "{test} does not exist");
    }
}
