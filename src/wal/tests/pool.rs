//! Files that come, are used again, and go.

use super::*;
use crate::io::disk::Open;
use crate::io::disk::faulty::{Fault, Operation};
use crate::wal::PoolStats;

fn stats(wal: &DiskWal) -> (usize, u64, u64) {
    let PoolStats { files, bytes, free_bytes, .. } = wal.pool().stats();
    (files, bytes / KIB, free_bytes / KIB)
}

fn one(wal: &mut DiskWal, kib: u64) -> Result<Sequence, WalError> {
    let seed = wal.next().0;
    append(wal, &Owned::filled(seed, kib * KIB))
}

fn several(wal: &mut DiskWal, count: u64, kib: u64) {
    for _ in 0..count {
        one(wal, kib).expect("room");
    }
}

#[test]
fn a_pool_grows_ahead_of_need_in_doubling_steps() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(100 * KIB, 8 * KIB, 32 * KIB), 1).expect("created");
    let pool = wal.pool();
    assert_eq!(stats(&wal), (1, 8, 8));
    assert!(!pool.wants_growth() && !pool.grow().expect("no need"));
    one(&mut wal, 4).expect("room");
    assert_eq!(stats(&wal), (1, 8, 0));
    assert!(pool.wants_growth() && pool.grow().expect("room"));
    assert_eq!(stats(&wal), (2, 24, 16));
    assert!(!pool.wants_growth());
    // 4 fills the first file, 16 the second, and so on.
    for (kib, after) in [(4, (2, 24, 16)), (16, (3, 56, 32)), (32, (5, 100, 44)), (32, (5, 100, 12))] {
        one(&mut wal, kib).expect("room");
        while pool.grow().expect("room") {}
        assert_eq!(stats(&wal), after, "after {kib} KiB");
    }
    assert!(!pool.wants_growth(), "the pool is as large as it may be");
    assert_eq!(names(&disk).len(), 5);
}

#[test]
fn released_files_are_used_again_and_a_full_pool_says_so() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(32 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    several(&mut wal, 4, 8);
    assert_eq!(stats(&wal), (2, 32, 0));
    for _ in 0..2 {
        assert!(!wal.would_fit(1) && matches!(one(&mut wal, 4), Err(WalError::NoRoom)));
    }
    wal.release(Sequence(2));
    assert!(!wal.would_fit(1), "chunk 2 is needed and in the same file");
    wal.release(Sequence(3));
    assert_eq!(stats(&wal), (2, 32, 16));
    assert!(wal.would_fit(16 * KIB));
    assert_eq!(one(&mut wal, 8).expect("room"), Sequence(5));
    assert_eq!(one(&mut wal, 8).expect("room"), Sequence(6));
    // All is released: the file that was just filled may be the one that is taken.
    wal.release(Sequence(7));
    (7..30).for_each(|number| {
        assert_eq!(one(&mut wal, 12).expect("room"), Sequence(number));
        wal.release(Sequence(number + 1));
    });
    assert_eq!((stats(&wal).0, names(&disk).len()), (2, 2));
    let (found, report) = replayed(&disk.crash(1), origin(1, 29)).expect("readable");
    assert_eq!((sequences(&found), report.damaged), (vec![29], Vec::new()));
}

#[test]
fn a_pool_of_one_file_goes_round_in_it() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(16 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    for number in 1..20 {
        assert_eq!(one(&mut wal, 8).expect("room"), Sequence(number));
        if number.is_multiple_of(2) {
            assert!(!wal.would_fit(1));
            wal.release(wal.next());
            assert!(wal.would_fit(1));
        }
    }
    assert_eq!(names(&disk), ["00000000000000000001.wal"]);
}

#[test]
fn room_for_a_chunk_that_no_file_holds_is_made_and_given_back() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(32 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    several(&mut wal, 4, 8);
    assert!(wal.would_fit(64 * KIB));
    one(&mut wal, 64).expect("admitted, so it finds room");
    assert_eq!((stats(&wal), names(&disk).len()), ((3, 96, 0), 3));
    // No regular file is lost to it, and it goes when it is free.
    wal.release(Sequence(6));
    assert_eq!(stats(&wal), (3, 96, 32));
    one(&mut wal, 4).expect("room");
    assert_eq!((stats(&wal), names(&disk).len()), ((2, 32, 16), 2));
    one(&mut wal, 20).expect("another");
    one(&mut wal, 4).expect("room");
    wal.release(wal.next());
    assert_eq!((stats(&wal).0, names(&disk).len()), (2, 2));
    assert_eq!(sequences(&replayed(&disk, origin(1, 8)).expect("readable").0), [8]);
}

#[test]
fn a_full_disk_stops_growth_and_appends_go_on_after_a_release() {
    let disk = FaultyDisk::new(1, 36 * KIB);
    let mut wal = create(&disk, &config(64 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    several(&mut wal, 4, 8);
    let pool = wal.pool();
    assert!(pool.wants_growth() && !pool.grow().expect("a full disk is no error"));
    assert!(!wal.would_fit(1), "the disk has no room for another file");
    assert!(matches!(one(&mut wal, 4), Err(WalError::NoRoom)));
    assert_eq!((stats(&wal), names(&disk).len()), ((2, 32, 0), 2));
    wal.release(Sequence(3));
    one(&mut wal, 8).expect("room");
    one(&mut wal, 8).expect("room");
    assert!(matches!(one(&mut wal, 4), Err(WalError::NoRoom)));
    disk.set_capacity(64 * KIB);
    assert!(pool.grow().expect("room"));
    one(&mut wal, 4).expect("room");
    assert_eq!(sequences(&replayed(&disk.crash(1), origin(1, 3)).expect("readable").0), [3, 4, 5, 6, 7]);
}

#[test]
fn a_disk_that_is_full_at_any_step_of_a_file_leaves_nothing_of_it() {
    for operation in [Operation::Open, Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir] {
        let disk = disk(1);
        let mut wal = create(&disk, &config(64 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
        several(&mut wal, 2, 8);
        disk.fail_always(operation, "", Fault::Full);
        assert!(!wal.pool().grow().expect("a full disk is no error"), "{operation:?}");
        assert!(matches!(one(&mut wal, 4), Err(WalError::NoRoom)), "{operation:?}");
        disk.heal();
        assert_eq!(names(&disk), ["00000000000000000001.wal"], "{operation:?}");
        one(&mut wal, 4).expect("room");
        assert_eq!(sequences(&replayed(&disk.crash(1), origin(1, 1)).expect("readable").0), [1, 2, 3], "{operation:?}");
    }
    let disk = disk(1);
    disk.fail(Operation::Write, ".tmp", 0, Fault::Full);
    assert!(matches!(create(&disk, &config(64 * KIB, 16 * KIB, 16 * KIB), 1), Err(WalError::NoRoom)));
}

#[test]
fn a_disk_that_fails_while_a_file_is_made_is_final() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(64 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    several(&mut wal, 2, 8);
    disk.fail(Operation::Sync, ".tmp", 0, Fault::Io);
    wal.pool().grow().expect_err("the disk failed");
    disk.fail(Operation::Sync, ".tmp", 0, Fault::Io);
    assert!(matches!(one(&mut wal, 4), Err(WalError::Io { .. })));
    assert!(matches!(one(&mut wal, 4), Err(WalError::Failed)));
}

#[test]
fn a_start_takes_over_the_files_that_are_there() {
    let disk = disk(1);
    let sizes = config(64 * KIB, 8 * KIB, 32 * KIB);
    let mut wal = create(&disk, &sizes, 1).expect("created");
    for kib in [8, 16, 32, 4, 4, 40] {
        one(&mut wal, kib).expect("room");
    }
    let bytes = stats(&wal).1;
    assert!(bytes > 64 && names(&disk).len() == 5, "{bytes} KiB in {:?}", names(&disk));
    disk.open(&path(77).with_extension("wal.tmp"), Open::Create).expect("made");
    disk.open(&path(78), Open::Create).expect("made");
    disk.open(&Path::new(DIR).join("notes.txt"), Open::Create).expect("made");
    let mut wal = create(&disk, &sizes, 2).expect("created");
    let (files, bytes, free) = stats(&wal);
    assert!(bytes <= 64 && free == bytes, "{files} files, {bytes} KiB, {free} free");
    assert_eq!(names(&disk).len(), files + 1, "only what is not ours is left besides: {:?}", names(&disk));
    one(&mut wal, 4).expect("room");
    // A smaller pool gives files back.
    let mut wal = create(&disk, &config(12 * KIB, 8 * KIB, 32 * KIB), 3).expect("created");
    assert_eq!(stats(&wal), (1, 8, 8));
    one(&mut wal, 8).expect("room");
    assert_eq!(sequences(&replayed(&disk.crash(1), origin(3, 1)).expect("readable").0), [1]);
}
