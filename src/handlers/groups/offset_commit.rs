//! OffsetCommit (8), versions 2-10. KIP-211 (no retention time from 5), KIP-320 (leader epochs), KIP-345 (static members),
//! KIP-848 (member epochs, unknown groups), KIP-516 (topic ids from 10).
//!
//! - A topic or partition that does not exist is told UNKNOWN_TOPIC_OR_PARTITION (an id UNKNOWN_TOPIC_ID); the others are kept.
//! - What the group refuses is told of every partition that was left.
//! - The group may have the empty name: Kafka keeps offsets of it, too.

use super::{Groups, name, names};
use crate::base::{LeaderEpoch, Offset};
use crate::group::command::{Command, CommitOffsets, OffsetToCommit, Reply};
use crate::handlers::answer::{Outcome, done, first_error};
use crate::handlers::errors;
use crate::metadata::{Image, Topic};
use crate::wire::requests::OffsetCommitRequest;
use crate::wire::requests::group_offsets::OffsetCommitPartition;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use std::sync::Arc;
use std::time::Duration;

/// From here on topics are named by id.
const BY_ID_SINCE: i16 = 10;

/// From here on a group that is not known is an error of its own.
const UNKNOWN_GROUP_SINCE: i16 = 9;

/// The last version whose client says how long an offset is kept.
const RETENTION_UNTIL: i16 = 4;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    image: &Image,
    header: &RequestHeader,
    request: &OffsetCommitRequest,
) -> Outcome {
    let by_id = header.version >= BY_ID_SINCE;
    let (mut response, mut offsets, mut places) = (OffsetCommitResponse::default(), Vec::new(), Vec::new());
    for asked in &request.topics {
        let found = if by_id { image.topic_by_id(asked.topic_id) } else { image.topic(&asked.name) };
        let mut topic = OffsetCommitResponseTopic::default();
        for partition in &asked.partitions {
            let mut told = OffsetCommitResponsePartition::default();
            told.partition_index = partition.partition_index.0;
            match found.filter(|topic| topic.has(partition.partition_index)) {
                Some(found) => {
                    places.push((response.topics.len(), topic.partitions.len()));
                    offsets.push(offset(found, &partition));
                }
                None => told.error_code = missing(by_id, found.is_some()).code(),
            }
            topic.partitions.push(told);
        }
        if by_id {
            topic.topic_id = asked.topic_id.0;
        } else {
            topic.name = TopicName(asked.name);
        }
        response.topics.push(topic);
    }
    if !offsets.is_empty() {
        let codes = commit(groups, header, request, offsets, places.len()).await;
        for ((topic, partition), code) in places.into_iter().zip(codes) {
            response.topics[topic].partitions[partition].error_code = code.code();
        }
    }
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error(codes);
    done(header, &response, error)
}

/// Why there is nothing to commit for.
fn missing(by_id: bool, has_topic: bool) -> ErrorCode {
    if by_id && !has_topic { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition }
}

fn offset(topic: &Arc<Topic>, asked: &OffsetCommitPartition) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.name.clone(),
        topic_id: topic.id,
        partition: asked.partition_index,
        offset: Offset(asked.committed_offset.0),
        leader_epoch: LeaderEpoch(asked.committed_leader_epoch.0),
        metadata: names(asked.committed_metadata.as_deref()),
    }
}

async fn commit(
    groups: &Groups,
    header: &RequestHeader,
    request: &OffsetCommitRequest,
    offsets: Vec<OffsetToCommit>,
    count: usize,
) -> Vec<ErrorCode> {
    let retention = (header.version <= RETENTION_UNTIL).then_some(request.retention_time_ms);
    let commit = CommitOffsets {
        group: name(&request.group_id),
        generation: request.generation_id_or_member_epoch,
        member: name(&request.member_id),
        instance: request.group_instance_id.as_ref().map(name),
        retention: retention.and_then(|time| u64::try_from(time).ok()).map(Duration::from_millis),
        names_unknown_groups: header.version >= UNKNOWN_GROUP_SINCE,
        offsets,
    };
    match groups.ask(&request.group_id, Command::CommitOffsets(commit)).await {
        Ok(Reply::CommitOffsets(Ok(kept))) => {
            kept.into_iter().map(|one| one.map_or_else(errors::of_group, |()| ErrorCode::None)).collect()
        }
        Ok(Reply::CommitOffsets(Err(error))) => vec![errors::of_group(error); count],
        Ok(other) => unreachable!("a commit is answered with {other:?}"),
        Err(code) => vec![code; count],
    }
}
