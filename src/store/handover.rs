//! From the commit thread to the segment writer: what is in the log of the disk (or needs none) and goes to segments.
//!
//! In the order of commits, each partition's batches in the order of their offsets. Bounded by bytes: a writer that falls
//! behind holds up the commits ([`Handover::is_behind`]). Removals of deleted logs overtake: their batches are dropped.

use super::room::Room;
use super::stored_log::{StoredLog, TailEntry};
use crate::base::Offset;
use crate::log::Placed;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One partition's part of a commit, or of several.
pub(crate) struct Group {
    pub(crate) log: Arc<StoredLog>,
    pub(crate) placed: Vec<Placed>,
    /// For readers in memory; given to the log when it is published.
    pub(super) slices: Vec<TailEntry>,
    /// The end of the last batch.
    pub(crate) upto: Option<Offset>,
    pub(crate) log_start: Option<Offset>,
    pub(crate) bytes: u64,
}

impl Group {
    pub(crate) fn new(log: Arc<StoredLog>) -> Self {
        Group { log, placed: Vec::new(), slices: Vec::new(), upto: None, log_start: None, bytes: 0 }
    }

    /// Takes in what follows of the same partition.
    pub(crate) fn absorb(&mut self, next: Group) {
        self.placed.extend(next.placed);
        self.slices.extend(next.slices);
        self.upto = next.upto.or(self.upto);
        self.log_start = next.log_start.max(self.log_start);
        self.bytes += next.bytes;
    }
}

/// One commit on its way to segments.
pub(crate) struct Handed {
    /// Its number, from 1.
    pub(crate) commit: u64,
    pub(crate) groups: Vec<Group>,
    /// Room that is given back when the segments have the batches.
    pub(crate) rooms: Vec<Room>,
}

/// What the writer does next.
pub(crate) struct Taken {
    /// Deleted logs whose directories must go before any of the commits is written.
    pub(crate) removed: Vec<Arc<StoredLog>>,
    pub(crate) commits: VecDeque<Handed>,
    /// Whether nothing more comes.
    pub(crate) stop: bool,
}

#[derive(Default)]
struct State {
    commits: VecDeque<Handed>,
    removed: Vec<Arc<StoredLog>>,
    /// Bytes that are not in segments.
    bytes: u64,
    /// The last commit that is in segments, as all before it.
    written: u64,
    /// Whether the disk has no room for what the writer has in hand.
    no_room: bool,
    stop: bool,
}

/// The queue between the two.
pub(crate) struct Handover {
    state: Mutex<State>,
    /// The writer sleeps here.
    wake: Condvar,
    /// Who waits for the writer sleeps here.
    moved: Condvar,
    bytes_max: u64,
}

impl Handover {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Handover { state: Mutex::default(), wake: Condvar::new(), moved: Condvar::new(), bytes_max }
    }

    pub(crate) fn push(&self, handed: Handed) {
        let mut state = self.state.lock();
        state.bytes += handed.groups.iter().map(|group| group.bytes).sum::<u64>();
        state.commits.push_back(handed);
        drop(state);
        self.wake.notify_one();
    }

    pub(crate) fn push_removed(&self, logs: Vec<Arc<StoredLog>>) {
        if !logs.is_empty() {
            self.state.lock().removed.extend(logs);
            self.wake.notify_one();
        }
    }

    /// The writer ends when it has written what was handed over.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_all();
        self.moved.notify_all();
    }

    /// Bytes that are not in segments yet.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Whether the commits must wait for the writer.
    pub(crate) fn is_behind(&self) -> bool {
        self.bytes() > self.bytes_max
    }

    /// The last commit that is in segments, as all before it.
    pub(crate) fn written(&self) -> u64 {
        self.state.lock().written
    }

    /// Everything that was handed over, which may be nothing, and in one: a removal that came before a commit must not be
    /// taken after it. Commits stay where they are while the writer is not done with others.
    pub(crate) fn take(&self, with_commits: bool) -> Taken {
        let mut state = self.state.lock();
        Taken {
            removed: std::mem::take(&mut state.removed),
            commits: if with_commits { std::mem::take(&mut state.commits) } else { VecDeque::new() },
            stop: state.stop,
        }
    }

    /// The writer has brought everything up to this commit into segments. Says whether it had no room for some of it before.
    pub(crate) fn done(&self, commit: u64, bytes: u64) -> bool {
        let mut state = self.state.lock();
        state.written = commit;
        let had_no_room = std::mem::take(&mut state.no_room);
        // A failure has dropped everything meanwhile.
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.moved.notify_all();
        had_no_room
    }

    /// The writer found the disk full: it tries again later.
    pub(crate) fn set_no_room(&self) {
        self.state.lock().no_room = true;
        self.moved.notify_all();
    }

    /// Whether the writer waits for room on the disk.
    pub(crate) fn has_no_room(&self) -> bool {
        self.state.lock().no_room
    }

    /// The writer sleeps until there is work or the end; at most `time` when it has work that it can't do now.
    pub(crate) fn sleep(&self, time: Option<Duration>) {
        let mut state = self.state.lock();
        let nothing = |state: &mut State| state.commits.is_empty() && state.removed.is_empty() && !state.stop;
        match time {
            None => self.wake.wait_while(&mut state, nothing),
            Some(time) => {
                let nothing = |state: &mut State| state.removed.is_empty() && !state.stop;
                self.wake.wait_while_for(&mut state, nothing, time);
            }
        }
    }

    /// Sleeps until the writer is not behind any more, at most `time`.
    pub(crate) fn await_room(&self, time: Duration) {
        let mut state = self.state.lock();
        self.moved.wait_while_for(&mut state, |state| state.bytes > self.bytes_max, time);
    }

    /// Sleeps until the writer has done more than commit `seen`, or has no room for it, at most `time`.
    pub(crate) fn await_commit_after(&self, seen: u64, time: Duration) {
        let mut state = self.state.lock();
        self.moved.wait_while_for(&mut state, |state| state.written == seen && !state.no_room, time);
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        let dropped = (std::mem::take(&mut state.commits), std::mem::take(&mut state.removed));
        state.bytes = 0;
        drop(state);
        drop(dropped);
        self.moved.notify_all();
    }
}
