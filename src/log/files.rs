//! [`Log`]: the files of one partition.

use super::compacted::Compacted;
use super::descriptors::Descriptors;
use super::edit::detach_all;
use super::growth::{Growth, TimeMark};
use super::index::{IndexEntry, TimeEntry};
use super::index_tail::IndexTail;
use super::plan::{Planned, Wanted};
use super::segment::{Found, Segment, SegmentError};
use super::tip::{Placement, Roll, Tip};
use super::waste::OldFile;
use super::{epochs, metadata_file, names, snapshot, start_file};
use crate::base::{Offset, Timestamp, TopicId};
use crate::io::disk::{Disk, Open};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Batches written by one call to the disk, at most.
const WRITE_PARTS_MAX: usize = 512;
/// Producer snapshots kept: the newest, and one to fall back on.
const SNAPSHOTS_KEPT: usize = 2;

/// What all logs of a data directory share.
#[derive(Clone)]
pub struct LogEnv {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The open files.
    pub descriptors: Arc<Descriptors>,
}

/// A batch with its place: `bytes` are patched (and restamped) as the placement says.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it goes.
    pub placement: Placement,
    /// What is written.
    pub bytes: Bytes,
}

/// One partition's files. Touches none of them until the first write.
pub struct Log {
    pub(super) env: LogEnv,
    pub(super) dir: PathBuf,
    topic: TopicId,
    /// Oldest first; the last is active.
    pub(super) segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// Segments that batches were placed in and that have no file yet.
    begun: Mutex<Vec<Arc<Segment>>>,
    /// What was compacted. Who edits sealed segments holds it for as long as that takes; before the writer's lock.
    pub(super) edits: Mutex<Compacted>,
    pub(super) writer: Mutex<Writer>,
    /// Whether the directory has, or may be given, another name. Held while a file in it is removed: the next topic of
    /// the name has files of the same names.
    pub(super) is_away: Mutex<bool>,
}

/// What only the writer needs.
#[derive(Default)]
pub(super) struct Writer {
    /// Offsets of the producer snapshots on disk, oldest first.
    pub(super) snapshots: Vec<Offset>,
    /// Files that belong to no segment of the log, and were not removed yet.
    pub(super) leftovers: Vec<OldFile>,
    /// The directory is this log's although it has no segment.
    pub(super) emptied: bool,
    /// The directory is gone, or about to go.
    pub(super) deleted: bool,
}

impl Writer {
    pub(super) fn with_snapshots(snapshots: Vec<Offset>) -> Writer {
        Writer { snapshots, ..Writer::default() }
    }
}

/// Spreads time-based rolls over partitions: from the topic's id and the directory's name (FNV-1a).
pub(super) fn jitter_seed(dir: &Path, topic: TopicId) -> u64 {
    let name = dir.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
    let bytes = topic.0.as_bytes().iter().chain(name);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(super) fn time_entry(base: Offset, mark: TimeMark) -> TimeEntry {
    TimeEntry { timestamp: mark.timestamp.0, offset: (mark.offset.0 - base.0) as u32 }
}

impl Log {
    /// A partition that has no files yet, and its tip at offset 0.
    pub fn create(env: &LogEnv, dir: PathBuf, topic: TopicId) -> (Log, Tip) {
        let tip = Tip::new(Offset::ZERO, jitter_seed(&dir, topic));
        (Log::assemble(env, dir, topic, Vec::new(), Writer::default(), Compacted::default()), tip)
    }

    pub(super) fn assemble(
        env: &LogEnv,
        dir: PathBuf,
        topic: TopicId,
        segments: Vec<Arc<Segment>>,
        writer: Writer,
        compacted: Compacted,
    ) -> Log {
        Log {
            env: env.clone(),
            dir,
            topic,
            segments: RwLock::new(Arc::new(segments)),
            begun: Mutex::default(),
            edits: Mutex::new(compacted),
            writer: Mutex::new(writer),
            is_away: Mutex::new(false),
        }
    }

    /// The partition's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The topic that the directory belongs to.
    pub fn topic(&self) -> TopicId {
        self.topic
    }

    /// The segments, oldest first. A snapshot: the last may be succeeded at any time.
    pub fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.segments.read())
    }

    /// Base offset of the oldest segment.
    pub fn first_offset(&self) -> Option<Offset> {
        self.segments.read().first().map(|segment| segment.base())
    }

    /// The segment that holds `at`, or would if it was written: the last one whose base is not above it.
    pub fn segment_for(&self, at: Offset) -> Option<Arc<Segment>> {
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.base() <= at);
        after.checked_sub(1).map(|index| Arc::clone(&segments[index]))
    }

    /// The segment of a batch that was placed, before or after it is written: what is in memory says with it where it will
    /// be read later. Touches no file.
    pub fn segment_of(&self, placement: &Placement) -> Arc<Segment> {
        let base = placement.segment;
        if let Some(segment) = self.segments.read().last().filter(|segment| segment.base() == base) {
            return Arc::clone(segment);
        }
        let mut begun = self.begun.lock();
        if let Some(segment) = begun.iter().find(|segment| segment.base() == base) {
            return Arc::clone(segment);
        }
        // Written, and even succeeded, since the first look.
        if let Some(segment) = self.segment_for(base).filter(|segment| segment.base() == base) {
            return segment;
        }
        let segment = Arc::new(Segment::new(&self.env, &self.dir, base, 0, None, None));
        begun.push(Arc::clone(&segment));
        segment
    }

    /// Plans a read over as many segments as it takes; see [`Segment::plan`]. Empty when nothing is there below `below`.
    pub fn plan(&self, wanted: Wanted) -> Result<Vec<(Arc<Segment>, Planned)>, SegmentError> {
        let segments = self.segments();
        let first = segments.partition_point(|segment| segment.base() <= wanted.from).saturating_sub(1);
        let (mut plans, mut left) = (Vec::new(), wanted);
        for segment in &segments[first..] {
            if segment.base() >= wanted.below {
                break;
            }
            let planned = match segment.plan(left) {
                // Damage further on is the next read's matter.
                Err(SegmentError::Corrupt { .. }) if !plans.is_empty() => break,
                planned => planned?,
            };
            if planned.length > 0 {
                plans.push((Arc::clone(segment), planned));
                left.at_least_one = false;
            }
            left.from = planned.next.max(left.from);
            left.max_bytes = left.max_bytes.saturating_sub(planned.length);
            if !planned.reached_end || left.max_bytes == 0 {
                break;
            }
        }
        Ok(plans)
    }

    /// A plan in the one segment that holds the first offset, made without waiting for the disk; see
    /// [`Segment::plan_at_once`]. None also when the plan would go on in the next segment.
    pub fn plan_at_once(&self, wanted: Wanted) -> Option<(Arc<Segment>, Planned)> {
        let segments = self.segments();
        let at = segments.partition_point(|segment| segment.base() <= wanted.from).checked_sub(1)?;
        let planned = segments[at].plan_at_once(wanted)?;
        let goes_on = planned.reached_end && segments.get(at + 1).is_some_and(|next| next.base() < wanted.below);
        (!goes_on).then(|| (Arc::clone(&segments[at]), planned))
    }

    /// The first record at or after `target` among the offsets from `from` to before `below` (LO-3).
    pub fn offset_for_timestamp(
        &self,
        target: Timestamp,
        from: Offset,
        below: Offset,
    ) -> Result<Option<Found>, SegmentError> {
        for segment in self.segments_between(from, below) {
            if let Some(found) = segment.offset_for_timestamp(target, from, below)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record that carries the largest timestamp below `below` (LO-1, -3); `None` when no record has a time.
    pub fn max_timestamp(&self, from: Offset, below: Offset) -> Result<Option<Found>, SegmentError> {
        let mut best: Option<(Arc<Segment>, TimeMark)> = None;
        for segment in self.segments_between(from, below) {
            let Some(mark) = segment.max_mark(below)? else { continue };
            if best.as_ref().is_none_or(|(_, best)| mark.timestamp > best.timestamp) {
                best = Some((segment, mark));
            }
        }
        best.map_or(Ok(None), |(segment, mark)| segment.record_of(&mark))
    }

    fn segments_between(&self, from: Offset, below: Offset) -> Vec<Arc<Segment>> {
        let segments = self.segments();
        let first = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
        segments[first..].iter().take_while(|segment| segment.base() < below).map(Arc::clone).collect()
    }

    /// Writes admitted batches in the order of their admission, rolling where they say so; one thread at a time. On an
    /// error any part may have reached the files, readers see only what was written whole, and the same batches may be
    /// written again (after space was freed, say): those that are there already are skipped. After [`Log::delete`] batches
    /// are dropped: they went with their partition.
    pub fn write(&self, batches: &[Placed]) -> io::Result<()> {
        let mut writer = self.writer.lock();
        if writer.deleted {
            return Ok(());
        }
        let active = self.segments.read().last().map(|segment| segment.base());
        let sealed = |placed: &&Placed| active.is_some_and(|active| placed.placement.segment < active);
        let mut rest = &batches[batches.iter().take_while(sealed).count()..];
        while let Some(first) = rest.first() {
            let segment = self.segment_to_write(&first.placement, &mut writer)?;
            let run = rest.iter().take(WRITE_PARTS_MAX).take_while(|next| next.placement.segment == segment.base());
            let (run, after) = rest.split_at(run.count());
            write_run(&segment, run)?;
            rest = after;
        }
        Ok(())
    }

    /// The active segment, or a new one when the placement begins it.
    fn segment_to_write(&self, placement: &Placement, writer: &mut Writer) -> io::Result<Arc<Segment>> {
        let active = self.segments.read().last().map(Arc::clone);
        if let Some(active) = &active {
            let same = active.base() == placement.segment;
            assert!(same || active.base() < placement.segment, "batch at {} for a sealed segment", placement.base);
            if same {
                return Ok(Arc::clone(active));
            }
        }
        match (&active, &placement.roll) {
            (Some(active), Some(roll)) => self.seal(active, roll, placement.segment, writer)?,
            (None, _) => self.begin(placement, writer)?,
            (Some(active), None) => {
                panic!("batch at {} begins a segment after {} without a roll", placement.base, active.base())
            }
        }
        let segment = self.segment_of(placement);
        // Files of these names can only be what a failed attempt or a crash left; what that attempt opened is gone, too.
        for slot in [segment.log(), segment.index.slot(), segment.times.slot()] {
            slot.forget();
        }
        remove_if_there(&*self.env.disk, &segment.index.slot().path())?;
        remove_if_there(&*self.env.disk, &segment.times.slot().path())?;
        segment.log().create()?.set_len(0)?;
        let mut begun = self.begun.lock();
        let mut segments = self.segments.write();
        let mut all = Vec::clone(&segments);
        all.push(Arc::clone(&segment));
        *segments = Arc::new(all);
        begun.retain(|other| !Arc::ptr_eq(other, &segment));
        drop((begun, segments));
        Ok(segment)
    }

    /// The directory and what stands in it before the first batch. What is there already came from a failed attempt, or
    /// from a deleted topic of the same name that could not be moved away: its segments must not become this log's. A log
    /// that retention has emptied has its directory, from which files may still be about to go.
    fn begin(&self, placement: &Placement, writer: &mut Writer) -> io::Result<()> {
        if !writer.emptied && self.env.disk.exists(&self.dir)? {
            self.env.disk.remove_dir_all(&self.dir)?;
        }
        self.env.disk.create_dir_all(&self.dir)?;
        if let Some(roll) = &placement.roll {
            self.put(&roll.snapshot, &names::segment(placement.segment, snapshot::SUFFIX))?;
            self.keep_snapshot(placement.segment, writer)?;
        }
        self.put(metadata_file::encode(self.topic).as_bytes(), names::PARTITION_METADATA)?;
        let mut begun = epochs::Epochs::default();
        begun.assign(placement.epoch, placement.base);
        self.put(begun.encode().as_bytes(), epochs::FILE_NAME)
    }

    /// Writes a small file in place, not durably: whoever reads it can tell when it is torn.
    fn put(&self, bytes: &[u8], name: &str) -> io::Result<()> {
        let file = self.env.disk.open(&self.dir.join(name), Open::Create)?;
        file.set_len(bytes.len() as u64)?;
        file.write_at(&[IoSlice::new(bytes)], 0)
    }

    /// Makes the active segment, its indexes, and the state up to `next` durable, before `next` may exist.
    fn seal(&self, active: &Segment, roll: &Roll, next: Offset, writer: &mut Writer) -> io::Result<()> {
        self.finish(active, roll.closing)?;
        synced(active.log().file()?.sync_data())?;
        synced(active.index.sync())?;
        synced(active.times.sync())?;
        let name = names::segment(next, snapshot::SUFFIX);
        self.put(&roll.snapshot, &name)?;
        synced(self.env.disk.open(&self.dir.join(&name), Open::ReadWrite)?.sync_data())?;
        self.env.disk.write_whole(&self.dir.join(epochs::FILE_NAME), roll.epochs.as_bytes())?;
        self.keep_snapshot(next, writer)
    }

    /// Brings an active segment's indexes to their final form.
    fn finish(&self, active: &Segment, closing: Option<TimeMark>) -> io::Result<()> {
        if let Some(mark) = closing
            && active.times.last()?.is_none_or(|last| last.timestamp < mark.timestamp.0)
        {
            active.times.push(time_entry(active.base(), mark));
        }
        active.index.flush()?;
        active.times.flush()
    }

    /// Notes a snapshot that was written and removes those that are too old to be needed.
    fn keep_snapshot(&self, at: Offset, writer: &mut Writer) -> io::Result<()> {
        writer.snapshots.retain(|offset| *offset != at);
        writer.snapshots.push(at);
        while writer.snapshots.len() > SNAPSHOTS_KEPT {
            let old = writer.snapshots.remove(0);
            remove_if_there(&*self.env.disk, &self.dir.join(names::segment(old, snapshot::SUFFIX)))?;
        }
        Ok(())
    }

    /// Leaves the files so that [`super::OpenHow::Clean`] may trust them: indexes whole, producer state and epochs at the
    /// end. All admitted batches must be written. Nothing is synced: the caller syncs the file system once for all logs,
    /// before it leaves its mark of a clean end.
    pub fn close_clean(&self, tip: &Tip) -> io::Result<()> {
        let mut writer = self.writer.lock();
        let Some(active) = self.segments.read().last().map(Arc::clone) else { return Ok(()) };
        let growth = tip.active.as_ref().expect("a log with a segment has an active one");
        let (written, placed) = (active.written_end(), u64::from(growth.position));
        if growth.base != active.base() || placed != written {
            let why = format!("{}: {placed} bytes were admitted, {written} written: no clean end", active.name());
            return Err(io::Error::other(why));
        }
        self.finish(&active, growth.closing())?;
        self.put(&snapshot::encode(&tip.producers), &names::segment(tip.end, snapshot::SUFFIX))?;
        self.put(tip.epochs.encode().as_bytes(), epochs::FILE_NAME)?;
        self.keep_snapshot(tip.end, &mut writer)
    }

    /// Notes where the log begins, for a start without a write-ahead log. Nothing is synced: that start comes after the
    /// end of the process, not of the machine, and the checkpoint has the log start before segments below it go. A log
    /// without files needs no note.
    pub fn note_start(&self, start: Offset) -> io::Result<()> {
        let writer = self.writer.lock();
        if writer.deleted || self.segments.read().is_empty() {
            return Ok(());
        }
        self.env.disk.replace_whole(&self.dir.join(start_file::FILE_NAME), start_file::encode(start).as_bytes())
    }

    /// Index entries up to those that are counted in `at`, part of a tip, for a checkpoint to keep: what is in no file.
    /// Where that is too much it is written, and one sync of the file system makes it as durable as the batches.
    pub fn keep_indexes(&self, at: Option<&Growth>) -> io::Result<IndexTail> {
        let writer = self.writer.lock();
        let active = self.segments.read().last().map(Arc::clone);
        match (active, at) {
            (Some(active), Some(at)) if active.base() == at.base && !writer.deleted => Ok(IndexTail {
                index: active.index.keep(at.index_entries, IndexTail::ENTRIES_MAX)?,
                times: active.times.keep(at.time_entries, IndexTail::ENTRIES_MAX)?,
            }),
            // The segment was sealed meanwhile: its files hold all.
            _ => Ok(IndexTail::default()),
        }
    }

    /// Writes what the active segment's indexes hold in memory, for those who look at the files when nobody runs.
    pub fn flush_indexes(&self) -> io::Result<()> {
        let writer = self.writer.lock();
        let active = self.segments.read().last().map(Arc::clone);
        match active {
            Some(active) if !writer.deleted => {
                active.index.flush()?;
                active.times.flush()
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Gives the partition's directory the name `to`, which is free; those who read its segments read on. Nothing is
    /// written any more. Says whether there was a directory.
    pub fn move_away(&self, to: &Path) -> io::Result<bool> {
        self.give_up_segments();
        *self.is_away.lock() = true;
        match self.env.disk.rename(&self.dir, to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the partition's directory; those who read its segments read on. Nothing is written any more.
    pub fn delete(&self) -> io::Result<()> {
        self.give_up_segments();
        *self.is_away.lock() = true;
        match self.env.disk.remove_dir_all(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Nothing is written any more and no segment is found.
    fn give_up_segments(&self) {
        // Waits for a swap that is under way; none begins after that.
        let edits = self.edits.lock();
        self.writer.lock().deleted = true;
        drop(edits);
        self.begun.lock().clear();
        let segments = std::mem::take(&mut *self.segments.write());
        detach_all(&segments, &segments);
    }

    /// Whether the directory is gone, or about to go.
    pub fn is_deleted(&self) -> bool {
        self.writer.lock().deleted
    }
}

/// A sync that failed is final, whatever it says was missing: a second one could succeed over what is lost.
pub(super) fn synced(result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| io::Error::other(format!("a sync failed: {error}")))
}

pub(super) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A segment goes to the disk in steps of so many bytes: its sync, when it is sealed or at a checkpoint, then finds little
/// left. Left to the system, half a minute of batches would wait for that moment, and everybody with them.
const WRITE_BACK_BYTES: u64 = 1024 * 1024;

/// Writes consecutive batches of one segment with one call, then shows them to readers.
fn write_run(segment: &Segment, run: &[Placed]) -> io::Result<()> {
    let start = segment.written_end();
    let run = &run[run.partition_point(|placed| u64::from(placed.placement.position) < start)..];
    let mut end = start;
    let mut parts = Vec::with_capacity(run.len());
    for Placed { placement, bytes } in run {
        let (position, size) = (u64::from(placement.position), bytes.len() as u64);
        assert!(position == end, "segment {}: batch placed at {position}, the file ends at {end}", segment.base());
        assert!(size == u64::from(placement.size), "batch of {} bytes comes with {size}", placement.size);
        parts.push(IoSlice::new(bytes));
        end += size;
    }
    if parts.is_empty() {
        return Ok(());
    }
    let file = segment.log().file()?;
    file.write_at(&parts, start)?;
    let (written_back, full) = (start / WRITE_BACK_BYTES * WRITE_BACK_BYTES, end / WRITE_BACK_BYTES * WRITE_BACK_BYTES);
    if full > written_back {
        synced(file.begin_write_back(written_back, full - written_back))?;
    }
    // In this order: an entry is seen after its batch, and an index entry after the time entry of what lies before it.
    segment.publish(end);
    for Placed { placement, .. } in run {
        if let Some(mark) = placement.time_entry {
            segment.times.push(time_entry(segment.base(), mark));
        }
        if placement.index_entry {
            let offset = (placement.last.0 - segment.base().0) as u32;
            segment.index.push(IndexEntry { offset, position: placement.position });
        }
    }
    segment.index.relieve()?;
    segment.times.relieve()
}
