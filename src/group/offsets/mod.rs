//! The committed offsets of one partition of `__consumer_offsets`.
//!
//! - [`Offsets`]: by group, topic and partition. Whether a group or a member may do what it asks is the group's to say,
//!   before; that topics and partitions exist is the handlers'.
//! - [`expiration`]: when offsets go by age.
//! - `kept.rs`: what is held in memory of each, in 48 bytes.
//!
//! Whatever makes records has changed the offsets already when it returns: to replay the records comes to the same, but
//! for an offset with an expiry of its own, whose record has no room for leader epoch and topic id: it is kept without
//! them here as well. Nothing here knows transactions yet: no offset is ever pending.

pub mod expiration;
mod kept;
#[cfg(test)]
mod tests;

pub use expiration::Expiration;

use super::command::{CommitOffsets, DeleteOffsets, FetchOffsets, FetchedOffset, Name};
use super::error::GroupError;
use super::records::{self, OffsetValue, STRING_BYTES_MAX};
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::coordinator::machine::Record;
use kept::{Kept, Partitions};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// Names of topics in use below which it is not worth to look for those that are not.
const NAMES_MIN: usize = 64;

/// What bounds committed offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// `offset.metadata.max.bytes`, which Kafka counts in UTF-16 units: 4096 letters pass, whatever bytes they take.
    pub metadata_max: usize,
    /// `offsets.retention.minutes`.
    pub retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { metadata_max: 4096, retention: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

impl Limits {
    fn allows(&self, metadata: &str) -> bool {
        // A text has never more units than bytes.
        let units = metadata.len() <= self.metadata_max || metadata.encode_utf16().count() <= self.metadata_max;
        units && metadata.len() <= STRING_BYTES_MAX
    }
}

/// The committed offsets of one partition of `__consumer_offsets`.
#[derive(Default)]
pub struct Offsets {
    groups: BTreeMap<Name, BTreeMap<Name, Partitions>>,
    /// Topics, so that the groups share the memory of their names.
    names: HashSet<Name>,
    /// Names at which those that no group uses are looked for.
    names_due: usize,
}

impl Offsets {
    /// Takes over a record: the offset was committed, or is forgotten.
    pub fn replay(&mut self, group: &Name, topic: &Name, partition: PartitionIndex, value: Option<OffsetValue>) {
        match value {
            Some(value) => self.put(group, topic, partition, &value),
            None => self.remove(group, topic, partition),
        }
    }

    /// Keeps offsets: the records, and of each partition in the order asked whether it was kept. `now` is the wall
    /// clock's: it is written down.
    ///
    /// An offset takes the place of any that was there for the partition, also of a smaller one's or another topic id's:
    /// a client may go back, and which topic has the name now the handler knows.
    pub fn commit(
        &mut self,
        now: Timestamp,
        request: &CommitOffsets,
        limits: &Limits,
    ) -> (Vec<Record>, Vec<Result<(), GroupError>>) {
        let expire_timestamp = request.retention.map(|retention| later(now, retention));
        let mut records = Vec::with_capacity(request.offsets.len());
        let mut results = Vec::with_capacity(request.offsets.len());
        for asked in &request.offsets {
            if !limits.allows(&asked.metadata) {
                results.push(Err(GroupError::OffsetMetadataTooLarge));
                continue;
            }
            let with_expiry = expire_timestamp.is_some();
            let value = OffsetValue {
                offset: asked.offset,
                leader_epoch: if with_expiry { LeaderEpoch::UNKNOWN } else { asked.leader_epoch },
                metadata: asked.metadata.clone(),
                commit_timestamp: now,
                expire_timestamp,
                topic_id: if with_expiry { TopicId::ZERO } else { asked.topic_id },
            };
            self.put(&request.group, &asked.topic, asked.partition, &value);
            records.push(records::offset(&request.group, &asked.topic, asked.partition, Some(&value)));
            results.push(Ok(()));
        }
        (records, results)
    }

    /// What was kept: in the order asked, or all there is, by topic and partition. An unknown group has nothing, which
    /// is no error (CG-10).
    ///
    /// An offset of another topic id than the asked one is not told: the topic was created again. Where either id is
    /// not known the names decide. When all are asked for, the ids are told as they were committed, zero where they were
    /// not known, for the handler to compare with the topics that there are.
    pub fn fetch(&self, request: &FetchOffsets) -> Vec<FetchedOffset> {
        let topics = self.groups.get(&request.group);
        let Some(asked) = &request.partitions else {
            let all = topics.into_iter().flatten();
            return all.flat_map(|(topic, kept)| kept.iter().map(|kept| fetched(topic, kept))).collect();
        };
        let told = asked.iter().map(|(topic, topic_id, partition)| {
            let kept = topics.and_then(|topics| topics.get(topic)?.get(*partition));
            let kept = kept.filter(|kept| same_topic(kept.topic_id, *topic_id));
            FetchedOffset {
                topic: topic.clone(),
                topic_id: *topic_id,
                partition: *partition,
                committed: Ok(kept.map(Kept::committed)),
            }
        });
        told.collect()
    }

    /// What was committed for a partition.
    pub fn get(&self, group: &str, topic: &str, partition: PartitionIndex) -> Option<OffsetValue> {
        Some(self.groups.get(group)?.get(topic)?.get(partition)?.value())
    }

    /// Forgets offsets: the records, and of each partition in the order asked whether it is gone. One that was not there
    /// is; those of topics that the group is subscribed to stay.
    pub fn delete(
        &mut self,
        request: &DeleteOffsets,
        is_subscribed: impl Fn(&str) -> bool,
    ) -> (Vec<Record>, Vec<Result<(), GroupError>>) {
        let mut records = Vec::new();
        let mut results = Vec::with_capacity(request.partitions.len());
        for (topic, partition) in &request.partitions {
            if is_subscribed(topic) {
                results.push(Err(GroupError::GroupSubscribedToTopic));
                continue;
            }
            if self.get(&request.group, topic, *partition).is_some() {
                self.remove(&request.group, topic, *partition);
                records.push(records::offset(&request.group, topic, *partition, None));
            }
            results.push(Ok(()));
        }
        (records, results)
    }

    /// Forgets all offsets of a group.
    pub fn delete_group(&mut self, group: &str) -> Vec<Record> {
        self.forget(group, |_, _| true)
    }

    /// Forgets the offsets of topics that are gone. Those that were committed under another id stay: the topic that they
    /// are of was created since, under the old name.
    pub fn topics_deleted(&mut self, topics: &[(Name, TopicId)]) -> Vec<Record> {
        let mut gone: BTreeMap<&str, Vec<TopicId>> = BTreeMap::new();
        for (topic, id) in topics {
            gone.entry(topic).or_default().push(*id);
        }
        let mut records = Vec::new();
        self.groups.retain(|group, topics| {
            // Few topics go at once, and a group may have thousands.
            for (topic, ids) in &gone {
                let Some(kept) = topics.get_mut(*topic) else { continue };
                let over = |kept: &Kept| kept.topic_id.is_zero() || ids.contains(&kept.topic_id);
                forget(group, topic, kept, over, &mut records);
                if kept.is_empty() {
                    topics.remove(*topic);
                }
            }
            !topics.is_empty()
        });
        records
    }

    /// Forgets the offsets of a group that are too old, by Kafka's rule: see [`Expiration`]. When none is left, an empty
    /// group may go as well.
    ///
    /// `now` must be proven: the caller's time by which ages are judged (decision 0017), never the wall clock as it is,
    /// which can be stepped years ahead and would take every group's offsets with it.
    pub fn expire(&mut self, now: Timestamp, group: &str, policy: &Expiration<'_>, limits: &Limits) -> Vec<Record> {
        self.forget(group, |topic, kept| {
            policy.is_over(now, topic, kept.commit_timestamp, kept.expire_timestamp(), limits.retention)
        })
    }

    /// The topics that offsets are kept for, with each id that they were committed under.
    pub fn topics(&self) -> BTreeSet<(Name, TopicId)> {
        let topics = self.groups.values().flatten();
        topics.flat_map(|(topic, kept)| kept.iter().map(|kept| (topic.clone(), kept.topic_id))).collect()
    }

    /// Whether there are offsets of the group.
    pub fn has_offsets(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// The groups that have offsets, in order.
    pub fn groups(&self) -> impl Iterator<Item = &Name> {
        self.groups.keys()
    }

    /// All offsets of a group, by topic and partition.
    pub fn of_group(&self, group: &str) -> impl Iterator<Item = (&Name, PartitionIndex, OffsetValue)> {
        let topics = self.groups.get(group).into_iter().flatten();
        topics.flat_map(|(topic, kept)| kept.iter().map(move |kept| (topic, kept.partition, kept.value())))
    }

    fn put(&mut self, group: &Name, topic: &Name, partition: PartitionIndex, value: &OffsetValue) {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), BTreeMap::new());
        }
        let topics = self.groups.get_mut(group).expect("just put there");
        if let Some(kept) = topics.get_mut(topic) {
            return kept.put(Kept::new(partition, value));
        }
        let shared = match self.names.get(topic) {
            Some(name) => name.clone(),
            None => {
                self.names.insert(topic.clone());
                topic.clone()
            }
        };
        topics.entry(shared).or_default().put(Kept::new(partition, value));
        self.drop_names();
    }

    fn remove(&mut self, group: &Name, topic: &Name, partition: PartitionIndex) {
        let Some(topics) = self.groups.get_mut(group) else { return };
        let Some(kept) = topics.get_mut(topic) else { return };
        kept.remove(partition);
        if kept.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.groups.remove(group);
        }
    }

    /// Forgets the offsets of `group` that are `over`: their records.
    fn forget(&mut self, group: &str, over: impl Fn(&str, &Kept) -> bool) -> Vec<Record> {
        let mut records = Vec::new();
        let Some(topics) = self.groups.get_mut(group) else { return records };
        topics.retain(|topic, kept| {
            forget(group, topic, kept, |kept| over(topic, kept), &mut records);
            !kept.is_empty()
        });
        if topics.is_empty() {
            self.groups.remove(group);
        }
        records
    }

    /// Lets go of the names that no group uses, whenever they have doubled.
    fn drop_names(&mut self) {
        if self.names.len() > self.names_due.max(NAMES_MIN) {
            self.names.retain(|name| std::sync::Arc::strong_count(name) > 1);
            self.names_due = self.names.len() * 2;
        }
    }
}

/// Forgets the offsets of a topic that are `over`.
fn forget(group: &str, topic: &str, kept: &mut Partitions, over: impl Fn(&Kept) -> bool, records: &mut Vec<Record>) {
    kept.retain(|kept| {
        let over = over(kept);
        if over {
            records.push(records::offset(group, topic, kept.partition, None));
        }
        !over
    });
}

fn fetched(topic: &Name, kept: &Kept) -> FetchedOffset {
    FetchedOffset {
        topic: topic.clone(),
        topic_id: kept.topic_id,
        partition: kept.partition,
        committed: Ok(Some(kept.committed())),
    }
}

fn same_topic(kept: TopicId, asked: TopicId) -> bool {
    kept == asked || kept.is_zero() || asked.is_zero()
}

/// `by` later, as far as time goes.
fn later(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

/// What a fetched offset tells of itself.
type Committed = (Offset, LeaderEpoch, Name);
