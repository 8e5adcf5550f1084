//! Keyed records in batches that are built here, so that two brokers can be sent the very same bytes: with every codec,
//! and as an idempotent producer numbers them.
//!
//! The producer ids are invented: a broker takes the first batch of an id that it does not know.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use std::io::Write;

/// Where the fields lie that change when the records of a batch are compressed.
const LENGTH_AT: usize = 8;
const LENGTH_FROM: usize = LENGTH_AT + 4;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = CRC_AT + 4;
const RECORDS_FROM: usize = 61;
const NO_PRODUCER: i64 = -1;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// Its key, text so that a dump of it can be read.
    pub key: String,
    /// Its value; none is a tombstone.
    pub value: Option<String>,
    /// Milliseconds.
    pub timestamp: i64,
}

/// How the records of a batch are compressed; as a number, what the batch's attributes hold.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
}

/// The idempotent producer of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Producer id.
    pub id: i64,
    /// Sequence number of the first record.
    pub sequence: i32,
}

/// One batch.
pub fn batch(records: &[Keyed], codec: Codec, origin: Option<Origin>) -> Result<Bytes, String> {
    let encoded: Vec<Record> = records.iter().zip(0..).map(|(keyed, at)| record(keyed, at, origin)).collect();
    let mut plain = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut plain, &encoded, &options).map_err(|error| error.to_string())?;
    if codec == Codec::None {
        return Ok(plain.freeze());
    }
    let mut batch = plain[..RECORDS_FROM].to_vec();
    batch.extend(compressed(codec, &plain[RECORDS_FROM..]).map_err(|error| format!("{codec:?}: {error}"))?);
    batch[ATTRIBUTES_AT + 1] |= codec as u8;
    let length = u32::try_from(batch.len() - LENGTH_FROM).map_err(|error| error.to_string())?;
    batch[LENGTH_AT..LENGTH_FROM].copy_from_slice(&length.to_be_bytes());
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[ATTRIBUTES_AT..]);
    let crc = u32::try_from(crc).map_err(|error| error.to_string())?;
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    Ok(batch.into())
}

fn compressed(codec: Codec, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    match codec {
        Codec::None => Ok(plain.to_vec()),
        Codec::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(plain)?;
            out.finish()
        }
        Codec::Snappy => snap::raw::Encoder::new().compress_vec(plain).map_err(std::io::Error::other),
        Codec::Lz4 => {
            // Java's reader takes frames of independent blocks only.
            let info = lz4_flex::frame::FrameInfo::new().block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut out = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            out.write_all(plain)?;
            out.finish().map_err(std::io::Error::other)
        }
        Codec::Zstd => zstd::encode_all(plain, 0),
    }
}

fn record(keyed: &Keyed, at: i32, origin: Option<Origin>) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: origin.map_or(NO_PRODUCER, |origin| origin.id),
        producer_epoch: origin.map_or(-1, |_| 0),
        timestamp_type: TimestampType::Creation,
        offset: at.into(),
        // A batch without a producer has -1 before its first record.
        sequence: origin.map_or(at - 1, |origin| origin.sequence + at),
        timestamp: keyed.timestamp,
        key: Some(Bytes::copy_from_slice(keyed.key.as_bytes())),
        value: keyed.value.as_ref().map(|value| Bytes::copy_from_slice(value.as_bytes())),
        headers: Default::default(),
    }
}

/// A batch of one record that is at most `bytes` long and shorter by no more than a few: as long as a segment may be, it
/// begins a new one, so that everything before it is sealed on any broker.
pub fn seal(key: &str, timestamp: i64, bytes: usize) -> Result<(Keyed, Bytes), String> {
    let of = |value: usize| {
        let keyed = Keyed { key: key.to_owned(), value: Some("s".repeat(value)), timestamp };
        batch(std::slice::from_ref(&keyed), Codec::None, None).map(|batch| (keyed, batch))
    };
    let around = of(bytes)?.1.len() - bytes;
    let made = of(bytes.checked_sub(around).ok_or("no room for a batch")?)?;
    if made.1.len() <= bytes { Ok(made) } else { Err(format!("{} bytes, not {bytes}", made.1.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::records::RecordBatchDecoder;

    fn keyed(number: i64) -> Keyed {
        let value = (number % 3 != 0).then(|| format!("value {number} value {number} value {number}"));
        Keyed { key: format!("key {number}"), value, timestamp: 1_700_000_000_000 + number }
    }

    #[test]
    fn plain_batches_can_be_read() {
        let records: Vec<_> = (0..20).map(keyed).collect();
        let mut batch = batch(&records, Codec::None, Some(Origin { id: 7, sequence: 40 })).expect("encodes");
        let read = RecordBatchDecoder::decode(&mut batch).expect("decodes").records;
        assert_eq!(read.len(), 20);
        for (record, (sent, at)) in read.iter().zip(records.iter().zip(0..)) {
            assert_eq!((record.producer_id, record.sequence, record.offset), (7, 40 + at, i64::from(at)));
            assert_eq!(record.key.as_deref(), Some(sent.key.as_bytes()));
            assert_eq!(record.value.as_deref(), sent.value.as_ref().map(String::as_bytes));
        }
    }

    #[test]
    fn compressed_batches_keep_their_length_and_checksum() {
        let records: Vec<_> = (0..200).map(keyed).collect();
        let plain = batch(&records, Codec::None, None).expect("encodes");
        for codec in Codec::ALL {
            let batch = batch(&records, codec, None).expect("encodes");
            assert_eq!(batch[ATTRIBUTES_AT + 1] & 7, codec as u8);
            assert!(codec == Codec::None || batch.len() < plain.len(), "{codec:?}");
            let length = u32::from_be_bytes(batch[LENGTH_AT..LENGTH_FROM].try_into().expect("four bytes"));
            assert_eq!(length as usize, batch.len() - LENGTH_FROM);
            let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[ATTRIBUTES_AT..]);
            assert_eq!(batch[CRC_AT..ATTRIBUTES_AT], u32::try_from(crc).expect("32 bits").to_be_bytes());
        }
    }

    #[test]
    fn a_seal_fills_a_segment() {
        for bytes in [1 << 10, 1 << 14, 1 << 16, 1 << 20] {
            let (_, batch) = seal("seal 1", 1_700_000_000_000, bytes).expect("fits");
            assert!(batch.len() <= bytes && batch.len() + 8 > bytes, "{} of {bytes}", batch.len());
        }
        assert!(seal("seal", 0, 10).is_err());
    }
}
