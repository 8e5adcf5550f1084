//! Which log, and how much of it.

use super::*;
use crate::log::compact::choose::{Candidate, ChoosePolicy, LogState, SegmentAge, candidate, filthiest};

const POLICY: ChoosePolicy = ChoosePolicy { lag_min_ms: 0, lag_max_ms: i64::MAX, dirty_ratio_min: 0.5 };

/// Segments of 10 offsets: bytes, first and largest time.
fn segments(of: &[(u64, i64, i64)]) -> Vec<SegmentAge> {
    let segment = |(number, &(bytes, first, largest)): (usize, &(u64, i64, i64))| SegmentAge {
        base: Offset(10 * number as i64),
        bytes,
        first: Timestamp(first),
        largest: Timestamp(largest),
    };
    of.iter().enumerate().map(segment).collect()
}

const FOUR: [(u64, i64, i64); 4] = [(100, 10, 20), (200, 20, 30), (400, 30, 40), (800, 40, 50)];

fn log(segments: &[SegmentAge]) -> LogState<'_> {
    LogState { start: Offset::ZERO, end: Offset(40), stable: Offset(40), cleaned: None, segments }
}

fn of(log: LogState<'_>, policy: ChoosePolicy, now: i64) -> Candidate {
    candidate(&log, &policy, Timestamp(now)).expect("a log with segments")
}

fn check(found: Candidate, first_dirty: i64, upto: i64, clean: u64, cleanable: u64) {
    let fields = (found.first_dirty.0, found.upto.0, found.clean_bytes, found.cleanable_bytes);
    assert_eq!(fields, (first_dirty, upto, clean, cleanable));
}

#[test]
fn everything_below_the_active_segment_is_cleanable_at_first() {
    let four = segments(&FOUR);
    check(of(log(&four), POLICY, 100), 0, 30, 0, 700);
    check(of(LogState { start: Offset(15), ..log(&four) }, POLICY, 100), 15, 30, 300, 600);
    check(of(log(&four[..1]), POLICY, 100), 0, 0, 0, 0);
    assert_eq!(candidate(&log(&[]), &POLICY, Timestamp(100)), None);
}

#[test]
fn what_was_cleaned_is_clean() {
    let four = segments(&FOUR);
    let cleaned = |to: i64| LogState { cleaned: Some(Offset(to)), ..log(&four) };
    check(of(cleaned(10), POLICY, 100), 10, 30, 100, 600);
    // A segment that is dirty from its middle on counts on both sides, as in Kafka: it is read for both.
    check(of(cleaned(15), POLICY, 100), 15, 30, 300, 600);
    check(of(cleaned(30), POLICY, 100), 30, 30, 700, 0);
    check(of(cleaned(35), POLICY, 100), 35, 35, 1_500, 0);
}

#[test]
fn a_mark_that_is_not_of_this_log_is_reset() {
    let four = segments(&FOUR);
    let found = |start: i64, cleaned: i64| {
        of(LogState { start: Offset(start), cleaned: Some(Offset(cleaned)), ..log(&four) }, POLICY, 100)
    };
    assert_eq!((found(10, 5).first_dirty, found(10, 5).reset), (Offset(10), true));
    assert_eq!((found(10, 41).first_dirty, found(10, 41).reset), (Offset(10), true));
    assert_eq!((found(10, 40).first_dirty, found(10, 40).reset), (Offset(40), false));
}

#[test]
fn open_transactions_and_young_segments_are_left_alone() {
    let four = segments(&FOUR);
    check(of(LogState { stable: Offset(25), ..log(&four) }, POLICY, 100), 0, 20, 0, 300);
    check(of(LogState { stable: Offset(20), ..log(&four) }, POLICY, 100), 0, 20, 0, 300);
    check(of(LogState { stable: Offset(5), ..log(&four) }, POLICY, 100), 0, 0, 0, 0);
    let lag = |lag_min_ms: i64| ChoosePolicy { lag_min_ms, ..POLICY };
    check(of(log(&four), lag(70), 100), 0, 20, 0, 300);
    check(of(log(&four), lag(60), 100), 0, 30, 0, 700);
    check(of(log(&four), lag(i64::MAX), 100), 0, 0, 0, 0);
    // A clock that stepped back makes segments younger, never older.
    check(of(log(&four), lag(1), 0), 0, 0, 0, 0);
    check(of(log(&four), lag(0), i64::MIN), 0, 30, 0, 700);
}

#[test]
fn the_dirty_ratio_says_when() {
    let four = segments(&FOUR);
    let at = |cleaned: i64| of(LogState { cleaned: Some(Offset(cleaned)), ..log(&four) }, POLICY, 100);
    let due = |cleaned: i64, dirty_ratio_min: f64| at(cleaned).is_due(&ChoosePolicy { dirty_ratio_min, ..POLICY });
    assert!(due(0, 0.99) && !due(0, 1.0), "a ratio of 1 is not above 1");
    assert_eq!(at(10).dirty_ratio(), 600.0 / 700.0);
    assert!(due(10, 0.5) && !due(10, 0.9) && !due(30, 0.0));
}

#[test]
fn overdue_data_is_cleaned_whatever_the_ratio() {
    let four = segments(&FOUR);
    let policy = |lag_max_ms: i64| ChoosePolicy { lag_max_ms, dirty_ratio_min: 1.0, ..POLICY };
    let found = |cleaned: i64, lag: i64, now: i64| {
        let found = of(LogState { cleaned: Some(Offset(cleaned)), ..log(&four) }, policy(lag), now);
        (found.overdue_ms, found.is_due(&policy(lag)))
    };
    assert_eq!(found(10, 50, 100), (30, true));
    assert_eq!(found(10, 80, 100), (0, false));
    assert_eq!(found(30, 1, 100), (0, false), "the active segment is not looked at");
    assert_eq!(found(0, i64::MAX, i64::MAX), (0, false));
    // No time at all is no reason.
    let timeless = segments(&[(1, -1, 0), (1, 0, 0), (1, 40, 50)]);
    assert_eq!(of(log(&timeless), policy(1), 100).overdue_ms, 0);
    // Overdue, but undecided: nothing to be done.
    let undecided = of(LogState { stable: Offset(5), ..log(&four) }, policy(1), 100);
    assert_eq!((undecided.overdue_ms, undecided.is_due(&policy(1))), (89, false));
}

#[test]
fn the_filthiest_that_is_due_comes_first() {
    let of = |clean_bytes: u64, cleanable_bytes: u64, overdue_ms: i64| {
        let (first_dirty, upto, reset) = (Offset(1), Offset(2), false);
        Candidate { first_dirty, upto, clean_bytes, cleanable_bytes, overdue_ms, reset }
    };
    let first = |logs: &[Candidate]| filthiest(logs.iter().map(|log| (log, *log, POLICY))).map(|found| found.1);
    assert_eq!(first(&[]), None);
    assert_eq!(first(&[of(10, 10, 0), of(0, 0, 5), of(10, 0, 5)]), None);
    assert_eq!(first(&[of(10, 11, 0), of(10, 20, 0), of(1, 2, 0)]), Some(of(10, 20, 0)));
    assert_eq!(first(&[of(10, 1, 7), of(10, 9, 0)]), Some(of(10, 1, 7)));
}
