//! Damage and lack: a log that can't be compacted, a file that says too little, a disk without room.

use super::{Cleaned, Run, newest};
use crate::io::disk::Disk;
use crate::io::disk::faulty::{Fault, Operation};
use crate::log::compacted::FILE_NAME;
use crate::store::fixture::Bench;

fn updated(run: &mut Run, rounds: u8) {
    for round in 0..rounds {
        for key in ["a", "b", "c", "d"] {
            run.put(&[(key, Some(&[round; 200]))]).expect("appended");
        }
    }
    run.checkpoint().expect("a checkpoint");
}

fn dir() -> std::path::PathBuf {
    Bench::dir().join("topic1-0")
}

#[test]
fn a_damaged_segment_is_named_and_the_log_left_alone() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    bench.disk.corrupt(&dir().join("00000000000000000000.log"), 300, 1).expect("there is such a byte");
    assert_eq!(run.cleaner.step(), Cleaned::Log);
    assert_eq!(run.store.counters().uncleanable_logs.get(), 1);
    assert_eq!(run.cleaner.step(), Cleaned::Nothing, "it is tried once");
    assert!(!run.store.core_for_tests().health.is_failed());
    assert!(run.put(&[("a", None)]).is_some(), "appends go on");
}

/// Every bit of the file that says what was compacted: a start names the damage or reads what was written, and nothing is
/// lost for it.
#[test]
fn a_flipped_bit_in_what_is_noted_of_compactions_loses_nothing() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    run.clean();
    let before = run.read();
    drop(run);
    let len = bench.disk.read_whole(&dir().join(FILE_NAME), 1 << 20).expect("it is there").len() as u64;
    for byte in (0..len).step_by(5) {
        let disk = bench.disk.kill();
        disk.corrupt(&dir().join(FILE_NAME), byte, 1 << (byte % 8)).expect("there is such a byte");
        let mut run = Run::start(&Bench::on(disk.clone())).expect("a start");
        assert!(!run.store.recovery().damage.is_empty(), "byte {byte} went unnoticed");
        assert_eq!(run.read(), before, "byte {byte}");
        updated(&mut run, 20);
        run.clean();
        assert_eq!(newest(&run.read()), newest(&before).into_keys().map(|key| (key, Some(19))).collect());
        drop(run);
        let run = Run::start(&Bench::on(disk.kill())).expect("a start");
        assert_eq!(run.store.recovery().damage, Vec::<String>::new(), "byte {byte}: it was noted anew");
        assert_eq!(newest(&run.read()).len(), 4);
    }
}

/// What the CRCs of batches leave out is told by the CRC of their heads.
#[test]
fn a_flipped_offset_in_a_compacted_segment_is_refused() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    run.clean();
    let log = run.log().log.segments().iter().find(|segment| segment.written_end() > 0).expect("one").base();
    let segment = crate::log::names::segment(log, crate::log::names::LOG);
    drop(run);
    for byte in 0..17 {
        let disk = bench.disk.kill();
        disk.corrupt(&dir().join(&segment), byte, 4).expect("there is such a byte");
        let run = Run::start(&Bench::on(disk));
        let Some(run) = run else { continue };
        run.store.scrub(u64::MAX);
        let named = run.store.counters().scrub_findings.get() > 0 || !run.store.recovery().damage.is_empty();
        assert!(named, "byte {byte}");
    }
}

#[test]
fn without_room_a_round_waits_and_leaves_nothing() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run, 20);
    let before = run.read();
    for writes in 0..3 {
        bench.disk.fail(Operation::Write, ".cleaned", writes, Fault::Full);
        assert_eq!(run.cleaner.step(), Cleaned::Nothing, "full at write {writes}");
        assert_eq!(super::strays(&bench), Vec::<String>::new());
        // Groups that had their turn are compacted, the others as they were.
        assert_eq!(newest(&run.read()), newest(&before));
        bench.disk.heal();
    }
    bench.disk.set_capacity(0);
    assert_eq!(run.cleaner.step(), Cleaned::Nothing);
    bench.disk.set_capacity(256 << 20);
    run.clean();
    assert!(run.read().len() < before.len() / 3);
    assert!(!run.store.core_for_tests().health.is_failed());
}

#[test]
fn a_failing_disk_ends_the_store() {
    for operation in [Operation::Write, Operation::Sync, Operation::Rename] {
        let bench = Bench::new(1);
        let mut run = Run::start(&bench).expect("a store");
        updated(&mut run, 20);
        bench.disk.fail(operation, "", 0, Fault::Io);
        run.clean();
        assert!(run.store.core_for_tests().health.is_failed(), "{operation:?}");
        assert_eq!(newest(&Run::start(&Bench::on(bench.disk.kill())).expect("a start").read()).len(), 4);
    }
}
