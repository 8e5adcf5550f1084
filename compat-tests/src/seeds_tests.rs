//! The list of seeds: read whole, or refused.

use super::Seeds;
use std::path::Path;

#[test]
fn the_list_of_the_tree_is_sound() {
    Seeds::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")).expect("every line is a seed");
}

#[test]
fn seeds_are_kept_by_check() {
    let seeds = Seeds::parse("# a comment\n\nchaos-os 7 # a story\nhostile-bombs 18446744073709551615\nchaos-os 8\n");
    let seeds = seeds.expect("sound");
    assert_eq!(seeds.of("chaos-os"), [7, 8]);
    assert_eq!(seeds.of("hostile-bombs"), [u64::MAX]);
    assert_eq!(seeds.of("chaos-fsync"), [0; 0]);
}

#[test]
fn a_line_that_makes_no_sense_is_refused() {
    for line in ["chaos 7", "chaos-os", "chaos-os seven", "chaos-os 7 8", "chaos-os -1"] {
        assert!(Seeds::parse(line).is_err(), "{line}");
    }
}
