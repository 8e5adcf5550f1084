//! Committed offsets as they lie in memory: there can be millions.

use super::Committed;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::group::records::OffsetValue;

/// The offset of one partition.
pub(super) struct Kept {
    /// The partition.
    pub(super) partition: PartitionIndex,
    leader_epoch: LeaderEpoch,
    offset: Offset,
    /// When it was committed.
    pub(super) commit_timestamp: Timestamp,
    /// The topic's id, as it was committed.
    pub(super) topic_id: TopicId,
    /// What most offsets do not have.
    rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Kept>() == 48, "a field more for millions of offsets");

struct Rare {
    expire_timestamp: Option<Timestamp>,
    metadata: Box<str>,
}

impl Kept {
    pub(super) fn new(partition: PartitionIndex, value: &OffsetValue) -> Kept {
        let has_rare = value.expire_timestamp.is_some() || !value.metadata.is_empty();
        let rare = || Box::new(Rare { expire_timestamp: value.expire_timestamp, metadata: (*value.metadata).into() });
        Kept {
            partition,
            leader_epoch: value.leader_epoch,
            offset: value.offset,
            commit_timestamp: value.commit_timestamp,
            topic_id: value.topic_id,
            rare: has_rare.then(rare),
        }
    }

    fn metadata(&self) -> &str {
        self.rare.as_ref().map_or("", |rare| &rare.metadata)
    }

    /// When it goes, where the client said so.
    pub(super) fn expire_timestamp(&self) -> Option<Timestamp> {
        self.rare.as_ref().and_then(|rare| rare.expire_timestamp)
    }

    /// What a client is told.
    pub(super) fn committed(&self) -> Committed {
        (self.offset, self.leader_epoch, self.metadata().into())
    }

    /// The whole.
    pub(super) fn value(&self) -> OffsetValue {
        OffsetValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata().into(),
            commit_timestamp: self.commit_timestamp,
            expire_timestamp: self.expire_timestamp(),
            topic_id: self.topic_id,
        }
    }
}

/// The offsets of the partitions of one topic, by partition.
#[derive(Default)]
pub(super) struct Partitions(Vec<Kept>);

impl Partitions {
    fn find(&self, partition: PartitionIndex) -> Result<usize, usize> {
        self.0.binary_search_by_key(&partition, |kept| kept.partition)
    }

    pub(super) fn get(&self, partition: PartitionIndex) -> Option<&Kept> {
        self.find(partition).ok().map(|at| &self.0[at])
    }

    pub(super) fn put(&mut self, kept: Kept) {
        match self.find(kept.partition) {
            Ok(at) => self.0[at] = kept,
            Err(at) => {
                // A topic of one partition, of which there are many, takes no room for more.
                if self.0.capacity() == 0 {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, kept);
            }
        }
    }

    pub(super) fn remove(&mut self, partition: PartitionIndex) {
        if let Ok(at) = self.find(partition) {
            self.0.remove(at);
        }
    }

    pub(super) fn retain(&mut self, stays: impl FnMut(&Kept) -> bool) {
        self.0.retain(stays);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter()
    }
}
