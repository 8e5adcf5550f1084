//! Produce: the request, whose record batches stay slices of the frame, and its answer.

use super::requests::caps::{PARTITIONS_MAX, TOPICS_MAX};
use super::requests::define::request;
use super::{Array, Str};
use crate::base::{PartitionIndex, TopicId};
use bytes::Bytes;

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
