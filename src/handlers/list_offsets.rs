//! ListOffsets (2), versions 1-10. KIP-79 (timestamps), KIP-98 (isolation), KIP-320 (epochs), KIP-734 (largest
//! timestamp), KIP-405 and KIP-1005 (tiers), KIP-1075 (timeout).
//!
//! - LO-1: -1 the high watermark (for read_committed the last stable offset), -2 the first offset, -3 the record with the
//!   largest timestamp (7+), -4 the first local offset (8+), -5 the last tiered one (9+). Without a tier -4 is the first
//!   offset and -5 is answered -1, as Kafka does.
//! - LO-3: a timestamp answers the first offset at or after it; none is -1 without an error.
//! - A special position that the version does not know is answered UNSUPPORTED_VERSION for its partition.

use super::answer::{Outcome, done, first_error};
use super::topics::Topics;
use super::{epochs, errors};
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp};
use crate::metadata::{Image, Topic};
use crate::partition::{FoundOffset, ReadError};
use crate::wire::requests::ListOffsetsRequest;
use crate::wire::requests::offsets::ListOffsetsPartition;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Special positions, and the versions that know them.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const MAX_TIMESTAMP_SINCE: i16 = 7;
const EARLIEST_LOCAL: i64 = -4;
const EARLIEST_LOCAL_SINCE: i16 = 8;
const LATEST_TIERED: i64 = -5;
const LATEST_TIERED_SINCE: i16 = 9;

/// From here on the epoch is told.
const EPOCH_SINCE: i16 = 4;

/// `isolation_level` of a consumer that wants committed records only.
const READ_COMMITTED: i8 = 1;

/// What was found.
#[derive(Clone, Copy)]
struct Found {
    offset: Offset,
    timestamp: Timestamp,
    epoch: LeaderEpoch,
}

impl Found {
    const NOTHING: Found = Found { offset: Offset(-1), timestamp: Timestamp::NONE, epoch: LeaderEpoch::UNKNOWN };

    fn at(offset: Offset, epoch: LeaderEpoch) -> Found {
        Found { offset, timestamp: Timestamp::NONE, epoch }
    }
}

pub(super) async fn answer(topics: Arc<Topics>, header: &RequestHeader, request: &ListOffsetsRequest) -> Outcome {
    let image = topics.image();
    let twice = named_twice(request);
    let mut response = ListOffsetsResponse::default();
    for asked in &request.topics {
        let topic = image.topic(&asked.name);
        let mut result = ListOffsetsTopicResponse::default();
        for partition in &asked.partitions {
            let found = if twice.contains_key(&(asked.name.clone(), partition.partition_index)) {
                Err(ErrorCode::InvalidRequest)
            } else {
                let topic = topic.map(|topic| &**topic);
                one(&topics, &image, topic, header.version, request.isolation_level, &partition).await
            };
            result.partitions.push(told(header.version, partition.partition_index, found));
        }
        result.name = TopicName(asked.name);
        response.topics.push(result);
    }
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error(codes);
    done(header, &response, error)
}

/// Partitions that a request names more than once.
fn named_twice(request: &ListOffsetsRequest) -> HashMap<(Str, PartitionIndex), usize> {
    let mut times: HashMap<(Str, PartitionIndex), usize> = HashMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((topic.name.clone(), partition.partition_index)).or_default() += 1;
        }
    }
    times.retain(|_, times| *times > 1);
    times
}

async fn one(
    topics: &Topics,
    image: &Image,
    topic: Option<&Topic>,
    version: i16,
    isolation_level: i8,
    asked: &ListOffsetsPartition,
) -> Result<Found, ErrorCode> {
    let partition = topic.and_then(|topic| topics.partition(image, topic, asked.partition_index));
    let partition = partition.filter(|partition| !partition.is_deleted()).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    partition.check_epoch(asked.current_leader_epoch).map_err(errors::of_epoch)?;
    let marks = partition.watermarks();
    let readable = if isolation_level == READ_COMMITTED { marks.stable } else { marks.durable };
    match asked.timestamp.0 {
        LATEST => Ok(Found::at(readable, partition.leader_epoch())),
        EARLIEST => Ok(Found::at(marks.log_start, epochs::of_offset(&partition, marks.log_start))),
        EARLIEST_LOCAL if version >= EARLIEST_LOCAL_SINCE => {
            Ok(Found::at(marks.log_start, epochs::of_offset(&partition, marks.log_start)))
        }
        LATEST_TIERED if version >= LATEST_TIERED_SINCE => Ok(Found::NOTHING),
        MAX_TIMESTAMP if version >= MAX_TIMESTAMP_SINCE => searched(partition.max_timestamp().await, readable),
        ..0 => Err(ErrorCode::UnsupportedVersion),
        0.. => searched(partition.offset_for_timestamp(asked.timestamp).await, readable),
    }
}

fn searched(found: Result<Option<FoundOffset>, ReadError>, below: Offset) -> Result<Found, ErrorCode> {
    match found {
        Ok(Some(FoundOffset { offset, timestamp, leader_epoch })) if offset < below => {
            Ok(Found { offset, timestamp, epoch: leader_epoch })
        }
        Ok(Some(_) | None) => Ok(Found::NOTHING),
        Err(error) => Err(errors::of_read(&error)),
    }
}

fn told(version: i16, index: PartitionIndex, found: Result<Found, ErrorCode>) -> ListOffsetsPartitionResponse {
    let mut result = ListOffsetsPartitionResponse::default();
    let (found, code) = match found {
        Ok(found) => (found, ErrorCode::None),
        Err(code) => (Found::NOTHING, code),
    };
    result.partition_index = index.0;
    result.error_code = code.code();
    result.offset = found.offset.0;
    result.timestamp = found.timestamp.0;
    result.leader_epoch = if version >= EPOCH_SINCE { found.epoch.0 } else { -1 };
    result
}
