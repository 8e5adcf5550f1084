//! Domain errors as Kafka's codes: the only place, apart from single handlers, where one becomes the other. Every match
//! is exhaustive, so that a new error asks for its code here.

use crate::group::GroupError;
use crate::log;
use crate::metadata::{CommitError, Refusal};
use crate::partition::{AckError, AppendError, DeleteError, EpochError, ReadError};
use crate::record::BatchError;
use crate::settings::AlterError;
use crate::wire::ErrorCode;

/// Why a batch is not acceptable (PR-2).
pub(super) fn of_batch(error: &BatchError) -> ErrorCode {
    match error {
        BatchError::Magic { magic: 0 | 1 } => ErrorCode::InvalidRecord, // an old format, not damage
        BatchError::Length { .. }
        | BatchError::Magic { .. }
        | BatchError::Crc { .. }
        | BatchError::Misplaced { .. }
        | BatchError::Heads { .. }
        | BatchError::Epoch { .. } => ErrorCode::CorruptMessage,
        // not exactly one whole batch
        BatchError::TooShort { .. }
        | BatchError::Truncated { .. }
        | BatchError::Trailing { .. }
        | BatchError::Attributes { .. }
        | BatchError::AppendTime
        | BatchError::Control
        | BatchError::Count { .. }
        | BatchError::Sequence { .. }
        | BatchError::Record { .. } => ErrorCode::InvalidRecord,
        BatchError::Codec { .. } => ErrorCode::UnsupportedCompressionType,
    }
}

/// Why a group refuses.
pub(super) fn of_group(error: GroupError) -> ErrorCode {
    match error {
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::GroupIdNotFound | GroupError::NotClassicGroup | GroupError::NotConsumerGroup => {
            ErrorCode::GroupIdNotFound
        }
        GroupError::UnreleasedInstanceId => ErrorCode::UnreleasedInstanceId,
        GroupError::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        GroupError::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        GroupError::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        // Kafka knows no such bound; of its codes this one tells a user where to look.
        GroupError::InvalidRegularExpression | GroupError::TooManyExpressions => ErrorCode::InvalidRegularExpression,
        GroupError::InvalidRequest => ErrorCode::InvalidRequest,
        GroupError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
        GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
        GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
        GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        // As Kafka turns a record that is too large for its topic.
        GroupError::StateTooLarge => ErrorCode::UnknownServerError,
        GroupError::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        GroupError::UnknownTopicId => ErrorCode::UnknownTopicId,
        GroupError::UnstableOffsetCommit => ErrorCode::UnstableOffsetCommit,
        GroupError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
    }
}

/// Why an append was refused (PR-3, PR-5, PR-7, PR-12).
pub(super) fn of_append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Refused(refused) => of_log(refused),
        AppendError::Deleted => ErrorCode::UnknownTopicOrPartition,
        AppendError::DiskFull | AppendError::Failed => ErrorCode::KafkaStorageError,
        AppendError::Stopping => ErrorCode::NotLeaderOrFollower,
    }
}

/// Whether Kafka tells the partition's log start beside the refusal: where the log looked at the batch and refused it.
pub(super) fn tells_log_start(error: &AppendError) -> bool {
    match error {
        AppendError::Refused(
            log::AppendError::TimestampInvalid { .. }
            | log::AppendError::OutOfOrderSequence { .. }
            | log::AppendError::DuplicateSequence { .. }
            | log::AppendError::ProducerFenced { .. },
        ) => true,
        AppendError::Refused(
            log::AppendError::TooLarge { .. }
            | log::AppendError::TooLargeForSegment { .. }
            | log::AppendError::OffsetsExhausted { .. },
        )
        | AppendError::Deleted
        | AppendError::DiskFull
        | AppendError::Failed
        | AppendError::Stopping => false,
    }
}

fn of_log(error: &log::AppendError) -> ErrorCode {
    match error {
        log::AppendError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        log::AppendError::TooLargeForSegment { .. } => ErrorCode::RecordListTooLarge,
        log::AppendError::TimestampInvalid { .. } => ErrorCode::InvalidTimestamp,
        log::AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        log::AppendError::DuplicateSequence { .. } => ErrorCode::DuplicateSequenceNumber,
        log::AppendError::ProducerFenced { .. } => ErrorCode::InvalidProducerEpoch,
        log::AppendError::OffsetsExhausted { .. } => ErrorCode::KafkaStorageError,
    }
}

/// Why an appended batch is not acknowledged.
pub(super) fn of_ack(error: AckError) -> ErrorCode {
    match error {
        AckError::Storage => ErrorCode::KafkaStorageError,
        AckError::Deleted => ErrorCode::UnknownTopicOrPartition,
    }
}

/// Why a read failed.
pub(super) fn of_read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Deleted => ErrorCode::UnknownTopicOrPartition,
        ReadError::Storage(_) => ErrorCode::KafkaStorageError,
        ReadError::Corrupt(_) => ErrorCode::CorruptMessage,
    }
}

/// Why records were not deleted (DR-1).
pub(super) fn of_delete(error: &DeleteError) -> ErrorCode {
    match error {
        DeleteError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        DeleteError::Deleted => ErrorCode::UnknownTopicOrPartition,
        DeleteError::Storage => ErrorCode::KafkaStorageError,
        DeleteError::Stopping => ErrorCode::NotLeaderOrFollower,
    }
}

/// Why a leader epoch does not fit (FE-11).
pub(super) fn of_epoch(error: EpochError) -> ErrorCode {
    match error {
        EpochError::Fenced { .. } => ErrorCode::FencedLeaderEpoch,
        EpochError::Unknown { .. } => ErrorCode::UnknownLeaderEpoch,
    }
}

/// Why configuration was not altered (AD-4, AD-6).
pub(super) fn of_alter(error: &AlterError) -> ErrorCode {
    if error.is_invalid_config() { ErrorCode::InvalidConfig } else { ErrorCode::InvalidRequest }
}

/// Why a change of the metadata was not made.
pub(super) fn of_commit(error: &CommitError) -> ErrorCode {
    match error {
        CommitError::Refused(refusal) => of_refusal(refusal),
        CommitError::TooLarge { .. } => ErrorCode::InvalidRequest,
        CommitError::Unavailable(_) => ErrorCode::RequestTimedOut,
        CommitError::NotWritten(_) | CommitError::Broken(_) => ErrorCode::KafkaStorageError,
        CommitError::Closed => ErrorCode::NotController,
    }
}

fn of_refusal(refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::TopicExists { .. } => ErrorCode::TopicAlreadyExists,
        Refusal::TopicCollides { .. } => ErrorCode::InvalidTopicException,
        Refusal::UnknownTopic { .. } => ErrorCode::UnknownTopicOrPartition,
        Refusal::PartitionCount { .. } | Refusal::PartitionsNotMore { .. } => ErrorCode::InvalidPartitions,
        Refusal::Exhausted { .. } => ErrorCode::KafkaStorageError,
        Refusal::FeatureLevel { .. } => ErrorCode::InvalidUpdateVersion,
        Refusal::Declined { .. } => ErrorCode::InvalidConfig,
        // Ids are drawn anew for each attempt and clusters are founded at start: neither reaches a client.
        Refusal::TopicIdTaken { .. } | Refusal::ClusterExists { .. } => ErrorCode::InvalidRequest,
    }
}
