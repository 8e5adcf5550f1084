//! Where to read, and from where on there is something: ListOffsets, DeleteRecords, OffsetForLeaderEpoch.

use super::caps::{PARTITIONS_MAX, TOPICS_MAX};
use super::define::request;
use crate::base::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp};
use crate::wire::{Array, Str};

request! {
    /// Asks for offsets by time.
    pub struct ListOffsetsRequest {
        /// -1 for a consumer.
        replica_id: NodeId;
        /// 0 read_uncommitted, 1 read_committed.
        isolation_level: i8 [in 2..];
        /// The partitions.
        topics: Array<ListOffsetsTopic> [max TOPICS_MAX];
        /// How long to wait for look-ups in remote storage, milliseconds.
        timeout_ms: i32 [in 10..];
    }

    /// One topic of [`ListOffsetsRequest`].
    pub struct ListOffsetsTopic {
        /// Its name.
        name: Str;
        /// Its partitions.
        partitions: Array<ListOffsetsPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`ListOffsetsTopic`].
    pub struct ListOffsetsPartition {
        /// Its number.
        partition_index: PartitionIndex;
        /// The leader epoch that the client knows, for fencing.
        current_leader_epoch: LeaderEpoch [in 4..] = LeaderEpoch::UNKNOWN;
        /// The time; below zero one of the special positions of LO-1.
        timestamp: Timestamp;
    }

    /// Deletes the records before an offset (KIP-107).
    pub struct DeleteRecordsRequest {
        /// The partitions.
        topics: Array<DeleteRecordsTopic> [max TOPICS_MAX];
        /// How long the client waits, milliseconds.
        timeout_ms: i32;
    }

    /// One topic of [`DeleteRecordsRequest`].
    pub struct DeleteRecordsTopic {
        /// Its name.
        name: Str;
        /// Its partitions.
        partitions: Array<DeleteRecordsPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`DeleteRecordsTopic`].
    pub struct DeleteRecordsPartition {
        /// Its number.
        partition_index: PartitionIndex;
        /// The first offset that stays; -1 for the high watermark.
        offset: Offset;
    }

    /// Asks where epochs end (KIP-320).
    pub struct OffsetForLeaderEpochRequest {
        /// -1 for a consumer; -2 for one too old to say.
        replica_id: NodeId [in 3..] = NodeId(-2);
        /// The partitions.
        topics: Array<OffsetForLeaderTopic> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetForLeaderEpochRequest`].
    pub struct OffsetForLeaderTopic {
        /// Its name.
        topic: Str;
        /// Its partitions.
        partitions: Array<OffsetForLeaderPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`OffsetForLeaderTopic`].
    pub struct OffsetForLeaderPartition {
        /// Its number.
        partition: PartitionIndex;
        /// The leader epoch that the client knows, for fencing.
        current_leader_epoch: LeaderEpoch = LeaderEpoch::UNKNOWN;
        /// The epoch whose end is asked for.
        leader_epoch: LeaderEpoch;
    }
}
