//! Micro-benchmarks of the hot path, a step at a time, so that a regression is seen where it happens.
//!
//! - [`record`]: the check of a produced batch.
//! - [`wire`]: Produce and Fetch: requests decoded, answers encoded.
//! - [`wal`]: one chunk of the write-ahead log.
//! - [`partition`]: an append until it is acknowledged, reads from the ring and from segments.
//! - [`setup`]: what they share: batches, a disk without syncs, an open store.
//!
//! criterion, not divan: it compares with a saved baseline and was last released in 2026-02 (0.8.2), divan in 2025-04;
//! it takes 20 crates where divan takes 4, none of them in the broker.

mod partition;
mod record;
mod setup;
mod wal;
mod wire;

use criterion::Criterion;
use std::time::Duration;

/// Time per benchmark, so that all of them take a minute or two.
const WARM_UP_TIME: Duration = Duration::from_millis(300);
const MEASUREMENT_TIME: Duration = Duration::from_millis(1500);

/// Resamples of the statistics: criterion's own number takes longer than the measurement.
const RESAMPLES: usize = 10_000;

fn main() {
    let criterion = Criterion::default().without_plots().nresamples(RESAMPLES);
    let mut criterion = criterion.warm_up_time(WARM_UP_TIME).measurement_time(MEASUREMENT_TIME).configure_from_args();
    record::bench(&mut criterion);
    wire::bench(&mut criterion);
    wal::bench(&mut criterion);
    partition::bench(&mut criterion);
    criterion.final_summary();
}
