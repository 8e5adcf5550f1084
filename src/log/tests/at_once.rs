//! A plan at once opens no file: that may wait for the disk, and whoever plans there must not.

use super::reads::small_batches_in_one_segment;
use super::*;
use crate::base::FileRange;
use std::sync::Arc;

/// A partition of three batches in one of two directories.
fn three(env: &LogEnv, disk: &FaultyDisk, name: &str) -> Partition {
    let (log, tip) = Log::create(env, Path::new("/data").join(name), TOPIC);
    let mut partition =
        Partition { disk: disk.clone(), settings: LogSettings::default(), log, tip, stored: Vec::new() };
    for n in 0..3 {
        partition.append(&batch(1, 10, NOW.0 + n), 0);
    }
    partition
}

/// More partitions than may be open: the one that was read before was closed for another.
#[test]
fn a_file_that_was_closed_meanwhile_is_opened_by_the_patient_plan_only() {
    let disk = disk();
    let env = LogEnv { disk: Arc::new(disk.clone()), descriptors: Descriptors::new(1) };
    let (a, b) = (three(&env, &disk, "orders-0"), three(&env, &disk, "orders-1"));
    let first = Wanted::new(Offset(0), Offset(3), 1, true);
    let on = Wanted { from: Offset(1), ..first };
    a.log.plan(first).expect("readable");
    b.log.plan(first).expect("readable");
    let segment = a.log.segment_for(Offset(1)).expect("there");
    let is_open = || segment.log().file_if_open().is_some();
    assert!(!is_open(), "it made room for the other");

    assert_eq!(segment.plan_at_once(on), None);
    assert!(!is_open(), "nobody opened it");
    assert_eq!((segment.read_cached(&mut [0], 0).expect("no failure"), segment.is_cached(0, 1)), (None, false));
    assert!(!is_open(), "nor did who asks for what is in memory");
    let planned = segment.plan(on).expect("readable");
    assert!(is_open());
    assert_eq!(segment.plan_at_once(on), Some(planned));
}

/// The index is a file, too.
#[test]
fn an_index_that_was_closed_meanwhile_is_opened_by_the_patient_plan_only() {
    let partition = small_batches_in_one_segment(100, 60);
    partition.log.flush_indexes().expect("the disk takes it");
    let segment = partition.log.segment_for(Offset(1)).expect("there");
    let wanted = Wanted::new(Offset(1), Offset(100), 5_000, true);
    let is_open = || segment.index.slot().file_if_open().is_some();
    segment.index.slot().forget();

    assert_eq!(segment.plan_at_once(wanted), None);
    assert!(!is_open(), "nobody opened it");
    let planned = segment.plan(wanted).expect("readable");
    assert!(is_open(), "the plan comes over many small batches");
    assert_eq!(segment.plan_at_once(wanted), Some(planned));
}
