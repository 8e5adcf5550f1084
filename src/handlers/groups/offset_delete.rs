//! OffsetDelete (47), version 0. KIP-496.
//!
//! Offsets of topics to which a group with members is subscribed stay: GROUP_SUBSCRIBED_TO_TOPIC.

use super::{Groups, name};
use crate::group::command::{Command, DeleteOffsets, Reply};
use crate::handlers::answer::{Outcome, done, first_error};
use crate::handlers::errors;
use crate::metadata::Image;
use crate::wire::requests::OffsetDeleteRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    image: &Image,
    header: &RequestHeader,
    request: &OffsetDeleteRequest,
) -> Outcome {
    let (mut response, mut partitions, mut places) = (OffsetDeleteResponse::default(), Vec::new(), Vec::new());
    for asked in &request.topics {
        let found = image.topic(&asked.name);
        let mut topic = OffsetDeleteResponseTopic::default();
        for partition in &asked.partitions {
            let mut told = OffsetDeleteResponsePartition::default();
            told.partition_index = partition.partition_index.0;
            if found.is_some_and(|topic| topic.has(partition.partition_index)) {
                places.push((response.topics.len(), topic.partitions.len()));
                partitions.push((name(&asked.name), partition.partition_index));
            } else {
                told.error_code = ErrorCode::UnknownTopicOrPartition.code();
            }
            topic.partitions.push(told);
        }
        topic.name = TopicName(asked.name);
        response.topics.push(topic);
    }
    let delete = DeleteOffsets { group: name(&request.group_id), partitions };
    match groups.ask(&request.group_id, Command::DeleteOffsets(delete)).await {
        Ok(Reply::DeleteOffsets(Ok(deleted))) => {
            for ((topic, partition), outcome) in places.into_iter().zip(deleted) {
                let code = outcome.map_or_else(errors::of_group, |()| ErrorCode::None);
                response.topics[topic].partitions[partition].error_code = code.code();
            }
        }
        Ok(Reply::DeleteOffsets(Err(error))) => refuse(&mut response, errors::of_group(error)),
        Ok(other) => unreachable!("a deletion of offsets is answered with {other:?}"),
        Err(code) => refuse(&mut response, code),
    }
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error([response.error_code].into_iter().chain(codes));
    done(header, &response, error)
}

fn refuse(response: &mut OffsetDeleteResponse, code: ErrorCode) {
    response.error_code = code.code();
    response.topics.clear();
}
