//! What a replay says of what it meets, and what people are shown.

use super::*;
use crate::io::disk::faulty::{Fault, Operation};
use crate::wal::{What, inspect};

fn small() -> WalConfig {
    config(64 * KIB, 16 * KIB, 16 * KIB)
}

/// A log of `count` chunks of one block each.
fn log(disk: &FaultyDisk, incarnation: u64, count: u64) -> DiskWal {
    let mut wal = create(disk, &small(), incarnation).expect("created");
    for number in 1..=count {
        append(&mut wal, &Owned::filled(number, 4 * KIB)).expect("room");
    }
    wal
}

#[test]
fn nothing_there_is_nothing_to_replay() {
    let disk = disk(1);
    assert_eq!(replayed(&disk, origin(1, 1)).expect("no directory"), (Vec::new(), ReplayReport::default()));
    drop(create(&disk, &small(), 1).expect("created"));
    assert_eq!(replayed(&disk, origin(1, 1)).expect("no chunk"), (Vec::new(), ReplayReport::default()));
}

#[test]
fn only_what_is_asked_for_is_replayed() {
    let disk = disk(1);
    drop(log(&disk, 1, 9));
    let of = |origin: Origin| sequences(&replayed(&disk, origin).expect("readable").0);
    assert_eq!(of(origin(1, 0)), (1..=9).collect::<Vec<_>>());
    assert_eq!(of(origin(1, 6)), [6, 7, 8, 9]);
    assert_eq!(of(origin(1, 10)), [0; 0]);
    assert_eq!(of(origin(2, 1)), [0; 0]);
    assert_eq!(of(Origin { directory_id: Uuid::nil(), ..origin(1, 1) }), [0; 0]);
    let wal = create(&disk, &small(), 2).expect("created");
    assert_eq!(wal.next(), Sequence::FIRST);
    assert_eq!(of(origin(2, 1)), [0; 0], "a new incarnation begins empty");
}

#[test]
fn a_gap_is_named_and_what_follows_is_kept() {
    let whole = disk(1);
    drop(log(&whole, 1, 9));
    // Chunks 1 to 4 are in file 1, 5 to 8 in file 2, 9 in file 3.
    let check = |live_from: u64, bytes: &[(u64, u64)], replays: &[u64], damage: &[(u64, u64, What)]| {
        let left = whole.kill();
        bytes.iter().for_each(|(file, position)| left.corrupt(&path(*file), *position, 0x10).expect("there"));
        let (found, report) = replayed(&left, origin(1, live_from)).expect("readable");
        assert_eq!(sequences(&found), replays, "{bytes:?}");
        let said = report.damaged.iter().map(|one| (one.expected.0, one.found.0, one.what.clone())).collect::<Vec<_>>();
        assert_eq!(said, damage, "{bytes:?}");
    };
    check(1, &[(2, 20)], &[1, 2, 3, 4, 6, 7, 8, 9], &[(5, 6, What::Missing)]);
    check(1, &[(2, 300)], &[1, 2, 3, 4, 6, 7, 8, 9], &[(5, 6, What::Body)]);
    check(1, &[(1, 20), (1, 4096)], &[3, 4, 5, 6, 7, 8, 9], &[(1, 3, What::Missing)]);
    check(3, &[(1, 8192 + 20)], &[4, 5, 6, 7, 8, 9], &[(3, 4, What::Missing)]);
    check(4, &[(1, 8192 + 20)], &[4, 5, 6, 7, 8, 9], &[]);
    check(1, &[(3, 20)], &[1, 2, 3, 4, 5, 6, 7, 8], &[]);
    check(1, &[(3, 300)], &[1, 2, 3, 4, 5, 6, 7, 8], &[]);
    // The last is torn, and the one before it was durable before the last was begun.
    check(1, &[(3, 300), (2, 12288)], &[1, 2, 3, 4, 5, 6, 7], &[(8, 9, What::Missing)]);
    let several = [(3, 5, What::Body), (4, 5, What::Missing), (6, 7, What::Body)];
    check(1, &[(1, 8192 + 99), (1, 12288), (2, 4096 + 99)], &[1, 2, 5, 7, 8, 9], &several);
}

#[test]
fn a_disk_that_fails_or_gives_too_little_is_named() {
    for fault in [Fault::Io, Fault::Short(40)] {
        for after in 0..5 {
            let disk = disk(1);
            drop(log(&disk, 1, 5));
            disk.fail(Operation::Read, "2.wal", after, fault);
            match replayed(&disk, origin(1, 1)) {
                Err(WalError::Io { path, .. }) => assert_eq!(path, super::path(2), "{fault:?} after {after}"),
                Err(other) => panic!("{other}"),
                Ok((found, _)) => assert!(after > 0 && found.len() == 5, "{fault:?} after {after}"),
            }
        }
    }
}

#[test]
fn people_see_every_chunk() {
    let disk = disk(1);
    drop(log(&disk, 1, 6));
    let mut wal = create(&disk, &small(), 2).expect("created");
    append(&mut wal, &Owned::filled(1, 5000)).expect("room");
    disk.corrupt(&path(2), 4096 + 200, 1).expect("there");
    let views = inspect(&disk, Path::new(DIR)).expect("readable");
    let seen = |file: usize| {
        let of = |chunk: &crate::wal::ChunkView| (chunk.incarnation, chunk.sequence.0, chunk.position, chunk.is_whole);
        views[file].chunks.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(views.iter().map(|view| (view.number, view.bytes)).collect::<Vec<_>>(), [(1, 16384), (2, 16384)]);
    assert_eq!(seen(0), [(2, 1, 0, true), (1, 3, 8192, true), (1, 4, 12288, true)]);
    assert_eq!(seen(1), [(1, 5, 0, true), (1, 6, 4096, false)]);
    assert_eq!((views[0].chunks[0].bytes, views[0].chunks[0].entries), (8192, 1));
}
