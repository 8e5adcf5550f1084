//! Batches made here: by tests, and later for control records and internal topics.

use super::header::{APPEND_TIME_BIT, CONTROL_BIT, HEADER_BYTES, LENGTH_OVERHEAD, MAGIC, TRANSACTIONAL_BIT, write_crc};
use super::{Compression, TimestampType, varint};
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use bytes::Bytes;

/// A record to be put into a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewRecord {
    /// The record's time.
    pub timestamp: Timestamp,
    /// Null or bytes.
    pub key: Option<Bytes>,
    /// Null or bytes.
    pub value: Option<Bytes>,
    /// In this order; keys may repeat.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Puts records into one batch; offsets count up from the base offset.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    /// First offset; 0 from a producer.
    pub base_offset: Offset,
    /// Leader epoch; -1 from a producer.
    pub leader_epoch: LeaderEpoch,
    /// Codec of the records.
    pub compression: Compression,
    /// Who set the timestamps.
    pub timestamp_type: TimestampType,
    /// Part of a transaction.
    pub transactional: bool,
    /// Control records.
    pub control: bool,
    /// Producer id, -1 for none.
    pub producer_id: ProducerId,
    /// Producer epoch, -1 for none.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, -1 for none.
    pub base_sequence: Sequence,
    /// The records.
    pub records: Vec<NewRecord>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder {
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch::UNKNOWN,
            compression: Compression::None,
            timestamp_type: TimestampType::CreateTime,
            transactional: false,
            control: false,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch(-1),
            base_sequence: Sequence::NONE,
            records: Vec::new(),
        }
    }
}

impl BatchBuilder {
    /// An empty builder with a producer's defaults.
    pub fn new() -> Self {
        BatchBuilder::default()
    }

    /// Sets the codec.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Makes the batch an idempotent producer's.
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, sequence: Sequence) -> Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, sequence);
        self
    }

    /// Adds a record.
    pub fn record(mut self, record: NewRecord) -> Self {
        self.records.push(record);
        self
    }

    /// Adds a record of a time, a key and a value.
    pub fn push(self, timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let (key, value) = (key.map(Bytes::copy_from_slice), value.map(Bytes::copy_from_slice));
        self.record(NewRecord { timestamp, key, value, headers: Vec::new() })
    }

    /// The batch's bytes. Panics when there is no record, or more than a batch can hold: builders are not fed by clients.
    pub fn build(&self) -> Bytes {
        let first = self.records.first().expect("a batch holds at least one record");
        let base_timestamp = first.timestamp;
        let max_timestamp = self.records.iter().map(|record| record.timestamp).max().unwrap_or(base_timestamp);
        let mut plain = Vec::new();
        for (delta, record) in self.records.iter().enumerate() {
            write_record(&mut plain, record, base_timestamp, i32::try_from(delta).expect("a batch's records fit i32"));
        }
        let body = self.compression.compress(&plain).expect("compressing memory to memory does not fail");
        let count = i32::try_from(self.records.len()).expect("a batch's records fit i32");
        let length = i32::try_from(HEADER_BYTES - LENGTH_OVERHEAD + body.len()).expect("a batch fits i32");
        let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
        out.extend_from_slice(&self.base_offset.0.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.0.to_be_bytes());
        out.push(MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.attributes().to_be_bytes());
        out.extend_from_slice(&(count - 1).to_be_bytes());
        out.extend_from_slice(&base_timestamp.0.to_be_bytes());
        out.extend_from_slice(&max_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.producer_id.0.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.0.to_be_bytes());
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&body);
        write_crc(&mut out);
        Bytes::from(out)
    }

    fn attributes(&self) -> i16 {
        let mut attributes = i16::from(self.compression.id());
        for (set, bit) in [
            (self.timestamp_type == TimestampType::LogAppendTime, APPEND_TIME_BIT),
            (self.transactional, TRANSACTIONAL_BIT),
            (self.control, CONTROL_BIT),
        ] {
            attributes |= if set { bit } else { 0 };
        }
        attributes
    }
}

fn write_record(out: &mut Vec<u8>, record: &NewRecord, base_timestamp: Timestamp, delta: i32) {
    let mut body = vec![0u8];
    varint::write_i64(&mut body, record.timestamp.0 - base_timestamp.0);
    varint::write_i32(&mut body, delta);
    write_nullable(&mut body, record.key.as_ref());
    write_nullable(&mut body, record.value.as_ref());
    varint::write_i32(&mut body, i32::try_from(record.headers.len()).expect("a record's headers fit i32"));
    for (key, value) in &record.headers {
        write_nullable(&mut body, Some(key));
        write_nullable(&mut body, value.as_ref());
    }
    varint::write_i32(out, i32::try_from(body.len()).expect("a record fits i32"));
    out.extend_from_slice(&body);
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&Bytes>) {
    match bytes {
        None => varint::write_i32(out, -1),
        Some(bytes) => {
            varint::write_i32(out, i32::try_from(bytes.len()).expect("a field fits i32"));
            out.extend_from_slice(bytes);
        }
    }
}
