//! The records of a step as batches, the way Kafka's coordinators write them: not compressed, stamped by the coordinator.
//!
//! A step is one batch: a crash leaves all of it or nothing. Kafka refuses a step that is larger than a message may be
//! (RECORD_TOO_LARGE), and with it a large group that changes its protocol; every reader takes the first batch of an answer,
//! whatever its size. Only where the topic's own segments are too short for it a step comes in pieces.

use super::load::PLAIN_BYTES_MAX;
use super::machine::Record;
use crate::base::Timestamp;
use crate::record::BatchBuilder;
use bytes::Bytes;

/// Bytes of keys and values of a step, above which another batch is begun. What one group can change at a time is less, but
/// for committed offsets, which stand each for itself.
pub const STEP_BYTES_MAX: usize = 32 << 20;

/// The same of a step in pieces: below Kafka's default for `max.message.bytes`. A single record may be larger.
pub(super) const PIECE_BYTES_MAX: usize = 900 << 10;

/// What is written is read again.
const _: () = assert!(STEP_BYTES_MAX < PLAIN_BYTES_MAX);

/// What a record takes beside its key and value, at most.
const RECORD_OVERHEAD_BYTES: usize = 32;

/// The batches of a step, in order, each of so many bytes at most; none for no records.
pub(super) fn encode(records: &[Record], wall: Timestamp, bytes_max: usize) -> Vec<Bytes> {
    let (mut batches, mut builder, mut bytes) = (Vec::new(), BatchBuilder::new(), 0);
    for record in records {
        let size = record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_BYTES;
        if bytes > 0 && bytes + size > bytes_max {
            batches.push(std::mem::take(&mut builder).build());
            bytes = 0;
        }
        builder = builder.push(wall, Some(&record.key), record.value.as_deref());
        bytes += size;
    }
    if bytes > 0 {
        batches.push(builder.build());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchHeader;

    fn records(count: usize, bytes: usize) -> Vec<Record> {
        let value = Bytes::from(vec![7; bytes]);
        (0..count).map(|at| Record { key: Bytes::from(at.to_string()), value: Some(value.clone()) }).collect()
    }

    /// What a step wrote was several batches of 900 KiB: a crash in between left a member without its group's new epoch, and
    /// a group between two protocols.
    #[test]
    fn a_step_is_one_batch() {
        let batches = encode(&records(300, 100 << 10), Timestamp(1), STEP_BYTES_MAX);
        assert_eq!(batches.len(), 1);
        let header = BatchHeader::parse(&batches[0]).expect("a batch");
        assert_eq!(header.record_count, 300);
        assert_eq!(encode(&[], Timestamp(1), STEP_BYTES_MAX).len(), 0);
    }

    #[test]
    fn no_batch_is_longer_than_what_is_read_again() {
        let batches = encode(&records(50, 1 << 20), Timestamp(1), STEP_BYTES_MAX);
        assert_eq!(batches.len(), 2);
        assert!(batches.iter().all(|batch| batch.len() < PLAIN_BYTES_MAX));
        let count: i32 = batches.iter().map(|batch| BatchHeader::parse(batch).expect("a batch").record_count).sum();
        assert_eq!(count, 50);
    }
}
