//! OffsetForLeaderEpoch (23), versions 2-4. KIP-101, KIP-320 (fencing).
//!
//! FE-13: answers the end of the asked epoch, or of the largest one below it that is known; -1 when there is none. Java
//! validates positions with it, librdkafka uses exactly version 2. The end of the running epoch is the high watermark: a
//! log end could be taken back by a crash.

use super::answer::{Outcome, done, first_error};
use super::topics::Topics;
use super::{epochs, errors};
use crate::metadata::{Image, Topic};
use crate::wire::requests::OffsetForLeaderEpochRequest;
use crate::wire::requests::offsets::OffsetForLeaderPartition;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};

pub(super) fn answer(topics: &Topics, header: &RequestHeader, request: &OffsetForLeaderEpochRequest) -> Outcome {
    let image = topics.image();
    let mut response = OffsetForLeaderEpochResponse::default();
    for asked in &request.topics {
        let topic = image.topic(&asked.topic);
        let mut result = OffsetForLeaderTopicResult::default();
        result.partitions =
            asked.partitions.iter().map(|asked| one(topics, &image, topic.map(|t| &**t), &asked)).collect();
        result.topic = TopicName(asked.topic);
        response.topics.push(result);
    }
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error(codes);
    done(header, &response, error)
}

fn one(topics: &Topics, image: &Image, topic: Option<&Topic>, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let mut result = EpochEndOffset::default();
    result.partition = asked.partition.0;
    result.leader_epoch = -1;
    result.end_offset = -1;
    let partition = topic.and_then(|topic| topics.partition(image, topic, asked.partition));
    let Some(partition) = partition.filter(|partition| !partition.is_deleted()) else {
        result.error_code = ErrorCode::UnknownTopicOrPartition.code();
        return result;
    };
    if let Err(error) = partition.check_epoch(asked.current_leader_epoch) {
        result.error_code = errors::of_epoch(error).code();
        return result;
    }
    if let Some((epoch, end)) = epochs::end(&partition, asked.leader_epoch) {
        result.leader_epoch = epoch.0;
        result.end_offset = end.0;
    }
    result
}
