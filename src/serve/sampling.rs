//! What the store counts, as metrics: the store knows no metrics, so its counts are read here.

use crate::metrics::Metrics;
use crate::store::{Counter, Counters, RemovalReason, SYNC_BUCKETS_US, Store};
use std::sync::Arc;
use std::time::Duration;

/// Registers what is read at each scrape.
pub(super) fn register(metrics: &Metrics, store: &Arc<Store>) {
    let queue = store.clone();
    metrics.sample_commit_queue_bytes(move || queue.queue_bytes() as f64);
    let ring = store.clone();
    metrics.sample_ring_bytes(move || ring.counters().ring_bytes.get() as f64);
    log_and_checkpoint(metrics, store);
    removals(metrics, store);
    cleaner(metrics, store);
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

/// What compaction does.
fn cleaner(metrics: &Metrics, store: &Arc<Store>) {
    let read = |counter: fn(&Counters) -> &Counter| {
        let store = store.clone();
        move || counter(store.counters()).get() as f64
    };
    metrics.sample_cleaner_rounds(read(|counters| &counters.cleaner_rounds));
    metrics.sample_cleaner_read_bytes(read(|counters| &counters.cleaner_read_bytes));
    metrics.sample_cleaner_written_bytes(read(|counters| &counters.cleaner_written_bytes));
    metrics.sample_cleaner_removed_records(read(|counters| &counters.cleaner_removed_records));
    metrics.sample_cleaner_unreadable_batches(read(|counters| &counters.cleaner_unreadable_batches));
    metrics.sample_cleaner_map_bytes(read(|counters| &counters.cleaner_map_bytes));
    metrics.sample_uncleanable_logs(read(|counters| &counters.uncleanable_logs));
}

/// What goes, and by which time.
fn removals(metrics: &Metrics, store: &Arc<Store>) {
    let by_reason = |counters: &[Counter]| -> Vec<(&'static str, u64)> {
        RemovalReason::ALL.iter().zip(counters).map(|(reason, counter)| (reason.name(), counter.get())).collect()
    };
    let segments = store.clone();
    metrics.sample_removed_segments(move || by_reason(&segments.counters().removed_segments));
    let bytes = store.clone();
    metrics.sample_removed_bytes(move || by_reason(&bytes.counters().removed_bytes));
    let trash = store.clone();
    metrics.sample_trash_files(move || trash.trash_waiting() as f64);
    let lag = store.clone();
    metrics.sample_proven_time_lag(move || lag.proven_lag().as_secs_f64());
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
