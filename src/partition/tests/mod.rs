//! What holds of partitions over a store on a disk in memory.

mod acks;
mod deletion;
mod faults;
mod idle;
mod log_start;
mod model;
mod reading;
mod restart;

use super::*;
use crate::base::{Offset, PartitionIndex, TopicId};
use crate::record::{Batches, check_produced};
use crate::store::Store;
use crate::store::fixture::{Bench, EPOCH, id, read_range, settings};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long something is watched that should not happen.
const WATCH: Duration = Duration::from_millis(30);

/// How long something may take that should happen.
const LIMIT: Duration = Duration::from_secs(20);

struct Setup {
    bench: Bench,
    store: Arc<Store>,
    partitions: Arc<Partitions>,
}

impl Setup {
    fn new(seed: u64) -> Self {
        Self::over(Bench::new(seed))
    }

    fn over(bench: Bench) -> Self {
        let store = bench.open();
        let partitions = Partitions::new(store.clone());
        Setup { bench, store, partitions }
    }

    fn partition(&self, topic: u128, partition: i32) -> Arc<Partition> {
        self.named(topic, partition, &format!("topic{topic}"))
    }

    fn named(&self, topic: u128, partition: i32, name: &str) -> Arc<Partition> {
        self.partitions.ensure(id(topic, partition), name, &Arc::new(settings()), EPOCH)
    }

    fn delete(&self, topic: u128, partition: i32) -> bool {
        self.partitions.delete(TopicId(Uuid::from_u128(topic)), PartitionIndex(partition))
    }

    async fn append(&self, partition: &Arc<Partition>, batch: &Bytes) -> Result<Ticket, AppendError> {
        let header = check_produced(batch).expect("a good batch");
        let mut room = self.partitions.reserve(batch.len() as u64).await.expect("the store is open");
        partition.append(batch.clone(), &header, &mut room)
    }

    async fn commit(&self, partition: &Arc<Partition>, batch: &Bytes) -> ProduceResult {
        let ticket = self.append(partition, batch).await.expect("appended");
        soon(ticket.durable()).await.expect("durable")
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("it happens soon")
}

/// What the commit thread does after it woke the waiters.
async fn eventually(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// All bytes of a read, from memory and from files; what is in memory is compared with its file.
fn content(result: &ReadResult) -> Vec<u8> {
    let mut all = Vec::new();
    for part in &result.parts {
        match part {
            crate::base::Part::Bytes(bytes) => all.extend_from_slice(bytes),
            crate::base::Part::Tail { bytes, file, position } => {
                if file.holds(*position + bytes.len() as u64) {
                    assert_eq!(
                        read_range(&**file, *position, bytes.len() as u64),
                        &bytes[..],
                        "memory and file differ"
                    );
                }
                all.extend_from_slice(bytes);
            }
            crate::base::Part::File { file, position, length } => {
                all.extend_from_slice(&read_range(&**file, *position, *length));
            }
        }
    }
    assert_eq!(all.len() as u64, result.bytes);
    all
}

/// Reads a partition from `from` to its high watermark in reads of at most `max_bytes`, and checks that the batches are
/// whole, unharmed and without a gap.
async fn read_all(partition: &Partition, from: Offset, max_bytes: u64) -> Vec<u8> {
    let (mut all, mut next) = (Vec::new(), from);
    loop {
        let result = partition.read(next, max_bytes, true, ReadUpto::HighWatermark).await.expect("readable");
        let bytes = content(&result);
        if bytes.is_empty() {
            assert_eq!(next, result.watermarks.durable, "a read below the high watermark found nothing");
            return all;
        }
        let mut expected = None;
        for batch in Batches::new(&bytes) {
            let (header, batch) = batch.expect("whole batches");
            check_stored(batch);
            let begins = expected.unwrap_or(next);
            assert!(
                header.base_offset == begins || (expected.is_none() && header.base_offset < begins),
                "a gap: {} after {begins}",
                header.base_offset
            );
            expected = Some(header.next_offset());
        }
        assert_eq!(expected, Some(result.next));
        next = result.next;
        all.extend_from_slice(&bytes);
    }
}

fn check_stored(batch: &[u8]) {
    let header = crate::record::BatchHeader::parse(batch).expect("a header");
    assert_eq!(crate::record::header::batch_crc(batch), header.crc, "batch at {}", header.base_offset);
}
