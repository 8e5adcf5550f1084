//! Finding batches: in the memory tail, else in segments.

use super::stored_log::{StoredLog, TailEntry};
use crate::base::{Offset, Timestamp, Watermarks};
use crate::log::segment::first_record;
use crate::log::{Found, Segment, SegmentError, Wanted};
use crate::record::{BatchError, BatchHeader, Batches};
use bytes::Bytes;
use std::sync::Arc;

/// Slices that one read takes from the tail; the next read goes on from there.
const TAIL_SLICES_MAX: usize = 512;

/// Where the batches for a read are.
pub enum Lookup {
    /// In memory.
    Tail {
        /// Whole batches in order; empty when the first does not fit.
        slices: Vec<TailSlice>,
        /// The offset to read next.
        next: Offset,
    },
    /// Not in memory: plan in segments.
    Segments,
}

/// Whole batches in memory.
#[derive(Clone)]
pub struct TailSlice {
    /// The batches.
    pub bytes: Bytes,
    /// The segment that holds them too.
    pub segment: Arc<Segment>,
    /// Where in it.
    pub position: u64,
}

/// Bytes to read from segments.
#[derive(Clone)]
pub struct Plan {
    /// In order.
    pub ranges: Vec<PlannedRange>,
    /// The offset to read next.
    pub next: Offset,
}

/// Whole batches in one segment.
#[derive(Clone)]
pub struct PlannedRange {
    /// The segment.
    pub segment: Arc<Segment>,
    /// First byte.
    pub position: u64,
    /// Bytes.
    pub length: u64,
}

/// Batches in memory are what was checked at append: an error here is a broken invariant or broken memory.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{log}: the batch in memory at offset {at} is damaged: {error}")]
pub struct TailDamaged {
    /// The log.
    pub log: crate::base::TopicPartition,
    /// First offset of the slice.
    pub at: Offset,
    /// What is wrong.
    pub error: BatchError,
}

impl StoredLog {
    /// Looks in the tail for whole batches from the one that holds `from`, wholly below `below`, at most `max_bytes`; with
    /// `at_least_one` the first comes whatever its size. Holds the log's lock for the look-up only, and reads no file.
    pub fn lookup(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<Lookup, TailDamaged> {
        let Some(entries) = self.tail_entries(from, below, max_bytes) else {
            self.core.counters.segment_reads.add(1);
            return Ok(Lookup::Segments);
        };
        self.core.counters.tail_reads.add(1);
        let (mut slices, mut next, mut left) = (Vec::with_capacity(entries.len()), from, max_bytes);
        for entry in entries {
            let (base, last) = (entry.base, entry.next);
            let damaged = |error| TailDamaged { log: self.id(), at: base, error };
            let whole = entry.base >= from && entry.next <= below && entry.bytes.len() as u64 <= left;
            let cut = if whole {
                Cut { skip: 0, length: entry.bytes.len(), next: entry.next }
            } else {
                cut(&entry.bytes, from, below, left, at_least_one && slices.is_empty()).map_err(damaged)?
            };
            if cut.length > 0 {
                left = left.saturating_sub(cut.length as u64);
                next = cut.next;
                // Whole entries, as most are, move: a slice would count its owner up and down.
                let bytes = if whole { entry.bytes } else { entry.bytes.slice(cut.skip..cut.skip + cut.length) };
                slices.push(TailSlice {
                    bytes,
                    position: u64::from(entry.position) + cut.skip as u64,
                    segment: entry.segment,
                });
            }
            if !whole && next < last {
                break;
            }
        }
        Ok(Lookup::Tail { slices, next })
    }

    /// What follows in memory when segments hold nothing from `from` on: compaction has left a gap up to the tail, which may
    /// be ahead of what segments hold.
    pub fn lookup_behind_gap(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<Option<(Vec<TailSlice>, Offset)>, TailDamaged> {
        let first = self.state.lock().tail.front().map(|entry| entry.base);
        let Some(first) = first.filter(|first| from < *first && *first < below) else { return Ok(None) };
        match self.lookup(first, below, max_bytes, at_least_one)? {
            Lookup::Tail { slices, next } if !slices.is_empty() => Ok(Some((slices, next))),
            // Meanwhile segments have it: the next read finds it there.
            Lookup::Tail { .. } | Lookup::Segments => Ok(None),
        }
    }

    /// The tail's entries that a read could need; none when the tail begins after `from`.
    fn tail_entries(&self, from: Offset, below: Offset, max_bytes: u64) -> Option<Vec<TailEntry>> {
        let state = self.state.lock();
        if state.tail.front()?.base > from {
            return None;
        }
        let first = state.tail.partition_point(|entry| entry.next <= from);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for entry in state.tail.range(first..).take(TAIL_SLICES_MAX) {
            // The first entry may begin before `from`: its size says nothing yet.
            if entry.base >= below || bytes > max_bytes {
                break;
            }
            bytes += if entry.base < from { 0 } else { entry.bytes.len() as u64 };
            entries.push(entry.clone());
        }
        Some(entries)
    }

    /// Plans a read in segments. Reads headers from files: may block.
    pub fn plan(&self, wanted: Wanted) -> Result<Plan, SegmentError> {
        let mut plan = Plan { ranges: Vec::new(), next: wanted.from };
        for (segment, planned) in self.log.plan(wanted)? {
            plan.next = planned.next;
            plan.ranges.push(PlannedRange { segment, position: planned.position, length: planned.length });
        }
        Ok(plan)
    }

    /// The same without waiting for the disk, for a reader that goes on where it was; none when that can't be.
    pub fn plan_at_once(&self, wanted: Wanted) -> Option<Plan> {
        let (segment, planned) = self.log.plan_at_once(wanted)?;
        let range = PlannedRange { segment, position: planned.position, length: planned.length };
        Some(Plan { ranges: vec![range], next: planned.next })
    }

    /// The first record below the durable offset at or after `timestamp`. Reads files: may block.
    pub fn offset_for_timestamp(&self, timestamp: Timestamp) -> Result<Option<Found>, SegmentError> {
        let (marks, unwritten) = self.unwritten();
        let found = self.log.offset_for_timestamp(timestamp, marks.log_start, marks.durable)?;
        let in_memory = || {
            headers(&unwritten, marks.log_start).filter(|(header, _)| header.max_timestamp >= timestamp).find_map(
                |(header, batch)| {
                    first_record(&header, batch, |offset, at| offset >= marks.log_start && at >= timestamp)
                },
            )
        };
        Ok(found.or_else(in_memory))
    }

    /// The first record below the durable offset that carries the largest timestamp of all. Reads files: may block.
    pub fn max_timestamp(&self) -> Result<Option<Found>, SegmentError> {
        let (marks, unwritten) = self.unwritten();
        let found = self.log.max_timestamp(marks.log_start, marks.durable)?;
        let least = found.map_or(Timestamp::NONE, |found| found.timestamp);
        let mut best: Option<(BatchHeader, &[u8])> = None;
        for (header, batch) in headers(&unwritten, marks.log_start) {
            let beaten = best.as_ref().map_or(least, |(best, _)| best.max_timestamp);
            if header.max_timestamp > beaten {
                best = Some((header, batch));
            }
        }
        let in_memory =
            best.and_then(|(header, batch)| first_record(&header, batch, |_, at| at >= header.max_timestamp));
        Ok(in_memory.or(found))
    }

    /// How far the log has come, and what of that may not be in segments yet. Taken together, before segments are looked
    /// at: what is written meanwhile is found in both, and missed in none.
    fn unwritten(&self) -> (Watermarks, Vec<Bytes>) {
        let state = self.state.lock();
        let written = self.written();
        let first = state.tail.partition_point(|entry| entry.next <= written);
        (state.watermarks(), state.tail.range(first..).map(|entry| entry.bytes.clone()).collect())
    }
}

/// The batches that end after `from`. They were checked when they were appended; what is no batch ends them.
fn headers(slices: &[Bytes], from: Offset) -> impl Iterator<Item = (BatchHeader, &[u8])> {
    let batches = slices.iter().flat_map(|slice| Batches::new(slice).map_while(Result::ok));
    batches.filter(move |(header, _)| header.last_offset() >= from)
}

struct Cut {
    skip: usize,
    length: usize,
    next: Offset,
}

/// The batches in `bytes` from the one that holds `from`, wholly below `below`, that fit.
fn cut(bytes: &[u8], from: Offset, below: Offset, max_bytes: u64, at_least_one: bool) -> Result<Cut, BatchError> {
    let mut cut = Cut { skip: 0, length: 0, next: from };
    for batch in Batches::new(bytes) {
        let (header, batch) = batch?;
        if header.last_offset() < from {
            cut.skip += batch.len();
            continue;
        }
        let fits = (cut.length + batch.len()) as u64 <= max_bytes || (cut.length == 0 && at_least_one);
        if header.last_offset() >= below || !fits {
            break;
        }
        cut.length += batch.len();
        cut.next = header.next_offset();
    }
    Ok(cut)
}
