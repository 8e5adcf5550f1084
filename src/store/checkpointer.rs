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
use crate::base::TopicPartition;
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
    forgotten: Vec<TopicPartition>,
    synced: bool,
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
        let step = if capture.logs.iter().any(|captured| captured.log.written() < captured.end) {
            Step::Waiting
        } else {
            self.finish(&mut capture)?
        };
        if step != Step::Done {
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
        Some(Capture { live_from, logs, forgotten, synced: false })
    }

    fn finish(&mut self, capture: &mut Capture) -> Result<Step, CheckpointerError> {
        if !capture.synced {
            for Captured { log, active, state, .. } in &mut capture.logs {
                match log.log.keep_indexes(active.as_ref()) {
                    // Taken once: what is written after the sync is not durable.
                    Ok(tail) => (*active, *state) = (None, tail.before(state.clone())),
                    Err(error) if is_full(&error) => return Ok(self.full()),
                    Err(error) => return Err(CheckpointerError::Indexes { log: log.id(), error }),
                }
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
        let changes = puts.chain(capture.forgotten.iter().copied().map(Change::Forget)).collect();
        match self.checkpoint.append(position, changes) {
            Ok(()) => {}
            Err(error) if error.is_full() => return Ok(self.full()),
            Err(error) => return Err(error.into()),
        }
        capture.logs.iter().for_each(|captured| captured.log.set_settled(captured.settled()));
        self.core.released.store(capture.live_from, Ordering::SeqCst);
        capture.logs.iter().for_each(|captured| self.sweep(captured));
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
    fn sweep(&self, captured: &Captured) {
        let log = &captured.log;
        if log.durable_start() < captured.log_start && !self.core.health.is_failed() {
            log.publish(Vec::new(), None, Some(captured.log_start));
        }
        // Not when the log was deleted, or after a failure: somebody may still see a lower log start, and read there.
        if log.durable_start() >= captured.log_start {
            let dropped = log.log.drop_below(captured.log_start, captured.is_expired);
            log.count_dropped(&dropped.segments);
            self.core.trash.add_files(log, dropped.files);
        }
    }

    fn full(&self) -> Step {
        self.core.disk_is_full(0);
        Step::NoRoom
    }
}
