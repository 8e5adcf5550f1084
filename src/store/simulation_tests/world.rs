//! One history.

use super::model::{Partition, Sent};
use super::removal;
use crate::base::{
    LeaderEpoch, ManualClock, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId,
    TopicPartition,
};
use crate::io::disk::faulty::{Chance, Fault, Operation};
use crate::io::disk::{Disk, FaultyDisk};
use crate::log::Wanted;
use crate::record::{BatchBuilder, check_produced, patch};
use crate::store::cleaner::Cleaner;
use crate::store::commit::Step;
use crate::store::fixture::{Bench, read_range};
use crate::store::threads::Hands;
use crate::store::{Durability, Lookup, Store, StoreHealth, StoredLog};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const RUNS: u64 = 5;
const NAMES: u64 = 3;
const PARTITIONS: u64 = 2;

/// A recovery that is cut short is begun again, so many times at most.
const RECOVERIES_MAX: usize = 6;

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) chance: Chance,
    pub(super) disk: FaultyDisk,
    durability: Durability,
    run: u64,
    next_topic: u128,
    /// Every partition that ever was.
    pub(super) partitions: Vec<Partition>,
    /// The live one of each name and index, in `partitions`.
    pub(super) live: BTreeMap<(u64, i32), usize>,
    trace: DefaultHasher,
    /// Whether a failing sync was planned in this run.
    sync_fails: bool,
    wal_bytes: u64,
    /// Under which the last run wrote.
    last_epoch: Option<LeaderEpoch>,
    pub(super) clock: Arc<ManualClock>,
    /// What time it is, whatever the clock shows.
    pub(super) really: Timestamp,
}

pub(super) struct Running {
    pub(super) store: Store,
    hands: Hands,
    pub(super) cleaner: Cleaner,
}

impl World {
    pub(super) fn new(seed: u64, durability: Durability) -> Self {
        let disk = FaultyDisk::new(seed, 64 * MIB);
        World {
            seed,
            chance: Chance::new(seed ^ 0x5eed),
            disk,
            durability,
            run: 0,
            next_topic: 1,
            partitions: Vec::new(),
            live: BTreeMap::new(),
            trace: DefaultHasher::new(),
            sync_fails: false,
            // Small ones are full all the time.
            wal_bytes: if (seed / 2).is_multiple_of(3) { MIB / 8 } else { 2 * MIB },
            last_epoch: None,
            clock: Arc::new(ManualClock::at(removal::BEGIN)),
            really: removal::BEGIN,
        }
    }

    /// Lives the history; returns what distinguishes it from others.
    pub(super) fn run(mut self) -> u64 {
        let mut power_lost = false;
        for run in 0..RUNS {
            self.run = run;
            let Some(mut running) = self.start(&mut power_lost) else { return self.trace.finish() };
            self.check(&running, power_lost);
            self.last_epoch = Some(self.epoch());
            if self.chance.one_in(2) {
                self.disk.cut_power_after(self.chance.below(400));
            }
            let alive = self.live(&mut running);
            if alive && self.chance.one_in(6) {
                self.stop(&mut running);
            }
            self.observe(&running);
            power_lost = !self.chance.one_in(3);
            let left = if power_lost { self.disk.crash(self.chance.next()) } else { self.disk.kill() };
            drop(running);
            self.disk = left;
            self.be_down(power_lost);
        }
        if let Some(running) = self.start(&mut power_lost) {
            self.check(&running, power_lost);
        }
        self.trace.finish()
    }

    fn note(&mut self, what: impl Hash) {
        (what, self.disk.changes()).hash(&mut self.trace);
    }

    fn bench(&self) -> Bench {
        let live: BTreeMap<TopicPartition, String> =
            self.live.values().map(|at| (self.partitions[*at].id, self.partitions[*at].name.clone())).collect();
        Bench {
            durability: self.durability,
            tail_bytes: MIB,
            wal_bytes: self.wal_bytes,
            reserve_bytes: MIB / 4,
            open_threads: 1,
            epoch: self.last_epoch,
            clock: self.clock.clone(),
            ..Bench::on(self.disk.clone())
        }
        .naming(move |id| live.get(&id).cloned())
    }

    /// Recovers, maybe after recoveries that the next loss of power cuts short.
    fn start(&mut self, power_lost: &mut bool) -> Option<Running> {
        self.disk.set_capacity(64 * MIB);
        for attempt in 0..RECOVERIES_MAX {
            let cut = attempt + 1 < RECOVERIES_MAX && self.chance.one_in(3);
            if cut {
                self.disk.cut_power_after(self.chance.below(120));
            }
            let opened = self.bench().try_open_by_hand();
            self.note(("start", opened.is_ok()));
            match opened {
                Ok((store, hands)) => {
                    self.disk.heal();
                    let cleaner = Cleaner::new(store.core_for_tests().clone());
                    return Some(Running { store, hands, cleaner });
                }
                Err(error) => {
                    assert!(cut, "seed {}, run {}: the store does not open: {error}", self.seed, self.run);
                    self.disk = self.disk.crash(self.chance.next());
                    *power_lost = true;
                }
            }
        }
        None
    }

    /// Compares what was recovered with what may be, and goes on from there.
    fn check(&mut self, running: &Running, power_lost: bool) {
        let seed = self.seed;
        let unsafe_end = self.durability == Durability::Os && (power_lost || std::mem::take(&mut self.sync_fails));
        assert_eq!(running.store.recovery().damage, Vec::<String>::new(), "seed {seed}");
        let found: BTreeMap<TopicPartition, Arc<StoredLog>> =
            running.store.logs().into_iter().map(|log| (log.id(), log)).collect();
        for id in found.keys() {
            assert!(self.live.values().any(|at| self.partitions[*at].id == *id), "seed {seed}: {id} came back");
        }
        for at in self.live.values() {
            let partition = &mut self.partitions[*at];
            let id = partition.id;
            let Some(log) = found.get(&id) else {
                assert!(unsafe_end || partition.durable == Offset::ZERO, "seed {seed}: {id} is gone");
                partition.cut(Offset::ZERO);
                (partition.start_answered, partition.start_asked) = (Offset::ZERO, Offset::ZERO);
                continue;
            };
            let marks = log.watermarks();
            assert_eq!(marks.end, marks.durable);
            assert!(
                unsafe_end || marks.end >= partition.durable,
                "seed {seed}: {id} ends at {}, {} was acknowledged",
                marks.end,
                partition.durable
            );
            assert!(unsafe_end || marks.log_start >= partition.start_answered, "seed {seed}: {id} log start");
            assert!(marks.log_start <= partition.start_asked, "seed {seed}: {id} log start {}", marks.log_start);
            assert!(marks.end <= partition.end(), "seed {seed}: {id} has what nobody sent");
            partition.cut(marks.end);
            partition.start_answered = marks.log_start;
            // A loss that `os` does not cover may take a log start back, and the next one bring it again: its file was written
            // and had not got its name.
            let asked = if unsafe_end { partition.start_asked } else { Offset::ZERO };
            partition.start_asked = asked.max(marks.log_start);
            partition.check_state(&log.tip_for_tests());
            let stored = read_segments(log, marks.log_start, marks.end);
            if partition.is_compacted() {
                partition.check_compacted(seed, &stored, marks.log_start, marks.end);
                (id, marks.end, marks.log_start).hash(&mut self.trace);
                continue;
            }
            let expected = partition.bytes(marks.log_start, marks.end);
            let at = stored.iter().zip(&expected).position(|(one, other)| one != other);
            assert!(
                stored == expected,
                "seed {seed}: {id} holds other bytes: {} for {} at {at:?}, from {} to {}",
                stored.len(),
                expected.len(),
                marks.log_start,
                marks.end
            );
            (id, marks.end, marks.log_start).hash(&mut self.trace);
        }
    }

    /// Does things; says whether the store is still well.
    fn live(&mut self, running: &mut Running) -> bool {
        for _ in 0..30 + self.chance.below(170) {
            let well = match self.chance.below(100) {
                0..35 => self.append(running),
                35..40 => self.retry(running),
                40..62 => self.step(running, |hands| hands.committer.step().map_err(|error| error.to_string())),
                62..80 => self.step(running, |hands| hands.writer.step().map_err(|error| error.to_string())),
                80..86 => self.step(running, |hands| hands.checkpointer.step().map_err(|error| error.to_string())),
                86..88 => self.grow(running),
                88..91 => self.raise_start(running),
                91..93 => self.delete(running),
                93..95 => self.read(running),
                95 => self.clean(running),
                96 => {
                    self.pass_time(running);
                    true
                }
                97 => {
                    self.plan_fault();
                    true
                }
                98 => {
                    self.disk.set_capacity(self.chance.below(8) * MIB);
                    true
                }
                _ => {
                    self.disk.set_capacity(64 * MIB);
                    running.store.tick();
                    self.check_retention(running);
                    true
                }
            };
            self.observe(running);
            // A tick that fails does not say so itself.
            let well = well && running.store.health() != StoreHealth::Failed;
            self.note(well);
            if !well {
                return false;
            }
        }
        true
    }

    fn step(&mut self, running: &mut Running, step: impl FnOnce(&mut Hands) -> Result<Step, String>) -> bool {
        match step(&mut running.hands) {
            Ok(_) => true,
            Err(why) => {
                running.store.fail(&why);
                false
            }
        }
    }

    fn grow(&mut self, running: &mut Running) -> bool {
        let Some(pool) = &running.hands.pool else { return true };
        let grown = pool.grow();
        if let Err(error) = &grown {
            running.store.fail(&error.to_string());
        }
        grown.is_ok()
    }

    fn plan_fault(&mut self) {
        let operations = [Operation::Write, Operation::Sync, Operation::SyncFileSystem, Operation::Rename];
        let operation = operations[self.chance.below(4) as usize];
        // A sync that failed takes from memory what only memory promised to keep.
        self.sync_fails |= matches!(operation, Operation::Sync | Operation::SyncFileSystem);
        let fault = if self.chance.one_in(2) && operation != Operation::Rename { Fault::Full } else { Fault::Io };
        self.disk.fail(operation, "", self.chance.below(10), fault);
    }

    /// A live partition, made when there is none of that name.
    fn pick(&mut self) -> usize {
        let name = self.chance.below(NAMES);
        let index = self.chance.below(PARTITIONS) as i32;
        if let Some(at) = self.live.get(&(name, index)) {
            return *at;
        }
        let id = TopicPartition { topic: TopicId(Uuid::from_u128(self.next_topic)), partition: PartitionIndex(index) };
        self.next_topic += 1;
        self.partitions.push(Partition::new(id, format!("name{name}")));
        self.live.insert((name, index), self.partitions.len() - 1);
        self.partitions.len() - 1
    }

    fn log(&self, running: &Running, at: usize) -> Arc<StoredLog> {
        let Partition { id, name, .. } = &self.partitions[at];
        running.store.log(*id, name, Arc::new(removal::settings_of(name)), self.epoch())
    }

    fn epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.run as i32 + 1)
    }

    fn append(&mut self, running: &mut Running) -> bool {
        let at = self.pick();
        let size = match self.chance.below(30) {
            0 => 60_000,
            1..4 => self.chance.below(20_000),
            _ => self.chance.below(1_500),
        };
        let value = vec![self.chance.below(256) as u8; size as usize];
        let producer = self.chance.below(4) as usize;
        let mut builder = BatchBuilder::new();
        if let Some(sequence) = self.partitions[at].sequences.get(producer) {
            builder = builder.producer(ProducerId(producer as i64), ProducerEpoch(0), Sequence(*sequence));
        }
        let records = 1 + self.chance.below(3) as i32;
        for _ in 0..records {
            builder = self.put(at, builder, &value[..value.len() / records as usize]);
        }
        let batch = builder.build();
        if is_full(running, batch.len()) {
            return true;
        }
        let log = self.log(running, at);
        let header = check_produced(&batch).expect("a good batch");
        let mut room = running.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        if let Ok(appended) = log.append(batch.clone(), &header, &mut room) {
            assert!(!appended.duplicate, "seed {}: a new batch was called a duplicate", self.seed);
            let partition = &mut self.partitions[at];
            assert_eq!(appended.base, partition.end(), "seed {}", self.seed);
            if let Some(sequence) = partition.sequences.get_mut(producer) {
                *sequence += records;
            }
            let mut stored = batch.to_vec();
            patch(&mut stored, appended.base, log.leader_epoch());
            let header = crate::record::BatchHeader::parse(&stored).expect("a header");
            partition.sent.push(Sent { bytes: Bytes::from(stored), header });
        }
        true
    }

    /// A batch again that was sent before: it is answered with its offset, or waits for it, and is never stored twice.
    fn retry(&mut self, running: &mut Running) -> bool {
        let at = self.pick();
        let partition = &self.partitions[at];
        let back = self.chance.below(5) as usize;
        let of_producer = |sent: &&Sent| sent.header.has_producer();
        let Some(last) = partition.sent.iter().rev().find(of_producer) else { return true };
        let producer = last.header.producer_id;
        let of_last = partition.sent.iter().rev().filter(|sent| sent.header.producer_id == producer);
        let Some(sent) = of_last.take(5).nth(back) else { return true };
        let (batch, header) = (sent.bytes.clone(), sent.header);
        if is_full(running, batch.len()) {
            return true;
        }
        let log = self.log(running, at);
        let mut room = running.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        if let Ok(appended) = log.append(batch, &header, &mut room) {
            let told = (appended.duplicate, appended.base, appended.last);
            assert_eq!(told, (true, header.base_offset, header.last_offset()), "seed {}", self.seed);
        }
        true
    }

    fn raise_start(&mut self, running: &mut Running) -> bool {
        let at = self.pick();
        let log = self.log(running, at);
        let durable = log.watermarks().durable.0;
        let start = Offset(self.chance.below(durable as u64 + 1) as i64);
        if log.raise_log_start(start).is_ok() {
            let partition = &mut self.partitions[at];
            partition.start_asked = partition.start_asked.max(start);
        }
        true
    }

    fn delete(&mut self, running: &mut Running) -> bool {
        let at = self.pick();
        let key = self.live.iter().find(|(_, live)| **live == at).map(|(key, _)| *key).expect("it is live");
        self.live.remove(&key);
        self.partitions[at].deleted = true;
        running.store.delete(self.partitions[at].id);
        true
    }

    /// Reads as a consumer does, from memory or from files.
    fn read(&mut self, running: &mut Running) -> bool {
        let at = self.pick();
        let log = self.log(running, at);
        let marks = log.watermarks();
        let from =
            Offset(marks.log_start.0 + self.chance.below((marks.durable.0 - marks.log_start.0) as u64 + 1) as i64);
        let mut stored = Vec::new();
        let mut next = from;
        while next < marks.durable {
            let before = next;
            match log.lookup(next, marks.durable, 40_000, true) {
                Ok(Lookup::Tail { slices, next: after }) => {
                    slices.iter().for_each(|slice| stored.extend_from_slice(&slice.bytes));
                    next = after;
                }
                Ok(Lookup::Segments) => match log.plan(Wanted::new(next, marks.durable, 40_000, true)) {
                    Ok(plan) => {
                        for range in &plan.ranges {
                            stored.extend(read_range(&*range.segment, range.position, range.length));
                        }
                        next = plan.next;
                    }
                    // The power is gone.
                    Err(_) => return true,
                },
                Err(error) => panic!("seed {}: {error}", self.seed),
            }
            if next == before {
                // Compaction has left nothing up to the tail.
                let behind = log.lookup_behind_gap(before, marks.durable, 40_000, true);
                let Ok(Some((slices, after))) = behind else { panic!("seed {}: a gap at {before}", self.seed) };
                slices.iter().for_each(|slice| stored.extend_from_slice(&slice.bytes));
                next = after;
            }
        }
        let partition = &self.partitions[at];
        if partition.is_compacted() {
            partition.check_compacted(self.seed, &stored, from, marks.durable);
            return true;
        }
        assert!(stored == partition.bytes(from, marks.durable), "seed {}: read something else", self.seed);
        true
    }

    /// What anybody could see now must not be lost.
    fn observe(&mut self, running: &Running) {
        for at in self.live.values() {
            let partition = &mut self.partitions[*at];
            if let Some(log) = running.store.logs().iter().find(|log| log.id() == partition.id) {
                partition.durable = partition.durable.max(log.watermarks().durable);
                partition.start_answered = partition.start_answered.max(log.durable_start());
            }
        }
    }

    /// A stop as `Store::shutdown` makes it, by hand.
    fn stop(&mut self, running: &mut Running) {
        self.disk.heal();
        self.disk.set_capacity(64 * MIB);
        if self.disk.list(&Bench::dir()).is_err() {
            // The power went in the midst of what is not told: a removal, a read of the cleaner.
            return;
        }
        running.store.tick();
        self.check_retention(running);
        let core = running.store.core_for_tests().clone();
        core.health.stop();
        core.queue.stop();
        for _ in 0..10_000 {
            let steps = (
                running.hands.committer.step().map_err(|error| error.to_string()),
                running.hands.writer.step().map_err(|error| error.to_string()),
                running.hands.checkpointer.step().map_err(|error| error.to_string()),
            );
            match steps {
                (Ok(Step::Ended), Ok(Step::Idle), Ok(Step::Idle)) => {
                    running.store.leave_clean().expect("the disk is well");
                    return;
                }
                (Ok(_), Ok(_), Ok(_)) => {}
                failed => panic!("seed {}: the stop failed: {failed:?}", self.seed),
            }
            if let Some(pool) = &running.hands.pool {
                pool.grow().expect("the disk is well");
            }
        }
        panic!("seed {}: the stop does not end", self.seed);
    }
}

/// Whether an append would wait for room.
fn is_full(running: &Running, bytes: usize) -> bool {
    let full = running.store.reserved_bytes() + bytes as u64 > 4 * MIB;
    full || running.store.core_for_tests().budget.is_held()
}

fn read_segments(log: &StoredLog, from: Offset, to: Offset) -> Vec<u8> {
    let (mut stored, mut next) = (Vec::new(), from);
    while next < to {
        let plan = log.plan(Wanted::new(next, to, 100_000, true)).expect("the segments can be read");
        assert!(plan.next > next, "{}: a gap at {next}", log.id());
        for range in &plan.ranges {
            stored.extend(read_range(&*range.segment, range.position, range.length));
        }
        next = plan.next;
    }
    stored
}
