//! The commit queue: what was decided about partitions and waits for the commit thread.
//!
//! Pushed inside the partition's lock, so that the queue holds each partition's entries in the order of its offsets.
//! Batches are bounded by [`super::Room`], which every one carries until it is durable.

use super::config::{GATHER_BYTES, GATHER_TIME};
use super::room::Room;
use super::stored_log::StoredLog;
use crate::base::Offset;
use crate::log::Placement;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a partition.
#[allow(clippy::large_enum_variant)] // nearly all are batches
pub(crate) enum What {
    /// A batch with its offsets.
    Batch {
        placement: Placement,
        /// As it came; patched when it is copied.
        batch: Bytes,
        /// Given back when the batch is durable, or never will be.
        room: Room,
    },
    /// The log begins here from now on.
    LogStart(Offset),
}

/// One thing on its way to the disk.
pub(crate) struct Entry {
    pub(crate) log: Arc<StoredLog>,
    pub(crate) what: What,
}

impl Entry {
    pub(crate) fn bytes(&self) -> u64 {
        match &self.what {
            What::Batch { batch, .. } => batch.len() as u64,
            What::LogStart(_) => 0,
        }
    }
}

/// What the commit thread does next.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) entries: VecDeque<Entry>,
    /// Deleted logs whose directories must go before anything in `entries` is written.
    pub(crate) deleted: Vec<Arc<StoredLog>>,
    /// Whether this is the last work.
    pub(crate) stop: bool,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    deleted: Vec<Arc<StoredLog>>,
    bytes: u64,
    waits_for: WaitsFor,
    /// Something else changed that the commit thread looks at.
    nudged: bool,
    stop: bool,
}

impl State {
    fn has_work(&self) -> bool {
        !self.entries.is_empty() || !self.deleted.is_empty() || self.nudged || self.stop
    }
}

/// What the commit thread sleeps for: who pushes wakes it only then.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum WaitsFor {
    #[default]
    Nothing,
    Anything,
    Gathering,
}

impl Queue {
    /// Called under the lock of the entry's partition.
    pub(crate) fn push(&self, entry: Entry) {
        let mut state = self.state.lock();
        state.bytes += entry.bytes();
        state.entries.push_back(entry);
        let wake = match state.waits_for {
            WaitsFor::Nothing => false,
            WaitsFor::Anything => true,
            WaitsFor::Gathering => state.bytes >= GATHER_BYTES,
        };
        if wake {
            state.waits_for = WaitsFor::Nothing;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Queues the removal of a deleted log's files. Everything pushed later is written after it.
    pub(crate) fn push_deleted(&self, log: Arc<StoredLog>) {
        self.state.lock().deleted.push(log);
        self.wake.notify_one();
    }

    /// Wakes the commit thread, so that it looks around.
    pub(crate) fn nudge(&self) {
        self.state.lock().nudged = true;
        self.wake.notify_one();
    }

    /// The commit thread ends when it has done what is queued.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
    }

    /// Bytes of the batches that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Returns when there is something to do, or after `time`. Normally the first entry is reason enough; when the store is
    /// `loaded`, more are gathered for a moment.
    pub(crate) fn wait(&self, loaded: bool, time: Option<Duration>) {
        let mut state = self.state.lock();
        while !state.has_work() {
            state.waits_for = WaitsFor::Anything;
            match time {
                None => self.wake.wait(&mut state),
                Some(time) => {
                    if self.wake.wait_for(&mut state, time).timed_out() {
                        state.waits_for = WaitsFor::Nothing;
                        return;
                    }
                }
            }
        }
        if loaded && state.bytes < GATHER_BYTES {
            state.waits_for = WaitsFor::Gathering;
            let unfinished = |state: &mut State| state.bytes < GATHER_BYTES && state.deleted.is_empty() && !state.stop;
            self.wake.wait_while_for(&mut state, unfinished, GATHER_TIME);
        }
        state.waits_for = WaitsFor::Nothing;
    }

    /// Everything that waits, which may be nothing.
    pub(crate) fn take(&self) -> Work {
        let mut state = self.state.lock();
        state.bytes = 0;
        state.nudged = false;
        Work {
            entries: std::mem::take(&mut state.entries),
            deleted: std::mem::take(&mut state.deleted),
            stop: state.stop,
        }
    }

    /// While nothing can be committed: waits for deletions, which may bring room, or for the end, at most `time`. Entries
    /// stay queued. Says whether the end is near.
    pub(crate) fn wait_deleted(&self, time: Duration) -> (Vec<Arc<StoredLog>>, bool) {
        let mut state = self.state.lock();
        let nothing = |state: &mut State| state.deleted.is_empty() && !state.stop;
        self.wake.wait_while_for(&mut state, nothing, time);
        (std::mem::take(&mut state.deleted), state.stop)
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&self) {
        drop(self.take());
    }
}
