//! Offsets that groups keep: OffsetCommit, OffsetFetch, OffsetDelete.

use super::caps::{GROUPS_MAX, PARTITIONS_MAX, TOPICS_MAX};
use super::define::request;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::{Array, Str};

request! {
    /// Keeps offsets.
    pub struct OffsetCommitRequest {
        /// The group.
        group_id: Str;
        /// Generation, or member epoch (KIP-848); -1 for a client that is no member.
        generation_id_or_member_epoch: i32 = -1;
        /// The member; empty for none.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 7..];
        /// How long the offsets are kept, milliseconds; -1 leaves it to the broker.
        retention_time_ms: i64 [in ..=4] = -1;
        /// The offsets.
        topics: Array<OffsetCommitRequestTopic> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetCommitRequest`].
    pub struct OffsetCommitRequestTopic {
        /// Its name, up to version 9.
        name: Str [in ..=9];
        /// Its id, from version 10 on.
        topic_id: TopicId [in 10..] = TopicId::ZERO;
        /// Its partitions.
        partitions: Array<OffsetCommitRequestPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`OffsetCommitRequestTopic`].
    pub struct OffsetCommitRequestPartition {
        /// Its number.
        partition_index: PartitionIndex;
        /// The next record to read.
        committed_offset: Offset;
        /// Leader epoch of the last record read (KIP-320).
        committed_leader_epoch: LeaderEpoch [in 6..] = LeaderEpoch::UNKNOWN;
        /// What the client wants to be told again.
        committed_metadata: Option<Str>;
    }

    /// Asks for offsets that were kept.
    pub struct OffsetFetchRequest {
        /// The group, up to version 7.
        group_id: Str [in ..=7];
        /// Its topics, up to version 7; null (from version 2 on) for all.
        topics: Option<Array<OffsetFetchRequestTopic>> [in ..=7] [null 2..] [max TOPICS_MAX] = Some(Array::default());
        /// The groups, from version 8 on.
        groups: Array<OffsetFetchRequestGroup> [in 8..] [max GROUPS_MAX];
        /// Whether an offset of an open transaction makes its partition unstable (KIP-447).
        require_stable: bool [in 7..];
    }

    /// One topic of [`OffsetFetchRequest`].
    pub struct OffsetFetchRequestTopic {
        /// Its name.
        name: Str;
        /// Its partitions.
        partition_indexes: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// One group of [`OffsetFetchRequest`].
    pub struct OffsetFetchRequestGroup {
        /// Its id.
        group_id: Str;
        /// The member that asks, of a group of the new protocol (KIP-848).
        member_id: Option<Str> [in 9..];
        /// Its epoch.
        member_epoch: i32 [in 9..] = -1;
        /// Its topics; null for all.
        topics: Option<Array<OffsetFetchRequestTopics>> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetFetchRequestGroup`].
    pub struct OffsetFetchRequestTopics {
        /// Its name, up to version 9.
        name: Str [in ..=9];
        /// Its id, from version 10 on.
        topic_id: TopicId [in 10..] = TopicId::ZERO;
        /// Its partitions.
        partition_indexes: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// Forgets offsets (KIP-496).
    pub struct OffsetDeleteRequest {
        /// The group.
        group_id: Str;
        /// The topics.
        topics: Array<OffsetDeleteRequestTopic> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetDeleteRequest`].
    pub struct OffsetDeleteRequestTopic {
        /// Its name.
        name: Str;
        /// Its partitions.
        partitions: Array<OffsetDeleteRequestPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`OffsetDeleteRequestTopic`].
    pub struct OffsetDeleteRequestPartition {
        /// Its number.
        partition_index: PartitionIndex;
    }
}
