//! The state that the changes add up to, immutable and shared.

use super::change::{
    CONFIGURED_GROUPS_MAX, Change, Configs, Outcome, PARTITIONS_PER_TOPIC_MAX, PRODUCER_IDS_PER_BLOCK, Refusal,
};
use super::sorted::SortedMap;
use crate::base::{LeaderEpoch, NodeId, PartitionIndex, ProducerId, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// The feature that lets groups of the consumer protocol be (KIP-848): at level 0 they may not, at 1 they may.
pub const GROUP_VERSION: &str = "group.version";

static NO_CONFIGS: LazyLock<Configs> = LazyLock::new(Configs::new);

/// One topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its identity.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Settings that differ from the broker's.
    pub configs: Arc<Configs>,
    /// The incarnation at which it was created: its leader epochs count from there.
    pub created_incarnation: u32,
}

impl Topic {
    /// Whether the topic has this partition.
    pub fn has(&self, partition: PartitionIndex) -> bool {
        (0..self.partitions).contains(&partition.0)
    }
}

/// One broker, from its first start on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Its node id.
    pub node: NodeId,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// The incarnation that its latest start raised.
    pub incarnation: u32,
}

/// The latest object that a writer has made part of the log. A writer whose object was deleted before it learnt what had
/// become of it finds out here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastWrite {
    /// Who wrote.
    pub node: NodeId,
    /// The object's number.
    pub number: u64,
    /// The object's nonce.
    pub nonce: Uuid,
}

/// The metadata at one moment. Cloning shares everything; look-ups cost O(log n).
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub(super) version: u64,
    pub(super) cluster_id: Arc<str>,
    pub(super) incarnation: u32,
    pub(super) next_producer_id: i64,
    pub(super) partitions: u64,
    pub(super) topics: SortedMap<Arc<str>, Arc<Topic>>,
    pub(super) topics_by_id: SortedMap<TopicId, Arc<Topic>>,
    /// Names with '.' or '_' by what both would be called in a metric.
    pub(super) colliding: SortedMap<String, Arc<str>>,
    pub(super) brokers: Arc<BTreeMap<NodeId, Broker>>,
    pub(super) broker_configs: Arc<BTreeMap<Option<NodeId>, Arc<Configs>>>,
    pub(super) group_configs: SortedMap<Arc<str>, Arc<Configs>>,
    pub(super) features: Arc<BTreeMap<String, i16>>,
    pub(super) last_writes: Arc<BTreeMap<NodeId, LastWrite>>,
}

impl Image {
    /// The number of the last object that is part of this image; grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &Arc<str> {
        &self.cluster_id
    }

    /// How often a broker of the cluster has started, from 1; 0 before the first start.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics_by_id.get(&id)
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The topics whose names are `first` or later, sorted by name (paging, as DescribeTopicPartitions does it).
    pub fn topics_from(&self, first: &str) -> impl Iterator<Item = &Arc<Topic>> + use<'_> {
        self.topics.values_from(first)
    }

    /// Number of topics.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Number of partitions of all topics.
    pub fn partition_count(&self) -> u64 {
        self.partitions
    }

    /// The topic whose name can't be told from `name` in a metric, if there is one other than `name` itself.
    pub fn colliding_topic(&self, name: &str) -> Option<&Arc<str>> {
        let with = self.colliding.get(metric_name(name)?.as_str())?;
        (**with != *name).then_some(with)
    }

    /// The leader epoch of a topic's partitions: how many starts its log has lived through.
    pub fn leader_epoch(&self, topic: &Topic) -> LeaderEpoch {
        let starts = self.incarnation.saturating_sub(topic.created_incarnation);
        LeaderEpoch(i32::try_from(starts).unwrap_or(i32::MAX))
    }

    /// The broker that leads a partition: the one that started last. `None` before the first start, and for a partition
    /// that the topic does not have.
    pub fn leader(&self, topic: &Topic, partition: PartitionIndex) -> Option<NodeId> {
        let latest = self.brokers.values().max_by_key(|broker| broker.incarnation)?;
        topic.has(partition).then_some(latest.node)
    }

    /// The brokers, sorted by node id.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    /// A broker by node id.
    pub fn broker(&self, node: NodeId) -> Option<&Broker> {
        self.brokers.get(&node)
    }

    /// Dynamic settings of one broker, or with `None` the default of all brokers.
    pub fn broker_configs(&self, node: Option<NodeId>) -> &Configs {
        self.broker_configs.get(&node).map_or(&NO_CONFIGS, |configs| configs)
    }

    /// Settings of one consumer group.
    pub fn group_configs(&self, group: &str) -> &Configs {
        self.group_configs.get(group).map_or(&NO_CONFIGS, |configs| configs)
    }

    /// The groups with settings of their own, sorted by name.
    pub fn configured_groups(&self) -> impl Iterator<Item = &Arc<str>> {
        self.group_configs.iter().map(|(group, _)| group)
    }

    /// Finalised features by name. None is at level 0: that is said by leaving it out.
    pub fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// The level that the cluster runs a feature at; 0 when it is not finalised.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The level of [`GROUP_VERSION`]: below 1 a ConsumerGroupHeartbeat is answered with UNSUPPORTED_VERSION (NG-1).
    pub fn group_version(&self) -> i16 {
        self.feature(GROUP_VERSION)
    }

    /// The first producer id that no broker has been given.
    pub fn next_producer_id(&self) -> ProducerId {
        ProducerId(self.next_producer_id)
    }

    /// Whether the changes would be accepted now, as one proposal; for requests that only validate.
    pub fn check(&self, changes: &[Change]) -> Result<(), Refusal> {
        let mut image = self.clone();
        changes.iter().try_for_each(|change| image.apply(change).map(drop))
    }

    /// Notes whose the object was that brought the image to `number`.
    pub(super) fn note_write(&mut self, write: LastWrite) {
        self.version = write.number;
        Arc::make_mut(&mut self.last_writes).insert(write.node, write);
    }

    /// Applies one change, or refuses it and leaves the image as it was.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Outcome, Refusal> {
        match change {
            Change::FoundCluster { cluster_id } => {
                if !self.cluster_id.is_empty() {
                    return Err(Refusal::ClusterExists { cluster_id: self.cluster_id.clone() });
                }
                self.cluster_id = cluster_id.as_str().into();
                Ok(Outcome::Done)
            }
            Change::CreateTopic { name, id, partitions, configs } => {
                let topic = Topic {
                    id: *id,
                    name: name.clone(),
                    partitions: *partitions,
                    configs: Arc::new(configs.clone()),
                    created_incarnation: self.incarnation,
                };
                self.add_topic(topic).map(Outcome::Topic)
            }
            Change::DeleteTopic { id } => self.delete_topic(*id).map(Outcome::Topic),
            Change::AddPartitions { id, count } => {
                let mut topic = Topic::clone(self.known_topic(*id)?);
                checked_count(*count)?;
                if *count <= topic.partitions {
                    let (name, current) = (topic.name.clone(), topic.partitions);
                    return Err(Refusal::PartitionsNotMore { name, current, count: *count });
                }
                self.partitions += u64::from(count.abs_diff(topic.partitions));
                topic.partitions = *count;
                Ok(Outcome::Topic(self.replace_topic(topic)))
            }
            Change::SetTopicConfigs { id, set, delete } => {
                let mut topic = Topic::clone(self.known_topic(*id)?);
                edit(Arc::make_mut(&mut topic.configs), set, delete);
                Ok(Outcome::Topic(self.replace_topic(topic)))
            }
            Change::SetBrokerConfigs { node, set, delete } => {
                let all = Arc::make_mut(&mut self.broker_configs);
                let configs = all.entry(*node).or_default();
                edit(Arc::make_mut(configs), set, delete);
                if configs.is_empty() {
                    all.remove(node);
                }
                Ok(Outcome::Done)
            }
            Change::SetGroupConfigs { group, set, delete } => self.edit_group(group, set, delete),
            Change::StartBroker { node, rack } => self.start_broker(*node, rack.clone()).map(Outcome::Started),
            Change::ReserveProducerIds { node: _ } => {
                let first = self.next_producer_id;
                let exhausted = Refusal::Exhausted { what: "producer id" };
                self.next_producer_id = first.checked_add(PRODUCER_IDS_PER_BLOCK).ok_or(exhausted)?;
                Ok(Outcome::ProducerIds { first: ProducerId(first) })
            }
            Change::SetFeature { name, level } => {
                match level {
                    ..0 => return Err(Refusal::FeatureLevel { name: name.clone(), level: *level }),
                    0 => drop(Arc::make_mut(&mut self.features).remove(name)),
                    1.. => drop(Arc::make_mut(&mut self.features).insert(name.clone(), *level)),
                }
                Ok(Outcome::Done)
            }
        }
    }

    fn edit_group(&mut self, group: &Arc<str>, set: &Configs, delete: &[String]) -> Result<Outcome, Refusal> {
        let mut configs = self.group_configs.get(&**group).cloned().unwrap_or_default();
        if configs.is_empty() && !set.is_empty() && self.group_configs.len() >= CONFIGURED_GROUPS_MAX {
            return Err(Refusal::Exhausted { what: "room for another group with settings" });
        }
        edit(Arc::make_mut(&mut configs), set, delete);
        if configs.is_empty() {
            self.group_configs.remove(&**group);
        } else {
            self.group_configs.insert(group.clone(), configs);
        }
        Ok(Outcome::Done)
    }

    /// Puts a topic in place as it is; for creation and for snapshots.
    pub(super) fn add_topic(&mut self, topic: Topic) -> Result<Arc<Topic>, Refusal> {
        checked_count(topic.partitions)?;
        if self.topics.get(&*topic.name).is_some() {
            return Err(Refusal::TopicExists { name: topic.name });
        }
        if topic.id.is_zero() || self.topics_by_id.get(&topic.id).is_some() {
            return Err(Refusal::TopicIdTaken { id: topic.id });
        }
        if let Some(metric) = metric_name(&topic.name) {
            if let Some(with) = self.colliding.get(metric.as_str()) {
                return Err(Refusal::TopicCollides { name: topic.name, with: with.clone() });
            }
            self.colliding.insert(metric, topic.name.clone());
        }
        self.partitions += u64::from(topic.partitions.unsigned_abs());
        Ok(self.replace_topic(topic))
    }

    fn replace_topic(&mut self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.topics.insert(topic.name.clone(), topic.clone());
        self.topics_by_id.insert(topic.id, topic.clone());
        topic
    }

    fn known_topic(&self, id: TopicId) -> Result<&Arc<Topic>, Refusal> {
        self.topics_by_id.get(&id).ok_or(Refusal::UnknownTopic { id })
    }

    fn delete_topic(&mut self, id: TopicId) -> Result<Arc<Topic>, Refusal> {
        let topic = self.topics_by_id.remove(&id).ok_or(Refusal::UnknownTopic { id })?;
        self.topics.remove(&*topic.name);
        if let Some(metric) = metric_name(&topic.name) {
            self.colliding.remove(metric.as_str());
        }
        self.partitions -= u64::from(topic.partitions.unsigned_abs());
        Ok(topic)
    }

    fn start_broker(&mut self, node: NodeId, rack: Option<String>) -> Result<u32, Refusal> {
        // A leader epoch is an i32 on the wire.
        let next = self.incarnation.checked_add(1).filter(|next| i32::try_from(*next).is_ok());
        self.incarnation = next.ok_or(Refusal::Exhausted { what: "incarnation" })?;
        let broker = Broker { node, rack, incarnation: self.incarnation };
        Arc::make_mut(&mut self.brokers).insert(node, broker);
        Ok(self.incarnation)
    }
}

fn checked_count(count: i32) -> Result<(), Refusal> {
    if (1..=PARTITIONS_PER_TOPIC_MAX).contains(&count) { Ok(()) } else { Err(Refusal::PartitionCount { count }) }
}

fn edit(configs: &mut Configs, set: &Configs, delete: &[String]) {
    configs.retain(|name, _| !delete.contains(name));
    configs.extend(set.iter().map(|(name, value)| (name.clone(), value.clone())));
}

/// What a metric calls a topic whose name holds '.' or '_'; `None` for other names, which can't collide.
fn metric_name(topic: &str) -> Option<String> {
    topic.contains(['.', '_']).then(|| topic.replace('.', "_"))
}

#[cfg(test)]
impl Image {
    /// What these changes add up to.
    pub fn of(changes: &[Change]) -> Image {
        Image::default().with(changes)
    }

    /// The next image, with these changes.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Image {
        let mut image = self.clone();
        image.version += 1;
        for change in changes {
            image.apply(change).unwrap_or_else(|refusal| panic!("{change:?}: {refusal}"));
        }
        image
    }
}
