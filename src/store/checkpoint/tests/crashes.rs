//! A loss of power before every single change of the disk: what is loaded is the state after some commit, and none that
//! was answered is missing.

use super::*;

/// Runs `work` on copies of `disk` with the power cut at each change, and shows each end that a crash can leave.
fn at_every_change(
    disk: &FaultyDisk,
    seeds: u64,
    work: impl Fn(&FaultyDisk) -> usize,
    check: impl Fn(&FaultyDisk, usize, &str),
) {
    let whole = disk.kill();
    whole.sync_file_system(&dir()).unwrap();
    let (before, trial) = (whole.changes(), whole.kill());
    work(&trial);
    let changes = trial.changes() - before;
    assert!(changes > 10, "{changes} changes");
    for cut in 0..=changes {
        let trial = whole.kill();
        trial.cut_power_after(cut);
        let answered = work(&trial);
        for seed in 0..seeds {
            let left = trial.crash(seed * 1000 + cut);
            check(
                &left,
                answered,
                &format!("power cut after {cut} of {changes} changes, crash seed {}", seed * 1000 + cut),
            );
        }
    }
}

#[test]
fn a_series_of_appends_with_rewrites() {
    for seed in 0..3 {
        let history = History::new(seed, 30);
        let check = |left: &FaultyDisk, answered: usize, what: &str| {
            let what = format!("history {seed}, {what}, {answered} answered");
            let Some(found) = load(left).unwrap_or_else(|error| panic!("{what}: {error}")) else {
                assert_eq!(answered, 0, "{what}: nothing is there");
                return;
            };
            let found = (found.position, found.records);
            let possible = &history.states[answered.saturating_sub(1)..(answered + 1).min(history.states.len())];
            assert!(possible.contains(&found), "{what}: {:?}", found.0);
        };
        at_every_change(&disk(seed), 3, |disk| history.run(disk), check);
    }
}

#[test]
fn the_history_of_these_tests_has_rewrites() {
    for seed in 0..3 {
        let views = super::super::inspect(&ran(&History::new(seed, 30)), &dir()).unwrap();
        assert!(views[0].header.unwrap().2 > 1, "history {seed} fits one file");
    }
}

#[test]
fn creating_over_what_is_there() {
    let history = History::new(5, 8);
    let old = history.states.last().unwrap();
    let puts = [put(1, b"new"), put(100, &[3; 900])];
    let new = after(&empty(), position(77), &puts);
    let create = |disk: &FaultyDisk| {
        usize::from(Checkpoint::create_sized(&shared(disk), &dir(), own(), position(77), puts.clone(), SIZES).is_ok())
    };
    let check = |left: &FaultyDisk, answered: usize, what: &str| {
        let (found, _) = loaded(left, what);
        assert!(found == new || (answered == 0 && found == *old), "{what}: {:?}", found.0);
    };
    at_every_change(&ran(&history), 8, create, check);
}

#[test]
fn creating_over_what_a_crash_left() {
    let history = History::new(6, 6);
    let new = after(&empty(), position(77), &[put(1, b"new")]);
    let create = |disk: &FaultyDisk| {
        let made = Checkpoint::create_sized(&shared(disk), &dir(), own(), position(77), [put(1, b"new")], SIZES);
        usize::from(made.is_ok())
    };
    for cut in 20..30 {
        let torn = disk(6);
        torn.cut_power_after(cut);
        history.run(&torn);
        let left = torn.crash(cut);
        let (old, _) = loaded(&left, "torn");
        let check = |left: &FaultyDisk, answered: usize, what: &str| {
            let (found, _) = loaded(left, what);
            assert!(found == new || (answered == 0 && found == old), "first cut {cut}, {what}: {:?}", found.0);
        };
        at_every_change(&left, 2, create, check);
    }
}

#[test]
fn a_process_that_is_killed_leaves_all_that_was_answered() {
    let history = History::new(7, 25);
    for cut in 0..200 {
        let disk = disk(7);
        disk.cut_power_after(cut);
        let answered = history.run(&disk);
        let left = disk.kill();
        let Some(found) = load(&left).unwrap() else {
            assert_eq!(answered, 0, "cut after {cut}");
            continue;
        };
        let found = (found.position, found.records);
        let possible = &history.states[answered.saturating_sub(1)..(answered + 1).min(history.states.len())];
        assert!(possible.contains(&found), "cut after {cut}, {answered} answered");
    }
}

#[test]
fn a_failed_write_or_sync_is_final() {
    use crate::io::disk::faulty::{Fault, Operation};
    let history = History::new(8, 30);
    for (operation, copy) in [(Operation::Write, 0), (Operation::Sync, 0), (Operation::Write, 1), (Operation::Sync, 1)]
    {
        for after in 0..12 {
            let disk = disk(8);
            let (first, records) = history.commits[0].clone();
            let made = Checkpoint::create_sized(&shared(&disk), &dir(), own(), first, records, SIZES);
            let mut checkpoint = made.unwrap();
            // The handles are known by the names under which the files were made.
            disk.fail(operation, [".checkpoint.tmp", ".2.tmp"][copy], after, Fault::Io);
            let rest = &history.commits[1..];
            let answered =
                rest.iter().take_while(|(at, changes)| checkpoint.append(*at, changes.clone()).is_ok()).count();
            let what = format!("{operation:?} {after} of copy {copy} fails after {answered} appends");
            assert!(answered + 1 < history.commits.len(), "{what}");
            let again = checkpoint.append(position(1), Vec::new()).unwrap_err();
            assert!(again.to_string().contains("earlier write failed"), "{what}: {again}");
            let (found, _) = loaded(&disk.crash(after), &what);
            assert!(history.states[answered..answered + 2].contains(&found), "{what}");
        }
    }
}
