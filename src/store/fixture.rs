//! A store on a disk in memory, for tests.

use super::threads::Hands;
use super::{DataDir, Durability, KnownTopic, OpenError, Store, StoreConfig, StoredLog};
use crate::base::{
    Clock, FileRange, LeaderEpoch, ManualClock, NodeId, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp,
    TopicId, TopicPartition,
};
use crate::io::disk::{Disk, Entry, FaultyDisk, File, Lock, Open};
use crate::log::LogSettings;
use crate::record::BatchBuilder;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

pub(crate) const WALL: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const EPOCH: LeaderEpoch = LeaderEpoch(3);
const MIB: u64 = 1 << 20;

/// A disk whose syncs can be held up.
pub(crate) struct GatedDisk {
    disk: FaultyDisk,
    /// Syncs of the write-ahead log.
    log: Arc<Gate>,
    /// Its files that are being filled, which no gate holds up, by the names they have meanwhile.
    filling: Mutex<HashMap<PathBuf, Arc<AtomicBool>>>,
    /// Syncs of directories; while batches are written only a roll makes one.
    pub(crate) names: Gate,
    /// Syncs of the file that keeps proven time.
    pub(crate) time: Arc<Gate>,
}

/// A file of the write-ahead log.
struct GatedFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
    filling: Arc<AtomicBool>,
}

impl FileRange for GatedFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buf, position)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.file.read_cached(buf, position)
    }
}

impl File for GatedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.file.write_at(parts, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.filling.load(Ordering::Relaxed) {
            self.gate.pass();
        }
        self.file.sync_data()
    }
}

/// What waits while it is closed.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    waiting: bool,
}

impl Gate {
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }

    pub(crate) fn open(&self) {
        self.state.lock().closed = false;
        self.moved.notify_all();
    }

    /// Returns when somebody waits here.
    pub(crate) fn await_one(&self) {
        self.moved.wait_while(&mut self.state.lock(), |gate| !gate.waiting);
    }

    fn pass(&self) {
        let mut gate = self.state.lock();
        gate.waiting = true;
        self.moved.notify_all();
        self.moved.wait_while(&mut gate, |gate| gate.closed);
        gate.waiting = false;
    }
}

impl GatedDisk {
    /// From now on every sync of the write-ahead log waits.
    pub(crate) fn close(&self) {
        self.log.close();
    }

    /// Lets the syncs go on.
    pub(crate) fn open_gate(&self) {
        self.log.open();
    }

    /// Returns when a sync waits at the gate.
    pub(crate) fn await_sync(&self) {
        self.log.await_one();
    }
}

impl Disk for GatedDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, how)?;
        let name = path.to_string_lossy();
        let gates = [(".wal", &self.log), ("ottla.clock", &self.time)];
        let Some((_, gate)) = gates.into_iter().find(|(part, _)| name.contains(part)) else { return Ok(file) };
        let filling = Arc::new(AtomicBool::new(name.ends_with(".wal.tmp")));
        if filling.load(Ordering::Relaxed) {
            self.filling.lock().insert(path.to_owned(), filling.clone());
        }
        Ok(Arc::new(GatedFile { file, gate: gate.clone(), filling }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(filling) = self.filling.lock().remove(from) {
            filling.store(false, Ordering::Relaxed);
        }
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.names.pass();
        self.disk.sync_dir(path)
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_file_system(path)
    }

    fn forget_cached(&self, path: &Path) -> io::Result<()> {
        self.disk.forget_cached(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_bytes(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.disk.lock(path)
    }
}

/// What a store is opened with; the fields may be changed before [`Bench::open`].
pub(crate) struct Bench {
    pub(crate) disk: FaultyDisk,
    pub(crate) gated: Arc<GatedDisk>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) durability: Durability,
    pub(crate) tail_bytes: u64,
    pub(crate) queue_bytes: u64,
    pub(crate) reserve_bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) open_threads: usize,
    pub(crate) failures: Arc<Mutex<Vec<String>>>,
    /// The topics' names, by id; what has none was deleted.
    pub(crate) names: Arc<dyn Fn(TopicPartition) -> Option<String> + Send + Sync>,
    /// The epoch under which the last run wrote.
    pub(crate) epoch: Option<LeaderEpoch>,
    /// The topics' settings, as the start knows them.
    pub(crate) settings: Option<Arc<LogSettings>>,
}

impl Bench {
    pub(crate) fn new(seed: u64) -> Self {
        Self::on(FaultyDisk::new(seed, 256 * MIB))
    }

    pub(crate) fn on(disk: FaultyDisk) -> Self {
        let gated = GatedDisk {
            disk: disk.clone(),
            log: Arc::default(),
            filling: Mutex::default(),
            names: Gate::default(),
            time: Arc::default(),
        };
        Bench {
            disk,
            gated: Arc::new(gated),
            clock: Arc::new(ManualClock::at(WALL)),
            durability: Durability::Fsync,
            tail_bytes: 4 * MIB,
            queue_bytes: 4 * MIB,
            reserve_bytes: MIB,
            wal_bytes: 8 * MIB,
            open_threads: 3,
            failures: Arc::default(),
            names: Arc::new(|id| Some(format!("topic{}", id.topic.0.as_u128()))),
            epoch: None,
            settings: None,
        }
    }

    pub(crate) fn dir() -> PathBuf {
        PathBuf::from("data")
    }

    /// A start that knows these topics only.
    pub(crate) fn naming(mut self, names: impl Fn(TopicPartition) -> Option<String> + Send + Sync + 'static) -> Self {
        self.names = Arc::new(names);
        self
    }

    pub(crate) fn try_open(&self) -> Result<Arc<Store>, OpenError> {
        let (data_dir, config) = self.claimed()?;
        Store::open(data_dir, config, &|id| self.known(id))
    }

    /// A store that is moved step by step.
    pub(crate) fn try_open_by_hand(&self) -> Result<(Store, Hands), OpenError> {
        let (data_dir, config) = self.claimed()?;
        Store::recover(data_dir, config, &|id| self.known(id))
    }

    fn known(&self, id: TopicPartition) -> Option<KnownTopic> {
        (self.names)(id).map(|name| KnownTopic { name, epoch: self.epoch, settings: self.settings.clone() })
    }

    fn claimed(&self) -> Result<(DataDir, StoreConfig), OpenError> {
        let mut data_dir = DataDir::open(self.gated.clone(), &Self::dir())?;
        data_dir.claim("cluster", NodeId(1), Uuid::from_u128(7))?;
        let failures = self.failures.clone();
        let on_failure = Box::new(move |why: &str| failures.lock().push(why.to_owned()));
        let clock: Arc<dyn Clock> = self.clock.clone();
        let config = StoreConfig {
            durability: self.durability,
            tail_bytes: self.tail_bytes,
            queue_bytes: self.queue_bytes,
            reserve_bytes: self.reserve_bytes,
            wal_bytes: self.wal_bytes,
            wal_first_file_bytes: self.wal_bytes / 8,
            open_threads: self.open_threads,
            open_files: 16,
            ..StoreConfig::new(Arc::new(settings()), clock, on_failure)
        };
        Ok((data_dir, config))
    }

    pub(crate) fn open(&self) -> Arc<Store> {
        self.try_open().expect("the store opens")
    }
}

/// Small segments, so that tests meet rolls.
pub(crate) fn settings() -> LogSettings {
    LogSettings { segment_bytes: 64 << 10, index_interval_bytes: 512, ..LogSettings::default() }
}

pub(crate) fn id(topic: u128, partition: i32) -> TopicPartition {
    TopicPartition { topic: TopicId(Uuid::from_u128(topic)), partition: PartitionIndex(partition) }
}

pub(crate) fn log(store: &Store, topic: u128, partition: i32) -> Arc<StoredLog> {
    store.log(id(topic, partition), &format!("topic{topic}"), Arc::new(settings()), EPOCH)
}

/// A batch with one record per value.
pub(crate) fn batch(values: &[&[u8]]) -> Bytes {
    values.iter().fold(BatchBuilder::new(), |batch, value| batch.push(WALL, None, Some(value))).build()
}

/// A batch of one record of an idempotent producer.
pub(crate) fn produced(producer: i64, sequence: i32, value: &[u8]) -> Bytes {
    let batch = BatchBuilder::new().producer(ProducerId(producer), ProducerEpoch(0), Sequence(sequence));
    batch.push(WALL, None, Some(value)).build()
}

/// A whole file range, for comparing.
pub(crate) fn read_range(file: &dyn FileRange, position: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(&mut bytes, position).expect("the file can be read");
    assert_eq!(read as u64, length, "the file is shorter than planned");
    bytes
}

impl Bench {
    /// The names in the data directory.
    pub(crate) fn disk_names(&self) -> Vec<String> {
        let entries = self.disk.list(&Self::dir()).expect("the data directory can be listed");
        entries.into_iter().map(|entry| entry.name).collect()
    }
}
