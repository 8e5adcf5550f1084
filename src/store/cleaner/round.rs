//! One round over one log.
//!
//! ```text
//! dirty segments   -> offsets by key, until all are read or the map is full
//! all segments up to there, in groups that make one segment each
//!   each batch     -> the rules: copied, rewritten, emptied, or gone -> <base>.log.<round>.cleaned
//!   each group     -> put in its place; a group that stays as it is has nothing written
//! how far it came  -> noted: the next round's dirty part begins there
//! ```

use super::look::Chosen;
use super::pace::Pace;
use crate::base::{Offset, ProducerId};
use crate::log::cleaned::CleanedSegment;
use crate::log::compact::{
    Compactor, GroupLimits, LastRecord, Mapper, OffsetMap, Rules, SegmentSize, Transactions, Unreadable, Verdict,
    group_by_size,
};
use crate::log::compacted::CompactedSegment;
use crate::log::edit::Replacement;
use crate::log::walk::{Walk, WalkError};
use crate::log::{LogSettings, Segment, SegmentError, SwapError};
use crate::record::BatchHeader;
use crate::store::core::Core;
use crate::store::stored_log::StoredLog;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Why a round came to no end.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    /// The partition was deleted, or the store ends.
    #[error("it ended")]
    Ended,
    /// What is stored is not what was written.
    #[error("{0}")]
    Damaged(SegmentError),
    /// Reading failed.
    #[error("{0}")]
    Io(io::Error),
    /// Writing failed.
    #[error("{0}")]
    Write(io::Error),
    /// The disk has too little room for a copy of a group.
    #[error("{bytes} bytes of room are needed")]
    NoRoom { bytes: u64 },
    /// The map holds no key.
    #[error("log.cleaner.dedupe.buffer.size leaves no room for a key")]
    NoMemory,
    /// A new segment could not take its place.
    #[error(transparent)]
    Swap(#[from] SwapError),
}

impl From<SegmentError> for RoundError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Io { error, .. } => RoundError::Io(error),
            error @ SegmentError::Corrupt { .. } => RoundError::Damaged(error),
        }
    }
}

/// What a round goes by.
struct Round<'a> {
    core: &'a Core,
    log: &'a StoredLog,
    settings: &'a LogSettings,
    pace: &'a mut Pace,
}

/// Compacts what was chosen.
pub(super) fn round(core: &Core, chosen: Chosen, map: &mut OffsetMap, pace: &mut Pace) -> Result<(), RoundError> {
    let Chosen { log, settings, candidate, now } = chosen;
    let mut round = Round { core, log: &log, settings: &settings, pace };
    // A list of its own: the log's, if held, would hold every segment that is replaced until the round ends.
    let mut segments = Vec::clone(&log.log.segments());
    let ends: Vec<Offset> = segments.iter().skip(1).map(|segment| segment.base()).collect();
    let sealed = segments.partition_point(|segment| segment.base() < candidate.upto).min(ends.len());
    let plain_bytes_max = settings.decompressed_bytes_max as usize;
    let end = {
        let mut mapper = Mapper::new(map, Transactions::new(Vec::new()), candidate.first_dirty, plain_bytes_max);
        round.map(&segments[..sealed], &ends, candidate.first_dirty, &mut mapper)?;
        mapper.end()
    };
    if end <= candidate.first_dirty {
        return Err(RoundError::NoMemory);
    }
    let last = round.last_records();
    let rules = Rules {
        map,
        now,
        delete_retention_ms: settings.delete_retention_ms,
        upto: candidate.upto,
        plain_bytes_max,
        last_of_producer: &|producer| last.get(&producer).copied(),
    };
    let mut compactor = Compactor::new(rules, Transactions::new(Vec::new()));
    segments.truncate(segments[..sealed].partition_point(|segment| segment.base() < end));
    let sizes: Vec<SegmentSize> = segments.iter().map(|segment| size(segment)).collect();
    let limits = GroupLimits {
        segment_bytes: u64::from(settings.segment_bytes),
        index_bytes: u64::from(settings.index_bytes),
        upto: candidate.upto,
    };
    let mut clean = end;
    let mut segments = segments.into_iter();
    for group in group_by_size(&sizes, &limits) {
        let (base, next) = (sizes[group.start].base, ends[group.end - 1]);
        // Each goes with its group: an old one that is held keeps its files open, and these keep their room.
        let old: Vec<Arc<Segment>> = segments.by_ref().take(group.len()).collect();
        match round.group(old, next, &mut compactor) {
            Ok(()) => {}
            // The log start passed it meanwhile. Whatever of it is still there was not compacted.
            Err(RoundError::Swap(SwapError::Gone)) if !log.log.is_deleted() => {
                let start = log.log.first_offset().unwrap_or(end);
                clean = if start < next { clean.min(start.max(base)) } else { clean };
            }
            Err(error) => return Err(error),
        }
    }
    let stats = compactor.stats();
    core.counters.cleaner_removed_records.add(stats.records_removed);
    core.counters.cleaner_unreadable_batches.add(stats.unreadable);
    tracing::info!(
        "{}: compacted up to offset {clean}: {} of {} records in {} of {} bytes are left",
        log.id(),
        stats.records_kept,
        stats.records_read,
        stats.bytes_written,
        stats.bytes_read
    );
    Ok(log.log.note_clean(clean)?)
}

fn size(segment: &Segment) -> SegmentSize {
    let (index_bytes, time_index_bytes) = segment.index_sizes();
    SegmentSize { base: segment.base(), bytes: segment.written_end(), index_bytes, time_index_bytes }
}

impl Round<'_> {
    /// The newest data batch of each producer that the log remembers.
    fn last_records(&self) -> HashMap<ProducerId, LastRecord> {
        self.log.last_records()
    }

    /// A topic that is not to be compacted any more keeps what it has: the round is given up, as Kafka does it.
    fn check_policy(&self) -> Result<(), RoundError> {
        if self.log.settings().cleanup_compact { Ok(()) } else { Err(RoundError::Ended) }
    }

    fn check_end(&self) -> Result<(), RoundError> {
        let ends = self.core.health.is_stopping() || self.core.health.is_final() || self.log.is_deleted();
        if ends { Err(RoundError::Ended) } else { Ok(()) }
    }

    /// The first pass.
    fn map(
        &mut self,
        segments: &[Arc<Segment>],
        ends: &[Offset],
        from: Offset,
        mapper: &mut Mapper<'_>,
    ) -> Result<(), RoundError> {
        let first = ends[..segments.len()].partition_point(|end| *end <= from);
        for (segment, end) in segments.iter().zip(ends).skip(first) {
            let mut is_full = false;
            self.each(segment, segment.seek(from)?, |round, header, batch| {
                match mapper.note(header, batch) {
                    Ok(noted) => round.tell(segment, header, noted.unreadable),
                    Err(_) => is_full = true,
                }
                Ok(!is_full)
            })?;
            if is_full {
                return Ok(());
            }
            mapper.segment_ends(*end);
        }
        Ok(())
    }

    fn tell(&self, segment: &Segment, header: &BatchHeader, unreadable: Option<Unreadable>) {
        if let Some(why) = unreadable {
            let name = segment.name();
            tracing::warn!("{name}: the batch at offset {} can't be judged and is kept: {why}", header.base_offset);
        }
    }

    /// Hands over batch after batch from `position` on, as long as more are asked for.
    fn each(
        &mut self,
        segment: &Segment,
        position: u64,
        mut each: impl FnMut(&mut Self, &BatchHeader, &[u8]) -> Result<bool, RoundError>,
    ) -> Result<(), RoundError> {
        self.check_policy()?;
        segment.check_heads()?;
        let mut walk = Walk::new(segment, position, segment.written_end());
        loop {
            let (header, batch, _) = match walk.next_batch() {
                Ok(Some(step)) => step,
                Ok(None) => return Ok(()),
                Err(WalkError::Io(error)) => return Err(RoundError::Io(error)),
                Err(WalkError::Corrupt { position, error }) => {
                    return Err(RoundError::Damaged(SegmentError::Corrupt { file: segment.name(), position, error }));
                }
            };
            self.check_end()?;
            self.core.counters.cleaner_read_bytes.add(batch.len() as u64);
            self.pace.took(batch.len() as u64);
            if !each(self, &header, &batch)? {
                return Ok(());
            }
        }
    }

    /// The second pass over one group, which reaches up to `next`.
    fn group(&mut self, old: Vec<Arc<Segment>>, next: Offset, compactor: &mut Compactor<'_>) -> Result<(), RoundError> {
        self.check_room(&old)?;
        let mut target = Target::new(self.log, self.settings, &old);
        let written = self.write(&old, &mut target, compactor).and_then(|()| target.finish(next));
        let (noted, entries) = match written {
            Ok(None) => return Ok(()),
            Ok(Some(written)) => written,
            Err(error) => {
                // Should it fail, the next start removes them.
                let _ = self.log.log.discard_cleaned(&target.begun());
                return Err(if self.log.log.is_deleted() { RoundError::Ended } else { error });
            }
        };
        self.core.counters.cleaner_written_bytes.add(noted.bytes);
        self.log.log.swap(Replacement { old, noted, entries }, None)?;
        // Else who reads from memory would go on seeing what was compacted away, for as long as nothing else comes in.
        self.log.forget_tail(next);
        Ok(())
    }

    fn write(
        &mut self,
        segments: &[Arc<Segment>],
        target: &mut Target<'_>,
        compactor: &mut Compactor<'_>,
    ) -> Result<(), RoundError> {
        let mut out = Vec::new();
        for segment in segments {
            self.each(segment, 0, |round, header, batch| {
                out.clear();
                let verdict = compactor.batch(header, batch, &mut out);
                let is_same = matches!(verdict, Verdict::Copied | Verdict::Unreadable(_));
                target.add(round, &out, is_same)?;
                round.pace.took(out.len() as u64);
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// Copies the batches that lie before `end`, as everything is done: at its pace, and no longer than the log lives.
    fn copy(&mut self, from: &Segment, end: u64, to: &mut CleanedSegment<'_>) -> Result<(), RoundError> {
        if end == 0 {
            return Ok(());
        }
        let mut copied = 0;
        self.each(from, 0, |_, _, batch| {
            to.push(batch).map_err(RoundError::Write)?;
            copied += batch.len() as u64;
            Ok(copied < end)
        })
    }

    fn check_room(&self, segments: &[Arc<Segment>]) -> Result<(), RoundError> {
        let bytes = segments.iter().map(|segment| segment.written_end()).sum::<u64>();
        let free = self.core.disk.free_bytes(&self.core.path).unwrap_or(u64::MAX);
        if free < self.core.reserve_bytes.saturating_add(bytes) { Err(RoundError::NoRoom { bytes }) } else { Ok(()) }
    }
}

/// What is noted of a segment that was written, and how many entries each of its indexes has.
type Finished = (CompactedSegment, (u32, u32));

/// The segment that a group becomes; not begun before it differs from what is there.
struct Target<'a> {
    log: &'a StoredLog,
    interval_bytes: u32,
    /// The only segment of the group, as long as all of it is the same.
    same: Option<Arc<Segment>>,
    /// Bytes of it that were the same.
    same_bytes: u64,
    base: Offset,
    round: u64,
    writing: Option<CleanedSegment<'a>>,
}

impl<'a> Target<'a> {
    fn new(log: &'a StoredLog, settings: &LogSettings, segments: &[Arc<Segment>]) -> Self {
        let same = if let [only] = segments { Some(only.clone()) } else { None };
        let (base, round) = (segments[0].base(), log.log.compacted().round() + 1);
        Target { log, interval_bytes: settings.index_interval_bytes, same, same_bytes: 0, base, round, writing: None }
    }

    /// Adds what is left of a batch, and whether that is all of it.
    fn add(&mut self, round: &mut Round<'_>, left: &[u8], is_same: bool) -> Result<(), RoundError> {
        if is_same && self.same.is_some() {
            self.same_bytes += left.len() as u64;
            return Ok(());
        }
        let same = self.same.take();
        let same_bytes = self.same_bytes;
        let writing = self.writing()?;
        if let Some(same) = same {
            round.copy(&same, same_bytes, writing)?;
        }
        if !left.is_empty() {
            writing.push(left).map_err(RoundError::Write)?;
        }
        Ok(())
    }

    /// The new segment.
    fn writing(&mut self) -> Result<&mut CleanedSegment<'a>, RoundError> {
        let writing = match self.writing.take() {
            Some(writing) => writing,
            None => CleanedSegment::begin(&self.log.log, self.base, self.round, self.interval_bytes)
                .map_err(RoundError::Write)?,
        };
        Ok(self.writing.insert(writing))
    }

    /// What was written; none when the group stays as it is.
    fn finish(&mut self, next: Offset) -> Result<Option<Finished>, RoundError> {
        if self.same.is_some() {
            return Ok(None);
        }
        self.writing()?;
        let writing = self.writing.take().expect("it was begun");
        writing.finish(next).map(Some).map_err(RoundError::Write)
    }

    /// What may lie on the disk of it.
    fn begun(&self) -> CompactedSegment {
        CompactedSegment { base: self.base, next: self.base, bytes: 0, round: self.round, heads: 0 }
    }
}
