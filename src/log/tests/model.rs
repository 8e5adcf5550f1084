//! A log against a plain list of batches, under random appends, rolls, reads and restarts of every kind.

use super::*;
use crate::io::disk::faulty::{Fault, Operation};
use crate::record::Compression;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Appends batches of (records, value bytes, time step), written in one go.
    Append(Vec<(usize, usize, i64)>),
    Read(u64, u64, u64),
    Find(i64),
    Close,
    Kill,
    /// Loses power; with `true` right after a sync of the file system.
    Crash(u64, bool),
    RemoveBelow(u64),
    /// A write fails part-way for lack of space, and is tried again.
    Full(u64),
    Settings(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let one = (1usize..5, 0usize..200, -50i64..100);
    prop_oneof![
        12 => prop::collection::vec(one, 1..8).prop_map(Step::Append),
        4 => (any::<u64>(), any::<u64>(), 0u64..3_000).prop_map(|(from, below, max)| Step::Read(from, below, max)),
        3 => (-100i64..3_000).prop_map(Step::Find),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => (any::<u64>(), any::<bool>()).prop_map(|(seed, synced)| Step::Crash(seed, synced)),
        1 => any::<u64>().prop_map(Step::RemoveBelow),
        1 => (0u64..4).prop_map(Step::Full),
        1 => (600u32..6_000, 0u32..600).prop_map(|(segment, interval)| Step::Settings(segment, interval)),
    ]
}

struct Model {
    partition: Partition,
    time: i64,
    epoch: i32,
    sequence: i32,
    /// Batches that were written before the last sync.
    synced: usize,
    /// Multiplies sizes: 1 keeps segments within a page of the disk, more lets a crash tear them in the middle.
    scale: usize,
}

impl Model {
    fn builder(&mut self, count: usize, bytes: usize, time_step: i64) -> BatchBuilder {
        self.time += time_step;
        let codec = [Compression::None, Compression::Lz4][count % 2];
        let builder = batch(count, bytes * self.scale, self.time).compression(codec);
        if count < 3 {
            return builder;
        }
        let sequence = Sequence(self.sequence);
        self.sequence += count as i32;
        builder.producer(ProducerId(9), ProducerEpoch(0), sequence)
    }

    fn place_all(&mut self, batches: &[(usize, usize, i64)]) -> Vec<Placed> {
        let place = |(count, bytes, time): &(usize, usize, i64)| {
            let builder = self.builder(*count, *bytes, *time);
            self.partition.place(&builder, self.epoch)
        };
        batches.iter().map(place).collect()
    }

    fn first(&self) -> Offset {
        self.partition.log.first_offset().unwrap_or_default()
    }

    fn expected(&self, from: Offset, below: Offset) -> Vec<u8> {
        let kept = self.partition.stored.iter().filter(|(placement, _)| placement.base >= self.first());
        let wanted = kept.filter(|(placement, _)| placement.last >= from && placement.last < below);
        wanted.flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }

    /// What a restart must keep: everything for a kill, what was synced for a loss of power. Of the rest a prefix.
    fn restart(&mut self, disk: FaultyDisk, how: OpenHow, least: usize) {
        let before = self.partition.tip.clone();
        let report = self.partition.reopen(disk, how);
        let end = self.partition.tip.end();
        let kept = self.partition.stored.iter().take_while(|(placement, _)| placement.last < end).count();
        assert!(kept >= least, "{kept} batches left of {least} that were durable; {report:?}");
        assert_eq!(report.damaged, [], "sealed segments are whole");
        let dropped = self.partition.stored.split_off(kept);
        if let Some((placement, _)) = self.partition.stored.last() {
            assert_eq!(placement.last.plus(1), end, "ends with a whole batch");
        }
        let after = &self.partition.tip;
        if dropped.is_empty() {
            assert_eq!((&after.producers, &after.epochs), (&before.producers, &before.epochs));
        }
        self.sequence = after.producers().get(ProducerId(9)).map_or(0, |producer| producer.last().last_sequence.0 + 1);
        self.epoch += 1;
        self.synced = self.synced.min(kept);
        assert_eq!(read_all(&self.partition.log, &self.partition.tip), self.expected(Offset::ZERO, end));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(batches) => {
                let placed = self.place_all(&batches);
                self.partition.log.write(&placed).expect("the disk takes it");
            }
            Step::Read(from, below, max_bytes) => {
                let end = self.partition.tip.end().0 as u64 + 1;
                let (from, below) = (Offset((from % end) as i64), Offset((below % end) as i64));
                let from = from.max(self.first());
                assert!(read_from(&self.partition.log, from, below, max_bytes) == self.expected(from, below));
            }
            Step::Find(after) => self.find(Timestamp(NOW.0 + after)),
            Step::Close => {
                self.partition.close();
                self.synced = self.partition.stored.len();
                let disk = self.partition.disk.kill();
                self.restart(disk, OpenHow::Clean, self.synced);
            }
            Step::Kill => {
                let disk = self.partition.disk.kill();
                self.restart(disk, OpenHow::AfterCrash, self.partition.stored.len());
            }
            Step::Crash(seed, synced) => {
                if synced {
                    self.partition.disk.sync_file_system(Path::new("/data")).expect("the disk syncs");
                    self.synced = self.partition.stored.len();
                }
                let disk = self.partition.disk.crash(seed);
                self.restart(disk, OpenHow::AfterCrash, self.synced);
            }
            Step::RemoveBelow(at) => {
                let end = self.partition.tip.end().0 as u64 + 1;
                let at = Offset((at % end) as i64);
                self.partition.remove_below(at);
                // As the store does before it forgets them: else a crash could bring them back.
                self.partition.disk.sync_file_system(Path::new("/data")).expect("the disk syncs");
                self.synced = self.partition.stored.len();
                let first = self.first();
                self.partition.tip.set_log_start(first);
            }
            Step::Full(after) => {
                let placed = self.place_all(&[(2, 100, 5), (3, 600, 5), (4, 300, 5), (1, 900, 5)]);
                self.partition.disk.fail(Operation::Write, "orders", after, Fault::Full);
                if self.partition.log.write(&placed).is_err() {
                    self.partition.disk.heal();
                    self.partition.log.write(&placed).expect("there is room again");
                }
                self.partition.disk.heal();
            }
            Step::Settings(segment_bytes, index_interval_bytes) => {
                let (before, scale) = (self.partition.settings.clone(), self.scale as u32);
                self.partition.settings = LogSettings {
                    segment_bytes: 4_000.max(segment_bytes) * scale,
                    index_interval_bytes: index_interval_bytes * scale,
                    segment_ms: i64::from(segment_bytes),
                    ..before
                };
            }
        }
    }

    fn find(&self, target: Timestamp) {
        let (first, end) = (self.first(), self.partition.tip.end());
        let records =
            self.partition.stored.iter().filter(|(placement, _)| placement.base >= first).flat_map(|(_, bytes)| {
                let records = crate::record::Records::new(&header_of(bytes), bytes, 1 << 20).expect("built here");
                records.map(|record| record.expect("built here")).map(|record| (record.offset, record.timestamp))
            });
        let records: Vec<_> = records.collect();
        let wanted = records.iter().find(|(_, timestamp)| *timestamp >= target).copied();
        let found = self.partition.log.offset_for_timestamp(target, first, end).expect("readable");
        assert_eq!(found.map(|found| (found.offset, found.timestamp)), wanted);
        let largest = records.iter().map(|(_, timestamp)| *timestamp).max();
        let wanted = records.iter().find(|(_, timestamp)| Some(*timestamp) == largest).copied();
        let found = self.partition.log.max_timestamp(first, end).expect("readable");
        assert_eq!(found.map(|found| (found.offset, found.timestamp)), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_log_is_a_list_of_batches(
        scale in prop::sample::select(&[1usize, 20][..]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let segment_bytes = 4_000 * scale as u32;
        let settings = LogSettings { segment_bytes, index_interval_bytes: segment_bytes / 10, ..LogSettings::default() };
        let partition = Partition::new(settings);
        let mut model = Model { partition, time: NOW.0, epoch: 0, sequence: 0, synced: 0, scale };
        for step in steps {
            model.step(step);
        }
        let (end, first) = (model.partition.tip.end(), model.first());
        assert!(read_all(&model.partition.log, &model.partition.tip) == model.expected(first, end));
        model.partition.close();
        let (found, text) = inspect_all(&model.partition.disk);
        // What a crash leaves of unsynced writes may be cut and kept aside; that alone is a finding.
        let kept_aside = text.lines().filter(|line| line.starts_with("FINDING") && line.contains(".cut: ")).count() as u64;
        prop_assert_eq!(found.findings, kept_aside, "{}", text);
        prop_assert_eq!(found.batches as usize, model.partition.stored.iter().filter(|(p, _)| p.base >= first).count());
    }
}
