//! Fetch: the request, and its answer as a plan of header bytes and record parts.

use super::requests::caps::{PARTITIONS_MAX, TOPICS_MAX};
use super::requests::define::request;
use super::{Array, Str};
use crate::base::{LeaderEpoch, NodeId, Offset, PartitionIndex, TopicId};
use uuid::Uuid;

request! {
    /// Reads record batches.
    pub struct FetchRequest {
        /// The cluster that the sender believes in.
        cluster_id: Option<Str> [in 12..] [tag 0];
        /// -1 for a consumer. From version 15 in `replica_state`.
        replica_id: NodeId [in ..=14] = NodeId(-1);
        /// Which follower asks, from version 15 (KIP-903).
        replica_state: ReplicaState [in 15..] [tag 1];
        /// How long to wait for `min_bytes`, milliseconds.
        max_wait_ms: i32;
        /// How many bytes are worth an answer before that time.
        min_bytes: i32;
        /// Most bytes of the answer (FE-3).
        max_bytes: i32 = i32::MAX;
        /// 0 read_uncommitted, 1 read_committed.
        isolation_level: i8;
        /// The fetch session (KIP-227); 0 for none.
        session_id: i32 [in 7..];
        /// The number of this request in its session; 0 opens one, -1 closes or does without.
        session_epoch: i32 [in 7..] = -1;
        /// The partitions; within a session those that changed.
        topics: Array<FetchTopic> [max TOPICS_MAX];
        /// Partitions that leave the session.
        forgotten_topics_data: Array<ForgottenTopic> [in 7..] [max TOPICS_MAX];
        /// Where the consumer is (KIP-392).
        rack_id: Str [in 11..];
    }

    /// One topic of [`FetchRequest`].
    pub struct FetchTopic {
        /// Its name, up to version 12.
        topic: Str [in ..=12];
        /// Its id, from version 13 (KIP-516).
        topic_id: TopicId [in 13..] = TopicId::ZERO;
        /// Its partitions.
        partitions: Array<FetchPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`FetchTopic`].
    pub struct FetchPartition {
        /// Its number.
        partition: PartitionIndex;
        /// The leader epoch that the client knows, for fencing (FE-11).
        current_leader_epoch: LeaderEpoch [in 9..] = LeaderEpoch::UNKNOWN;
        /// The first offset wanted.
        fetch_offset: Offset;
        /// The epoch of the last record that the client has, for truncation (FE-12).
        last_fetched_epoch: LeaderEpoch [in 12..] = LeaderEpoch::UNKNOWN;
        /// A follower's log start.
        log_start_offset: Offset [in 5..] = Offset(-1);
        /// Most bytes of this partition.
        partition_max_bytes: i32;
        /// A follower's log directory (KIP-853).
        replica_directory_id: Uuid [in 17..] [tag 0];
        /// A follower's high watermark (KIP-1166).
        high_watermark: Offset [in 18..] [tag 1] = Offset(i64::MAX);
    }

    /// Partitions that leave the session.
    pub struct ForgottenTopic {
        /// The topic's name, up to version 12.
        topic: Str [in ..=12];
        /// The topic's id, from version 13.
        topic_id: TopicId [in 13..] = TopicId::ZERO;
        /// The partitions.
        partitions: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// A follower and its epoch.
    pub struct ReplicaState {
        /// The follower; -1 for a consumer.
        replica_id: NodeId = NodeId(-1);
        /// Its epoch; -1 when there is none.
        replica_epoch: i64 = -1;
    }
}
