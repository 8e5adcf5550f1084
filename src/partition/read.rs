//! Reading a partition.
//!
//! The newest batches are in memory: such a read is answered at once from the ring, with slices of its chunks. Anything
//! older is planned in a segment: which bytes, not the bytes themselves, which the server streams from the file.

use super::handle::Partition;
use crate::base::{Offset, Part, ProducerId, Watermarks};
use crate::store::{Lookup, LogState, TailSlice};
use std::io;
use std::sync::Arc;

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
    #[error("reading the segment: {0}")]
    Storage(Arc<io::Error>),
    /// What is on disk is not what was written.
    #[error("the segment is damaged: {0}")]
    Corrupt(Arc<io::Error>),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidData {
            ReadError::Corrupt(Arc::new(error))
        } else {
            ReadError::Storage(Arc::new(error))
        }
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
        let mut planned_upto = None;
        loop {
            if self.log.state() == LogState::Deleted {
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
            let empty = ReadResult { next: from, watermarks, ..ReadResult::default() };
            if from >= below {
                return Ok(empty);
            }
            match self.log.lookup(from, below, max_bytes, at_least_one)? {
                Lookup::Nothing => return Ok(empty),
                Lookup::Tail { slices, next } => return Ok(in_memory(slices, next, watermarks)),
                Lookup::Segments => {}
            }
            // A second turn only when the log moved under the plan: the log start was raised past `from`.
            let log = self.log.clone();
            let plan = match log.plan_cached(from, below, max_bytes, at_least_one)? {
                Some(plan) => plan,
                None => tokio::task::spawn_blocking(move || log.plan(from, below, max_bytes, at_least_one))
                    .await
                    .map_err(|error| ReadError::Storage(Arc::new(io::Error::other(error))))??,
            };
            if plan.ranges.is_empty() && planned_upto != Some(below) {
                planned_upto = Some(below);
                continue;
            }
            let parts: Vec<Part> = plan
                .ranges
                .into_iter()
                .map(|range| Part::File { file: range.segment, position: range.position, length: range.length })
                .collect();
            let bytes = parts.iter().map(Part::len).sum();
            return Ok(ReadResult { parts, bytes, next: plan.next, watermarks, aborted: Vec::new() });
        }
    }
}

fn in_memory(slices: Vec<TailSlice>, next: Offset, watermarks: Watermarks) -> ReadResult {
    let parts: Vec<Part> = slices
        .into_iter()
        .map(|slice| Part::Tail { bytes: slice.bytes, file: slice.segment, position: slice.position })
        .collect();
    let bytes = parts.iter().map(Part::len).sum();
    ReadResult { parts, bytes, next, watermarks, aborted: Vec::new() }
}
