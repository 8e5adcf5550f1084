//! What a store is told at its opening.

use super::cleaner::CleanerConfig;
use crate::base::Clock;
use crate::log::LogSettings;
use crate::wal::FIRST_FILE_BYTES;
pub use crate::wal::WAL_BYTES;
use std::sync::Arc;
use std::time::Duration;

/// Ring memory when nothing is set (`ottla.tail.bytes`).
pub const TAIL_BYTES: u64 = 64 << 20;

/// Bytes that may stand in the commit queue when nothing is set.
pub const QUEUE_BYTES: u64 = 32 << 20;

/// Free bytes below which the store takes no more appends, when nothing is set. More than the queue and its indexes can
/// take, so that what was admitted always finds room.
pub const DISK_RESERVE_BYTES: u64 = 128 << 20;

/// Threads that load partitions at the opening, at most, when nothing is set.
pub const OPEN_THREADS: usize = 8;

/// Segment and index files kept open, when nothing is set.
pub const OPEN_FILES: usize = 512;

/// Time between two checkpoints when nothing is set.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Time between two passes of retention when nothing is set.
pub const RETENTION_CHECK_EVERY: Duration = Duration::from_secs(300);

/// The checkpoint thread looks at the time this often.
pub(crate) const CHECKPOINT_POLL: Duration = Duration::from_secs(1);

/// Bytes of the write-ahead log in use that ask for a checkpoint, at most: what a start after a crash has to replay.
const CHECKPOINT_BYTES_MAX: u64 = 256 << 20;

/// Share of the write-ahead log that asks for a checkpoint.
const CHECKPOINT_SHARE: u64 = 4;

pub(crate) fn checkpoint_bytes(wal_bytes: u64) -> u64 {
    (wal_bytes / CHECKPOINT_SHARE).min(CHECKPOINT_BYTES_MAX)
}

/// Under load a pass starts when this much has gathered,
pub(crate) const GATHER_BYTES: u64 = 128 << 10;

/// or after this time, whichever is first.
pub(crate) const GATHER_TIME: Duration = Duration::from_micros(500);

/// Time between two attempts to write to a full disk.
pub(crate) const FULL_DISK_RETRY: Duration = Duration::from_millis(100);

/// What an acknowledged record survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Loss of power: synced before it is acknowledged.
    #[default]
    Fsync,
    /// The end of the process: in the page cache before it is acknowledged.
    Os,
}

/// Called once, from the thread that met the failure, when the store can't go on; the text says why. The process should
/// end with an error: what follows must be read from the medium again.
pub type OnFailure = Box<dyn Fn(&str) + Send + Sync>;

/// How a store runs.
pub struct StoreConfig {
    /// What an acknowledged record survives (`ottla.durability`).
    pub durability: Durability,
    /// Memory for the newest batches of all partitions together, bytes (`ottla.tail.bytes`).
    pub tail_bytes: u64,
    /// Bytes that may wait for the disk.
    pub queue_bytes: u64,
    /// Bytes of the write-ahead log's files together, at most (`ottla.wal.bytes`).
    pub wal_bytes: u64,
    /// Bytes of its first file.
    pub wal_first_file_bytes: u64,
    /// Time between two checkpoints, at most, while something changes.
    pub checkpoint_every: Duration,
    /// Time between two passes of retention (`log.retention.check.interval.ms`).
    pub retention_check_every: Duration,
    /// Free disk bytes below which the store is read-only.
    pub reserve_bytes: u64,
    /// Threads that load partitions at the opening.
    pub open_threads: usize,
    /// Segment and index files kept open, about.
    pub open_files: usize,
    /// Settings for what is loaded before its topic's settings are known.
    pub log_defaults: Arc<LogSettings>,
    /// How logs are compacted.
    pub cleaner: CleanerConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told when the store fails.
    pub on_failure: OnFailure,
}

impl StoreConfig {
    /// The defaults: synced, with the documented sizes.
    pub fn new(log_defaults: Arc<LogSettings>, clock: Arc<dyn Clock>, on_failure: OnFailure) -> Self {
        StoreConfig {
            durability: Durability::default(),
            tail_bytes: TAIL_BYTES,
            queue_bytes: QUEUE_BYTES,
            wal_bytes: WAL_BYTES,
            wal_first_file_bytes: FIRST_FILE_BYTES,
            checkpoint_every: CHECKPOINT_EVERY,
            retention_check_every: RETENTION_CHECK_EVERY,
            reserve_bytes: DISK_RESERVE_BYTES,
            open_threads: OPEN_THREADS,
            open_files: OPEN_FILES,
            log_defaults,
            cleaner: CleanerConfig::default(),
            clock,
            on_failure,
        }
    }
}
