//! What a segment file really holds: every batch from its start up to the first that is not one, and the indexes that
//! belong to it.

use super::Epochs;
use super::files::time_entry;
use super::growth::Growth;
use super::index::{IndexEntry, TimeEntry};
use super::settings::SEGMENT_BYTES_MAX;
use super::walk::{Walk, WalkError, read_exact};
use crate::base::{FileRange, LeaderEpoch, Offset, Timestamp};
use crate::record::header::batch_crc;
use crate::record::{BatchError, BatchHeader, HEADER_BYTES};
use std::io;

/// Why a batch does not belong where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FlawKind {
    /// Not a batch, or its CRC does not fit.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Offsets that do not follow the batch before.
    #[error("a batch with offsets {base} to {last} where {expected} or later was expected")]
    Offsets {
        /// Its base offset.
        base: Offset,
        /// Its last offset.
        last: Offset,
        /// The least base offset that would have been right.
        expected: Offset,
    },
    /// Fewer bytes than were synced.
    #[error("{expected} bytes were made durable here, fewer are there")]
    Lost {
        /// How many there should be.
        expected: u64,
    },
    /// It can't be read.
    #[error("it is damaged")]
    Unreadable,
    /// The file is larger than a segment can be.
    #[error("the file is larger than {SEGMENT_BYTES_MAX} bytes")]
    TooLong,
}

/// The first thing in a file that is not right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Byte position.
    pub position: u64,
    /// What is wrong there.
    pub kind: FlawKind,
}

/// What may lie between the offsets of two batches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Nothing: so they are appended.
    Contiguous,
    /// Gaps: so compaction may leave them.
    Growing,
}

/// What the batches of a stretch must be.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The first one's base offset, or the least that is right.
    pub next: Offset,
    /// What may lie between them.
    pub order: Order,
    /// Their leader epochs, where they are known.
    pub epochs: Option<&'a Epochs>,
}

impl<'a> Expect<'a> {
    /// Without a gap from `next` on.
    pub fn contiguous(next: Offset) -> Self {
        Expect { next, order: Order::Contiguous, epochs: None }
    }

    /// Somewhere from `next` on.
    pub fn growing(next: Offset) -> Self {
        Expect { next, order: Order::Growing, epochs: None }
    }

    /// Each written under the epoch of its offset.
    pub fn under(self, epochs: Option<&'a Epochs>) -> Self {
        Expect { epochs, ..self }
    }

    fn flaw(&self, header: &BatchHeader, end: u64) -> Option<FlawKind> {
        let (base, last, expected) = (header.base_offset, header.last_offset(), self.next);
        let follows = if self.order == Order::Contiguous { base == expected } else { base >= expected };
        if end > u64::from(SEGMENT_BYTES_MAX) {
            Some(FlawKind::TooLong)
        } else if !follows || last < base {
            Some(FlawKind::Offsets { base, last, expected })
        } else {
            let known = self.epochs.map(|epochs| epochs.at(last)).filter(|epoch| *epoch != LeaderEpoch::UNKNOWN);
            let expected = known.filter(|epoch| *epoch != header.leader_epoch)?;
            Some(BatchError::Epoch { epoch: header.leader_epoch, expected }.into())
        }
    }
}

/// How closely batches are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Headers only.
    Headers,
    /// Headers and the CRC of every byte.
    Checksums,
}

/// Where a survey came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Survey {
    /// Bytes that are good.
    pub good_end: u64,
    /// The offset after the last good batch.
    pub next: Offset,
    /// What stands after the good bytes, if anything.
    pub flaw: Option<Flaw>,
}

/// Looks at the batches of a file from `from` (a batch's start) to `end`, and hands each good one over with its position.
pub fn survey(
    file: &dyn FileRange,
    from: u64,
    end: u64,
    mut expect: Expect<'_>,
    depth: Depth,
    mut each: impl FnMut(&BatchHeader, u64),
) -> io::Result<Survey> {
    let mut walk = Walk::new(file, from, end);
    let mut good_end = from;
    let (position, kind) = loop {
        let position = walk.position();
        let step = match depth {
            Depth::Headers => walk.next_header().map(|step| step.map(|(header, _)| header)),
            Depth::Checksums => walk.next_batch().map(|step| step.map(|(header, _, _)| header)),
        };
        match step {
            Ok(None) => return Ok(Survey { good_end, next: expect.next, flaw: None }),
            Ok(Some(header)) => match expect.flaw(&header, walk.position()) {
                Some(kind) => break (position, kind),
                None => {
                    each(&header, position);
                    good_end = walk.position();
                    expect.next = header.next_offset();
                }
            },
            Err(WalkError::Io(error)) => return Err(error),
            Err(WalkError::Corrupt { error, .. }) => break (position, FlawKind::Batch(error)),
        }
    };
    Ok(Survey { good_end, next: expect.next, flaw: Some(Flaw { position, kind }) })
}

/// The indexes that a segment's batches ask for, grown batch by batch.
#[derive(Clone, Debug)]
pub struct Indexes {
    /// The segment as it has grown.
    pub growth: Growth,
    /// Its offset index.
    pub index: Vec<IndexEntry>,
    /// Its time index.
    pub times: Vec<TimeEntry>,
}

impl Indexes {
    /// An empty segment's.
    pub fn new(base: Offset, begun: Timestamp) -> Indexes {
        Indexes { growth: Growth::new(base, begun), index: Vec::new(), times: Vec::new() }
    }

    /// Takes in the next batch.
    pub fn add(&mut self, header: &BatchHeader, interval_bytes: u32) {
        let base = self.growth.base;
        let (position, last) = (self.growth.position, header.last_offset());
        let size = header.size() as u32;
        let marks = self.growth.add(last, size, header.max_timestamp, interval_bytes);
        if marks.index {
            self.index.push(IndexEntry { offset: (last.0 - base.0) as u32, position });
        }
        self.times.extend(marks.time.map(|mark| time_entry(base, mark)));
    }

    /// The last time index entry, as sealing adds it.
    pub fn close(&mut self) {
        let closing = self.growth.closing();
        self.times.extend(closing.map(|mark| time_entry(self.growth.base, mark)));
        self.growth.note_time_entry(closing);
    }
}

/// How many whole batches with a good CRC and offsets from `expected` on follow somewhere after `from`: a torn tail has
/// few or none, damage in the midst of a file has many.
pub fn batches_after(file: &dyn FileRange, from: u64, end: u64, expected: Offset) -> io::Result<u64> {
    let mut count = 0;
    let mut position = from + 1;
    let mut expected = expected;
    while let Some((at, header)) = next_plausible(file, position, end, expected)? {
        let size = header.size() as usize;
        let mut batch = vec![0; size];
        read_exact(file, &mut batch, at)?;
        if batch_crc(&batch) == header.crc {
            count += 1;
            expected = header.next_offset();
            position = at + header.size();
        } else {
            position = at + 1;
        }
    }
    Ok(count)
}

/// Bytes scanned at once for something that looks like a header.
const SCAN_BYTES: u64 = 1024 * 1024;

/// The next position at which a header could stand: right magic, a size that fits, an offset that could follow.
fn next_plausible(
    file: &dyn FileRange,
    from: u64,
    end: u64,
    expected: Offset,
) -> io::Result<Option<(u64, BatchHeader)>> {
    let mut start = from;
    let mut bytes = Vec::new();
    while start + HEADER_BYTES as u64 <= end {
        bytes.resize((end - start).min(SCAN_BYTES) as usize, 0);
        read_exact(file, &mut bytes, start)?;
        for (at, window) in bytes.windows(HEADER_BYTES).enumerate() {
            let at = start + at as u64;
            let Ok(header) = BatchHeader::parse(window) else { continue };
            let ahead = header.base_offset.0.saturating_sub(expected.0);
            let follows = (0..=i64::from(i32::MAX)).contains(&ahead) && header.last_offset_delta >= 0;
            if follows && at + header.size() <= end {
                return Ok(Some((at, header)));
            }
        }
        start += (bytes.len() - HEADER_BYTES + 1) as u64;
    }
    Ok(None)
}
