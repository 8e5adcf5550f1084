//! The commit thread's work: the one order of everything, and what is durable in `fsync` mode.
//!
//! One step: a chunk's worth of what waits, grouped by partition -> each batch copied once into the ring's memory with its
//! final header -> one chunk of the write-ahead log, synced -> durable offsets published, waiters woken -> handed over to
//! the segment writer. In `os` mode the log is left out, and the writer publishes what it has written.
//!
//! A log without room makes the step wait, and nothing of it is acknowledged meanwhile; any other failed write, and every
//! failed sync, is final. A crash in the middle leaves a torn chunk, which the next start drops, or a whole one that
//! nobody was told of, which it keeps; both are right.

use super::core::Core;
use super::handover::{Group, Handed};
use super::queue::{Entry, What};
use super::ring::Ring;
use super::room::Room;
use super::stored_log::{StoredLog, TailEntry};
use crate::base::Offset;
use crate::log::{Placed, Placement};
use crate::wal::{self, Chunk, Pool, Wal, WalError};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Batches that go into one chunk of the write-ahead log; a larger batch has one to itself.
pub(crate) const COMMIT_BYTES: u64 = 1 << 20;

/// Entries that go into one chunk.
const COMMIT_ENTRIES_MAX: usize = 16 * 1024;

/// Free space is looked at again when this part of the reserve has been written: reserve divided by it.
const ROOM_CHECKS_PER_RESERVE: u64 = 8;

/// Where a step of one of the store's threads came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It did something.
    Done,
    /// There is nothing to do.
    Idle,
    /// There is no room on the disk, or in the log: what was begun waits.
    NoRoom,
    /// Somebody else must get on first.
    Waiting,
    /// Everything is done, and nothing comes any more.
    Ended,
}

/// What one commit writes: copied, described, and not in the log yet.
struct Prepared {
    groups: Vec<Group>,
    rooms: Vec<Room>,
    entries: Vec<wal::Entry>,
    bytes: u64,
}

/// Takes what waits and makes it durable.
pub(crate) struct Committer {
    core: Arc<Core>,
    ring: Ring,
    /// None in `os` mode.
    wal: Option<Box<dyn Wal>>,
    pool: Option<Arc<Pool>>,
    released: u64,
    pending: VecDeque<Entry>,
    prepared: Option<Prepared>,
    commit: u64,
    written_since_check: u64,
    stopping: bool,
    loaded: bool,
}

impl Committer {
    pub(crate) fn new(core: Arc<Core>, wal: Option<Box<dyn Wal>>, pool: Option<Arc<Pool>>) -> Self {
        let ring = Ring::new(core.tail_bytes);
        Committer {
            core,
            ring,
            wal,
            pool,
            released: 0,
            pending: VecDeque::new(),
            prepared: None,
            commit: 0,
            written_since_check: 0,
            stopping: false,
            loaded: false,
        }
    }

    /// Whether there is something to do without looking at the queue.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.prepared.is_none() && !self.stopping
    }

    /// Whether batches came while the last step was writing and syncing. What comes after its acknowledgements is no sign
    /// of load: a client that waits for each of them sends just then.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Lets go of what is in segments and too much in memory; says whether that is all that is too much.
    pub(crate) fn trim(&mut self) -> bool {
        self.ring.trim(self.core.handover.written());
        let counters = &self.core.counters;
        counters.ring_bytes.set(self.ring.bytes());
        counters.ring_evictions.set(self.ring.evictions());
        !self.ring.is_over() || self.core.handover.written() == self.commit
    }

    /// One commit. An error is final.
    pub(crate) fn step(&mut self) -> Result<Step, WalError> {
        self.release();
        if self.pending.is_empty() {
            let work = self.core.queue.take();
            self.core.handover.push_removed(work.deleted);
            self.pending = work.entries;
            self.stopping |= work.stop;
        }
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None if self.pending.is_empty() => {
                // Appends were refused before the stop was queued: whatever is left came before it.
                let ended = self.stopping && self.core.queue.bytes() == 0;
                return Ok(if ended { Step::Ended } else { Step::Idle });
            }
            None if self.core.handover.is_behind() => return Ok(Step::Waiting),
            None => self.prepare(),
        };
        if !self.write_ahead(&prepared)? {
            self.prepared = Some(prepared);
            return Ok(Step::NoRoom);
        }
        self.loaded = !self.pending.is_empty() || self.core.queue.bytes() > 0;
        self.hand_over(prepared);
        Ok(Step::Done)
    }

    /// Gives back what a checkpoint has freed of the log, and lets nothing more in while too little of it is free: what
    /// has offsets must find room without that checkpoint.
    fn release(&mut self) {
        let (Some(wal), Some(pool)) = (&mut self.wal, &self.pool) else { return };
        let released = self.core.released.load(Ordering::SeqCst);
        if released > self.released {
            self.released = released;
            wal.release(wal::Sequence(released));
        }
        let full = pool.stats().full_bytes;
        if full > self.core.hold_bytes {
            self.core.budget.hold(true);
        } else if full <= self.core.hold_bytes / 2 {
            self.core.budget.hold(false);
        }
    }

    /// Takes a chunk's worth of entries and copies it.
    fn prepare(&mut self) -> Prepared {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.pending.iter().take(COMMIT_ENTRIES_MAX) {
            if count > 0 && bytes + entry.bytes() > COMMIT_BYTES {
                break;
            }
            count += 1;
            bytes += entry.bytes();
        }
        let mut taken: Vec<Entry> = self.pending.drain(..count).collect();
        // A stable sort: each partition's entries stay in their order.
        taken.sort_by_key(|entry| entry.log.number);
        self.commit += 1;
        let mut prepared =
            Prepared { groups: Vec::new(), rooms: Vec::with_capacity(count), entries: Vec::new(), bytes };
        let mut rest = taken.into_iter().peekable();
        while let Some(first) = rest.next() {
            let log = first.log.clone();
            let deleted = log.is_deleted();
            let mut copying = Copying::new(&mut self.ring, log, self.commit);
            let mut next = Some(first);
            while let Some(entry) = next {
                if let Some(room) = copying.add(entry.what, deleted) {
                    // The network's memory goes with the batch, the room stays taken until it is durable.
                    prepared.rooms.push(room);
                }
                next = rest.next_if(|entry| Arc::ptr_eq(&entry.log, &copying.group.log));
            }
            if !deleted {
                let group = copying.finish();
                describe(&group, &mut prepared.entries);
                self.core.mark_dirty(&group.log);
                prepared.groups.push(group);
            }
        }
        prepared
    }

    /// Writes the chunk and syncs it; says whether there was room.
    fn write_ahead(&mut self, prepared: &Prepared) -> Result<bool, WalError> {
        let Some(wal) = self.wal.as_mut().filter(|_| !prepared.entries.is_empty()) else { return Ok(true) };
        let payload: Vec<Bytes> =
            prepared.groups.iter().flat_map(|group| group.slices.iter().map(|slice| slice.bytes.clone())).collect();
        let begun = self.core.clock.monotonic();
        match wal.append(&Chunk { entries: &prepared.entries, payload: &payload }) {
            Ok(_) => {}
            Err(WalError::NoRoom) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.core.counters.synced(self.core.clock.monotonic().saturating_sub(begun));
        self.core.next_sequence.store(wal.next().0, Ordering::SeqCst);
        Ok(true)
    }

    fn hand_over(&mut self, prepared: Prepared) {
        let Prepared { mut groups, mut rooms, bytes, .. } = prepared;
        if self.core.health.is_failed() {
            // Somebody else met a failure: nothing is acknowledged from that instant on.
            return;
        }
        if self.wal.is_some() {
            for group in &mut groups {
                publish(group);
            }
            rooms.clear();
        }
        self.core.handover.push(Handed { commit: self.commit, groups, rooms });
        self.trim();
        let counters = &self.core.counters;
        counters.commit_passes.add(1);
        counters.committed_bytes.add(bytes);
        self.written_since_check += bytes;
        if self.written_since_check >= self.core.reserve_bytes / ROOM_CHECKS_PER_RESERVE {
            self.written_since_check = 0;
            self.core.check_room();
        }
    }
}

/// The entries of a group, in the order in which a replay takes them.
fn describe(group: &Group, entries: &mut Vec<wal::Entry>) {
    let id = group.log.id();
    if group.bytes > 0 {
        let length = u32::try_from(group.bytes).expect("a commit is below 2 GiB: a batch is");
        entries.push(wal::Entry::Batches { id, length });
    }
    entries.extend(group.log_start.map(|start| wal::Entry::LogStart { id, start }));
}

/// Tells readers and waiters of what became durable.
pub(super) fn publish(group: &mut Group) {
    let slices = std::mem::take(&mut group.slices);
    group.log.publish(slices, group.upto, group.log_start);
    if group.log_start.is_some() {
        // Segments below it go after the next checkpoint: one that began before may have come too early for them.
        group.log.core.mark_dirty(&group.log);
    }
}

/// Copies one partition's batches.
struct Copying<'a> {
    ring: &'a mut Ring,
    commit: u64,
    group: Group,
    /// Batches copied since the last cut.
    open: Vec<Placement>,
}

impl<'a> Copying<'a> {
    fn new(ring: &'a mut Ring, log: Arc<StoredLog>, commit: u64) -> Self {
        Copying { ring, commit, group: Group::new(log), open: Vec::new() }
    }

    /// Takes one entry in, unless its log was deleted; gives back the room that it carries.
    fn add(&mut self, what: What, deleted: bool) -> Option<Room> {
        match what {
            What::Batch { placement, batch, room } => {
                if !deleted {
                    self.copy(placement, &batch);
                }
                return Some(room);
            }
            What::LogStart(start) => self.group.log_start = self.group.log_start.max(Some(start)),
        }
        None
    }

    fn copy(&mut self, placement: Placement, batch: &[u8]) {
        let same_segment = self.open.last().is_none_or(|last| last.segment == placement.segment);
        if !same_segment || !self.ring.continues(batch.len()) {
            self.cut();
        }
        self.ring.copy(batch, placement.base, placement.epoch, placement.append_time);
        self.open.push(placement);
    }

    fn cut(&mut self) {
        let (Some(first), Some(last)) = (self.open.first(), self.open.last()) else { return };
        let (base, next): (Offset, Offset) = (first.base, last.last.plus(1));
        let segment = self.group.log.log.segment_of(first);
        let position = first.position;
        let bytes = self.ring.cut(&self.group.log, next, self.commit);
        let mut at = 0;
        for placement in self.open.drain(..) {
            let end = at + placement.size as usize;
            self.group.placed.push(Placed { bytes: bytes.slice(at..end), placement });
            at = end;
        }
        self.group.bytes += bytes.len() as u64;
        self.group.upto = Some(next);
        self.group.slices.push(TailEntry { base, next, bytes, segment, position });
    }

    fn finish(mut self) -> Group {
        self.cut();
        self.group
    }
}
