//! Produce: the request, whose record batches stay slices of the frame, and its answer.

use super::requests::caps::{PARTITIONS_MAX, TOPICS_MAX};
use super::requests::define::request;
use super::writer::{CurrentLeader, NodeEndpoint, Writer};
use super::{Array, ErrorCode, RequestHeader, Str};
use crate::base::{Offset, PartitionIndex, Timestamp, TopicId};
use bytes::{BufMut, Bytes};

request! {
    /// Appends record batches.
    pub struct ProduceRequest {
        /// Null for a producer without transactions.
        transactional_id: Option<Str>;
        /// 0 no answer, 1 or -1 when durable.
        acks: i16;
        /// How long the client waits, milliseconds.
        timeout_ms: i32;
        /// The batches.
        topic_data: Array<TopicProduceData> [max TOPICS_MAX];
    }

    /// One topic of [`ProduceRequest`].
    pub struct TopicProduceData {
        /// Its name, up to version 12.
        name: Str [in ..=12];
        /// Its id, from version 13 (KIP-516).
        topic_id: TopicId [in 13..] = TopicId::ZERO;
        /// Its partitions.
        partition_data: Array<PartitionProduceData> [max PARTITIONS_MAX];
    }

    /// One partition of [`TopicProduceData`].
    pub struct PartitionProduceData {
        /// Its number.
        index: PartitionIndex;
        /// The batch, as sent: a slice of the frame, unchecked.
        records: Option<Bytes>;
    }
}

/// What became of a [`ProduceRequest`]; not sent when `acks` was 0 (PR-1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProduceResponse {
    /// By topic, in the order of the request.
    pub responses: Vec<TopicProduceResponse>,
    /// How long the client is throttled, milliseconds.
    pub throttle_time_ms: i32,
    /// Where the leaders named below can be reached (version 10 and later, PR-11).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of [`ProduceResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct TopicProduceResponse {
    /// Its name, sent up to version 12.
    pub name: Str,
    /// Its id, sent from version 13.
    pub topic_id: TopicId,
    /// By partition.
    pub partition_responses: Vec<PartitionProduceResponse>,
}

/// One partition of [`TopicProduceResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionProduceResponse {
    /// Its number.
    pub index: PartitionIndex,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The offset of the batch's first record (PR-10); -1 with an error.
    pub base_offset: Offset,
    /// The time the broker gave the records, with LogAppendTime; else none (PR-5).
    pub log_append_time: Timestamp,
    /// The partition's first offset (version 5 and later); -1 when unknown.
    pub log_start_offset: Offset,
    /// Which records were at fault (version 8 and later, PR-4).
    pub record_errors: Vec<RecordError>,
    /// What went wrong, in words (version 8 and later).
    pub error_message: Option<Str>,
    /// Who leads, when it isn't this broker (version 10 and later, PR-11).
    pub current_leader: Option<CurrentLeader>,
}

/// A record that was at fault (KIP-467).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Its place in the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: Option<Str>,
}

impl PartitionProduceResponse {
    /// A partition to which nothing was appended.
    pub fn failed(index: PartitionIndex, error_code: ErrorCode) -> Self {
        PartitionProduceResponse {
            index,
            error_code,
            base_offset: Offset(-1),
            log_append_time: Timestamp::NONE,
            log_start_offset: Offset(-1),
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        }
    }

    fn put(&self, writer: &mut Writer) {
        writer.out.put_i32(self.index.0);
        writer.error(self.error_code);
        writer.out.put_i64(self.base_offset.0);
        writer.out.put_i64(self.log_append_time.0);
        if writer.since(5) {
            writer.out.put_i64(self.log_start_offset.0);
        }
        if writer.since(8) {
            writer.count(self.record_errors.len());
            for error in &self.record_errors {
                writer.out.put_i32(error.batch_index);
                writer.string(error.message.as_deref());
                writer.no_tags();
            }
            writer.string(self.error_message.as_deref());
        }
        match self.current_leader.filter(|_| writer.since(10)) {
            Some(leader) => {
                writer.tag_count(1);
                writer.tag(0, |writer| leader.put(writer));
            }
            None => writer.no_tags(),
        }
    }
}

impl ProduceResponse {
    /// The whole answer, header included, without the frame's length.
    pub fn encode(&self, header: &RequestHeader) -> Bytes {
        let partitions: usize = self.responses.iter().map(|topic| topic.partition_responses.len()).sum();
        let mut writer = Writer::new(header.at(), 64 + 64 * (self.responses.len() + partitions));
        header.put_response(&mut writer.out);
        writer.count(self.responses.len());
        for topic in &self.responses {
            match writer.since(13) {
                true => writer.out.put_slice(topic.topic_id.0.as_bytes()),
                false => writer.string(Some(&topic.name)),
            }
            writer.count(topic.partition_responses.len());
            for partition in &topic.partition_responses {
                partition.put(&mut writer);
            }
            writer.no_tags();
        }
        writer.out.put_i32(self.throttle_time_ms);
        match writer.since(10) {
            true => NodeEndpoint::put_tag(&self.node_endpoints, &mut writer),
            false => writer.no_tags(),
        }
        writer.out.freeze()
    }
}

#[cfg(test)]
#[path = "produce_tests.rs"]
mod tests;
