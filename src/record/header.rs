//! The batch header: 61 bytes, big-endian.
//!
//! ```text
//!    0  base offset            i64   outside the CRC, patched at append
//!    8  batch length           i32   bytes after this field
//!   12  partition leader epoch i32   outside the CRC, patched at append
//!   16  magic                  i8    2
//!   17  CRC-32C                u32   of byte 21 to the end
//!   21  attributes             i16   bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
//!   23  last offset delta      i32
//!   27  base timestamp         i64
//!   35  max timestamp          i64
//!   43  producer id            i64
//!   51  producer epoch         i16
//!   53  base sequence          i32
//!   57  record count           i32
//!   61  records, plain or compressed
//! ```

use super::{BatchError, Compression, RecordError};
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

const LENGTH_AT: usize = 8;
const EPOCH_AT: usize = LENGTH_AT + 4;
const MAGIC_AT: usize = EPOCH_AT + 4;
const CRC_AT: usize = MAGIC_AT + 1;
const ATTRIBUTES_AT: usize = CRC_AT + 4;
const LAST_DELTA_AT: usize = ATTRIBUTES_AT + 2;
const BASE_TIMESTAMP_AT: usize = LAST_DELTA_AT + 4;
const MAX_TIMESTAMP_AT: usize = BASE_TIMESTAMP_AT + 8;
const PRODUCER_ID_AT: usize = MAX_TIMESTAMP_AT + 8;
const PRODUCER_EPOCH_AT: usize = PRODUCER_ID_AT + 8;
const BASE_SEQUENCE_AT: usize = PRODUCER_EPOCH_AT + 2;
const COUNT_AT: usize = BASE_SEQUENCE_AT + 4;

/// Bytes of a batch header; no batch is smaller.
pub const HEADER_BYTES: usize = COUNT_AT + 4;
const _: () = assert!(HEADER_BYTES == 61);

/// Bytes before the batch length counts.
pub const LENGTH_OVERHEAD: usize = LENGTH_AT + 4;

/// The only batch format that is stored.
pub const MAGIC: u8 = 2;

/// Attribute bit: every record's time is the batch's max timestamp, which the broker set.
pub const APPEND_TIME_BIT: i16 = 1 << 3;
/// Attribute bit: part of a transaction.
pub const TRANSACTIONAL_BIT: i16 = 1 << 4;
/// Attribute bit: control records, written by brokers only.
pub const CONTROL_BIT: i16 = 1 << 5;
/// Attribute bit: the base timestamp is a delete horizon (KIP-534), written by compaction only.
pub const DELETE_HORIZON_BIT: i16 = 1 << 6;
/// Attribute bits that hold the codec's number.
pub const CODEC_MASK: i16 = 0b111;

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimestampType {
    /// The producer, per record.
    #[default]
    CreateTime,
    /// The broker at append: all records carry the batch's max timestamp.
    LogAppendTime,
}

/// A batch header by value. Parsing checks lengths and the magic byte only; [`super::check_produced`] checks the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of the first record (after compaction: of the first that was there).
    pub base_offset: Offset,
    /// Bytes after the length field, as stored; always enough for a header.
    pub batch_length: i32,
    /// Leader epoch under which the batch was appended.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C as stored.
    pub crc: u32,
    /// Attribute bits as stored.
    pub attributes: i16,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from, or the delete horizon.
    pub base_timestamp: Timestamp,
    /// Largest timestamp in the batch.
    pub max_timestamp: Timestamp,
    /// Producer id, -1 for none.
    pub producer_id: ProducerId,
    /// Producer epoch, -1 for none.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, -1 for none.
    pub base_sequence: Sequence,
    /// Number of records.
    pub record_count: i32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the caller holds a whole header")
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`, which may hold less than the whole batch.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        if bytes.len() < HEADER_BYTES {
            return Err(BatchError::TooShort { bytes: bytes.len() });
        }
        let batch_length = i32::from_be_bytes(array(bytes, LENGTH_AT));
        if bytes[MAGIC_AT] != MAGIC {
            return Err(BatchError::Magic { magic: bytes[MAGIC_AT] as i8 });
        }
        if batch_length < (HEADER_BYTES - LENGTH_OVERHEAD) as i32 {
            return Err(BatchError::Length { length: batch_length });
        }
        Ok(BatchHeader {
            base_offset: Offset(i64::from_be_bytes(array(bytes, 0))),
            batch_length,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(array(bytes, EPOCH_AT))),
            crc: u32::from_be_bytes(array(bytes, CRC_AT)),
            attributes: i16::from_be_bytes(array(bytes, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(array(bytes, LAST_DELTA_AT)),
            base_timestamp: Timestamp(i64::from_be_bytes(array(bytes, BASE_TIMESTAMP_AT))),
            max_timestamp: Timestamp(i64::from_be_bytes(array(bytes, MAX_TIMESTAMP_AT))),
            producer_id: ProducerId(i64::from_be_bytes(array(bytes, PRODUCER_ID_AT))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(array(bytes, PRODUCER_EPOCH_AT))),
            base_sequence: Sequence(i32::from_be_bytes(array(bytes, BASE_SEQUENCE_AT))),
            record_count: i32::from_be_bytes(array(bytes, COUNT_AT)),
        })
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> u64 {
        LENGTH_OVERHEAD as u64 + u64::from(self.batch_length.unsigned_abs())
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(self.last_offset_delta)))
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// Sequence of the last record; [`Sequence::NONE`] when the batch has none.
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence.0 < 0 { Sequence::NONE } else { self.base_sequence.plus(self.last_offset_delta) }
    }

    /// The codec, or `None` for a number that no codec has.
    pub fn compression(&self) -> Option<Compression> {
        Compression::from_id((self.attributes & CODEC_MASK) as u8)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & APPEND_TIME_BIT != 0 { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch holds control records.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether the base timestamp is a delete horizon.
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON_BIT != 0
    }

    /// When the batch's tombstones, or the marker of a transaction that is gone, may go (KIP-534).
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        self.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// Whether an idempotent producer wrote the batch.
    pub fn has_producer(&self) -> bool {
        self.producer_id.0 >= 0
    }

    /// Appends a batch of this header and `body`, records as the attributes say. Length and CRC are those of what is
    /// written, whatever the header says.
    ///
    /// # Errors
    /// More bytes than a batch can have; nothing is appended then.
    pub fn write(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
        let length = i32::try_from(HEADER_BYTES - LENGTH_OVERHEAD + body.len()).map_err(|_| RecordError::TooLong)?;
        let start = out.len();
        out.reserve(HEADER_BYTES + body.len());
        out.extend_from_slice(&self.base_offset.0.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.0.to_be_bytes());
        out.push(MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.attributes.to_be_bytes());
        out.extend_from_slice(&self.last_offset_delta.to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.producer_id.0.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.0.to_be_bytes());
        out.extend_from_slice(&self.record_count.to_be_bytes());
        out.extend_from_slice(body);
        write_crc(&mut out[start..]);
        Ok(())
    }
}

/// CRC-32C (Castagnoli), as batches and snapshots carry it.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// The CRC that a batch should carry. `batch` holds at least a header.
pub fn batch_crc(batch: &[u8]) -> u32 {
    crc32c(&batch[ATTRIBUTES_AT..])
}

/// The CRC-32C of the heads of consecutive batches: what their own CRCs leave out, and these CRCs.
pub struct Heads(crc_fast::Digest);

impl Heads {
    /// Of no batch.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Heads(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }

    /// The next batch.
    pub fn add(&mut self, header: &BatchHeader) {
        let mut head = [0; ATTRIBUTES_AT];
        head[..LENGTH_AT].copy_from_slice(&header.base_offset.0.to_be_bytes());
        head[LENGTH_AT..EPOCH_AT].copy_from_slice(&header.batch_length.to_be_bytes());
        head[EPOCH_AT..MAGIC_AT].copy_from_slice(&header.leader_epoch.0.to_be_bytes());
        head[MAGIC_AT] = MAGIC;
        head[CRC_AT..].copy_from_slice(&header.crc.to_be_bytes());
        self.0.update(&head);
    }

    /// Over all that came.
    pub fn value(&self) -> u32 {
        self.0.finalize() as u32
    }
}

/// The same over a batch that comes in pieces.
pub struct BatchCrc {
    digest: crc_fast::Digest,
    /// Bytes in front that it does not cover.
    skip: usize,
}

impl BatchCrc {
    /// Before the batch's first byte.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        BatchCrc { digest: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi), skip: ATTRIBUTES_AT }
    }

    /// The next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        let skip = self.skip.min(bytes.len());
        self.skip -= skip;
        self.digest.update(&bytes[skip..]);
    }

    /// Over all that came.
    pub fn value(&self) -> u32 {
        self.digest.finalize() as u32
    }
}

/// Consecutive batches in memory. Ends at the end of the bytes, or after the first error.
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// Iterates over the batches in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Batches { rest: bytes }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = BatchHeader::parse(self.rest).and_then(|header| {
            let size = header.size();
            match usize::try_from(size).ok().filter(|size| *size <= self.rest.len()) {
                Some(size) => Ok((header, size)),
                None => Err(BatchError::Truncated { size, bytes: self.rest.len() }),
            }
        });
        Some(match parsed {
            Ok((header, size)) => {
                let (batch, rest) = self.rest.split_at(size);
                self.rest = rest;
                Ok((header, batch))
            }
            Err(error) => {
                self.rest = &[];
                Err(error)
            }
        })
    }
}

/// Writes base offset and leader epoch into a batch; both lie outside the CRC. `batch` holds at least a header.
pub fn patch(batch: &mut [u8], base_offset: Offset, epoch: LeaderEpoch) {
    batch[..8].copy_from_slice(&base_offset.0.to_be_bytes());
    batch[EPOCH_AT..EPOCH_AT + 4].copy_from_slice(&epoch.0.to_be_bytes());
}

/// Makes `now` the time of every record in a batch (LogAppendTime): type bit, max timestamp, and a new CRC. The records
/// are untouched. `batch` is one whole batch.
pub fn restamp_append_time(batch: &mut [u8], now: Timestamp) {
    let attributes = i16::from_be_bytes(array(batch, ATTRIBUTES_AT)) | APPEND_TIME_BIT;
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&now.0.to_be_bytes());
    write_crc(batch);
}

/// Writes the CRC that fits the rest of the batch.
pub fn write_crc(batch: &mut [u8]) {
    let crc = batch_crc(batch);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
}
