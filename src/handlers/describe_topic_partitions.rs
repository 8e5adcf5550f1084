//! DescribeTopicPartitions (75), version 0. KIP-966.
//!
//! MD-8: advertised, it replaces Metadata in Java's `describeTopics`. Topics by name, page by page: at most
//! `max.request.partition.size.limit` partitions (2,000) or fewer as asked; a cursor says where the next page starts.

use super::answer::{Outcome, TOPIC_OPERATIONS, done, first_error};
use super::topic_name;
use super::topics::Topics;
use crate::base::NodeId;
use crate::metadata::{Image, Topic};
use crate::wire::requests::DescribeTopicPartitionsRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use std::collections::BTreeSet;

pub(super) fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &DescribeTopicPartitionsRequest,
) -> Outcome {
    let image = topics.image();
    let (first, first_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index.0),
        None => ("", 0),
    };
    let configured = i32::try_from(topics.configs().broker().described_partitions_max).unwrap_or(i32::MAX);
    let mut page = Page { image: &image, node, left: request.response_partition_limit.min(configured).max(1) };
    let mut response = DescribeTopicPartitionsResponse::default();
    if first_partition < 0 {
        response.topics =
            request.topics.iter().map(|topic| page.failed(topic.name, ErrorCode::InvalidRequest)).collect();
        return done(header, &response, ErrorCode::InvalidRequest);
    }
    let start = |name: &str| if name == first { first_partition } else { 0 };
    if request.topics.is_empty() {
        for topic in image.topics_from(first) {
            response.topics.extend(page.found(topic, start(&topic.name), &mut response.next_cursor));
            if response.next_cursor.is_some() {
                break;
            }
        }
    } else {
        let names: BTreeSet<Str> = request.topics.iter().map(|topic| topic.name).collect();
        for name in names.into_iter().filter(|name| name.as_str() >= first) {
            match image.topic(&name) {
                Some(topic) => {
                    response.topics.extend(page.found(topic, start(&name), &mut response.next_cursor));
                }
                None => {
                    let bad = topic_name::check(&name).is_err();
                    let invalid = ErrorCode::InvalidTopicException;
                    let code = if bad { invalid } else { ErrorCode::UnknownTopicOrPartition };
                    response.topics.push(page.failed(name, code));
                }
            }
            if response.next_cursor.is_some() {
                break;
            }
        }
    }
    let error = first_error(response.topics.iter().map(|topic| topic.error_code));
    done(header, &response, error)
}

struct Page<'a> {
    image: &'a Image,
    node: NodeId,
    left: i32,
}

impl Page<'_> {
    fn failed(&self, name: Str, code: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
        let mut topic = DescribeTopicPartitionsResponseTopic::default();
        topic.error_code = code.code();
        topic.is_internal = topic_name::is_internal(&name);
        topic.name = Some(name.into());
        topic.topic_authorized_operations = TOPIC_OPERATIONS; // Kafka tells them of a missing topic too
        topic
    }

    /// The topic from a partition on, as far as there is room. The cursor is set where the room ended.
    fn found(
        &mut self,
        topic: &Topic,
        from: i32,
        next: &mut Option<Cursor>,
    ) -> Option<DescribeTopicPartitionsResponseTopic> {
        let name = || Str::from_string(topic.name.to_string());
        let count = self.left.min(topic.partitions.saturating_sub(from).max(0));
        let upto = from.saturating_add(count);
        if upto < topic.partitions {
            let mut cursor = Cursor::default();
            cursor.topic_name = name().into();
            cursor.partition_index = upto;
            *next = Some(cursor);
        }
        if count == 0 && from < topic.partitions {
            return None; // all of it is on the next page
        }
        self.left -= count;
        let epoch = self.image.leader_epoch(topic).0;
        let node = self.node.0;
        let mut found = DescribeTopicPartitionsResponseTopic::default();
        found.name = Some(name().into());
        found.topic_id = topic.id.0;
        found.is_internal = topic_name::is_internal(&topic.name);
        found.topic_authorized_operations = TOPIC_OPERATIONS;
        found.partitions = (from..upto).map(|index| partition(index, node, epoch)).collect();
        Some(found)
    }
}

fn partition(index: i32, node: i32, epoch: i32) -> DescribeTopicPartitionsResponsePartition {
    let mut partition = DescribeTopicPartitionsResponsePartition::default();
    partition.partition_index = index;
    partition.leader_id = node.into();
    partition.leader_epoch = epoch;
    partition.replica_nodes = vec![node.into()];
    partition.isr_nodes = vec![node.into()];
    partition.eligible_leader_replicas = Some(Vec::new());
    partition.last_known_elr = Some(Vec::new());
    partition
}
