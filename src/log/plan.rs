//! Plans of reads: which bytes of a segment answer a fetch. Headers are read, and on the first read of what an earlier run
//! left all of it (FE-17); the bytes themselves are sent from the file later.
//!
//! Who reads on where the last read ended needs no index, and when the system has the headers in memory no wait for the
//! disk either: such a read is planned at once ([`Segment::plan_at_once`]).

use super::headers::Headers;
use super::segment::{Segment, SegmentError};
use super::walk::{Patience, Walk, WalkError};
use crate::base::Offset;
use crate::record::{BatchError, BatchHeader};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;

/// Separate stretches of a segment that are remembered as checked; sequential reads make one.
const CHECKED_STRETCHES_MAX: usize = 64;

/// Ends of the latest plans that are remembered: as many readers of a segment are found again.
const ENDS_MAX: usize = 64;

/// When a plan has come over so many batches and they are small, the index tells where it will end.
const LEAP_AFTER: u32 = 16;

/// Batches are small when the index has about one entry for each of them, or fewer (index.interval.bytes is 4 KiB).
const SMALL_BATCH_BYTES: u64 = 8 * 1024;

/// Headers that a plan at once looks at; a longer one is made by a thread that may take its time.
const HEADERS_AT_ONCE_MAX: u32 = 1_000;

/// A stretch of whole batches to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// First byte in the segment.
    pub position: u64,
    /// Bytes; 0 when nothing fits or nothing is there.
    pub length: u64,
    /// Base offset of the first batch, which may lie below the offset asked for.
    pub first_base: Offset,
    /// The offset to ask for next.
    pub next: Offset,
    /// Whether the plan reached the segment's end: the next offset is the next segment's matter.
    pub reached_end: bool,
}

impl Planned {
    /// No batch yet of what is wanted from here on.
    fn nothing(from: Offset) -> Self {
        Planned { position: 0, length: 0, first_base: from, next: from, reached_end: false }
    }

    fn end(&self) -> u64 {
        self.position + self.length
    }

    /// Whether the next batch is part of what is wanted.
    fn takes(&self, header: &BatchHeader, wanted: Wanted) -> bool {
        let first = self.length == 0;
        let fits = self.length + header.size() <= wanted.max_bytes || (first && wanted.at_least_one);
        header.last_offset() < wanted.below && fits
    }

    /// Adds the next batch, which lies at `position`.
    fn take(&mut self, header: &BatchHeader, position: u64) {
        if self.length == 0 {
            (self.position, self.first_base) = (position, header.base_offset);
        }
        self.length += header.size();
        self.next = header.next_offset();
    }

    /// Adds all batches before the one at `position`, whose base offset is `next`.
    fn take_up_to(&mut self, position: u64, next: Offset) {
        self.length = position - self.position;
        self.next = next;
    }
}

/// What is asked for: whole batches from the one that holds `from`, while they lie wholly below `below` and fit into
/// `max_bytes`; the first is taken whatever its size when `at_least_one` is set (FE-2, FE-3).
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The first offset.
    pub from: Offset,
    /// What is not to be seen yet.
    pub below: Offset,
    /// Most bytes.
    pub max_bytes: u64,
    /// Whether one batch comes whatever its size.
    pub at_least_one: bool,
}

impl Wanted {
    /// These four.
    pub fn new(from: Offset, below: Offset, max_bytes: u64, at_least_one: bool) -> Self {
        Wanted { from, below, max_bytes, at_least_one }
    }
}

/// Where a plan begins: at a batch's first byte.
#[derive(Clone, Copy)]
enum Start {
    /// By the index, at or before the batch that is wanted.
    Near(u64),
    /// Where the last plan ended: the very batch.
    Exactly(u64),
}

/// What is remembered of a segment's reads.
#[derive(Default)]
pub(super) struct ReadsSoFar {
    /// Whole batches whose CRCs were checked.
    checked: Vec<Range<u64>>,
    /// Where plans ended: the next offset, and the batch's position; the newest at the back.
    ends: VecDeque<(Offset, u64)>,
}

impl Segment {
    /// Plans a read. A damaged batch ends the plan before it, or is the error when it comes first. May wait for the disk.
    pub fn plan(&self, wanted: Wanted) -> Result<Planned, SegmentError> {
        let start = match self.end_of_plan(wanted.from) {
            Some(position) => Start::Exactly(position),
            None => Start::Near(self.seek(wanted.from)?),
        };
        let planned = self.plan_headers(wanted, start, Patience::Wait).map_err(|error| self.failed(error))?;
        let planned = self.sound_part(wanted, planned)?;
        self.remember_end(&planned);
        Ok(planned)
    }

    /// The same for a reader that goes on where a plan ended, if everything that is looked at is in memory, of files that
    /// are open, and was checked before. None otherwise, and where anything is wrong: [`Self::plan`] tells.
    pub fn plan_at_once(&self, wanted: Wanted) -> Option<Planned> {
        let start = Start::Exactly(self.end_of_plan(wanted.from)?);
        let (planned, looked_at) = self.plan_headers(wanted, start, Patience::AtOnce).ok()?;
        if planned.length == 0 || !self.is_checked(&looked_at) {
            return None;
        }
        self.remember_end(&planned);
        Some(planned)
    }

    fn end_of_plan(&self, from: Offset) -> Option<u64> {
        let reads = self.reads.lock();
        reads.ends.iter().rev().find(|(next, _)| *next == from).map(|(_, position)| *position)
    }

    fn remember_end(&self, planned: &Planned) {
        if planned.length == 0 || planned.reached_end {
            return;
        }
        let mut reads = self.reads.lock();
        let end = (planned.next, planned.end());
        if reads.ends.contains(&end) {
            return;
        }
        if reads.ends.len() == ENDS_MAX {
            reads.ends.pop_front();
        }
        reads.ends.push_back(end);
    }

    /// What of a plan holds once the CRCs of all that it was made from are checked.
    fn sound_part(&self, wanted: Wanted, plan: (Planned, Range<u64>)) -> Result<Planned, SegmentError> {
        let (planned, mut looked_at) = plan;
        if planned.length > 0 && planned.first_base <= wanted.from {
            // What was passed over on the way to the right batch may be damaged without harm to it.
            looked_at.start = planned.position;
        }
        match self.check(looked_at)? {
            None => Ok(planned),
            // A damaged batch may pass for one that ends before what is wanted: the next read begins with it.
            Some((position, ..)) if planned.length > 0 && position >= planned.end() => {
                Ok(Planned { reached_end: false, ..planned })
            }
            Some((position, next, _)) if planned.length > 0 && position > planned.position => {
                Ok(Planned { length: position - planned.position, next, reached_end: false, ..planned })
            }
            Some((position, _, error)) => Err(SegmentError::Corrupt { file: self.name(), position, error }),
        }
    }

    /// Whether the CRCs of a stretch are known to be right: this run wrote it, or checked it.
    fn is_checked(&self, stretch: &Range<u64>) -> bool {
        let end = stretch.end.min(self.unchecked_end());
        let covers = |done: &Range<u64>| done.start <= stretch.start && end <= done.end;
        stretch.start >= end || self.reads.lock().checked.iter().any(covers)
    }

    /// Checks the CRCs of a stretch of whole batches unless that was done; the first bad one with the offset before it.
    fn check(&self, stretch: Range<u64>) -> Result<Option<(u64, Offset, BatchError)>, SegmentError> {
        if self.is_checked(&stretch) {
            return Ok(None);
        }
        self.check_heads()?;
        let end = stretch.end.min(self.unchecked_end());
        let mut walk = Walk::new(self, stretch.start, end);
        let mut next = self.base();
        loop {
            match walk.check_next() {
                Ok(Some(header)) => next = header.next_offset(),
                Ok(None) => break,
                Err(WalkError::Corrupt { position, error }) => return Ok(Some((position, next, error))),
                Err(WalkError::Io(error)) => return Err(self.io(error)),
            }
        }
        self.remember_checked(stretch.start..end);
        Ok(None)
    }

    fn remember_checked(&self, stretch: Range<u64>) {
        let checked = &mut self.reads.lock().checked;
        let mut grown = stretch;
        checked.retain(|done| {
            let apart = done.end < grown.start || grown.end < done.start;
            if !apart {
                grown = done.start.min(grown.start)..done.end.max(grown.end);
            }
            apart
        });
        if checked.len() == CHECKED_STRETCHES_MAX {
            checked.remove(0);
        }
        checked.push(grown);
    }

    /// An error unless a stretch of whole batches is what was written: what was passed over by its times alone counts.
    pub(super) fn sound(&self, stretch: Range<u64>) -> Result<(), SegmentError> {
        match self.check(stretch)? {
            None => Ok(()),
            Some((position, _, error)) => Err(SegmentError::Corrupt { file: self.name(), position, error }),
        }
    }

    /// The plan by the headers alone, and the stretch of batches that it was made from.
    fn plan_headers(
        &self,
        wanted: Wanted,
        start: Start,
        patience: Patience,
    ) -> Result<(Planned, Range<u64>), WalkError> {
        let end = self.written_end();
        let (start, mut walk) = match start {
            Start::Near(start) => (start, Headers::new(self, start, end)),
            Start::Exactly(start) => (start, Headers::going_on(self, start, end, wanted.from)),
        };
        walk = walk.looking_for(wanted.from).patient(patience);
        let mut planned = Planned::nothing(wanted.from);
        let (mut batches, mut looks) = (0, 0);
        loop {
            looks += 1;
            if patience == Patience::AtOnce && looks > HEADERS_AT_ONCE_MAX {
                return Err(io::Error::from(io::ErrorKind::WouldBlock).into());
            }
            let (header, position) = match walk.next() {
                Ok(Some(step)) => step,
                Ok(None) => {
                    planned.reached_end = true;
                    return Ok((planned, start..end));
                }
                Err(WalkError::Corrupt { .. }) if planned.length > 0 => return Ok((planned, start..walk.position())),
                Err(error) => return Err(error),
            };
            if header.last_offset() < wanted.from {
                continue;
            }
            if !planned.takes(&header, wanted) {
                return Ok((planned, start..walk.position()));
            }
            planned.take(&header, position);
            batches += 1;
            if batches == LEAP_AFTER
                && planned.length < u64::from(LEAP_AFTER) * SMALL_BATCH_BYTES
                && let Some((position, next)) = self.leap(&planned, wanted, patience)?
            {
                planned.take_up_to(position, next);
                walk = Headers::going_on(self, position, end, next).looking_for(wanted.from).patient(patience);
            }
        }
    }

    /// The last batch with an index entry that the plan may reach, where it lies further on: what lies between is part of
    /// the plan, and its headers need not be read. Only among batches that this run wrote: those are where it said.
    fn leap(&self, planned: &Planned, wanted: Wanted, patience: Patience) -> io::Result<Option<(u64, Offset)>> {
        if planned.position < self.unchecked_end() {
            return Ok(None);
        }
        let furthest = planned.position.saturating_add(wanted.max_bytes);
        let reached = |position: u32, offset: u32| {
            u64::from(position) <= furthest && self.base().plus(i64::from(offset)) < wanted.below
        };
        let entry = match self.index.last_where_with(|entry| reached(entry.position, entry.offset), patience) {
            Err(error) if patience == Patience::Wait => {
                // An index that can't be read is no reason not to serve the batches.
                tracing::warn!(file = %self.index.slot().path().display(), %error, "offset index unreadable");
                return Ok(None);
            }
            entry => entry?,
        };
        let Some(entry) = entry.filter(|entry| u64::from(entry.position) > planned.end()) else { return Ok(None) };
        let header = self.header_with(u64::from(entry.position), patience)?;
        let fits = header.filter(|header| header.last_offset() == self.base().plus(i64::from(entry.offset)));
        Ok(fits.map(|header| (u64::from(entry.position), header.base_offset)))
    }
}
