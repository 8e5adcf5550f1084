//! What the store's parts share.

use super::alarm::Alarm;
use super::cleaner::Cleaning;
use super::config::{Durability, OnFailure, StoreConfig, checkpoint_bytes};
use super::counters::Counters;
use super::data_dir;
use super::handover::Handover;
use super::proven_time::ProvenTime;
use super::queue::Queue;
use super::room::Budget;
use super::stored_log::{AppendError, StoredLog};
use super::trash::Trash;
use crate::base::{Clock, TopicPartition};
use crate::io::disk::Disk;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A read-only store opens again when this much more than the reserve is free: reserve divided by it.
const RESERVE_HYSTERESIS: u64 = 4;

/// Bytes that commits may be ahead of the segments, at least.
const HANDOVER_BYTES_MIN: u64 = 8 << 20;

/// The store's state, as appends see it.
#[derive(Default)]
pub(crate) struct Health {
    /// Never unset.
    failed: AtomicBool,
    /// Never unset.
    stopping: AtomicBool,
    /// Set when the commit thread has ended: what is not durable never will be.
    ended: AtomicBool,
    disk_full: AtomicBool,
}

impl Health {
    pub(crate) fn check_append(&self) -> Result<(), AppendError> {
        self.check_running()?;
        if self.disk_full.load(Ordering::Relaxed) { Err(AppendError::DiskFull) } else { Ok(()) }
    }

    /// As [`Self::check_append`], for what takes no room.
    pub(crate) fn check_running(&self) -> Result<(), AppendError> {
        if self.failed.load(Ordering::SeqCst) {
            Err(AppendError::Failed)
        } else if self.stopping.load(Ordering::SeqCst) {
            Err(AppendError::Stopping)
        } else {
            Ok(())
        }
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Whether nothing becomes durable any more.
    pub(crate) fn is_final(&self) -> bool {
        self.is_failed() || self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Says whether it was not stopping before.
    pub(crate) fn stop(&self) -> bool {
        !self.stopping.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// Live logs, by identity and by directory.
#[derive(Default)]
pub(crate) struct Registry {
    by_id: HashMap<TopicPartition, Arc<StoredLog>>,
    /// Whose directory it is, by the hash of its path. Two paths of one hash share a place, and the second has it.
    by_dir: HashMap<u64, TopicPartition>,
}

impl Registry {
    pub(crate) fn get(&self, id: TopicPartition) -> Option<&Arc<StoredLog>> {
        self.by_id.get(&id)
    }

    pub(crate) fn insert(&mut self, log: Arc<StoredLog>) {
        self.by_dir.insert(hash(log.dir()), log.id());
        self.by_id.insert(log.id(), log);
    }

    pub(crate) fn remove(&mut self, id: TopicPartition) -> Option<Arc<StoredLog>> {
        let log = self.by_id.remove(&id)?;
        let hash = hash(log.dir());
        if self.by_dir.get(&hash) == Some(&id) {
            self.by_dir.remove(&hash);
        }
        Some(log)
    }

    /// Takes out the live log that has this directory.
    pub(crate) fn remove_dir(&mut self, dir: &Path) -> Option<Arc<StoredLog>> {
        let id = *self.by_dir.get(&hash(dir))?;
        self.by_id.get(&id).filter(|log| log.dir() == dir)?;
        self.remove(id)
    }
}

fn hash(dir: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    hasher.finish()
}

pub(crate) struct Core {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) durability: Durability,
    pub(crate) tail_bytes: u64,
    pub(crate) reserve_bytes: u64,
    pub(crate) health: Health,
    pub(crate) queue: Queue,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Counters,
    /// Every live log.
    pub(crate) logs: Mutex<Registry>,
    /// Files and renamed directories that wait for their removal.
    pub(crate) trash: Trash,
    /// From the commit thread to the segment writer.
    pub(crate) handover: Handover,
    /// Sequence of the write-ahead log's next chunk.
    pub(crate) next_sequence: AtomicU64,
    /// Chunks of the write-ahead log below this sequence are not needed any more.
    pub(crate) released: AtomicU64,
    /// None until the start has read what the last run kept.
    pub(crate) proven: Mutex<Option<ProvenTime>>,
    /// What cleaners share.
    pub(crate) cleaning: Cleaning,
    /// Wakes the checkpoint thread.
    pub(crate) alarm: Alarm,
    /// Wakes a commit thread that waits for room in the write-ahead log.
    pub(crate) room: Alarm,
    /// Logs that changed since the last checkpoint began.
    dirty: Mutex<Vec<Arc<StoredLog>>>,
    /// Logs that were deleted since then.
    pub(crate) forgotten: Mutex<Vec<TopicPartition>>,
    pub(crate) checkpoint_every: Duration,
    /// Bytes of full files of the write-ahead log that ask for a checkpoint,
    pub(crate) checkpoint_bytes: u64,
    /// and those at which nothing more is let in until there was one.
    pub(crate) hold_bytes: u64,
    checkpoint_requested: AtomicBool,
    checkpoints_end: AtomicBool,
    log_numbers: AtomicU64,
    on_failure: OnFailure,
}

impl Core {
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf, config: StoreConfig) -> Arc<Self> {
        Arc::new(Core {
            disk,
            path,
            clock: config.clock,
            durability: config.durability,
            tail_bytes: config.tail_bytes,
            reserve_bytes: config.reserve_bytes,
            health: Health::default(),
            queue: Queue::default(),
            budget: Budget::new(config.queue_bytes),
            counters: Counters::default(),
            logs: Mutex::default(),
            trash: Trash::default(),
            handover: Handover::new(config.tail_bytes.max(HANDOVER_BYTES_MIN)),
            next_sequence: AtomicU64::new(1),
            released: AtomicU64::new(1),
            proven: Mutex::default(),
            cleaning: Cleaning::new(config.cleaner),
            alarm: Alarm::default(),
            room: Alarm::default(),
            dirty: Mutex::default(),
            forgotten: Mutex::default(),
            checkpoint_every: config.checkpoint_every,
            checkpoint_bytes: checkpoint_bytes(config.wal_bytes),
            hold_bytes: config.wal_bytes / 4 * 3,
            checkpoint_requested: AtomicBool::new(false),
            checkpoints_end: AtomicBool::new(false),
            log_numbers: AtomicU64::new(0),
            on_failure: config.on_failure,
        })
    }

    pub(crate) fn next_log_number(&self) -> u64 {
        self.log_numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that a log must be in the next checkpoint. Before its change gets into the write-ahead log.
    pub(crate) fn mark_dirty(&self, log: &Arc<StoredLog>) {
        if log.mark_dirty() {
            self.dirty.lock().push(log.clone());
        }
    }

    /// The logs that changed; a change after this marks them again.
    pub(crate) fn take_dirty(&self) -> Vec<Arc<StoredLog>> {
        let dirty = std::mem::take(&mut *self.dirty.lock());
        dirty.iter().for_each(|log| log.unmark_dirty());
        dirty
    }

    /// Asks for a checkpoint now.
    pub(crate) fn checkpoint_now(&self) {
        self.checkpoint_requested.store(true, Ordering::SeqCst);
        self.alarm.ring();
    }

    pub(crate) fn take_checkpoint_request(&self) -> bool {
        self.checkpoint_requested.swap(false, Ordering::SeqCst)
    }

    /// Asks for the last checkpoint.
    pub(crate) fn end_checkpoints(&self) {
        self.checkpoints_end.store(true, Ordering::SeqCst);
        self.alarm.ring();
    }

    pub(crate) fn checkpoints_end(&self) -> bool {
        self.checkpoints_end.load(Ordering::SeqCst)
    }

    pub(crate) fn live_logs(&self) -> Vec<Arc<StoredLog>> {
        self.logs.lock().by_id.values().cloned().collect()
    }

    /// The end: nothing is acknowledged from this instant on. Parked answers fail, the owner is told once.
    pub(crate) fn fail(&self, why: &str) {
        if self.health.failed.swap(true, Ordering::SeqCst) {
            return;
        }
        tracing::error!("the storage failed, nothing is acknowledged any more: {why}");
        data_dir::mark_failed(&*self.disk, &self.path);
        self.release_waiters();
        (self.on_failure)(why);
    }

    /// Nothing becomes durable any more: tells everybody who waits for it.
    pub(crate) fn release_waiters(&self) {
        self.health.end();
        self.budget.close();
        self.queue.clear();
        if self.health.is_failed() {
            self.handover.clear();
            self.handover.stop();
            self.queue.stop();
            self.alarm.ring();
            self.room.ring();
        }
        for log in self.live_logs() {
            log.tell(|listener| listener.failed());
        }
    }

    /// Looks at the free space and turns appends off or on again.
    pub(crate) fn check_room(&self) {
        let free = match self.disk.free_bytes(&self.path) {
            Ok(free) => free,
            Err(error) => {
                tracing::warn!("can't tell the free space of {}: {error}", self.path.display());
                return;
            }
        };
        self.counters.free_bytes.set(free);
        if free < self.reserve_bytes {
            self.disk_is_full(free);
        } else if free >= self.reserve_bytes + self.reserve_bytes / RESERVE_HYSTERESIS
            && self.health.disk_full.swap(false, Ordering::Relaxed)
        {
            tracing::info!("{free} bytes are free again: appends are taken");
        }
    }

    /// Whether one more file of the write-ahead log leaves the reserve alone.
    pub(crate) fn has_room_to_grow(&self) -> bool {
        let free = self.disk.free_bytes(&self.path).unwrap_or(0);
        free >= self.reserve_bytes.saturating_add(crate::wal::FILE_BYTES_MAX)
    }

    pub(crate) fn disk_is_full(&self, free: u64) {
        if !self.health.disk_full.swap(true, Ordering::Relaxed) {
            self.counters.read_only_turns.add(1);
            tracing::warn!(
                "{free} bytes are free at {}, {} are kept in reserve: appends are refused until there is room again",
                self.path.display(),
                self.reserve_bytes
            );
        }
    }
}
