//! Files cut short at every byte.

use super::*;

/// Where each commit of a copy ends, in order.
fn ends(disk: &FaultyDisk) -> Vec<usize> {
    let view = &super::super::inspect(disk, &dir()).unwrap()[0];
    let starts = view.frames.iter().skip(1).map(|frame| frame.at);
    let ends = starts.chain([view.stopped_at]);
    view.frames.iter().zip(ends).filter(|(frame, _)| frame.last).map(|(_, end)| end as usize).collect()
}

/// Cuts a copy, and sometimes puts zeros where the rest was: both happen.
fn cut(disk: &FaultyDisk, copy: usize, bytes: &[u8], len: usize) {
    let mut left = bytes[..len].to_vec();
    if len.is_multiple_of(2) {
        left.resize(bytes.len(), 0);
    }
    set_file(disk, &path(copy), &left);
}

#[test]
fn one_copy_cut_anywhere_loses_nothing() {
    let history = History::new(11, 6);
    let disk = ran(&history);
    for copy in 0..2 {
        let bytes = file_bytes(&disk, copy);
        for len in 0..=*ends(&disk).last().unwrap() {
            cut(&disk, copy, &bytes, len);
            let (found, _) = loaded(&disk, &format!("copy {copy} cut at {len}"));
            assert_eq!(found, *history.states.last().unwrap(), "copy {copy} cut at {len}");
        }
        set_file(&disk, &path(copy), &bytes);
    }
}

#[test]
fn both_copies_cut_anywhere_are_right_or_refused() {
    let history = History::new(12, 7);
    let disk = ran(&history);
    let (bytes, ends) = (file_bytes(&disk, 0), ends(&disk));
    let reach = |len: usize| ends.iter().filter(|end| **end <= len).count();
    let from = ends[ends.len() - 4];
    for first in (from..=bytes.len().min(ends[ends.len() - 1])).step_by(7) {
        cut(&disk, 0, &bytes, first);
        for second in (from..=first).step_by(11).chain(ends[ends.len() - 4..].iter().copied()) {
            cut(&disk, 1, &bytes, second);
            let what = format!("cut at {first} and {second}");
            let best = reach(first).max(reach(second));
            match load(&disk) {
                Ok(found) => {
                    let found = found.unwrap();
                    assert_eq!((found.position, found.records), history.states[best - 1], "{what}");
                }
                // Never what a crash can leave: the second copy whole up to the last commit that counts.
                Err(CheckpointError::Damaged { .. }) => {
                    assert!(!ends.contains(&second) || reach(second) < best, "{what}");
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
    }
}

#[test]
fn what_a_crash_leaves_is_never_refused() {
    let history = History::new(13, 6);
    let disk = ran(&history);
    let (bytes, ends) = (file_bytes(&disk, 0), ends(&disk));
    let (before, end) = (ends[ends.len() - 2], ends[ends.len() - 1]);
    let (old, new) = (&history.states[history.states.len() - 2], history.states.last().unwrap());
    for len in before..=end {
        cut(&disk, 0, &bytes, len);
        cut(&disk, 1, &bytes, before);
        let expected = if len == end { new } else { old };
        assert_eq!(loaded(&disk, &format!("first cut at {len}")).0, *expected, "first cut at {len}");
        set_file(&disk, &path(0), &bytes);
        cut(&disk, 1, &bytes, len);
        assert_eq!(loaded(&disk, &format!("second cut at {len}")).0, *new, "second cut at {len}");
    }
}

#[test]
fn a_torn_end_is_noted_and_the_next_start_is_clean() {
    let history = History::new(14, 6);
    let disk = ran(&history);
    let bytes = file_bytes(&disk, 1);
    cut(&disk, 1, &bytes, ends(&disk).last().unwrap() - 1);
    let (state, notes) = loaded(&disk, "torn");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("ottla.checkpoint.2 is torn after commit 5"), "{notes:?}");
    let puts = state.1.clone().into_iter().map(|(id, Kept { dir, state })| Change::Put { id, dir, state });
    Checkpoint::create(&shared(&disk), &dir(), own(), state.0, puts).unwrap();
    assert_eq!(loaded(&disk, "again"), (state, Vec::new()));
}

#[test]
fn one_copy_that_is_missing_is_noted() {
    let history = History::new(15, 6);
    for name in FILES {
        let disk = ran(&history);
        disk.remove_file(&dir().join(name)).unwrap();
        let (state, notes) = loaded(&disk, name);
        assert_eq!(state, *history.states.last().unwrap());
        assert_eq!(notes, [format!("checkpoint: {name} is missing; going on from commit 6")]);
    }
}
