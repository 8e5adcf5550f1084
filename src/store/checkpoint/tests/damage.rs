//! Bits that flip, sectors that can't be read, and files of chance.

use super::*;
use crate::io::disk::faulty::{Fault, Operation};

fn flip(disk: &FaultyDisk, copy: usize, chance: &mut Chance) -> String {
    let at = chance.below(file_bytes(disk, copy).len() as u64);
    flip_at(disk, copy, at, chance)
}

fn flip_at(disk: &FaultyDisk, copy: usize, at: u64, chance: &mut Chance) -> String {
    let bit = chance.below(8);
    disk.corrupt(&path(copy), at, 1 << bit).unwrap();
    format!("bit {bit} of byte {at} of copy {copy}")
}

#[test]
fn one_flipped_bit_loses_nothing() {
    let history = History::new(21, 9);
    let whole = ran(&history);
    for seed in 0..500 {
        let (disk, mut chance) = (whole.kill(), Chance::new(seed));
        let what = format!("seed {seed}: {}", flip(&disk, (seed % 2) as usize, &mut chance));
        assert_eq!(loaded(&disk, &what).0, *history.states.last().unwrap(), "{what}");
    }
}

#[test]
fn every_byte_before_the_end_of_either_copy() {
    let history = History::new(22, 4);
    let whole = ran(&history);
    let end = super::super::inspect(&whole, &dir()).unwrap()[0].stopped_at;
    let mut chance = Chance::new(22);
    for at in 0..end + 20 {
        for copy in 0..2 {
            let disk = whole.kill();
            let what = flip_at(&disk, copy, at, &mut chance);
            let (found, notes) = loaded(&disk, &what);
            assert_eq!(found, *history.states.last().unwrap(), "{what}");
            assert_eq!(notes.len(), usize::from(at < end), "{what}: {notes:?}");
        }
    }
}

#[test]
fn a_bit_in_each_copy_is_right_or_refused() {
    let history = History::new(23, 5);
    let whole = ran(&history);
    let end = super::super::inspect(&whole, &dir()).unwrap()[0].stopped_at;
    let (mut right, mut refused) = (0, 0);
    for seed in 0..1500 {
        let (disk, mut chance) = (whole.kill(), Chance::new(seed));
        let places = [chance.below(end), chance.below(end)];
        let told: Vec<_> = (0..2).map(|copy| flip_at(&disk, copy, places[copy], &mut chance)).collect();
        match load(&disk) {
            Ok(found) => {
                let found = found.unwrap();
                assert_eq!((found.position, found.records), *history.states.last().unwrap(), "seed {seed}: {told:?}");
                right += 1;
            }
            Err(CheckpointError::Damaged { path, what }) => {
                assert!(FILES.iter().any(|name| path.ends_with(name)) && what.contains("byte"), "seed {seed}: {what}");
                assert!(what.contains("put back either copy"), "seed {seed}: {what}");
                refused += 1;
            }
            Err(error) => panic!("seed {seed}: {told:?}: {error}"),
        }
    }
    // Neither copy is whole, and commits are taken from one: both damaged means refused.
    assert_eq!((right, refused), (0, 1500));
}

#[test]
fn a_bit_beyond_the_end_of_each_copy_is_no_commit() {
    let history = History::new(24, 5);
    let whole = ran(&history);
    let bytes = file_bytes(&whole, 0).len() as u64;
    let end = super::super::inspect(&whole, &dir()).unwrap()[0].stopped_at;
    for seed in 0..200 {
        let (disk, mut chance) = (whole.kill(), Chance::new(seed));
        for copy in 0..2 {
            let at = end + chance.below(bytes - end);
            flip_at(&disk, copy, at, &mut chance);
        }
        assert_eq!(loaded(&disk, &format!("seed {seed}")).0, *history.states.last().unwrap(), "seed {seed}");
    }
}

#[test]
fn the_last_commit_hit_in_both_copies_is_not_an_earlier_state() {
    let history = History::new(25, 5);
    let whole = ran(&history);
    let view = &super::super::inspect(&whole, &dir()).unwrap()[0];
    let last = view.frames.iter().find(|frame| frame.commit == 5).unwrap().at;
    for at in last..view.stopped_at {
        let (disk, mut chance) = (whole.kill(), Chance::new(at));
        flip_at(&disk, 0, at, &mut chance);
        let other = last + chance.below(view.stopped_at - last);
        flip_at(&disk, 1, other, &mut chance);
        assert!(matches!(load(&disk), Err(CheckpointError::Damaged { .. })), "bytes {at} and {other}");
    }
}

#[test]
fn one_copy_that_can_not_be_read_loses_nothing() {
    let history = History::new(26, 5);
    for copy in 0..2 {
        for after in 0..4 {
            let disk = ran(&history);
            // The first copy's name is also a part of the second's.
            let (part, skip) = [("/ottla.checkpoint", after), (".2", after)][copy];
            disk.fail(Operation::Read, part, skip, Fault::Io);
            let what = format!("read {after} of copy {copy}");
            assert_eq!(loaded(&disk, &what).0, *history.states.last().unwrap(), "{what}");
        }
    }
    let disk = ran(&history);
    disk.fail_always(Operation::Read, "ottla.checkpoint", Fault::Io);
    assert!(matches!(load(&disk), Err(CheckpointError::Io { .. })));
}

#[test]
fn a_rewrite_reads_around_damage() {
    let history = History::new(27, 40);
    for copy in 0..2 {
        let disk = disk(27);
        let (first, records) = history.commits[0].clone();
        let made = Checkpoint::create_sized(&shared(&disk), &dir(), own(), first, records, SIZES);
        let mut checkpoint = made.unwrap();
        let at = super::super::inspect(&disk, &dir()).unwrap()[copy].frames[0].records[2].at;
        disk.corrupt(&path(copy), at, 4).unwrap();
        for (number, (at, changes)) in history.commits.iter().enumerate().skip(1) {
            checkpoint.append(*at, changes.clone()).unwrap();
            assert_eq!(loaded(&disk, "damaged once").0, history.states[number], "copy {copy}, commit {number}");
        }
        assert_eq!(loaded(&disk, "written anew").1, Vec::<String>::new(), "copy {copy}");
    }
}

#[test]
fn files_of_chance_never_panic_and_never_make_a_state_up() {
    let history = History::new(28, 5);
    let whole = file_bytes(&ran(&history), 0);
    for seed in 0..400 {
        let (disk, mut chance) = (disk(1), Chance::new(seed));
        for copy in 0..2 {
            let mut bytes: Vec<u8> = (0..chance.below(3000)).map(|_| chance.next() as u8).collect();
            // Some begin as they should.
            let kept = chance.below(whole.len() as u64) as usize * usize::from(chance.one_in(2));
            let kept = kept.min(bytes.len());
            bytes[..kept].copy_from_slice(&whole[..kept]);
            set_file(&disk, &path(copy), &bytes);
        }
        let views = super::super::inspect(&disk, &dir()).unwrap();
        match load(&disk) {
            Err(CheckpointError::Damaged { .. }) => {}
            // Both may be beginnings of the file and nothing else.
            Ok(Some(found)) if history.states.contains(&(found.position, found.records.clone())) => {}
            other => panic!("seed {seed}: {other:?}, {views:?}"),
        }
    }
}
