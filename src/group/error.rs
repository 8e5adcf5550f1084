//! Why a group refuses. The handlers turn each into Kafka's code, once.

/// A refusal, by its reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupError {
    /// An empty group id where a group is needed.
    #[error("the group id is not valid")]
    InvalidGroupId,
    /// There is no such group.
    #[error("the group does not exist")]
    GroupIdNotFound,
    /// The group is there and of another kind, or has members.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// The member is not one of the group.
    #[error("the member is not known to the group")]
    UnknownMemberId,
    /// The member is to join again with the id that it is given (KIP-394).
    #[error("the member is to join with the id that it was given")]
    MemberIdRequired,
    /// Another member took over the static instance id (KIP-345).
    #[error("another member has the instance id now")]
    FencedInstanceId,
    /// A static member that lives has the instance id; it must leave first (KIP-848).
    #[error("another member has the instance id still")]
    UnreleasedInstanceId,
    /// The member's epoch is not the group's for it: it must give up all partitions and join anew (KIP-848).
    #[error("the member epoch is not the one that the group knows; the member must give up its partitions and rejoin")]
    FencedMemberEpoch,
    /// A commit or a fetch of an epoch that is not the member's (KIP-848).
    #[error("the member epoch is not the one that the group knows")]
    StaleMemberEpoch,
    /// The broker has no such assignor (KIP-848).
    #[error("the assignor is not one of the broker's")]
    UnsupportedAssignor,
    /// The regular expression can't be compiled, or is too long or too hard to match (KIP-848).
    #[error("the regular expression is not valid, or too long or too costly to match")]
    InvalidRegularExpression,
    /// One regular expression more than a group may have, or its topics are more than a group can remember.
    #[error("the group has as many regular expressions as it may, or they match more topics than it can remember")]
    TooManyExpressions,
    /// A request whose fields contradict each other.
    #[error("the request's fields do not go together")]
    InvalidRequest,
    /// The request's version is too old for a member of the new protocol.
    #[error("the version is too old for a member of the consumer protocol")]
    UnsupportedVersion,
    /// The group is there, and is a consumer group (DescribeGroups).
    #[error("the group is not a classic group")]
    NotClassicGroup,
    /// The group is there, and is no group of the consumer protocol (ConsumerGroupDescribe).
    #[error("the group is not a consumer group")]
    NotConsumerGroup,
    /// The generation is over, or to come.
    #[error("the generation is not the group's")]
    IllegalGeneration,
    /// The members are to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// Protocol type or protocols have nothing in common with the group's.
    #[error("the protocol type or the protocols are not the group's")]
    InconsistentGroupProtocol,
    /// The session timeout is not within `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    #[error("the session timeout is not within the limits of the broker")]
    InvalidSessionTimeout,
    /// The group has `group.max.size` members.
    #[error("the group has as many members as it may")]
    GroupMaxSizeReached,
    /// What the group is to remember does not fit into a record.
    #[error("the state of the group does not fit into a record")]
    StateTooLarge,
    /// The metadata of a committed offset is longer than `offset.metadata.max.bytes`.
    #[error("the metadata of the offset are too long")]
    OffsetMetadataTooLarge,
    /// The group is subscribed to the topic whose offsets are to go.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// No such topic or partition.
    #[error("the topic or partition is not known")]
    UnknownTopicOrPartition,
    /// No such topic id.
    #[error("the topic id is not known")]
    UnknownTopicId,
    /// A transaction that is still open has an offset for the partition (KIP-447).
    #[error("a transaction has an offset for the partition that is not settled yet")]
    UnstableOffsetCommit,
    /// The coordinator can't take this now; the client is to ask again.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
}
