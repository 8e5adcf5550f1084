//! The cleaner's threads: each compacts one log after the other while one is due, then rests.

use super::{Cleaned, Cleaner, CleanerConfig};
use crate::store::alarm::Alarm;
use crate::store::core::Core;
use crate::store::stored_log::StoredLog;
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that rests looks at least this often whether it is to end, or was told something else.
const REST_MAX: Duration = Duration::from_millis(500);

/// What cleaners share.
pub(crate) struct Cleaning {
    config: Mutex<Arc<CleanerConfig>>,
    /// Numbers of logs that somebody works at.
    taken: Mutex<HashSet<u64>>,
    /// Numbers of logs that can't be compacted.
    left_alone: Mutex<HashSet<u64>>,
    alarm: Alarm,
}

impl Cleaning {
    pub(crate) fn new(config: CleanerConfig) -> Self {
        Cleaning {
            config: Mutex::new(Arc::new(config)),
            taken: Mutex::default(),
            left_alone: Mutex::default(),
            alarm: Alarm::default(),
        }
    }

    /// Takes over what is said.
    pub(super) fn set(&self, config: CleanerConfig) {
        *self.config.lock() = Arc::new(config);
        self.alarm.ring();
    }

    pub(super) fn config(&self) -> Arc<CleanerConfig> {
        self.config.lock().clone()
    }

    /// Whether nobody works at the log, and somebody may.
    pub(super) fn is_free(&self, log: &StoredLog) -> bool {
        !self.taken.lock().contains(&log.number) && !self.left_alone.lock().contains(&log.number)
    }

    /// Takes the log; says whether nobody had it.
    pub(super) fn take(&self, log: &StoredLog) -> bool {
        self.taken.lock().insert(log.number)
    }

    pub(super) fn release(&self, log: &StoredLog) {
        self.taken.lock().remove(&log.number);
    }

    pub(super) fn leave_alone(&self, log: &StoredLog) {
        self.left_alone.lock().insert(log.number);
    }

    /// How many logs can't be compacted.
    pub(crate) fn left_alone(&self) -> u64 {
        self.left_alone.lock().len() as u64
    }

    /// The log was deleted: says whether it was one that can't be compacted.
    pub(crate) fn forget(&self, log: &StoredLog) -> bool {
        self.left_alone.lock().remove(&log.number)
    }

    /// Sleeps for this time, or until something is to be looked at.
    pub(super) fn rest(&self, time: Duration) {
        self.alarm.sleep(time);
    }

    pub(crate) fn wake(&self) {
        self.alarm.ring();
    }
}

/// The running threads.
#[derive(Default)]
pub(crate) struct Cleaners {
    /// By their numbers.
    threads: Mutex<BTreeMap<usize, JoinHandle<()>>>,
}

impl Cleaners {
    /// Takes over what is said, and has as many threads as it says.
    pub(crate) fn set(&self, core: &Arc<Core>, config: CleanerConfig) -> io::Result<()> {
        let wanted = config.threads();
        core.cleaning.set(config);
        self.have(core, wanted)
    }

    /// Starts the threads.
    pub(crate) fn start(&self, core: &Arc<Core>) -> io::Result<()> {
        self.have(core, core.cleaning.config().threads())
    }

    fn have(&self, core: &Arc<Core>, wanted: usize) -> io::Result<()> {
        let mut threads = self.threads.lock();
        // One with a number that is not wanted ends after its round, and may be wanted again before.
        threads.retain(|_, thread| !thread.is_finished());
        for number in 0..wanted {
            if let Entry::Vacant(place) = threads.entry(number) {
                let core = core.clone();
                let name = format!("ottla-clean-{number}");
                place.insert(std::thread::Builder::new().name(name).spawn(move || run(&core, number))?);
            }
        }
        Ok(())
    }

    /// Lets each end; what it was at is given up.
    pub(crate) fn finish(&self, core: &Core) {
        for thread in std::mem::take(&mut *self.threads.lock()).into_values() {
            while !thread.is_finished() {
                core.cleaning.wake();
                std::thread::park_timeout(Duration::from_millis(1));
            }
            // A panic was told where it happened.
            let _ = thread.join();
        }
    }
}

fn run(core: &Arc<Core>, number: usize) {
    be_nice();
    let mut cleaner = Cleaner::new(core.clone());
    loop {
        let config = core.cleaning.config();
        if core.health.is_stopping() || core.health.is_final() || number >= config.threads() {
            return;
        }
        if cleaner.step() == Cleaned::Log {
            continue;
        }
        let until = core.clock.monotonic() + config.backoff;
        while core.clock.monotonic() < until
            && !core.health.is_stopping()
            && !core.health.is_final()
            && Arc::ptr_eq(&config, &core.cleaning.config())
        {
            core.cleaning.rest(until.saturating_sub(core.clock.monotonic()).min(REST_MAX));
        }
    }
}

/// How much less than others a cleaner asks of the processor, as `nice` counts it.
const NICE: i32 = 10;

/// Who compacts gives way to who serves.
fn be_nice() {
    // Of this thread alone, as Linux has it.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!("the cleaner keeps its priority: {error}");
    }
}
