//! Rounds that come to no end: what is left of them, and who goes on.

use super::{Cleaned, Run, newest, settings, strays};
use crate::base::Offset;
use crate::io::disk::faulty::{Fault, Operation};
use crate::io::disk::{Disk, Open};
use crate::log::SwapError;
use crate::log::cleaned::CleanedSegment;
use crate::log::compacted::{CompactedSegment, FILE_NAME, TEMPORARY, cleaned_name};
use crate::log::names;
use crate::record::{BatchBuilder, check_produced};
use crate::store::cleaner::round::RoundError;
use crate::store::fixture::{Bench, EPOCH, WALL, id};
use std::io;
use std::sync::Arc;

fn updated(run: &mut Run, rounds: u8) {
    for round in 0..rounds {
        for key in ["a", "b", "c", "d"] {
            run.put(&[(key, Some(&[round; 200]))]).expect("appended");
        }
    }
    run.checkpoint().expect("a checkpoint");
}

/// Its segments go with the topic: that is no damage, and nobody is to be told of it.
#[test]
fn a_log_that_is_deleted_during_a_swap_is_not_one_that_cant_be_compacted() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let log = run.log();
    assert!(run.store.delete(id(1, 0)));
    run.commit().expect("moved away");
    assert!(log.log.is_deleted());
    assert_eq!(run.cleaner.given_up(&log, RoundError::Swap(SwapError::Gone)), Cleaned::Log);
    assert_eq!(run.store.counters().uncleanable_logs.get(), 0);
}

/// `ottla_uncleanable_partitions` is a gauge: who deletes the topic has seen to it.
#[test]
fn a_deleted_log_is_not_counted_among_those_that_cant_be_compacted() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    bench.disk.corrupt(&Bench::dir().join("topic1-0/00000000000000000000.log"), 300, 1).expect("there is such a byte");
    assert_eq!(run.cleaner.step(), Cleaned::Log);
    assert_eq!(run.store.counters().uncleanable_logs.get(), 1);
    assert!(run.store.delete(id(1, 0)));
    run.commit().expect("moved away");
    assert_eq!(run.store.counters().uncleanable_logs.get(), 0);
}

/// The next topic of the name has files of the same names in the same directory.
#[test]
fn who_compacts_a_deleted_log_touches_no_file_of_the_next_one_of_its_name() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let old = run.log();
    assert!(run.store.delete(id(1, 0)));
    run.commit().expect("moved away");
    let dir = Bench::dir().join("topic1-0");
    bench.disk.create_dir_all(&dir).expect("the next topic's");
    let theirs = dir.join(cleaned_name(Offset::ZERO, names::LOG, 1));
    let file = bench.disk.open(&theirs, Open::Create).expect("a file");
    file.write_at(&[io::IoSlice::new(b"theirs")], 0).expect("written");
    assert!(CleanedSegment::begin(&old.log, Offset::ZERO, 1, 4096).is_err(), "a file was made in another's directory");
    let noted = CompactedSegment { base: Offset::ZERO, next: Offset(10), bytes: 1, round: 1, heads: 0 };
    let _ = old.log.discard_cleaned(&noted);
    assert_eq!(bench.disk.read_whole(&theirs, 100).expect("it is there"), b"theirs");
}

/// What is noted of a swap finds no room: the copy that was written for it must not go on taking the room.
#[test]
fn without_room_to_note_a_swap_nothing_is_left_of_it() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let before = newest(&run.read());
    bench.disk.fail(Operation::Write, TEMPORARY, 0, Fault::Full);
    assert_eq!(run.cleaner.step(), Cleaned::Nothing);
    let left: Vec<String> = strays(&bench).into_iter().filter(|name| name != TEMPORARY).collect();
    assert_eq!(left, Vec::<String>::new());
    run.clean();
    assert_eq!(newest(&run.read()), before);
    assert!(!run.store.core_for_tests().health.is_failed());
}

/// The note took its name, and the sync of the directory failed: it may count. Nobody may write to its files again.
#[test]
fn a_swap_that_may_count_is_not_tried_again() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let before = newest(&run.read());
    let dir = Bench::dir().join("topic1-0");
    // The first sync of the directory is that of the new segment's files.
    bench.disk.fail(Operation::SyncDir, "topic1-0", 1, Fault::Full);
    run.cleaner.step();
    assert!(bench.disk.exists(&dir.join(FILE_NAME)).expect("looked"), "the test met another sync");
    assert!(run.store.core_for_tests().health.is_failed(), "it would be written again under the names that count");
    drop(run);
    let run = Run::start(&Bench::on(bench.disk.kill())).expect("a start");
    assert_eq!(run.store.recovery().damage, Vec::<String>::new());
    assert_eq!(newest(&run.read()), before);
}

/// Horizons make batches longer: a segment of 2 GiB may have no room for them. That is one log's matter.
#[test]
fn a_segment_that_would_be_too_large_does_not_end_the_store() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let log = run.log();
    let mut writing = CleanedSegment::begin(&log.log, Offset::ZERO, 1, 4096).expect("begun");
    writing.pretend_size_for_tests(u64::from(i32::MAX as u32) - 10);
    let batch = BatchBuilder::new().push(WALL, Some(b"a"), None).build();
    let error = writing.push(&batch).expect_err("too large");
    run.cleaner.given_up(&log, RoundError::Write(error));
    assert!(!run.store.core_for_tests().health.is_failed());
    assert_eq!(run.store.counters().uncleanable_logs.get(), 1);
}

/// The dirtiest log needs more room than there is. The others don't, and compacting them may make that room.
#[test]
fn a_log_that_waits_for_room_keeps_no_other_from_its_turn() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let mut other = settings();
    other.min_cleanable_dirty_ratio = 0.001;
    let other = run.store.log(id(2, 0), "topic2", Arc::new(other), EPOCH);
    for value in 0..80 {
        let batch = BatchBuilder::new().push(WALL, Some(b"k"), Some(&[value; 200])).build();
        let mut room = run.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        other.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
    }
    run.commit().expect("committed");
    run.checkpoint().expect("a checkpoint");
    let before = [run.log().size_bytes(), other.size_bytes()];
    for full in ["topic1-0/", "topic2-0/"] {
        bench.disk.fail_always(Operation::Write, full, Fault::Full);
        for _ in 0..5 {
            run.cleaner.step();
        }
        bench.disk.heal();
        let after = [run.log().size_bytes(), other.size_bytes()];
        assert!(after.iter().zip(&before).any(|(after, before)| after < before), "full {full}: nobody had a turn");
    }
}
