//! The checkpointer's work: moves recovery offsets forward, so that a start has little to do and the write-ahead log can be
//! used again.
//!
//! One checkpoint: note which chunk of the log comes next -> take the state of every log that changed, exactly as of its
//! end -> wait until segments hold all of that -> take or write out the newest index entries, sync the file system once -> append
//! all that to the checkpoint -> chunks before the noted one are free, and segments below the log starts in it leave their
//! logs. Nothing is written to the checkpoint that is not synced, and no file goes that a durable record needs.

use super::checkpoint::{Change, Checkpoint, CheckpointError, Position};
use super::commit::Step;
use super::core::Core;
use super::load;
use super::stored_log::{Captured, StoredLog};
use super::writer::is_full;
use crate::base::{Offset, TopicPartition};
use crate::log::IndexTail;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointerError {
    #[error("writing the indexes of {log}: {error}")]
    Indexes { log: TopicPartition, error: io::Error },
    #[error("syncing: {0}")]
    Sync(io::Error),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What one checkpoint is made of.
struct Capture {
    live_from: u64,
    logs: Vec<Captured>,
    /// Of logs that find no room on the disk: the last checkpoint's state with a higher log start.
    raised: Vec<Raised>,
    forgotten: Vec<TopicPartition>,
    synced: bool,
}

impl Capture {
    fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.raised.is_empty() && self.forgotten.is_empty()
    }
}

/// A log start that is recorded without the rest of the log's changes.
struct Raised {
    log: Arc<StoredLog>,
    log_start: Offset,
    state: Bytes,
}

/// Makes checkpoints.
pub(crate) struct Checkpointer {
    core: Arc<Core>,
    checkpoint: Checkpoint,
    incarnation: u64,
    capture: Option<Capture>,
}

impl Checkpointer {
    pub(crate) fn new(core: Arc<Core>, checkpoint: Checkpoint, incarnation: u64) -> Self {
        Checkpointer { core, checkpoint, incarnation, capture: None }
    }

    /// Begins a checkpoint, or goes on with one. An error is final.
    pub(crate) fn step(&mut self) -> Result<Step, CheckpointerError> {
        let mut capture = match self.capture.take() {
            Some(capture) => capture,
            None => match self.begin() {
                Some(capture) => capture,
                None => return Ok(Step::Idle),
            },
        };
        capture.logs.retain(|captured| !captured.log.is_deleted());
        if capture.logs.iter().any(is_unwritten) && self.core.handover.has_no_room() {
            let unwritten = capture.logs.extract_if(.., |captured| is_unwritten(captured)).collect();
            self.put_off(&mut capture, unwritten)?;
        }
        let step = if capture.logs.iter().any(is_unwritten) { Step::Waiting } else { self.finish(&mut capture)? };
        if step != Step::Done && !capture.is_empty() {
            self.capture = Some(capture);
        }
        Ok(step)
    }

    fn begin(&self) -> Option<Capture> {
        // First: every chunk before this one belongs to logs that are marked by now.
        let live_from = self.core.next_sequence.load(Ordering::SeqCst);
        let forgotten = std::mem::take(&mut *self.core.forgotten.lock());
        let dirty = self.core.take_dirty();
        if dirty.is_empty() && forgotten.is_empty() {
            return None;
        }
        let logs = dirty.into_iter().map(StoredLog::capture).collect();
        Some(Capture { live_from, logs, raised: Vec::new(), forgotten, synced: false })
    }

    /// The disk has no room for these logs, and room may come from segments below raised log starts alone, which go when a
    /// checkpoint has the starts. So this one has no more of these logs than that, and gives back nothing of the write-ahead
    /// log, which has their batches.
    fn put_off(&self, capture: &mut Capture, logs: Vec<Captured>) -> Result<(), CheckpointError> {
        capture.live_from = self.core.released.load(Ordering::SeqCst);
        for Captured { log, log_start, .. } in logs {
            let last = self.checkpoint.state_of(log.id())?;
            if let Some((log_start, state)) = last.and_then(|state| raise(&state, log_start)) {
                capture.raised.push(Raised { log: log.clone(), log_start, state });
            }
            self.core.mark_dirty(&log);
        }
        Ok(())
    }

    /// Takes the newest index entries of each log, or writes them; a log whose entries find no room is put off.
    fn keep_indexes(&self, capture: &mut Capture) -> Result<(), CheckpointerError> {
        let mut without_room = Vec::new();
        for mut captured in std::mem::take(&mut capture.logs) {
            match captured.log.log.keep_indexes(captured.active.as_ref()) {
                Ok(tail) => {
                    // Taken once: what is written after the sync is not durable.
                    (captured.active, captured.state) = (None, tail.before(captured.state));
                    capture.logs.push(captured);
                }
                Err(error) if is_full(&error) => without_room.push(captured),
                Err(error) => return Err(CheckpointerError::Indexes { log: captured.log.id(), error }),
            }
        }
        if !without_room.is_empty() {
            self.core.disk_is_full(0);
            self.put_off(capture, without_room)?;
        }
        Ok(())
    }

    fn finish(&mut self, capture: &mut Capture) -> Result<Step, CheckpointerError> {
        if !capture.synced {
            self.keep_indexes(capture)?;
            if capture.is_empty() {
                return Ok(Step::NoRoom);
            }
            self.core.disk.sync_file_system(&self.core.path).map_err(CheckpointerError::Sync)?;
            capture.synced = true;
        }
        let position = Position { incarnation: self.incarnation, live_from: capture.live_from };
        let puts = capture.logs.iter().map(|Captured { log, state, .. }| Change::Put {
            id: log.id(),
            dir: load::name_of(log.dir()),
            state: state.clone(),
        });
        let raised = capture.raised.iter().map(|Raised { log, state, .. }| Change::Put {
            id: log.id(),
            dir: load::name_of(log.dir()),
            state: state.clone(),
        });
        let changes = puts.chain(raised).chain(capture.forgotten.iter().copied().map(Change::Forget)).collect();
        match self.checkpoint.append(position, changes) {
            Ok(()) => {}
            Err(error) if error.is_full() => return Ok(self.full()),
            Err(error) => return Err(error.into()),
        }
        capture.logs.iter().for_each(|captured| captured.log.set_settled(captured.settled()));
        self.core.released.store(capture.live_from, Ordering::SeqCst);
        for Captured { log, log_start, is_expired, .. } in &capture.logs {
            self.sweep(log, *log_start, *is_expired);
        }
        capture.raised.iter().for_each(|Raised { log, log_start, .. }| self.sweep(log, *log_start, false));
        // Who asked meanwhile asked for this one; who needs another asks after it was woken.
        self.core.take_checkpoint_request();
        self.core.room.ring();
        self.core.queue.nudge();
        let counters = &self.core.counters;
        counters.checkpoints.add(1);
        counters.checkpoint_bytes.set(self.checkpoint.bytes());
        Ok(Step::Done)
    }

    /// The record is durable, and its log start with it: a note of the start that finds no room on a full disk (`os`) must
    /// not keep the files that would make it. Segments that lie below are not needed by anybody who comes later.
    fn sweep(&self, log: &Arc<StoredLog>, log_start: Offset, is_expired: bool) {
        if log.durable_start() < log_start && !self.core.health.is_failed() {
            log.publish(Vec::new(), None, Some(log_start));
        }
        // Not when the log was deleted, or after a failure: somebody may still see a lower log start, and read there.
        if log.durable_start() >= log_start {
            let dropped = log.log.drop_below(log_start, is_expired);
            log.count_dropped(&dropped.segments);
            self.core.trash.add_files(log, dropped.files);
        }
    }

    fn full(&self) -> Step {
        self.core.disk_is_full(0);
        Step::NoRoom
    }
}

fn is_unwritten(captured: &Captured) -> bool {
    captured.log.written() < captured.end
}

/// The checkpoint's state of a log with this log start, or with as much of it as leaves its active segment alone; none when
/// that is no higher than it was.
fn raise(state: &[u8], log_start: Offset) -> Option<(Offset, Bytes)> {
    let (indexes, mut tip) = IndexTail::decode(state)?;
    let most = tip.growth().map_or(tip.end(), |active| active.base);
    let start = log_start.min(most);
    (start > tip.log_start()).then(|| {
        tip.raise_log_start(start);
        (start, indexes.before(tip.encode()))
    })
}
