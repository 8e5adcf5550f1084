//! A disk without room.

use super::*;
use crate::io::disk::faulty::{Fault, Operation};

/// The names of both copies as the handles know them.
const WRITTEN_AS: [&str; 2] = ["ottla.checkpoint.tmp", "ottla.checkpoint.2.tmp"];

#[test]
fn appends_are_refused_until_there_is_room_again() {
    let history = History::new(41, 60);
    let disk = disk(1);
    let (first, records) = history.commits[0].clone();
    let mut checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), first, records, SIZES).unwrap();
    let mut refused = 0;
    for (number, (at, changes)) in history.commits.iter().enumerate().skip(1) {
        if number % 20 != 0 {
            disk.set_capacity(0);
        }
        if let Err(error) = checkpoint.append(*at, changes.clone()) {
            assert!(error.is_full(), "commit {number}: {error}");
            assert_eq!(loaded(&disk, "refused").0, history.states[number - 1], "commit {number}");
            refused += 1;
            disk.set_capacity(u64::MAX);
            checkpoint.append(*at, changes.clone()).unwrap();
        }
        disk.set_capacity(u64::MAX);
        let left = loaded(&disk, "appended");
        assert_eq!(left, (history.states[number].clone(), Vec::new()), "commit {number}");
    }
    assert!(refused > 3, "{refused} were refused");
}

#[test]
fn the_reserve_takes_commits_that_the_disk_would_not() {
    let disk = disk(1);
    let mut checkpoint = Checkpoint::create(&shared(&disk), &dir(), own(), position(0), []).unwrap();
    disk.set_capacity(0);
    for number in 1..=1000 {
        checkpoint.append(position(number), vec![put(1, &[1; 300]), put(2, &[2; 300])]).unwrap();
    }
    assert_eq!(loaded(&disk, "within the reserve").0.0, position(1000));
}

#[test]
fn a_commit_of_which_all_was_written_and_that_was_refused_never_comes_back() {
    let history = History::new(42, 3);
    for seed in 0..60 {
        let disk = FaultyDisk::new(seed, u64::MAX);
        disk.create_dir_synced(&dir()).unwrap();
        let (first, records) = history.commits[0].clone();
        let mut checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), first, records, SIZES).unwrap();
        disk.fail(Operation::Write, WRITTEN_AS[0], seed % 2, Fault::Full);
        let (at, changes) = history.commits[1].clone();
        let told = checkpoint.append(at, changes.clone());
        let answered = usize::from(told.is_ok());
        assert!(told.is_ok() || told.is_err_and(|error| error.is_full()), "seed {seed}");
        let left = disk.clone();
        if seed.is_multiple_of(3) {
            assert_eq!(loaded(&left.crash(seed), "refused").0, history.states[answered], "seed {seed}");
            continue;
        }
        disk.heal();
        let (at, changes) = history.commits[2].clone();
        checkpoint.append(at, changes.clone()).unwrap();
        let expected = after(&history.states[answered], at, &changes);
        assert_eq!(loaded(&left.crash(seed), "went on").0, expected, "seed {seed}");
    }
}

#[test]
fn a_rewrite_without_room_waits_and_leaves_no_files() {
    let disk = disk(1);
    let mut checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), position(0), [], SIZES).unwrap();
    let mut rewritten = false;
    for number in 1..200 {
        // Room for appends, never for two files more.
        disk.set_capacity(u64::MAX);
        let state = [number as u8; 100];
        if number < 100 {
            for part in WRITTEN_AS {
                disk.fail(Operation::SetLen, part, 0, Fault::Full);
            }
        }
        let before = checkpoint.bytes();
        checkpoint.append(position(number), vec![put(1, &state)]).unwrap();
        disk.heal();
        rewritten |= checkpoint.bytes() < before;
        assert_eq!(rewritten, number >= 100 && rewritten, "commit {number}");
        assert_eq!(disk.list(&dir()).unwrap().len(), 2, "commit {number}");
        assert_eq!(loaded(&disk, "grown").0, after(&empty(), position(number), &[put(1, &state)]));
    }
    assert!(rewritten && checkpoint.bytes() < 10_000, "{} bytes", checkpoint.bytes());
}

#[test]
fn creating_without_room_leaves_what_was_there() {
    let history = History::new(43, 4);
    let disk = ran(&history);
    // Four pages for the new records, and the first copy's reserve may take two before the second is written.
    let room = disk.list(&dir()).unwrap().iter().map(|entry| entry.len.next_multiple_of(4096)).sum::<u64>();
    for more in 0..12 {
        disk.set_capacity(room + more * 4096);
        let records = [put(1, &[1; 6000])];
        match Checkpoint::create_sized(&shared(&disk), &dir(), own(), position(9), records.clone(), SIZES) {
            Err(error) => {
                assert!(error.is_full() && more < 6, "{more} pages: {error}");
                assert_eq!(disk.list(&dir()).unwrap().len(), 2, "{more} pages");
                assert_eq!(loaded(&disk, "as it was").0, *history.states.last().unwrap(), "{more} pages");
            }
            Ok(mut made) => {
                assert!(more >= 4, "{more} pages");
                made.append(position(10), Vec::new()).unwrap();
                assert_eq!(loaded(&disk, "made").0, after(&empty(), position(10), &records));
                return;
            }
        }
    }
    panic!("12 pages are not enough");
}
