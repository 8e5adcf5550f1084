//! What is appended is what is replayed, whatever its size and place.

use super::*;
use crate::base::{LeaderEpoch, Offset};

/// Appends chunks of these filled lengths and checks what comes back after a loss of power.
fn check(config: &WalConfig, lengths: &[u64]) {
    let disk = disk(1);
    let mut wal = create(&disk, config, 1).expect("created");
    let chunks: Vec<Owned> = (1..).zip(lengths).map(|(seed, filled)| Owned::filled(seed, *filled)).collect();
    for (number, chunk) in (1..).zip(&chunks) {
        assert_eq!(wal.next(), Sequence(number));
        assert!(wal.would_fit(chunk.chunk().bytes()), "lengths {lengths:?}, chunk {number}");
        assert_eq!(append(&mut wal, chunk).expect("room"), Sequence(number), "lengths {lengths:?}");
    }
    let left = disk.crash(2);
    let (found, report) = replayed(&left, origin(1, 1)).expect("readable");
    let expected: Vec<_> = (1..).zip(&chunks).map(|(number, chunk)| chunk.replayed(number)).collect();
    assert!(found == expected, "lengths {lengths:?}: {:?}", sequences(&found));
    assert_eq!(report.bytes, chunks.iter().map(|chunk| chunk.chunk().bytes()).sum::<u64>());
    assert_eq!((report.torn, report.damaged), (None, Vec::new()), "lengths {lengths:?}");
}

#[test]
fn every_kind_of_entry_and_pieces_of_a_payload_come_back() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(64 * KIB, 16 * KIB, 32 * KIB), 1).expect("created");
    let entries = vec![
        Entry::Batches { id: id(1), length: 700 },
        Entry::LogStart { id: id(2), start: Offset(i64::MAX) },
        Entry::Epoch { id: id(3), epoch: LeaderEpoch(9), start: Offset(77) },
        Entry::Batches { id: id(4), length: 0 },
        Entry::RemoveBelow { id: id(5), below: Offset(1 << 40) },
        Entry::Reset { id: id(6), at: Offset(0) },
        Entry::Batches { id: id(1), length: 301 },
    ];
    let payload = [500, 200, 0, 301].map(|length| Bytes::from(noise(length, length as usize))).to_vec();
    let full = Owned { entries, payload };
    let bare = Owned { entries: Vec::new(), payload: Vec::new() };
    let edit = Owned { entries: vec![Entry::Reset { id: id(1), at: Offset(5) }], payload: Vec::new() };
    for chunk in [&full, &bare, &edit] {
        append(&mut wal, chunk).expect("room");
    }
    let (found, report) = replayed(&disk.crash(1), origin(1, 1)).expect("readable");
    assert_eq!(found, [full.replayed(1), bare.replayed(2), edit.replayed(3)]);
    assert_eq!(report.damaged, []);
}

#[test]
fn chunks_may_end_anywhere_in_a_block() {
    let config = config(128 * KIB, 32 * KIB, 32 * KIB);
    for blocks in 1..=3 {
        let edge = blocks * 4 * KIB;
        check(&config, &[edge - 1, edge, edge + 1, 300, edge]);
    }
}

#[test]
fn a_chunk_that_does_not_fit_what_is_left_goes_to_another_file() {
    let config = config(128 * KIB, 16 * KIB, 16 * KIB);
    for rest in [4 * KIB, 8 * KIB] {
        let first = 16 * KIB - rest;
        for second in [rest - 1, rest, rest + 1] {
            check(&config, &[first, second, 500, 600]);
        }
    }
}

#[test]
fn a_chunk_larger_than_any_file_gets_one_that_fits() {
    check(&config(128 * KIB, 8 * KIB, 16 * KIB), &[300, 16 * KIB + 1, 500, 40 * KIB, 600]);
    check(&config(64 * KIB, 8 * KIB, 16 * KIB), &[100 * KIB, 70 * KIB, 200]);
}

#[test]
fn the_machines_disk_does_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(crate::io::disk::RealDisk::new());
    let config = WalConfig { dir: dir.path().join("wal"), ..config(64 * KIB, 8 * KIB, 16 * KIB) };
    for incarnation in 1..=3 {
        let mut wal = DiskWal::create(disk.clone(), config.clone(), incarnation).expect("created");
        let chunks: Vec<Owned> =
            (1..=9).map(|number| Owned::filled(incarnation * 100 + number, number * 900)).collect();
        for chunk in &chunks {
            append(&mut wal, chunk).expect("room");
            wal.pool().grow().expect("room");
            wal.release(Sequence(wal.next().0.saturating_sub(3).max(1)));
        }
        let mut replay = replay(&*disk, &config.dir, &origin(incarnation, 7)).expect("readable");
        for number in 7..=9 {
            let chunk = replay.next().expect("readable");
            assert_eq!(chunk, Some(chunks[number as usize - 1].replayed(number)), "incarnation {incarnation}");
        }
        assert_eq!(replay.next().expect("readable"), None);
    }
}

#[test]
fn what_entries_and_payload_say_must_agree() {
    let disk = disk(1);
    let mut wal = create(&disk, &config(64 * KIB, 16 * KIB, 32 * KIB), 1).expect("created");
    let mut chunk = Owned::filled(1, 500);
    chunk.payload.push(Bytes::from_static(b"x"));
    assert!(matches!(append(&mut wal, &chunk), Err(WalError::Chunk { .. })));
    assert!(matches!(append(&mut wal, &Owned::filled(1, 500)), Err(WalError::Failed)));
    assert!(replayed(&disk.crash(1), origin(1, 1)).expect("readable").0.is_empty());
}
