//! The same history again and again, cut at every change of the disk: a topic that is deleted and made again under its name,
//! and log starts with removals of segments.

use super::commit::Step;
use super::fixture::{Bench, EPOCH, WALL, batch, id, read_range};
use super::threads::Hands;
use super::{Durability, Store, StoreHealth, StoredLog};
use crate::base::{Offset, Timestamp, TopicPartition};
use crate::io::disk::{Disk, FaultyDisk};
use crate::log::{LogSettings, Wanted, names, snapshot};
use crate::record::{Batches, check_produced};
use std::cell::Cell;
use std::sync::Arc;

/// Histories are longer than this by far; a shorter one would mean that the test does nothing.
const CHANGES_MIN: u64 = 30;
const CHANGES_MAX: u64 = 2_000;

/// At every so manieth place of the first cut the recovery is cut as well, after every so many of its changes.
const SECOND_EVERY: u64 = 29;
const SECOND_STEP: usize = 4;

const NAME: &str = "again";

fn bench(disk: FaultyDisk, durability: Durability, live: Option<TopicPartition>) -> Bench {
    let bench = Bench { durability, wal_bytes: 128 << 10, open_threads: 1, epoch: Some(EPOCH), ..Bench::on(disk) };
    bench.naming(move |id| (Some(id) == live).then(|| NAME.to_owned()))
}

fn log(store: &Store, id: TopicPartition) -> Arc<StoredLog> {
    let settings = LogSettings { segment_bytes: 4 << 10, index_interval_bytes: 512, ..LogSettings::default() };
    store.log(id, NAME, Arc::new(settings), EPOCH)
}

/// What a history has come to when the power goes.
#[derive(Default)]
struct Seen {
    /// The topic that the metadata know.
    live: Cell<Option<TopicPartition>>,
    /// What was acknowledged of it, and how much of it can be there.
    acknowledged: Cell<i64>,
    sent: Cell<i64>,
    /// The log start that was answered, and the one that was asked for.
    start_answered: Cell<i64>,
    start_asked: Cell<i64>,
}

struct Run<'a> {
    store: Store,
    hands: Hands,
    seen: &'a Seen,
    disk: FaultyDisk,
}

impl<'a> Run<'a> {
    fn start(disk: FaultyDisk, durability: Durability, seen: &'a Seen) -> Option<Self> {
        let (store, hands) = bench(disk.clone(), durability, seen.live.get()).try_open_by_hand().ok()?;
        Some(Run { store, hands, seen, disk })
    }

    fn append(&mut self, id: TopicPartition, count: usize) -> Option<()> {
        for _ in 0..count {
            let batch = batch(&[id.topic.0.as_bytes(), &[9; 900]]);
            let mut room = self.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            log(&self.store, id).append(batch.clone(), &check_produced(&batch).ok()?, &mut room).ok()?;
            self.seen.sent.set(self.seen.sent.get() + 2);
            self.commit(id)?;
        }
        Some(())
    }

    /// Takes what the threads would do; `None` when the power is gone.
    fn commit(&mut self, id: TopicPartition) -> Option<()> {
        while self.hands.committer.step().ok()? == Step::Done {}
        self.note(id);
        self.write()?;
        self.note(id);
        Some(())
    }

    fn note(&self, id: TopicPartition) {
        if let Some(log) = self.store.logs().into_iter().find(|log| log.id() == id) {
            self.seen.acknowledged.set(log.watermarks().durable.0);
            self.seen.start_answered.set(log.durable_start().0);
        }
    }

    fn write(&mut self) -> Option<()> {
        while self.hands.writer.step().ok()? == Step::Done {}
        Some(())
    }

    fn tick(&mut self) -> Option<()> {
        self.store.tick();
        (self.store.health() != StoreHealth::Failed).then_some(())
    }

    fn checkpoint(&mut self) -> Option<()> {
        while self.hands.checkpointer.step().ok()? != Step::Idle {}
        Some(())
    }
}

/// Opens what a cut left, and compares it with what may be.
fn check(what: &str, disk: FaultyDisk, durability: Durability, seen: &Seen, kept: bool) {
    let opened = bench(disk.clone(), durability, seen.live.get()).try_open_by_hand();
    let (store, hands) = opened.unwrap_or_else(|error| panic!("{what}: no start: {error}"));
    assert_eq!(store.recovery().damage, Vec::<String>::new(), "{what}");
    for log in store.logs() {
        assert_eq!(Some(log.id()), seen.live.get(), "{what}: what was deleted came back");
    }
    let Some(id) = seen.live.get() else { return };
    let found = log(&store, id);
    let marks = found.watermarks();
    if kept {
        assert!(marks.durable.0 >= seen.acknowledged.get(), "{what}: {marks:?}, {} known", seen.acknowledged.get());
        assert!(marks.log_start.0 >= seen.start_answered.get(), "{what}: {marks:?}");
    }
    assert!(marks.durable.0 <= seen.sent.get() && marks.log_start.0 <= seen.start_asked.get(), "{what}: {marks:?}");
    let mut next = marks.log_start;
    while next < marks.durable {
        let plan = found
            .plan(Wanted::new(next, marks.durable, 1 << 20, true))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(plan.next > next, "{what}: a gap at {next}");
        let mut expected = None;
        for range in &plan.ranges {
            let bytes = read_range(&*range.segment, range.position, range.length);
            for batch in Batches::new(&bytes) {
                let (header, batch) = batch.unwrap_or_else(|error| panic!("{what}: no batch after {next}: {error}"));
                let follows = expected.is_none_or(|expected| header.base_offset == expected);
                assert!(follows, "{what}: {} where {expected:?} was expected", header.base_offset);
                assert!(expected.is_some() || header.base_offset <= next, "{what}: {} for {next}", header.base_offset);
                expected = Some(header.next_offset());
                let is_own = batch.windows(16).any(|window| window == id.topic.0.as_bytes());
                assert!(is_own, "{what}: another topic's bytes at {}", header.base_offset);
            }
        }
        assert_eq!(expected, Some(plan.next), "{what}");
        next = plan.next;
    }
    let mut run = Run { store, hands, seen, disk };
    check_nothing_stays(what, &mut run, id);
    run.append(id, 1).unwrap_or_else(|| panic!("{what}: nothing more is taken"));
    let after = log(&run.store, id).watermarks();
    assert!(after.log_start == marks.log_start && after.durable == marks.durable.plus(2), "{what}: {after:?}");
}

/// After a checkpoint and a tick there is no file below the log start.
fn check_nothing_stays(what: &str, run: &mut Run<'_>, id: TopicPartition) {
    run.checkpoint().unwrap_or_else(|| panic!("{what}: no checkpoint"));
    run.tick().unwrap_or_else(|| panic!("{what}: the tick fails"));
    let found = log(&run.store, id);
    let start = found.watermarks().log_start;
    if found.watermarks().end == Offset(0) {
        // Nothing is left: the directory is made anew with the next batch.
        return;
    }
    let Ok(entries) = run.store.core_for_tests().disk.list(found.log.dir()) else { return };
    let mut bases: Vec<Offset> = entries.iter().filter_map(|entry| names::parse(&entry.name, names::LOG)).collect();
    bases.sort_unstable();
    let needless = bases.windows(2).filter(|pair| pair[1] <= start).count();
    assert_eq!(needless, 0, "{what}: {bases:?} and the log begins at {start}");
    for suffix in [names::INDEX, names::TIME_INDEX] {
        let orphan =
            entries.iter().filter_map(|entry| names::parse(&entry.name, suffix)).find(|base| !bases.contains(base));
        assert_eq!(orphan, None, "{what}: {suffix} without a segment");
    }
    let first = bases.first().copied().unwrap_or(start);
    let snapshot =
        entries.iter().filter_map(|entry| names::parse(&entry.name, snapshot::SUFFIX)).find(|at| *at < first);
    assert_eq!(snapshot, None, "{what}: an old snapshot");
    assert_eq!(run.store.trash_waiting(), 0, "{what}");
}

/// The power goes a second time, at every few changes of the recovery.
fn again(what: &str, left: &FaultyDisk, durability: Durability, seen: &Seen) {
    // What the page cache alone has is lost then.
    let kept = durability == Durability::Fsync;
    let counts = [&seen.acknowledged, &seen.sent, &seen.start_answered];
    let before = counts.map(Cell::get);
    for changes in (0..CHANGES_MAX).step_by(SECOND_STEP) {
        let disk = left.kill();
        disk.cut_power_after(changes);
        let is_through = bench(disk.clone(), durability, seen.live.get()).try_open_by_hand().is_ok();
        check(&format!("{what}, again after {changes}"), disk.crash(changes), durability, seen, kept);
        counts.iter().zip(before).for_each(|(count, before)| count.set(before));
        if is_through {
            return;
        }
    }
    panic!("{what}: the recovery does not end");
}

/// Lives the history once for every change of the disk after which the power can go.
fn at_every_change(durability: Durability, history: fn(&mut Run<'_>) -> Option<()>) {
    for changes in 0..CHANGES_MAX {
        let (seen, disk) = (Seen::default(), FaultyDisk::new(changes, 16 << 20));
        seen.live.set(Some(id(1, 0)));
        disk.cut_power_after(changes);
        let whole = Run::start(disk.clone(), durability, &seen).and_then(|mut run| history(&mut run)).is_some();
        // Somebody makes room before the next start.
        disk.set_capacity(16 << 20);
        for (lost, left) in [(false, disk.kill()), (true, disk.crash(changes))] {
            let what = format!("{durability:?}, power after {changes} changes, lost {lost}");
            // What goes on from here is not what was seen before the cut.
            let counts = [&seen.acknowledged, &seen.sent, &seen.start_answered];
            let before = counts.map(Cell::get);
            let kept = durability == Durability::Fsync || !lost;
            if changes % SECOND_EVERY == 0 {
                again(&what, &left, durability, &seen);
            }
            check(&what, left.kill(), durability, &seen, kept);
            counts.iter().zip(before).for_each(|(count, before)| count.set(before));
        }
        if whole {
            assert!(changes > CHANGES_MIN, "the history has only {changes} changes");
            return;
        }
    }
    panic!("the history does not end");
}

fn deleted_and_made_again(run: &mut Run<'_>) -> Option<()> {
    let (old, new) = (id(1, 0), id(2, 0));
    run.append(old, 6)?;
    run.checkpoint()?;
    run.append(old, 6)?;
    run.seen.live.set(None);
    [&run.seen.acknowledged, &run.seen.sent].iter().for_each(|count| count.set(0));
    run.store.delete(old);
    run.hands.committer.step().ok()?;
    // Metadata may know the next one before the files of this one are gone.
    run.seen.live.set(Some(new));
    run.append(new, 3)?;
    run.tick()?;
    run.checkpoint()?;
    run.append(new, 6)
}

fn starts_and_removals(run: &mut Run<'_>) -> Option<()> {
    let id = id(1, 0);
    for round in 1..=4 {
        run.append(id, 5)?;
        let start = Offset(round * 10 - 3);
        run.seen.start_asked.set(start.0);
        log(&run.store, id).raise_log_start(start).ok()?;
        run.commit(id)?;
        if round % 2 == 0 {
            run.checkpoint()?;
            run.tick()?;
        }
    }
    Some(())
}

#[test]
fn a_topic_made_again_under_its_name_never_meets_its_past() {
    for durability in [Durability::Fsync, Durability::Os] {
        at_every_change(durability, deleted_and_made_again);
    }
}

/// Everything expires, the active segment included; the log goes on, and the same happens again.
fn all_expires(run: &mut Run<'_>) -> Option<()> {
    let id = id(1, 0);
    for round in 1..=3 {
        run.append(id, 5)?;
        run.checkpoint()?;
        let now = Timestamp(WALL.0 + 8 * 24 * 3_600 * 1_000);
        run.seen.start_asked.set(run.seen.sent.get());
        assert!(log(&run.store, id).apply_retention(now).ok()?, "all of it is old");
        if round == 2 {
            // A batch comes before anything of it was written down.
            run.append(id, 1)?;
            run.seen.start_asked.set(run.seen.sent.get());
            assert!(log(&run.store, id).apply_retention(now).ok()?, "that one, too");
        }
        run.commit(id)?;
        run.checkpoint()?;
        run.tick()?;
        let marks = log(&run.store, id).watermarks();
        assert_eq!((marks.log_start, log(&run.store, id).size_bytes()), (marks.end, 0));
        if round == 2 {
            run.append(id, 4)?;
        }
    }
    run.append(id, 2)
}

#[test]
fn what_has_expired_goes_whole_or_not_at_all() {
    for durability in [Durability::Fsync, Durability::Os] {
        at_every_change(durability, all_expires);
    }
}

#[test]
fn log_starts_and_removals_are_replayed_in_their_order() {
    for durability in [Durability::Fsync, Durability::Os] {
        at_every_change(durability, starts_and_removals);
    }
}

/// Somebody else fills the disk while batches are on their way; log starts are raised, and room comes of what goes.
fn full_under_a_batch(run: &mut Run<'_>) -> Option<()> {
    let id = id(1, 0);
    let disk = run.disk.clone();
    let settle = |run: &mut Run<'_>| {
        for _ in 0..6 {
            while run.hands.committer.step().ok()? == Step::Done {}
            run.note(id);
            while run.hands.writer.step().ok()? == Step::Done {}
            run.note(id);
            while !matches!(run.hands.checkpointer.step().ok()?, Step::Idle | Step::NoRoom) {}
            run.note(id);
            run.tick()?;
        }
        Some(())
    };
    let append = |run: &mut Run<'_>, count: usize| {
        for _ in 0..count {
            let batch = batch(&[id.topic.0.as_bytes(), &[9; 900]]);
            let mut room = run.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            log(&run.store, id).append(batch.clone(), &check_produced(&batch).ok()?, &mut room).ok()?;
            run.seen.sent.set(run.seen.sent.get() + 2);
        }
        Some(())
    };
    for round in 0..3 {
        disk.set_capacity(16 << 20);
        run.tick()?;
        settle(run)?;
        run.append(id, 14)?;
        run.checkpoint()?;
        run.append(id, 6)?;
        let free = disk.free_bytes(&Bench::dir()).ok()?;
        append(run, 9)?;
        disk.set_capacity((16 << 20) - free + round * 4096);
        settle(run)?;
        let start = Offset(run.seen.sent.get() - 25);
        run.seen.start_asked.set(start.0);
        // Only below what is durable.
        log(&run.store, id).raise_log_start(start).ok()?;
        settle(run)?;
        if round == 1 {
            let start = log(&run.store, id).watermarks().durable;
            run.seen.start_asked.set(start.0);
            log(&run.store, id).raise_log_start(start).ok()?;
            settle(run)?;
        }
    }
    disk.set_capacity(16 << 20);
    run.tick()?;
    settle(run)?;
    run.append(id, 4)
}

#[test]
fn a_disk_that_is_full_under_a_batch_is_left_whole() {
    for durability in [Durability::Fsync, Durability::Os] {
        at_every_change(durability, full_under_a_batch);
    }
}
