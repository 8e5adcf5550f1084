//! The records of a step as batches, the way Kafka's coordinators write them: not compressed, stamped by the coordinator.

use super::machine::Record;
use crate::base::Timestamp;
use crate::record::BatchBuilder;
use bytes::Bytes;

/// Bytes of keys and values in a batch, above which another one is begun: a batch stays below Kafka's default for
/// `max.message.bytes`, so that any reader takes it. A single record may be larger.
const BATCH_BYTES_MAX: usize = 900 << 10;

/// What a record takes beside its key and value, at most.
const RECORD_OVERHEAD_BYTES: usize = 32;

/// The batches of a step, in order; none for no records.
pub(super) fn encode(records: &[Record], wall: Timestamp) -> Vec<Bytes> {
    let (mut batches, mut builder, mut bytes) = (Vec::new(), BatchBuilder::new(), 0);
    for record in records {
        let size = record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_BYTES;
        if bytes > 0 && bytes + size > BATCH_BYTES_MAX {
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
