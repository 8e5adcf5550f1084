//! The commit queue: batches that have offsets and wait for the commit thread.
//!
//! Pushed inside the partition's lock, so that the queue holds each partition's batches in the order of their offsets.
//! Bounded by [`super::Room`], which every entry carries until it is durable.

use super::config::{GATHER_BYTES, GATHER_TIME};
use super::room::Room;
use super::stored_log::StoredLog;
use crate::log::Placement;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// One batch on its way to the disk.
pub(crate) struct Entry {
    pub(crate) log: Arc<StoredLog>,
    pub(crate) placement: Placement,
    /// As it came; patched when it is copied.
    pub(crate) batch: Bytes,
    /// Given back when the batch is durable, or never will be.
    pub(crate) _room: Room,
}

/// What the commit thread does next.
pub(crate) struct Work {
    pub(crate) entries: Vec<Entry>,
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
    entries: Vec<Entry>,
    deleted: Vec<Arc<StoredLog>>,
    bytes: u64,
    waits_for: WaitsFor,
    stop: bool,
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
        state.bytes += entry.batch.len() as u64;
        state.entries.push(entry);
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

    /// The commit thread ends when it has done what is queued.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
    }

    /// Bytes of the batches that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Everything that waits. Normally the first batch starts a pass at once; when the store is `loaded`, more are
    /// gathered for a moment. `spare` is an empty vector whose memory is used again.
    pub(crate) fn next(&self, spare: Vec<Entry>, loaded: bool) -> Work {
        let mut state = self.state.lock();
        while state.entries.is_empty() && state.deleted.is_empty() && !state.stop {
            state.waits_for = WaitsFor::Anything;
            self.wake.wait(&mut state);
        }
        if loaded && state.bytes < GATHER_BYTES {
            state.waits_for = WaitsFor::Gathering;
            let unfinished = |state: &mut State| state.bytes < GATHER_BYTES && state.deleted.is_empty() && !state.stop;
            self.wake.wait_while_for(&mut state, unfinished, GATHER_TIME);
        }
        state.waits_for = WaitsFor::Nothing;
        state.bytes = 0;
        let entries = std::mem::replace(&mut state.entries, spare);
        Work { entries, deleted: std::mem::take(&mut state.deleted), stop: state.stop }
    }

    /// While the disk is full: waits for deletions, which may bring room, at most `time`. Entries stay queued.
    pub(crate) fn next_deleted(&self, time: Duration) -> (Vec<Arc<StoredLog>>, bool) {
        let mut state = self.state.lock();
        let nothing = |state: &mut State| state.deleted.is_empty() && !state.stop;
        self.wake.wait_while_for(&mut state, nothing, time);
        (std::mem::take(&mut state.deleted), state.stop)
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&self) {
        let dropped = {
            let mut state = self.state.lock();
            state.bytes = 0;
            (std::mem::take(&mut state.entries), std::mem::take(&mut state.deleted))
        };
        drop(dropped);
    }
}
