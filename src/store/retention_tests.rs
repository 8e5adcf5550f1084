use super::*;
use crate::base::{Clock, LeaderEpoch};
use crate::io::disk::faulty::{Fault, Operation};
use crate::io::disk::{Disk, FaultyDisk};
use crate::log::names;
use crate::record::{BatchBuilder, check_produced};
use crate::store::commit::Step;
use crate::store::fixture::{Bench, EPOCH, id, settings};
use crate::store::threads::Hands;
use crate::store::{Durability, Store};

const DAY: i64 = 24 * 3_600 * 1_000;
/// After the time before which proven time founds itself anew.
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn rules(ms: Option<i64>, bytes: Option<u64>) -> Rules {
    Rules { ms, bytes }
}

/// Segments of ten offsets and ten bytes, with these ages in milliseconds.
fn decided(ages: &[i64], rules: Rules, durable: i64) -> String {
    let seen: Vec<Seen> = (1..=ages.len() as i64).map(|at| Seen { next: Offset(at * 10), bytes: 10 }).collect();
    let newest = |at: usize| match ages[at] {
        -1 => Newest::Damaged,
        age => Newest::At(Timestamp(NOW.0 - age)),
    };
    let reasons = decide(&seen, rules, NOW, Offset(durable), newest);
    reasons.iter().map(|reason| reason.name().chars().next().unwrap_or('?')).collect()
}

#[test]
fn the_oldest_go_by_age_then_by_size() {
    let by_time = rules(Some(100), None);
    assert_eq!(decided(&[300, 200, 101, 100, 0], by_time, 50), "ttt", "older than, not as old as");
    assert_eq!(decided(&[300, 50, 300, 0], by_time, 40), "t", "a young one keeps what follows");
    assert_eq!(decided(&[300, 300, 300], by_time, 30), "ttt", "the active one, too");
    assert_eq!(decided(&[300, 300, 300], by_time, 29), "tt", "what is not durable stays");
    assert_eq!(decided(&[-1, 300], by_time, 20), "", "an age that nobody knows");
    assert_eq!(decided(&[300, -300, 300], by_time, 30), "t", "a time ahead of the clock");
    let by_size = rules(None, Some(25));
    assert_eq!(decided(&[0, 0, 0, 0, 0], by_size, 50), "ss", "never below the size");
    assert_eq!(decided(&[-1, 0, 0, 0, 0], by_size, 50), "ss", "damage is no reason to grow");
    assert_eq!(decided(&[0, 0], by_size, 20), "");
    assert_eq!(decided(&[0, 0], rules(None, Some(0)), 20), "ss");
    assert_eq!(decided(&[0, 0], rules(None, Some(u64::MAX)), 20), "");
    assert_eq!(decided(&[300, 0, 0, 0], rules(Some(100), Some(20)), 40), "ts", "size looks at what time has left");
    assert_eq!(decided(&[0, 0], rules(None, None), 20), "");
    assert_eq!(decided(&[], rules(Some(0), Some(0)), 0), "");
}

#[test]
fn an_empty_active_segment_stays() {
    let seen = [Seen { next: Offset(10), bytes: 10 }, Seen { next: Offset(10), bytes: 0 }];
    let reasons = decide(&seen, rules(Some(0), Some(0)), NOW, Offset(10), |_| Newest::At(Timestamp(0)));
    assert_eq!(reasons, [Reason::Time]);
}

/// Compaction leaves segments without a batch: they hold up nothing, and what follows has its own age.
#[test]
fn segments_that_compaction_emptied_hold_up_nothing() {
    // What an empty one says of its age is when this run first saw it.
    let decided = |bytes: &[u64], young: usize, rules| {
        let seen: Vec<Seen> =
            (1..).zip(bytes).map(|(at, bytes)| Seen { next: Offset(at * 10), bytes: *bytes }).collect();
        let newest = |at: usize| match bytes[at] {
            0 => Newest::SeenAt(NOW),
            _ => Newest::At(Timestamp(NOW.0 - if at >= young { 0 } else { 300 })),
        };
        decide(&seen, rules, NOW, Offset(1_000), newest).len()
    };
    let by_time = rules(Some(100), None);
    assert_eq!(decided(&[0, 0, 10, 10, 10], 4, by_time), 4, "before what is old");
    assert_eq!(decided(&[10, 0, 10, 10], 3, by_time), 3, "in between");
    assert_eq!(decided(&[0, 0, 10, 10], 0, by_time), 0, "they go with what follows them");
    assert_eq!(decided(&[10, 0, 10], 1, by_time), 1);
    assert_eq!(decided(&[0, 10, 0], 9, by_time), 2, "an active one without a batch stays");
    let by_size = rules(None, Some(15));
    assert_eq!(decided(&[0, 0, 10, 10, 10], 0, by_size), 3);
    assert_eq!(decided(&[0, 10], 0, by_size), 0);
}

/// A store that is moved by hand, with one log.
struct Run {
    bench: Bench,
    store: Store,
    hands: Hands,
    settings: LogSettings,
}

impl Run {
    fn new(durability: Durability, settings: LogSettings) -> Run {
        Run::on(FaultyDisk::new(1, 64 << 20), durability, settings, NOW)
    }

    fn on(disk: FaultyDisk, durability: Durability, settings: LogSettings, now: Timestamp) -> Run {
        let mut bench = Bench { durability, open_threads: 1, epoch: Some(EPOCH), ..Bench::on(disk) };
        bench.clock = Arc::new(crate::base::ManualClock::at(now));
        bench.settings = Some(Arc::new(settings.clone()));
        let (store, hands) = bench.try_open_by_hand().expect("it opens");
        Run { bench, store, hands, settings }
    }

    fn log(&self) -> Arc<StoredLog> {
        self.store.log(id(1, 0), "topic1", Arc::new(self.settings.clone()), EPOCH)
    }

    /// Appends records of a kilobyte with this time.
    fn append(&mut self, count: usize, time: Timestamp) {
        for _ in 0..count {
            let batch = BatchBuilder::new().push(time, None, Some(&[7; 1_000])).build();
            let mut room = self.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            self.log().append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
        }
        self.settle();
    }

    /// The threads do what there is, a checkpoint included.
    fn settle(&mut self) {
        while self.hands.committer.step().expect("well") == Step::Done {}
        while self.hands.writer.step().expect("well") == Step::Done {}
        while !matches!(self.hands.checkpointer.step().expect("well"), Step::Idle | Step::NoRoom) {}
    }

    /// Time passes, with a tick every second; files go.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.bench.clock.advance(Duration::from_secs(1));
            self.store.tick();
            self.settle();
        }
    }

    fn files(&self) -> Vec<String> {
        let found = self.bench.disk.list(&Bench::dir().join("topic1-0")).unwrap_or_default();
        found.into_iter().map(|entry| entry.name).filter(|name| name.starts_with('0')).collect()
    }

    fn segments(&self) -> usize {
        self.files().iter().filter(|name| name.ends_with(names::LOG)).count()
    }

    fn removed(&self, reason: Reason) -> u64 {
        self.store.counters().removed_segments[reason as usize].get()
    }
}

/// Ten records to a segment.
fn small() -> LogSettings {
    LogSettings { segment_bytes: 11_000, retention_ms: Some(DAY), ..settings() }
}

#[test]
fn old_segments_go_and_the_rest_stays() {
    for durability in [Durability::Fsync, Durability::Os] {
        let mut run = Run::new(durability, small());
        run.append(30, Timestamp(NOW.0 - 2 * DAY));
        run.append(15, NOW);
        let before = run.segments();
        run.pass(29);
        assert_eq!((run.segments(), run.removed(Reason::Time)), (before, 0), "not before the first check");
        run.pass(3);
        let marks = run.log().watermarks();
        assert_eq!((marks.log_start, marks.end), (Offset(30), Offset(45)), "{durability:?}");
        assert_eq!((run.segments(), run.removed(Reason::Time)), (before - 3, 3));
        assert_eq!(run.store.trash_waiting(), 0);
        // A day later nothing is left, and the log goes on where it was.
        run.bench.clock.advance(Duration::from_millis(DAY as u64 + 1));
        run.pass(302);
        let marks = run.log().watermarks();
        assert_eq!((marks.log_start, marks.end, run.log().size_bytes()), (Offset(45), Offset(45), 0));
        assert_eq!(run.files(), Vec::<String>::new(), "{durability:?}");
        run.append(1, run.bench.clock.now());
        assert_eq!(run.files(), ["00000000000000000045.log", "00000000000000000045.snapshot"], "{durability:?}");
        // All of it again, from what a loss of power leaves.
        let left = run.bench.disk.crash(3);
        let again = Run::on(left, durability, small(), NOW);
        let marks = again.log().watermarks();
        assert_eq!(marks.log_start, Offset(45), "{durability:?}: {:?}", again.store.recovery().damage);
        assert!(marks.end >= Offset(45));
    }
}

#[test]
fn the_oldest_go_while_the_log_is_too_large() {
    let settings = LogSettings { retention_ms: None, retention_bytes: Some(25_000), ..small() };
    let mut run = Run::new(Durability::Fsync, settings);
    run.append(55, Timestamp(0));
    run.pass(33);
    let log = run.log();
    assert!(log.size_bytes() >= 25_000 && log.size_bytes() < 36_000, "{} bytes", log.size_bytes());
    assert_eq!(run.removed(Reason::Size), log.watermarks().log_start.0 as u64 / 10);
    assert_eq!(run.removed(Reason::Time) + run.removed(Reason::Start), 0);
}

#[test]
fn a_log_start_raised_by_a_client_has_its_segments_removed_whatever_the_policy() {
    let settings = LogSettings { cleanup_delete: false, cleanup_compact: true, ..small() };
    let mut run = Run::new(Durability::Fsync, settings);
    run.append(35, Timestamp(0));
    let before = run.segments();
    run.pass(33);
    assert_eq!(run.segments(), before, "compaction deletes nothing by age");
    run.log().raise_log_start(Offset(25)).expect("it lives");
    let size = run.log().size_bytes();
    run.settle();
    run.pass(1);
    assert_eq!((run.segments(), run.removed(Reason::Start)), (before - 2, 2));
    assert_eq!(run.log().size_bytes(), size, "what is below the log start did not count before");
}

#[test]
fn changed_settings_count_at_the_next_check() {
    let mut run = Run::new(Durability::Fsync, LogSettings { retention_ms: None, ..small() });
    run.append(35, Timestamp(NOW.0 - 2 * DAY));
    run.pass(40);
    assert_eq!(run.log().watermarks().log_start, Offset(0));
    run.settings.retention_ms = Some(3 * DAY);
    run.log().set_settings(Arc::new(run.settings.clone()));
    run.pass(301);
    assert_eq!(run.log().watermarks().log_start, Offset(0));
    run.settings.retention_ms = Some(DAY);
    run.log().set_settings(Arc::new(run.settings.clone()));
    run.pass(301);
    assert_eq!(run.log().watermarks().log_start, Offset(35));
}

/// The step is a year; it has stood for a minute.
#[test]
fn a_step_of_the_clock_deletes_nothing() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, NOW);
    run.pass(20);
    run.bench.clock.set_wall(Timestamp(NOW.0 + 365 * DAY));
    run.pass(400);
    assert_eq!(run.log().watermarks().log_start, Offset(0));
    assert!(run.store.proven_lag() > Duration::from_secs(364 * 24 * 3_600));
    run.bench.clock.set_wall(Timestamp(NOW.0 + 2 * DAY));
    run.pass(400);
    assert_eq!(run.log().watermarks().log_start, Offset(0));
}

#[test]
fn proven_time_goes_on_in_the_next_run() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, NOW);
    run.pass(70);
    let late = Timestamp(NOW.0 + 365 * DAY);
    let mut again = Run::on(run.bench.disk.crash(1), Durability::Fsync, small(), late);
    again.pass(60);
    assert_eq!(again.log().watermarks().log_start, Offset(0), "the year is not proven");
    // Without the file, or with a damaged one, the clock is believed.
    let left = again.bench.disk.kill();
    left.corrupt(&Bench::dir().join("ottla.clock"), 40, 1).expect("there is such a byte");
    let mut founded = Run::on(left, Durability::Fsync, small(), late);
    founded.pass(33);
    assert_eq!(founded.log().watermarks().log_start, Offset(35));
}

/// Nobody can produce then; retention must bring room.
#[test]
fn a_full_disk_deletes() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, Timestamp(NOW.0 - 2 * DAY));
    let used = (64 << 20) - run.bench.disk.free_bytes(&Bench::dir()).expect("it says");
    run.bench.disk.set_capacity(used + (512 << 10));
    run.pass(33);
    assert_eq!(run.store.health(), crate::store::StoreHealth::DiskFull);
    assert_eq!((run.log().watermarks().log_start, run.segments()), (Offset(35), 0));
    run.log().raise_log_start(Offset(35)).expect("it would have been raised");
}

#[test]
fn a_file_that_can_not_be_removed_is_tried_again() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, Timestamp(NOW.0 - 2 * DAY));
    run.bench.disk.fail_always(Operation::Remove, ".log", Fault::Io);
    run.pass(32);
    assert!(run.store.trash_waiting() > 0, "one failed");
    assert_eq!(run.store.health(), crate::store::StoreHealth::Good);
    run.bench.disk.heal();
    run.pass(2);
    assert_eq!((run.store.trash_waiting(), run.files()), (0, Vec::new()));
}

/// The files of the topic that is gone have the names of the new one's.
#[test]
fn a_topic_made_again_keeps_its_files() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, NOW);
    run.log().raise_log_start(Offset(35)).expect("it lives");
    run.settle();
    assert!(run.store.trash_waiting() > 0);
    run.store.delete(id(1, 0));
    run.settle();
    let new = run.store.log(id(2, 0), "topic1", Arc::new(small()), LeaderEpoch(4));
    let batch = BatchBuilder::new().push(NOW, None, Some(b"new")).build();
    let mut room = run.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
    new.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
    run.settle();
    run.store.tick();
    assert_eq!((run.store.trash_waiting(), run.files()), (0, vec!["00000000000000000000.log".to_owned()]));
}

/// Segments whose records carry no time count from when this run first saw them.
#[test]
fn records_without_time_age_from_when_they_were_seen() {
    let mut run = Run::new(Durability::Fsync, LogSettings { retention_ms: Some(3_600_000), ..small() });
    run.append(35, Timestamp::NONE);
    run.pass(3_400);
    assert_eq!(run.log().watermarks().log_start, Offset(0));
    run.pass(900);
    assert_eq!(run.log().watermarks().log_start, Offset(35));
}

/// A damaged segment has no age; a limit on size takes it all the same.
#[test]
fn a_damaged_segment_is_kept_by_age_and_goes_by_size() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, Timestamp(NOW.0 - 2 * DAY));
    let (left, dir) = (run.bench.disk.kill(), Bench::dir().join("topic1-0"));
    for (name, at) in [("00000000000000000000.log", 50), ("00000000000000000000.timeindex", 3)] {
        left.corrupt(&dir.join(name), at, 2).expect("there is such a byte");
    }
    let mut again = Run::on(left, Durability::Fsync, small(), NOW);
    again.pass(60);
    assert_eq!(again.log().watermarks().log_start, Offset(0));
    again.settings.retention_bytes = Some(0);
    again.log().set_settings(Arc::new(again.settings.clone()));
    again.pass(301);
    assert_eq!(again.log().watermarks().log_start, Offset(35));
    assert_eq!(again.removed(Reason::Size), 4);
}

/// A stop does not wait for the files; the next start goes on.
#[test]
fn files_that_a_stop_left_go_after_the_next_start() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, NOW);
    run.log().raise_log_start(Offset(25)).expect("it lives");
    run.settle();
    assert!(run.segments() == 4 && run.store.trash_waiting() > 0);
    let mut again = Run::on(run.bench.disk.kill(), Durability::Fsync, small(), NOW);
    again.settle();
    again.store.tick();
    assert_eq!((again.segments(), again.store.trash_waiting()), (2, 0), "{:?}", again.files());
}

/// A stop may find a tick at work that writes the same file.
#[test]
fn a_stop_beside_a_tick_keeps_the_time() {
    let mut run = Run::new(Durability::Fsync, small());
    run.pass(1);
    let (store, gate) = (&run.store, &run.bench.gated.time);
    gate.close();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| store.keep_time());
        gate.await_one();
        let second = scope.spawn(|| store.keep_time());
        // Long enough for it to get as far as it can; a slow machine makes the test pass, not fail.
        std::thread::sleep(Duration::from_millis(100));
        gate.open();
        for kept in [first, second] {
            kept.join().expect("no panic").expect("written");
        }
    });
}

/// A full disk only means that less is proven later; a failed write or sync may have taken more than this file with it.
#[test]
fn proven_time_that_can_not_be_written_down_is_final_unless_the_disk_is_full() {
    use crate::store::StoreHealth;
    for (operation, fault, health) in [
        (Operation::Write, Fault::Full, StoreHealth::Good),
        (Operation::Write, Fault::Io, StoreHealth::Failed),
        (Operation::Sync, Fault::Full, StoreHealth::Failed),
        (Operation::Rename, Fault::Full, StoreHealth::Good),
        (Operation::Rename, Fault::Io, StoreHealth::Failed),
    ] {
        let mut run = Run::new(Durability::Fsync, small());
        run.pass(1);
        run.bench.disk.fail(operation, "ottla.clock", 0, fault);
        run.bench.clock.advance(Duration::from_secs(61));
        run.store.tick();
        assert_eq!(run.store.health(), health, "{operation:?}, {fault:?}");
    }
}

/// The same without a byte: with `os` the note of the log start finds no room, and what would make it must go all the same.
#[test]
fn a_disk_without_a_byte_deletes() {
    for durability in [Durability::Fsync, Durability::Os] {
        let mut run = Run::new(durability, small());
        run.append(35, Timestamp(NOW.0 - 2 * DAY));
        let used = (64 << 20) - run.bench.disk.free_bytes(&Bench::dir()).expect("it says");
        run.bench.disk.set_capacity(used);
        run.pass(36);
        assert_eq!((run.log().watermarks().log_start, run.segments()), (Offset(35), 0), "{durability:?}");
    }
}

/// The broker's own stamps: the clock was a year behind, while proven time was right.
#[test]
fn records_stamped_by_a_clock_that_was_behind_do_not_go_early() {
    let stamped = crate::record::TimestampType::LogAppendTime;
    let mut run = Run::new(Durability::Fsync, LogSettings { message_timestamp_type: stamped, ..small() });
    run.pass(20);
    run.bench.clock.set_wall(Timestamp(NOW.0 - 365 * DAY));
    run.pass(5);
    run.append(35, NOW);
    run.bench.clock.set_wall(Timestamp(NOW.0 + 25_000));
    run.pass(400);
    assert_eq!(run.log().watermarks().log_start, Offset(0), "they are minutes old");
}

/// Somebody else filled the disk while batches were on their way: what retention gives up makes the room that they wait for.
#[test]
fn a_disk_that_is_full_under_a_batch_deletes() {
    for durability in [Durability::Fsync, Durability::Os] {
        let mut run = Run::new(durability, small());
        run.append(35, Timestamp(NOW.0 - 2 * DAY));
        let used = (64 << 20) - run.bench.disk.free_bytes(&Bench::dir()).expect("it says");
        run.bench.disk.set_capacity(used);
        // More than the rest of the last page.
        run.append(5, NOW);
        run.pass(36);
        assert_eq!((run.log().watermarks().log_start, run.segments()), (Offset(30), 1), "{durability:?}");
    }
}

/// Segments without a time that were seen for the first time while the clock was in 1970.
#[test]
fn what_a_clock_that_is_behind_has_seen_first_does_not_go_early() {
    let mut run = Run::new(Durability::Fsync, small());
    run.append(35, Timestamp::NONE);
    run.bench.clock.set_wall(Timestamp(0));
    run.pass(40);
    run.bench.clock.set_wall(Timestamp(NOW.0 + 40_000));
    run.pass(400);
    assert_eq!(run.log().watermarks().log_start, Offset(0), "they are minutes old");
}

impl Run {
    /// Appends without the checkpoint.
    fn append_unrecorded(&mut self, count: usize, time: Timestamp) {
        for _ in 0..count {
            let batch = BatchBuilder::new().push(time, None, Some(&[7; 1_000])).build();
            let mut room = self.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            self.log().append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
        }
        while self.hands.committer.step().expect("well") == Step::Done {}
        while self.hands.writer.step().expect("well") == Step::Done {}
    }

    fn fill_the_disk(&self) {
        let used = (64 << 20) - self.bench.disk.free_bytes(&Bench::dir()).expect("it says");
        self.bench.disk.set_capacity(used);
    }
}

/// Index entries of the active segment that are more than a checkpoint keeps find no room in their files.
#[test]
fn a_disk_without_a_byte_deletes_also_with_index_entries_in_memory() {
    for unwritten in [false, true] {
        let mut run = Run::new(Durability::Fsync, LogSettings { segment_bytes: 100_000, ..small() });
        run.append(150, Timestamp(NOW.0 - 2 * DAY));
        run.append_unrecorded(100, NOW);
        let before = run.segments();
        run.fill_the_disk();
        if unwritten {
            // Another log's batch waits for room: this one's indexes hold up its checkpoint, too.
            let other = run.store.log(id(2, 0), "topic2", Arc::new(small()), EPOCH);
            let batch = BatchBuilder::new().push(NOW, None, Some(&[7; 1_000])).build();
            let mut room = run.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            other.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
            run.settle();
        }
        run.pass(60);
        let start = run.log().watermarks().log_start;
        assert!(start > Offset(0), "retention decides");
        assert!(run.segments() < before, "unwritten {unwritten}: the log begins at {start}, {before} segments stay");
    }
}
