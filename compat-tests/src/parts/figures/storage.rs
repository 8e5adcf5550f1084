//! Figures of the storage with 10,000 partitions, by hand only: starts after kill -9, memory, commit latency, the cost
//! of a sync. What has a target fails at ten times of it (memory at twice); the rest is printed.
//!
//! All of it on one machine: the producers take processor time from the broker, and every round trip is over loopback.

use super::{latency, starts, syncs};
use crate::parts::Context;
use crate::report::{Report, say};

/// Measures all figures; without `--long` none.
pub fn part(report: &mut Report, context: &Context) {
    if !context.long {
        return say("  by hand only: --long");
    }
    starts::run(report, context);
    latency::run(report, context);
    syncs::run(report, context);
}
