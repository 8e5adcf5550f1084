//! A round cut at every change of the disk, by a kill and by a loss of power, in both durabilities; and then the start cut
//! as well.

use super::{Run, newest, strays};
use crate::io::disk::FaultyDisk;
use crate::store::Durability;
use crate::store::fixture::Bench;

/// A round has more changes than this; with fewer the test does nothing.
const CHANGES_MIN: u64 = 20;
const CHANGES_MAX: u64 = 2_000;

/// The start after every so manieth cut is cut as well, after every so many of its changes.
const SECOND_EVERY: u64 = 7;
const SECOND_STEP: usize = 3;
const SECOND_MAX: u64 = 300;

fn bench(disk: FaultyDisk, durability: Durability) -> Bench {
    Bench { durability, open_threads: 1, ..Bench::on(disk) }
}

/// Keys that get tombstones.
const DELETED: [&str; 2] = ["a0", "b1"];

/// Two rounds, the second over what the first has left.
fn history(run: &mut Run) -> Option<()> {
    for round in 0..2 {
        for update in 0..6 {
            let value = [10 * round + update; 150];
            for key in ["a", "b", "c"] {
                run.put(&[(key, Some(&value)), (&format!("{key}{update}"), Some(&value))])?;
            }
        }
        run.put(&DELETED.map(|key| (key, None)))?;
        run.checkpoint()?;
        run.clean();
        if run.store.core_for_tests().health.is_failed() {
            return None;
        }
    }
    Some(())
}

fn check(what: &str, disk: FaultyDisk, durability: Durability, kept: &super::BTreeMap<String, Option<u8>>, all: bool) {
    let bench = bench(disk, durability);
    let mut run = Run::try_start(&bench).unwrap_or_else(|error| panic!("{what}: no start: {error}"));
    assert_eq!(run.store.recovery().damage, Vec::<String>::new(), "{what}");
    assert_eq!(strays(&bench), Vec::<String>::new(), "{what}");
    let found = newest(&run.read());
    if all {
        for (key, value) in kept {
            let there = found.get(key).copied().flatten();
            // What was not acknowledged may have come through: values grow, and some keys are deleted in the end.
            let is_deleted = there.is_none() && DELETED.contains(&key.as_str());
            assert!(there >= *value || is_deleted, "{what}: {key} is {there:?}, not {value:?}");
        }
    }
    run.store.scrub(u64::MAX);
    assert_eq!(run.store.counters().scrub_findings.get(), 0, "{what}");
    // It goes on from there.
    for _ in 0..12 {
        run.put(&[("a", Some(&[99; 200]))]).unwrap_or_else(|| panic!("{what}: nothing is taken"));
    }
    run.checkpoint().unwrap_or_else(|| panic!("{what}: no checkpoint"));
    run.clean();
    assert!(!run.store.core_for_tests().health.is_failed(), "{what}");
    assert_eq!(run.store.counters().uncleanable_logs.get(), 0, "{what}");
    assert_eq!(run.read().last().map(|(_, key, _)| key.clone()), Some("a".to_owned()), "{what}");
}

fn at_every_change(durability: Durability) {
    for changes in 0..CHANGES_MAX {
        let disk = FaultyDisk::new(changes, 16 << 20);
        disk.cut_power_after(changes);
        let mut run = Run::start(&bench(disk.clone(), durability));
        let whole = run.as_mut().and_then(history).is_some();
        let kept = run.as_ref().map(|run| run.acknowledged.clone()).unwrap_or_default();
        drop(run);
        for lost in [false, true] {
            let left = if lost { disk.crash(changes) } else { disk.kill() };
            let what = format!("{durability:?}, power after {changes} changes, lost {lost}");
            let all = durability == Durability::Fsync || !lost;
            if changes % SECOND_EVERY == 0 {
                again(&what, &left, durability, &kept, all);
            }
            check(&what, left.kill(), durability, &kept, all);
        }
        if whole {
            assert!(changes > CHANGES_MIN, "only {changes} changes");
            return;
        }
    }
    panic!("the history does not end");
}

fn again(what: &str, left: &FaultyDisk, durability: Durability, kept: &super::BTreeMap<String, Option<u8>>, all: bool) {
    for changes in (0..SECOND_MAX).step_by(SECOND_STEP) {
        let disk = left.kill();
        disk.cut_power_after(changes);
        let is_through = Run::start(&bench(disk.clone(), durability)).is_some();
        let all = all && durability == Durability::Fsync;
        check(&format!("{what}, again after {changes}"), disk.crash(changes), durability, kept, all);
        if is_through {
            return;
        }
    }
}

#[test]
fn a_round_cut_anywhere_with_fsync_loses_nothing() {
    at_every_change(Durability::Fsync);
}

#[test]
fn a_round_cut_anywhere_with_os_loses_nothing_to_a_kill() {
    at_every_change(Durability::Os);
}
