//! How fast the cleaner works: never faster than it is told, and while the broker takes batches no more than half of the
//! time, so that those who wait for the disk hardly wait for it.

use crate::store::core::Core;
use std::sync::Arc;
use std::time::Duration;

/// After so many bytes, read and written together, it looks at the time.
const STEP_BYTES: u64 = 1 << 20;

/// Longest rest at once.
const REST_MAX: Duration = Duration::from_millis(200);

/// Longest time that counts as work: one step that a busy disk has held up asks for no longer rest.
const WORK_MAX: Duration = Duration::from_millis(200);

/// The pace of one thread.
pub(super) struct Pace {
    core: Arc<Core>,
    bytes: u64,
    begun: Duration,
    seen_in: u64,
}

impl Pace {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let begun = core.clock.monotonic();
        Pace { core, bytes: 0, begun, seen_in: 0 }
    }

    /// So many bytes were read or written: rests when it is time to.
    pub(super) fn took(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes < STEP_BYTES {
            return;
        }
        let now = self.core.clock.monotonic();
        let worked = now.saturating_sub(self.begun);
        let taken_in = self.core.counters.bytes_in.get();
        let is_busy = taken_in != self.seen_in;
        self.seen_in = taken_in;
        // What is said now: a round may take days, and whoever changes the pace means the one that is under way.
        let config = self.core.cleaning.config();
        let per_second = config.thread_bytes_per_second().max(1.0);
        let due = Duration::try_from_secs_f64(self.bytes as f64 / per_second).unwrap_or(REST_MAX);
        let polite = if is_busy { worked.min(WORK_MAX) } else { Duration::ZERO };
        let mut rest = due.saturating_sub(worked).max(polite);
        while !rest.is_zero()
            && !self.core.health.is_stopping()
            && !self.core.health.is_final()
            && Arc::ptr_eq(&config, &self.core.cleaning.config())
        {
            let some = rest.min(REST_MAX);
            self.core.cleaning.rest(some);
            rest -= some;
        }
        self.bytes = 0;
        self.begun = self.core.clock.monotonic();
    }
}
