//! What a round holds while it lasts, and what it heeds.

use super::{Cleaned, Run, settings};
use crate::log::{LogSettings, Segment};
use crate::store::cleaner::CleanerConfig;
use crate::store::fixture::{Bench, EPOCH, id};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Longest wait for another thread.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log of about 900 KB in segments that stay apart, and a cleaner that reads and writes a MiB and then rests for long.
fn slow(bench: &Bench) -> Run {
    let mut run = Run::start(bench).expect("a store");
    let large = LogSettings { segment_bytes: 40 << 10, ..settings() };
    run.store.log(id(1, 0), "topic1", Arc::new(large.clone()), EPOCH);
    for update in 0..220u8 {
        let key = format!("k{}", update / 2);
        run.store.log(id(1, 0), "topic1", Arc::new(large.clone()), EPOCH).set_settings(Arc::new(large.clone()));
        let log = run.store.logs().into_iter().next().expect("one");
        let value = [update; 4_000];
        let batch = crate::record::BatchBuilder::new()
            .push(crate::store::fixture::WALL, Some(key.as_bytes()), Some(&value))
            .push(crate::store::fixture::WALL, Some(format!("once{update}").as_bytes()), Some(&[1; 100]))
            .build();
        let mut room = run.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        let checked = crate::record::check_produced(&batch).expect("good");
        log.append(batch, &checked, &mut room).expect("appended");
        run.commit().expect("committed");
    }
    run.checkpoint().expect("a checkpoint");
    run
}

/// Whether it becomes so within about that time.
fn within(limit: Duration, is_so: impl Fn() -> bool) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 0..limit.as_millis() / PAUSE.as_millis() {
        if is_so() {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    is_so()
}

fn paced(bytes_per_second: f64) -> CleanerConfig {
    CleanerConfig { bytes_per_second, ..CleanerConfig::default() }
}

/// Room on the disk is asked for group by group: the old files of a group that had its turn must not stay open, and take
/// room, until the round ends.
#[test]
fn a_segment_that_was_replaced_is_let_go_before_the_round_ends() {
    let bench = Bench::new(1);
    let run = slow(&bench);
    let log = run.store.logs().into_iter().next().expect("one");
    log.forget_tail_for_tests();
    let core = run.store.core_for_tests().clone();
    core.cleaning.set(paced(1024.0));
    let old: Weak<Segment> = Arc::downgrade(&log.log.segments()[0]);
    let Run { store, hands, mut cleaner, .. } = run;
    std::thread::scope(|scope| {
        let round = scope.spawn(move || cleaner.step());
        let is_replaced = within(PATIENCE, || {
            let segments = log.log.segments();
            old.upgrade().is_none_or(|old| !Arc::ptr_eq(&old, &segments[0]))
        });
        within(Duration::from_secs(2), || old.strong_count() == 0);
        let (held, is_over) = (old.strong_count(), round.is_finished());
        core.health.stop();
        core.cleaning.wake();
        round.join().expect("no panic");
        assert!(is_replaced, "no segment was replaced");
        assert!(!is_over, "the round was over before anybody looked");
        assert_eq!(held, 0, "somebody still holds the old segment, and with it its files");
    });
    drop((store, hands));
}

/// As in Kafka, what an operator says of the pace counts at once, and not when a round of days has ended.
#[test]
fn a_pace_that_is_set_during_a_round_counts_at_once() {
    let bench = Bench::new(1);
    let run = slow(&bench);
    let core = run.store.core_for_tests().clone();
    core.cleaning.set(paced(1024.0));
    let Run { store, hands, mut cleaner, .. } = run;
    std::thread::scope(|scope| {
        let round = scope.spawn(move || cleaner.step());
        std::thread::sleep(Duration::from_millis(500));
        assert!(!round.is_finished(), "the round did not rest");
        core.cleaning.set(paced(f64::MAX));
        let is_over = within(Duration::from_secs(5), || round.is_finished());
        core.health.stop();
        core.cleaning.wake();
        let outcome = round.join().expect("no panic");
        assert!(is_over, "it goes on at the old pace");
        assert_eq!(outcome, Cleaned::Log);
    });
    assert_eq!(store.counters().cleaner_rounds.get(), 1);
    drop(hands);
}

/// `log.cleaner.io.max.bytes.per.second` is for all threads together.
#[test]
fn threads_share_the_pace() {
    let config = CleanerConfig { threads: 4, bytes_per_second: 1000.0, ..CleanerConfig::default() };
    assert_eq!(config.thread_bytes_per_second(), 250.0);
    let config = CleanerConfig { threads: 0, ..config };
    assert_eq!(config.thread_bytes_per_second(), 1000.0);
}
