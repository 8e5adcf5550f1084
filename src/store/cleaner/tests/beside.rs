//! What readers and the next start see of a compaction.

use super::{Run, newest, settings, strays};
use crate::base::Offset;
use crate::log::{LogSettings, Wanted};
use crate::store::fixture::{Bench, EPOCH, WALL, id, read_range};
use std::sync::Arc;
use std::time::Duration;

/// A hundred updates of ten keys, of which the last segment is not compacted.
fn updated(run: &mut Run) {
    for round in 0..20 {
        let value = [round; 100];
        for key in ["a", "b", "c", "d", "e"] {
            run.put(&[(key, Some(&value)), (&format!("{key}{key}"), Some(&value))]).expect("appended");
        }
    }
    run.checkpoint().expect("a checkpoint");
}

#[test]
fn the_newest_of_each_key_is_left_and_offsets_stay() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    let (before, bytes) = (run.read(), run.log().size_bytes());
    assert_eq!(run.clean(), 1);
    let after = run.read();
    assert!(after.len() * 3 < before.len(), "{} of {}", after.len(), before.len());
    assert!(run.log().size_bytes() * 3 < bytes);
    assert_eq!(newest(&after), newest(&before));
    assert!(after.iter().all(|record| before.contains(record)), "a record moved");
    assert_eq!(strays(&bench), Vec::<String>::new());
    // At rest: nothing is due.
    assert_eq!(run.clean(), 0);
    drop(run);
    for disk in [bench.disk.kill(), bench.disk.crash(3)] {
        let again = Bench::on(disk);
        let run = Run::start(&again).expect("a start");
        assert_eq!(run.store.recovery().damage, Vec::<String>::new());
        assert_eq!(run.read(), after);
        run.store.scrub(u64::MAX);
        assert_eq!(run.store.counters().scrub_findings.get(), 0);
    }
}

#[test]
fn tombstones_stay_for_their_time_and_then_go() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    run.put(&[("a", None)]).expect("appended");
    for _ in 0..30 {
        run.put(&[("z", Some(&[1; 100]))]).expect("appended");
    }
    run.checkpoint().expect("a checkpoint");
    run.clean();
    let has = |run: &Run, value: &dyn Fn(&Option<u8>) -> bool| {
        run.read().iter().any(|(_, key, found)| key == "a" && value(found))
    };
    assert!(has(&run, &|value| value.is_none()) && !has(&run, &|value| value.is_some()));
    bench.clock.advance(Duration::from_secs(2));
    for _ in 0..30 {
        run.put(&[("z", Some(&[2; 100]))]).expect("appended");
    }
    run.checkpoint().expect("a checkpoint");
    run.clean();
    assert!(!has(&run, &|_| true), "the tombstone is still there");
}

/// A consumer that was given ranges of files reads them after these have gone, and goes on in what took their place.
#[test]
fn who_reads_a_segment_that_is_replaced_reads_on() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    run.log().forget_tail_for_tests();
    let log = run.log();
    let durable = log.watermarks().durable;
    let wanted = Wanted::new(Offset::ZERO, durable, 1 << 20, true);
    let held = log.plan(wanted).expect("a plan");
    let bytes = |plan: &crate::store::Plan| -> Vec<u8> {
        plan.ranges.iter().flat_map(|range| read_range(&*range.segment, range.position, range.length)).collect()
    };
    let before = bytes(&held);
    assert_eq!(run.clean(), 1);
    // More files than the cache keeps are opened meanwhile.
    for topic in 2..40 {
        let other = run.store.log(id(topic, 0), &format!("topic{topic}"), Arc::new(settings()), EPOCH);
        drop(other);
    }
    assert_eq!(bytes(&held), before, "other bytes under a reader");
    let after = log.plan(wanted).expect("a plan");
    assert!(bytes(&after).len() * 3 < before.len());
}

/// The tail is ahead of what segments hold, and between is a gap: whoever stands in it is given what follows.
#[test]
fn a_reader_in_a_gap_up_to_the_tail_goes_on() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    run.clean();
    let log = run.log();
    let marks = log.watermarks();
    for from in 0..marks.durable.0 {
        let wanted = Wanted::new(Offset(from), marks.durable, 1, true);
        let plan = log.plan(wanted).expect("a plan");
        assert!(plan.next.0 > from, "stuck at {from}");
    }
}

#[test]
fn a_log_that_is_not_compacted_by_its_policy_is_left_as_it_is() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    let deleting = crate::log::LogSettings { cleanup_compact: false, ..settings() };
    run.log().set_settings(Arc::new(deleting));
    assert_eq!(run.cleaner.step(), super::Cleaned::Nothing);
}

/// A map with room for a few keys takes the dirty part in several rounds; what is left is the same.
#[test]
fn a_small_map_comes_to_the_same_end() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    updated(&mut run);
    let small = super::super::CleanerConfig { dedupe_buffer_bytes: 24 * 5, ..Default::default() };
    run.store.core_for_tests().cleaning.set(small);
    let before = newest(&run.read());
    let rounds = run.clean();
    assert!(rounds > 3, "{rounds} rounds");
    assert_eq!(newest(&run.read()), before);
}

/// A topic with both policies: what compaction left empty holds up nothing that is old.
#[test]
fn segments_without_a_batch_do_not_end_retention() {
    let bench = Bench::new(1);
    let mut run = Run::start(&bench).expect("a store");
    // Two hundred values of a key fill segments of which nothing is left.
    for _ in 0..200 {
        run.put(&[("a", Some(&[1; 100]))]).expect("appended");
    }
    run.checkpoint().expect("a checkpoint");
    run.clean();
    let log = run.log();
    assert_eq!(log.log.segments()[0].written_end(), 0, "the oldest is empty");
    let both = LogSettings { cleanup_delete: true, retention_ms: Some(1_000), ..settings() };
    log.set_settings(Arc::new(both));
    assert!(log.apply_retention(crate::base::Timestamp(WALL.0 + 1_001)).expect("it lives"), "all of it is old");
    let marks = log.watermarks();
    run.commit().expect("a commit");
    assert_eq!(log.watermarks().log_start, marks.end);
}
