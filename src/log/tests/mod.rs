//! Tests of the log, by what they are about.

mod at_once;
mod formats;
mod index_tail;
mod model;
mod producers;
mod reads;
mod recovery;
mod tip;

use super::*;
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId};
use crate::io::disk::{Disk, FaultyDisk};
use crate::log::Wanted;
use crate::record::{BatchBuilder, BatchHeader, patch, restamp_append_time};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const TOPIC: TopicId = TopicId(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DISK_BYTES: u64 = 1 << 30;

fn dir() -> PathBuf {
    PathBuf::from("/data/orders-0")
}

fn log_dir(topic: TopicId) -> LogDir {
    LogDir { path: dir(), topic, identified: false }
}

fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new(1, DISK_BYTES);
    disk.create_dir_all(Path::new("/data")).expect("an empty disk takes a directory");
    disk.sync_file_system(Path::new("/data")).expect("nothing to go wrong");
    disk
}

fn env(disk: &FaultyDisk) -> LogEnv {
    LogEnv { disk: std::sync::Arc::new(disk.clone()), descriptors: Descriptors::new(4) }
}

/// Small everything, so that a few hundred bytes roll and index.
fn small() -> LogSettings {
    LogSettings { segment_bytes: 1_000, index_interval_bytes: 150, ..LogSettings::default() }
}

/// A batch of `count` records whose values have `bytes` bytes; the records' times count up from `time`.
fn batch(count: usize, bytes: usize, time: i64) -> BatchBuilder {
    let value = vec![b'v'; bytes];
    (0..count).fold(BatchBuilder::new(), |builder, n| builder.push(Timestamp(time + n as i64), None, Some(&value)))
}

fn produced(id: i64, epoch: i16, sequence: i32, count: usize) -> BatchBuilder {
    batch(count, 10, NOW.0).producer(ProducerId(id), ProducerEpoch(epoch), Sequence(sequence))
}

fn header_of(bytes: &[u8]) -> BatchHeader {
    BatchHeader::parse(bytes).expect("the test's own batch")
}

/// A log, its tip, and everything that was written to it.
struct Partition {
    disk: FaultyDisk,
    settings: LogSettings,
    log: Log,
    tip: Tip,
    stored: Vec<(Placement, Bytes)>,
}

impl Partition {
    fn new(settings: LogSettings) -> Partition {
        let disk = disk();
        let (log, tip) = Log::create(&env(&disk), dir(), TOPIC);
        Partition { disk, settings, log, tip, stored: Vec::new() }
    }

    fn admit(&mut self, builder: &BatchBuilder, epoch: i32) -> Result<Admission, AppendError> {
        let bytes = builder.build();
        self.tip.admit(&header_of(&bytes), bytes.len() as u32, NOW, LeaderEpoch(epoch), &self.settings)
    }

    /// Admits and prepares a batch without writing it.
    fn place(&mut self, builder: &BatchBuilder, epoch: i32) -> Placed {
        let admission = self.admit(builder, epoch).expect("the test's batch is good");
        let Admission::Append(placement) = admission else { panic!("a duplicate: {admission:?}") };
        let mut bytes = builder.build().to_vec();
        patch(&mut bytes, placement.base, placement.epoch);
        if let Some(time) = placement.append_time {
            restamp_append_time(&mut bytes, time);
        }
        let bytes = Bytes::from(bytes);
        self.stored.push((placement.clone(), bytes.clone()));
        Placed { placement, bytes }
    }

    fn append(&mut self, builder: &BatchBuilder, epoch: i32) -> Offset {
        let placed = self.place(builder, epoch);
        self.log.write(std::slice::from_ref(&placed)).expect("the disk takes it");
        placed.placement.base
    }

    /// Takes out segments wholly below `start` and removes their files; says how many.
    fn remove_below(&self, start: Offset) -> usize {
        let dropped = self.log.drop_below(start, false);
        dropped.files.iter().for_each(|file| self.log.remove_file(file).expect("removable"));
        dropped.segments.len()
    }

    fn open(disk: &FaultyDisk, settings: &LogSettings, how: OpenHow) -> (Log, Tip, OpenReport) {
        Log::open(&env(disk), log_dir(TOPIC), settings, how, NOW).expect("the log opens")
    }

    /// Goes on with what a disk holds.
    fn reopen(&mut self, disk: FaultyDisk, how: OpenHow) -> OpenReport {
        let (log, tip, report) = Partition::open(&disk, &self.settings, how);
        (self.disk, self.log, self.tip) = (disk, log, tip);
        report
    }

    fn close(&self) {
        self.log.close_clean(&self.tip).expect("the disk takes it");
        self.disk.sync_file_system(Path::new("/data")).expect("the disk syncs");
    }

    fn all_bytes(&self) -> Vec<u8> {
        self.stored.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }
}

/// Everything readable from `from` on, through plans.
fn read_from(log: &Log, from: Offset, below: Offset, max_bytes: u64) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), from);
    loop {
        let plans = log.plan(Wanted::new(from, below, max_bytes, true)).expect("the log can be read");
        let Some((_, last)) = plans.last() else { return bytes };
        for (segment, planned) in &plans {
            let mut part = vec![0; planned.length as usize];
            super::walk::read_exact(&**segment, &mut part, planned.position).expect("planned bytes are there");
            bytes.extend_from_slice(&part);
        }
        from = last.next;
    }
}

fn read_all(log: &Log, tip: &Tip) -> Vec<u8> {
    read_from(log, tip.log_start(), tip.end(), 500)
}

fn inspect_all(disk: &FaultyDisk) -> (super::inspect::Findings, String) {
    let mut out = Vec::new();
    let found = super::inspect::inspect(disk, Path::new("/data"), &mut out).expect("the directory can be read");
    (found, String::from_utf8(out).expect("text"))
}

/// The names and lengths of the partition's files.
fn files(disk: &FaultyDisk) -> Vec<(String, u64)> {
    disk.list(&dir()).expect("the directory is there").into_iter().map(|entry| (entry.name, entry.len)).collect()
}
