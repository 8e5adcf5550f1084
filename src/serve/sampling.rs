//! What the store counts, as metrics: the store knows no metrics, so its counts are read here.

use crate::metrics::Metrics;
use crate::store::{SYNC_BUCKETS_US, Store};
use std::sync::Arc;
use std::time::Duration;

/// Registers what is read at each scrape.
pub(super) fn register(metrics: &Metrics, store: &Arc<Store>) {
    let queue = store.clone();
    metrics.sample_commit_queue_bytes(move || queue.queue_bytes() as f64);
    let ring = store.clone();
    metrics.sample_ring_bytes(move || ring.counters().ring_bytes.get() as f64);
    log_and_checkpoint(metrics, store);
    // Recovery ends before anybody is served.
    metrics.sample_recovery_progress(|| 1.0);
    let found = store.recovery();
    let (chunks, batches, findings) =
        (found.chunks as f64, found.batches as f64, (found.damage.len() + found.aside.len()) as f64);
    metrics.sample_recovery_chunks(move || chunks);
    metrics.sample_recovery_batches(move || batches);
    let cuts = (found.tails + u64::from(found.torn)) as f64;
    metrics.sample_recovery_cuts(move || cuts);
    metrics.sample_recovery_findings(move || findings);
    let good = store.clone();
    metrics.sample_scrub_bytes(move || good.counters().scrub_bytes.get() as f64);
    let damaged = store.clone();
    metrics.sample_scrub_findings(move || damaged.counters().scrub_findings.get() as f64);
}

/// From the write-ahead log to segments and checkpoint.
fn log_and_checkpoint(metrics: &Metrics, store: &Arc<Store>) {
    let all = store.clone();
    metrics.sample_wal_bytes(move || all.wal().map_or(0, |files| files.bytes) as f64);
    let used = store.clone();
    metrics.sample_wal_used_bytes(move || used.wal().map_or(0, |files| files.bytes - files.free_bytes) as f64);
    let unwritten = store.clone();
    metrics.sample_unwritten_bytes(move || unwritten.unwritten_bytes() as f64);
    let checkpoint = store.clone();
    metrics.sample_checkpoint_bytes(move || checkpoint.counters().checkpoint_bytes.get() as f64);
    let checkpoints = store.clone();
    metrics.sample_checkpoints(move || checkpoints.counters().checkpoints.get() as f64);
}

/// How much of the store's counts has been told.
#[derive(Default)]
pub(super) struct Told {
    syncs: [u64; SYNC_BUCKETS_US.len() + 1],
    bytes: u64,
}

impl Told {
    /// Tells what is new. A sync counts with the upper bound of its bucket and an equal share of the bytes, which is all
    /// that the store keeps of it.
    pub(super) fn tell(&mut self, store: &Store, metrics: &Metrics) {
        let counters = store.counters();
        let now: Vec<u64> = counters.sync_buckets.iter().map(|bucket| bucket.get()).collect();
        let syncs: u64 = now.iter().zip(&self.syncs).map(|(now, told)| now - told).sum();
        if syncs == 0 {
            return;
        }
        let share = (counters.committed_bytes.get() - self.bytes) / syncs;
        self.bytes += share * syncs;
        let longest = SYNC_BUCKETS_US[SYNC_BUCKETS_US.len() - 1];
        for (at, (now, told)) in now.into_iter().zip(&mut self.syncs).enumerate() {
            let bound = SYNC_BUCKETS_US.get(at).copied().unwrap_or(2 * longest);
            for _ in *told..now {
                metrics.storage.synced(Duration::from_micros(bound), share);
            }
            *told = now;
        }
    }
}
