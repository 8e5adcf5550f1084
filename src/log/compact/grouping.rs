//! Which neighbouring segments are cleaned into one, so that segments don't become ever smaller.

use crate::base::Offset;
use std::ops::Range;

/// What a segment brings with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentSize {
    /// Its base offset.
    pub base: Offset,
    /// Of its batches.
    pub bytes: u64,
    /// Of its offset index.
    pub index_bytes: u64,
    /// Of its time index.
    pub time_index_bytes: u64,
}

/// What the segments of a group may have together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupLimits {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.index.bytes`, for each of the indexes.
    pub index_bytes: u64,
    /// Where the part of the log that may be cleaned ends, exclusive.
    pub upto: Offset,
}

/// Offsets in a segment and its index are 31 bits from the base.
const OFFSETS_MAX: i64 = i32::MAX as i64;

/// Divides segments, in order, into runs that fit one segment each. A segment that is too large alone is alone.
pub fn group_by_size(segments: &[SegmentSize], limits: &GroupLimits) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < segments.len() {
        let end = end_of_group(segments, start, limits);
        groups.push(start..end);
        start = end;
    }
    groups
}

fn end_of_group(segments: &[SegmentSize], start: usize, limits: &GroupLimits) -> usize {
    let first = segments[start];
    let (mut bytes, mut index, mut time_index) = (first.bytes, first.index_bytes, first.time_index_bytes);
    let mut end = start + 1;
    while let Some(segment) = segments.get(end) {
        bytes += segment.bytes;
        index += segment.index_bytes;
        time_index += segment.time_index_bytes;
        // The next base bounds the last offset; an empty segment has none.
        let last = segments.get(end + 1).map_or(limits.upto, |next| next.base).0 - 1;
        let reaches = segment.bytes == 0 || last - first.base.0 <= OFFSETS_MAX;
        if bytes > limits.segment_bytes || index.max(time_index) > limits.index_bytes || !reaches {
            break;
        }
        end += 1;
    }
    end
}
