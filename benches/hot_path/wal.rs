//! One chunk of the write-ahead log: its checksum, its table, its header, and the write to the page cache. No sync.

use crate::setup::{KIB, MIB, Unsynced, batch};
use bytes::Bytes;
use criterion::{Criterion, Throughput};
use ottla::base::{PartitionIndex, TopicId, TopicPartition};
use ottla::record::Compression;
use ottla::wal::{Chunk, DiskWal, Entry, Wal, WalConfig};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// Name, batches (each of its own partition), bytes of each.
const SHAPES: [(&str, usize, usize); 3] =
    [("1 KiB", 1, KIB), ("64 KiB", 1, 64 * KIB), ("1 MiB of 64 partitions", 64, 16 * KIB)];

const LOG_BYTES: u64 = 64 * MIB as u64;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wal chunk");
    for (shape, batches, batch_bytes) in SHAPES {
        let dir = TempDir::new().expect("a temporary directory");
        let mut wal = open(&dir);
        let payload = vec![batch(1, batch_bytes, Compression::None); batches];
        let entries: Vec<Entry> = payload.iter().enumerate().map(|(at, batch)| entry(at, batch)).collect();
        let chunk = Chunk { entries: &entries, payload: &payload };
        group.throughput(Throughput::Bytes(chunk.bytes()));
        group.bench_function(shape, |bencher| {
            bencher.iter(|| {
                wal.append(&chunk).expect("written");
                // So the one file is written over and over, as the files of the broker are.
                wal.release(wal.next());
            });
        });
    }
    group.finish();
}

fn open(dir: &TempDir) -> DiskWal {
    let config = WalConfig::new(dir.path().join("wal"), Uuid::from_u128(1));
    let config = WalConfig { bytes: LOG_BYTES, first_file_bytes: LOG_BYTES, ..config };
    DiskWal::create(Arc::new(Unsynced::default()), config, 1).expect("a log")
}

fn entry(partition: usize, batch: &Bytes) -> Entry {
    let (topic, partition) = (TopicId(Uuid::from_u128(1)), PartitionIndex(partition as i32));
    Entry::Batches { id: TopicPartition { topic, partition }, length: batch.len() as u32 }
}
