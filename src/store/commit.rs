//! The commit thread: the only writer of segments, and the only one who says what is durable.
//!
//! One pass: everything that waits, grouped by partition -> each batch copied once into the ring's chunk with its final
//! header -> one write per partition -> one sync of the file system for all of them -> durable offsets published, waiters
//! woken -> the oldest chunks leave the ring. Nobody sees a batch before its sync: the tail gets it when it is published.
//!
//! A write that finds the disk full is tried again until there is room, and nothing of the pass is acknowledged meanwhile;
//! any other failed write, and every failed sync, is final. A crash in the middle leaves segments with torn or
//! unacknowledged ends, which the next opening cuts or keeps; both are right, since nobody was told of them.

use super::config::{Durability, FULL_DISK_RETRY};
use super::core::Core;
use super::load;
use super::queue::Entry;
use super::ring::Ring;
use super::stored_log::{StoredLog, TailEntry};
use crate::base::Offset;
use crate::log::{Placed, Placement};
use bytes::Bytes;
use std::io;
use std::sync::Arc;

/// Free space is looked at again when this part of the reserve has been written: reserve divided by it.
const ROOM_CHECKS_PER_RESERVE: u64 = 8;

/// Why the commit thread gives up.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("writing {log}: {error}")]
    Write { log: String, error: io::Error },
    #[error("syncing: {0}")]
    Sync(io::Error),
    #[error("the disk was full at the shutdown: what was not acknowledged is dropped")]
    FullAtStop,
}

/// One partition's part of a pass.
struct Group {
    log: Arc<StoredLog>,
    placed: Vec<Placed>,
    slices: Vec<Slice>,
    upto: Offset,
    bytes: u64,
}

/// Copied batches that lie one after the other, in memory and in one segment.
struct Slice {
    base: Offset,
    next: Offset,
    bytes: Bytes,
    segment: Offset,
    position: u32,
}

/// Fails the store when the thread ends in a panic.
struct FailOnPanic<'a>(&'a Core);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the commit thread panicked");
        }
    }
}

/// The thread's body; returns when the store is stopped or has failed.
pub(crate) fn run(core: &Arc<Core>) {
    let _guard = FailOnPanic(core);
    let mut committer = Committer {
        core: core.clone(),
        ring: Ring::new(core.tail_bytes),
        written_since_check: 0,
        stopping: false,
        loaded: false,
    };
    let mut spare = Vec::new();
    loop {
        let mut work = core.queue.next(std::mem::take(&mut spare), committer.loaded);
        remove(core, &work.deleted);
        if !work.entries.is_empty()
            && let Err(error) = committer.pass(&mut work.entries)
        {
            core.fail(&error.to_string());
            return;
        }
        work.entries.clear();
        spare = work.entries;
        if work.stop || committer.stopping {
            // Appends were refused before the stop was queued: whatever is left came before it.
            if core.queue.bytes() == 0 {
                return;
            }
        }
    }
}

struct Committer {
    core: Arc<Core>,
    ring: Ring,
    written_since_check: u64,
    stopping: bool,
    /// Whether batches came while the last pass was writing and syncing. What comes after its acknowledgements is no sign
    /// of load: a client that waits for each of them sends just then.
    loaded: bool,
}

impl Committer {
    fn pass(&mut self, entries: &mut Vec<Entry>) -> Result<(), PassError> {
        // A stable sort: each partition's batches stay in the order of their offsets.
        entries.sort_by_key(|entry| entry.log.number);
        let mut groups = Vec::new();
        let mut rooms = Vec::with_capacity(entries.len());
        let mut rest = entries.drain(..).peekable();
        while let Some(first) = rest.next() {
            let log = first.log.clone();
            let deleted = log.is_deleted();
            let mut group = Copying::new(&mut self.ring, log);
            let mut next = Some(first);
            while let Some(entry) = next {
                if !deleted {
                    group.add(entry.placement, &entry.batch);
                }
                // The network's memory goes with the batch, the room stays taken until the pass is over.
                rooms.push(entry._room);
                next = rest.next_if(|entry| Arc::ptr_eq(&entry.log, &group.log));
            }
            groups.extend(group.finish());
        }
        drop(rest);
        let mut bytes = 0;
        for group in &groups {
            self.write(group)?;
            bytes += group.bytes;
        }
        if !groups.is_empty() {
            self.sync()?;
        }
        self.loaded = self.core.queue.bytes() > 0;
        for group in groups {
            publish(group);
        }
        drop(rooms);
        self.ring.trim();
        let counters = &self.core.counters;
        counters.commit_passes.add(1);
        counters.committed_bytes.add(bytes);
        counters.ring_bytes.set(self.ring.bytes());
        counters.ring_evictions.set(self.ring.evictions());
        self.written_since_check += bytes;
        if self.written_since_check >= self.core.reserve_bytes / ROOM_CHECKS_PER_RESERVE {
            self.written_since_check = 0;
            self.core.check_room();
        }
        Ok(())
    }

    /// Writes one partition's batches; waits for room on a full disk.
    fn write(&mut self, group: &Group) -> Result<(), PassError> {
        loop {
            // A pass that waits for room removes directories: a deleted log must not make its own again.
            if group.log.is_deleted() {
                return Ok(());
            }
            let error = match group.log.log.write(&group.placed) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !is_full(&error) {
                return Err(PassError::Write { log: group.log.id().to_string(), error });
            }
            self.core.disk_is_full(0);
            let (deleted, stop) = self.core.queue.next_deleted(FULL_DISK_RETRY);
            self.stopping |= stop;
            remove(&self.core, &deleted);
            if stop {
                return Err(PassError::FullAtStop);
            }
        }
    }

    fn sync(&self) -> Result<(), PassError> {
        let core = &self.core;
        match core.durability {
            Durability::Os => return Ok(()),
            Durability::Fsync => {}
        }
        let begun = core.clock.monotonic();
        core.disk.sync_file_system(&core.path).map_err(PassError::Sync)?;
        core.counters.synced(core.clock.monotonic().saturating_sub(begun));
        Ok(())
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Takes deleted logs' directories out of the way, at once under their final names; their files go with the next tick.
fn remove(core: &Core, deleted: &[Arc<StoredLog>]) {
    for log in deleted {
        let away = load::away(log.log.dir(), log.id());
        match log.log.move_away(&away) {
            Ok(true) => core.trash.lock().push(away),
            Ok(false) => {}
            // The metadata says that the topic is gone: the next start takes the directory for an orphan.
            Err(error) => tracing::warn!("removing deleted {}: {error}", log.id()),
        }
    }
}

fn publish(group: Group) {
    if group.log.is_deleted() {
        // Its write may have been left out: then its batches are in no segment, and nobody waits for them any more.
        return;
    }
    let mut slices = Vec::with_capacity(group.slices.len());
    for slice in group.slices {
        let Some(segment) = group.log.log.segment_for(slice.base) else {
            // Only a deleted log has lost a segment that was just written.
            slices.clear();
            continue;
        };
        assert!(
            segment.base() == slice.segment,
            "{}: offset {} was placed in segment {}, not in {}",
            group.log.id(),
            slice.base,
            slice.segment,
            segment.base()
        );
        let Slice { base, next, bytes, position, .. } = slice;
        slices.push(TailEntry { base, next, bytes, segment, position });
    }
    group.log.publish(slices, group.upto);
}

/// Copies one partition's batches.
struct Copying<'a> {
    ring: &'a mut Ring,
    log: Arc<StoredLog>,
    placed: Vec<Placed>,
    slices: Vec<Slice>,
    /// Batches copied since the last cut.
    open: Vec<Placement>,
}

impl<'a> Copying<'a> {
    fn new(ring: &'a mut Ring, log: Arc<StoredLog>) -> Self {
        Copying { ring, log, placed: Vec::new(), slices: Vec::new(), open: Vec::new() }
    }

    fn add(&mut self, placement: Placement, batch: &[u8]) {
        let same_segment = self.open.last().is_none_or(|last| last.segment == placement.segment);
        if !same_segment || !self.ring.continues(batch.len()) {
            self.cut();
        }
        self.ring.copy(batch, placement.base, placement.epoch, placement.append_time);
        self.open.push(placement);
    }

    fn cut(&mut self) {
        let (Some(first), Some(last)) = (self.open.first(), self.open.last()) else { return };
        let (base, next) = (first.base, last.last.plus(1));
        let (segment, position) = (first.segment, first.position);
        let bytes = self.ring.cut(&self.log, next);
        let mut at = 0;
        for placement in self.open.drain(..) {
            let end = at + placement.size as usize;
            self.placed.push(Placed { bytes: bytes.slice(at..end), placement });
            at = end;
        }
        self.slices.push(Slice { base, next, bytes, segment, position });
    }

    /// None when there was nothing to copy.
    fn finish(mut self) -> Option<Group> {
        self.cut();
        let upto = self.placed.last()?.placement.last.plus(1);
        let bytes = self.placed.iter().map(|placed| u64::from(placed.placement.size)).sum();
        Some(Group { log: self.log, placed: self.placed, slices: self.slices, upto, bytes })
    }
}
