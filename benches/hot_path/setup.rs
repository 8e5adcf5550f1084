//! What the benches share.
//!
//! Syncs do nothing here: what they take says more of the machine than of the code. What is written reaches the page
//! cache as it does in the broker.

use bytes::Bytes;
use ottla::base::{FileRange, LeaderEpoch, NodeId, PartitionIndex, SystemClock, Timestamp, TopicId, TopicPartition};
use ottla::io::disk::{Disk, Entry, File, Lock, Open, RealDisk};
use ottla::log::LogSettings;
use ottla::partition::{Partition, Partitions, Ticket};
use ottla::record::{BatchBuilder, BatchHeader, Compression};
use ottla::store::{DataDir, Durability, Store, StoreConfig};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

const RECORD_TIME: Timestamp = Timestamp(1_700_000_000_000);
const EPOCH: LeaderEpoch = LeaderEpoch(1);

/// Longer than any run: a checkpoint in the middle would be part of what is measured.
const CHECKPOINT_NEVER: Duration = Duration::from_secs(24 * 3600);

/// A batch of records with values of so many bytes. Compression halves them.
pub fn batch(records: usize, record_bytes: usize, compression: Compression) -> Bytes {
    let mut seed = 1_u32;
    let mut digit = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"0123456789abcdef"[(seed >> 28) as usize]
    };
    let mut builder = BatchBuilder::new().compression(compression);
    for _ in 0..records {
        let value: Vec<u8> = (0..record_bytes).map(|_| digit()).collect();
        builder = builder.push(RECORD_TIME, None, Some(&value));
    }
    builder.build()
}

/// A real disk whose syncs do nothing.
#[derive(Default)]
pub struct Unsynced(RealDisk);

struct UnsyncedFile(Arc<dyn File>);

impl FileRange for UnsyncedFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buf, position)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.0.read_cached(buf, position)
    }
}

impl File for UnsyncedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.0.write_at(parts, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for Unsynced {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(UnsyncedFile(self.0.open(path, how)?)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir_all(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_file_system(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn forget_cached(&self, path: &Path) -> io::Result<()> {
        self.0.forget_cached(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
}

/// An open store in `os` mode in a temporary directory, which goes with it.
pub struct Opened {
    pub runtime: Runtime,
    store: Arc<Store>,
    partitions: Arc<Partitions>,
    settings: Arc<LogSettings>,
    _dir: TempDir,
}

impl Opened {
    /// An empty store with so much memory for the newest batches.
    pub fn new(tail_bytes: usize) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut data_dir = DataDir::open(Arc::new(Unsynced::default()), dir.path()).expect("a data directory");
        data_dir.claim("bench", NodeId(1), Uuid::from_u128(1)).expect("claimed");
        let settings = Arc::new(LogSettings::default());
        let on_failure = Box::new(|why: &str| panic!("the store failed: {why}"));
        let config = StoreConfig {
            durability: Durability::Os,
            tail_bytes: tail_bytes as u64,
            checkpoint_every: CHECKPOINT_NEVER,
            ..StoreConfig::new(settings.clone(), Arc::new(SystemClock::default()), on_failure)
        };
        let store = Store::open(data_dir, config, &|_| None).expect("a store");
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Opened { runtime, partitions: Partitions::new(store.clone()), store, settings, _dir: dir }
    }

    /// A topic's partitions.
    pub fn topic(&self, topic: u128, partitions: usize) -> Vec<Arc<Partition>> {
        let (id, name) = (TopicId(Uuid::from_u128(topic)), format!("topic{topic}"));
        let id = |partition: usize| TopicPartition { topic: id, partition: PartitionIndex(partition as i32) };
        (0..partitions).map(|at| self.partitions.ensure(id(at), &name, &self.settings, EPOCH)).collect()
    }

    /// Deletes a topic. Its files go with this call or the next.
    pub fn delete_topic(&self, topic: u128, partitions: usize) {
        self.partitions.delete_topic(TopicId(Uuid::from_u128(topic)), partitions as i32);
        self.store.tick();
    }

    /// Appends one checked batch to each of the partitions, as one request does, and returns when all are acknowledged.
    pub fn append(&self, partitions: &[Arc<Partition>], batch: &Bytes, header: &BatchHeader) {
        self.runtime.block_on(async {
            let bytes = (partitions.len() * batch.len()) as u64;
            let mut room = self.partitions.reserve(bytes).await.expect("the store is open");
            let append = |partition: &Arc<Partition>| partition.append(batch.clone(), header, &mut room);
            let tickets: Vec<Ticket> = partitions.iter().map(append).collect::<Result<_, _>>().expect("appended");
            for ticket in tickets {
                ticket.durable().await.expect("durable");
            }
        });
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.store.shutdown().expect("a clean end");
    }
}
