//! One random bit in any file, then a start: what is read is right or refused by name, everybody else goes on, and the next
//! start finds nothing new.
//!
//! `OTTLA_FLIPS` is how many fresh seeds are run, `OTTLA_FLIPS_FIRST` the first of them; without it the time chooses.

use super::cleaner::{Cleaned, Cleaner};
use super::commit::Step;
use super::fixture::{Bench, EPOCH, WALL, id, read_range};
use super::threads::Hands;
use super::{Durability, Store, StoredLog};
use crate::base::{
    Clock, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, SystemClock, Timestamp, TopicPartition,
};
use crate::io::disk::faulty::Chance;
use crate::io::disk::{Disk, FaultyDisk};
use crate::log::Wanted;
use crate::log::{LogSettings, SegmentError};
use crate::record::{BatchBuilder, BatchHeader, Batches, Records, check_produced, patch};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Fresh seeds when nothing is set.
const FLIPS: u64 = 500;

/// Seeds that failed once. They are run always.
const FAILED_ONCE: &[u64] = &[];

/// Topics of one partition each, and batches of each topic.
const TOPICS: u128 = 4;
/// It begins after the last checkpoint.
const YOUNG: u128 = 3;
/// It is compacted after the last checkpoint.
const COMPACTED: u128 = 4;
/// Plain bytes of a batch, at most.
const PLAIN_MAX: usize = 1 << 20;
/// Keys of its records.
const KEYS: i32 = 7;
const BATCHES: i32 = 60;
/// Runs, each under an epoch of its own.
const RUNS: i32 = 3;
/// The last checkpoint but for those of starts comes after this batch.
const LAST_CHECKPOINT: i32 = 50;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Killed; the newest batches are in the write-ahead log alone.
    Ahead,
    /// Killed; segments have everything.
    Written(Durability),
    Stopped,
}

const ENDS: [End; 4] = [End::Ahead, End::Written(Durability::Fsync), End::Written(Durability::Os), End::Stopped];

/// What a run left, and what it should hold.
struct Left {
    end: End,
    disk: FaultyDisk,
    files: Vec<(PathBuf, u64)>,
    sent: BTreeMap<TopicPartition, Vec<(BatchHeader, Bytes)>>,
}

static LEFT: LazyLock<Vec<Left>> = LazyLock::new(|| ENDS.into_iter().map(left).collect());

fn epoch(run: i32) -> LeaderEpoch {
    LeaderEpoch(EPOCH.0 + run)
}

/// A start after so many runs.
fn bench(disk: FaultyDisk, end: End, runs: i32, threads: usize) -> Bench {
    let durability = match end {
        End::Written(durability) => durability,
        End::Ahead | End::Stopped => Durability::Fsync,
    };
    let bench = Bench {
        durability,
        wal_bytes: 256 << 10,
        open_threads: threads,
        epoch: Some(epoch(runs - 1)),
        ..Bench::on(disk)
    };
    bench.naming(|id| {
        let topic = id.topic.0.as_u128();
        (1..=TOPICS).contains(&topic).then(|| format!("topic{topic}"))
    })
}

fn settings(topic: u128) -> Arc<LogSettings> {
    let settings = LogSettings { segment_bytes: 6 << 10, index_interval_bytes: 256, ..LogSettings::default() };
    Arc::new(match topic {
        COMPACTED => LogSettings {
            segment_bytes: 2 << 10,
            cleanup_delete: false,
            cleanup_compact: true,
            min_cleanable_dirty_ratio: 0.01,
            ..settings
        },
        _ => settings,
    })
}

fn log(store: &Store, topic: u128, run: i32) -> Arc<StoredLog> {
    store.log(id(topic, 0), &format!("topic{topic}"), settings(topic), epoch(run))
}

fn append(store: &Store, topic: u128, run: i32, batch: &Bytes) -> super::Appended {
    let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
    let appended = log(store, topic, run).append(batch.clone(), &check_produced(batch).expect("good"), &mut room);
    appended.expect("it is taken")
}

fn step_all(hands: &mut Hands, write: bool) {
    while hands.committer.step().expect("the disk is well") == Step::Done {}
    while write && hands.writer.step().expect("the disk is well") == Step::Done {}
}

/// Several runs, each killed but the last, which makes a checkpoint in its middle.
fn left(end: End) -> Left {
    let mut disk = FaultyDisk::new(1, 64 << 20);
    let mut sent: BTreeMap<TopicPartition, Vec<(BatchHeader, Bytes)>> = BTreeMap::new();
    for run in 0..RUNS {
        let last = run == RUNS - 1;
        let (first, end_number) = (run * BATCHES / RUNS, (run + 1) * BATCHES / RUNS);
        let (store, mut hands) = bench(disk.clone(), end, run, 1).try_open_by_hand().expect("it opens");
        for number in first..end_number {
            for topic in (1..=TOPICS).filter(|topic| *topic != YOUNG || number > LAST_CHECKPOINT) {
                let bytes = sequenced(&sent, topic, number);
                let appended = append(&store, topic, run, &bytes);
                let mut stored = bytes.to_vec();
                patch(&mut stored, appended.base, epoch(run));
                let header = BatchHeader::parse(&stored).expect("a batch");
                sent.entry(id(topic, 0)).or_default().push((header, stored.into()));
            }
            step_all(&mut hands, end != End::Ahead || number < BATCHES * 11 / 12);
            if number == LAST_CHECKPOINT {
                while hands.checkpointer.step().expect("the disk is well") != Step::Idle {}
                let sent = sent.get_mut(&id(COMPACTED, 0)).expect("it has batches");
                let before = std::mem::replace(sent, compacted(&store, run));
                assert!(sent.len() < before.len() && sent.last() == before.last(), "it is compacted");
            }
        }
        drop((hands, store));
        disk = disk.kill();
        if last && end == End::Stopped {
            let bench = bench(disk.clone(), end, RUNS, 1);
            bench.open().shutdown().expect("it stops");
            disk = bench.disk.kill();
        }
    }
    let files = files(&disk, &Bench::dir());
    Left { end, disk, files, sent }
}

/// Compacts; what is left of the topic for that.
fn compacted(store: &Store, run: i32) -> Vec<(BatchHeader, Bytes)> {
    let mut cleaner = Cleaner::new(store.core_for_tests().clone());
    while cleaner.step() == Cleaned::Log {}
    let log = log(store, COMPACTED, run);
    let (mut next, end, mut left) = (Offset::ZERO, log.watermarks().durable, Vec::new());
    while next < end {
        let plan = log.plan(Wanted::new(next, end, 2_000, true)).expect("it is whole");
        next = plan.next;
        for range in plan.ranges {
            let bytes = read_range(&*range.segment, range.position, range.length);
            let batches = Batches::new(&bytes).map(|batch| batch.expect("it is whole"));
            left.extend(batches.map(|(header, batch)| (header, Bytes::copy_from_slice(batch))));
        }
    }
    left
}

/// The next batch of a topic in the producer's sequence.
fn sequenced(sent: &BTreeMap<TopicPartition, Vec<(BatchHeader, Bytes)>>, topic: u128, number: i32) -> Bytes {
    let next = sent.get(&id(topic, 0)).and_then(|sent| sent.last()).map_or(0, |(last, _)| last.last_sequence().0 + 1);
    let producer = BatchBuilder::new().producer(ProducerId(7), ProducerEpoch(0), Sequence(next));
    let value = [number as u8; 90];
    let time = |record: i32| Timestamp(WALL.0 + i64::from(number / 7 * 1000 + record));
    let key = (topic == COMPACTED).then_some([(number % KEYS) as u8]);
    let key = key.as_ref().map(|key| key.as_slice());
    (0..number % 3 + 1).fold(producer, |batch, record| batch.push(time(record), key, Some(&value))).build()
}

/// Every file that holds something.
fn files(disk: &FaultyDisk, dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in disk.list(dir).expect("listed") {
        let path = dir.join(&entry.name);
        match entry.is_dir {
            true => found.extend(files(disk, &path)),
            false if entry.len > 0 => found.push((path, entry.len)),
            false => {}
        }
    }
    found.sort();
    found
}

/// What a start came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Refused,
    Named,
    Whole,
}

fn flip(seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let left = &LEFT[chance.below(ENDS.len() as u64) as usize];
    let (path, len) = &left.files[chance.below(left.files.len() as u64) as usize];
    let (position, mask) = (chance.below(*len), 1 << chance.below(8));
    let what = format!("seed {seed}: {:?}, {} byte {position} mask {mask}", left.end, path.display());
    let disk = left.disk.kill();
    disk.corrupt(path, position, mask).expect("there is such a byte");
    // What one thread reads, and what several do.
    let threads = if chance.below(2) == 0 { 1 } else { 3 };
    let bench = bench(disk, left.end, RUNS, threads);
    let (store, mut hands) = match bench.try_open_by_hand() {
        Ok(opened) => opened,
        Err(error) => {
            assert!(path.ends_with("ottla.properties"), "{what}: no start: {error}");
            return Outcome::Refused;
        }
    };
    let named = check(&what, left, &store);
    goes_on(&what, left, &store, &mut hands);
    drop((hands, store));
    let again = self::bench(bench.disk.kill(), left.end, RUNS + 1, threads);
    let (store, _hands) = again.try_open_by_hand().unwrap_or_else(|error| panic!("{what}: no second start: {error}"));
    let found = store.recovery().damage.clone();
    assert!(named || found.is_empty(), "{what}: the second start finds {found:?}");
    if named { Outcome::Named } else { Outcome::Whole }
}

/// Whether something is missing or refused, which then has a name.
fn check(what: &str, left: &Left, store: &Store) -> bool {
    let recovery = store.recovery();
    let said = [&recovery.damage, &recovery.cut, &recovery.aside];
    let named = said.iter().any(|lines| !lines.is_empty()) || recovery.torn;
    let found: BTreeMap<TopicPartition, Arc<StoredLog>> = store.logs().into_iter().map(|log| (log.id(), log)).collect();
    let (mut harmed, mut refusals) = (0, 0);
    for (id, sent) in &left.sent {
        let Some(log) = found.get(id) else {
            assert!(named, "{what}: {id} is gone");
            harmed += 1;
            continue;
        };
        let end = log.watermarks().durable;
        let whole = sent.last().map(|(last, _)| last.next_offset()) == Some(end);
        let is_counted = left.end == End::Written(Durability::Os) && recovery.tails > 0;
        assert!(whole || named || is_counted, "{what}: {id} ends at {end}");
        let (refused, gaps) = reads(what, log, sent, end);
        harmed += u32::from(refused + gaps > 0 || !whole);
        assert!(gaps == 0 || named, "{what}: something is left out and nothing says so");
        refusals += refused;
    }
    let in_partition = !what.contains("/wal/") && !what.contains("/checkpoint");
    assert!(harmed <= 1 || !in_partition, "{what}: {harmed} partitions are harmed by one file");
    named || refusals > 0
}

/// Reads around every batch and by time; counts what is refused and what is left out. What is answered must be right.
fn reads(what: &str, log: &StoredLog, sent: &[(BatchHeader, Bytes)], end: Offset) -> (u32, u32) {
    let (mut refused, mut left_out) = (0, 0);
    let stored: Vec<_> = sent.iter().filter(|(header, _)| header.last_offset() < end).collect();
    for (header, _) in &stored {
        match log.plan(Wanted::new(header.last_offset(), end, 2_000, true)) {
            Err(SegmentError::Corrupt { .. }) => refused += 1,
            Err(SegmentError::Io { error, .. }) => panic!("{what}: {error}"),
            Ok(plan) => {
                let parts = plan.ranges.iter().map(|range| read_range(&*range.segment, range.position, range.length));
                let bytes: Vec<u8> = parts.flatten().collect();
                left_out += gaps(what, &bytes, header.base_offset, &stored);
                assert!(plan.next > header.last_offset(), "{what}: stands still at {}", header.base_offset);
            }
        }
    }
    if left_out == 0 {
        refused += times(what, log, &stored);
    }
    (refused, left_out)
}

/// Looks for every batch by its time; counts what is refused.
fn times(what: &str, log: &StoredLog, stored: &[&(BatchHeader, Bytes)]) -> u32 {
    let mut refused = 0;
    for (header, _) in stored {
        let time = header.max_timestamp;
        let (first, batch) = stored.iter().find(|(header, _)| header.max_timestamp >= time).expect("this one at least");
        let mut records =
            Records::new(first, batch, PLAIN_MAX).expect("plain").map(|record| record.expect("it is whole"));
        let record = records.find(|record| record.timestamp >= time).expect("the one with the largest time");
        match log.offset_for_timestamp(time) {
            Err(_) => refused += 1,
            Ok(found) => {
                let found = found.unwrap_or_else(|| panic!("{what}: nothing at {time:?}"));
                let expected = (record.offset, record.timestamp, first.leader_epoch);
                assert_eq!((found.offset, found.timestamp, found.epoch), expected, "{what}: for {time:?}");
            }
        }
    }
    let newest = stored.iter().map(|(header, _)| header.max_timestamp).max();
    match log.max_timestamp() {
        Err(_) => refused += 1,
        Ok(found) => assert_eq!(found.map(|found| found.timestamp), newest, "{what}: the largest time"),
    }
    refused
}

/// Every batch must be one that is stored; counts the places where some are left out, from the one at `first` on.
fn gaps(what: &str, bytes: &[u8], first: Offset, stored: &[&(BatchHeader, Bytes)]) -> u32 {
    assert!(!bytes.is_empty(), "{what}: nothing at {first}");
    let mut gaps = 0;
    let mut expected = stored.iter().skip_while(|(header, _)| header.base_offset < first);
    for batch in Batches::new(bytes) {
        let (header, batch) = batch.unwrap_or_else(|error| panic!("{what}: no batch from {first} on: {error}"));
        let mut passed = 0;
        let sent = expected.by_ref().inspect(|_| passed += 1).find(|(sent, _)| sent.base_offset == header.base_offset);
        assert!(sent.is_some_and(|(_, sent)| sent == batch), "{what}: other bytes at {}", header.base_offset);
        gaps += u32::from(passed > 1);
    }
    gaps
}

/// Retries are known, and new batches are taken and read.
fn goes_on(what: &str, left: &Left, store: &Store, hands: &mut Hands) {
    for topic in 1..=TOPICS {
        let log = log(store, topic, RUNS);
        let sent = &left.sent[&id(topic, 0)];
        let (last, bytes) = sent.last().expect("every topic has batches");
        if log.watermarks().durable != last.next_offset() {
            continue;
        }
        let retried = append(store, topic, RUNS, bytes);
        assert!(retried.duplicate && retried.base == last.base_offset, "{what}: a retry is taken for {retried:?}");
        let next = append(store, topic, RUNS, &sequenced(&left.sent, topic, BATCHES));
        assert_eq!(next.base, last.next_offset(), "{what}");
        step_all(hands, true);
        let plan = log.plan(Wanted::new(next.base, next.last.plus(1), 1 << 20, true));
        let plan = plan.unwrap_or_else(|error| panic!("{what}: what came after can't be read: {error}"));
        assert_eq!(plan.next, next.last.plus(1), "{what}");
    }
}

/// What the flips are held against: without one nothing has a name.
#[test]
fn without_a_flip_all_is_whole() {
    for left in LEFT.iter() {
        for threads in [1, 3] {
            let what = format!("{:?}", left.end);
            let bench = bench(left.disk.kill(), left.end, RUNS, threads);
            let (store, mut hands) = bench.try_open_by_hand().expect("it opens");
            assert!(!check(&what, left, &store), "{what}: {:?}", store.recovery());
            assert_eq!(store.recovery().tails, 0, "{what}");
            goes_on(&what, left, &store, &mut hands);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn one_bit_in_any_file() {
    let count = number("OTTLA_FLIPS").unwrap_or(FLIPS);
    let first = number("OTTLA_FLIPS_FIRST").unwrap_or((SystemClock::default().now().0 as u64) << 16);
    eprintln!("flips {first} to {}", first + count - 1);
    let mut outcomes = BTreeMap::new();
    for seed in FAILED_ONCE.iter().copied().chain(first..first + count) {
        *outcomes.entry(flip(seed)).or_insert(0_u64) += 1;
    }
    eprintln!("{outcomes:?}");
    assert!(count < FLIPS || outcomes.len() == 3, "some must be harmless, some named, some refused: {outcomes:?}");
}
