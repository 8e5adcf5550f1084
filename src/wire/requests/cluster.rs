//! Who and what is there: Metadata, FindCoordinator, ApiVersions, and the Describe requests of a cluster.

use super::caps::{COORDINATORS_MAX, PARTITIONS_MAX, QUOTA_COMPONENTS_MAX, TOPICS_MAX};
use super::define::request;
use crate::base::{NodeId, PartitionIndex, TopicId};
use crate::wire::field::{Field, Nullable};
use crate::wire::reader::{At, Read, Reader};
use crate::wire::{Array, Str};

request! {
    /// Brokers, topics, partitions and their leaders.
    pub struct MetadataRequest {
        /// The topics asked for. All of them when null, and when empty in version 0 (MD-1).
        topics: Option<Array<MetadataRequestTopic>> [null 1..] [max TOPICS_MAX];
        /// Whether the client would have unknown topics created (MD-2). Clients too old to say would.
        allow_auto_topic_creation: bool [in 4..] = true;
        /// Whether the cluster's authorized operations are wanted (KIP-430).
        include_cluster_authorized_operations: bool [in 8..=10];
        /// Whether each topic's authorized operations are wanted (KIP-430).
        include_topic_authorized_operations: bool [in 8..];
    }

    /// A topic by name or, with a null name, by id (KIP-516).
    pub struct MetadataRequestTopic {
        /// Its id; zero when it is asked for by name.
        topic_id: TopicId [in 10..] = TopicId::ZERO;
        /// Its name; null when it is asked for by id.
        name: Option<Str> [null 10..];
    }

    /// Which broker coordinates a group or a transaction.
    pub struct FindCoordinatorRequest {
        /// The one key, up to version 3.
        key: Str [in ..=3];
        /// 0 group, 1 transaction, 2 share group.
        key_type: i8 [in 1..];
        /// The keys, from version 4 (KIP-699).
        coordinator_keys: Array<Str> [in 4..] [max COORDINATORS_MAX];
    }

    /// What the broker speaks; the first request of every connection.
    pub struct ApiVersionsRequest {
        /// The client library's name (KIP-511).
        client_software_name: Str [in 3..];
        /// The client library's version.
        client_software_version: Str [in 3..];
        /// The cluster that the client believes to be talking to (KIP-1242); null when it has no opinion.
        cluster_id: Option<Str> [in 5..];
        /// The broker that the client believes to be talking to; means nothing without a cluster id.
        node_id: NodeId [in 5..] = NodeId(-1);
    }

    /// The brokers, or controllers, of the cluster.
    pub struct DescribeClusterRequest {
        /// Whether the cluster's authorized operations are wanted.
        include_cluster_authorized_operations: bool;
        /// 1 brokers, 2 controllers (KIP-919).
        endpoint_type: i8 [in 1..] = 1;
        /// Whether fenced brokers are wanted too (KIP-1073).
        include_fenced_brokers: bool [in 2..];
    }

    /// Topics with their partitions, page by page (KIP-966).
    pub struct DescribeTopicPartitionsRequest {
        /// The topics; all of them when empty.
        topics: Array<TopicRequest> [max TOPICS_MAX];
        /// Most partitions in the answer.
        response_partition_limit: i32 = 2000;
        /// Where the page starts; null for the first.
        cursor: Option<Cursor>;
    }

    /// One topic of [`DescribeTopicPartitionsRequest`].
    pub struct TopicRequest {
        /// Its name.
        name: Str;
    }

    /// Where a page of [`DescribeTopicPartitionsRequest`] starts.
    pub struct Cursor {
        /// The topic.
        topic_name: Str;
        /// The partition in it.
        partition_index: PartitionIndex;
    }

    /// Sizes of replicas on disk (KIP-113).
    pub struct DescribeLogDirsRequest {
        /// The partitions; all of them when null.
        topics: Option<Array<DescribableLogDirTopic>> [max TOPICS_MAX];
    }

    /// One topic of [`DescribeLogDirsRequest`].
    pub struct DescribableLogDirTopic {
        /// Its name.
        topic: Str;
        /// Its partitions.
        partitions: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// Reassignments under way (KIP-455).
    pub struct ListPartitionReassignmentsRequest {
        /// How long the client waits, milliseconds.
        timeout_ms: i32 = 60000;
        /// The partitions; all of them when null.
        topics: Option<Array<ListPartitionReassignmentsTopics>> [max TOPICS_MAX];
    }

    /// One topic of [`ListPartitionReassignmentsRequest`].
    pub struct ListPartitionReassignmentsTopics {
        /// Its name.
        name: Str;
        /// Its partitions.
        partition_indexes: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// Quotas by entity (KIP-546).
    pub struct DescribeClientQuotasRequest {
        /// What an entity must match.
        components: Array<ComponentData> [max QUOTA_COMPONENTS_MAX];
        /// Whether entities with further parts are left out.
        strict: bool;
    }

    /// One part of the filter of [`DescribeClientQuotasRequest`].
    pub struct ComponentData {
        /// `user`, `client-id` or `ip`.
        entity_type: Str;
        /// 0 exactly `match_`, 1 the default entity, 2 any that is named.
        match_type: i8;
        /// The name to match; null for the other match types. Kafka calls it `match`.
        match_: Option<Str>;
    }

    /// The state of the metadata quorum (KIP-595).
    pub struct DescribeQuorumRequest {
        /// The topics: `__cluster_metadata`, for every client there is.
        topics: Array<QuorumTopic> [max TOPICS_MAX];
    }

    /// One topic of [`DescribeQuorumRequest`]; Kafka calls it `TopicData`.
    pub struct QuorumTopic {
        /// Its name.
        topic_name: Str;
        /// Its partitions.
        partitions: Array<QuorumPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`QuorumTopic`]; Kafka calls it `PartitionData`.
    pub struct QuorumPartition {
        /// Its number.
        partition_index: PartitionIndex;
    }
}

impl Nullable for Cursor {
    /// A struct that may be null has a byte in front: -1 for null.
    fn read_nullable(reader: &mut Reader, cap: u32) -> Read<Option<Self>> {
        match i8::read(reader, cap)? {
            ..0 => Ok(None),
            0.. => Cursor::read(reader, cap).map(Some),
        }
    }

    fn least_nullable(_at: At) -> usize {
        1
    }
}
