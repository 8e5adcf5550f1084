//! DeleteRecords (21), versions 0-2. KIP-107.
//!
//! - DR-1: -1 is the high watermark; beyond it, or below zero otherwise, OFFSET_OUT_OF_RANGE. The answer is the log start,
//!   durable by then. An offset that is gone already is no error. Cheap, as Kafka Streams purges its repartition topics
//!   with it all the time: the partitions of a request, and requests in flight, share one commit.
//! - DR-2: whoever was answered finds Fetch and ListOffsets to agree.
//! - A topic that is compacted and not deleted from answers POLICY_VIOLATION, an internal one INVALID_TOPIC_EXCEPTION.
//! - A partition that comes twice is answered once, for the last offset that was named, and a topic without partitions is
//!   left out, as with Kafka.
//! - `timeout_ms` is how long Kafka waits for followers. There are none here, and what is waited for is our own commit, as
//!   with Produce: REQUEST_TIMED_OUT comes only when the disk hangs, and the log start may rise all the same.

use super::answer::{Outcome, done, first_error};
use super::errors;
use super::produce::commit_wait;
use super::topic_name;
use super::topics::Topics;
use crate::base::{Offset, PartitionIndex};
use crate::metadata::{Image, Topic};
use crate::partition::Before;
use crate::wire::requests::DeleteRecordsRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use futures_util::future::join_all;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// "Up to the high watermark."
const HIGH_WATERMARK: Offset = Offset(-1);

/// The low watermark beside an error.
const UNKNOWN: Offset = Offset(-1);

/// What is asked of one topic: each partition once.
struct Asked {
    name: Str,
    partitions: Vec<(PartitionIndex, Offset)>,
}

pub(super) async fn answer(topics: &Topics, header: &RequestHeader, request: &DeleteRecordsRequest) -> Outcome {
    let image = topics.image();
    let wait = commit_wait(request.timeout_ms);
    let mut response = DeleteRecordsResponse::default();
    // All at once: one commit takes them all in.
    response.topics = join_all(gather(request).into_iter().map(|asked| of_topic(topics, &image, asked, wait))).await;
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error(codes);
    done(header, &response, error)
}

/// The request with each topic and each partition once, where it came first, with the offset that came last.
fn gather(request: &DeleteRecordsRequest) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut topics: HashMap<Str, usize> = HashMap::new();
    let mut partitions: HashMap<(usize, PartitionIndex), usize> = HashMap::new();
    for topic in request.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let at = *topics.entry(topic.name.clone()).or_insert(all.len());
        if at == all.len() {
            all.push(Asked { name: topic.name, partitions: Vec::with_capacity(topic.partitions.len()) });
        }
        for asked in &topic.partitions {
            let known = &mut all[at].partitions;
            match partitions.entry((at, asked.partition_index)) {
                Entry::Occupied(place) => known[*place.get()].1 = asked.offset,
                Entry::Vacant(place) => {
                    place.insert(known.len());
                    known.push((asked.partition_index, asked.offset));
                }
            }
        }
    }
    all
}

async fn of_topic(topics: &Topics, image: &Image, asked: Asked, wait: Duration) -> DeleteRecordsTopicResult {
    let topic = image.topic(&asked.name).map(|topic| &**topic);
    let each = asked.partitions.iter().map(async |(index, offset)| {
        let outcome = within(wait, delete(topics, image, topic, *index, *offset)).await;
        let mut result = DeleteRecordsPartitionResult::default();
        result.partition_index = index.0;
        result.low_watermark = outcome.unwrap_or(UNKNOWN).0;
        result.error_code = outcome.err().unwrap_or_default().code();
        result
    });
    let mut result = DeleteRecordsTopicResult::default();
    result.partitions = join_all(each).await;
    result.name = TopicName(asked.name);
    result
}

async fn delete(
    topics: &Topics,
    image: &Image,
    topic: Option<&Topic>,
    index: PartitionIndex,
    offset: Offset,
) -> Result<Offset, ErrorCode> {
    let topic = topic.filter(|topic| topic.has(index)).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic_name::is_internal(&topic.name) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let policy = topics.settings(topic).topic.cleanup;
    if policy.compact && !policy.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let partition = topics.partition(image, topic, index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let before = if offset == HIGH_WATERMARK { Before::HighWatermark } else { Before::Offset(offset) };
    partition.delete_records(before).await.map_err(|error| errors::of_delete(&error))
}

/// The outcome, unless it takes longer.
async fn within(wait: Duration, outcome: impl Future<Output = Result<Offset, ErrorCode>>) -> Result<Offset, ErrorCode> {
    tokio::time::timeout(wait, outcome).await.unwrap_or(Err(ErrorCode::RequestTimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_not_waited_for_for_ever() {
        let begun = tokio::time::Instant::now();
        let outcome = within(commit_wait(1_000), std::future::pending()).await;
        assert_eq!(outcome, Err(ErrorCode::RequestTimedOut));
        assert_eq!(begun.elapsed(), commit_wait(1_000));
        assert_eq!(within(Duration::ZERO, std::future::ready(Ok(Offset(3)))).await, Ok(Offset(3)));
    }
}
