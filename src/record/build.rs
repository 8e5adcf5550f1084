//! Batches made here: by tests, and later for control records and internal topics.

use super::header::{APPEND_TIME_BIT, CONTROL_BIT, TRANSACTIONAL_BIT};
use super::{BatchHeader, Compression, RecordError, TimestampType, varint};
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
        let mut scratch = Vec::new();
        for (delta, record) in self.records.iter().enumerate() {
            let fields = RecordFields {
                timestamp_delta: record.timestamp.0 - base_timestamp.0,
                offset_delta: i32::try_from(delta).expect("a batch's records fit i32"),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
            };
            let headers = record.headers.iter().map(|(key, value)| (key.as_ref(), value.as_deref()));
            fields.write(headers, &mut scratch, &mut plain).expect("a record fits i32");
        }
        let body = self.compression.compress(&plain).expect("compressing memory to memory does not fail");
        let count = i32::try_from(self.records.len()).expect("a batch's records fit i32");
        let header = BatchHeader {
            base_offset: self.base_offset,
            batch_length: 0,
            leader_epoch: self.leader_epoch,
            crc: 0,
            attributes: self.attributes(),
            last_offset_delta: count - 1,
            base_timestamp,
            max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: count,
        };
        let mut out = Vec::new();
        header.write(&body, &mut out).expect("a batch fits i32");
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

/// What a record is besides its headers.
pub(super) struct RecordFields<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

impl RecordFields<'_> {
    /// Appends the record to `out`; `scratch` is memory that can be used again.
    pub(super) fn write<'h>(
        &self,
        headers: impl ExactSizeIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        scratch.clear();
        scratch.push(0);
        varint::write_i64(scratch, self.timestamp_delta);
        varint::write_i32(scratch, self.offset_delta);
        write_nullable(scratch, self.key)?;
        write_nullable(scratch, self.value)?;
        varint::write_i32(scratch, length(headers.len())?);
        for (key, value) in headers {
            write_nullable(scratch, Some(key))?;
            write_nullable(scratch, value)?;
        }
        varint::write_i32(out, length(scratch.len())?);
        out.extend_from_slice(scratch);
        Ok(())
    }
}

fn length(of: usize) -> Result<i32, RecordError> {
    i32::try_from(of).map_err(|_| RecordError::TooLong)
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<(), RecordError> {
    match bytes {
        None => varint::write_i32(out, -1),
        Some(bytes) => {
            varint::write_i32(out, length(bytes.len())?);
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}
