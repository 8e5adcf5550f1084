//! One partition.

use super::acks::{AckError, Acks, Parked, Ticket};
use super::ready::{Mark, ReadySet, Token};
use crate::base::{LeaderEpoch, Offset, TopicPartition, Watermarks};
use crate::record::BatchHeader;
use crate::store::{AppendError, DurableListener, LogState, Room, StoredLog};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// Why a request's leader epoch does not fit (KIP-320).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EpochError {
    /// The client is behind.
    #[error("leader epoch {asked} is over, it is {current} now")]
    Fenced {
        /// The epoch asked for.
        asked: LeaderEpoch,
        /// The epoch now.
        current: LeaderEpoch,
    },
    /// The client is ahead.
    #[error("leader epoch {asked} is not known here, it is {current} now")]
    Unknown {
        /// The epoch asked for.
        asked: LeaderEpoch,
        /// The epoch now.
        current: LeaderEpoch,
    },
}

/// A partition, as everybody above the store holds it.
pub struct Partition {
    pub(super) log: Arc<StoredLog>,
    acks: Acks,
    /// Who waits for a log start, by that offset.
    pub(super) starts: Acks,
    interests: Mutex<Vec<Arc<Mark>>>,
}

impl Partition {
    /// The partition over `log`, which tells it of every advance from now on.
    pub(super) fn over(log: Arc<StoredLog>) -> Arc<Self> {
        let partition =
            Arc::new(Partition { log, acks: Acks::default(), starts: Acks::default(), interests: Mutex::default() });
        let listener: Arc<dyn DurableListener> = partition.clone();
        partition.log.listen(Arc::downgrade(&listener));
        partition
    }

    /// Whose partition it is.
    pub fn id(&self) -> TopicPartition {
        self.log.id()
    }

    /// Gives one checked batch its offsets and queues it for commit. Ordered with every other append of this partition;
    /// blocks on no disk. `room` was reserved with [`super::Partitions::reserve`] for at least the batch's bytes.
    /// `batch` is released as soon as the commit thread copied it.
    pub fn append(
        self: &Arc<Self>,
        batch: Bytes,
        header: &BatchHeader,
        room: &mut Room,
    ) -> Result<Ticket, AppendError> {
        let appended = self.log.append(batch, header, room)?;
        Ok(Ticket {
            partition: self.clone(),
            base: appended.base,
            next: appended.last.plus(1),
            append_time: appended.append_time,
            duplicate: appended.duplicate,
        })
    }

    /// How far the partition has come.
    pub fn watermarks(&self) -> Watermarks {
        self.log.watermarks()
    }

    /// Whether the partition was deleted: who still holds it answers as if it did not exist.
    pub fn is_deleted(&self) -> bool {
        self.log.state() == LogState::Deleted
    }

    /// The leadership under which batches are appended now.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.log.leader_epoch()
    }

    /// Compares the epoch in a request with the partition's; [`LeaderEpoch::UNKNOWN`] fits always (FE-11).
    pub fn check_epoch(&self, asked: LeaderEpoch) -> Result<(), EpochError> {
        let current = self.leader_epoch();
        if asked == LeaderEpoch::UNKNOWN || asked == current {
            Ok(())
        } else if asked < current {
            Err(EpochError::Fenced { asked, current })
        } else {
            Err(EpochError::Unknown { asked, current })
        }
    }

    /// OffsetForLeaderEpoch: the largest known epoch up to `asked`, and where it ends: where the next one starts, or
    /// the high watermark for the epoch that is written now. None when `asked` is before all that is known, or unknown.
    pub fn epoch_end(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.log.epoch_end(asked)
    }

    /// Bytes on disk, indexes not counted.
    pub fn size_bytes(&self) -> u64 {
        self.log.size_bytes()
    }

    /// Marks `token` in `set` at every advance of the high watermark, at deletion and at failure, and once right now.
    /// Ends when the returned interest is dropped.
    pub fn register(self: &Arc<Self>, set: &ReadySet, token: Token) -> Interest {
        let mark = set.mark(token);
        self.interests.lock().push(mark.clone());
        mark.raise();
        Interest { partition: self.clone(), mark }
    }

    /// Resolves when everything below `upto` is durable, or never will be. What rests on batches that are not durable yet
    /// (a refused sequence, see [`AppendError::rests_on`]) is told to nobody before.
    pub async fn wait_durable(&self, upto: Offset) -> Result<(), AckError> {
        match self.park(upto) {
            Parked::Now(outcome) => outcome,
            // A sender is dropped only by a partition that is dropped with its store.
            Parked::Later(receiver) => receiver.await.unwrap_or(Err(AckError::Storage)),
        }
    }

    fn park(&self, upto: Offset) -> Parked {
        self.acks.park(upto, || {
            let durable = self.log.watermarks().durable >= upto;
            if durable { Some(Ok(())) } else { self.ended().map(Err) }
        })
    }

    /// Why nothing becomes durable here any more, if that is so.
    pub(super) fn ended(&self) -> Option<AckError> {
        match self.log.state() {
            LogState::Live => None,
            LogState::Deleted => Some(AckError::Deleted),
            LogState::Failed => Some(AckError::Storage),
        }
    }

    fn raise_all(&self) {
        for mark in self.interests.lock().iter() {
            mark.raise();
        }
    }

    /// Answers parked now.
    #[cfg(test)]
    pub(super) fn parked(&self) -> usize {
        self.acks.parked()
    }
}

impl DurableListener for Partition {
    fn advanced(&self, watermarks: Watermarks) {
        // Marked before acknowledged: who was told of a batch finds it with the next look.
        self.raise_all();
        self.acks.release(watermarks.durable);
        self.starts.release(watermarks.log_start);
    }

    fn failed(&self) {
        self.acks.fail(AckError::Storage);
        self.starts.fail(AckError::Storage);
        self.raise_all();
    }

    fn deleted(&self) {
        self.acks.fail(AckError::Deleted);
        self.starts.fail(AckError::Deleted);
        self.raise_all();
    }
}

/// A registered interest; dropping it ends it.
#[must_use = "dropping an interest ends it"]
pub struct Interest {
    partition: Arc<Partition>,
    mark: Arc<Mark>,
}

impl Interest {
    /// The partition.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Marks the token again: there is more to read than was read.
    pub fn mark(&self) {
        self.mark.raise();
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.mark.forget();
        let mut interests = self.partition.interests.lock();
        if let Some(at) = interests.iter().position(|mark| Arc::ptr_eq(mark, &self.mark)) {
            interests.swap_remove(at);
        }
        if interests.is_empty() {
            *interests = Vec::new();
        }
    }
}
