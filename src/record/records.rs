//! The records inside a batch.
//!
//! ```text
//! record   length varint (bytes after it), attributes i8, timestamp delta varlong, offset delta varint,
//!          key length varint (-1: null), key, value length varint (-1: null), value, header count varint, headers
//! header   key length varint, key (UTF-8), value length varint (-1: null), value
//! ```

use super::header::TimestampType;
use super::varint::{read_i32, read_i64};
use super::{BatchHeader, Compression, HEADER_BYTES};
use crate::base::{Offset, Timestamp};
use bytes::Bytes;
use std::io::Read;

/// Why a record can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// A field runs past the record, or the record past the batch.
    #[error("a length or number runs past the end")]
    CutOff,
    /// A length or count below what its field allows.
    #[error("a length or count is negative or larger than what holds it")]
    BadLength,
    /// The record's fields end before its length says.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// The offset delta is not the record's number in the batch.
    #[error("offset delta {delta} where {expected} was expected")]
    OffsetDelta {
        /// As stored.
        delta: i32,
        /// The record's number.
        expected: i32,
    },
    /// Timestamp or offset overflow 64 bits.
    #[error("a timestamp or offset overflows")]
    Overflow,
    /// The batch ends before its record count is reached.
    #[error("the batch ends before its record count is reached")]
    Missing,
    /// The compressed bytes are damaged, or the codec is unknown.
    #[error("the compressed records can't be read")]
    Compressed,
    /// More plain bytes than the cap allows.
    #[error("the records decompress to more than the cap")]
    OverCap,
    /// A batch made of them would be longer than its length field can say.
    #[error("the records make more bytes than a batch can have")]
    TooLong,
}

/// A header of a record. Keys may repeat; their order is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// UTF-8 by convention; not checked.
    pub key: Bytes,
    /// Null is not the same as empty.
    pub value: Option<Bytes>,
}

/// One record, its bytes shared with the decompressed batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Absolute offset.
    pub offset: Offset,
    /// The producer's time, or the batch's under LogAppendTime.
    pub timestamp: Timestamp,
    /// Null is not the same as empty.
    pub key: Option<Bytes>,
    /// Null is not the same as empty (a tombstone on compacted topics).
    pub value: Option<Bytes>,
    /// In the producer's order.
    pub headers: Vec<RecordHeader>,
}

/// The fixed fields of a record and where its variable ones lie, as lengths checked against the bytes.
struct Fields<'a> {
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [u8],
    header_count: i32,
}

fn take_nullable<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    let length = read_i32(rest).ok_or(RecordError::CutOff)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| RecordError::BadLength)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(RecordError::CutOff)?;
    *rest = left;
    Ok(Some(taken))
}

fn take_header<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), RecordError> {
    let key = take_nullable(rest)?.ok_or(RecordError::BadLength)?;
    Ok((key, take_nullable(rest)?))
}

/// Splits a record's body; every nested length is checked, headers included.
fn split(body: &[u8]) -> Result<Fields<'_>, RecordError> {
    let (_attributes, mut rest) = body.split_first().ok_or(RecordError::CutOff)?;
    let timestamp_delta = read_i64(&mut rest).ok_or(RecordError::CutOff)?;
    let offset_delta = read_i32(&mut rest).ok_or(RecordError::CutOff)?;
    let key = take_nullable(&mut rest)?;
    let value = take_nullable(&mut rest)?;
    let header_count = read_i32(&mut rest).ok_or(RecordError::CutOff)?;
    // A header takes at least its two lengths, so a count beyond half the bytes is a lie.
    if header_count < 0 || header_count as usize > rest.len() / 2 {
        return Err(RecordError::BadLength);
    }
    let headers = rest;
    for _ in 0..header_count {
        take_header(&mut rest)?;
    }
    if !rest.is_empty() {
        return Err(RecordError::LeftOver(rest.len()));
    }
    Ok(Fields { timestamp_delta, offset_delta, key, value, headers, header_count })
}

/// Walks plain records without keeping any: lengths, offset deltas 0, 1, 2.., time stamps that fit, nothing left over.
/// The error comes with the record's number.
pub(super) fn walk_plain(header: &BatchHeader, mut rest: &[u8]) -> Result<(), (i32, RecordError)> {
    for index in 0..header.record_count {
        let mut step = || {
            if rest.is_empty() {
                return Err(RecordError::Missing);
            }
            let length = read_i32(&mut rest).ok_or(RecordError::CutOff)?;
            let length = usize::try_from(length).map_err(|_| RecordError::BadLength)?;
            let (body, left) = rest.split_at_checked(length).ok_or(RecordError::CutOff)?;
            rest = left;
            let fields = split(body)?;
            if fields.offset_delta != index {
                return Err(RecordError::OffsetDelta { delta: fields.offset_delta, expected: index });
            }
            header.base_timestamp.0.checked_add(fields.timestamp_delta).ok_or(RecordError::Overflow)?;
            Ok(())
        };
        step().map_err(|error| (index, error))?;
    }
    if rest.is_empty() { Ok(()) } else { Err((header.record_count, RecordError::LeftOver(rest.len()))) }
}

/// Iterates over a batch's records, decompressing as it goes. After an error it ends.
pub struct Records<'a> {
    header: BatchHeader,
    source: Box<dyn Read + 'a>,
    next: i32,
    failed: bool,
}

impl<'a> Records<'a> {
    /// `batch` is one whole batch; no more than `bytes_max` plain bytes are read out of it.
    pub fn new(header: &BatchHeader, batch: &'a [u8], bytes_max: usize) -> Result<Self, RecordError> {
        let codec = header.compression().ok_or(RecordError::Compressed)?;
        let body = batch.get(HEADER_BYTES..).ok_or(RecordError::CutOff)?;
        // Plain records are already in memory: there is nothing to cap.
        let bytes_max = if codec == Compression::None { body.len() } else { bytes_max };
        let source = codec.reader(body, bytes_max).map_err(|error| read_error(&error))?;
        let source: Box<dyn Read + 'a> = match codec {
            Compression::None => source,
            _ => Box::new(std::io::BufReader::new(source)),
        };
        Ok(Records { header: *header, source, next: 0, failed: false })
    }

    fn read_record(&mut self) -> Result<Record, RecordError> {
        let length = self.read_length()?;
        let mut body = Vec::new();
        // Grows with what comes out, not with what the length claims.
        let read = self.source.by_ref().take(length).read_to_end(&mut body).map_err(|error| read_error(&error))?;
        if (read as u64) < length {
            return Err(RecordError::CutOff);
        }
        let body = Bytes::from(body);
        let fields = split(&body)?;
        let header = &self.header;
        let offset = header.base_offset.0.checked_add(i64::from(fields.offset_delta)).ok_or(RecordError::Overflow)?;
        let timestamp = match header.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => {
                Timestamp(header.base_timestamp.0.checked_add(fields.timestamp_delta).ok_or(RecordError::Overflow)?)
            }
        };
        let mut rest = fields.headers;
        let mut headers = Vec::new();
        for _ in 0..fields.header_count {
            let (key, value) = take_header(&mut rest)?;
            headers.push(RecordHeader { key: body.slice_ref(key), value: value.map(|value| body.slice_ref(value)) });
        }
        Ok(Record {
            offset: Offset(offset),
            timestamp,
            key: fields.key.map(|key| body.slice_ref(key)),
            value: fields.value.map(|value| body.slice_ref(value)),
            headers,
        })
    }

    /// The length varint that opens a record; it must be there, byte by byte.
    fn read_length(&mut self) -> Result<u64, RecordError> {
        let mut bytes = [0u8; 5];
        for end in 1..=bytes.len() {
            let read = self.source.read(&mut bytes[end - 1..end]).map_err(|error| read_error(&error))?;
            if read == 0 {
                return Err(if end == 1 { RecordError::Missing } else { RecordError::CutOff });
            }
            if bytes[end - 1] < 0x80 {
                let length = read_i32(&mut &bytes[..end]).ok_or(RecordError::BadLength)?;
                return u64::try_from(length).map_err(|_| RecordError::BadLength);
            }
        }
        Err(RecordError::BadLength)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.next >= self.header.record_count {
            self.failed = true;
            let mut one = [0u8; 1];
            return match self.source.read(&mut one) {
                Ok(0) => None,
                Ok(left) => Some(Err(RecordError::LeftOver(left))),
                Err(error) => Some(Err(read_error(&error))),
            };
        }
        self.next += 1;
        let record = self.read_record();
        self.failed = record.is_err();
        Some(record)
    }
}

fn read_error(error: &std::io::Error) -> RecordError {
    if error.kind() == std::io::ErrorKind::OutOfMemory { RecordError::OverCap } else { RecordError::Compressed }
}
