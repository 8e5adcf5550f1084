//! The header of a record batch, format 2: what the floor reads and writes of it.
//!
//! ```text
//! base offset 8 | length 4 | leader epoch 4 | magic 1 | crc 4 | attributes 2 | last offset delta 4 | base timestamp 8
//! | max timestamp 8 | producer id 8 | producer epoch 2 | base sequence 4 | records 4 | the records
//! ```
//!
//! The length counts what follows it. The CRC-32C is over what follows it, so that a base offset can be written into a
//! batch that stays intact.

use kafka_protocol::ResponseError;

const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = LENGTH_AT + 4;
const MAGIC_AT: usize = LEADER_EPOCH_AT + 4;
const CRC_AT: usize = MAGIC_AT + 1;
const ATTRIBUTES_AT: usize = CRC_AT + 4;
const LAST_OFFSET_DELTA_AT: usize = ATTRIBUTES_AT + 2;
const RECORDS_AT: usize = LAST_OFFSET_DELTA_AT + 4 + 8 + 8 + 8 + 2 + 4;
/// Size of the header.
const HEADER_BYTES: usize = RECORDS_AT + 4;
const MAGIC: u8 = 2;

/// Checks that `bytes` are one whole batch and says how many offsets it takes.
pub(super) fn offsets_of(bytes: &[u8]) -> Result<i64, ResponseError> {
    if bytes.len() < HEADER_BYTES {
        return Err(ResponseError::CorruptMessage);
    }
    if bytes[MAGIC_AT] != MAGIC {
        return Err(ResponseError::UnsupportedForMessageFormat);
    }
    // One batch for each partition, as Kafka wants it since format 2.
    if usize::try_from(i32_at(bytes, LENGTH_AT)) != Ok(bytes.len() - LEADER_EPOCH_AT) {
        return Err(ResponseError::InvalidRecord);
    }
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[ATTRIBUTES_AT..]);
    if crc != u64::from(i32_at(bytes, CRC_AT).cast_unsigned()) {
        return Err(ResponseError::CorruptMessage);
    }
    let (records, last) = (i32_at(bytes, RECORDS_AT), i32_at(bytes, LAST_OFFSET_DELTA_AT));
    match records > 0 && last == records - 1 {
        true => Ok(records.into()),
        false => Err(ResponseError::InvalidRecord),
    }
}

/// Writes the offset of the first record into a batch.
pub(super) fn set_base_offset(batch: &mut [u8], offset: i64) {
    batch[..LENGTH_AT].copy_from_slice(&offset.to_be_bytes());
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
