//! Answers that wait for the disk: appends, and raised log starts.

use super::handle::Partition;
use crate::base::{Offset, Timestamp};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Parked entries below this number are never searched for abandoned ones.
const PRUNE_FROM: usize = 64;

/// What a producer is told of a durable batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProduceResult {
    /// Offset of the batch's first record; for a batch sent before, the offset that it got then.
    pub base_offset: Offset,
    /// When the broker stamped the batch (LogAppendTime), else none.
    pub log_append_time: Option<Timestamp>,
    /// The partition's first offset.
    pub log_start: Offset,
}

/// Why an append that was given offsets is not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AckError {
    /// The disk failed, or the store stopped, before the batch was durable. Whether it survives is not known.
    #[error("the batch did not become durable: the storage failed or stopped")]
    Storage,
    /// The topic was deleted meanwhile.
    #[error("the partition was deleted before the batch was durable")]
    Deleted,
}

/// An appended batch; [`Ticket::durable`] tells when it may be acknowledged.
#[must_use = "an append is acknowledged only when its ticket says so"]
pub struct Ticket {
    pub(super) partition: Arc<Partition>,
    pub(super) base: Offset,
    /// The end of the batch.
    pub(super) next: Offset,
    pub(super) append_time: Option<Timestamp>,
    pub(super) duplicate: bool,
}

impl Ticket {
    /// Offset of the batch's first record. Not to be told to anybody before the batch is durable.
    pub fn base_offset(&self) -> Offset {
        self.base
    }

    /// The offset after the batch's last record.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// Whether the batch had been appended before: then nothing was written, and the ticket waits for the original.
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// Resolves when the batch is durable, or will not be. Dropping the future gives up the answer, not the batch.
    pub async fn durable(self) -> Result<ProduceResult, AckError> {
        self.partition.wait_durable(self.next).await?;
        Ok(ProduceResult {
            base_offset: self.base,
            log_append_time: self.append_time,
            log_start: self.partition.watermarks().log_start,
        })
    }
}

pub(super) enum Parked {
    Now(Result<(), AckError>),
    Later(oneshot::Receiver<Result<(), AckError>>),
}

struct Entry {
    upto: Offset,
    sender: oneshot::Sender<Result<(), AckError>>,
}

/// The parked answers of one partition, by the offset they wait for. Costs no heap while empty.
#[derive(Default)]
pub(super) struct Acks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parked: VecDeque<Entry>,
    prune_at: usize,
}

impl Acks {
    /// Parks an answer until `upto`. `settled` is asked under the lock that [`Self::release`] and [`Self::fail`] take: an
    /// outcome that comes in between is missed by neither.
    pub(super) fn park(&self, upto: Offset, settled: impl FnOnce() -> Option<Result<(), AckError>>) -> Parked {
        let mut state = self.state.lock();
        if let Some(outcome) = settled() {
            return Parked::Now(outcome);
        }
        if state.parked.len() >= state.prune_at.max(PRUNE_FROM) {
            state.parked.retain(|entry| !entry.sender.is_closed());
            state.prune_at = state.parked.len() * 2;
        }
        let (sender, receiver) = oneshot::channel();
        let at = state.parked.partition_point(|entry| entry.upto <= upto);
        state.parked.insert(at, Entry { upto, sender });
        Parked::Later(receiver)
    }

    /// Answers everything that waits for an offset up to `durable`.
    pub(super) fn release(&self, durable: Offset) {
        let mut state = self.state.lock();
        while state.parked.front().is_some_and(|entry| entry.upto <= durable) {
            if let Some(entry) = state.parked.pop_front() {
                // An error says that nobody waits any more.
                let _ = entry.sender.send(Ok(()));
            }
        }
        if state.parked.is_empty() && state.parked.capacity() > PRUNE_FROM {
            *state = State::default();
        }
    }

    /// Answers everything with an error.
    pub(super) fn fail(&self, error: AckError) {
        let parked = std::mem::take(&mut self.state.lock().parked);
        for entry in parked {
            let _ = entry.sender.send(Err(error));
        }
    }

    /// Answers parked now, abandoned ones included.
    #[cfg(test)]
    pub(super) fn parked(&self) -> usize {
        self.state.lock().parked.len()
    }
}
