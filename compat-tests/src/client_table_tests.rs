//! The columns of times: written by one part, kept by all others.

use super::{FIRST, NO_TIME, times, with_times};
use std::collections::BTreeMap;

const HEADINGS: [&str; 2] = [FIRST[0].1, FIRST[1].1];

fn page() -> String {
    let [classic, consumer] = HEADINGS;
    format!(
        "# A page\n\n| client | a | {classic} | {consumer} | b |\n| --- | --- | --- | --- | --- |\n\
         | java 1 | 2 of 2 | 40 (50) | 60 (70) | x |\n| go 1 | - | - | - | |\n"
    )
}

#[test]
fn times_that_stand_are_found() {
    let found = HEADINGS.map(|heading| times(&page(), heading));
    assert_eq!((&*found[0]["java 1"], &*found[1]["java 1"]), ("40 (50)", "60 (70)"));
    assert_eq!((&*found[0]["go 1"], &*found[1]["go 1"]), (NO_TIME, NO_TIME));
    assert!(times("| client | a |\n", HEADINGS[0]).is_empty());
}

#[test]
fn times_are_written_and_nothing_else() {
    let cells = BTreeMap::from([("go 1".to_owned(), "3 (4)".to_owned())]);
    let made = with_times(&page(), HEADINGS[0], &cells).expect("the row is there");
    assert_eq!(made, page().replace("| go 1 | - | - | - |", "| go 1 | - | 3 (4) | - |"));
    let made = with_times(&page(), HEADINGS[1], &cells).expect("the row is there");
    assert_eq!(made, page().replace("| go 1 | - | - | - |", "| go 1 | - | - | 3 (4) |"));
}

#[test]
fn a_client_without_a_row_and_a_page_without_the_column_are_errors() {
    let cells = BTreeMap::from([("c 1".to_owned(), "3 (4)".to_owned())]);
    assert!(with_times(&page(), HEADINGS[0], &cells).is_err());
    assert!(with_times("# no table", HEADINGS[0], &cells).is_err());
}
