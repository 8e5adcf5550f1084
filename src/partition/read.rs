//! Reading a partition.
//!
//! The newest batches are in memory: such a read is answered at once from the ring, with slices of its chunks. Anything
//! older is planned in a segment: which bytes, not the bytes themselves, which the server streams from the file.

use super::handle::Partition;
use crate::base::{Offset, Part, ProducerId, Watermarks};
use crate::log::{SegmentError, Wanted};
use crate::store::{Lookup, TailDamaged, TailSlice};
use std::sync::Arc;
use tokio::task::JoinError;
use tokio::task::coop::consume_budget;

/// How far a reader may see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadUpto {
    /// Up to the high watermark (read_uncommitted).
    HighWatermark,
    /// Up to the first offset of the oldest open transaction (read_committed).
    LastStable,
}

/// A transaction whose records in the range a read_committed reader must skip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedTransaction {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Its first offset in the partition.
    pub first_offset: Offset,
}

/// What a read found.
#[derive(Clone, Default)]
pub struct ReadResult {
    /// Whole batches, in order; the first holds the offset that was asked for, or is the first after it. Empty at the end.
    pub parts: Vec<Part>,
    /// Their bytes.
    pub bytes: u64,
    /// Where the next read goes on; what was asked for when there was nothing.
    pub next: Offset,
    /// How far the partition had come.
    pub watermarks: Watermarks,
    /// Aborted transactions in the range, by first offset; only for [`ReadUpto::LastStable`].
    pub aborted: Vec<AbortedTransaction>,
}

/// Why a read fails.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// Below the log start, or above the end.
    #[error("offset {asked} is outside {}..={}", watermarks.log_start, watermarks.end)]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The marks that it was compared with.
        watermarks: Watermarks,
    },
    /// The partition was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// The disk failed.
    #[error("the segment can't be read: {0}")]
    Storage(Arc<str>),
    /// What is on disk is not what was written.
    #[error("the segment is damaged: {0}")]
    Corrupt(Arc<str>),
}

impl From<SegmentError> for ReadError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Io { .. } => ReadError::Storage(error.to_string().into()),
            SegmentError::Corrupt { .. } => ReadError::Corrupt(error.to_string().into()),
        }
    }
}

impl From<TailDamaged> for ReadError {
    fn from(error: TailDamaged) -> Self {
        ReadError::Corrupt(error.to_string().into())
    }
}

impl From<JoinError> for ReadError {
    fn from(error: JoinError) -> Self {
        ReadError::Storage(error.to_string().into())
    }
}

impl Partition {
    /// Whole batches from the one that holds `from`, at most `max_bytes` of them; with `at_least_one` the first comes
    /// whatever its size (KIP-74). Between the limit of `upto` and the log's end there is nothing to read yet: an empty
    /// result, never an error. May wait for the disk, on tokio's blocking pool.
    pub async fn read(
        &self,
        from: Offset,
        max_bytes: u64,
        at_least_one: bool,
        upto: ReadUpto,
    ) -> Result<ReadResult, ReadError> {
        if self.is_deleted() {
            return Err(ReadError::Deleted);
        }
        let watermarks = self.log.watermarks();
        if from < watermarks.log_start || from > watermarks.end {
            return Err(ReadError::OutOfRange { asked: from, watermarks });
        }
        let below = match upto {
            ReadUpto::HighWatermark => watermarks.durable,
            ReadUpto::LastStable => watermarks.stable,
        };
        if from >= below {
            return Ok(ReadResult { next: from, watermarks, ..ReadResult::default() });
        }
        match self.log.lookup(from, below, max_bytes, at_least_one)? {
            Lookup::Tail { slices, next } => return Ok(in_memory(slices, next, watermarks)),
            Lookup::Segments => {}
        }
        let wanted = Wanted { from, below, max_bytes, at_least_one };
        let plan = match self.log.plan_at_once(wanted) {
            Some(plan) => {
                // It may have looked at many headers: a fetch of many partitions lets others have their turn.
                consume_budget().await;
                Ok(plan)
            }
            None => {
                let log = self.log.clone();
                let plan = tokio::task::spawn_blocking(move || log.plan(wanted)).await?;
                // Files that went while they were looked at are no fault of the disk's.
                if plan.as_ref().map_or(true, |plan| plan.ranges.is_empty()) && self.is_deleted() {
                    return Err(ReadError::Deleted);
                }
                plan
            }
        };
        // Neither are those below a log start that was raised meanwhile, and what follows them is not what was asked for.
        let watermarks = self.log.watermarks();
        if from < watermarks.log_start {
            return Err(ReadError::OutOfRange { asked: from, watermarks });
        }
        let plan = plan?;
        if plan.ranges.is_empty()
            && let Some((slices, next)) = self.log.lookup_behind_gap(from, below, max_bytes, at_least_one)?
        {
            return Ok(in_memory(slices, next, watermarks));
        }
        let parts = plan.ranges.into_iter().map(|range| Part::File {
            file: range.segment,
            position: range.position,
            length: range.length,
        });
        Ok(found(parts.collect(), plan.next, watermarks))
    }
}

fn in_memory(slices: Vec<TailSlice>, next: Offset, watermarks: Watermarks) -> ReadResult {
    let parts = slices.into_iter().map(|slice| Part::Tail {
        bytes: slice.bytes,
        file: slice.segment,
        position: slice.position,
    });
    found(parts.collect(), next, watermarks)
}

fn found(parts: Vec<Part>, next: Offset, watermarks: Watermarks) -> ReadResult {
    let bytes = parts.iter().map(Part::len).sum();
    ReadResult { parts, bytes, next, watermarks, aborted: Vec::new() }
}
