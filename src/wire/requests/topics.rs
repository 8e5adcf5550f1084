//! Topics come and go: CreateTopics, DeleteTopics, CreatePartitions.

use super::caps::{CONFIGS_MAX, PARTITIONS_MAX, REPLICAS_MAX, TOPICS_MAX};
use super::define::request;
use crate::base::{NodeId, PartitionIndex, TopicId};
use crate::wire::{Array, Str};

request! {
    /// Creates topics.
    pub struct CreateTopicsRequest {
        /// The topics.
        topics: Array<CreatableTopic> [max TOPICS_MAX];
        /// How long the client waits, milliseconds.
        timeout_ms: i32 = 60000;
        /// Whether only to check that it would work.
        validate_only: bool;
    }

    /// A topic to create.
    pub struct CreatableTopic {
        /// Its name.
        name: Str;
        /// How many partitions; -1 for the default or when `assignments` says (KIP-464).
        num_partitions: i32;
        /// How many replicas; -1 for the default or when `assignments` says.
        replication_factor: i16;
        /// Which brokers hold which partition; empty to leave it to the cluster.
        assignments: Array<CreatableReplicaAssignment> [max PARTITIONS_MAX];
        /// Configuration that the topic starts with.
        configs: Array<CreatableTopicConfig> [max CONFIGS_MAX];
    }

    /// Where a partition goes.
    pub struct CreatableReplicaAssignment {
        /// The partition.
        partition_index: PartitionIndex;
        /// Its brokers.
        broker_ids: Array<NodeId> [max REPLICAS_MAX];
    }

    /// A configuration key and its value.
    pub struct CreatableTopicConfig {
        /// The key.
        name: Str;
        /// The value.
        value: Option<Str>;
    }

    /// Deletes topics.
    pub struct DeleteTopicsRequest {
        /// The topics by name or id, from version 6.
        topics: Array<DeleteTopicState> [in 6..] [max TOPICS_MAX];
        /// The topics by name, up to version 5.
        topic_names: Array<Str> [in ..=5] [max TOPICS_MAX];
        /// How long the client waits, milliseconds.
        timeout_ms: i32;
    }

    /// A topic to delete.
    pub struct DeleteTopicState {
        /// Its name; null when it is named by id.
        name: Option<Str>;
        /// Its id; zero when it is named by name.
        topic_id: TopicId = TopicId::ZERO;
    }

    /// Adds partitions to topics.
    pub struct CreatePartitionsRequest {
        /// The topics.
        topics: Array<CreatePartitionsTopic> [max TOPICS_MAX];
        /// How long the client waits, milliseconds.
        timeout_ms: i32;
        /// Whether only to check that it would work.
        validate_only: bool;
    }

    /// A topic that shall have more partitions.
    pub struct CreatePartitionsTopic {
        /// Its name.
        name: Str;
        /// How many partitions it shall have in all.
        count: i32;
        /// Which brokers hold the new partitions; null to leave it to the cluster.
        assignments: Option<Array<CreatePartitionsAssignment>> [max PARTITIONS_MAX];
    }

    /// Where a new partition goes.
    pub struct CreatePartitionsAssignment {
        /// Its brokers.
        broker_ids: Array<NodeId> [max REPLICAS_MAX];
    }
}
