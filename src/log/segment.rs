//! One segment: a file of batches and its two indexes. Read by anybody at any time; written by its log's writer only.
//!
//! Readers see bytes below [`Segment::written_end`], which moves only after the write returned. Index entries are
//! hints: each is checked against the batch it points at, and where it does not fit the search begins at the segment's
//! start. What was on disk when the log was opened has its CRCs checked the first time that it is read (FE-17); what was
//! written since is known. After removal the file lives on for those who hold the segment.

use super::LogEnv;
use super::descriptors::Slot;
use super::epochs::Epochs;
use super::growth::TimeMark;
use super::headers::Headers;
use super::index::{IndexEntry, SparseIndex, TimeEntry};
use super::names;
use super::walk::{Walk, WalkError};
use crate::base::{FileRange, LeaderEpoch, Offset, Timestamp};
use crate::record::{BatchError, BatchHeader, HEADER_BYTES, Records};
use parking_lot::Mutex;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Separate stretches of a segment that are remembered as checked; sequential reads make one.
const CHECKED_STRETCHES_MAX: usize = 64;

/// Plain bytes of a batch that a search by timestamp looks at, at most; beyond, the batch's start is the answer.
const SEARCH_PLAIN_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a segment can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk failed.
    #[error("{file}: {error}")]
    Io {
        /// The file.
        file: String,
        /// The failure.
        error: io::Error,
    },
    /// What is stored is not a batch any more.
    #[error("{file} is damaged at byte {position}: {error}")]
    Corrupt {
        /// The file.
        file: String,
        /// Byte position.
        position: u64,
        /// What is wrong.
        error: BatchError,
    },
}

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

/// A record found by its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its batch's leader epoch.
    pub epoch: LeaderEpoch,
}

/// One segment of a log.
pub struct Segment {
    base: Offset,
    log: Arc<Slot>,
    pub(super) index: SparseIndex<IndexEntry>,
    pub(super) times: SparseIndex<TimeEntry>,
    written: AtomicU64,
    /// Bytes below this came from an earlier run and are checked when they are first read.
    unchecked: AtomicU64,
    stretches: Mutex<Vec<Range<u64>>>,
    /// What its batches' leader epochs must be, once that is known.
    epochs: OnceLock<Arc<Epochs>>,
}

impl Segment {
    /// A segment whose files hold what is said, in bytes and index entries; `None` for an index without a file. Touches no
    /// file.
    pub(super) fn new(
        env: &LogEnv,
        dir: &Path,
        base: Offset,
        written: u64,
        index: Option<u32>,
        times: Option<u32>,
    ) -> Segment {
        let slot = |suffix| Slot::new(&env.disk, &env.descriptors, dir.join(names::segment(base, suffix)));
        Segment {
            base,
            log: slot(names::LOG),
            index: SparseIndex::new(slot(names::INDEX), index),
            times: SparseIndex::new(slot(names::TIME_INDEX), times),
            written: AtomicU64::new(written),
            unchecked: AtomicU64::new(written),
            stretches: Mutex::new(Vec::new()),
            epochs: OnceLock::new(),
        }
    }

    /// Base offset; the file's name.
    pub fn base(&self) -> Offset {
        self.base
    }

    /// Bytes that may be read; grows while the segment is active.
    pub fn written_end(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Publishes what was written.
    pub(super) fn publish(&self, end: u64) {
        let before = self.written.swap(end, Ordering::Release);
        assert!(before <= end, "segment {} shrank from {before} to {end}", self.base);
    }

    /// Takes note that every CRC from `from` to `end` was checked and gives up the bytes after that; only while opening,
    /// before there are readers.
    pub(super) fn checked(&self, from: u64, end: u64) {
        self.written.store(end, Ordering::Release);
        self.unchecked.store(from, Ordering::Release);
    }

    /// From now on batches of an earlier run are held against these epochs; the first ones given stay.
    pub(super) fn know_epochs(&self, epochs: Arc<Epochs>) {
        let _ = self.epochs.set(epochs);
    }

    /// The leader epoch that a batch of an earlier run must have; unknown when nobody can say.
    pub(super) fn epoch_at(&self, offset: Offset) -> LeaderEpoch {
        self.epochs.get().map_or(LeaderEpoch::UNKNOWN, |epochs| epochs.at(offset))
    }

    /// Bytes below this came from an earlier run.
    pub(crate) fn unchecked_end(&self) -> u64 {
        self.unchecked.load(Ordering::Acquire)
    }

    /// The batches' file.
    pub(super) fn log(&self) -> &Arc<Slot> {
        &self.log
    }

    /// Name of the batches' file, for messages.
    pub fn name(&self) -> String {
        self.log.path().display().to_string()
    }

    fn failed(&self, error: WalkError) -> SegmentError {
        match error {
            WalkError::Io(error) => self.io(error),
            WalkError::Corrupt { position, error } => SegmentError::Corrupt { file: self.name(), position, error },
        }
    }

    fn io(&self, error: io::Error) -> SegmentError {
        SegmentError::Io { file: self.name(), error }
    }

    /// Plans a read of whole batches: from the one that holds `from`, while they lie wholly below `below` and fit into
    /// `max_bytes`; the first is taken whatever its size when `at_least_one` is set (FE-2, FE-3). A damaged batch ends the
    /// plan before it, or is the error when it comes first.
    pub fn plan(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<Planned, SegmentError> {
        let (planned, mut looked_at) = self.plan_headers(from, below, max_bytes, at_least_one)?;
        let planned_end = planned.position + planned.length;
        if planned.length > 0 && planned.first_base <= from {
            // What was passed over on the way to the right batch may be damaged without harm to it.
            looked_at.start = planned.position;
        }
        match self.check(looked_at)? {
            None => Ok(planned),
            Some((position, ..)) if planned.length > 0 && position >= planned_end => Ok(planned),
            Some((position, next, _)) if planned.length > 0 && position > planned.position => {
                Ok(Planned { length: position - planned.position, next, reached_end: false, ..planned })
            }
            Some((position, _, error)) => Err(SegmentError::Corrupt { file: self.name(), position, error }),
        }
    }

    /// Checks the CRCs of a stretch of whole batches unless that was done; the first bad one with the offset before it.
    fn check(&self, stretch: Range<u64>) -> Result<Option<(u64, Offset, BatchError)>, SegmentError> {
        let end = stretch.end.min(self.unchecked_end());
        let covers = |done: &Range<u64>| done.start <= stretch.start && end <= done.end;
        if stretch.start >= end || self.stretches.lock().iter().any(covers) {
            return Ok(None);
        }
        let mut walk = Walk::new(self, stretch.start, end);
        let mut next = self.base;
        loop {
            match walk.next_batch() {
                Ok(Some((header, _, _))) => next = header.next_offset(),
                Ok(None) => break,
                Err(WalkError::Corrupt { position, error }) => return Ok(Some((position, next, error))),
                Err(WalkError::Io(error)) => return Err(self.io(error)),
            }
        }
        let mut checked = self.stretches.lock();
        let mut grown = stretch.start..end;
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
        Ok(None)
    }

    /// The plan by the headers alone, and the stretch of batches that it was made from.
    fn plan_headers(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<(Planned, Range<u64>), SegmentError> {
        let (start, end) = (self.seek(from)?, self.written_end());
        let mut walk = Headers::new(self, start, end).looking_for(from);
        let mut planned = Planned { position: 0, length: 0, first_base: from, next: from, reached_end: false };
        loop {
            let (header, position) = match walk.next() {
                Ok(Some(step)) => step,
                Ok(None) => {
                    planned.reached_end = true;
                    return Ok((planned, start..end));
                }
                Err(WalkError::Corrupt { .. }) if planned.length > 0 => return Ok((planned, start..walk.position())),
                Err(error) => return Err(self.failed(error)),
            };
            if header.last_offset() < from {
                continue;
            }
            let first = planned.length == 0;
            let fits = planned.length + header.size() <= max_bytes || (first && at_least_one);
            if header.last_offset() >= below || !fits {
                return Ok((planned, start..walk.position()));
            }
            if first {
                (planned.position, planned.first_base) = (position, header.base_offset);
            }
            planned.length += header.size();
            planned.next = header.next_offset();
        }
    }

    /// A position at or before the batch that holds `offset`.
    pub(super) fn seek(&self, offset: Offset) -> Result<u64, SegmentError> {
        let Ok(relative) = u32::try_from(offset.0 - self.base.0) else { return Ok(0) };
        let entry = self.index.last_where(|entry| entry.offset <= relative);
        Ok(match entry {
            Ok(Some(entry)) if self.fits(&entry)? => u64::from(entry.position),
            Ok(_) => 0,
            // An index that can't be read is no reason not to serve the batches.
            Err(error) => {
                tracing::warn!(file = %self.index.slot().path().display(), %error, "offset index unreadable");
                0
            }
        })
    }

    /// Whether a batch begins where the entry says and ends at its offset.
    pub(super) fn fits(&self, entry: &IndexEntry) -> Result<bool, SegmentError> {
        let header = self.header_at(u64::from(entry.position))?;
        let fits = header.is_some_and(|header| header.last_offset() == self.base.plus(i64::from(entry.offset)));
        if !fits {
            tracing::warn!(file = %self.index.slot().path().display(), ?entry, "offset index entry does not fit");
        }
        Ok(fits)
    }

    pub(super) fn header_at(&self, position: u64) -> Result<Option<BatchHeader>, SegmentError> {
        if position + HEADER_BYTES as u64 > self.written_end() {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        super::walk::read_exact(self, &mut bytes, position).map_err(|error| self.io(error))?;
        Ok(BatchHeader::parse(&bytes).ok())
    }

    /// The first record below `below` whose timestamp is `target` or later, at or after `from` (LO-3).
    pub fn offset_for_timestamp(
        &self,
        target: Timestamp,
        from: Offset,
        below: Offset,
    ) -> Result<Option<Found>, SegmentError> {
        let start = match self.times.last_where(|entry| entry.timestamp < target.0) {
            Ok(Some(entry)) => self.trusted(&entry)?.map_or(self.base, |mark| mark.offset),
            Ok(None) | Err(_) => self.base,
        };
        let start = self.seek(start.max(from))?;
        let mut walk = Headers::new(self, start, self.written_end());
        while let Some((header, position)) = walk.next().map_err(|error| self.failed(error))? {
            if header.base_offset >= below {
                break;
            }
            if header.last_offset() < from || header.max_timestamp < target {
                continue;
            }
            let wanted = |offset: Offset, timestamp| offset >= from && offset < below && timestamp >= target;
            if let Some(found) = self.find_in_batch(&header, position, wanted)? {
                self.sound(start..position)?;
                return Ok(Some(found));
            }
        }
        self.sound(start..walk.position())?;
        Ok(None)
    }

    /// Checks what an earlier run left: whole batches from `position` on, which `next` begins, until `max_bytes` are read.
    /// Returns where to go on.
    pub fn scrub(&self, position: u64, next: Offset, max_bytes: u64) -> Result<(u64, Offset), SegmentError> {
        let (mut next, end) = (next, self.unchecked_end());
        let mut walk = Headers::going_on(self, position, end, next);
        while walk.position() - position < max_bytes {
            let Some((header, _)) = walk.next().map_err(|error| self.failed(error))? else { break };
            next = header.next_offset();
        }
        self.sound(position..walk.position())?;
        Ok((walk.position(), next))
    }

    /// An error unless a stretch of whole batches is what was written: what was passed over by its times alone counts.
    fn sound(&self, stretch: Range<u64>) -> Result<(), SegmentError> {
        match self.check(stretch)? {
            None => Ok(()),
            Some((position, _, error)) => Err(SegmentError::Corrupt { file: self.name(), position, error }),
        }
    }

    /// The first record in the batch that is `wanted`; see [`first_record`].
    fn find_in_batch(
        &self,
        header: &BatchHeader,
        position: u64,
        wanted: impl Fn(Offset, Timestamp) -> bool,
    ) -> Result<Option<Found>, SegmentError> {
        let mut walk = Walk::new(self, position, position + header.size());
        let Some((_, batch, _)) = walk.next_batch().map_err(|error| self.failed(error))? else { return Ok(None) };
        Ok(first_record(header, &batch, wanted))
    }

    /// The batch with the largest timestamp among those wholly below `below`: its last offset and that timestamp.
    pub fn max_mark(&self, below: Offset) -> Result<Option<TimeMark>, SegmentError> {
        let relative = below.0.saturating_sub(self.base.0);
        // First: what lies before an index entry is in the time index by then.
        let indexed = self.index.last_where(|entry| i64::from(entry.offset) < relative);
        let known = match self.times.around(|entry| i64::from(entry.offset) < relative) {
            // A damaged neighbour may have turned the search away from later entries.
            Ok((_, Some(next))) if self.trusted(&next)?.is_none() => None,
            Ok((Some(entry), _)) => self.trusted(&entry)?,
            Ok((None, _)) | Err(_) => None,
        };
        // What follows the last index entry is not in the time index yet (a sealed segment's last entry covers all).
        let mut best = known;
        let after = match indexed {
            Ok(Some(entry)) if (known.is_some() || self.times.entries() == 0) && self.fits(&entry)? => {
                u64::from(entry.position)
            }
            _ => 0,
        };
        let mut walk = Headers::new(self, after, self.written_end());
        while let Some((header, _)) = walk.next().map_err(|error| self.failed(error))? {
            if header.last_offset() >= below {
                break;
            }
            if header.max_timestamp > best.map_or(Timestamp::NONE, |best| best.timestamp) {
                best = Some(TimeMark { timestamp: header.max_timestamp, offset: header.last_offset() });
            }
        }
        self.sound(after..walk.position())?;
        Ok(best)
    }

    /// The first record that carries the batch's max timestamp, in the batch that ends at `mark`'s offset.
    pub fn record_of(&self, mark: &TimeMark) -> Result<Option<Found>, SegmentError> {
        let mut walk = Headers::new(self, self.seek(mark.offset)?, self.written_end());
        while let Some((header, position)) = walk.next().map_err(|error| self.failed(error))? {
            if header.last_offset() == mark.offset {
                let found = self.find_in_batch(&header, position, |_, timestamp| timestamp >= mark.timestamp)?;
                let whole = Found { offset: header.base_offset, timestamp: mark.timestamp, epoch: header.leader_epoch };
                return Ok(Some(found.unwrap_or(whole)));
            }
        }
        Ok(None)
    }

    /// A time index entry, if the batch it names says the same.
    pub(super) fn trusted(&self, entry: &TimeEntry) -> Result<Option<TimeMark>, SegmentError> {
        let mark = TimeMark { timestamp: Timestamp(entry.timestamp), offset: self.base.plus(i64::from(entry.offset)) };
        let mut walk = Headers::new(self, self.seek(mark.offset)?, self.written_end());
        while let Some((header, _)) = walk.next().map_err(|error| self.failed(error))? {
            if header.last_offset() >= mark.offset {
                let same = header.last_offset() == mark.offset && header.max_timestamp == mark.timestamp;
                if same {
                    return Ok(Some(mark));
                }
                break;
            }
        }
        tracing::warn!(file = %self.times.slot().path().display(), ?entry, "time index entry does not fit");
        Ok(None)
    }

    /// Keeps the files open for those who read on after the names are gone.
    pub(super) fn pin(&self) {
        for slot in [&self.log, self.index.slot(), self.times.slot()] {
            slot.pin();
        }
    }
}

/// The first record in a whole batch that is `wanted`. Records that can't be read (compressed batches are not opened when
/// they are produced) leave the batch's own start as the answer.
pub fn first_record(header: &BatchHeader, batch: &[u8], wanted: impl Fn(Offset, Timestamp) -> bool) -> Option<Found> {
    let epoch = header.leader_epoch;
    let whole = Found { offset: header.base_offset, timestamp: header.max_timestamp, epoch };
    let Ok(records) = Records::new(header, batch, SEARCH_PLAIN_BYTES_MAX) else { return Some(whole) };
    for record in records {
        match record {
            Ok(record) if wanted(record.offset, record.timestamp) => {
                return Some(Found { offset: record.offset, timestamp: record.timestamp, epoch });
            }
            Ok(_) => {}
            Err(_) => return Some(whole),
        }
    }
    None
}

impl FileRange for Segment {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.log.file()?.read_at(buf, position)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.log.file()?.read_cached(buf, position)
    }

    fn is_cached(&self, position: u64, length: usize) -> bool {
        self.log.file().is_ok_and(|file| file.is_cached(position, length))
    }

    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        self.log.file()?.send_to(socket, position, length)
    }

    fn holds(&self, end: u64) -> bool {
        end <= self.written_end()
    }
}
