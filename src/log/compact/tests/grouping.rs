//! Segments into groups.

use super::*;
use crate::log::compact::grouping::{GroupLimits, SegmentSize, group_by_size};

fn check(segments: &[(i64, u64, u64, u64)], limits: (u64, u64, i64), expected: &[usize]) {
    let size = |&(base, bytes, index_bytes, time_index_bytes): &(i64, u64, u64, u64)| SegmentSize {
        base: Offset(base),
        bytes,
        index_bytes,
        time_index_bytes,
    };
    let segments: Vec<_> = segments.iter().map(size).collect();
    let limits = GroupLimits { segment_bytes: limits.0, index_bytes: limits.1, upto: Offset(limits.2) };
    let groups = group_by_size(&segments, &limits);
    assert_eq!(groups.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(), expected, "{segments:?} {limits:?}");
    assert!(groups.iter().flat_map(Clone::clone).eq(0..segments.len()), "each once, in order");
}

#[test]
fn groups_fit_a_segment_and_its_indexes() {
    check(&[], (100, 100, 0), &[]);
    check(&[(0, 40, 1, 1), (10, 40, 1, 1), (20, 20, 1, 1), (30, 1, 1, 1)], (100, 100, 40), &[3, 1]);
    check(&[(0, 140, 1, 1), (10, 1, 1, 1), (20, 1, 1, 1)], (100, 100, 40), &[1, 2]);
    check(&[(0, 1, 60, 1), (10, 1, 40, 1), (20, 1, 1, 1)], (100, 100, 40), &[2, 1]);
    check(&[(0, 1, 1, 60), (10, 1, 1, 41), (20, 1, 1, 1)], (100, 100, 40), &[1, 2]);
}

#[test]
fn offsets_of_a_group_fit_31_bits() {
    let far = i64::from(i32::MAX);
    // The last offset of a segment is taken to be the one before the next segment, or before where cleaning ends.
    check(&[(0, 1, 1, 1), (10, 1, 1, 1), (far + 1, 1, 1, 1)], (100, 100, far + 9), &[2, 1]);
    check(&[(0, 1, 1, 1), (10, 1, 1, 1), (far + 2, 1, 1, 1)], (100, 100, far + 9), &[1, 2]);
    check(&[(0, 1, 1, 1), (10, 1, 1, 1)], (100, 100, far + 1), &[2]);
    check(&[(0, 1, 1, 1), (10, 1, 1, 1)], (100, 100, far + 2), &[1, 1]);
    check(&[(0, 1, 1, 1), (10, 0, 0, 0)], (100, 100, far + 2), &[2]);
}
