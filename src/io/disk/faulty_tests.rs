//! What a loss of power and planned faults leave.

use super::faulty::{Chance, Fault, Operation};
use super::{Disk, FaultyDisk, File, Open};
use std::io::{ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

const PAGE: usize = 4096;
const ROOM: u64 = 1 << 20;

fn file(disk: &FaultyDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), Open::Create).unwrap()
}

fn write(file: &Arc<dyn File>, bytes: &[u8], position: u64) {
    file.write_at(&[IoSlice::new(bytes)], position).unwrap();
}

fn read(disk: &FaultyDisk, path: &str) -> Option<Vec<u8>> {
    disk.read_whole(Path::new(path), u64::MAX).ok()
}

/// Runs `before` on a new disk and returns what many losses of power leave of `path`, without repetitions.
fn left(path: &str, before: fn(&FaultyDisk)) -> Vec<Option<Vec<u8>>> {
    let mut seen = Vec::new();
    for seed in 0..300 {
        let disk = FaultyDisk::new(0, ROOM);
        before(&disk);
        let found = read(&disk.crash(seed), path);
        let disk = FaultyDisk::new(0, ROOM);
        before(&disk);
        assert_eq!(read(&disk.crash(seed), path), found, "seed {seed} gives two answers");
        if !seen.contains(&found) {
            seen.push(found);
        }
    }
    seen
}

#[test]
fn a_name_needs_its_directory_synced() {
    let found = left("a", |disk| file(disk, "a").sync_data().unwrap());
    assert_eq!(found.len(), 2, "there or not: {found:?}");
    let found = left("a", |disk| {
        write(&file(disk, "a"), b"x", 0);
        file(disk, "a").sync_data().unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
    });
    assert_eq!(found, [Some(b"x".to_vec())]);
    let found = left("d/a", |disk| {
        disk.create_dir_all(Path::new("d")).unwrap();
        file(disk, "d/a");
        disk.sync_dir(Path::new("d")).unwrap();
    });
    assert_eq!(found.len(), 2, "the directory itself may be gone: {found:?}");
    let found = left("d/e/a", |disk| {
        disk.create_dir_synced(Path::new("d/e")).unwrap();
        file(disk, "d/e/a");
        disk.sync_dir(Path::new("d/e")).unwrap();
    });
    assert_eq!(found, [Some(Vec::new())]);
}

#[test]
fn unsynced_pages_are_kept_dropped_or_torn() {
    let found = left("a", |disk| {
        let file = file(disk, "a");
        write(&file, &[1; 2 * PAGE], 0);
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&file, &[2; 2 * PAGE], 0);
    });
    assert!(found.contains(&Some(vec![1; 2 * PAGE])) && found.contains(&Some(vec![2; 2 * PAGE])));
    let torn = |bytes: &Vec<u8>| bytes[..PAGE].contains(&1) && bytes[..PAGE].contains(&2);
    assert!(found.iter().flatten().any(torn), "no page is torn");
    assert!(found.iter().flatten().any(|bytes| bytes[0] == 1 && bytes[PAGE] == 2), "later pages may be first");
    let appended = left("a", |disk| {
        let file = file(disk, "a");
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&file, &[3; PAGE], 0);
    });
    assert!(appended.contains(&Some(Vec::new())) && appended.contains(&Some(vec![3; PAGE])));
    assert!(appended.contains(&Some(vec![0; PAGE])), "a length without its bytes");
}

#[test]
fn a_replaced_file_is_old_or_new() {
    let found = left("a", |disk| {
        disk.write_whole(Path::new("a"), &[1; PAGE + 5]).unwrap();
        disk.cut_power_after(4);
        assert!(disk.write_whole(Path::new("a"), &[2; PAGE]).is_err());
    });
    assert_eq!(found.len(), 2, "{} contents", found.len());
    assert!(found.contains(&Some(vec![1; PAGE + 5])) && found.contains(&Some(vec![2; PAGE])));
}

#[test]
fn what_a_failed_sync_dropped_no_later_sync_brings_back() {
    let found = left("a", |disk| {
        let file = file(disk, "a");
        write(&file, &[1; PAGE], 0);
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&file, &[2; PAGE], 0);
        disk.fail(Operation::Sync, "a", 0, Fault::Io);
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
        disk.sync_file_system(Path::new("/")).unwrap();
        let mut seen = [0];
        file.read_at(&mut seen, 0).unwrap();
        assert_eq!(seen, [2], "the page cache still shows it");
    });
    let seen: Vec<u8> = found.iter().flatten().map(|bytes| bytes[0]).collect();
    // Which it is hangs on the disk's own seed, not on the crash's.
    assert_eq!(seen.len(), 1);
    let lost = (0..64).filter(|seed| {
        let disk = FaultyDisk::new(*seed, ROOM);
        let file = file(&disk, "a");
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&file, &[2; PAGE], 0);
        disk.fail(Operation::SyncFileSystem, "", 0, Fault::Io);
        assert!(disk.sync_file_system(Path::new("/")).is_err());
        disk.sync_file_system(Path::new("/")).unwrap();
        read(&disk.crash(1), "a") != Some(vec![2; PAGE])
    });
    assert!((10..60).contains(&lost.count()));
}

/// As ext4 does with pages that find no blocks: the write-back alone tells, and they are clean afterwards.
#[test]
fn what_a_failed_write_back_dropped_no_later_sync_brings_back() {
    let kept = (0..64).filter(|seed| {
        let disk = FaultyDisk::new(*seed, ROOM);
        let file = file(&disk, "a");
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&file, &[2; PAGE], 0);
        disk.fail(Operation::WriteBack, "a", 0, Fault::Full);
        assert!(file.begin_write_back(0, PAGE as u64).is_err());
        file.begin_write_back(0, PAGE as u64).unwrap();
        file.sync_data().unwrap();
        read(&disk.crash(1), "a") == Some(vec![2; PAGE])
    });
    assert!((4..54).contains(&kept.count()));
}

#[test]
fn faults_strike_where_planned() {
    let disk = FaultyDisk::new(1, ROOM);
    let (a, b) = (file(&disk, "a"), file(&disk, "b"));
    disk.fail(Operation::Write, "b", 1, Fault::Io);
    disk.fail(Operation::Read, "a", 0, Fault::Short(2));
    write(&a, b"12345", 0);
    write(&b, b"1", 0);
    assert!(b.write_at(&[IoSlice::new(b"2")], 1).is_err());
    write(&b, b"2", 1);
    let mut buf = [0; 5];
    assert_eq!(a.read_at(&mut buf, 0).unwrap(), 2);
    assert_eq!(a.read_at(&mut buf, 0).unwrap(), 5);
    disk.fail_always(Operation::SyncDir, "", Fault::Full);
    for _ in 0..3 {
        assert_eq!(disk.sync_dir(Path::new("/")).unwrap_err().kind(), ErrorKind::StorageFull);
    }
    disk.heal();
    disk.sync_dir(Path::new("/")).unwrap();
}

#[test]
fn a_full_disk_takes_what_fits_and_recovers() {
    let disk = FaultyDisk::new(1, 3 * PAGE as u64);
    let a = file(&disk, "a");
    write(&a, &[1; PAGE], 0);
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 2 * PAGE as u64);
    let error = a.write_at(&[IoSlice::new(&[2; 3 * PAGE])], PAGE as u64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(a.len().unwrap(), 3 * PAGE as u64);
    write(&a, b"over what is there", 5);
    assert_eq!(a.set_len(4 * PAGE as u64).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove_file(Path::new("a")).unwrap();
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 0, "it is open still");
    drop(a);
    write(&file(&disk, "b"), &[1; 3 * PAGE], 0);
}

#[test]
fn a_dead_disk_answers_nothing_and_a_killed_process_loses_nothing() {
    let disk = FaultyDisk::new(1, ROOM);
    let a = file(&disk, "a");
    let lock = disk.lock(Path::new("lock")).unwrap();
    write(&a, b"abc", 0);
    let next = disk.kill();
    assert!(a.write_at(&[IoSlice::new(b"late")], 0).is_err() && a.len().is_err() && disk.list(Path::new("/")).is_err());
    assert_eq!(read(&next, "a"), Some(b"abc".to_vec()));
    let _taken = next.lock(Path::new("lock")).unwrap();
    drop((lock, a));
    assert!(next.lock(Path::new("lock")).is_err());
    next.corrupt(Path::new("a"), 1, 0x01).unwrap();
    assert_eq!(read(&next, "a"), Some(b"acc".to_vec()));
    let kept = (0..50).filter(|seed| read(&next.kill().crash(*seed), "a").is_some()).count();
    assert!((10..40).contains(&kept), "the name was never synced: {kept} of 50");
}

/// A model that remembers what a sync has promised, against many random histories.
#[test]
fn what_was_synced_is_never_lost() {
    for seed in 0..300 {
        let mut chance = Chance::new(seed);
        let mut disk = FaultyDisk::new(seed, u64::MAX);
        let mut live = vec![0_u8; 5 * PAGE];
        let mut promised;
        let f = file(&disk, "a");
        write(&f, &live, 0);
        disk.sync_file_system(Path::new("/")).unwrap();
        drop(f);
        for _ in 0..4 {
            promised = live.clone();
            let f = file(&disk, "a");
            let mut touched = vec![false; 5 * PAGE];
            for _ in 0..chance.below(20) {
                let from = chance.below(4 * PAGE as u64) as usize;
                let bytes = vec![chance.next() as u8; chance.below(PAGE as u64) as usize];
                write(&f, &bytes, from as u64);
                live[from..from + bytes.len()].copy_from_slice(&bytes);
                touched[from..from + bytes.len()].fill(true);
                if chance.one_in(4) {
                    f.sync_data().unwrap();
                    promised.copy_from_slice(&live);
                    touched.fill(false);
                }
            }
            drop(f);
            disk = disk.crash(chance.next());
            let found = read(&disk, "a").unwrap();
            for at in 0..found.len() {
                let allowed = found[at] == promised[at] || (touched[at] && found[at] == live[at]);
                assert!(allowed, "seed {seed}, byte {at}: {} promised, {} found", promised[at], found[at]);
            }
            live = found;
        }
    }
}

/// What a failed sync did not write is gone once memory is given up, as it is after a loss of power.
#[test]
fn without_memory_a_failed_sync_shows() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..64 {
        let disk = FaultyDisk::new(seed, ROOM);
        let a = file(&disk, "a");
        write(&a, &[1; PAGE], 0);
        disk.sync_file_system(Path::new("/")).unwrap();
        write(&a, &[2; PAGE], 0);
        disk.fail(Operation::SyncFileSystem, "", 0, Fault::Io);
        assert!(disk.sync_file_system(Path::new("/")).is_err());
        disk.sync_file_system(Path::new("/")).unwrap();
        disk.forget_cached(Path::new("a")).unwrap();
        let now = read(&disk, "a");
        assert_eq!(now, read(&disk.crash(seed), "a"), "seed {seed}");
        match now.unwrap()[0] {
            1 => lost += 1,
            _ => kept += 1,
        }
    }
    assert!(lost > 10 && kept > 10, "{lost} lost, {kept} kept");
}
