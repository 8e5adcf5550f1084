//! What a produced batch must satisfy before it may be appended (PR-2; docs/decisions/0003-produce-checks.md).
//!
//! Always: exactly one magic-2 batch whose length is the bytes that came, CRC-32C, known attributes, record count against
//! last offset delta, no control batch, no producer without a sequence. Plain batches besides: every record's lengths
//! and offset delta. Compressed batches are not opened here.

use super::header::{APPEND_TIME_BIT, CONTROL_BIT, DELETE_HORIZON_BIT, TRANSACTIONAL_BIT, batch_crc};
use super::records::walk_plain;
use super::{BatchHeader, Compression, HEADER_BYTES, RecordError};
use crate::base::{LeaderEpoch, Offset};

/// Why bytes are not an acceptable batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than a header.
    #[error("{bytes} bytes are too few for a record batch header of {HEADER_BYTES}")]
    TooShort {
        /// Bytes that were there.
        bytes: usize,
    },
    /// Not the current batch format.
    #[error("record batch has magic {magic}, only 2 is supported")]
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// The length field is below a header's.
    #[error("record batch claims an impossible length of {length} bytes")]
    Length {
        /// The field.
        length: i32,
    },
    /// The batch is longer than the bytes that are there.
    #[error("record batch of {size} bytes is cut off after {bytes}")]
    Truncated {
        /// Size by the header.
        size: u64,
        /// Bytes that were there.
        bytes: usize,
    },
    /// More bytes than one batch.
    #[error("{bytes} bytes follow the one record batch that a partition may carry")]
    Trailing {
        /// Bytes after the batch.
        bytes: usize,
    },
    /// The content does not fit its checksum.
    #[error("record batch has CRC {stored:#010x} but its bytes have {computed:#010x}")]
    Crc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// In a log: another batch belongs here.
    #[error("record batch begins at offset {base} where {expected} belongs")]
    Misplaced {
        /// As stored.
        base: Offset,
        /// What the batch before it, or the segment, asks for.
        expected: Offset,
    },
    /// In a compacted segment: what the CRCs of its batches leave out is not what was written.
    #[error("the heads of the segment's record batches have CRC {computed:08x}, {stored:08x} was noted")]
    Heads {
        /// As noted when the segment was written.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// In a log: the leader of that time had another epoch.
    #[error("record batch has leader epoch {epoch} where {expected} belongs")]
    Epoch {
        /// As stored.
        epoch: LeaderEpoch,
        /// As known of the log.
        expected: LeaderEpoch,
    },
    /// A codec number that no codec has.
    #[error("record batch is compressed with unknown codec {codec}")]
    Codec {
        /// The number.
        codec: u8,
    },
    /// Attribute bits that a producer may not set.
    #[error("record batch sets attribute bits {attributes:#06x} that a producer may not set")]
    Attributes {
        /// All attribute bits.
        attributes: i16,
    },
    /// A producer may not claim append time.
    #[error("record batch claims log append time, which only the broker sets")]
    AppendTime,
    /// A producer may not write control records.
    #[error("producers may not write control batches")]
    Control,
    /// Record count and offset range do not agree, or are not positive.
    #[error("record batch claims {count} records but a last offset delta of {last_offset_delta}")]
    Count {
        /// Record count field.
        count: i32,
        /// Last offset delta field.
        last_offset_delta: i32,
    },
    /// A producer id without sequence or epoch.
    #[error("record batch has a producer id but sequence {sequence} and epoch {epoch}")]
    Sequence {
        /// Base sequence field.
        sequence: i32,
        /// Producer epoch field.
        epoch: i16,
    },
    /// A record in a plain batch is malformed.
    #[error("record {index} of the batch: {error}")]
    Record {
        /// Number of the record within the batch, from 0.
        index: i32,
        /// What is wrong with it.
        error: RecordError,
    },
}

/// Checks that `bytes` is exactly one batch that a producer may append, and returns its header.
pub fn check_produced(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let (size, have) = (header.size(), bytes.len() as u64);
    if size > have {
        return Err(BatchError::Truncated { size, bytes: bytes.len() });
    }
    if size < have {
        return Err(BatchError::Trailing { bytes: (have - size) as usize });
    }
    let computed = batch_crc(bytes);
    if computed != header.crc {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    check_fields(&header)?;
    if header.compression() == Some(Compression::None) {
        walk_plain(&header, &bytes[HEADER_BYTES..]).map_err(|(index, error)| BatchError::Record { index, error })?;
    }
    Ok(header)
}

fn check_fields(header: &BatchHeader) -> Result<(), BatchError> {
    let attributes = header.attributes;
    if header.compression().is_none() {
        return Err(BatchError::Codec { codec: (attributes & 0b111) as u8 });
    }
    if attributes & CONTROL_BIT != 0 {
        return Err(BatchError::Control);
    }
    if attributes & APPEND_TIME_BIT != 0 {
        return Err(BatchError::AppendTime);
    }
    if attributes & !(0b111 | TRANSACTIONAL_BIT) != 0 || attributes & DELETE_HORIZON_BIT != 0 {
        return Err(BatchError::Attributes { attributes });
    }
    let (count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if count <= 0 || last_offset_delta != count - 1 {
        return Err(BatchError::Count { count, last_offset_delta });
    }
    let (sequence, epoch) = (header.base_sequence.0, header.producer_epoch.0);
    if header.has_producer() && (sequence < 0 || epoch < 0) {
        return Err(BatchError::Sequence { sequence, epoch });
    }
    Ok(())
}
