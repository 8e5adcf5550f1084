//! The headers of a segment's batches, each in its place: the first 17 bytes of a header are outside its CRC, so base offset
//! and leader epoch are held against what is known of the log.

use super::segment::Segment;
use super::walk::{Patience, Walk, WalkError};
use crate::base::{LeaderEpoch, Offset};
use crate::record::{BatchError, BatchHeader};

/// A walk over the headers from one position to the written end.
pub(super) struct Headers<'a> {
    walk: Walk<'a>,
    segment: &'a Segment,
    /// Base offset of the next batch, where it is known.
    expected: Option<Offset>,
    /// Batches that end before this are only passed over: their epochs matter to nobody.
    from: Offset,
}

impl<'a> Headers<'a> {
    /// From `start`: the segment's start, or a batch that an index entry fits.
    pub(super) fn new(segment: &'a Segment, start: u64, end: u64) -> Self {
        let expected = (start == 0).then_some(segment.base());
        Headers { walk: Walk::new(segment, start, end), segment, expected, from: Offset::ZERO }
    }

    /// From a batch's start, whose base offset must be `next`.
    pub(super) fn going_on(segment: &'a Segment, start: u64, end: u64, next: Offset) -> Self {
        Headers { expected: Some(next), ..Headers::new(segment, start, end) }
    }

    /// The same walk on its way to a record.
    pub(super) fn looking_for(self, from: Offset) -> Self {
        Headers { from, ..self }
    }

    /// The same walk with this patience.
    pub(super) fn patient(self, patience: Patience) -> Self {
        Headers { walk: self.walk.patient(patience), ..self }
    }

    /// Where the next batch begins.
    pub(super) fn position(&self) -> u64 {
        self.walk.position()
    }

    /// The next header and its position; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(BatchHeader, u64)>, WalkError> {
        let Some((header, position)) = self.walk.next_header()? else { return Ok(None) };
        // What this run wrote is known.
        if position < self.segment.unchecked_end() {
            self.check(&header).map_err(|error| WalkError::Corrupt { position, error })?;
        }
        self.expected = Some(header.next_offset());
        Ok(Some((header, position)))
    }

    fn check(&self, header: &BatchHeader) -> Result<(), BatchError> {
        let base = header.base_offset;
        let fits = |expected: Offset| base == expected || (base > expected && self.segment.has_gaps());
        if let Some(expected) = self.expected.filter(|expected| !fits(*expected)) {
            return Err(BatchError::Misplaced { base, expected });
        }
        // A batch has one epoch; its first offsets may lie below the log start, of which nothing is known.
        match self.segment.epoch_at(header.last_offset()) {
            _ if header.last_offset() < self.from => Ok(()),
            LeaderEpoch::UNKNOWN => Ok(()),
            expected if expected == header.leader_epoch => Ok(()),
            expected => Err(BatchError::Epoch { epoch: header.leader_epoch, expected }),
        }
    }
}
