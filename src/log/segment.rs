//! One segment: a file of batches and its two indexes. Read by anybody at any time; written by its log's writer only.
//!
//! Readers see bytes below [`Segment::written_end`], which moves only after the write returned. Index entries are
//! hints: each is checked against the batch it points at, and where it does not fit the search begins at the segment's
//! start. What was on disk when the log was opened has its CRCs checked the first time that it is read (FE-17); what was
//! written since is known. After removal the file lives on for those who hold the segment.

use super::LogEnv;
use super::age::Age;
use super::descriptors::Slot;
use super::epochs::Epochs;
use super::growth::TimeMark;
use super::headers::Headers;
use super::index::{INDEX_ENTRY_BYTES, IndexEntry, SparseIndex, TIME_ENTRY_BYTES, TimeEntry};
use super::names;
use super::plan::ReadsSoFar;
use super::walk::{Patience, Walk, WalkError, read_exact_with};
use crate::base::{FileRange, LeaderEpoch, Offset, Timestamp};
use crate::record::header::Heads;
use crate::record::{BatchError, BatchHeader, HEADER_BYTES, Records};
use parking_lot::Mutex;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

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

/// What is known of a segment whose offsets have gaps.
struct Gaps {
    /// CRC-32C of the heads of its batches.
    heads: u32,
    /// Whether they were held against it in this run.
    checked: AtomicBool,
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
    pub(super) reads: Mutex<ReadsSoFar>,
    /// None when each batch follows from the one before.
    gaps: Option<Gaps>,
    /// What its batches' leader epochs must be, once that is known.
    epochs: OnceLock<Arc<Epochs>>,
    pub(super) age: Age,
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
        Segment::of_files(env, base, written, (index, times), |suffix| dir.join(names::segment(base, suffix)))
    }

    /// The same with files of other names.
    pub(super) fn of_files(
        env: &LogEnv,
        base: Offset,
        written: u64,
        (index, times): (Option<u32>, Option<u32>),
        path: impl Fn(&'static str) -> PathBuf,
    ) -> Segment {
        let slot = |suffix| Slot::new(&env.disk, &env.descriptors, path(suffix));
        Segment {
            base,
            log: slot(names::LOG),
            index: SparseIndex::new(slot(names::INDEX), index),
            times: SparseIndex::new(slot(names::TIME_INDEX), times),
            written: AtomicU64::new(written),
            unchecked: AtomicU64::new(written),
            reads: Mutex::default(),
            gaps: None,
            epochs: OnceLock::new(),
            age: Age::default(),
        }
    }

    /// The same segment with gaps between its batches' offsets, and the CRC-32C of their heads.
    pub(super) fn with_gaps(self, heads: u32) -> Segment {
        Segment { gaps: Some(Gaps { heads, checked: AtomicBool::new(false) }), ..self }
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

    pub(super) fn failed(&self, error: WalkError) -> SegmentError {
        match error {
            WalkError::Io(error) => self.io(error),
            WalkError::Corrupt { position, error } => SegmentError::Corrupt { file: self.name(), position, error },
        }
    }

    pub(super) fn io(&self, error: io::Error) -> SegmentError {
        SegmentError::Io { file: self.name(), error }
    }

    /// A position at or before the batch that holds `offset`.
    pub(crate) fn seek(&self, offset: Offset) -> Result<u64, SegmentError> {
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
        self.header_with(position, Patience::Wait).map_err(|error| self.io(error))
    }

    /// The header there, if there is one.
    pub(super) fn header_with(&self, position: u64, patience: Patience) -> io::Result<Option<BatchHeader>> {
        if position + HEADER_BYTES as u64 > self.written_end() {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        read_exact_with(self, &mut bytes, position, patience)?;
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

    /// Max timestamp of its first batch; `NONE` when there is none.
    pub fn first_timestamp(&self) -> Result<Timestamp, SegmentError> {
        Ok(self.header_at(0)?.map_or(Timestamp::NONE, |header| header.max_timestamp))
    }

    /// Bytes of the offset index and of the time index.
    pub fn index_sizes(&self) -> (u64, u64) {
        let (index, times) = (u64::from(self.index.entries()), u64::from(self.times.entries()));
        (index * INDEX_ENTRY_BYTES as u64, times * TIME_ENTRY_BYTES as u64)
    }

    /// The names are about to go, or to be given to other files. Those who hold the segment (`in_use`) read on.
    pub(super) fn detach(&self, in_use: bool) {
        self.slots().into_iter().for_each(|slot| slot.detach(in_use));
    }

    /// Its files: batches, offset index, time index.
    pub(super) fn slots(&self) -> [&Arc<Slot>; 3] {
        [&self.log, self.index.slot(), self.times.slot()]
    }

    /// Whether offsets may be missing between its batches: a compaction wrote it.
    pub(super) fn has_gaps(&self) -> bool {
        self.gaps.is_some()
    }

    /// The first read of what an earlier compaction left: the heads of all batches, which their CRCs leave out.
    pub(crate) fn check_heads(&self) -> Result<(), SegmentError> {
        let Some(Gaps { heads: stored, checked }) = &self.gaps else { return Ok(()) };
        if self.unchecked_end() == 0 || checked.load(Ordering::Acquire) {
            return Ok(());
        }
        let computed = heads_of(self, self.written_end()).map_err(|error| self.failed(error))?;
        if computed != *stored {
            let error = BatchError::Heads { stored: *stored, computed };
            return Err(SegmentError::Corrupt { file: self.name(), position: 0, error });
        }
        checked.store(true, Ordering::Release);
        Ok(())
    }
}

/// The CRC-32C of the heads of a file's batches up to `end`.
pub(super) fn heads_of(file: &dyn FileRange, end: u64) -> Result<u32, WalkError> {
    let (mut walk, mut heads) = (Walk::new(file, 0, end), Heads::new());
    while let Some((header, _)) = walk.next_header()? {
        heads.add(&header);
    }
    Ok(heads.value())
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
        self.log.file_if_open().map_or(Ok(None), |file| file.read_cached(buf, position))
    }

    fn is_cached(&self, position: u64, length: usize) -> bool {
        self.log.file_if_open().is_some_and(|file| file.is_cached(position, length))
    }

    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        self.log.file_if_open().ok_or(io::ErrorKind::Unsupported)?.send_to(socket, position, length)
    }

    fn holds(&self, end: u64) -> bool {
        end <= self.written_end()
    }
}
