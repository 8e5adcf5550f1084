//! Power goes at every point of runs that use their files again and again.

use super::*;
use crate::io::disk::faulty::{Fault, Operation};

const APPENDS: u64 = 22;
/// Chunks that are kept when the others are released.
const KEPT: u64 = 2;

/// What a run had been told when it ended.
#[derive(Default)]
struct Told {
    acknowledged: u64,
    live_from: u64,
}

/// One run over a pool of four files with room for two or more chunks each. Equal sizes, so that old chunks lie exactly
/// where new ones would.
fn run(disk: &FaultyDisk, incarnation: u64, chunk: impl Fn(u64) -> Owned) -> Told {
    let mut told = Told { acknowledged: 0, live_from: 1 };
    let Ok(mut wal) = create(disk, &config(32 * KIB, 8 * KIB, 8 * KIB), incarnation) else { return told };
    for number in 1..=APPENDS {
        if number.is_multiple_of(3) && wal.pool().grow().is_err() {
            break;
        }
        match append(&mut wal, &chunk(number)) {
            Ok(sequence) => assert_eq!(sequence, Sequence(number)),
            Err(WalError::Io { .. }) => {
                assert!(matches!(append(&mut wal, &chunk(number)), Err(WalError::Failed)));
                break;
            }
            Err(error) => panic!("{error}"),
        }
        told.acknowledged = number;
        told.live_from = number.saturating_sub(KEPT).max(1);
        wal.release(Sequence(told.live_from));
    }
    told
}

/// What replays is what was acknowledged, and at most the one chunk after it.
fn check(disk: &FaultyDisk, incarnation: u64, told: &Told, chunk: impl Fn(u64) -> Owned, story: &str) {
    let (found, report) = replayed(disk, origin(incarnation, told.live_from)).expect("readable");
    let end = told.live_from + found.len() as u64;
    assert!(end == told.acknowledged + 1 || end == told.acknowledged + 2, "{story}: {:?}", sequences(&found));
    let expected: Vec<_> = (told.live_from..end).map(|number| chunk(number).replayed(number)).collect();
    assert!(found == expected, "{story}: {:?}", sequences(&found));
    assert_eq!(report.damaged, [], "{story}");
}

fn crash_everywhere(size: impl Fn(u64) -> u64 + Copy) {
    let chunk = |incarnation: u64| move |number: u64| Owned::filled(incarnation * 1000 + number, size(number));
    let whole = disk(1);
    assert_eq!(run(&whole, 1, chunk(1)).acknowledged, APPENDS);
    let changes = whole.changes();
    for cut in 0..=changes {
        for seed in 0..3 {
            let story = format!("power cut after {cut} changes, crash seed {seed}");
            let disk = disk(seed);
            disk.cut_power_after(cut);
            let told = run(&disk, 1, chunk(1));
            // Sometimes the process ends and the machine does not: what was not synced may be lost later.
            let left = if seed == 2 { disk.kill() } else { disk.crash(seed) };
            check(&left, 1, &told, chunk(1), &story);

            // The next start begins on an empty log over the same files, and dies too.
            let again = (cut * 7 + seed) % changes;
            left.cut_power_after(again);
            let told = run(&left, 2, chunk(2));
            let last = left.crash(seed + 10);
            check(&last, 2, &told, chunk(2), &format!("{story}, then after {again}"));
        }
    }
}

#[test]
fn recycled_files_with_equal_chunks_never_replay_the_past() {
    crash_everywhere(|_| 4 * KIB);
}

#[test]
fn recycled_files_with_chunks_of_many_sizes_never_replay_the_past() {
    crash_everywhere(|number| 300 + number * 1777 % (8 * KIB - 300));
}

#[test]
fn a_failed_write_or_sync_is_final() {
    for operation in [Operation::Write, Operation::Sync] {
        for seed in 0..20 {
            let disk = disk(seed);
            let mut wal = create(&disk, &config(32 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
            append(&mut wal, &Owned::filled(1, 5000)).expect("room");
            disk.fail(operation, ".wal", 0, Fault::Io);
            let error = append(&mut wal, &Owned::filled(2, 5000)).expect_err("the disk failed");
            assert!(matches!(&error, WalError::Io { path, .. } if *path == super::path(1)), "{error}");
            assert!(matches!(append(&mut wal, &Owned::filled(3, 500)), Err(WalError::Failed)));
            assert!(!wal.would_fit(100));
            let told = Told { acknowledged: 1, live_from: 1 };
            let chunk = |number| Owned::filled(number, 5000);
            check(&disk.crash(seed), 1, &told, chunk, &format!("{operation:?}, seed {seed}"));
        }
    }
}

#[test]
fn a_device_that_is_full_in_the_middle_of_a_chunk_is_final_too() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(32 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    append(&mut wal, &Owned::filled(1, 500)).expect("room");
    disk.fail(Operation::Write, ".wal", 0, Fault::Full);
    assert!(matches!(append(&mut wal, &Owned::filled(2, 500)), Err(WalError::Io { .. })));
    assert!(matches!(append(&mut wal, &Owned::filled(2, 500)), Err(WalError::Failed)));
}
