//! Batches that can't be judged are kept as they are. This says which, and why.

use crate::base::Offset;
use crate::record::header::batch_crc;
use crate::record::{BatchHeader, Record, RecordError, Records};

/// Why a batch can't be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are not those of the batch of this header.
    #[error("the batch has {bytes} bytes where its header says {expected}")]
    Length {
        /// That were there.
        bytes: u64,
        /// By the header.
        expected: u64,
    },
    /// The content does not fit its checksum.
    #[error("the batch has CRC {stored:#010x} but its bytes have {computed:#010x}")]
    Crc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// Offsets that are no offsets, or a count that can't be.
    #[error("the batch's offsets or record count are impossible")]
    Range,
    /// A record outside of the batch, or not behind the one before.
    #[error("a record has offset {offset}, which is not its batch's or out of order")]
    Offset {
        /// The record's.
        offset: Offset,
    },
    /// The records can't be read, or are more than is read of one batch.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A control record without a type.
    #[error("the control record has no type")]
    Marker,
}

/// Checks what can be checked without reading the records: length, checksum, offsets.
pub(super) fn check(header: &BatchHeader, bytes: &[u8]) -> Result<(), Unreadable> {
    let (length, expected) = (bytes.len() as u64, header.size());
    if length != expected {
        return Err(Unreadable::Length { bytes: length, expected });
    }
    let computed = batch_crc(bytes);
    if computed != header.crc {
        return Err(Unreadable::Crc { stored: header.crc, computed });
    }
    // The largest offset is not used, so that there is always one behind a batch.
    let last = header.base_offset.0.checked_add(i64::from(header.last_offset_delta)).filter(|last| *last < i64::MAX);
    let counts = header.last_offset_delta >= 0
        && (0..=i64::from(header.last_offset_delta) + 1).contains(&i64::from(header.record_count));
    if header.base_offset < Offset::ZERO || last.is_none() || !counts {
        return Err(Unreadable::Range);
    }
    Ok(())
}

/// The records of a checked batch, their offsets checked as they come. No more than `plain_bytes_max` is decompressed.
pub(super) fn records<'a>(
    header: &BatchHeader,
    bytes: &'a [u8],
    plain_bytes_max: usize,
) -> Result<impl Iterator<Item = Result<Record, Unreadable>> + use<'a>, Unreadable> {
    let last = header.last_offset();
    let mut least = header.base_offset;
    let mut check = move |record: Record| {
        if record.offset < least || record.offset > last {
            return Err(Unreadable::Offset { offset: record.offset });
        }
        least = record.offset.plus(1);
        Ok(record)
    };
    let records = Records::new(header, bytes, plain_bytes_max)?;
    Ok(records.map(move |record| record.map_err(Unreadable::from).and_then(&mut check)))
}
