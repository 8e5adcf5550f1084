//! What is left of a batch after compaction, as a batch again (Kafka's form of it).
//!
//! Base offset, last offset, producer, sequence, leader epoch, kind and codec stay those of the source, so that what is
//! known of its producer can be had from the log again; the records keep their offsets. Of the times, the largest is that
//! of the records that are left (under LogAppendTime the batch's own), and the base is the first of them or the delete
//! horizon. Offsets in such a batch have gaps, at its ends too.

use super::build::RecordFields;
use super::header::{CODEC_MASK, DELETE_HORIZON_BIT};
use super::{BatchHeader, Compression, Record, RecordError, TimestampType};
use crate::base::Timestamp;

/// Takes the records that are left, in order, and makes a batch of them. Holds them in plain form until then.
pub struct Rewriter {
    header: BatchHeader,
    codec: Compression,
    /// What time stamps are written against: the delete horizon, else the first record's time.
    base: Option<Timestamp>,
    plain: Vec<u8>,
    scratch: Vec<u8>,
}

impl Rewriter {
    /// Before the first record of what is left of `source`, with a delete horizon or none.
    ///
    /// # Errors
    /// A codec number that no codec has.
    pub fn new(source: &BatchHeader, horizon: Option<Timestamp>) -> Result<Self, RecordError> {
        let mut header = BatchHeader { record_count: 0, ..*source };
        header.attributes &= !DELETE_HORIZON_BIT;
        if horizon.is_some() {
            header.attributes |= DELETE_HORIZON_BIT;
        }
        if header.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = Timestamp::NONE;
        }
        let codec = source.compression().ok_or(RecordError::Compressed)?;
        Ok(Rewriter { header, codec, base: horizon, plain: Vec::new(), scratch: Vec::new() })
    }

    /// The next record; its offset is one of the source's.
    ///
    /// # Errors
    /// Its time or offset is too far from the batch's, or it is too long.
    pub fn push(&mut self, record: &Record) -> Result<(), RecordError> {
        let base = *self.base.get_or_insert(record.timestamp);
        let timestamp_delta = record.timestamp.0.checked_sub(base.0).ok_or(RecordError::Overflow)?;
        let offset_delta = record.offset.0.checked_sub(self.header.base_offset.0).ok_or(RecordError::Overflow)?;
        let offset_delta = i32::try_from(offset_delta).map_err(|_| RecordError::Overflow)?;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = record.headers.iter().map(|header| (header.key.as_ref(), header.value.as_deref()));
        RecordFields { timestamp_delta, offset_delta, key, value }.write(
            headers,
            &mut self.scratch,
            &mut self.plain,
        )?;
        self.header.record_count = self.header.record_count.checked_add(1).ok_or(RecordError::Overflow)?;
        if self.header.timestamp_type() == TimestampType::CreateTime {
            self.header.max_timestamp = self.header.max_timestamp.max(record.timestamp);
        }
        Ok(())
    }

    /// Appends the batch to `out`.
    ///
    /// # Errors
    /// Too long for a batch; nothing is appended then.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        self.header.base_timestamp = self.base.unwrap_or(Timestamp::NONE);
        let body = self.codec.compress(&self.plain).map_err(|_| RecordError::Compressed)?;
        self.header.write(&body, out)
    }
}

/// Appends what stands for `source` when no record of it is left: its header with neither records, codec nor horizon. It
/// keeps the producer's last sequence, or epoch, in the log.
pub fn write_empty(source: &BatchHeader, out: &mut Vec<u8>) {
    let attributes = source.attributes & !(CODEC_MASK | DELETE_HORIZON_BIT);
    let header = BatchHeader { attributes, base_timestamp: Timestamp::NONE, record_count: 0, ..*source };
    header.write(&[], out).expect("a header alone fits");
}
