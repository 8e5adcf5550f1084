//! Groups of the newer protocol (KIP-848): ConsumerGroupHeartbeat, ConsumerGroupDescribe.

use super::caps::{GROUPS_MAX, PARTITIONS_MAX, SUBSCRIBED_TOPICS_MAX};
use super::define::request;
use crate::base::{PartitionIndex, TopicId};
use crate::wire::{Array, Str};

request! {
    /// A member joins, is alive, leaves: all of a member's life is in this one request. What is null has not changed since
    /// the member's last heartbeat.
    pub struct ConsumerGroupHeartbeatRequest {
        /// The group.
        group_id: Str;
        /// The member's id; made by the client from version 1 on.
        member_id: Str;
        /// The epoch that the member is in; 0 joins, -1 leaves, -2 leaves for a while (a static member).
        member_epoch: i32;
        /// The id of a static member.
        instance_id: Option<Str>;
        /// Where the member is.
        rack_id: Option<Str>;
        /// How long the member may take to give partitions back, milliseconds; -1 when it has not changed.
        rebalance_timeout_ms: i32 = -1;
        /// The topics that the member wants, by name.
        subscribed_topic_names: Option<Array<Str>> [max SUBSCRIBED_TOPICS_MAX];
        /// The topics that the member wants, by a regular expression over their names.
        subscribed_topic_regex: Option<Str> [in 1..];
        /// Who is to assign the partitions: `uniform` or `range`.
        server_assignor: Option<Str>;
        /// The partitions that the member has.
        topic_partitions: Option<Array<TopicPartitions>> [max SUBSCRIBED_TOPICS_MAX];
    }

    /// Partitions of one topic of [`ConsumerGroupHeartbeatRequest`].
    pub struct TopicPartitions {
        /// The topic.
        topic_id: TopicId = TopicId::ZERO;
        /// Their numbers.
        partitions: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// Asks for the state and members of groups of the newer protocol.
    pub struct ConsumerGroupDescribeRequest {
        /// The groups.
        group_ids: Array<Str> [max GROUPS_MAX];
        /// Whether each group's authorized operations are wanted (KIP-430).
        include_authorized_operations: bool;
    }
}
