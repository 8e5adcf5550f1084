//! Topics and their partitions, as handlers find, make, change and delete them.
//!
//! The metadata image is the truth. A partition's handle is made when it is first asked for; deletion commits to the
//! metadata first and takes the handles away afterwards, and whoever makes a handle looks at the image again: so none
//! outlives its topic, whatever the order.

use super::configs::{Configs, Effective};
use crate::base::{LeaderEpoch, PartitionIndex, TopicId, TopicPartition};
use crate::metadata::{Change, CommitError, Configs as Overrides, Image, MetadataLog, Outcome, Topic};
use crate::metrics::Metrics;
use crate::partition::{Partition, Partitions};
use parking_lot::Mutex;
use std::sync::Arc;
use uuid::Uuid;

/// A topic to be made, checked already.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: i32,
    /// Its own settings.
    pub configs: Overrides,
}

/// Topics and partitions.
pub struct Topics {
    metadata: Arc<MetadataLog>,
    partitions: Arc<Partitions>,
    configs: Arc<Configs>,
    metrics: Arc<Metrics>,
    /// Who gives settings to partitions does so one after the other, so that the last image wins.
    spreading: Mutex<()>,
}

impl Topics {
    /// Topics of this metadata, with partitions in `partitions`.
    pub fn new(
        metadata: Arc<MetadataLog>,
        partitions: Arc<Partitions>,
        configs: Arc<Configs>,
        metrics: Arc<Metrics>,
    ) -> Topics {
        Topics { metadata, partitions, configs, metrics, spreading: Mutex::default() }
    }

    /// The metadata now.
    pub fn image(&self) -> Arc<Image> {
        self.metadata.image()
    }

    /// The metadata, to change what is not a topic.
    pub fn metadata(&self) -> &Arc<MetadataLog> {
        &self.metadata
    }

    /// The partitions that have been asked for.
    pub fn partitions(&self) -> &Arc<Partitions> {
        &self.partitions
    }

    /// The configuration.
    pub fn configs(&self) -> &Arc<Configs> {
        &self.configs
    }

    /// A partition of a topic of this image; none when the topic has no such partition, or was deleted meanwhile.
    pub fn partition(&self, image: &Image, topic: &Topic, index: PartitionIndex) -> Option<Arc<Partition>> {
        if let Some(partition) = self.partitions.get(topic.id, index) {
            return Some(partition);
        }
        if !topic.has(index) {
            return None;
        }
        let effective = self.settings(topic);
        let id = TopicPartition { topic: topic.id, partition: index };
        let epoch: LeaderEpoch = image.leader_epoch(topic);
        // One after the other, and only while the topic exists: a request with an old image must not take the directory
        // from a topic that was created since under the same name.
        let _turn = self.spreading.lock();
        self.image().topic_by_id(topic.id)?;
        let partition = self.partitions.ensure(id, &topic.name, &effective.log, epoch);
        match self.image().topic_by_id(topic.id) {
            None => {
                self.partitions.delete(topic.id, index);
                None
            }
            Some(topic) => {
                let latest = self.settings(topic);
                if !Arc::ptr_eq(&latest, &effective) {
                    self.partitions.set_settings(topic.id, topic.partitions, &latest.log);
                }
                Some(partition)
            }
        }
    }

    /// The settings of a topic.
    pub fn settings(&self, topic: &Topic) -> Arc<Effective> {
        self.configs.known(topic).unwrap_or_else(|| {
            let effective = self.configs.learn(topic);
            // Of a topic that was deleted meanwhile nothing is kept.
            if self.image().topic_by_id(topic.id).is_none() {
                self.forget(topic);
            }
            effective
        })
    }

    fn forget(&self, topic: &Topic) {
        self.configs.forget(topic.id);
        // A topic made again under the name counts on.
        if self.image().topic(&topic.name).is_none() {
            self.metrics.topics.forget(&topic.name);
        }
    }

    /// Makes topics, each on its own; one answer per topic. Durable on return.
    pub async fn create(&self, topics: Vec<NewTopic>) -> Vec<Result<Arc<Topic>, CommitError>> {
        let changes = topics.into_iter().map(creation).collect();
        let answers = self.metadata.commit_each(changes).await;
        answers.into_iter().map(|answer| answer.map(|committed| topic_of(committed.outcomes))).collect()
    }

    /// Whether these topics could be made now; one answer per topic, each by itself.
    pub fn check(&self, topics: Vec<NewTopic>) -> Vec<Result<(), CommitError>> {
        let image = self.image();
        topics.into_iter().map(|topic| Ok(image.check(&[creation(topic)])?)).collect()
    }

    /// Deletes a topic: durable on return, then its partitions go.
    pub async fn delete(&self, id: TopicId) -> Result<Arc<Topic>, CommitError> {
        let topic = topic_of(self.metadata.commit(vec![Change::DeleteTopic { id }]).await?.outcomes);
        self.partitions.delete_topic(id, topic.partitions);
        self.forget(&topic);
        tracing::info!(topic = %topic.name, %id, "topic deleted");
        Ok(topic)
    }

    /// Gives a topic more partitions.
    pub async fn add_partitions(&self, id: TopicId, count: i32) -> Result<(), CommitError> {
        self.metadata.commit(vec![Change::AddPartitions { id, count }]).await.map(drop)
    }

    /// Gives the partitions of a topic the settings of the newest image.
    pub fn spread_settings(&self, topic: TopicId) {
        let _turn = self.spreading.lock();
        self.image().topic_by_id(topic).into_iter().for_each(|topic| self.give_settings(topic));
    }

    /// Takes over altered broker settings, here and in every partition.
    pub fn spread_broker_settings(&self) {
        let _turn = self.spreading.lock();
        let image = self.image();
        self.configs.broker_changed(&image);
        image.topics().for_each(|topic| self.give_settings(topic));
    }

    fn give_settings(&self, topic: &Topic) {
        self.partitions.set_settings(topic.id, topic.partitions, &self.settings(topic).log);
    }
}

fn creation(topic: NewTopic) -> Change {
    Change::CreateTopic {
        name: topic.name,
        id: TopicId(Uuid::new_v4()),
        partitions: topic.partitions,
        configs: topic.configs,
    }
}

fn topic_of(outcomes: Vec<Outcome>) -> Arc<Topic> {
    match outcomes.into_iter().next() {
        Some(Outcome::Topic(topic)) => topic,
        other => unreachable!("a change of a topic brought about {other:?}"),
    }
}
