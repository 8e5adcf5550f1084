//! What can change, and why a change may be refused.

use crate::base::{NodeId, ProducerId, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::image::Topic;

/// Settings by name, sorted.
pub type Configs = BTreeMap<String, String>;

/// Producer ids in one block; a broker takes ids from its block and asks for another when it is used up (Kafka's own
/// number).
pub const PRODUCER_IDS_PER_BLOCK: i64 = 1_000;

/// Most partitions of one topic. Above it Kafka's own tools give up, and an image must not claim what no log can hold.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 1_000_000;

/// Most groups with settings of their own: what is kept of them is part of every snapshot.
pub const CONFIGURED_GROUPS_MAX: usize = 100_000;

/// One step from an image to the next. Its form in a metadata object is docs/formats.md; names and fields are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// The first change of every log: gives the cluster its id.
    FoundCluster {
        /// 22 characters, as Kafka writes a random UUID.
        cluster_id: String,
    },
    /// A new topic. The caller has checked its name and its settings.
    CreateTopic {
        /// Its name; free at the moment of the commit.
        name: Arc<str>,
        /// Its identity: random, never used before.
        id: TopicId,
        /// Number of partitions, at least 1.
        partitions: i32,
        /// Settings that differ from the broker's.
        #[serde(default, skip_serializing_if = "Configs::is_empty")]
        configs: Configs,
    },
    /// Takes a topic away.
    DeleteTopic {
        /// The topic.
        id: TopicId,
    },
    /// Raises a topic's number of partitions.
    AddPartitions {
        /// The topic.
        id: TopicId,
        /// The number afterwards; more than before.
        count: i32,
    },
    /// Changes some of a topic's settings; the others stay.
    SetTopicConfigs {
        /// The topic.
        id: TopicId,
        /// New values by name.
        #[serde(default, skip_serializing_if = "Configs::is_empty")]
        set: Configs,
        /// Names that go back to the default; removed before `set` is applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        delete: Vec<String>,
    },
    /// Changes dynamic broker settings.
    SetBrokerConfigs {
        /// The broker, or `None` for the default of all brokers.
        node: Option<NodeId>,
        /// New values by name.
        #[serde(default, skip_serializing_if = "Configs::is_empty")]
        set: Configs,
        /// Names that go back to the default; removed before `set` is applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        delete: Vec<String>,
    },
    /// Changes the settings of a consumer group, whether there is one of that name or not.
    SetGroupConfigs {
        /// The group's name; the caller has checked it.
        group: Arc<str>,
        /// New values by name.
        #[serde(default, skip_serializing_if = "Configs::is_empty")]
        set: Configs,
        /// Names that go back to the default; removed before `set` is applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        delete: Vec<String>,
    },
    /// A broker begins: raises the incarnation, and with it every leader epoch.
    StartBroker {
        /// Its node id.
        node: NodeId,
        /// Its rack, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rack: Option<String>,
    },
    /// Gives a broker the next [`PRODUCER_IDS_PER_BLOCK`] producer ids.
    ReserveProducerIds {
        /// Who asked.
        node: NodeId,
    },
    /// Finalises a feature's level (KIP-584).
    SetFeature {
        /// The feature, for example `metadata.version`.
        name: String,
        /// The level; 0 takes the feature away.
        level: i16,
    },
}

/// What a change brought about.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing to tell beyond the image.
    Done,
    /// The topic as it is after the change; after a deletion, as it was before.
    Topic(Arc<Topic>),
    /// The broker's new incarnation, from 1.
    Started(u32),
    /// A block of producer ids: `first` and the [`PRODUCER_IDS_PER_BLOCK`] - 1 that follow.
    ProducerIds {
        /// The first id of the block.
        first: ProducerId,
    },
}

/// Why a change was refused. Nothing of its proposal was applied.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The log has a cluster id already.
    #[error("the cluster {cluster_id} exists already")]
    ClusterExists {
        /// Its id.
        cluster_id: Arc<str>,
    },
    /// The name is taken.
    #[error("topic {name} exists already")]
    TopicExists {
        /// The name.
        name: Arc<str>,
    },
    /// Another topic's name differs only in `.` and `_`, which metric names can't tell apart (Kafka's own rule).
    #[error("topic {name} collides with topic {with}: names may not differ in '.' and '_' alone")]
    TopicCollides {
        /// The name that was asked for.
        name: Arc<str>,
        /// The topic that exists.
        with: Arc<str>,
    },
    /// The id is taken, or zero.
    #[error("topic id {id} is taken")]
    TopicIdTaken {
        /// The id.
        id: TopicId,
    },
    /// There is no such topic (any more).
    #[error("there is no topic with id {id}")]
    UnknownTopic {
        /// The id.
        id: TopicId,
    },
    /// A topic can't have this many partitions.
    #[error("{count} partitions: a topic has 1 to {PARTITIONS_PER_TOPIC_MAX}")]
    PartitionCount {
        /// What was asked for.
        count: i32,
    },
    /// The number of partitions can only grow.
    #[error("topic {name} has {current} partitions already, {count} were asked for")]
    PartitionsNotMore {
        /// The topic.
        name: Arc<str>,
        /// What it has.
        current: i32,
        /// What was asked for.
        count: i32,
    },
    /// A counter has reached its end.
    #[error("no {what} is left")]
    Exhausted {
        /// What is used up.
        what: &'static str,
    },
    /// A feature's level is negative.
    #[error("feature {name} can't have level {level}")]
    FeatureLevel {
        /// The feature.
        name: String,
        /// What was asked for.
        level: i16,
    },
    /// The proposer's own condition did not hold (see `MetadataLog::commit_with`).
    #[error("{reason}")]
    Declined {
        /// In the proposer's words.
        reason: String,
    },
}
