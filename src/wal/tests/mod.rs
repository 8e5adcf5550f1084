//! The write-ahead log on a disk that fails. Whatever fails prints its seed.

mod crash;
mod flips;
mod foreign;
mod pool;
mod replaying;
mod round_trip;
mod torn;

use super::header::HEADER_BYTES;
use super::{
    Chunk, DiskWal, Entry, Origin, ReplayReport, ReplayedChunk, Sequence, Wal, WalConfig, WalError, replay, table,
};
use crate::base::{PartitionIndex, TopicId, TopicPartition};
use crate::io::disk::faulty::Chance;
use crate::io::disk::{Disk, FaultyDisk};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

const DIR: &str = "/data/wal";
const KIB: u64 = 1024;
const DIRECTORY: Uuid = Uuid::from_u128(0xD1);

fn disk(seed: u64) -> FaultyDisk {
    FaultyDisk::new(seed, 64 << 20)
}

/// A pool of `bytes` with files from `first` to `most` bytes.
fn config(bytes: u64, first: u64, most: u64) -> WalConfig {
    let dir = PathBuf::from(DIR);
    WalConfig { dir, directory_id: DIRECTORY, bytes, first_file_bytes: first, file_bytes_max: most, overdraft_bytes: 0 }
}

fn create(disk: &FaultyDisk, config: &WalConfig, incarnation: u64) -> Result<DiskWal, WalError> {
    DiskWal::create(Arc::new(disk.clone()), config.clone(), incarnation)
}

fn id(number: u32) -> TopicPartition {
    TopicPartition { topic: TopicId(Uuid::from_u128(7)), partition: PartitionIndex(number as i32) }
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..length).map(|_| chance.next() as u8).collect()
}

/// A chunk with its content.
#[derive(Clone)]
struct Owned {
    entries: Vec<Entry>,
    payload: Vec<Bytes>,
}

impl Owned {
    /// A chunk of one partition whose header, payload and table are `filled` bytes; `seed` makes the content.
    fn filled(seed: u64, filled: u64) -> Owned {
        let entry = |length: u32| Entry::Batches { id: id(seed as u32), length };
        let length = filled - HEADER_BYTES as u64 - table::bytes(&[entry(0)]);
        let payload = vec![Bytes::from(noise(seed, length as usize))];
        Owned { entries: vec![entry(length as u32)], payload }
    }

    fn chunk(&self) -> Chunk<'_> {
        Chunk { entries: &self.entries, payload: &self.payload }
    }

    fn replayed(&self, sequence: u64) -> ReplayedChunk {
        let payload = Bytes::from(self.payload.concat());
        ReplayedChunk { sequence: Sequence(sequence), entries: self.entries.clone(), payload }
    }
}

fn append(wal: &mut DiskWal, chunk: &Owned) -> Result<Sequence, WalError> {
    wal.append(&chunk.chunk())
}

fn origin(incarnation: u64, live_from: u64) -> Origin {
    Origin { directory_id: DIRECTORY, incarnation, live_from: Sequence(live_from) }
}

/// All that is replayed, and the report.
fn replayed(disk: &FaultyDisk, origin: Origin) -> Result<(Vec<ReplayedChunk>, ReplayReport), WalError> {
    let mut replay = replay(disk, Path::new(DIR), &origin)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = replay.next()? {
        chunks.push(chunk);
    }
    assert_eq!(replay.report().chunks, chunks.len() as u64);
    Ok((chunks, replay.report().clone()))
}

fn sequences(chunks: &[ReplayedChunk]) -> Vec<u64> {
    chunks.iter().map(|chunk| chunk.sequence.0).collect()
}

fn path(number: u64) -> PathBuf {
    super::files::path(Path::new(DIR), number)
}

fn names(disk: &FaultyDisk) -> Vec<String> {
    disk.list(Path::new(DIR)).expect("the directory is there").into_iter().map(|entry| entry.name).collect()
}
