//! DescribeLogDirs (35), versions 1-4. KIP-113, KIP-827 (free space).
//!
//! AD-8: user interfaces take topic sizes from it. There is one log directory.

use super::answer::{Outcome, done, text};
use super::topics::Topics;
use super::whereabouts::Whereabouts;
use crate::base::PartitionIndex;
use crate::metadata::Topic;
use crate::wire::requests::DescribeLogDirsRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

/// "Not known."
const UNKNOWN_BYTES: i64 = -1;

/// Sizes of the file system that holds the data, in bytes; none when it doesn't tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Space {
    /// All of it.
    pub total: Option<u64>,
    /// What is left of it.
    pub free: Option<u64>,
}

pub(super) fn answer(
    topics: &Topics,
    place: &Whereabouts,
    space: Space,
    header: &RequestHeader,
    request: &DescribeLogDirsRequest,
) -> Outcome {
    let image = topics.image();
    let bytes = |bytes: Option<u64>| bytes.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(UNKNOWN_BYTES);
    let mut result = DescribeLogDirsResult::default();
    result.log_dir = text(place.data_dir.to_string_lossy());
    result.total_bytes = bytes(space.total);
    result.usable_bytes = bytes(space.free);
    match &request.topics {
        None => {
            let all = |topic: &Topic| (0..topic.partitions).map(PartitionIndex).collect::<Vec<_>>();
            result.topics = image.topics().filter_map(|topic| sizes(topics, topic, all(topic))).collect();
        }
        Some(asked) => {
            for asked in asked {
                let Some(topic) = image.topic(&asked.topic) else { continue };
                let mut indexes = asked.partitions.to_vec();
                indexes.retain(|index| topic.has(*index));
                result.topics.extend(sizes(topics, topic, indexes));
            }
        }
    }
    let mut response = DescribeLogDirsResponse::default();
    response.results.push(result);
    done(header, &response, ErrorCode::None)
}

fn sizes(topics: &Topics, topic: &Topic, indexes: Vec<PartitionIndex>) -> Option<DescribeLogDirsTopic> {
    let mut sizes = DescribeLogDirsTopic::default();
    sizes.name = TopicName(text(&*topic.name));
    sizes.partitions = indexes
        .into_iter()
        .map(|index| {
            // A partition that nobody has asked for yet in this run may have data all the same, but was registered at
            // the start then; one without a handle has no bytes.
            let bytes = topics.partitions().get(topic.id, index).map_or(0, |partition| partition.size_bytes());
            let mut size = DescribeLogDirsPartition::default();
            size.partition_index = index.0;
            size.partition_size = i64::try_from(bytes).unwrap_or(i64::MAX);
            size
        })
        .collect();
    (!sizes.partitions.is_empty()).then_some(sizes)
}
