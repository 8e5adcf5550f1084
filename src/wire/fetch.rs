//! Fetch: the request, and its answer as a plan of header bytes and record parts.

use super::requests::caps::{PARTITIONS_MAX, TOPICS_MAX};
use super::requests::define::request;
use super::writer::{CurrentLeader, NodeEndpoint, Writer};
use super::{Array, ErrorCode, RequestHeader, Str};
use crate::base::{Body, LeaderEpoch, NodeId, Offset, Part, PartitionIndex, ProducerId, TopicId};
use bytes::BufMut;
use uuid::Uuid;

request! {
    /// Reads record batches.
    pub struct FetchRequest {
        /// The cluster that the sender believes in.
        cluster_id: Option<Str> [in 12..] [tag 0];
        /// -1 for a consumer. From version 15 in `replica_state`.
        replica_id: NodeId [in ..=14] = NodeId(-1);
        /// Which follower asks, from version 15 (KIP-903).
        replica_state: ReplicaState [in 15..] [tag 1];
        /// How long to wait for `min_bytes`, milliseconds.
        max_wait_ms: i32;
        /// How many bytes are worth an answer before that time.
        min_bytes: i32;
        /// Most bytes of the answer (FE-3).
        max_bytes: i32 = i32::MAX;
        /// 0 read_uncommitted, 1 read_committed.
        isolation_level: i8;
        /// The fetch session (KIP-227); 0 for none.
        session_id: i32 [in 7..];
        /// The number of this request in its session; 0 opens one, -1 closes or does without.
        session_epoch: i32 [in 7..] = -1;
        /// The partitions; within a session those that changed.
        topics: Array<FetchTopic> [max TOPICS_MAX];
        /// Partitions that leave the session.
        forgotten_topics_data: Array<ForgottenTopic> [in 7..] [max TOPICS_MAX];
        /// Where the consumer is (KIP-392).
        rack_id: Str [in 11..];
    }

    /// One topic of [`FetchRequest`].
    pub struct FetchTopic {
        /// Its name, up to version 12.
        topic: Str [in ..=12];
        /// Its id, from version 13 (KIP-516).
        topic_id: TopicId [in 13..] = TopicId::ZERO;
        /// Its partitions.
        partitions: Array<FetchPartition> [max PARTITIONS_MAX];
    }

    /// One partition of [`FetchTopic`].
    pub struct FetchPartition {
        /// Its number.
        partition: PartitionIndex;
        /// The leader epoch that the client knows, for fencing (FE-11).
        current_leader_epoch: LeaderEpoch [in 9..] = LeaderEpoch::UNKNOWN;
        /// The first offset wanted.
        fetch_offset: Offset;
        /// The epoch of the last record that the client has, for truncation (FE-12).
        last_fetched_epoch: LeaderEpoch [in 12..] = LeaderEpoch::UNKNOWN;
        /// A follower's log start.
        log_start_offset: Offset [in 5..] = Offset(-1);
        /// Most bytes of this partition.
        partition_max_bytes: i32;
        /// A follower's log directory (KIP-853).
        replica_directory_id: Uuid [in 17..] [tag 0];
        /// A follower's high watermark (KIP-1166).
        high_watermark: Offset [in 18..] [tag 1] = Offset(i64::MAX);
    }

    /// Partitions that leave the session.
    pub struct ForgottenTopic {
        /// The topic's name, up to version 12.
        topic: Str [in ..=12];
        /// The topic's id, from version 13.
        topic_id: TopicId [in 13..] = TopicId::ZERO;
        /// The partitions.
        partitions: Array<PartitionIndex> [max PARTITIONS_MAX];
    }

    /// A follower and its epoch.
    pub struct ReplicaState {
        /// The follower; -1 for a consumer.
        replica_id: NodeId = NodeId(-1);
        /// Its epoch; -1 when there is none.
        replica_epoch: i64 = -1;
    }
}

/// What a [`FetchRequest`] gets, with the records as parts that need not be in memory.
#[derive(Clone, Default)]
pub struct FetchResponse {
    /// How long the client is throttled, milliseconds.
    pub throttle_time_ms: i32,
    /// What is wrong with the request or its session (version 7 and later).
    pub error_code: ErrorCode,
    /// The session, 0 for none (version 7 and later).
    pub session_id: i32,
    /// By topic, in the order of the request (FE-3).
    pub responses: Vec<FetchableTopicResponse>,
    /// Where the leaders named below can be reached (version 16 and later).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of [`FetchResponse`].
#[derive(Clone)]
pub struct FetchableTopicResponse {
    /// Its name, sent up to version 12.
    pub topic: Str,
    /// Its id, sent from version 13.
    pub topic_id: TopicId,
    /// By partition.
    pub partitions: Vec<PartitionData>,
}

/// One partition of [`FetchableTopicResponse`].
#[derive(Clone)]
pub struct PartitionData {
    /// Its number.
    pub partition_index: PartitionIndex,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The first offset that may not be read yet.
    pub high_watermark: Offset,
    /// The first offset that read_committed may not read yet.
    pub last_stable_offset: Offset,
    /// The first offset there is (version 5 and later).
    pub log_start_offset: Offset,
    /// Where the client's log parts from this one (version 12 and later, FE-12).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// Who leads, when it isn't this broker (version 12 and later).
    pub current_leader: Option<CurrentLeader>,
    /// Aborted transactions in the range, by first offset (FE-5); null for read_uncommitted.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// A better replica to ask; -1 when there is none (version 11 and later, FE-4).
    pub preferred_read_replica: NodeId,
    /// Whole batches. None is sent as empty, never as null (FE-1).
    pub records: Vec<Part>,
}

/// Where an epoch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The largest epoch that is not above the client's.
    pub epoch: LeaderEpoch,
    /// Its end.
    pub end_offset: Offset,
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
}

impl PartitionData {
    /// A partition without records: what an error says, or the start of a good answer.
    pub fn empty(partition_index: PartitionIndex, error_code: ErrorCode) -> Self {
        PartitionData {
            partition_index,
            error_code,
            high_watermark: Offset(-1),
            last_stable_offset: Offset(-1),
            log_start_offset: Offset(-1),
            diverging_epoch: None,
            current_leader: None,
            aborted_transactions: None,
            preferred_read_replica: NodeId(-1),
            records: Vec::new(),
        }
    }

    /// What comes before the records.
    fn put_head(&self, writer: &mut Writer) {
        writer.out.put_i32(self.partition_index.0);
        writer.error(self.error_code);
        writer.out.put_i64(self.high_watermark.0);
        writer.out.put_i64(self.last_stable_offset.0);
        if writer.since(5) {
            writer.out.put_i64(self.log_start_offset.0);
        }
        writer.length(self.aborted_transactions.as_ref().map(|aborted| aborted.len() as u64));
        for aborted in self.aborted_transactions.iter().flatten() {
            writer.out.put_i64(aborted.producer_id.0);
            writer.out.put_i64(aborted.first_offset.0);
            writer.no_tags();
        }
        if writer.since(11) {
            writer.out.put_i32(self.preferred_read_replica.0);
        }
        writer.length(Some(self.records.iter().map(Part::len).sum()));
    }

    /// What comes after the records: the tagged section, where the version has one.
    fn put_tail(&self, writer: &mut Writer) {
        let tags = [self.diverging_epoch.is_some(), self.current_leader.is_some()];
        writer.tag_count(tags.into_iter().filter(|present| *present).count());
        if !writer.since(12) {
            return;
        }
        if let Some(diverging) = self.diverging_epoch {
            writer.tag(0, |writer| {
                writer.out.put_i32(diverging.epoch.0);
                writer.out.put_i64(diverging.end_offset.0);
                writer.no_tags();
            });
        }
        if let Some(leader) = self.current_leader {
            writer.tag(1, |writer| leader.put(writer));
        }
    }
}

impl FetchResponse {
    /// The whole answer, header included, without the frame's length: the records' parts go in as they are, with the
    /// bytes between them in as few parts as can be.
    pub fn encode(self, header: &RequestHeader) -> Body {
        let partitions: usize = self.responses.iter().map(|topic| topic.partitions.len()).sum();
        let mut writer = Writer::new(header.at(), 64 + 64 * (self.responses.len() + partitions));
        // A heading and the records of each partition, and the end.
        let mut parts = Vec::with_capacity(2 * partitions + 1);
        header.put_response(&mut writer.out);
        writer.out.put_i32(self.throttle_time_ms);
        if writer.since(7) {
            writer.error(self.error_code);
            writer.out.put_i32(self.session_id);
        }
        writer.count(self.responses.len());
        for topic in self.responses {
            match writer.since(13) {
                true => writer.out.put_slice(topic.topic_id.0.as_bytes()),
                false => writer.string(Some(&topic.topic)),
            }
            writer.count(topic.partitions.len());
            for mut partition in topic.partitions {
                partition.put_head(&mut writer);
                let records = std::mem::take(&mut partition.records);
                if records.iter().any(|part| !part.is_empty()) {
                    parts.push(Part::Bytes(writer.out.split().freeze()));
                    parts.extend(records.into_iter().filter(|part| !part.is_empty()));
                }
                partition.put_tail(&mut writer);
            }
            writer.no_tags();
        }
        match writer.since(16) {
            true => NodeEndpoint::put_tag(&self.node_endpoints, &mut writer),
            false => writer.no_tags(),
        }
        if !writer.out.is_empty() {
            parts.push(Part::Bytes(writer.out.freeze()));
        }
        Body { parts }
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
