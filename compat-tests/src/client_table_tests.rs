//! The column of times: written by one part, kept by all others.

use super::{FIRST, NO_TIME, times, with_times};
use std::collections::BTreeMap;

fn page() -> String {
    format!(
        "# A page\n\n| client | a | {FIRST} | b |\n| --- | --- | --- | --- |\n| java 1 | 2 of 2 | 40 (50) | x |\n| go 1 | - | - | |\n"
    )
}

#[test]
fn times_that_stand_are_found() {
    let found = times(&page());
    assert_eq!(found["java 1"], "40 (50)");
    assert_eq!(found["go 1"], NO_TIME);
    assert!(times("| client | a |\n").is_empty());
}

#[test]
fn times_are_written_and_nothing_else() {
    let cells = BTreeMap::from([("go 1".to_owned(), "3 (4)".to_owned())]);
    let made = with_times(&page(), &cells).expect("the row is there");
    assert_eq!(made, page().replace("| go 1 | - | - |", "| go 1 | - | 3 (4) |"));
}

#[test]
fn a_client_without_a_row_and_a_page_without_the_column_are_errors() {
    let cells = BTreeMap::from([("c 1".to_owned(), "3 (4)".to_owned())]);
    assert!(with_times(&page(), &cells).is_err());
    assert!(with_times("# no table", &cells).is_err());
}
