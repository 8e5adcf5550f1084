//! All partitions of this broker.

use super::handle::Partition;
use crate::base::{LeaderEpoch, PartitionIndex, Timestamp, TopicId, TopicPartition};
use crate::log::LogSettings;
use crate::store::{Closed, Room, Store, StoreHealth};
use dashmap::DashMap;
use std::sync::Arc;

/// Why there is no room for an append.
pub type ReserveError = Closed;

/// Finds, makes and deletes partitions.
pub struct Partitions {
    store: Arc<Store>,
    map: DashMap<TopicPartition, Arc<Partition>>,
}

impl Partitions {
    /// No partitions yet, over `store`.
    pub fn new(store: Arc<Store>) -> Arc<Self> {
        Arc::new(Partitions { store, map: DashMap::new() })
    }

    /// The store below.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The partition, when this broker has it.
    pub fn get(&self, topic: TopicId, partition: PartitionIndex) -> Option<Arc<Partition>> {
        self.map.get(&TopicPartition { topic, partition }).map(|found| found.value().clone())
    }

    /// The partition, made when this broker does not have it yet; from now on it is written with these settings under
    /// this epoch. Touches no disk: what is on disk was loaded when the store was opened, and a new partition gets its
    /// files with its first batch. A partition that was deleted comes back empty: topic ids are never used again, so
    /// callers ask only for what the metadata image names.
    pub fn ensure(
        &self,
        id: TopicPartition,
        topic_name: &str,
        settings: &Arc<LogSettings>,
        epoch: LeaderEpoch,
    ) -> Arc<Partition> {
        // The entry's lock makes one partition per log; the store's locks are below it.
        let entry = self.map.entry(id).or_insert_with(|| {
            let log = self.store.log(id, topic_name, settings.clone(), epoch);
            Partition::over(log)
        });
        let partition = entry.value().clone();
        drop(entry);
        partition.log.lead(epoch, settings.clone());
        partition
    }

    /// Gives a topic's partitions new settings; the next append sees them, and the next look of retention. Also those that
    /// nobody has asked for since the start: they expire all the same.
    pub fn set_settings(&self, topic: TopicId, partitions: i32, settings: &Arc<LogSettings>) {
        for partition in (0..partitions).map(PartitionIndex) {
            self.store.set_settings(TopicPartition { topic, partition }, settings);
        }
    }

    /// Deletes a partition: appends and reads are refused at once, parked answers fail with
    /// [`super::AckError::Deleted`], interests are marked, and the files go in the background. Says whether there was one.
    pub fn delete(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        let id = TopicPartition { topic, partition };
        let there = self.map.remove(&id).is_some();
        self.store.delete(id) || there
    }

    /// Deletes a topic's partitions 0 to `partitions`.
    pub fn delete_topic(&self, topic: TopicId, partitions: i32) {
        for partition in (0..partitions).map(PartitionIndex) {
            self.delete(topic, partition);
        }
    }

    /// Whether appends are taken now: the disk is neither full nor failed. The answer may be over when it is there.
    pub fn takes_appends(&self) -> bool {
        self.store.health() == StoreHealth::Good
    }

    /// The time by which ages are judged: never later than what is proven to have passed.
    pub fn proven_now(&self) -> Timestamp {
        self.store.proven_now()
    }

    /// What is dated now: the later of that and the clock.
    pub fn dated_now(&self) -> Timestamp {
        self.store.dated_now()
    }

    /// Every partition now, in no order.
    pub fn all(&self) -> Vec<Arc<Partition>> {
        self.map.iter().map(|entry| entry.value().clone()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Waits for room for `bytes` in the commit queue: the back-pressure of the disk. Reserve once per request for the
    /// sum of its batches, before the first append: two half-filled requests could wait for each other.
    pub async fn reserve(&self, bytes: u64) -> Result<Room, ReserveError> {
        self.store.reserve(bytes).await
    }
}
