//! What the store counts. Plain atomics, read by whoever exports them.

use super::retention::Reason;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the sync duration buckets, microseconds; one more bucket holds what took longer.
pub const SYNC_BUCKETS_US: [u64; 12] =
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 2_000_000];

/// A number that only grows, or that is set.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }
}

/// The counts of one store since its start.
#[derive(Default, Debug)]
pub struct Counters {
    /// Batches that were given offsets.
    pub batches_in: Counter,
    /// Records in them.
    pub records_in: Counter,
    /// Their bytes.
    pub bytes_in: Counter,
    /// Batches that were recognised as sent before.
    pub duplicates: Counter,
    /// Passes of the commit thread.
    pub commit_passes: Counter,
    /// Bytes that passes wrote to segments.
    pub committed_bytes: Counter,
    /// Durable syncs that were made.
    pub syncs: Counter,
    /// Their time, microseconds in all.
    pub sync_us: Counter,
    /// Syncs by duration: `SYNC_BUCKETS_US`, then the longer ones. Not cumulative.
    pub sync_buckets: [Counter; SYNC_BUCKETS_US.len() + 1],
    /// Checkpoints that were made.
    pub checkpoints: Counter,
    /// Bytes of the checkpoint's file now.
    pub checkpoint_bytes: Counter,
    /// Bytes of the ring now, chunks in whole.
    pub ring_bytes: Counter,
    /// Chunks that left the ring.
    pub ring_evictions: Counter,
    /// Reads answered from the ring.
    pub tail_reads: Counter,
    /// Reads that went to a segment.
    pub segment_reads: Counter,
    /// Free bytes of the data directory's file system when last looked at.
    pub free_bytes: Counter,
    /// Times that the store turned read-only for lack of room.
    pub read_only_turns: Counter,
    /// Segments that were removed, by [`Reason`], counted when that was decided.
    pub removed_segments: [Counter; Reason::ALL.len()],
    /// Their bytes.
    pub removed_bytes: [Counter; Reason::ALL.len()],
    /// Bytes of segments that the scrub found good.
    pub scrub_bytes: Counter,
    /// Segments that it found damaged.
    pub scrub_findings: Counter,
    /// Logs that were compacted, each time.
    pub cleaner_rounds: Counter,
    /// Bytes of batches that the cleaner read.
    pub cleaner_read_bytes: Counter,
    /// Bytes of batches that it wrote.
    pub cleaner_written_bytes: Counter,
    /// Records that it removed.
    pub cleaner_removed_records: Counter,
    /// Batches that it could not judge and kept.
    pub cleaner_unreadable_batches: Counter,
    /// Logs that it gave up on since the start, and that are still there.
    pub uncleanable_logs: Counter,
    /// Memory for offsets by key that is in use, bytes, of the thread that said so last.
    pub cleaner_map_bytes: Counter,
}

impl Counters {
    pub(crate) fn removed(&self, reason: Reason, bytes: u64) {
        self.removed_segments[reason as usize].add(1);
        self.removed_bytes[reason as usize].add(bytes);
    }

    pub(crate) fn synced(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.add(1);
        self.sync_us.add(us);
        self.sync_buckets[SYNC_BUCKETS_US.partition_point(|&bound| bound < us)].add(1);
    }
}
