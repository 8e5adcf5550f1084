//! The write path: syncs and failures.

use super::families::{self, COMMIT_BYTES, FSYNC_DURATION, STORAGE_FAILURES};
use prometheus::{Histogram, IntCounter, IntCounterVec, Registry};
use std::time::Duration;

/// Storage.
pub struct Storage {
    fsync: Histogram,
    commit: Histogram,
    failed_write: IntCounter,
    failed_sync: IntCounter,
    failed_read: IntCounter,
    failed_open: IntCounter,
}

impl Storage {
    pub(super) fn register(registry: &Registry) -> Result<Storage, prometheus::Error> {
        let fsync = Histogram::with_opts(FSYNC_DURATION.histogram(families::seconds()))?;
        let commit = Histogram::with_opts(COMMIT_BYTES.histogram(families::bytes()))?;
        let failures = IntCounterVec::new(STORAGE_FAILURES.opts(), STORAGE_FAILURES.labels)?;
        registry.register(Box::new(fsync.clone()))?;
        registry.register(Box::new(commit.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        Ok(Storage {
            fsync,
            commit,
            failed_write: failures.with_label_values(&["write"]),
            failed_sync: failures.with_label_values(&["sync"]),
            failed_read: failures.with_label_values(&["read"]),
            failed_open: failures.with_label_values(&["open"]),
        })
    }

    /// A sync that acknowledgements waited for took `time` and made `bytes` durable.
    pub fn synced(&self, time: Duration, bytes: u64) {
        self.fsync.observe(time.as_secs_f64());
        self.commit.observe(bytes as f64);
    }

    /// A write failed.
    pub fn write_failed(&self) {
        self.failed_write.inc();
    }

    /// A sync failed.
    pub fn sync_failed(&self) {
        self.failed_sync.inc();
    }

    /// A read failed.
    pub fn read_failed(&self) {
        self.failed_read.inc();
    }

    /// A file could not be opened.
    pub fn open_failed(&self) {
        self.failed_open.inc();
    }
}
