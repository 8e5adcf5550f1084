//! One partition's log as the store keeps it: the append path, the memory tail, the durable offset.
//!
//! ```text
//!   log start     tail start      written         durable         end
//!      |------------- segments -------|
//!                     |--------- in memory ----------|-- queued --|
//! ```
//!
//! The tail's start is never above the segments' written end: a read that finds nothing in the tail finds it on disk, with
//! no gap in between. In `os` mode written and durable are the same.

use super::core::Core;
use super::queue::{Entry, What};
use super::room::Room;
use crate::base::{LeaderEpoch, Offset, ProducerId, Timestamp, TopicPartition, Watermarks};
use crate::log::compact::LastRecord;
use crate::log::{self, Admission, Growth, Log, LogSettings, Segment, Tip};
use crate::record::{BatchHeader, TimestampType};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// Told by the commit thread what became of a partition's appends. Called outside every lock of the store; must be quick
/// and must not append.
pub trait DurableListener: Send + Sync {
    /// Everything below the durable mark is durable, and readable.
    fn advanced(&self, watermarks: Watermarks);
    /// The store failed or stopped: what is not durable yet never will be.
    fn failed(&self);
    /// The partition was deleted.
    fn deleted(&self);
}

/// What an append was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Offset of the first record.
    pub base: Offset,
    /// Offset of the last record.
    pub last: Offset,
    /// The time stamped on every record (LogAppendTime), else none.
    pub append_time: Option<Timestamp>,
    /// Whether the batch was there before; then nothing was queued, and these are the original's.
    pub duplicate: bool,
}

/// Why a batch gets no offsets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// The log's rules refuse the batch.
    #[error(transparent)]
    Refused(#[from] log::AppendError),
    /// The partition was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// The disk is nearly full; it may have room again later.
    #[error("the disk is full: appends are refused until there is room again")]
    DiskFull,
    /// The disk failed: nothing is appended until the broker was started again.
    #[error("the storage failed")]
    Failed,
    /// The broker is shutting down.
    #[error("the broker is stopping")]
    Stopping,
}

impl AppendError {
    /// A refusal may rest on batches that are not durable yet: it is told to the producer only when everything below
    /// this offset is durable ([`crate::partition::Partition::wait_durable`]).
    pub fn rests_on(&self) -> Option<Offset> {
        match self {
            AppendError::Refused(log::AppendError::DuplicateSequence { below, .. }) => Some(*below),
            AppendError::Refused(_)
            | AppendError::Deleted
            | AppendError::DiskFull
            | AppendError::Failed
            | AppendError::Stopping => None,
        }
    }
}

/// Whether a log takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogState {
    /// It does.
    Live,
    /// It was deleted.
    Deleted,
    /// The store failed or stopped: what is not durable never will be.
    Failed,
}

/// Consecutive batches in memory, whole.
#[derive(Clone)]
pub(super) struct TailEntry {
    pub(super) base: Offset,
    pub(super) next: Offset,
    pub(super) bytes: Bytes,
    pub(super) segment: Arc<Segment>,
    pub(super) position: u32,
}

/// A log of this store.
pub struct StoredLog {
    pub(super) core: Arc<Core>,
    id: TopicPartition,
    /// Unique in this store, so that a pass can group by it.
    pub(super) number: u64,
    pub(super) log: Log,
    pub(super) state: Mutex<State>,
    /// The end of what segments hold.
    written: AtomicI64,
    /// Sealed segments that end here or before are needed by no recovery: the last durable record of this log in the
    /// checkpoint has them behind it.
    settled: AtomicI64,
    /// Whether it will be in the next checkpoint.
    dirty: AtomicBool,
    listener: OnceLock<Weak<dyn DurableListener>>,
    /// Segments that begin below this were counted as removed when retention decided so.
    pub(super) counted: AtomicI64,
    /// When this run first saw an active segment without a time in it.
    pub(super) seen_active: Mutex<Option<(Offset, Timestamp)>>,
}

/// A log as a checkpoint keeps it.
pub(super) struct Captured {
    pub(super) log: Arc<StoredLog>,
    pub(super) end: Offset,
    pub(super) log_start: Offset,
    /// Whether no segment is needed any more.
    pub(super) is_expired: bool,
    /// The active segment, unless it is not needed.
    pub(super) active: Option<Growth>,
    /// Where it begins; the end when there is none.
    active_base: Offset,
    pub(super) state: Bytes,
}

impl Captured {
    /// Sealed segments that end here or before are needed by no recovery when this record is durable.
    pub(super) fn settled(&self) -> Offset {
        self.active_base
    }
}

pub(super) struct State {
    pub(super) tip: Tip,
    pub(super) settings: Arc<LogSettings>,
    pub(super) epoch: LeaderEpoch,
    pub(super) durable: Offset,
    /// The log start that a crash does not take back.
    pub(super) durable_start: Offset,
    pub(super) tail: VecDeque<TailEntry>,
    pub(super) deleted: bool,
}

impl State {
    pub(super) fn watermarks(&self) -> Watermarks {
        let durable = self.durable;
        // Not the tip's start: nobody sees what a crash could take back.
        let marks = Watermarks { log_start: self.durable_start, stable: durable, durable, end: self.tip.end() };
        marks.check();
        marks
    }
}

impl StoredLog {
    pub(super) fn new(
        core: Arc<Core>,
        id: TopicPartition,
        (log, tip): (Log, Tip),
        settings: Arc<LogSettings>,
        epoch: LeaderEpoch,
    ) -> Arc<Self> {
        // What was recovered was made durable before anybody sees it.
        let durable = tip.end();
        let durable_start = tip.log_start();
        // Each start makes a record of every log before it serves.
        let settled = tip.growth().map_or(durable, |active| active.base);
        let state = State { tip, settings, epoch, durable, durable_start, tail: VecDeque::new(), deleted: false };
        let number = core.next_log_number();
        Arc::new(StoredLog {
            core,
            id,
            number,
            log,
            state: Mutex::new(state),
            written: AtomicI64::new(durable.0),
            settled: AtomicI64::new(settled.0),
            dirty: AtomicBool::new(false),
            listener: OnceLock::new(),
            counted: AtomicI64::new(0),
            seen_active: Mutex::default(),
        })
    }

    /// Whose log it is.
    pub fn id(&self) -> TopicPartition {
        self.id
    }

    pub(super) fn dir(&self) -> &Path {
        self.log.dir()
    }

    /// Registers the listener, for the life of the log; the first one stays.
    pub fn listen(&self, listener: Weak<dyn DurableListener>) {
        let _ = self.listener.set(listener);
    }

    pub(super) fn tell(&self, what: impl FnOnce(&dyn DurableListener)) {
        if let Some(listener) = self.listener.get().and_then(Weak::upgrade) {
            what(&*listener);
        }
    }

    /// Writes under `epoch` with `settings` from now on. Epochs never go back: a lower one is ignored.
    pub fn lead(&self, epoch: LeaderEpoch, settings: Arc<LogSettings>) {
        let mut state = self.state.lock();
        if epoch > state.epoch {
            state.epoch = epoch;
            state.tip.begin_epoch(epoch);
        }
        state.settings = settings;
    }

    /// Replaces the settings; the next append sees them.
    pub fn set_settings(&self, settings: Arc<LogSettings>) {
        self.state.lock().settings = settings;
    }

    /// The settings now.
    pub(crate) fn settings(&self) -> Arc<LogSettings> {
        self.state.lock().settings.clone()
    }

    /// The newest batch of each idempotent producer that is remembered: compaction keeps at least its header, so that the
    /// producer's state can be made again from the log.
    pub(super) fn last_records(&self) -> HashMap<ProducerId, LastRecord> {
        let state = self.state.lock();
        let last = state.tip.producers().sorted().into_iter().map(|(id, producer)| {
            (id, LastRecord { last_data_offset: Some(producer.last().last_offset), epoch: producer.epoch() })
        });
        last.collect()
    }

    /// The epoch under which batches are appended now.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.state.lock().epoch
    }

    /// Gives one checked batch its offsets and queues it. `room` must hold the batch's bytes.
    pub fn append(
        self: &Arc<Self>,
        batch: Bytes,
        header: &BatchHeader,
        room: &mut Room,
    ) -> Result<Appended, AppendError> {
        let core = &self.core;
        let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let now = core.clock.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.deleted {
            return Err(AppendError::Deleted);
        }
        // Under the lock: who stops the store waits until each log's lock was free once.
        core.health.check_append()?;
        let appended = match state.tip.admit(header, size, now, state.epoch, &state.settings)? {
            Admission::Duplicate { base, last, timestamp } => {
                core.counters.duplicates.add(1);
                let stamped = state.settings.message_timestamp_type == TimestampType::LogAppendTime;
                Appended { base, last, append_time: stamped.then_some(timestamp), duplicate: true }
            }
            Admission::Append(placement) => {
                let (base, last, append_time) = (placement.base, placement.last, placement.append_time);
                let room = room.take(u64::from(size));
                core.queue.push(Entry { log: self.clone(), what: What::Batch { placement, batch, room } });
                Appended { base, last, append_time, duplicate: false }
            }
        };
        drop(guard);
        if !appended.duplicate {
            core.counters.batches_in.add(1);
            core.counters.records_in.add(u64::from(header.record_count.unsigned_abs()));
            core.counters.bytes_in.add(u64::from(size));
        }
        Ok(appended)
    }

    /// How far the log has come.
    pub fn watermarks(&self) -> Watermarks {
        self.state.lock().watermarks()
    }

    /// Whether the log takes part.
    pub fn state(&self) -> LogState {
        if self.state.lock().deleted {
            LogState::Deleted
        } else if self.core.health.is_final() {
            LogState::Failed
        } else {
            LogState::Live
        }
    }

    /// The largest epoch up to `asked` in which something was written, or the current one, and its end; never above the
    /// durable offset. None for an epoch that is before everything, or in the future.
    pub fn epoch_end(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.state.lock();
        let (epoch, end) = state.tip.epoch_end(asked);
        (epoch != LeaderEpoch::UNKNOWN).then(|| (epoch, end.min(state.durable)))
    }

    /// Bytes of durable batches: in segments, and on their way there. Segments below the log start do not count.
    pub fn size_bytes(&self) -> u64 {
        // In this order nothing is left out, whatever is written meanwhile.
        let (unwritten, start, is_expired): (u64, _, _) = {
            let state = self.state.lock();
            let first = state.tail.partition_point(|entry| entry.next <= self.written());
            let unwritten = state.tail.range(first..).map(|entry| entry.bytes.len() as u64).sum();
            (unwritten, state.tip.log_start(), state.tip.is_expired())
        };
        unwritten + self.log.bytes_from(start, is_expired)
    }

    /// Raises the log start; it never falls, and never passes the durable offset. Seen when [`Self::durable_start`] has
    /// come so far, which listeners are told: nothing below it is read any more from then on, and segments wholly below it
    /// go after a checkpoint. A full disk is no reason to refuse: what goes makes room.
    pub fn raise_log_start(self: &Arc<Self>, start: Offset) -> Result<(), AppendError> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(AppendError::Deleted);
        }
        self.core.health.check_running()?;
        let start = start.min(state.durable);
        if start > state.tip.log_start() {
            state.tip.raise_log_start(start);
            self.core.queue.push(Entry { log: self.clone(), what: What::LogStart(start) });
        }
        Ok(())
    }

    /// The log start that a crash does not take back.
    pub fn durable_start(&self) -> Offset {
        self.state.lock().durable_start
    }

    /// Everything below `durable` became durable, and the log start; `slices` are the batches that got there.
    pub(super) fn publish(&self, slices: Vec<TailEntry>, durable: Option<Offset>, start: Option<Offset>) {
        let watermarks = {
            let mut state = self.state.lock();
            if state.deleted || (durable.is_none() && start.is_none()) {
                return;
            }
            if let Some(durable) = durable {
                assert!(
                    state.durable < durable && durable <= state.tip.end(),
                    "{}: durable offset goes from {} to {durable}, the end is {}",
                    self.id,
                    state.durable,
                    state.tip.end()
                );
                state.durable = durable;
            }
            if let Some(start) = start.filter(|start| *start > state.durable_start) {
                state.durable_start = start;
                state.tip.forget_epochs_before(start);
            }
            state.tail.extend(slices);
            state.watermarks()
        };
        self.tell(|listener| listener.advanced(watermarks));
    }

    /// The segment writer is done up to here.
    pub(super) fn set_written(&self, upto: Option<Offset>) {
        if let Some(upto) = upto {
            self.written.store(upto.0, Ordering::SeqCst);
        }
    }

    /// The end of what segments hold.
    pub(super) fn written(&self) -> Offset {
        Offset(self.written.load(Ordering::SeqCst))
    }

    #[cfg(test)]
    pub(crate) fn clean_for_tests(&self) -> Offset {
        self.log.compacted().clean
    }

    /// A record of this log, whose active segment begins here, is durable.
    pub(super) fn set_settled(&self, base: Offset) {
        self.settled.fetch_max(base.0, Ordering::SeqCst);
    }

    /// The end of the sealed segments that no recovery needs.
    pub(super) fn settled(&self) -> Offset {
        Offset(self.settled.load(Ordering::SeqCst))
    }

    /// Says whether it was not marked before.
    pub(super) fn mark_dirty(&self) -> bool {
        !self.dirty.swap(true, Ordering::SeqCst)
    }

    pub(super) fn unmark_dirty(&self) {
        self.dirty.store(false, Ordering::SeqCst);
    }

    /// The end, the active segment and the state exactly as of it, as a checkpoint keeps it.
    pub(super) fn capture(self: Arc<Self>) -> Captured {
        let (end, log_start, is_expired, tip) = {
            let state = self.state.lock();
            let tip = state.tip.to_keep();
            (tip.end(), tip.log_start(), state.tip.is_expired(), tip)
        };
        let active = tip.growth().cloned();
        let active_base = active.as_ref().map_or(end, |active| active.base);
        Captured { log: self, end, log_start, is_expired, active, active_base, state: tip.encode() }
    }

    /// The ring dropped the chunk that held this log's slices up to `upto`.
    pub(super) fn forget_tail(&self, upto: Offset) {
        let mut state = self.state.lock();
        while state.tail.front().is_some_and(|entry| entry.next <= upto) {
            state.tail.pop_front();
        }
        if state.tail.is_empty() {
            state.tail = VecDeque::new();
        }
    }

    /// No append, no read, and nothing written from now on.
    pub(super) fn mark_deleted(&self) {
        let mut state = self.state.lock();
        state.deleted = true;
        state.tail = VecDeque::new();
    }

    /// Returns when no append is under way that began before.
    pub(super) fn barrier(&self) {
        drop(self.state.lock());
    }

    pub(super) fn expire_producers(&self, now: Duration) {
        let mut state = self.state.lock();
        let settings = state.settings.clone();
        state.tip.expire_producers(now, &settings);
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.state.lock().deleted
    }
}

#[cfg(test)]
impl StoredLog {
    /// As if the ring had dropped every chunk that is in segments.
    pub(crate) fn forget_tail_for_tests(&self) {
        self.forget_tail(self.written());
    }

    /// Whether segments hold everything that is durable.
    pub(crate) fn is_written(&self) -> bool {
        self.written() >= self.state.lock().durable
    }

    /// Where the append path has come to.
    pub(crate) fn tip_for_tests(&self) -> Tip {
        self.state.lock().tip.clone()
    }
}
