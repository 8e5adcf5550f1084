//! Sealed segments: their batches are never changed, their indexes are made again when they are not whole.

use super::{OpenHow, Opening};
use crate::base::{Offset, Timestamp};
use crate::log::index::{INDEX_ENTRY_BYTES, TIME_ENTRY_BYTES};
use crate::log::names;
use crate::log::segment::Segment;
use crate::log::survey::{Depth, Expect, Flaw, FlawKind, Indexes, Survey, survey};
use crate::log::walk::{Walk, WalkError};
use crate::record::BatchHeader;
use std::io;

impl Opening<'_> {
    /// Whether both index files are there with whole entries.
    pub(super) fn has_indexes(&self, base: Offset) -> bool {
        let whole = |suffix, bytes: usize| self.len_of(base, suffix).is_some_and(|len| len % bytes as u64 == 0);
        whole(names::INDEX, INDEX_ENTRY_BYTES) && whole(names::TIME_INDEX, TIME_ENTRY_BYTES)
    }

    /// A sealed segment: its indexes must be there, and after a crash its end must fit the next segment's start.
    pub(super) fn check_sealed(&mut self, segment: &Segment, next: Offset, how: OpenHow) -> io::Result<()> {
        let (base, end) = (segment.base(), segment.written_end());
        if let Some(flaw) = self.misses_bytes(base, end) {
            self.report.damaged.push((segment.name(), flaw));
        }
        let indexed = if self.has_indexes(base) && !self.lacks_entries(segment)? {
            match how {
                OpenHow::Clean => return Ok(()),
                OpenHow::From { .. } | OpenHow::Since(_) | OpenHow::AfterCrash => self.last_indexed(segment)?,
            }
        } else {
            None
        };
        let found = match indexed {
            Some(from) => survey(segment, from, end, Expect::growing(base), Depth::Headers, |_, _| {})?,
            None => self.reindex(segment)?,
        };
        let beyond = FlawKind::Offsets { base: next, last: next, expected: found.next };
        let overlap = (found.next > next || (end == 0 && !self.may_be_empty(base)))
            .then_some(Flaw { position: end, kind: beyond });
        if let Some(flaw) = found.flaw.or(overlap) {
            self.report.damaged.push((segment.name(), flaw));
        }
        Ok(())
    }

    /// Makes a sealed segment's indexes again.
    fn reindex(&mut self, segment: &Segment) -> io::Result<Survey> {
        self.report.rebuilt.push(segment.index.slot().path().display().to_string());
        let (base, end, interval) = (segment.base(), segment.written_end(), self.settings.index_interval_bytes);
        let mut indexes = Indexes::new(base, self.now);
        let add = |header: &BatchHeader, _| indexes.add(header, interval);
        let found = survey(segment, 0, end, Expect::growing(base), Depth::Headers, add)?;
        indexes.close();
        segment.index.replace(&indexes.index)?;
        segment.times.replace(&indexes.times)?;
        Ok(found)
    }

    /// Whether an index is empty that should not be: batches with times without a time index, or more bytes than the
    /// interval without an offset index.
    pub(super) fn lacks_entries(&self, segment: &Segment) -> io::Result<bool> {
        let (end, interval) = (segment.written_end(), u64::from(self.settings.index_interval_bytes));
        if segment.times.entries() == 0 {
            let first = segment.header_at(0).map_err(io::Error::other)?;
            if first.is_some_and(|header| header.max_timestamp > Timestamp::NONE) {
                return Ok(true);
            }
        }
        if segment.index.entries() > 0 || end <= interval {
            return Ok(false);
        }
        let mut walk = Walk::new(segment, 0, end);
        loop {
            match walk.next_header() {
                Ok(Some((_, position))) if position > interval => return Ok(true),
                Ok(Some(_)) => {}
                // Damage is found by whoever reads the batches.
                Ok(None) | Err(WalkError::Corrupt { .. }) => return Ok(false),
                Err(WalkError::Io(error)) => return Err(error),
            }
        }
    }

    /// The position of the last index entry, 0 when there is none; `None` when its batch is not there.
    pub(super) fn last_indexed(&self, segment: &Segment) -> io::Result<Option<u64>> {
        let Some(entry) = segment.index.last()? else { return Ok(Some(0)) };
        let fits = segment.fits(&entry).map_err(io::Error::other)?;
        Ok(fits.then_some(u64::from(entry.position)))
    }
}
