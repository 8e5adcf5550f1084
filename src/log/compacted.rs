//! `compacted`: which segments of a log were compacted, and how far. Text, replaced whole and durably: the moment at which
//! it takes its name is the moment at which a compaction counts.
//!
//! ```text
//! magic=ottla-compacted
//! version=1
//! clean=48211                                    keys below this offset were compacted; from here on the log is dirty
//! segment=0 40000 1048102 7 9f3c21aa             base, the offset it reaches up to, bytes, round, CRC-32C of its heads
//! crc=1a2b3c4d                                   CRC-32C of everything before this line, hexadecimal
//! ```
//!
//! One line for each compacted segment, by base. A round's files are written beside the log, under names that carry the
//! round (`<base>.log.<round>.cleaned`), synced, then this file is replaced, then they take the segments' names. A start
//! goes by it: files of the round that a line names still take the segment's names, all other such files are removed, and
//! so are segments that begin within what a line covers.
//!
//! The heads of a segment are the first 17 bytes of each of its batches: what the batches' own CRCs leave out. In a
//! segment without gaps they follow from one another; here they don't.

use crate::base::Offset;
use crate::record::header::crc32c;
use std::fmt::Write;

/// File name within the partition's directory.
pub const FILE_NAME: &str = "compacted";

/// What the names of files end in that a compaction has written and that have not taken their segment's names.
pub const CLEANED: &str = ".cleaned";

/// The file while it is written.
pub const TEMPORARY: &str = "compacted.tmp";

/// Largest one that is read, bytes: a line has about a hundred, and segments are counted in thousands.
pub const BYTES_MAX: u64 = 64 * 1024 * 1024;

const START: &str = "magic=ottla-compacted\nversion=1\n";

/// A segment that a compaction has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompactedSegment {
    /// Its base offset.
    pub base: Offset,
    /// Where the next segment begins.
    pub next: Offset,
    /// Its size.
    pub bytes: u64,
    /// The round that wrote it.
    pub round: u64,
    /// CRC-32C of its heads.
    pub heads: u32,
}

/// What was compacted of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// Keys below this offset were compacted.
    pub clean: Offset,
    /// The compacted segments by base, apart from each other.
    pub segments: Vec<CompactedSegment>,
}

impl Compacted {
    /// The compacted segment with this base.
    pub fn segment(&self, base: Offset) -> Option<&CompactedSegment> {
        let at = self.segments.binary_search_by_key(&base, |segment| segment.base).ok()?;
        Some(&self.segments[at])
    }

    /// Whether a segment with this base is part of what another one has replaced.
    pub fn has_replaced(&self, base: Offset) -> bool {
        let after = self.segments.partition_point(|segment| segment.base < base);
        after.checked_sub(1).is_some_and(|before| base < self.segments[before].next)
    }

    /// The highest round so far.
    pub fn round(&self) -> u64 {
        self.segments.iter().map(|segment| segment.round).max().unwrap_or(0)
    }

    /// Takes in a new segment, in place of those that it covers.
    pub fn put(&mut self, new: CompactedSegment) {
        self.segments.retain(|old| old.next <= new.base || new.next <= old.base);
        let at = self.segments.partition_point(|segment| segment.base < new.base);
        self.segments.insert(at, new);
    }

    /// Forgets segments that are not there any more.
    pub fn retain(&mut self, is_there: impl Fn(Offset) -> bool) {
        self.segments.retain(|segment| is_there(segment.base));
    }

    /// The file's content.
    pub fn encode(&self) -> String {
        let mut text = format!("{START}clean={}\n", self.clean.0);
        for CompactedSegment { base, next, bytes, round, heads } in &self.segments {
            // Writing to a string does not fail.
            let _ = writeln!(text, "segment={} {} {bytes} {round} {heads:08x}", base.0, next.0);
        }
        let crc = crc32c(text.as_bytes());
        let _ = writeln!(text, "crc={crc:08x}");
        text
    }

    /// Reads the file's content; `None` when it is not whole, or of another version.
    pub fn decode(bytes: &[u8]) -> Option<Compacted> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.strip_prefix(START)?.lines();
        let clean = Offset(lines.next()?.strip_prefix("clean=")?.parse().ok()?);
        let mut found = Compacted { clean, segments: Vec::new() };
        for line in lines {
            let Some(line) = line.strip_prefix("segment=") else { break };
            let mut words = line.split(' ');
            let mut number = || words.next()?.parse::<i64>().ok();
            let (base, next, bytes, round) = (number()?, number()?, number()?, number()?);
            let heads = u32::from_str_radix(words.next()?, 16).ok()?;
            let (bytes, round) = (u64::try_from(bytes).ok()?, u64::try_from(round).ok()?);
            found.segments.push(CompactedSegment { base: Offset(base), next: Offset(next), bytes, round, heads });
        }
        let apart = found.segments.windows(2).all(|pair| pair[0].next <= pair[1].base);
        let forward = found.segments.iter().all(|segment| 0 <= segment.base.0 && segment.base < segment.next);
        (apart && forward && found.encode() == text).then_some(found)
    }
}

/// The name of a file that this round has written for the segment at `base`, of this kind.
pub fn cleaned_name(base: Offset, suffix: &str, round: u64) -> String {
    format!("{}.{round}{CLEANED}", super::names::segment(base, suffix))
}

/// The segment's file that a cleaned file will become, and its round; `None` for every other name.
pub fn parse_cleaned(name: &str) -> Option<(&str, u64)> {
    let (file, round) = name.strip_suffix(CLEANED)?.rsplit_once('.')?;
    let digits = !round.is_empty() && round.bytes().all(|byte| byte.is_ascii_digit());
    Some((file, round.parse().ok().filter(|_| digits)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(base: i64, next: i64) -> CompactedSegment {
        CompactedSegment { base: Offset(base), next: Offset(next), bytes: 1_000, round: 3, heads: 0x0a0b_0c0d }
    }

    #[test]
    fn it_is_read_as_written_and_nothing_else_is() {
        for segments in [vec![], vec![segment(0, 10)], vec![segment(0, 10), segment(10, 50), segment(70, 71)]] {
            let compacted = Compacted { clean: Offset(1042), segments };
            let text = compacted.encode().into_bytes();
            assert_eq!(Compacted::decode(&text), Some(compacted));
            for cut in 0..text.len() {
                assert_eq!(Compacted::decode(&text[..cut]), None, "cut at {cut}");
                for bit in 0..8 {
                    let mut flipped = text.clone();
                    flipped[cut] ^= 1 << bit;
                    assert_eq!(Compacted::decode(&flipped), None, "byte {cut}, bit {bit}");
                }
            }
        }
        let overlapping = Compacted { clean: Offset(0), segments: vec![segment(0, 10), segment(5, 20)] };
        assert_eq!(Compacted::decode(overlapping.encode().as_bytes()), None);
        let backward = Compacted { clean: Offset(0), segments: vec![segment(10, 10)] };
        assert_eq!(Compacted::decode(backward.encode().as_bytes()), None);
    }

    #[test]
    fn a_new_segment_takes_the_place_of_what_it_covers() {
        let mut compacted = Compacted::default();
        compacted.put(segment(0, 10));
        compacted.put(segment(10, 20));
        compacted.put(segment(30, 40));
        compacted.put(segment(0, 20));
        assert_eq!(compacted.segments, [segment(0, 20), segment(30, 40)]);
        let replaced: Vec<i64> = (0..45).step_by(5).filter(|base| compacted.has_replaced(Offset(*base))).collect();
        assert_eq!(replaced, [5, 10, 15, 35]);
    }

    #[test]
    fn names_carry_the_round() {
        let name = cleaned_name(Offset(7), ".log", 12);
        assert_eq!(name, "00000000000000000007.log.12.cleaned");
        assert_eq!(parse_cleaned(&name), Some(("00000000000000000007.log", 12)));
        for other in ["00000000000000000007.log", "x.cleaned", "a..cleaned", "00000000000000000007.log.1a.cleaned"] {
            assert_eq!(parse_cleaned(other), None, "{other}");
        }
    }
}
