//! Producer state on disk: `<offset>.snapshot`, the state of all batches below that offset, in Kafka's format.
//!
//! ```text
//!    0  version   i16  1
//!    2  CRC-32C   u32  of byte 6 to the end
//!    6  count     i32
//!   10  entries of 46 bytes:
//!        0  producer id                i64
//!        8  producer epoch             i16
//!       10  last sequence              i32
//!       14  last offset                i64
//!       22  offset delta               i32
//!       26  timestamp                  i64
//!       34  coordinator epoch          i32   -1 for none
//!       38  transaction's first offset i64   -1 for none
//! ```
//!
//! Kafka keeps one entry per producer, its last batch, and forgets the other four at a restart. Here a producer has up to
//! six consecutive entries: the first batch of its epoch, when that is older than the five, then the five, oldest first.
//! Kafka's own reader takes the last entry of an id, which is the one it would have written.

use super::producers::{Producer, Producers, SeenBatch};
use crate::base::limits::PRODUCER_BATCHES_KEPT;
use crate::base::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::record::header::crc32c;

/// File name ending.
pub const SUFFIX: &str = ".snapshot";
const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const COUNT_AT: usize = CRC_AT + 4;
const ENTRIES_AT: usize = COUNT_AT + 4;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

/// Why a snapshot can't be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Too short, or lengths that do not add up.
    #[error("cut off or of wrong length")]
    Length,
    /// A version that is not known here.
    #[error("unknown version {0}")]
    Version(i16),
    /// The content does not fit its checksum.
    #[error("damaged: its CRC does not fit")]
    Crc,
    /// A field that can't be.
    #[error("an entry holds impossible values")]
    Entry,
}

/// The file's content.
pub fn encode(producers: &Producers) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENTRIES_AT + producers.len() * ENTRY_BYTES);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; ENTRIES_AT - CRC_AT]);
    let mut count = 0i32;
    for (id, producer) in producers.sorted() {
        let first = (producer.recent[0] != producer.first).then_some(&producer.first);
        let entries = first.into_iter().chain(&producer.recent);
        let last = producer.recent.len() + usize::from(first.is_some()) - 1;
        for (index, batch) in entries.enumerate() {
            let transaction = if index == last { producer.transaction_start } else { None };
            out.extend_from_slice(&id.0.to_be_bytes());
            out.extend_from_slice(&producer.epoch.0.to_be_bytes());
            out.extend_from_slice(&batch.last_sequence.0.to_be_bytes());
            out.extend_from_slice(&batch.last_offset.0.to_be_bytes());
            out.extend_from_slice(&batch.offset_delta.to_be_bytes());
            out.extend_from_slice(&batch.timestamp.0.to_be_bytes());
            out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            out.extend_from_slice(&transaction.map_or(-1, |offset| offset.0).to_be_bytes());
            count += 1;
        }
    }
    out[COUNT_AT..ENTRIES_AT].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c(&out[COUNT_AT..]);
    out[CRC_AT..COUNT_AT].copy_from_slice(&crc.to_be_bytes());
    out
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SnapshotError> {
    let (taken, left) = rest.split_first_chunk().ok_or(SnapshotError::Length)?;
    *rest = left;
    Ok(*taken)
}

/// Reads a file's content.
pub fn decode(bytes: &[u8]) -> Result<Producers, SnapshotError> {
    let mut rest = bytes;
    let version = i16::from_be_bytes(take(&mut rest)?);
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    let crc = u32::from_be_bytes(take(&mut rest)?);
    if crc32c(rest) != crc {
        return Err(SnapshotError::Crc);
    }
    let count = usize::try_from(i32::from_be_bytes(take(&mut rest)?)).map_err(|_| SnapshotError::Length)?;
    if count.checked_mul(ENTRY_BYTES) != Some(rest.len()) {
        return Err(SnapshotError::Length);
    }
    let mut producers = Producers::default();
    let mut open: Option<(ProducerId, Producer)> = None;
    while !rest.is_empty() {
        let id = ProducerId(i64::from_be_bytes(take(&mut rest)?));
        let epoch = ProducerEpoch(i16::from_be_bytes(take(&mut rest)?));
        let batch = SeenBatch {
            last_sequence: Sequence(i32::from_be_bytes(take(&mut rest)?)),
            last_offset: Offset(i64::from_be_bytes(take(&mut rest)?)),
            offset_delta: i32::from_be_bytes(take(&mut rest)?),
            timestamp: Timestamp(i64::from_be_bytes(take(&mut rest)?)),
        };
        let coordinator_epoch = i32::from_be_bytes(take(&mut rest)?);
        let transaction = i64::from_be_bytes(take(&mut rest)?);
        if id.0 < 0 || batch.offset_delta < 0 || batch.last_offset.0 < i64::from(batch.offset_delta) {
            return Err(SnapshotError::Entry);
        }
        let mut producer = match open.take() {
            Some((same, mut producer)) if same == id && producer.epoch == epoch => {
                producer.push(batch);
                producer
            }
            before => {
                if let Some((before, producer)) = before {
                    producers.insert(before, producer);
                }
                Producer::new(epoch, batch)
            }
        };
        producer.coordinator_epoch = coordinator_epoch;
        producer.transaction_start = (transaction >= 0).then_some(Offset(transaction));
        open = Some((id, producer));
    }
    if let Some((id, producer)) = open {
        producers.insert(id, producer);
    }
    Ok(producers)
}

const _: () = assert!(ENTRY_BYTES == 46 && PRODUCER_BATCHES_KEPT == 5);
