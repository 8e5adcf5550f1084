//! Offsets that a group commits: OffsetCommit, OffsetFetch, OffsetDelete.

use super::caps::{GROUPS_MAX, PARTITIONS_MAX, TOPICS_MAX};
use super::define::request;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::{Array, Str};

request! {
    /// Commits offsets for a group.
    pub struct OffsetCommitRequest {
        /// The group.
        group_id: Str;
        /// The generation, or member epoch, of the one who commits; -1 for one who is no member.
        generation_id_or_member_epoch: i32 = -1;
        /// The member; empty for one who is none.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 7..];
        /// How long to keep the offsets, milliseconds; -1 for the broker's own time (KIP-211 took this away).
        retention_time_ms: i64 [in ..=4] = -1;
        /// The partitions.
        topics: Array<OffsetCommitTopic> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetCommitRequest`].
    pub struct OffsetCommitTopic {
        /// Its name, up to version 9.
        name: Str [in ..=9];
        /// Its id, from version 10 (KIP-848).
        topic_id: TopicId [in 10..] = TopicId::ZERO;
        /// Its partitions.
        partitions: Array<OffsetCommitPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`OffsetCommitTopic`].
    pub struct OffsetCommitPartition {
        /// Its number.
        partition_index: PartitionIndex;
        /// The offset of the next record to read.
        committed_offset: Offset;
        /// The leader epoch of the last record that was read (KIP-320); -1 when it is not known.
        committed_leader_epoch: LeaderEpoch [in 6..] = LeaderEpoch::UNKNOWN;
        /// What the client wants kept beside it.
        committed_metadata: Option<Str>;
    }

    /// Asks for committed offsets: of one group up to version 7, of several from version 8 (KIP-709, CG-9).
    pub struct OffsetFetchRequest {
        /// The one group, up to version 7.
        group_id: Str [in ..=7];
        /// The partitions asked for, up to version 7; all that have an offset when null.
        topics: Option<Array<OffsetFetchTopic>> [in ..=7] [null 2..] [max TOPICS_MAX] = Some(Array::default());
        /// The groups, from version 8.
        groups: Array<OffsetFetchGroup> [in 8..] [max GROUPS_MAX];
        /// Whether offsets that a transaction may yet change are refused (KIP-447, CG-11).
        require_stable: bool [in 7..];
    }

    /// One group of [`OffsetFetchRequest`].
    pub struct OffsetFetchGroup {
        /// The group.
        group_id: Str;
        /// The member who asks, in a group of KIP-848; null for one who is none.
        member_id: Option<Str> [in 9..];
        /// Its epoch; -1 for one who is no such member.
        member_epoch: i32 [in 9..] = -1;
        /// The partitions asked for; all that have an offset when null.
        topics: Option<Array<OffsetFetchTopic>> [max TOPICS_MAX] = Some(Array::default());
    }

    /// One topic of [`OffsetFetchRequest`] or [`OffsetFetchGroup`].
    pub struct OffsetFetchTopic {
        /// Its name, up to version 9.
        name: Str [in ..=9];
        /// Its id, from version 10 (KIP-848).
        topic_id: TopicId [in 10..] = TopicId::ZERO;
        /// Its partitions.
        partition_indexes: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// Deletes committed offsets (KIP-496).
    pub struct OffsetDeleteRequest {
        /// The group.
        group_id: Str;
        /// The partitions.
        topics: Array<OffsetDeleteTopic> [max TOPICS_MAX];
    }

    /// One topic of [`OffsetDeleteRequest`].
    pub struct OffsetDeleteTopic {
        /// Its name.
        name: Str;
        /// Its partitions.
        partitions: Array<OffsetDeletePartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`OffsetDeleteTopic`].
    pub struct OffsetDeletePartition {
        /// Its number.
        partition_index: PartitionIndex;
    }
}

#[cfg(test)]
#[path = "group_offsets_tests.rs"]
mod tests;
