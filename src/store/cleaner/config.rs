//! What the cleaner is told.

use crate::log::compact::OffsetMap;
use std::time::Duration;

/// Most threads.
const THREADS_MAX: usize = 64;

/// How the cleaner works. All of it may change while it does.
#[derive(Clone, PartialEq, Debug)]
pub struct CleanerConfig {
    /// Whether it works at all (`log.cleaner.enable`).
    pub enabled: bool,
    /// Its threads (`log.cleaner.threads`).
    pub threads: usize,
    /// Memory for offsets by key, bytes, of all threads together (`log.cleaner.dedupe.buffer.size`).
    pub dedupe_buffer_bytes: u64,
    /// How full that memory may get, 0 to 1 (`log.cleaner.io.buffer.load.factor`).
    pub load_factor: f64,
    /// Most bytes read and written in a second, of all threads together (`log.cleaner.io.max.bytes.per.second`).
    pub bytes_per_second: f64,
    /// Rest of a thread that found nothing to do (`log.cleaner.backoff.ms`).
    pub backoff: Duration,
    /// Keys the digests of record keys: nobody who sends keys may know it.
    pub seed: [u8; 16],
}

impl Default for CleanerConfig {
    /// Kafka's defaults, and a seed that anybody may know.
    fn default() -> Self {
        CleanerConfig {
            enabled: true,
            threads: 1,
            dedupe_buffer_bytes: 128 << 20,
            load_factor: 0.9,
            bytes_per_second: f64::MAX,
            backoff: Duration::from_secs(15),
            seed: [0; 16],
        }
    }
}

impl CleanerConfig {
    /// Threads that there are to be.
    pub(super) fn threads(&self) -> usize {
        self.threads.min(THREADS_MAX)
    }

    /// A thread's pace, bytes read and written in a second.
    pub(super) fn thread_bytes_per_second(&self) -> f64 {
        self.bytes_per_second / self.threads().max(1) as f64
    }

    /// A thread's share of the memory, bytes; never more than 2 GiB, as with Kafka.
    pub(super) fn map_bytes(&self) -> u64 {
        (self.dedupe_buffer_bytes / self.threads().max(1) as u64).min(i32::MAX as u64)
    }

    /// A thread's map; none when the memory holds no key.
    pub(super) fn map(&self) -> Option<OffsetMap> {
        OffsetMap::new(usize::try_from(self.map_bytes()).unwrap_or(usize::MAX), self.load_factor, self.seed)
    }
}
