//! What the machine of a partition of `__consumer_offsets` is asked, and what it answers.
//!
//! Requests come here without their wire versions: the handlers say in words what a version means
//! ([`Join::requires_known_member_id`] and the like). Names and bytes are copies: nothing holds a network buffer.

use super::error::GroupError;
use super::records::consumer::Target;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::metadata::Image;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A name: of a group, a member, a topic, a protocol.
pub type Name = Arc<str>;

/// What the coordinator of a command knows of the cluster at that moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The topics that there are.
    pub image: Arc<Image>,
    /// `group.consumer.assignment.interval.ms`, which may change at any time.
    pub assignment_interval: Duration,
}

impl Default for View {
    fn default() -> Self {
        View { image: Arc::default(), assignment_interval: Duration::from_secs(1) }
    }
}

/// A command, and what is known when it is given.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is known.
    pub view: View,
    /// The command.
    pub command: Command,
}

/// A command. All of them are about one group but for [`Command::List`], [`Command::TopicsDeleted`],
/// [`Command::Survey`] and [`Command::CommittedTopics`].
#[derive(Clone, Debug)]
pub enum Command {
    /// JoinGroup; answered with [`Reply::Join`] when the group's join phase ends.
    Join(Join),
    /// SyncGroup; answered with [`Reply::Sync`] when the leader's assignment is there.
    Sync(Sync),
    /// Heartbeat; answered with [`Reply::Heartbeat`].
    Heartbeat(Heartbeat),
    /// LeaveGroup; answered with [`Reply::Leave`].
    Leave(Leave),
    /// ConsumerGroupHeartbeat; answered with [`Reply::ConsumerHeartbeat`].
    ConsumerHeartbeat(ConsumerHeartbeat),
    /// ConsumerGroupDescribe of one group; answered with [`Reply::ConsumerDescribe`].
    ConsumerDescribe(Name),
    /// OffsetCommit; answered with [`Reply::CommitOffsets`].
    CommitOffsets(CommitOffsets),
    /// OffsetFetch of one group; answered with [`Reply::FetchOffsets`].
    FetchOffsets(FetchOffsets),
    /// OffsetDelete; answered with [`Reply::DeleteOffsets`].
    DeleteOffsets(DeleteOffsets),
    /// DescribeGroups of one group; answered with [`Reply::Describe`].
    Describe(Name),
    /// ListGroups, of this partition; answered with [`Reply::List`].
    List,
    /// DeleteGroups of one group; answered with [`Reply::DeleteGroup`].
    DeleteGroup(Name),
    /// These topics are gone: the offsets committed for them go. Answered with [`Reply::TopicsDeleted`].
    TopicsDeleted(Vec<(Name, TopicId)>),
    /// All groups, with what they committed; answered with [`Reply::Survey`].
    Survey,
    /// Which topics offsets are kept for; answered with [`Reply::CommittedTopics`].
    CommittedTopics,
}

/// What a command is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// See [`Command::Join`].
    Join(JoinReply),
    /// See [`Command::Sync`].
    Sync(Result<SyncReply, GroupError>),
    /// See [`Command::Heartbeat`].
    Heartbeat(Result<(), GroupError>),
    /// See [`Command::Leave`]: of the group, then of each member in the order asked.
    Leave(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// See [`Command::ConsumerHeartbeat`].
    ConsumerHeartbeat(Result<ConsumerHeartbeatReply, GroupError>),
    /// See [`Command::ConsumerDescribe`].
    ConsumerDescribe(Result<ConsumerDescription, GroupError>),
    /// See [`Command::CommitOffsets`]: of the group, then of each partition in the order asked.
    CommitOffsets(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// See [`Command::FetchOffsets`]: in the order asked, or all there are, by topic and partition.
    FetchOffsets(Result<Vec<FetchedOffset>, GroupError>),
    /// See [`Command::DeleteOffsets`]: of the group, then of each partition in the order asked.
    DeleteOffsets(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// See [`Command::Describe`].
    Describe(Result<GroupDescription, GroupError>),
    /// See [`Command::List`].
    List(Vec<GroupListing>),
    /// See [`Command::DeleteGroup`].
    DeleteGroup(Result<(), GroupError>),
    /// See [`Command::TopicsDeleted`].
    TopicsDeleted,
    /// See [`Command::Survey`].
    Survey {
        /// The groups of this partition.
        groups: Vec<GroupSurvey>,
        /// Records that could not be read when they were loaded.
        unread: u64,
    },
    /// See [`Command::CommittedTopics`]: each name with each id that it was committed under, zero where that is not known.
    CommittedTopics(BTreeSet<(Name, TopicId)>),
}

/// A member (re)joins (JoinGroup 0-9).
#[derive(Clone, Debug)]
pub struct Join {
    /// The group.
    pub group: Name,
    /// The member's id; empty for one that has none yet.
    pub member: Name,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<Name>,
    /// The client's id, a part of new member ids.
    pub client_id: Name,
    /// The client's address as Kafka writes it: `/127.0.0.1`.
    pub client_host: Name,
    /// After this silence the member is gone.
    pub session_timeout: Duration,
    /// How long a rebalance waits for this member (v0: the session timeout).
    pub rebalance_timeout: Duration,
    /// `consumer`, `connect`, anything.
    pub protocol_type: Name,
    /// Protocols by preference, with what each wants the leader to know.
    pub protocols: Vec<(Name, Bytes)>,
    /// Whether a member without an id is to come back with the one it is given (v4 on, KIP-394).
    pub requires_known_member_id: bool,
    /// Whether a returning static leader can be told to skip the assignment (v9, KIP-814).
    pub supports_skip_assignment: bool,
    /// Makes the id of a new member: `<client id>-<uuid>`, for a static one `<instance>-<uuid>`.
    pub fresh: Uuid,
}

/// What a member that joins is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinReply {
    /// Why it is refused.
    pub error: Option<GroupError>,
    /// The group's new generation; -1 with an error.
    pub generation: i32,
    /// The group's protocol type; none with an error.
    pub protocol_type: Option<Name>,
    /// The protocol that was chosen; none with an error.
    pub protocol: Option<Name>,
    /// The leader's member id; empty with an error.
    pub leader: Name,
    /// Whether a returning static leader keeps the assignment as it is.
    pub skip_assignment: bool,
    /// The member's id: as asked, or the one it is given.
    pub member: Name,
    /// All members, for the leader alone.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedMember {
    /// Its id.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// What it said for the chosen protocol.
    pub metadata: Bytes,
}

/// A member asks for its assignment; the leader brings all (SyncGroup 0-5).
#[derive(Clone, Debug)]
pub struct Sync {
    /// The group.
    pub group: Name,
    /// The generation that it joined.
    pub generation: i32,
    /// The member.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// What it thinks the protocol type is (v5, KIP-559).
    pub protocol_type: Option<Name>,
    /// What it thinks the protocol is (v5, KIP-559).
    pub protocol: Option<Name>,
    /// Assignments by member id, from the leader.
    pub assignments: Vec<(Name, Bytes)>,
}

/// An assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncReply {
    /// The group's protocol type.
    pub protocol_type: Option<Name>,
    /// The group's protocol.
    pub protocol: Option<Name>,
    /// The member's assignment; empty when the leader gave it none.
    pub assignment: Bytes,
}

/// A member is alive (Heartbeat 0-4).
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The group.
    pub group: Name,
    /// Its generation.
    pub generation: i32,
    /// The member.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
}

/// Members go (LeaveGroup 0-5). Before v3 one, without a static id.
#[derive(Clone, Debug)]
pub struct Leave {
    /// The group.
    pub group: Name,
    /// Who goes: member id (may be empty with a static id, as an administrator removes it), static id.
    pub members: Vec<(Name, Option<Name>)>,
}

/// A member of the new protocol joins, lives or leaves (ConsumerGroupHeartbeat 0-1, KIP-848). What is none has not changed.
#[derive(Clone, Debug)]
pub struct ConsumerHeartbeat {
    /// The group.
    pub group: Name,
    /// The member's id; the handler makes one where a client of version 0 has none yet.
    pub member: Name,
    /// Whether clients of this version make their ids themselves (1 on).
    pub makes_own_id: bool,
    /// Its epoch: 0 joins, -1 leaves, -2 leaves for now (static members).
    pub epoch: i32,
    /// Its static id.
    pub instance: Option<Name>,
    /// Its rack.
    pub rack: Option<Name>,
    /// How long it may take to give up partitions, milliseconds; -1 has not changed.
    pub rebalance_timeout_ms: i32,
    /// The topics that it subscribes to by name.
    pub topics: Option<BTreeSet<Name>>,
    /// The expression by which it subscribes; empty for none.
    pub regex: Option<Name>,
    /// The assignor that it wants.
    pub assignor: Option<Name>,
    /// The partitions that it owns.
    pub owned: Option<Target>,
    /// The client's id.
    pub client_id: Name,
    /// The client's address as Kafka writes it: `/127.0.0.1`.
    pub client_host: Name,
}

/// What a member of the new protocol is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerHeartbeatReply {
    /// Its id.
    pub member: Name,
    /// Its epoch.
    pub epoch: i32,
    /// How long it waits before its next heartbeat; zero for a member that left.
    pub interval: Duration,
    /// All partitions that it has now; none when they are what they were.
    pub assignment: Option<Target>,
}

/// Where a group of the new protocol is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ConsumerState {
    /// No members.
    Empty,
    /// What its members are to have is not known yet.
    Assigning,
    /// Members give up partitions and are given others.
    Reconciling,
    /// All members have what they are to have.
    Stable,
}

/// A group of the new protocol, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerDescription {
    /// Its id.
    pub group: Name,
    /// Its state.
    pub state: ConsumerState,
    /// Its epoch.
    pub epoch: i32,
    /// The epoch of what its members are to have.
    pub target_epoch: i32,
    /// The assignor in use.
    pub assignor: Name,
    /// Its members.
    pub members: Vec<ConsumerMember>,
}

/// Partitions as they are described: of topics that exist, by id.
pub type DescribedPartitions = Vec<(TopicId, Name, Vec<i32>)>;

/// A member of a described group of the new protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerMember {
    /// Its id.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// Its rack.
    pub rack: Option<Name>,
    /// Its epoch.
    pub epoch: i32,
    /// The client's id.
    pub client_id: Name,
    /// The client's address.
    pub client_host: Name,
    /// The topics that it subscribes to by name.
    pub topics: BTreeSet<Name>,
    /// The expression by which it subscribes.
    pub regex: Option<Name>,
    /// What it has, without what it is to give up.
    pub assigned: DescribedPartitions,
    /// What it has and is to give up, which nobody is told of.
    pub revoking: DescribedPartitions,
    /// What it is to have.
    pub target: DescribedPartitions,
    /// Whether it speaks the classic protocol.
    pub is_classic: bool,
}

/// Offsets to be kept (OffsetCommit 2-10).
#[derive(Clone, Debug)]
pub struct CommitOffsets {
    /// The group.
    pub group: Name,
    /// Generation, or member epoch; negative for a client that is no member.
    pub generation: i32,
    /// The member; empty for none.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// How long the offsets are kept, where the client says so (v2 to 4).
    pub retention: Option<Duration>,
    /// Whether an unknown group with a generation is told GROUP_ID_NOT_FOUND (v9 on) or ILLEGAL_GENERATION.
    pub names_unknown_groups: bool,
    /// The offsets. The handler has left out topics and partitions that do not exist.
    pub offsets: Vec<OffsetToCommit>,
}

/// An offset to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetToCommit {
    /// Topic.
    pub topic: Name,
    /// Its id.
    pub topic_id: TopicId,
    /// Partition.
    pub partition: PartitionIndex,
    /// The next record to read.
    pub offset: Offset,
    /// Leader epoch of the last record read, or unknown.
    pub leader_epoch: LeaderEpoch,
    /// What the client wants to be told again.
    pub metadata: Name,
}

/// Offsets that were kept (OffsetFetch 1-10).
#[derive(Clone, Debug)]
pub struct FetchOffsets {
    /// The group.
    pub group: Name,
    /// The member that asks, of a group of the new protocol (v9 on).
    pub member: Option<Name>,
    /// Its epoch; negative for none.
    pub member_epoch: i32,
    /// Which; none for all there are.
    pub partitions: Option<Vec<(Name, TopicId, PartitionIndex)>>,
    /// Whether an offset of an open transaction makes its partition unstable (KIP-447).
    pub require_stable: bool,
}

/// A kept offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedOffset {
    /// Topic.
    pub topic: Name,
    /// Its id, as it was committed or asked for.
    pub topic_id: TopicId,
    /// Partition.
    pub partition: PartitionIndex,
    /// What was committed: offset, leader epoch, metadata. None when nothing was.
    pub committed: Result<Option<(Offset, LeaderEpoch, Name)>, GroupError>,
}

/// Offsets to be forgotten (OffsetDelete 0).
#[derive(Clone, Debug)]
pub struct DeleteOffsets {
    /// The group.
    pub group: Name,
    /// Which. The handler has left out topics and partitions that do not exist.
    pub partitions: Vec<(Name, PartitionIndex)>,
}

/// Where a group is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// No members; offsets may be there.
    Empty,
    /// Members are to join.
    PreparingRebalance,
    /// Joined; the leader's assignment is awaited.
    CompletingRebalance,
    /// Assigned.
    Stable,
    /// Gone.
    Dead,
}

/// A group, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDescription {
    /// Its id.
    pub group: Name,
    /// Its state.
    pub state: GroupState,
    /// Its protocol type; empty for a group that only has offsets.
    pub protocol_type: Name,
    /// The chosen protocol when stable, else empty.
    pub protocol: Name,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a described group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberDescription {
    /// Its id.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// The client's id.
    pub client_id: Name,
    /// The client's address.
    pub client_host: Name,
    /// What it said for the chosen protocol; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its assignment, the last one while the group is rebalanced.
    pub assignment: Bytes,
}

/// The state of a group of either protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum AnyState {
    /// Of a classic group.
    Classic(GroupState),
    /// Of a group of the new protocol.
    Consumer(ConsumerState),
}

/// A group in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListing {
    /// Its id.
    pub group: Name,
    /// Its protocol type; empty for a group that only has offsets.
    pub protocol_type: Name,
    /// Its state.
    pub state: AnyState,
}

/// A group in a survey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSurvey {
    /// Its id.
    pub group: Name,
    /// Its state.
    pub state: AnyState,
    /// What it committed: topic, its id (zero where that is not known), partition, offset.
    pub committed: Vec<(Name, TopicId, PartitionIndex, Offset)>,
}
